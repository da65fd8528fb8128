# SPDX-License-Identifier: Apache-2.0
"""What is not gRPC over HTTP/2 on the API's port, as curl sees it: gRPC-Web, routes, the page.

usage: http_test.py RPC_SERVER SOURCE_ROOT
"""
import base64
import re
import socket
import struct
import subprocess
import sys
import unittest

from server_fixture import WithServer
from sluice.v1 import room_pb2


class WithCurl(WithServer):
    origin = 'https://app.example.org'
    version = '--http2'

    def curl(self, path, *options, body=None):
        """(status, fields, body)"""
        done = subprocess.run(['curl', '-ksS', '-i', self.version, '--path-as-is', '--max-time', '10',
                               '-H', 'expect:',
                               *options, self.server.url + path], input=body, check=True,
                              capture_output=True)
        head, _, rest = done.stdout.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        return int(lines[0].split()[1]), {
            name.lower(): value for name, value in (l.split(': ', 1) for l in lines[1:])}, rest


class Web(WithCurl):
    def call(self, method, message, text=False, *options):
        body = message.SerializeToString()
        body = b'\0' + struct.pack('>I', len(body)) + body
        kind = 'application/grpc-web-text' if text else 'application/grpc-web+proto'
        status, fields, answer = self.curl(
            f'/sluice.v1.RoomService/{method}', '-X', 'POST', '--data-binary', '@-', '-H',
            f'content-type: {kind}', *options, body=base64.b64encode(body) if text else body)
        self.assertEqual(status, 200)
        self.assertEqual(fields['content-type'],
                         'application/grpc-web-text+proto' if text else kind)
        if text:  # padded pieces, one after the other
            answer = b''.join(base64.b64decode(p) for p in
                              re.findall(rb'[A-Za-z0-9+/]+={0,2}', answer))
        return fields, self.frames(answer)

    def frames(self, data):
        frames = []
        while data:
            flags, size = struct.unpack('>BI', data[:5])
            frames.append((flags, data[5:5 + size]))
            self.assertEqual(len(frames[-1][1]), size)
            data = data[5 + size:]
        return frames

    def test_unary(self):
        for text in (False, True):
            _, frames = self.call('CreateRoom', room_pb2.CreateRoomRequest(room_id='w'), text)
            self.assertEqual([f[0] for f in frames], [0, 0x80])
            self.assertEqual(room_pb2.Room.FromString(frames[0][1]).name, 'w')
            self.assertEqual(frames[1][1], b'grpc-status: 0\r\n')

    def test_stream(self):
        for text in (False, True):
            _, frames = self.call('WatchEvents', room_pb2.WatchEventsRequest(parent='count/500'),
                                  text)
            self.assertEqual([room_pb2.Event.FromString(f[1]).sequence for f in frames[:-1]],
                             list(range(1, 501)))
            self.assertEqual(frames[-1], (0x80, b'grpc-status: 0\r\n'))

    def test_error(self):
        fields, frames = self.call('CreateRoom', room_pb2.CreateRoomRequest(room_id='fail'))
        self.assertEqual((fields['grpc-status'], frames), ('6', []))
        self.assertEqual(fields['grpc-message'],
                         'room "fail" 100%25 r%C3%A9serv%C3%A9%0A')

    def test_bad_base64(self):
        status, fields, _ = self.curl('/sluice.v1.RoomService/CreateRoom', '-X', 'POST', '-H',
                                      'content-type: application/grpc-web-text', '-d', '*===')
        self.assertEqual((status, fields['grpc-status']), (200, '13'))

    def test_origins(self):
        for origin in (self.server.url, self.origin):
            fields, _ = self.call('CreateRoom', room_pb2.CreateRoomRequest(room_id='w'), False,
                                  '-H', f'origin: {origin}')
            self.assertEqual(fields['access-control-allow-origin'], origin)
            self.assertEqual(fields['access-control-expose-headers'],
                             'grpc-status, grpc-message, grpc-status-details-bin')
            status, fields, _ = self.curl(
                '/sluice.v1.RoomService/CreateRoom', '-X', 'OPTIONS', '-H', f'origin: {origin}',
                '-H', 'access-control-request-method: POST', '-H',
                'access-control-request-headers: content-type,x-grpc-web')
            self.assertEqual((status, fields['access-control-allow-origin']), (204, origin))
            self.assertEqual(fields['access-control-allow-headers'], 'content-type,x-grpc-web')
        for origin in ('https://evil.example', 'null', self.server.url + '1', 'https://127.0.0.1'):
            for method in ('POST', 'OPTIONS', 'GET'):
                status, fields, _ = self.curl('/', '-X', method, '-H', f'origin: {origin}')
                self.assertEqual(status, 403)
                self.assertNotIn('access-control-allow-origin', fields)

    def test_wrong_content_type(self):
        for kind in ('application/json', 'application/grpc+json', 'application/grpcx', 'text/plain'):
            status, _, _ = self.curl('/sluice.v1.RoomService/CreateRoom', '-X', 'POST', '-H',
                                     f'content-type: {kind}', '-d', 'x')
            self.assertEqual(status, 415, kind)

    def test_page(self):
        status, fields, body = self.curl('/')
        self.assertEqual((status, body), (200, b'<!doctype html>hello'))
        self.assertEqual(fields['content-type'], 'text/html; charset=utf-8')
        self.assertIn("default-src 'none'", fields['content-security-policy'])
        self.assertEqual(self.curl('/', '-H', f'if-none-match: {fields["etag"]}')[0], 304)
        self.assertEqual(self.curl('/assets/app.js?v=1')[1]['content-type'],
                         'text/javascript; charset=utf-8')

    def test_nothing_but_the_page(self):
        for path in ('/../state/api-tls.pem', '/%2e%2e/state/api-tls.pem', '/passwd', '/.hidden',
                     '/assets', '/assets/', '//etc/passwd', '/index.html/', '/nope'):
            self.assertEqual(self.curl(path)[0], 404, path)
        self.assertEqual(self.curl('/', '-X', 'PUT')[0], 405)


