# SPDX-License-Identifier: Apache-2.0
"""The wire between a peer and the generator: a veth pair between the lab's two namespaces, the
peer on the kernel's sockets at one end, the generator's DPDK port at the other.
"""
import ctypes
import secrets
import socket

import room
import sfu

NEAR, FAR = "peer0", "gen0"
NEAR4, FAR4 = "198.19.0.1", "198.19.0.2"
PUBLISHER_SSRC = 0x1000000
CLONE_NEWNET = 0x40000000
LAN = f"{sfu.LAB}-lan"
RING = "framecnt=32768,framesz=2048,blocksz=4096"
# The packets have been seen by the generator's port then; no stack is to look for their socket.
DROP_ALL = """add table netdev {0}
add chain netdev {0} ingress {{ type filter hook ingress device "{0}" priority 0; policy drop; }}
"""


def ip(*words):
    sfu.in_lab("ip", *words)


def socket_in(namespace, *kind):
    """A socket that lives in another network namespace than this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as away:
        if libc.setns(away.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket(*kind)
        finally:
            if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")


def close_to_kernel(interface):
    sfu.in_lan("nft", DROP_ALL.format(interface))


def open_to_kernel(interface):
    sfu.in_lan("nft", f"add table netdev {interface}; delete table netdev {interface}")


class Veth:
    """The pair, while the block lasts."""

    def __enter__(self):
        ip("link", "add", "name", NEAR, "type", "veth", "peer", "name", FAR, "netns", LAN)
        ip("addr", "add", f"{NEAR4}/24", "dev", NEAR)
        ip("link", "set", NEAR, "up")
        sfu.in_lan("ip", "addr", "add", f"{FAR4}/24", "dev", FAR)
        sfu.in_lan("ip", "link", "set", FAR, "up")
        ip("neigh", "replace", FAR4, "lladdr", mac_far(), "dev", NEAR, "nud", "permanent")
        return self

    def __exit__(self, *unused):
        ip("link", "del", NEAR)
        open_to_kernel(FAR)


def mac_near():
    return sfu.in_lab("cat", f"/sys/class/net/{NEAR}/address").strip()


def mac_far():
    return sfu.in_lan("cat", f"/sys/class/net/{FAR}/address").strip()


def new_key(suite):
    return secrets.token_bytes(room.KEY_BYTES[suite])


def plan(suite, size, port, publisher, sinks, publisher_suite=None):
    """publisher: its key; sinks: (SSRC, key) of each, on ports from room.SINK_PORT."""
    lines = [f"suite {publisher_suite or suite}", f"bytes {size}",
             f"sfu {mac_near()} {NEAR4} {port}", f"self {mac_far()} {FAR4}",
             f"publisher {room.PUBLISHER_PORT} {PUBLISHER_SSRC} {room.PT} {publisher.hex()}",
             f"suite {suite}"]
    lines += [f"sink {room.SINK_PORT + i} {ssrc} 0 {key.hex()}"
              for i, (ssrc, key) in enumerate(sinks)]
    return "\n".join([*lines, "go", ""])


def generator_port(interface):
    return f"net_af_packet0,iface={interface},{RING}"


