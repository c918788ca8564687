#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""orion compile and orion run: graphs to programs, programs on devices, arrays as .npy."""
import json
import struct

from harness import SOURCE, case, data_file, good, main, orion, refused

SCALE = """oir 1
graph @scale(%x: f32[2,3]) -> (%y, %sum) {
  %w = const [1, -2, 3] : f32[3]
  %y = mul %x, %w : f32[2,3]
  %sum = reduce_sum %y {axes=[0,1]} : f32[]
}
"""
PICK = """oir 1
graph @pick(%table: f16[4,2], %at: i32[3]) -> (%rows, %copy) {
  %rows = gather %table, %at {axis=0} : f16[3,2]
  %copy = add %at, %at : i32[3]
}
"""


def npy(descr, shape, data, order="False", version=1, tail=b""):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    front = 10 if version == 1 else 12
    header += " " * (-(front + len(header) + 1) % 64) + "\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header.encode() + data + tail


def read_npy(path, code):
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    assert (10 + size) % 64 == 0, "the elements are aligned"
    header = eval(data[10:10 + size].decode(), {"__builtins__": {}})
    count = (len(data) - 10 - size) // struct.calcsize(code)
    return header, list(struct.unpack(f"<{count}{code}", data[10 + size:]))


def program(folder, text=SCALE, name="scale"):
    (folder / f"{name}.oir").write_text(text)
    good("compile", folder / f"{name}.oir", "--out", folder / name)
    return folder / name / "model.mil"


