# SPDX-License-Identifier: Apache-2.0
"""What tests of the API share: stubs, a channel into the lab, its processes, streams with an end.

Importing it takes the process into the first client's network namespace and makes the stubs.
"""
import ctypes
import os
import pathlib
import re
import select
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import google

TREE = pathlib.Path(__file__).resolve().parents[2]
LAB = os.environ["LAB_NAME"]
STATE = pathlib.Path(os.environ["LAB_STATE"])
SFU4 = os.environ["LAB_SFU4"]
MEDIA_PORT = int(os.environ["LAB_MEDIA_PORT"])
PATIENCE_S = 20
CLONE_NEWNET = 0x40000000

work = tempfile.TemporaryDirectory(prefix="sluice-api-")


def enter_namespace(name):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")


def make_stubs():
    subprocess.run(["protoc", "-I", TREE / "proto/api", f"--python_out={work.name}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin",
                    f"--grpc_out={work.name}", "sluice/v1/room.proto", "sluice/v1/node.proto",
                    "sluice/v1/statistics.proto", "sluice/v1/transport.proto",
                    "sluice/v1/signalling.proto", "google/rpc/status.proto",
                    "google/rpc/error_details.proto"], check=True)
    sys.path.insert(0, work.name)
    google.__path__.append(f"{work.name}/google")  # beside protobuf's own


enter_namespace(f"{LAB}-c1")
make_stubs()
# pylint: disable=wrong-import-position
import grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from sluice.v1 import node_pb2, node_pb2_grpc, room_pb2, room_pb2_grpc  # noqa: E402
from sluice.v1 import signalling_pb2, signalling_pb2_grpc  # noqa: E402


def ctl(*arguments):
    done = subprocess.run([TREE / "deploy/lab/ctl", LAB, *arguments], capture_output=True,
                          text=True, timeout=90, check=False)
    assert done.returncode == 0, f"ctl {arguments}: {done.stderr}"
    return done.stdout.strip()


class Api:
    """A channel with the three services on it. Every call has a deadline.

    TCP to the API goes through the dataplane too; the Unix socket is there without one.
    """

    def __init__(self, unix_socket=None, options=()):
        if unix_socket is not None:
            self.channel = grpc.insecure_channel(f"unix:{unix_socket}")
        else:
            port = int(os.environ["LAB_API_PORT"])
            root = ssl.get_server_certificate((SFU4, port)).encode()
            self.channel = grpc.secure_channel(f"{SFU4}:{port}",
                                               grpc.ssl_channel_credentials(root), options)
        self.rooms = room_pb2_grpc.RoomServiceStub(self.channel)
        self.node = node_pb2_grpc.NodeServiceStub(self.channel)
        self.signalling = signalling_pb2_grpc.SignallingServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def create(self, room_id, **fields):
        return self.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id=room_id, **fields),
                                     timeout=PATIENCE_S)

    def get(self, room):
        return self.rooms.GetRoom(room_pb2.GetRoomRequest(name=f"rooms/{room}"),
                                  timeout=PATIENCE_S)

    def delete(self, room, **fields):
        return self.rooms.DeleteRoom(
            room_pb2.DeleteRoomRequest(name=f"rooms/{room}", **fields), timeout=PATIENCE_S)

    def participant(self, name):
        return self.rooms.GetParticipant(room_pb2.GetParticipantRequest(name=name),
                                         timeout=PATIENCE_S)

    def join(self, room, participant="", **fields):
        return self.signalling.Join(signalling_pb2.JoinRequest(
            room=f"rooms/{room}", participant_id=participant, **fields), timeout=PATIENCE_S)

    def leave(self, session):
        return self.signalling.Leave(signalling_pb2.LeaveRequest(session=session),
                                     timeout=PATIENCE_S)

    def publish(self, session, sdp, **fields):
        return self.signalling.Publish(signalling_pb2.PublishRequest(
            session=session, sdp=sdp, **fields), timeout=PATIENCE_S)

    def candidates(self, session, lines, direction=signalling_pb2.TRANSPORT_DIRECTION_PUBLISH):
        return self.signalling.AddIceCandidates(signalling_pb2.AddIceCandidatesRequest(
            session=session, direction=direction, candidates=lines), timeout=PATIENCE_S).ignored

    def watch_session(self, session):
        return Stream(self.signalling.WatchSession(
            signalling_pb2.WatchSessionRequest(session=session), timeout=170))

    def watch_events(self, parent="", **fields):
        return Stream(self.rooms.WatchEvents(room_pb2.WatchEventsRequest(parent=parent, **fields),
                                             timeout=170))

    def get_node(self):
        return self.node.GetNode(node_pb2.GetNodeRequest(), timeout=PATIENCE_S)

    def statistics(self, participant=""):
        return self.node.GetStatistics(
            node_pb2.GetStatisticsRequest(participant=participant), timeout=PATIENCE_S)

    def await_dataplane(self, attached=True):
        wait_for(lambda: self.get_node().dataplane_attached == attached,
                 f"dataplane_attached to be {attached}")