class OwnOriginOnly(WithCurl):
    """What holds while nobody has named allowed_origins."""
    origin = None

    def test_pages_of_others_are_refused(self):
        path = '/sluice.v1.RoomService/GetRoom'
        preflight = ('-X', 'OPTIONS', '-H', 'access-control-request-method: POST')
        call = ('-X', 'POST', '-H', 'content-type: application/grpc-web+proto',
                '--data-binary', '@-')
        for version in ('--http2', '--http1.1'):
            self.version = version
            for origin, allowed in ((self.server.url, True), ('https://app.example.org', False),
                                    ('http://localhost:5173', False), ('null', False)):
                for options, status in ((preflight, 204), (call, 200)):
                    got, fields, _ = self.curl(path, *options, '-H', f'origin: {origin}',
                                               body=b'\0' * 5)
                    self.assertEqual((got, fields.get('access-control-allow-origin')),
                                     (status, origin) if allowed else (403, None), origin)


class Routes(WithCurl):
    """What is neither gRPC nor the page."""

    def test_body_both_ways(self):
        for path, status in (('/echo/now', 201), ('/echo/later', 200), ('/echo/later?x=now', 200)):
            for size in (0, 1, 300_000):
                got, fields, body = self.curl(path, '-X', 'PATCH', '--data-binary', '@-',
                                              body=b'x' * size)
                self.assertEqual((got, body), (status, b'x' * size))
                self.assertEqual(fields['content-length'], str(size))

    def test_methods(self):
        self.assertEqual(self.curl('/echo/status', '-X', 'DELETE')[::2], (204, b''))
        status, fields, _ = self.curl('/echo/status', '-X', 'POST', '-d', 'x')
        self.assertEqual((status, fields['allow']), (405, 'DELETE'))
        status, fields, body = self.curl('/echo/now', '--head')
        self.assertEqual((status, fields['content-length'], body), (201, '0', b''))
        for method in ('DELETE', 'PAT', 'OST'):
            self.assertEqual(self.curl('/echo/now', '-X', method)[0], 405, method)
        for path in ('/echo', '/ech'):
            self.assertEqual(self.curl(path)[0], 404, path)

    def test_body_too_large(self):
        unsaid = {'--http2': 'content-length:', '--http1.1': 'transfer-encoding: chunked'}
        for more in ([], ['-H', unsaid[self.version]]):  # said at the head, found on the way
            status, _, body = self.curl('/echo/now', '--data-binary', '@-', *more,
                                        body=b'x' * (1024 * 1024 + 1))
            self.assertEqual(status, 413)
            # Over HTTP/1.1 the answer comes in the middle of the request: its first line alone.
            self.assertIn(body, [b"the request's body is larger than this server takes\n"] +
                          [b''] * (self.version == '--http1.1'))

    def test_client_that_does_not_wait(self):
        before = self.cancelled()
        self.assertEqual(subprocess.run(['curl', '-ksS', self.version, '--max-time', '0.3',
                                         self.server.url + '/echo/hang'],
                                        capture_output=True).returncode, 28)
        self.await_cancelled(before + 1)

    def test_origins(self):
        status, fields, _ = self.curl('/echo/now', '-H', f'origin: {self.origin}')
        self.assertEqual((status, fields['access-control-allow-origin'],
                          fields['access-control-expose-headers']), (201, self.origin, 'etag'))
        status, fields, _ = self.curl('/echo/now', '-X', 'OPTIONS', '-H', f'origin: {self.origin}',
                                      '-H', 'access-control-request-method: PATCH')
        self.assertEqual((status, fields['access-control-allow-methods']),
                         (204, 'GET, POST, PATCH'))
        self.assertEqual(self.curl('/echo/now', '-H', 'origin: https://evil.example')[0], 403)


