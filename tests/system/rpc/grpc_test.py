# SPDX-License-Identifier: Apache-2.0
"""The API server as clients that are not ours see it: python3-grpcio, curl, and frames by hand.

usage: grpc_test.py RPC_SERVER SOURCE_ROOT
"""
import base64
import os
import re
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import google
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

import h2_raw
from h2_raw import Connection, frame, request

SERVER, ROOT = sys.argv[1], sys.argv[2]
GRPC_PROTO = '/usr/share/grpc-proto'
work = tempfile.TemporaryDirectory(prefix='sluice-grpc-')
at = lambda *names: os.path.join(work.name, *names)


def make_stubs():
    api = os.path.join(ROOT, 'proto/api')
    subprocess.run(['protoc', '-I', api, '-I', GRPC_PROTO, f'--python_out={work.name}',
                    '--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin',
                    f'--grpc_out={work.name}', 'sluice/v1/room.proto', 'sluice/v1/node.proto',
                    'google/rpc/status.proto', 'google/rpc/error_details.proto',
                    'grpc/health/v1/health.proto', 'grpc/reflection/v1/reflection.proto',
                    'grpc/reflection/v1alpha/reflection.proto'], check=True)
    # A package named grpc in the way of grpcio's own would hide it: join the two. The same for
    # google.
    sys.path.insert(0, work.name)
    grpc.__path__.append(at('grpc'))
    google.__path__.append(at('google'))


make_stubs()
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from grpc.health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from grpc.reflection.v1 import reflection_pb2, reflection_pb2_grpc  # noqa: E402
from grpc.reflection.v1alpha import reflection_pb2 as alpha_pb2  # noqa: E402
from grpc.reflection.v1alpha import reflection_pb2_grpc as alpha_pb2_grpc  # noqa: E402
from sluice.v1 import node_pb2, node_pb2_grpc, room_pb2, room_pb2_grpc  # noqa: E402


class Server:
    def __init__(self, origin=None):
        self.unix = at('api.sock')
        os.makedirs(at('web/assets'), exist_ok=True)
        for name, text in (('index.html', '<!doctype html>hello'), ('assets/app.js', '1;\n'),
                           ('.hidden', 'no')):
            with open(at('web', name), 'w', encoding='ascii') as file:
                file.write(text)
        if not os.path.islink(at('web/passwd')):
            os.symlink('/etc/passwd', at('web/passwd'))
        command = [SERVER, '127.0.0.1:0', self.unix, at('state'), at('web')]
        self.process = subprocess.Popen(command + ([origin] if origin else []),
                                        stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        found = re.fullmatch(r'ready url=https://127\.0\.0\.1:(\d+)/ fingerprint=([0-9A-F:]{95})\n',
                             ready)
        assert found, ready
        self.port, self.fingerprint = int(found[1]), found[2]
        self.url = f'https://127.0.0.1:{self.port}'

    def certificate(self):
        return ssl.get_server_certificate(('127.0.0.1', self.port))

    def tls_channel(self, **options):
        with open(at('state/api-tls.pem'), 'rb') as file:
            root = re.search(rb'-----BEGIN CERT.*?END CERTIFICATE-----\n', file.read(), re.S)[0]
        return grpc.secure_channel(f'127.0.0.1:{self.port}', grpc.ssl_channel_credentials(root),
                                   **options)

    def unix_channel(self):
        return grpc.insecure_channel('unix:' + self.unix)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status


def info_of(error):
    """The ErrorInfo of an RpcError, checked against its code and text."""
    details = dict(error.trailing_metadata())['grpc-status-details-bin']
    status = status_pb2.Status.FromString(details)
    assert (status.code, status.message) == (error.code().value[0], error.details()), status
    info = error_details_pb2.ErrorInfo()
    assert len(status.details) == 1 and status.details[0].Unpack(info), status
    assert info.domain == 'sluice.v1', info
    return info


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


class WithServer(unittest.TestCase):
    origin = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.origin)
        cls.channel = cls.server.tls_channel()
        cls.rooms = room_pb2_grpc.RoomServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        status = cls.server.stop()
        assert status == 0, f'the server ended with {status}'

    def create(self, room, **options):
        return self.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id=room), timeout=10,
                                     **options)

    def cancelled(self):
        return self.rooms.GetRoom(room_pb2.GetRoomRequest(name='x')).participant_count

    def await_cancelled(self, count):
        end = time.monotonic() + 10
        while self.cancelled() < count:  # each turn is a round trip to the server
            self.assertLess(time.monotonic(), end, 'the handler was not told in 10 s')


