# SPDX-License-Identifier: Apache-2.0
"""Folder dependencies (docs/architecture.md): who may include what.

A folder's rule is that of its longest prefix below. Headers of libc and the kernel are free for
all but proto/rtc, which must link alone and therefore sees a short list of them.
"""
import os
import re

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)

# Third-party headers, by name.
LIBRARIES = {
    "DPDK": re.compile(r"^(rte_|bus_|eal_)"),
    "libsrtp2": re.compile(r"^srtp2/"),
    "libipsec-mb": re.compile(r"^(intel-)?ipsec[-_]mb"),
    "OpenSSL": re.compile(r"^openssl/"),
    "GLib": re.compile(r"^(glib|gio|gobject|gmodule)"),
    "libnice": re.compile(r"^(nice/|agent\.h|stun/)"),
    "nghttp2": re.compile(r"^nghttp2/"),
    "protobuf-c": re.compile(r"^(protobuf-c/|google/protobuf)"),
    "GStreamer": re.compile(r"^gst/"),
    "libsoup": re.compile(r"^libsoup/"),
    "libjwt": re.compile(r"^jwt\.h"),
}

# Folder: (folders of ours, libraries). Anything not named is not for it.
MAY_USE = {
    "proto/rtc": (("proto/rtc",), ()),
    "proto/shm": (("proto/shm", "proto/rtc"), ()),
    "proto/api": (("proto/api",), ("protobuf-c",)),
    "dataplane": (("dataplane", "proto/shm", "proto/rtc"), ("DPDK", "OpenSSL")),
    "dataplane/srtp": (("dataplane", "proto/shm", "proto/rtc"),
                       ("DPDK", "OpenSSL", "libsrtp2", "libipsec-mb")),
    "controlplane": (("controlplane", "proto"), ("GLib", "OpenSSL", "protobuf-c", "libjwt")),
    "controlplane/ice": (("controlplane", "proto"), ("GLib", "OpenSSL", "libnice")),
    "controlplane/rpc": (("controlplane", "proto"),
                         ("GLib", "OpenSSL", "protobuf-c", "nghttp2", "libsoup", "libjwt")),
    "controlplane/session": (("controlplane", "proto"),
                             ("GLib", "OpenSSL", "protobuf-c", "GStreamer")),
}

# Sans-IO: no clock, heap, thread, socket or stream is to be had from these.
RTC_LIBC = {"assert.h", "endian.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h",
            "stdalign.h", "stdbool.h", "stddef.h", "stdint.h", "stdnoreturn.h", "string.h"}

TOP_FOLDERS = ("proto/", "dataplane/", "controlplane/", "tests/", "bench/")


def rule_of(path):
    folder = os.path.dirname(path)
    while folder:
        if folder in MAY_USE:
            return folder
        folder = os.path.dirname(folder)
    return None


def includes(text):
    """(line, path, is it one of ours) of each #include."""
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1 if match.group(1) else 2)) + 1
        yield line, match.group(1) or match.group(2), match.group(1) is not None


def library_of(header):
    for library, pattern in LIBRARIES.items():
        if pattern.match(header):
            return library
    return None


def complaint(path, header, ours):
    """None, or (what is wrong, the fix)."""
    if ours and not header.startswith(TOP_FOLDERS):
        return (f'"{header}" is not written from the top of the tree',
                'write the whole path, as in "proto/rtc/rtp.h"; libraries go in <>')
    folder = rule_of(path)
    if folder is None:
        return None
    folders, libraries = MAY_USE[folder]
    if ours:
        if header.startswith(tuple(name + "/" for name in folders)):
            return None
        return (f'{folder} includes "{header}"',
                f"{folder} may use {', '.join(folders)} only: move what both need into proto/, or "
                "pass it in")
    library = library_of(header)
    if library is not None and library not in libraries:
        return (f"{folder} includes <{header}> of {library}",
                f"{folder} may use {', '.join(libraries) or 'no library'}: put it behind the folder "
                f"that owns {library}")
    if folder == "proto/rtc" and header not in RTC_LIBC:
        return (f"proto/rtc includes <{header}>",
                "proto/rtc is sans-IO: take bytes, times and functions as parameters")
    return None
