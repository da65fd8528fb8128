# SPDX-License-Identifier: Apache-2.0
"""A real sluice-dataplane and sluice-controlplane for benches, inside a lab of
`deploy/lab/run-in-lab --no-start`, and the API to set them up with.

Cores: where the machine has no more than two, the worker has the first alone; the other carries the
generator, the dataplane's main lcore and the control plane. What they take is the generator's.
"""
import os
import pathlib
import re
import subprocess
import sys

import stubs  # noqa: F401, pylint: disable=unused-import
import grpc
import room
from sluice.v1 import transport_pb2_grpc

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("SLUICE_BENCH_BUILD", TREE / "build-bench")).resolve()
LAB = os.environ.get("LAB_NAME", "")
STATE = pathlib.Path(os.environ.get("LAB_STATE", "/nonexistent"))
SFU4 = os.environ.get("LAB_SFU4", "")
SELF4, SELF_MAC = "198.18.0.200", "02:00:00:00:00:c8"
PATIENCE_S = 60


def cores():
    """(worker's, everybody else's): the same where there is one only."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[0], cpus[-1]


def pin(pid, cpus):
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cpus)


def start(command, **files):
    """In a session of its own that comes before what else runs here. Where sessions are scheduled
    as groups (sched_autogroup) a process's own niceness says nothing beyond its session. Never a
    real-time class: a loop that polls would not let go of its core."""
    process = subprocess.Popen(["nice", "-n", "-20", *command], start_new_session=True, text=True,
                               stdout=subprocess.PIPE, **files)
    session_first(process.pid)
    return process


def session_first(pid):
    group = pathlib.Path(f"/proc/{pid}/autogroup")
    if group.exists():
        group.write_text("-20", encoding="ascii")


def in_lab(*command):
    return subprocess.run(["ip", "netns", "exec", LAB, *command], check=True, capture_output=True,
                          text=True).stdout


def in_lan(*command):
    """Where a lab has the far end of its wire."""
    return subprocess.run(["ip", "netns", "exec", f"{LAB}-lan", *command], check=True,
                          capture_output=True, text=True).stdout


class Sfu:
    """Both processes, with `wire` as the wire port's devargs; ends with the block."""

    def __init__(self, wire, *flags, workers=1, engine="auto"):
        self.wire, self.flags, self.workers, self.engine = wire, flags, workers, engine
        self.dataplane = self.channel = self.calls = None

    def _command(self):
        worker, other = cores()
        lcores = [f"0@{other}"] + [f"{i + 1}@{worker}" for i in range(self.workers)]
        eal = [f"--file-prefix=bench-{LAB}", f"--lcores={','.join(lcores)}"]
        if (STATE / "no-huge").exists():
            eal.append("--no-huge")
        return ["ip", "netns", "exec", LAB, str(BUILD / "dataplane/sluice-dataplane"),
                "--config", str(TREE / "deploy/sluice-dataplane.conf"), "--wire", self.wire,
                "--kernel-port", "tap:sfu0", "--workers", str(self.workers),
                "--srtp-engine", self.engine, "--public-port", os.environ["LAB_MEDIA_PORT"],
                "--socket", str(STATE / "dataplane.sock"), *self.flags, "--", *eal]

    def __enter__(self):
        self.log = open(STATE / "dataplane.log", "w+", encoding="utf-8")
        self.dataplane = start(self._command(), stderr=self.log)
        for line in self.dataplane.stdout:
            self.log.write(line)
            if re.match(r"(sluice-dataplane: )?ready\b", line):
                break
        else:
            self.log.flush()
            raise SystemExit("bench: the dataplane ended:\n"
                             + (STATE / "dataplane.log").read_text(encoding="utf-8"))
        # No ARP: nobody but the publishers would answer, and they only send.
        in_lab("ip", "neigh", "replace", SELF4, "lladdr", SELF_MAC, "dev", "sfu0", "nud",
               "permanent")
        subprocess.run([TREE / "deploy/lab/ctl", LAB, "start", "controlplane",
                        "--web-directory", ""], check=True,
                       env={**os.environ, "LAB_BUILD": str(BUILD)}, stdout=sys.stderr)
        self.controlplane = int(subprocess.run(
            [TREE / "deploy/lab/ctl", LAB, "pid", "controlplane"], check=True, capture_output=True,
            text=True).stdout)
        session_first(self.controlplane)
        pin(self.controlplane, {cores()[1]})
        self.channel = grpc.insecure_channel(f"unix:{STATE}/api.sock")
        self.calls = transport_pb2_grpc.TransportServiceStub(self.channel)
        return self

    def __exit__(self, *unused):
        self.channel.close()
        subprocess.run([TREE / "deploy/lab/ctl", LAB, "stop", "controlplane"], check=False)
        self.dataplane.terminate()
        try:
            rest, _ = self.dataplane.communicate(timeout=PATIENCE_S)
            self.said = rest
        finally:
            self.dataplane.kill()
            self.log.close()

    @property
    def mac(self):
        return in_lab("cat", "/sys/class/net/sfu0/address").strip()


def fan_out(node, suite, size, publishers, consumers):
    """Sets up a room of plain transports; its plan."""
    plan = room.describe(suite, size, publishers, consumers,
                         (node.mac, SFU4, os.environ["LAB_MEDIA_PORT"]), (SELF_MAC, SELF4))
    room.Room(node.calls, plan).set_up()
    return plan
