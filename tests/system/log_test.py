#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# lab: --clients 1
"""The control plane's log at its most talkative, as JSON: each line is an object, and none holds a
secret of the calls that were made, nor, when told so, an address.
"""
import json
import re
import unittest

from api_lab import SFU4, STATE, Api, ctl, sdp, wait_for

FIELDS = {"time", "level", "area", "text"}


def log():
    return (STATE / "controlplane.log").read_text(encoding="utf-8")


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ctl("stop", "controlplane")
        cls.begin = len(log())
        ctl("start", "controlplane", "--log-level", "debug", "--log-format", "json",
            "--log-addresses", "redacted")
        cls.api = Api()
        cls.api.await_dataplane()

    @classmethod
    def tearDownClass(cls):
        cls.api.close()
        ctl("stop", "controlplane")
        ctl("start", "controlplane")

    def lines(self):
        """Objects written since setUpClass. The ready line goes to standard output."""
        return [json.loads(line) for line in log()[self.begin:].splitlines()
                if not line.startswith("ready ")]

    def test_lines(self):
        session = self.api.join("logged", "alice").session
        offer = sdp()
        answer = self.api.publish(session, offer).sdp
        self.api.candidates(session, ["candidate:1 1 udp 1 198.51.100.77 9 typ host"])
        self.api.leave(session)
        self.api.delete("logged")
        wait_for(lambda: any("alice" in line["text"] for line in self.lines()), "a word on alice")
        lines = self.lines()
        for line in lines:
            self.assertEqual(set(line) - {"held_back"}, FIELDS)
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
        secrets = [session.secret, *re.findall(r"a=ice-pwd:(\S+)", offer + answer)]
        self.assertGreaterEqual(len(secrets), 3)
        text = log()[self.begin:]
        for secret in secrets:
            self.assertNotIn(secret, text)
        spoken = " ".join(line["text"] for line in lines)
        for address in (SFU4, "198.51.100.77"):
            self.assertNotIn(address, spoken)


if __name__ == "__main__":
    unittest.main()
