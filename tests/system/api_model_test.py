#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
"""Random operations of several clients on the whole API against a model of it, while a relay delays
and refuses epochs; then nothing may be left: no record, no descriptor, no allocation.

SLUICE_SEED is the seed; SLUICE_NIGHTLY makes it ten times as long, from a seed that it prints. No
transport connects (the namespace is empty), so each is announced, waited for and removed.
"""
import atexit
import ctypes
import json
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LAB_BUILD", TREE / "build"))
CLONE_NEWNET = 0x40000000
ADDRESS = "198.51.100.1"
CLIENTS, RUNS = 4, 3
NIGHTLY = bool(os.environ.get("SLUICE_NIGHTLY"))
OPERATIONS = 100_000 if NIGHTLY else 10_000
PATIENCE_S, JOURNAL_EVENTS = 20, 4096  # as controlplane/session/journal.h
# libnice gives up on a peer after 30 s, the server on a participant without signalling after 60 s.
PUBLISHED_S, IDLE_S = 12, 40

work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-model-"))
atexit.register(shutil.rmtree, work, ignore_errors=True)


def enter_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: run as root")
    for command in ("link set lo up", f"addr add {ADDRESS}/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)


def make_stubs():
    subprocess.run(["protoc", "-I", TREE / "proto/api", f"--python_out={work}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", f"--grpc_out={work}",
                    *(f"sluice/v1/{n}.proto" for n in ("room", "signalling", "errors"))],
                   check=True)
    sys.path.insert(0, str(work))


enter_namespace()
make_stubs()
# pylint: disable=wrong-import-position
import grpc  # noqa: E402
from sluice.v1 import room_pb2, room_pb2_grpc, signalling_pb2, signalling_pb2_grpc  # noqa: E402

Code = grpc.StatusCode
Event = room_pb2.Event


def offer():
    text = (TREE / "tests/unit/sdp/chromium-publish.sdp").read_text(encoding="ascii")
    return "".join(line + "\r\n" for line in text.splitlines())


OFFER = offer()


class Process:
    """One of the three, up when it has said that it is ready."""

    def __init__(self, name, *command, **environment):
        self.log = open(work / f"{name}.log", "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, env={**os.environ, **environment}, text=True)
        atexit.register(self.process.kill)  # whatever ends us
        for line in self.process.stdout:
            if "ready" in line:
                return
        raise AssertionError(f"{name} ended: {(work / f'{name}.log').read_text()[-2000:]}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0])


class Api:
    def __init__(self):
        self.channel = grpc.insecure_channel(f"unix:{work}/api.sock", [
            ("grpc.use_local_subchannel_pool", 1)])
        self.rooms = room_pb2_grpc.RoomServiceStub(self.channel)
        self.signalling = signalling_pb2_grpc.SignallingServiceStub(self.channel)


def fails(codes, call, request, timeout=PATIENCE_S):
    try:
        answer = call(request, timeout=timeout)
    except grpc.RpcError as error:
        assert error.code() in codes, f"{request}: {error.code()} {error.details()}, not {codes}"
        return error
    raise AssertionError(f"{request}: answered {answer}, not {codes}")


class Participant:
    def __init__(self, joined, display_name):
        self.session = joined.session
        self.name = joined.session.participant
        self.uid = joined.participant.uid
        self.display_name = display_name
        self.since = time.monotonic()
        self.tracks = {}  # name -> [muted, server_muted]

    def old(self):
        return time.monotonic() - self.since > (PUBLISHED_S if self.tracks else IDLE_S)


class Client(threading.Thread):
    """Operates on rooms of its own, so that its model is exact whatever the others do."""

    def __init__(self, number, seed, operations, seen):
        super().__init__()
        self.random = random.Random(seed * 1000 + number)
        self.number, self.seen, self.operations = number, seen, operations
        self.api = Api()
        self.rooms = {}  # name -> (message, {name: Participant})
        self.answered = []  # (call, request, answer or code), to be repeated
        self.kept = self.refused = self.late = 0
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
            if error.code() == Code.RESOURCE_EXHAUSTED:
                assert "refused" in error.details() or "could not be made" in error.details(), error
                self.refused += 1
                return None
            raise
        if request.request_id:
            self.kept += 1
            self.answered.append((call, request, answer))
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
        operations = [(self.create, 6), (self.repeat, 8), (self.listed, 4), (self.unknown, 2)]
        if room:
            operations += [(self.enter, 22), (self.update, 8), (self.get, 6), (self.delete, 3)]
        if participant:
            operations += [(self.publish, 10), (self.leave, 8), (self.get_participant, 6),
                           (self.mute, 14), (self.early, 3)]
        weights = [weight for _, weight in operations]
        operation = self.random.choices([o for o, _ in operations], weights)[0]
        operation(room, participant)

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
            people[joined.session.participant] = Participant(joined, request.display_name)

    def leave(self, room, p):
        if self.random.random() < 0.5:
            call, request = (self.api.signalling.Leave,
                             signalling_pb2.LeaveRequest(session=p.session))
        else:
            call, request = (self.api.rooms.RemoveParticipant,
                             room_pb2.RemoveParticipantRequest(name=p.name))
        del self.rooms[room][1][p.name]
        if self.random.random() < 0.8:
            self.mutate(call, request)
            return
        # With a deadline that the dataplane may not meet: it goes all the same, and whoever asks
        # again learns that it is gone, or that the first call had been answered after all.
        request.request_id = f"{self.random.getrandbits(128):032x}"
        try:
            call(request, timeout=self.random.choice((0.001, 0.01, 0.05)))
            self.kept += 1
        except grpc.RpcError as error:
            assert error.code() == Code.DEADLINE_EXCEEDED, error
            self.late += 1
            try:
                call(request, timeout=PATIENCE_S)
            except grpc.RpcError as again:
                assert again.code() in (Code.NOT_FOUND, Code.DEADLINE_EXCEEDED), again
            self.kept += 1
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
        muted, by_server = self.random.random() < 0.5, self.random.random() < 0.5
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

    def unknown(self, *_):
        name = f"rooms/c{self.number}-nobody"
        fails([Code.NOT_FOUND], self.api.rooms.DeleteRoom, room_pb2.DeleteRoomRequest(name=name))
        fails([Code.NOT_FOUND], self.api.rooms.GetTrack, room_pb2.GetTrackRequest(
            name=f"{name}/participants/x/tracks/y"))

    def repeat(self, *_):
        if not self.answered:
            return
        call, request, answer = self.random.choice(self.answered)
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
        for name in list(self.rooms):
            self.listed(name, None)
            for p in self.rooms[name][1].values():
                self.get_participant(name, p)
            room = self.settled(name)
            assert room.generation == room.applied_generation, room
            self.api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name=name), timeout=PATIENCE_S)
            del self.rooms[name]
        self.channel_closed()

    def settled(self, name):
        end = time.monotonic() + PATIENCE_S
        while True:
            room = self.api.rooms.GetRoom(room_pb2.GetRoomRequest(name=name), timeout=PATIENCE_S)
            if room.generation == room.applied_generation or time.monotonic() > end:
                return room

    def channel_closed(self):
        self.api.channel.close()


class Seen:
    """What all clients have seen: a uid never comes twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.uids = set()

    def uid(self, uid):
        with self.lock:
            assert uid not in self.uids, f"uid {uid} came again"
            self.uids.add(uid)


class Watcher(threading.Thread):
    """Follows the events, is cut off now and then, resumes, and keeps the state they tell."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.api = Api()
        self.state = {}  # name -> uid
        self.token = ""
        self.changes = self.resumed = self.summaries = 0
        self.error = self.stream = None
        self.over = False

    def run(self):
        try:
            while not self.over:
                self.follow(self.random.randrange(50, 500))
        except BaseException as error:  # pylint: disable=broad-except
            if not self.over:
                self.error = error

    def follow(self, events):
        self.stream = self.api.rooms.WatchEvents(room_pb2.WatchEventsRequest(
            resume_token=self.token, heartbeat_seconds=1))
        for sequence, event in enumerate(self.stream, 1):
            assert event.sequence == sequence, event
            self.take(event)
            if sequence >= events and event.resume_token:
                break
        self.stream.cancel()

    def take(self, event):
        if event.kind == Event.KIND_RESUMED:
            self.resumed += not event.snapshot_follows
            if event.snapshot_follows:
                self.state.clear()
        elif event.kind in (Event.KIND_CHANGE_APPLIED, Event.KIND_CHANGE_ROLLED_BACK):
            self.changes += 1
        elif event.kind == Event.KIND_SESSION_SUMMARY:
            self.summaries += 1
        elif event.kind in (Event.KIND_ROOM_ADDED, Event.KIND_PARTICIPANT_ADDED):
            resource = event.room if event.HasField("room") else event.participant
            assert resource.name not in self.state, event
            self.state[resource.name] = resource.uid
        elif event.kind in (Event.KIND_ROOM_REMOVED, Event.KIND_PARTICIPANT_REMOVED):
            resource = event.room if event.HasField("room") else event.participant
            assert self.state.pop(resource.name) == resource.uid, event
        if event.resume_token:
            self.token = event.resume_token


def wait_for(condition, what, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        threading.Event().wait(0.02)


class Servers:
    """Dataplane, relay and control plane, and what they hold."""

    def __init__(self, seed):
        self.allocations_file = work / "allocations"
        self.allocations_file.write_bytes(bytes(8))
        with open(self.allocations_file, "r+b") as file:
            self.allocated = mmap.mmap(file.fileno(), 8)
        self.dataplane = Process(
            "dataplane", BUILD / "dataplane/sluice-dataplane", "--wire", "net_null0,no-rx=1",
            "--kernel-port", "none", "--workers", 1, "--idle", "adaptive", "--transports", 256,
            "--tracks", 256, "--subscriptions", 512, "--packets", 2048, "--socket",
            work / "dataplane.sock", "--", "--no-huge", "--no-pci", "-m", 256, "--file-prefix",
            work.name)
        self.relay = Process("relay", BUILD / "tests/system/relay/epoch_relay",
                             work / "relay.sock", work / "dataplane.sock", seed)
        self.relay.ask("plan 200 80 20")
        self.control = Process(
            "control", BUILD / "controlplane/sluice-controlplane", "--listen", "", "--unix-socket",
            work / "api.sock", "--dataplane-socket", work / "relay.sock", "--media-address",
            ADDRESS, "--state-directory", work, "--log-level", "warning",
            LD_PRELOAD=str(BUILD / "tests/system/relay/count_allocations.so"),
            ALLOCATIONS_FILE=str(self.allocations_file), G_SLICE="always-malloc")

    def allocations(self):
        return struct.unpack("q", self.allocated[:8])[0]

    def records(self):
        return self.relay.ask("records")

    def rest(self, descriptors):
        def none_left():
            r = self.records()
            return r["transports"] == r["tracks"] == r["subscriptions"] == 0
        wait_for(none_left, "the last record to go")
        wait_for(lambda: self.control.descriptors() <= descriptors, "descriptors to be closed")

    def end(self):
        assert self.control.end() == 0, "the control plane ended badly"
        self.relay.process.stdin.close()
        self.relay.process.wait(PATIENCE_S)
        self.dataplane.end()


def run(seed, number, watcher, totals):
    seen = totals["seen"]
    operations = OPERATIONS // RUNS // CLIENTS + 1
    clients = [Client(i, seed + number, operations, seen) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        if client.error:
            raise client.error
    for client in clients:
        client.finish()
        for what in ("kept", "refused", "late"):
            totals[what] += getattr(client, what)
    wait_for(lambda: not watcher.state or watcher.error, "events of the last removals")
    if watcher.error:
        raise watcher.error


def main():
    seed = int(os.environ.get("SLUICE_SEED", random.randrange(1 << 31) if NIGHTLY else 1))
    print(f"seed {seed}")
    servers = Servers(seed)
    warm = Api()
    wait_for(lambda: join_and_leave(warm), "the dataplane to be attached")
    fill_journal(warm)
    warm.channel.close()
    watcher = Watcher(seed)
    totals = {"seen": Seen(), "kept": 0, "refused": 0, "late": 0}
    watcher.start()
    wait_for(lambda: watcher.token, "the first event")
    descriptors = servers.control.descriptors()
    at_rest = []
    for number in range(RUNS):
        run(seed, number, watcher, totals)
        servers.rest(descriptors)
        at_rest.append((servers.allocations(), servers.control.resident_kb(), totals["kept"]))
    records = servers.records()
    print(f"measured: {OPERATIONS} operations of {CLIENTS} clients, {totals['refused']} refused, "
          f"{totals['late']} late, {watcher.resumed} streams resumed, "
          f"{watcher.summaries} summaries, {watcher.changes} late changes told, {records}")
    print(f"measured: (allocations, kB resident, answers kept) at rest {at_rest}")
    check_rest(at_rest)
    assert min(totals["refused"], totals["late"], watcher.resumed, watcher.changes) > 0, "no test"
    watcher.over = True
    watcher.stream.cancel()
    servers.end()


def fill_journal(api):
    """From now on each event the server keeps for those who resume takes another's place."""
    for _ in range(JOURNAL_EVENTS // 2 + 1):
        api.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id="warm"), timeout=5)
        api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name="rooms/warm"), timeout=5)


def check_rest(at_rest):
    """Nothing is left but the answers kept for ten minutes: two or three allocations each."""
    (before, size_before, kept_before), (after, size_after, kept_after) = at_rest[-2:]
    grown, kept = after - before, kept_after - kept_before
    assert 2 * kept - 64 <= grown <= 3 * kept + 64, f"{grown} allocations for {kept} answers kept"
    # An answer may hold an SDP, here and in the segment.
    assert size_after <= size_before * 1.02 + 8 * kept, f"{size_before} kB grew to {size_after} kB"


def join_and_leave(api):
    try:
        joined = api.signalling.Join(signalling_pb2.JoinRequest(room="rooms/warm"), timeout=1)
        api.signalling.Publish(signalling_pb2.PublishRequest(session=joined.session, sdp=OFFER),
                               timeout=1)
        api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name="rooms/warm"), timeout=5)
        return True
    except grpc.RpcError:
        return False


if __name__ == "__main__":
    main()
