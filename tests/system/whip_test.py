#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# lab: --clients 1 --control --ice-servers=stun:stun.example.net
"""WHIP and WHEP against both real processes: every request of the texts with its status code and
header fields, by curl over HTTP/1.1 and HTTP/2; and media by a WebRTC stack that is no browser
(GStreamer). Each row names the section it comes from: RFC 9725 is WHIP, WHEP-04 is
draft-ietf-wish-whep-04.
"""
import email.utils
import json
import os
import pathlib
import re
import select
import subprocess
import sys
import time
import unittest

from api_lab import PATIENCE_S, SFU4, TREE, Api, failure, sdp, snapshot, wait_for
import grpc
from sluice.v1 import room_pb2

URL = f"https://{SFU4}:{os.environ['LAB_API_PORT']}"
CLIENT = TREE / "tests/system/webrtc_client.py"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
OFFER = sdp("chromium-publish")
UFRAG = re.search(r"a=ice-ufrag:(\S+)", OFFER)[1]
PWD = re.search(r"a=ice-pwd:(\S+)", OFFER)[1]
CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.99 61764 typ host\r\n"
TRICKLE = ("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
           f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PWD}\r\n{CANDIDATE}a=end-of-candidates\r\n")
RESTART = TRICKLE.replace(UFRAG, "ysXw").replace(PWD, "vw5LmwG4y/e6dPP/zAP9Gp5k")
EMPTY_OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
VIEW = re.sub(r"a=(sendrecv|sendonly)\r\n", "a=recvonly\r\n", OFFER)
OFFER_VALID_S = 30
VERSIONS = {"1.1": "HTTP/1.1", "2": "HTTP/2", "2-prior-knowledge": "HTTP/2"}
STRONG_ETAG = r'"[!#-~]+"'


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.version, status = lines[0].split(" ")[:2]
        self.status = int(status)
        self.fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")
            self.fields.setdefault(name.lower(), []).append(value)

    def one(self, name):
        values = self.fields.get(name, [])
        assert len(values) == 1, f"{name}: {values}"
        return values[0]


def command_of(version, method, path, *fields, body=None, url=URL):
    command = ["curl", "-ksS", "-i", "--path-as-is", "--max-time", "20", f"--http{version}"]
    command += ["-I"] if method == "HEAD" else ["-X", method]
    for field in fields:
        command += ["-H", field]
    if body is not None:
        command += ["--data-binary", "@-"]
        if not any(f.startswith("content-type:") for f in fields):
            command += ["-H", "content-type:"]
    return [*command, url + path]


def curl(version, method, path, *fields, body=None, url=URL):
    done = subprocess.run(command_of(version, method, path, *fields, body=body, url=url),
                          input=(body or "").encode(), capture_output=True, check=True)
    return Answer(done.stdout.decode())


