#!/bin/sh
# SPDX-License-Identifier: MIT
# Compare each shared library with its committed baseline liborion-LIB/orion-LIB.abi.
# usage: check-abi.sh SOURCE_ROOT LIB=PATH...
set -u
root=$1
shift
if ! command -v abidiff >/dev/null 2>&1; then
    echo "abidiff is not installed (Debian: abigail-tools)"
    echo "[  SKIPPED ] abidiff"
    exit 0
fi
failed=0
for argument in "$@"; do
    lib=${argument%%=*} path=${argument#*=}
    if abidiff --headers-dir2 "$root/include" --drop-private-types \
        --suppressions "$root/tests/abi/orion.abignore" \
        "$root/liborion-$lib/orion-$lib.abi" "$path"; then
        echo "[       OK ] ABI of liborion-$lib"
    else
        echo "The ABI of liborion-$lib is not the committed one. If that is meant, run"
        echo "tests/abi/update.sh, read the difference of the .abi file, commit it (docs/abi.md)."
        echo "[  FAILED  ] ABI of liborion-$lib"
        failed=1
    fi
done
exit $failed
