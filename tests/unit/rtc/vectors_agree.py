# SPDX-License-Identifier: Apache-2.0
"""The hex of tests/vectors/stun_rfc5769.h against a second copy of the RFC's messages.

Exit status 77 (skipped) where that copy is not at hand.
"""
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
NAMES = {"2.1": "REQUEST", "2.2": "RESPONSE_V4", "2.3": "RESPONSE_V6"}


def typed() -> dict[str, str]:
    text = (ROOT / "tests/vectors/stun_rfc5769.h").read_text()
    text = text.replace("\\\n", "")
    found = re.findall(r"#define RFC5769_(\w+)((?:\s*\"[^\"]*\")+)", text)
    return {name: "".join(re.findall(r'"([^"]*)"', parts)) for name, parts in found}


def main() -> int:
    shared = pathlib.Path(os.environ.get("SLUICE_SHARED", ROOT.parent / "shared"))
    path = shared / "vectors/stun-rfc5769.json"
    if not path.exists():
        print("skipped: no second copy of RFC 5769 (vectors/stun-rfc5769.json, SLUICE_SHARED)")
        return 77
    other = json.loads(path.read_text())
    ours = typed()
    bad = []
    if ours["PASSWORD"] != other["short_term_password"]:
        bad.append("password")
    cases = {case["section"]: case["bytes"] for case in other["cases"]}
    bad += [section for section, name in NAMES.items() if cases.get(section) != ours.get(name)]
    for section in bad:
        print(f"RFC 5769 {section}: tests/vectors/stun_rfc5769.h differs; compare with the RFC")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
