#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
# lab: --clients 1 --workers 4
"""WebRTC transports by messages alone, with a stack that is not ours (ICE by hand, OpenSSL's DTLS,
SRTP by libcrypto): connected as either DTLS role, media both ways, ICE restarted under media, a
certificate that is not the announced one refused.
"""
import struct
import time
import unittest

from api_lab import Api, PATIENCE_S, failure, snapshot, wait_for
from ortc_peer import (Client, PT, Role, VIDEO_PT, VIDEO_RTX_PT, VP8, VP8_RTX, credentials,
                       is_rtcp, nack, nacked, vp8)
import grpc
from OpenSSL import SSL
from sluice.v1 import node_pb2, room_pb2, transport_pb2, transport_pb2_grpc
from webrtc_peer import BINDING_SUCCESS, Identity, Peer, binding_request

Code = grpc.StatusCode
PACKETS = 50


def rtp(seq, ssrc):
    return struct.pack("!BBHII", 0x80, PT, seq, 960 * seq, ssrc) + b"sluice"


class Ortc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.calls = transport_pb2_grpc.TransportServiceStub(cls.api.channel)
        cls.identity = Identity()

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    def client(self, active=True):
        client = Client(self.calls, self.identity, active)
        self.addCleanup(client.socket.close)
        self.addCleanup(self.delete, client)
        return client

    def delete(self, client):
        try:
            self.calls.DeleteTransport(transport_pb2.DeleteTransportRequest(
                name=client.made.name), timeout=PATIENCE_S)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), Code.NOT_FOUND)

    def assert_flows(self, sender, first, ssrc, receiver, consumed):
        for seq in range(first, first + PACKETS):
            sender.socket.send(sender.srtp.protect(rtp(seq, ssrc)))
        self.assertEqual(receiver.media(consumed, PACKETS), [b"sluice"] * PACKETS)

    def test_media_between_both_roles(self):
        """The peer begins the handshake on one transport, the server on the other."""
        active, passive = self.client().connect(), self.client(active=False).connect()
        for client, role in ((active, Role.ROLE_SERVER), (passive, Role.ROLE_CLIENT)):
            got = client.get()
            self.assertEqual(got.webrtc.dtls.role, role)
            self.assertEqual(got.webrtc.selected_remote,
                             "{}:{}".format(*client.socket.getsockname()))
        for sender, receiver, ssrc in ((active, passive, 0x5eed), (passive, active, 0xfeed)):
            consumed = receiver.consume(sender.produce(ssrc))
            self.assert_flows(sender, 1000, ssrc, receiver, consumed)

    def test_restart(self):
        """New credentials, then a new address; keys, producers and consumers stay."""
        sender, receiver = self.client().connect(), self.client().connect()
        consumed = receiver.consume(sender.produce(7))
        self.assert_flows(sender, 1, 7, receiver, consumed)
        for client, other in ((sender, receiver), (receiver, sender)):
            before, old = client.made.webrtc.ice, client.ice
            client.ice = credentials()
            client.made = self.calls.RestartIce(transport_pb2.RestartIceRequest(
                name=client.made.name, ice=client.ice), timeout=PATIENCE_S)
            self.assertNotEqual(client.made.webrtc.ice.username_fragment, before.username_fragment)
            self.assertNotEqual(client.made.webrtc.ice.password, before.password)
            self.assertEqual(client.made.generation, client.made.applied_generation)
            # Nothing of the new generation is selected yet: the old path goes on.
            first = 1000 if client is sender else 3000
            self.assert_flows(sender, first, 7, receiver, consumed)
            moved = Peer(self.identity, client.remote, client.ice)
            self.addCleanup(moved.socket.close)
            moved.check(binding_request(client.ice, client.made.webrtc.ice),
                        time.monotonic() + PATIENCE_S)
            former, client.socket = client.socket, moved.socket
            self.addCleanup(former.close)
            address = "{}:{}".format(*moved.socket.getsockname())
            wait_for(lambda: client.selected() == address, "the new address")
            self.assert_flows(sender, first + 1000, 7, receiver, consumed)
            self.assertFalse(self.answered(client, old, before), "the old generation is answered")

    def answered(self, client, ours, theirs):
        """A check with those credentials, ahead of one that certainly is answered."""
        probe, known = binding_request(ours, theirs), binding_request(client.ice,
                                                                      client.made.webrtc.ice)
        seen = set()
        end = time.monotonic() + PATIENCE_S
        while known[8:20] not in seen and time.monotonic() < end:
            client.socket.send(probe)
            client.socket.send(known)
            answer = client.receive(1)
            while answer is not None:
                if answer[:2] == BINDING_SUCCESS.to_bytes(2, "big"):
                    seen.add(answer[8:20])
                answer = client.receive(0.2)
        self.assertIn(known[8:20], seen)
        return probe[8:20] in seen

    def test_rtx_repairs_both_ways(self):
        """Of what the sender's way loses the node asks for, of what the receiver's does, it."""
        count, lost_up, lost_down = 20, {7, 8}, 11
        sender, receiver = self.client().connect(), self.client().connect()
        producer = sender.produce_video(0x5eed, 0x5e0)
        self.assertEqual([c.mime_type for c in producer.codecs], ["video/VP8", "video/rtx"])
        self.assertEqual(producer.encodings[0].rtx.ssrc, 0x5e0)
        made = receiver.consumer(
            producer, ssrc=0xc0, rtx=transport_pb2.RtxParameters(ssrc=0xc1), payload_types=[
                transport_pb2.PayloadTypeMap(**{"from": VIDEO_PT, "to": 100, "rtx": 101})])
        self.assertEqual((made.ssrc, made.rtx.ssrc, made.payload_types[0].rtx), (0xc0, 0xc1, 101))
        for seq in range(count):
            if seq not in lost_up:
                sender.send_rtp(vp8(seq, 0x5eed))
        self.repair(sender, lost_up)
        got = self.video(receiver, count)
        first = min(got)
        self.assertEqual([got[seq][-2:] for seq in sorted(got)], [
            struct.pack("!H", i) for i in range(count)])
        self.assertEqual(sorted(got), [first + i for i in range(count)])
        receiver.send_rtcp(nack(0xc0, (first + lost_down & 0xffff, 0)))
        repair = self.next_rtp(receiver, 0xc1)
        self.assertEqual(repair[1] & 0x7f, 101)
        self.assertEqual(repair[12:14], struct.pack("!H", first + lost_down & 0xffff))
        self.assertEqual(repair[14:][:len(got[first + lost_down])], got[first + lost_down])
        wait_for(lambda: self.statistics(receiver).retransmitted_packets_sent == 1, "one repair")

    def statistics(self, client):
        return self.api.node.GetStatistics(node_pb2.GetStatisticsRequest(
            transport=client.made.name), timeout=PATIENCE_S).outbound_rtp[0]

    def repair(self, sender, lost):
        """Answers NACKs until nothing is asked for any more: what was lost, and only that."""
        seq, asked, left = 0, set(), set(lost)
        end = time.monotonic() + PATIENCE_S
        quiet = None
        while time.monotonic() < end and (left or quiet is None or time.monotonic() < quiet):
            opened = sender.read(0.2)
            if opened is None or not is_rtcp(opened):
                continue
            for number in nacked(opened):
                asked.add(number)
                original = vp8(number, 0x5eed)
                sender.send_rtp(struct.pack("!BBHII", 0x80, 0x80 | VIDEO_RTX_PT, seq,
                                            3000 * number, 0x5e0) +
                                struct.pack("!H", number) + original[12:])
                # The first makes the stream of its SSRC and is dropped, so it is asked for again.
                if seq:
                    left.discard(number)
                    quiet = time.monotonic() + 0.5
                seq += 1
        self.assertEqual(asked, lost)

    def video(self, receiver, count):
        """Payloads by sequence number, beyond 65535 where it wraps."""
        got = {}
        while len(got) < count:
            packet = self.next_rtp(receiver, 0xc0)
            seq = struct.unpack_from("!H", packet, 2)[0]
            base = min(got, default=seq)
            got[base + (seq - base + 0x8000 & 0xffff) - 0x8000] = packet[12:]
        return got

    def next_rtp(self, receiver, ssrc):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            opened = receiver.read(1)
            if opened is not None and not is_rtcp(opened):
                self.assertEqual(struct.unpack_from("!I", opened, 8)[0], ssrc)
                return opened
        self.fail(f"no packet of {ssrc:#x}")

    def test_rtx_refusals(self):
        client = self.client().connect()
        rtx = transport_pb2.RtxParameters
        video = lambda codecs, encoding: transport_pb2.ProduceRequest(
            transport=client.made.name, kind=room_pb2.MEDIA_KIND_VIDEO, codecs=codecs,
            encodings=[encoding])
        stray = transport_pb2.RtpCodec(mime_type="video/rtx", payload_type=99, clock_rate=90000,
                                       fmtp="apt=98")
        taken = transport_pb2.RtpCodec(mime_type="video/rtx", payload_type=VIDEO_PT,
                                       clock_rate=90000, fmtp=f"apt={VIDEO_PT}")
        one = transport_pb2.RtpEncoding(ssrc=1)
        for codecs, encoding, word in (
                ([VP8, stray], one, "apt="), ([VP8, taken], one, "apt="), ([VP8_RTX], one, "apt="),
                ([VP8], transport_pb2.RtpEncoding(ssrc=1, rtx=rtx(ssrc=2)), "rtx.ssrc"),
                ([VP8, VP8_RTX], transport_pb2.RtpEncoding(ssrc=1, rtx=rtx(ssrc=1)), "rtx.ssrc")):
            self.assertIn(word, failure(Code.INVALID_ARGUMENT, self.calls.Produce,
                                        video(codecs, encoding), timeout=PATIENCE_S))
        audio, plain = client.produce(5), self.calls.Produce(video([VP8], one), timeout=PATIENCE_S)
        pt = lambda **fields: transport_pb2.PayloadTypeMap(**{"from": VIDEO_PT, "to": 100, **fields})
        for source, fields, word in (
                (plain, dict(rtx=rtx(ssrc=2)), "rtx.ssrc"), (audio, dict(rtx=rtx()), "rtx.ssrc"),
                (plain, dict(payload_types=[pt(rtx=100)]), "payload_types"),
                (plain, dict(ssrc=3, rtx=rtx(ssrc=3), payload_types=[pt(rtx=101)]), "rtx.ssrc")):
            self.assertIn(word, failure(
                Code.INVALID_ARGUMENT, self.calls.Consume, transport_pb2.ConsumeRequest(consumers=[
                    transport_pb2.ConsumerSpec(transport=client.made.name, source=source.name,
                                               **fields)]), timeout=PATIENCE_S))

    def test_another_certificate_is_refused(self):
        self.api.create("strict")
        events = self.api.watch_events("rooms/strict")
        snapshot(events)
        for active in (True, False):
            client = self.client(active)
            client.create(room="rooms/strict")
            client.announce(Identity().fingerprint)
            # TLS tells the client of refusing it; where it is the client that refuses, its end.
            try:
                client.secure()
            except (SSL.Error, TimeoutError):
                pass
            gone = events.until(lambda e: e.kind == room_pb2.Event.KIND_PARTICIPANT_REMOVED)[-1]
            self.assertEqual(gone.participant.name, client.made.participant)
            self.assertIn("handshake failed", gone.reason)
            failure(Code.NOT_FOUND, client.get)
            failure(Code.NOT_FOUND, client.produce, 1)
        events.cancel()

    def test_order(self):
        client = self.client()
        client.create()
        request = transport_pb2.RestartIceRequest(name=client.made.name, ice=credentials())
        failure(Code.FAILED_PRECONDITION, self.calls.RestartIce, request, timeout=PATIENCE_S)
        failure(Code.FAILED_PRECONDITION, client.produce, 1)
        failure(Code.FAILED_PRECONDITION, self.calls.ConnectTransport,
                transport_pb2.ConnectTransportRequest(
                    name=client.made.name, plain=transport_pb2.PlainConnect(latch=True)),
                timeout=PATIENCE_S)
        wrong = client.parameters("sha-256 00:11")
        self.assertIn("fingerprint", failure(Code.INVALID_ARGUMENT, self.calls.ConnectTransport,
                                             wrong, timeout=PATIENCE_S))
        client.announce(self.identity.fingerprint)
        failure(Code.INVALID_ARGUMENT, client.announce, self.identity.fingerprint)
        client.secure()


if __name__ == "__main__":
    unittest.main(verbosity=2)
