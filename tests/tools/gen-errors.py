#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/errors.md from include/orion/messages.def, or check it and the use of every message.

usage: gen-errors.py SOURCE_ROOT            rewrite docs/errors.md
       gen-errors.py SOURCE_ROOT --check    it is up to date; numbers are unique; the code gives
                                            every message, and a test names it
"""
import pathlib
import re
import sys

ROW = re.compile(r'^ORION_MESSAGE\((\d+), (\w+),\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*),'
                 r'\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*)\)', re.M)

INTRO = """# Messages

Every diagnostic carries one of these stable numbers, printed as `ORN-0123`. The text of a
diagnostic names the file, line, op, port or option at fault; this table says what the message means
in general and what to do. The number is `orion_diag_entry.message`, and `orion_message_summary` and
`orion_message_remedy` give the same words at run time.

This file is generated: edit `include/orion/messages.def`, then run
`python3 tests/tools/gen-errors.py .`

| number | name | what it means | what to do |
|---|---|---|---|
"""


def unquote(text):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return "".join(parts).replace('\\"', '"').replace("\\\\", "\\")


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def words(root, patterns):
    """All names and message numbers in these files; ORION_MESSAGE_NAME counts as NAME."""
    found = set()
    for pattern in patterns:
        for path in root.glob(pattern):
            found.update(re.findall(r"ORN-\d{4}|\w+", path.read_text(errors="replace")))
    return {word.removeprefix("ORION_MESSAGE_") for word in found}


def verdict(name, lines):
    print("\n".join(lines))
    print(f"[{'  FAILED ' if lines else '       OK'} ] {name}")
    return bool(lines)


def render(rows):
    lines = [f"| ORN-{n:04} | `{name}` | {cell(summary)} | {cell(remedy)} |\n"
             for n, name, summary, remedy in sorted(rows)]
    return INTRO + "".join(lines)


def main():
    root = pathlib.Path(sys.argv[1])
    table = (root / "include/orion/messages.def").read_text()
    rows = [(int(n), name, unquote(s), unquote(r)) for n, name, s, r in ROW.findall(table)]
    page = render(rows)
    target = root / "docs/errors.md"
    if len(sys.argv) < 3:
        target.write_text(page)
        return 0

    lines = []
    count = len(re.findall(r"^ORION_MESSAGE\(", table, re.M))
    if count != len(rows):
        lines.append(f"messages.def: {count} rows, {len(rows)} understood")
    for column, what in ((0, "number"), (1, "name")):
        seen = [row[column] for row in rows]
        twice = sorted({v for v in seen if seen.count(v) > 1})
        lines += [f"messages.def: {what} {v} is used twice" for v in twice]
    lines += [f"{row[1]}: no summary or remedy" for row in rows if not row[2] or not row[3]]
    failed = verdict("message table", lines)

    stale = not target.exists() or target.read_text() != page
    failed |= verdict("docs/errors.md", ["out of date: run python3 tests/tools/gen-errors.py ."]
                      if stale else [])

    # Given as ORN_ERROR(diag, NAME, ...) or ORION_MESSAGE_NAME.
    code = words(root, ("liborion-*/**/*.[ch]", "liborion-*/**/*.def", "examples/orion/*.c"))
    failed |= verdict("every message is given", [
        f"{name}: never given" for _, name, _, _ in rows if name not in code])
    tests = words(root, ("tests/**/*.[ch]", "tests/**/*.py", "tests/**/*.sh", "tests/**/*.err"))
    failed |= verdict("every message is tested", [
        f"{name}: no test names it" for number, name, _, _ in rows
        if name not in tests and f"ORN-{number:04}" not in tests])
    return 1 if failed else 0


sys.exit(main())
