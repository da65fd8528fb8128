#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""ICE restart of the transport a session subscribes on (RFC 8445 9): the subscriber moves to another
socket and hears the same streams on, every packet read by hand. How its answer ends with a dataplane
that refuses or is late, renegotiation_test.py says.
"""
import re
import time
import unittest

from api_lab import MEDIA_PORT, PATIENCE_S, SFU4, failure, reason_of, wait_for
import grpc
from ortc_peer import is_rtcp, srtp_of
from relay_lab import sdp_of
from renegotiation_test import Half, Identity, Peer, binding_request, credentials, ice_of
from sluice.v1 import signalling_pb2
import whip_test
from whip_lines_test import KEY, Publisher

Code = grpc.StatusCode
QUIET_S, FRAME_S = 1, 1


class Subscriber:
    def __init__(self, api, room):
        self.api, self.session = api, api.join(room).session
        self.stream = api.watch_session(self.session)
        self.half = Half(Identity())
        self.offer = self.srtp = None

    def await_offer(self):
        self.offer = self.stream.until_session("subscribe_offer")[-1].subscribe_offer

    def restart(self, **fields):
        return self.api.signalling.RestartSubscribeIce(signalling_pb2.RestartSubscribeIceRequest(
            session=self.session, **fields), timeout=PATIENCE_S)

    def answer(self):
        self.api.signalling.AnswerSubscribe(signalling_pb2.AnswerSubscribeRequest(
            session=self.session, revision=self.offer.revision, sdp=sdp_of(
                self.half.describe(self.offer.sdp), ("a=setup:actpass", "a=setup:active"),
                ("a=(ice-lite|ssrc|msid).*\r\n", ""), ("sendonly", "recvonly"))),
            timeout=PATIENCE_S)

    def connect(self):
        self.await_offer()
        self.answer()
        self.half.connect(self.offer.sdp)
        self.srtp = srtp_of(self.half.peer.dtls, True)

    def is_answered(self, ours, theirs):
        return self.half.peer.is_answered(binding_request(ours, theirs), QUIET_S)

    def frame(self, seconds=PATIENCE_S):
        """(SSRC, sequence number, payload) of the next packet of media."""
        self.half.peer.socket.settimeout(seconds)
        while True:
            packet = self.half.peer.socket.recv(2048)
            if packet[0] >> 6 != 2 or is_rtcp(packet):
                continue
            packet = self.srtp.unprotect(packet)
            extension = 4 + 4 * int.from_bytes(packet[14:16], "big") if packet[0] & 0x10 else 0
            return (int.from_bytes(packet[8:12], "big"), int.from_bytes(packet[2:4], "big"),
                    packet[12 + extension:])

    def frame_of(self, publisher, mark):
        """The same, of a keyframe sent until it comes: to the allocation a publisher that was silent
        has no layer, and what it sends first is held back, without a gap in the numbers."""
        end = time.monotonic() + PATIENCE_S
        while True:
            publisher.send(KEY, mark)
            try:
                return self.frame(FRAME_S)
            except TimeoutError:
                if time.monotonic() > end:
                    raise


class SubscribeRestart(whip_test.WithApi):
    def connected(self):
        room = self.room()
        publisher = Publisher(room, "publisher", 101)
        self.addCleanup(publisher.half.peer.socket.close)
        wait_for(lambda: len(self.api.participant(publisher.name).tracks) == 1, "the track")
        subscriber = Subscriber(self.api, room)
        self.addCleanup(lambda: subscriber.half.peer.socket.close())
        subscriber.connect()
        publisher.await_pli()
        return publisher, subscriber

    def test_moves(self):
        publisher, subscriber = self.connected()
        former, first = subscriber.half.ice, subscriber.offer
        publisher.send(KEY, b"before")
        ssrc, sequence, payload = subscriber.frame()
        self.assertEqual((ssrc, payload), (first.tracks[0].ssrc, KEY + b"before"))

        subscriber.restart()
        subscriber.await_offer()
        offer = subscriber.offer
        self.assertEqual(offer.revision, first.revision + 1)
        self.assertEqual(list(offer.tracks), list(first.tracks))
        for name in ("ice-ufrag", "ice-pwd"):
            self.assertNotEqual(*(re.search(f"a={name}:(.*)\r", text.sdp)[1]
                                  for text in (first, offer)))
        old = subscriber.half.peer
        self.addCleanup(old.socket.close)
        subscriber.half.ice = credentials()
        self.assertFalse(subscriber.is_answered(subscriber.half.ice, ice_of(offer.sdp)))
        subscriber.answer()
        self.assertEqual(subscriber.frame_of(publisher, b"meanwhile"),
                         (ssrc, sequence + 1, KEY + b"meanwhile"))
        self.assertTrue(subscriber.is_answered(former, ice_of(first.sdp)))

        subscriber.half.peer = Peer(subscriber.half.identity, (SFU4, MEDIA_PORT),
                                    subscriber.half.ice)
        subscriber.half.check(ice_of(offer.sdp))
        wait_for(lambda: subscriber.is_answered(subscriber.half.ice, ice_of(offer.sdp)) and not
                 old.is_answered(binding_request(former, ice_of(first.sdp)), QUIET_S),
                 "the old credentials' end")
        self.assertEqual(subscriber.frame_of(publisher, b"moved"),
                         (ssrc, sequence + 2, KEY + b"moved"))

        # And once more, from there.
        subscriber.restart()
        subscriber.await_offer()
        subscriber.half.ice = credentials()
        subscriber.answer()
        subscriber.half.check(ice_of(subscriber.offer.sdp))
        self.assertEqual(subscriber.frame_of(publisher, b"again"),
                         (ssrc, sequence + 3, KEY + b"again"))

    def test_the_old_credentials_again(self):
        _, subscriber = self.connected()
        subscriber.restart()
        subscriber.await_offer()
        with self.assertRaises(grpc.RpcError) as refused:
            subscriber.answer()
        self.assertEqual((refused.exception.code(), reason_of(refused.exception)[0]),
                         (Code.INVALID_ARGUMENT, "SDP_UNSUPPORTED"))
        self.assertIn("restarts ICE", refused.exception.details())
        subscriber.half.ice = credentials()
        subscriber.answer()
        self.assertTrue(subscriber.is_answered(subscriber.half.ice, ice_of(subscriber.offer.sdp)))

    def test_asked_twice(self):
        _, subscriber = self.connected()
        first = subscriber.offer
        subscriber.restart(request_id="one")
        subscriber.restart(request_id="one")
        subscriber.restart()
        subscriber.await_offer()
        self.assertEqual(subscriber.offer.revision, first.revision + 1)
        # A stream that is opened again brings the same offer: nothing has changed since.
        subscriber.stream = self.api.watch_session(subscriber.session)
        again = subscriber.stream.until_session("subscribe_offer")[-1].subscribe_offer
        self.assertEqual((again.revision, ice_of(again.sdp)),
                         (subscriber.offer.revision, ice_of(subscriber.offer.sdp)))

    def test_without_a_stream(self):
        _, subscriber = self.connected()
        first = subscriber.offer
        subscriber.stream.cancel()
        subscriber.restart()
        subscriber.stream = self.api.watch_session(subscriber.session)
        subscriber.await_offer()
        self.assertNotEqual(ice_of(subscriber.offer.sdp), ice_of(first.sdp))

    def test_refused(self):
        session = self.api.join(self.room()).session
        call = self.api.signalling.RestartSubscribeIce
        with self.assertRaises(grpc.RpcError) as refused:
            call(signalling_pb2.RestartSubscribeIceRequest(session=session), timeout=PATIENCE_S)
        self.assertEqual(refused.exception.code(), Code.FAILED_PRECONDITION)
        self.assertEqual(reason_of(refused.exception),
                         ("TRANSPORT_NOT_CONNECTED", {"resource": session.participant}))
        failure(Code.INVALID_ARGUMENT, call, signalling_pb2.RestartSubscribeIceRequest(),
                timeout=PATIENCE_S)
        session.secret = "x"
        failure(Code.PERMISSION_DENIED, call,
                signalling_pb2.RestartSubscribeIceRequest(session=session), timeout=PATIENCE_S)


if __name__ == "__main__":
    unittest.main(verbosity=2)
