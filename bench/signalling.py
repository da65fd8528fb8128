#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""WebRTC transports set up a second by API, ICE and DTLS, and the memory an idle one takes.

bench/run signalling [options]      bench/README.md says how each number is made
"""
import argparse
import concurrent.futures
import ctypes
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
import sfu  # noqa: E402
import grpc  # noqa: E402
from webrtc_peer import Identity, Peer, binding_request  # noqa: E402
from sluice.v1 import (room_pb2, room_pb2_grpc, signalling_pb2, signalling_pb2_grpc,  # noqa: E402
                       transport_pb2, transport_pb2_grpc)

CLONE_NEWNET = 0x40000000
BUSY = 0.8  # of a core
PATIENCE_S = 20
OFFER = ("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
         "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=ice-ufrag:{}",
         "a=ice-pwd:{}", "a=fingerprint:{}", "a=setup:active", "a=sendonly", "a=rtcp-mux",
         "a=rtpmap:111 opus/48000/2", "a=ssrc:1 cname:bench")


def options():
    parser = argparse.ArgumentParser(prog="bench/run signalling",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--transports", type=int, default=1000, help="to set up (1000)")
    parser.add_argument("--at-once", type=int, default=16, help="being set up at a time (16)")
    parser.add_argument("--offers", action="store_true",
                        help="participants that publish by an SDP offer, as WHIP and pages do")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser.parse_args()


def enter_far_end():
    """The other end of the lab's wire, where 198.18.0.254 is."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{sfu.LAB}-lan", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Client(Peer):
    def __init__(self, calls, identity, address):
        super().__init__(identity, address, transport_pb2.IceParameters(
            username_fragment=secrets.token_hex(4), password=secrets.token_hex(12)))
        self.calls = calls

    def set_up(self):
        """Seconds it took, the API's two calls included."""
        start = time.monotonic()
        made = self.calls.transports.CreateTransport(transport_pb2.CreateTransportRequest(
            webrtc=transport_pb2.WebRtcOptions()), timeout=PATIENCE_S)
        self.calls.transports.ConnectTransport(transport_pb2.ConnectTransportRequest(
            name=made.name, webrtc=transport_pb2.WebRtcConnect(
                ice=self.ice, dtls=transport_pb2.DtlsParameters(
                    role=transport_pb2.DtlsParameters.ROLE_CLIENT,
                    fingerprint=self.identity.fingerprint))), timeout=PATIENCE_S)
        self.check(binding_request(self.ice, made.webrtc.ice), start + PATIENCE_S)
        self.handshake(made.webrtc.dtls.fingerprint, start + PATIENCE_S)
        return time.monotonic() - start


class Publisher(Client):
    """Alone in its room, so that nobody has to be told of it."""

    def __init__(self, calls, identity, address):
        super().__init__(calls, identity, address)
        self.room = f"rooms/{secrets.token_hex(8)}"
        self.calls.rooms.CreateRoom(room_pb2.CreateRoomRequest(room_id=self.room[6:]),
                                    timeout=PATIENCE_S)

    def set_up(self):
        start = time.monotonic()
        joined = self.calls.signalling.Join(signalling_pb2.JoinRequest(room=self.room),
                                            timeout=PATIENCE_S)
        answer = self.calls.signalling.Publish(signalling_pb2.PublishRequest(
            session=joined.session, sdp="".join(line + "\r\n" for line in OFFER).format(
                self.ice.username_fragment, self.ice.password, self.identity.fingerprint)),
                                               timeout=PATIENCE_S).sdp
        said = lambda name: re.search(rf"a={name}:(.*)\r", answer)[1]
        theirs = transport_pb2.IceParameters(username_fragment=said("ice-ufrag"),
                                             password=said("ice-pwd"))
        self.check(binding_request(self.ice, theirs), start + PATIENCE_S)
        self.handshake(said("fingerprint"), start + PATIENCE_S)
        return time.monotonic() - start


class Calls:
    """The services that clients use."""

    def __init__(self, channel):
        self.transports = transport_pb2_grpc.TransportServiceStub(channel)
        self.rooms = room_pb2_grpc.RoomServiceStub(channel)
        self.signalling = signalling_pb2_grpc.SignallingServiceStub(channel)


