# SPDX-License-Identifier: Apache-2.0
"""Janus with its streaming plugin: one mountpoint fed with SRTP, N WebRTC viewers, each with ICE and
DTLS of its own by bench/webrtc_peer.py. Told by its API over a Unix socket.
"""
import base64
import concurrent.futures
import contextlib
import itertools
import json
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from types import SimpleNamespace

import packages
import room
import sfu
import wire
from webrtc_peer import Identity, Peer, binding_request

PATIENCE_S, STARTS, AT_ONCE = 20, 10, 10
MOUNTPOINT, MEDIA_PORT = 1, 5004
# What a mountpoint can be fed with: RFC 3711's suites only.
PUBLISHER_SUITE, PUBLISHER_SUITE_NUMBER = "AES_CM_128_HMAC_SHA1_80", 80
PROFILES = {  # RFC 5764, RFC 7714: OpenSSL's name, bytes of key and of salt
    "AES_CM_128_HMAC_SHA1_80": (b"SRTP_AES128_CM_SHA1_80", 16, 14),
    "AEAD_AES_128_GCM": (b"SRTP_AEAD_AES_128_GCM", 16, 12),
    "AEAD_AES_256_GCM": (b"SRTP_AEAD_AES_256_GCM", 32, 12),
}
# One event loop: as many threads that send as there are cores for them.
CONFIGURATION = """
general: {{
	configs_folder = "{folder}"
	plugins_folder = "{modules}/plugins"
	transports_folder = "{modules}/transports"
	events_folder = "{folder}/none"
	loggers_folder = "{folder}/none"
	session_timeout = 0
	event_loops = 1
	debug_level = 2
}}
media: {{ ipv6 = false }}
nat: {{ ice_lite = true, ice_enforce_list = "{address}" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
UNIX_SOCKET = """
general: {{ enabled = true, json = "compact", path = "{folder}/api.sock", type = "SOCK_SEQPACKET" }}
"""


def answer_sdp(offer, peer):
    """Accepts the one stream offered, as a client that only looks on."""
    mid = re.search(r"^a=mid:(\S+)", offer, re.M)[1]
    kind, digest = peer.identity.fingerprint.split(" ")
    return "\r\n".join([
        "v=0", f"o=- 1 1 IN IP4 {wire.FAR4}", "s=-", "t=0 0", f"a=group:BUNDLE {mid}",
        f"m=video 9 UDP/TLS/RTP/SAVPF {room.PT}", f"c=IN IP4 {wire.FAR4}", f"a=mid:{mid}",
        "a=recvonly", "a=rtcp-mux", f"a=rtpmap:{room.PT} VP8/90000",
        f"a=ice-ufrag:{peer.ice.username_fragment}", f"a=ice-pwd:{peer.ice.password}",
        f"a=fingerprint:{kind} {digest}", "a=setup:active", ""])


def of(offer, name):
    return re.search(rf"^a={name}:(.*?)\s*$", offer, re.M)[1]


class Api:
    """Requests and events of one session, over the socket of janus.transport.pfunix."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))
        self.numbers = itertools.count()
        self.session = {}
        self.session = {"session_id": self.ask("create")["data"]["id"]}

    def ask(self, what, until=("success", "event"), **fields):
        number = str(next(self.numbers))
        self.socket.send(json.dumps({"janus": what, "transaction": number, **self.session,
                                     **fields}).encode())
        while True:
            said = json.loads(self.socket.recv(1 << 20))
            if said.get("transaction") != number:
                continue  # that a viewer is connected, say
            if said["janus"] == "error":
                raise SystemExit(f"bench: janus refuses \"{what}\": {said['error']['reason']}")
            if said["janus"] in until:
                return said

    def attach(self):
        return self.ask("attach", plugin="janus.plugin.streaming")["data"]["id"]

    def message(self, handle, body, until=("success", "event"), **fields):
        said = self.ask("message", until, handle_id=handle, body=body, **fields)
        data = said.get("plugindata", {}).get("data", {})
        if "error" in data:
            raise SystemExit(f"bench: janus refuses \"{body['request']}\": {data['error']}")
        return said


