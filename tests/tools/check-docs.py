#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the documents: every command is run by a test, every program is an example, links lead on.

usage: check-docs.py SOURCE_ROOT BUILD_DIR

Commands are the lines of code blocks marked `sh`. Each must stand in tests/tools/commands.txt; its
lines are `command => test name` or `command => by hand: reason`; the test must exist. C blocks with
a main function must be the text of a file in examples/, which the consumer test builds and runs. C
blocks that begin with `/* PATH */` are pieces of files of the tree: what stands between blank lines
below such a comment must stand in that file.
"""
import json
import pathlib
import re
import sys

PATH = re.compile(r"/\* (\S+/\S+) \*/\n")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def commands(block):
    """Lines of a shell block: continuations joined, comments and blank lines dropped."""
    for line in block.replace("\\\n", " ").split("\n"):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if line:
            yield re.sub(r"\s+", " ", line)


def missing_pieces(root, block):
    """The first lines of pieces that are not in the files that the block names."""
    source = None
    for piece in block.strip("\n").split("\n\n"):
        path = PATH.match(piece)
        if path:
            file = root / path.group(1)
            source = file.read_text() if file.exists() else ""
            piece = piece[path.end():]
        if source is not None and piece not in source:
            yield piece.split("\n")[0]


def verdict(name, lines):
    print("\n".join(lines))
    print(f"[{'  FAILED ' if lines else '       OK'} ] {name}")
    return bool(lines)


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    documents = [p for pattern in ("*.md", "docs/**/*.md", "liborion-*/*.md")
                 for p in sorted(root.glob(pattern))]
    examples = [p.read_text() for p in root.glob("examples/*.c")]
    tests = json.loads((build / "meson-info/intro-tests.json").read_text())
    tests = {test["name"] for test in tests}
    table = {}
    problems = []
    for line in (root / "tests/tools/commands.txt").read_text().split("\n"):
        if not line or line.startswith("#"):
            continue
        command, arrow, runner = line.partition(" => ")
        table[command] = runner
        if not arrow or not (runner in tests or runner.startswith("by hand: ")):
            problems.append(f"commands.txt: no test called {runner!r} runs {command!r}")
    used = set()
    snippets = []
    links = []
    for document in documents:
        name = document.relative_to(root)
        text = document.read_text()
        for language, block in BLOCK.findall(text):
            if language == "sh":
                for command in commands(block):
                    used.add(command)
                    if command not in table:
                        problems.append(f"{name}: no test is listed for: {command}")
            if language == "c" and re.search(r"\bmain\(", block):
                if not any(block in example for example in examples):
                    snippets.append(f"{name}: a C program that is not in examples/*.c")
            if language == "c" and PATH.match(block):
                snippets += [f"{name}: not in the file that is named: {line}"
                             for line in missing_pieces(root, block)]
        prose = BLOCK.sub("", text)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"https?:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (document.parent / path) if path else document
            if not there.exists():
                links.append(f"{name}: link to nothing: {target}")
            elif anchor and there.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", there.read_text(), re.M)
                anchors = [re.sub(r"[^\w\- ]", "", h.lower()).strip() for h in headings]
                if anchor not in [a.replace(" ", "-") for a in anchors]:
                    links.append(f"{name}: no heading for: {target}")
    problems += [f"commands.txt: in no document: {c}" for c in table if c not in used]
    failed = verdict("commands", problems)
    failed |= verdict("C programs", snippets)
    failed |= verdict("links", links)
    return 1 if failed else 0


sys.exit(main())
