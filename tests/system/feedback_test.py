#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
"""Feedback of a hostile receiver, with right keys: NACK for everything and PLI a thousand times a
second, transport-wide feedback and REMB that cannot be, compounds with lying lengths. What it costs
is bounded and counted, and another receiver of the same picture gets every packet, once, in order.
"""
import random
import select
import struct
import sys
import time
import unittest

from api_lab import Api, PATIENCE_S, wait_for
from ortc_peer import VIDEO_PT, Client, is_rtcp, nack, packets_of, rtcp, vp8
from sluice.v1 import node_pb2, transport_pb2, transport_pb2_grpc
from webrtc_peer import Identity

SEED = 20261127
SECONDS, COMPOUNDS_PER_S, MEDIA_EVERY = 3, 1000, 5  # a packet of media for so many compounds
SENDER, RTX, CALM, HOSTILE, HOSTILE_RTX = 0x5eed, 0x5e0, 0xca1, 0xbad, 0xbae
TWCC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
# What a transport of one stream is listened to (proto/rtc/rtcp_budget.h).
UNITS_PER_S, UNITS_AT_ONCE, UNITS_PACKET = 21000, 10500, 8
# Answers to NACKs (proto/rtc/loss/resend.h): 30 % of 5 Mbit/s as long as there is no estimate.
ANSWERS_BPS = 5_000_000 * 30 // 100
PLIS_TO_PUBLISHER_PER_S = 2  # one in 500 ms (KEYFRAME_INTERVAL_US)


def heard_at_most(body_bytes, seconds):
    """Packets of that size that one transport is listened to."""
    units = UNITS_PACKET + body_bytes // 4
    return (UNITS_PER_S * seconds + UNITS_AT_ONCE) // units + 1


