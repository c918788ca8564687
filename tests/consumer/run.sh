#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds strangers' programs with plain compilers and pkg-config: against the build tree and against
# an installation.
# usage: run.sh SOURCE_ROOT BUILD_DIR WORK_DIR SANITIZER LIBRARY_KIND MESON
set -u
root=$1 build=$2 work=$3 sanitizer=$4 kind=$5
shift 5
rm -rf "$work"
mkdir -p "$work"
flags=
[ "$sanitizer" = none ] || flags="-fsanitize=$sanitizer"
failed=0

# attempt NAME COMMAND...: one test case
attempt() {
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

# build_and_run COMPILER STANDARD LANGUAGE FILE [PKG_CONFIG_OPTION]
build_and_run() {
    # shellcheck disable=SC2046,SC2086
    $1 -std=$2 -Wall -Wextra -Wpedantic -Werror $flags -o "$work/program" \
        -x $3 "$root/tests/consumer/$4" -x none \
        $(pkg-config --cflags --libs ${5:-} orion-train) && "$work/program"
}

# programs WHERE: the same three everywhere
programs() {
    attempt "C program against $1" build_and_run cc c11 c hello.c
    attempt "C++ program against $1" build_and_run c++ c++17 c++ hello.c
    attempt "options from C++ against $1" build_and_run c++ c++17 c++ options.cc
}

# options.cc fills every options struct there is.
every_options_struct() {
    for type in $(sed -n 's/^} \(orion_[a-z_]*options\);$/\1/p' "$root"/include/orion/*.h); do
        grep -q "sized<$type>" "$root/tests/consumer/options.cc" || {
            echo "$type is not in options.cc"
            return 1
        }
    done
}
attempt "every options struct is used from C++" every_options_struct

library_path=
for lib in ir mil ane train; do
    library_path=$library_path${library_path:+:}$build/liborion-$lib
done

# 1. The build tree, by its uninstalled .pc files.
(
    export PKG_CONFIG_PATH="$build/meson-uninstalled" LD_LIBRARY_PATH="$library_path"
    failed=0
    programs "the build tree"
    exit $failed
) || failed=1

# 2. An installation below DESTDIR.
stage=$work/stage
if ! "$@" install -C "$build" --no-rebuild --destdir "$stage" >"$work/install.log" 2>&1; then
    cat "$work/install.log"
    echo "[  FAILED  ] install"
    exit 1
fi
pc=$(find "$stage" -name orion-train.pc)
[ -n "$pc" ] || { echo "orion-train.pc is not installed"; echo "[  FAILED  ] install"; exit 1; }
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage" LD_LIBRARY_PATH="$libdir"
programs "an installation"
attempt "installed files are complete" sh "$root/tests/consumer/check-files.sh" "$stage" "$libdir"
if [ -f "$root/examples/Makefile" ]; then
    attempt "examples/Makefile against an installation" make -s -f "$root/examples/Makefile" \
        SOURCE="$root/examples" OUT="$work/examples" CFLAGS="-O1 -Wall -Wextra -Werror $flags" check
fi

# Programs in other languages, and an engine of its own that takes liborion-ane alone.
emulator=$libdir/liborion-emulator.so.0
mini=$libdir/liborion-emulator-mini.so.0
if [ -e "$mini" ]; then
    attempt "an engine on the emulator" "$work/examples/engine" "$mini"
else
    echo "[  SKIPPED ] an engine on the emulator"
fi
if ! command -v gnustep-config >/dev/null 2>&1 || [ ! -e "$emulator" ]; then
    echo "gobjc or libgnustep-base-dev are not installed"
    echo "[  SKIPPED ] Objective-C program"
elif [ "$sanitizer" != none ]; then
    echo "GNUstep keeps much until the process ends, which sanitizers report"
    echo "[  SKIPPED ] Objective-C program"
else
    for framework in "" "$emulator"; do
        attempt "Objective-C program${framework:+ on the emulator}" make -s \
            -f "$root/examples/objc/Makefile" SOURCE="$root/examples/objc" OUT="$work/examples" \
            CFLAGS=-Werror FRAMEWORK="$framework" check
    done
fi

# Headers of the emulator: from C, and under somebody's Objective-C for Apple's framework.
emulator_from_c() {
    printf '#include <IOSurface/IOSurface.h>\n#include <orion/emulator.h>\n' >"$work/surfaces.c"
    # shellcheck disable=SC2046
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
        $(pkg-config --cflags orion-emulator) "$work/surfaces.c"
}
emulator_from_objc() {
    # shellcheck disable=SC2046,SC2086
    gcc -std=gnu11 -Wall -Wextra -Werror -DGNUSTEP_BASE_LIBRARY=1 -DGNU_RUNTIME=1 -fexceptions \
        -fobjc-exceptions -D_NATIVE_OBJC_EXCEPTIONS -fconstant-string-class=NSConstantString \
        -fPIC -shared -Wl,-z,defs -isystem /usr/include/GNUstep $flags -o "$work/client.so" \
        "$root/tests/emulator/client.m" $(pkg-config --cflags --libs orion-emulator) \
        -lgnustep-base -lobjc
}
if [ -e "$emulator" ]; then
    attempt "headers of the emulator from C" emulator_from_c
    if [ "$sanitizer" = none ]; then
        attempt "a client of Apple's framework with them" emulator_from_objc
    fi
fi

# The Swift program: its names are Orion's, its module is found; the rest needs a Swift compiler.
swift=$root/examples/swift
swift_names() {
    for word in $(grep -ohE '\b(orion_[a-z]|ORION_)\w+' "$swift"/Sources/orion-swift/*.swift |
        sort -u); do
        grep -qw "$word" "$root"/include/orion/*.h || { echo "no $word"; return 1; }
    done
}
swift_module() {
    printf '#pragma clang module import OrionSystem\norion_ane_device *d;\n' >"$work/module.c"
    # shellcheck disable=SC2046
    clang -std=c11 -fmodules -fmodules-cache-path="$work/modules" -Werror -fsyntax-only \
        -fmodule-map-file="$swift/Sources/OrionSystem/module.modulemap" \
        $(pkg-config --cflags orion-ane) "$work/module.c"
}
attempt "the Swift program uses names that exist" swift_names
if command -v clang >/dev/null 2>&1; then
    attempt "the module of the Swift program" swift_module
else
    echo "[  SKIPPED ] the module of the Swift program"
fi
if command -v swift >/dev/null 2>&1 && [ "$sanitizer" = none ]; then
    cp -R "$swift" "$work/swift"
    attempt "Swift program" swift run --package-path "$work/swift"
else
    echo "there is no Swift compiler"
    echo "[  SKIPPED ] Swift program"
fi

# 3. The static libraries alone.
if [ "$kind" = both ] || [ "$kind" = static ]; then
    rm -f "$libdir"/liborion-*.so*
    attempt "C program against static libraries" build_and_run cc c11 c hello.c --static
fi
exit $failed
