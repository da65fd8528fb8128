#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# lab: --clients 1
"""Sessions that run, with a live path each, and how a later offer, answer, mute, wish or ICE restart
ends: refused, late and then applied or rolled back, without a dataplane. Refused or rolled back, the
former description stays valid, with the tracks and the path it had, and the same may be said again.
The peer is no browser (ICE by hand, OpenSSL's DTLS); a relay between the real processes refuses.
"""
import re
import secrets
import sys
import time
import unittest

from api_lab import MEDIA_PORT, PATIENCE_S, SFU4, TREE, failure, sdp, wait_for
import grpc
from relay_lab import Outcomes, RelayLab, sdp_of
from sluice.v1 import room_pb2, signalling_pb2, transport_pb2

sys.path.insert(0, str(TREE / "bench"))
# pylint: disable=wrong-import-position
from webrtc_peer import Identity, Peer, binding_request  # noqa: E402

Code = grpc.StatusCode
ROOM = "renegotiation"


def credentials():
    return transport_pb2.IceParameters(username_fragment=secrets.token_hex(4),
                                       password=secrets.token_hex(12))


def ice_of(text):
    return transport_pb2.IceParameters(username_fragment=re.search("a=ice-ufrag:(.*)\r", text)[1],
                                       password=re.search("a=ice-pwd:(.*)\r", text)[1])


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

    def check(self, theirs):
        """A check under those credentials is answered: there is a path."""
        self.peer.ice = self.ice
        self.peer.check(binding_request(self.ice, theirs), time.monotonic() + PATIENCE_S)

    def connect(self, theirs):
        """By the server's description; we are DTLS's client where it leaves us the choice."""
        self.check(ice_of(theirs))
        self.peer.handshake(re.search("a=fingerprint:(.*)\r", theirs)[1],
                            time.monotonic() + PATIENCE_S, "a=setup:active" not in theirs)


class PeersLab(RelayLab):
    """With other ends of sessions, made by hand."""

    def __init__(self, *flags):
        super().__init__(*flags)
        self.identity = Identity()
        self.halves = []

    def half(self):
        self.halves.append(Half(self.identity))
        return self.halves[-1]

    def empty(self):
        super().empty()
        for half in self.halves:
            half.peer.socket.close()
        self.halves.clear()


class Lab(PeersLab):
    def publisher(self, *changes):
        """A session that publishes live what the offer says after the changes; the first answer."""
        half, session = self.half(), self.api.join(ROOM).session
        answer = self.api.publish(session, half.describe(sdp_of(sdp(), *changes)))
        half.connect(answer.sdp)
        wait_for(lambda: len(self.api.participant(session.participant).tracks) ==
                 len(answer.tracks), "the tracks to be live")
        return half, session, answer

    def one_track(self):
        return self.publisher((r"(?s)(m=video.*?)a=sendonly", r"\1a=inactive"))

    def subscriptions(self, session):
        return self.api.rooms.ListSubscriptions(
            room_pb2.ListSubscriptionsRequest(parent=session.participant),
            timeout=PATIENCE_S).subscriptions


def without(text, kind):
    return sdp_of(text, (rf"(?s)(m={kind}.*?)a=sendonly", r"\1a=inactive"))


class Publish:
    """A later offer of a session that publishes. 'before' and 'after' say of an offer's text what it
    holds then."""
    restarts = False

    def __init__(self, lab):
        self.lab = lab
        self.half, self.session = lab.half(), lab.api.join(ROOM).session
        self.first_offer = self.before(self.half.describe(sdp()))
        self.first = lab.api.publish(self.session, self.first_offer)
        self.half.connect(self.first.sdp)
        wait_for(lambda: len(self.participant().tracks) == len(self.first.tracks),
                 "the tracks to be live")
        self.former = self.half.ice
        if self.restarts:
            self.half.ice = credentials()
        self.call = lab.api.signalling.Publish
        self.request = signalling_pb2.PublishRequest(
            session=self.session, sdp=self.after(self.half.describe(sdp())))

    def participant(self):
        return self.lab.api.participant(self.session.participant)

    def publish(self, text):
        return self.lab.api.publish(self.session, text)

    def done(self):
        again = self.publish(self.request.sdp)
        self.half.check(ice_of(again.sdp))
        tracks = {t.uid for t in self.participant().tracks}
        return (ice_of(again.sdp) == ice_of(self.first.sdp)) != self.restarts and \
            tracks == {t.uid for t in again.tracks} and self.tracks_are(tracks) and \
            self.lab.relay.records() == (1, len(tracks), 0)

    def tracks_are(self, after):
        return after == self.tracks_before()

    def tracks_before(self):
        return {t.uid for t in self.first.tracks}

    def undone(self):
        same = {t.uid for t in self.participant().tracks} == self.tracks_before()
        wanted, self.half.ice = self.half.ice, self.former
        self.half.check(ice_of(self.first.sdp))
        again = self.publish(self.first_offer)
        same = same and ice_of(again.sdp) == ice_of(self.first.sdp) and \
            [t.uid for t in again.tracks] == [t.uid for t in self.first.tracks]
        self.half.ice = wanted
        return same and self.done()


