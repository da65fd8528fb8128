# SPDX-License-Identifier: Apache-2.0
"""Writes the Python stubs of the API into a folder of their own, made anew.

usage: write_stubs.py PROTOC PLUGIN PROTO_DIRECTORY TARGET NAME.proto...
"""
import pathlib
import shutil
import subprocess
import sys


def main(protoc, plugin, protos, target, *names):
    target = pathlib.Path(target)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    subprocess.run([protoc, "-I", protos, f"--python_out={target}",
                    f"--plugin=protoc-gen-grpc={plugin}", f"--grpc_out={target}", *names],
                   check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
