# SPDX-License-Identifier: Apache-2.0
"""Sluice as a peer: over memif as bench/load has it, or over the lab's veth."""
import sys

import sfu
import wire

WIRE0, FAR0, BRIDGE = "wire0", "far0", "br0"
SOCKET = "sluice-bench"  # abstract: of the lab's namespace alone


class Ours:
    name, brittle = "sluice", False

    def __init__(self, suite, size, consumers, ports):
        self.suite, self.size, self.consumers, self.ports = suite, size, consumers, ports

    def __enter__(self):
        if "memif" not in self.ports:
            self.far_end()
        *first, last = self.ports
        for self.port in first:
            try:
                return self.start()
            except SystemExit as why:
                print(f"bench: {self.port} is not to be had here: {why}", file=sys.stderr)
        self.port = last
        return self.start()

    def start(self):
        mac = sfu.in_lab("cat", "/sys/class/net/sfu0/address").strip()
        self.node = sfu.Sfu({
            "memif": f"net_memif0,role=server,id=0,socket={SOCKET},mac={mac}",
            "af_xdp": f"net_af_xdp0,iface={WIRE0},start_queue=0,queue_count=1",
            "af_packet": f"net_af_packet0,iface={WIRE0},{wire.RING}",
        }[self.port])
        self.node.__enter__()
        self.process = self.node.dataplane
        return self

    @staticmethod
    def far_end():
        """The generator has it alone, as it has a peer's."""
        sfu.in_lan("ip", "link", "set", FAR0, "nomaster")
        wire.close_to_kernel(FAR0)

    def set_up(self):
        return sfu.fan_out(self.node, self.suite, self.size, 1, self.consumers)

    def generator(self):
        """(devargs, namespace)"""
        if self.port == "memif":
            return f"net_memif0,role=client,id=0,socket={SOCKET},rsize=11", sfu.LAB
        return wire.generator_port(FAR0), wire.LAN

    @staticmethod
    def version():
        return "this commit"

    def __exit__(self, *what):
        self.node.__exit__(*what)
        if self.port != "memif":
            wire.open_to_kernel(FAR0)
            sfu.in_lan("ip", "link", "set", FAR0, "master", BRIDGE)
