#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A busy worker makes no system call: strace on two worker threads under media, RTCP, NACKs and
STUN checks for 10 s, on ring ports. The same workers told to be adaptive sleep, which strace has to
see, or it would see nothing.
"""
# timeout: 90
import os
import re
import subprocess
import sys
import tempfile
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.environ.get("LAB_BUILD", os.path.join(TREE, "build")),
                       "tests/path/steady_workers")
SECONDS = 10
WORKERS = 2


def skip(why):
    print(why)
    sys.exit(77)


def worker_threads(pid):
    """DPDK names them by lcore."""
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as comm:
            if re.match(r"(lcore|rte)-worker-\d+", comm.read()):
                found.append(tid)
    return found


def attached(tracer, tids):
    """Waits until every thread has the tracer."""
    for _ in range(500):
        if tracer.poll() is not None:
            skip(f"strace may not attach here: {tracer.stderr.read().strip()}")
        status = ""
        for tid in tids:
            with open(f"/proc/{tid}/status") as text:
                status += text.read()
        if len(re.findall(rf"TracerPid:\t{tracer.pid}\n", status)) == len(tids):
            return
        time.sleep(0.01)
    sys.exit("FAIL: strace does not attach within 5 s")


def expect(process, what):
    line = process.stdout.readline()
    if not line.startswith(what):
        sys.exit(f"FAIL: the workers said {line!r} and not {what!r}: {process.stdout.read()}")
    return line


def calls_of(seconds, *idle):
    """The system calls the workers make in that time, as strace writes them."""
    with tempfile.NamedTemporaryFile("r") as log, subprocess.Popen(
            [PROGRAM, str(seconds), *idle], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as process:
        expect(process, "running")
        tids = worker_threads(process.pid)
        if len(tids) != WORKERS:
            sys.exit(f"FAIL: {len(tids)} worker threads and not {WORKERS}")
        tracer = subprocess.Popen(
            ["strace", "-qq", "-o", log.name, *(word for tid in tids for word in ("-p", tid))],
            stderr=subprocess.PIPE, text=True)
        try:
            attached(tracer, tids)
            before = log.read()
            process.stdin.write("begin\n")
            process.stdin.flush()
            expect(process, "measured")
        finally:
            tracer.terminate()
            tracer.wait()
        during = log.read()
        rest, _ = process.communicate("end\n")
        if process.returncode:
            sys.exit(f"FAIL: {rest}")
        print(rest)
    del before  # what attaching itself interrupts
    return [line for line in during.splitlines() if re.match(r"(\d+ +)?\w+\(", line)]


def main():
    if not os.access(PROGRAM, os.X_OK):
        skip("steady_workers is not built: it is left out under a sanitizer")
    if len(calls_of(1, "adaptive")) == 0:
        sys.exit("FAIL: workers that sleep make no system call: strace sees nothing")
    calls = calls_of(SECONDS)
    print(f"measured: {len(calls)} system calls of {WORKERS} busy workers in {SECONDS} s")
    if calls:
        sys.exit("FAIL: busy workers call the system:\n" + "\n".join(calls[:20]))


main()
