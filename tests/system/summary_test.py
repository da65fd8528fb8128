#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
"""What an event says of a session at its end: packets, bytes, loss, jitter, round trip and score of
what it published and was sent, held against what was sent on purpose and what statistics said.
"""
import math
import unittest

import plain_test
from api_lab import PATIENCE_S, snapshot, wait_for
from plain_test import SSRC, rtp
from sluice.v1 import node_pb2, room_pb2
import whip_test

Event = room_pb2.Event
PACKETS, EVERY, PAYLOAD = 200, 10, 40  # each tenth is left out


def score(stream):
    """The opinion score as room.proto says it."""
    delay = 1000 * (stream.round_trip_time / 2 + 2 * stream.jitter) + 20
    lost = max(stream.packets_lost, 0)
    percent = 100 * lost / (stream.packets + lost)
    x = math.log2(max(delay, 100) / 100)
    idd = 25 * ((1 + x**6)**(1 / 6) - 3 * (1 + (x / 3)**6)**(1 / 6) + 2)
    r = 93.2 - idd - 95 * percent / (percent + 25.1)
    r = min(max(r, 0), 100)
    return min(max(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1), 4.5)


def summary(events, participant):
    def wanted(event):
        return event.kind == Event.KIND_SESSION_SUMMARY and event.summary.participant == participant
    return events.until(wanted)[-1].summary


class Published(plain_test.WithTransports):
    def test_packets_loss_and_score(self):
        name = "rooms/gateway/participants/trunk"
        self.api.create("gateway")
        events = self.api.watch_events("rooms/gateway")
        snapshot(events)
        peer = self.peer()
        transport = self.create(peer, room="rooms/gateway", transport_id="trunk")
        track = self.produce(transport).track
        joined = self.api.participant(name)
        sent = [seq for seq in range(1, PACKETS + 1) if seq % EVERY != 0 or seq == PACKETS]
        for seq in sent:
            peer.send(rtp(1000 + seq, payload=bytes(PAYLOAD)), peer.to)
        wait_for(lambda: self.received(track) == len(sent), "all of them")
        measured = [s for s in self.api.statistics(name).inbound_rtp if s.track == track][0]
        self.delete(transport.name)
        told = summary(events, name)
        self.assertEqual((told.uid, told.join_time_ms), (joined.uid, joined.join_time_ms))
        self.assertLess(told.duration_ms, 1000 * PATIENCE_S)
        self.assertGreater(told.duration_ms, 0)
        self.assertEqual(len(told.subscribed), 0)
        stream, = told.published
        self.assertEqual((stream.track, stream.kind, stream.ssrc),
                         (track, room_pb2.MEDIA_KIND_AUDIO, SSRC))
        self.assertEqual(stream.packets, len(sent))
        self.assertEqual(stream.bytes, PAYLOAD * len(sent))
        self.assertEqual(stream.packets_lost, PACKETS - len(sent))
        self.assertEqual(stream.jitter, measured.jitter)
        self.assertTrue(math.isclose(stream.mos, score(stream)), (stream.mos, score(stream)))
        self.assertLess(stream.mos, 3.8)  # 10 % of the packets are missing: 3.5 without delay
        # The participant is gone when the next event says so.
        self.assertEqual(events.next().kind, Event.KIND_PARTICIPANT_REMOVED)

    def received(self, track):
        return sum(s.packets_received for s in self.api.statistics().inbound_rtp if s.track == track)

    def test_who_did_nothing(self):
        session = self.api.join("idle", "me").session
        events = self.api.watch_events("rooms/idle")
        snapshot(events)
        self.api.leave(session)
        told = summary(events, session.participant)
        self.assertEqual((len(told.published), len(told.subscribed)), (0, 0))


class Played(whip_test.WithApi):
    """By WebRTC clients: what a publisher's and a viewer's summary say of the same media."""

    def of(self, participant):
        return self.api.node.GetStatistics(node_pb2.GetStatisticsRequest(participant=participant),
                                           timeout=PATIENCE_S)

    def viewer(self, room):
        listed = self.api.rooms.ListParticipants(room_pb2.ListParticipantsRequest(
            parent=f"rooms/{room}"), timeout=PATIENCE_S).participants
        name, = [p.name for p in listed if p.name.rsplit("/", 1)[1] != "cam"]
        return name

    def test_publisher_and_viewer(self):
        room = self.room()
        publisher = self.publisher(room)
        player = self.client("play", f"{whip_test.URL}/whep/{room}")
        player.connected()
        player.decodes("audio", 50)
        viewer = self.viewer(room)
        events = self.api.watch_events(f"rooms/{room}")
        snapshot(events)

        def reported():
            remote = self.of(viewer).remote_inbound_rtp
            return len(remote) == 2 and all(s.round_trip_time > 0 for s in remote)
        wait_for(reported, "receiver reports")
        before = {s.track: s for s in self.of(viewer).outbound_rtp}
        cam = f"rooms/{room}/participants/cam"
        self.assertEqual({t.rsplit("/tracks/", 1)[0] for t in before}, {cam})
        player.end()
        told = summary(events, viewer)
        self.assertEqual(len(told.published), 0)
        self.assertEqual({s.track for s in told.subscribed}, set(before))
        for stream in told.subscribed:
            self.assertEqual(stream.ssrc, before[stream.track].ssrc)
            self.assertGreaterEqual(stream.packets, before[stream.track].packets_sent)
            self.assertGreater(stream.round_trip_time, 0)
            self.assertLess(stream.round_trip_time, 1)
            audio = stream.kind == room_pb2.MEDIA_KIND_AUDIO
            self.assertTrue(math.isclose(stream.mos, score(stream) if audio else 0), stream)
        publisher.end()
        told = summary(events, cam)
        self.assertEqual(len(told.subscribed), 0)
        self.assertEqual({s.track for s in told.published}, set(before))
        for stream in told.published:
            self.assertGreater(stream.packets, 0)
            if stream.kind == room_pb2.MEDIA_KIND_AUDIO:
                self.assertGreater(stream.mos, 4)

    def test_the_viewer_of_one_who_left(self):
        """Its line has no track any more; what it was sent is not forgotten."""
        room = self.room()
        publisher = self.publisher(room)
        player = self.client("play", f"{whip_test.URL}/whep/{room}")
        player.connected()
        player.decodes("video", 10)
        viewer = self.viewer(room)
        events = self.api.watch_events(f"rooms/{room}")
        snapshot(events)
        publisher.end()
        summary(events, f"rooms/{room}/participants/cam")
        self.assertEqual(len(self.of(viewer).outbound_rtp), 0)
        player.end()
        told = summary(events, viewer)
        self.assertEqual(sorted(s.kind for s in told.subscribed),
                         [room_pb2.MEDIA_KIND_AUDIO, room_pb2.MEDIA_KIND_VIDEO])
        for stream in told.subscribed:
            self.assertIn("/participants/cam/tracks/", stream.track)
            self.assertGreater(stream.packets, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
