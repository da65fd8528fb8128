#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# lab: --clients 1
# lab: --clients 1 --workers 2
"""The API with both real processes behind it, as a client that is not ours calls it: rooms,
signalling, statistics, and what is said when a process goes. No browser: media is for others.
"""
import re
import select
import socket
import unittest

import api_lab
from api_lab import MEDIA_PORT, SFU4, OwnDataplane, WithApi, ctl, failure, sdp, wait_for
import grpc
from sluice.v1 import room_pb2, signalling_pb2

Code = grpc.StatusCode
Event = room_pb2.Event
SUBSCRIBE = signalling_pb2.TRANSPORT_DIRECTION_SUBSCRIBE

BAD_IDS = ("", "a b", "a/b", "ä", "x" * 65, "a.b", "%41")


class Rooms(WithApi):
    def test_create_get_list_delete(self):
        names = [f"{self.room()}-{i}" for i in (3, 1, 2)]
        made = [self.api.create(name) for name in names]
        self.assertEqual([r.name for r in made], [f"rooms/{n}" for n in names])
        self.assertEqual(len({r.uid for r in made}), 3)
        self.assertEqual(self.api.get(names[0]), made[0])
        listed = self.api.rooms.ListRooms(room_pb2.ListRoomsRequest()).rooms
        self.assertEqual([r.name for r in listed if r.name in {m.name for m in made}],
                         [m.name for m in made], "not in order of creation")
        for name in names:
            self.api.delete(name)
            text = failure(Code.NOT_FOUND, self.api.get, name)
            self.assertIn(f"rooms/{name}", text)
        self.assertNotEqual(self.api.create(names[0]).uid, made[0].uid)

    def test_errors(self):
        self.api.create(self.room())
        self.assertIn(self.room(), failure(Code.ALREADY_EXISTS, self.api.create, self.room()))
        for bad in BAD_IDS:
            self.assertIn("room_id", failure(Code.INVALID_ARGUMENT, self.api.create, bad))
            self.assertIn("name", failure(Code.INVALID_ARGUMENT, self.api.get, bad))
        failure(Code.NOT_FOUND, self.api.delete, "nobody-made-it")
        failure(Code.NOT_FOUND, self.api.watch_events("rooms/nobody-made-it").next)
        failure(Code.INVALID_ARGUMENT, self.api.watch_events("rooms/").next)
        name = f"rooms/{self.room()}/participants/nobody"
        self.assertIn(name, failure(Code.NOT_FOUND, self.api.participant, name))
        failure(Code.INVALID_ARGUMENT, self.api.participant, f"rooms/{self.room()}")
        failure(Code.NOT_FOUND, self.api.rooms.RemoveParticipant,
                room_pb2.RemoveParticipantRequest(name=name))

    def test_repeats(self):
        first = self.api.create(self.room(), request_id="create-1")
        self.assertEqual(self.api.create(self.room(), request_id="create-1"), first)
        failure(Code.ALREADY_EXISTS, self.api.create, self.room(), request_id="create-2")
        # The id of another request is no repeat of it: somebody has mixed up his ids.
        text = failure(Code.FAILED_PRECONDITION, self.api.create, f"{self.room()}-b",
                       request_id="create-1")
        self.assertIn("create-1", text)
        failure(Code.NOT_FOUND, self.api.get, f"{self.room()}-b")
        # An error that would come again is an answer too.
        failure(Code.ALREADY_EXISTS, self.api.create, self.room(), request_id="create-2")
        failure(Code.INVALID_ARGUMENT, self.api.create, self.room(), request_id="x" * 65)
        self.api.delete(self.room(), request_id="delete-1")
        self.api.delete(self.room(), request_id="delete-1")
        failure(Code.NOT_FOUND, self.api.delete, self.room(), request_id="delete-2")

    def test_generation_follows(self):
        self.api.create(self.room())
        joined = self.api.join(self.room())
        self.assertGreater(self.api.get(self.room()).generation, 1)
        self.follows()
        self.api.leave(joined.session)
        self.assertEqual(self.api.get(self.room()).participant_count, 0)
        self.follows()

    def follows(self):
        def same():
            room = self.api.get(self.room())
            return room.generation == room.applied_generation
        wait_for(same, "applied_generation to follow")

    def test_participants(self):
        before = self.api.join(self.room(), "one", display_name="Ü" * 64)
        self.assertEqual(before.participant.display_name, "Ü" * 64)
        self.api.join(self.room(), "two")
        request = room_pb2.ListParticipantsRequest(parent=f"rooms/{self.room()}")
        listed = self.api.rooms.ListParticipants(request).participants
        self.assertEqual([p.name.rsplit("/", 1)[1] for p in listed], ["one", "two"])
        self.assertEqual(self.api.get(self.room()).participant_count, 2)
        one = self.api.participant(before.participant.name)
        self.assertEqual(one, before.participant)
        self.assertEqual(one.publish_transport, room_pb2.TRANSPORT_STATE_UNSPECIFIED)
        stream = self.api.watch_session(before.session)
        stream.until_session("ready")
        remove = room_pb2.RemoveParticipantRequest(name=one.name, request_id=self.room())
        self.api.rooms.RemoveParticipant(remove)
        self.api.rooms.RemoveParticipant(remove)
        self.assertEqual(stream.until_session("removed")[-1].removed.reason, "removed")
        with self.assertRaises(StopIteration):
            stream.next()
        failure(Code.NOT_FOUND, self.api.participant, one.name)
        failure(Code.NOT_FOUND, self.api.leave, before.session)


