#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Watches what the SFU sends and gets on one interface, seen from the network's side of the wire.

usage: wire_watch.py INTERFACE MEDIA_PORT SFU_ADDRESS...

Prints one JSON line per line read on standard input, then goes on watching; ends at end of file.
Times are the kernel's receive stamps in milliseconds of the wall clock. Counted per direction and
SSRC, whichever peer it is (the selected tuple may change): RTP packets, the longest pause, pauses of
NOTED_MS and more. Also the first STUN request and the first RTP of each peer, and every ICMP error
the SFU sent. SRTP leaves headers in the clear,
so nothing needs decrypting.
"""
import ipaddress
import json
import os
import select
import socket
import struct
import sys

NOTED_MS = 200
SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
ICMP_ERRORS = {1: {3, 4, 5, 11, 12}, 58: {1, 2, 3, 4}}
STUN_REQUEST = 0x0001


def packet_of(frame):
    """(protocol, source, destination, payload), or None for what is neither IPv4 nor IPv6."""
    kind, at = struct.unpack_from("!H", frame, 12)[0], 14
    if kind == 0x8100:
        kind, at = struct.unpack_from("!H", frame, 16)[0], 18
    if kind == 0x0800 and len(frame) >= at + 20:
        size = (frame[at] & 15) * 4
        end = at + struct.unpack_from("!H", frame, at + 2)[0]
        source, destination = frame[at + 12:at + 16], frame[at + 16:at + 20]
        return frame[at + 9], source, destination, frame[at + size:end]
    if kind == 0x86DD and len(frame) >= at + 40:
        end = at + 40 + struct.unpack_from("!H", frame, at + 4)[0]
        source, destination = frame[at + 8:at + 24], frame[at + 24:at + 40]
        return frame[at + 6], source, destination, frame[at + 40:end]
    return None


class Watch:
    def __init__(self, port, addresses):
        self.port = port
        self.sfu = {ipaddress.ip_address(a).packed for a in addresses}
        self.streams = {}
        self.peers = {}
        self.icmp_errors = []

    def see(self, frame, now):
        packet = packet_of(frame)
        if packet is None:
            return
        protocol, source, destination, payload = packet
        if protocol in ICMP_ERRORS and source in self.sfu and payload:
            if payload[0] in ICMP_ERRORS[protocol]:
                self.icmp_errors.append({"at": now, "type": payload[0], "code": payload[1]})
        elif protocol == socket.IPPROTO_UDP and len(payload) >= 8:
            self.see_udp(source, destination, payload, now)

    def see_udp(self, source, destination, segment, now):
        source_port, destination_port = struct.unpack_from("!HH", segment)
        if source in self.sfu and source_port == self.port:
            self.see_media("sent", self.name(destination, destination_port), segment[8:], now)
        elif destination in self.sfu and destination_port == self.port:
            self.see_media("received", self.name(source, source_port), segment[8:], now)

    @staticmethod
    def name(address, port):
        ip = ipaddress.ip_address(address)
        return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"

    def see_media(self, direction, peer, data, now):
        firsts = self.peers.setdefault(peer, {})
        if len(data) >= 20 and data[0] < 4:
            if struct.unpack_from("!H", data)[0] == STUN_REQUEST:
                firsts.setdefault(f"stun_{direction}", now)
        elif len(data) >= 12 and 128 <= data[0] < 192 and not 64 <= data[1] & 127 < 96:
            firsts.setdefault(f"rtp_{direction}", now)
            self.count((direction, struct.unpack_from("!I", data, 8)[0]), now)

    def count(self, key, now):
        seen = self.streams.get(key)
        if seen is None:
            self.streams[key] = {"packets": 1, "last": now, "longest": 0, "pauses": []}
            return
        pause = now - seen["last"]
        seen["longest"] = max(seen["longest"], pause)
        if pause >= NOTED_MS:
            seen["pauses"].append({"from": seen["last"], "to": now, "ms": pause})
        seen["packets"] += 1
        seen["last"] = now

    def report(self):
        streams = [
            {"direction": direction, "ssrc": ssrc, **seen}
            for (direction, ssrc), seen in self.streams.items()
        ]
        return {"streams": streams, "peers": self.peers, "icmp_errors": self.icmp_errors}


def stamp_of(ancillary):
    for _level, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return seconds * 1000 + nanoseconds / 1e6
    return None


def open_socket(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, 0))
    sock.setblocking(False)
    return sock


def drain(sock, watch):
    while True:
        try:
            frame, ancillary, _flags, _address = sock.recvmsg(2048, 64)
        except BlockingIOError:
            return
        now = stamp_of(ancillary)
        if now is not None and len(frame) >= 34:
            watch.see(frame, now)


def main():
    watch = Watch(int(sys.argv[2]), sys.argv[3:])
    sock = open_socket(sys.argv[1])
    print(json.dumps({"ready": True}), flush=True)
    commands = b""
    while True:
        readable, _, _ = select.select([sock, sys.stdin], [], [])
        drain(sock, watch)
        if sys.stdin not in readable:
            continue
        chunk = os.read(sys.stdin.fileno(), 4096)
        if not chunk:
            return
        commands += chunk
        while b"\n" in commands:
            _, commands = commands.split(b"\n", 1)
            print(json.dumps(watch.report()), flush=True)


if __name__ == "__main__":
    main()
