#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header alone, as C11 and C++17, with gcc and clang, without a warning; and the module
# map.
# usage: check-headers.sh SOURCE_ROOT WORK_DIR
set -u
root=$1 work=$2
mkdir -p "$work"
strict="-Wall -Wextra -Wpedantic -Wpadded -Wconversion -Wshadow -Wundef -Werror"
failed=0

# run NAME COMMAND...: one test case
run() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "[       OK ] $name"
    else
        echo "$*"
        cat "$work/log"
        echo "[  FAILED  ] $name"
        failed=1
    fi
}

for compiler in gcc clang g++ clang++; do
    case $compiler in
    *++) language="-x c++ -std=c++17" suffix=cc ;;
    *) language="-x c -std=c11 -Wstrict-prototypes" suffix=c ;;
    esac
    if ! command -v $compiler >/dev/null 2>&1; then
        echo "$compiler is not installed"
        echo "[  SKIPPED ] headers with $compiler"
        continue
    fi
    for header in "$root"/include/orion/*.h; do
        name=$(basename "$header")
        # Twice, to prove the guard.
        line="#include <orion/$name>"
        printf '%s\n%s\nint orion_header_test;\n' "$line" "$line" >"$work/one.$suffix"
        # shellcheck disable=SC2086
        run "$name with $compiler" $compiler $language $strict -I"$root/include" -fsyntax-only \
            "$work/one.$suffix"
    done
done

if command -v clang >/dev/null 2>&1; then
    modules="-fmodules -fmodules-cache-path=$work/modules -I$root/include -Werror -fsyntax-only"
    rm -rf "$work/modules"
    for part in Base IR MIL ANE Train; do
        line="#pragma clang module import COrion.$part"
        printf '%s\nint orion_module_test;\n' "$line" >"$work/m.c"
        # shellcheck disable=SC2086
        run "module COrion.$part" clang -std=c11 $modules "$work/m.c"
    done
    map=$root/include/orion/module.modulemap
    # Headers that the map does not name would be missing for Swift, without a word.
    for header in "$root"/include/orion/*; do
        name=$(basename "$header")
        case $name in module.modulemap | orion.h) continue ;; esac
        run "module map names $name" grep -q "header \"$name\"" "$map"
    done
else
    echo "clang is not installed"
    echo "[  SKIPPED ] module map"
fi
exit $failed
