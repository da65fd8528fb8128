#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
# lab: --clients 1 --workers 4
"""Plain transports end to end: a peer that is sockets and nothing else sends RTP and SRTP in, and
counts what comes out of others, every suite to every other; fixed and latched addresses.
"""
import os
import select
import socket
import struct
import unittest

from api_lab import Api, SFU4, ctl, failure, wait_for
import grpc
from srtp_peer import SUITES, SrtpPeer
from sluice.v1 import node_pb2, room_pb2, transport_pb2, transport_pb2_grpc

Code = grpc.StatusCode
SFU6 = os.environ["LAB_SFU6"]
SSRC, PT, PACKETS = 0x5eed, 111, 50
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=PT, clock_rate=48000, channels=2)


def rtp(seq, ssrc=SSRC, payload=b"sluice"):
    return struct.pack("!BBHII", 0x80, PT, seq & 0xffff, 960 * seq & 0xffffffff, ssrc) + payload


class Peer:
    """A socket and, with a suite, its keys."""

    def __init__(self, suite="", sfu=SFU4):
        self.family = socket.AF_INET6 if ":" in sfu else socket.AF_INET
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.connect((sfu, 9))
        self.address = self.own_address()
        self.suite = suite
        if suite:
            size = SUITES[suite]
            self.send_key, self.receive_key = os.urandom(size), os.urandom(size)
            self.srtp = SrtpPeer(suite, self.send_key, self.receive_key)

    def own_address(self):
        host, port, *_ = self.socket.getsockname()
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"

    def move(self):
        """To another address, with the same keys; nothing comes to the former one any more."""
        self.socket.close()
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.connect(self.to)
        self.address = self.own_address()

    def parameters(self, latch=False):
        srtp = transport_pb2.SrtpParameters(suite=self.suite, receive_key=self.send_key,
                                            send_key=self.receive_key) if self.suite else None
        return transport_pb2.PlainConnect(remote="" if latch else self.address, latch=latch,
                                          srtp=srtp)

    def send(self, packet, to):
        self.socket.connect(to)  # a forger has no transport of its own
        self.socket.send(self.srtp.protect(packet) if self.suite else packet)

    def media(self, seconds=5, wanted=PACKETS):
        """RTP that came in, opened: as many as wanted, or those of the time."""
        got = []
        while len(got) < wanted and select.select([self.socket], [], [], seconds)[0]:
            packet = self.socket.recv(2048)
            if 192 <= packet[1] <= 223:
                continue
            got.append(self.srtp.unprotect(packet) if self.suite else packet)
        return got

    def close(self):
        self.socket.close()


class WithTransports(unittest.TestCase):
    """Plain transports, each ended with its test."""

    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.calls = transport_pb2_grpc.TransportServiceStub(cls.api.channel)

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    def peer(self, suite=""):
        peer = Peer(suite)
        self.addCleanup(peer.close)
        return peer

    def create(self, peer, latch=False, ipv6=False, **fields):
        made = self.calls.CreateTransport(transport_pb2.CreateTransportRequest(
            plain=transport_pb2.PlainOptions(connect=peer.parameters(latch), ipv6=ipv6),
            **fields), timeout=10)
        self.addCleanup(self.delete, made.name)
        host, port = made.plain.local.rsplit(":", 1)
        peer.to = (host.strip("[]"), int(port))
        peer.socket.connect(peer.to)
        return made

    def delete(self, name):
        try:
            self.calls.DeleteTransport(transport_pb2.DeleteTransportRequest(name=name), timeout=10)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), Code.NOT_FOUND)

    def produce(self, transport, **fields):
        return self.calls.Produce(transport_pb2.ProduceRequest(
            transport=transport.name, kind=room_pb2.MEDIA_KIND_AUDIO, codecs=[OPUS],
            encodings=[transport_pb2.RtpEncoding(ssrc=SSRC)], **fields), timeout=10)

    def consume(self, *specs):
        return self.calls.Consume(transport_pb2.ConsumeRequest(consumers=specs), timeout=10)