class Joining(WithApi):
    def test_errors(self):
        for bad in BAD_IDS:
            self.assertIn("room", failure(Code.INVALID_ARGUMENT, self.api.join, bad))
        for bad in BAD_IDS[1:]:
            self.assertIn("participant_id",
                          failure(Code.INVALID_ARGUMENT, self.api.join, self.room(), bad))
        self.assertIn("128", failure(Code.INVALID_ARGUMENT, self.api.join, self.room(),
                                     display_name="Ü" * 64 + "x"))
        # Nothing of it has made a room.
        failure(Code.NOT_FOUND, self.api.get, self.room())
        self.api.join(self.room(), "me")
        self.assertIn("me", failure(Code.ALREADY_EXISTS, self.api.join, self.room(), "me"))

    def test_ids_and_secrets_are_chosen(self):
        joined = [self.api.join(self.room()) for _ in range(3)]
        self.assertEqual(len({j.session.participant for j in joined}), 3)
        self.assertEqual(len({j.session.secret for j in joined}), 3)
        self.assertEqual(len({j.participant.uid for j in joined}), 3)

    def test_repeats(self):
        first = self.api.join(self.room(), request_id="join-1")
        self.assertEqual(self.api.join(self.room(), request_id="join-1"), first)
        # Somebody else's join under the same id must not be handed the first one's secret.
        failure(Code.FAILED_PRECONDITION, self.api.join, self.room(), "other",
                request_id="join-1")
        self.assertEqual(self.api.get(self.room()).participant_count, 1)

    def test_wrong_secret(self):
        session = self.api.join(self.room()).session
        wrong = "0" * len(session.secret)
        for secret in ("", "x", wrong, session.secret + "0", session.secret[:-1]):
            bad = signalling_pb2.Session(participant=session.participant, secret=secret)
            for call in (self.api.leave, lambda s: self.api.publish(s, sdp()),
                         lambda s: self.api.candidates(s, []),
                         lambda s: self.api.watch_session(s).next()):
                self.assertIn("secret", failure(Code.PERMISSION_DENIED, call, bad))
        failure(Code.INVALID_ARGUMENT, self.api.leave, None)
        self.api.leave(session)

    def test_room_is_full(self):
        calls = [self.api.signalling.Join.future(signalling_pb2.JoinRequest(
            room=f"rooms/{self.room()}")) for _ in range(256)]
        for call in calls:
            call.result(60)
        text = failure(Code.RESOURCE_EXHAUSTED, self.api.join, self.room())
        self.assertIn("256", text)
        self.api.delete(self.room())


