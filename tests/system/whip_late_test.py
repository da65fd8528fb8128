#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# lab: --clients 1
"""Requests of WHIP and WHEP while the dataplane is late, refuses or is gone, and where the client never
hears the answer: an ICE restart of either, and the answer to a counter-offer. A request that failed
keeps the session, or the offer, as it was; the same request again is answered as if it were the first.
Sessions are live, by a peer that is no browser; a relay between the real processes holds and refuses.
"""
import re
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import whip_test
from api_lab import PATIENCE_S, sdp, wait_for
from relay_lab import Event, sdp_of
from renegotiation_test import PeersLab, credentials, ice_of
from whip_test import EMPTY_OFFER, FRAGMENT, SDP, STRONG_ETAG, curl

ROOM = "late"
KIND, PIECE = f"content-type: {SDP}", f"content-type: {FRAGMENT}"
# What the text promises: 503 when the dataplane has not acknowledged within 5 s.
SERVER_PATIENCE_S, ASK_AGAIN = 5, r"\d+"
OFFER_TIMEOUT_S = 4  # of counter-offers, where one is to end before its answer is acknowledged


class Lab(PeersLab):
    def published(self):
        """Who is there to be played."""
        half, name = self.half(), f"rooms/{ROOM}/participants/cam"
        answer = curl("2", "POST", f"/whip/{ROOM}?participant=cam", KIND, body=half.describe(sdp()))
        assert answer.status == 201, answer.body
        half.connect(answer.body)
        wait_for(lambda: len(self.api.participant(name).tracks) == 2, "the tracks to be live")
        return half, answer, name


class Change:
    """One PATCH of one live session, which 'half' is the other end of."""

    def patch(self):
        return curl(self.version, "PATCH", self.path, *self.fields, body=self.body)

    def trickled(self, ice, etag):
        """The status of a fragment that brings a candidate and no restart."""
        return curl(self.version, "PATCH", self.path, PIECE, f"if-match: {etag}",
                    body=whip_test.TRICKLE.replace(whip_test.UFRAG, ice.username_fragment)
                    .replace(whip_test.PWD, ice.password)).status


class Restart(Change):
    status, fields = 200, (PIECE, "if-match: *")

    def session(self, half, answer, name):
        self.half, self.path, self.name = half, answer.one("location"), name
        self.etag, self.theirs, self.former = answer.one("etag"), ice_of(answer.body), half.ice
        self.wanted = credentials()
        self.body = whip_test.TRICKLE.replace(
            whip_test.UFRAG, self.wanted.username_fragment).replace(
                whip_test.PWD, self.wanted.password)

    def kept(self):
        """As before it: the path, its credentials and the entity-tag."""
        self.half.ice = self.former
        self.half.check(self.theirs)
        return self.trickled(self.former, self.etag) == 204

    def done(self, answer):
        new, theirs = answer.one("etag"), ice_of(answer.body)
        assert re.fullmatch(STRONG_ETAG, new) and new != self.etag
        assert answer.one("content-type") == FRAGMENT
        self.half.ice = self.wanted
        self.half.check(theirs)
        return theirs != self.theirs and self.trickled(self.wanted, self.etag) == 412 and \
            self.trickled(self.wanted, new) == 204

    def same(self, one, other):
        return one.one("etag") == other.one("etag") and ice_of(one.body) == ice_of(other.body)


class WhipRestart(Restart):
    def __init__(self, lab, version):
        self.lab, self.version = lab, version
        self.session(*lab.published())


class WhepRestart(Restart):
    def __init__(self, lab, version):
        self.lab, self.version = lab, version
        lab.published()
        half = lab.half()
        answer = curl(version, "POST", f"/whep/{ROOM}", KIND,
                      body=half.describe(sdp_of(sdp(), ("a=sendonly", "a=recvonly"))))
        assert answer.status == 201, answer.body
        half.connect(answer.body)
        wait_for(lambda: lab.relay.records()[2] == 2, "the lines to run")
        self.session(half, answer, f"rooms/{ROOM}/participants/" +
                     answer.one("location").split("/")[3])


