# SPDX-License-Identifier: Apache-2.0
"""How answers are shown: tables for people, JSON (camelCase, every field) for programs."""
import json
import time

from google.protobuf import json_format


def as_dict(message):
    return json_format.MessageToDict(message, including_default_value_fields=True)


def print_json(value):
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value):
    print(json.dumps(value, ensure_ascii=False), flush=True)


def table(head, rows):
    """Lines with the columns as wide as they need; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells)]
    right = [all(isinstance(row[i], (int, float)) for row in rows) and bool(rows)
             for i in range(len(head))]
    lines = []
    for row in [list(head), *cells]:
        line = "  ".join(cell.rjust(width) if to_right else cell.ljust(width)
                         for cell, width, to_right in zip(row, widths, right))
        lines.append(line.rstrip())
    return lines


def fields(pairs):
    """Lines "name  value"."""
    width = max(len(name) for name, _ in pairs)
    return [f"{name.ljust(width)}  {value}" for name, value in pairs]


def when(milliseconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))


def enum_word(message, field):
    """"connected" for TRANSPORT_STATE_CONNECTED: what follows the enum's own name."""
    descriptor = message.DESCRIPTOR.fields_by_name[field].enum_type
    name = descriptor.values_by_number[getattr(message, field)].name
    zero = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    word = name.removeprefix(zero).lower()
    return "-" if word == "unspecified" else word.replace("_", " ")


def amount(value):
    """1234567 as 1.23M."""
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}P"