class Calls(WithServer):
    def test_unary_over_tls(self):
        self.assertEqual(self.create('alpha').name, 'alpha')

    def test_unary_over_unix_socket(self):
        with self.server.unix_channel() as channel:
            rooms = room_pb2_grpc.RoomServiceStub(channel)
            self.assertEqual(rooms.GetRoom(room_pb2.GetRoomRequest(name='beta')).name, 'beta')

    def test_answer_from_a_timer(self):
        self.assertEqual(self.create('later').name, 'later')

    def test_many_at_once(self):
        calls = [self.rooms.CreateRoom.future(room_pb2.CreateRoomRequest(room_id=str(i)))
                 for i in range(500)]  # five times the streams a connection may have
        self.assertEqual([call.result(20).name for call in calls], [str(i) for i in range(500)])

    def test_large_request_below_the_limit(self):
        name = 'n' * 1_000_000
        self.assertEqual(self.create(name).name, name)

    def test_server_stream(self):
        events = self.rooms.WatchEvents(room_pb2.WatchEventsRequest(parent='count/3000'))
        self.assertEqual([event.sequence for event in events], list(range(1, 3001)))

    def test_error_text_survives(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.create('fail')
        self.assertEqual(raised.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        self.assertEqual(raised.exception.details(), 'room "fail" 100% réservé\n')
        self.assertEqual(info_of(raised.exception).reason, 'ROOM_EXISTS')

    def test_deadline(self):
        before = self.cancelled()
        call = lambda: self.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id='hang'),
                                             timeout=0.2)
        self.assertEqual(code_of(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.await_cancelled(before + 1)

    def test_deadline_is_kept_by_the_server(self):
        before = self.cancelled()
        connection = Connection(self.server.unix)
        body = room_pb2.CreateRoomRequest(room_id='hang').SerializeToString()
        connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS, 1,
                              request('/sluice.v1.RoomService/CreateRoom', grpc_timeout='50m')) +
                        frame(h2_raw.DATA, h2_raw.END_STREAM, 1,
                              b'\0' + struct.pack('>I', len(body)) + body))
        seen = connection.until(lambda kind, flags, stream: kind == h2_raw.HEADERS)
        self.assertTrue(seen[-1][1] & h2_raw.END_STREAM)  # trailers-only
        self.await_cancelled(before + 1)
        connection.close()

    def test_cancel_in_mid_stream(self):
        before = self.cancelled()
        events = self.rooms.WatchEvents(room_pb2.WatchEventsRequest(parent='open'))
        self.assertEqual(next(events).sequence, 1)
        events.cancel()
        self.await_cancelled(before + 1)

    def test_client_that_vanishes(self):
        before = self.cancelled()
        channel = self.server.unix_channel()
        stub = room_pb2_grpc.RoomServiceStub(channel)
        events = stub.WatchEvents(room_pb2.WatchEventsRequest(parent='open'))
        self.assertEqual(next(events).sequence, 1)
        channel.close()
        self.await_cancelled(before + 1)

    def test_slow_reader_is_cut_and_delays_nobody(self):
        before = self.cancelled()
        events = self.rooms.WatchEvents(room_pb2.WatchEventsRequest(parent='flood'))
        self.assertEqual(self.create('beside').name, 'beside')
        self.assertEqual(code_of(lambda: list(events)), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.await_cancelled(before + 1)


class Refusals(WithServer):
    def tearDown(self):
        self.assertEqual(self.create('still there').name, 'still there')

    def test_unknown_method_and_service(self):
        for path in ('/sluice.v1.RoomService/Nope', '/nope.Nope/Nope'):
            call = self.channel.unary_unary(path)
            self.assertEqual(code_of(lambda: call(b'')), grpc.StatusCode.UNIMPLEMENTED)

    def test_method_without_handler(self):
        node = node_pb2_grpc.NodeServiceStub(self.channel)
        self.assertEqual(code_of(lambda: node.GetNode(node_pb2.GetNodeRequest())),
                         grpc.StatusCode.UNIMPLEMENTED)

    def test_five_megabytes(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.create('x' * 5_000_000)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        info = info_of(raised.exception)
        self.assertEqual(info.reason, 'MESSAGE_TOO_LARGE')
        self.assertEqual(dict(info.metadata), {'value': '5000005', 'limit': str(1 << 20)})

    def test_error_texts_are_cut_to_valid_utf8(self):
        # The cut at 1024 bytes goes through the last character.
        with self.assertRaises(grpc.RpcError) as raised:
            self.create('fail' + 'é' * 1000)
        self.assertTrue(raised.exception.details().startswith('room "failéé'))
        self.assertLessEqual(len(raised.exception.details().encode()), 1024 + 2)
        self.assertEqual(dict(info_of(raised.exception).metadata)['value'], 'fail' + 'é' * 98)

    def test_compression(self):
        self.assertEqual(code_of(lambda: self.create('x', compression=grpc.Compression.Gzip)),
                         grpc.StatusCode.UNIMPLEMENTED)

    def raw_call(self, body):
        call = self.channel.unary_unary('/sluice.v1.RoomService/CreateRoom')
        return code_of(lambda: call(body))

    def test_not_protobuf(self):
        for body in (b'\xff', b'\x0a\x05a', b'\x0b', b'\x0a' + b'\xff' * 9 + b'\x01'):
            self.assertEqual(self.raw_call(body), grpc.StatusCode.INVALID_ARGUMENT, body)

    def test_not_utf8(self):
        for text in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'ok\xe2\x82'):
            self.assertEqual(self.raw_call(b'\x0a' + bytes([len(text)]) + text),
                             grpc.StatusCode.INVALID_ARGUMENT, text)

    def test_unknown_fields_are_no_error(self):
        self.assertEqual(self.raw_call(b'\x0a\x01a\x98\x06\x01'), grpc.StatusCode.OK)

    def test_message_that_unpacks_too_large(self):
        # 1,5 bytes each on the wire, some 40 in memory.
        self.assertEqual(self.raw_call(b'\x98\x06\x01' * 300_000),
                         grpc.StatusCode.RESOURCE_EXHAUSTED)


class Framing(WithServer):
    PATH = '/sluice.v1.RoomService/CreateRoom'

    def setUp(self):
        self.connection = Connection(self.server.unix)
        self.addCleanup(self.connection.close)
        self.addCleanup(lambda: self.assertEqual(self.create('beside').name, 'beside'))

    def open(self, stream, flags=0, **more):
        self.connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS | flags, stream,
                                   request(self.PATH, **more)))

    def answer(self, stream):
        """Frames of the stream up to its end."""
        seen = self.connection.until(
            lambda kind, flags, of: of == stream and (
                kind == h2_raw.RST_STREAM or
                kind in (h2_raw.DATA, h2_raw.HEADERS) and flags & h2_raw.END_STREAM))
        return [f for f in seen if f[2] == stream]

    def status(self, stream):
        """The bytes of grpc-status in the last HEADERS: nghttp2 leaves digits as literals."""
        return self.answer(stream)[-1]

    def test_byte_by_byte(self):
        body = room_pb2.CreateRoomRequest(room_id='slowly').SerializeToString()
        message = b'\0' + struct.pack('>I', len(body)) + body
        self.open(1)
        for byte in message:
            self.connection.send(frame(h2_raw.DATA, 0, 1, bytes([byte])))
        self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, 1))
        data = b''.join(f[3] for f in self.answer(1) if f[0] == h2_raw.DATA)
        self.assertEqual(room_pb2.Room.FromString(data[5:]).name, 'slowly')

    def test_bad_bodies_end_their_stream_only(self):
        bodies = [b'', b'\0', b'\0\0\0\0', b'\0\0\0\0\5ab', b'\x01\0\0\0\0', b'\x02\0\0\0\0',
                  b'\0\xff\xff\xff\xff', b'GET / HTTP/1.1\r\n\r\n', b'\0\0\0\0\0' * 2]
        for i, body in enumerate(bodies):
            stream = 2 * i + 1
            self.open(stream)
            self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, stream, body))
            frames = self.answer(stream)
            self.assertEqual([f[0] for f in frames], [h2_raw.HEADERS], body)  # trailers-only
        self.assertTrue(self.connection.ping())

    def test_refused_before_the_body_is_over(self):
        self.open(1)
        self.connection.send(frame(h2_raw.DATA, 0, 1, b'\0\xff\xff\xff\xff'))
        self.assertEqual([f[0] for f in self.answer(1)], [h2_raw.HEADERS])
        # RFC 9113 8.1: a client that goes on sending is asked, without error, to stop.
        for _ in range(8):
            self.connection.send(frame(h2_raw.DATA, 0, 1, b'x' * 16000))
        seen = self.connection.until(lambda kind, *_: kind == h2_raw.RST_STREAM)
        self.assertEqual(seen[-1][3], b'\0\0\0\0')
        self.assertTrue(self.connection.ping())

    def test_bad_timeouts(self):
        for i, timeout in enumerate(('', '1', 'S', '123456789S', '-1S', '1s', '1.5S')):
            self.open(2 * i + 1, h2_raw.END_STREAM, grpc_timeout=timeout)
            self.assertEqual([f[0] for f in self.answer(2 * i + 1)], [h2_raw.HEADERS], timeout)
        self.assertTrue(self.connection.ping())

    def test_fields_too_large(self):
        big = [(f'x-{i}', 'v' * 120) for i in range(150)]
        block = request(self.PATH) + h2_raw.fields(big)
        self.connection.send(frame(h2_raw.HEADERS, h2_raw.END_STREAM, 1, block[:16000]) +
                             frame(h2_raw.CONTINUATION, h2_raw.END_HEADERS, 1, block[16000:]))
        self.assertEqual(self.answer(1)[-1][0], h2_raw.HEADERS)
        self.assertTrue(self.connection.ping())

    def test_requests_without_the_needed_fields(self):
        for i, pairs in enumerate(([], [(':method', 'POST')], [(':path', '/')],
                                   [(':method', 'POST'), (':scheme', 'http'), (':path', '')],
                                   [('content-type', 'application/grpc')])):
            self.connection.send(frame(h2_raw.HEADERS, h2_raw.END_HEADERS | h2_raw.END_STREAM,
                                       2 * i + 1, h2_raw.fields(pairs)))
            self.assertEqual(self.answer(2 * i + 1)[-1][0], h2_raw.RST_STREAM)
        self.assertTrue(self.connection.ping())

    def test_reset_at_once(self):
        before = self.cancelled()
        body = room_pb2.CreateRoomRequest(room_id='hang').SerializeToString()
        self.open(1)
        self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, 1,
                                   b'\0' + struct.pack('>I', len(body)) + body) +
                             frame(h2_raw.RST_STREAM, 0, 1, b'\0\0\0\x08'))
        self.assertTrue(self.connection.ping())
        self.await_cancelled(before + 1)

    def test_rapid_reset(self):
        one = lambda i: (frame(h2_raw.HEADERS, h2_raw.END_HEADERS, i, request(self.PATH)) +
                         frame(h2_raw.RST_STREAM, 0, i, b'\0\0\0\x08'))
        try:
            self.connection.send(b''.join(one(i) for i in range(1, 40001, 2)))
        except (BrokenPipeError, ConnectionResetError):
            pass  # cut while we were at it, as it should be
        self.assertTrue(any(f[0] == h2_raw.GOAWAY for f in self.connection.ends()))

    def test_garbage_instead_of_http2(self):
        for garbage in (b'\0' * 4096, b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', os.urandom(4096),
                        h2_raw.PREFACE + os.urandom(4096), h2_raw.PREFACE + b'\xff' * 64):
            connection = Connection(self.server.unix, hello=False)
            connection.send(garbage)
            connection.socket.shutdown(1)
            connection.ends()
            connection.close()


