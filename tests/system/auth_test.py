#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# lab: --clients 1
"""Who may do what, against the real server: every wrong token, client certificate and peer is refused
with its reason, and nothing has been created by any of them.

Tokens are made by PyJWT, or by hand where no library would make them; certificates by openssl.
"""
import base64
import contextlib
import functools
import grp
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import time
import unittest
import urllib.request

import jwt

import api_lab
import whip_test
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
         "--client-roles=orchestrator.example=administer, spiffe://example/watcher=observe, "
         "192.0.2.77=administer@acme",
         "--quota-rooms=2", "--quota-participants=3", "--log-level=debug"]
LOG = STATE / "controlplane.log"


CLIENT4 = json.loads(subprocess.run(["ip", "-j", "-4", "route", "get", SFU4], check=True,
                                    capture_output=True).stdout)[0]["prefsrc"]
issued = []  # every token
began = 0  # where the log of this test begins


def log_size():
    return LOG.stat().st_size


def log_from(offset):
    return LOG.read_bytes()[offset:].decode()


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


def make_certificate(name, ca, days, *san, since=-10, use="clientAuth"):
    """NAME.key and NAME.pem by the CA, good from `since` to `days` from now."""
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr",
        "-addext", "subjectAltName=" + ",".join(san), "-addext", f"extendedKeyUsage={use}")
    start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * 86400))
                  for d in (since, days))
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
    make_certificate("acme", "ca", 30, "IP:192.0.2.77")
    make_certificate("unknown", "ca", 30, "DNS:somebody.example")
    make_certificate("expired", "ca", -1, "DNS:orchestrator.example")
    make_certificate("early", "ca", 30, "DNS:orchestrator.example", since=10)
    make_certificate("server", "ca", 30, "DNS:orchestrator.example", use="serverAuth")
    make_certificate("stranger", "other", 30, "DNS:orchestrator.example")


def claims(**more):
    now = int(time.time())
    return {"aud": "sluice", "exp": now + 600, "sub": "tester", "room": "t-*", "publish": True,
            "subscribe": True} | more


def token(key="hs", without=(), **more):
    made = {k: v for k, v in claims(**more).items() if k not in without}
    if key == "es":
        text = jwt.encode(made, (WORK / "es.key").read_bytes(), "ES256", headers={"kid": "es"})
    else:
        text = jwt.encode(made, SECRET, "HS256", headers={"kid": key})
    issued.append(text)
    return text


def by_hand(header, secret):
    text = ".".join(url64(json.dumps(part).encode()) for part in (header, claims()))
    if secret is None:
        return text + "."
    return text + "." + url64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def client_context(certificate=None):
    """Of a client that does not look at whom it speaks to."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if certificate:
        tls.load_cert_chain(WORK / f"{certificate}.pem", WORK / f"{certificate}.key")
    return tls


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


def details_of(error):
    """google.rpc.Status, which is not among Debian's Python packages: its texts stand in it."""
    return dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")


def reason_of(error):
    words = re.findall(rb"[A-Z][A-Z_]{4,}", details_of(error))
    return words[0].decode() if words else ""


def administrator():
    return Caller(token(room="*", administer=True))


def await_dataplane():
    with administrator() as admin:
        api_lab.wait_for(lambda: admin.call(
            node_pb2_grpc.NodeServiceStub, "GetNode",
            node_pb2.GetNodeRequest()).dataplane_attached, "the dataplane")


