#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Missing, damaged and hostile files, and places that cannot be written: one clear message, exit
code 1, nothing half-written."""
import ctypes
import os
import resource
import signal
import struct
import subprocess

from harness import (ORION, case, environment, good, llama2c_tokenizer, llama2c_weights, main,
                     orion, refused, tiny_training, write_llama2c, write_recipe, write_text)


def checkpoint_of(folder):
    good(*tiny_training(folder, steps=1), "--out", folder / "good")
    return folder / "good/model.safetensors"


def damaged(data):
    """(what was done, bytes): cut, grown, and with other bytes at the start, middle and end."""
    for size in sorted({0, 1, 4, 7, 8, 9, 27, 28, len(data) // 2, len(data) - 1}):
        yield f"cut to {size} bytes", data[:size]
    yield "one byte longer", data + b"\0"
    yield "twice as long", data + data
    yield "another file", b"#!/bin/sh\nexit 0\n" * 100
    yield "all zero", bytes(len(data))
    yield "all ones", b"\xff" * len(data)
    yield "first byte", bytes([data[0] ^ 0x55]) + data[1:]
    yield "high byte of the first number", data[:3] + b"\x7f" + data[4:]


def refuses(folder, name, data, *args):
    """orion generate with this file ends with code 1 and names it."""
    path = folder / name
    path.write_bytes(data)
    return refused(1, "generate", "--max-tokens", 1, *args, path, mentions=(str(path), "ORN-"),
                   lines=None)


@case
def missing_files(folder):
    nowhere = folder / "nowhere"
    weights = write_llama2c(folder)
    text = write_text(folder)
    out = ("--out", folder / "out")
    for args in (
            ("generate", "--checkpoint", nowhere),
            ("generate", "--weights", nowhere, "--tokenizer", weights[3]),
            ("generate", "--weights", weights[1], "--tokenizer", nowhere),
            ("eval", *weights, "--data", nowhere),
            ("eval", "--checkpoint", nowhere, "--data", text),
            ("train", "--data", nowhere, *out),
            ("train", "--config", nowhere, *out),
            ("train", "--weights", nowhere, "--tokenizer", weights[3], *out),
            ("train", "--checkpoint", nowhere, *out),
            ("train", "--tokenizer", nowhere, *out),
    ):
        refused(1, *args, mentions=(str(nowhere), "ORN-0001"))
    refused(1, "train", "--resume", *out, mentions="without --resume")
    assert not (folder / "out").exists(), "a failed start made the folder"


@case
def folders_are_not_files(folder):
    refused(1, "generate", "--checkpoint", folder, mentions=(str(folder), "ORN-0002"))
    refused(1, "train", "--data", folder, "--out", folder / "out", mentions=str(folder))


@case
def damaged_weights(folder):
    (folder / "tok.bin").write_bytes(llama2c_tokenizer())
    model = llama2c_weights()
    args = ("--tokenizer", folder / "tok.bin", "--weights")
    for what, data in damaged(model):
        print(what)
        refuses(folder, "bad.bin", data, *args)
    print("a weight that is no number")
    nan = struct.pack("<f", float("nan"))
    refuses(folder, "nan.bin", model[:100] + nan + model[104:], *args)
    print("fields that multiply past any memory")
    refuses(folder, "huge.bin", struct.pack("<7i", *[2**31 - 1] * 7) + model[28:], *args)
    print("negative fields")
    refuses(folder, "negative.bin", struct.pack("<7i", *[-8] * 7) + model[28:], *args)


@case
def damaged_tokenizers(folder):
    (folder / "model.bin").write_bytes(llama2c_weights())
    tokenizer = llama2c_tokenizer()
    args = ("--weights", folder / "model.bin", "--tokenizer")
    for what, data in damaged(tokenizer):
        if what in ("first byte", "high byte of the first number"):
            continue  # the longest piece: a hint to readers, not a fact
        print(what)
        refuses(folder, "bad.bin", data, *args)
    for what, length in (("a piece of 2 GiB", 2**31 - 1), ("a negative piece", -1)):
        print(what)
        refuses(folder, "piece.bin", tokenizer[:8] + struct.pack("<i", length) + tokenizer[12:],
                *args)
    print("a score that is no number")
    score = struct.pack("<f", float("nan"))
    refuses(folder, "score.bin", tokenizer[:4] + score + tokenizer[8:], *args)


@case
def tokenizer_of_another_model(folder):
    (folder / "small.bin").write_bytes(llama2c_weights(vocab=300))
    (folder / "tok.bin").write_bytes(llama2c_tokenizer())
    refused(1, "generate", "--weights", folder / "small.bin", "--tokenizer", folder / "tok.bin",
            mentions=str(folder / "tok.bin"))
    refused(2, "generate", "--weights", folder / "small.bin", mentions="--tokenizer")


@case
def damaged_checkpoints(folder):
    model = checkpoint_of(folder).read_bytes()
    header = struct.unpack("<Q", model[:8])[0]
    for what, data in damaged(model):
        print(what)
        refuses(folder, "bad.safetensors", data, "--checkpoint")
    for place in (8, 9, header // 2, header + 7, header + 8, (header + len(model)) // 2,
                  len(model) - 1):
        print(f"another bit in byte {place} of {len(model)}")
        flipped = bytearray(model)
        flipped[place] ^= 4
        refuses(folder, "flipped.safetensors", bytes(flipped), "--checkpoint")
    # Resuming from one refuses too, and leaves it and the log alone.
    out = folder / "good"
    (out / "model.safetensors").write_bytes(model[:-1])
    log = (out / "log.jsonl").read_bytes()
    refused(1, *tiny_training(folder, steps=9), "--out", out, "--resume", mentions="ORN-")
    assert (out / "model.safetensors").read_bytes() == model[:-1]
    assert (out / "log.jsonl").read_bytes() == log


@case
def damaged_recipes(folder):
    for text, words in (
            ("model: {dim: 33, heads: 2}\n", "33"),
            ("model:\n  dmi: 32\n", ":2:"),
            ("model:\n  dim: 32\n  dim: 32\n", ":3:"),
            ("model:\n  dim: wide\n", ":2:"),
            ("model:\n  dim: 99999999999999999999\n", ":2:"),
            ("model: [\n", ":"),
            ("trian:\n  batch: 1\n", ":1:"),
            ("- 1\n", ":1:"),
    ):
        path = folder / "bad.yaml"
        path.write_text(text)
        refused(1, "train", "--config", path, "--data", write_text(folder), "--out", folder / "out",
                mentions=words, lines=None)
    assert not (folder / "out").exists()


@case
def nothing_to_learn_or_predict(folder):
    empty = folder / "empty.txt"
    empty.write_bytes(b"")
    weights = write_llama2c(folder)
    refused(1, "train", "--data", empty, "--out", folder / "out", mentions=str(empty))
    refused(1, "eval", *weights, "--data", empty, mentions=str(empty))
    separators = folder / "separators.txt"
    separators.write_text("<|endoftext|>\n" * 5)
    refused(1, "eval", *weights, "--data", separators, mentions=str(separators))
    none = folder / "none.bin"
    none.write_bytes(b"")
    refused(1, "train", "--data", none, "--out", folder / "out", mentions=str(none))
    assert not (folder / "out").exists()


@case
def token_files(folder):
    args = tiny_training(folder, data=folder / "ids.bin")
    (folder / "ids.bin").write_bytes(struct.pack("<100H", *[i % 257 for i in range(100)]))
    good(*args, "--out", folder / "fine")
    (folder / "ids.bin").write_bytes(struct.pack("<100H", *[i % 258 for i in range(100)])
                                     + struct.pack("<200H", *range(200, 400)))
    refused(1, *args, "--out", folder / "out", mentions=("257", str(folder / "ids.bin"), "ORN-"))
    (folder / "ids.bin").write_bytes(b"\1\0\2\0\3")
    refused(1, *args, "--out", folder / "out", mentions=str(folder / "ids.bin"))
    assert not (folder / "out").exists()


@case
def prompts(folder):
    weights = write_llama2c(folder)
    for prompt in ("", " ", "ab", "\x01\x7f", "\u00e9\U0001f600"):
        result = good("generate", *weights, "--prompt", prompt, "--max-tokens", 1)
        result.need(result.out.startswith(prompt.encode()), "the prompt is missing")
    refused(1, "generate", *weights, "--prompt", "a" * 500, mentions="ORN-")


def without_override():
    """In the child: the superuser too may write only where the mode of a folder lets him."""
    drop_from_bounding_set, may_override = 24, 1
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(drop_from_bounding_set, may_override, 0, 0, 0):
        raise OSError("cannot give up a capability")


@case
def places_that_cannot_be_written(folder):
    args = tiny_training(folder)
    file = folder / "file"
    file.write_text("x")
    refused(1, *args, "--out", file / "out", mentions=str(file))
    refused(1, *args, "--out", file, mentions=str(file))
    refused(1, *args, "--out", "/proc/orion", mentions="/proc/orion")
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    for out in (locked, locked / "out"):
        refused(1, *args, "--out", out, mentions="Permission denied", lines=None,
                preexec_fn=without_override)
    # The same for a folder that became read-only between two checkpoints.
    out = folder / "out"
    good(*args, "--out", out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    out.chmod(0o500)
    more = (*tiny_training(folder, steps=9), "--resume", "--out", out)
    refused(1, *more, mentions="Permission denied", lines=None, preexec_fn=without_override)
    out.chmod(0o700)
    after = {p.name: p.read_bytes() for p in out.iterdir()}
    assert after.keys() == before.keys()
    assert after["model.safetensors"] == before["model.safetensors"]


@case
def standard_output_that_is_full(folder):
    weights = write_llama2c(folder)
    text = write_text(folder, words=("a", "b", "ab"), count=20)
    train = tiny_training(folder)
    with open("/dev/full", "wb") as full:
        for args in (("--help",), ("--version",), ("generate", "--help"),
                     ("generate", *weights, "--prompt", "a"),
                     ("generate", *weights, "--prompt", "a", "--json"),
                     ("eval", *weights, "--data", text),
                     (*train, "--json", "--out", folder / "out")):
            result = orion(*args, stdout=full)
            result.need(result.code == 1, "exit code 1 expected")
            words = "orion: cannot write to standard output: No space left on device"
            result.need(result.err.splitlines()[-1] == words, "no message")
    assert not (folder / "out/model.safetensors").exists(), "it has trained for nobody"


@case
def standard_output_that_is_closed(folder):
    weights = write_llama2c(folder)

    def closed(*args):
        done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", ORION, *map(str, args)],
                              stderr=subprocess.PIPE, env=environment(), timeout=300, text=True)
        return done.returncode, done.stderr

    code, err = closed("generate", *weights, "--prompt", "a")
    assert code == 1 and "cannot write to standard output" in err, (code, err)
    code, err = closed("--help")
    assert code == 1 and "cannot write to standard output" in err, (code, err)
    # Training needs no standard output, and no file of it may become one.
    code, err = closed(*tiny_training(folder), "--out", folder / "out")
    assert code == 0, err
    good("generate", "--checkpoint", folder / "out/model.safetensors", "--max-tokens", 1)


@case
def reader_that_goes_away(folder):
    weights = write_llama2c(folder)
    for args in (("generate", *weights, "--prompt", "a"), ("--help",),
                 (*tiny_training(folder), "--json", "--out", folder / "out")):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            result = orion(*args, stdout=writer)
        finally:
            os.close(writer)
        result.need(result.code == -signal.SIGPIPE, "not ended by SIGPIPE")
        result.need("cannot write" not in result.err, "a reader that goes away is no error")


def with_small_files(limit):
    """In the child: no file may grow past the limit, as on a full disk."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return prepare


