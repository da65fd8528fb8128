#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# lab: --clients 1
# lab: --clients 1 --workers 2
"""What the dataplane takes at start is what its memory plan says, within 5 %: VmRSS and HugetlbPages,
without the ring of net_af_packet, which the kernel maps for that driver alone.
"""
import pathlib
import re
import subprocess

from api_lab import LAB, STATE

TOLERANCE = 0.05


def dataplane():
    """Its /proc directory."""
    pids = subprocess.run(["ip", "netns", "pids", LAB], check=True, capture_output=True, text=True)
    for pid in pids.stdout.split():
        proc = pathlib.Path("/proc", pid)
        if (proc / "comm").read_text().startswith("sluice-dataplan"):
            return proc
    raise AssertionError("no dataplane runs in the lab")


def kilobytes(text, *names):
    found = [re.search(rf"^{name}:\s*(\d+) kB", text, re.M) for name in names]
    return sum(int(f[1]) for f in found)


def socket_ring(proc):
    """Of the mapping of a socket, kB."""
    inside, ring = False, 0
    for line in (proc / "smaps").read_text().splitlines():
        if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
            inside = "socket:[" in line
        elif inside and line.startswith("Rss:"):
            ring += int(line.split()[1])
    return ring


plan = pathlib.Path(STATE, "dataplane.log").read_text()
planned = float(re.search(r"resident at start\s+([\d.]+) MiB", plan)[1])
process = dataplane()
status = (process / "status").read_text()
taken = (kilobytes(status, "VmRSS", "HugetlbPages") - socket_ring(process)) / 1024
print(f"planned {planned:.1f} MiB, taken {taken:.1f} MiB: {taken / planned - 1:+.1%}")
assert kilobytes(status, "HugetlbPages") > 0, "the lab has no huge pages"
assert abs(taken - planned) <= TOLERANCE * planned, plan
