#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads one meson test log and says what passed, failed and was skipped, and why.

usage: meson_results.py BUILD LOGBASE COUNTS

Prints one line for each test that failed or was skipped and one for the suite; writes
"passed failed skipped" to the file COUNTS. A log that meson did not write is one failure, unless
the build has no test in the suite.
"""
import json
import os
import sys

PASSED = {"OK", "EXPECTEDFAIL"}


def read_log(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def reason(test):
    for text in (test.get("stdout") or "", test.get("stderr") or ""):
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1].strip()
    return "no reason given"


def main(build, logbase, counts):
    path = os.path.join(build, "meson-logs", logbase + ".json")
    tests = read_log(path) if os.path.exists(path) else []
    passed = sum(test["result"] in PASSED for test in tests)
    skips = [test for test in tests if test["result"] == "SKIP"]
    failures = [test for test in tests if test["result"] not in PASSED | {"SKIP"}]
    # A skip without a reason tells nobody what to do about it.
    failures += [test for test in skips if reason(test) == "no reason given"]
    skips = [test for test in skips if test not in failures]
    for test in skips:
        print(f"  skip: {test['name']}: {reason(test)}")
    for test in failures:
        print(f"  FAIL: {test['name']}: {test['result'].lower()}")
    print(f"  {passed} passed, {len(failures)} failed, {len(skips)} skipped")
    with open(counts, "w", encoding="utf-8") as file:
        file.write(f"{passed} {len(failures)} {len(skips)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
