# SPDX-License-Identifier: Apache-2.0
"""SRTP by a hand that is not ours: the system's libcrypto through python3-cryptography. RFC 3711,
RFC 7714; rollover counter 0 throughout, which the tests' few packets never leave.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITES = {"AES_CM_128_HMAC_SHA1_80": 30, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}
HEADER = 12
TAG_CM = 10


def counter_mode(key, iv, data):
    context = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return context.update(data) + context.finalize()


class Keys:
    """The session keys of one direction (RFC 3711 4.3, key derivation rate 0)."""

    def __init__(self, suite, master):
        size = 32 if "256" in suite else 16
        key, salt = master[:size], master[size:].ljust(14, b"\0")
        derive = lambda label, count: counter_mode(
            key, (int.from_bytes(salt, "big") ^ label << 48).to_bytes(14, "big") + b"\0\0",
            bytes(count))
        self.aead = suite.startswith("AEAD")
        self.key, self.auth, self.salt = derive(0, size), derive(1, 20), derive(2, len(master) - size)

    def iv(self, packet, size):
        sequence, ssrc = struct.unpack_from("!H4xI", packet, 2)
        if self.aead:  # RFC 7714 8.1
            value = ssrc << 48 | sequence
        else:  # RFC 3711 4.1.1
            value = ssrc << 64 | sequence << 16
        salt = int.from_bytes(self.salt, "big") << (0 if self.aead else 16)
        return (salt ^ value).to_bytes(size, "big")

    def tag(self, packet):
        return hmac.new(self.auth, packet + bytes(4), hashlib.sha1).digest()[:TAG_CM]


class SrtpPeer:
    def __init__(self, suite, send_master, receive_master):
        self.send, self.receive = Keys(suite, send_master), Keys(suite, receive_master)

    def protect(self, packet):
        header, keys = packet[:HEADER], self.send
        if keys.aead:
            return header + AESGCM(keys.key).encrypt(keys.iv(packet, 12), packet[HEADER:], header)
        sealed = header + counter_mode(keys.key, keys.iv(packet, 16), packet[HEADER:])
        return sealed + keys.tag(sealed)

    def unprotect(self, packet):
        """The opened packet; raises where the tag is wrong."""
        header, keys = packet[:HEADER], self.receive
        assert header[0] == 0x80, "a header with more in it than was asked for"
        if keys.aead:
            return header + AESGCM(keys.key).decrypt(keys.iv(packet, 12), packet[HEADER:], header)
        sealed = packet[:-TAG_CM]
        assert hmac.compare_digest(keys.tag(sealed), packet[-TAG_CM:]), "tag"
        return header + counter_mode(keys.key, keys.iv(packet, 16), sealed[HEADER:])