class Plain(WithTransports):
    def test_every_suite_to_every_other(self):
        suites = ["", *SUITES]
        producers = []
        for suite in suites:
            peer = self.peer(suite)
            producers.append((peer, self.produce(self.create(peer))))
        consumers = [self.peer(suite) for suite in suites]
        made = [self.create(peer) for peer in consumers]
        self.consume(*(transport_pb2.ConsumerSpec(transport=to.name, source=producer.name, ssrc=i)
                       for to in made for i, (_, producer) in enumerate(producers, 1)))
        # Link addresses of those that only receive are asked for; until then there is no path.
        wait_for(lambda: self.reaches(producers[0][0], consumers), "a path to every consumer")
        for seq in range(1000, 1000 + PACKETS):
            for peer, _ in producers:
                peer.send(rtp(seq), peer.to)
        for peer in consumers:
            got = peer.media(wanted=PACKETS * len(producers))
            by_ssrc = {}
            for packet in got:
                by_ssrc.setdefault(struct.unpack_from("!I", packet, 8)[0], []).append(packet[12:])
            self.assertEqual({ssrc: len(packets) for ssrc, packets in by_ssrc.items()},
                             {i: PACKETS for i in range(1, len(producers) + 1)})
            self.assertEqual({p for packets in by_ssrc.values() for p in packets}, {b"sluice"})
        self.assertEqual(len(self.list()), 2 * len(suites))

    probe = 0

    def reaches(self, producer, consumers):
        Plain.probe += 1
        producer.send(rtp(Plain.probe), producer.to)
        found = [len(peer.media(0.2, 1)) for peer in consumers]
        for peer in consumers:
            peer.media(0.1, 1000)
        return all(found)

    def test_latches_on_authentication(self):
        peer, forger, listener = (self.peer("AEAD_AES_128_GCM"), self.peer("AEAD_AES_128_GCM"),
                                  self.peer())
        transport = self.create(peer, latch=True)
        producer = self.produce(transport)
        self.consume(transport_pb2.ConsumerSpec(transport=self.create(listener).name,
                                                source=producer.name))
        self.assertNotEqual(peer.to[1], int(os.environ["LAB_MEDIA_PORT"]))
        forger.send(rtp(1), peer.to)
        peer.send(rtp(2), peer.to)
        wait_for(lambda: self.remote(transport) == peer.address, "the peer's address to latch")
        forger.send(rtp(3), peer.to)

        # It then stays: another address is neither taken from packets nor from a call.
        failure(Code.INVALID_ARGUMENT, self.calls.ConnectTransport,
                transport_pb2.ConnectTransportRequest(name=transport.name,
                                                      plain=peer.parameters(latch=True)),
                timeout=10)
        failure(Code.INVALID_ARGUMENT, self.calls.ConnectTransport,
                transport_pb2.ConnectTransportRequest(name=transport.name,
                                                      plain=forger.parameters()), timeout=10)
        self.assertEqual(self.remote(transport), peer.address)

    def test_latches_on_a_packet_of_its_ssrc(self):
        """Without SRTP there is nothing else to tell the peer by."""
        peer, forger, listener = self.peer(), self.peer(), self.peer()
        transport = self.create(peer, latch=True)
        producer = self.produce(transport)
        self.consume(transport_pb2.ConsumerSpec(transport=self.create(listener).name,
                                                source=producer.name))
        before = self.dropped("RTP_UNKNOWN_SSRC")
        for packet in (b"", rtp(1)[:11], rtp(1, ssrc=SSRC + 1), b"\x80" + bytes(11)):
            forger.send(packet, peer.to)
        wait_for(lambda: self.dropped("RTP_UNKNOWN_SSRC") == before + 2,
                 "the forger's packets to be looked at")
        self.assertEqual(self.remote(transport), "")
        peer.send(rtp(2), peer.to)
        wait_for(lambda: self.remote(transport) == peer.address, "the peer's address to latch")
        forger.send(rtp(3, payload=b"forged"), peer.to)
        wait_for(lambda: self.reaches(peer, [listener]), "a path to the listener")
        self.assertEqual(self.remote(transport), peer.address)

    def dropped(self, name):
        return sum(d.packets for d in self.api.statistics().drops if d.name == name)

    def test_over_ipv6(self):
        sender, receiver = Peer("AEAD_AES_256_GCM", SFU6), Peer("", SFU6)
        self.addCleanup(sender.close)
        self.addCleanup(receiver.close)
        producer = self.produce(self.create(sender, latch=True, ipv6=True))
        self.consume(transport_pb2.ConsumerSpec(transport=self.create(receiver).name,
                                                source=producer.name))
        wait_for(lambda: self.reaches(sender, [receiver]), "a path over IPv6")
        for seq in range(1000, 1000 + PACKETS):
            sender.send(rtp(seq), sender.to)
        self.assertEqual([p[12:] for p in receiver.media()], [b"sluice"] * PACKETS)

    def test_a_fixed_peer_moves(self):
        for suite in ("", "AEAD_AES_128_GCM"):
            sender, receiver = self.peer(suite), self.peer(suite)
            transports = [self.create(sender), self.create(receiver)]
            producer = self.produce(transports[0])
            self.consume(transport_pb2.ConsumerSpec(transport=transports[1].name,
                                                    source=producer.name))
            wait_for(lambda: self.reaches(sender, [receiver]), "a path to the consumer")
            for transport, peer in zip(transports, (sender, receiver)):
                parameters = peer.parameters()
                peer.move()
                self.addCleanup(peer.close)
                answer = self.calls.ConnectTransport(transport_pb2.ConnectTransportRequest(
                    name=transport.name, plain=transport_pb2.PlainConnect(
                        remote=peer.address, srtp=parameters.srtp if suite else None)), timeout=10)
                self.assertEqual(answer.plain.remote, peer.address)
                self.assertEqual(answer.plain.srtp_suite, suite)
                self.assertEqual(answer.generation, answer.applied_generation)
            wait_for(lambda: self.reaches(sender, [receiver]), "a path to where it moved")
            other = self.peer("AEAD_AES_128_GCM").parameters()
            self.assertIn("srtp", failure(
                Code.INVALID_ARGUMENT, self.calls.ConnectTransport,
                transport_pb2.ConnectTransportRequest(
                    name=transports[0].name, plain=transport_pb2.PlainConnect(
                        remote=sender.address, srtp=other.srtp)), timeout=10))
            self.assertEqual(self.remote(transports[0]), sender.address)

    def remote(self, transport):
        return self.calls.GetTransport(transport_pb2.GetTransportRequest(name=transport.name),
                                       timeout=10).plain.remote

    def test_producer_is_a_track_of_its_room(self):
        self.api.create("gateway")
        events = self.api.watch_events("rooms/gateway")
        producer = self.produce(self.create(self.peer(), room="rooms/gateway",
                                            transport_id="trunk"), producer_id="line")
        name = "rooms/gateway/participants/trunk/tracks/line"
        self.assertEqual(producer.track, name)
        seen = events.until(lambda e: e.kind == room_pb2.Event.KIND_TRACK_ADDED)
        self.assertEqual(seen[-1].track.name, name)
        self.delete("transports/trunk")
        seen = events.until(lambda e: e.kind == room_pb2.Event.KIND_PARTICIPANT_REMOVED)
        self.assertEqual(seen[-1].reason, "removed")
        self.assertIn(room_pb2.Event.KIND_TRACK_REMOVED, [e.kind for e in seen])

    def test_a_producer_without_a_room_is_paused_and_resumed(self):
        sender, receiver = self.peer(), self.peer()
        producer = self.produce(self.create(sender))
        self.consume(transport_pb2.ConsumerSpec(transport=self.create(receiver).name,
                                                source=producer.name))
        wait_for(lambda: self.reaches(sender, [receiver]), "a path to the consumer")
        for paused in (True, False):
            answer = self.calls.SetProducerPaused(transport_pb2.SetProducerPausedRequest(
                name=producer.name, paused=paused), timeout=10)
            self.assertEqual(answer.paused, paused)

    def test_a_thousand_consumers_at_once(self):
        sender, receiver = self.peer(), self.peer("AEAD_AES_128_GCM")
        producer = self.produce(self.create(sender))
        to = self.create(receiver)
        made = self.consume(*(transport_pb2.ConsumerSpec(transport=to.name, source=producer.name,
                                                         ssrc=i) for i in range(1, 1001)))
        self.assertEqual([c.ssrc for c in made.consumers], list(range(1, 1001)))
        again = transport_pb2.ConsumerSpec(transport=to.name, source=producer.name, ssrc=1)
        failure(Code.ALREADY_EXISTS, self.consume, again)
        self.calls.DeleteConsumers(transport_pb2.DeleteConsumersRequest(
            names=[c.name for c in made.consumers]), timeout=10)
        failure(Code.ALREADY_EXISTS, self.consume, again)  # spent, for the life of the key

    def outbound(self, name):
        return self.api.node.GetStatistics(node_pb2.GetStatisticsRequest(transport=name),
                                           timeout=10).outbound_rtp

    def test_statistics_name_the_mid(self):
        producer = self.produce(self.create(self.peer()))
        to = self.create(self.peer())
        self.consume(transport_pb2.ConsumerSpec(transport=to.name, source=producer.name, mid="a7"))
        wait_for(lambda: [o.mid for o in self.outbound(to.name)] == ["a7"], "the consumer's mid")

    def test_what_a_killed_control_plane_leaves_is_listed(self):
        peer = self.peer("AEAD_AES_128_GCM")
        left = [self.create(peer, transport_id="left"),
                self.create(self.peer(), room="rooms/left", transport_id="in-a-room")]
        ctl("kill", "controlplane")
        ctl("start", "controlplane")
        self.api.channel.close()
        self.setUpClass()
        self.api.await_dataplane()
        listed = self.list()
        self.assertEqual(sorted(t.name for t in listed), sorted(t.name for t in left))
        for was in left:
            now = next(t for t in listed if t.name == was.name)
            self.assertTrue(now.orphan and not was.orphan)
            for field in ("uid", "room", "participant", "create_time_ms", "state"):
                self.assertEqual(getattr(now, field), getattr(was, field), field)
            for field in ("local", "remote", "srtp_suite", "latch"):
                self.assertEqual(getattr(now.plain, field), getattr(was.plain, field), field)
            self.assertEqual(self.calls.GetTransport(
                transport_pb2.GetTransportRequest(name=was.name), timeout=10), now)
        self.assertEqual([t.name for t in self.list(room="rooms/left")], ["transports/in-a-room"])
        fresh = self.create(self.peer())
        self.assertEqual([t.name for t in self.list(page_size=1)][-1], fresh.name)
        for was in left:
            self.delete(was.name)
        self.assertEqual([(t.name, t.orphan) for t in self.list()], [(fresh.name, False)])

    def list(self, **fields):
        return self.calls.ListTransports(transport_pb2.ListTransportsRequest(**fields),
                                         timeout=10).transports

    def test_refusals(self):
        peer = self.peer("AEAD_AES_128_GCM")
        good = peer.parameters()
        for change, word in ((dict(remote="127.0.0.1:9"), "remote"), (dict(remote="x"), "remote"),
                             (dict(latch=True), "latch"), (dict(srtp=transport_pb2.SrtpParameters(
                                 suite="F8_128_HMAC_SHA1_80")), "suite")):
            bad = transport_pb2.PlainConnect(remote=good.remote, srtp=good.srtp)
            bad.MergeFrom(transport_pb2.PlainConnect(**change))
            self.assertIn(word, failure(
                Code.INVALID_ARGUMENT, self.calls.CreateTransport,
                transport_pb2.CreateTransportRequest(
                    plain=transport_pb2.PlainOptions(connect=bad)), timeout=10))
        short = transport_pb2.SrtpParameters(suite=good.srtp.suite, receive_key=b"1", send_key=b"2")
        text = failure(Code.INVALID_ARGUMENT, self.calls.CreateTransport,
                       transport_pb2.CreateTransportRequest(plain=transport_pb2.PlainOptions(
                           connect=transport_pb2.PlainConnect(remote=good.remote, srtp=short))),
                       timeout=10)
        self.assertIn("28", text)
        self.create(peer)
        self.assertIn("remote address", failure(
            Code.RESOURCE_EXHAUSTED, self.calls.CreateTransport,
            transport_pb2.CreateTransportRequest(plain=transport_pb2.PlainOptions(connect=good)),
            timeout=10))


if __name__ == "__main__":
    unittest.main(verbosity=2)
