#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1 --workers 2
"""sluicectl against a running node: what it prints is compared, as structure, with what the API says
to another client; `top` is driven in a terminal.
"""
import json
import os
import re
import subprocess
import tempfile
import unittest

from api_lab import PATIENCE_S, SFU4, STATE, TREE, Api, drop_names, failure, sdp, snapshot, wait_for
from google.protobuf import json_format
from grpc import StatusCode as Code
from sluice.v1 import node_pb2

SLUICECTL = TREE / "controlplane/ctl/sluicectl"
ENVIRONMENT = {"PATH": os.environ["PATH"], "SLUICE_ENDPOINT": f"unix:{STATE}/api.sock",
               "SLUICE_BUILD": os.environ.get("LAB_BUILD", str(TREE / "build")),
               "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def run(*arguments, status=0):
    done = subprocess.run([SLUICECTL, *arguments], capture_output=True, text=True, timeout=30,
                          env=ENVIRONMENT, check=False)
    assert done.returncode == status, f"{arguments}: {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout if status == 0 else done.stderr


def run_json(*arguments):
    return json.loads(run(*arguments, "--json"))


def as_dict(message):
    return json_format.MessageToDict(message, including_default_value_fields=True)


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.room = cls.api.create("ctl-demo")
        cls.session = cls.api.join("ctl-demo", "alice", display_name="Älice").session
        cls.api.publish(cls.session, sdp())
        cls.api.join("ctl-demo", "bob")

    @classmethod
    def tearDownClass(cls):
        cls.api.delete("ctl-demo")
        cls.api.close()

    def test_rooms(self):
        listed = run_json("rooms")
        self.assertEqual([r["name"] for r in listed], ["rooms/ctl-demo"])
        self.assertEqual(listed[0], as_dict(self.api.get("ctl-demo")))
        head, row = run("rooms").splitlines()
        self.assertEqual(head.split()[:2], ["ROOM", "PARTICIPANTS"])
        self.assertEqual(row.split()[:2], ["ctl-demo", "2"])

    def test_room(self):
        shown = run_json("room", "ctl-demo")
        self.assertEqual(shown, run_json("room", "rooms/ctl-demo"))
        self.assertEqual(shown["room"]["uid"], self.room.uid)
        self.assertEqual([p["displayName"] for p in shown["participants"]], ["Älice", ""])
        text = run("room", "ctl-demo")
        self.assertRegex(text, r"(?m)^uid +" + self.room.uid)
        self.assertRegex(text, r"(?m)^alice +new .*Älice$|^alice +connecting .*Älice$")

    def test_participants(self):
        everybody = run_json("participants")
        self.assertEqual([p["name"].rsplit("/", 1)[1] for p in everybody], ["alice", "bob"])
        self.assertEqual(everybody[0], as_dict(self.api.participant(everybody[0]["name"])))
        self.assertEqual(run_json("participants", "ctl-demo"), everybody)
        self.assertEqual(run("participants").splitlines()[1].split()[:2], ["ctl-demo", "alice"])

    def test_events(self):
        lines = [json.loads(line) for line in run("events", "--snapshot", "--json").splitlines()]
        told = [as_dict(event) for event in snapshot(self.api.watch_events())]
        for event in lines + told:
            event.pop("timeMs")
        self.assertEqual(lines, told)
        text = run("events", "ctl-demo", "--count", "2")
        self.assertEqual(len(text.splitlines()), 2)
        self.assertRegex(text, r"room added +rooms/ctl-demo\n.*participant added +rooms/ctl-demo/")

    def test_events_follow(self):
        process = subprocess.Popen([SLUICECTL, "events", "--json"], stdout=subprocess.PIPE,
                                   text=True, env=ENVIRONMENT)
        try:
            kinds = []
            for line in process.stdout:
                kinds.append(json.loads(line)["kind"])
                if kinds[-1] == "KIND_SNAPSHOT_END":
                    self.api.create("ctl-later")
                if kinds[-1] == "KIND_ROOM_ADDED" and "KIND_SNAPSHOT_END" in kinds:
                    break
            self.assertEqual(kinds[-2:], ["KIND_SNAPSHOT_END", "KIND_ROOM_ADDED"])
        finally:
            process.kill()
            process.communicate()
            self.api.delete("ctl-later")

    def test_node(self):
        shown = run_json("node")
        self.assertTrue(shown["dataplaneAttached"])
        self.assertEqual(shown["workerCount"], 2)
        self.assertEqual((shown["roomCount"], shown["participantCount"]), (1, 2))
        self.assertRegex(run("node"), r"(?m)^state +in service$")

    def test_drain_and_undrain(self):
        """Each prints the node as it is then."""
        def state():
            return re.search(r"(?m)^state +(.*)$", run("node"))[1]
        self.addCleanup(run, "undrain")
        shown = run_json("drain", "--deadline", "3600", "--remove")
        drain = shown["drain"]
        self.assertEqual(drain, as_dict(self.api.get_node().drain))
        self.assertEqual((drain["removeAtDeadline"], drain["drained"]), (True, False))
        self.assertEqual(int(drain["deadlineTimeMs"]) - int(drain["startTimeMs"]), 3600000)
        self.assertRegex(state(), r"^draining until \S.*, then removes who is left$")
        self.assertRegex(run("drain"), r"(?m)^state +draining without a deadline$")
        self.assertIn("nothing new", failure(Code.UNAVAILABLE, self.api.create, "ctl-later"))
        self.assertIn("draining", run("top", "--count", "1", "--interval", "0.1"))
        self.assertRegex(run("undrain"), r"(?m)^state +in service$")
        self.assertNotIn("drain", run_json("node"))
        self.assertNotIn("drain", run_json("undrain"))  # once more changes nothing
        self.assertRegex(run("drain", "--deadline", "604801", status=1),
                         r"^sluicectl: INVALID_ARGUMENT: deadline_seconds: .*\n$")
        self.assertEqual(state(), "in service")

    def test_stats(self):
        shown = run_json("stats")
        ingress, egress = drop_names()
        self.assertEqual([d["name"] for d in shown["drops"]], ingress + egress)
        self.assertEqual([w["worker"] for w in shown["workers"]], [0, 1, 16])
        self.assertGreater(int(shown["workers"][0]["polls"]), 0)
        self.assertGreater(int(shown["books"]["packetsReceived"]), 0)
        wait_for(lambda: int(run_json("stats")["books"]["difference"]) == 0, "the books to balance")
        mine = run_json("stats", "rooms/ctl-demo/participants/alice")
        self.assertEqual([t["publish"] for t in mine["transports"]], [True])
        self.assertRegex(run("stats"), r"(?m)^received +\d+$")
        self.assertIn("rooms/ctl-demo/participants/nobody",
                      run("stats", "rooms/ctl-demo/participants/nobody", status=1))

    def test_doctor(self):
        """Of this host: every check speaks, and what is not well comes with what to do."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("wire = net_af_packet0,iface=x\nworker_cores = 0\nidle = adaptive\n")
            file.flush()
            done = subprocess.run(
                [SLUICECTL, "doctor", "--json", "--dataplane-config", file.name], text=True,
                capture_output=True, env=ENVIRONMENT, check=False, timeout=30)
        found = json.loads(done.stdout)
        self.assertEqual([f["check"] for f in found if f["check"] != "hugetlbfs"],
                         ["hugepages", "IOMMU", "driver", "governor", "isolated cores", "NUMA",
                          "certificate"])
        for one in found:
            self.assertEqual(bool(one["cure"]), one["status"] != "ok", one)
        self.assertEqual(done.returncode, int("fail" in {f["status"] for f in found}))

    def test_failures(self):
        text = run("room", "nowhere", status=1)
        self.assertRegex(text, r"^sluicectl: NOT_FOUND: .*rooms/nowhere.*\n$")
        self.assertIn("nobody answers at", run("rooms", "--endpoint", "unix:/nowhere", status=1))

    def test_tls(self):
        where = f"{SFU4}:{os.environ['LAB_API_PORT']}"
        log = (STATE / "controlplane.log").read_text(encoding="utf-8")
        fingerprint = re.findall(r"fingerprint=(\S+)", log)[-1]
        listed = run_json("rooms", "--endpoint", where, "--fingerprint", fingerprint)
        self.assertEqual(listed, run_json("rooms"))
        wrong = ":".join(["00"] * 32)
        self.assertIn("another server", run("rooms", "--endpoint", where, "--fingerprint", wrong,
                                            status=1))
        found = json.loads(subprocess.run(
            [SLUICECTL, "doctor", "--json", "--endpoint", where], capture_output=True, text=True,
            env=ENVIRONMENT, check=False).stdout)
        certificate = next(f for f in found if f["check"] == "certificate")
        self.assertEqual(certificate["status"], "ok", certificate)
        self.assertIn("self-signed", certificate["found"])


class Top(unittest.TestCase):
    def test_without_a_terminal(self):
        text = run("top", "--count", "2", "--interval", "0.2")
        self.assertEqual(len(re.findall(r"^sluice \d", text, re.MULTILINE)), 2)
        for row in ("worker 0", "worker 1", "main"):
            self.assertEqual(len(re.findall(rf"^{row} ", text, re.MULTILINE)), 2, text)

    def test_json(self):
        lines = [json.loads(line) for line in run("top", "--count", "2", "--interval", "0.2",
                                                  "--json").splitlines()]
        self.assertEqual(len(lines), 2)
        polls = [int(line["cores"][0]["stats"]["polls"]) for line in lines]
        self.assertGreater(polls[1], polls[0])

    def looks_right(self, screen):
        """What is on the screen, read as a person would, is what the API says to another client."""
        api = Api()
        self.addCleanup(api.close)
        api.create("on-the-screen")
        self.addCleanup(api.delete, "on-the-screen")
        api.join("on-the-screen", "alice")

        def rates():
            return re.findall(r"(received|forwarded|consumed|dropped) (\S+)/s", screen())

        # By TCP through the dataplane, so that there is a rate to see.
        wait_for(lambda: api.get_node() and "on-the-screen" in screen() and
                 rates() and float(dict(rates())["received"].rstrip("k")) > 0, "packets and a room")
        head, *parts = (part.splitlines() for part in screen().strip().split("\n\n"))
        parts = {part[0].split()[0]: part for part in parts}
        self.assertRegex(head[0], r"^sluice \d+\.\d+\.\d+   in service   1 rooms   1 participants   "
                                  r"0 orphans   \d\d:\d\d:\d\d$")
        self.assertRegex(head[1], r"   books differ by -?\d+$")
        self.assertEqual(list(dict(rates())), ["received", "forwarded", "consumed", "dropped"])
        cores = api.node.ListCores(node_pb2.ListCoresRequest(), timeout=PATIENCE_S).cores
        for row, core in zip(parts["CORE"][1:], cores, strict=True):
            name = "main" if core.role == node_pb2.Core.ROLE_MAIN else f"worker {core.worker}"
            cpu = core.cpu if core.cpu >= 0 else "-"
            self.assertRegex(row, rf"^{name} +{cpu} +\d+\.\d% +(\d+%|-) +\S+ +\S+ +"
                                  rf"{core.transports} +\d+\.\d ms$")
        ports = api.node.ListInterfaces(node_pb2.ListInterfacesRequest(), timeout=PATIENCE_S)
        self.assertEqual([row.split()[1:3] for row in parts["PORT"][1:]],
                         [[port.name, "up"] for port in ports.interfaces])
        self.assertEqual([row.split() for row in parts["ROOM"][1:]],
                         [["on-the-screen", "1", "0", "0"]])

    def test_in_a_terminal(self):
        """Drawn, drawn anew, ended by q with the terminal as it was."""
        with tempfile.TemporaryDirectory() as directory:
            tmux = ["tmux", "-S", f"{directory}/tmux", "-f", "/dev/null"]

            def ask(*arguments):
                return subprocess.run([*tmux, *arguments], capture_output=True, text=True, check=True,
                                      env=ENVIRONMENT).stdout

            def screen():
                return ask("capture-pane", "-p", "-t", "top")

            ask("new-session", "-d", "-s", "top", "-x", "110", "-y", "40",
                f"echo before; {SLUICECTL} top --interval 0.3; echo after; exec cat")
            try:
                wait_for(lambda: "worker 1" in screen() and "main" in screen(), "the first table")
                first = screen()
                self.assertNotIn("before", first)
                self.assertLessEqual(max(map(len, first.splitlines())), 110)
                wait_for(lambda: screen() != first, "another table")
                self.looks_right(screen)
                ask("resize-window", "-t", "top", "-x", "60", "-y", "8")
                wait_for(lambda: len(screen().splitlines()) <= 8 and "sluice" in screen(), "a small one")
                ask("send-keys", "-t", "top", "q")
                wait_for(lambda: "after" in screen(), "the end")
                self.assertIn("before", screen())
                self.assertNotIn("worker", screen())
            finally:
                ask("kill-server")


if __name__ == "__main__":
    unittest.main()