class Stream:
    """A server stream; the sequence numbers of what it brought are checked as it comes."""

    def __init__(self, call):
        self.call = call
        self.seen = 0

    def next(self):
        event = next(self.call)
        self.seen += 1
        assert event.sequence == self.seen, f"sequence {event.sequence}, not {self.seen}"
        return event

    def until(self, wanted):
        """All events up to the first that is wanted, that one included."""
        events = []
        while not events or not wanted(events[-1]):
            events.append(self.next())
        return events

    def until_session(self, kind):
        return self.until(lambda e: e.WhichOneof("event") == kind)

    def cancel(self):
        self.call.cancel()


def snapshot(stream):
    return stream.until(lambda e: e.kind == room_pb2.Event.KIND_SNAPSHOT_END)


def wait_for(condition, what, seconds=PATIENCE_S):
    """Asks again and again: each turn is a round trip to the server."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.05)


def failure(code, call, *arguments, **fields):
    """Calls, expects that error and returns its sentence."""
    try:
        answer = call(*arguments, **fields)
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()}, not {code}: {error.details()}"
        return error.details()
    raise AssertionError(f"answered {answer}, not {code}")


def reason_of(call):
    """Reason and metadata of the ErrorInfo that a call has failed with."""
    details = dict(call.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(info), details
    return info.reason, dict(info.metadata)


def sdp(name="chromium-publish"):
    lines = (TREE / f"tests/unit/sdp/{name}.sdp").read_text(encoding="ascii").splitlines()
    return "".join(line + "\r\n" for line in lines)


def drop_names():
    """Names of drops.h, of packets received and of packets to consumers."""
    text = (TREE / "proto/shm/drops.h").read_text(encoding="ascii")
    lists = {}
    for which in ("INGRESS", "EGRESS"):
        body = re.search(rf"define SHM_{which}_DROPS\(X\)(.*?)\n\n", text, re.S)[1]
        lists[which] = re.findall(r"X\((\w+),", body)
        assert len(lists[which]) > 5
    return lists["INGRESS"], lists["EGRESS"]


class WithApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    def room(self):
        """An id of a room that no other test has."""
        return re.sub(r"\W", "-", self.id().split(".", 1)[1])[-64:]


class OwnDataplane:
    """The lab's dataplane with further flags, for as long as the block lasts."""

    def __init__(self, *flags):
        words = (STATE / "dataplane.command").read_text(encoding="utf-8").split()
        at = words.index("--")
        self.command = ["ip", "netns", "exec", LAB, *words[:at], *flags, *words[at:]]
        self.process = None

    def __enter__(self):
        ctl("stop", "dataplane")
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if re.match(r"(sluice-dataplane: )?ready\b", line):
                return self
        raise AssertionError(f"the dataplane ended: {' '.join(self.command)}")

    def __exit__(self, *unused):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.process.stdout.close()
            ctl("start", "dataplane")