def floats(*numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


# ---- run ----

@case
def run_computes(folder):
    path = program(folder)
    (folder / "x.npy").write_bytes(npy("<f4", "(2, 3)", floats(1, 2, 3, 4, 5, 6)))
    result = good("run", path, "--input", f"x={folder}/x.npy", "--output", folder / "out")
    text = result.out.decode().splitlines()
    assert text[0].split() == ["y", "f32", "[2,", "3]", "least", "-10", "greatest", "18", "mean",
                               "3", "not", "finite", "0"], text
    header, y = read_npy(folder / "out/y.npy", "f")
    assert header == {"descr": "<f4", "fortran_order": False, "shape": (2, 3)}, header
    assert y == [1, -4, 9, 4, -10, 18], y
    header, total = read_npy(folder / "out/sum.npy", "f")
    assert header["shape"] == () and total == [18], (header, total)


@case
def run_reads_many_kinds_of_arrays(folder):
    path = program(folder)
    numbers = [1, 2, 3, 4, 5, 6]
    files = {
        "f8": npy("<f8", "(2, 3)", struct.pack("<6d", *numbers)),
        "f2": npy("<f2", "(2, 3)", struct.pack("<6e", *numbers)),
        "two": npy("<f4", "(2, 3)", floats(*numbers), version=2),
        "three": npy("<f4", "(2,3,)", floats(*numbers), version=3),
        "ones": npy("<f4", "(1, 1, 2, 3)", floats(*numbers)),
    }
    for name, data in files.items():
        (folder / "x.npy").write_bytes(data)
        good("run", path, "--input", f"x={folder}/x.npy", "--output", folder / name)
        assert read_npy(folder / name / "y.npy", "f")[1] == [1, -4, 9, 4, -10, 18], name


@case
def run_with_integers_and_halves(folder):
    path = program(folder, PICK, "pick")
    (folder / "t.npy").write_bytes(npy("<f2", "(4, 2)", struct.pack("<8e", *range(8))))
    (folder / "i.npy").write_bytes(npy("<i8", "(3,)", struct.pack("<3q", 3, 0, 2)))
    good("run", path, "--input", f"table={folder}/t.npy", "--input", f"at={folder}/i.npy",
         "--output", folder / "out")
    header, rows = read_npy(folder / "out/rows.npy", "e")
    assert header["descr"] == "<f2" and rows == [6, 7, 0, 1, 4, 5], (header, rows)
    header, copy = read_npy(folder / "out/copy.npy", "i")
    assert header["descr"] == "<i4" and copy == [6, 0, 4], (header, copy)
    (folder / "i.npy").write_bytes(npy("<i8", "(3,)", struct.pack("<3q", 3, 0, 1 << 40)))
    refused(1, "run", path, "--input", "table=zeros", "--input", f"at={folder}/i.npy",
            mentions="beyond 32 bits")
    (folder / "i.npy").write_bytes(npy("<i4", "(3,)", struct.pack("<3i", 3, 0, 4)))
    refused(1, "run", path, "--input", "table=zeros", "--input", f"at={folder}/i.npy",
            mentions="outside [0, 4)")


@case
def run_makes_inputs(folder):
    path = program(folder)
    outs = [good("run", path, "--input", f"x=random:{seed}", "--json").out for seed in (1, 1, 2)]
    assert outs[0] == outs[1] != outs[2]
    lines = [json.loads(line) for line in outs[0].decode().splitlines()]
    assert [line["name"] for line in lines] == ["y", "sum"] and lines[0]["dtype"] == "f32", lines
    zeros = good("run", path, "--input", "x=zeros", "--json").out.decode().splitlines()
    assert json.loads(zeros[1])["mean"] == 0, zeros
    # The last of two for one input counts.
    assert good("run", path, "--input", "x=zeros", "--input", "x=random:1", "--json").out == outs[0]


@case
def run_refuses_command_lines(folder):
    path = program(folder)
    refused(2, "run", mentions="FILE.mil")
    refused(2, "run", path, mentions="give --input x=FILE.npy")
    refused(2, "run", path, "--input", "x", mentions="NAME=VALUE")
    refused(2, "run", path, "--input", "y=zeros", mentions="no such input")
    refused(2, "run", path, "--input", "x=random:one", mentions="no whole number")
    refused(2, "run", path, "--input", "x=zeros", "--device", "gpu", mentions="gpu")
    refused(1, "run", path, "--input", "x=zeros", "--function", "other", mentions="other")
    refused(1, "run", path, "--input", f"x={folder}/no.npy", mentions="no.npy")
    refused(1, "run", SOURCE / "README.md", mentions="expected 'program'", lines=None)
    program(folder, PICK, "pick")
    refused(2, "run", folder / "pick/model.mil", "--input", "table=zeros", "--input", "at=random:1",
            mentions="random is for floats")


@case
def run_refuses_arrays(folder):
    path = program(folder)
    whole = npy("<f4", "(2, 3)", floats(*range(6)))
    cases = {
        "no .npy file": b"PK\3\4" + bytes(60),
        "version": whole[:6] + b"\4" + whole[7:],
        "within its header": whole[:40],
        "before its last element": whole[:-1],
        "follows its last element": whole + b"x",
        "Fortran order": npy("<f4", "(2, 3)", floats(*range(6)), order="True"),
        "its dtype": npy(">f4", "(2, 3)", floats(*range(6))),
        "no elements": npy("<f4", "(0, 3)", b""),
        "more axes": npy("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1, 6)", floats(*range(6))),
        "larger than any tensor": npy("<f4", "(99999999999999, 99999999999999)", b""),
        "a structure": npy("<f4", "(2, 3)", floats(*range(6))).replace(b"'<f4'", b"[('a'"),
        "[3, 2]": npy("<f4", "(3, 2)", floats(*range(6))),
    }
    for words, data in cases.items():
        (folder / "x.npy").write_bytes(data)
        refused(1, "run", path, "--input", f"x={folder}/x.npy", mentions=words)
    (folder / "x.npy").write_bytes(npy("<i4", "(2, 3)", struct.pack("<6i", *range(6))))
    refused(1, "run", path, "--input", f"x={folder}/x.npy", mentions="x.npy", lines=None)


@case
def run_needs_its_weights(folder):
    numbers = ", ".join(map(str, range(100)))
    text = (f"oir 1\ngraph @g(%x: f32[100]) -> (%y) {{\n  %w = const [{numbers}] : f32[100]\n"
            "  %y = add %x, %w : f32[100]\n}\n")
    path = program(folder, text, "heavy")
    good("run", path, "--input", "x=zeros", "--output", folder / "out")
    assert read_npy(folder / "out/y.npy", "f")[1] == list(range(100))
    (folder / "heavy/weights").rename(folder / "weights")
    refused(1, "run", path, "--input", "x=zeros", mentions="--weights DIR")
    good("run", path, "--input", "x=zeros", "--weights", folder)


@case
def run_a_real_program(folder):
    path = data_file("mil/add/model.mil")
    names = []
    while True:
        result = orion("run", path, *(f"--input={name}=random:1" for name in names))
        if result.code == 0:
            break
        result.need(result.code == 2 and "give --input" in result.err, "an input is asked for")
        names.append(result.err.split("--input ")[1].split("=")[0])
    assert len(names) == 2, names


# ---- compile ----

@case
def compile_for_a_chip(folder):
    (folder / "scale.oir").write_text(SCALE)
    result = good("compile", folder / "scale.oir", "--out", folder / "m4", "--target", "M4")
    result.need(result.out.startswith(b"program "), "the table")
    assert (folder / "m4/plan.txt").read_bytes() == result.out
    made = sorted(folder.glob("m4/*/model.mil"))
    assert made, "no program for the device"
    for path in made:
        good("lint", path, "--target", "M4")
    good("compile", folder / "scale.oir", "--out", folder / "m1", "--target", "M1")
    for path in folder.glob("m1/*/model.mil"):
        assert path.read_text().startswith("program(1.0)"), "the target's spelling"
    lines = good("compile", folder / "scale.oir", "--out", folder / "j", "--target", "M4",
                 "--json").out.decode().splitlines()
    assert {json.loads(line)["event"] for line in lines[1:]} == {"program"}


@case
def compile_leaves_the_rest_to_the_host(folder):
    (folder / "pick.oir").write_text(PICK)
    good("compile", folder / "pick.oir", "--out", folder / "out", "--target", "M4")
    assert list(folder.glob("out/*/host.oir")), "integers are for the host"


@case
def compile_tells_what_fp16_does_to_weights(folder):
    text = SCALE.replace("[1, -2, 3]", "[1e6, 1e-6, 1e-9]")
    (folder / "s.oir").write_text(text)
    result = good("compile", folder / "s.oir", "-o", folder / "m4", "--target", "M4")
    result.need("constant w in fp16: of 3 numbers 1 overflow and become 65504, 0 are NaN"
                in result.err, "the constant")
    result.need("of 3 fp32 constants 1 are subnormal in fp16, 1 become 0" in result.err, "the sum")
    lines = good("compile", folder / "s.oir", "-o", folder / "j", "--target", "M4",
                 "--json").out.decode().splitlines()
    half = json.loads(lines[0])
    assert (half["event"], half["overflows"], half["vanished"]) == ("half", 1, 1), half


@case
def compile_refuses(folder):
    (folder / "scale.oir").write_text(SCALE)
    refused(2, "compile", folder / "scale.oir", mentions="-o DIR")
    refused(2, "compile", folder / "scale.oir", "--out", folder / "x", "--target", "h99",
            mentions="h11")
    refused(2, "compile", folder / "scale.oir", "--out", folder / "x", "--dialect", "ios99",
            mentions="ios99")
    refused(1, "compile", folder / "none.oir", "--out", folder / "x", mentions="none.oir")
    refused(1, "compile", folder / "scale.oir", "--out", folder / "no/x", mentions="no/x")
    (folder / "bad.oir").write_text("oir 2\n")
    refused(1, "compile", folder / "bad.oir", "--out", folder / "x", mentions="bad.oir:1:5")


if __name__ == "__main__":
    main()
