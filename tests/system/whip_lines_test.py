#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""A line of /whep/ROOM whose publisher leaves: the next one's picture, from a keyframe on, in the same
stream, whether the next is there already or comes later; of /whep/ROOM/PARTICIPANT only that one's.
Publishers and viewer are no browsers, every packet of theirs is sent and read by hand.
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
    def __init__(self, path):
        super().__init__(f"/whep/{path}",
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

    def leave(self, publisher):
        self.assertEqual(curl("2", "DELETE", publisher.path).status, 200)

    def plays(self, publisher, viewer, before=None):
        """From its keyframe on, after sequence number 'before'; the newest one."""
        mark = publisher.name.encode()
        publisher.await_pli()
        publisher.send(KEY, mark)
        publisher.send(DELTA, mark)
        ssrc, sequence, payload = viewer.frame()
        self.assertEqual((ssrc, payload), (viewer.ssrc, KEY + mark))
        if before is not None:
            self.assertEqual(sequence, before + 1)
        self.assertEqual(viewer.frame(), (viewer.ssrc, sequence + 1, DELTA + mark))
        return sequence + 1

    def test_next_of_those_there(self):
        room = self.room()
        first = self.publisher_of(room, "first", 101)
        second = self.publisher_of(room, "second", 102)
        viewer = self.end(Viewer(room))
        second.send(KEY, b"not yet")
        newest = self.plays(first, viewer)
        self.leave(first)
        self.plays(second, viewer, newest)

    def test_next_who_comes(self):
        room = self.room()
        first = self.publisher_of(room, "first", 101)
        viewer = self.end(Viewer(room))
        newest = self.plays(first, viewer)
        self.leave(first)
        self.plays(self.publisher_of(room, "second", 102), viewer, newest)

    def test_one_participant(self):
        room = self.room()
        first = self.publisher_of(room, "first", 101)
        second = self.publisher_of(room, "second", 102)
        viewer = self.end(Viewer(f"{room}/first"))
        newest = self.plays(first, viewer)
        self.leave(first)
        second.send(KEY, b"another's")
        self.plays(self.publisher_of(room, "first", 103), viewer, newest)


if __name__ == "__main__":
    unittest.main(verbosity=2)
