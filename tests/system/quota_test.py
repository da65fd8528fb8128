#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""A tenant that publishes more than its bitrate quota: newcomers are refused by every way in, others
are not, what runs goes on, and below the quota all may come again.
"""
import threading
import unittest

from prometheus_lab import scrape, series, value

from api_lab import ctl, failure, sdp, wait_for
import grpc
import plain_test
from plain_test import rtp
from sluice.v1 import room_pb2
from whip_test import SDP, curl

Code = grpc.StatusCode
LIMIT_KBPS = 200
MEASURED_S = 15  # every 5 s, and a rate needs two


class Publisher:
    """Sends more than the quota, until the block ends."""

    def __init__(self, peer):
        self.peer, self.over = peer, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        seq = 0
        while not self.over.wait(0.01):
            seq += 1
            self.peer.send(rtp(seq, payload=bytes(500)), self.peer.to)  # 400 kbit/s

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.over.set()
        self.thread.join()


class Bitrate(plain_test.WithTransports):
    def admitted(self, room):
        try:
            self.api.leave(self.api.join(room).session)
            return True
        except grpc.RpcError as error:
            self.assertEqual(error.code(), Code.RESOURCE_EXHAUSTED, error)
            self.refused += 1
            return False

    def test_bitrate(self):
        self.refused = 0
        for room, tenant in (("loud", "acme"), ("quiet", "acme"), ("other", "umbrella"), ("free", "")):
            self.api.create(room, room=room_pb2.Room(tenant=tenant))
        peer = self.peer()
        transport = self.create(peer, room="rooms/loud", transport_id="trunk")
        track = self.produce(transport).track
        self.assertTrue(self.admitted("quiet"))
        with Publisher(peer):
            wait_for(lambda: not self.admitted("quiet"), "the quota to be used up", MEASURED_S)
            text = failure(Code.RESOURCE_EXHAUSTED, self.api.join, "loud")
            self.assertEqual(text, "tenant acme: its quota of 200 kbit/s is used up: end some, or "
                                   "have it raised.")
            text = failure(Code.RESOURCE_EXHAUSTED, self.create, self.peer(), room="rooms/quiet")
            self.assertIn("200 kbit/s", text)
            answer = curl("2", "POST", "/whip/quiet", f"content-type: {SDP}", body=sdp())
            self.assertEqual(answer.status, 429)  # RFC 6585 4
            self.assertIn("200 kbit/s", answer.body)
            self.assertRegex(answer.one("retry-after"), r"^\d+$")
            self.assertEqual(value(series(scrape()), "sluice_quota_refusals_total", quota="bitrate"),
                             self.refused + 3)
            # Not others, and not those without a tenant.
            self.assertTrue(self.admitted("other"))
            self.assertTrue(self.admitted("free"))
            # What is there goes on.
            before = self.received(track)
            wait_for(lambda: self.received(track) > before + 20, "media to go on")
        wait_for(lambda: self.admitted("quiet"), "room below the quota", MEASURED_S)
        self.assertEqual(value(series(scrape()), "sluice_quota_refusals_total", quota="rooms"), 0)

    def received(self, track):
        return sum(s.packets_received for s in self.api.statistics().inbound_rtp if s.track == track)


def main():
    ctl("stop", "controlplane")
    ctl("start", "controlplane", f"--quota-bitrate-kbps={LIMIT_KBPS}")
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
