#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# lab: --clients 1
"""Offers as clients really make them, against both real processes, to WHIP and to WHEP: each is served
up to a live session (ICE, DTLS; where it is about packets, media too), or refused with a sentence that
names the line. Each row names the text that allows the oddity. tests/unit/sdp/oddities_test.c has more
of them, below HTTP.
"""
import itertools
import re
import struct
import unittest

import whip_test
from api_lab import wait_for
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from ortc_peer import srtp_of
from renegotiation_test import Half, Identity
from sluice.v1 import room_pb2
from whip_test import SDP, curl

URN = "urn:ietf:params:rtp-hdrext:"
MID, LEVEL = URN + "sdes:mid", URN + "ssrc-audio-level"
SENDTIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
CODECS = {"audio": "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n",
          "video": "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n"}
PTS = {"audio": "111", "video": "96"}
AUDIO_SSRC, VIDEO_SSRC = 11, 22


def line(kind, mid, *attributes, ext=(f"9 {MID}",), pts=None, codecs=None):
    return (f"m={kind} 9 UDP/TLS/RTP/SAVPF {pts or PTS[kind]}\r\na=mid:{mid}\r\na=rtcp-mux\r\n"
            f"a=DIRECTION\r\n{codecs or CODECS[kind]}" +
            "".join(f"a=extmap:{e}\r\n" for e in ext) + "".join(f"{a}\r\n" for a in attributes))


def offer(*lines, setup="actpass"):
    mids = " ".join(re.findall("a=mid:(.*)\r", "".join(lines)))
    return (f"v=0\r\no=- 7 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n"
            "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=fingerprint:sha-256 00\r\n"
            f"a=setup:{setup}\r\n" + "".join(lines))


AUDIO, VIDEO = line("audio", "0"), line("video", "1")
ORDER = line("video", "1", pts="45 97 102 98 96", codecs="a=rtpmap:96 VP8/90000\r\n"
             "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\n"
             "a=rtpmap:102 H264/90000\r\na=rtpmap:45 AV1/90000\r\n")
DATA = ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=sctp-port:5000\r\n")
H265 = line("video", "1", codecs="a=rtpmap:96 H265/90000\r\n")

# (the text, what is odd, the offer, what the answer holds, what it does not, how many lines carry)
SERVED = (
    ("RFC 3264 5.1", "any order of codecs", offer(AUDIO, ORDER),
     r"m=video 9 UDP/TLS/RTP/SAVPF (45 102 98 96|96.*)\r", None, 2),
    ("RFC 9143 12", "one extension under two ids", offer(
        line("audio", "0", ext=(f"9 {MID}", f"3 {SENDTIME}")),
        line("video", "1", ext=(f"9 {MID}", f"7 {SENDTIME}"))),
     rf"a=extmap:3 {SENDTIME}", rf"a=extmap:7 {SENDTIME}", 2),
    ("RFC 9143 12", "one id for two extensions", offer(
        line("audio", "0", f"a=ssrc:{AUDIO_SSRC} cname:x", ext=(f"9 {LEVEL}",)), VIDEO),
     rf"a=extmap:9 {MID}", rf"a=extmap:9 {LEVEL}", 2),
    ("RFC 9143 9.2", "no extension", offer(
        line("audio", "0", f"a=ssrc:{AUDIO_SSRC} cname:x", ext=()),
        line("video", "1", f"a=ssrc:{VIDEO_SSRC} cname:x", ext=())), "a=mid:1", "a=extmap", 2),
    ("RFC 5506 5", "no rtcp-rsize", offer(AUDIO, VIDEO), "a=rtcp-mux", "a=rtcp-rsize", 2),
    ("RFC 5506 5", "rtcp-rsize", offer(line("audio", "0", "a=rtcp-rsize"),
                                       line("video", "1", "a=rtcp-rsize")),
     "a=rtcp-rsize", None, 2),
    ("RFC 3264 6.1", "sendrecv", offer(AUDIO, VIDEO).replace("DIRECTION", "sendrecv"),
     "a=ANSWERED", "a=sendrecv", 2),
    ("RFC 8842 5.3", "setup:active", offer(AUDIO, VIDEO, setup="active"), "a=setup:passive",
     None, 2),
    ("RFC 8842 5.3", "setup:passive", offer(AUDIO, VIDEO, setup="passive"), "a=setup:active",
     None, 2),
    ("RFC 3264 6", "a data channel", offer(AUDIO, VIDEO, DATA),
     r"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r", "a=sctp-port", 2),
    ("RFC 8866 5", "LF line ends", offer(AUDIO, VIDEO).replace("\r\n", "\n"), "a=mid:0", None, 2),
    ("RFC 3264 5", "audio only", offer(AUDIO), "m=audio 9", "m=video", 1),
    ("RFC 3264 5", "video only", offer(VIDEO), "m=video 9", "m=audio", 1),
)