class Grpc(WithCurl):
    def test_unknown_compression_names_the_known(self):
        # Without a body: curl 7.88 misses the end of an answer that comes before it has sent one.
        status, fields, _ = self.curl(
            '/sluice.v1.RoomService/CreateRoom', '-X', 'POST', '-H', 'grpc-encoding: snappy',
            '-H', 'content-type: application/grpc')
        self.assertEqual((status, fields['grpc-status'], fields['grpc-accept-encoding']),
                         (200, '12', 'identity, gzip'))


class Web1(Web):
    """The same by HTTP/1.1."""
    version = '--http1.1'

    def test_five_megabytes(self):
        """Refused in the middle of the request, with all that the refusal says."""
        for text in (False, True):
            fields, frames = self.call(
                'CreateRoom', room_pb2.CreateRoomRequest(room_id='x' * 5_000_000), text)
            self.assertEqual((fields['grpc-status'], frames), ('8', []))
            self.assertIn('grpc-status-details-bin', fields)

    def test_grpc_needs_http2(self):
        status, _, body = self.curl('/sluice.v1.RoomService/CreateRoom', '-X', 'POST', '-H',
                                    'content-type: application/grpc', '-d', 'x')
        self.assertEqual(status, 505)
        self.assertIn(b'application/grpc-web', body)

    def test_expect_is_answered_by_the_refusal(self):
        done = subprocess.run(
            ['curl', '-ksS', '-i', self.version, '-H', 'expect: 100-continue', '--data-binary',
             '@-', self.server.url + '/'], input=b'x' * 100_000, capture_output=True, check=True)
        self.assertTrue(done.stdout.startswith(b'HTTP/1.1 415 '), done.stdout[:80])

    def test_http10(self):
        done = subprocess.run(['curl', '-ksS', '-i', '--http1.0', self.server.url],
                              capture_output=True, check=True)
        self.assertTrue(done.stdout.startswith(b'HTTP/1.0 200 '), done.stdout[:80])
        self.assertTrue(done.stdout.endswith(b'hello'))


class Routes1(Routes):
    """The same by HTTP/1.1."""
    version = '--http1.1'


