#!/bin/sh
# SPDX-License-Identifier: MIT
# Stand-ins for the libraries that Homebrew brings on a Mac, to compile and link against: the
# headers of this machine's packages, which say nothing about the processor, and a list of the
# symbols that this machine's libraries export. Names and versions are Homebrew's.
# usage: macos-deps.sh PREFIX
set -eu
prefix=$1
rm -rf "$prefix"
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"

# stand_in MODULE HEADERS LIBRARY DYLIB CURRENT_VERSION COMPATIBILITY_VERSION
stand_in() {
    include=$(pkg-config --variable=includedir "$1")
    for header in $2; do cp "${include:-/usr/include}/$header" "$prefix/include/"; done
    symbols=$(nm -D --defined-only "$(cc -print-file-name="lib$3.so")" |
        sed -n 's/.* [TDRB] \([A-Za-z0-9_]*\).*/_\1/p' | sort -u | paste -s -d , -)
    cat >"$prefix/lib/lib$3.tbd" <<TBD
--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos ]
install-name: '$4'
current-version: $5
compatibility-version: $6
exports:
  - targets: [ arm64-macos ]
    symbols: [ $symbols ]
...
TBD
    cat >"$prefix/lib/pkgconfig/$1.pc" <<PC
Name: $1
Description: stand-in for linking
Version: $(pkg-config --modversion "$1")
Libs: -L$prefix/lib -l$3
Cflags: -I$prefix/include
PC
}

brew=/opt/homebrew/opt
stand_in yaml-0.1 yaml.h yaml $brew/libyaml/lib/libyaml-0.2.dylib 3.9 3
stand_in jansson "jansson.h jansson_config.h" jansson $brew/jansson/lib/libjansson.4.dylib 19 19
stand_in cmocka "cmocka.h" cmocka $brew/cmocka/lib/libcmocka.0.dylib 0.7 0
