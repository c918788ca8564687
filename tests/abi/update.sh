#!/bin/sh
# SPDX-License-Identifier: MIT
# Rewrites the ABI baselines liborion-*/orion-*.abi from a fresh build; the difference is then
# reviewed and committed.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
build=${ORION_BUILD_DIR:-$root/build-test}
[ -f "$build/build.ninja" ] || {
    echo "update.sh: no build in $build; run sh tests/run.sh first" >&2
    exit 1
}
ninja -C "$build" >/dev/null
for lib in ir mil ane train; do
    abidw --headers-dir "$root/include" --drop-private-types --no-corpus-path --no-comp-dir-path \
        --no-show-locs --type-id-style hash --out-file "$root/liborion-$lib/orion-$lib.abi" \
        "$build/liborion-$lib/liborion-$lib.so"
    echo "liborion-$lib/orion-$lib.abi: $(wc -c <"$root/liborion-$lib/orion-$lib.abi") bytes"
done
