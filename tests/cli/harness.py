# SPDX-License-Identifier: MIT
"""What the tests of the program share: cases, runs of orion, small models made from nothing.

A test file defines functions marked @case and ends in main(). Each prints one line as cmocka does.
usage of a test file: PYTHON test-x.py ORION
"""
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback

ORION = sys.argv[1]
DATA = pathlib.Path(os.environ.get("ORION_TEST_DATA", "/nonexistent"))
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
_cases = []


class Skip(Exception):
    """This case cannot run here."""


def case(function):
    _cases.append(function)
    return function


def main():
    """Run every case in a folder of its own."""
    failed = False
    for function in _cases:
        name = function.__name__
        folder = pathlib.Path(tempfile.mkdtemp(prefix="orion-cli-"))
        try:
            function(folder)
            print(f"[       OK ] {name}", flush=True)
        except Skip as reason:
            print(f"skipped: {reason}\n[  SKIPPED ] {name}", flush=True)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            print(f"[  FAILED  ] {name}", flush=True)
            failed = True
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


def data_file(relative):
    path = DATA / relative
    if not path.exists():
        raise Skip(f"no data file {path} (ORION_TEST_DATA)")
    return path


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __str__(self):
        return (f"orion {' '.join(map(str, self.args))}\nexit code {self.code}\n"
                f"--- stdout\n{self.out!r}\n--- stderr\n{self.err}")

    def need(self, condition, why):
        if not condition:
            raise AssertionError(f"{why}\n{self}")
        return self


def environment(**changes):
    """Ours, without what changes the output of orion."""
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LC_CTYPE")}
    env.update({"TERM": "xterm", **changes})
    return env


def orion(*args, stdout=None, env=None, **options):
    """Run to the end; standard output is bytes, standard error text."""
    done = subprocess.run([ORION, *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
                          env=env or environment(), timeout=300, **options)
    return Result(args, done.returncode, done.stdout or b"", done.stderr.decode(errors="replace"))


def good(*args, **options):
    result = orion(*args, **options)
    return result.need(result.code == 0, "it failed")


def refused(code, *args, mentions=(), lines=1, **options):
    """It ends with this code, says why in so many lines, and prints nothing else."""
    result = orion(*args, **options)
    result.need(result.code == code, f"exit code {code} expected")
    result.need(result.out == b"", "standard output is not empty")
    said = result.err.splitlines()
    result.need(len(said) == lines if lines else said, f"{lines} line(s) expected")
    result.need(said[-1].startswith("orion: "), "no message")
    for words in [mentions] if isinstance(mentions, str) else mentions:
        result.need(words in result.err, f"{words!r} is not mentioned")
    return result


# ---- files made from nothing ----

TINY_RECIPE = """\
model:
  dim: 32
  layers: 1
  heads: 2
  context: 32
train:
  batch: 2
  learning_rate: 0.01
"""


def write_recipe(folder):
    path = folder / "tiny.yaml"
    path.write_text(TINY_RECIPE)
    return path


def write_text(folder, name="text.txt", words=("red", "green", "blue"), count=400, seed=1):
    """A text a small model learns in a few steps."""
    choose = random.Random(seed)
    path = folder / name
    path.write_text(" ".join(choose.choice(words) for _ in range(count)))
    return path


def tiny_training(folder, *, data=None, steps=4):
    """Arguments of a training run that takes a moment."""
    return ["train", "--config", write_recipe(folder), "--data", data or write_text(folder),
            "--steps", steps, "--sample-every", 0, "--threads", 1]


def llama2c_tokenizer():
    """Bytes of a tokenizer.bin with 262 tokens: the 259 obligatory ones and three merges."""
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n"] + [b"<0x%02X>" % i for i in range(256)]
    pieces += [b"a", b"b", b"ab"]
    out = struct.pack("<I", max(map(len, pieces)))
    for i, piece in enumerate(pieces):
        out += struct.pack("<fi", -float(i) if i >= 259 else 0.0, len(piece)) + piece
    return out


def llama2c_weights(vocab=262):
    """Bytes of a tiny legacy llama2.c model with tied weights."""
    dim, hidden, layers, heads, kv_heads, context = 8, 16, 1, 2, 2, 16
    head = dim // heads
    choose = random.Random(7)

    def normal(n):
        return struct.pack(f"<{n}f", *(choose.gauss(0, 0.05) for _ in range(n)))

    def ones(n):
        return struct.pack(f"<{n}f", *([1.0] * n))

    out = struct.pack("<7i", dim, hidden, layers, heads, kv_heads, vocab, context)
    out += normal(vocab * dim) + ones(layers * dim)
    out += normal(layers * dim * dim) + 2 * normal(layers * dim * kv_heads * head)
    out += normal(layers * dim * dim) + ones(layers * dim)
    out += normal(layers * dim * hidden * 3) + ones(dim)
    angles = [p * 10000.0 ** (-2.0 * j / head) for p in range(context) for j in range(head // 2)]
    out += struct.pack(f"<{len(angles)}f", *map(math.cos, angles))
    out += struct.pack(f"<{len(angles)}f", *map(math.sin, angles))
    return out


def write_llama2c(folder):
    """A model and its tokenizer; returns the options that name them."""
    (folder / "model.bin").write_bytes(llama2c_weights())
    (folder / "tok.bin").write_bytes(llama2c_tokenizer())
    return ["--weights", folder / "model.bin", "--tokenizer", folder / "tok.bin"]
