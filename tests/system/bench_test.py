#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# tries: 2
# lab: --no-start
"""Each bench that needs a running SFU, for seconds: that it works, and that its rows say what
bench/README.md promises. The figures of so short a run mean nothing.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

TREE = pathlib.Path(__file__).resolve().parents[2]


def bench(script, *arguments, seconds=100):
    done = subprocess.run(
        [sys.executable, TREE / "bench" / script, "--json", *arguments], timeout=seconds,
        capture_output=True, text=True, check=False,
        env={**os.environ, "SLUICE_BENCH_BUILD": str(TREE / "build")})
    assert done.returncode == 0, f"{script} {arguments}: {done.stdout}{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Benches(unittest.TestCase):
    def test_load(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = f"{folder}/load.svg"
            rows = bench("load/load.py", "--consumers", "1,5", "--trial-seconds", "0.3",
                         "--latency-seconds", "0.3", "--resolution", "0.6", "--plot", picture)
            self.assertTrue(xml.etree.ElementTree.parse(picture).getroot().tag.endswith("svg"))
        self.assertEqual([row["consumers"] for row in rows], [1, 5])
        for row in rows:
            self.assertEqual((row["bench"], row["bytes"], row["wrong"]), ("load", 1200, 0))
            self.assertGreater(row["packets_per_second"], 1000)
            self.assertGreater(row["opened"], 0)
            for at in row["latency"].values():
                raw = at["latency_ns"]
                self.assertGreater(raw["count"], 0)
                self.assertLessEqual(raw["p50"], raw["p99_99"])
                self.assertLessEqual(at["latency_gapless_ns"]["count"], raw["count"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
