# SPDX-License-Identifier: MIT
# Sourced by tests/run.sh and examples/quickstart.sh: install what is missing with apt-get, or say
# how to.

# have TOOL: is this program (or pkg-config module) here?
have() {
    case $1 in
    cmocka | jansson | yaml-0.1) pkg-config --exists "$1" 2>/dev/null ;;
    nettle) [ "$(uname -s)" = Darwin ] || pkg-config --exists nettle 2>/dev/null ;;
    gnustep) [ -f /usr/include/GNUstep/Foundation/Foundation.h ] ;;
    gobjc) [ -x "$(gcc -print-prog-name=cc1obj 2>/dev/null)" ] ;;
    llvm) command -v llvm-objdump >/dev/null 2>&1 ;;
    locales) [ "$(uname -s)" = Darwin ] || [ -f /usr/share/i18n/locales/de_DE ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# apt_name TOOL, brew_name TOOL: the package that brings it; nothing if the system has it or cannot.
apt_name() {
    case $1 in
    ninja) echo ninja-build ;;
    qemu-aarch64) echo qemu-user ;;
    aarch64-linux-gnu-gcc) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
    gcc) echo gcc libc6-dev ;;
    gnustep) echo libgnustep-base-dev ;;
    cmocka) echo libcmocka-dev ;;
    jansson) echo libjansson-dev ;;
    nettle) echo nettle-dev ;;
    yaml-0.1) echo libyaml-dev ;;
    abidiff) echo abigail-tools ;;
    *) echo "$1" ;;
    esac
}
brew_name() {
    case $1 in
    gcc | g++ | clang | make | python3 | abidiff | valgrind) ;;
    yaml-0.1) echo libyaml ;;
    pkg-config) echo pkgconf ;;
    *) echo "$1" ;;
    esac
}

# install_missing TOOL...: does nothing, and asks no network, if all are here.
install_missing() {
    missing= packages= tool=
    for tool in "$@"; do
        have "$tool" || missing="$missing $tool"
    done
    [ -n "$missing" ] || return 0
    if [ "$(uname -s)" = Darwin ]; then
        for tool in $missing; do packages="$packages $(brew_name "$tool")"; done
        [ -n "$(echo $packages)" ] || return 0
        echo "Missing:$missing. Please run: brew install" $packages >&2
        exit 1
    fi
    for tool in $missing; do packages="$packages $(apt_name "$tool")"; done
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing:$missing. There is no apt-get here; Debian's packages are:$packages" >&2
        exit 1
    fi
    root_command=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "Missing:$missing. Please run as root: apt-get install$packages" >&2
            exit 1
        }
        root_command=sudo
    fi
    echo "== Install:$packages"
    apt_run update && apt_run install -y --no-install-recommends $packages || {
        echo "Could not install:$packages" >&2
        exit 1
    }
}

# install_wanted TOOL...: the same for what tests do without by skipping.
install_wanted() {
    [ "$(uname -s)" != Darwin ] || return 0
    (install_missing "$@") || echo "== Go on without"
}

apt_run() {
    $root_command env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}
