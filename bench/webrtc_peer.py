# SPDX-License-Identifier: Apache-2.0
"""A WebRTC peer by hand: ICE as the controlling agent, DTLS by python3-openssl, one socket. It makes
no candidates and keeps no timers of its own: whoever uses it says when to check.
"""
import datetime
import hashlib
import hmac
import secrets
import socket
import struct
import time
import zlib

from OpenSSL import SSL, crypto
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BINDING_REQUEST, BINDING_SUCCESS, COOKIE = 0x0001, 0x0101, 0x2112A442
USERNAME, PRIORITY, USE_CANDIDATE, CONTROLLING = 0x0006, 0x0024, 0x0025, 0x802A
INTEGRITY, FINGERPRINT, XOR_MAPPED_ADDRESS = 0x0008, 0x8028, 0x0020
STUN_RTO_S, DTLS_RTO_S, MTU = 0.5, 1, 1200


class Identity:
    """A certificate; as many peers as like share one. 'digest' makes its fingerprint."""

    def __init__(self, digest=hashes.SHA256(), srtp=b"SRTP_AEAD_AES_128_GCM"):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
        start = datetime.datetime.now(datetime.timezone.utc)
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
                       .public_key(key.public_key()).serial_number(x509.random_serial_number())
                       .not_valid_before(start - datetime.timedelta(days=1))
                       .not_valid_after(start + datetime.timedelta(days=1))
                       .sign(key, hashes.SHA256()))
        self.fingerprint = f"sha-{8 * digest.digest_size} " + ":".join(
            f"{byte:02X}" for byte in certificate.fingerprint(digest))
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.use_certificate(crypto.X509.from_cryptography(certificate))
        self.context.use_privatekey(crypto.PKey.from_cryptography_key(key))
        self.context.set_verify(SSL.VERIFY_PEER, lambda *_: True)  # held against the fingerprint
        self.context.set_tlsext_use_srtp(srtp)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def signed(kind, identity, body, password):
    """A STUN message with MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 14.5, 14.7)."""
    head = lambda size: struct.pack("!HHI", kind, size, COOKIE) + identity
    mac = hmac.new(password.encode(), head(len(body) + 24) + body, hashlib.sha1).digest()
    body += attribute(INTEGRITY, mac)
    crc = zlib.crc32(head(len(body) + 8) + body) ^ 0x5354554E
    return head(len(body) + 8) + body + attribute(FINGERPRINT, struct.pack("!I", crc))


def binding_request(ours, theirs):
    """A check as the controlling agent sends it (RFC 8445 7.2.2)."""
    username = f"{theirs.username_fragment}:{ours.username_fragment}".encode()
    return signed(BINDING_REQUEST, secrets.token_bytes(12),
                  attribute(USERNAME, username) +
                  attribute(PRIORITY, struct.pack("!I", 0x6E7F1EFF)) +
                  attribute(CONTROLLING, secrets.token_bytes(8)) + attribute(USE_CANDIDATE, b""),
                  theirs.password)


def binding_success(request, ours, remote):
    """The answer to a check; libnice makes them as a lite agent, too."""
    host, port = remote
    address = int.from_bytes(socket.inet_aton(host), "big") ^ COOKIE
    mapped = struct.pack("!BBHI", 0, 1, port ^ COOKIE >> 16, address)
    return signed(BINDING_SUCCESS, request[8:20], attribute(XOR_MAPPED_ADDRESS, mapped),
                  ours.password)


class Peer:
    """'ice' is its credentials, an IceParameters of the API; 'local' a socket bound beforehand."""

    def __init__(self, identity, address, ice, local=None):
        self.identity, self.ice = identity, ice
        self.flight = b""
        self.checks_repeated = 0
        self.remote = address
        self.dtls = None
        self.socket = local or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(address)

    def receive(self, seconds):
        """A datagram that is no check of the other side, which is answered; None: none came."""
        self.socket.settimeout(seconds)
        try:
            datagram = self.socket.recv(2048)
        except TimeoutError:
            return None
        if datagram[:2] == BINDING_REQUEST.to_bytes(2, "big"):
            self.socket.send(binding_success(datagram, self.ice, self.remote))
            return b""
        return datagram

    def check(self, request, end):
        while time.monotonic() < end:
            self.socket.send(request)
            answer = self.receive(STUN_RTO_S)
            if answer and answer[8:20] == request[8:20] and \
                    answer[:2] == BINDING_SUCCESS.to_bytes(2, "big"):
                return
            self.checks_repeated += answer is None
        raise TimeoutError("no answer to the check")

    def is_answered(self, request, seconds):
        """The check is, within a time in which one that will be is."""
        end = time.monotonic() + seconds
        self.socket.send(request)
        while (left := end - time.monotonic()) > 0:
            answer = self.receive(left)
            if answer and answer[8:20] == request[8:20]:
                return answer[:2] == BINDING_SUCCESS.to_bytes(2, "big")
        return False

    def handshake(self, fingerprint, end, active=True):
        """The certificate has to be the one with that fingerprint ("sha-256 AB:..."). Raises
        SSL.Error where the other side refuses ours.
        """
        self.dtls = SSL.Connection(self.identity.context, None)
        self.dtls.set_ciphertext_mtu(MTU)
        if active:
            self.dtls.set_connect_state()
        else:
            self.dtls.set_accept_state()
        while time.monotonic() < end:
            try:
                self.dtls.do_handshake()
                break
            except SSL.WantReadError:
                self.exchange()
        else:
            raise TimeoutError("the DTLS handshake did not end")
        self.send_flight()  # the passive side's last one
        digest = self.dtls.get_peer_certificate().digest("sha256").decode()
        assert fingerprint == f"sha-256 {digest}", "another certificate than the API said"

    def exchange(self):
        self.send_flight()
        datagram = self.receive(DTLS_RTO_S)
        if datagram is None and self.flight:
            # python3-openssl has no DTLS timer. The same bytes do where they were lost; where the
            # answer was, the server's own timer repeats it.
            self.socket.send(self.flight)
        elif datagram and 20 <= datagram[0] <= 63:  # RFC 7983
            self.dtls.bio_write(datagram)

    def send_flight(self):
        try:
            self.flight = self.dtls.bio_read(65536)
            self.socket.send(self.flight)
        except SSL.WantReadError:
            pass
