#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# lab: --clients 1
"""Rooms: their settings, lists in pages, and WatchEvents: snapshots, what is missed and resumed,
heartbeats, streams that end.
"""
import time
import unittest

from api_lab import PATIENCE_S, Api, WithApi, failure, snapshot
import grpc
from sluice.v1 import room_pb2

Code = grpc.StatusCode
Event = room_pb2.Event
ANSWER_S = 0.1
UPDATES_MAX = 1000  # of 4 KiB each: the server holds 1 MiB for one reader, the journal 4


class Rooms(WithApi):
    def test_settings(self):
        made = self.api.create(self.room(), room=room_pb2.Room(
            display_name="Ü" * 64, metadata="{}", max_participants=2, tenant="acme"))
        self.assertEqual((made.display_name, made.metadata, made.max_participants, made.tenant),
                         ("Ü" * 64, "{}", 2, "acme"))
        update = self.api.rooms.UpdateRoom

        def request(*paths, **fields):
            return room_pb2.UpdateRoomRequest(room=room_pb2.Room(name=made.name, **fields),
                                              update_mask={"paths": paths})
        changed = update(request("display_name", display_name="", metadata="not named"))
        self.assertEqual((changed.display_name, changed.metadata), ("", "{}"))
        self.assertEqual(update(request(metadata="x")).metadata, "x")
        self.assertGreater(changed.generation, made.generation)
        for bad in (request("uid"), request("name"), request(max_participants=257),
                    request(metadata="x" * 4097), room_pb2.UpdateRoomRequest()):
            failure(Code.INVALID_ARGUMENT, update, bad)
        for _ in range(2):
            self.api.join(self.room())
        self.assertIn("2", failure(Code.RESOURCE_EXHAUSTED, self.api.join, self.room()))
        self.assertEqual(update(request("max_participants")).max_participants, 256)
        self.api.join(self.room())

    def test_pages(self):
        for i in range(7):
            self.api.join(self.room(), f"p{i}")

        def pages(call, request, field):
            sizes, items = [], []
            while not sizes or request.page_token:
                answer = call(request)
                sizes.append(len(getattr(answer, field)))
                items += [r.name for r in getattr(answer, field)]
                request.page_token = answer.next_page_token
                if len(sizes) == 1:  # what was listed and goes shifts nothing
                    self.api.rooms.RemoveParticipant(room_pb2.RemoveParticipantRequest(
                        name=f"rooms/{self.room()}/participants/p0"))
                    self.api.join(self.room(), "p0")
            return sizes, items
        request = room_pb2.ListParticipantsRequest(parent=f"rooms/{self.room()}", page_size=3)
        sizes, names = pages(self.api.rooms.ListParticipants, request, "participants")
        self.assertEqual(sizes, [3, 3, 2])
        self.assertEqual([n[-2:] for n in names],
                         ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p0"])
        rooms = pages(self.api.rooms.ListRooms, room_pb2.ListRoomsRequest(page_size=2), "rooms")[1]
        self.assertEqual(len(rooms), len(set(rooms)))
        self.assertIn(f"rooms/{self.room()}", rooms)
        failure(Code.INVALID_ARGUMENT, self.api.rooms.ListRooms,
                room_pb2.ListRoomsRequest(page_token="x"))


class Events(WithApi):
    def test_snapshot_then_changes_in_order(self):
        joined = self.api.join(self.room(), "one")
        stream = self.api.watch_events(f"rooms/{self.room()}")
        self.assertEqual([e.kind for e in snapshot(stream)],
                         [Event.KIND_ROOM_ADDED, Event.KIND_PARTICIPANT_ADDED,
                          Event.KIND_SNAPSHOT_END])
        other = self.api.create(f"{self.room()}-other")  # not of this stream's room
        two = self.api.join(self.room(), "two")
        self.api.leave(joined.session)
        self.api.delete(self.room())
        events = [stream.next() for _ in range(6)]
        self.assertEqual([(e.kind, e.reason) for e in events],
                         [(Event.KIND_PARTICIPANT_ADDED, ""),
                          (Event.KIND_SESSION_SUMMARY, ""),
                          (Event.KIND_PARTICIPANT_REMOVED, "left"),
                          (Event.KIND_SESSION_SUMMARY, ""),
                          (Event.KIND_PARTICIPANT_REMOVED, "room deleted"),
                          (Event.KIND_ROOM_REMOVED, "")])
        self.assertEqual(events[0].participant, two.participant)
        self.assertEqual(events[1].summary.uid, joined.participant.uid)
        self.assertEqual(events[2].participant.uid, joined.participant.uid)
        times = [e.time_ms for e in events]
        self.assertEqual(times, sorted(times))
        stream.cancel()
        everything = self.api.watch_events()
        self.assertIn(other.uid, {e.room.uid for e in snapshot(everything)})

    def test_resumed(self):
        self.api.create(self.room())
        stream = self.api.watch_events(f"rooms/{self.room()}")
        token = snapshot(stream)[-1].resume_token
        self.api.join(self.room(), "one")
        seen = stream.next()
        stream.cancel()
        self.api.join(self.room(), "two")
        self.api.create(f"{self.room()}-other")  # not of this stream's room
        for resume_token, names in ((token, ["one", "two"]), (seen.resume_token, ["two"])):
            again = self.api.watch_events(f"rooms/{self.room()}", resume_token=resume_token)
            first = again.next()
            self.assertEqual((first.kind, first.snapshot_follows), (Event.KIND_RESUMED, False))
            missed = [again.next() for _ in names]
            self.assertEqual([e.participant.name.rsplit("/", 1)[1] for e in missed], names)
            again.cancel()
        # A token of another run of the control plane is one from before everything we know.
        old = "0" * token.index("-") + token[token.index("-"):]
        again = self.api.watch_events(f"rooms/{self.room()}", resume_token=old)
        first = again.next()
        self.assertEqual((first.kind, first.snapshot_follows), (Event.KIND_RESUMED, True))
        self.assertEqual(len(snapshot(again)), 4)
        for bad in ("x", token + "0" * 19, "-", token[:-1] + "x"):
            failure(Code.INVALID_ARGUMENT,
                    self.api.watch_events(f"rooms/{self.room()}", resume_token=bad).next)

    def test_heartbeat(self):
        self.api.create(self.room())
        stream = self.api.watch_events(f"rooms/{self.room()}", heartbeat_seconds=1)
        snapshot(stream)
        beats = [stream.next() for _ in range(2)]
        self.assertEqual([e.kind for e in beats], [Event.KIND_HEARTBEAT] * 2)
        self.assertGreaterEqual(beats[1].time_ms - beats[0].time_ms, 990)

    def test_heartbeat_too_far_apart(self):
        self.assertIn("300", failure(Code.INVALID_ARGUMENT,
                                     self.api.watch_events(heartbeat_seconds=301).next))

    def test_slow_reader_is_cut_delays_nobody_and_resumes(self):
        """One reader reads nothing while more is told than the server holds for it."""
        room = f"rooms/{self.room()}"
        self.api.create(self.room())
        slow_api = Api(options=(("grpc.http2.bdp_probe", 0),  # a small window
                                ("grpc.compression_enabled_algorithms_bitset", 1)))
        self.addCleanup(slow_api.close)
        slow = slow_api.watch_events(room)
        token = snapshot(slow)[-1].resume_token
        beside = self.api.watch_events(room)
        snapshot(beside)
        told = []
        while slow.call.is_active():
            self.assertLess(len(told), UPDATES_MAX, "the slow reader was not cut")
            start = time.monotonic()
            text = f"{len(told):<4096}"
            self.api.rooms.UpdateRoom(room_pb2.UpdateRoomRequest(
                room=room_pb2.Room(name=room, metadata=text)), timeout=PATIENCE_S)
            event = beside.next()
            self.assertEqual((event.kind, event.room.metadata), (Event.KIND_ROOM_CHANGED, text))
            told.append(time.monotonic() - start)
        late = sorted(told)[int(len(told) * 0.9)]  # the machine may hold up one in ten
        self.assertLess(late, ANSWER_S, "the reader beside waited")
        got = 0
        with self.assertRaises(grpc.RpcError) as cut:
            while True:  # what had come before it was cut
                event = slow.next()
                token, got = event.resume_token, got + 1
        self.assertEqual(cut.exception.code(), Code.RESOURCE_EXHAUSTED)
        self.assertLess(got, len(told))
        again = self.api.watch_events(room, resume_token=token)
        first = again.next()
        self.assertEqual((first.kind, first.snapshot_follows), (Event.KIND_RESUMED, False))
        missed = [int(again.next().room.metadata) for _ in range(len(told) - got)]
        self.assertEqual(missed, list(range(got, len(told))))
        again.cancel()
        beside.cancel()

    def test_streams_that_end(self):
        for _ in range(20):
            stream = self.api.watch_events()
            stream.next()
            stream.cancel()
            self.api.join(self.room())
        self.api.delete(self.room())


if __name__ == "__main__":
    unittest.main(verbosity=2)
