#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices: `orion doctor`, and the commands on an emulated Neural Engine.

The emulator is $ORION_TEST_EMULATOR; without it the cases that need one are skipped.
"""
import json
import os

from harness import (SOURCE, Skip, case, environment, good, main, orion, refused, write_recipe,
                     write_text)

EMULATOR = os.environ.get("ORION_TEST_EMULATOR")
RULES = SOURCE / "tests/golden/rules"


def emulated():
    """The environment in which Apple's frameworks are the emulator's."""
    if not EMULATOR:
        raise Skip("no emulator was built")
    return environment(ORION_ANE_FRAMEWORK=EMULATOR)


def findings(result):
    events = [json.loads(line) for line in result.out.decode().splitlines()]
    result.need(events[0]["event"] == "system", "the system comes first")
    return {e["name"]: e for e in events[1:]}


@case
def doctor_without_a_framework(folder):
    env = environment()
    env.pop("ORION_ANE_FRAMEWORK", None)
    result = orion("doctor", "--json", env=env)
    found = findings(result)
    result.need(list(found) == ["cpu", "ane-objc", "ane-e5rt", "emulator"], "the devices")
    result.need(result.code == 0 and found["cpu"]["works"] == 1, "the processor works")
    for name in ("ane-objc", "ane-e5rt"):
        result.need(found[name]["opens"] == 0 and ".framework/" in found[name]["why_not"], name)
    lines = good("doctor", env=env).out.decode().splitlines()
    assert lines[1].split() == ["cpu", "works"], lines


@case
def doctor_with_the_emulator(folder):
    env = emulated()
    found = findings(good("doctor", "--json", env=env))
    assert all(f["works"] == 1 and f["why_not"] == "" for f in found.values()), found
    text = good("doctor", env=env).out.decode()
    assert "says nothing about hardware" in text, text


@case
def doctor_of_a_sick_device(folder):
    env = dict(emulated(), ORION_EMULATOR="fault=timeout@1")
    result = orion("doctor", "--json", env=env)
    sick = findings(result)["ane-objc"]
    result.need(result.code == 1, "exit code 1")
    result.need(sick["opens"] == 1 and sick["works"] == 0, "it opens and does not work")
    result.need("did not answer in time" in sick["why_not"], "the reason")


@case
def unknown_devices(folder):
    recipe, text = write_recipe(folder), write_text(folder)
    args = ("train", "--data", text, "--config", recipe, "--out", folder / "out")
    refused(2, *args, "--device", "gpu", mentions=("gpu", "ane-objc"))
    env = environment(ORION_ANE_FRAMEWORK="/nowhere/framework")
    refused(1, *args, "--device", "ane-objc", env=env, mentions="/nowhere/framework")


@case
def training_on_the_emulator(folder):
    """The same losses as on the processor, but for rounding to fp16."""
    env = emulated()
    recipe, text = write_recipe(folder), write_text(folder)
    losses = {}
    for device in ("cpu", "emulator", "ane-e5rt"):
        result = good("train", "--data", text, "--config", recipe, "--steps", 30, "--json",
                      "--out", folder / device, "--device", device, env=env)
        events = [json.loads(line) for line in result.out.decode().splitlines()]
        losses[device] = [e["loss"] for e in events if e["event"] == "step"]
        result.need(len(losses[device]) == 30, "30 steps")
        result.need(losses[device][-1] < losses[device][0] - 0.5, "it learns")
    for device in ("emulator", "ane-e5rt"):
        pairs = zip(losses["cpu"], losses[device])
        worst = max(abs(a - b) for a, b in pairs)
        print(f"{device}: losses differ by {worst:.5f} at most")
        assert 0 < worst <= 0.005, losses


@case
def generating_on_the_emulator(folder):
    env = emulated()
    recipe, text = write_recipe(folder), write_text(folder)
    good("train", "--data", text, "--config", recipe, "--steps", 60, "--out", folder / "out")
    args = ("generate", "--checkpoint", folder / "out/model.safetensors", "--prompt", "red ",
            "--temperature", 0, "--max-tokens", 12, "--device")
    texts = {device: good(*args, device, env=env).out for device in ("cpu", "emulator")}
    assert texts["cpu"] == texts["emulator"], texts


@case
def probing_the_emulator(folder):
    """What the emulator refuses is what the rules say; a file for lint comes out."""
    env = emulated()
    args = ("probe", "--device", "emulator", "--rules", "E-10,X-24,X-14", "--programs", RULES)
    text = good(*args, "--out", folder / "probed.yaml", env=env).out.decode().splitlines()
    assert text[0].split() == ["E-10", "holds"] and "X-24   holds" in text, text
    events = [json.loads(line)
              for line in good(*args, "--json", env=env).out.decode().splitlines()]
    rules = {e["rule"]: e["verdict"] for e in events if e["event"] == "rule"}
    assert rules == {"E-10": "holds", "X-14": "does not hold", "X-24": "holds"}, rules
    broken = next(e for e in events if e.get("file") == "break-mode.mil")
    assert broken["breaks"] == 1 and broken["outcome"] == "refused", broken
    assert "FAILED" in broken["why"], broken
    found = orion("lint", RULES / "E-10/break-mode.mil", "--target", folder / "probed.yaml")
    found.need(found.code == 1 and b"error: gelu without mode" in found.out, "an error now")
    assert "X-14: off" in (folder / "probed.yaml").read_text()


@case
def probing_the_processor(folder):
    """It has no such rules, so what breaks them works."""
    text = good("probe", "--device", "cpu", "--rules", "E-10", "--programs",
                RULES).out.decode().splitlines()
    assert text[0] == "E-10   does not hold" and "break-mode.mil" in text[1], text


@case
def probing_refuses(folder):
    refused(2, "probe", "--device", "gpu", "--programs", RULES, mentions="gpu")
    refused(2, "probe", "--base", "h99", mentions="h11")
    refused(1, "probe", "--device", "cpu", "--programs", folder, mentions="--programs DIR")
    env = environment()
    env.pop("ORION_ANE_FRAMEWORK", None)
    refused(1, "probe", "--programs", RULES, mentions="ORN-0117", env=env)


main()
