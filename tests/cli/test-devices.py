#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices: `orion doctor`, and the commands on an emulated Neural Engine.

The emulator is $ORION_TEST_EMULATOR; without it the cases that need one are skipped.
"""
import json
import os

from harness import Skip, case, environment, good, main, orion, refused, write_recipe, write_text

EMULATOR = os.environ.get("ORION_TEST_EMULATOR")


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


main()
