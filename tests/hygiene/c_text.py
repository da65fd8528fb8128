# SPDX-License-Identifier: Apache-2.0
"""C text as the house rules need it: code without comments and strings, comments without code,
and where each function begins and ends. Lines keep their numbers throughout.

Relies on the tree's clang-format style: the brace that opens a function, and only that one,
stands alone in column 0, and so does the one that closes it.
"""
import dataclasses
import re

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
NAME_BEFORE_PARENTHESIS = re.compile(r"([A-Za-z_]\w*)\s*\(")


@dataclasses.dataclass
class Function:
    name: str
    first: int
    last: int


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """Comments and the insides of strings become spaces."""
    def replace(match):
        token = match.group()
        if token[0] in "\"'":
            return token[0] + _blank(token[1:-1]) + token[-1]
        return _blank(token)
    return TOKEN.sub(replace, text)


def block_comments(text):
    """Line numbers where a /* comment begins."""
    return [text.count("\n", 0, match.start()) + 1
            for match in TOKEN.finditer(text) if match.group().startswith("/*")]


def functions(text):
    """Every function with its first line (of the signature) and last line (closing brace)."""
    lines = code_only(text).split("\n")
    found = []
    opened = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and opened is None:
            opened = _signature_start(lines, number)
        elif line.startswith("}") and opened is not None:
            signature = " ".join(lines[opened - 1:number])
            name = NAME_BEFORE_PARENTHESIS.search(signature)
            found.append(Function(name.group(1) if name else "?", opened, number))
            opened = None
    return found


def _signature_start(lines, brace):
    """The signature runs from the brace upwards to what ended the declaration before it."""
    first = brace
    while first > 1:
        above = lines[first - 2]
        if not above.strip() or above.startswith(("#", "}")) or above.rstrip().endswith((";", "}")):
            break
        first -= 1
    return first
