# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder: test cases, builds, and where downloads are kept. The
# functions use $root (source tree), $work (a folder of the test), $build (the build in it) and
# $meson.

# Nothing that was fetched lies in the source tree.
cache=${ORION_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/orion}
failed=0

# attempt NAME COMMAND...: one test case; its output is shown if it fails
attempt() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "[       OK ] $name"
    else
        echo "$*"
        tail -n 100 "$work/log"
        echo "[  FAILED  ] $name"
        failed=1
        return 1
    fi
}

# make_cache: the folder for downloads, or exit code 77 where none can be
make_cache() {
    mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] && return
    echo "cannot write to $cache" >&2
    exit 77
}

# skip NAME REASON: a case that cannot run here; Meson is told by exit code 77 if it was all
skip() {
    echo "$2"
    echo "[  SKIPPED ] $1"
}

# missing TOOL...: prints those that are not here
missing() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || printf '%s ' "$tool"
    done
}

# fill TEMPLATE NAME=VALUE...: TEMPLATE with each @NAME@ replaced
fill() {
    template=$1
    shift
    script=
    for pair in "$@"; do
        script="$script;s|@${pair%%=*}@|${pair#*=}|g"
    done
    sed "$script" "$template"
}

# What is meant for builds for this machine must not reach those for another.
forget_environment() {
    unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR CC CFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH
}

# fetch NAME SCRIPT: $fetched is what the script prints; ends the test if there is nothing
fetch() {
    code=0
    fetched=$(sh "$2" 2>"$work/fetch.log") || code=$?
    [ $code = 0 ] && return
    cat "$work/fetch.log"
    if [ $code = 77 ]; then
        echo "[  SKIPPED ] $1"
        exit 77
    fi
    echo "[  FAILED  ] $1"
    exit 1
}

# prepare_macos NAME [LINE]: makes $work/new.ini, with a line that says what runs programs; sets
# $sdk and $llvm, the folder of LLVM's tools; skips the test if something is missing
prepare_macos() {
    lacking=$(missing clang npm openssl pkg-config ninja python3)
    linker=$(clang -print-prog-name=ld64.lld 2>/dev/null)
    llvm=$(dirname "$linker")
    [ -x "$linker" ] || lacking="${lacking}lld "
    [ -x "$llvm/llvm-objdump" ] || lacking="${lacking}llvm "
    if [ -n "$lacking" ]; then
        skip "$1" "not installed: $lacking"
        exit 77
    fi
    fetch "$1" "$root/tests/cross/macos-sdk.sh"
    sh "$root/tests/cross/macos-deps.sh" "$work/deps" || exit 1
    sdk=$fetched
    fill "$root/tests/cross/macos.ini.in" "SDK=$sdk" "DEPS=$work/deps" "LLVM=$llvm" \
        "RUN=${2:-}" >"$work/new.ini"
}

# configure_and_build NAME CROSS_FILE OPTION...: with the cross file that is at $work/new.ini; an
# older build is used again if the cross file is the same
configure_and_build() {
    machine=$1 cross=$2
    shift 2
    cmp -s "$work/new.ini" "$cross" || rm -rf "$build"
    mv "$work/new.ini" "$cross"
    [ ! -f "$build/build.ninja" ] || set -- --reconfigure "$@"
    attempt "configure for $machine" "$meson" setup --cross-file "$cross" "$@" "$build" "$root" &&
        attempt "build for $machine" ninja -C "$build"
}

# run_tests NAME OPTION...: the tests of $build, one case each
run_tests() {
    where=$1
    shift
    "$meson" test -C "$build" --no-rebuild --print-errorlogs "$@" >"$work/tests.log" 2>&1 </dev/null
    code=$?
    line='^ *[0-9]*/[0-9]* .* / \([^ ]*\)'
    sed -n "s#$line  *OK  .*#[       OK ] \1 on $where#p
s#$line  *SKIP  .*#[  SKIPPED ] \1 on $where#p
s#$line  *\(FAIL\|ERROR\|TIMEOUT\)  .*#[  FAILED  ] \1 on $where#p" "$work/tests.log"
    [ $code = 0 ] && return
    tail -n 100 "$work/tests.log"
    failed=1
}

# run_units NAME: all tests of $build but scripts, which are for this machine, and
# fine-tuning, which takes minutes under qemu while others train as well
run_units() {
    names=$("$meson" test -C "$build" --no-rebuild --list --no-suite gates 2>"$work/list.log" |
        sed -n 's|.* / ||p' | grep -v -x train-unit-finetune)
    attempt "tests are found for $1" test -n "$names" || return 1
    # shellcheck disable=SC2086
    run_tests "$1" --timeout-multiplier 10 $names
}
