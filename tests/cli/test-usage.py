#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command line itself: help, versions, the manual page, and every way to get it wrong."""
import re

from harness import SOURCE, case, good, main, orion, refused

COMMANDS = ("train", "generate", "eval")
MIL_COMMANDS = ("lint", "inspect", "convert", "diff", "compile", "run")
ALL = COMMANDS + MIL_COMMANDS + ("doctor", "probe")


def options_of(text):
    return set(re.findall(r"^  --([a-z-]+)", text, re.M))


@case
def help_of_the_program(folder):
    for flag in ("--help", "-h"):
        result = good(flag)
        text = result.out.decode()
        result.need(result.err == "", "help goes to standard output")
        for words in (*ALL, "examples:", "usage: orion COMMAND"):
            result.need(words in text, f"no {words!r}")


@case
def help_of_every_command(folder):
    for command in ALL:
        for args in ((command, "--help"), (command, "--nonsense", "--help")):
            result = good(*args)
            text = result.out.decode()
            result.need(result.err == "", "help goes to standard output")
            for words in ("usage: orion " + command, "options:", "examples:", "--json", "--help"):
                result.need(words in text, f"no {words!r}")
            result.need(all(len(line) <= 100 for line in text.splitlines()), "long lines")


@case
def examples_of_the_help_parse(folder):
    """Options named in usage and examples exist."""
    for command in ALL:
        result = good(command, "--help")
        text = result.out.decode()
        named = set(re.findall(r"--([a-z-]+)", text))
        result.need(named == options_of(text), "an option without a line of its own")


@case
def manual_page_is_complete(folder):
    """The manual page and the help list the same options."""
    page = (SOURCE / "examples/orion/orion.1").read_text()
    documented = set(re.findall(r"^\.It Fl -([a-z-]+)", page, re.M))
    offered = set()
    for command in ALL:
        offered |= options_of(good(command, "--help").out.decode())
    if documented != offered:
        raise AssertionError(f"only in one of the two: {sorted(documented ^ offered)}")


@case
def versions(folder):
    lines = good("--version").out.decode().splitlines()
    names = ["orion", "liborion-ir", "liborion-mil", "liborion-ane", "liborion-train"]
    assert [line.split()[0] for line in lines] == names, lines
    for line in lines:
        assert re.fullmatch(r"\S+ \d+\.\d+\.\d+", line), line


@case
def no_command(folder):
    result = orion()
    result.need(result.code == 2 and result.out == b"", "usage on standard error, code 2")
    result.need("usage: orion" in result.err, "no usage")


@case
def wrong_command_lines(folder):
    model = ("--checkpoint", "x.safetensors")
    out = ("--out", folder / "out")
    refused(2, "traim", mentions="unknown command 'traim'")
    refused(2, "--traim", mentions="unknown option '--traim'")
    for command in COMMANDS:
        refused(2, command, "--nonsense", mentions=("--nonsense", f"orion {command} --help"))
        refused(2, command, "--nonsense=1", mentions="'--nonsense'")
        refused(2, command, "stray", mentions="'stray'")
        refused(2, command, "-x", mentions="'-x'")
        refused(2, command, "--json=yes", mentions="takes no value")
        refused(2, command, "--threads", mentions="needs a value")
        refused(2, command, "--threads", "0", mentions="from 1 to 256")
        refused(2, command, "--threads", "257", mentions="'257'")
        refused(2, command, "--threads", "two", mentions="'two'")
        refused(2, command, "--threads=-1", mentions="'-1'")
        refused(2, command, "--threads", "99999999999999999999", mentions="99999999999999999999")
    for command in MIL_COMMANDS:
        refused(2, command, mentions=(": give ", f"orion {command} --help"))
        refused(2, command, "--nonsense", mentions="--nonsense")
        refused(2, command, "-x", "y.mil", mentions="'-x'")
        refused(2, command, "a.mil", "b.mil", "stray", mentions="unexpected argument")
    for number in ("-1", "nan", "inf", "1x", "", "1,5"):
        refused(2, "generate", "--temperature", number, mentions=f"not '{number}'")
        refused(2, "generate", "--top-p", number, mentions=f"not '{number}'")
    refused(2, "generate", mentions="--weights FILE or --checkpoint FILE")
    refused(2, "generate", *model, "--weights", "y.bin", mentions="not both")
    refused(2, "generate", *model, "--device", "abacus", mentions="abacus")
    refused(2, "eval", *model, mentions="--data FILE")
    refused(2, "train", mentions="--out DIR")
    refused(2, "train", *out, "--steps", "0", mentions="--steps")
    refused(2, "train", *out, "--data", "a", "--stories", "1", mentions="not both")
    refused(2, "train", *out, "--config", "a", *model, mentions="one of")
    refused(2, "train", *out, "--new-data", mentions="--resume")
    assert not (folder / "out").exists(), "a wrong command line made the folder"


if __name__ == "__main__":
    main()
