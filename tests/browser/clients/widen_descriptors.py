# SPDX-License-Identifier: Apache-2.0
"""Makes the API one field and one method wider than the server knows it, as a newer client is.

usage: widen_descriptors.py < api.descriptors > wider.descriptors
"""
import sys

from google.protobuf import descriptor_pb2

files = descriptor_pb2.FileDescriptorSet.FromString(sys.stdin.buffer.read())
room, = (file for file in files.file if file.name == 'sluice/v1/room.proto')
request, = (message for message in room.message_type if message.name == 'GetRoomRequest')
request.field.add(name='from_tomorrow', json_name='fromTomorrow', number=999, label=1, type=9)
service, = (service for service in room.service if service.name == 'RoomService')
method = service.method.add()
method.CopyFrom(next(m for m in service.method if m.name == 'GetRoom'))
method.name = 'GetRoomTomorrow'
sys.stdout.buffer.write(files.SerializeToString())
