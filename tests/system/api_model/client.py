# SPDX-License-Identifier: Apache-2.0
"""A client: which operation comes next, how a mutation ends, and the repeats of those that did."""
import collections
import random
import threading
import time

import grpc
from api_model.lab import Api, Code, PATIENCE_S, fails
from api_model.rooms import RoomOperations
from api_model.servers import REQUEST_ID_TTL_S
from api_model.transports import TransportOperations
from sluice.v1 import room_pb2, signalling_pb2

# An answer is asked for again while it is certain to be kept, however slow the machine.
REPEATED_S = REQUEST_ID_TTL_S / 2


class Client(RoomOperations, TransportOperations, threading.Thread):
    """Operates on rooms and transports of its own: its model is exact whatever others do."""

    def __init__(self, number, seed, operations, seen):
        super().__init__()
        self.random = random.Random(seed * 1000 + number)
        self.number, self.seen, self.operations = number, seen, operations
        self.api = Api()
        self.rooms = {}  # name -> (message, {name: Participant})
        self.transports = {}  # name -> Transport
        self.answered = collections.deque()  # (when, call, request, answer)
        self.serial = self.refused = self.late = 0
        self.error = None

    def run(self):
        try:
            for _ in range(self.operations):
                self.one()
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    # How a mutation ends: with its answer, or None if the dataplane refused it.
    def mutate(self, call, request, timeout=PATIENCE_S):
        if self.random.random() < 0.3:
            request.request_id = f"{self.random.getrandbits(128):032x}"
        try:
            answer = call(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() != Code.RESOURCE_EXHAUSTED:
                raise
            words = ("refused", "could not be made", "limit of")
            assert any(word in error.details() for word in words), error
            self.refused += 1
            return None
        if request.request_id:
            self.answered.append((time.monotonic(), call, request, answer))
        return answer

    def pick(self):
        """A room with a participant of it, or none of either."""
        name = self.random.choice(sorted(self.rooms) or [None])
        people = self.rooms[name][1] if name else {}
        return name, people.get(self.random.choice(sorted(people) or [None]))

    def one(self):
        room, participant = self.pick()
        for old in [p for _, people in self.rooms.values() for p in people.values() if p.old()]:
            self.leave(old.name.split("/participants/")[0], old)
            if old is participant:
                participant = None
        operations = [(self.repeat, 8), (self.unknown, 2)]
        operations += self.room_operations(room, participant) + self.transport_operations()
        weights = [weight for _, weight in operations]
        operation = self.random.choices([o for o, _ in operations], weights)[0]
        operation(room, participant)

    def unknown(self, *_):
        name = f"rooms/c{self.number}-nobody"
        fails([Code.NOT_FOUND], self.api.rooms.DeleteRoom, room_pb2.DeleteRoomRequest(name=name))
        fails([Code.NOT_FOUND], self.api.rooms.GetTrack, room_pb2.GetTrackRequest(
            name=f"{name}/participants/x/tracks/y"))

    def repeat(self, *_):
        while self.answered and self.answered[0][0] < time.monotonic() - REPEATED_S:
            self.answered.popleft()
        if not self.answered:
            return
        _, call, request, answer = self.random.choice(self.answered)
        if self.random.random() < 0.8:
            assert call(request, timeout=PATIENCE_S) == answer
            return
        other = type(request)()
        other.CopyFrom(request)
        if isinstance(request, signalling_pb2.JoinRequest):
            other.display_name += "x"
        elif isinstance(request, room_pb2.CreateRoomRequest):
            other.room.metadata += "x"
        else:
            return
        fails([Code.FAILED_PRECONDITION], call, other)

    def pages(self, call, request, field):
        items = []
        request.page_size = self.random.randrange(5)
        while True:
            answer = call(request, timeout=PATIENCE_S)
            items += getattr(answer, field)
            if not answer.next_page_token:
                return items
            request.page_token = answer.next_page_token

    def finish(self):
        """The server's state equals the model's; then all of it is removed."""
        self.listed(None, None)
        self.compare_transports()
        for name in list(self.rooms):
            self.listed(name, None)
            for p in self.rooms[name][1].values():
                self.get_participant(name, p)
            room = self.settled(name)
            assert room.generation == room.applied_generation, room
            self.delete(name, None)
        for t in list(self.transports.values()):
            self.delete_transport(t)
        self.api.channel.close()

    def settled(self, name):
        end = time.monotonic() + PATIENCE_S
        while True:
            room = self.api.rooms.GetRoom(room_pb2.GetRoomRequest(name=name), timeout=PATIENCE_S)
            if room.generation == room.applied_generation or time.monotonic() > end:
                return room
