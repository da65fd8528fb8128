#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
"""Who speaks, end to end: plain transports send audio with levels (RFC 6464); who is heard, what the
API says of it, and that it goes on without a control plane.
"""
import select
import struct
import time
import unittest

from api_lab import PATIENCE_S, Api, ctl, failure, snapshot, wait_for
import grpc
from ortc_peer import VIDEO_PT, VP8
from plain_test import OPUS, PT, Peer
from google.protobuf import field_mask_pb2
from sluice.v1 import room_pb2, statistics_pb2, transport_pb2, transport_pb2_grpc

LEVEL = transport_pb2.HeaderExtension(uri="urn:ietf:params:rtp-hdrext:ssrc-audio-level", id=1)
TALKS, SILENT = 0x80 | 20, 127
PACKET_S, SETTLED = 0.02, 50
PEOPLE = 3
SPEAKERS = statistics_pb2.OutboundRtpStats.LAYER_REASON_SPEAKERS
VIDEO = 10  # added to the SSRC of a person's audio
KEYFRAME = bytes.fromhex("101002009d012a8002e0011122")


class Talker:
    def __init__(self, peer, transport, ssrc, producer):
        self.peer, self.transport, self.ssrc = peer, transport, ssrc
        self.track = producer.track
        self.name = producer.name

    def say(self, seq, level):
        self.peer.send(struct.pack("!BBHIIHHBBxx", 0x90, PT, seq & 0xffff, 960 * seq & 0xffffffff,
                                   self.ssrc, 0xbede, 1, 0x10, level) + b"sluice", self.peer.to)


    def show(self, seq):
        """A keyframe of one packet."""
        self.peer.send(struct.pack("!BBHII", 0x80, 0x80 | VIDEO_PT, seq & 0xffff,
                                   1800 * seq & 0xffffffff, self.ssrc + VIDEO) + KEYFRAME,
                       self.peer.to)


