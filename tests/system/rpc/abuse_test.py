# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, against the real control plane: each is cut or bounded, while a call on a
connection of its own is answered within 100 ms all the time.

usage: abuse_test.py SLUICE_CONTROLPLANE SOURCE_ROOT
"""
import multiprocessing
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import h2_raw
from h2_raw import Connection, frame, request

CONTROLPLANE = sys.argv[1]
LIST_ROOMS = '/sluice.v1.RoomService/ListRooms'
WATCH_EVENTS = '/sluice.v1.RoomService/WatchEvents'
WATCHES_MAX = 1024  # as controlplane/session/watch.h
ANSWER_S = 0.1
CALLS_MIN = 20
HEAD_S = 10  # H1_HEAD_S and CONN_HANDSHAKE_S
CONNECTIONS_MAX = 512
RSS_GROWTH_MAX = 48 << 20


class Server:
    def __init__(self, directory, *flags):
        self.unix = os.path.join(directory, 'api.sock')
        self.process = subprocess.Popen(
            [CONTROLPLANE, '--listen=127.0.0.1:0', f'--unix-socket={self.unix}',
             f'--state-directory={directory}/state', f'--max-connections={CONNECTIONS_MAX}',
             f'--dataplane-socket={directory}/none', '--media-address=127.0.0.1',
             '--log-level=error', '--auth=development', *flags], stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        self.port = int(re.match(r'ready url=https://127\.0\.0\.1:(\d+)/', ready)[1])

    def files(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def resident(self):
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text('ascii')
        return int(re.search(r'VmRSS:\s*(\d+) kB', status)[1]) << 10

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(30)


class Beside:
    """A well-behaved client: one call after another on one connection, each timed. In a process of
    its own, so that what the attack costs the attacker is not counted."""

    def __init__(self, path):
        fork = multiprocessing.get_context('fork')
        self.path, self.seconds, self.failure = path, [], None
        self.over, self.count = fork.Event(), fork.Value('i', 0)
        self.results, sender = fork.Pipe(False)
        self.process = fork.Process(target=self.run, args=(sender,))

    def run(self, sender):
        seconds, failure = [], None
        try:
            connection = self.connect()
            for stream in range(1, 1 << 30, 2):
                seconds.append(self.call(connection, stream))
                self.count.value += 1
                if self.over.wait(0.01) and len(seconds) >= CALLS_MIN:
                    break
        except (OSError, EOFError) as error:
            failure = repr(error)
        sender.send((seconds, failure))

    def connect(self):
        end = time.monotonic() + 10
        while True:
            try:
                return Connection(self.path)
            except BlockingIOError:  # a Unix socket's backlog is full: clients try again
                if time.monotonic() > end:
                    raise

    def call(self, connection, stream):
        start = time.monotonic()
        connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream, request(LIST_ROOMS)) +
                        frame(h2_raw.DATA, h2_raw.END_STREAM, stream, b'\0' * 5))
        connection.until(lambda kind, flags, of: of == stream and flags & h2_raw.END_STREAM)
        return time.monotonic() - start

    def __enter__(self):
        self.process.start()
        end = time.monotonic() + 10
        while self.count.value == 0 and self.process.is_alive():  # it is beside from the start
            assert time.monotonic() < end
            self.process.join(0.001)
        return self

    def __exit__(self, *_):
        self.over.set()
        self.seconds, self.failure = self.results.recv()
        self.process.join()


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix='sluice-abuse-')
        cls.server = Server(cls.directory.name)
        connection = Connection(cls.server.unix)
        connection.ping()
        connection.close()
        cls.files = cls.server.files()
        cls.resident = cls.server.resident()

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.directory.cleanup()
        assert status == 0, f'the server ended with {status}'

    def setUp(self):
        self.beside = Beside(self.server.unix)
        self.beside.__enter__()

    def tearDown(self):
        self.beside.__exit__()
        self.assertIsNone(self.beside.failure)
        # What else runs on the machine may hold up one call in ten.
        late = sorted(self.beside.seconds)[int(len(self.beside.seconds) * 0.9)]
        self.assertLess(late, ANSWER_S, 'the call beside waited')
        self.assertLess(self.server.resident() - self.resident, RSS_GROWTH_MAX)

    def connect(self):
        connection = Connection(self.server.unix)
        self.addCleanup(connection.close)
        return connection

    def plain(self, data=b''):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.connect(self.server.unix)  # waits where the backlog is full
        s.settimeout(30)
        s.sendall(data)
        return s

    def flood(self, connection, piece, limit_bytes):
        """Sends until the server has had enough; fails if it never has."""
        sent = 0
        try:
            while sent < limit_bytes:
                connection.send(piece)
                sent += len(piece)
        except OSError:  # reset, or nobody reads any more
            return
        self.fail(f'{limit_bytes} bytes taken')

    def test_rapid_reset(self):
        connection = self.connect()
        head, cancel = request(LIST_ROOMS), b'\0\0\0\x08'
        with self.assertRaises(OSError):
            for first in range(1, 2_000_000, 200):
                connection.send(b''.join(
                    frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream, head) +
                    frame(h2_raw.RST_STREAM, 0, stream, cancel)
                    for stream in range(first, first + 200, 2)))

    def test_continuation_flood(self):
        connection = self.connect()
        connection.send(frame(h2_raw.HEADERS, 0, 1, request(LIST_ROOMS)))
        self.flood(connection, frame(h2_raw.CONTINUATION, 0, 1, b'') * 1000, 16 << 20)

    def test_settings_flood(self):
        self.flood(self.connect(), frame(h2_raw.SETTINGS, 0, 0) * 1000, 16 << 20)

    def test_ping_flood(self):
        self.flood(self.connect(), frame(h2_raw.PING, 0, 0, b'sluice..') * 1000, 16 << 20)

    def test_huge_fields(self):
        connection = self.connect()
        block = b''.join(h2_raw.fields([(f'x-{i}', 'v' * 120)]) for i in range(120))
        connection.send(frame(h2_raw.HEADERS, 0, 1, request(LIST_ROOMS)))
        self.flood(connection, frame(h2_raw.CONTINUATION, 0, 1, block), 16 << 20)

    def test_window_zero(self):
        """A hundred answers that may not go out: they wait, and what they wait with is bounded."""
        for _ in range(20):
            connection = self.connect()
            connection.send(frame(h2_raw.SETTINGS, 0, 0, struct.pack('>HI', 4, 0)))
            for stream in range(1, 201, 2):
                connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream,
                                      request(LIST_ROOMS)) +
                                frame(h2_raw.DATA, h2_raw.END_STREAM, stream, b'\0' * 5))
            connection.ping()

    def watch(self, connection, stream):
        """Opens a stream of events; True if events come, False if it is refused."""
        connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream, request(WATCH_EVENTS)) +
                        frame(h2_raw.DATA, h2_raw.END_STREAM, stream, b'\0' * 5))
        seen = connection.until(lambda kind, flags, of: of == stream and (
            kind == h2_raw.DATA or flags & h2_raw.END_STREAM))
        return seen[-1][0] == h2_raw.DATA

    def test_streams_of_events_are_bounded(self):
        per_connection, watched, refused = 100, 0, None
        while refused is None:
            connection = self.connect()
            for stream in range(1, 2 * per_connection, 2):
                if not self.watch(connection, stream):
                    refused = stream
                    break
                watched += 1
            self.assertLessEqual(watched, WATCHES_MAX)
        self.assertEqual(watched, WATCHES_MAX)
        # Whoever is in stays in, and what one gives back the next may have.
        connection.send(frame(h2_raw.RST_STREAM, 0, 1, b'\0\0\0\x08'))
        self.assertTrue(self.watch(connection, refused + 2))
        self.assertFalse(self.watch(connection, refused + 4))

    def test_thousand_idle_connections(self):
        for _ in range(1000):
            self.plain()
        with Beside(self.server.unix) as newcomer:  # takes the place of an idle one
            end = time.monotonic() + 10
            while newcomer.count.value < 3 and newcomer.process.is_alive():
                self.assertLess(time.monotonic(), end)
                newcomer.process.join(0.01)
        self.assertIsNone(newcomer.failure)
        self.assertLessEqual(self.server.files(), self.files + CONNECTIONS_MAX + 16)

    def test_slow_handshakes_and_heads(self):
        """TLS byte by byte, HTTP/1.1 heads and bodies byte by byte: over in their time."""
        tls = [socket.create_connection(('127.0.0.1', self.server.port)) for _ in range(100)]
        heads = [self.plain(b'GET / HTTP/1.1\r\nhost: x\r\n') for _ in range(50)]
        start = time.monotonic()
        for s in tls:
            s.settimeout(30)
            self.addCleanup(s.close)
            s.sendall(b'\x16')
        waiting = tls + heads
        while waiting and time.monotonic() < start + HEAD_S + 8:  # with the time it lingers
            time.sleep(0.5)  # the pace of the attack, not a wait
            for s in list(waiting):
                try:
                    s.sendall(b'\x03' if s in tls else b'x')
                except OSError:
                    waiting.remove(s)
        self.assertEqual(len(waiting), 0, 'still open')
        self.assertGreater(time.monotonic() - start, HEAD_S - 1)
        self.assertTrue(heads[0].recv(100).startswith(b'HTTP/1.1 408 '))

    def until_cut(self, s, piece, limit_bytes):
        sent = 0
        try:
            while sent < limit_bytes:
                s.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        self.assertLess(sent, limit_bytes, 'never cut')
        try:
            return s.recv(65536)
        except ConnectionResetError:
            return b''

    def test_huge_heads_over_http1(self):
        for piece in (b'x' * 1000, b'x: y\r\n' * 200):
            got = self.until_cut(self.plain(b'GET / HTTP/1.1\r\nhost: x\r\nx: '), piece, 16 << 20)
            self.assertRegex(got, rb'^(HTTP/1.1 4|$)')

    def test_bodies_that_never_end(self):
        chunk = b'4000\r\n' + b'x' * 0x4000 + b'\r\n'
        web = b'content-type: application/grpc-web+proto\r\n'
        message = b'4000\r\n\0\0\xf0\0\0' + b'x' * (0x4000 - 5) + b'\r\n'
        for head, first in ((b'GET / ', b''), (b'POST /nope ', b''),
                            (b'POST ' + LIST_ROOMS.encode() + b' ', message),
                            (b'POST ' + LIST_ROOMS.encode() + b' ', b'')):
            s = self.plain(head + b'HTTP/1.1\r\nhost: x\r\n' + web +
                           b'transfer-encoding: chunked\r\n\r\n' + first)
            self.assertRegex(self.until_cut(s, chunk, 16 << 20), rb'^(HTTP/1.1 [245]|$)')

    def test_contradictions(self):
        for fields in (b'content-length: 4\r\ntransfer-encoding: chunked',
                       b'content-length: 4\r\ncontent-length: 5', b'content-length : 4'):
            s = self.plain(b'POST / HTTP/1.1\r\nhost: x\r\n' + fields + b'\r\n\r\n0\r\n\r\n')
            self.assertRegex(b''.join(iter(lambda s=s: s.recv(65536), b'')), rb'^HTTP/1.1 400 ')

    def test_pages_of_other_origins(self):
        """In development too, which wants no token, nobody's page may call but our own."""
        for origin, status in ((b'http://x', b'200'), (b'https://evil.example', b'403'),
                               (b'null', b'403')):
            s = self.plain(b'POST ' + LIST_ROOMS.encode() + b' HTTP/1.1\r\nhost: x\r\norigin: ' +
                           origin + b'\r\ncontent-type: application/grpc-web+proto\r\n'
                           b'connection: close\r\ncontent-length: 5\r\n\r\n' + b'\0' * 5)
            answer = b''.join(iter(lambda s=s: s.recv(65536), b''))
            self.assertTrue(answer.startswith(b'HTTP/1.1 ' + status), answer)

    def test_tls_garbage(self):
        for data in (b'GET / HTTP/1.1\r\n\r\n', b'\0' * 1000, os.urandom(1000)):
            with socket.create_connection(('127.0.0.1', self.server.port)) as s:
                s.settimeout(30)
                s.sendall(data)
                try:
                    while s.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(('127.0.0.1', self.server.port)) as s:
            with context.wrap_socket(s) as tls:
                tls.sendall(b'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
                self.assertRegex(tls.recv(65536), rb'^HTTP/1.1 404 ')


class ReceiveLimit(unittest.TestCase):
    """As configured: the largest message is taken, one byte more is not."""

    def test_max_request_bytes(self):
        for limit in (65536, 2 << 20):
            with self.subTest(limit), tempfile.TemporaryDirectory(prefix='sluice-limit-') as directory:
                server = Server(directory, f'--max-request-bytes={limit}')
                try:
                    self.assertEqual([self.status(server, limit), self.status(server, limit + 1)],
                                     [b'0', b'8'])
                finally:
                    self.assertEqual(server.stop(), 0)

    def status(self, server, size):
        """grpc-status of a message of that size, most of it a field that no message knows."""
        filling = size - 2 - 4
        message = (b'\xfa\x07' + bytes([0x80 | filling & 0x7f, 0x80 | filling >> 7 & 0x7f,
                                        0x80 | filling >> 14 & 0x7f, filling >> 21]) + bytes(filling))
        self.assertEqual(len(message), size)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(server.unix)
            s.sendall(b'POST ' + LIST_ROOMS.encode() + b' HTTP/1.1\r\nhost: x\r\n'
                      b'content-type: application/grpc-web+proto\r\nconnection: close\r\n'
                      b'content-length: %d\r\n\r\n' % (size + 5) +
                      b'\0' + size.to_bytes(4, 'big') + message)
            answer = b''.join(iter(lambda: s.recv(65536), b''))
        return re.search(rb'grpc-status: ?(\d+)', answer, re.I)[1]


if __name__ == '__main__':
    unittest.main(argv=['abuse_test.py', *sys.argv[3:]], verbosity=1)
