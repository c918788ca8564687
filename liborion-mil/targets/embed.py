#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the YAML files of targets as a C table, so that the library needs no file at run time.

usage: embed.py OUTPUT.c FILE.yaml...
"""
import pathlib
import sys


def literal(line):
    return '    "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


def main():
    output, files = pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
    parts = ["/* SPDX-License-Identifier: MIT */",
             "/* Generated from liborion-mil/targets/ by embed.py: the files of targets. */",
             '#include "mil-target.h"', ""]
    for index, path in enumerate(files):
        lines = path.read_text(encoding="ascii").splitlines()
        parts += [f"static const char text_{index}[] =", *map(literal, lines)]
        parts[-1] += ";"
    parts += ["", "const mil_embedded mil_embedded_files[] = {"]
    parts += [f'    {{"{path.stem}", text_{index}, sizeof text_{index} - 1}},'
              for index, path in enumerate(files)]
    parts += ["};", "const size_t mil_embedded_count =",
              "    sizeof mil_embedded_files / sizeof mil_embedded_files[0];", ""]
    output.write_text("\n".join(parts), encoding="ascii")


main()