class WhepAnswer(Change):
    status, fields = 204, (KIND,)

    def __init__(self, lab, version):
        self.lab, self.version = lab, version
        lab.published()
        self.half = lab.half()
        self.offer = curl(version, "POST", f"/whep/{ROOM}", KIND, body=EMPTY_OFFER)
        assert self.offer.status == 406, self.offer.body
        self.path = self.offer.one("location")
        self.name = f"rooms/{ROOM}/participants/" + self.path.split("/")[3]
        self.body = sdp_of(self.half.describe(self.offer.body),
                           ("a=setup:actpass", "a=setup:active"),
                           ("a=(ice-lite|ssrc|msid).*\r\n", ""), ("sendonly", "recvonly"))

    def kept(self):
        """The offer still waits for its answer."""
        return curl(self.version, "PATCH", self.path, PIECE, "if-match: *",
                    body=whip_test.TRICKLE).status == 409

    def done(self, answer):
        self.half.connect(self.offer.body)
        wait_for(lambda: self.lab.relay.records()[2] == 2, "the lines to run")
        return "etag" not in answer.fields and not answer.body

    def same(self, *_answers):
        return True


class Rows(unittest.TestCase):
    """'hold' and 'refuse' are the relay's, which lets all pass again at the end."""

    def answered(self, answer, status, sentence=None, **fields):
        self.assertEqual(answer.status, status, answer.body)
        for name, value in fields.items():
            self.assertRegex(answer.one(name.replace("_", "-")), f"^(?:{value})$")
        if sentence is not None:
            self.assertRegex(answer.body, rf"^\S.*{sentence}.*\n$")

    def background(self, change):
        """The PATCH, while it waits for an epoch that is held."""
        self.lab.relay.tell("hold")
        pending = self.pool.submit(change.patch)
        self.lab.relay.await_held()
        return pending

    def late(self, change):
        """503 when the time is over; the change stays desired."""
        start = time.monotonic()
        answer = self.background(change).result(PATIENCE_S)
        self.assertGreater(time.monotonic() - start, SERVER_PATIENCE_S - 1)
        self.answered(answer, 503, "stays desired", retry_after=ASK_AGAIN)
        self.assertTrue(self.lab.relay.tell("records")["held"])
        self.assertEqual(self.lab.changes, [])

    def event(self, kind, change, method="PATCH"):
        wait_for(lambda: self.lab.changes, "the event that says how it ended")
        event = self.lab.changes.pop()
        self.assertEqual(self.lab.changes, [])
        self.assertEqual((event.kind, event.change.method, event.change.resource),
                         (kind, method, change.name))
        return event.change

    def again(self, change):
        """As often as the client likes: the same answer."""
        first, second = change.patch(), change.patch()
        for answer in (first, second):
            self.answered(answer, change.status)
        self.assertTrue(change.same(first, second))
        self.assertTrue(change.done(second))

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(*cls.flags)
        cls.pool = ThreadPoolExecutor(4)

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown()
        cls.lab.end()

    def setUp(self):
        self.addCleanup(self.lab.empty)  # or the next control plane finds orphans
        self.lab.empty()

    def each(self, check, kinds=(WhipRestart, WhepRestart, WhepAnswer), versions=("1.1", "2")):
        for version in versions:
            for kind in kinds:
                with self.subTest(kind.__name__, version=version):
                    try:
                        check(kind(self.lab, version))
                    finally:
                        self.lab.relay.pass_all()
                        self.lab.empty()
                        self.lab.changes.clear()


