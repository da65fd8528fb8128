# SPDX-License-Identifier: Apache-2.0
"""Dataplane, relay and control plane, and what they hold."""
import atexit
import json
import mmap
import os
import pathlib
import signal
import struct
import subprocess

from api_model.lab import ADDRESS, BUILD, PATIENCE_S, wait_for, work

# A tenth of what clients are promised by default: answers can be waited out, and 10^5 operations
# do not fill the tenant's share of them. Expired ones are looked for every 5 s.
REQUEST_ID_TTL_S, REAP_S = 20, 5
LEAK_STATUS = 23


class Process:
    """One of the three, up when it has said that it is ready."""

    def __init__(self, name, *command, **environment):
        self.log = open(work / f"{name}.log", "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, env={**os.environ, **environment}, text=True)
        atexit.register(self.process.kill)  # whatever ends us
        for line in self.process.stdout:
            if "ready" in line:
                return
        raise AssertionError(f"{name} ended: {(work / f'{name}.log').read_text()[-2000:]}")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0])


def leak_options():
    """LeakSanitizer's own library looks at what the end leaves; it needs no build of its own."""
    found = subprocess.run(["gcc", "-print-file-name=liblsan.so"], stdout=subprocess.PIPE,
                           check=True, text=True)
    return {"LD_PRELOAD": found.stdout.strip(), "G_SLICE": "always-malloc",
            # Unwound by tables: neither we nor the libraries keep frame pointers.
            "LSAN_OPTIONS": f"exitcode={LEAK_STATUS}:fast_unwind_on_malloc=0"}


class Servers:
    def __init__(self, seed, leaks):
        self.dataplane = Process(
            "dataplane", BUILD / "dataplane/sluice-dataplane", "--wire", "net_null0,no-rx=1",
            "--kernel-port", "none", "--workers", 1, "--idle", "adaptive", "--transports", 256,
            "--tracks", 256, "--subscriptions", 512, "--packets", 2048, "--socket",
            work / "dataplane.sock", "--", "--no-huge", "--no-pci", "-m", 256, "--file-prefix",
            work.name)
        self.relay = Process("relay", BUILD / "tests/system/relay/epoch_relay",
                             work / "relay.sock", work / "dataplane.sock", seed)
        self.relay.ask("plan 200 80 20")
        self.control = Process(
            "control", BUILD / "controlplane/sluice-controlplane", "--listen", "",
            "--unix-socket", work / "api.sock", "--dataplane-socket", work / "relay.sock",
            "--media-address", ADDRESS, "--state-directory", work, "--log-level", "warning",
            "--request-id-ttl-s", REQUEST_ID_TTL_S,
            **(leak_options() if leaks else self.count_allocations()))

    def count_allocations(self):
        path = work / "allocations"
        path.write_bytes(bytes(16))
        with open(path, "r+b") as file:
            self.allocated = mmap.mmap(file.fileno(), 16)
        return {"LD_PRELOAD": str(BUILD / "tests/system/relay/count_allocations.so"),
                "ALLOCATIONS_FILE": str(path), "G_SLICE": "always-malloc"}

    def allocations(self):
        return struct.unpack("q", self.allocated[:8])[0]

    def trims(self):
        """How often freed memory was given back."""
        return struct.unpack("q", self.allocated[8:])[0]

    def records(self):
        return self.relay.ask("records")

    def rest(self, descriptors):
        """Until nothing is left of what the clients did."""
        def none_left():
            r = self.records()
            return r["transports"] == r["tracks"] == r["subscriptions"] == 0
        wait_for(none_left, "the last record to go")
        wait_for(lambda: self.control.descriptors() <= descriptors, "descriptors to be closed")

    def end(self):
        status = self.control.end()
        said = (work / "control.log").read_text(encoding="utf-8")
        assert status == 0, f"the control plane ended with status {status}: {said[-8000:]}"
        self.relay.process.stdin.close()
        self.relay.process.wait(PATIENCE_S)
        self.dataplane.end()
