#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1 --workers 2
"""/metrics of a running node by the judgement of Prometheus' own tools and of a real Prometheus, and
what deploy/monitoring says of it: every name and label value used there is there.
"""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import prometheus_lab
from prometheus_lab import ADDRESS, BUILD, METRICS, TREE, curl, promtool, scrape, series, value, values

from api_lab import MEDIA_PORT, SFU4, STATE, Api, ctl, drop_names, failure, sdp, wait_for
import grpc
from renegotiation_test import Half
from sluice.v1 import room_pb2
from webrtc_peer import Identity

MONITORING = TREE / "deploy/monitoring"
NAME = re.compile(r"\b((?:sluice|grpc_server|process)_\w+)(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
API_PORT = os.environ["LAB_API_PORT"]
PROMETHEUS_PORT = 9090
# What a scrape adds or a dashboard varies.
OF_THE_SCRAPE = {"job", "instance"}


def dashboard_expressions():
    board = json.loads((MONITORING / "sluice-dashboard.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


def rule_expressions():
    text = (MONITORING / "sluice-rules.yml").read_text(encoding="utf-8")
    parts = re.findall(r"expr: (?:>-\n((?:          .*\n)+)|(.*)\n)", text)
    return [" ".join((block or line).split()) for block, line in parts]


class Scrapes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    def test_promtool_accepts_the_text(self):
        done = promtool("check", "metrics", input=scrape())
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_every_series_is_there_from_the_start(self):
        """A scrape of a control plane just started has the same series as after work; so labels are
        bounded too: no room, participant or address becomes one."""
        ctl("stop", "controlplane")
        ctl("start", "controlplane")
        wait_for(lambda: value(series(scrape()), "sluice_dataplane_attached") == 1, "the attach")
        before = series(scrape())
        self.api.await_dataplane()
        joined = self.api.join("monitored", "somebody")
        failure(grpc.StatusCode.NOT_FOUND, self.api.get, "nobody-made-it")
        after = series(scrape())
        self.assertEqual(set(before), set(after))
        for name in ("sluice_auth_refusals_total", "sluice_quota_refusals_total",
                     "sluice_api_client_certificates_refused_total", "sluice_whip_requests_total"):
            self.assertEqual(set(values(before, name)), {0}, name)
        self.assertEqual(value(before, "sluice_rooms"), 0)
        self.assertEqual(value(after, "sluice_rooms"), 1)
        self.assertEqual(value(after, "sluice_participants"), 1)
        for text in ("monitored", "somebody", SFU4):
            self.assertNotIn(text, scrape())
        self.api.leave(joined.session)
        self.api.delete("monitored")

    def test_calls_are_counted_by_method_and_code(self):
        def calls(method, code):
            return value(series(scrape()), "grpc_server_handled_total", grpc_method=method,
                         grpc_code=code, grpc_service="sluice.v1.RoomService", grpc_type="unary")

        before = calls("GetRoom", "NotFound"), calls("GetRoom", "OK")
        failure(grpc.StatusCode.NOT_FOUND, self.api.get, "nobody-made-it")
        self.assertEqual(calls("GetRoom", "NotFound"), before[0] + 1)
        self.assertEqual(calls("GetRoom", "OK"), before[1])
        stream = self.api.watch_events()
        stream.next()
        stream.cancel()
        wait_for(lambda: value(series(scrape()), "grpc_server_handled_total",
                               grpc_method="WatchEvents", grpc_code="Canceled") > 0,
                 "the cancelled stream to be counted")
        with self.assertRaises(grpc.RpcError):
            self.api.channel.unary_unary("/sluice.v1.RoomService/Dance")(b"")
        self.assertGreater(value(series(scrape()), "sluice_api_unknown_methods_total"), 0)

    def test_whip_requests_are_counted_by_method_and_status(self):
        def counts():
            return {labels: number for (name, labels), number in series(scrape()).items()
                    if name == "sluice_whip_requests_total"}

        def ask(*arguments):
            return subprocess.run(["curl", "-sk", "-o", "/dev/null", *arguments], check=True)

        where = f"https://{SFU4}:{API_PORT}"
        before = counts()
        ask("-X", "POST", "-H", "content-type: text/plain", "-d", "x", f"{where}/whip/counted")
        ask("-X", "DELETE", f"{where}/whep/counted/x/{'0' * 64}")
        ask("-X", "DANCE", f"{where}/whep/counted")
        ask("-X", "OPTIONS", "-H", f"origin: {where}", "-H", "access-control-request-method: POST",
            f"{where}/whip/counted")
        ask("-H", "origin: https://elsewhere.example", f"{where}/whip/counted")
        ask(f"{where}/whip")  # the page's
        after = counts()
        grown = {labels: number - before[labels] for labels, number in after.items()
                 if number != before[labels]}
        self.assertEqual(grown, {
            (("code", code), ("method", method), ("protocol", protocol)): 1
            for protocol, method, code in (("whip", "POST", "415"), ("whep", "DELETE", "404"),
                                           ("whep", "other", "405"), ("whip", "OPTIONS", "204"),
                                           ("whip", "GET", "403"))})

    def test_every_drop_has_its_series(self):
        ingress, egress = drop_names()
        found = series(scrape())
        for name, reasons in (("sluice_ingress_drops_total", ingress),
                              ("sluice_egress_drops_total", egress)):
            self.assertEqual([dict(labels)["reason"] for its, labels in found if its == name],
                             reasons)

    def test_the_books_balance_and_agree_with_the_api(self):
        """At rest; what is dropped now shows by its name in both."""
        def closed():
            return value(series(scrape()), "sluice_ingress_drops_total", reason="NOT_RTC")

        before = closed()
        subprocess.run(["bash", "-c", f"printf '\\xff%.0s' {{1..60}} >/dev/udp/{SFU4}/{MEDIA_PORT}"],
                       check=True)
        wait_for(lambda: closed() == before + 1, "the packet to be counted")

        def rests():
            found = series(scrape())
            return values(found, "sluice_books_difference_packets") == [0, 0]

        wait_for(rests, "the books to balance")
        found = series(scrape())
        for way in ("wire", "kernel"):
            received, *rest = (value(found, f"sluice_packets_{term}_total", **{"from": way})
                               for term in ("received", "forwarded", "consumed", "dropped"))
            self.assertGreater(received, 0)
            self.assertEqual(received - sum(rest),
                             value(found, "sluice_books_difference_packets", **{"from": way}))
        self.assertEqual(sum(values(found, "sluice_ingress_drops_total")),
                         value(found, "sluice_packets_dropped_total", **{"from": "wire"}))
        told = {d.name: d.packets for d in self.api.statistics().drops}
        self.assertEqual(told["NOT_RTC"], before + 1)

    def test_every_core_has_its_load(self):
        self.api.get_node()  # by TCP through the dataplane
        wait_for(lambda: value(series(scrape()), "sluice_wire_receive_packets_total") > 0, "traffic")
        found = series(scrape())
        workers = [dict(labels)["worker"] for name, labels in found
                   if name == "sluice_worker_busy_seconds_total"]
        self.assertEqual(workers, ["0", "1", "main"])
        for worker in workers:
            self.assertGreater(value(found, "sluice_worker_polls_total", worker=worker), 0)
            self.assertGreater(value(found, "sluice_worker_empty_polls_total", worker=worker), 0)
        self.assertGreater(sum(values(found, "sluice_worker_busy_seconds_total")), 0)
        self.assertGreater(value(found, "sluice_wire_receive_bytes_total"), 0)

    def test_counters_stand_still_while_there_is_no_dataplane(self):
        before = series(scrape())
        ctl("stop", "dataplane")
        try:
            wait_for(lambda: value(series(scrape()), "sluice_dataplane_attached") == 0, "the loss")
            during = series(scrape())
            for name in ("sluice_wire_receive_packets_total", "sluice_packets_received_total"):
                for old, now in zip(values(before, name), values(during, name)):
                    self.assertGreaterEqual(now, old, name)
                    self.assertGreater(now, 0, name)
        finally:
            ctl("start", "dataplane")
        wait_for(lambda: value(series(scrape()), "sluice_dataplane_attached") == 1, "the attach")

    def test_http(self):
        head = curl("--head", METRICS)
        self.assertRegex(head, r"(?i)content-type: text/plain; version=0\.0\.4")
        packed = prometheus_lab.in_lab("curl", "-si", "-H", "accept-encoding: gzip", METRICS).stdout
        self.assertIn(b"content-encoding: gzip", packed.lower())
        self.assertLess(len(packed), len(scrape()) / 5)
        self.assertEqual(set(series(curl("--compressed", METRICS))), set(series(scrape())))
        for wanted, *arguments in ((404, f"http://{ADDRESS}/"), (405, "-d", "x", METRICS),
                                   (404, "-d", "x", "-H", "content-type: application/grpc-web",
                                    f"http://{ADDRESS}/sluice.v1.RoomService/ListRooms"),
                                   (404, f"http://{ADDRESS}/whip/room")):
            status = curl("-o", "/dev/null", "-w", "%{http_code}", *arguments)
            self.assertEqual(int(status), wanted, arguments)


    def test_on_the_api_itself(self):
        """Over both HTTP versions, on the Unix socket and on the TLS port."""
        unix = ("--unix-socket", f"{STATE}/api.sock", "http://localhost/metrics")
        tls = ("-k", f"https://{SFU4}:{API_PORT}/metrics")
        for version, option, where in (("1.1", "--http1.1", unix), ("1.1", "--http1.1", tls),
                                       ("2", "--http2-prior-knowledge", unix),
                                       ("2", "--http2", tls)):
            done = subprocess.run(["curl", "-sS", "-i", "--compressed", option, *where],
                                  capture_output=True, text=True, check=True)
            head, body = done.stdout.replace("\r", "").split("\n\n", 1)
            self.assertRegex(head, rf"^HTTP/{version} 200")
            self.assertRegex(head, r"(?i)content-type: text/plain; version=0\.0\.4")
            self.assertRegex(head, r"(?i)content-encoding: gzip")
            self.assertEqual(set(series(body)), set(series(scrape())))

    def test_latencies_are_histograms(self):
        """What is answered falls into the buckets: calls, the epochs that applied them, and the steps
        of a transport's set-up by a peer that is no browser."""
        def count(name, **labels):
            found = series(scrape())
            buckets = [n for le, n in sorted((float(dict(pairs)["le"]), n)
                                             for (its, pairs), n in found.items()
                                             if its == f"{name}_bucket" and
                                             set(labels.items()) <= set(pairs))]
            self.assertEqual(buckets, sorted(buckets))
            self.assertGreater(len(buckets), 5)
            self.assertEqual(buckets[-1], value(found, f"{name}_count", **labels))
            return buckets[-1], value(found, f"{name}_sum", **labels)

        def counts():
            return {"call": count("grpc_server_handling_seconds", grpc_method="Join"),
                    "epoch": count("sluice_epoch_seconds"),
                    "ice": count("sluice_handshake_seconds", step="ice"),
                    "dtls": count("sluice_handshake_seconds", step="dtls")}

        before = counts()
        half, session = Half(Identity()), self.api.join("timed", "somebody").session
        self.addCleanup(half.peer.socket.close)
        self.addCleanup(self.api.delete, "timed")
        half.connect(self.api.publish(session, half.describe(sdp())).sdp)
        wait_for(lambda: counts()["dtls"] != before["dtls"], "the handshake to be counted")
        after = counts()
        self.assertGreater(after["epoch"][0], before["epoch"][0])
        for one in ("call", "ice", "dtls"):
            self.assertEqual(after[one][0], before[one][0] + 1, one)
        for one, (_, seconds) in after.items():
            self.assertTrue(0 < seconds - before[one][1] < 20, one)

    def status(self, *arguments):
        """Of /metrics on the API's TLS port."""
        done = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *arguments,
                               f"https://{SFU4}:{API_PORT}/metrics"], capture_output=True, text=True,
                              check=True)
        return int(done.stdout)

    def test_on_the_api_by_token(self):
        """Tokens and their key are sluicectl's."""
        def sluicectl(*arguments):
            return subprocess.run([TREE / "controlplane/ctl/sluicectl", "token", *arguments],
                                  capture_output=True, text=True, check=True,
                                  env={"PATH": "/usr/bin", "SLUICE_BUILD": str(BUILD)}).stdout.strip()

        keys = STATE / "token.keys"
        keys.touch(mode=0o600)
        keys.write_text(sluicectl("--new-key", "main") + "\n", encoding="ascii")
        ctl("stop", "controlplane")
        ctl("start", "controlplane", "--auth", "tokens", "--token-keys", str(keys))
        try:
            self.assertEqual(self.status(), 401)
            for granted, wanted in (("--publish", 403), ("--observe", 200), ("--administer", 200)):
                token = sluicectl("--keys", str(keys), granted, "--room", "*")
                self.assertEqual(self.status("-H", f"authorization: Bearer {token}"), wanted, granted)
        finally:
            ctl("stop", "controlplane")
            ctl("start", "controlplane")


class Monitoring(unittest.TestCase):
    """deploy/monitoring against the endpoint."""

    def test_rules(self):
        for arguments in (("check", "rules", "sluice-rules.yml"),
                          ("check", "config", "prometheus.yml"),
                          ("test", "rules", "sluice-rules-test.yml")):
            done = promtool(*arguments, cwd=MONITORING)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_has_a_test(self):
        alerts = re.findall(r"alert: (\w+)", (MONITORING / "sluice-rules.yml").read_text("utf-8"))
        tested = re.findall(r"- name: (\w+)$", (MONITORING / "sluice-rules-test.yml").read_text(
            "utf-8"), re.MULTILINE)
        self.assertEqual(alerts, tested)

    def test_dashboard_expressions_are_promql(self):
        rules = "".join(f"      - record: panel:{i}\n        expr: >-\n          {expr}\n"
                        for i, expr in enumerate(dashboard_expressions()))
        text = "groups:\n  - name: dashboard\n    rules:\n" + re.sub(
            r"\$__rate_interval", "5m", rules)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(text)
            file.flush()
            done = promtool("check", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def check_matchers(self, expression, name, text, found):
        """Every label that is asked for is there, with the values that are asked for."""
        for label, operator, asked in MATCHER.findall(text):
            if label in OF_THE_SCRAPE:
                continue
            there = {dict(labels).get(label) for its, labels in found if its == name}
            self.assertNotIn(None, there, f"{name} has no label {label}: {expression}")
            for one in asked.split("|") if operator in ("=~", "!~") else [asked]:
                self.assertIn(one, there, f"{name}: no {label} is {one}: {expression}")

    def test_every_name_is_there(self):
        found = series(scrape())
        names = {name for name, _ in found}
        expressions = rule_expressions() + dashboard_expressions()
        self.assertGreater(len(expressions), 60)
        used = 0
        for expression in expressions:
            for name, matchers in NAME.findall(re.sub(r"by \([^)]*\)|without \([^)]*\)", "",
                                                      expression)):
                used += 1
                self.assertIn(name, names, f"not in /metrics: {expression}")
                self.check_matchers(expression, name, matchers, found)
        self.assertGreater(used, 70)

    def test_every_metric_is_watched_or_shown(self):
        """What nobody looks at is not worth its line; those below are for reading by hand."""
        by_hand = {"sluice_build_info", "sluice_dataplane_workers", "sluice_api_connections_limit",
                   "sluice_api_unknown_methods_total", "process_virtual_memory_bytes",
                   "process_threads", "process_start_time_seconds",
                   "sluice_worker_keyframe_groups_sent_total", "sluice_wire_flow_rules",
                   "sluice_wire_flow_rules_made_total", "sluice_wire_flow_rules_refused_total"}
        text = " ".join(rule_expressions() + dashboard_expressions())
        families = set(re.findall(r"^# TYPE (\w+)", scrape(), re.MULTILINE))
        unseen = {name for name in families if not re.search(rf"\b{name}(_bucket|_count)?\b", text)}
        self.assertEqual(unseen, by_hand)


class RealPrometheus(unittest.TestCase):
    def query(self, path):
        text = curl(f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/{path}", "--retry-connrefused",
                    "--retry", "20", "--retry-delay", "1")
        answer = json.loads(text)
        self.assertEqual(answer["status"], "success", answer)
        return answer["data"]

    def ask(self, expression):
        found = self.query("query?query=" + urllib.parse.quote(expression))["result"]
        return float(found[0]["value"][1]) if found else None

    def test_it_scrapes(self):
        with tempfile.TemporaryDirectory() as directory:
            config = pathlib.Path(directory, "prometheus.yml")
            text = (MONITORING / "prometheus.yml").read_text("utf-8").replace("15s", "1s")
            config.write_text(text.replace("sluice-rules.yml", str(MONITORING / "sluice-rules.yml")),
                              encoding="utf-8")
            process = subprocess.Popen(
                ["ip", "netns", "exec", prometheus_lab.LAB, prometheus_lab.tool("prometheus"),
                 f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                 f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                self.look()
            finally:
                process.terminate()
                self.last_words = process.communicate(timeout=20)[1]

    def look(self):
        wait_for(lambda: self.ask('up{job="sluice"}') == 1, "a first scrape")
        target = self.query("targets")["activeTargets"][0]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        self.assertEqual(self.ask("sluice_dataplane_attached"), 1)
        self.assertEqual(self.ask("count(sluice_build_info)"), 1)

        def rules():
            return [r for group in self.query("rules")["groups"] for r in group["rules"]]

        wait_for(lambda: all(r["health"] == "ok" for r in rules()), "every rule to be evaluated")
        firing = [r["name"] for r in rules() if r.get("state") == "firing"]
        self.assertEqual(firing, [], "a node in good health raises an alert")


if __name__ == "__main__":
    unittest.main()
