#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules as a test: each complaint names file and line, the rule, and the fix.

usage: house_rules.py ROOT RULE...   (rules: those in RULES below)
"""
import ast
import re
import shutil
import subprocess
import sys

import c_text
import includes
from tree import Tree

FILE_LINES = 600
FUNCTION_LINES = 70

SOURCES = (".c", ".h", ".py", ".sh", ".ts", ".mjs", ".css", ".html", ".proto", ".conf", ".service",
           ".nft", "meson.build", "meson_options.txt")
PACKET_PATH = ("dataplane/ingress/", "dataplane/forward/", "dataplane/egress/")
# Names of functions that run at set-up or tear-down; there memory may be taken and given back.
SET_UP = re.compile(r"(^|_)(create|init|new|free|destroy|set_up|tear_down|attach|detach)$")
NO_NAMES = re.compile(r"^(utils?|common|helpers?|misc|managers?)$", re.IGNORECASE)
TAG = re.compile(r"^\s*(?:struct|enum|union)\s+(\w+)\s*\{", re.MULTILINE)
# What is guessed byte by byte if the time of the answer says how far a guess was right.
SECRET_COMPARED = re.compile(r"\b(memcmp|strn?cmp|strn?casecmp|g_str_equal|g_strcmp0|g_str_has_prefix)"
                             r"\s*\((?:[^();]|\([^();]*\))*?"
                             r"(secret|hmac|integrity|signature|\btag\b)", re.IGNORECASE)
# Spelt so that this file itself holds none.
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")

FORBIDDEN_CALLS = (
    ("takes memory", "reserve it at set-up, in a function named ..._create or ..._init",
     r"malloc|calloc|realloc|reallocarray|free|strdup|strndup|alloca|rte_[mz]malloc\w*|rte_malloc\w*|"
     r"rte_z?calloc\w*|rte_realloc\w*|rte_free|rte_mempool_create\w*|rte_ring_create\w*"),
    ("prints or logs", "count it by name and let the statistics tell",
     r"v?f?printf|v?s?n?printf|v?dprintf|puts|fputs|perror|syslog|rte_log|RTE_LOG|RTE_LOG_DP"),
    ("reads a clock", "use the burst's time, read once per burst",
     r"clock_gettime|gettimeofday|time|rte_rdtsc\w*|rte_get_tsc_cycles|rte_get_timer_cycles"),
    ("takes a lock", "give the datum one writer; cross workers by ring",
     r"pthread_\w+|mtx_\w+|sem_\w+|rte_(spinlock|rwlock|ticketlock|mcslock|pflock|seqlock_write)_\w+"),
    ("makes a system call", "leave it to the main lcore",
     r"read|write|readv|writev|send|sendto|sendmsg|recv|recvfrom|recvmsg|socket|ioctl|open|close|"
     r"poll|epoll_wait|select|nanosleep|usleep|sleep|getrandom|eventfd_write"),
    ("makes a cipher or MAC context", "make it when the transport is set up",
     r"EVP_\w+_(CTX_new|fetch)|EVP_MAC_CTX_dup|HMAC|srtp_create|srtp_add_stream"),
)


class Complaints:
    def __init__(self, tree, rule):
        self._tree = tree
        self._rule = rule
        self.lines = []

    def add(self, path, line, what, fix):
        if not self._tree.exempt(self._rule, path):
            self.lines.append(f"{path}:{line}: [{self._rule}] {what}; fix: {fix}")


def is_script(tree, path):
    return "." not in path.rsplit("/", 1)[-1] and tree.bytes(path).startswith(b"#!")


def sources(tree):
    return [path for path in tree.files() if path.endswith(SOURCES) or is_script(tree, path)]


def check_includes(tree, complaints):
    for path in tree.sources(".c", ".h"):
        # Comments go, but include paths are strings and have to stay.
        for line, header, ours in includes.includes(tree.text(path)):
            found = includes.complaint(path, header, ours)
            if found:
                complaints.add(path, line, *found)


def check_file_length(tree, complaints):
    for path in sources(tree):
        count = tree.text(path).count("\n")
        if count > FILE_LINES:
            complaints.add(path, count, f"{count} lines, the limit is {FILE_LINES}",
                           "split it by concept, not in the middle")


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield c_text.Function(node.name, node.lineno, node.end_lineno)


def shell_functions(text):
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        opened = re.match(r"^(\w+)\(\) \{$", line)
        if opened:
            start = (opened.group(1), number)
        elif line == "}" and start:
            yield c_text.Function(*start, number)
            start = None


def functions_of(tree, path):
    text = tree.text(path)
    if path.endswith((".c", ".h")):
        return c_text.functions(text)
    if path.endswith(".py"):
        return python_functions(text)
    if path.endswith(".sh") or text.startswith(("#!/bin/bash", "#!/bin/sh")):
        return shell_functions(text)
    return []


def check_function_length(tree, complaints):
    for path in sources(tree):
        for function in functions_of(tree, path):
            length = function.last - function.first + 1
            if length > FUNCTION_LINES:
                complaints.add(path, function.first,
                               f"{function.name}() has {length} lines, the limit is "
                               f"{FUNCTION_LINES}", "give its steps names of their own")


def has_forbidden_word(name):
    return any(NO_NAMES.match(word) for word in re.split(r"[_.\-]", name))


def check_names(tree, complaints):
    fix = "name it after what it holds or does"
    for path in tree.files():
        bad = [part for part in path.split("/") if has_forbidden_word(part)]
        if bad:
            complaints.add(path, 1, f'"{bad[0]}" says nothing about its content', fix)
    for path in tree.sources(".c", ".h"):
        text = tree.text(path)
        named = [(function.name, function.first) for function in c_text.functions(text)]
        code = c_text.code_only(text)
        named += [(tag.group(1), code.count("\n", 0, tag.start(1)) + 1)
                  for tag in TAG.finditer(code)]
        for name, line in named:
            # A word in the middle qualifies ("no_common_suite"), at an end it is the name.
            words = name.split("_")
            if has_forbidden_word(words[0]) or has_forbidden_word(words[-1]):
                complaints.add(path, line, f'"{name}" says nothing about its purpose', fix)


def check_licence(tree, complaints):
    for path in sources(tree):
        head = tree.text(path).split("\n")[:3]
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
            complaints.add(path, 1, "no licence line",
                           'begin with a comment "SPDX-License-Identifier: Apache-2.0"')


def check_comments(tree, complaints):
    for path in tree.sources(".c", ".h", ".proto"):
        for line in c_text.block_comments(tree.text(path)):
            complaints.add(path, line, "a /* */ comment", "write // on each line")
    for path in sources(tree):
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            left = LEFTOVER.search(line)
            if left:
                complaints.add(path, number, f"{left.group()} left behind",
                               "do it, or file an issue and say what holds today")


def check_typedefs(tree, complaints):
    for path in tree.sources(".c", ".h"):
        code = c_text.code_only(tree.text(path))
        for match in re.finditer(r"\btypedef\s+(struct|union|enum)\b", code):
            line = code.count("\n", 0, match.start()) + 1
            complaints.add(path, line, f"typedef of a {match.group(1)}",
                           f"write {match.group(1)} where it is used")


def check_packet_path(tree, complaints):
    for path in tree.sources(".c", ".h"):
        if not path.startswith(PACKET_PATH):
            continue
        text = tree.text(path)
        code = c_text.code_only(text)
        set_up = [function for function in c_text.functions(text) if SET_UP.search(function.name)]
        for what, fix, names in FORBIDDEN_CALLS:
            # Not a member, not part of a longer name.
            for call in re.finditer(rf"(?<![\w.>])(?:{names})\s*\(", code):
                line = code.count("\n", 0, call.start()) + 1
                if any(function.first <= line <= function.last for function in set_up):
                    continue
                name = call.group().rstrip("( \t\n")
                complaints.add(path, line, f"{name}() on the packet path {what}", fix)


def check_secrets(tree, complaints):
    for path in tree.sources(".c", ".h"):
        if path.startswith("tests/"):
            continue
        code = c_text.code_only(tree.text(path))
        for match in SECRET_COMPARED.finditer(code):
            if match.group(2) == "tag" and not path.startswith("dataplane/"):
                continue  # HTTP's
            complaints.add(path, code.count("\n", 0, match.start()) + 1,
                           f"{match.group(1)}() of a secret ends at the first difference",
                           "compare with CRYPTO_memcmp()")


def check_format(tree, complaints):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if tool is None:
        print("clang-format is not installed: deploy/install-deps --tests installs it")
        sys.exit(77)
    paths = tree.sources(".c", ".h")
    if not paths:
        return
    run = subprocess.run([tool, "--dry-run", "--style=file", *map(tree.path, paths)],
                         capture_output=True, text=True, check=True)
    seen = set()
    for path, line in re.findall(r"^(.*?):(\d+):\d+: (?:warning|error): code should be clang",
                                 run.stderr, re.MULTILINE):
        relative = path[len(str(tree.root)) + 1:]
        if relative not in seen:
            seen.add(relative)
            complaints.add(relative, line, "not as clang-format writes it",
                           f"clang-format-14 -i {relative}")


RULES = {
    "includes": check_includes,
    "file-length": check_file_length,
    "function-length": check_function_length,
    "names": check_names,
    "licence": check_licence,
    "comments": check_comments,
    "typedefs": check_typedefs,
    "packet-path": check_packet_path,
    "secrets": check_secrets,
    "format": check_format,
}


def complaints_of(root, rule):
    tree = Tree(root)
    complaints = Complaints(tree, rule)
    RULES[rule](tree, complaints)
    return complaints.lines


def main(root, *rules):
    lines = [line for rule in rules for line in complaints_of(root, rule)]
    print("\n".join(lines) or f"{', '.join(rules)}: nothing to complain about")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
