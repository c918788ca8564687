# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder: test cases, and where downloads are kept.

# Nothing that was fetched lies in the source tree.
cache=${ORION_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/orion}
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
