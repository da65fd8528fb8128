#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# lab: --clients 1
"""The control plane's log at its most talkative, as JSON: each line is an object, and none holds a
secret of the calls that were made, nor, when told so, an address.
"""
import json
import pathlib
import re
import subprocess
import unittest

import api_lab
from api_lab import SFU4, STATE, Api, ctl, sdp, wait_for

FIELDS = {"time", "level", "area", "text"}
MTLS = f"{SFU4}:8444"
CA = pathlib.Path(api_lab.work.name) / "ca.pem"


def log():
    return (STATE / "controlplane.log").read_text(encoding="utf-8")


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-out", CA,
                        "-subj", "/CN=ca"], check=True, capture_output=True)
        ctl("stop", "controlplane")
        cls.begin = len(log())
        ctl("start", "controlplane", "--log-level", "debug", "--log-format", "json",
            "--log-addresses", "redacted", f"--listen-mtls={MTLS}", f"--client-ca={CA}",
            "--client-roles=orchestrator.example=observe")
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

    def test_limit(self):
        """Who is refused a hundred times fills 50 lines, log_limit.h's, and a counter has the rest."""
        def held_back():
            text = subprocess.run(["curl", "-s", "--unix-socket", STATE / "api.sock",
                                   "http://localhost/metrics"], check=True, capture_output=True,
                                  text=True).stdout
            return int(re.search(r"(?m)^sluice_log_lines_held_back_total (\d+)$", text)[1])

        def spoken():
            return sum("CERTIFICATE_MISSING" in line["text"] for line in self.lines())

        before = held_back() + spoken()
        subprocess.run(["curl", "-sk", "-o", "/dev/null", f"https://{MTLS}/metrics?n=[1-100]"],
                       check=True)
        self.assertEqual(held_back() + spoken(), before + 100)
        self.assertLessEqual(spoken(), 50)

    def test_addresses(self):
        """Of somebody who is refused: by curl, which says what its own address was."""
        done = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code} %{local_ip}",
                               f"https://{MTLS}/metrics"], check=True, capture_output=True, text=True)
        status, address = done.stdout.split()
        self.assertEqual(status, "401")
        line = next(line["text"] for line in self.lines() if "CERTIFICATE_MISSING" in line["text"])
        self.assertRegex(line, r"^\(address\):\d+: GET refused ")
        for one in (address, SFU4):
            self.assertNotIn(one, " ".join(line["text"] for line in self.lines()))


if __name__ == "__main__":
    unittest.main()
