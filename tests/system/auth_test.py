#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# lab: --clients 1
"""Who may do what, against the real server: every wrong token, client certificate and peer is refused
with its reason, and nothing has been created by any of them.

Tokens are made by PyJWT, or by hand where no library would make them; certificates by openssl.
"""
import base64
import grp
import hashlib
import hmac
import json
import pathlib
import re
import socket
import ssl
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import jwt

import api_lab
from api_lab import PATIENCE_S, SFU4, STATE, ctl
import grpc
from sluice.v1 import node_pb2, node_pb2_grpc, room_pb2, room_pb2_grpc
from sluice.v1 import signalling_pb2, signalling_pb2_grpc, statistics_pb2

WORK = pathlib.Path(api_lab.work.name)
SECRET = bytes(range(32))
PORT, MTLS_PORT = 8443, 8444
GROUP, NOBODY = 1, 65534  # "daemon"; a user of no rights
Code = grpc.StatusCode
FLAGS = ["--auth=tokens", f"--token-keys={WORK}/keys", f"--listen-mtls={SFU4}:{MTLS_PORT}",
         f"--client-ca={WORK}/ca.pem", f"--unix-group={grp.getgrgid(GROUP).gr_name}",
         "--client-roles=orchestrator.example=administer, spiffe://example/watcher=observe",
         "--quota-rooms=2", "--quota-participants=3"]


def run(*words):
    subprocess.run(words, check=True, capture_output=True, cwd=WORK)


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def make_keys():
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "es.key")
    run("openssl", "ec", "-in", "es.key", "-pubout", "-out", "es.pem")
    keys = WORK / "keys"
    keys.touch(mode=0o600)
    keys.write_text(f"hs HS256 {url64(SECRET)}\nes ES256 es.pem\n", encoding="utf-8")


def make_certificate(name, ca, days, *san):
    """NAME.key and NAME.pem by the CA; negative days: expired already."""
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr",
        "-addext", "subjectAltName=" + ",".join(san))
    start = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 10 * 86400))
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
    (WORK / "index").write_text("", encoding="utf-8")
    (WORK / "ca.conf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n"
        "default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n",
        encoding="utf-8")
    run("openssl", "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", f"{ca}.pem",
        "-keyfile", f"{ca}.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
        "-startdate", start, "-enddate", end)


def make_certificates():
    for ca in ("ca", "other"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", f"/CN={ca}",
            "-days", "30")
    make_certificate("good", "ca", 30, "DNS:orchestrator.example")
    make_certificate("watcher", "ca", 30, "URI:spiffe://example/watcher")
    make_certificate("unknown", "ca", 30, "DNS:somebody.example")
    make_certificate("expired", "ca", -1, "DNS:orchestrator.example")
    make_certificate("stranger", "other", 30, "DNS:orchestrator.example")


def claims(**more):
    now = int(time.time())
    return {"aud": "sluice", "exp": now + 600, "sub": "tester", "room": "t-*", "publish": True,
            "subscribe": True} | more


def token(key="hs", without=(), **more):
    made = {k: v for k, v in claims(**more).items() if k not in without}
    if key == "es":
        return jwt.encode(made, (WORK / "es.key").read_bytes(), "ES256", headers={"kid": "es"})
    return jwt.encode(made, SECRET, "HS256", headers={"kid": key})


def by_hand(header, secret):
    text = ".".join(url64(json.dumps(part).encode()) for part in (header, claims()))
    if secret is None:
        return text + "."
    return text + "." + url64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


