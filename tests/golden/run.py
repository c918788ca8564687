#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the golden files: input and expected output, byte for byte.

usage: run.py ORION_OPT FOLDER [--update]

FOLDER/**/*.oir begins with a comment that holds its options, `# orion-opt --pass=cse,dce`. Beside
x.oir stands x.expect, what orion-opt prints, or x.err, the places and numbers of its diagnostics,
one a line: `3:12 ORN-0014`, or `- ORN-0025` for one without a place. --update writes these files
anew; a new x.oir gets the one that fits.
"""
import pathlib
import re
import shlex
import subprocess
import sys

HEAD = "# orion-opt"
DIAGNOSTIC = re.compile(r"^(?:.*:(\d+):(\d+): )?(?:error|warning|note): .* \[(ORN-\d+)\]$", re.M)


def run(program, path):
    """What the file yields: its kind (expect or err) and its text."""
    first = path.read_text().split("\n", 1)[0]
    if not first.startswith(HEAD):
        return None, f"{path.name}: the first line must be `{HEAD} OPTIONS`\n"
    done = subprocess.run([program, *shlex.split(first[len(HEAD):]), str(path)],
                          capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return "expect", done.stdout
    if done.returncode != 1:
        return None, f"{path.name}: exit code {done.returncode}\n{done.stderr}"
    lines = [f"{line}:{column} {number}\n" if line else f"- {number}\n"
             for line, column, number in DIAGNOSTIC.findall(done.stderr)]
    return "err", "".join(lines) or done.stderr


def check(program, path, update):
    kind, text = run(program, path)
    if kind is None:
        return text
    wanted = path.with_suffix("." + kind)
    other = path.with_suffix(".err" if kind == "expect" else ".expect")
    if update:
        wanted.write_text(text)
        other.unlink(missing_ok=True)
        return ""
    if other.exists():
        return f"{path.name}: {other.name} is there, but it is an {kind} now:\n{text}"
    if not wanted.exists():
        return f"{path.name}: no {wanted.name}; it would be:\n{text}"
    if wanted.read_text() != text:
        return f"{path.name}: {wanted.name} is\n{wanted.read_text()}but should be\n{text}"
    return ""


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    failed = False
    files = sorted(folder.rglob("*.oir"))
    for path in files:
        wrong = check(program, path, "--update" in sys.argv)
        print(wrong, end="")
        print(f"[{'  FAILED ' if wrong else '       OK'} ] {path.relative_to(folder)}")
        failed |= bool(wrong)
    return 1 if failed or not files else 0


sys.exit(main())
