#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the whole tree for macOS on Apple silicon and examines what came out.
# usage: macos.sh SOURCE_ROOT WORK_DIR MESON
set -u
root=$1 work=$2 meson=$3
. "$root/tests/cross/common.sh"
mkdir -p "$work"
forget_environment

prepare_macos "build for macOS"
build=$work/build
set -- -Dwerror=true -Dtests=enabled --prefix /usr/local --libdir lib
configure_and_build macOS "$work/macos.ini" "$@" || exit 1

python3 "$root/tests/cross/check-macho.py" "$root" "$llvm" @rpath \
    "ir=$build/liborion-ir/liborion-ir.0.dylib" "mil=$build/liborion-mil/liborion-mil.0.dylib" \
    "ane=$build/liborion-ane/liborion-ane.0.dylib" \
    "train=$build/liborion-train/liborion-train.0.dylib" \
    "program=$build/examples/orion/orion" || failed=1

# The check can fail: one library is not another.
notices() {
    ! python3 "$root/tests/cross/check-macho.py" "$root" "$llvm" @rpath "ir=$1"
}
attempt "a wrong library is noticed" notices "$build/liborion-mil/liborion-mil.0.dylib"

# Meson writes absolute install names with the tools of these names, if it finds them.
mkdir -p "$work/bin"
for tool in otool install_name_tool; do
    ln -sf "$llvm/llvm-$(echo "$tool" | tr _ -)" "$work/bin/$tool"
done
export PATH="$work/bin:$PATH"
stage=$work/stage
rm -rf "$stage"
attempt "install for macOS" "$meson" install -C "$build" --no-rebuild --destdir "$stage" || exit 1
lib=$stage/usr/local/lib
python3 "$root/tests/cross/check-macho.py" "$root" "$llvm" /usr/local/lib \
    "ir=$lib/liborion-ir.0.dylib" "mil=$lib/liborion-mil.0.dylib" \
    "ane=$lib/liborion-ane.0.dylib" "train=$lib/liborion-train.0.dylib" \
    "program=$stage/usr/local/bin/orion" || failed=1
exit $failed
