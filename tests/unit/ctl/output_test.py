# SPDX-License-Identifier: Apache-2.0
"""Tables, words and lines as sluicectl shows them."""
import pathlib
import unittest

import grpc
from sluice.v1 import room_pb2

from sluice_ctl import endpoint, events, output, rooms, stats

TREE = pathlib.Path(__file__).resolve().parents[3]


class Output(unittest.TestCase):
    def test_table(self):
        self.assertEqual(output.table(("NAME", "N"), [("a", 5), ("long one", 12)]),
                         ["NAME       N", "a          5", "long one  12"])
        self.assertEqual(output.table(("NAME", "N"), []), ["NAME  N"])

    def test_enum_words(self):
        participant = room_pb2.Participant(publish_transport=3)
        self.assertEqual(output.enum_word(participant, "publish_transport"), "connected")
        self.assertEqual(output.enum_word(participant, "subscribe_transport"), "-")
        event = room_pb2.Event(kind=room_pb2.Event.KIND_SNAPSHOT_END)
        self.assertEqual(output.enum_word(event, "kind"), "snapshot end")

    def test_amounts(self):
        for value, text in ((0, "0"), (999, "999"), (1234567, "1.23M"), (2e15, "2P")):
            self.assertEqual(output.amount(value), text)

    def test_json_has_every_field_by_its_own_name(self):
        self.assertEqual(output.as_dict(room_pb2.Layer()), {"spatial": 0, "temporal": 0})
        self.assertIn("participantCount", output.as_dict(room_pb2.Room()))


class Events(unittest.TestCase):
    def test_lines(self):
        subscription = room_pb2.Subscription(participant="rooms/r/participants/a",
                                             track="rooms/r/participants/b/tracks/c")
        change = room_pb2.Change(resource="rooms/r", refusal="no memory")
        rows = (
            (dict(kind=6, track=room_pb2.Track(name="t")), "track added", "t"),
            (dict(kind=5, participant=room_pb2.Participant(name="p"), reason="left"),
             "participant removed", "(left)"),
            (dict(kind=16, subscription=subscription), "subscription changed",
             "rooms/r/participants/a -> rooms/r/participants/b/tracks/c"),
            (dict(kind=14, change=change), "change rolled back", "(no memory)"),
            (dict(kind=15, summary=room_pb2.SessionSummary(participant="p", duration_ms=61000)),
             "session summary", "after 61 s"),
        )
        for fields, *words in rows:
            line = events.line(room_pb2.Event(**fields))
            for word in words:
                self.assertIn(word, line)

    def test_every_kind_of_resource_has_a_subject(self):
        for field in room_pb2.Event.DESCRIPTOR.oneofs_by_name["resource"].fields:
            event = room_pb2.Event()
            getattr(event, field.name).SetInParent()
            self.assertIsInstance(events.subject(event), str, field.name)


class Ended(grpc.RpcError):
    def __init__(self, status):
        super().__init__()
        self.status = status

    def code(self):
        return self.status


class Rooms:
    """Three of them, of which "b" has ended when it is asked for its participants."""
    rooms = type("Stub", (), {"ListRooms": "rooms", "ListParticipants": "participants"})

    def __init__(self, status):
        self.status = status

    def pages(self, method, request, _):
        if method == "rooms":
            return [room_pb2.Room(name=f"rooms/{one}") for one in "abc"]
        if request.parent == "rooms/b":
            raise Ended(self.status)
        return [room_pb2.Participant(name=f"{request.parent}/participants/p")]


class Everybody(unittest.TestCase):
    def test_a_room_that_ends_meanwhile(self):
        listed = rooms.list_everybody(Rooms(grpc.StatusCode.NOT_FOUND))
        self.assertEqual([p.name for p in listed], ["rooms/a/participants/p",
                                                    "rooms/c/participants/p"])
        with self.assertRaises(Ended):
            rooms.list_everybody(Rooms(grpc.StatusCode.UNAVAILABLE))


class Names(unittest.TestCase):
    def test_default_endpoint_is_where_the_documents_put_the_socket(self):
        path = endpoint.DEFAULT.removeprefix("unix:")
        self.assertTrue(path.startswith("/"))
        for document, words in (("README.md", f"--unix-socket {path}"),
                                ("deploy/sluice-controlplane.conf", f" {path} is where")):
            self.assertIn(words, (TREE / document).read_text(encoding="utf-8"))

    def test_short_and_long(self):
        self.assertEqual(rooms.room_name("demo"), "rooms/demo")
        self.assertEqual(rooms.room_name("rooms/demo"), "rooms/demo")

    def test_statistics_of(self):
        for name, field in (("demo", "room"), ("rooms/demo", "room"), ("transports/t", "transport"),
                            ("rooms/demo/participants/p", "participant")):
            request = stats.request_of(name)
            self.assertEqual([f.name for f, _ in request.ListFields()], [field])
        self.assertEqual(stats.request_of(None).ListFields(), [])

    def test_participant_rows(self):
        track = room_pb2.Track(kind=1, server_muted=True)
        p = room_pb2.Participant(name="rooms/r/participants/p", tracks=[track], orphan=True,
                                 display_name="Ü")
        row = rooms.participant_rows([p], with_room=True)[0]
        self.assertEqual((row[0], row[1], row[5], row[6]), ("r", "p", "audio (muted)", "Ü (orphan)"))


if __name__ == "__main__":
    unittest.main()