class Caller:
    """The services under one token, certificate, or neither."""

    def __init__(self, bearer=None, certificate=None, port=PORT):
        root = ssl.get_server_certificate((SFU4, PORT)).encode()
        pair = [None, None]
        if certificate:
            pair = [(WORK / f"{certificate}.{end}").read_bytes() for end in ("key", "pem")]
        self.channel = grpc.secure_channel(
            f"{SFU4}:{port}", grpc.ssl_channel_credentials(root, *pair))
        self.metadata = [("authorization", f"Bearer {bearer}")] if bearer else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def call(self, stub, method, request):
        return getattr(stub(self.channel), method)(request, timeout=PATIENCE_S,
                                                    metadata=self.metadata)

    def join(self, room="t-1", **more):
        return self.call(signalling_pb2_grpc.SignallingServiceStub, "Join",
                         signalling_pb2.JoinRequest(room=f"rooms/{room}", **more))

    def create(self, room):
        return self.call(room_pb2_grpc.RoomServiceStub, "CreateRoom",
                         room_pb2.CreateRoomRequest(room_id=room))

    def rooms(self):
        answer = self.call(room_pb2_grpc.RoomServiceStub, "ListRooms", room_pb2.ListRoomsRequest())
        return [room.name for room in answer.rooms]

    def remove(self, name):
        return self.call(room_pb2_grpc.RoomServiceStub, "RemoveParticipant",
                         room_pb2.RemoveParticipantRequest(name=name))

    def delete(self, room):
        return self.call(room_pb2_grpc.RoomServiceStub, "DeleteRoom",
                         room_pb2.DeleteRoomRequest(name=f"rooms/{room}"))

    def statistics(self):
        return self.call(node_pb2_grpc.NodeServiceStub, "GetStatistics",
                         statistics_pb2.GetStatisticsRequest())


def reason_of(error):
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    # google.rpc.Status is not among Debian's Python packages; the reason's name stands in it as text.
    words = re.findall(rb"[A-Z][A-Z_]{4,}", details)
    return words[0].decode() if words else ""


def administrator():
    return Caller(token(room="*", administer=True))


def await_dataplane():
    with administrator() as admin:
        api_lab.wait_for(lambda: admin.call(
            node_pb2_grpc.NodeServiceStub, "GetNode",
            node_pb2.GetNodeRequest()).dataplane_attached, "the dataplane")


