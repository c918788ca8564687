#!/bin/sh
# SPDX-License-Identifier: MIT
# The command of README.md with a few steps, in the build folder of the tests.
# usage: test-quickstart.sh SOURCE_ROOT BUILD_ROOT
set -u
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export ORION_BUILD_DIR="$2" ORION_QUICKSTART_OUT="$out/model" ORION_QUICKSTART_STEPS=3
if sh "$1/examples/quickstart.sh" >"$out/text" 2>"$out/log" &&
    [ -s "$out/model/loss.svg" ] && [ -s "$out/model/model.safetensors" ] &&
    grep -q "^Loss curve:  $out/model/loss.svg\$" "$out/text"; then
    echo "[       OK ] quickstart.sh"
else
    cat "$out/log" "$out/text"
    echo "[  FAILED  ] quickstart.sh"
    exit 1
fi
