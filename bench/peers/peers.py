#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same fan-out through what one would use instead: CPU per packet, highest loss-free rate.

bench/run peers [options]      bench/README.md says how it is made and what is unfair in it
"""
import argparse
import contextlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "load")]
# pylint: disable=wrong-import-position
import accounting  # noqa: E402
import load  # noqa: E402
import packages  # noqa: E402
import room  # noqa: E402
import sfu  # noqa: E402
from generator import Generator  # noqa: E402
from janus import Janus  # noqa: E402
from ours import Ours  # noqa: E402
from rtpengine import Rtpengine  # noqa: E402
from together import Together  # noqa: E402

LATE_MS = 100
START = {"memif": 5e5, "veth": 2e4}  # sealed packets a second at which the search begins
SHARES = (1, 0.9, 0.8, 0.7)  # of that rate, for the CPU time
NONE_LEFT = 77  # as meson has it


class Trials:
    """A generator, and the peer set up for it; both anew after a loss, for rtpengine discards a
    stream's packets for ever once its socket's queue has been long five times."""

    def __init__(self, peer):
        self.peer, self.generator = peer, None
        self.port, self.namespace = peer.generator()
        self.busy_at_loss = 0.0  # the generator's, in the latest trial with a loss

    def __enter__(self):
        self.begin()
        return self

    def begin(self):
        plan = self.peer.set_up()
        self.generator = Generator(self.port, plan, self.namespace)
        self.generator.warm_up(max(100, 5000 / self.peer.consumers))

    def metered(self, rate, seconds):
        """A trial, and in it the CPU nanoseconds meanwhile."""
        return Together.counted(lambda: self._metered(rate, seconds))

    def _metered(self, rate, seconds):
        """A queue without a bound loses nothing and is no rate either: where one packet in a
        hundred comes LATE_MS late, that hundredth counts as lost."""
        core, other = sfu.cores()
        # Ours polls: its worker's thread is what counts, where it has a core.
        only = core if self.peer.name == "sluice" and core != other else None
        before = self.generator.wait()
        meter = accounting.Meter(self.peer.process.pid, core, only)
        result = self.generator.run(rate, seconds, before)
        result["cpu"] = meter.read()
        if result["lost"] == 0 and result["latency_ns"]["p99"] > LATE_MS * 1e6:
            result["lost"] = max(1, result["expected"] // 100)
        if result["lost"] != 0:
            self.busy_at_loss = result["busy_share"]
            self.renew()
        return result

    def renew(self):
        if self.peer.brittle:
            self.generator.__exit__()
            self.peer.reset()
            self.begin()

    def trial(self, rate, seconds):
        return self.metered(rate, seconds)

    def __exit__(self, *unused):
        self.generator.__exit__()


def search(trials, consumers, start, seconds, resolution):
    """From below, doubling until packets are lost, then by bisection: the last without loss."""
    low, high, best = 0.0, start / consumers, None
    while found := load.loss_free(trials, high, seconds):
        low, high, best = high, 2 * high, found
    while high - low > resolution * high:
        middle = (low + high) / 2
        found = load.loss_free(trials, middle, seconds)
        low, high, best = (middle, high, found) if found else (low, middle, best)
        if high * consumers < 100:
            return None
    return best


def ours(*ports):
    return lambda *what: Ours(*what, ports)


# Name, how it is made, what its port is called.
PEERS = (
    ("sluice-memif", ours("memif"), "memif"),
    ("sluice-veth", ours("af_xdp", "af_packet"), "veth"),
    ("rtpengine", Rtpengine, "veth"),
    ("janus", Janus, "veth"),
    ("janus-openssl", lambda *what: Janus(*what, srtp=packages.srtp_on_openssl()), "veth"),
)


def names(text):
    chosen = text.split(",")
    if not set(chosen) <= {name for name, *_ in PEERS}:
        raise argparse.ArgumentTypeError(f"of {', '.join(name for name, *_ in PEERS)}")
    return chosen


def options():
    parser = argparse.ArgumentParser(prog="bench/run peers", description=__doc__.split("\n")[0])
    parser.add_argument("--consumers", type=load.numbers, default=[10, 50],
                        help="a comma-separated list (10,50)")
    parser.add_argument("--peers", type=names, default=[name for name, *_ in PEERS],
                        help=f"of {','.join(name for name, *_ in PEERS)} (all)")
    parser.add_argument("--bytes", type=int, default=1200, help="RTP payload, 64..1400 (1200)")
    parser.add_argument("--suite", choices=room.KEY_BYTES, default="AEAD_AES_128_GCM")
    parser.add_argument("--trial-seconds", type=float, default=2, help="of the search (2)")
    parser.add_argument("--cpu-seconds", type=float, default=10,
                        help="at the rate found, for the CPU time (10)")
    parser.add_argument("--from", dest="start", type=float,
                        help="sealed packets a second at which the search begins")
    parser.add_argument("--resolution", type=float, default=load.RESOLUTION,
                        help="width at which the search ends, relative (0.03)")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser.parse_args()


def spend(trials, rate, seconds):
    """(share of the rate, trial): the first that passes without loss for so long."""
    for share in SHARES:
        trial = trials.metered(rate * share, seconds)
        if trial["lost"] == 0:
            break
    return share, trial


def figures(args, trials, start):
    """(the trial at the rate found, what spend() says of it)."""
    best = search(trials, trials.peer.consumers, args.start or start, args.trial_seconds,
                  args.resolution)
    if best is None:
        raise SystemExit("bench: no rate without loss: is the machine busy with other work?")
    return best, spend(trials, best["rate"], args.cpu_seconds)


def row(args, name, trials, best, spent):
    share, trial = spent
    peer, packets = trials.peer, trial["media"]
    busy = max(best["busy_share"], trials.busy_at_loss)
    each = {f"{key}_ns_per_packet": round(ns / packets, 1) for key, ns in trial["cpu"].items()}
    return {"bench": "peers", "peer": name, "version": peer.version(), "suite": args.suite,
            "bytes": args.bytes, "consumers": peer.consumers, "workers": 1, "port": peer.port,
            "packets_per_second": round(best["media"] / best["seconds"]),
            "bound": "generator" if busy > load.GENERATOR_FULL else "peer",
            "generator_busy_share": best["busy_share"],
            "generator_busy_share_at_loss": trials.busy_at_loss, "cpu_rate_share": share,
            "cpu_packets": packets, "cpu_lost": trial["lost"], "cpu_apart": trial["apart"], **each,
            "opened": trial["opened"], "wrong": best["wrong"] + trial["wrong"],
            "gap_share": trial["gap_share"], **Together.facts(best),
            **trials.generator.clock}


def measure(args, name, make, wire_name, consumers):
    load.say(f"{name}, {consumers} consumers: setting up")
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(make(args.suite, args.bytes, consumers))
        trials = stack.enter_context(Trials(peer))
        best, spent = Together.settled(lambda: figures(args, trials, START[wire_name]))
        made = row(args, name, trials, best, spent)
        if made["wrong"]:
            raise SystemExit(f"bench: {name}: opened packets were not what was sent")
        return made


HEAD = (f"{'peer':<14} {'port':<10} {'consumers':>9} {'packets/s':>10} {'bound':>9} | CPU in ns per "
        f"sealed packet\n{'':>56} | {'user':>7} {'system':>7} {'softirq':>7}")


def table(r):
    return (f"{r['peer']:<14} {r['port']:<10} {r['consumers']:>9} {r['packets_per_second']:>10} "
            f"{r['bound']:>9} | {r['user_ns_per_packet']:>7.0f} {r['system_ns_per_packet']:>7.0f} "
            f"{r['interrupts_ns_per_packet']:>7.0f}")


def main():
    args = options()
    if not sfu.LAB:
        sys.exit("bench: run it as bench/run peers: it needs a lab around it")
    rows = []
    if not args.json:
        print(HEAD)
    for consumers in args.consumers:
        for name, make, wire_name in PEERS:
            if name not in args.peers:
                continue
            try:
                rows.append(measure(args, name, make, wire_name, consumers))
            except packages.Missing as why:
                load.say(f"bench: {name} is left out: {why}")
                continue
            print(json.dumps(rows[-1]) if args.json else table(rows[-1]), flush=True)
    if os.environ.get("BENCH_ROWS"):  # for the results file, when the table is what is shown
        with open(os.environ["BENCH_ROWS"], "w", encoding="utf-8") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)
    if not rows:
        sys.exit(NONE_LEFT)


if __name__ == "__main__":
    main()