@case
def full_disk(folder):
    """Neither the log nor the checkpoint is half-written, and the old checkpoint stays."""
    out = folder / "out"
    args = (*tiny_training(folder, steps=8), "--save-every", 2, "--out", out)
    result = refused(1, *args, preexec_fn=with_small_files(10000), lines=None)
    result.need(result.err.count("ORN-0003") == 1 and "model.safetensors" in result.err, "not said")
    assert sorted(p.name for p in out.iterdir()) == ["log.jsonl"], sorted(out.iterdir())

    good(*args)
    model = (out / "model.safetensors").read_bytes()
    more = (*tiny_training(folder, steps=12), "--resume", "--out", out)
    refused(1, *more, preexec_fn=with_small_files(10000), lines=None)
    assert (out / "model.safetensors").read_bytes() == model, "the old checkpoint was touched"
    names = {p.name for p in out.iterdir()}
    assert names == {"log.jsonl", "loss.svg", "model.safetensors"}, names
    good(*more)

    log = folder / "log"
    refused(1, *tiny_training(folder), "--save-every", 0, "--out", log, lines=None,
            mentions=f"cannot write {log}/log.jsonl: ", preexec_fn=with_small_files(300))
    assert [p.name for p in log.iterdir()] == ["log.jsonl"]


@case
def options_of_a_recipe_are_checked(folder):
    data = write_text(folder)
    refused(1, "train", "--config", write_recipe(folder), "--data", data, "--length", 33, "--out",
            folder / "out", mentions="ORN-")
    assert not (folder / "out").exists()


if __name__ == "__main__":
    main()
