#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
# lab: --clients 1 --workers 2
"""WebRTC transports by messages alone, with a stack that is not ours (ICE by hand, OpenSSL's DTLS,
SRTP by libcrypto): connected as either DTLS role, media both ways, ICE restarted under media, a
certificate that is not the announced one refused.
"""
import secrets
import struct
import sys
import time
import unittest

from api_lab import Api, MEDIA_PORT, PATIENCE_S, SFU4, TREE, failure, snapshot, wait_for
import grpc
from OpenSSL import SSL
from srtp_peer import SrtpPeer
from sluice.v1 import room_pb2, transport_pb2, transport_pb2_grpc

sys.path.insert(0, str(TREE / "bench"))
# pylint: disable=wrong-import-position
from webrtc_peer import BINDING_SUCCESS, Identity, Peer, binding_request  # noqa: E402

Code = grpc.StatusCode
Role = transport_pb2.DtlsParameters
PT, PACKETS = 111, 50
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=PT, clock_rate=48000, channels=2)
SUITE, KEY, SALT = "AEAD_AES_128_GCM", 16, 12


def credentials():
    return transport_pb2.IceParameters(username_fragment=secrets.token_hex(4),
                                       password=secrets.token_hex(12))


def rtp(seq, ssrc):
    return struct.pack("!BBHII", 0x80, PT, seq, 960 * seq, ssrc) + b"sluice"


class Client(Peer):
    """A peer with a transport, and the media on it."""

    def __init__(self, calls, identity, active):
        super().__init__(identity, (SFU4, MEDIA_PORT), credentials())
        self.calls, self.active = calls, active
        self.srtp = self.made = None

    def create(self, **fields):
        self.made = self.calls.CreateTransport(transport_pb2.CreateTransportRequest(
            webrtc=transport_pb2.WebRtcOptions(), **fields), timeout=PATIENCE_S)

    def parameters(self, fingerprint):
        return transport_pb2.ConnectTransportRequest(
            name=self.made.name, webrtc=transport_pb2.WebRtcConnect(
                ice=self.ice, dtls=transport_pb2.DtlsParameters(
                    role=Role.ROLE_CLIENT if self.active else Role.ROLE_SERVER,
                    fingerprint=fingerprint)))

    def announce(self, fingerprint):
        return self.calls.ConnectTransport(self.parameters(fingerprint), timeout=PATIENCE_S)

    def get(self):
        return self.calls.GetTransport(
            transport_pb2.GetTransportRequest(name=self.made.name), timeout=PATIENCE_S)

    def selected(self):
        self.receive(0.05)  # answers a check of the other side's
        return self.get().webrtc.selected_remote

    def secure(self):
        """ICE, DTLS, and SRTP's keys of it (RFC 5764 4.2)."""
        end = time.monotonic() + PATIENCE_S
        self.check(binding_request(self.ice, self.made.webrtc.ice), end)
        self.handshake(self.made.webrtc.dtls.fingerprint, end, self.active)
        bytes_ = self.dtls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (KEY + SALT))
        keys = [bytes_[i * KEY:(i + 1) * KEY] + bytes_[2 * KEY + i * SALT:2 * KEY + (i + 1) * SALT]
                for i in range(2)]
        self.srtp = SrtpPeer(SUITE, *(keys if self.active else reversed(keys)))

    def connect(self, **fields):
        self.create(**fields)
        self.announce(self.identity.fingerprint)
        self.secure()
        wait_for(lambda: self.get().state == room_pb2.TRANSPORT_STATE_CONNECTED, "connected")
        return self

    def produce(self, ssrc):
        return self.calls.Produce(transport_pb2.ProduceRequest(
            transport=self.made.name, kind=room_pb2.MEDIA_KIND_AUDIO, codecs=[OPUS],
            encodings=[transport_pb2.RtpEncoding(ssrc=ssrc)]), timeout=PATIENCE_S)

    def consume(self, producer):
        return self.calls.Consume(transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=self.made.name, source=producer.name)]),
            timeout=PATIENCE_S).consumers[0].ssrc

    def media(self, ssrc, wanted):
        """So many payloads of that stream, in order; checks of the other side are answered."""
        got = []
        end = time.monotonic() + PATIENCE_S
        while len(got) < wanted and time.monotonic() < end:
            packet = self.receive(1)
            if packet and packet[0] >> 6 == 2 and not 192 <= packet[1] <= 223:
                opened = self.srtp.unprotect(packet)
                assert struct.unpack_from("!I", opened, 8)[0] == ssrc, opened
                got.append(opened[12:])
        return got


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