class Janus:
    """A process with the fan-out set up; ends with the block."""

    name, port, brittle = "janus", "veth", False

    def __init__(self, suite, size, consumers, srtp=None):
        self.suite, self.size, self.consumers = suite, size, consumers
        self.libraries = [srtp] if srtp else []
        self.sockets = []

    def __enter__(self):
        self.folder = sfu.STATE / "janus"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.configure()
        self.veth = wire.Veth().__enter__()
        # Its Unix socket's thread ends at once where it runs before another sets a flag, and Janus
        # with it: three times of four on one core, one of three on both. Pinned when it is up.
        for _ in range(STARTS):
            self.start()
            self.api = self.await_api()
            if self.api is not None:
                sfu.pin(self.process.pid, {sfu.cores()[0]})
                return self
        raise SystemExit("bench: janus does not start: "
                               + (self.folder / "log").read_text(encoding="utf-8")[-500:])

    def start(self):
        (self.folder / "api.sock").unlink(missing_ok=True)
        self.process = sfu.start(
            ["ip", "netns", "exec", sfu.LAB,
             str(packages.unpacked() / "usr/bin/janus"), "-F", str(self.folder), "-C",
             str(self.folder / "janus.jcfg"), "--disable-colors", "--disable-stdout",
             "--log-file", str(self.folder / "log")], env=packages.environment(*self.libraries))

    def configure(self):
        self.folder.mkdir()
        modules = packages.unpacked() / packages.LIBRARIES[0] / "janus"
        others = lambda kind, wanted: ",".join(
            file.name for file in (modules / kind).glob("*.so") if wanted not in file.name)
        (self.folder / "janus.jcfg").write_text(CONFIGURATION.format(
            folder=self.folder, modules=modules, address=wire.NEAR4,
            plugins=others("plugins", "streaming"), transports=others("transports", "pfunix")),
            encoding="utf-8")
        (self.folder / "janus.transport.pfunix.jcfg").write_text(
            UNIX_SOCKET.format(folder=self.folder), encoding="utf-8")

    def await_api(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with contextlib.suppress(FileNotFoundError, ConnectionError):
                return Api(self.folder / "api.sock")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                break
        self.process.kill()
        return None

    def set_up(self):
        """The generator's plan."""
        key = wire.new_key(PUBLISHER_SUITE)
        self.api.message(self.api.attach(), {
            "request": "create", "type": "rtp", "id": MOUNTPOINT, "media": [
                {"type": "video", "mid": "v", "port": MEDIA_PORT, "pt": room.PT, "codec": "vp8"}],
            "srtpsuite": PUBLISHER_SUITE_NUMBER, "srtpcrypto": base64.b64encode(key).decode()})
        identity = Identity(srtp=PROFILES[self.suite][0])
        viewers = [self.watch(identity, i) for i in range(self.consumers)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            sinks = list(pool.map(lambda viewer: self.connect(*viewer), viewers))
        wire.close_to_kernel(wire.FAR)
        return wire.plan(self.suite, self.size, MEDIA_PORT, key, sinks, PUBLISHER_SUITE)

    def watch(self, identity, number):
        """Offer and answer: (offer, peer)."""
        handle = self.api.attach()
        offer = self.api.message(handle, {"request": "watch", "id": MOUNTPOINT},
                                 until=("event",))["jsep"]["sdp"]
        port = int(re.search(r"^a=candidate:.* UDP \d+ \S+ (\d+) typ host", offer,
                             re.M | re.I)[1])
        ours = SimpleNamespace(username_fragment=secrets.token_hex(4),
                               password=secrets.token_hex(12))
        local = wire.socket_in(wire.LAN, socket.AF_INET, socket.SOCK_DGRAM)
        local.bind((wire.FAR4, room.SINK_PORT + number))
        self.sockets.append(local)  # the port is taken as long as it lives
        peer = Peer(identity, (wire.NEAR4, port), ours, local)
        self.api.message(handle, {"request": "start"}, until=("event",),
                         jsep={"type": "answer", "sdp": answer_sdp(offer, peer)})
        return offer, peer

    def connect(self, offer, peer):
        """The viewer's SSRC, and the key under which Janus seals for it."""
        end = time.monotonic() + PATIENCE_S
        theirs = SimpleNamespace(username_fragment=of(offer, "ice-ufrag"),
                                 password=of(offer, "ice-pwd"))
        peer.check(binding_request(peer.ice, theirs), end)
        peer.handshake(of(offer, "fingerprint"), end)
        return int(of(offer, "ssrc").split()[0]), self.server_key(peer.dtls)

    def server_key(self, dtls):
        """RFC 5764 4.2: client's key, server's key, client's salt, server's salt."""
        _, key, salt = PROFILES[self.suite]
        material = dtls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        return material[key:2 * key] + material[2 * key + salt:]

    @staticmethod
    def generator():
        """(devargs, namespace)"""
        return wire.generator_port(wire.FAR), wire.LAN

    def version(self):
        return packages.version("janus") + (" libsrtp2 on OpenSSL" if self.libraries else "")

    def __exit__(self, *unused):
        for local in self.sockets:
            local.close()
        self.api.socket.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.veth.__exit__()
