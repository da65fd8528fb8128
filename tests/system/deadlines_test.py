#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# lab: --clients 1
"""How each kind of call ends that waits for the dataplane: refused, not acknowledged by its
deadline and then applied or rolled back, without a dataplane. A relay holds epochs and refuses
them. Refused or rolled back, nothing may be left: no record, no track; what was before holds.
"""
import os
import re
import signal
import time
import unittest

from api_lab import PATIENCE_S, ctl, failure, reason_of, sdp, wait_for
import grpc
from relay_lab import AT_ONCE_S, Outcomes, RelayLab, sdp_of
from sluice.v1 import room_pb2, signalling_pb2, transport_pb2, transport_pb2_grpc

Code = grpc.StatusCode
Event = room_pb2.Event
UNASKED_S = 5  # as controlplane/session/change_wait.h
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=111, clock_rate=48000,
                              channels=2)
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
ROOM = "rooms/deadlines"
OFFER = sdp()


class Lab(RelayLab):
    def __init__(self):
        super().__init__()
        self.api.transports = transport_pb2_grpc.TransportServiceStub(self.api.channel)
        self.number = 0

    def unused(self):
        self.number += 1
        return f"x{self.number}"

    def peer(self):
        """The address of a plain peer that no other transport has."""
        self.number += 1
        return transport_pb2.PlainConnect(remote=f"192.0.2.7:{20000 + self.number}")

    @staticmethod
    def ice(ufrag="peer"):
        return transport_pb2.IceParameters(username_fragment=ufrag, password="p" * 24)

    def remote(self):
        return transport_pb2.WebRtcConnect(
            ice=self.ice(), dtls=transport_pb2.DtlsParameters(fingerprint=FINGERPRINT))

    def create(self, **fields):
        return self.api.transports.CreateTransport(transport_pb2.CreateTransportRequest(
            transport_id=self.unused(), **fields), timeout=PATIENCE_S)

    def plain(self, **fields):
        return self.create(plain=transport_pb2.PlainOptions(connect=self.peer()), **fields)

    def produce(self, on):
        self.number += 1
        return self.api.transports.Produce(transport_pb2.ProduceRequest(
            transport=on.name, kind=room_pb2.MEDIA_KIND_AUDIO, codecs=[OPUS],
            encodings=[transport_pb2.RtpEncoding(ssrc=self.number)]), timeout=PATIENCE_S)

    def consume(self, on, producer):
        return self.api.transports.Consume(transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=on.name, source=producer.name)] * 2),
            timeout=PATIENCE_S).consumers

    def get(self, name):
        return self.api.transports.GetTransport(
            transport_pb2.GetTransportRequest(name=name), timeout=PATIENCE_S)

    def missing(self, call, request):
        try:
            call(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            assert error.code() == Code.NOT_FOUND, error
            return True
        return False

    def empty(self):
        for t in self.api.transports.ListTransports(
                transport_pb2.ListTransportsRequest(page_size=1000), timeout=PATIENCE_S).transports:
            self.api.transports.DeleteTransport(
                transport_pb2.DeleteTransportRequest(name=t.name), timeout=PATIENCE_S)
        super().empty()


# One kind of call each: __init__ makes what it needs; then 'call' with 'request'. 'done' and
# 'undone' ask the API.

class CreatePlain:
    def __init__(self, lab):
        self.lab, self.name, self.room = lab, lab.unused(), lab.unused()
        self.call = lab.api.transports.CreateTransport
        self.request = transport_pb2.CreateTransportRequest(
            transport_id=self.name, room=f"rooms/{self.room}",
            plain=transport_pb2.PlainOptions(connect=lab.peer()))

    def done(self):
        t = self.lab.get(f"transports/{self.name}")
        return t.generation == t.applied_generation and \
            t.state == room_pb2.TRANSPORT_STATE_CONNECTED

    def undone(self):
        return self.lab.missing(self.lab.api.transports.GetTransport,
                                transport_pb2.GetTransportRequest(name=f"transports/{self.name}")) \
            and self.lab.missing(self.lab.api.rooms.GetRoom,
                                 room_pb2.GetRoomRequest(name=f"rooms/{self.room}"))


class CreateWebRtc(CreatePlain):
    def __init__(self, lab):
        super().__init__(lab)
        self.request.webrtc.CopyFrom(transport_pb2.WebRtcOptions())

    def done(self):
        t = self.lab.get(f"transports/{self.name}")
        return t.generation == t.applied_generation and t.state == room_pb2.TRANSPORT_STATE_NEW


class ConnectPlain:
    def __init__(self, lab):
        self.lab = lab
        self.was = lab.create(plain=transport_pb2.PlainOptions())
        self.call = lab.api.transports.ConnectTransport
        self.request = transport_pb2.ConnectTransportRequest(name=self.was.name, plain=lab.peer())

    def done(self):
        t = self.lab.get(self.was.name)
        return t.state == room_pb2.TRANSPORT_STATE_CONNECTED and \
            t.plain.remote == self.request.plain.remote

    def undone(self):
        t = self.lab.get(self.was.name)
        same = (t.state, t.plain) == (self.was.state, self.was.plain)
        self.call(self.request, timeout=PATIENCE_S)  # it may be told once more
        return same and self.done()


class ConnectWebRtc:
    def __init__(self, lab):
        self.lab = lab
        self.was = lab.create(webrtc=transport_pb2.WebRtcOptions())
        self.call = lab.api.transports.ConnectTransport
        self.request = transport_pb2.ConnectTransportRequest(name=self.was.name,
                                                             webrtc=lab.remote())

    def done(self):
        t = self.lab.get(self.was.name)
        return t.state == room_pb2.TRANSPORT_STATE_CONNECTING and t.webrtc.dtls.role != 0

    def undone(self):
        t = self.lab.get(self.was.name)
        same = (t.state, t.webrtc) == (self.was.state, self.was.webrtc)
        self.call(self.request, timeout=PATIENCE_S)
        return same and self.done()


class RestartIce:
    def __init__(self, lab):
        self.lab = lab
        self.was = lab.create(webrtc=transport_pb2.WebRtcOptions(connect=lab.remote()))
        self.call = lab.api.transports.RestartIce
        self.request = transport_pb2.RestartIceRequest(name=self.was.name, ice=lab.ice("again"))

    def done(self):
        t = self.lab.get(self.was.name)
        return t.webrtc.ice.username_fragment != self.was.webrtc.ice.username_fragment and \
            t.generation == t.applied_generation

    def undone(self):
        t = self.lab.get(self.was.name)
        same = t.webrtc == self.was.webrtc and t.generation == t.applied_generation
        self.call(self.request, timeout=PATIENCE_S)
        return same and self.done()


class Produce:
    def __init__(self, lab):
        self.lab, self.on, self.id = lab, lab.plain(), lab.unused()
        self.call = lab.api.transports.Produce
        self.request = transport_pb2.ProduceRequest(
            transport=self.on.name, producer_id=self.id, kind=room_pb2.MEDIA_KIND_AUDIO,
            codecs=[OPUS], encodings=[transport_pb2.RtpEncoding(ssrc=7)])

    def done(self):
        p = self.lab.api.transports.GetProducer(transport_pb2.GetProducerRequest(
            name=f"{self.on.name}/producers/{self.id}"), timeout=PATIENCE_S)
        return p.generation == p.applied_generation

    def undone(self):
        return self.lab.missing(self.lab.api.transports.GetProducer,
                                transport_pb2.GetProducerRequest(
                                    name=f"{self.on.name}/producers/{self.id}")) and \
            self.lab.get(self.on.name).producer_count == 0


class PauseProducer:
    def __init__(self, lab):
        self.lab = lab
        self.name = lab.produce(lab.plain()).name
        self.call = lab.api.transports.SetProducerPaused
        self.request = transport_pb2.SetProducerPausedRequest(name=self.name, paused=True)

    def now(self):
        p = self.lab.api.transports.GetProducer(
            transport_pb2.GetProducerRequest(name=self.name), timeout=PATIENCE_S)
        assert p.generation == p.applied_generation, p
        return p.paused

    def done(self):
        return self.now()

    def undone(self):
        return not self.now()


class Consume:
    def __init__(self, lab):
        self.lab, self.on = lab, lab.plain()
        source = lab.produce(lab.plain()).name
        self.call = lab.api.transports.Consume
        self.request = transport_pb2.ConsumeRequest(consumers=[
            transport_pb2.ConsumerSpec(transport=self.on.name, source=source)] * 2)

    def now(self):
        listed = self.lab.api.transports.ListConsumers(transport_pb2.ListConsumersRequest(
            parent=self.on.name), timeout=PATIENCE_S).consumers
        return [c.generation == c.applied_generation for c in listed]

    def done(self):
        return self.now() == [True, True]

    def undone(self):
        return self.now() == []


class PauseConsumers:
    def __init__(self, lab):
        self.lab = lab
        self.names = [c.name for c in lab.consume(lab.plain(), lab.produce(lab.plain()))]
        self.call = lab.api.transports.SetConsumersPaused
        self.request = transport_pb2.SetConsumersPausedRequest(names=self.names, paused=True)

    def now(self):
        found = [self.lab.api.transports.GetConsumer(transport_pb2.GetConsumerRequest(name=n),
                                                     timeout=PATIENCE_S) for n in self.names]
        assert all(c.generation == c.applied_generation for c in found), found
        return [c.paused for c in found]

    def done(self):
        return self.now() == [True, True]

    def undone(self):
        return self.now() == [False, False]


class Publish:
    """The first offer, which makes the transport."""

    def __init__(self, lab):
        self.lab, self.session = lab, lab.api.join(ROOM.split("/")[1]).session
        self.call = lab.api.signalling.Publish
        self.request = signalling_pb2.PublishRequest(session=self.session, sdp=OFFER)

    def now(self):
        return self.lab.api.rooms.GetParticipant(room_pb2.GetParticipantRequest(
            name=self.session.participant), timeout=PATIENCE_S).publish_transport

    def done(self):
        return self.now() == room_pb2.TRANSPORT_STATE_CONNECTING

    def undone(self):
        if self.now() != room_pb2.TRANSPORT_STATE_UNSPECIFIED:
            return False
        return len(self.call(self.request, timeout=PATIENCE_S).tracks) == 2  # and again


class PublishAgain:
    """A later offer, that restarts ICE and ends one of two tracks."""

    def __init__(self, lab):
        self.lab, self.session = lab, lab.api.join(ROOM.split("/")[1]).session
        self.call = lab.api.signalling.Publish
        self.first = self.publish(OFFER)
        one = sdp_of(OFFER.split("m=video")[1], ("a=sendonly", "a=inactive"))
        self.request = signalling_pb2.PublishRequest(session=self.session, sdp=sdp_of(
            OFFER.split("m=video")[0] + "m=video" + one,
            ("a=ice-ufrag:.*", "a=ice-ufrag:other\r"),
            ("a=ice-pwd:.*", "a=ice-pwd:" + "x" * 24 + "\r")))

    def publish(self, sdp):
        answer = self.call(signalling_pb2.PublishRequest(session=self.session, sdp=sdp),
                           timeout=PATIENCE_S)
        ours = re.search("a=ice-ufrag:(.*)\r", answer.sdp)[1]
        return ours, [t.uid for t in answer.tracks]

    def done(self):
        ours, tracks = self.publish(self.request.sdp)
        return ours != self.first[0] and tracks == self.first[1][:1]

    def undone(self):
        # The former description is still valid, of the same ICE generation, with the same tracks.
        return self.publish(OFFER) == self.first and self.publish(self.request.sdp) != self.first


class AnswerSubscribe:
    def __init__(self, lab):
        self.lab, self.session = lab, lab.api.join(ROOM.split("/")[1]).session
        lab.produce(lab.plain(room=ROOM))
        self.watch = lab.api.signalling.WatchSession(
            signalling_pb2.WatchSessionRequest(session=self.session), timeout=60)
        for event in self.watch:
            if event.HasField("subscribe_offer"):
                break
        self.call = lab.api.signalling.AnswerSubscribe
        self.request = signalling_pb2.AnswerSubscribeRequest(
            session=self.session, revision=event.subscribe_offer.revision,
            sdp=sdp_of(event.subscribe_offer.sdp, ("a=setup:actpass", "a=setup:active"),
                       ("a=sendonly", "a=recvonly"), ("a=(ice-lite|ssrc|msid|candidate).*\r\n", ""),
                       ("a=ice-ufrag:.*", "a=ice-ufrag:other\r"),
                       ("a=ice-pwd:.*", "a=ice-pwd:" + "x" * 24 + "\r"),
                       ("a=fingerprint:.*", f"a=fingerprint:{FINGERPRINT}\r")))

    def now(self):
        return [s.state for s in self.lab.api.rooms.ListSubscriptions(
            room_pb2.ListSubscriptionsRequest(parent=self.session.participant),
            timeout=PATIENCE_S).subscriptions]

    def done(self):
        # Nothing waits for an answer any more.
        failure(Code.FAILED_PRECONDITION, self.call, self.request, timeout=PATIENCE_S)
        return self.now() == [room_pb2.Subscription.STATE_ACCEPTED]

    def undone(self):
        offered = self.now() == [room_pb2.Subscription.STATE_OFFERED]
        self.call(self.request, timeout=PATIENCE_S)
        return offered and self.done()


class DeleteTransport:
    def __init__(self, lab):
        self.lab, self.name = lab, lab.plain().name
        self.call = lab.api.transports.DeleteTransport
        self.request = transport_pb2.DeleteTransportRequest(name=self.name)

    def done(self):
        return self.lab.missing(self.lab.api.transports.GetTransport,
                                transport_pb2.GetTransportRequest(name=self.name)) and \
            self.lab.relay.records()[0] == 0


class DeleteWebRtc(DeleteTransport):
    def __init__(self, lab):
        super().__init__(lab)
        self.call(self.request, timeout=PATIENCE_S)
        self.name = lab.create(webrtc=transport_pb2.WebRtcOptions()).name
        self.request = transport_pb2.DeleteTransportRequest(name=self.name)


class DeleteProducer:
    def __init__(self, lab):
        self.lab = lab
        producer = lab.produce(lab.plain())
        lab.consume(lab.plain(), producer)
        self.name = producer.name
        self.call = lab.api.transports.DeleteProducer
        self.request = transport_pb2.DeleteProducerRequest(name=self.name)

    def done(self):
        return self.lab.missing(self.lab.api.transports.GetProducer,
                                transport_pb2.GetProducerRequest(name=self.name)) and \
            self.lab.relay.records() == (2, 0, 0)


class DeleteConsumers:
    def __init__(self, lab):
        self.lab = lab
        self.names = [c.name for c in lab.consume(lab.plain(), lab.produce(lab.plain()))]
        self.call = lab.api.transports.DeleteConsumers
        self.request = transport_pb2.DeleteConsumersRequest(names=self.names)

    def done(self):
        return all(self.lab.missing(self.lab.api.transports.GetConsumer,
                                    transport_pb2.GetConsumerRequest(name=n))
                   for n in self.names) and self.lab.relay.records()[2] == 0


CHANGES = (CreatePlain, CreateWebRtc, ConnectPlain, ConnectWebRtc, RestartIce, Produce,
           PauseProducer, Consume, PauseConsumers, Publish, PublishAgain, AnswerSubscribe)
REMOVALS = (DeleteTransport, DeleteWebRtc, DeleteProducer, DeleteConsumers)


class Deadlines(Outcomes):
    lab_class = Lab

    def test_refused(self):
        self.each(CHANGES, self.refused)

    def test_late_then_applied(self):
        self.each(CHANGES + REMOVALS, self.late_then_applied)

    def test_late_then_refused(self):
        self.each(CHANGES, self.late_then_refused)

    def test_a_refused_removal_is_repeated(self):
        self.each(REMOVALS, self.repeated)

    def test_without_a_dataplane(self):
        # What was to be removed went with the dataplane.
        self.each(REMOVALS, lambda change: self.without_a_dataplane(change, Code.OK))
        self.each(CHANGES, self.without_a_dataplane)

    def test_a_new_one_without_a_dataplane(self):
        change = CreatePlain(self.lab)
        self.lab.relay.tell("gone")
        self.lab.api.await_dataplane(False)
        start = time.monotonic()
        failure(Code.UNAVAILABLE, change.call, change.request, timeout=PATIENCE_S)
        self.assertLess(time.monotonic() - start, AT_ONCE_S)
        self.lab.relay.pass_all()
        self.lab.api.await_dataplane()

    def test_a_repeat_waits_for_the_first(self):
        """Sent again while the first is held: neither is answered before, then both are, alike."""
        change = CreatePlain(self.lab)
        change.request.request_id = "held"
        self.lab.relay.tell("hold")
        first = change.call.future(change.request, timeout=PATIENCE_S)
        self.lab.relay.await_held()
        again = [change.call.future(change.request, timeout=PATIENCE_S) for _ in range(3)]
        other = transport_pb2.CreateTransportRequest(transport_id="other", request_id="held")
        failure(Code.FAILED_PRECONDITION, change.call, other, timeout=PATIENCE_S)
        # That answer came after them on the same connection: they have been looked at.
        self.assertFalse(any(call.done() for call in (first, *again)))
        again.pop().cancel()  # one that gives up waiting disturbs nobody
        self.lab.relay.pass_all()
        self.assertEqual([call.result() for call in again], [first.result()] * 2)
        self.assertEqual(self.lab.relay.records(), (1, 0, 0))
        self.assertEqual(change.call(change.request, timeout=PATIENCE_S), first.result())

    def test_without_a_deadline(self):
        change = CreatePlain(self.lab)
        self.lab.relay.tell("hold")
        start = time.monotonic()
        pending = change.call.future(change.request)
        self.assertEqual(pending.code(), Code.DEADLINE_EXCEEDED)
        self.assertIn("stays desired", pending.details())
        self.assertEqual(reason_of(pending)[0], "DATAPLANE_LATE")
        self.assertGreaterEqual(time.monotonic() - start, UNASKED_S - AT_ONCE_S)
        self.lab.relay.pass_all()
        self.event(Event.KIND_CHANGE_APPLIED, change)
        self.assertTrue(change.done())


class Stopping(unittest.TestCase):
    """SIGTERM while a change is on its way: no stream goes on, the change gets its answer."""

    def test_a_call_under_way(self):
        lab = Lab()
        self.addCleanup(lab.end)
        change = CreatePlain(lab)
        transports = lab.relay.records()[0]
        lab.relay.tell("hold")
        pending = change.call.future(change.request, timeout=PATIENCE_S)
        lab.relay.await_held()
        pid = int(ctl("pid", "controlplane"))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(lab.stream.code(), Code.UNAVAILABLE)
        self.assertEqual(reason_of(lab.stream)[0], "SERVER_SHUTTING_DOWN")
        self.assertFalse(pending.done())
        lab.relay.pass_all()
        answer = pending.result()
        self.assertEqual((answer.generation, answer.state),
                         (answer.applied_generation, room_pb2.TRANSPORT_STATE_CONNECTED))
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the process to end")
        self.assertEqual(lab.relay.records()[0], transports + 1)  # media goes on


if __name__ == "__main__":
    unittest.main(verbosity=2)
