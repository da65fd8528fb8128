#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The highest loss-free rate of a running SFU, and its one-way latency below it.

bench/run load [options]      bench/README.md says how each number is made
"""
import argparse
import contextlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
import plot  # noqa: E402
import room  # noqa: E402
import sfu  # noqa: E402
from generator import Generator  # noqa: E402
from together import Together  # noqa: E402

SOCKET = "sluice-bench"  # abstract: of the lab's namespace alone
TRIES = 3
RESOLUTION = 0.03
START_PACKETS = 3e6  # sealed packets a second
GENERATOR_FULL = 0.9


def numbers(text):
    values = [int(word) for word in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError("numbers from 1")
    return values


def options():
    parser = argparse.ArgumentParser(prog="bench/run load", description=__doc__.split("\n")[0])
    parser.add_argument("--consumers", type=numbers, default=[1, 10, 50, 200, 1000],
                        help="of each publisher, a comma-separated list (1,10,50,200,1000)")
    parser.add_argument("--publishers", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=1200, help="RTP payload, 64..1400 (1200)")
    parser.add_argument("--suite", choices=room.KEY_BYTES, default="AEAD_AES_128_GCM")
    parser.add_argument("--engine", choices=["auto", "ipsec-mb", "libsrtp2"], default="auto")
    parser.add_argument("--trial-seconds", type=float, default=2, help="of the search (2)")
    parser.add_argument("--latency-seconds", type=float, default=5,
                        help="at 50 %% and at 90 %% of the rate found (5)")
    parser.add_argument("--from", dest="start", type=float, default=START_PACKETS,
                        help="sealed packets a second at which the search begins (3e6)")
    parser.add_argument("--resolution", type=float, default=RESOLUTION,
                        help="width at which the search ends, relative (0.03)")
    parser.add_argument("--ring", type=int, default=11, help="memif ring, 2^N slots (11)")
    parser.add_argument("--plot", help="write throughput and latency over N to this SVG")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def loss_free(generator, rate, seconds):
    """The majority of three trials decides: a virtual CPU that is away for milliseconds loses
    packets of which the SFU knows nothing (MLRsearch calls this an exceed ratio of one half)."""
    tries = []
    while len(tries) < TRIES:
        tries.append(generator.trial(rate, seconds))
        clean = sum(t["lost"] == 0 for t in tries)
        say(f"  {rate:>12.0f} packets/s in: {tries[-1]['lost']} of {tries[-1]['expected']} lost, "
            f"generator {100 * tries[-1]['busy_share']:.0f} % busy")
        if clean * 2 > TRIES or (len(tries) == 1 and clean):
            return [t for t in tries if t["lost"] == 0][-1]
        if (len(tries) - clean) * 2 > TRIES:
            return None
    return None


def search(generator, consumers, start, seconds, resolution):
    """RFC 2544 26.1 by bisection, from above. The last trial without loss, or None."""
    low, best, high = 0.0, None, start / consumers
    while (overload := generator.trial(high, seconds))["lost"] == 0:
        if overload["busy_share"] > GENERATOR_FULL:
            return overload
        low, best, high = high, overload, 2 * high
    high = min(high, 1.3 * overload["media"] / consumers / overload["seconds"])
    while high - low > resolution * high:
        middle = (low + high) / 2 if best else high / 1.3
        found = loss_free(generator, middle, seconds)
        if found:
            low, best = middle, found
        else:
            high = middle
        if high * consumers < 100:
            return None
    return best


def latencies(generator, rate, seconds):
    found = {}
    for share in (50, 90):
        trial = generator.trial(rate * share / 100, seconds)
        found[str(share)] = {key: trial[key] for key in (
            "rate", "expected", "lost", "gap_share", "crossing_ns", "windows", "windows_left_out",
            "latency_ns", "latency_gapless_ns")}
    return found


def figures(args, generator, consumers):
    """(the trial at the rate found, latencies)."""
    best = search(generator, consumers, args.start, args.trial_seconds, args.resolution)
    if best is None:
        raise SystemExit("bench: no rate without loss: is the machine busy with other work?")
    return best, latencies(generator, best["rate"], args.latency_seconds)


def row(args, consumers, clock, best, found):
    per_second = best["media"] / best["seconds"]
    return {"bench": "load", "engine": args.engine, "suite": args.suite, "bytes": args.bytes,
            "publishers": args.publishers, "consumers": consumers, "workers": 1, "port": "memif",
            "packets_per_second": round(per_second), "ns_per_packet": round(1e9 / per_second, 1),
            "received_per_second": round(best["offered"] / best["seconds"]),
            "trial_seconds": args.trial_seconds, "opened": best["opened"], "wrong": best["wrong"],
            "generator_busy_share": best["busy_share"],
            "bound": "generator" if best["busy_share"] > GENERATOR_FULL else "sfu",
            "gap_share": best["gap_share"], **Together.facts(best), "latency": found, **clock}


def measure(args, consumers):
    mac = sfu.in_lab("cat", "/sys/class/net/sfu0/address").strip()
    sinks = args.publishers * consumers
    flags = ["--transports", str(max(1024, sinks + args.publishers)),
             "--subscriptions", str(max(1024, sinks))]
    say(f"{consumers} consumers of each of {args.publishers} publishers: setting up by the API")
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(sfu.Sfu(
            f"net_memif0,role=server,id=0,socket={SOCKET},mac={mac}", *flags, engine=args.engine))
        plan = sfu.fan_out(node, args.suite, args.bytes, args.publishers, consumers)
        generator = stack.enter_context(Generator(
            f"net_memif0,role=client,id=0,socket={SOCKET},rsize={args.ring}", plan))
        generator.warm_up(max(100, 50000 / consumers))
        best, found = Together.settled(lambda: figures(args, generator, consumers))
        if best["wrong"]:
            raise SystemExit(f"bench: {best['wrong']} opened packets were not what was sent")
        return row(args, consumers, generator.clock, best, found)


HEAD = (f"{'consumers':>9} {'packets/s':>10} {'ns':>7} {'bound':>9} | one-way latency in us, gap "
        f"windows left out (raw)\n{'':>38} | {'load':>4} {'p50':>15} {'p99':>17} {'p99.9':>17} "
        f"{'p99.99':>17}")


def table(r):
    lines = []
    for share, at in r["latency"].items():
        cells = [f"{at['latency_gapless_ns'][p] / 1e3:.0f} ({at['latency_ns'][p] / 1e3:.0f})"
                 for p in ("p50", "p99", "p99_9", "p99_99")]
        head = (f"{r['consumers']:>9} {r['packets_per_second']:>10} {r['ns_per_packet']:>7.0f} "
                f"{r['bound']:>9}") if not lines else " " * 38
        lines.append(f"{head} | {share:>2} % {cells[0]:>15} {cells[1]:>17} {cells[2]:>17} "
                     f"{cells[3]:>17}")
    return "\n".join(lines)


def main():
    args = options()
    if not sfu.LAB:
        sys.exit("bench: run it as bench/run load: it needs a lab around it")
    rows = []
    if not args.json:
        print(HEAD)
    for consumers in args.consumers:
        rows.append(measure(args, consumers))
        print(json.dumps(rows[-1]) if args.json else table(rows[-1]), flush=True)
    if args.plot:
        plot.load(args.plot, rows)
    if os.environ.get("BENCH_ROWS"):  # for the results file, when the table is what is shown
        with open(os.environ["BENCH_ROWS"], "w", encoding="utf-8") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)


if __name__ == "__main__":
    main()