class Patch(Rows):
    flags = ()

    def test_answered_and_never_heard(self):
        """Nobody but the client knows whether the answer arrived."""
        def check(change):
            first, before = change.patch(), self.lab.relay.records()
            self.answered(first, change.status)
            again = change.patch()
            self.answered(again, change.status)
            self.assertTrue(change.same(first, again))
            self.assertEqual(self.lab.relay.records(), before)
            self.assertTrue(change.done(again))
        self.each(check)

    def test_gone_before_the_answer(self):
        """The client hangs up and comes back with the same request."""
        def check(change):
            self.lab.relay.tell("hold")
            whip_test.hang_up(change.version, "PATCH", change.path, *change.fields,
                              body=change.body, when=self.lab.relay.await_held)
            wait_for(lambda: self.lab.api.get(ROOM), "a round trip")
            self.lab.relay.pass_all()
            self.assertEqual(self.event(Event.KIND_CHANGE_APPLIED, change).refusal, "")
            self.again(change)
        self.each(check)

    def test_refused(self):
        def check(change):
            before = self.lab.relay.records()
            self.lab.relay.refuse_all()
            self.answered(change.patch(), 503, "nothing of it is left", retry_after=ASK_AGAIN)
            self.lab.relay.pass_all()
            self.assertEqual(self.lab.relay.records(), before)
            self.assertEqual(self.lab.changes, [])  # who waited has been told
            self.assertTrue(change.kept())
            self.again(change)
        self.each(check)

    def test_late_then_applied(self):
        def check(change):
            self.late(change)
            self.lab.relay.pass_all()
            self.assertEqual(self.event(Event.KIND_CHANGE_APPLIED, change).refusal, "")
            self.again(change)
        self.each(check)

    def test_late_then_refused(self):
        def check(change):
            before = self.lab.relay.records()
            self.late(change)
            self.lab.relay.refuse_all()
            self.assertNotEqual(self.event(Event.KIND_CHANGE_ROLLED_BACK, change).refusal, "")
            self.lab.relay.pass_all()
            self.assertEqual(self.lab.relay.records(), before)
            self.assertTrue(change.kept())
            self.again(change)
        self.each(check)

    def test_again_while_the_first_is_running(self):
        """Who asks while another waits is to come back; who asks once nobody does any more waits
        for the same change."""
        def check(change):
            waiting = self.background(change)
            self.answered(change.patch(), 409, "wait", retry_after=ASK_AGAIN)
            self.answered(waiting.result(PATIENCE_S), 503, "stays desired", retry_after=ASK_AGAIN)
            second = self.pool.submit(change.patch)
            held = self.pool.submit(change.patch)  # one of the two waits, the other is told to
            self.assertEqual(min(a.status for a in self.first_of(second, held)), 409)
            self.lab.relay.pass_all()
            answers = sorted((second.result(PATIENCE_S), held.result(PATIENCE_S)),
                             key=lambda a: a.status)
            self.answered(answers[0], change.status)
            self.event(Event.KIND_CHANGE_APPLIED, change)
            self.assertTrue(change.done(answers[0]))
        self.each(check, versions=("2",))

    @staticmethod
    def first_of(*pending):
        wait_for(lambda: any(p.done() for p in pending), "the first answer")
        return [p.result() for p in pending if p.done()]

    def test_without_a_dataplane(self):
        """At once, and the session is gone with it."""
        def check(change):
            pending = self.background(change)
            start = time.monotonic()
            self.lab.relay.tell("gone")
            answer = pending.result(PATIENCE_S)
            self.assertLess(time.monotonic() - start, 1)
            self.answered(answer, 503, retry_after=ASK_AGAIN)
            self.lab.relay.pass_all()
            self.lab.api.await_dataplane()
            self.answered(change.patch(), 404)
        self.each(check, versions=("2",))


