#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends what is not true to the SFU, from the network's side of the wire, and tells what it sent.

usage: attacker.py LAB INTERFACE MEDIA_PORT SFU4 SFU6

Reads one attack's name per line on standard input and answers each with one JSON line: how many
packets it sent under the drop each must end in, and how many frames the SFU sent to addresses that
only the attacker has (answers, errors, address resolution: there must be none). `learn` sniffs what
the victims send; `hellos` goes on until the next line comes.
"""
import ipaddress
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

ETH_P_ALL = 3
OWN4, OWN6 = "198.18.0.200", "fd73:6c75:6963::bad"
OWN_MAC = bytes.fromhex("020000006666")
CLIENT_HELLO = bytes.fromhex("16fefd000000000000000000360100002a000000000000002afefd") + bytes(42)
CLOSE_NOTIFY = bytes.fromhex("15fefd000000000000000700020100")
PAUSE_EVERY, PAUSE_S = 8, 0.005  # about 1500 packets a second: other parts of the machine live too
SEED = 20261123


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(source, destination, payload):
    """Source and destination are (packed address, port)."""
    size = 8 + len(payload)
    head = struct.pack("!HHH", source[1], destination[1], size)
    pseudo = source[0] + destination[0] + struct.pack("!II", size, 17)
    return head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + payload) or 0xFFFF) + payload


def ip(source, destination, inner, extension=b""):
    if len(source) == 4:
        head = struct.pack("!BBHIBBH4s4s", 0x45, 0, 20 + len(inner), 0, 64, 17, 0, source,
                           destination)
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + inner
    following = 60 if extension else 17
    return struct.pack("!IHBB16s16s", 6 << 28, len(extension) + len(inner), following, 64, source,
                       destination) + extension + inner


def stun_of(kind, attributes=b""):
    transaction = random.randbytes(12)
    return struct.pack("!HHI", kind, len(attributes), 0x2112A442) + transaction + attributes


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def check_of(username):
    """A check with USE-CANDIDATE and a MESSAGE-INTEGRITY nobody computed."""
    return stun_of(1, attribute(6, username) + attribute(0x25, b"") + attribute(0x24, bytes(4)) +
                   attribute(0x802A, bytes(8)) + attribute(8, random.randbytes(20)))


class Flow:
    """One victim's tuple: MACs, addresses, ports, and samples of what it sent."""

    def __init__(self, macs, source, destination):
        self.macs, self.source, self.destination = macs, source, destination
        self.rtp = {}  # the newest packet by SSRC
        self.rtcp = None
        self.username = None

    def learn(self, payload):
        if len(payload) >= 20 and payload[0] < 4:
            self.learn_username(payload)
        elif len(payload) >= 30 and payload[0] >> 6 == 2:
            if 192 <= payload[1] <= 223:
                self.rtcp = payload
            else:
                self.rtp[payload[8:12]] = payload

    def learn_username(self, payload):
        if payload[:2] != b"\0\1":
            return
        at = 20
        while at + 4 <= len(payload):
            kind, size = struct.unpack_from("!HH", payload, at)
            if kind == 6:
                self.username = payload[at + 4:at + 4 + size]
            at += 4 + size + -size % 4


