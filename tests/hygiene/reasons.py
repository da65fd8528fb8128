# SPDX-License-Identifier: Apache-2.0
"""Every error of the API has a documented reason, and goes out with the code written beside it; a
reason that nothing raises is marked as reserved, and only such a one.

usage: reasons.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# rpc_call_fail(call, RPC_CODE, RPC_REASON(NAME), and the like, over line breaks.
PAIR = re.compile(r'\b(RPC_[A-Z_]+),\s*RPC_REASON\((\w+)\)')
VALUE = re.compile(r'^  ([A-Z][A-Z0-9_]*) = (\d+);\s*// ?([A-Z_]+)?', re.M)
RAISED = re.compile(r'\bRPC_REASON\((\w+)\)')
RESERVED = re.compile(r'^  ([A-Z][A-Z0-9_]*) = \d+;\s*// [A-Z_]+: reserved: ', re.M)


def documented(text):
    """Reason -> code, by the comment behind each value."""
    rows = VALUE.findall(text)
    if len(rows) != len(re.findall(r'^  \w+ = \d+;', text, re.M)):
        raise SystemExit('errors.proto: a reason without a comment')
    return {name: code for name, number, code in rows if number != '0'}


def misfiled(names, reserved, raised):
    """Complaints about reasons that are reserved and raised, or neither."""
    return [f'errors.proto: {name} is ' + ('reserved, and raised' if name in raised else
                                           'raised nowhere: raise it, or mark it as reserved')
            for name in names if (name in raised) == (name in reserved)]


def main(root):
    text = (root / 'proto/api/sluice/v1/errors.proto').read_text('utf-8')
    codes = documented(text)
    canonical = set(re.findall(r'\bRPC_([A-Z_]+) = \d+,',
                               (root / 'controlplane/rpc/status.h').read_text('utf-8')))
    wrong = [f'errors.proto: {name}: "{code}" is not a canonical code'
             for name, code in codes.items() if code not in canonical - {'OK'}]
    seen = 0
    raised = set()
    for path in sorted((root / 'controlplane').rglob('*.[ch]')):
        source = path.read_text('utf-8')
        raised.update(RAISED.findall(source))
        for code, name in PAIR.findall(source):
            seen += 1
            if codes.get(name) != code.removeprefix('RPC_'):
                wrong.append(f'{path.relative_to(root)}: {name} goes out with {code}; errors.proto '
                             f'says {codes.get(name)}')
    wrong += misfiled(codes, set(RESERVED.findall(text)), raised)
    if seen < 20:
        wrong.append(f'only {seen} errors found: has the way to raise them changed?')
    print('\n'.join(wrong) or f'{seen} errors, {len(codes)} reasons')
    return bool(wrong)


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1])))
