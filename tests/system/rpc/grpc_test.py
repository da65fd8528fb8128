# SPDX-License-Identifier: Apache-2.0
"""The API server as gRPC clients that are not ours see it: python3-grpcio, and frames by hand.

usage: grpc_test.py RPC_SERVER SOURCE_ROOT
"""
import gzip
import os
import signal
import struct
import subprocess
import sys
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

import h2_raw
from h2_raw import Connection, frame, request
from server_fixture import Server, WithServer, at, code_of, info_of
from grpc.health.v1 import health_pb2, health_pb2_grpc
from grpc.reflection.v1 import reflection_pb2, reflection_pb2_grpc
from grpc.reflection.v1alpha import reflection_pb2 as alpha_pb2
from grpc.reflection.v1alpha import reflection_pb2_grpc as alpha_pb2_grpc
from sluice.v1 import node_pb2, node_pb2_grpc, room_pb2, room_pb2_grpc


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

    def test_gzip(self):
        name = 'gzip' * 1000
        self.assertEqual(self.create(name, compression=grpc.Compression.Gzip).name, name)

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

    def test_unknown_compression(self):
        call = self.rooms.CreateRoom.future(room_pb2.CreateRoomRequest(room_id='x'),
                                            compression=grpc.Compression.Deflate)
        self.assertEqual(call.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual(info_of(call).reason, 'COMPRESSION_UNKNOWN')

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

    def test_binary_metadata(self):
        room = self.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id='binary'), metadata=(
            ('test-bin', b'\0\xff'), ('test-bin', b'x'), ('other-bin', b'y')))
        self.assertEqual(room.name, '/00ff/78')
        body = room_pb2.CreateRoomRequest(room_id='binary').SerializeToString()
        message = b'\0' + struct.pack('>I', len(body)) + body
        # As other clients send it: padded or not, joined by commas.
        self.open(1, test_bin='AP8=,AP8,eA,')
        self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, 1, message))
        data = b''.join(f[3] for f in self.answer(1) if f[0] == h2_raw.DATA)
        self.assertEqual(room_pb2.Room.FromString(data[5:]).name, '/00ff/00ff/78/')
        for i, bad in enumerate(('AP8==', 'A', 'AP8,A P8', '-_', 'AP8=AP8=')):
            self.open(3 + 2 * i, test_bin=bad)
            # The call has ended at its head, with a status and no answer.
            kinds = [f[0] for f in self.answer(3 + 2 * i)]
            self.assertEqual(kinds, [h2_raw.HEADERS], bad)

    def gzip_call(self, stream, packed, **more):
        self.open(stream, grpc_encoding='gzip', **more)
        for at in range(0, len(packed) + 5, 16000):
            data = (b'\x01' + struct.pack('>I', len(packed)) + packed)[at:at + 16000]
            self.connection.send(frame(h2_raw.DATA, 0, stream, data))
        self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, stream))
        return b''.join(f[3] for f in self.answer(stream) if f[0] == h2_raw.DATA)

    def test_gzip_both_ways(self):
        body = gzip.compress(room_pb2.CreateRoomRequest(room_id='long ' * 1000).SerializeToString())
        data = self.gzip_call(1, body, grpc_accept_encoding='deflate, gzip')
        self.assertEqual(data[0], 1)
        self.assertEqual(room_pb2.Room.FromString(gzip.decompress(data[5:])).name, 'long ' * 1000)
        self.assertLess(len(data), 500)
        self.assertEqual(self.gzip_call(3, body)[0], 0)  # not asked for

    def test_bad_gzip(self):
        good = gzip.compress(b'')
        for i, packed in enumerate((b'', b'x', good[:-1], good + b'x', good + good,
                                    gzip.compress(b'\0' * (64 << 20)))):
            self.assertEqual(self.gzip_call(2 * i + 1, packed), b'', packed[:20])
        self.assertTrue(self.connection.ping())

    def test_too_many_pings(self):
        for _ in range(10):  # calls between them: no harm done
            self.connection.ping()
            self.call_once()
        for _ in range(4):
            self.connection.send(frame(h2_raw.PING, 0, 0, b'sluice..'))
        goaway = [f for f in self.connection.ends() if f[0] == h2_raw.GOAWAY]
        self.assertEqual([f[3][4:] for f in goaway], [b'\0\0\0\x0btoo_many_pings'])

    def call_once(self):
        self.streams = getattr(self, 'streams', -1) + 2
        self.open(self.streams)
        self.connection.send(frame(h2_raw.DATA, h2_raw.END_STREAM, self.streams, b'\0' * 5))
        self.answer(self.streams)

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

    def test_goaway_in_two_steps(self):
        """RFC 9113 6.8: first none is refused, then those that came are served and the rest are not."""
        server = Server()
        connection = Connection(server.unix)
        self.addCleanup(connection.close)
        body = room_pb2.CreateRoomRequest(room_id='later').SerializeToString()
        call = lambda stream: (
            frame(h2_raw.HEADERS, h2_raw.END_HEADERS, stream,
                  request('/sluice.v1.RoomService/CreateRoom')) +
            frame(h2_raw.DATA, h2_raw.END_STREAM, stream, b'\0' + struct.pack('>I', len(body)) + body))
        connection.send(call(1))
        connection.ping()  # it has come
        server.process.send_signal(signal.SIGTERM)
        seen = connection.until(lambda kind, *_: kind == h2_raw.GOAWAY)
        self.assertEqual(seen[-1][3][:8], b'\x7f\xff\xff\xff\0\0\0\0')  # any stream, NO_ERROR
        seen += connection.until(lambda kind, *_: kind == h2_raw.GOAWAY)
        self.assertEqual(seen[-1][3][:8], b'\0\0\0\1\0\0\0\0')
        seen += connection.ends()
        data = b''.join(f[3] for f in seen if f[0] == h2_raw.DATA)
        self.assertEqual(room_pb2.Room.FromString(data[5:]).name, 'later')
        self.assertEqual(server.stop(), 0)


class Health(WithServer):
    def test_check(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        for name in ('', 'sluice.v1.RoomService', 'grpc.health.v1.Health'):
            self.assertEqual(stub.Check(health_pb2.HealthCheckRequest(service=name)).status,
                             health_pb2.HealthCheckResponse.SERVING)
        listed = stub.List(health_pb2.HealthListRequest()).statuses
        self.assertEqual({name: status.status for name, status in listed.items()},
                         dict.fromkeys(['', 'sluice.v1.RoomService', 'grpc.health.v1.Health'],
                                       health_pb2.HealthCheckResponse.SERVING))
        self.assertEqual(code_of(lambda: stub.Check(health_pb2.HealthCheckRequest(service='no'))),
                         grpc.StatusCode.NOT_FOUND)

    def test_watch(self):
        """One answer at once, also for what is not there; the stream stays open for a change."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        kinds = health_pb2.HealthCheckResponse
        for name, status in (('', kinds.SERVING), ('sluice.v1.RoomService', kinds.SERVING),
                             ('no', kinds.SERVICE_UNKNOWN)):
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=name))
            self.assertEqual(next(watch).status, status, name)
            self.assertTrue(watch.is_active())
            watch.cancel()


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
        for answer in answers:
            pool = descriptor_pool.DescriptorPool()
            files = {file.name: file for file in map(
                descriptor_pb2.FileDescriptorProto.FromString,
                answer.file_descriptor_response.file_descriptor_proto)}
            while files:  # imports first; one that lacks is an error here
                name = next(n for n, f in files.items() if not set(f.dependency) & set(files))
                pool.Add(files.pop(name))
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
