# SPDX-License-Identifier: Apache-2.0
"""CPU time by the kernel's accounting: the sum is what the scheduler measured, how it divides into
user and system what the timer's ticks found (proc(5)).
"""
import os
import pathlib

TICK_NS = 1e9 / os.sysconf("SC_CLK_TCK")
BUSY = (0, 1, 2, 5, 6)  # of /proc/stat: user, nice, system, irq, softirq


class Meter:
    """Nanoseconds from here to read(): of a process, or of its threads on core 'only', and of a
    core whoever has it."""

    def __init__(self, pid, core, only=None):
        at = pathlib.Path(f"/proc/{pid}")
        self.files = [at / "stat"] if only is None else [
            at / f"task/{thread}/stat" for thread in threads_on(pid, only)]
        self.core = f"cpu{core} "
        self.start = self._now()

    def _now(self):
        user = system = 0
        for file in self.files:
            fields = file.read_text(encoding="ascii").rsplit(")", 1)[1].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines():
            if line.startswith(self.core):
                fields = [int(word) for word in line.split()[1:]]
        return {"user": user, "system": system,
                "core": sum(fields[i] for i in BUSY), "interrupts": fields[5] + fields[6],
                "stolen": fields[7]}

    def read(self):
        now = self._now()
        return {key: (now[key] - self.start[key]) * TICK_NS for key in now}


def threads_on(pid, core):
    """Those that may run on that core and on no other."""
    return [int(thread) for thread in os.listdir(f"/proc/{pid}/task")
            if os.sched_getaffinity(int(thread)) == {core}]
