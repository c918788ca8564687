#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Training: what it writes, resuming to the bit after every kind of interruption, fine-tuning."""
import collections
import json
import math
import re
import shlex
import signal
import subprocess
import time
import xml.etree.ElementTree

from harness import (ORION, case, environment, good, main, orion, refused, tiny_training,
                     write_llama2c, write_text)


def start(*args):
    """A training run whose events can be read as they come."""
    return subprocess.Popen([ORION, *map(str, args), "--json"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(), text=True)


def read_until(child, step):
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "step" and event["step"] >= step:
            return
    raise AssertionError(child.stderr.read())


def finish(child):
    child.stdout.read()
    err = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    return child.wait(timeout=300), err


def events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(path):
    """{step: loss}; each step must be there once."""
    steps = [e for e in events(path) if e["event"] == "step"]
    result = {e["step"]: e["loss"] for e in steps}
    assert list(result) == list(range(1, len(steps) + 1)), list(result)
    return result


def same_run(one, other):
    """Two runs have ended with the same checkpoint, byte for byte, and saw the same losses."""
    a, b = one / "model.safetensors", other / "model.safetensors"
    assert a.read_bytes() == b.read_bytes(), f"{a} and {b} differ"
    assert losses(one / "log.jsonl") == losses(other / "log.jsonl")
    names = {p.name for p in other.iterdir()}
    assert names == {"model.safetensors", "loss.svg", "log.jsonl"}, names


@case
def files_of_a_run(folder):
    out = folder / "deep/er/out"
    result = good(*tiny_training(folder, steps=60), "--out", out, "--sample-every", 20)
    result.need(result.out == b"", "training prints results without --json")
    assert {p.name for p in out.iterdir()} == {"model.safetensors", "loss.svg", "log.jsonl"}
    svg = xml.etree.ElementTree.parse(out / "loss.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    text = "".join(svg.itertext())
    assert "unigram entropy" in text and "nats per token" in text, text

    log = events(out / "log.jsonl")
    assert [log[0]["event"], log[-1]["event"]] == ["start", "end"]
    assert sum(e["event"] == "sample" for e in log) == 3
    assert len(losses(out / "log.jsonl")) == 60
    result.need(f"{log[0]['unigram_entropy']:.4f}" in result.err, "no unigram entropy")
    result.need(f"final loss {log[-1]['final_loss']:.4f}" in result.err, "no final loss")
    result.need(len(re.findall(r"^  step (20|40|60): ", result.err, re.M)) == 3, "no samples")
    assert log[-1]["final_loss"] < log[-1]["unigram_entropy"], log[-1]


@case
def unigram_entropy_is_right(folder):
    data = folder / "text.txt"
    data.write_text("aaaabbcd<|endoftext|>\naaaabbcd\n")
    counts = collections.Counter("aaaabbcd" * 2)
    counts["begin"] = 2
    total = sum(counts.values())
    entropy = -sum(n / total * math.log(n / total) for n in counts.values())
    good(*tiny_training(folder, data=data, steps=1), "--out", folder / "out")
    found = events(folder / "out/log.jsonl")[0]["unigram_entropy"]
    assert abs(found - entropy) < 1e-6, (found, entropy)


@case
def json_is_the_log(folder):
    result = good(*tiny_training(folder), "--out", folder / "out", "--json", "--sample-every", 2)
    assert result.out == (folder / "out/log.jsonl").read_bytes()
    lines = [json.loads(line) for line in result.out.decode().splitlines()]
    kinds = [e["event"] for e in lines]
    assert kinds == ["start", "step", "step", "sample", "step", "step", "sample", "end"], kinds
    for event in lines:
        if event["event"] == "step":
            assert event["loss"] > 0 and event["gradient_norm"] > 0 and event["tokens"] == 64


@case
def the_default_learns_stories(folder):
    """No file, no model: a few steps already help."""
    out = folder / "out"
    good("train", "--out", out, "--steps", 3, "--batch", 2, "--length", 64, "--sample-every", 0)
    log = events(out / "log.jsonl")
    assert log[0]["data_tokens"] >= 2_000_000
    assert log[1]["loss"] < math.log(257) + 0.5 and log[3]["loss"] < log[1]["loss"], log


@case
def threads_change_nothing(folder):
    args = tiny_training(folder, steps=6)[:-2]
    good(*args, "--threads", 1, "--out", folder / "one")
    good(*args, "--threads", 3, "--out", folder / "three")
    same_run(folder / "one", folder / "three")


@case
def seeds_change_much(folder):
    args = tiny_training(folder, steps=2)
    seen = set()
    for seed in (0, 1, 2):
        good(*args, "--seed", seed, "--out", folder / str(seed))
        seen.add((folder / str(seed) / "model.safetensors").read_bytes())
    assert len(seen) == 3


@case
def killed_and_resumed(folder):
    """kill -9 behind step 23, resume from the checkpoint of step 20: nothing is different."""
    args = (*tiny_training(folder, steps=40), "--save-every", 20)
    good(*args, "--out", folder / "whole")
    out = folder / "killed"
    child = start(*args, "--out", out)
    read_until(child, 23)
    child.kill()
    finish(child)
    assert any(e.get("step", 0) > 20 for e in events(out / "log.jsonl"))
    with open(out / "log.jsonl", "a") as log:
        log.write('{"event":"step","step":24,"lo')  # as if the kill had come within a write
    good(*args, "--out", out, "--resume")
    same_run(folder / "whole", out)


@case
def killed_while_saving(folder):
    """With a checkpoint after every step, kill -9 hits while one is being written sooner or later;
    whatever is there is whole, and the end is the same."""
    args = (*tiny_training(folder, steps=40), "--save-every", 1)
    good(*args, "--out", folder / "whole")
    out = folder / "killed"
    resume = []
    for kill in range(8):
        child = start(*args, "--out", out, *resume)
        read_until(child, 1 + 4 * kill)
        time.sleep(0.0007 * kill)  # a step takes a few milliseconds: hit different places of it
        child.kill()
        finish(child)
        if (out / "model.safetensors").exists():
            resume = ["--resume"]
            good("generate", "--checkpoint", out / "model.safetensors", "--max-tokens", 1)
    good(*args, "--out", out, *resume)
    same_run(folder / "whole", out)


@case
def interrupted_and_resumed(folder):
    """Ctrl-C saves and prints a command, which a shell takes as it is and which goes on."""
    args = (*tiny_training(folder, steps=100, data=write_text(folder, "it's a text.txt")),
            "--save-every", 0)
    good(*args, "--out", folder / "whole")
    for name, number in (("int", signal.SIGINT), ("term", signal.SIGTERM)):
        out = folder / name
        child = start(*args, "--out", out)
        read_until(child, 5)
        child.send_signal(number)
        code, err = finish(child)
        assert code == 130, (code, err)
        last = err.splitlines()[-1]
        found = re.fullmatch(r"stopped at step (\d+) of 100; to go on: orion (train .* --resume)",
                             last)
        assert found and 5 <= int(found.group(1)) < 100, err
        good(*shlex.split(found.group(2)))
        same_run(folder / "whole", out)


@case
def reader_that_leaves(folder):
    """When nobody reads the events any more, training saves and ends like other programs."""
    out = folder / "out"
    child = start(*tiny_training(folder, steps=2000), "--save-every", 0, "--out", out)
    read_until(child, 3)
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=300) == -signal.SIGPIPE, err
    good("generate", "--checkpoint", out / "model.safetensors", "--max-tokens", 1)


@case
def more_steps_later(folder):
    out = folder / "out"
    good(*tiny_training(folder, steps=4), "--out", out)
    result = good(*tiny_training(folder, steps=4), "--out", out, "--resume")
    result.need("steps" in result.err and "are done" in result.err, "not said")
    good(*tiny_training(folder, steps=6), "--out", out, "--resume")
    assert len(losses(out / "log.jsonl")) == 6


@case
def other_data_need_consent(folder):
    out = folder / "out"
    good(*tiny_training(folder, steps=2), "--out", out)
    other = write_text(folder, "other.txt", words=("one", "two"))
    args = (*tiny_training(folder, steps=4, data=other), "--out", out, "--resume")
    refused(1, *args, mentions="ORN-", lines=None)
    good(*args, "--new-data")


@case
def earlier_models_are_kept(folder):
    out = folder / "out"
    args = (*tiny_training(folder, steps=1), "--out", out)
    for seed in (1, 2, 3):
        result = good(*args, "--seed", seed)
    result.need("model-2.safetensors" in result.err, "not said")
    names = {"model.safetensors", "model-1.safetensors", "model-2.safetensors"}
    assert len({(out / name).read_bytes() for name in names}) == 3


@case
def fine_tuning_and_generating(folder):
    """From llama2.c weights; the checkpoint carries the tokenizer."""
    model = write_llama2c(folder)
    text = write_text(folder, words=("ab", "ba", "abba"))
    out = folder / "out"
    good("train", *model, "--data", text, "--steps", 30, "--lr", 0.05, "--batch", 4, "--out", out,
         "--sample-every", 0)
    run = losses(out / "log.jsonl")
    assert run[30] < run[1] - 1, run
    checkpoint = ("--checkpoint", out / "model.safetensors")
    result = good("generate", *checkpoint, "--prompt", "ab", "--temperature", 0, "--max-tokens", 8)
    result.need(set(result.out) <= set(b"ab "), "it has not learnt")
    before = json.loads(good("eval", *model, "--data", text, "--json").out)
    after = json.loads(good("eval", *checkpoint, "--data", text, "--json").out)
    assert after["tokens"] == before["tokens"]
    assert after["nats_per_token"] < before["nats_per_token"] - 1, (before, after)
    # A checkpoint is a start too.
    good("train", *checkpoint, "--data", text, "--steps", 1, "--out", folder / "next")


@case
def generated_text(folder):
    """Standard output is the text alone; --json has it in pieces and whole; equal seeds agree."""
    model = write_llama2c(folder)
    args = ("generate", *model, "--prompt", "ab", "--max-tokens", 10, "--temperature", 1)
    plain = good(*args)
    plain.need(re.search(r"^\d+ tokens?, [\d,]+ tokens/s$", plain.err.strip()), "no summary")
    lines = [json.loads(line) for line in good(*args, "--json").out.decode().splitlines()]
    whole = lines[-1]
    assert whole["event"] == "end" and whole["stop"] in ("max_tokens", "end", "context")
    assert whole["text"] == plain.out.decode(errors="replace"), (whole, plain.out)
    assert all(e["event"] == "piece" for e in lines[:-1]) and whole["new_tokens"] <= 10
    assert good(*args, "--threads", 2).out == plain.out
    texts = {good(*args, "--seed", seed).out for seed in range(5)}
    assert len(texts) > 1, "the seed does nothing"


if __name__ == "__main__":
    main()
