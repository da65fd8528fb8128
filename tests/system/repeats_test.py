#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""request_id over a restart: a control plane is killed, and the next one, on the same segment, gives
the first answer to a repeat, refuses another body under the same id, and forgets in time.
"""
import time
import unittest

import api_lab
from api_lab import PATIENCE_S, ctl, failure, sdp, wait_for
import grpc
from sluice.v1 import room_pb2, signalling_pb2

Code = grpc.StatusCode
TTL_S = 3


class Repeats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = None
        cls.restart("stop")

    @classmethod
    def tearDownClass(cls):
        cls.api.close()

    @classmethod
    def restart(cls, how, *flags):
        if cls.api is not None:
            cls.api.close()
        ctl(how, "controlplane")
        ctl("start", "controlplane", f"--unix-socket={api_lab.STATE}/api.sock", *flags)
        # Repeats are told by caller: the Unix socket has the same one before and after.
        cls.api = api_lab.Api(f"{api_lab.STATE}/api.sock")
        cls.api.await_dataplane()

    def test_1_killed(self):
        room = room_pb2.Room(display_name="first")
        made = self.api.create("kept", room=room, request_id="create")
        joined = self.api.join("kept", "me", request_id="join")
        answer = self.api.publish(joined.session, sdp(), request_id="publish")
        refused = failure(Code.ALREADY_EXISTS, self.api.create, "kept", request_id="again")
        self.restart("kill")
        # Nothing of it is there any more, so each could only be made anew.
        failure(Code.NOT_FOUND, self.api.get, "kept")
        self.assertEqual(self.api.create("kept", room=room, request_id="create"), made)
        self.assertEqual(self.api.join("kept", "me", request_id="join"), joined)
        self.assertEqual(self.api.publish(joined.session, sdp(), request_id="publish"), answer)
        self.assertEqual(failure(Code.ALREADY_EXISTS, self.api.create, "kept",
                                 request_id="again"), refused)
        failure(Code.NOT_FOUND, self.api.get, "kept")
        self.assertIn("request_id", failure(Code.FAILED_PRECONDITION, self.api.create, "kept",
                                            request_id="create"))
        self.assertIn("request_id", failure(
            Code.FAILED_PRECONDITION, self.api.signalling.Join,
            signalling_pb2.JoinRequest(room="rooms/kept", participant_id="you",
                                       request_id="join"), timeout=PATIENCE_S))
        # An id that nobody used is no repeat.
        self.assertNotEqual(self.api.create("kept", room=room, request_id="new").uid, made.uid)

    def test_2_twice_and_by_the_time_told(self):
        self.restart("kill", f"--request-id-ttl-s={TTL_S}")
        start = time.monotonic()
        made = self.api.create("short", request_id="short")
        self.restart("kill", f"--request-id-ttl-s={TTL_S}")
        answers = []

        def anew():
            answers.append(self.api.create("short", request_id="short"))
            return answers[-1].uid != made.uid
        wait_for(anew, "the first answer to be forgotten")
        self.assertGreaterEqual(time.monotonic() - start, TTL_S)
        self.assertEqual(answers[:-1], [made] * (len(answers) - 1))
        self.assertEqual(self.api.get("short").uid, answers[-1].uid)


if __name__ == "__main__":
    unittest.main(verbosity=2)
