#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that headers, symbol maps and built libraries agree on what is public, three ways.

usage: check-symbols.py SOURCE_ROOT LIB=PATH_OF_SHARED_LIBRARY...    (LIB is ir, mil, ane or train)

headers   functions declared ORION_API in include/orion/*.h; the prefix says whose they are
          (orion_mil_ is mil's; what has none of the four prefixes is base and belongs to ir)
map       the names under `global:` in liborion-LIB/orion-LIB.map
library   what `nm -D` shows, with its version
"""
import pathlib
import re
import subprocess
import sys

LIBS = ("ir", "mil", "ane", "train")
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
NOT_OURS = re.compile(r"ORION_API|static|typedef|ORION_IR_(UNARY|BINARY|REDUCE)")
NODE = re.compile(r"(\w[\w.]*)\s*\{(.*?)\}", re.S)


def strip_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def owner(name):
    for lib in LIBS:
        if name.startswith(f"orion_{lib}_"):
            return lib
    return "ir"


def declared(root):
    """{library: {function: header}} from the ORION_API declarations."""
    result = {lib: {} for lib in LIBS}
    problems = []
    for header in ("base", *LIBS):
        path = root / "include/orion" / f"{header}.h"
        if not path.exists():
            continue
        text = PREPROCESSOR.sub("", strip_comments(path.read_text()))
        for match in re.finditer(r"\bORION_API\b([^;{]*)", text):
            name = re.search(r"\b(orion_\w+)\s*\(", match.group(1))
            if not name:
                problems.append(f"{path}: ORION_API without a function: {match.group(0)[:60]!r}")
                continue
            lib = owner(name.group(1))
            expected = "ir" if header == "base" else header
            if lib != expected:
                problems.append(f"{path.name}: {name.group(1)} has the prefix of another library")
            result[lib][name.group(1)] = path.name
        # A prototype without ORION_API is a symbol nobody can link.
        while re.search(r"\{[^{}]*\}", text):
            text = re.sub(r"\{[^{}]*\}", ";", text)
        for statement in text.split(";"):
            statement = re.sub(r"\bORION_(BEGIN|END)_DECLS\b", "", statement).strip()
            match = re.search(r"\b(orion_\w+)\s*\(", statement)
            if match and not NOT_OURS.match(statement):
                problems.append(f"{path.name}: {match.group(1)} is declared without ORION_API")
    return result, problems


def mapped(path):
    """{symbol: version node} of a version script."""
    result = {}
    for node, body in NODE.findall(strip_comments(path.read_text())):
        public = re.search(r"global:(.*?)(?:local:|$)", body, flags=re.S)
        for name in re.findall(r"[\w*]+", public.group(1) if public else ""):
            result[name] = node
    return result


def exported(path):
    """{symbol: version node, or None} of a shared library."""
    result = {}
    args = ["nm", "-gU", path] if path.endswith(".dylib") else ["nm", "-D", "--defined-only", path]
    listing = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        kind, name = line.split()[-2:]
        if kind == "A":
            continue
        name, _, node = name.partition("@@")
        result[name.lstrip("_") if path.endswith(".dylib") else name] = node or None
    return result


def main():
    root = pathlib.Path(sys.argv[1])
    headers, problems = declared(root)
    versioned = sys.platform != "darwin"
    failed = bool(problems)
    for problem in problems:
        print(problem)
    for argument in sys.argv[2:]:
        lib, _, path = argument.partition("=")
        in_map = mapped(root / f"liborion-{lib}/orion-{lib}.map")
        in_library = exported(path)
        in_headers = headers[lib]
        lines = []
        for name in sorted(set(in_map) | set(in_library) | set(in_headers)):
            places = [
                ("header", name in in_headers),
                ("map", name in in_map),
                ("library", name in in_library),
            ]
            if not all(there for _, there in places):
                yes = ", ".join(place for place, there in places if there)
                no = ", ".join(place for place, there in places if not there)
                lines.append(f"{name}: in {yes}; not in {no}")
            elif versioned and in_library[name] != in_map[name]:
                lines.append(
                    f"{name}: {in_map[name]} in the map, {in_library[name]} in the library")
        if not in_headers:
            lines.append("no public function found")
        print("\n".join(lines) or f"{len(in_headers)} functions agree")
        print(f"[{'  FAILED ' if lines else '       OK'} ] symbols of liborion-{lib}")
        failed = failed or bool(lines)
    return 1 if failed else 0


sys.exit(main())