def hang_up(version, method, path, *fields, body, when):
    """The request, whose client is gone once when() returns; no answer has come before."""
    with subprocess.Popen(command_of(version, method, path, *fields, body=body),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(body.encode())
        process.stdin.close()
        when()
        process.kill()
        assert process.stdout.read() == b""


class Client:
    """webrtc_client.py; what it tells is read as it comes."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([CLIENT, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.told = {}

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition(self.told):
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, left))
            assert ready, f"{what}: not after {PATIENCE_S} s; told: {self.told}"
            line = self.process.stdout.readline()
            assert line, f"{what}: the client ended; told: {self.told}"
            self.told.update(json.loads(line))
            assert "error" not in self.told, self.told
        return self.told

    def connected(self):
        return self.until(lambda t: t.get("connection") == "connected", "connected")

    def frames(self, part):
        return sum(n for what, n in self.told.get("decoded", {}).items() if part in what)

    def decodes(self, part, count=10):
        before = self.frames(part)
        self.until(lambda t: self.frames(part) >= before + count, f"{count} of {part}")

    def end(self):
        out, _ = self.process.communicate("", timeout=PATIENCE_S)
        for line in out.splitlines():
            self.told.update(json.loads(line))
        return self.told


class WithApi(unittest.TestCase):
    serial = 0

    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.api.await_dataplane()

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    def room(self):
        WithApi.serial += 1
        return f"whip{WithApi.serial}"

    def client(self, *arguments):
        client = Client(*arguments)
        self.addCleanup(client.process.stdout.close)
        self.addCleanup(client.process.stdin.close)
        self.addCleanup(client.process.wait)
        self.addCleanup(client.process.kill)
        return client

    def publisher(self, room, *arguments, participant="cam"):
        client = self.client("publish", f"{URL}/whip/{room}?participant={participant}", *arguments)
        client.connected()
        wait_for(lambda: len(self.api.participant(
            f"rooms/{room}/participants/{participant}").tracks) == 2, "tracks")
        return client


def patient(*arguments, **named):
    """curl(), again where we were faster than a tenant may be (RFC 6585 4)."""
    while (answer := curl(*arguments, **named)).status == 429:
        time.sleep(int(answer.one("retry-after")))
    return answer


class Row:
    """One request and what must come of it."""
    version = None
    url = URL

    def ask(self, section, status, method, path, *fields, body=None, **wanted):
        row = f"{section}: {method} {path} {fields}"
        asked = curl if status == 429 else patient
        answer = asked(self.version, method, path, *fields, body=body, url=self.url)
        self.assertEqual(answer.version, VERSIONS[self.version])
        self.assertEqual(answer.status, status, f"{row}: {answer.body}")
        for name, value in wanted.items():
            name = name.replace("_", "-")
            if value is None:
                self.assertNotIn(name, answer.fields, row)
            else:
                self.assertRegex(answer.one(name), f"^(?:{value})$", row)
        if status >= 400 and status != 406 and method != "HEAD":
            self.assertRegex(answer.body, r"^\S.*\n$", row)  # one sentence
        return answer


class Table(Row):
    """The rows, for one version of HTTP each."""

    def session(self, room=None, offer=OFFER):
        room = room or self.room()
        return self.ask("RFC 9725 4.2", 201, "POST", f"/whip/{room}", f"content-type: {SDP}",
                        body=offer, content_type=SDP, etag=STRONG_ETAG, accept_patch=FRAGMENT,
                        location=rf"/whip/{room}/[\w-]+/[0-9a-f]{{64}}")

    def test_whip_post(self):
        answer = self.session()
        self.assertRegex(answer.body, r"^v=0\r\n")
        self.assertIn("a=ice-lite\r\n", answer.body)
        self.assertIn("a=candidate:", answer.body)  # RFC 9725 4.3.2: all of them, at once
        self.assertIn("a=end-of-candidates\r\n", answer.body)
        self.assertIn("a=rtcp-mux-only\r\n", answer.body)  # RFC 9725 4.4.1
        self.assertIn("a=setup:passive\r\n", answer.body)
        self.assertEqual(answer.one("link"),  # RFC 9725 4.6
                         '<stun:stun.example.net>; rel="ice-server"')

    def test_post_refused(self):
        room = self.room()
        kind = f"content-type: {SDP}"
        for end in ("whip", "whep"):
            path = f"/{end}/{room}"
            ask = self.ask
            ask("RFC 9725 4.2", 415, "POST", path, "content-type: text/plain", body=OFFER,
                accept_post=SDP)
            ask("RFC 9725 4.2", 415, "POST", path, body=OFFER, accept_post=SDP)
            ask("RFC 9725 4.2", 400, "POST", path, kind, body="hello")
            ask("RFC 9725 4.2", 400, "POST", path, kind, body="")
            ask("RFC 9725 4.4.3", 422, "POST", path, kind,
                body=OFFER.replace("a=rtcp-mux\r\n", ""))
            ask("RFC 9110 15.5.5", 404, "POST", f"/{end}/no%20room", kind, body=OFFER)
            ask("RFC 9110 15.5.5", 404, "POST", f"/{end}/", kind, body=OFFER)
        self.ask("RFC 9725 4.4.2", 422, "POST", f"/whip/{room}", kind, body=EMPTY_OFFER)
        self.ask("WHEP-04 4.3.6", 422, "POST", f"/whep/{room}", kind,
                 body=OFFER.replace("a=sendrecv", "a=sendonly"))
        self.ask("WHEP-04 4.3.9", 409, "POST", f"/whep/{room}", kind, body=VIEW,
                 retry_after=r"\d+")
        self.ask("WHEP-04 4.3.9", 409, "POST", f"/whep/{room}/cam", kind, body=VIEW,
                 retry_after=r"\d+")
        self.ask("WHEP-04 4.3.9", 409, "POST", f"/whep/{room}?offer=server", kind, body="",
                 retry_after=r"\d+")

    def test_a_refused_offer_leaves_nothing(self):
        room = self.room()
        events = self.api.watch_events()
        self.addCleanup(events.cancel)
        snapshot(events)
        self.ask("RFC 9725 4.4.3", 422, "POST", f"/whip/{room}", f"content-type: {SDP}",
                 body=OFFER.replace("VP8", "VP5").replace("VP9", "VP4").replace(
                     "H264", "H261").replace("AV1/", "AV0/"))
        self.ask("WHEP-04 4.3.9", 409, "POST", f"/whep/{room}", f"content-type: {SDP}", body=VIEW)
        # One that is refused once it has entered takes the room along that it made, and no other.
        self.ask("RFC 9725 4.4.2", 422, "POST", f"/whip/{room}", f"content-type: {SDP}",
                 body=EMPTY_OFFER)
        events.until(lambda e: e.kind == room_pb2.Event.KIND_ROOM_REMOVED
                     and e.room.name == f"rooms/{room}")
        failure(grpc.StatusCode.NOT_FOUND, self.api.get, room)
        made = self.api.create(room)
        self.ask("RFC 9725 4.4.2", 422, "POST", f"/whip/{room}", f"content-type: {SDP}",
                 body=EMPTY_OFFER)
        wait_for(lambda: self.api.get(room).participant_count == 0, "the room to be empty")
        self.assertEqual(self.api.get(room).uid, made.uid)

    def test_participant_is_taken(self):
        room = self.room()
        path = f"/whip/{room}?participant=obs"
        kind = f"content-type: {SDP}"
        self.ask("here", 201, "POST", path, kind, body=OFFER,
                 location=rf"/whip/{room}/obs/[0-9a-f]{{64}}")
        self.ask("here", 409, "POST", path, kind, body=OFFER, retry_after=r"\d+")

    def test_content_type_has_parameters(self):
        self.ask("RFC 9110 8.3.1", 201, "POST", f"/whip/{self.room()}",
                 "content-type: Application/SDP; charset=utf-8", body=OFFER)

    def test_methods(self):
        room = self.room()
        session = self.session(room).one("location")
        for path in (f"/whip/{room}", f"/whep/{room}", f"/whep/{room}/cam"):
            kind = SDP if "/whep/" in path else None
            self.ask("WHEP-04 4.1", 200, "GET", path, content_type=kind, content_length="0")
            self.ask("WHEP-04 4.2", 200, "HEAD", path, content_type=kind, content_length="0")
            self.ask("RFC 9725 4.2", 200, "OPTIONS", path, accept_post=SDP)
            for method in ("PUT", "PATCH", "DELETE"):
                self.ask("RFC 9110 15.5.6", 405, method, path, allow="GET, HEAD, OPTIONS, POST")
        self.ask("RFC 9725 4.1", 200, "GET", session)
        self.ask("RFC 5789 3.1", 200, "OPTIONS", session, accept_patch=FRAGMENT)
        for method in ("PUT", "POST"):
            self.ask("RFC 9110 15.5.6", 405, method, session,
                     allow="DELETE, GET, HEAD, OPTIONS, PATCH")

    def test_cors(self):
        path = f"/whip/{self.room()}"
        own = f"origin: {URL}"
        self.ask("RFC 9725 4.2", 204, "OPTIONS", path, own,
                 "access-control-request-method: POST",
                 "access-control-request-headers: content-type,authorization",
                 access_control_allow_origin=re.escape(URL),
                 access_control_allow_methods=".*PATCH.*",
                 access_control_allow_headers=".*authorization.*")
        answer = self.ask("Fetch", 201, "POST", path, own, f"content-type: {SDP}", body=OFFER,
                          access_control_allow_origin=re.escape(URL))
        exposed = answer.one("access-control-expose-headers").split(", ")
        for name in ("location", "etag", "link"):
            self.assertIn(name, exposed)
        self.ask("Fetch", 403, "POST", path, "origin: https://elsewhere.example",
                 f"content-type: {SDP}", body=OFFER)

    def test_trickle(self):
        answer = self.session()
        path, etag = answer.one("location"), answer.one("etag")
        kind, held = f"content-type: {FRAGMENT}", f"if-match: {etag}"
        self.ask("RFC 9725 4.3.2", 204, "PATCH", path, kind, held, body=TRICKLE, etag=None)
        self.ask("RFC 9725 4.3.2", 204, "PATCH", path, kind, held, etag=None,
                 body=TRICKLE.replace("192.0.2.99", "host.local").replace(" udp ", " tcp "))
        self.ask("RFC 9725 4.3.1", 428, "PATCH", path, kind, body=TRICKLE)
        self.ask("RFC 9725 4.3.1", 412, "PATCH", path, kind, 'if-match: "stale"', body=TRICKLE)
        self.ask("RFC 9110 13.1.1", 412, "PATCH", path, kind, f"if-match: W/{etag}", body=TRICKLE)
        self.ask("RFC 9725 4.3.1", 400, "PATCH", path, kind, held, body="hello")
        self.ask("RFC 9725 4.3.1", 400, "PATCH", path, kind, held, body="")
        self.ask("RFC 9725 4.3.1", 415, "PATCH", path, "content-type: application/sdp", held,
                 body=OFFER, accept_patch=FRAGMENT)
        self.ask("RFC 9725 4.3.1", 415, "PATCH", path, held, body=TRICKLE, accept_patch=FRAGMENT)

    def test_restart(self):
        answer = self.session()
        path, etag = answer.one("location"), answer.one("etag")
        kind = f"content-type: {FRAGMENT}"
        again = self.ask("RFC 9725 4.3.3", 200, "PATCH", path, kind, "if-match: *", body=RESTART,
                         content_type=FRAGMENT, etag=STRONG_ETAG)
        self.assertNotEqual(again.one("etag"), etag)
        for key in ("ice-ufrag", "ice-pwd"):
            was = re.search(rf"a={key}:(\S+)", answer.body)[1]
            self.assertNotEqual(re.search(rf"a={key}:(\S+)", again.body)[1], was)
        for line in ("a=ice-lite", "a=ice-options:trickle"):  # as in the answer
            self.assertIn(line, answer.body)
            self.assertIn(line, again.body)
        self.assertIn("a=candidate:", again.body)
        self.ask("RFC 9725 4.3.1", 412, "PATCH", path, kind, f"if-match: {etag}", body=RESTART)
        self.ask("RFC 9725 4.3.2", 204, "PATCH", path, kind, f"if-match: {again.one('etag')}",
                 body=RESTART, etag=None)

    def test_delete(self):
        room = self.room()
        path = self.session(room).one("location")
        self.ask("RFC 9725 4.3.1", 200, "DELETE", path, 'if-match: "stale"')
        for method in ("DELETE", "PATCH", "GET"):
            self.ask("RFC 9110 15.5.5", 404, method, path, f"content-type: {FRAGMENT}")
        self.assertEqual(self.api.get(room).participant_count, 0)

    def test_unguessable(self):
        room = self.room()
        path = self.session(room).one("location")
        wrong = path[:-1] + ("0" if path[-1] != "0" else "1")
        for guess in (wrong, path.rsplit("/", 1)[0] + "/", path.replace("/whip/", "/whep/"),
                      path.rsplit("/", 1)[0] + "/" + "0" * 64):
            self.ask("RFC 9725 5", 404, "DELETE", guess)
        self.assertEqual(self.api.get(room).participant_count, 1)

    def test_whep(self):
        room = self.room()
        self.publisher(room)
        kind = f"content-type: {SDP}"
        for path in (f"/whep/{room}", f"/whep/{room}/cam"):
            answer = self.ask("WHEP-04 4.3.1", 201, "POST", path, kind, body=VIEW,
                              content_type=SDP, etag=STRONG_ETAG, accept_patch=FRAGMENT,
                              location=rf"/whep/{room}/[\w-]+/[0-9a-f]{{64}}")
            self.assertEqual(answer.body.count("a=sendonly\r\n"), 2)  # WHEP-04 4.3.6
            session, etag = answer.one("location"), answer.one("etag")
            self.ask("WHEP-04 4.5.2", 204, "PATCH", session, f"content-type: {FRAGMENT}",
                     f"if-match: {etag}", body=TRICKLE, etag=None)
            again = self.ask("WHEP-04 4.5.3", 200, "PATCH", session, f"content-type: {FRAGMENT}",
                             "if-match: *", body=RESTART, etag=STRONG_ETAG)
            self.assertNotEqual(again.one("etag"), etag)
            self.ask("WHEP-04 4.4", 200, "DELETE", session)
        self.ask("WHEP-04 4.3.9", 409, "POST", f"/whep/{room}/other", kind, body=VIEW)
        self.ask("WHEP-04 4.3.6", 422, "POST", f"/whep/{room}", kind,
                 body=VIEW.replace("opus", "speex").replace("VP8", "VP5"))

    def test_counter_offer(self):
        room = self.room()
        self.publisher(room)
        kind = f"content-type: {SDP}"
        until = r'application/sdp; valid-until="\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"'
        for path, body in ((f"/whep/{room}", EMPTY_OFFER), (f"/whep/{room}?offer=server", VIEW)):
            offer = self.ask("WHEP-04 4.3.2", 406, "POST", path, kind, body=body,
                             content_type=until, location=rf"/whep/{room}/[\w-]+/[0-9a-f]{{64}}")
            self.assertEqual(offer.body.count("a=sendonly\r\n"), 2)
            end = re.search('"(.*)"', offer.one("content-type"))[1]
            left = email.utils.parsedate_to_datetime(end).timestamp() - time.time()
            self.assertTrue(OFFER_VALID_S - 5 < left <= OFFER_VALID_S, left)
            session = offer.one("location")
            self.ask("WHEP-04 4.3.2", 400, "PATCH", session, kind, body="hello")
            self.ask("WHEP-04 4.3.2", 422, "PATCH", session, kind, body=EMPTY_OFFER)
            self.ask("here", 409, "PATCH", session, f"content-type: {FRAGMENT}", "if-match: *",
                     body=TRICKLE, retry_after=r"\d+")
            answer = re.sub("a=sendonly", "a=recvonly", offer.body)
            answer = re.sub("a=setup:actpass", "a=setup:active", answer)
            answer = re.sub(r"a=(ssrc|msid|candidate|ice-lite|end-of)\S*.*\r\n", "", answer)
            self.ask("WHEP-04 4.3.2", 204, "PATCH", session, kind, body=answer, etag=None)
            self.ask("RFC 5789 2", 204, "PATCH", session, kind, body=answer)  # it may be lost
            self.ask("WHEP-04 4.5.1", 415, "PATCH", session, kind, accept_patch=FRAGMENT,
                     body=answer.replace("a=setup:active", "a=setup:passive"))
            self.ask("WHEP-04 4.4", 200, "DELETE", session)

    def odd(self, name, end, body, wanted):
        answer = patient(self.version, "POST", f"/{end}/{self.room()}", f"content-type: {SDP}",
                         body=body)
        self.assertIn(answer.status, wanted, name)
        if answer.status == 201:
            self.assertEqual(patient(self.version, "DELETE", answer.one("location")).status, 200)
        if answer.status == 422:
            self.assertRegex(answer.body, r"m-line \d+ \(|every m-line ", name)

    def test_odd_offers(self):
        """Whole offers of browsers and inputs that hurt others, live; whip_offers_test.py has the
        oddities one by one.
        """
        folders = [TREE / "tests/unit/sdp", TREE / "tests/fuzz/sdp/seeds",
                   TREE / "../shared/corpora/sdp"]
        for file in sorted(f for folder in folders if folder.is_dir() for f in folder.iterdir()):
            if file.suffix not in (".sdp", "") or not file.is_file():
                continue
            text = file.read_bytes().decode("latin-1")
            for body in {text, re.sub(r"\r?\n", "\r\n", text)}:
                self.odd(file.name, "whip", body, (201, 400, 413, 422))
                self.odd(file.name, "whep", body, (400, 409, 413, 422))
        self.assertEqual(patient(self.version, "HEAD", "/whip/alive").status, 200)


class OverHttp2(Table, WithApi):
    version = "2"


class OverHttp11(Table, WithApi):
    version = "1.1"


class Media(WithApi):
    """GStreamer's webrtcbin on both ends."""

    def test_publish_and_play(self):
        room = self.room()
        publisher = self.publisher(room)
        player = self.client("play", f"{URL}/whep/{room}")
        player.connected()
        player.decodes("320x180", 30)
        player.decodes("audio", 50)
        self.assertEqual(player.end()["deleted"], 200)
        self.assertEqual(publisher.end()["deleted"], 200)
        self.assertEqual(self.api.get(room).participant_count, 0)

    def test_delete_ends_media_at_once(self):
        room = self.room()
        self.publisher(room)
        player = self.client("play", f"{URL}/whep/{room}")
        player.connected()
        player.decodes("video", 10)
        path = player.told["session"][len(URL):]
        self.assertEqual(curl("2", "DELETE", path).status, 200)
        self.counts(player, 2)  # what its jitter buffer still had
        frames = player.frames("")
        self.assertGreater(frames, 0)
        self.counts(player, 4)  # a second
        self.assertEqual(player.frames(""), frames)

    def counts(self, player, how_many):
        for _ in range(how_many):
            player.told.pop("decoded", None)
            player.until(lambda t: "decoded" in t, "counts")

    def test_next_publisher_on_the_same_line(self):
        room = self.room()
        first = self.publisher(room, "320x180", participant="first")
        self.publisher(room, "160x120", participant="second")
        player = self.client("play", f"{URL}/whep/{room}")
        player.connected()
        player.decodes("320x180")
        self.assertEqual(player.frames("160x120"), 0)
        first.end()
        player.decodes("160x120", 30)
        video = {what.split()[0] for what in player.told["decoded"] if "video" in what}
        self.assertEqual(len(video), 1, player.told["decoded"])  # one SSRC
        player.decodes("audio", 50)

    def test_two_lines_in_order_of_joining(self):
        room = self.room()
        self.publisher(room, "320x180", participant="first")
        player = self.client("play", f"{URL}/whep/{room}", "2")
        player.connected()
        self.assertEqual(player.told["answer"].count("a=inactive"), 1)  # the spare line
        self.publisher(room, "160x120", participant="second")
        player.decodes("320x180", 30)
        self.assertEqual(player.frames("160x120"), 0)  # inactive it stays
        both = self.client("play", f"{URL}/whep/{room}", "2")
        both.connected()
        both.decodes("320x180")
        both.decodes("160x120")

    def test_restart_keeps_media(self):
        """New credentials that no check ever uses: the old ones go on to hold the session."""
        room = self.room()
        publisher = self.publisher(room)
        player = self.client("play", f"{URL}/whep/{room}/cam")
        player.connected()
        player.decodes("video")
        for client in (player, publisher):
            answer = curl("2", "PATCH", client.told["session"][len(URL):], "if-match: *",
                          f"content-type: {FRAGMENT}", body=RESTART)
            self.assertEqual(answer.status, 200, answer.body)
        player.decodes("video", 60)


class Flood(WithApi):
    def test_rate(self):
        """RFC 9725 5, RFC 6585 4: who floods has to wait. Last: the bucket is empty after it."""
        config = "".join(f'url = "{URL}/whip/{i}/x/{"0" * 64}"\nrequest = DELETE\n'
                         for i in range(400))
        done = subprocess.run(["curl", "-ksS", "--http2", "--parallel", "-K", "-", "-o",
                               "/dev/null", "-w", "%{http_code} %header{retry-after}\n"],
                              input=config.replace("request", 'output = "/dev/null"\nrequest'),
                              capture_output=True, text=True, check=True)
        told = done.stdout.split("\n")
        self.assertIn("404 ", told)
        self.assertTrue(any(re.match(r"429 \d+$", t) for t in told), set(told))


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite()
    for case in (OverHttp2, OverHttp11, Media, Flood):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main(verbosity=2)