class Delete(Rows):
    """200 says that the dataplane has let go of the session; its URL is gone at once."""
    flags = ()
    kinds = (WhipRestart, WhepRestart)

    def begin(self, session):
        """Under way, once nothing of it is shown any more."""
        pending = self.pool.submit(curl, session.version, "DELETE", session.path)
        wait_for(lambda: curl(session.version, "GET", session.path).status == 404, "its end")
        return pending

    def ended(self, records):
        transports, tracks, subscriptions = records
        whip = subscriptions == 0
        wait_for(lambda: self.lab.relay.records() ==
                 (transports - 1, 0 if whip else tracks, 0), "its goodbye to be over")

    def test_late(self):
        def check(session):
            before = self.lab.relay.records()
            self.lab.relay.tell("hold")
            pending = self.begin(session)
            self.answered(pending.result(PATIENCE_S), 503, "stays desired", retry_after=ASK_AGAIN)
            self.assertEqual(self.lab.changes, [])
            self.lab.relay.pass_all()
            self.event(Event.KIND_CHANGE_APPLIED, session, "DELETE")
            self.answered(curl(session.version, "DELETE", session.path), 404)
            self.ended(before)
        self.each(check, self.kinds)

    def test_refused_is_repeated(self):
        def check(session):
            before, refused = self.lab.relay.records(), self.lab.relay.refused()
            self.lab.relay.refuse_all()
            pending = self.begin(session)
            wait_for(lambda: self.lab.relay.refused() >= refused + 3, "refusals")
            self.assertFalse(pending.done())
            self.lab.relay.pass_all()
            self.answered(pending.result(PATIENCE_S), 200)
            self.assertEqual(self.lab.changes, [])
            self.ended(before)
        self.each(check, self.kinds)

    def test_without_a_dataplane(self):
        def check(session):
            self.lab.relay.tell("hold")
            pending = self.begin(session)
            self.lab.relay.tell("gone")
            self.answered(pending.result(PATIENCE_S), 200)
            self.lab.relay.pass_all()
            self.lab.api.await_dataplane()
        self.each(check, self.kinds)


class Post(Rows):
    """Nobody knows the URL of a session without its 201 or 406: nothing of it stays."""
    flags = ()

    def posts(self, check, versions):
        for version in versions:
            for end, text, status in (
                    ("whip", sdp(), 201),
                    ("whep", sdp_of(sdp(), ("a=sendonly", "a=recvonly")), 201),
                    ("whep", EMPTY_OFFER, 406)):
                with self.subTest(end, status=status, version=version):
                    self.lab.empty()
                    self.lab.published()
                    check(lambda v=version, e=end, t=text: curl(
                        v, "POST", f"/{e}/{ROOM}", KIND, body=t), status)
                self.lab.relay.pass_all()

    def nothing_stays(self, before):
        wait_for(lambda: self.lab.api.get(ROOM).participant_count == 1, "the newcomer's end")
        wait_for(lambda: self.lab.relay.records() == before, "its records to go")
        self.assertEqual(self.lab.changes, [])

    def test_late(self):
        def check(post, status):
            before = self.lab.relay.records()
            self.lab.relay.tell("hold")
            self.answered(post(), 503, "given up", retry_after=ASK_AGAIN)
            self.lab.relay.pass_all()
            self.nothing_stays(before)
            self.answered(post(), status)
        self.posts(check, ("2",))

    def test_refused(self):
        def check(post, status):
            before = self.lab.relay.records()
            self.lab.relay.refuse_all()
            self.answered(post(), 503, "nothing of it is left", retry_after=ASK_AGAIN)
            self.lab.relay.pass_all()
            self.nothing_stays(before)
            self.answered(post(), status)
        self.posts(check, ("1.1", "2"))


class Void(Rows):
    """The answer came in time, the dataplane's did not."""
    flags = (f"--counter-offer-timeout-ms={1000 * OFFER_TIMEOUT_S}",)

    def test_applied(self):
        def check(change):
            self.late(change)
            self.lab.relay.pass_all()
            self.event(Event.KIND_CHANGE_APPLIED, change)
            self.again(change)
        self.each(check, (WhepAnswer,))

    def test_refused(self):
        """Then the offer stands again, and its time is over."""
        def check(change):
            self.late(change)
            self.lab.relay.refuse_all()
            self.event(Event.KIND_CHANGE_ROLLED_BACK, change)
            wait_for(lambda: self.lab.api.get(ROOM).participant_count == 1, "the offer's end")
            self.lab.relay.pass_all()
            self.answered(change.patch(), 404)
        self.each(check, (WhepAnswer,))


if __name__ == "__main__":
    unittest.main(verbosity=2)
