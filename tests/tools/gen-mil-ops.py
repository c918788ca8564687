#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the op tables of docs/mil-subset.md from liborion-mil/mil-ops.def, or check them.

usage: gen-mil-ops.py SOURCE_ROOT            rewrite the tables
       gen-mil-ops.py SOURCE_ROOT --check    they are up to date; every IR op but const has a row
"""
import pathlib
import re
import sys

ROW = re.compile(r"^(MIL_(?:OP|HINT|IN|ATTR|FIXED|FOREIGN|FORMULA2?|PHRASE|REDUCE|REFUSED))"
                 r"\((.*)\)$", re.M)
BEGIN, END = "<!-- ops: generated -->\n", "<!-- ops: end -->\n"
KINDS = {"INT": "int32", "BOOL": "bool", "INTS": "int32 list", "DTYPE": "string", "FLOAT": "fp32",
         "FLOATX": "type of x", "STRING": "string", "MASK": "bool per axis"}
# Parameters that lower_<name> and raise_<name> handle beside the table.
BESIDE = {"gelu": ["`mode` (string; EXACT) = EXACT or TANH_APPROXIMATION"],
          **{op: ["`pad` (int32 list) = before and after, interleaved"]
             for op in ("pad", "conv", "conv_transpose", "max_pool", "avg_pool")},
          "lstm": ["`direction` (string; forward) = forward or reverse"]}


def fields(text):
    return [f.strip().strip('"') for f in re.findall(r'"[^"]*"|[^,\s"][^,]*', text)]


def read(root):
    ops, foreign, formulas, refused = {}, [], [], {}
    for macro, text in ROW.findall((root / "liborion-mil/mil-ops.def").read_text()):
        row = fields(text)
        if macro == "MIL_FOREIGN":
            foreign.append(row)
        elif macro in ("MIL_FORMULA", "MIL_FORMULA2", "MIL_PHRASE"):
            name, parameters, formula = row[:3]
            integers = f"; integers: `{row[3]}`" if len(row) > 3 else ""
            shown = f"`{name}`" if macro != "MIL_PHRASE" else f"phrase `{name}`"
            formulas.append(f"| {shown} | `{parameters}` | `{formula}`{integers} |\n")
        elif macro == "MIL_REDUCE":
            name, before, op, after = row
            inner = f"{op}({before}(x))" if before else f"{op}(x)"
            graph = f"{after}({inner})" if after else inner
            formulas.append(f"| `{name}` | `x, axes, keep_dims` | `{graph}` |\n")
        elif macro == "MIL_REFUSED":
            name, reason = row[0], ",".join(row[1:])
            refused.setdefault(reason, []).append(f"`{name}`")
        elif macro == "MIL_OP":
            ops[row[0]] = {"name": row[1], "raise": row[3], "in": [], "params": [], "hint": ""}
        elif macro == "MIL_HINT":
            ops[row[0]]["hint"] = row[1]
        elif macro == "MIL_IN":
            many = {"MANY": "...", "OPTIONAL": "?"}.get(row[2], "")
            ops[row[0]]["in"].append(f"`{row[1]}`{many}")
        elif macro == "MIL_ATTR":
            _, attr, parameter, kind, fallback = row
            default = f"; {fallback}" if fallback else ""
            renamed = f" = `{attr}`" if attr != parameter else ""
            ops[row[0]]["params"].append(f"`{parameter}` ({KINDS[kind]}{default}){renamed}")
        else:
            _, parameter, kind, value, need = row
            since = ", ios18 only" if need == "IOS17" else ""
            ops[row[0]]["params"].append(f"`{parameter}` ({KINDS[kind]}) always {value}{since}")
    return ops, foreign, formulas, refused


def render(ops, foreign, formulas, refused):
    lines = ["| IR op | MIL op | operands | parameters (type; default when left out) |\n",
             "|---|---|---|---|\n"]
    for op, row in ops.items():
        name = f"`{row['name']}`" + (f", name `{row['hint']}...`" if row["hint"] else "")
        params = ", ".join(row["params"] + BESIDE.get(op, []))
        lines.append(f"| `{op}` | {name} | {', '.join(row['in'])} | {params} |\n")
    also = ", ".join(f"`{name}`" for name, _ in foreign)
    lines.append(f"\nAlso raised: {also}.\n")
    lines.append("\n| formula | parameters | graph |\n|---|---|---|\n")
    lines += formulas
    lines.append("\n| refused | because |\n|---|---|\n")
    lines += [f"| {', '.join(names)} | {reason} |\n" for reason, names in refused.items()]
    return "".join(lines)


def verdict(name, lines):
    print("\n".join(lines))
    print(f"[{'  FAILED ' if lines else '       OK'} ] {name}")
    return bool(lines)


def main():
    root = pathlib.Path(sys.argv[1])
    page = root / "docs/mil-subset.md"
    ops, foreign, formulas, refused = read(root)
    text = page.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + render(ops, foreign, formulas, refused) + END + after
    if len(sys.argv) < 3:
        page.write_text(wanted)
        return 0
    stale = [] if text == wanted else ["out of date: run python3 tests/tools/gen-mil-ops.py ."]
    failed = verdict("docs/mil-subset.md", stale)
    table = (root / "include/orion/ir-ops.def").read_text()
    all_ops = re.findall(r"^ORION_IR_OP\((\w+),", table, re.M)
    failed |= verdict("every IR op has a MIL form", [
        f"{op}: no row in liborion-mil/mil-ops.def"
        for op in all_ops if op not in ops and op != "const"])
    return 1 if failed else 0


sys.exit(main())
