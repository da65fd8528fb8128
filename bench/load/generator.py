# SPDX-License-Identifier: Apache-2.0
"""The generator process (load.c) as an object: a plan once, then trials."""
import json
import subprocess

import sfu
from together import Together


class Generator:
    def __init__(self, port, plan, namespace=sfu.LAB):
        core, other = sfu.cores()
        self.process = sfu.start(
            ["ip", "netns", "exec", namespace, str(sfu.BUILD / "bench/bench_load"), "--core",
             str(other), "--port", port, "--far", str(core)], stdin=subprocess.PIPE)
        self._say(plan)
        self.clock = self._answer()

    def _say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # DPDK speaks on this channel, too
                return json.loads(line)
        raise SystemExit(f"bench: the generator ended with status {self.process.wait()}")

    def _crossing(self):
        self._say("crossing\n")
        return self._answer()["crossing_ns"]

    def wait(self):
        """Until the cores are near each other, for as long as patience lasts."""
        return Together.wait(self._crossing)

    def run(self, rate, seconds, before):
        """A trial, once; 'before' is what wait() said."""
        self._say(f"trial {rate} {seconds}\n")
        result = self._answer()
        result["lost"] = result["expected"] - result["media"]
        result["crossing_ns"] = max(before, self._crossing())
        result["apart"] = Together.apart(result["crossing_ns"])
        return result

    def trial(self, rate, seconds):
        return Together.counted(lambda: self.run(rate, seconds, self.wait()))

    def warm_up(self, rate, tries=20):
        """Until every consumer has begun, which it does at a keyframe."""
        for _ in range(tries):
            result = self.trial(rate, 1)
            if result["lost"] == 0 and result["least"] > 0:
                return result
        raise SystemExit(f"bench: not every consumer gets what is sent: {result}")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
