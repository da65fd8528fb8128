# SPDX-License-Identifier: Apache-2.0
"""The API server of server.c as a fixture: stubs made from our protos, a process, channels."""
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import google
import grpc

SERVER, ROOT = sys.argv[1], sys.argv[2]
GRPC_PROTO = '/usr/share/grpc-proto'
work = tempfile.TemporaryDirectory(prefix='sluice-grpc-')
at = lambda *names: os.path.join(work.name, *names)


def make_stubs():
    api = os.path.join(ROOT, 'proto/api')
    subprocess.run(['protoc', '-I', api, '-I', GRPC_PROTO, f'--python_out={work.name}',
                    '--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin',
                    f'--grpc_out={work.name}', 'sluice/v1/room.proto', 'sluice/v1/node.proto',
                    'sluice/v1/statistics.proto',
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
from sluice.v1 import room_pb2, room_pb2_grpc  # noqa: E402


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
