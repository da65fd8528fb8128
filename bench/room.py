# SPDX-License-Identifier: Apache-2.0
"""Publishers with as many consumers each, every consumer on a plain transport and key of its own:
the plan of load/plan.h as text, and the same set up through the API.
"""
import secrets

import stubs  # noqa: F401, pylint: disable=unused-import
import grpc
from sluice.v1 import room_pb2, transport_pb2

KEY_BYTES = {"AES_CM_128_HMAC_SHA1_80": 30, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}
PUBLISHER_PORT, SINK_PORT, PT = 20000, 30000, 96
CONSUME_MAX, PATIENCE_S = 1024, 60


def describe(suite, size, publishers, consumers, sfu, generator):
    """A plan with new keys; sfu is (MAC, address, port), generator (MAC, address)."""
    key = lambda: secrets.token_hex(KEY_BYTES[suite])
    lines = [f"suite {suite}", f"bytes {size}", "sfu {} {} {}".format(*sfu),
             "self {} {}".format(*generator)]
    lines += [f"publisher {PUBLISHER_PORT + i} {0x1000000 + i} {PT} {key()}"
              for i in range(publishers)]
    lines += [f"sink {SINK_PORT + i} {0x2000000 + i} {i % publishers} {key()}"
              for i in range(publishers * consumers)]
    return "\n".join([*lines, "go", ""])


class Room:
    """A plan at one SFU. Transports have fixed names, so that another process can remove them."""

    def __init__(self, calls, plan):
        self.calls = calls
        self.lines = [line.split() for line in plan.splitlines()]
        facts = {words[0]: words[1:] for words in self.lines}
        self.suite, self.address = facts["suite"][0], facts["self"][1]

    def _of(self, word):
        return [words[1:] for words in self.lines if words[0] == word]

    def _transport(self, name, port, receive_key, send_key):
        srtp = transport_pb2.SrtpParameters(suite=self.suite, receive_key=receive_key,
                                            send_key=send_key)
        return self.calls.CreateTransport(transport_pb2.CreateTransportRequest(
            transport_id=name, plain=transport_pb2.PlainOptions(connect=transport_pb2.PlainConnect(
                remote=f"{self.address}:{port}", srtp=srtp))), timeout=PATIENCE_S).name

    def _produce(self, transport, ssrc, payload_type):
        codec = transport_pb2.RtpCodec(mime_type="video/VP8", payload_type=payload_type,
                                       clock_rate=90000)
        return self.calls.Produce(transport_pb2.ProduceRequest(
            transport=transport, kind=room_pb2.MEDIA_KIND_VIDEO, codecs=[codec],
            encodings=[transport_pb2.RtpEncoding(ssrc=ssrc)]), timeout=PATIENCE_S).name

    def set_up(self, new_sink_keys=False):
        """new_sink_keys: those of the plan have sealed already, and never seal twice."""
        any_key = lambda: secrets.token_bytes(KEY_BYTES[self.suite])
        producers = [self._produce(self._transport(f"bench-p{i}", port, bytes.fromhex(key),
                                                   any_key()), int(ssrc), int(payload_type))
                     for i, (port, ssrc, payload_type, key) in enumerate(self._of("publisher"))]
        specs = [transport_pb2.ConsumerSpec(
            transport=self._transport(f"bench-s{i}", port, any_key(),
                                      any_key() if new_sink_keys else bytes.fromhex(key)),
            source=producers[int(publisher)], ssrc=int(ssrc))
            for i, (port, ssrc, publisher, key) in enumerate(self._of("sink"))]
        for at in range(0, len(specs), CONSUME_MAX):
            self.calls.Consume(transport_pb2.ConsumeRequest(consumers=specs[at:at + CONSUME_MAX]),
                               timeout=PATIENCE_S)

    def remove(self):
        names = [f"bench-s{i}" for i in range(len(self._of("sink")))]
        names += [f"bench-p{i}" for i in range(len(self._of("publisher")))]
        for name in names:
            try:
                self.calls.DeleteTransport(transport_pb2.DeleteTransportRequest(
                    name=f"transports/{name}"), timeout=PATIENCE_S)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