class Plain(WithCurl):
    """Without TLS: the first bytes tell the version."""

    def test_both_versions(self):
        for version, line in (('--http1.1', b'HTTP/1.1 200 OK'),
                              ('--http2-prior-knowledge', b'HTTP/2 200')):
            done = subprocess.run(['curl', '-sS', '-i', version, '--max-time', '10',
                                   '--unix-socket', self.server.unix, 'http://x/'],
                                  capture_output=True, check=True)
            self.assertTrue(done.stdout.startswith(line), done.stdout[:80])
            self.assertTrue(done.stdout.endswith(b'hello'))

    def raw(self, data, whole=False):
        """What comes back until the end; the request is fed byte by byte, or at once."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.server.unix)
            for piece in [data] if whole else (bytes([byte]) for byte in data):
                try:
                    s.sendall(piece)
                except OSError:  # it has heard enough
                    break
            return b''.join(iter(lambda: s.recv(65536), b''))

    def test_byte_by_byte(self):
        answer = self.raw(b'POST /echo/now HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
                          b'transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n')
        self.assertTrue(answer.startswith(b'HTTP/1.1 201 '), answer)
        self.assertTrue(answer.endswith(b'\r\n\r\nabc'), answer)

    def test_slow_reader_is_cut_and_delays_nobody(self):
        """There is no reset in HTTP/1.1: the answer ends without its end, and the connection with it."""
        before = self.cancelled()
        message = room_pb2.WatchEventsRequest(parent='flood').SerializeToString()
        body = b'\0' + struct.pack('>I', len(message)) + message
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.server.unix)
            s.sendall(b'POST /sluice.v1.RoomService/WatchEvents HTTP/1.1\r\nhost: x\r\n'
                      b'content-type: application/grpc-web+proto\r\n'
                      b'content-length: %d\r\n\r\n' % len(body) + body)
            self.await_cancelled(before + 1)
            self.assertEqual(self.create('beside').name, 'beside')
            try:
                answer = b''.join(iter(lambda: s.recv(65536), b''))
            except ConnectionResetError:
                answer = b''
        self.assertNotIn(b'grpc-status', answer)
        self.assertFalse(answer.endswith(b'\r\n0\r\n\r\n'))

    def test_pipelined(self):
        for path in (b'/echo/now', b'/echo/later'):
            one = b'POST ' + path + b' HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n'
            data = b''.join(one + b'\r\n%d' % i for i in range(9)) + b'\r\n' + one
            data += b'connection: close\r\n\r\n9'
            for answer in (self.raw(data), self.raw(data, whole=True)):
                self.assertEqual([part[:1] for part in answer.split(b'\r\n\r\n')[1:]],
                                 [b'%d' % i for i in range(10)])

    def test_nothing_hides_behind_a_chunked_body(self):
        """Where it ends libsoup alone knows: the connection ends with it (RFC 9112 9.3.2)."""
        answer = self.raw(b'POST /echo/now HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
                          b'0\r\n\r\nGET /echo/now HTTP/1.1\r\nhost: x\r\n\r\n', whole=True)
        self.assertEqual(answer.count(b'HTTP/1.1 '), 1)
        self.assertIn(b'\r\nConnection: close\r\n', answer)

    def test_ambiguous_requests(self):
        """RFC 9112 6.1, 6.3, 5.2: what two readers could read in two ways is refused and ends it."""
        for fields in (b'content-length: 4\r\ntransfer-encoding: chunked',
                       b'transfer-encoding: chunked\r\ncontent-length: 4',
                       b'content-length: 4\r\ncontent-length: 5', b'content-length: 4, 4',
                       b'content-length: -1', b'content-length: +4', b'content-length: 0x4',
                       b'content-length: 99999999999999999999', b'transfer-encoding: xchunked',
                       b'transfer-encoding: chunked, identity', b'transfer-encoding: gzip, chunked',
                       b'transfer-encoding: identity', b'host: y'):
            answer = self.raw(b'POST /echo/now HTTP/1.1\r\nhost: x\r\n' + fields +
                              b'\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n')
            self.assertRegex(answer, rb'^HTTP/1.[01] (400|501) ', fields)
            self.assertEqual(len(re.findall(rb'HTTP/1.', answer)), 1, fields)

    def test_garbage(self):
        for data in (b'\0\0\0\0\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\nhost: x\r\n\r\n',
                     b'PRX / HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\n\r\n',
                     b'CONNECT x:1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'):
            self.assertRegex(self.raw(data), rb'^(HTTP/1.[01] [45]|$)', data)


if __name__ == '__main__':
    unittest.main(argv=['http_test.py', *sys.argv[3:]], verbosity=1)
