#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command line of the program in README.md, docs and the help runs as it is written.

Only --steps is made small. The files that the commands name are made by the test.
"""
import os
import re
import shlex
import struct
import subprocess

from harness import (ORION, SOURCE, TINY_RECIPE, case, environment, good, llama2c_tokenizer,
                     llama2c_weights, main, write_text)

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
PROGRAM = re.compile(r"(build/examples/orion/)?orion ")
STEPS = re.compile(r"(--steps) \d+")


def commands(text):
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+#.*", "", line).strip()
        if PROGRAM.match(line):
            yield line


# A graph with weights, which every chip takes once it is MIL.
GRAPH = """oir 1
graph @scale(%x: f16[1,256,1,64]) -> (%y) {
  %w = const [WEIGHTS] : f16[1,256,1,1]
  %y = mul %x, %w : f16[1,256,1,64]
}
"""
TARGET = "target: my-mac\nbase: h16\nsummary: a Mac of ones own\nlevels: {E-10: off}\n"


def write_programs(folder):
    weights = ", ".join(str(i) for i in range(256))
    (folder / "model.oir").write_text(GRAPH.replace("WEIGHTS", weights))
    (folder / "my-mac.yaml").write_text(TARGET)
    for name in ("model", "before", "after"):
        good("convert", folder / "model.oir", folder / f"{name}.mil", "--dialect", "ios16")


def write_array(path, elements):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, 256, 1, 64), }}\n".encode()
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header +
                     bytes(4 * elements))


def run_all(folder, lines):
    """In one folder, in this order, by a shell that finds the program where the text says."""
    (folder / "build/examples/orion").mkdir(parents=True)
    (folder / "build/examples/orion/orion").symlink_to(os.path.abspath(ORION))
    (folder / "model.yaml").write_text(TINY_RECIPE)
    (folder / "stories260K.bin").write_bytes(llama2c_weights())
    (folder / "tok512.bin").write_bytes(llama2c_tokenizer())
    write_text(folder)
    write_programs(folder)
    write_array(folder / "x.npy", 256 * 64)
    emulator = {}
    if "ORION_TEST_EMULATOR" in os.environ:
        emulator["ORION_ANE_FRAMEWORK"] = os.environ["ORION_TEST_EMULATOR"]
    path = f"{folder}/build/examples/orion:{os.environ['PATH']}"
    for line in lines:
        if "orion probe" in line:
            if "emulator" in line and "ORION_TEST_EMULATOR" not in os.environ:
                continue
            line += f" --programs {SOURCE}/tests/golden/rules"
        print(line, flush=True)
        done = subprocess.run(["sh", "-c", STEPS.sub(r"\1 2", line)], cwd=folder, timeout=300,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment(PATH=path, **emulator))
        if done.returncode != 0:
            raise AssertionError(f"{line}: exit code {done.returncode}\n{done.stderr.decode()}")


def of_document(name):
    text = (SOURCE / name).read_text()
    found = [line for block in BLOCK.findall(text) for line in commands(block)]
    assert found, f"no command in {name}"
    return found


@case
def readme(folder):
    run_all(folder, of_document("README.md"))


@case
def page_of_the_program(folder):
    run_all(folder, of_document("docs/program.md"))


@case
def examples_of_the_help(folder):
    lines = []
    for args in ((), ("train",), ("generate",), ("eval",), ("lint",), ("inspect",), ("convert",),
                 ("diff",), ("compile",), ("run",), ("doctor",), ("probe",)):
        examples = good(*args, "--help").out.decode().split("examples:\n")[1]
        found = list(commands(examples))
        assert found, f"no example in the help of {shlex.join(args)}"
        lines += found
    run_all(folder, lines)


if __name__ == "__main__":
    main()
