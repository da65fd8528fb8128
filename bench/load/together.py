# SPDX-License-Identifier: Apache-2.0
"""Whether the SFU's core and the generator's are near each other. A host that moves virtual CPUs
about has them share a level 3 cache for some seconds and not for the next; a rate found in one
state says nothing of a rate found in the other.
"""
import math
import sys
import time

APART = 1.8  # times the least round trip of a cache line in this run
REPEATS = 5  # of a trial during which they came apart
LOOK_S = 0.2
PATIENCE_S, PATIENCE_SHARE = 10, 2  # waiting in all: seconds, and for each second of trials


class Together:
    """Of a run: the cores are the same in all of it."""
    least = math.inf  # ns
    waited = trials = 0.0  # seconds
    repeated = 0

    @classmethod
    def apart(cls, crossing):
        cls.least = min(cls.least, crossing)
        return crossing > APART * cls.least

    @classmethod
    def patience(cls):
        return PATIENCE_S + PATIENCE_SHARE * cls.trials - cls.waited

    @classmethod
    def wait(cls, look):
        """look(): a crossing in ns. Returns one of cores near each other, or where patience ends
        whatever it is."""
        began = time.monotonic()
        while cls.apart(crossing := look()):
            if time.monotonic() - began > cls.patience():
                break
            time.sleep(LOOK_S)
        cls.waited += time.monotonic() - began
        return crossing

    @classmethod
    def counted(cls, trial):
        """trial(): its result. The first in which they were near before it and after it, or the
        last of REPEATS, or that with which patience ends."""
        for _ in range(REPEATS):
            result = trial()
            cls.trials += result["seconds"]
            if not result["apart"] or cls.patience() <= 0:
                break
            cls.repeated += 1
            print(f"  the cores are apart ({result['crossing_ns']:.0f} ns for a cache line, "
                  f"{cls.least:.0f} when near): once more", file=sys.stderr, flush=True)
        return result

    @classmethod
    def settled(cls, search):
        """search() again where the cores have been nearer since than whenever it began."""
        while True:
            least = cls.least
            best = search()
            if not cls.least * APART < least:
                return best

    @classmethod
    def facts(cls, result):
        """For a row: of the trial that its figure is from, and of the run so far."""
        return {"crossing_ns": result["crossing_ns"], "apart": result["apart"],
                "apart_repeated": cls.repeated, "apart_waited_s": round(cls.waited, 1)}
