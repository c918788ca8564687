#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that no graph depends on the order in which a compiler evaluates arguments.

usage: check-order.py SOURCE_ROOT

C leaves that order open. Where two arguments of one call (or two initialisers of one list) both
emit nodes, compilers would number values differently, and the same source would print different
graphs. Such calls are written in two statements.
"""
import pathlib
import re
import sys

FILES = ("liborion-ir/**/*.c", "liborion-train/llama.c", "liborion-mil/raise*.c")
# First arguments that are a builder, or hold one.
BUILDERS = {"b", "&b", "&c->b", "p->b", "g->b", "r->b", "c", "g", "r"}
# Calls with such an argument that emit nothing.
PURE = re.compile(r"^(ir_dtype_of|ir_type_of|orion_ir_builder_type|ir_grad_wants|ir_fail|ir_val"
                  r"|ir_def|ir_const_of|ir_splat_of|orion_ir_(value|graph)_\w+|mil_(refuse|find|is)"
                  r"\w*|ir_find\w*|value_type|rank_of|dims_of|type_of)$")
CALL = re.compile(r"\b([a-zA-Z_]\w*)\($")


def arguments(text, at):
    """Texts of the arguments in the brackets that open at `at`, and where they close."""
    depth, parts, begin = 0, [], at + 1
    for i in range(at, len(text)):
        c = text[i]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return parts + [text[begin:i]], i
        elif c == "," and depth == 1:
            parts.append(text[begin:i])
            begin = i + 1
        elif c == ";" and depth == 1 and text[at] == "{":
            return [], i  # a block, not a list
    return [], len(text)


def emits(text):
    for match in re.finditer(r"\b([a-zA-Z_]\w*)\(", text):
        inner, _ = arguments(text, match.end() - 1)
        if inner and inner[0].strip() in BUILDERS and not PURE.match(match.group(1)):
            return True
    return False


def main():
    root = pathlib.Path(sys.argv[1])
    problems = []
    for path in sorted(p for pattern in FILES for p in root.glob(pattern)):
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), path.read_text(),
                      flags=re.S)
        text = re.sub(r'"(\\.|[^"\\])*"', lambda m: '"' + " " * (len(m.group(0)) - 2) + '"', text)
        text = re.sub(r"^#.*$", lambda m: " " * len(m.group(0)), text, flags=re.M)
        for match in re.finditer(r"[({]", text):
            parts, _ = arguments(text, match.start())
            if match.group(0) == "(" and not CALL.search(text[:match.end()]):
                continue
            if re.search(r"\b(if|while|for|switch|return|sizeof)\($", text[:match.end()]):
                continue
            if sum(emits(part) for part in parts) > 1:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{path.relative_to(root)}:{line}: two arguments emit nodes")
    print("\n".join(problems))
    print(f"[{'  FAILED ' if problems else '       OK'} ] order of evaluation")
    return 1 if problems else 0


sys.exit(main())
