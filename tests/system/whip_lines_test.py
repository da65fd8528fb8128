#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""A line of /whep/ROOM whose publisher leaves: the next one's picture, from a keyframe on, in the same
stream. Publishers and viewer are no browsers, every packet of theirs is sent and read by hand.
whip_test.py has the same with decoders at the end.
"""
import re
import struct
import time
import unittest

import whip_test
from api_lab import PATIENCE_S, wait_for
from ortc_peer import VIDEO_PT, is_rtcp, packets_of, srtp_of
from whip_consent_test import Session
from whip_offers_test import line, offer
from whip_test import curl

PSFB, PLI = 206, 1  # RFC 4585 6.3.1
KEY, DELTA = b"\x10\x10\x02\x00\x9d\x01\x2a", b"\x10\x11\x02\x00"  # RFC 7741 4.3
FRAME_TICKS, TURN_S = 3000, 0.1


class End(Session):
    def __init__(self, path, text):
        super().__init__("2", path, text)
        self.srtp = srtp_of(self.half.peer.dtls, "a=setup:active" not in self.answer)
        self.half.peer.socket.settimeout(PATIENCE_S)

    def read(self):
        """The next RTP or RTCP packet, opened."""
        while True:
            packet = self.half.peer.socket.recv(2048)
            if packet[0] >> 6 == 2:
                return (self.srtp.unprotect_rtcp if is_rtcp(packet) else
                        self.srtp.unprotect)(packet)


class Publisher(End):
    def __init__(self, room, participant, ssrc):
        text = offer(line("video", "1", f"a=ssrc:{ssrc} cname:x", ext=()))
        super().__init__(f"/whip/{room}?participant={participant}",
                         text.replace("DIRECTION", "sendonly"))
        self.ssrc, self.sequence = ssrc, 0

    def send(self, head, mark):
        self.sequence += 1
        self.half.peer.socket.send(self.srtp.protect(struct.pack(
            "!BBHII", 0x80, 0x80 | VIDEO_PT, self.sequence, FRAME_TICKS * self.sequence,
            self.ssrc) + head + mark))

    def await_pli(self):
        """Sends what nobody can begin with until a keyframe is asked for."""
        self.half.peer.socket.settimeout(TURN_S)
        end = time.monotonic() + PATIENCE_S
        while not self.is_asked():
            self.send(DELTA, b"no keyframe")
            assert time.monotonic() < end, "no PLI"

    def is_asked(self):
        try:
            packet = self.read()
        except TimeoutError:
            return False
        return is_rtcp(packet) and any(
            (kind, count) == (PSFB, PLI) and body[4:8] == struct.pack("!I", self.ssrc)
            for kind, count, body in packets_of(packet))


class Viewer(End):
    def __init__(self, room):
        super().__init__(f"/whep/{room}",
                         offer(line("video", "1", ext=())).replace("DIRECTION", "recvonly"))
        self.ssrc = int(re.search(r"a=ssrc:(\d+) cname", self.answer)[1])

    def frame(self):
        """(SSRC, sequence number, payload) of the next packet of media."""
        while is_rtcp(packet := self.read()):
            pass
        sequence, ssrc = struct.unpack_from("!H4xI", packet, 2)
        return ssrc, sequence, packet[12:]


class Lines(whip_test.WithApi):
    def end(self, session):
        self.addCleanup(session.half.peer.socket.close)
        return session

    def publisher_of(self, room, participant, ssrc):
        made = self.end(Publisher(room, participant, ssrc))
        wait_for(lambda: len(self.api.participant(made.name).tracks) == 1, "the track")
        return made

    def test_next_from_a_keyframe_on(self):
        room = self.room()
        first = self.publisher_of(room, "first", 101)
        second = self.publisher_of(room, "second", 102)
        viewer = self.end(Viewer(room))
        first.await_pli()  # for the viewer, whose line runs
        first.send(KEY, b"first")
        second.send(KEY, b"not yet")
        ssrc, before, payload = viewer.frame()
        self.assertEqual((ssrc, payload), (viewer.ssrc, KEY + b"first"))
        self.assertEqual(curl("2", "DELETE", first.path).status, 200)
        second.await_pli()
        second.send(KEY, b"second")
        second.send(DELTA, b"and on")
        self.assertEqual(viewer.frame(), (viewer.ssrc, before + 1, KEY + b"second"))
        self.assertEqual(viewer.frame(), (viewer.ssrc, before + 2, DELTA + b"and on"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
