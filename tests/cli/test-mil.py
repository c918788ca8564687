#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands on MIL programs: lint, inspect, convert, diff."""
import json
import os
import pty
import re
import struct
import subprocess

from harness import ORION, SOURCE, case, data_file, environment, good, main, orion, refused

RULES = SOURCE / "tests/golden/rules"
MIL = SOURCE / "tests/golden/mil"


def events(result):
    return [json.loads(line) for line in result.out.decode().splitlines()]


def on_terminal(*args, **changes):
    """Standard output of a run whose standard output is a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([ORION, *map(str, args)], stdout=follower,
                               stderr=subprocess.PIPE, env=environment(**changes))
    os.close(follower)
    received = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        received += chunk
    process.communicate(timeout=60)
    os.close(leader)
    return received.decode().replace("\r\n", "\n")


# ---- lint ----

@case
def lint_agrees_with_every_golden(folder):
    """Exit code and rule of each program of the corpus."""
    for path in sorted(RULES.glob("*/*.mil")):
        target = re.match(r"// target: (\S+)", path.read_text()).group(1)
        result = orion("lint", path, "--target", target, "--json")
        found = [e for e in events(result) if e["event"] == "finding"]
        ours = [e for e in found if e["rule"] == path.parent.name]
        result.need(bool(ours) == path.name.startswith("break-"), "the rule")
        loud = any(e["level"] != "note" for e in found)
        result.need(result.code == (1 if loud else 0), "the exit code")


@case
def lint_explains(folder):
    path = RULES / "E-10/break-mode.mil"
    result = orion("lint", path)
    result.need(result.code == 1 and result.err == "", "one rule is broken")
    text = result.out.decode()
    for words in (f"{path}:5:9: warning: gelu without mode is refused [E-10: h16]",
                  'fix: give gelu mode = string("EXACT")', "evidence: doubtful:",
                  "0 errors, 1 warnings, 0 notes for h16"):
        result.need(words in text, f"no {words!r}")
    result.need("\x1b" not in text, "colours in a pipe")


@case
def lint_of_several_targets(folder):
    result = orion("lint", RULES / "E-10/break-mode.mil", "--target", "M1,M4,orion-paper", "--json")
    by_rule = {(e["rule"], e["level"]): e["targets"] for e in events(result)[:-1]}
    result.need(by_rule[("E-10", "warning")] == "h13, h16", "one finding for both")
    result.need(by_rule[("E-10", "error")] == "orion-paper", "one of its own")
    result.need(by_rule[("X-11", "error")] == "h13", "M1 alone")


@case
def lint_with_a_target_of_ones_own(folder):
    target = folder / "mine.yaml"
    target.write_text("target: mine\nbase: h16\nsummary: mine\nlevels: {E-10: off}\n")
    good("lint", RULES / "E-10/break-mode.mil", "--target", target)
    target.write_text("target: mine\nbase: h16\nsummary: mine\nlevels: {E-99: off}\n")
    refused(2, "lint", RULES / "E-10/break-mode.mil", "--target", target,
            mentions=("mine.yaml:4:10", "E-99"))
    refused(2, "lint", RULES / "E-10/break-mode.mil", "--target", "h99", mentions="h11")


@case
def lint_of_what_is_not_mil(folder):
    refused(2, "lint", SOURCE / "README.md", mentions="expected 'program'", lines=None)
    refused(2, "lint", folder / "absent.mil", mentions="absent.mil")


@case
def lint_of_undefined_names(folder):
    path = folder / "a.mil"
    path.write_text("program(1.3) { func main<ios18>(tensor<fp16, [1, 64]> x) {\n"
                    "tensor<fp16, [1, 64]> y = relu(x = z);\n} -> (y);\n}\n")
    result = orion("lint", path)
    result.need(result.code == 1 and b"2:36: error: 'z' is not defined" in result.out, "no name")
    result.need(b"[ORN-0006: h16]" in result.out, "no message")


@case
def lint_with_weights(folder):
    good("convert", MIL / "llama-layer.oir", folder / "a.mil")
    path = RULES / "E-8/keep-second.mil"
    refused(1, "lint", path, "--weights", folder, mentions="w.bin")
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights/w.bin").write_bytes(bytes(1024))
    result = orion("lint", path, "--weights", folder)
    result.need(result.code == 1 and b"E-8" in result.out, "the entry is not there")


@case
def lint_on_a_terminal(folder):
    path = RULES / "E-14/break-undefined.mil"
    text = on_terminal("lint", path)
    for words in ("\x1b[1;31merror:\x1b[0m", "     6 | } -> (z);\n       |       ^\n",
                  "fix:\x1b[0m return a name"):
        assert words in text, (words, text)
    assert "\x1b" not in on_terminal("lint", path, NO_COLOR="1")
    assert "^\n" in on_terminal("lint", path, NO_COLOR="1")


# ---- convert and diff ----

@case
def convert_between_spellings(folder):
    good("convert", MIL / "llama-layer.mil", folder / "old.mil", "--dialect", "ios16")
    text = (folder / "old.mil").read_text()
    assert text.startswith("program(1.0)") and "func main<ios16>" in text
    result = good("diff", MIL / "llama-layer.mil", folder / "old.mil")
    result.need(result.out == b"", "spelling is no difference")
    good("convert", folder / "old.mil", folder / "new.mil", "--dialect", "ios18")
    good("convert", MIL / "llama-layer.mil", folder / "same.mil")
    assert (folder / "new.mil").read_bytes() == (folder / "same.mil").read_bytes()


@case
def convert_to_a_graph_and_back(folder):
    for path in sorted(MIL.glob("*.oir")):
        good("convert", path, folder / "a.mil")
        result = good("convert", folder / "a.mil", folder / "b.oir", "--json")
        assert (folder / "b.oir").read_bytes() == path.read_bytes(), path
        result.need(events(result)[0]["out"].endswith("b.oir"), "the event")


@case
def convert_writes_weights(folder):
    numbers = ", ".join(map(str, range(100)))
    (folder / "a.oir").write_text(
        "oir 1\ngraph @main(%x: f32[100]) -> (%y) {\n"
        f"  %w = const [{numbers}] : f32[100]\n  %y = add %x, %w : f32[100]\n}}\n")
    good("convert", folder / "a.oir", folder / "canonical.oir")
    good("convert", folder / "a.oir", folder / "a.mil")
    assert (folder / "weights/weight.bin").stat().st_size == 128 + 448
    good("convert", folder / "a.mil", folder / "b.oir")
    assert (folder / "b.oir").read_bytes() == (folder / "canonical.oir").read_bytes()
    result = good("inspect", folder / "weights/weight.bin", "--json")
    entry = events(result)[0]
    result.need((entry["offset"], entry["dtype"], entry["elements"]) == (64, "fp32", 100), "entry")
    (folder / "weights/weight.bin").unlink()
    refused(1, "convert", folder / "a.mil", folder / "c.oir", mentions="weight.bin", lines=None)
    assert not (folder / "c.oir").exists()


@case
def convert_refuses(folder):
    refused(2, "convert", "a.txt", folder / "b.mil", mentions="a.txt")
    refused(2, "convert", "a.mil", folder / "b.txt", mentions="b.txt")
    refused(2, "convert", "a.mil", folder / "b.mil", "--dialect", "ios99", mentions="ios99")
    refused(1, "convert", folder / "a.mil", folder / "b.mil", mentions="a.mil")
    refused(1, "convert", MIL / "llama-layer.mil", folder / "no/b.mil", mentions="no/b.mil")


@case
def diff_tells(folder):
    a, b = RULES / "X-7/keep-argmax.mil", RULES / "X-7/break-argmax.mil"
    result = orion("diff", a, b)
    result.need(result.code == 1 and b"~ input 'x': type" in result.out, "the type of the input")
    found = events(orion("diff", a, b, "--json"))
    assert found[-1] == {"event": "diff", "differences": len(found) - 1}, found
    result = good("diff", a, a, "--json")
    result.need(events(result) == [{"event": "diff", "differences": 0}], "no difference")
    refused(2, "diff", a, SOURCE / "README.md", mentions="README.md", lines=None)
    refused(2, "diff", folder / "absent.mil", a, mentions="absent.mil")


# ---- inspect ----

@case
def inspect_a_program(folder):
    result = good("inspect", MIL / "llama-layer.mil")
    text = result.out.decode()
    for words in ("program 1.3", "function main (ios18)", "  input   ", "  output  ", "linear\n",
                  "identity "):
        result.need(words in text, f"no {words!r}")
    result = good("inspect", MIL / "llama-layer.mil", "--json")
    result.need(len(events(result)[0]["identity"]) == 194, "the identity")
    result.need(events(result)[0]["dispatch_ms"] == 0.095, "the cost")
    result = good("inspect", MIL / "llama-layer.mil", "--target", "M1", "--json")
    event = events(result)[0]
    result.need(event["target"] == "h13" and "compile_ms" not in event, "what is known of M1")
    result = good("inspect", MIL / "llama-layer.mil", "--target", "M1")
    result.need(b"cost on h13" in result.out and b"not known     compile" in result.out, "M1")
    refused(1, "inspect", MIL / "llama-layer.mil", "--target", "M9", mentions="M9", lines=None)
    refused(1, "inspect", SOURCE / "README.md", mentions="expected 'program'", lines=None)


def weight_file(dtype, size, at, data):
    """One entry of MIL Blob Storage version 2."""
    header = struct.pack("<II", 1, 2).ljust(64, b"\0")
    metadata = struct.pack("<IIQQ", 0xDEADBEEF, dtype, size, at).ljust(64, b"\0")
    return header + metadata + data


@case
def inspect_tells_what_fp16_holds_badly(folder):
    path = folder / "w.bin"
    numbers = struct.pack("<6f", 1, 1e6, float("nan"), float("-inf"), 1e-6, 1e-9)
    path.write_bytes(weight_file(2, 24, 128, numbers))
    result = good("inspect", path)
    result.need(b"24 bytes at 128: 1 overflow as fp16, 1 NaN, 1 infinite, 1 subnormal in fp16, "
                b"1 0 in fp16\n" in result.out, "the counts")
    entry = events(good("inspect", path, "--json"))[0]
    assert [entry[k] for k in ("overflows", "nans", "infinities", "subnormals", "vanished",
                               "largest")] == [1, 1, 1, 1, 1, 1e6], entry
    path.write_bytes(weight_file(4, 3, 128, b"abc"))
    entry = events(good("inspect", path, "--json"))[0]
    assert "nans" not in entry, entry


@case
def malformed_weight_files(folder):
    """What benchmarks of others write: a size that fits one program only, and no data offset."""
    (folder / "w.bin").write_bytes(weight_file(1, 0x80000, 0, struct.pack("<2e", 1, -2)))
    (folder / "m.mil").write_text("""program(1.3)
{
    func main<ios18>(tensor<fp16, [2]> x) {
        tensor<fp16, [2]> w = const()[val = tensor<fp16, [2]>(BLOBFILE(path = \
string("@model_path/w.bin"), offset = uint64(64)))];
        tensor<fp16, [2]> y = add(x = x, y = w);
    } -> (y);
}
""")
    refused(1, "convert", folder / "m.mil", folder / "m.oir", mentions="data offset", lines=None)
    result = good("convert", folder / "m.mil", folder / "m.oir", "--lenient")
    result.need("warning" in result.err and "ORN-0098" in result.err, "a warning with its number")
    for field in ("data offset is not", "size is not what the program's type takes (524288)"):
        result.need(field in result.err, field)
    good("convert", folder / "m.oir", folder / "sound.mil")
    good("run", folder / "sound.mil", "--input", "x=zeros", "--output", folder / "out")
    assert (folder / "out/y.npy").read_bytes()[-4:] == struct.pack("<2e", 1, -2)


@case
def inspect_without_weights(folder):
    result = good("inspect", RULES / "E-8/keep-header.mil")
    result.need(b"identity not known" in result.out and b"w.bin" in result.out, "what is missing")
    result.need(b"cost not known: weight files are missing" in result.out, "no cost")


@case
def inspect_a_real_program(folder):
    result = good("inspect", data_file("mil/silero/model.mil"))
    result.need(b"weights  @model_path/weights/weight.bin, 906240 bytes" in result.out, "weights")
    result.need(b"       1 lstm\n" in result.out, "ops")


if __name__ == "__main__":
    main()