class Drain(unittest.TestCase):
    def test_running_calls_end_and_streams_are_told(self):
        server = Server()
        with server.tls_channel() as channel:
            rooms = room_pb2_grpc.RoomServiceStub(channel)
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(service='sluice.v1.RoomService'))
            self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
            events = rooms.WatchEvents(room_pb2.WatchEventsRequest(parent='open'))
            self.assertEqual(next(events).sequence, 1)
            late = rooms.CreateRoom.future(room_pb2.CreateRoomRequest(room_id='later'))
            self.assertEqual(rooms.GetRoom(room_pb2.GetRoomRequest(name='x')).name, 'x')
            self.assertEqual(server.stop(), 0)
            self.assertEqual(late.result(5).name, 'later')
            self.assertEqual(code_of(lambda: list(events)), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
        self.assertFalse(os.path.exists(server.unix))


class Health(WithServer):
    def test_check(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        for name in ('', 'sluice.v1.RoomService', 'grpc.health.v1.Health'):
            self.assertEqual(stub.Check(health_pb2.HealthCheckRequest(service=name)).status,
                             health_pb2.HealthCheckResponse.SERVING)
        self.assertEqual(code_of(lambda: stub.Check(health_pb2.HealthCheckRequest(service='no'))),
                         grpc.StatusCode.NOT_FOUND)


class Reflection(WithServer):
    def ask(self, *questions, messages=reflection_pb2, stubs=reflection_pb2_grpc):
        stub = stubs.ServerReflectionStub(self.channel)
        requests = [messages.ServerReflectionRequest(host='h', **q) for q in questions]
        answers = list(stub.ServerReflectionInfo(iter(requests), timeout=10))
        self.assertEqual([a.original_request for a in answers], requests)
        return answers

    def test_both_versions_list_the_services(self):
        for messages, stubs in ((reflection_pb2, reflection_pb2_grpc), (alpha_pb2, alpha_pb2_grpc)):
            answer, = self.ask({'list_services': ''}, messages=messages, stubs=stubs)
            self.assertEqual([s.name for s in answer.list_services_response.service],
                             ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection',
                              'grpc.reflection.v1alpha.ServerReflection', 'sluice.v1.RoomService'])

    def test_files_build_a_pool(self):
        names = ('sluice.v1.SignallingService', 'sluice.v1.Room', 'sluice.v1.RoomService.GetRoom',
                 'sluice.v1.Event.Kind', 'sluice.v1.MEDIA_KIND_AUDIO', 'sluice.v1.Room.uid')
        answers = self.ask(*({'file_containing_symbol': name} for name in names),
                           {'file_by_filename': 'sluice/v1/signalling.proto'})
        for answer, size in zip(answers, (2, 1, 1, 1, 1, 1, 2), strict=True):
            pool = descriptor_pool.DescriptorPool()
            files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                     for data in answer.file_descriptor_response.file_descriptor_proto]
            self.assertEqual(len(files), size)
            for file in reversed(files):  # imports first
                pool.Add(file)
        self.assertEqual(pool.FindServiceByName('sluice.v1.SignallingService').methods[0].name,
                         'Join')

    def test_what_is_not_there(self):
        answers = self.ask({'file_by_filename': 'no.proto'}, {'file_containing_symbol': 'no.No'},
                           {'all_extension_numbers_of_type': 'no.No'},
                           {'file_containing_extension': {'containing_type': 'sluice.v1.Room',
                                                          'extension_number': 100}})
        for answer in answers:
            self.assertEqual(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])
        none, = self.ask({'all_extension_numbers_of_type': 'sluice.v1.Room'})
        self.assertEqual(list(none.all_extension_numbers_response.extension_number), [])
        self.assertEqual(code_of(lambda: self.ask({})), grpc.StatusCode.INVALID_ARGUMENT)


