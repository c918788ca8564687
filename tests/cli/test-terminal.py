#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bar that redraws itself on a terminal, plain lines everywhere else."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from harness import ORION, case, environment, good, main, tiny_training, write_llama2c


def on_terminal(args, columns=100, stdout_too=False, **changes):
    """(exit code, what the terminal received, standard output)"""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 30, columns, 0, 0))
    child = subprocess.Popen([ORION, *map(str, args)], stdin=subprocess.DEVNULL, stderr=follower,
                             stdout=follower if stdout_too else subprocess.PIPE,
                             env=environment(**changes))
    os.close(follower)
    received = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the child has closed its end
            break
        if not chunk:
            break
        received += chunk
    os.close(leader)
    output = b"" if stdout_too else child.stdout.read()
    if child.stdout:
        child.stdout.close()
    return child.wait(timeout=300), received.decode(errors="replace"), output


def frames(received):
    """What one line of the terminal showed, one after the other, without colours."""
    text = re.sub(r"\x1b\[[0-9;]*[mK]", "", received)
    return [frame for line in text.split("\r\n") for frame in line.split("\r") if frame]


@case
def bar_on_a_terminal(folder):
    args = (*tiny_training(folder, steps=30), "--out", folder / "out", "--sample-every", 10)
    code, received, output = on_terminal(args, LANG="C.UTF-8", LC_ALL="")
    assert code == 0 and output == b"", received
    bars = [f for f in frames(received) if f.startswith("train ")]
    assert len(bars) >= 2, received
    shape = r"train [\u2588\u2591]{8,40} \d+/30  loss \d+\.\d{4}  [\d,]+ tokens/s  .* left"
    for bar in bars:
        assert re.fullmatch(shape, bar), bar
        assert len(bar) < 100, bar
    assert "30/30" in bars[-1], bars[-1]
    assert "\x1b[36m" in received, "no colour"
    assert "\x1b[K" in received and received.count("\r") > 2, "not redrawn"
    # Samples and the summary have lines of their own.
    lines = received.split("\r\n")
    assert any(re.fullmatch(r"(.*\r)?\x1b\[K  step 10: .*", line) for line in lines), received


@case
def no_colour(folder):
    args = (*tiny_training(folder, steps=2), "--out", folder / "out")
    code, received, _ = on_terminal(args, NO_COLOR="1")
    assert code == 0 and not re.search(r"\x1b\[[0-9;]*m", received), received
    assert "\r" in received
    code, received, _ = on_terminal((*args, "--seed", 2), NO_COLOR="")
    assert "\x1b[36m" in received, "an empty NO_COLOR counts as not set"


@case
def narrow_terminals(folder):
    for columns in (24, 40, 60, 80, 200):
        args = (*tiny_training(folder, steps=3), "--out", folder / str(columns))
        code, received, _ = on_terminal(args, columns=columns, LC_ALL="C")
        assert code == 0
        bars = [f for f in frames(received) if f.startswith("train ")]
        assert bars and all(len(bar) < columns for bar in bars), bars
        assert received.isascii(), received


@case
def dumb_terminals(folder):
    args = (*tiny_training(folder, steps=2), "--out", folder / "out")
    code, received, _ = on_terminal(args, TERM="dumb")
    assert code == 0 and "\x1b" not in received and "\r" not in received.replace("\r\n", "")


@case
def plain_lines_in_a_pipe(folder):
    result = good(*tiny_training(folder, steps=3), "--out", folder / "out")
    result.need("\r" not in result.err and "\x1b" not in result.err, "control characters")
    lines = [line for line in result.err.splitlines() if line.startswith("train ")]
    result.need(len(lines) == 1 and lines[0].startswith("train 3/3  loss "), "one line at the end")


@case
def text_on_a_terminal(folder):
    """It ends with a line end and cannot control the terminal; a pipe gets the very bytes."""
    args = ("generate", *write_llama2c(folder), "--prompt", "a\x1b[2Jb", "--max-tokens", 3,
            "--seed", 1)
    code, received, _ = on_terminal(args, stdout_too=True)
    assert code == 0 and "\x1b" not in received, received
    assert received.startswith("a?[2Jb"), received
    assert re.search(r"\r\n\d+ tokens?, [\d,]+ tokens/s\r\n$", received), received
    assert good(*args).out.startswith(b"a\x1b[2Jb")


if __name__ == "__main__":
    main()
