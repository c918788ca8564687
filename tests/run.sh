#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what the tests need, builds Orion and runs every test; the last line is "N passed, N
# failed, N skipped".
set -eu

usage() {
    cat <<TXT
usage: sh tests/run.sh [--asan | --valgrind] [--locale] [--clang] [--cross]
                       [--suite NAME]... [--help]

  --asan         under AddressSanitizer and UBSan, leaks included
  --valgrind     under valgrind memcheck (slow)
  --locale       in a German locale, where the decimal point is a comma
  --clang        with clang instead of the default compiler
  --cross        also what runs programs for AArch64, under qemu: some minutes more
  --suite NAME   only this suite: base ir mil ane emulator train cli golden oom abi headers
                 consumer cross fuzz docs

Each kind of build has its own folder (build-test, build-test-asan ...) in the source tree, or below
\$ORION_BUILD_DIR. Missing packages are installed with apt-get, as root or with sudo.
TXT
}

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
mode= wrapper= locale=0 compiler= cross=0 suites=
while [ $# -gt 0 ]; do
    case $1 in
    --asan) mode=-asan ;;
    --valgrind) wrapper=valgrind ;;
    --locale) locale=1 ;;
    --clang) compiler=clang ;;
    --cross) cross=1 ;;
    --suite)
        [ $# -ge 2 ] || { echo "run.sh: --suite needs a name" >&2; exit 2; }
        shift
        suites="$suites --suite $1"
        ;;
    --help | -h) usage; exit 0 ;;
    *) echo "run.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
    esac
    shift
done
if [ -n "$mode" ] && [ -n "$wrapper" ]; then
    echo "run.sh: --asan and --valgrind exclude each other" >&2
    exit 2
fi

. "$root/tests/tools/packages.sh"
need="meson ninja pkg-config gcc g++ clang make python3 cmocka nettle jansson yaml-0.1 abidiff"
[ -z "$wrapper" ] || need="$need valgrind"
[ "$locale" = 0 ] || need="$need locales"
install_missing $need
install_wanted gobjc gnustep
[ -n "$mode$wrapper" ] || install_wanted lld llvm openssl
[ "$cross" = 0 ] || install_wanted qemu-aarch64 aarch64-linux-gnu-gcc

build=${ORION_BUILD_DIR:-$root/build-test}$mode${compiler:+-$compiler}
# Both kinds of library from one compilation: the consumer test links each.
set -- -Dbuildtype=debugoptimized -Dwerror=true -Dtests=enabled -Ddefault_library=both
if [ -n "$mode" ]; then
    # The sanitizers' runtime is linked into the program, so libraries have undefined symbols.
    set -- "$@" -Db_sanitize=address,undefined -Db_lundef=false
    export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
    export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
fi
[ -z "$compiler" ] || export CC="$compiler"

say() { printf '\n== %s\n' "$*"; }

# The last line is the count, whatever happens.
give_up() {
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

say "Configure $build"
[ ! -f "$build/build.ninja" ] || set -- --reconfigure "$@"
mkdir -p "$build"
meson setup "$@" "$build" "$root" </dev/null >"$build/setup.log" 2>&1 || {
    cat "$build/setup.log"
    give_up
}

say "Build"
ninja -C "$build" </dev/null || give_up

if [ "$locale" = 1 ]; then
    if ! locale -a 2>/dev/null | grep -qi '^de_DE\.utf-\{0,1\}8$'; then
        say "Make the locale de_DE.UTF-8 in $build/locale"
        mkdir -p "$build/locale"
        localedef -i de_DE -f UTF-8 "$build/locale/de_DE.UTF-8"
        export LOCPATH="$build/locale"
    fi
    export LC_ALL=de_DE.UTF-8
    export ORION_TEST_LOCALE=de_DE.UTF-8
fi

say "Test${mode:+ ($mode)}${wrapper:+ (valgrind)}"
set -- --no-rebuild
[ "$cross" = 1 ] || set -- "$@" --no-suite emulated
log=$build/meson-logs/testlog.json
if [ -n "$wrapper" ]; then
    set -- "$@" --setup valgrind
    log=$build/meson-logs/testlog-valgrind.json
elif [ -n "$mode" ]; then
    set -- "$@" --timeout-multiplier 5
fi
rm -f "$log"
rc=0
# Meson prints one line per test; the failing ones are shown in full by count-cases.py.
# shellcheck disable=SC2086
meson test -C "$build" "$@" $suites </dev/null || rc=$?
[ -f "$log" ] || give_up
python3 "$root/tests/tools/count-cases.py" "$log" || rc=1
exit $rc
