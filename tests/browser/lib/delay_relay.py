#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Carries frames between two interfaces of this namespace, each later than it came.

usage: delay_relay.py MILLISECONDS INTERFACE INTERFACE

Stands in for netem, which the kernel may lack. Order is kept. Prints a line once it carries; ends at
the end of standard input.
"""
import collections
import select
import socket
import sys
import time

ETH_P_ALL = 3
FRAME_BYTES = 65536
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23


def open_socket(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, 0))
    sock.setblocking(False)
    return sock


def receive(sock, out, waiting, due):
    while True:
        try:
            waiting.append((due, out, sock.recv(FRAME_BYTES)))
        except BlockingIOError:
            return


def send_due(waiting, now):
    while waiting and waiting[0][0] <= now:
        _, out, frame = waiting.popleft()
        try:
            out.send(frame)
        except OSError as error:  # the other side is down, or the frame too large for it
            print(f"delay_relay: {error}", file=sys.stderr)


def main():
    delay = float(sys.argv[1]) / 1000
    one, other = open_socket(sys.argv[2]), open_socket(sys.argv[3])
    waiting = collections.deque()  # one delay for all: the oldest is due first
    print("ready", flush=True)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([one, other, sys.stdin], [], [], timeout)
        if sys.stdin in readable:
            return
        now = time.monotonic()
        for sock, out in ((one, other), (other, one)):
            if sock in readable:
                receive(sock, out, waiting, now + delay)
        send_due(waiting, now)


if __name__ == "__main__":
    main()
