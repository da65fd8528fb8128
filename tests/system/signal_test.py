#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""SignallingService.Signal as python3-grpcio speaks it: a session on one stream, errors that end
nothing, streams that break, and bytes that are no request.
"""
import queue
import re
import unittest

from api_lab import SFU4, Api, WithApi, failure, sdp, wait_for
import grpc
from sluice.v1 import room_pb2, signalling_pb2, transport_pb2, transport_pb2_grpc

Code = grpc.StatusCode
PEER = f"{SFU4.rsplit('.', 1)[0]}.250"  # nobody's
SIGNAL = "/sluice.v1.SignallingService/Signal"
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=111, clock_rate=48000,
                              channels=2)


def answer_to(offer):
    """What a peer that takes every line of an offer answers (RFC 3264 6, RFC 8839)."""
    kept = [line for line in offer.split("\r\n") if not line.startswith("a=candidate:")]
    text = "\r\n".join(kept).replace("a=sendonly", "a=recvonly").replace("a=ice-lite\r\n", "")
    text = re.sub(r"a=setup:\w+", "a=setup:active", text)
    text = re.sub(r"a=(ssrc|ssrc-group|msid):[^\r]*\r\n", "", text)
    text = re.sub(r"a=ice-ufrag:[^\r]*", "a=ice-ufrag:theirs00", text)
    return re.sub(r"a=ice-pwd:[^\r]*", "a=ice-pwd:" + "p" * 24, text)


class Stream:
    """Requests go out as they are asked for; answers and events are read as they come."""

    def __init__(self, api):
        self.requests = queue.SimpleQueue()
        self.call = api.signalling.Signal(iter(self.requests.get, None), timeout=100)
        self.events = []
        self.id = 0

    def send(self, **request):
        self.id += 1
        self.requests.put(signalling_pb2.SignalRequest(id=self.id, **request))
        return self.id

    def next(self):
        got = next(self.call)
        if got.WhichOneof("response") == "event":
            self.events.append(got.event)
            assert got.event.sequence == len(self.events), "events out of order"
        return got

    def ask(self, **request):
        """The answer to this request; events before it are kept."""
        wanted = self.send(**request)
        while True:
            got = self.next()
            if got.WhichOneof("response") == "answer":
                assert got.answer.id == wanted, f"answer to {got.answer.id}, not {wanted}"
                return got.answer

    def error(self, **request):
        answer = self.ask(**request)
        assert answer.WhichOneof("answer") == "error", f"answered {answer}"
        return answer.error

    def event(self, kind):
        """The next event of that kind, or the first one that has come already."""
        seen = [e for e in self.events if e.WhichOneof("event") == kind]
        while not seen:
            got = self.next()
            assert got.WhichOneof("response") == "event", f"answer {got.answer}"
            seen = [e for e in self.events if e.WhichOneof("event") == kind]
        return getattr(seen[-1], kind)

    def half_close(self):
        self.requests.put(None)


class Signal(WithApi):
    def stream(self):
        stream = Stream(self.api)
        self.addCleanup(stream.half_close)
        self.addCleanup(stream.call.cancel)
        return stream

    def joined(self, participant="me"):
        stream = self.stream()
        request = signalling_pb2.JoinRequest(room=f"rooms/{self.room()}",
                                             participant_id=participant)
        stream.session = stream.ask(join=request).join.session
        stream.event("ready")
        return stream

    def ended(self, stream, code=Code.OK):
        """Reads to the end."""
        try:
            while True:
                stream.next()
        except StopIteration:
            pass
        except grpc.RpcError:
            pass
        self.assertEqual(stream.call.code(), code)

    def producers(self, count):
        """Tracks of a gateway's: live at once, with no client."""
        calls = transport_pb2_grpc.TransportServiceStub(self.api.channel)
        made = calls.CreateTransport(transport_pb2.CreateTransportRequest(
            room=f"rooms/{self.room()}", transport_id=self.room(),
            plain=transport_pb2.PlainOptions(connect=transport_pb2.PlainConnect(
                remote=f"{PEER}:5004"))))
        self.addCleanup(calls.DeleteTransport,
                        transport_pb2.DeleteTransportRequest(name=made.name))
        return [calls.Produce(transport_pb2.ProduceRequest(
            transport=made.name, kind=room_pb2.MEDIA_KIND_AUDIO, codecs=[OPUS],
            encodings=[transport_pb2.RtpEncoding(ssrc=ssrc)])).track
            for ssrc in range(1, count + 1)]

    def test_a_whole_session(self):
        stream = self.joined()
        published = stream.ask(publish=signalling_pb2.PublishRequest(sdp=sdp())).publish
        self.assertEqual(len(published.tracks), 2)
        self.assertIn(f"{SFU4} ", published.sdp)
        candidates = signalling_pb2.AddIceCandidatesRequest(
            direction=signalling_pb2.TRANSPORT_DIRECTION_PUBLISH, candidates=["nonsense"])
        self.assertEqual(
            stream.ask(add_ice_candidates=candidates).add_ice_candidates.ignored, 1)
        # Another offer with other credentials restarts ICE (RFC 8839 4.4.1.1): ours are others too.
        ufrag = lambda text: re.search(r"a=ice-ufrag:(\S+)", text)[1]
        again = re.sub(r"a=ice-pwd:\S+", "a=ice-pwd:" + "q" * 24,
                       re.sub(r"a=ice-ufrag:\S+", "a=ice-ufrag:again", sdp()))
        restarted = stream.ask(publish=signalling_pb2.PublishRequest(sdp=again)).publish
        self.assertNotEqual(ufrag(restarted.sdp), ufrag(published.sdp))
        self.assertEqual([t.uid for t in restarted.tracks], [t.uid for t in published.tracks])
        muted = stream.ask(set_track_muted=signalling_pb2.SetTrackMutedRequest(
            track=published.tracks[0].name, muted=True)).set_track_muted
        self.assertTrue(muted.track.muted)
        track, = self.producers(1)
        self.assertEqual(stream.event("track_published").track.name, track)
        offer = stream.event("subscribe_offer")
        self.assertEqual([t.track for t in offer.tracks], [track])
        answer = signalling_pb2.AnswerSubscribeRequest(revision=offer.revision,
                                                       sdp=answer_to(offer.sdp))
        self.assertEqual(stream.ask(answer_subscribe=answer).WhichOneof("answer"),
                         "answer_subscribe")
        restart = signalling_pb2.RestartSubscribeIceRequest()
        self.assertEqual(stream.ask(restart_subscribe_ice=restart).WhichOneof("answer"),
                         "restart_subscribe_ice")
        former, offer = offer, stream.event("subscribe_offer")
        self.assertEqual(offer.revision, former.revision + 1)
        self.assertNotEqual(ufrag(offer.sdp), ufrag(former.sdp))
        answer.revision, answer.sdp = offer.revision, answer_to(offer.sdp)
        self.assertEqual(stream.error(answer_subscribe=answer).reason, "SDP_UNSUPPORTED")
        answer.sdp = answer.sdp.replace("a=ice-ufrag:theirs00", "a=ice-ufrag:theirs01")
        self.assertEqual(stream.ask(answer_subscribe=answer).WhichOneof("answer"),
                         "answer_subscribe")
        candidates.direction = signalling_pb2.TRANSPORT_DIRECTION_SUBSCRIBE
        candidates.candidates[:] = [f"candidate:1 1 udp 2122129151 {PEER} 50000 typ host"]
        self.assertEqual(
            stream.ask(add_ice_candidates=candidates).add_ice_candidates.ignored, 0)
        paused = stream.ask(set_subscription=signalling_pb2.SetSubscriptionRequest(
            track=track, paused=True)).set_subscription
        self.assertTrue(paused.subscription.paused)
        self.assertEqual(stream.ask(leave=signalling_pb2.LeaveRequest()).WhichOneof("answer"),
                         "leave")
        self.assertEqual(stream.event("removed").reason, "left")
        self.ended(stream)
        failure(Code.NOT_FOUND, self.api.participant, stream.session.participant)

    def test_subscriptions_in_pages(self):
        stream = self.joined()
        tracks = self.producers(5)
        name = stream.session.participant

        def pages():
            sizes, listed, token = [], [], ""
            while not sizes or token:
                answer = self.api.rooms.ListSubscriptions(room_pb2.ListSubscriptionsRequest(
                    parent=name, page_size=2, page_token=token))
                sizes.append(len(answer.subscriptions))
                listed += answer.subscriptions
                token = answer.next_page_token
            return sizes, listed
        wait_for(lambda: len(pages()[1]) > 0, "the first offer")
        stream.event("subscribe_offer")
        offer = stream.events[-1].subscribe_offer
        if len(offer.tracks) < len(tracks):  # those that came after it are in the next one
            stream.ask(answer_subscribe=signalling_pb2.AnswerSubscribeRequest(
                revision=offer.revision, sdp=answer_to(offer.sdp)))
        wait_for(lambda: len(pages()[1]) == len(tracks), "a subscription to each")
        sizes, listed = pages()
        self.assertEqual(sizes, [2, 2, 1])
        self.assertEqual([s.track for s in listed], tracks)
        self.assertEqual(len({s.uid for s in listed}), len(tracks))

    def test_errors_end_nothing(self):
        stream = self.stream()
        error = stream.error(publish=signalling_pb2.PublishRequest(sdp=sdp()))
        self.assertEqual((error.code, error.reason), (9, "SESSION_NOT_OPEN"))
        error = stream.error()
        self.assertEqual((error.reason, dict(error.metadata)),
                         ("FIELD_MISSING", {"field": "request"}))
        error = stream.error(join=signalling_pb2.JoinRequest(room="rooms/a b"))
        self.assertEqual((error.code, error.reason), (3, "NAME_INVALID"))
        self.assertEqual(dict(error.metadata), {"field": "room", "value": "rooms/a b"})
        self.assertIn("a b", error.message)
        resume = signalling_pb2.Session(participant=f"rooms/{self.room()}/participants/none")
        self.assertEqual(stream.error(resume=resume).reason, "ROOM_NOT_FOUND")
        joined = stream.ask(join=signalling_pb2.JoinRequest(room=f"rooms/{self.room()}")).join
        stream.event("ready")
        again = signalling_pb2.JoinRequest(room=f"rooms/{self.room()}")
        self.assertEqual(stream.error(join=again).reason, "SESSION_OPEN")
        self.assertEqual(stream.error(resume=joined.session).reason, "SESSION_OPEN")
        error = stream.error(publish=signalling_pb2.PublishRequest(sdp="hello"))
        self.assertEqual((error.code, error.reason), (3, "SDP_MALFORMED"))
        other = self.api.join(self.room()).session
        error = stream.error(leave=signalling_pb2.LeaveRequest(session=other))
        self.assertEqual((error.reason, dict(error.metadata)),
                         ("FIELD_INVALID", {"field": "session.participant",
                                            "value": other.participant}))
        wrong = signalling_pb2.Session(participant=joined.session.participant, secret="x")
        self.assertEqual(stream.error(leave=signalling_pb2.LeaveRequest(session=wrong)).reason,
                         "SESSION_SECRET_WRONG")
        self.assertEqual(stream.error(answer_subscribe=signalling_pb2.AnswerSubscribeRequest(
            revision=7)).reason, "REVISION_STALE")
        # One's own secret may be sent along, and the session is as it was.
        self.assertEqual(len(stream.ask(publish=signalling_pb2.PublishRequest(
            session=joined.session, sdp=sdp())).publish.tracks), 2)

    def test_too_many_at_once(self):
        stream = self.joined()
        sent = [stream.send(publish=signalling_pb2.PublishRequest(sdp=sdp(), request_id="same"))
                for _ in range(200)]
        answers = {}
        while len(answers) < len(sent):
            got = stream.next()
            if got.WhichOneof("response") == "answer":
                answers[got.answer.id] = got.answer
        # A repeat waits for the first and gets its answer; beyond the limit it is refused.
        kinds = [answers[i].error.reason or answers[i].publish.sdp for i in sent]
        self.assertEqual(set(kinds) - {"SERVER_BUSY"}, {answers[sent[0]].publish.sdp})
        self.assertGreaterEqual(len(kinds) - kinds.count("SERVER_BUSY"), 64)
        # Unary or on a stream, it is one call to request_id.
        self.assertEqual(self.api.publish(stream.session, sdp(), request_id="same").sdp,
                         answers[sent[0]].publish.sdp)

    def test_cancelled_in_mid_stream(self):
        stream = self.joined()
        stream.send(publish=signalling_pb2.PublishRequest(sdp=sdp()))
        stream.call.cancel()
        self.assertEqual(self.api.participant(stream.session.participant).name,
                         stream.session.participant)
        again = self.stream()
        wrong = signalling_pb2.Session(participant=stream.session.participant, secret="x")
        self.assertEqual(again.error(resume=wrong).reason, "SESSION_SECRET_WRONG")
        self.assertEqual(again.ask(resume=stream.session).WhichOneof("answer"), "resumed")
        again.event("ready")
        # A stream of the same session, of either kind, takes its events over.
        third = self.stream()
        third.ask(resume=stream.session)
        self.ended(again)
        self.api.watch_session(stream.session).until_session("ready")
        self.ended(third)

    def test_joins_again_by_request_id(self):
        join = signalling_pb2.JoinRequest(room=f"rooms/{self.room()}", request_id=self.room())
        first = self.stream()
        session = first.ask(join=join).join.session
        first.call.cancel()
        second = self.stream()
        self.assertEqual(second.ask(join=join).join.session, session)
        second.event("ready")
        self.api.leave(session)
        self.assertEqual(second.event("removed").reason, "left")
        self.ended(second)

    def test_hears_after_its_last_request(self):
        stream = self.joined()
        stream.half_close()
        other = self.api.join(self.room(), "other")
        self.assertEqual(stream.event("participant_joined").participant.name,
                         other.participant.name)
        self.api.delete(self.room())
        self.assertEqual(stream.event("removed").reason, "room deleted")
        self.ended(stream)
        silent = self.stream()
        silent.half_close()
        self.ended(silent)

    def test_bytes_that_are_no_request(self):
        raw = self.api.channel.stream_stream(SIGNAL)
        stream = self.joined()
        for code, *messages in (
                (Code.INVALID_ARGUMENT, b"\xff" * 40),
                (Code.INVALID_ARGUMENT, b"\x12\x05ab"),
                (Code.INVALID_ARGUMENT, b"\x12\x03\x0a\x01\xff"),  # a room that is not UTF-8
                (Code.RESOURCE_EXHAUSTED, b"\x12" + bytes(2 << 20)),
                (Code.INVALID_ARGUMENT, b"\x08\x01", b"\x08")):
            call = raw(iter(messages), timeout=20)
            with self.assertRaises(grpc.RpcError):
                for _ in call:
                    pass
            self.assertEqual(call.code(), code, messages)
        # Unknown fields are nobody's mistake, and other streams of the connection live on.
        call = raw(iter([b"\xfa\x7f\x01x"]), timeout=20)
        self.assertEqual(signalling_pb2.SignalResponse.FromString(next(call)).answer.error.reason,
                         "FIELD_MISSING")
        self.assertEqual(len(stream.ask(publish=signalling_pb2.PublishRequest(
            sdp=sdp())).publish.tracks), 2)

    def test_reader_too_slow(self):
        # A small window, and answers as large as they are.
        api = Api(options=(("grpc.http2.bdp_probe", 0),
                           ("grpc.compression_enabled_algorithms_bitset", 1)))
        self.addCleanup(api.close)
        bad = signalling_pb2.JoinRequest(room="rooms/" + "ä" * 100)
        stream = Stream(api)
        for _ in range(8000):
            stream.send(join=bad)
        wait_for(lambda: not stream.call.is_active(), "the stream to be cut")
        api.leave(api.join(self.room()).session)  # beside it, on the same connection
        self.ended(stream, Code.RESOURCE_EXHAUSTED)
        api.leave(api.join(self.room()).session)


if __name__ == "__main__":
    unittest.main(verbosity=2)
