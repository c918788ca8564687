#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the habits a machine can check: licence lines, purpose lines, width, alphabet, leftovers.

usage: check-hygiene.py SOURCE_ROOT
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

CODE = {".c", ".h", ".py", ".sh", ".build", ".map", ".modulemap", ".m", ".S"}
TEXT = CODE | {".def", ".md", ".txt", ".abignore", ".yaml", ".supp"}
WIDTH = 100
# Spelt in two parts so that this file passes its own check.
LEFTOVERS = re.compile(r"\b(" + "|".join(a + b for a, b in (
    ("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK"))) + r")\b")


def files(root):
    """Tracked files of a checkout; every file outside build folders of an unpacked archive."""
    if (root / ".git").exists() and shutil.which("git"):
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True,
                             check=True).stdout
        paths = [root / name for name in out.decode().split("\0") if name]
        return [path for path in paths if path.is_file()]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith("build")]
        found += [pathlib.Path(folder) / name for name in names]
    return found


def main():
    root = pathlib.Path(sys.argv[1])
    rules = {"licence": [], "width": [], "alphabet": [], "blanks": [], "leftovers": []}
    for path in files(root):
        name = path.relative_to(root)
        kind = path.suffix
        is_script = kind == "" and path.read_bytes()[:2] == b"#!"
        if kind not in TEXT and not is_script and path.name != "Makefile":
            continue
        if "corpus" in name.parts or "golden" in name.parts and kind not in CODE:
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        lines = text.split("\n")
        code = kind in CODE or is_script or path.name == "Makefile"
        if (code or kind == ".def") and "SPDX-License-Identifier: MIT" not in "\n".join(lines[:3]):
            rules["licence"].append(f"{name}: no SPDX line on top")
        if text and not text.endswith("\n"):
            rules["blanks"].append(f"{name}: no newline at the end")
        for number, line in enumerate(lines, 1):
            place = f"{name}:{number}"
            if code and len(line) > WIDTH:
                rules["width"].append(f"{place}: {len(line)} columns")
            if code and not line.isascii():
                rules["alphabet"].append(f"{place}: not ASCII")
            if kind != ".md" and line != line.rstrip() or "\r" in line:
                rules["blanks"].append(f"{place}: blanks at the end")
            if "\t" in line and path.name != "Makefile" and code:
                rules["blanks"].append(f"{place}: tab")
            if LEFTOVERS.search(line):
                rules["leftovers"].append(f"{place}: {LEFTOVERS.search(line).group(0)}")
    failed = False
    for rule, problems in rules.items():
        print("\n".join(problems[:40]))
        if len(problems) > 40:
            print(f"... and {len(problems) - 40} more")
        print(f"[{'  FAILED ' if problems else '       OK'} ] {rule}")
        failed |= bool(problems)
    return 1 if failed else 0


sys.exit(main())
