# SPDX-License-Identifier: Apache-2.0
"""The lab's control plane with a relay between it and the dataplane, which holds and refuses epochs:
tests/system/relay/epoch_relay.c says what it can be told.
"""
import json
import os
import subprocess

from api_lab import PATIENCE_S, STATE, TREE, Api, ctl, wait_for

BUILD = os.environ.get("LAB_BUILD", TREE / "build")


class Relay:
    def __init__(self):
        ctl("stop", "controlplane")  # the dataplane takes one at a time
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [f"{BUILD}/tests/system/relay/epoch_relay", f"{STATE}/relay.sock",
             f"{STATE}/dataplane.sock", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        assert self.process.stdout.readline() == "ready\n"
        ctl("start", "controlplane", f"--dataplane-socket={STATE}/relay.sock")
        self.api = Api()
        self.api.await_dataplane()

    def tell(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def pass_all(self):
        self.tell("plan 0 0 1")

    def refuse_all(self):
        self.tell("plan 0 1000 1")

    def records(self):
        """Transports, tracks and subscriptions that the dataplane runs."""
        r = self.tell("records")
        return r["transports"], r["tracks"], r["subscriptions"]

    def refused(self):
        return self.tell("records")["refused"]

    def await_held(self):
        wait_for(lambda: self.tell("records")["held"], "an epoch to be held")

    def end(self):
        self.api.close()
        ctl("stop", "controlplane")
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
