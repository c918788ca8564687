#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that layout.c has every public struct, field and enumerator of the headers.

usage: check-layout.py SOURCE_ROOT
"""
import pathlib
import re
import sys

TYPE = re.compile(r"\btypedef\s+(struct|enum)\s+(\w+)\s*\{(.*?)\}\s*\w+\s*;|\benum\s*\{(.*?)\}\s*;",
                  re.S)


def strip(text):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)


def fields(body):
    for declaration in filter(None, map(str.strip, body.split(";"))):
        pointer = re.search(r"\(\s*\*\s*(?:ORION_NULLABLE\s+)?(\w+)\s*\)", declaration)
        if pointer:
            yield pointer.group(1)
            continue
        for part in declaration.split(","):
            yield re.search(r"(\w+)\s*(\[[^\]]*\])?\s*$", part).group(1)


def public(header):
    """Lines that layout.c must have, up to the number."""
    for kind, name, body, anonymous in TYPE.findall(strip(header)):
        if kind == "struct":
            yield f"SIZE({name},"
            yield from (f"AT({name}, {field}," for field in fields(body))
        else:
            yield from (f"NUMBER({e}," for e in re.findall(r"\b(ORION_\w+)\s*=", body + anonymous))


def main():
    root = pathlib.Path(sys.argv[1])
    layout = re.sub(r"\s+", " ", strip((root / "tests/abi/layout.c").read_text()))
    found = set(re.findall(r"\b(?:SIZE|NUMBER)\(\w+,|\bAT\(\w+, \w+,", layout))
    wanted = set()
    for header in sorted((root / "include/orion").glob("*.h")):
        wanted.update(public(header.read_text()))
    lines = [f"{line} ...): not in layout.c" for line in sorted(wanted - found)]
    lines += [f"{line} ...): in no header" for line in sorted(found - wanted)]
    print("\n".join(lines) or f"{len(wanted)} facts")
    print(f"[{'  FAILED ' if lines else '       OK'} ] layout.c is complete")
    return 1 if lines else 0


sys.exit(main())