class Speakers(unittest.TestCase):
    def setUp(self):
        self.connect()
        self.seq = 0
        self.newest = {}
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:60]

    def connect(self):
        self.api = Api()
        self.calls = transport_pb2_grpc.TransportServiceStub(self.api.channel)

    def tearDown(self):
        self.api.close()

    def transport(self):
        peer = Peer()
        self.addCleanup(peer.close)
        made = self.calls.CreateTransport(transport_pb2.CreateTransportRequest(
            plain=transport_pb2.PlainOptions(connect=peer.parameters()),
            room=f"rooms/{self.name}"), timeout=10)
        host, port = made.plain.local.rsplit(":", 1)
        peer.to = (host, int(port))
        peer.socket.connect(peer.to)
        return peer, made

    def show(self):
        """Everybody's camera, and the listener's wish for all of them."""
        made = [self.calls.Produce(transport_pb2.ProduceRequest(
            transport=talker.transport, kind=room_pb2.MEDIA_KIND_VIDEO, codecs=[VP8],
            encodings=[transport_pb2.RtpEncoding(ssrc=talker.ssrc + VIDEO)]), timeout=10)
                for talker in self.talkers]
        self.calls.Consume(transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=self.listening, source=m.name, ssrc=1 + VIDEO + i)
            for i, m in enumerate(made)]), timeout=10)
        self.shows = True

    def meet(self, **settings):
        self.api.create(self.name, room=room_pb2.Room(**settings))
        self.listener, listening = self.transport()
        self.listening, self.shows = listening.name, False
        self.talkers = []
        for i in range(PEOPLE):
            peer, made = self.transport()
            self.talkers.append(Talker(peer, made.name, 100 + i, self.calls.Produce(
                transport_pb2.ProduceRequest(
                    transport=made.name, kind=room_pb2.MEDIA_KIND_AUDIO, codecs=[OPUS],
                    encodings=[transport_pb2.RtpEncoding(ssrc=100 + i)],
                    header_extensions=[LEVEL]), timeout=10)))
        self.calls.Consume(transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=listening.name, source=talker.name, ssrc=1 + i)
            for i, talker in enumerate(self.talkers)]), timeout=10)

    def hear(self, packet):
        """Whose it is; of each the numbers go up one by one, whatever was left out between."""
        seq, ssrc = struct.unpack_from("!H4xI", packet, 2)
        if ssrc in self.newest:
            self.assertEqual(seq, (self.newest[ssrc] + 1) & 0xffff, f"a gap of SSRC {ssrc}")
        self.newest[ssrc] = seq
        return ssrc - 1

    def talk(self, loud, wanted):
        """All send a packet each 20 ms, one of them talks, until just those wanted are heard."""
        heard = []
        end = time.monotonic() + PATIENCE_S
        due = time.monotonic()
        while len(heard) < SETTLED or set(heard[-SETTLED:]) != wanted:
            now = time.monotonic()
            self.assertLess(now, end, f"{wanted} wanted, heard at last {heard[-SETTLED:]}")
            if now >= due:
                due += PACKET_S
                self.seq += 1
                for i, talker in enumerate(self.talkers):
                    talker.say(self.seq, TALKS if i == loud else SILENT)
                    if self.shows:
                        talker.show(self.seq)
            elif select.select([self.listener.socket], [], [], due - now)[0]:
                packet = self.listener.socket.recv(2048)
                if not 192 <= packet[1] <= 223:
                    who = self.hear(packet)
                    if self.shows == (who >= VIDEO):
                        heard.append(who % VIDEO)

    def levels(self):
        told = {s.ssrc: s.audio_level for s in self.api.statistics().inbound_rtp}
        return [told[talker.ssrc] for talker in self.talkers]

    def await_reasons(self, first, wanted):
        """What the API says of each consumer, from SSRC `first` on: held back by the limit or not."""
        def told():
            sent = {s.ssrc: s for s in self.api.statistics().outbound_rtp}
            return [sent[first + i].layer_reason == SPEAKERS for i in range(PEOPLE)]
        wait_for(lambda: told() == [i not in wanted for i in range(PEOPLE)],
                 f"{wanted} not to be held back of those from SSRC {first} on")

    def dropped(self, name):
        return sum(d.packets for d in self.api.statistics().drops if d.name == name)

    def test_the_dominant_speaker_is_told(self):
        self.meet()
        events = self.api.watch_events(f"rooms/{self.name}")
        self.assertEqual(snapshot(events)[0].room.dominant_speaker, "")
        for loud in (1, 2):
            self.talk(loud, {0, 1, 2})
            while self.api.get(self.name).dominant_speaker != self.talkers[loud].track:
                self.talk(loud, {0, 1, 2})
            told = events.until(lambda e: e.kind == room_pb2.Event.KIND_DOMINANT_SPEAKER)[-1]
            self.assertEqual(told.track.name, self.talkers[loud].track)
            # -20 dBov are a tenth.
            wait_for(lambda: self.levels() == [0.1 if i == loud else 0 for i in range(PEOPLE)],
                     "the levels of them all")
        again = self.api.watch_events(f"rooms/{self.name}")
        self.assertEqual(snapshot(again)[0].room.dominant_speaker, self.talkers[2].track)
        self.api.delete(self.name)

    def test_top_n_changes_while_they_talk(self):
        self.meet()
        self.talk(0, {0, 1, 2})
        for top_n, wanted in ((1, {0}), (0, {0, 1, 2})):
            room = self.api.rooms.UpdateRoom(room_pb2.UpdateRoomRequest(
                room=room_pb2.Room(name=f"rooms/{self.name}", audio_top_n=top_n),
                update_mask=field_mask_pb2.FieldMask(paths=["audio_top_n"])), timeout=PATIENCE_S)
            self.assertEqual(room.audio_top_n, top_n)
            self.assertEqual(room.generation, room.applied_generation)
            self.talk(0, wanted)
            self.await_reasons(1, wanted)
        self.assertIn("65536", failure(
            grpc.StatusCode.INVALID_ARGUMENT, self.api.rooms.UpdateRoom,
            room_pb2.UpdateRoomRequest(room=room_pb2.Room(name=f"rooms/{self.name}",
                                                          video_last_n=65536)),
            timeout=PATIENCE_S))
        self.api.delete(self.name)

    def test_last_n_shows_who_spoke_last(self):
        self.meet(video_last_n=1)
        before = self.dropped("OUTSIDE_LAST_N")
        self.talk(0, {0, 1, 2})
        self.show()
        for loud in (0, 2, 1):
            self.talk(loud, {loud})
            self.await_reasons(1 + VIDEO, {loud})
            self.await_reasons(1, {0, 1, 2})
        self.assertGreaterEqual(self.dropped("OUTSIDE_LAST_N") - before, SETTLED)
        self.api.delete(self.name)

    def test_without_a_control_plane(self):
        self.meet(audio_top_n=1, video_last_n=2)
        room = self.api.get(self.name)
        self.assertEqual((room.audio_top_n, room.video_last_n), (1, 2))
        before = self.dropped("OUTSIDE_TOP_N")
        self.talk(0, {0})
        self.assertGreaterEqual(self.dropped("OUTSIDE_TOP_N") - before, SETTLED)
        ctl("kill", "controlplane")
        try:
            self.talk(2, {2})
            self.talk(1, {1})
        finally:
            ctl("start", "controlplane")
        self.api.close()
        self.connect()
        self.api.await_dataplane()
        for made in self.calls.ListTransports(transport_pb2.ListTransportsRequest(),
                                              timeout=10).transports:
            self.calls.DeleteTransport(transport_pb2.DeleteTransportRequest(name=made.name),
                                       timeout=10)


if __name__ == "__main__":
    unittest.main()
