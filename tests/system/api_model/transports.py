# SPDX-License-Identifier: Apache-2.0
"""Operations on plain transports, their producers and consumers, and the model of them."""
import dataclasses
import os

from api_model.lab import Code, PATIENCE_S, fails
from api_model.rooms import Participant
from sluice.v1 import room_pb2, transport_pb2

# Together below the lab's limits, which only publishers in rooms may reach.
TRANSPORTS, PRODUCERS, CONSUMERS = 6, 3, 40
SUITES = {"": 0, "AES_CM_128_HMAC_SHA1_80": 30, "AEAD_AES_128_GCM": 28}
OPUS = transport_pb2.RtpCodec(mime_type="audio/opus", payload_type=111, clock_rate=48000,
                              channels=2)


@dataclasses.dataclass
class Producer:
    name: str
    track: str  # its name in the room, or empty
    flags: list  # [paused, muted by the server]


@dataclasses.dataclass
class Consumer:
    name: str
    uid: str
    source: Producer
    paused: bool


class Transport:
    def __init__(self, made, suite, member):
        self.name, self.uid, self.room = made.name, made.uid, made.room
        self.latch, self.suite = made.plain.latch, suite
        self.member = member  # as whom the room knows it, or None
        self.connected = False
        self.remote = ""
        self.producers, self.consumers = {}, {}  # by name
        self.spent = []  # SSRCs once sent under its key

    def compare(self, got):
        assert (got.name, got.uid, got.room) == (self.name, self.uid, self.room), (got, self.name)
        assert got.plain.latch == self.latch and got.plain.remote == self.remote, got
        assert (got.producer_count, got.consumer_count) == (
            len(self.producers), len(self.consumers)), (got, self.producers, self.consumers)
        assert (got.state == room_pb2.TRANSPORT_STATE_CONNECTED) == self.connected, got
        if self.connected:
            assert got.plain.srtp_suite == self.suite, got


