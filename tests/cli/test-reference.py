#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real model through the program: the texts and figures recorded from llama2.c."""
import json

from harness import case, data_file, good, main


def stories():
    return ("--weights", data_file("stories260K/stories260K.bin"), "--tokenizer",
            data_file("stories260K/tok512.bin"))


@case
def greedy_text(folder):
    expected = data_file("stories260K/reference-greedy.txt").read_bytes()
    args = ("generate", *stories(), "--temperature", 0, "--max-tokens", 200)
    result = good(*args)
    result.need(result.out == expected, f"expected {expected!r}")
    lines = [json.loads(line) for line in good(*args, "--json").out.decode().splitlines()]
    reference = json.loads(data_file("stories260K/reference-greedy.json").read_text())
    assert lines[-1]["text"].encode() == expected
    assert [line["token"] for line in lines[:-1]] == reference["tokens"][1:]


@case
def continuation_of_a_prompt(folder):
    expected = data_file("stories260K/reference-prompt.txt").read_bytes()
    reference = json.loads(data_file("stories260K/reference-prompt.json").read_text())
    more = len(reference["tokens"]) - len(reference["prompt_tokens"])
    result = good("generate", *stories(), "--temperature", 0, "--max-tokens", more, "--prompt",
                  reference["prompt"])
    result.need(result.out == expected, f"expected {expected!r}")


@case
def loss_of_a_text(folder):
    text = data_file("text/tinystories_sample_4k.txt")
    result = json.loads(good("eval", *stories(), "--data", text, "--json").out)
    assert abs(result["nats_per_token"] - 1.2664) <= 0.001, result
    assert result["tokens"] == 1804 and result["documents"] == 5, result
    plain = good("eval", *stories(), "--data", text).out.decode()
    assert plain.startswith(f"{result['nats_per_token']:.4f} nats/token, perplexity "), plain


@case
def fine_tuning(folder):
    text = data_file("text/tinystories_smallGPT_944k.txt")
    good("train", *stories(), "--data", text, "--steps", 3, "--batch", 2, "--length", 128,
         "--sample-every", 0, "--out", folder / "out")
    good("generate", "--checkpoint", folder / "out/model.safetensors", "--max-tokens", 5)


if __name__ == "__main__":
    main()
