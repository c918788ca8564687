#!/bin/sh
# SPDX-License-Identifier: MIT
# Is everything a package needs in the installation, and nothing of ours that is private?
# usage: check-files.sh STAGE LIBDIR
set -eu
stage=$1 libdir=$2
for lib in ir mil ane train; do
    ls "$libdir/liborion-$lib.so.0" "$libdir/pkgconfig/orion-$lib.pc" >/dev/null
done
# Each library asks for the one below, so that one name is enough.
grep -q '^Requires:.*orion-ir' "$libdir/pkgconfig/orion-mil.pc"
grep -q '^Requires:.*orion-mil' "$libdir/pkgconfig/orion-ane.pc"
grep -q '^Requires:.*orion-ane' "$libdir/pkgconfig/orion-train.pc"
include=$(find "$stage" -type d -path '*include/orion')
for file in base.h ir.h mil.h ane.h train.h orion.h ir-ops.def messages.def module.modulemap; do
    [ -f "$include/$file" ] || { echo "missing: $file"; exit 1; }
done
for target in ane h11 h12 h13 h14 h15 h16 h17 orion-paper rules; do
    found=$(find "$stage" -path "*/orion/targets/$target.yaml")
    [ -n "$found" ] || { echo "missing: $target.yaml"; exit 1; }
done
private=$(find "$stage" -name '*internal*' -o -name '*util*')
[ -z "$private" ] || { echo "private files installed: $private"; exit 1; }