class Web(WithServer):
    origin = 'https://app.example.org'

    def curl(self, path, *options, body=None):
        """(status, fields, body)"""
        done = subprocess.run(['curl', '-ksS', '-i', '--http2', '--path-as-is', '--max-time', '10',
                               *options, self.server.url + path], input=body, check=True,
                              capture_output=True)
        head, _, rest = done.stdout.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        return int(lines[0].split()[1]), dict(l.split(': ', 1) for l in lines[1:]), rest

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

    def test_http1_is_told(self):
        done = subprocess.run(['curl', '-ksS', '-i', '--http1.1', self.server.url],
                              capture_output=True, check=True)
        self.assertTrue(done.stdout.startswith(b'HTTP/1.1 505 '))
        self.assertIn(b'This port speaks HTTP/2', done.stdout)


class Certificate(unittest.TestCase):
    def test_kept_over_a_restart(self):
        first = Server()
        pem, fingerprint = first.certificate(), first.fingerprint
        self.assertEqual(first.stop(), 0)
        second = Server()
        self.assertEqual((second.certificate(), second.fingerprint), (pem, fingerprint))
        self.assertEqual(second.stop(), 0)
        self.assertEqual(os.stat(at('state/api-tls.pem')).st_mode & 0o777, 0o600)
        text = subprocess.run(['openssl', 'x509', '-noout', '-text', '-fingerprint', '-sha256'],
                              input=pem, text=True, capture_output=True, check=True).stdout
        self.assertIn(fingerprint, text)
        self.assertIn('IP Address:127.0.0.1', text)
        self.assertIn('prime256v1', text)


if __name__ == '__main__':
    unittest.main(argv=['grpc_test.py', *sys.argv[3:]], verbosity=1)
