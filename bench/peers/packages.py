# SPDX-License-Identifier: Apache-2.0
"""Debian's packages of the peers, unpacked under the build folder: nothing is installed, and no
service of theirs starts. What the machine has already is taken from there.
"""
import os
import shutil
import subprocess

import sfu

ROOT = sfu.BUILD / "peers"
PEERS = ("rtpengine-daemon", "janus")
LIBRARIES = "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"
# As deploy/install-deps builds it, but shared: Janus is linked with libsrtp2.so.1.
SRTP_OPTIONS = ("--buildtype=release", "-Dcrypto-library=openssl", "-Ddefault_library=shared")


class Missing(Exception):
    """What cannot be fetched or built here, as a sentence."""


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"{' '.join(map(str, command))}: {said[-1] if said else 'failed'}")
    return done.stdout


def apt(*arguments, folder):
    # As root: apt's own user cannot write into the build folder.
    return run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments], folder)


def made_once(path, make):
    """'path', made by make(folder) in a folder beside it, so that half of one is never taken."""
    if not path.exists():
        work = path.with_name(path.name + ".part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        make(work)
        work.rename(path)
    return path


def _unpack(folder):
    plan = apt("--simulate", "install", "--no-install-recommends", *PEERS, folder=folder)
    (folder / "plan").write_text(plan, encoding="utf-8")
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    if not set(PEERS) <= set(names):
        raise Missing(f"apt would not install {' and '.join(PEERS)}: is one installed already?")
    apt("download", *names, folder=folder)
    for package in sorted(folder.glob("*.deb")):
        run(["dpkg", "-x", package, folder], folder)
        package.unlink()


def _build_srtp(folder):
    apt("source", "libsrtp2", folder=folder)
    source = next(folder.glob("libsrtp2-*/"))
    run(["meson", "setup", folder / "out", source, *SRTP_OPTIONS], folder)
    run(["ninja", "-C", folder / "out", "libsrtp2.so.1"], folder)


def unpacked():
    return made_once(ROOT / "debian", _unpack)


def srtp_on_openssl():
    """The folder of a shared libsrtp2 of Debian's source, on OpenSSL."""
    return made_once(ROOT / "libsrtp2-openssl", _build_srtp) / "out"


def environment(*first):
    """For a program of unpacked(): libraries of 'first' come before all others."""
    folders = [*first, *(unpacked() / folder for folder in LIBRARIES)]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}


def version(name):
    """As Debian counts."""
    plan = (unpacked() / "plan").read_text(encoding="utf-8")
    return next(line.split("(")[1].split()[0] for line in plan.splitlines()
                if line.startswith(f"Inst {name} "))