class Feedback(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.calls = transport_pb2_grpc.TransportServiceStub(cls.api.channel)
        identity = Identity()
        cls.sender, cls.calm, cls.hostile = (
            Client(cls.calls, identity, True).connect() for _ in range(3))
        producer = cls.sender.produce_video(SENDER, RTX)
        cls.calm.consumer(producer, ssrc=CALM)
        cls.hostile.consumer(
            producer, ssrc=HOSTILE, rtx=transport_pb2.RtxParameters(ssrc=HOSTILE_RTX),
            payload_types=[transport_pb2.PayloadTypeMap(**{"from": VIDEO_PT, "to": 100,
                                                           "rtx": 101})],
            header_extensions=[transport_pb2.HeaderExtension(uri=TWCC_URI, id=3)])
        wait_for(lambda: cls.of_hostile().outbound_rtp, "the hostile receiver's numbers")
        cls.seq = 0
        cls.random = random.Random(SEED)

    @classmethod
    def tearDownClass(cls):
        for client in (cls.sender, cls.calm, cls.hostile):
            cls.calls.DeleteTransport(transport_pb2.DeleteTransportRequest(name=client.made.name),
                                      timeout=PATIENCE_S)
            client.socket.close()
        cls.api.close()

    def setUp(self):
        self.got = {CALM: [], HOSTILE: [], HOSTILE_RTX: []}  # sequence numbers
        self.plis = 0  # that reached the sender
        self.newest = None  # sequence number at the hostile receiver
        self.before = self.counters()
        self.started = time.monotonic()

    @classmethod
    def of_hostile(cls):
        return cls.api.node.GetStatistics(node_pb2.GetStatisticsRequest(
            transport=cls.hostile.made.name), timeout=PATIENCE_S)

    def counters(self):
        statistics, mine = self.api.statistics(), self.of_hostile()
        return {**{d.name: d.packets for d in statistics.drops},
                "busy_us": sum(w.busy_us for w in statistics.workers),
                **{name: getattr(mine.outbound_rtp[0], name) for name in
                   ("pli_count", "fir_count", "nack_count", "nack_refused",
                    "retransmitted_packets_sent", "retransmitted_bytes_sent", "packets_sent")}}

    def drain(self, until):
        """Reads what comes in until then."""
        clients = {c.socket: c for c in (self.sender, self.calm, self.hostile)}
        while True:
            ready = select.select(list(clients), [], [], max(0, until - time.monotonic()))[0]
            if not ready:
                return
            for sock in ready:
                opened = clients[sock].read(0)
                if opened is not None:
                    self.read(clients[sock], opened)

    def read(self, client, opened):
        if is_rtcp(opened):
            if client is self.sender:
                self.plis += sum((kind, count) == (206, 1) for kind, count, _ in packets_of(opened))
            return
        seq, ssrc = struct.unpack_from("!H4xI", opened, 2)
        self.got[ssrc].append(seq)
        if ssrc == HOSTILE:
            self.newest = seq

    def attack(self, compound):
        """compound() a thousand times a second, or less where this machine is slow, beside media."""
        sent = media = 0
        start = time.monotonic()
        while time.monotonic() < start + SECONDS:
            if sent % MEDIA_EVERY == 0:
                self.sender.send_rtp(vp8(self.seq & 0xffff, SENDER))
                type(self).seq += 1
                media += 1
            self.hostile.send_rtcp(compound())
            sent += 1
            self.drain(start + sent / COMPOUNDS_PER_S)
        taken = time.monotonic() - start
        wait_for(lambda: self.drain(time.monotonic() + 0.1) or len(self.got[CALM]) >= media,
                 "the calm receiver's packets")
        first = self.got[CALM][0]
        self.assertEqual(self.got[CALM], [first + i & 0xffff for i in range(media)])
        # Counters are published ten times a second; a packet sent now would be after all of them.
        wait_for(lambda: self.api.statistics().books.difference == 0, "the books")
        self.drain(time.monotonic() + 0.2)
        after = self.counters()
        grown = {name: after[name] - self.before[name] for name in after}
        print(f"measured: {self.id().split('.')[-1]}: {sent} compounds in {taken:.1f} s, "
              f"{grown['RTCP_RATE']} over the rate, {media} packets to the calm receiver, "
              f"{self.plis} PLIs to the publisher, busy {grown['busy_us'] / 1e6:.3f} s",
              file=sys.stderr)
        return sent, time.monotonic() - self.started, grown

    def test_nack_for_everything(self):
        entries = 60  # each 17 packets: the 1020 newest

        def compound():
            newest = self.newest or 0
            return nack(HOSTILE, *((newest - 17 * i & 0xffff, 0xffff) for i in range(1, 1 + entries)))
        sent, seconds, grown = self.attack(compound)
        heard = heard_at_most(8 + 4 * entries, seconds)
        self.assertGreater(grown["RTCP_RATE"], 0)
        self.assertGreaterEqual(grown["RTCP_RATE"], sent - heard)
        self.assertLessEqual(grown["nack_count"], heard)
        self.assertGreater(grown["retransmitted_packets_sent"], 0)
        # A quarter of a second's answers may have been saved up.
        self.assertLessEqual(8 * grown["retransmitted_bytes_sent"], ANSWERS_BPS * (seconds + 0.25))
        # Each of its packets asked for 1020.
        self.assertEqual(grown["nack_refused"] + grown["retransmitted_packets_sent"],
                         grown["nack_count"] * entries * 17)
        self.assertEqual(len(set(self.got[HOSTILE])), len(self.got[HOSTILE]))

    def test_plis(self):
        count = 50
        pli = rtcp(206, 1, struct.pack("!II", 1, HOSTILE))
        sent, seconds, grown = self.attack(lambda: pli * count)
        heard = heard_at_most(8, seconds)
        self.assertGreaterEqual(grown["RTCP_RATE"], sent - heard // count - 1)
        self.assertLessEqual(grown["pli_count"], heard)
        self.assertIn(self.plis, range(1, int(PLIS_TO_PUBLISHER_PER_S * seconds) + 3))

    def test_firs(self):
        entries = 100
        fir = rtcp(206, 4, struct.pack("!II", 1, 0) + b"".join(
            struct.pack("!IB3x", HOSTILE, i) for i in range(entries)))
        sent, seconds, grown = self.attack(lambda: fir)
        heard = heard_at_most(8 + 8 * entries, seconds)
        self.assertGreaterEqual(grown["RTCP_RATE"], sent - heard)
        self.assertGreater(grown["fir_count"], 0)
        self.assertLessEqual(grown["fir_count"], heard * entries)
        self.assertEqual(grown["pli_count"], 0)
        self.assertIn(self.plis, range(0, int(PLIS_TO_PUBLISHER_PER_S * seconds) + 3))

    def test_transport_wide_feedback_that_cannot_be(self):
        def compound():
            base, reference = self.random.randrange(1 << 16), self.random.randrange(1 << 24)
            head = lambda count: struct.pack("!IIHHI", 1, HOSTILE, base, count, reference << 8)
            large = head(20) + struct.pack("!H", 0x4000 | 20) + b"".join(
                struct.pack("!h", self.random.choice((-32768, 32767))) for _ in range(20)) + bytes(2)
            none = head(65535) + struct.pack("!10H", *[0x1fff] * 10)
            short = head(7) + struct.pack("!H", 0x2000 | 7) + bytes(2)  # deltas are missing
            return rtcp(205, 15, large) + rtcp(205, 15, none) + rtcp(205, 15, short)
        sent, seconds, grown = self.attack(compound)
        # One speaks of 65535 packets, and 16 of them cost a unit.
        heard = heard_at_most(4 * 65535 // 16, seconds)
        self.assertGreaterEqual(grown["RTCP_RATE"], sent - heard)

    def test_remb_of_nothing_and_of_everything(self):
        values = [0, 131072 | 46 << 18]  # 2^17 << 46

        def compound():
            values.reverse()
            return rtcp(206, 15, struct.pack("!II4sI", 1, 0, b"REMB", 1 << 24 | values[0]) +
                        struct.pack("!I", HOSTILE))
        _, _, grown = self.attack(compound)
        self.assertGreater(grown["packets_sent"], 0)

    def test_lengths_that_lie(self):
        whole = rtcp(201, 0, struct.pack("!I", 1)) + rtcp(206, 1, struct.pack("!II", 1, HOSTILE))
        lies = []
        for offset in (2, 10):  # of either packet's length
            for length in (0, 5, 0xfff, 0xffff):
                bad = bytearray(whole)
                struct.pack_into("!H", bad, offset, length)
                lies.append(bytes(bad))
        lies += [bytes([whole[0] | 31]) + whole[1:],  # 31 report blocks that are not there
                 bytes([whole[0] | 0x20]) + whole[1:]]  # padding without any
        sent, _, grown = self.attack(lambda: self.random.choice(lies))
        self.assertEqual(grown["RTCP_MALFORMED"], sent)
        self.assertEqual(grown["pli_count"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
