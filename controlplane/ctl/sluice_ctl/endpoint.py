# SPDX-License-Identifier: Apache-2.0
"""Where the API is, and how to speak to it: endpoint, trust, credentials.

An endpoint is unix:PATH, or [https://]HOST:PORT for TLS. The server is known by the system's
authorities, by --ca, or by the SHA-256 fingerprint that it prints when it starts.
"""
import hashlib
import os
import pathlib
import ssl
import sys

import grpc

from sluice.v1 import node_pb2_grpc, room_pb2_grpc

DEFAULT = "unix:/run/sluice/controlplane.sock"
CALL_S = 10
CONNECT_S = 5


class Failure(Exception):
    """What went wrong, as one sentence for the user."""


def add_arguments(parser):
    group = parser.add_argument_group("endpoint")
    group.add_argument("--endpoint", metavar="WHERE",
                       default=os.environ.get("SLUICE_ENDPOINT", DEFAULT),
                       help=f"unix:PATH or HOST:PORT (TLS); default SLUICE_ENDPOINT or {DEFAULT}")
    group.add_argument("--ca", metavar="FILE", help="PEM certificates that vouch for the server")
    group.add_argument("--fingerprint", metavar="HEX",
                       help="SHA-256 fingerprint of the server's certificate, instead of --ca")
    group.add_argument("--token-file", metavar="FILE", default=os.environ.get("SLUICE_TOKEN_FILE"),
                       help="bearer token to call with; default SLUICE_TOKEN_FILE")
    group.add_argument("--client-certificate", metavar="FILE", help="PEM, with --client-key")
    group.add_argument("--client-key", metavar="FILE", help="PEM, with --client-certificate")


def read(path, what):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{what} {path}: {error.strerror}") from error


def address_of(endpoint):
    """HOST:PORT of a TLS endpoint."""
    where = endpoint.removeprefix("https://").rstrip("/")
    host, colon, port = where.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise Failure(f'endpoint "{endpoint}": it must be unix:PATH or HOST:PORT')
    return host.strip("[]"), int(port), where


def server_certificate(endpoint, fingerprint):
    """The server's own certificate as a root, if its fingerprint is the one that is expected."""
    host, port, _ = address_of(endpoint)
    try:
        pem = ssl.get_server_certificate((host, port), timeout=CONNECT_S)
    except OSError as error:
        raise Failure(f"{endpoint}: no TLS connection: {error}") from error
    found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    if found != fingerprint.replace(":", "").lower():
        raise Failure(f"{endpoint}: its certificate has the fingerprint {found}, not the one given: "
                      "it is another server, or its certificate was renewed")
    return pem.encode()


def channel_of(options):
    if options.endpoint.startswith("unix:"):
        return grpc.insecure_channel(options.endpoint)
    root = None
    if options.fingerprint:
        root = server_certificate(options.endpoint, options.fingerprint)
    elif options.ca:
        root = read(options.ca, "--ca")
    key = read(options.client_key, "--client-key") if options.client_key else None
    chain = read(options.client_certificate, "--client-certificate") \
        if options.client_certificate else None
    credentials = grpc.ssl_channel_credentials(root, key, chain)
    return grpc.secure_channel(address_of(options.endpoint)[2], credentials)


class Api:
    """The services, each call with a deadline and the caller's token."""

    def __init__(self, options):
        self.endpoint = options.endpoint
        self.metadata = ()
        if options.token_file:
            token = read(options.token_file, "--token-file").decode().strip()
            self.metadata = (("authorization", f"Bearer {token}"),)
        self.channel = channel_of(options)
        self.rooms = room_pb2_grpc.RoomServiceStub(self.channel)
        self.node = node_pb2_grpc.NodeServiceStub(self.channel)

    def call(self, method, request):
        return method(request, timeout=CALL_S, metadata=self.metadata)

    def stream(self, method, request):
        return method(request, metadata=self.metadata)

    def pages(self, method, request, field):
        """All of what a List method lists."""
        while True:
            answer = self.call(method, request)
            yield from getattr(answer, field)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token


def explain(error, endpoint):
    """One sentence for a failed call, with what to do where that is known."""
    text = f"{error.code().name}: {error.details()}"
    if error.code() == grpc.StatusCode.UNAVAILABLE and "connect" in (error.details() or "").lower():
        text = f"nobody answers at {endpoint}"
        if endpoint.startswith("unix:"):
            text += (": is sluice-controlplane running, and is that its unix_socket? "
                     "--endpoint names another")
    elif error.code() == grpc.StatusCode.UNAUTHENTICATED:
        text += " (--token-file names a file with a token; `sluicectl token` makes one)"
    return text


def warn(text):
    print(f"sluicectl: {text}", file=sys.stderr)
