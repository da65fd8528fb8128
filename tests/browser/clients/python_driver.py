# SPDX-License-Identifier: Apache-2.0
"""python3-grpcio as a process: the lines of ../lib/rpc_client.mjs on standard input and output.

usage: python_driver.py SETTINGS (JSON)
"""
import json
import sys
import threading

SETTINGS = json.loads(sys.argv[1])
sys.path.insert(0, SETTINGS['python'])
# pylint: disable=wrong-import-position
import google  # noqa: E402

google.__path__.append(SETTINGS['python'] + '/google')
import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from sluice.v1 import room_pb2, room_pb2_grpc, signalling_pb2, signalling_pb2_grpc  # noqa: E402

STUBS = {'sluice.v1.RoomService': (room_pb2, room_pb2_grpc.RoomServiceStub),
         'sluice.v1.SignallingService': (signalling_pb2, signalling_pb2_grpc.SignallingServiceStub)}
lock = threading.Lock()
running = {}


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def failure(error):
    answer = {'code': error.code().value[0], 'message': error.details()}
    details = dict(error.trailing_metadata() or ()).get('grpc-status-details-bin')
    if details is None:
        return answer
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(details).details[0].Unpack(info)
    return dict(answer, domain=info.domain, reason=info.reason, facts=dict(info.metadata))


def start(channel, question):
    module, stub = STUBS[question['service']]
    service = module.DESCRIPTOR.services_by_name[question['service'].rsplit('.', 1)[1]]
    name = service.methods_by_name[question['method']].input_type.name
    request = json_format.ParseDict(question['request'], getattr(module, name)())
    timeout = question['timeoutMs'] / 1000 if 'timeoutMs' in question else None
    return getattr(stub(channel), question['method']), request, timeout


def call(channel, number, question):
    method, request, timeout = start(channel, question)
    try:
        answer = method(request, timeout=timeout)
        say(id=number, code=0, answer=json_format.MessageToDict(answer))
    except grpc.RpcError as error:
        say(id=number, **failure(error))


def watch(channel, number, question):
    method, request, timeout = start(channel, question)
    running[number] = events = method(request, timeout=timeout)
    try:
        for event in events:
            say(id=number, event=json_format.MessageToDict(event))
        say(id=number, code=0)
    except grpc.RpcError as error:
        say(id=number, **failure(error))


def main():
    with open(SETTINGS['certificate'], 'rb') as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    gzip = grpc.Compression.Gzip if SETTINGS.get('gzip') else None
    channel = grpc.secure_channel(SETTINGS['target'], credentials, compression=gzip)
    for line in sys.stdin:
        question = json.loads(line)
        if question['op'] == 'cancel':
            running[question['id']].cancel()
        else:
            work = call if question['op'] == 'call' else watch
            threading.Thread(target=work, args=(channel, question['id'], question),
                             daemon=True).start()


main()
