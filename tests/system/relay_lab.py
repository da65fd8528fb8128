# SPDX-License-Identifier: Apache-2.0
"""The lab's control plane with a relay between it and the dataplane, which holds and refuses epochs:
tests/system/relay/epoch_relay.c says what it can be told.
"""
import json
import os
import re
import subprocess
import threading
import time
import unittest

from api_lab import PATIENCE_S, STATE, TREE, Api, ctl, failure, reason_of, wait_for
import grpc
from sluice.v1 import room_pb2

Code = grpc.StatusCode
Event = room_pb2.Event
LATE_S, AT_ONCE_S = 0.3, 1
NO_MEMORY = "a limit of the memory plan is reached"  # as proto/shm/command.h says it
BUILD = os.environ.get("LAB_BUILD", TREE / "build")


class Relay:
    def __init__(self, *flags):
        ctl("stop", "controlplane")  # the dataplane takes one at a time
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [f"{BUILD}/tests/system/relay/epoch_relay", f"{STATE}/relay.sock",
             f"{STATE}/dataplane.sock", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        assert self.process.stdout.readline() == "ready\n"
        ctl("start", "controlplane", f"--dataplane-socket={STATE}/relay.sock", *flags)
        self.api = Api()
        self.api.await_dataplane()

    def tell(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def pass_all(self):
        self.tell("plan 0 0 1")

    def refuse_all(self):
        self.tell("plan 0 1000 1")

    def records(self):
        """Transports, tracks and subscriptions that the dataplane runs."""
        r = self.tell("records")
        return r["transports"], r["tracks"], r["subscriptions"]

    def refused(self):
        return self.tell("records")["refused"]

    def await_held(self):
        wait_for(lambda: self.tell("records")["held"], "an epoch to be held")

    def end(self):
        self.api.close()
        ctl("stop", "controlplane")
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)


class RelayLab:
    """Server (with further flags) and relay, and events of what came late."""

    def __init__(self, *flags):
        self.relay = Relay(*flags)
        self.api = self.relay.api
        self.changes = self.stream = None
        self.watch()

    def watch(self):
        """Only what comes from now on."""
        self.changes = []
        self.stream = self.api.rooms.WatchEvents(room_pb2.WatchEventsRequest(), timeout=230)
        ready = threading.Event()
        threading.Thread(target=self.follow, args=(ready,), daemon=True).start()
        assert ready.wait(PATIENCE_S)

    def follow(self, ready):
        try:
            for event in self.stream:
                if event.kind == Event.KIND_SNAPSHOT_END:
                    ready.set()
                if event.kind in (Event.KIND_CHANGE_APPLIED, Event.KIND_CHANGE_ROLLED_BACK):
                    self.changes.append(event)
        except grpc.RpcError:
            pass

    def empty(self):
        """Removes all there is, and waits until the dataplane has let go of it."""
        for r in self.api.rooms.ListRooms(room_pb2.ListRoomsRequest(),
                                          timeout=PATIENCE_S).rooms:
            self.api.rooms.DeleteRoom(room_pb2.DeleteRoomRequest(name=r.name), timeout=PATIENCE_S)
        wait_for(lambda: self.relay.records() == (0, 0, 0), "the last record to go")

    def end(self):
        self.stream.cancel()
        self.relay.end()


class Outcomes(unittest.TestCase):
    """How a call may end that waits for the dataplane. A change has 'call' and 'request'; 'done' and
    'undone' ask the API, and the latter makes the call once more.
    """
    lab_class = RelayLab

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.lab_class()

    @classmethod
    def tearDownClass(cls):
        cls.lab.end()

    def setUp(self):
        self.lab.empty()

    def each(self, kinds, check):
        for kind in kinds:
            with self.subTest(kind.__name__):
                try:
                    check(kind(self.lab))
                finally:
                    self.lab.relay.pass_all()
                    self.lab.empty()

    def event(self, kind, change):
        wait_for(lambda: self.lab.changes, "the event that says how it ended")
        self.assertEqual(len(self.lab.changes), 1)
        event = self.lab.changes.pop()
        self.assertEqual(event.kind, kind)
        # Requests are named after their methods.
        self.assertEqual(event.change.method.rsplit("/", 1)[1] + "Request",
                         change.request.DESCRIPTOR.name)
        return event.change

    def refused(self, change):
        before = self.lab.relay.records()
        self.lab.relay.refuse_all()
        pending = change.call.future(change.request, timeout=PATIENCE_S)
        self.assertEqual(pending.code(), Code.RESOURCE_EXHAUSTED)
        self.assertIn("nothing of it is left", pending.details())
        self.assertEqual(reason_of(pending), ("DATAPLANE_REFUSED", {"value": NO_MEMORY}))
        self.lab.relay.pass_all()
        self.assertEqual(self.lab.relay.records(), before)
        self.assertTrue(change.undone())

    def late(self, change):
        self.lab.relay.tell("hold")
        failure(Code.DEADLINE_EXCEEDED, change.call, change.request, timeout=LATE_S)
        # Our clock may be ahead of the server's: what comes on the connection after the reset of
        # the call is answered when the server has given it up, too.
        for _ in range(2):
            self.lab.api.rooms.ListRooms(room_pb2.ListRoomsRequest(), timeout=PATIENCE_S)
        self.lab.relay.await_held()
        self.assertEqual(self.lab.changes, [])

    def late_then_applied(self, change):
        self.late(change)
        self.lab.relay.pass_all()
        self.assertEqual(self.event(Event.KIND_CHANGE_APPLIED, change).refusal, "")
        self.assertTrue(change.done())

    def late_then_refused(self, change):
        before = self.lab.relay.records()
        self.late(change)
        self.lab.relay.refuse_all()
        self.assertNotEqual(self.event(Event.KIND_CHANGE_ROLLED_BACK, change).refusal, "")
        self.lab.relay.pass_all()
        self.assertEqual(self.lab.relay.records(), before)
        self.assertTrue(change.undone())

    def repeated(self, change):
        refused = self.lab.relay.refused()
        self.lab.relay.refuse_all()
        pending = change.call.future(change.request, timeout=PATIENCE_S)
        wait_for(lambda: self.lab.relay.refused() >= refused + 3, "refusals")
        self.assertFalse(pending.done())
        self.lab.relay.pass_all()
        pending.result()
        self.assertTrue(change.done())

    def without_a_dataplane(self, change, wanted=Code.UNAVAILABLE):
        """The dataplane takes along all it ran."""
        self.lab.relay.tell("hold")
        pending = change.call.future(change.request, timeout=PATIENCE_S)
        self.lab.relay.await_held()
        start = time.monotonic()
        self.lab.relay.tell("gone")
        self.assertEqual(pending.code(), wanted)
        self.assertLess(time.monotonic() - start, AT_ONCE_S)
        if wanted == Code.UNAVAILABLE:
            self.assertEqual(reason_of(pending)[0], "DATAPLANE_GONE")
        self.lab.relay.pass_all()
        self.lab.api.await_dataplane()
        self.assertEqual(self.lab.relay.records(), (0, 0, 0))
        self.assertEqual(self.lab.changes, [])


def sdp_of(text, *changes):
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count, old
    return text
