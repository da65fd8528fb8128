#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""The quickstart takes everything down again, however it ends: by Ctrl-C, SIGTERM, SIGHUP, the
end of one of its processes, and, one start later, by kill -9.

The two processes are stand-ins that say "ready" and wait, so that this is about the lab alone;
the host is listed before and after by the same list that `quickstart --check` uses.
"""
import contextlib
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
NAME = "labtest"
STAND_IN = """#!/bin/sh
trap 'exit 0' TERM
echo "ready"
while :; do sleep 0.1; done
"""
DEADLINE_S = 30


def host_state():
    script = f". {TREE}/deploy/lab/lab.sh; lab_host_state"
    listed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def make_stand_ins(build):
    for name in ("dataplane", "controlplane"):
        path = build / name / f"sluice-{name}"
        path.parent.mkdir(parents=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)


class Quickstart:
    """One run of deploy/quickstart, up when the constructor is done."""

    def __init__(self, build, *options):
        self.output = ""
        # Where it runs inside another lab its own mark must not be the other's.
        environment = {k: v for k, v in os.environ.items() if k != "SLUICE_LAB"}
        self.process = subprocess.Popen(
            [TREE / "deploy/quickstart", "--name", NAME, *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**environment, "LAB_BUILD": str(build), "LAB_HUGE_MB": "64"})
        self.read_until("Ctrl-C ends it")

    def read_until(self, text):
        end = time.monotonic() + DEADLINE_S
        stream = self.process.stdout
        while text is None or text not in self.output:
            left = end - time.monotonic()
            assert left > 0, f"no {text!r} within {DEADLINE_S} s in:\n{self.output}"
            if not select.select([stream], [], [], left)[0]:
                continue
            data = os.read(stream.fileno(), 65536)
            if not data:
                assert text is None, f"ended without {text!r}:\n{self.output}"
                return
            self.output += data.decode(errors="replace")

    def pid_of(self, process):
        words = pathlib.Path(f"/run/sluice/{NAME}/{process}.pid").read_text(encoding="utf-8")
        return int(words.split()[0])

    def end(self):
        status = self.process.wait(DEADLINE_S)
        self.read_until(None)
        return status


def expect_same(before, what):
    after = host_state()
    assert before == after, (
        f"{what}: gone {sorted(before - after)}, left {sorted(after - before)}")
    print(f"pass: {what}")


def says_who_may_come_in(run, public):
    """Development is for the own machine alone, and told."""
    command = pathlib.Path(f"/run/sluice/{NAME}/controlplane.command").read_text(encoding="utf-8")
    auth = re.findall(r"--auth (\w+)", command)[-1]  # the last one wins
    told = "(auth = development)" in run.output, "Join link" in run.output
    assert (auth, told) == (("tokens", (False, True)) if public else
                            ("development", (True, False))), f"{auth}, and says {run.output}"


def ends_by_signal(build, before, sent, options=()):
    run = Quickstart(build, *options)
    says_who_may_come_in(run, "--public" in options)
    during = host_state()
    for item in (f"namespace {NAME}", f"interface {NAME}-lab", f"runtime /run/sluice/{NAME}"):
        assert item in during, f"the lab has no {item!r}"
    run.process.send_signal(sent)
    status = run.end()
    assert status == 128 + sent, f"exit status {status} after {sent.name}:\n{run.output}"
    expect_same(before, f"{sent.name} {' '.join(options)}")


def ends_when_a_process_does(build, before):
    run = Quickstart(build)
    os.kill(run.pid_of("dataplane"), signal.SIGKILL)
    status = run.end()
    assert status == 1, f"exit status {status} after the dataplane died"
    assert "sluice-dataplane ended by itself" in run.output, run.output
    expect_same(before, "the end of the dataplane")


def next_start_cleans_up(build, before):
    killed = Quickstart(build, "--public")
    killed.process.kill()
    killed.process.wait(DEADLINE_S)
    assert host_state() != before, "kill -9 left nothing behind: this test tests nothing"
    os.kill(killed.pid_of("dataplane"), 0)
    ends_by_signal(build, before, signal.SIGTERM)
    killed.process.stdout.close()


def second_start_is_refused(build, before):
    first = Quickstart(build)
    second = subprocess.run(
        [TREE / "deploy/quickstart", "--name", NAME], capture_output=True, text=True,
        env={**os.environ, "LAB_BUILD": str(build)}, timeout=DEADLINE_S, check=False)
    assert second.returncode == 1 and "runs already" in second.stderr, second
    assert first.process.poll() is None, "the second start ended the first"
    first.process.terminate()
    first.end()
    expect_same(before, "a second start beside the first")


def main():
    with contextlib.ExitStack() as stack:
        build = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_stand_ins(build)
        before = host_state()
        for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            ends_by_signal(build, before, sent)
        ends_by_signal(build, before, signal.SIGTERM, ("--public",))
        ends_by_signal(build, before, signal.SIGTERM, ("--public", "203.0.113.7"))
        ends_by_signal(build, before, signal.SIGTERM, ("--no-huge",))
        ends_when_a_process_does(build, before)
        next_start_cleans_up(build, before)
        second_start_is_refused(build, before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
