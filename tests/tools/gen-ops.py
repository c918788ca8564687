#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/ops.md from include/orion/ir-ops.def, or check it and the table.

usage: gen-ops.py SOURCE_ROOT            rewrite docs/ops.md
       gen-ops.py SOURCE_ROOT --check    it is up to date; numbers and names are unique; every rule
                                         is described here
"""
import pathlib
import re
import sys

STRING = r'"((?:[^"\\]|\\.)*)"'
TOKEN = re.compile(
    r"/\*\s*(?P<comment>[^*]*?)\s*\*/"
    r"|^ORION_IR_OP\((?P<op>\w+), (?P<number>\d+), (?P<level>CORE|MODEL), (?P<rule>\w+), "
    rf"(?P<least>\d+), (?P<most>\d+), (?P<results>\d+),\s*(?P<doc>{STRING})\)"
    rf"|^ORION_IR_ATTR\((?P<owner>\w+), (?P<attr>\w+), (?P<kind>\w+), (?P<fallback>{STRING}),"
    rf"\s*(?P<about>{STRING})\)", re.M)

# What the rules in liborion-ir/infer-*.c ask of operands.
RULES = {
    "const": "none",
    "binary": "x, y of one dtype, not bool",
    "binary_float": "x, y of one float dtype",
    "compare": "x, y of one dtype",
    "select": "condition bool; a, b of one dtype",
    "unary": "x float, i32 or i8",
    "unary_float": "x float",
    "logical": "bools",
    "clip": "x float",
    "cast": "x of any dtype",
    "arg": "x not bool, rank 1 or more",
    "reduce": "x not bool",
    "reduce_float": "x float",
    "matmul": "x, y of one float dtype, rank 2 or more",
    "conv": "x, weight, bias of one float dtype",
    "conv_transpose": "x, weight, bias of one float dtype",
    "pool": "x float",
    "lstm": "all of one float dtype",
    "quantize": "x, scale of one float dtype; zero of the result's dtype",
    "dequantize": "x of integers; scale float; zero of x's or scale's dtype",
    "reshape": "x of any dtype",
    "transpose": "x of any dtype",
    "slice": "x of any dtype",
    "concat": "one or more of one dtype and rank",
    "split": "x of any dtype, rank 1 or more",
    "pad": "x of any dtype",
    "tile": "x of any dtype",
    "gather": "x of any dtype, rank 1 or more; indices i32",
    "scatter_add": "x, updates of one dtype, not bool; indices i32",
    "slice_update": "x, update of one dtype and rank; begin i32 [1]",
    "axis_float": "x float, rank 1 or more",
    "linear": "x, weight, bias of one float dtype",
    "embedding": "ids i32; table float",
    "rms_norm": "x, gamma of one float dtype",
    "layer_norm": "x, gamma, beta of one float dtype",
    "rope": "x float; position i32",
    "attention": "q, k, v of one float dtype; position i32; mask bool or of that dtype",
    "cross_entropy": "logits float; targets i32",
}
# Ops of which a rule asks less.
EXCEPTIONS = {"identity": "x of any dtype"}

INTRO = """# Ops

What a graph can be made of. *Core* ops are the smallest vocabulary; *model* ops are what people
write, and each has a decomposition into core ops (the pass `decompose`) that is tested to be equal.
Shapes are written `[a, b]`; `...` is any number of leading dims. *Float* is f32, f16 or bf16.
Attributes stand in braces, `softmax %x {axis=1} : f32[2,3]`; those with a default may be left out.
How exact results are is said in [Numbers](numerics.md), their gradients in
[Autodiff](autodiff.md), how text is written in [The language](ir-language.md).

This file is generated: edit `include/orion/ir-ops.def`, then run
`python3 tests/tools/gen-ops.py .`; [Adding an op](adding-an-op.md) lists what else an op needs.
"""


def unquote(text):
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def read(table):
    """[(heading, [op])], where an op is a dict with its attributes."""
    sections = []
    for m in TOKEN.finditer(table):
        if m["comment"] is not None and "SPDX" not in m["comment"]:
            sections.append((re.sub(r"\s+", " ", m["comment"]).rstrip("."), []))
        elif m["op"]:
            sections[-1][1].append({**m.groupdict(), "attrs": []})
        elif m["attr"]:
            sections[-1][1][-1]["attrs"].append(m.groupdict())
    return [s for s in sections if s[1]]


def attribute(a):
    default = unquote(a["fallback"])
    default = f" = {default}" if default else ""
    return f"`{a['attr']}`{default} ({a['kind'].lower()}): {unquote(a['about'])}"


def render(sections):
    lines = [INTRO]
    for heading, ops in sections:
        lines.append(f"\n## {heading}\n\n| op | number | operands | result | attributes |\n"
                     "|---|---|---|---|---|\n")
        for op in ops:
            name = f"`{op['op']}`" + (", model" if op["level"] == "MODEL" else "")
            attrs = "<br>".join(cell(attribute(a)) for a in op["attrs"])
            operands = EXCEPTIONS.get(op["op"]) or RULES.get(op["rule"], "?")
            lines.append(f"| {name} | {op['number']} | {operands} | "
                         f"{cell(unquote(op['doc']))} | {attrs} |\n")
    return "".join(lines)


def verdict(name, lines):
    print("\n".join(lines))
    print(f"[{'  FAILED ' if lines else '       OK'} ] {name}")
    return bool(lines)


def main():
    root = pathlib.Path(sys.argv[1])
    table = (root / "include/orion/ir-ops.def").read_text()
    sections = read(table)
    page = render(sections)
    target = root / "docs/ops.md"
    if len(sys.argv) < 3:
        target.write_text(page)
        return 0

    ops = [op for _, section in sections for op in section]
    lines = []
    for macro, rows in (("OP", ops), ("ATTR", [a for op in ops for a in op["attrs"]])):
        count = len(re.findall(rf"^ORION_IR_{macro}\(", table, re.M))
        if count != len(rows):
            lines.append(f"ir-ops.def: {count} rows ORION_IR_{macro}, {len(rows)} understood")
    for column in ("number", "op"):
        seen = [op[column] for op in ops]
        lines += [f"ir-ops.def: {column} {v} is used twice"
                  for v in sorted({v for v in seen if seen.count(v) > 1})]
    for op in ops:
        if op["rule"] not in RULES:
            lines.append(f"{op['op']}: gen-ops.py does not describe the rule {op['rule']}")
        lines += [f"{a['attr']} stands under {op['op']} but belongs to {a['owner']}"
                  for a in op["attrs"] if a["owner"] != op["op"]]
    used = {op["rule"] for op in ops}
    lines += [f"gen-ops.py: no op has the rule {rule}" for rule in RULES if rule not in used]
    failed = verdict("op table", lines)
    stale = not target.exists() or target.read_text() != page
    failed |= verdict("docs/ops.md", ["out of date: run python3 tests/tools/gen-ops.py ."]
                      if stale else [])
    return 1 if failed else 0


sys.exit(main())