class Sessions(WithApi):
    def test_snapshot_then_changes(self):
        first = self.api.join(self.room(), "first")
        second = self.api.join(self.room(), "second")
        stream = self.api.watch_session(second.session)
        events = stream.until_session("ready")
        self.assertEqual([e.participant_joined.participant.name for e in events[:-1]],
                         [first.participant.name])
        third = self.api.join(self.room(), "third")
        self.assertEqual(stream.next().participant_joined.participant, third.participant)
        self.api.leave(third.session)
        left = stream.next().participant_left
        self.assertEqual((left.participant, left.reason), (third.participant.name, "left"))
        self.api.delete(self.room())
        self.assertEqual(stream.until_session("removed")[-1].removed.reason, "room deleted")
        with self.assertRaises(StopIteration):
            stream.next()

    def test_replaced_stream(self):
        session = self.api.join(self.room(), "me").session
        streams = []
        for _ in range(5):
            streams.append(self.api.watch_session(session))
            streams[-1].until_session("ready")
        for stream in streams[:-1]:
            with self.assertRaises(StopIteration):
                stream.next()
        self.api.join(self.room(), "other")
        self.assertEqual(streams[-1].next().WhichOneof("event"), "participant_joined")
        # A cancelled stream leaves the participant in the room.
        streams[-1].cancel()
        again = self.api.watch_session(session)
        self.assertEqual(len(again.until_session("ready")), 2)
        self.api.leave(session)
        self.assertEqual(again.until_session("removed")[-1].removed.reason, "left")

    def test_many_come_and_go(self):
        watcher = self.api.join(self.room(), "watcher").session
        stream = self.api.watch_session(watcher)
        stream.until_session("ready")
        for i in range(30):
            session = self.api.join(self.room(), f"p{i}").session
            own = self.api.watch_session(session)
            own.next()
            if i % 3 == 0:
                self.api.publish(session, sdp())
            if i % 2 == 0:
                own.cancel()
            self.api.leave(session)
        events = [stream.next() for _ in range(60)]
        self.assertEqual(sum(e.WhichOneof("event") == "participant_left" for e in events), 30)

    def test_answer_needs_an_offer(self):
        session = self.api.join(self.room(), "me").session
        for revision in (0, 1, 7):
            failure(Code.FAILED_PRECONDITION, self.api.signalling.AnswerSubscribe,
                    signalling_pb2.AnswerSubscribeRequest(session=session, revision=revision,
                                                          sdp=sdp()))

    def test_tracks_of_others(self):
        session = self.api.join(self.room(), "me").session
        other = self.api.join(self.room(), "other").session
        published = self.api.publish(other, sdp()).tracks
        mute = self.api.signalling.SetTrackMuted
        pause = self.api.signalling.SetSubscription
        for call, request in ((mute, signalling_pb2.SetTrackMutedRequest),
                              (pause, signalling_pb2.SetSubscriptionRequest)):
            for bad in ("", "x", session.participant):
                failure(Code.INVALID_ARGUMENT, call, request(session=session, track=bad))
            failure(Code.NOT_FOUND, call, request(
                session=session, track=session.participant + "/tracks/none"))
        failure(Code.PERMISSION_DENIED, mute, signalling_pb2.SetTrackMutedRequest(
            session=session, track=published[0].name, muted=True))
        # It is not live, so nobody is subscribed to it yet.
        failure(Code.FAILED_PRECONDITION, pause, signalling_pb2.SetSubscriptionRequest(
            session=session, track=published[0].name, paused=True))
        answer = mute(signalling_pb2.SetTrackMutedRequest(
            session=other, track=published[0].name, muted=True))
        self.assertEqual((answer.track.muted, answer.track.server_muted), (True, False))
        self.assertGreater(answer.track.generation, published[0].generation)
        # The server's mute stands apart from the publisher's.
        answer = self.api.rooms.SetTrackServerMuted(room_pb2.SetTrackServerMutedRequest(
            name=published[0].name, server_muted=True))
        self.assertEqual((answer.muted, answer.server_muted), (True, True))
        got = self.api.rooms.GetTrack(room_pb2.GetTrackRequest(name=published[0].name))
        self.assertEqual(got, answer)
        failure(Code.NOT_FOUND, self.api.rooms.GetSubscription, room_pb2.GetSubscriptionRequest(
            participant=session.participant, track=published[0].name))


