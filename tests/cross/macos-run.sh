#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the whole tree for macOS on Apple silicon and runs its tests: qemu has the processor, and
# machorun, built here, loads the files and stands for libSystem.
# usage: macos-run.sh SOURCE_ROOT WORK_DIR MESON
set -u
root=$1 work=$2 meson=$3
. "$root/tests/cross/common.sh"
mkdir -p "$work"
forget_environment

lacking=$(missing aarch64-linux-gnu-gcc qemu-aarch64)
if [ -n "$lacking" ]; then
    skip "tests of macOS" "not installed: $lacking"
    exit 77
fi
fetch "tests of macOS" "$root/tests/cross/linux-sysroot.sh"
libraries=$fetched/usr/lib/aarch64-linux-gnu

# What Homebrew's libraries are on a Mac, Debian's are to machorun: it is linked to all of them.
attempt "build machorun" aarch64-linux-gnu-gcc -std=gnu11 -O1 -g -Wall -Wextra -Wconversion \
    -Wshadow -Werror -I"$fetched/usr/include" -I"$fetched/usr/include/aarch64-linux-gnu" \
    -o "$work/machorun" "$root"/tests/cross/machorun/*.c -L"$libraries" -Wl,--no-as-needed \
    -lnettle -lcmocka -lyaml -ljansson -lm || exit 1

# The framework that a Mac has: the emulator, for AArch64 Linux. The back end finds it by dlopen.
build=$work/emulator
fill "$root/tests/cross/aarch64-linux.ini.in" "SYSROOT=$fetched" >"$work/new.ini"
configure_and_build "the emulator" "$work/emulator.ini" -Dtests=disabled -Dexamples=false || exit 1
emulator=$build/emulator/liborion-emulator-mini.so.0

build=$work/build
qemu="'qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', '-E', 'LD_LIBRARY_PATH=$libraries'"
prepare_macos "tests of macOS" "exe_wrapper = [$qemu, '$work/machorun']"
set -- -Dwerror=true -Dtests=enabled "-Demulator_library=$emulator"
configure_and_build macOS "$work/macos.ini" "$@" || exit 1
run_units "macOS (machorun)"

mac() {
    qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$libraries" "$work/machorun" "$@"
}
for example in 01-build-graph 02-print-mil 03-run-cpu 04-train-tiny embed-engine; do
    attempt "$example on macOS (machorun)" mac "$build/examples/$example"
done
attempt "embed-engine on the emulator on macOS (machorun)" mac "$build/examples/embed-engine" \
    "$emulator"

# Nothing is bound by chance: what is not known is refused.
refuses() {
    printf 'int uname(void *); int main(void) { char b[2000]; return uname(b); }\n' \
        >"$work/unknown.c"
    clang --target=arm64-apple-macos13.0 -isysroot "$sdk" -fuse-ld=lld -o "$work/unknown" \
        "$work/unknown.c" || return 1
    mac "$work/unknown"
    [ $? = 127 ]
}
attempt "machorun refuses what differs" refuses
exit $failed