# (the text, what cannot be served, the offer, the line's name, what to mend)
REFUSED = (
    ("RFC 9725 4.4.1", "no rtcp-mux", offer(AUDIO, VIDEO.replace("a=rtcp-mux\r\n", "")),
     'm-line 2 (video, mid "1")', "rtcp-mux"),
    ("RFC 9725 4.4.1", "not bundled", offer(AUDIO, VIDEO).replace("BUNDLE 0 1", "BUNDLE 0"),
     'm-line 2 (video, mid "1")', "BUNDLE"),
    ("RFC 5764 8", "no DTLS", offer(AUDIO.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), VIDEO),
     'm-line 1 (audio, mid "0")', "SAVPF"),
    ("RFC 8839 5.4", "no ICE", offer(AUDIO, VIDEO).replace("a=ice-ufrag:abcd\r\n", ""),
     "m-line 1 (audio", "ice-ufrag"),
    ("RFC 8122 5", "no strong fingerprint",
     re.sub("sha-256 00", "sha-1 " + ":".join(["00"] * 20), offer(AUDIO, VIDEO)),
     "m-line 1 (audio", "sha-256"),
    ("RFC 3264 6", "no codec of ours", offer(H265), "m-line 1 (video", "VP8"),
)

DIRECTIONS = {"whip": ("sendonly", "recvonly"), "whep": ("recvonly", "sendonly")}


