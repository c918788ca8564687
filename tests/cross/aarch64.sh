#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the whole tree for AArch64 Linux and runs its tests under qemu: all of them on a processor
# with every extension, those of the kernels on one without most.
# usage: aarch64.sh SOURCE_ROOT WORK_DIR MESON
set -u
root=$1 work=$2 meson=$3
. "$root/tests/cross/common.sh"
mkdir -p "$work"
forget_environment

lacking=$(missing aarch64-linux-gnu-gcc qemu-aarch64 pkg-config ninja)
if [ -n "$lacking" ]; then
    skip "build for AArch64 Linux" "not installed: $lacking"
    exit 77
fi
fetch "build for AArch64 Linux" "$root/tests/cross/linux-sysroot.sh"
sysroot=$fetched

build=$work/build
fill "$root/tests/cross/aarch64-linux.ini.in" "SYSROOT=$sysroot" >"$work/new.ini"
set -- -Dwerror=true -Dtests=enabled
configure_and_build "AArch64 Linux" "$work/aarch64-linux.ini" "$@" || exit 1

QEMU_CPU=max run_units "AArch64 (max)"
QEMU_CPU=cortex-a76 run_tests "AArch64 (cortex-a76)" --timeout-multiplier 10 --suite ane \
    --no-suite gates
exit $failed
