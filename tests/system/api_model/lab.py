# SPDX-License-Identifier: Apache-2.0
"""Where the model test runs: a network namespace of its own, and the API's stubs in it.

Importing this takes the process into the namespace and makes the stubs.
"""
import atexit
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

TREE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("LAB_BUILD", TREE / "build"))
CLONE_NEWNET = 0x40000000
ADDRESS = "198.51.100.1"
PATIENCE_S = 20
SERVICES = ("room", "signalling", "transport", "errors")

work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-model-"))
atexit.register(shutil.rmtree, work, ignore_errors=True)


def enter_namespace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: run as root")
    for command in ("link set lo up", f"addr add {ADDRESS}/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)


def make_stubs():
    subprocess.run(["protoc", "-I", TREE / "proto/api", f"--python_out={work}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", f"--grpc_out={work}",
                    *(f"sluice/v1/{name}.proto" for name in SERVICES)], check=True)
    sys.path.insert(0, str(work))


enter_namespace()
make_stubs()
# pylint: disable=wrong-import-position
import grpc  # noqa: E402
from sluice.v1 import room_pb2_grpc, signalling_pb2_grpc, transport_pb2_grpc  # noqa: E402

Code = grpc.StatusCode


class Api:
    """A connection of its own, with the services on it."""

    def __init__(self):
        self.channel = grpc.insecure_channel(f"unix:{work}/api.sock", [
            ("grpc.use_local_subchannel_pool", 1)])
        self.rooms = room_pb2_grpc.RoomServiceStub(self.channel)
        self.signalling = signalling_pb2_grpc.SignallingServiceStub(self.channel)
        self.transports = transport_pb2_grpc.TransportServiceStub(self.channel)


def fails(codes, call, request, timeout=PATIENCE_S):
    try:
        answer = call(request, timeout=timeout)
    except grpc.RpcError as error:
        assert error.code() in codes, f"{request}: {error.code()} {error.details()}, not {codes}"
        return error
    raise AssertionError(f"{request}: answered {answer}, not {codes}")


def wait_for(condition, what, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        threading.Event().wait(0.02)


def offer():
    text = (TREE / "tests/unit/sdp/chromium-publish.sdp").read_text(encoding="ascii")
    return "".join(line + "\r\n" for line in text.splitlines())


OFFER = offer()