class TransportOperations:
    def transport_operations(self):
        operations = [(self.make_transport, 8), (self.compare_transports, 2)]
        if self.transports:
            operations += [(self.connect, 4), (self.end_transport, 3), (self.produce, 10),
                           (self.pause_producer, 5), (self.end_producer, 3), (self.consume, 10),
                           (self.pause_consumers, 5), (self.end_consumers, 4)]
        return operations

    def next_serial(self):
        self.serial += 1
        return self.serial

    def any_of(self, items):
        return self.random.choice(list(items)) if items else None

    def peer(self, latch, suite):
        """Never an address twice: the removal of who had it may still be under way."""
        serial = self.next_serial()
        remote = f"10.{self.number + 1}.{serial >> 8 & 255}.{serial & 255}:{5000 + (serial >> 16)}"
        srtp = transport_pb2.SrtpParameters(
            suite=suite, receive_key=os.urandom(SUITES[suite]),
            send_key=os.urandom(SUITES[suite])) if suite else None
        return transport_pb2.PlainConnect(remote="" if latch else remote, latch=latch, srtp=srtp)

    def make_transport(self, room, _):
        transport_id = f"c{self.number}-t{self.random.randrange(TRANSPORTS)}"
        latch, suite = self.random.random() < 0.3, self.any_of(SUITES)
        connect = self.peer(latch, suite) if self.random.random() < 0.8 else None
        request = transport_pb2.CreateTransportRequest(
            transport_id=transport_id, plain=transport_pb2.PlainOptions(
                latch=latch, connect=connect))
        if f"transports/{transport_id}" in self.transports:
            fails([Code.ALREADY_EXISTS], self.api.transports.CreateTransport, request)
            return
        if room and self.random.random() < 0.5:
            request.room, request.display_name = room, f"{self.random.random()}"
            message, people = self.rooms[room]
            if len(people) >= message.max_participants:
                fails([Code.RESOURCE_EXHAUSTED], self.api.transports.CreateTransport, request)
                return
        made = self.mutate(self.api.transports.CreateTransport, request)
        if made is None:
            # Refused: rolled back whole.
            fails([Code.NOT_FOUND], self.api.transports.GetTransport,
                  transport_pb2.GetTransportRequest(name=f"transports/{transport_id}"))
            return
        self.created(made, request, suite)

    def created(self, made, request, suite):
        member = None
        self.seen.uid(made.uid)
        if request.room:
            got = self.api.rooms.GetParticipant(
                room_pb2.GetParticipantRequest(name=made.participant), timeout=PATIENCE_S)
            assert got.display_name == request.display_name, (got, request)
            self.seen.uid(got.uid)
            member = self.rooms[request.room][1][got.name] = Participant(got)
        t = self.transports[made.name] = Transport(made, suite, member)
        t.connected = request.plain.HasField("connect")
        t.remote = request.plain.connect.remote
        assert t.latch == request.plain.latch
        t.compare(made)

    def connect(self, *_):
        t = self.any_of(self.transports.values())
        peer = self.peer(t.latch, t.suite)
        request = transport_pb2.ConnectTransportRequest(name=t.name, plain=peer)
        if t.connected and t.latch:
            fails([Code.INVALID_ARGUMENT], self.api.transports.ConnectTransport, request)
            return
        if t.connected:
            request.plain.ClearField("srtp")  # its peer moves
        answer = self.mutate(self.api.transports.ConnectTransport, request)
        if answer is None:
            # Refused: where it was, if it was anywhere.
            t.compare(self.api.transports.GetTransport(
                transport_pb2.GetTransportRequest(name=t.name), timeout=PATIENCE_S))
            return
        t.connected, t.remote = True, peer.remote
        t.compare(answer)

    def compare_transports(self, *_):
        listed = self.pages(self.api.transports.ListTransports,
                            transport_pb2.ListTransportsRequest(), "transports")
        mine = [t for t in listed if t.name.startswith(f"transports/c{self.number}-")]
        # In order of creation, as the model's.
        assert [t.name for t in mine] == list(self.transports), (mine, list(self.transports))
        for got in mine:
            self.transports[got.name].compare(got)
        for t in self.transports.values():
            self.compare_carried(t)

    def compare_carried(self, t):
        producers = self.api.transports.ListProducers(
            transport_pb2.ListProducersRequest(parent=t.name), timeout=PATIENCE_S).producers
        assert [p.name for p in producers] == list(t.producers), (producers, t.producers)
        for got in producers:
            p = t.producers[got.name]
            assert (got.track, got.paused) == (p.track, p.flags[0]), (got, p)
        consumers = self.pages(self.api.transports.ListConsumers,
                               transport_pb2.ListConsumersRequest(parent=t.name), "consumers")
        assert [c.name for c in consumers] == sorted(t.consumers), (consumers, t.consumers)
        for got in consumers:
            c = t.consumers[got.name]
            assert (got.uid, got.paused) == (c.uid, c.paused), (got, c)

    def end_transport(self, *_):
        self.delete_transport(self.any_of(self.transports.values()))

    def delete_transport(self, t):
        self.mutate(self.api.transports.DeleteTransport,
                    transport_pb2.DeleteTransportRequest(name=t.name))
        if t.member:
            del self.rooms[t.room][1][t.member.name]
        self.forget_transports(lambda other: other is t)
        fails([Code.NOT_FOUND], self.api.transports.GetTransport,
              transport_pb2.GetTransportRequest(name=t.name))

    def forget_transports(self, which):
        """They went, and with them every consumer of what they produced."""
        for t in [t for t in self.transports.values() if which(t)]:
            del self.transports[t.name]
            for p in t.producers.values():
                self.forget_consumers_of(p)

    def forget_consumers_of(self, producer):
        for t in self.transports.values():
            t.consumers = {name: c for name, c in t.consumers.items() if c.source is not producer}

    def produce(self, *_):
        t = self.any_of(self.transports.values())
        producer_id = f"p{self.random.randrange(PRODUCERS)}"
        name, paused = f"{t.name}/producers/{producer_id}", self.random.random() < 0.3
        request = transport_pb2.ProduceRequest(
            transport=t.name, producer_id=producer_id, kind=room_pb2.MEDIA_KIND_AUDIO,
            codecs=[OPUS], paused=paused,
            encodings=[transport_pb2.RtpEncoding(ssrc=self.next_serial())])
        if not t.connected:
            fails([Code.FAILED_PRECONDITION], self.api.transports.Produce, request)
            return
        if name in t.producers:
            fails([Code.ALREADY_EXISTS], self.api.transports.Produce, request)
            return
        answer = self.mutate(self.api.transports.Produce, request)
        if answer is None:
            fails([Code.NOT_FOUND], self.api.transports.GetProducer,
                  transport_pb2.GetProducerRequest(name=name))
            return
        assert answer.generation == answer.applied_generation and answer.paused == paused, answer
        self.seen.uid(answer.uid)
        p = t.producers[name] = Producer(name, answer.track, [paused, False])
        if t.member:
            assert answer.track == f"{t.member.name}/tracks/{producer_id}", answer
            t.member.tracks[answer.track] = p.flags

    def any_producer(self):
        """With the transport that carries it."""
        return self.any_of([(t, p) for t in self.transports.values()
                            for p in t.producers.values()]) or (None, None)

    def pause_producer(self, *_):
        _, p = self.any_producer()
        paused = self.random.random() < 0.5
        request = transport_pb2.SetProducerPausedRequest(
            name=p.name if p else f"transports/c{self.number}-none/producers/x", paused=paused)
        if p is None:
            fails([Code.NOT_FOUND], self.api.transports.SetProducerPaused, request)
            return
        answer = self.mutate(self.api.transports.SetProducerPaused, request)
        if answer is not None:
            assert answer.paused == paused, answer
            p.flags[0] = paused

    def end_producer(self, *_):
        t, p = self.any_producer()
        if p is None:
            return
        self.mutate(self.api.transports.DeleteProducer,
                    transport_pb2.DeleteProducerRequest(name=p.name))
        del t.producers[p.name]
        if t.member:
            del t.member.tracks[p.track]
        self.forget_consumers_of(p)

    def all_consumers(self):
        return [(t, c) for t in self.transports.values() for c in t.consumers.values()]

    def consume(self, *_):
        count = self.random.randrange(1, 4)
        if len(self.all_consumers()) + count > CONSUMERS or self.any_producer()[1] is None:
            return
        wanted = []  # (transport, producer, spec)
        for _ in range(count):
            t, (_, p) = self.any_of(self.transports.values()), self.any_producer()
            serial = self.next_serial()
            wanted.append((t, p, transport_pb2.ConsumerSpec(
                transport=t.name, consumer_id=f"n{serial:08}", paused=self.random.random() < 0.3,
                source=p.track or p.name, ssrc=self.random.choice((0, serial)))))
        expected = self.spoil(wanted)
        request = transport_pb2.ConsumeRequest(consumers=[spec for *_, spec in wanted])
        if expected:
            # All or none: those before the wrong one are gone too, as the next comparison sees.
            fails(expected, self.api.transports.Consume, request)
            return
        answer = self.mutate(self.api.transports.Consume, request)
        if answer is None:
            return
        assert len(answer.consumers) == count
        for (t, p, spec), got in zip(wanted, answer.consumers):
            assert got.name == f"{t.name}/consumers/{spec.consumer_id}" and got.ssrc, got
            assert spec.ssrc in (0, got.ssrc) and got.paused == spec.paused, (got, spec)
            self.seen.uid(got.uid)
            t.consumers[got.name] = Consumer(got.name, got.uid, p, spec.paused)
            t.spent.append(got.ssrc)

    def spoil(self, wanted):
        """Makes a request wrong now and then; what it then ends with, or nothing."""
        for t, _, _ in wanted:
            if not t.connected:
                return [Code.FAILED_PRECONDITION]
        t, _, spec = wanted[-1]
        if self.random.random() < 0.1 and t.consumers:
            spec.consumer_id = self.any_of(t.consumers).rsplit("/", 1)[1]
            return [Code.ALREADY_EXISTS]
        if self.random.random() < 0.1 and t.suite and t.spent:
            spec.ssrc = self.any_of(t.spent)
            # The relay may refuse it before the dataplane sees what is wrong.
            return [Code.ALREADY_EXISTS, Code.RESOURCE_EXHAUSTED]
        return None

    def some_consumers(self):
        everyone = self.all_consumers()
        return self.random.sample(everyone, min(len(everyone), self.random.randrange(1, 5)))

    def pause_consumers(self, *_):
        some, paused = self.some_consumers(), self.random.random() < 0.5
        if not some:
            return
        answer = self.mutate(self.api.transports.SetConsumersPaused,
                             transport_pb2.SetConsumersPausedRequest(
                                 names=[c.name for _, c in some], paused=paused))
        if answer is None:
            self.delete_consumers(some)
            return
        assert [(got.name, got.paused) for got in answer.consumers] == \
            [(c.name, paused) for _, c in some], (answer, some)
        for _, c in some:
            c.paused = paused

    def end_consumers(self, *_):
        some = self.some_consumers()
        if some and self.random.random() < 0.2:
            names = [c.name for _, c in some] + [f"{some[0][0].name}/consumers/none"]
            fails([Code.NOT_FOUND], self.api.transports.DeleteConsumers,
                  transport_pb2.DeleteConsumersRequest(names=names))
        elif some:
            self.delete_consumers(some)

    def delete_consumers(self, some):
        self.mutate(self.api.transports.DeleteConsumers, transport_pb2.DeleteConsumersRequest(
            names=[c.name for _, c in some]))
        for t, c in some:
            del t.consumers[c.name]