class PublishMore(Publish):
    @staticmethod
    def before(text):
        return without(text, "video")

    @staticmethod
    def after(text):
        return text

    def tracks_are(self, after):
        return len(after) == 2 and self.tracks_before() < after


class PublishLess(Publish):
    @staticmethod
    def before(text):
        return text

    @staticmethod
    def after(text):
        return without(text, "audio")

    def tracks_are(self, after):
        return len(after) == 1 and after < self.tracks_before()


class PublishRestart(Publish):
    restarts = True

    @staticmethod
    def before(text):
        return text

    after = before


class PublishMoreAndRestart(PublishMore):
    restarts = True


class AnswerAgain:
    """The answer to an offer of one more track, of a session that hears one already."""

    def __init__(self, lab):
        self.lab, self.half, self.session = lab, lab.half(), lab.api.join(ROOM).session
        self.stream = lab.api.watch_session(self.session)
        lab.one_track()
        offer = self.offered()
        self.call = lab.api.signalling.AnswerSubscribe
        self.call(self.answer(offer), timeout=PATIENCE_S)
        self.half.connect(offer.sdp)
        wait_for(lambda: lab.relay.records()[2] == 1, "the subscription to run")
        lab.one_track()
        self.offer = self.offered()
        self.request = self.answer(self.offer)

    def offered(self):
        return self.stream.until_session("subscribe_offer")[-1].subscribe_offer

    def answer(self, offer):
        return signalling_pb2.AnswerSubscribeRequest(
            session=self.session, revision=offer.revision, sdp=sdp_of(
                self.half.describe(offer.sdp), ("a=setup:actpass", "a=setup:active"),
                ("a=(ice-lite|ssrc|msid).*\r\n", ""), ("sendonly", "recvonly")))

    def states(self):
        return [s.state for s in self.lab.subscriptions(self.session)]

    def done(self):
        # Nothing waits for an answer any more.
        failure(Code.FAILED_PRECONDITION, self.call, self.request, timeout=PATIENCE_S)
        self.half.check(ice_of(self.offer.sdp))
        return self.states() == [room_pb2.Subscription.STATE_ACTIVE] * 2 and \
            self.lab.relay.records() == (3, 2, 2)

    def undone(self):
        offered = self.states() == [room_pb2.Subscription.STATE_ACTIVE,
                                    room_pb2.Subscription.STATE_OFFERED]
        self.half.check(ice_of(self.offer.sdp))
        self.call(self.request, timeout=PATIENCE_S)
        return offered and self.done()


class AnswerRestart(AnswerAgain):
    """The answer to an offer that restarts ICE, asked for while an offer waited for its answer."""

    def __init__(self, lab):
        super().__init__(lab)
        lab.api.signalling.RestartSubscribeIce(signalling_pb2.RestartSubscribeIceRequest(
            session=self.session), timeout=PATIENCE_S)
        self.call(self.request, timeout=PATIENCE_S)
        self.former, self.before = self.half.ice, self.offer
        self.offer = self.offered()
        self.half.ice = credentials()
        self.request = self.answer(self.offer)

    def undone(self):
        # Under what the client does not offer any more there still is a path.
        wanted, self.half.ice = self.half.ice, self.former
        self.half.check(ice_of(self.before.sdp))
        self.half.ice = wanted
        self.call(self.request, timeout=PATIENCE_S)
        return self.done()


