#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""orion-opt: every option once, the exit codes, and what is refused.

usage: test-orion-opt.py PROGRAM

What passes do to a graph is the business of the golden files.
"""
import subprocess
import sys

NET = """oir 1
graph @net(%w: f32[2], %x: f32[2]) -> (%y) {
  %p = mul %w, %x : f32[2]
  %y = reduce_sum %p {axes=[0]} : f32[]
}
"""


def run(*args, text=NET):
    done = subprocess.run([sys.argv[1], *args], input=text, capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout, done.stderr


def prints(wanted, *args, text=NET):
    code, out, err = run(*args, text=text)
    assert code == 0, f"exit code {code}\n{err}"
    assert out == wanted, f"printed\n{out}wanted\n{wanted}"


def fails(wanted_code, part, *args, text=NET):
    code, out, err = run(*args, text=text)
    assert code == wanted_code, f"exit code {code}, not {wanted_code}\n{err}"
    assert out == "", f"printed {out}"
    assert part in err, f"no {part!r} in\n{err}"


def test_help():
    code, out, err = run("--help")
    assert code == 0 and err == ""
    assert out.startswith("usage: orion-opt") and "Examples:" in out
    for option in ("--verify", "--grad", "--eval", "--stats", "--dot", "--print-pipeline"):
        assert option in out


def test_print():
    prints(NET)
    prints(NET, "-")
    prints(NET, "--pass=")


def test_passes():
    code, out, _ = run("--passes")
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert "dce" in names and "default" in names and len(set(names)) == len(names)
    for line in out.splitlines():
        assert len(line.split()) > 2, line


def test_print_pipeline():
    code, out, _ = run("--print-pipeline", "--pass=decompose,default")
    assert code == 0 and out.startswith("decompose,repeat(") and out.endswith(")\n")
    prints(out, "--print-pipeline", "--pass=" + out.strip())
    fails(1, "nope", "--print-pipeline", "--pass=nope")


def test_verify():
    prints("", "--verify")
    fails(1, "stdin:3:", "--verify", text=NET.replace("%x :", "%gone :"))


def test_grad():
    code, out, _ = run("--grad")
    assert code == 0 and "grad_w = " in out and "grad_x = " in out
    code, out, _ = run("--grad=y", "--by=x", "--pass=default")
    assert code == 0 and "grad_w" not in out and "grad_x = %w" in out
    fails(1, "gone", "--grad", "--by=gone")
    code, out, _ = run("--grad=p", "--seed=dp", text=NET.replace("(%y)", "(%p)"))
    assert code == 0 and "%dp: f32[2]" in out


def test_before():
    text = NET.replace("%w: f32[2], ", "").replace("  %p", "  %w = const [2, 3] : f32[2]\n  %p")
    prints("y = 5\ngrad_x = 2 3\ngrad_w = 1 1\n", "--before=parameters(elements=2)", "--grad",
           "--eval", "--input=w=2,3", text=text)


def test_eval():
    prints("y = 2\n", "--eval")
    prints("y = 8\n", "--eval=2")
    prints("y = 11\n", "--eval", "--input=w=3,4", "--input=x=1,2")
    prints("y = 7\n", "--eval", "--input=w=3,4")
    prints("y = 10\n", "--eval", "--input=w=5", "--input=x=1")
    prints("y = 11\ngrad_w = 1 2\ngrad_x = 3 4\n", "--grad", "--eval", "--input=w=3,4",
           "--input=x=1,2")


def test_random():
    first, again, other = run("--eval", "--random=1"), run("--eval", "--random=1"), run(
        "--eval", "--random=2")
    assert first[0] == 0 and first == again and first != other


def test_modes():
    half = NET.replace("f32", "f16")
    args = ("--eval", "--input=w=1,0.0001", "--input=x=1,1")
    prints("y = 1\n", *args, text=half)
    prints("y = 1.0001\n", "--exact", *args, text=half)
    prints("y = 1\n", "--half", *args)


def test_stats():
    code, out, _ = run("--stats")
    lines = out.splitlines()
    assert code == 0
    for line in ("graph net", "inputs 2", "outputs 1", "nodes 2", "bytes of constants 0",
                 "bytes live at most 24 at node 0", "op mul 1", "op reduce_sum 1"):
        assert line in lines, f"no {line!r} in\n{out}"
    renamed = run("--stats", text=NET.replace("%p", "%q").replace("@net", "@other"))[1]
    hashes = [line for line in lines if line.startswith("hash ")]
    assert len(hashes) == 1 and hashes[0] in renamed.splitlines()


def test_dot():
    code, out, _ = run("--dot")
    assert code == 0 and out.startswith('digraph "net" {\n') and out.endswith("}\n")
    assert out.count("->") == 4 and out.count("shape=ellipse") == 3
    assert 'label="mul\\np"' in out and 'label="f32[2]"' in out


def test_dump_and_checks():
    text = NET.replace("[]\n", "[]\n  %dead = neg %p : f32[2]\n")
    code, out, _ = run("--pass=dce", "--dump", "--stress", "--verify-each", text=text)
    assert code == 0 and out == "# after dce\n" + NET, out


def test_usage():
    for args in (["--nope"], ["a.oir", "b.oir"], ["--eval=abc"], ["--random=1"], ["--exact"],
                 ["--by=x"], ["--seed=s"], ["--input=x=1"], ["--eval", "--input=x"],
                 ["--eval", "--random=x"], ["--eval=1", "--random=1"], ["--stats", "--dot"],
                 ["--print-pipeline"], ["--verify=1"], ["--half"],
                 ["--eval", "--half", "--exact"]):
        fails(2, "usage:", *args)


def test_failures():
    fails(1, "cannot open", "/nonexistent/net.oir")
    fails(1, "ORN-", "--pass=nope")
    fails(1, "stdin:1:", text="nonsense")
    fails(1, "no such input", "--eval", "--input=gone=1")
    fails(1, "is not a number", "--eval", "--input=x=1,z")
    fails(1, "is not a number", "--eval", "--input=x=1,")
    fails(1, "more than the 2", "--eval", "--input=x=1,2,3")
    fails(1, "fewer than the 3", "--eval", "--input=x=1,2",
          text=NET.replace("f32[2]", "f32[3]"))


def main():
    failed = False
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            print(f"[       OK ] {name[5:]}")
        except AssertionError as wrong:
            print(f"[  FAILED  ] {name[5:]}: {wrong}")
            failed = True
    return 1 if failed else 0


sys.exit(main())
