#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""A session that runs, and whose next offer or answer the dataplane refuses: the former description
stays valid, with the tracks and the path it had, and the same may be said again.
The peer is no browser (ICE by hand, OpenSSL's DTLS); a relay between the real processes refuses.
"""
import re
import secrets
import sys
import time
import unittest

from api_lab import MEDIA_PORT, PATIENCE_S, SFU4, TREE, failure, sdp, wait_for
import grpc
from relay_lab import Relay
from sluice.v1 import room_pb2, signalling_pb2, transport_pb2

sys.path.insert(0, str(TREE / "bench"))
# pylint: disable=wrong-import-position
from webrtc_peer import Identity, Peer, binding_request  # noqa: E402

Code = grpc.StatusCode
ROOM = "renegotiation"


def credentials():
    return transport_pb2.IceParameters(username_fragment=secrets.token_hex(4),
                                       password=secrets.token_hex(12))


class Half:
    """One of a session's two transports, as its peer has it."""

    def __init__(self, identity):
        self.identity = identity
        self.ice = credentials()
        self.peer = Peer(identity, (SFU4, MEDIA_PORT), self.ice)

    def describe(self, text):
        """The description with this peer's side in it."""
        for name, value in (("ice-ufrag", self.ice.username_fragment),
                            ("ice-pwd", self.ice.password),
                            ("fingerprint", self.identity.fingerprint)):
            text = re.sub(rf"a={name}:.*\r\n", f"a={name}:{value}\r\n", text)
        return re.sub("a=candidate:.*\r\n", "", text)

    def connect(self, theirs):
        """By the server's description; we are DTLS's client where it leaves us the choice."""
        end = time.monotonic() + PATIENCE_S
        self.peer.check(binding_request(self.ice, ice_of(theirs)), end)
        self.peer.handshake(re.search("a=fingerprint:(.*)\r", theirs)[1], end,
                            "a=setup:active" not in theirs)


def ice_of(text):
    return transport_pb2.IceParameters(username_fragment=re.search("a=ice-ufrag:(.*)\r", text)[1],
                                       password=re.search("a=ice-pwd:(.*)\r", text)[1])


class Renegotiation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = Relay()
        cls.api = cls.relay.api
        cls.identity = Identity()

    @classmethod
    def tearDownClass(cls):
        cls.relay.end()

    def setUp(self):
        self.session = self.api.join(ROOM).session
        self.addCleanup(self.api.delete, ROOM)
        self.addCleanup(self.relay.pass_all)

    def half(self):
        half = Half(self.identity)
        self.addCleanup(half.peer.socket.close)
        return half

    def participant(self):
        return self.api.participant(self.session.participant)

    def refuse(self, call, *arguments):
        before = self.relay.records()
        self.relay.refuse_all()
        self.assertIn("nothing of it is left", failure(Code.RESOURCE_EXHAUSTED, call, *arguments))
        self.relay.pass_all()
        self.assertEqual(self.relay.records(), before)

    def test_publish(self):
        half = self.half()
        both = half.describe(sdp())
        audio, video = both.split("m=video")
        alone = audio + "m=video" + video.replace("a=sendonly", "a=inactive")
        answer = self.api.publish(self.session, alone)
        self.assertEqual(len(answer.tracks), 1)
        half.connect(answer.sdp)
        wait_for(lambda: len(self.participant().tracks) == 1, "the track to be live")
        first = self.participant()
        self.refuse(self.api.publish, self.session, both)  # one more
        self.assertEqual(self.participant().tracks, first.tracks)
        again = self.api.publish(self.session, alone)
        self.assertEqual(ice_of(again.sdp), ice_of(answer.sdp))
        self.assertEqual([t.uid for t in again.tracks], [t.uid for t in answer.tracks])
        two = self.api.publish(self.session, both)
        self.assertEqual(len(two.tracks), 2)
        self.assertEqual(self.relay.records()[1], 2)
        self.assertEqual(len(self.participant().tracks), 2)
        other = audio.replace("a=sendonly", "a=inactive") + "m=video" + video
        self.refuse(self.api.publish, self.session, other)  # one less
        self.assertEqual({t.uid for t in self.participant().tracks}, {t.uid for t in two.tracks})
        self.assertEqual(len(self.api.publish(self.session, other).tracks), 1)
        self.assertEqual(self.relay.records()[1], 1)

    def test_publish_with_a_restart(self):
        half = self.half()
        answer = self.api.publish(self.session, half.describe(sdp()))
        half.connect(answer.sdp)
        wait_for(lambda: len(self.participant().tracks) == 2, "the tracks to be live")
        former, half.ice = half.ice, credentials()
        self.refuse(self.api.publish, self.session, half.describe(sdp()))
        half.peer.ice = former
        # The path is still that of the former credentials: a check with them is answered.
        half.peer.check(binding_request(former, ice_of(answer.sdp)), time.monotonic() + PATIENCE_S)
        taken = self.api.publish(self.session, half.describe(sdp()))
        self.assertNotEqual(ice_of(taken.sdp), ice_of(answer.sdp))
        half.peer.ice = half.ice
        half.peer.check(binding_request(half.ice, ice_of(taken.sdp)), time.monotonic() + PATIENCE_S)

    def publisher(self):
        """Somebody else's live track."""
        half = self.half()
        session = self.api.join(ROOM).session
        audio, video = half.describe(sdp()).split("m=video")
        answer = self.api.publish(session, audio + "m=video" +
                                  video.replace("a=sendonly", "a=inactive"))
        half.connect(answer.sdp)

    def states(self):
        return [s.state for s in self.api.rooms.ListSubscriptions(
            room_pb2.ListSubscriptionsRequest(parent=self.session.participant),
            timeout=PATIENCE_S).subscriptions]

    def answer(self, half, offer):
        text = half.describe(offer.sdp).replace("a=setup:actpass", "a=setup:active")
        text = re.sub("a=(ice-lite|ssrc|msid).*\r\n", "", text.replace("sendonly", "recvonly"))
        return self.api.signalling.AnswerSubscribe(signalling_pb2.AnswerSubscribeRequest(
            session=self.session, revision=offer.revision, sdp=text), timeout=PATIENCE_S)

    def test_answer(self):
        state = room_pb2.Subscription
        half, stream = self.half(), self.api.watch_session(self.session)
        self.addCleanup(stream.cancel)
        self.publisher()
        offer = stream.until_session("subscribe_offer")[-1].subscribe_offer
        self.answer(half, offer)
        half.connect(offer.sdp)
        wait_for(lambda: self.relay.records()[2] == 1, "the subscription to run")
        self.publisher()
        offer = stream.until_session("subscribe_offer")[-1].subscribe_offer
        self.refuse(self.answer, half, offer)
        self.assertEqual(self.states(), [state.STATE_ACTIVE, state.STATE_OFFERED])
        self.answer(half, offer)
        self.assertEqual(self.states(), [state.STATE_ACTIVE] * 2)
        self.assertEqual(self.relay.records()[2], 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
