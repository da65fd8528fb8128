# SPDX-License-Identifier: Apache-2.0
"""rtpengine in user space, one worker thread, told by its control protocol (ng: bencode over UDP) to
publish one stream and have N subscribe to it; SRTP keys by SDES both ways.
"""
import base64
import re
import secrets
import signal
import socket
import time

import packages
import room
import sfu
import wire

NG = ("127.0.0.1", 2223)
PATIENCE_S = 20
CALL, PUBLISHER = "bench", "publisher"


def bencode(value):
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    text = value.encode()
    return b"%d:" % len(text) + text


def bdecode(data, at=0):
    """(value, where it ends)."""
    kind = data[at:at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if kind in b"dl":
        items, at = [], at + 1
        while data[at:at + 1] != b"e":
            item, at = bdecode(data, at)
            items.append(item)
        return (dict(zip(items[::2], items[1::2])) if kind == b"d" else items), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end].decode(errors="replace"), end


def sdp(port, direction, crypto):
    """One video stream of the generator's, with SDES (RFC 4568): (tag, suite, key)."""
    tag, suite, key = crypto
    return "\r\n".join([
        "v=0", f"o=- 1 1 IN IP4 {wire.FAR4}", "s=-", f"c=IN IP4 {wire.FAR4}", "t=0 0",
        f"m=video {port} RTP/SAVP {room.PT}", f"a=rtpmap:{room.PT} VP8/90000", "a=rtcp-mux",
        f"a=crypto:{tag} {suite} inline:{base64.b64encode(key).decode()}", f"a={direction}", ""])


def port_of(text):
    return int(re.search(r"^m=video (\d+)", text, re.M)[1])


def crypto_of(text, suite):
    """(tag, key) of an SDP's line for that suite."""
    found = re.search(rf"^a=crypto:(\d+) {suite} inline:([^|\s]+)", text, re.M)
    if not found:
        raise SystemExit(f"bench: rtpengine does not offer {suite}")
    return int(found[1]), base64.b64decode(found[2] + "=" * (-len(found[2]) % 4))


class Rtpengine:
    """A process with the fan-out set up; ends with the block."""

    name, port, brittle = "rtpengine", "veth", True

    def __init__(self, suite, size, consumers):
        self.suite, self.size, self.consumers = suite, size, consumers

    def __enter__(self):
        self.program = packages.unpacked() / "usr/bin/rtpengine"
        self.veth = wire.Veth().__enter__()
        self.log = open(sfu.STATE / "rtpengine.log", "w", encoding="utf-8")
        core, _ = sfu.cores()
        self.process = sfu.start(
            ["ip", "netns", "exec", sfu.LAB, "taskset", "-c", str(core),
             str(self.program), "--config-file=none", "--table=-1",
             f"--interface={wire.NEAR4}", f"--listen-ng={NG[0]}:{NG[1]}", "--num-threads=1",
             "--media-num-threads=0", "--foreground", "--log-stderr", "--log-level=4"],
            stderr=self.log, env=packages.environment())
        self.socket = wire.socket_in(sfu.LAB, socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(NG)
        self.await_answers()
        return self

    def ask(self, command, **fields):
        cookie = secrets.token_hex(8).encode()
        fields = {key.replace("_", "-"): value for key, value in fields.items()}
        self.socket.send(cookie + b" " + bencode({"command": command, **fields}))
        answer = self.socket.recv(65536)
        while not answer.startswith(cookie):
            answer = self.socket.recv(65536)
        answer = bdecode(answer[len(cookie) + 1:])[0]
        if answer["result"] not in ("ok", "pong"):
            raise SystemExit(f"bench: rtpengine refuses \"{command}\": "
                                   f"{answer.get('error-reason', answer)}")
        return answer

    def await_answers(self):
        end = time.monotonic() + PATIENCE_S
        self.socket.settimeout(0.1)
        while True:
            try:
                self.ask("ping")
                break
            except OSError as error:  # refused, or nobody answers yet
                if time.monotonic() > end or self.process.poll() is not None:
                    raise SystemExit("bench: rtpengine does not start: rtpengine.log") from error
                self.process.poll()
        self.socket.settimeout(PATIENCE_S)

    def set_up(self):
        """The generator's plan."""
        key = wire.new_key(self.suite)
        answer = self.ask("publish", call_id=CALL, from_tag=PUBLISHER, ICE="remove", DTLS="off",
                          codec={"accept": ["VP8"]}, sdp=sdp(room.PUBLISHER_PORT, "sendonly", (1, self.suite, key)))
        sinks = [(wire.PUBLISHER_SSRC, self.subscribe(i)) for i in range(self.consumers)]
        wire.close_to_kernel(wire.FAR)
        return wire.plan(self.suite, self.size, port_of(answer["sdp"]), key, sinks)

    def reset(self):
        self.ask("delete", call_id=CALL, delete_delay=0)

    def subscribe(self, number):
        """The key under which rtpengine seals for that consumer."""
        offer = self.ask("subscribe request", call_id=CALL, from_tag=PUBLISHER, ICE="remove",
                         DTLS="off", transport_protocol="RTP/SAVP")
        tag, key = crypto_of(offer["sdp"], self.suite)
        self.ask("subscribe answer", call_id=CALL, to_tag=offer["to-tag"], sdp=sdp(
            room.SINK_PORT + number, "recvonly", (tag, self.suite, wire.new_key(self.suite))))
        return key

    @staticmethod
    def generator():
        """(devargs, namespace)"""
        return wire.generator_port(wire.FAR), wire.LAN

    def version(self):
        return packages.version("rtpengine-daemon")

    def __exit__(self, *unused):
        self.socket.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.log.close()
            self.veth.__exit__()