def memory_kb(pid):
    """Resident memory and hugepages of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        facts = dict(line.split(":", 1) for line in status)
    return sum(int(facts[key].split()[0]) for key in ("VmRSS", "HugetlbPages"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connected(calls):
    count, page = 0, ""
    while True:
        answer = calls.transports.ListTransports(transport_pb2.ListTransportsRequest(
            page_size=500, page_token=page), timeout=PATIENCE_S)
        count += sum(t.state == room_pb2.TRANSPORT_STATE_CONNECTED
                     for t in answer.transports)
        page = answer.next_page_token
        if not page:
            return count


def await_connected(calls, wanted):
    end = time.monotonic() + PATIENCE_S
    while connected(calls) != wanted:
        if time.monotonic() > end:
            raise SystemExit(f"bench: {connected(calls)} of {wanted} transports are connected")


def measure(args, node, calls, address):
    identity = Identity()
    kind = Publisher if args.offers else Client
    clients = [kind(calls, identity, address) for _ in range(args.transports + args.at_once)]
    with concurrent.futures.ThreadPoolExecutor(args.at_once) as pool:
        # What is made once, and the threads' own memory, comes before the first reading.
        list(pool.map(kind.set_up, clients[:args.at_once]))
        pids = {"dataplane": node.dataplane.pid, "controlplane": node.controlplane,
                "client": os.getpid()}
        memory = {name: memory_kb(pid) for name, pid in pids.items()}
        cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
        start = time.monotonic()
        times = sorted(pool.map(kind.set_up, clients[args.at_once:]))
        seconds = time.monotonic() - start
    cpu = {name: cpu_seconds(pid) - cpu[name] for name, pid in pids.items()}
    if not args.offers:  # a participant's transports are not listed
        await_connected(calls, len(clients))
    grown = {name: memory_kb(pid) - memory[name] for name, pid in pids.items()}
    for client in clients:
        client.socket.close()
    return row(args, seconds, times, cpu, grown,
               sum(client.checks_repeated for client in clients[args.at_once:]))


def clock():
    """Taken where nothing of ours runs: its idle_gap_share says what neighbours take."""
    return json.loads(subprocess.run([sfu.BUILD / "bench/bench_load", "--clock"], check=True,
                                     capture_output=True, text=True).stdout)


def row(args, seconds, times, cpu, grown, repeated):
    at = lambda share: round(1e3 * times[min(len(times) - 1, int(share * len(times)))], 2)
    count = args.transports
    return {"bench": "signalling", "transports": count, "at_once": args.at_once,
            "offers": args.offers, "transports_per_second": round(count / seconds, 1),
            "set_up_ms": {"minimum": at(0), "p25": at(0.25), "p50": round(
                1e3 * statistics.median(times), 2), "p99": at(0.99)},
            "cpu_ms_per_transport": {name: round(1e3 * value / count, 3)
                                     for name, value in cpu.items()},
            "cpu_share_of_a_core": {name: round(value / seconds, 3)
                                    for name, value in cpu.items()},
            "memory_bytes_per_transport": {name: round(1024 * grown[name] / count)
                                           for name in ("dataplane", "controlplane")},
            "checks_repeated": repeated, "bound": bound(seconds, cpu)}


def bound(seconds, cpu):
    """Who had no more to give; client and worker share a core, the others share the other one."""
    busiest = max(cpu, key=cpu.get)
    return busiest if cpu[busiest] > BUSY * seconds else "waiting: no process fills a core"


def show(r):
    print(f"{r['transports']} transports, {r['at_once']} at a time: "
          f"{r['transports_per_second']} a second")
    print("set-up in ms:          " + ", ".join(f"{k} {v}" for k, v in r["set_up_ms"].items()))
    for title, key in (("CPU ms a transport:   ", "cpu_ms_per_transport"),
                       ("share of a core:      ", "cpu_share_of_a_core"),
                       ("bytes a transport:    ", "memory_bytes_per_transport")):
        print(title, ", ".join(f"{k} {v}" for k, v in r[key].items()))
    print(f"bound by: {r['bound']}")


def continue_in_own_session():
    """To come before other work of the machine, as the other processes do: sfu.start()."""
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.setsid()


def main():
    args = options()
    if not sfu.LAB:
        sys.exit("bench: run it as bench/run signalling: it needs a lab around it")
    continue_in_own_session()
    flags = ["--transports", str(args.transports + args.at_once + 16), "--idle", "adaptive",
             "--punt-source", "100000", "--punt-stun", "50000", "--punt-dtls", "50000",
             "--punt-total", "200000"]
    wire = "net_af_packet0,iface=wire0,framecnt=16384,framesz=2048,blocksz=4096"
    before = clock()
    with sfu.Sfu(wire, *flags) as node:
        enter_far_end()
        sfu.session_first(os.getpid())
        os.sched_setaffinity(0, {sfu.cores()[0]})
        with grpc.insecure_channel(f"unix:{sfu.STATE}/api.sock") as channel:
            calls = Calls(channel)
            found = measure(args, node, calls, (sfu.SFU4, int(os.environ["LAB_MEDIA_PORT"])))
    found |= {**before, "idle_gap_share_after": clock()["idle_gap_share"]}
    print(json.dumps(found)) if args.json else show(found)
    if os.environ.get("BENCH_ROWS"):
        with open(os.environ["BENCH_ROWS"], "w", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
