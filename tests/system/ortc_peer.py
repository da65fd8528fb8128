# SPDX-License-Identifier: Apache-2.0
"""A WebRTC peer on a transport made by messages: ICE by hand, OpenSSL's DTLS, SRTP by libcrypto.
"""
import secrets
import struct
import sys
import time

from api_lab import MEDIA_PORT, PATIENCE_S, SFU4, TREE, wait_for
from srtp_peer import SrtpPeer
from sluice.v1 import room_pb2, transport_pb2

sys.path.insert(0, str(TREE / "bench"))
# pylint: disable=wrong-import-position
from webrtc_peer import Peer, binding_request  # noqa: E402

Role = transport_pb2.DtlsParameters
PT = 111
VIDEO_PT, VIDEO_RTX_PT = 96, 97
VP8 = transport_pb2.RtpCodec(mime_type="video/VP8", payload_type=VIDEO_PT, clock_rate=90000)
VP8_RTX = transport_pb2.RtpCodec(mime_type="video/rtx", payload_type=VIDEO_RTX_PT,
                                 clock_rate=90000, fmtp=f"apt={VIDEO_PT}")
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=PT, clock_rate=48000, channels=2)
SUITE, KEY, SALT = "AEAD_AES_128_GCM", 16, 12


def is_rtcp(packet):
    return 192 <= packet[1] <= 223


def vp8(seq, ssrc, size=100):
    """A frame of one packet (RFC 7741), a keyframe where 'seq' is 0; it ends with 'seq'."""
    head = b"\x10\x10\x02\x00\x9d\x01\x2a" if seq == 0 else b"\x10\x11\x02\x00"
    return (struct.pack("!BBHII", 0x80, 0x80 | VIDEO_PT, seq, 3000 * seq, ssrc) +
            head + bytes(size - len(head) - 2) + struct.pack("!H", seq))


def rtcp(kind, count, body):
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def packets_of(compound):
    """(type, count, body) of each packet of a compound."""
    while compound:
        size = 4 * (1 + struct.unpack_from("!H", compound, 2)[0])
        yield compound[1], compound[0] & 0x1f, compound[4:size]
        compound = compound[size:]


def nack(media, *entries):
    """RFC 4585 6.2.1, each entry (packet, the 16 behind it as bits)."""
    return rtcp(205, 1, struct.pack("!II", 1, media) +
                b"".join(struct.pack("!HH", *entry) for entry in entries))


def nacked(compound):
    """Sequence numbers a compound asks for."""
    return [(pid + i) & 0xffff for kind, count, body in packets_of(compound)
            if (kind, count) == (205, 1)
            for pid, bits in struct.iter_unpack("!HH", body[8:])
            for i in range(17) if i == 0 or bits >> i - 1 & 1]


def credentials():
    return transport_pb2.IceParameters(username_fragment=secrets.token_hex(4),
                                       password=secrets.token_hex(12))


def srtp_of(connection, active):
    """SRTP under the keys of a DTLS association (RFC 5764 4.2)."""
    bytes_ = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (KEY + SALT))
    keys = [bytes_[i * KEY:(i + 1) * KEY] + bytes_[2 * KEY + i * SALT:2 * KEY + (i + 1) * SALT]
            for i in range(2)]
    return SrtpPeer(SUITE, *(keys if active else reversed(keys)))


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
        """ICE, DTLS, and SRTP's keys of it."""
        end = time.monotonic() + PATIENCE_S
        self.check(binding_request(self.ice, self.made.webrtc.ice), end)
        self.handshake(self.made.webrtc.dtls.fingerprint, end, self.active)
        self.srtp = srtp_of(self.dtls, self.active)

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

    def produce_video(self, ssrc, rtx_ssrc):
        return self.calls.Produce(transport_pb2.ProduceRequest(
            transport=self.made.name, kind=room_pb2.MEDIA_KIND_VIDEO, codecs=[VP8, VP8_RTX],
            encodings=[transport_pb2.RtpEncoding(
                ssrc=ssrc, rtx=transport_pb2.RtxParameters(ssrc=rtx_ssrc))],
            rtcp_feedback=["nack", "nack pli"]), timeout=PATIENCE_S)

    def consume(self, producer, **fields):
        return self.consumer(producer, **fields).ssrc

    def consumer(self, producer, **fields):
        return self.calls.Consume(transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=self.made.name, source=producer.name, **fields)]),
            timeout=PATIENCE_S).consumers[0]

    def send_rtp(self, packet):
        self.socket.send(self.srtp.protect(packet))

    def send_rtcp(self, compound):
        self.socket.send(self.srtp.protect_rtcp(compound))

    def read(self, seconds):
        """A packet, opened, see is_rtcp(); None: another one came, or none."""
        packet = self.receive(seconds)
        if not packet or packet[0] >> 6 != 2:
            return None
        return (self.srtp.unprotect_rtcp if is_rtcp(packet) else self.srtp.unprotect)(packet)

    def media(self, ssrc, wanted):
        """So many payloads of that stream, in order; checks of the other side are answered."""
        got = []
        end = time.monotonic() + PATIENCE_S
        while len(got) < wanted and time.monotonic() < end:
            opened = self.read(1)
            if opened is not None and not is_rtcp(opened):
                assert struct.unpack_from("!I", opened, 8)[0] == ssrc, opened
                got.append(opened[12:])
        return got