class Auth(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        """At its most talkative the log holds nothing of a token, nor the key."""
        text = log_from(began)
        assert text.count(" refused (") > 20
        for part in [p for t in issued for p in t.split(".")[1:]] + [url64(SECRET), str(SECRET)]:
            assert part not in text, f"the log has {part}"

    def refused(self, code, reason, do, grant=None):
        with self.assertRaises(grpc.RpcError) as caught:
            do()
        self.assertEqual((caught.exception.code(), reason_of(caught.exception)), (code, reason))
        if grant:  # an entry of ErrorInfo.metadata
            self.assertIn(b"\n\x05value\x12" + bytes([len(grant)]) + grant,
                          details_of(caught.exception))

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
            before = log_size()
            with self.subTest(reason=reason), Caller(bearer) as caller, \
                    self.grows("sluice_auth_refusals_total", {reason: 1}):
                self.refused(code, reason, caller.join)
            self.assertRegex(log_from(before), rf"info    auth: {CLIENT4}:\d+: /sluice.v1.Signalling"
                                               rf"Service/Join refused \({reason}\): \w+")
        self.nothing_created()

    def test_leeway(self):
        now = int(time.time())
        for times in ({"exp": now - 20}, {"nbf": now + 20}):
            with Caller(token(**times)) as caller:
                self.assertTrue(caller.join().session.secret)

    def test_right_tokens(self):
        for key in ("hs", "es"):
            with Caller(token(key)) as caller:
                self.assertTrue(caller.join(f"t-{key}").session.secret)
                denied = functools.partial(self.refused, Code.PERMISSION_DENIED, "GRANT_MISSING")
                denied(lambda: caller.create("t-9"), b"administer")
                denied(caller.rooms, b"observe")
                denied(caller.statistics, b"observe")
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
            self.assertEqual(self.ask("/whip/t-1", bearer, "v=0")[0], 401)
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
            with Caller(certificate="acme", port=MTLS_PORT) as other:  # of the same tenant
                self.assertEqual(other.rooms(), ["rooms/t-acme"])
                self.refused(Code.PERMISSION_DENIED, "TOKEN_ROOM_WRONG",
                             lambda: other.delete("t-umbrella"))
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
                status, _ = self.ask(f"/whip/{room}", bearer, api_lab.sdp())
                self.assertEqual(status, 429)
            self.assertEqual([self.refusals(quota) for quota in ("rooms", "participants")],
                             [3, 2])
            self.assertEqual(sorted(acme.rooms()), ["rooms/t-2", "rooms/t-acme"])

    def counts(self, name):
        """{reason: how often} of a counter."""
        text = self.text("/metrics", token(room="*", observe=True))
        return {r: int(n) for r, n in re.findall(rf'(?m)^{name}{{reason="(\w+)"}} (\d+)$', text)}

    @contextlib.contextmanager
    def grows(self, name, wanted):
        """By that much, and nothing else of the counter."""
        before = self.counts(name)
        yield
        after = self.counts(name)
        self.assertEqual({r: n - before[r] for r, n in after.items() if n != before[r]}, wanted)

    def refusals(self, quota):
        """Of this process, so far: only one test here goes beyond its quotas."""
        metrics = self.text("/metrics", token(room="*", observe=True))
        return int(re.search(rf'sluice_quota_refusals_total{{quota="{quota}"}} (\d+)', metrics)[1])

    def text(self, path, bearer):
        request = self.request(path, bearer, None, "text/plain")
        with urllib.request.urlopen(request, context=client_context(),
                                    timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def test_certificates(self):
        with Caller(certificate="good", port=MTLS_PORT) as caller:
            self.assertEqual(caller.create("made").name, "rooms/made")
            caller.delete("made")
        with Caller(certificate="watcher", port=MTLS_PORT) as caller:
            self.assertEqual(caller.rooms(), [])
        admin = token(room="*", administer=True)
        for certificate, bearer, code, reason in (
                ("watcher", None, Code.PERMISSION_DENIED, "GRANT_MISSING"),
                ("unknown", None, Code.PERMISSION_DENIED, "CERTIFICATE_ROLE_MISSING"),
                (None, None, Code.UNAUTHENTICATED, "CERTIFICATE_MISSING"),
                (None, admin, Code.UNAUTHENTICATED, "CERTIFICATE_MISSING")):
            before = log_size()
            with Caller(bearer, certificate, MTLS_PORT) as caller, \
                    self.grows("sluice_auth_refusals_total", {reason: 1}):
                self.refused(code, reason, lambda: caller.create("x"))
            self.assertRegex(log_from(before), rf"auth: {CLIENT4}:\d+: .* refused \({reason}\)")
        for certificate in ("expired", "early", "server", "stranger"):
            with self.subTest(certificate), Caller(certificate=certificate,
                                                   port=MTLS_PORT) as caller:
                with self.assertRaises(grpc.RpcError) as caught:
                    caller.create("x")
                self.assertEqual(caught.exception.code(), Code.UNAVAILABLE)  # no handshake
        self.nothing_created()

    def test_alerts_of_the_handshake(self):
        """RFC 8446 6.2: which alert ends it tells the orchestrator what to mend; the log and a counter
        tell whoever runs the server."""
        counter = "sluice_api_client_certificates_refused_total"
        for certificate, alert, reason, sentence in (
                ("expired", "certificate.expired", "expired", "certificate has expired"),
                ("early", "bad.certificate", "not_yet_valid", "certificate is not yet valid"),
                ("server", "unsupported.certificate", "wrong_purpose", "purpose"),
                ("stranger", "unknown.ca", "unknown_ca", "unable to get local issuer")):
            with self.subTest(certificate), self.grows(counter, {reason: 1}):
                before = log_size()
                tls = client_context(certificate)
                with socket.create_connection((SFU4, MTLS_PORT), PATIENCE_S) as s, \
                        self.assertRaises(ssl.SSLError) as caught, tls.wrap_socket(s) as wrapped:
                    wrapped.recv(1)  # with TLS 1.3 the client is done before it is judged
                self.assertRegex(str(caught.exception).lower(), alert)
                self.assertRegex(log_from(before), rf"info    rpc: {CLIENT4}:\d+: client certificate "
                                                   rf"refused \({reason}\): .*{sentence}")

    def test_who_is_asked_for_a_certificate(self):
        """The public listener asks nobody; the other names the CAs it takes (RFC 8446 4.3.2)."""
        for port, asks in ((PORT, False), (MTLS_PORT, True)):
            said = subprocess.run(["openssl", "s_client", "-msg", "-connect", f"{SFU4}:{port}"],
                                  input="", capture_output=True, text=True, timeout=PATIENCE_S,
                                  check=False).stdout
            self.assertIn("Verify return code", said)
            self.assertEqual(("CertificateRequest" in said, "CN = ca" in said), (asks, asks), said)

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
        for groups, wanted, counted in (
                ("--clear-groups", r"PERMISSION_DENIED user 65534 may not use ", {"PEER_DENIED": 1}),
                (f"--groups={GROUP}", "^$", {})):  # unix_group
            with self.grows("sluice_auth_refusals_total", counted):
                said = subprocess.run(
                    ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", groups,
                     "/usr/bin/python3", "-c", script, f"{STATE}/api.sock", str(WORK)],
                    capture_output=True, text=True, timeout=60, check=True)
            self.assertRegex(said.stdout, wanted, said.stderr)

    def test_sluicectl(self):
        """By token and by certificate, as an orchestrator's operator does."""
        pem = ssl.get_server_certificate((SFU4, PORT))
        (WORK / "server-root.pem").write_text(pem, encoding="ascii")
        for name, text in (("observer", token(room="*", observe=True)), ("late", token(exp=1))):
            (WORK / f"{name}.token").write_text(text, encoding="ascii")
        pair = [f"--client-certificate={WORK}/watcher.pem", f"--client-key={WORK}/watcher.key"]
        for port, status, said, *options in (
                (PORT, 0, r"^\[\]\n$", f"--token-file={WORK}/observer.token"),
                (PORT, 1, "UNAUTHENTICATED: the token has expired", f"--token-file={WORK}/late.token"),
                (PORT, 1, "UNAUTHENTICATED: .* wants a bearer token.*sluicectl token"),
                (MTLS_PORT, 0, r"^\[\]\n$", *pair),
                (MTLS_PORT, 1, "UNAUTHENTICATED: .* wants a client certificate")):
            done = subprocess.run(
                [api_lab.TREE / "controlplane/ctl/sluicectl", "rooms", "--json",
                 f"--endpoint={SFU4}:{port}", f"--ca={WORK}/server-root.pem", *options],
                capture_output=True, text=True, timeout=60, check=False,
                env={"PATH": os.environ["PATH"],
                     "SLUICE_BUILD": os.environ.get("LAB_BUILD", str(api_lab.TREE / "build"))})
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertRegex(done.stdout + done.stderr, said)

    def request(self, path, bearer, body, kind):
        request = urllib.request.Request(f"https://{SFU4}:{PORT}{path}", data=body)
        request.add_header("Content-Type", kind)
        if bearer:
            request.add_header("Authorization", f"Bearer {bearer}")
        return request

    def ask_with(self, certificate, path):
        """The status of a plain HTTP request to the listener that wants a certificate ("": none)."""
        request = self.request(path, None, None, "application/sdp")
        request.host = f"{SFU4}:{MTLS_PORT}"
        try:
            with urllib.request.urlopen(request, context=client_context(certificate),
                                        timeout=PATIENCE_S) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def ask(self, path, bearer, offer=None, version="1.1"):
        """(status, WWW-Authenticate) of a plain HTTP request; with an offer it is a POST."""
        answer = whip_test.curl(version, "GET" if offer is None else "POST", path,
                                "content-type: application/sdp",
                                *([f"authorization: Bearer {bearer}"] if bearer else []),
                                body=offer)
        self.assertEqual(answer.version, whip_test.VERSIONS[version])
        return answer.status, "".join(answer.fields.get("www-authenticate", []))

    def test_health_asks_nobody(self):
        for port in (PORT, MTLS_PORT):
            with Caller(port=port) as caller:
                check = caller.channel.unary_unary("/grpc.health.v1.Health/Check")
                self.assertEqual(check(b"", timeout=PATIENCE_S), b"\x08\x01")  # SERVING

    def test_plain_http(self):
        self.assertEqual(self.ask("/metrics", token(room="*", observe=True)), (200, ""))
        self.assertEqual(self.ask("/metrics", token()), (403, ""))
        self.assertEqual(self.ask("/metrics", None), (401, 'Bearer realm="sluice"'))
        for certificate, status in (("watcher", 200), ("good", 200), ("unknown", 403), ("", 401)):
            self.assertEqual(self.ask_with(certificate, "/metrics"), status)
        status, challenge = self.ask("/metrics", token(exp=1))
        self.assertEqual(status, 401)
        self.assertIn('error="invalid_token"', challenge)
        self.assertIn("expired", challenge)

    def web(self, bearer):
        """grpc-status of a Join by gRPC-Web, from the fields or from the trailers' frame."""
        message = signalling_pb2.JoinRequest(room="rooms/t-1").SerializeToString()
        request = self.request("/sluice.v1.SignallingService/Join", bearer,
                               struct.pack(">BI", 0, len(message)) + message,
                               "application/grpc-web+proto")
        with urllib.request.urlopen(request, context=client_context(),
                                    timeout=PATIENCE_S) as answer:
            told = str(answer.headers) + answer.read().decode("latin-1")
        return int(re.search(r"(?i)grpc-status: ?(\d+)", told)[1])

    def test_grpc_web(self):
        for bearer, code in ((None, Code.UNAUTHENTICATED), (token(exp=1), Code.UNAUTHENTICATED),
                             (token(room="other"), Code.PERMISSION_DENIED)):
            self.assertEqual(self.web(bearer), code.value[0])
            self.nothing_created()
        self.assertEqual(self.web(token()), 0)

    def test_whip_and_whep(self):
        """Bearer tokens (RFC 9725 4.7; RFC 6750 3 and 3.1). Whoever may gets further: to an offer
        without media, to a room without a publisher."""
        empty = "v=0"
        for version, (path, grant, other, further) in itertools.product(
                ("1.1", "2"), (("/whep/t-1", "subscribe", "publish", 409),
                               ("/whip/t-1", "publish", "subscribe", 422))):
            with self.subTest(path, version=version):
                def ask(bearer, version=version, path=path):
                    return self.ask(path, bearer, empty, version)
                self.assertEqual(ask(None), (401, 'Bearer realm="sluice"'))
                status, challenge = ask(token(exp=1))
                self.assertEqual(status, 401)
                self.assertRegex(challenge, '^Bearer realm="sluice", error="invalid_token"')
                self.assertEqual(ask(token(without=[grant])), (403, ""))
                self.assertEqual(ask(token(room="other")), (403, ""))
                self.nothing_created()
                self.assertEqual(ask(token(without=[other])), (further, ""))


def main():
    make_keys()
    make_certificates()
    ctl("stop", "controlplane")
    global began  # pylint: disable=global-statement
    began = log_size()
    ctl("start", "controlplane", *FLAGS)
    await_dataplane()
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