class Publishing(WithApi):
    def session(self):
        return self.api.join(self.room()).session

    def refused(self, offer):
        session = self.session()
        text = failure(Code.INVALID_ARGUMENT, self.api.publish, session, offer)
        self.assertTrue(text.startswith("sdp: "), text)
        self.assertLess(len(text), 400)
        # The refused offer left nothing behind: the right one is taken.
        self.assertEqual(len(self.api.publish(session, sdp()).tracks), 2)
        return text

    def test_chromium_offers_are_answered(self):
        for name in ("chromium-publish", "chromium-av1-first", "chromium-sendrecv",
                     "chromium-simulcast-data"):
            session = self.session()
            answer = self.api.publish(session, sdp(name), request_id=name)
            self.assertIn(f"{SFU4} {MEDIA_PORT} typ host", answer.sdp)
            for line in ("a=ice-lite", "a=setup:passive", "a=fingerprint:sha-256 "):
                self.assertIn(line, answer.sdp)
            self.assertEqual({t.mime_type.split("/")[0] for t in answer.tracks},
                             set(re.findall(r"^m=(audio|video)", sdp(name), re.M)), name)
            participant = self.api.participant(session.participant)
            self.assertIn(participant.publish_transport, (room_pb2.TRANSPORT_STATE_NEW,
                                                          room_pb2.TRANSPORT_STATE_CONNECTING))
            # Tracks are shown once they run, and no client is there to make them.
            self.assertEqual(len(participant.tracks), 0)
            self.assertEqual(self.api.publish(session, sdp(name), request_id=name), answer)
            self.api.leave(session)

    def test_same_request_id_of_two_participants(self):
        one, two = self.session(), self.session()
        first = self.api.publish(one, sdp(), request_id="1")
        second = self.api.publish(two, sdp(), request_id="1")
        self.assertNotEqual(first.sdp, second.sdp)

    def test_sources(self):
        answer = self.api.publish(self.session(), sdp(), tracks=[
            signalling_pb2.PublishedTrack(mid="1", source=room_pb2.TRACK_SOURCE_SCREEN,
                                          muted=True)])
        self.assertEqual([(t.source, t.muted) for t in answer.tracks],
                         [(room_pb2.TRACK_SOURCE_MICROPHONE, False),
                          (room_pb2.TRACK_SOURCE_SCREEN, True)])

    def test_names_that_the_api_takes_again(self):
        offer = sdp().replace("a=mid:0", "a=mid:a.b!").replace("BUNDLE 0 1", "BUNDLE a.b! 1")
        session = self.session()
        for track in self.api.publish(session, offer).tracks:
            self.api.signalling.SetTrackMuted(signalling_pb2.SetTrackMutedRequest(
                session=session, track=track.name, muted=True))

    def test_broken_offers(self):
        whole = sdp()
        first, second = whole.index("m=audio"), whole.index("m=video")
        drop = lambda text, name: re.sub(rf"a={name}:[^\r]*\r\n", "", text)
        self.assertRegex(self.refused(drop(whole, "fingerprint")), r"m-line 1 .*fingerprint")
        self.assertRegex(self.refused(drop(whole, "ice-ufrag")), r"m-line 1 .*ice-ufrag")
        self.assertRegex(self.refused(drop(whole, "ice-pwd")), r"m-line 1 .*ice-pwd")
        text = self.refused(whole[:second] + drop(whole[second:], "mid"))
        self.assertRegex(text, r"m-line 2 .*mid")
        self.assertRegex(self.refused(whole.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")),
                         r"m-line 1 .*RTP/AVP")
        self.refused(whole[:first])
        self.refused("")
        self.refused("hello")
        self.refused("v=0\r\n" * 3)

    def test_large_offers(self):
        whole = sdp()
        attributes = "".join(f"a=x{i}:{'y' * 80}\r\n" for i in range(2500))
        self.assertLess(len(whole + attributes), 256 * 1024)
        self.refused(whole + attributes)  # too many lines in a section
        self.assertIn("262144", self.refused(whole + attributes + attributes))
        self.refused(whole + "a=x:" + "y" * 100000 + "\r\n")
        # Over a mebibyte not even the message is taken.
        failure(Code.RESOURCE_EXHAUSTED, self.api.publish, self.session(),
                whole + "a=x\r\n" * 300000)

    def test_candidates(self):
        session = self.session()
        host = "candidate:1 1 udp 2122129151 %s 50000 typ host"
        ignored = [host % "x.local", host % "127.0.0.1", host % "::1", host % "224.0.0.1",
                   host % "ff02::1", host % SFU4, "candidate:1 1 tcp 1518149375 192.0.2.10 9 typ "
                   "host tcptype active", "candidate:", "nonsense", ""]
        self.api.publish(session, sdp())
        self.assertEqual(self.api.candidates(session, [host % "192.0.2.77"]), 0)
        self.assertEqual(self.api.candidates(session, ignored), len(ignored))
        self.assertIn("32", failure(Code.INVALID_ARGUMENT, self.api.candidates, session,
                                    [host % "192.0.2.77"] * 33))
        for direction in (0, 3, 77):
            self.assertIn("direction", failure(Code.INVALID_ARGUMENT, self.api.candidates,
                                               session, [], direction))
        self.assertEqual(self.api.candidates(session, [], SUBSCRIBE), 0)

    def test_offer_again_and_leave_at_once(self):
        session = self.session()
        first = self.api.publish(session, sdp())
        again = self.api.publish(session, sdp())
        self.assertEqual([t.uid for t in again.tracks], [t.uid for t in first.tracks])
        version = lambda text: int(re.search(r"o=\S+ \d+ (\d+)", text)[1])
        self.assertGreater(version(again.sdp), version(first.sdp))
        # A call under way when its participant goes is answered all the same.
        for _ in range(20):
            session = self.session()
            call = self.api.signalling.Publish.future(signalling_pb2.PublishRequest(
                session=session, sdp=sdp()))
            self.api.leave(session)
            self.assertIn(call.code(), (Code.OK, Code.UNAVAILABLE, Code.NOT_FOUND, Code.ABORTED))

    def test_calls_that_nobody_waits_for(self):
        session = self.session()
        for _ in range(20):
            call = self.api.signalling.Publish.future(signalling_pb2.PublishRequest(
                session=session, sdp=sdp()))
            call.cancel()
        self.api.leave(session)


class Node(WithApi):
    def books(self):
        """(received, accounted for) over all workers, the drops by name, once traffic rests."""
        ingress, egress = api_lab.drop_names()

        def read():
            s = self.api.statistics()
            self.assertEqual([d.name for d in s.drops], ingress + egress)
            drops = {d.name: d.packets for d in s.drops}
            received = sum(w.packets_received for w in s.workers)
            used = sum(w.packets_forwarded + w.packets_consumed for w in s.workers)
            return received, used + sum(drops[name] for name in ingress), drops

        state = [read()]

        def rests():
            state.append(read())
            # A worker publishes ten times a second: two readings that far apart.
            select.select([], [], [], 0.25)
            state.append(read())
            return state[-1][0] == state[-1][1]
        wait_for(rests, "the books to balance")
        return state[-1]

    def test_node(self):
        node = self.api.get_node()
        self.assertTrue(node.dataplane_attached)
        self.assertEqual(node.worker_count, int(api_lab.os.environ["LAB_WORKERS"]))
        self.assertIn(f"{SFU4}:{MEDIA_PORT}", node.media_addresses)
        self.assertRegex(node.boot_id, r"^[0-9a-f]{16}$")
        self.assertRegex(node.certificate_fingerprint, r"^(sha-256 )?([0-9A-F]{2}:){31}..$")
        self.assertGreater(node.limits.transports, 0)
        self.assertEqual(node.orphan_count, 0)

    def test_books_balance_and_name_what_was_dropped(self):
        received, accounted, before = self.books()
        self.assertEqual(received, accounted)
        self.assertGreater(received, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(10):
                s.sendto(b"\xff" * 40, (SFU4, MEDIA_PORT))  # RFC 7983: nobody's first byte
                s.sendto(b"\x80\x60" + bytes(40), (SFU4, MEDIA_PORT))  # RTP from a stranger
                s.sendto(b"x" * 40, (SFU4, 40001))  # an internal port
                s.sendto(b"x" * 40, (SFU4, 9))
        wanted = {"NOT_RTC": 10, "UNCHECKED_TUPLE": 10, "INTERNAL_PORT": 10, "CLOSED_PORT": 10}

        def counted():
            after = self.books()[2]
            return all(after[name] - before[name] >= n for name, n in wanted.items())
        wait_for(counted, f"the drops {wanted}")
        after = self.books()[2]
        self.assertEqual({name: after[name] - before[name] for name in wanted}, wanted)

    def test_of_one_participant(self):
        session = self.api.join(self.room()).session
        self.api.publish(session, sdp())
        transport, = self.api.statistics(session.participant).transports
        self.assertEqual((transport.participant, transport.publish, transport.last_consent_age_ms),
                         (session.participant, True, -1))
        failure(Code.NOT_FOUND, self.api.statistics, session.participant + "x")
        failure(Code.INVALID_ARGUMENT, self.api.statistics, "x")


class Waiting(WithApi):
    """Clients that never come as far as media."""

    def test_are_removed(self):
        self.api.create(self.room())
        stream = self.api.watch_events(f"rooms/{self.room()}")
        api_lab.snapshot(stream)
        silent = self.api.join(self.room(), "silent")
        publisher = self.api.join(self.room(), "publisher")
        self.api.publish(publisher.session, sdp())
        removed = {}
        while len(removed) < 2:
            event = stream.next()
            if event.kind == Event.KIND_PARTICIPANT_REMOVED:
                removed[event.participant.name] = event.reason
        self.assertEqual(removed, {publisher.participant.name: "handshake failed",
                                   silent.participant.name: "abandoned"})


class Limits(WithApi):
    """Runs in place of the lab's dataplane one that has room for little."""

    def test_transports(self):
        with OwnDataplane("--transports", "2"):
            self.api.await_dataplane()
            self.assertEqual(self.api.get_node().limits.transports, 2)
            sessions = [self.api.join(self.room()).session for _ in range(3)]
            for session in sessions[:2]:
                self.api.publish(session, sdp())
            text = failure(Code.RESOURCE_EXHAUSTED, self.api.publish, sessions[2], sdp())
            self.assertIn("limit of transports", text)
            # Those who are in stay in, and what one gives back the next may have.
            self.api.leave(sessions[0])

            def again():
                try:
                    return self.api.publish(sessions[2], sdp()) is not None
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), Code.RESOURCE_EXHAUSTED)
                    return False
            wait_for(again, "the transport that was given back")
        self.api.await_dataplane()


