#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs as other people's converters and trainers write them, through every command: lint finds
the rules they break, no spelling changes what they compute, and run computes what is computed here
in plain Python."""
import json
import math
import random
import struct

from harness import SOURCE, case, good, main, orion, refused

PROGRAMS = SOURCE / "tests/cli/programs"


def numbers(count, seed, scale=0.5):
    """Halves, so that both sides compute with the same numbers."""
    source = random.Random(seed)
    values = [source.uniform(-scale, scale) for _ in range(count)]
    return list(struct.unpack(f"<{count}e", struct.pack(f"<{count}e", *values)))


def weight_file(path, *entries):
    """fp16 entries in MIL Blob Storage version 2."""
    out = struct.pack("<II", len(entries), 2).ljust(64, b"\0")
    for values in entries:
        data = struct.pack(f"<{len(values)}e", *values)
        metadata = struct.pack("<IIQQ", 0xDEADBEEF, 1, len(data), len(out) + 64)
        out += metadata.ljust(64, b"\0") + data
        out += b"\0" * (-len(out) % 64)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out)


def array(path, code, shape, values):
    header = f"{{'descr': '<{code}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    data = struct.pack(f"<{len(values)}{'e' if code == 'f2' else 'f'}", *values)
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + data)


def elements(path, letter):
    data = path.read_bytes()
    data = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return list(struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data))


def place(folder, name):
    path = folder / f"{name}.mil"
    path.write_bytes((PROGRAMS / path.name).read_bytes())
    return path


def rules(path, target):
    """The rules broken, notes aside; with weights."""
    result = orion("lint", path, "--target", target, "--weights", path.parent, "--json")
    found = [json.loads(line) for line in result.out.decode().splitlines()]
    broken = {e["rule"] for e in found if e["event"] == "finding" and e["level"] != "note"}
    return result.need(result.code == (1 if broken else 0), "the exit code") and broken


def spellings(path):
    """Both spellings are the same program, and each is stable."""
    for dialect in ("ios16", "ios18"):
        again, once = path.with_suffix(".again.mil"), path.with_suffix(f".{dialect}.mil")
        good("convert", path, once, "--dialect", dialect)
        good("convert", once, again)
        assert once.read_bytes() == again.read_bytes(), dialect
        result = good("diff", path, once)
        result.need(result.out == b"", "no difference")


def same_through_a_graph(path, output, *args):
    """Raised to a graph and lowered again it gives the same bits."""
    other = path.parent / "other"
    other.mkdir()
    good("convert", path, other / "g.oir")
    good("convert", other / "g.oir", other / "g.mil")
    good("run", other / "g.mil", *args, "--output", other)
    assert (other / f"{output}.npy").read_bytes() == (path.parent / f"{output}.npy").read_bytes()


def near(found, wanted, tolerance=4e-3):
    assert len(found) == len(wanted), (len(found), len(wanted))
    for i, (a, b) in enumerate(zip(found, wanted)):
        assert abs(a - b) <= tolerance * (1 + abs(b)), (i, a, b)


@case
def attention_of_a_trainer(folder):
    """Attention without a mask, its products with weights 1x1 convs, next to what went into it."""
    path = place(folder, "ane-attention")
    x, wq = numbers(64 * 32, 1, 2), numbers(64 * 64, 2)
    weight_file(folder / "weights/wq.bin", wq)
    array(folder / "x.npy", "f2", (1, 64, 1, 32), x)
    assert rules(path, "M4") == set()
    assert rules(path, "M1") == {"X-11"}
    spellings(path)
    args = ("--input", f"x={folder}/x.npy")
    good("run", path, *args, "--output", folder)
    out = elements(folder / "out.npy", "e")

    scale = [(sum(x[c * 32 + t] ** 2 for c in range(64)) / 64 + 1e-5) ** -0.5 for t in range(32)]
    xn = [x[c * 32 + t] * scale[t] for c in range(64) for t in range(32)]
    q = [sum(wq[o * 64 + c] * xn[c * 32 + t] for c in range(64))
         for o in range(64) for t in range(32)]
    near(out[128 * 32:], xn)
    near(out[64 * 32:128 * 32], q, 1e-2)
    head = [[q[d * 32 + t] for d in range(16)] for t in range(32)]
    attended = []
    for row in head:
        scores = [sum(a * b for a, b in zip(row, other)) for other in head]
        most = max(scores)
        weights = [math.exp(s - most) for s in scores]
        attended.append([sum(w * other[d] for w, other in zip(weights, head)) / sum(weights)
                         for d in range(16)])
    near(out[:16 * 32], [attended[t][d] for d in range(16) for t in range(32)], 6e-2)
    same_through_a_graph(path, "out", *args)


@case
def packed_weights_of_a_trainer(folder):
    """A product whose weights come with the activations, so that nothing is compiled again."""
    path = place(folder, "ane-packed")
    x = numbers(64 * 48, 3)
    array(folder / "x.npy", "f2", (1, 64, 1, 48), x)
    assert rules(path, "M4") == set()
    assert rules(path, "M1") == {"X-9", "X-11"}
    spellings(path)
    args = ("--input", f"x={folder}/x.npy")
    good("run", path, *args, "--output", folder)
    near(elements(folder / "y.npy", "e"),
         [sum(x[k * 48 + t] * x[k * 48 + 16 + o] for k in range(64))
          for o in range(32) for t in range(16)])
    same_through_a_graph(path, "y", *args)


@case
def classifier_of_a_converter(folder):
    """Convolution, pooling, a linear layer and softmax; inputs and outputs fp32, weights fp16."""
    path = place(folder, "converted-classifier")
    image, conv, fc = numbers(192, 4, 1), numbers(108, 5), numbers(48, 6)
    weight_file(folder / "weights/weight.bin", conv, fc)
    array(folder / "i.npy", "f4", (1, 3, 8, 8), image)
    assert rules(path, "M4") == set()
    assert rules(path, "M1") == {"X-11"}
    spellings(path)
    args = ("--input", f"image={folder}/i.npy")
    good("run", path, *args, "--output", folder)

    def pixel(c, y, x):
        return image[(c * 8 + y) * 8 + x] if 0 <= y < 8 and 0 <= x < 8 else 0

    def filtered(o, y, x):
        window = ((c, i, j) for c in range(3) for i in range(3) for j in range(3))
        return max(0, (0.5, -1.5, 0, 0.0009765625)[o] +
                   sum(conv[((o * 3 + c) * 3 + i) * 3 + j] * pixel(c, 2 * y + i - 1, 2 * x + j - 1)
                       for c, i, j in window))

    pooled = [max(filtered(o, 2 * y + i, 2 * x + j) for i in range(2) for j in range(2))
              for o in range(4) for y in range(2) for x in range(2)]
    logits = [0.25 + sum(w * p for w, p in zip(fc[16 * k:16 * k + 16], pooled)) for k in range(3)]
    total = sum(map(math.exp, logits))
    near(elements(folder / "probabilities.npy", "f"), [math.exp(v) / total for v in logits])
    same_through_a_graph(path, "probabilities", *args)


@case
def functions_of_a_converter(folder):
    """Two functions, one with a state, which becomes an input and an output."""
    path = place(folder, "converted-two-functions")
    x, cache = numbers(8, 7), numbers(8, 8)
    array(folder / "x.npy", "f2", (2, 4), x)
    array(folder / "c.npy", "f2", (2, 4), cache)
    assert rules(path, "M4") == {"X-13"}
    spellings(path)
    args = ("--input", f"x={folder}/x.npy")
    good("run", path, *args, "--output", folder)
    near(elements(folder / "y.npy", "e"), [v / 1.5 for v in x], 1e-3)
    same_through_a_graph(path, "y", *args)
    good("run", path, *args, "--input", f"cache={folder}/c.npy", "--function", "adapter_1",
         "--output", folder)
    refused(1, "run", path, *args, "--function", "adapter_2", lines=None,
            mentions="no function 'adapter_2'; it has 'adapter_1', 'main'")
    good("convert", path, folder / "a.oir", "--function", "adapter_1")
    assert "@adapter_1(" in (folder / "a.oir").read_text()
    path.write_text(path.read_text().replace("func main", "func procedure000"))
    refused(1, "run", path, *args, mentions="'procedure000'", lines=None)
    only = path.read_text()
    path.write_text(only[:only.index("    func adapter_1")] + only[only.index("    func proc"):])
    good("run", path, *args)
    wanted = [c + v * (2, 1, 0.5, -1)[i % 4] for i, (c, v) in enumerate(zip(cache, x))]
    near(elements(folder / "sum.npy", "e"), wanted, 2e-3)
    near(elements(folder / "cache_next.npy", "e"), wanted, 2e-3)


if __name__ == "__main__":
    main()
