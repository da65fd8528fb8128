# SPDX-License-Identifier: Apache-2.0
"""Operations on rooms, participants and tracks, and the model of them."""
import time

import grpc
from api_model.lab import Code, OFFER, PATIENCE_S, fails
from sluice.v1 import room_pb2, signalling_pb2

# libnice gives up on a peer after 30 s, the server on a participant without signalling after 60 s.
PUBLISHED_S, IDLE_S = 12, 40


class Participant:
    """One that joined, or the one as whom a room knows a transport: that one has no session."""

    def __init__(self, message, session=None):
        self.session = session
        self.name, self.uid = message.name, message.uid
        self.display_name = message.display_name
        self.since = time.monotonic()
        self.tracks = {}  # name -> [muted, server_muted]

    def old(self):
        return self.session is not None and \
            time.monotonic() - self.since > (PUBLISHED_S if self.tracks else IDLE_S)


class RoomOperations:
    def room_operations(self, room, participant):
        operations = [(self.create, 6), (self.listed, 4)]
        if room:
            operations += [(self.enter, 22), (self.update, 8), (self.get, 6), (self.delete, 3)]
        if participant:
            operations += [(self.leave, 8), (self.get_participant, 6), (self.mute, 14)]
        if participant and participant.session:
            operations += [(self.publish, 10), (self.early, 3)]
        return operations

    def create(self, *_):
        name = f"c{self.number}-{self.random.randrange(6)}"
        request = room_pb2.CreateRoomRequest(room_id=name, room=room_pb2.Room(
            display_name=f"{self.random.random()}", max_participants=self.random.randrange(9)))
        if f"rooms/{name}" in self.rooms:
            fails([Code.ALREADY_EXISTS], self.api.rooms.CreateRoom, request)
            return
        message = self.mutate(self.api.rooms.CreateRoom, request)
        assert message.generation == message.applied_generation
        assert message.display_name == request.room.display_name
        assert message.max_participants == (request.room.max_participants or 256)
        self.seen.uid(message.uid)
        self.rooms[message.name] = (message, {})

    def update(self, room, _):
        field, value = self.random.choice([("display_name", f"{self.random.random()}"),
                                           ("metadata", "x" * self.random.randrange(4096)),
                                           ("max_participants", self.random.randrange(1, 9))])
        request = room_pb2.UpdateRoomRequest(room=room_pb2.Room(name=room, **{field: value}),
                                             update_mask={"paths": [field]})
        message = self.mutate(self.api.rooms.UpdateRoom, request)
        assert getattr(message, field) == value
        self.rooms[room] = (message, self.rooms[room][1])

    def get(self, room, _):
        self.compare_room(self.api.rooms.GetRoom(room_pb2.GetRoomRequest(name=room),
                                                 timeout=PATIENCE_S))

    def compare_room(self, got):
        want, people = self.rooms[got.name]
        for field in ("uid", "display_name", "metadata", "max_participants", "create_time_ms"):
            assert getattr(got, field) == getattr(want, field), (field, got, want)
        assert got.participant_count == len(people), (got, people)

    def delete(self, room, _):
        self.mutate(self.api.rooms.DeleteRoom, room_pb2.DeleteRoomRequest(name=room))
        del self.rooms[room]
        self.forget_transports(lambda t: t.room == room)
        fails([Code.NOT_FOUND], self.api.rooms.GetRoom, room_pb2.GetRoomRequest(name=room))

    def enter(self, room, _):
        message, people = self.rooms[room]
        name = f"p{self.random.randrange(12)}"
        request = signalling_pb2.JoinRequest(room=room, participant_id=name,
                                             display_name=f"{self.random.random()}")
        if f"{room}/participants/{name}" in people:
            fails([Code.ALREADY_EXISTS], self.api.signalling.Join, request)
        elif len(people) >= message.max_participants:
            fails([Code.RESOURCE_EXHAUSTED], self.api.signalling.Join, request)
        else:
            joined = self.mutate(self.api.signalling.Join, request)
            self.seen.uid(joined.participant.uid)
            assert joined.participant.display_name == request.display_name
            people[joined.session.participant] = Participant(joined.participant, joined.session)

    def leave(self, room, p):
        if p.session and self.random.random() < 0.5:
            call, request = (self.api.signalling.Leave,
                             signalling_pb2.LeaveRequest(session=p.session))
        else:
            call, request = (self.api.rooms.RemoveParticipant,
                             room_pb2.RemoveParticipantRequest(name=p.name))
        del self.rooms[room][1][p.name]
        self.forget_transports(lambda t: t.member is p)
        if self.random.random() < 0.8:
            self.mutate(call, request)
            return
        # With a deadline that the dataplane may not meet: it goes all the same, and whoever asks
        # again learns that it is gone, or that the first call had been answered after all.
        request.request_id = f"{self.random.getrandbits(128):032x}"
        try:
            call(request, timeout=self.random.choice((0.001, 0.01, 0.05)))
        except grpc.RpcError as error:
            assert error.code() == Code.DEADLINE_EXCEEDED, error
            self.late += 1
            try:
                call(request, timeout=PATIENCE_S)
            except grpc.RpcError as again:
                assert again.code() in (Code.NOT_FOUND, Code.DEADLINE_EXCEEDED), again
        fails([Code.NOT_FOUND], self.api.rooms.GetParticipant,
              room_pb2.GetParticipantRequest(name=p.name))

    def publish(self, room, p):
        if p.tracks:
            return
        answer = self.mutate(self.api.signalling.Publish, signalling_pb2.PublishRequest(
            session=p.session, sdp=OFFER))
        got = self.api.rooms.GetParticipant(room_pb2.GetParticipantRequest(name=p.name),
                                            timeout=PATIENCE_S)
        if answer is None:
            # Refused: rolled back whole.
            assert got.publish_transport == room_pb2.TRANSPORT_STATE_UNSPECIFIED, got
            return
        assert got.publish_transport in (room_pb2.TRANSPORT_STATE_NEW,
                                         room_pb2.TRANSPORT_STATE_CONNECTING), got
        p.since = time.monotonic()
        for track in answer.tracks:
            self.seen.uid(track.uid)
            p.tracks[track.name] = [track.muted, track.server_muted]

    def mute(self, room, p):
        name = self.random.choice(sorted(p.tracks) or [f"{p.name}/tracks/none"])
        muted = self.random.random() < 0.5
        by_server = p.session is None or self.random.random() < 0.5
        if by_server:
            call, request = (self.api.rooms.SetTrackServerMuted,
                             room_pb2.SetTrackServerMutedRequest(name=name, server_muted=muted))
        else:
            call, request = (self.api.signalling.SetTrackMuted, signalling_pb2.SetTrackMutedRequest(
                session=p.session, track=name, muted=muted))
        if name not in p.tracks:
            fails([Code.NOT_FOUND], call, request)
            return
        answer = self.mutate(call, request)
        if answer is None:
            self.compare_track(self.api.rooms.GetTrack(room_pb2.GetTrackRequest(name=name),
                                                       timeout=PATIENCE_S), p)
            return
        p.tracks[name][by_server] = muted
        self.compare_track(answer if by_server else answer.track, p)

    @staticmethod
    def compare_track(got, p):
        assert [got.muted, got.server_muted] == p.tracks[got.name], (got, p.tracks)

    def get_participant(self, room, p):
        got = self.api.rooms.GetParticipant(room_pb2.GetParticipantRequest(name=p.name),
                                            timeout=PATIENCE_S)
        self.compare_participant(got, p)
        for name in p.tracks:
            self.compare_track(self.api.rooms.GetTrack(room_pb2.GetTrackRequest(name=name),
                                                       timeout=PATIENCE_S), p)

    @staticmethod
    def compare_participant(got, p):
        assert (got.uid, got.display_name) == (p.uid, p.display_name), (got, p)
        assert got.generation == got.applied_generation, got

    def early(self, room, p):
        """What needs a connection that is not there."""
        fails([Code.FAILED_PRECONDITION], self.api.signalling.AnswerSubscribe,
              signalling_pb2.AnswerSubscribeRequest(session=p.session, revision=7, sdp=OFFER))
        wrong = signalling_pb2.Session(participant=p.name, secret="0" * 64)
        fails([Code.PERMISSION_DENIED], self.api.signalling.Leave,
              signalling_pb2.LeaveRequest(session=wrong))

    def listed(self, room, _):
        mine = self.pages(self.api.rooms.ListRooms, room_pb2.ListRoomsRequest(), "rooms")
        mine = [r for r in mine if r.name.startswith(f"rooms/c{self.number}-")]
        # In order of creation, as the model's.
        names = [r.name for r in mine]
        assert names == list(self.rooms), f"{names}, not {list(self.rooms)}"
        for message in mine:
            self.compare_room(message)
        if not room:
            return
        request = room_pb2.ListParticipantsRequest(parent=room)
        people = self.pages(self.api.rooms.ListParticipants, request, "participants")
        assert [p.name for p in people] == list(self.rooms[room][1]), people  # in order of joining
        for got in people:
            self.compare_participant(got, self.rooms[room][1][got.name])
