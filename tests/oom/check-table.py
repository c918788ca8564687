#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that every fallible public function is in a table of tests/oom or in exceptions.txt.

usage: check-table.py SOURCE_ROOT
"""
import pathlib
import re
import sys


def fallible(header):
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
    return re.findall(r"\bORION_MUST_CHECK\b[^;(]*?\b(orion_\w+)\s*\(", text)


def main():
    root = pathlib.Path(sys.argv[1])
    wanted = set()
    for header in (root / "include/orion").glob("*.h"):
        wanted.update(fallible(header))
    rows = []
    for table in (root / "tests/oom").glob("oom-*.c"):
        rows += ["orion_" + name for name in re.findall(r"\bROW\((\w+)\)", table.read_text())]
    excused = []
    lines = []
    for line in (root / "tests/oom/exceptions.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, _, reason = line.partition(": ")
        excused.append(name)
        if not reason:
            lines.append(f"exceptions.txt: {name}: no reason")
    both = rows + excused
    lines += [f"{name}: neither in a table nor in exceptions.txt" for name in wanted - set(both)]
    lines += [f"{name}: listed, but no fallible function" for name in set(both) - wanted]
    lines += [f"{name}: listed twice" for name in set(both) if both.count(name) > 1]
    print("\n".join(sorted(lines)) or f"{len(rows)} rows, {len(excused)} exceptions")
    print(f"[{'  FAILED ' if lines else '       OK'} ] out-of-memory tables are complete")
    return 1 if lines else 0


sys.exit(main())
