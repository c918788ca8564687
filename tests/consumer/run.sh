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

# 3. The static libraries alone.
if [ "$kind" = both ] || [ "$kind" = static ]; then
    rm -f "$libdir"/liborion-*.so*
    attempt "C program against static libraries" build_and_run cc c11 c hello.c --static
fi
exit $failed
