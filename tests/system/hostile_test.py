#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# lab: --clients 1
"""Bad input to the API, over TLS as from outside: offers that cannot be served and broken framing.
Each ends in a sentence or the end of that one connection, and the server answers the next call.
tests/browser/hostile.test.mjs runs this beside a call, and sends its own to the media port.
"""
import os
import random
import re
import socket
import ssl
import struct
import sys
import unittest

import api_lab
from api_lab import SFU4, Api, failure, sdp
import grpc

sys.path.insert(0, str(api_lab.TREE / "tests/system/rpc"))
import h2_raw  # noqa: E402  pylint: disable=wrong-import-position

Code = grpc.StatusCode
SEED = 20261123
ROOM = f"hostile-{os.getpid()}"


class Offers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = Api()
        cls.session = cls.api.join(ROOM, "mallory").session

    @classmethod
    def tearDownClass(cls):
        cls.api.leave(cls.session)
        cls.api.close()

    def refused(self, text):
        return failure(Code.INVALID_ARGUMENT, self.api.publish, self.session, text)

    def test_what_is_missing_is_named(self):
        for name in ("fingerprint", "ice-ufrag", "ice-pwd"):
            text = re.sub(rf"a={name}:[^\r]*\r\n", "", sdp())
            self.assertRegex(self.refused(text), rf"m-line 1 .*{name}")

    def test_a_megabyte_of_attributes(self):
        attributes = "a=x:" + "y" * 75 + "\r\n"
        almost = sdp() + attributes * ((1 << 20) // len(attributes) - 200)
        self.assertIn("262144", self.refused(almost))
        failure(Code.RESOURCE_EXHAUSTED, self.api.publish, self.session, sdp() + attributes * 20000)

    def test_noise_for_an_offer(self):
        whole = sdp()
        for _ in range(100):
            at = random.randrange(len(whole))
            try:
                self.api.publish(self.session, whole[:at] + chr(random.randrange(1, 127)) * 9 +
                                 whole[at + random.randrange(60):])
            except grpc.RpcError as error:
                self.assertEqual(error.code(), Code.INVALID_ARGUMENT, error.details())
                self.assertTrue(error.details())


class TlsConnection(h2_raw.Connection):
    """h2 over TLS to the API's port, as grpc clients come."""

    def __init__(self, protocol="h2", hello=True):  # pylint: disable=super-init-not-called
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        plain = socket.create_connection((SFU4, int(os.environ["LAB_API_PORT"])), timeout=10)
        self.socket = context.wrap_socket(plain)
        self.buffer = b""
        if hello:
            self.send(h2_raw.PREFACE + h2_raw.frame(h2_raw.SETTINGS, 0, 0))

    def close(self):
        self.socket.close()


class Framing(unittest.TestCase):
    def setUp(self):
        self.connection = None

    def tearDown(self):
        if self.connection is not None:
            self.connection.close()
        api = Api()
        self.assertTrue(api.get_node().dataplane_attached)
        api.close()

    def answered(self, payload, flags=h2_raw.END_STREAM):
        """grpc-status of a GetNode call with these bytes for its message; the connection lives."""
        self.connection = c = TlsConnection()
        c.send(h2_raw.frame(h2_raw.HEADERS, h2_raw.END_HEADERS, 1,
                            h2_raw.request("/sluice.v1.NodeService/GetNode")))
        c.send(h2_raw.frame(h2_raw.DATA, flags, 1, payload))
        seen = c.until(lambda kind, flag, stream: stream == 1 and
                       (kind == h2_raw.RST_STREAM or flag & h2_raw.END_STREAM))
        self.assertTrue(c.ping())
        return seen

    def test_lengths_that_lie(self):
        for payload in (b"\0", b"\0\0\0\0\x09abc", struct.pack("!BI", 0, 0xFFFFFFFF),
                        b"\1\0\0\0\1x", b"\x07\0\0\0\0", b"\0\0\0\0\0" * 3,
                        b"\0\0\0\0\2\xff\xff"):
            seen = self.answered(payload)
            self.assertIn(seen[-1][0], (h2_raw.HEADERS, h2_raw.RST_STREAM))
            self.assertFalse([f for f in seen if f[0] == h2_raw.DATA], "it was answered")
            self.connection.close()

    def test_frames_that_break_h2_end_the_connection(self):
        for bad in (h2_raw.frame(h2_raw.DATA, 0, 0, b"x"),
                    h2_raw.frame(h2_raw.SETTINGS, 0, 0, b"xyz"),
                    h2_raw.frame(h2_raw.CONTINUATION, 4, 5, b""),
                    h2_raw.frame(h2_raw.HEADERS, 4, 1, b"\xff" * 40),
                    b"\xff\xff\xff" + random.randbytes(300)):
            self.connection = TlsConnection()
            self.connection.send(bad)
            kinds = [f[0] for f in self.connection.ends()]
            self.assertIn(h2_raw.GOAWAY, kinds)
            self.connection.close()

    def test_noise_for_a_protocol(self):
        for protocol in ("h2", "http/1.1"):
            for size in (1, 30, 3000):
                self.connection = TlsConnection(protocol, hello=False)
                try:
                    self.connection.send(random.randbytes(size) + b"\r\n\r\n")
                    self.connection.socket.shutdown(socket.SHUT_WR)
                    while self.connection.socket.recv(4096):
                        pass
                except OSError:
                    pass  # the end may come before all of it is sent
                self.connection.close()

    def test_noise_for_tls(self):
        for size in (1, 200, 20000):
            plain = socket.create_connection((SFU4, int(os.environ["LAB_API_PORT"])), timeout=10)
            try:
                plain.sendall(random.randbytes(size))
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
            except OSError:
                pass
            plain.close()


if __name__ == "__main__":
    random.seed(SEED)
    unittest.main()
