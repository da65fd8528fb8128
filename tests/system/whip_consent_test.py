#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# lab: --clients 1
"""Consent (RFC 7675) and its end, as the other end of WHIP and WHEP sessions sees it on its socket: under
the old credentials until a restart is through, until a DELETE's 200, and 30 s after the last check.
What it hears is watched packet by packet.
"""
import time
import unittest

import whip_test
from api_lab import PATIENCE_S, failure, sdp, wait_for
import grpc
from renegotiation_test import Half, Identity, binding_request, credentials, ice_of
from relay_lab import sdp_of
from sluice.v1 import room_pb2
from whip_test import FRAGMENT, SDP, curl

# RFC 7983: the first byte tells what it is.
STUN, DTLS, MEDIA = range(0, 4), range(20, 64), range(128, 192)
ALERT = 21
RTCP = range(256, 257)  # told from media by its second byte (RFC 5761 4), and noted as this
EXPIRY_S, CHECK_INTERVAL_S = 30, 5  # RFC 7675 5.1: and how often it is looked at, at most
QUIET_S = 1  # in which a live session's viewer hears dozens of packets
VERSIONS = ("1.1", "2")


def kind_of(datagram):
    media = datagram[0] in MEDIA
    return RTCP.start if media and 192 <= datagram[1] < 224 else datagram[0]


class Session:
    """One of either kind, and the socket it is heard by."""

    def __init__(self, version, path, offer):
        self.version = version
        self.half = Half(Identity())
        answer = curl(version, "POST", path, f"content-type: {SDP}",
                      body=self.half.describe(offer))
        assert answer.status == 201, answer.body
        self.path = answer.one("location")
        _, _, room, participant, _ = self.path.split("/")
        self.name = f"rooms/{room}/participants/{participant}"
        self.theirs = ice_of(answer.body)
        self.answer = answer.body
        self.half.connect(answer.body)
        self.connected = time.monotonic()

    def hears(self, seconds, until=None):
        """(when, kind) of what comes within that time, or up to the first of a kind."""
        heard, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.half.peer.socket.settimeout(left)
            try:
                datagram = self.half.peer.socket.recv(2048)
            except TimeoutError:
                break
            heard.append((time.monotonic(), kind_of(datagram)))
            if until is not None and heard[-1][1] in until:
                break
        return heard

    def backlog(self):
        """What has come already."""
        self.half.peer.socket.setblocking(False)
        heard = []
        try:
            while True:
                heard.append((time.monotonic(), kind_of(self.half.peer.socket.recv(2048))))
        except BlockingIOError:
            return heard

    def asks(self):
        """A check; nobody waits for its answer here."""
        self.half.peer.socket.send(binding_request(self.half.ice, self.theirs))

    def is_answered(self, ours, theirs):
        return self.half.peer.is_answered(binding_request(ours, theirs), QUIET_S)


def of(heard, kind):
    return [when for when, first in heard if first in kind]


class Consent(whip_test.WithApi):
    def viewer(self, version):
        room = self.room()
        self.publisher(room)
        session = Session(version, f"/whep/{room}", sdp_of(sdp(), ("a=sendonly", "a=recvonly")))
        self.addCleanup(session.half.peer.socket.close)
        self.assertTrue(of(session.hears(PATIENCE_S, MEDIA), MEDIA))
        return session

    def sender(self, version):
        session = Session(version, f"/whip/{self.room()}", sdp())
        self.addCleanup(session.half.peer.socket.close)
        wait_for(lambda: len(self.api.participant(session.name).tracks) == 2, "tracks")
        return session

    def gone(self, session):
        failure(grpc.StatusCode.NOT_FOUND, self.api.participant, session.name)
        self.assertEqual(curl(session.version, "GET", session.path).status, 404)

    def silent(self, session, before):
        """Neither media nor answers to checks, from now on; it may say goodbye."""
        session.asks()
        after = session.hears(QUIET_S)
        self.assertEqual((of(after, MEDIA), of(after, STUN)), ([], []))
        self.assertLessEqual(len(of(after, RTCP)), 2)  # BYE of its streams, and our own
        goodbye = of(before + after, range(ALERT, ALERT + 1))
        self.assertTrue(goodbye, "no close_notify")
        self.gone(session)

    def test_delete(self):
        """RFC 9725 4.2: the 200 says that consent is revoked, not that it will be."""
        for version in VERSIONS:
            for kind in (self.viewer, self.sender):
                with self.subTest(kind.__name__, version=version):
                    session = kind(version)
                    session.asks()
                    self.assertTrue(of(session.hears(PATIENCE_S, STUN), STUN))
                    answer = curl(version, "DELETE", session.path, 'if-match: "whatever"')
                    self.assertEqual(answer.status, 200)
                    self.silent(session, session.backlog())

    def test_restart(self):
        """RFC 8445 9: the old credentials are valid until a pair with the new ones is selected."""
        for version in VERSIONS:
            for kind in (self.viewer, self.sender):
                with self.subTest(kind.__name__, version=version):
                    session, ours = kind(version), credentials()
                    body = whip_test.TRICKLE.replace(whip_test.UFRAG, ours.username_fragment)
                    answer = curl(version, "PATCH", session.path, "if-match: *",
                                  f"content-type: {FRAGMENT}",
                                  body=body.replace(whip_test.PWD, ours.password))
                    self.assertEqual(answer.status, 200, answer.body)
                    theirs, session.half.peer.ice = ice_of(answer.body), ours
                    self.assertTrue(session.is_answered(session.half.ice, session.theirs))
                    self.assertTrue(session.is_answered(ours, theirs))
                    wait_for(lambda s=session: not s.is_answered(s.half.ice, s.theirs),
                             "the old credentials' end")
                    self.assertTrue(session.is_answered(ours, theirs))

    def test_expiry(self):
        """Nobody checks any more: it ends by itself, and its URL with it."""
        events = self.api.watch_events()
        self.addCleanup(events.cancel)
        viewer, sender = self.viewer("2"), self.sender("2")
        heard = viewer.hears(EXPIRY_S + 2 * CHECK_INTERVAL_S, range(ALERT, ALERT + 1))
        last = max(of(heard, MEDIA)) - viewer.connected
        self.assertGreater(last, EXPIRY_S - CHECK_INTERVAL_S)
        self.assertLess(last, EXPIRY_S + CHECK_INTERVAL_S)
        left = {viewer.name, sender.name}

        def gone(event):
            if event.kind == room_pb2.Event.KIND_PARTICIPANT_REMOVED and \
                    event.participant.name in left:
                self.assertEqual(event.reason, "consent expired")
                left.remove(event.participant.name)
            return not left
        events.until(gone)
        self.silent(viewer, heard)
        self.silent(sender, sender.backlog())


if __name__ == "__main__":
    unittest.main(verbosity=2)