class Auth(unittest.TestCase):
    def refused(self, code, reason, do):
        with self.assertRaises(grpc.RpcError) as caught:
            do()
        self.assertEqual((caught.exception.code(), reason_of(caught.exception)), (code, reason))

    def nothing_created(self):
        with administrator() as admin:
            self.assertEqual(admin.rooms(), [])

    def tearDown(self):
        with administrator() as admin:
            for room in admin.rooms():
                admin.delete(room.removeprefix("rooms/"))

    def test_wrong_tokens(self):
        now = int(time.time())
        unknown = Code.UNAUTHENTICATED
        pem = (WORK / "es.pem").read_bytes()
        rows = [
            (None, unknown, "TOKEN_MISSING"),
            ("nonsense", unknown, "TOKEN_MALFORMED"),
            (token(without=["exp"]), unknown, "TOKEN_MALFORMED"),
            (token(exp=now - 31), unknown, "TOKEN_EXPIRED"),
            (token(nbf=now + 60), unknown, "TOKEN_NOT_YET_VALID"),
            (token(aud="another"), unknown, "TOKEN_AUDIENCE_WRONG"),
            (token(key="lost"), unknown, "TOKEN_KEY_UNKNOWN"),
            (jwt.encode(claims(), b"x" * 32, "HS256", headers={"kid": "hs"}), unknown,
             "TOKEN_SIGNATURE_WRONG"),
            (by_hand({"alg": "none", "kid": "hs"}, None), unknown, "TOKEN_ALGORITHM_WRONG"),
            (by_hand({"alg": "HS256", "kid": "es"}, pem), unknown, "TOKEN_ALGORITHM_WRONG"),
            (token(room="other"), Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG"),
            (token(without=["room"]), Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG"),
            (token(without=["publish", "subscribe"], observe=True), Code.PERMISSION_DENIED,
             "GRANT_MISSING"),
        ]
        for bearer, code, reason in rows:
            with self.subTest(reason=reason), Caller(bearer) as caller:
                self.refused(code, reason, caller.join)
        self.nothing_created()

    def test_right_tokens(self):
        for key in ("hs", "es"):
            with Caller(token(key)) as caller:
                self.assertTrue(caller.join(f"t-{key}").session.secret)
                self.refused(Code.PERMISSION_DENIED, "GRANT_MISSING", lambda: caller.create("t-9"))
                self.refused(Code.PERMISSION_DENIED, "GRANT_MISSING", caller.rooms)
                self.refused(Code.PERMISSION_DENIED, "GRANT_MISSING", caller.statistics)
        with Caller(token(administer=True)) as caller:
            self.assertEqual(caller.create("t-9").name, "rooms/t-9")
            self.refused(Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG", lambda: caller.create("u"))
            self.refused(Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG", caller.statistics)

    def test_removed_joins_no_more(self):
        bearer = token(jti="once")
        with Caller(bearer) as caller, administrator() as admin:
            joined = caller.join()
            admin.remove(joined.participant.name)
            self.refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", caller.join)
            self.assertEqual(Caller(token(jti="twice")).join().participant.name[:10], "rooms/t-1/")

    def test_removed_joins_no_more_after_a_restart(self):
        """The control plane is killed, not stopped: what it knew is in the segment."""
        bearer = token(jti="once more")
        with Caller(bearer) as caller, administrator() as admin:
            admin.remove(caller.join().participant.name)
        ctl("kill", "controlplane")
        ctl("start", "controlplane", *FLAGS)
        await_dataplane()
        with Caller(bearer) as caller:
            self.refused(Code.UNAUTHENTICATED, "TOKEN_REVOKED", caller.join)
        with Caller(token(jti="another")) as caller:
            self.assertTrue(caller.join().session.secret)

    def test_tenants_reach_their_own(self):
        with Caller(token(room="*", administer=True, tenant="acme")) as acme, \
                Caller(token(room="*", administer=True, tenant="umbrella")) as umbrella:
            self.assertEqual(acme.create("t-acme").tenant, "acme")
            self.assertEqual(umbrella.create("t-umbrella").tenant, "umbrella")
            self.assertEqual(acme.rooms(), ["rooms/t-acme"])
            self.refused(Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG", lambda: acme.join("t-umbrella"))
            self.refused(Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG",
                         lambda: umbrella.delete("t-acme"))
            self.assertEqual(acme.create("t-2").name, "rooms/t-2")
            self.refused(Code.RESOURCE_EXHAUSTED, "QUOTA_ROOMS", lambda: acme.create("t-3"))
            self.refused(Code.RESOURCE_EXHAUSTED, "QUOTA_ROOMS", lambda: acme.join("t-3"))
            for _ in range(3):
                acme.join("t-acme")
            self.refused(Code.RESOURCE_EXHAUSTED, "QUOTA_PARTICIPANTS", lambda: acme.join("t-2"))
            umbrella.join("t-umbrella")
            # RFC 6585 4, over plain HTTP: a third room, and a fourth participant.
            bearer = token(room="*", tenant="acme")
            for room in ("t-3", "t-2"):
                status, _ = self.ask(f"/whip/{room}", bearer, api_lab.sdp().encode())
                self.assertEqual(status, 429)
            self.assertEqual([self.refusals(quota) for quota in ("rooms", "participants")],
                             [3, 2])
            self.assertEqual(sorted(acme.rooms()), ["rooms/t-2", "rooms/t-acme"])

    def refusals(self, quota):
        """Of this process, so far: only one test here goes beyond its quotas."""
        metrics = self.text("/metrics", token(room="*", observe=True))
        return int(re.search(rf'sluice_quota_refusals_total{{quota="{quota}"}} (\d+)', metrics)[1])

    def text(self, path, bearer):
        tls = ssl._create_unverified_context()  # pylint: disable=protected-access
        request = urllib.request.Request(f"https://{SFU4}:{PORT}{path}")
        request.add_header("Authorization", f"Bearer {bearer}")
        with urllib.request.urlopen(request, context=tls, timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def test_certificates(self):
        with Caller(certificate="good", port=MTLS_PORT) as caller:
            self.assertEqual(caller.create("made").name, "rooms/made")
            caller.delete("made")
        with Caller(certificate="watcher", port=MTLS_PORT) as caller:
            self.assertEqual(caller.rooms(), [])
            self.refused(Code.PERMISSION_DENIED, "GRANT_MISSING", lambda: caller.create("x"))
        with Caller(certificate="unknown", port=MTLS_PORT) as caller:
            self.refused(Code.PERMISSION_DENIED, "CERTIFICATE_ROLE_MISSING",
                         lambda: caller.create("x"))
        with Caller(token(room="*", administer=True), port=MTLS_PORT) as caller:
            self.refused(Code.UNAUTHENTICATED, "CERTIFICATE_MISSING", lambda: caller.create("x"))
        for certificate in ("expired", "stranger"):
            with self.subTest(certificate), Caller(certificate=certificate,
                                                   port=MTLS_PORT) as caller:
                with self.assertRaises(grpc.RpcError) as caught:
                    caller.create("x")
                self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)  # no handshake
        self.nothing_created()

    def test_alerts_of_the_handshake(self):
        """RFC 8446 6.2: which alert ends it tells the orchestrator what to mend."""
        for certificate, alert in (("expired", "certificate_expired|certificate expired"),
                                   ("stranger", "unknown_ca|unknown ca")):
            with self.subTest(certificate):
                tls = ssl.create_default_context()
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
                tls.load_cert_chain(WORK / f"{certificate}.pem", WORK / f"{certificate}.key")
                with socket.create_connection((SFU4, MTLS_PORT), PATIENCE_S) as s, \
                        self.assertRaises(ssl.SSLError) as caught, tls.wrap_socket(s) as wrapped:
                    wrapped.recv(1)  # with TLS 1.3 the client is done before it is judged
                self.assertRegex(str(caught.exception).lower(), alert)

    def test_peers(self):
        with grpc.insecure_channel(f"unix:{STATE}/api.sock") as channel:
            stub = room_pb2_grpc.RoomServiceStub(channel)
            self.assertEqual(len(stub.ListRooms(room_pb2.ListRoomsRequest(),
                                                timeout=PATIENCE_S).rooms), 0)
        # The socket's mode holds others back; with the mode away the server does.
        (STATE / "api.sock").chmod(0o666)
        script = ("import grpc,sys; sys.path.insert(0,sys.argv[2]);"
                  "from sluice.v1 import room_pb2,room_pb2_grpc;"
                  "c=grpc.insecure_channel('unix:'+sys.argv[1]);\n"
                  "try: room_pb2_grpc.RoomServiceStub(c).ListRooms(room_pb2.ListRoomsRequest(),"
                  "timeout=20)\n"
                  "except grpc.RpcError as e: print(e.code(), e.details())")
        for folder in (STATE, WORK):
            folder.chmod(0o755)
        for groups, wanted in (("--clear-groups", r"PERMISSION_DENIED user 65534 may not use "),
                               (f"--groups={GROUP}", "^$")):  # unix_group
            said = subprocess.run(
                ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", groups, "/usr/bin/python3",
                 "-c", script, f"{STATE}/api.sock", str(WORK)], capture_output=True, text=True,
                timeout=60, check=True)
            self.assertRegex(said.stdout, wanted, said.stderr)

    def ask(self, path, bearer, offer=None):
        """(status, WWW-Authenticate) of a plain HTTP request; with an offer it is a POST."""
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        request = urllib.request.Request(f"https://{SFU4}:{PORT}{path}", data=offer)
        request.add_header("Content-Type", "application/sdp")
        if bearer:
            request.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request, context=tls, timeout=PATIENCE_S) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("WWW-Authenticate", "")

    def test_plain_http(self):
        self.assertEqual(self.ask("/metrics", token(room="*", observe=True)), (200, ""))
        self.assertEqual(self.ask("/metrics", token()), (403, ""))
        self.assertEqual(self.ask("/metrics", None), (401, 'Bearer realm="sluice"'))
        status, challenge = self.ask("/metrics", token(exp=1))
        self.assertEqual(status, 401)
        self.assertIn('error="invalid_token"', challenge)
        self.assertIn("expired", challenge)

    def test_whip_and_whep(self):
        """Bearer tokens (RFC 9725 4.7). Whoever may gets further: to an offer without media, to a
        room without a publisher."""
        for path, grant, other, further in (("/whep/t-1", "subscribe", "publish", 409),
                                            ("/whip/t-1", "publish", "subscribe", 422)):
            with self.subTest(path):
                self.assertEqual(self.ask(path, None, b"v=0"), (401, 'Bearer realm="sluice"'))
                self.assertEqual(self.ask(path, token(exp=1), b"v=0")[0], 401)
                self.assertEqual(self.ask(path, token(without=[grant]), b"v=0"), (403, ""))
                self.assertEqual(self.ask(path, token(room="other"), b"v=0"), (403, ""))
                self.nothing_created()
                self.assertEqual(self.ask(path, token(without=[other]), b"v=0"), (further, ""))


def main():
    make_keys()
    make_certificates()
    ctl("stop", "controlplane")
    ctl("start", "controlplane", *FLAGS)
    await_dataplane()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