class Ends(WithApi):
    """What happens when a process goes, and when it comes back."""

    @classmethod
    def setUpClass(cls):
        cls.restart("stop")

    @classmethod
    def restart(cls, how):
        ctl(how, "controlplane")
        ctl("start", "controlplane", f"--unix-socket={api_lab.STATE}/api.sock")
        cls.api = api_lab.Api(f"{api_lab.STATE}/api.sock")
        cls.api.await_dataplane()

    def test_dataplane(self):
        boot_id = self.api.get_node().boot_id
        self.api.create(self.room())
        events = self.api.watch_events(f"rooms/{self.room()}")
        api_lab.snapshot(events)
        me = self.api.join(self.room(), "me")
        self.api.join(self.room(), "other")
        self.api.publish(me.session, sdp())
        stream = self.api.watch_session(me.session)
        stream.until_session("ready")
        pending = self.api.signalling.Publish.future(signalling_pb2.PublishRequest(
            session=me.session, sdp=sdp()), timeout=60)
        ctl("kill", "dataplane")
        self.assertEqual(stream.until_session("removed")[-1].removed.reason, "dataplane gone")
        self.assertIn(pending.code(), (Code.OK, Code.UNAVAILABLE, Code.NOT_FOUND, Code.ABORTED))
        gone = [events.until(lambda e: e.kind == Event.KIND_PARTICIPANT_REMOVED)[-1].reason
                for _ in range(2)]
        self.assertEqual(gone, ["dataplane gone"] * 2)
        self.assertFalse(self.api.get_node().dataplane_attached)
        self.assertIn("dataplane", failure(Code.UNAVAILABLE, self.api.join, self.room()))
        failure(Code.UNAVAILABLE, self.api.statistics)
        self.assertEqual(self.api.get(self.room()).participant_count, 0)
        ctl("start", "dataplane")
        self.api.await_dataplane()
        self.assertNotEqual(self.api.get_node().boot_id, boot_id)
        again = self.api.join(self.room(), "me")
        self.assertEqual(len(self.api.publish(again.session, sdp()).tracks), 2)
        events.cancel()

    def control_plane_goes(self, how):
        self.api.await_dataplane()
        boot_id = self.api.get_node().boot_id
        uid = self.api.join(self.room(), "me").participant.uid
        stream = self.api.watch_events()
        api_lab.snapshot(stream)
        session = self.api.join(self.room(), "publisher").session
        self.api.publish(session, sdp())
        former = self.api
        self.restart(how)
        with self.assertRaises((grpc.RpcError, StopIteration)):
            while True:
                stream.next()
        former.close()
        node = self.api.get_node()
        self.assertEqual(node.boot_id, boot_id)
        # What was announced and never had keys is nobody's: it is freed, not kept.
        wait_for(lambda: self.api.get_node().orphan_count == 0, "the orphans to be freed")
        joined = self.api.join(self.room(), "me")
        self.assertNotEqual(joined.participant.uid, uid)
        self.assertEqual(len(self.api.publish(joined.session, sdp()).tracks), 2)

    def test_control_plane_ends(self):
        self.control_plane_goes("stop")

    def test_control_plane_killed(self):
        self.control_plane_goes("kill")


def load_tests(loader, _tests, _pattern):
    # Those that replace processes come last.
    order = (Rooms, Joining, Sessions, Publishing, Node, Waiting, Limits, Ends)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in order)


if __name__ == "__main__":
    unittest.main(verbosity=2)
