# SPDX-License-Identifier: Apache-2.0
"""SRTP by a hand that is not ours: the system's libcrypto through python3-cryptography. RFC 3711,
RFC 7714; rollover counter 0 throughout, which the tests' few packets never leave. SRTCP for the
AEAD suites alone.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITES = {"AES_CM_128_HMAC_SHA1_80": 30, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}
HEADER, RTCP_HEADER = 12, 8
TAG_CM = 10
ENCRYPTED = 1 << 31  # in front of an SRTCP index


def counter_mode(key, iv, data):
    context = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return context.update(data) + context.finalize()


class Keys:
    """The session keys of one direction (RFC 3711 4.3, key derivation rate 0)."""

    def __init__(self, suite, master, first_label=0):
        size = 32 if "256" in suite else 16
        key, salt = master[:size], master[size:].ljust(14, b"\0")
        derive = lambda label, count: counter_mode(
            key, (int.from_bytes(salt, "big") ^ label << 48).to_bytes(14, "big") + b"\0\0",
            bytes(count))
        self.aead = suite.startswith("AEAD")
        self.key, self.auth, self.salt = (derive(first_label, size), derive(first_label + 1, 20),
                                          derive(first_label + 2, len(master) - size))

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


class SrtcpKeys(Keys):
    """Those of SRTCP (RFC 3711 4.3.1: labels 3 to 5)."""

    def __init__(self, suite, master):
        super().__init__(suite, master, 3)

    def cipher(self, ssrc, index):
        """The cipher, its nonce (RFC 7714 9.1)."""
        value = int.from_bytes(ssrc, "big") << 48 | index
        return AESGCM(self.key), (int.from_bytes(self.salt, "big") ^ value).to_bytes(12, "big")


def header_size(packet):
    """Of RTP without CSRCs: with the extension block, which is not encrypted."""
    assert packet[0] & 0xef == 0x80, "a header with more in it than was asked for"
    if packet[0] & 0x10 == 0:
        return HEADER
    return HEADER + 4 + 4 * struct.unpack_from("!H", packet, HEADER + 2)[0]


class SrtpPeer:
    def __init__(self, suite, send_master, receive_master):
        self.send, self.receive = Keys(suite, send_master), Keys(suite, receive_master)
        self.send_rtcp = SrtcpKeys(suite, send_master)
        self.receive_rtcp = SrtcpKeys(suite, receive_master)
        self.rtcp_index = 0

    def protect(self, packet):
        size, keys = header_size(packet), self.send
        header = packet[:size]
        if keys.aead:
            return header + AESGCM(keys.key).encrypt(keys.iv(packet, 12), packet[size:], header)
        sealed = header + counter_mode(keys.key, keys.iv(packet, 16), packet[size:])
        return sealed + keys.tag(sealed)

    def unprotect(self, packet):
        """The opened packet; raises where the tag is wrong."""
        size, keys = header_size(packet), self.receive
        header = packet[:size]
        if keys.aead:
            return header + AESGCM(keys.key).decrypt(keys.iv(packet, 12), packet[size:], header)
        sealed = packet[:-TAG_CM]
        assert hmac.compare_digest(keys.tag(sealed), packet[-TAG_CM:]), "tag"
        return header + counter_mode(keys.key, keys.iv(packet, 16), sealed[size:])

    def protect_rtcp(self, compound):
        header, trailer = compound[:RTCP_HEADER], struct.pack("!I", ENCRYPTED | self.rtcp_index)
        cipher, nonce = self.send_rtcp.cipher(header[4:], self.rtcp_index)
        self.rtcp_index += 1
        return header + cipher.encrypt(nonce, compound[RTCP_HEADER:], header + trailer) + trailer

    def unprotect_rtcp(self, packet):
        """The opened compound; raises where the tag is wrong."""
        header, trailer = packet[:RTCP_HEADER], packet[-4:]
        index = struct.unpack("!I", trailer)[0] & ~ENCRYPTED
        cipher, nonce = self.receive_rtcp.cipher(header[4:], index)
        return header + cipher.decrypt(nonce, packet[RTCP_HEADER:-4], header + trailer)
