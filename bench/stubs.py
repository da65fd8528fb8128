# SPDX-License-Identifier: Apache-2.0
"""The API's messages and stubs, written when this is imported."""
import pathlib
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
_folder = tempfile.TemporaryDirectory(prefix="sluice-bench-")
subprocess.run(["protoc", "-I", TREE / "proto/api", f"--python_out={_folder.name}",
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin",
                f"--grpc_out={_folder.name}", "sluice/v1/room.proto", "sluice/v1/signalling.proto",
                "sluice/v1/transport.proto"],
               check=True)
sys.path.insert(0, _folder.name)
