#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""WHIP and WHEP where the node will not or cannot: draining, without a dataplane, a counter-offer
nobody answers, more requests than one address may send; and without TLS, for a proxy in front. Rows
as in whip_test.py.
"""
import os
import socket
import ssl
import subprocess
import unittest

import whip_test
from api_lab import PATIENCE_S, SFU4, STATE, ctl, wait_for
from sluice.v1 import node_pb2
from whip_test import EMPTY_OFFER, OFFER, SDP

BURST, COUNTER_OFFER_MS, PLAIN_PORT = 20, 400, 8080
BODY_MAX = BODIES_MAX = 64 << 20  # max_request_bytes at its most, DISPATCH_BODY_BYTES_MAX
KIND = f"content-type: {SDP}"


class Limits(whip_test.Row, whip_test.WithApi):
    version = "2"

    def test_1_draining(self):
        room = self.room()
        self.api.node.DrainNode(node_pb2.DrainNodeRequest(), timeout=PATIENCE_S)
        self.ask("RFC 9725 4.5", 503, "POST", f"/whip/{room}", KIND, body=OFFER,
                 retry_after=r"\d+")
        self.api.node.UndrainNode(node_pb2.UndrainNodeRequest(), timeout=PATIENCE_S)
        self.ask("RFC 9725 4.2", 201, "POST", f"/whip/{room}", KIND, body=OFFER)

    def test_2_counter_offer_is_void(self):
        room = self.room()
        self.publisher(room)
        offer = self.ask("WHEP-04 4.3.2", 406, "POST", f"/whep/{room}", KIND, body=EMPTY_OFFER)
        session = offer.one("location")
        wait_for(lambda: whip_test.curl("2", "GET", session).status == 404, "the offer's end")
        self.ask("WHEP-04 4.3.2", 404, "PATCH", session, KIND, body=offer.body)
        self.assertEqual(self.api.get(room).participant_count, 1)

    def test_2_plain_port(self):
        """RFC 9112, RFC 9113 3.3: of either version, by its first bytes; nothing else differs."""
        self.addCleanup(setattr, self, "version", self.version)
        self.addCleanup(setattr, self, "url", self.url)
        self.url = f"http://{SFU4}:{PLAIN_PORT}"
        for self.version in ("1.1", "2-prior-knowledge"):
            session = self.ask("RFC 9725 4.2", 201, "POST", f"/whip/{self.room()}", KIND,
                               body=OFFER, etag=whip_test.STRONG_ETAG, location="/whip/.*")
            path = session.one("location")
            self.ask("RFC 9725 4.3.2", 204, "PATCH", path, f"if-match: {session.one('etag')}",
                     f"content-type: {whip_test.FRAGMENT}", body=whip_test.TRICKLE, etag=None)
            self.ask("RFC 9725 4.2", 200, "DELETE", path)

    def test_2_too_many_bytes_under_way(self):
        """All bodies that are under way together, larger than one may be."""
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((SFU4, int(os.environ["LAB_API_PORT"])), PATIENCE_S) as s, \
                tls.wrap_socket(s) as other:
            other.sendall(b"POST /whip/room HTTP/1.1\r\nHost: sfu\r\nContent-Length: %d\r\n"
                          b"Content-Type: application/sdp\r\n\r\n" % BODY_MAX +
                          bytes(BODIES_MAX * 3 // 5))
            answer = self.ask("RFC 9110 15.6.4", 503, "POST", f"/whip/{self.room()}", KIND,
                              body="v" * (BODIES_MAX * 3 // 5), retry_after=r"\d+")
            self.assertIn("request bytes under way", answer.body)

    def test_3_rate(self):
        """The burst is the configured one, less what the tests before have sent."""
        config = "".join(f'url = "{whip_test.URL}/whip/{i}/x/{"0" * 64}"\nrequest = DELETE\n'
                         'output = "/dev/null"\n' for i in range(3 * BURST))
        done = subprocess.run(["curl", "-ksS", "--http2", "--parallel", "-K", "-",
                               "-w", "%{http_code}\n"], input=config, capture_output=True,
                              text=True, check=True)
        told = done.stdout.split()
        self.assertGreater(told.count("404"), 0)
        self.assertGreaterEqual(told.count("429"), BURST)

    def test_4_without_a_dataplane(self):
        """TCP goes through the dataplane, so by the Unix socket."""
        ctl("stop", "dataplane")
        self.addCleanup(ctl, "start", "dataplane")
        command = ["curl", "-sS", "-i", "--max-time", "20", "--unix-socket", f"{STATE}/api.sock",
                   "-H", KIND, "--data-binary", "@-", "http://localhost/whip/room"]

        def post():
            done = subprocess.run(command, input=OFFER.encode(), capture_output=True, check=True)
            return whip_test.Answer(done.stdout.decode())
        wait_for(lambda: post().status == 503, "503")
        answer = post()
        self.assertEqual(answer.status, 503)
        self.assertRegex(answer.one("retry-after"), r"^\d+$")
        self.assertRegex(answer.body, r"^No dataplane is attached.*\n$")


def main():
    ctl("stop", "controlplane")
    ctl("start", "controlplane", f"--counter-offer-timeout-ms={COUNTER_OFFER_MS}",
        f"--whip-rate-burst={BURST}", "--whip-rate-per-s=1",
        f"--listen-plain={SFU4}:{PLAIN_PORT}", f"--max-request-bytes={BODY_MAX}")
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