class Attacker:
    def __init__(self, lab, interface, port, sfu4, sfu6):
        self.lab = lab
        self.port = port
        self.sfu = [ipaddress.ip_address(a).packed for a in (sfu4, sfu6)]
        self.own = [ipaddress.ip_address(a).packed for a in (OWN4, OWN6)]
        mac = self.in_sfu("cat", "/sys/class/net/sfu0/address").strip()
        self.sfu_mac = bytes.fromhex(mac.replace(":", ""))
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.socket.bind((interface, 0))
        self.flows = {}
        self.answers = 0
        self.sent = {}
        self.count = 0

    def in_sfu(self, *command):
        return subprocess.run(["ip", "netns", "exec", self.lab, *command], check=True,
                              capture_output=True, text=True).stdout

    def send(self, ends_in, macs, packet):
        kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
        self.socket.send(macs + struct.pack("!H", kind) + packet)
        self.sent[ends_in] = self.sent.get(ends_in, 0) + 1
        self.count += 1
        if self.count % PAUSE_EVERY == 0:
            self.drain(PAUSE_S)

    def from_stranger(self, ends_in, payload, port=None, version=4, extension=b""):
        source, sfu = (self.own[version == 6], self.sfu[version == 6])
        datagram = udp((source, random.randrange(2000, 60000)), (sfu, port or self.port), payload)
        self.send(ends_in, self.sfu_mac + OWN_MAC, ip(source, sfu, datagram, extension))

    def from_victim(self, ends_in, flow, payload):
        datagram = udp(flow.source, flow.destination, payload)
        self.send(ends_in, flow.macs, ip(flow.source[0], flow.destination[0], datagram))

    def drain(self, seconds, learn=False):
        """Reads what crosses the wire for so long."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if not select.select([self.socket], [], [], max(left, 0))[0]:
                return
            frame = self.socket.recv(2048)
            if frame[6:12] == self.sfu_mac:
                self.answers += any(a in frame[14:90] for a in self.own)
            elif learn:
                self.learn_frame(frame)

    def learn_frame(self, frame):
        kind = frame[12:14]
        if kind == b"\x08\x00" and frame[23] == 17:
            at, source, destination = 34, frame[26:30], frame[30:34]
        elif kind == b"\x86\xdd" and frame[20] == 17:
            at, source, destination = 54, frame[22:38], frame[38:54]
        else:
            return
        ports = struct.unpack_from("!HHH", frame, at)
        if destination in self.sfu and ports[1] == self.port and source not in self.own:
            key = (source, ports[0], destination)
            if key not in self.flows:
                self.flows[key] = Flow(frame[:12], (source, ports[0]), (destination, ports[1]))
            self.flows[key].learn(frame[at + 8:at + ports[2]])

    # The attacks.

    def learn(self):
        """Until two publishers' media and everybody's checks have been seen."""
        end = time.monotonic() + 30
        self.flows.clear()
        while time.monotonic() < end:
            self.drain(0.5, learn=True)
            flows = self.flows.values()
            if (sum(len(f.rtp) >= 2 and f.rtcp is not None for f in flows) >= 2 and
                    sum(f.username is not None for f in flows) >= 4):
                return
        raise RuntimeError("no media of two publishers within 30 s")

    def publishers(self):
        return [f for f in self.flows.values() if f.rtp and f.rtcp]

    def hellos(self):
        """ClientHellos from other addresses, whole, cut and bent, while others shake hands."""
        while not select.select([sys.stdin], [], [], 0)[0]:
            for payload in (CLIENT_HELLO, CLIENT_HELLO[:random.randrange(1, 60)],
                            b"\x16" + random.randbytes(90)):
                self.from_stranger("UNCHECKED_TUPLE", payload)
            self.drain(0.01)

    def media(self):
        for flow in self.publishers():
            for ssrc, packet in flow.rtp.items():
                seq = struct.unpack_from("!H", packet, 2)[0]
                for i in range(150):
                    bent = packet[:-1] + bytes([packet[-1] ^ (1 + i % 255)])
                    ahead = struct.pack("!H", (seq + 300 + 100 * i) & 0xFFFF)
                    self.from_victim("SRTP_AUTH", flow, bent[:2] + ahead + bent[4:])
                    self.from_victim("SRTP_REPLAY", flow, packet)
                    self.from_stranger("UNCHECKED_TUPLE", packet)
                plain = b"\x80" + packet[1:2] + ahead + packet[4:8] + ssrc + bytes(200)
                self.from_victim("SRTP_AUTH", flow, plain)
                for size in range(1, 12):
                    self.from_victim("RTP_MALFORMED", flow, packet[:size])
                self.from_victim("RTP_UNKNOWN_SSRC", flow, b"\x80" + packet[1:8] +
                                 random.randbytes(4) + bytes(100))
            for i in range(100):
                bent = flow.rtcp[:-12] + bytes([flow.rtcp[-12] ^ (1 + i)]) + flow.rtcp[-11:]
                self.from_victim("", flow, bent)
                self.from_victim("SRTCP_REPLAY", flow, flow.rtcp)
                self.from_victim("", flow, b"\x80" + bytes([192 + i % 32]) +
                                 random.randbytes(random.randrange(90)))
                self.from_stranger("UNCHECKED_TUPLE", flow.rtcp)

    def stun(self):
        for flow in list(self.flows.values()):
            if flow.username is None:
                continue
            for _ in range(60):
                check = check_of(flow.username)
                self.from_stranger("STUN_INTEGRITY", check)
                self.from_victim("STUN_INTEGRITY", flow, check)
                self.from_stranger("STUN_UNKNOWN_UFRAG", check_of(b"nobody99:" + b"peer"))
                self.from_stranger("STUN_MALFORMED", check[:random.randrange(1, len(check))])
                self.from_victim("STUN_MALFORMED", flow, b"\0\1" + random.randbytes(50))
                self.from_victim("STUN_INDICATION", flow, stun_of(0x11))
                self.from_stranger("STUN_UNMATCHED", stun_of(0x0101), version=6)

    def noise(self):
        for _ in range(1500):
            first = random.choice([r for r in range(256) if r > 3])
            name = ("UNCHECKED_TUPLE" if 20 <= first <= 63 or 128 <= first <= 191 else "NOT_RTC")
            self.from_stranger(name, bytes([first]) + random.randbytes(random.randrange(200)),
                               version=random.choice((4, 6)))

    def dtls(self):
        """From a victim's own tuple, as one on its path could: for OpenSSL to see through."""
        for flow in self.flows.values():
            for i in range(20):
                self.from_victim("", flow, CLOSE_NOTIFY)
                self.from_victim("", flow, CLIENT_HELLO[:20 + i])
                self.from_victim("", flow, b"\x17\xfe\xfd" + random.randbytes(60))

    def ports(self):
        listed = self.in_sfu("ss", "-Huan").split()
        internal = {int(w.rsplit(":", 1)[1]) for w in listed
                    if ":" in w and w.rsplit(":", 1)[1].isdigit()}
        internal = sorted(p for p in internal if 40000 <= p <= 48191)
        assert internal, "no socket of libnice's found"
        around = b"\x11\x00\x01\x04\x00\x00\x00\x00"  # a destination options header around UDP
        for port in internal[:8] + [40000, 48191]:
            for flow in self.flows.values():
                if flow.username is None:
                    continue
                for version in (4, 6):
                    self.from_stranger("INTERNAL_PORT", check_of(flow.username), port, version)
                    self.from_stranger("INTERNAL_PORT", CLIENT_HELLO, port, version)
                self.from_stranger("INTERNAL_PORT", CLIENT_HELLO, port, 6, around)
        for port in (1, 53, 123, 3477, 39999, 48192, 65535):
            for version in (4, 6):
                self.from_stranger("CLOSED_PORT", CLIENT_HELLO, port, version)

    def run(self, name):
        self.sent, self.answers = {}, 0
        getattr(self, name)()
        self.drain(0.3)
        return {"sent": self.sent, "answers": self.answers, "flows": len(self.flows)}


ATTACKS = ("learn", "hellos", "media", "stun", "noise", "dtls", "ports")


def main():
    random.seed(SEED)
    lab, interface, port, sfu4, sfu6 = sys.argv[1:]
    attacker = Attacker(lab, interface, int(port), sfu4, sfu6)
    print(json.dumps({"seed": SEED}), flush=True)
    while words := os.read(0, 64):
        for name in words.decode().split():
            assert name in ATTACKS, name
            print(json.dumps(attacker.run(name)), flush=True)


if __name__ == "__main__":
    main()