def packet(sequence, ssrc, pt, *extensions):
    """RTP with one-byte header extensions (RFC 8285 4.2)."""
    block = b"".join(bytes([number << 4 | len(data) - 1]) + data for number, data in extensions)
    block += bytes(-len(block) % 4)
    return (struct.pack("!BBHIIHH", 0x90, pt, sequence, 1, ssrc, 0xBEDE, len(block) // 4) + block +
            b"\x10payload")


class Offers(whip_test.WithApi):
    def setUp(self):
        self.halves = []

    def tearDown(self):
        for half in self.halves:
            half.peer.socket.close()

    def half(self, identity=None):
        self.halves.append(Half(identity or Identity()))
        return self.halves[-1]

    def post(self, version, end, room, text):
        return curl(version, "POST", f"/{end}/{room}", f"content-type: {SDP}", body=text)

    def live(self, end, answer, lines):
        """What of the participant tells that the whole set-up has come to its end."""
        room, name = answer.one("location").split("/")[2:4]
        name = f"rooms/{room}/participants/{name}"
        connected = room_pb2.TRANSPORT_STATE_CONNECTED
        if end == "whip":
            wait_for(lambda: len(self.api.participant(name).tracks) == lines, "tracks")
        else:
            wait_for(lambda: self.api.participant(name).subscribe_transport == connected,
                     "the transport")
        return name

    def served(self, version, end, text, identity=None, lines=2):
        """A live session of that offer: its peer's half, the answer, the participant's name."""
        half = self.half(identity)
        room = self.room()
        if end == "whep":
            self.served(version, "whip", offer(AUDIO, VIDEO))
            room = f"whip{whip_test.WithApi.serial}"
        line_end = "\n" if "\r\n" not in text else "\r\n"
        described = half.describe(re.sub("\r?\n", "\r\n", text)).replace(
            "DIRECTION", DIRECTIONS[end][0]).replace("\r\n", line_end)
        answer = self.post(version, end, room, described)
        self.assertEqual(answer.status, 201, answer.body)
        half.connect(answer.body)
        return half, answer, self.live(end, answer, lines)

    def each(self, table, check):
        for version in ("1.1", "2"):
            for end in DIRECTIONS:
                for section, odd, *rest in table:
                    with self.subTest(odd, section=section, end=end, version=version):
                        check(version, end, *rest)

    def test_served(self):
        def check(version, end, text, holds, lacks, lines):
            _, answer, _ = self.served(version, end, text, lines=lines)
            self.assertRegex(answer.body, holds.replace("ANSWERED", DIRECTIONS[end][1]))
            if lacks is not None:
                self.assertNotRegex(answer.body, lacks)
        self.each(SERVED, check)

    def test_refused(self):
        def check(version, end, text, name, mend):
            room = self.room()
            if end == "whep":
                self.served(version, "whip", offer(AUDIO, VIDEO))
                room = f"whip{whip_test.WithApi.serial}"
            answer = self.post(version, end, room, text.replace("DIRECTION", DIRECTIONS[end][0])
                               .replace("sha-256 00", Identity().fingerprint))
            self.assertEqual(answer.status, 422, answer.body)
            self.assertIn(name, answer.body)
            self.assertIn(mend, answer.body)
            self.assertEqual(answer.body.count("\n"), 1)
        self.each(REFUSED, check)

    def test_fingerprints(self):
        """RFC 8122 5: the certificate is held against the hash that was offered, whichever it is."""
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            for end in DIRECTIONS:
                with self.subTest(digest.name, end=end):
                    self.served("2", end, offer(AUDIO, VIDEO), Identity(digest))
        other = Identity(hashes.SHA384())
        other.fingerprint = Identity(hashes.SHA384()).fingerprint
        with self.assertRaises(SSL.Error):
            self.served("2", "whip", offer(AUDIO, VIDEO), other)

    def media_arrives(self, text, audio, video):
        """Streams of (SSRC, payload type, extension...) get to their lines, told apart as the offer
        says it can be. The first packets of an SSRC that a MID names may be lost.
        """
        half, answer, name = self.served("2", "whip", text)
        srtp = srtp_of(half.peer.dtls, "a=setup:active" not in answer.body)
        sent = itertools.count(1)

        def received():
            sequence = next(sent)
            for stream in (audio, video):
                half.peer.socket.send(srtp.protect(packet(sequence, *stream)))
            return {(s.mid, s.ssrc) for s in self.api.statistics(name).inbound_rtp
                    if s.packets_received > 0}
        wait_for(lambda: received() == {("0", AUDIO_SSRC), ("1", VIDEO_SSRC)},
                 "both streams on their lines")

    def test_media_by_ids_that_differ(self):
        """RFC 9143 9.2: the first line's MID counts; the other line has its SSRC."""
        self.media_arrives(
            offer(AUDIO, line("video", "1", f"a=ssrc:{VIDEO_SSRC} cname:x", ext=(f"4 {MID}",))),
            (AUDIO_SSRC, 111, (9, b"0")), (VIDEO_SSRC, 96, (4, b"1")))

    def test_media_by_an_id_with_two_meanings(self):
        """What tells packets apart wins, and the level is not taken for a MID."""
        self.media_arrives(
            offer(line("audio", "0", f"a=ssrc:{AUDIO_SSRC} cname:x", ext=(f"9 {LEVEL}",)), VIDEO),
            (AUDIO_SSRC, 111, (9, b"\x30")), (VIDEO_SSRC, 96, (9, b"1")))

    def test_media_without_extensions(self):
        self.media_arrives(
            offer(line("audio", "0", f"a=ssrc:{AUDIO_SSRC} cname:x", ext=()),
                  line("video", "1", f"a=ssrc:{VIDEO_SSRC} cname:x", ext=())),
            (AUDIO_SSRC, 111), (VIDEO_SSRC, 96))


if __name__ == "__main__":
    unittest.main(verbosity=2)
