# SPDX-License-Identifier: Apache-2.0
"""Callers whom nobody knows send as many bodies as would fill what the server holds of requests under
way: none of it is held, and whoever has a token is served beside them.

usage: unknown_callers_test.py SLUICE_CONTROLPLANE SOURCE_ROOT
"""
import base64
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import h2_raw

CONTROLPLANE = sys.argv[1]
CALLERS = 70  # more than DISPATCH_BODY_BYTES_MAX of 64 MiB
BODY_BYTES = 1_000_000  # below the 1 MiB of one message
RSS_GROWTH_MAX = 24 << 20
SECRET = bytes(range(32))
WEB = 'application/grpc-web+proto'
LIST_ROOMS = '/sluice.v1.RoomService/ListRooms'
HEALTH = '/grpc.health.v1.Health/Check'


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def token(**claims):
    claims = {'aud': 'sluice', 'exp': int(time.time()) + 600, 'sub': 'tester', 'room': '*'} | claims
    text = '.'.join(url64(json.dumps(part).encode())
                    for part in ({'alg': 'HS256', 'kid': 'k'}, claims))
    return text + '.' + url64(hmac.new(SECRET, text.encode(), hashlib.sha256).digest())


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class UnknownCallers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix='sluice-unknown-')
        keys = pathlib.Path(cls.directory.name) / 'keys'
        keys.touch(mode=0o600)
        keys.write_text(f'k HS256 {url64(SECRET)}\n', encoding='ascii')
        cls.plain = ('127.0.0.1', free_port())
        # pylint: disable=consider-using-with
        cls.process = subprocess.Popen(
            [CONTROLPLANE, '--listen=127.0.0.1:0', f'--listen-plain=127.0.0.1:{cls.plain[1]}',
             '--auth=tokens', f'--token-keys={keys}', f'--state-directory={cls.directory.name}/state',
             '--log-level=error',
             f'--dataplane-socket={cls.directory.name}/none', '--media-address=127.0.0.1'],
            stdout=subprocess.PIPE, text=True)
        assert cls.process.stdout.readline().startswith('ready ')

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.stdout.close()
        status = cls.process.wait(30)
        cls.directory.cleanup()
        assert status == 0, f'the server ended with {status}'

    def resident(self):
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text('ascii')
        return int(re.search(r'VmRSS:\s*(\d+) kB', status)[1]) << 10

    def ask(self, path, body, bearer):
        connection = http.client.HTTPConnection(*self.plain, timeout=20)
        self.addCleanup(connection.close)
        connection.request('POST', path, body, {'content-type': WEB,
                                                'authorization': f'Bearer {bearer}'})
        return connection.getresponse().read().replace(b' ', b'')

    def served(self):
        self.assertIn(b'grpc-status:0', self.ask(LIST_ROOMS, b'\0' * 5, token(observe=True)))

    def hold(self, method, path, content_type):
        """A request whose body is never complete."""
        s = socket.create_connection(self.plain, timeout=30)
        prefix = b'\0' + (BODY_BYTES + 4096).to_bytes(4, 'big')
        try:
            s.sendall(f'{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\n'
                        f'content-length: {BODY_BYTES + 4101}\r\n\r\n'.encode() + prefix +
                        b'\0' * BODY_BYTES)
        except OSError:  # cut: fine as well
            pass
        return s

    def test_bodies_are_not_held(self):
        before = self.resident()
        for method, path, content_type in (('POST', LIST_ROOMS, WEB),
                                           ('POST', '/whip/room', 'application/sdp'),
                                           ('GET', '/metrics', 'text/plain'),
                                           ('POST', HEALTH, WEB)):
            with self.subTest(path):
                held = [self.hold(method, path, content_type) for _ in range(CALLERS)]
                self.assertLess(self.resident() - before, RSS_GROWTH_MAX)
                self.served()
                for connection in held:
                    connection.close()

    def test_refused_at_the_head(self):
        """Over HTTP/2 the answer is there before any of the body."""
        connection = h2_raw.Connection(self.plain)
        self.addCleanup(connection.close)
        for stream, path, content_type in ((1, LIST_ROOMS, 'application/grpc'),
                                           (3, '/whip/room', 'application/sdp'),
                                           (5, '/metrics', 'text/plain')):
            with self.subTest(path):
                connection.send(h2_raw.frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream,
                                             h2_raw.request(path, content_type)))
                seen = connection.until(lambda kind, flags, of, stream=stream: of == stream and
                                        kind in (h2_raw.HEADERS, h2_raw.RST_STREAM))
                self.assertEqual(seen[-1][0], h2_raw.HEADERS)

    def test_somebody_known_may_send_much(self):
        """As much as one message may have, in a field that no message knows."""
        size = 600_000
        message = b'\xfa\x07' + b'\xc0\xcf\x24' + b'p' * size  # field 127, of 600000 bytes
        said = self.ask(LIST_ROOMS, b'\0' + len(message).to_bytes(4, 'big') + message,
                        token(observe=True))
        self.assertIn(b'grpc-status:0', said)


if __name__ == '__main__':
    unittest.main(argv=['unknown_callers_test.py', *sys.argv[3:]], verbosity=1)