class MuteByServer:
    def __init__(self, lab):
        self.lab = lab
        self.half, self.session, answer = lab.publisher()
        self.name = answer.tracks[0].name
        self.prepare()

    def prepare(self):
        self.call = self.lab.api.rooms.SetTrackServerMuted
        self.request = room_pb2.SetTrackServerMutedRequest(name=self.name, server_muted=True)

    def track(self):
        t = self.lab.api.rooms.GetTrack(room_pb2.GetTrackRequest(name=self.name),
                                        timeout=PATIENCE_S)
        assert t.generation == t.applied_generation, t
        return t

    def done(self):
        return self.track().server_muted

    def undone(self):
        was = self.done()
        self.call(self.request, timeout=PATIENCE_S)
        return not was and self.done()


class MuteByPublisher(MuteByServer):
    def prepare(self):
        self.call = self.lab.api.signalling.SetTrackMuted
        self.request = signalling_pb2.SetTrackMutedRequest(session=self.session, track=self.name,
                                                           muted=True)

    def done(self):
        return self.track().muted


class PauseByServer(AnswerAgain):
    """Of a subscription that runs."""

    def __init__(self, lab):
        super().__init__(lab)
        self.track = lab.subscriptions(self.session)[0].track
        self.prepare()

    def prepare(self):
        self.call = self.lab.api.rooms.UpdateSubscription
        self.request = room_pb2.UpdateSubscriptionRequest(subscription=room_pb2.Subscription(
            participant=self.session.participant, track=self.track, paused=True))

    def done(self):
        s = self.lab.subscriptions(self.session)[0]
        assert s.generation == s.applied_generation, s
        return s.paused

    def undone(self):
        was = self.done()
        self.call(self.request, timeout=PATIENCE_S)
        return not was and self.done()


class PauseBySubscriber(PauseByServer):
    def prepare(self):
        self.call = self.lab.api.signalling.SetSubscription
        self.request = signalling_pb2.SetSubscriptionRequest(session=self.session,
                                                             track=self.track, paused=True)


class Leave:
    def __init__(self, lab):
        self.lab = lab
        self.half, self.session, _ = lab.publisher()
        self.prepare()

    def prepare(self):
        self.call = self.lab.api.signalling.Leave
        self.request = signalling_pb2.LeaveRequest(session=self.session)

    def done(self):
        failure(Code.NOT_FOUND, self.lab.api.participant, self.session.participant)
        wait_for(lambda: self.lab.relay.records() == (0, 0, 0), "its goodbye to be over")
        return True


class Remove(Leave):
    def prepare(self):
        self.call = self.lab.api.rooms.RemoveParticipant
        self.request = room_pb2.RemoveParticipantRequest(name=self.session.participant)


class Delete(Leave):
    def prepare(self):
        self.call = self.lab.api.rooms.DeleteRoom
        self.request = room_pb2.DeleteRoomRequest(name=f"rooms/{ROOM}")


CHANGES = (PublishMore, PublishLess, PublishRestart, PublishMoreAndRestart, AnswerAgain,
           AnswerRestart, MuteByServer, MuteByPublisher, PauseByServer, PauseBySubscriber)
REMOVALS = (Leave, Remove, Delete)


class Renegotiation(Outcomes):
    lab_class = Lab

    def test_done(self):
        def check(change):
            change.call(change.request, timeout=PATIENCE_S)
            self.assertTrue(change.done())
        self.each(CHANGES + REMOVALS, check)

    def test_wishes_that_contradict(self):
        change = PauseByServer(self.lab)
        wish = change.request.subscription
        for bound in ("maximum", "wanted"):
            wish.ClearField("maximum")
            wish.minimum.spatial, wish.minimum.temporal = 1, 2
            getattr(wish, bound).spatial = 1
            self.assertIn(f"above {bound}", failure(Code.INVALID_ARGUMENT, change.call,
                                                    change.request, timeout=PATIENCE_S))
        self.assertFalse(self.lab.subscriptions(change.session)[0].HasField("minimum"))

    def test_refused(self):
        self.each(CHANGES, self.refused)

    def test_late_then_applied(self):
        self.each(CHANGES + REMOVALS, self.late_then_applied)

    def test_late_then_refused(self):
        self.each(CHANGES, self.late_then_refused)

    def test_a_refused_removal_is_repeated(self):
        self.each(REMOVALS, self.repeated)

    def test_without_a_dataplane(self):
        def check(change, wanted=Code.UNAVAILABLE):
            self.without_a_dataplane(change, wanted)
            failure(Code.NOT_FOUND, self.lab.api.participant, change.session.participant)
        self.each(CHANGES, check)
        # What was to be removed went with the dataplane.
        self.each(REMOVALS, lambda change: check(change, Code.OK))


if __name__ == "__main__":
    unittest.main(verbosity=2)
