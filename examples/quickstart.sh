#!/bin/sh
# SPDX-License-Identifier: MIT
# From nothing to a trained model: installs what is missing, builds, trains, writes a story.
set -eu

usage() {
    cat <<TXT
usage: sh examples/quickstart.sh [--help]

Builds Orion in build/, trains a small language model on made-up stories on the CPU and lets it
write one. Missing packages are installed with apt-get, as root or with sudo (on macOS it says what
to get with brew). Takes about three minutes on two cores; nothing is read from the network except
packages.

  ORION_BUILD_DIR         build there instead (default: build)
  ORION_QUICKSTART_OUT    put the model there instead (default: out/quickstart)
  ORION_QUICKSTART_STEPS  train so many steps (default: 800)
TXT
}
case ${1:-} in
--help | -h) usage; exit 0 ;;
?*) echo "quickstart.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
esac

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=${ORION_BUILD_DIR:-$root/build}
out=${ORION_QUICKSTART_OUT:-$root/out/quickstart}
steps=${ORION_QUICKSTART_STEPS:-800}
threads=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
[ "$threads" -le 8 ] || threads=8

say() { printf '\n== %s\n' "$*" >&2; }

. "$root/tests/tools/packages.sh"
install_missing meson ninja pkg-config gcc python3 nettle jansson yaml-0.1

say "1/4  Configure and build in $build"
mkdir -p "$build"
if [ ! -f "$build/build.ninja" ]; then
    set -- -Dbuildtype=release -Dtests=disabled
    meson setup "$@" "$build" "$root" </dev/null >"$build/setup.log" 2>&1 || {
        cat "$build/setup.log" >&2
        exit 1
    }
fi
ninja -C "$build" </dev/null >"$build/build.log" 2>&1 || {
    tail -n 50 "$build/build.log" >&2
    exit 1
}
orion=$build/examples/orion/orion

say "2/4  Train $steps steps on $threads threads (stories from seed 1)"
mkdir -p "$out"
rm -f "$out/model.safetensors" "$out/loss.svg" "$out/log.jsonl"
"$orion" train --stories 1 --steps "$steps" --out "$out" --threads "$threads" --seed 1

say "3/4  Write a story"
"$orion" generate --checkpoint "$out/model.safetensors" --max-tokens 400 --temperature 0.7 \
    --top-p 0.9 --seed 7 --threads "$threads"
[ -t 1 ] || echo

say "4/4  Done"
cat <<TXT
Model:       $out/model.safetensors
Loss curve:  $out/loss.svg
Try:         $orion generate --checkpoint $out/model.safetensors --prompt "One day "
TXT
