# SPDX-License-Identifier: Apache-2.0
"""proto/rtc links alone: what its archive takes from outside is libc's mem* or the compiler's."""
import re
import subprocess
import sys

ALLOWED = re.compile(
    r"mem(cpy|move|set|cmp|chr)|__mem\w+_chk|explicit_bzero|__explicit_bzero_chk"
    r"|__assert_fail|__stack_chk_fail|__(asan|ubsan|tsan|msan|sanitizer|gcov|llvm)_\w+"
    r"|_GLOBAL_OFFSET_TABLE_|__gcov\w+|_ITM_\w+"
)


def symbols(archive: str, flag: str) -> set[str]:
    out = subprocess.run(["nm", flag, "--format=posix", archive], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return {line.split()[0] for line in out.splitlines() if len(line.split()) > 1}


def main() -> int:
    archive = sys.argv[1]
    defined = symbols(archive, "--defined-only")
    if "rtp_parse" not in defined:
        print(f"{archive}: rtp_parse not found: is this the proto/rtc archive?")
        return 1
    bad = sorted(s for s in symbols(archive, "--undefined-only") - defined
                 if not ALLOWED.fullmatch(s))
    for name in bad:
        print(f"{archive} uses {name}: only libc mem* may be used: pass it in")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
