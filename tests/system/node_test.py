#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# lab: --clients 1 --workers 2
"""NodeService and StatisticsService: what the node says of itself held against what the host says,
taking it out of service and back, and statistics again and again.
"""
import json
import os
import re
import subprocess
import unittest

import api_lab
from api_lab import LAB, MEDIA_PORT, PATIENCE_S, SFU4, STATE, Api, ctl, failure, sdp, snapshot, wait_for
import grpc
from sluice.v1 import node_pb2, room_pb2, statistics_pb2, statistics_pb2_grpc
from sluice.v1 import transport_pb2, transport_pb2_grpc

Code = grpc.StatusCode
Event = room_pb2.Event
WORKERS, MAIN = 2, 16
REMOTE = f"{SFU4.rsplit('.', 1)[0]}.250"  # nobody's


def links():
    """Interfaces of the SFU's namespace."""
    done = subprocess.run(["ip", "-n", LAB, "-j", "link"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class WithNode(api_lab.WithApi):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api.await_dataplane()
        cls.transports = transport_pb2_grpc.TransportServiceStub(cls.api.channel)

    def transport(self, port, **fields):
        """A plain one: it is there with no client."""
        return self.transports.CreateTransport(transport_pb2.CreateTransportRequest(
            plain=transport_pb2.PlainOptions(connect=transport_pb2.PlainConnect(
                remote=f"{REMOTE}:{port}")), **fields), timeout=PATIENCE_S)

    def delete(self, transport):
        self.transports.DeleteTransport(transport_pb2.DeleteTransportRequest(name=transport.name),
                                        timeout=PATIENCE_S)


class Node(WithNode):
    def cores(self):
        return self.api.node.ListCores(node_pb2.ListCoresRequest(), timeout=PATIENCE_S).cores

    def interfaces(self):
        return self.api.node.ListInterfaces(node_pb2.ListInterfacesRequest(),
                                            timeout=PATIENCE_S).interfaces

    def test_node(self):
        node = self.api.get_node()
        self.assertRegex(node.version, r"^\d+\.\d+\.\d+$")
        self.assertRegex(node.boot_id, r"^[0-9a-f]{16}$")
        self.assertEqual(node.worker_count, WORKERS)
        self.assertEqual(list(node.media_addresses),
                         [f"{SFU4}:{MEDIA_PORT}", f"[{os.environ['LAB_SFU6']}]:{MEDIA_PORT}"])
        self.assertFalse(node.HasField("drain"))
        for limit in ("transports", "tracks", "subscriptions"):
            self.assertGreater(getattr(node.limits, limit), 0)
        session = self.api.join(self.room()).session
        answer = self.api.publish(session, sdp()).sdp
        self.assertIn(f"a=fingerprint:{node.certificate_fingerprint}\r\n", answer)
        made = self.transport(5100)
        after = self.api.get_node()
        self.assertEqual(after.room_count - node.room_count, 1)
        self.assertEqual(after.participant_count - node.participant_count, 1)
        self.assertEqual(after.transport_count - node.transport_count, 1)
        self.assertEqual(after.boot_id, node.boot_id)
        self.delete(made)
        self.api.delete(self.room())
        again = self.api.get_node()
        self.assertEqual((again.room_count, again.participant_count, again.transport_count),
                         (node.room_count, node.participant_count, node.transport_count))

    def test_cores(self):
        cores = self.cores()
        self.assertEqual([c.role for c in cores],
                         [node_pb2.Core.ROLE_WORKER] * WORKERS + [node_pb2.Core.ROLE_MAIN])
        self.assertEqual([c.worker for c in cores], [*range(WORKERS), MAIN])
        self.assertEqual([c.stats.worker for c in cores], [c.worker for c in cores])
        self.assertEqual([c.queue for c in cores][:WORKERS], list(range(WORKERS)))
        self.assertEqual(len({c.lcore for c in cores}), len(cores))
        for core in cores:
            self.assertTrue(0 <= core.busy_share <= 1, core)
            self.assertLess(core.cpu, os.cpu_count())
        before = sum(c.transports for c in cores)
        made = [self.transport(5200 + i) for i in range(4)]
        # Plain transports are given to the workers in turn.
        wait_for(lambda: sum(c.transports for c in self.cores()) == before + 4, "four transports")
        self.assertGreaterEqual(min(c.transports for c in self.cores()[:WORKERS]), 2)
        for transport in made:
            self.delete(transport)
        wait_for(lambda: sum(c.transports for c in self.cores()) == before, "none of them")
        wait_for(lambda: all(now.stats.polls > then.stats.polls
                             for then, now in zip(cores, self.cores())), "every core to go on")

    def test_interfaces(self):
        wire, kernel = self.interfaces()
        self.assertEqual((wire.role, kernel.role),
                         (node_pb2.Interface.ROLE_WIRE, node_pb2.Interface.ROLE_KERNEL))
        self.assertEqual((wire.driver, kernel.driver), ("net_af_packet", "net_tap"))
        self.assertEqual(wire.queue_count, WORKERS)
        self.assertTrue(wire.link_up)
        self.assertTrue(kernel.link_up)
        # The tap has the wire's address and MTU: it stands in for it towards the host.
        self.assertEqual((wire.mac_address, wire.mtu), (kernel.mac_address, kernel.mtu))
        self.assertEqual([link["mtu"] for link in links() if link["address"] == kernel.mac_address],
                         [wire.mtu, kernel.mtu])
        self.api.get_node()  # TCP comes by the wire and goes on by the kernel port

        def both_grew():
            return all(now.packets_received > then.packets_received and
                       now.packets_sent > then.packets_sent and
                       now.bytes_received - then.bytes_received >=
                       60 * (now.packets_received - then.packets_received) > 0
                       for then, now in zip((wire, kernel), self.interfaces()))
        wait_for(both_grew, "both ports to count what passes")

    def test_without_a_dataplane(self):
        """TCP goes through the dataplane, so by the Unix socket."""
        boot_id = self.api.get_node().boot_id
        ctl("stop", "dataplane")
        try:
            api = Api(f"{STATE}/api.sock")
            self.addCleanup(api.close)
            api.await_dataplane(False)
            node = api.get_node()
            self.assertEqual((node.boot_id, node.worker_count, node.HasField("limits")),
                             ("", 0, False))
            for call, request in ((api.node.ListCores, node_pb2.ListCoresRequest()),
                                  (api.node.ListInterfaces, node_pb2.ListInterfacesRequest()),
                                  (api.node.GetStatistics, node_pb2.GetStatisticsRequest())):
                self.assertIn("dataplane", failure(Code.UNAVAILABLE, call, request))
            watch = statistics_pb2_grpc.StatisticsServiceStub(api.channel).WatchStatistics(
                statistics_pb2.WatchStatisticsRequest(), timeout=PATIENCE_S)
            self.assertIn("dataplane", failure(Code.UNAVAILABLE, next, watch))
        finally:
            ctl("start", "dataplane")
        self.api.await_dataplane()
        self.assertNotEqual(self.api.get_node().boot_id, boot_id)


class Drain(WithNode):
    def setUp(self):
        self.empty()

    def tearDown(self):
        self.undrain()
        self.empty()

    def empty(self):
        for room in self.api.rooms.ListRooms(room_pb2.ListRoomsRequest()).rooms:
            self.api.delete(room.name.split("/")[1])

    def drain(self, **fields):
        return self.api.node.DrainNode(node_pb2.DrainNodeRequest(**fields), timeout=PATIENCE_S)

    def undrain(self, **fields):
        return self.api.node.UndrainNode(node_pb2.UndrainNodeRequest(**fields), timeout=PATIENCE_S)

    def drained(self, events):
        """The event that says so; the node says so too."""
        event = events.until(lambda e: e.kind == Event.KIND_NODE_DRAINED)[-1]
        self.assertTrue(self.api.get_node().drain.drained)
        return event

    def watching(self):
        events = self.api.watch_events()
        self.addCleanup(events.cancel)
        snapshot(events)
        return events

    def test_nothing_new_comes_and_what_runs_goes_on(self):
        session = self.api.join(self.room(), "me").session
        events = self.watching()
        node = self.drain()
        self.assertGreater(node.drain.start_time_ms, 0)
        self.assertEqual((node.drain.deadline_time_ms, node.drain.remove_at_deadline,
                          node.drain.drained), (0, False, False))
        for call in (lambda: self.api.create("later"), lambda: self.api.join("later"),
                     lambda: self.api.join(self.room()), lambda: self.transport(5300)):
            self.assertIn("nothing new", failure(Code.UNAVAILABLE, call))
        failure(Code.NOT_FOUND, self.api.get, "later")
        self.assertEqual(len(self.api.publish(session, sdp()).tracks), 2)
        self.assertEqual(self.api.get_node().drain, node.drain)
        self.api.leave(session)
        self.assertEqual(self.drained(events).reason, "empty")
        failure(Code.UNAVAILABLE, self.api.join, self.room())  # drained it still takes nobody
        self.assertFalse(self.undrain().HasField("drain"))
        self.api.leave(self.api.join(self.room()).session)

    def test_deadline(self):
        session = self.api.join(self.room(), "me").session
        events = self.watching()
        node = self.drain(deadline_seconds=1)
        self.assertEqual(node.drain.deadline_time_ms - node.drain.start_time_ms, 1000)
        self.assertEqual(self.drained(events).reason, "deadline")
        self.api.leave(session)  # it was still there

    def test_removed_at_the_deadline(self):
        session = self.api.join(self.room(), "me").session
        own = self.api.watch_session(session)
        own.until_session("ready")
        made = self.transport(5400), self.transport(5401, room=f"rooms/{self.room()}",
                                                    transport_id="trunk")
        events = self.watching()
        self.drain(deadline_seconds=1, remove_at_deadline=True)
        self.assertEqual(own.until_session("removed")[-1].removed.reason, "drained")
        seen = events.until(lambda e: e.kind == Event.KIND_NODE_DRAINED)
        self.assertEqual(seen[-1].reason, "deadline")
        removed = {e.participant.name.rsplit("/", 1)[1]: e.reason for e in seen
                   if e.kind == Event.KIND_PARTICIPANT_REMOVED}
        self.assertEqual(removed, {"me": "drained", "trunk": "drained"})
        for transport in made:
            failure(Code.NOT_FOUND, self.delete, transport)
        node = self.api.get_node()
        self.assertEqual((node.participant_count, node.transport_count), (0, 0))

    def test_another_deadline(self):
        session = self.api.join(self.room(), "me").session
        events = self.watching()
        first = self.drain(deadline_seconds=3600, remove_at_deadline=True).drain
        second = self.drain(deadline_seconds=1).drain
        self.assertEqual(second.start_time_ms, first.start_time_ms)
        self.assertFalse(second.remove_at_deadline)
        self.assertLess(second.deadline_time_ms, first.deadline_time_ms)
        self.assertEqual(self.drained(events).reason, "deadline")
        self.api.participant(session.participant)

    def test_undrained_before_the_deadline(self):
        """A deadline that is called off does not come."""
        session = self.api.join(self.room(), "me").session
        self.drain(deadline_seconds=1, remove_at_deadline=True)
        self.undrain()
        events = self.watching()
        self.drain(deadline_seconds=2)
        self.assertEqual(self.drained(events).reason, "deadline")
        self.api.participant(session.participant)

    def test_an_empty_node_is_drained_at_once(self):
        events = self.watching()
        self.drain()
        self.assertEqual(self.drained(events).reason, "empty")

    def test_who_was_away_is_told_later(self):
        """Of a room or of all: whoever resumes hears that the node was drained meanwhile."""
        room = f"rooms/{self.room()}"
        self.api.create(self.room())
        tokens = {}
        for parent in ("", room):
            events = self.api.watch_events(parent)
            tokens[parent] = snapshot(events)[-1].resume_token
            events.cancel()
        self.drain()
        wait_for(lambda: self.api.get_node().drain.drained, "the node to be drained")
        for parent, token in tokens.items():
            events = self.api.watch_events(parent, resume_token=token)
            self.assertFalse(events.next().snapshot_follows)
            self.assertEqual(self.drained(events).reason, "empty")
            events.cancel()

    def test_errors_and_repeats(self):
        text = failure(Code.INVALID_ARGUMENT, self.drain, deadline_seconds=604801)
        self.assertIn("deadline_seconds", text)
        self.assertFalse(self.api.get_node().HasField("drain"))
        self.assertFalse(self.undrain().HasField("drain"))
        self.api.join(self.room())
        first = self.drain(deadline_seconds=604800, request_id="drain-1")
        self.assertEqual(self.drain(deadline_seconds=604800, request_id="drain-1"), first)
        failure(Code.FAILED_PRECONDITION, self.drain, deadline_seconds=1, request_id="drain-1")
        self.undrain(request_id="undrain-1")
        self.drain()
        # A repeat is answered, not done again.
        self.assertFalse(self.undrain(request_id="undrain-1").HasField("drain"))
        self.assertTrue(self.api.get_node().HasField("drain"))


class Statistics(WithNode):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.statistics = statistics_pb2_grpc.StatisticsServiceStub(cls.api.channel)

    def watch(self, interval_ms=100, **fields):
        call = self.statistics.WatchStatistics(statistics_pb2.WatchStatisticsRequest(
            filter=statistics_pb2.GetStatisticsRequest(**fields), interval_ms=interval_ms),
            timeout=60)
        self.addCleanup(call.cancel)
        return call

    def test_again_and_again(self):
        call = self.watch(200)
        told = [next(call) for _ in range(4)]
        for before, after in zip(told, told[1:]):
            self.assertGreaterEqual(after.timestamp - before.timestamp, 190)
        for before, after in zip(told[0].workers, told[-1].workers):
            self.assertGreater(after.polls, before.polls)
        once = self.statistics.GetStatistics(statistics_pb2.GetStatisticsRequest(),
                                             timeout=PATIENCE_S)
        self.assertEqual([d.name for d in told[0].drops], [d.name for d in once.drops])
        self.assertGreater(once.timestamp, told[-1].timestamp)
        self.assertGreaterEqual(once.books.packets_received, told[-1].books.packets_received)
        call.cancel()

    def test_filters(self):
        two = {"participant": "rooms/a/participants/b", "room": "rooms/a"}
        self.assertIn("at most one", failure(
            Code.INVALID_ARGUMENT, self.statistics.GetStatistics,
            statistics_pb2.GetStatisticsRequest(**two), timeout=PATIENCE_S))
        self.assertIn("at most one", failure(Code.INVALID_ARGUMENT, next, self.watch(**two)))

    def test_intervals(self):
        for bad in (1, 99, 60001):
            self.assertIn("interval_ms", failure(Code.INVALID_ARGUMENT, next, self.watch(bad)))
        for good in (0, 100, 60000):
            self.assertEqual(len(next(self.watch(good)).workers), WORKERS + 1)  # at once
        bare = self.statistics.WatchStatistics(statistics_pb2.WatchStatisticsRequest(), timeout=60)
        self.assertGreater(len(next(bare).drops), 0)
        bare.cancel()

    def test_ends_with_what_it_was_about(self):
        session = self.api.join(self.room(), "me").session
        self.api.publish(session, sdp())
        trunk = self.transport(5500)
        of_one, of_room = self.watch(participant=session.participant), self.watch(
            room=f"rooms/{self.room()}")
        of_trunk = self.watch(transport=trunk.name)

        def transports(call):
            return [(t.participant, t.transport) for t in next(call).transports]
        wait_for(lambda: transports(of_one) == [(session.participant, "")], "its transport")
        wait_for(lambda: transports(of_room) == [(session.participant, "")], "the room's transport")
        wait_for(lambda: [t for _, t in transports(of_trunk)] == [trunk.name], "the plain one")
        self.api.leave(session)
        # What is left of the room is nothing; the participant is not there any more.
        wait_for(lambda: transports(of_room) == [], "the room to be empty")
        self.assertIn(session.participant, self.end(of_one))
        self.api.delete(self.room())
        self.assertIn(self.room(), self.end(of_room))
        self.delete(trunk)
        self.assertIn(trunk.name, self.end(of_trunk))

    def end(self, call):
        """NOT_FOUND, after what was under way."""
        with self.assertRaises(grpc.RpcError) as caught:
            while True:
                next(call)
        self.assertEqual(caught.exception.code(), Code.NOT_FOUND)
        return caught.exception.details()

    def test_what_is_not_there(self):
        for filters in (dict(room="rooms/nobody-made-it"), dict(transport="transports/none"),
                        dict(participant="rooms/nobody-made-it/participants/none")):
            failure(Code.NOT_FOUND, next, self.watch(**filters))
            failure(Code.NOT_FOUND, self.statistics.GetStatistics,
                    statistics_pb2.GetStatisticsRequest(**filters))
        failure(Code.INVALID_ARGUMENT, next, self.watch(room="x"))

    def test_many_that_are_cut_off(self):
        """Streams whose readers go leave nothing that fires."""
        for _ in range(50):
            call = self.watch()
            next(call)
            call.cancel()
        kept = self.watch()
        stamps = [next(kept).timestamp for _ in range(5)]
        self.assertEqual(stamps, sorted(set(stamps)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
