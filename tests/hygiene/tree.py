# SPDX-License-Identifier: Apache-2.0
"""The files the house rules are about, and the few listed exceptions.

Walks the folders instead of asking git: a build as another user, or an unpacked archive, has no
usable git.
"""
import os

OURS = ("proto", "dataplane", "controlplane", "tests", "bench", "deploy", "docs", ".ci")
TOP_FILES = ("meson.build", "meson_options.txt")
# Generated or fetched; each is ignored by git as well.
NOT_OURS = {"node_modules", "__pycache__", "dist", "gen"}
EXCEPTIONS = "tests/hygiene/exceptions.txt"


class Tree:
    def __init__(self, root):
        self.root = root
        self._exceptions = self._read_exceptions()

    def files(self):
        """Every file of ours, as a path from the root with forward slashes, sorted."""
        found = [name for name in TOP_FILES if os.path.exists(os.path.join(self.root, name))]
        for top in OURS:
            for folder, folders, names in os.walk(os.path.join(self.root, top)):
                folders[:] = [name for name in folders if name not in NOT_OURS]
                found += [os.path.relpath(os.path.join(folder, name), self.root) for name in names]
        return sorted(found)

    def sources(self, *suffixes):
        return [path for path in self.files() if path.endswith(suffixes)]

    def path(self, relative):
        return os.path.join(self.root, relative)

    def text(self, relative):
        with open(self.path(relative), encoding="utf-8") as file:
            return file.read()

    def bytes(self, relative):
        with open(self.path(relative), "rb") as file:
            return file.read()

    def exempt(self, rule, path):
        return (rule, path) in self._exceptions

    def _read_exceptions(self):
        """Lines "RULE PATH REASON"; a line without a reason is no exception."""
        path = os.path.join(self.root, EXCEPTIONS)
        if not os.path.exists(path):
            return set()
        with open(path, encoding="utf-8") as file:
            words = [line.split(maxsplit=2) for line in file if not line.startswith("#")]
        return {(line[0], line[1]) for line in words if len(line) == 3}
