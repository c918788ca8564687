#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks the AArch64 packages of Debian that Orion links to, once, and prints the folder. dpkg of
# this machine is not touched: apt keeps lists of its own in the cache.
# usage: linux-sysroot.sh  exit code 77 and a reason on standard error where they cannot be had
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/common.sh"
packages="libcmocka0 libcmocka-dev libjansson4 libjansson-dev libnettle8 nettle-dev libyaml-0-2
libyaml-dev"
sysroot=$cache/debian-arm64-1

if [ -f "$sysroot/complete" ]; then
    echo "$sysroot"
    exit 0
fi
lacking=$(missing apt-get dpkg)
if [ -n "$lacking" ]; then
    echo "the packages need: $lacking" >&2
    exit 77
fi
make_cache
temporary=$(mktemp -d "$cache/debian-arm64-XXXXXX")
trap 'rm -rf "$temporary"' EXIT
# An apt as root drops its rights to fetch; what it fetches is ours to read.
chmod 755 "$temporary"
mkdir -p "$temporary/lists/partial" "$temporary/archives/partial" "$temporary/root"
cat >"$temporary/apt.conf" <<APT
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Dir::State::lists "$temporary/lists";
Dir::State::status "/dev/null";
Dir::Cache "$temporary";
Acquire::Languages "none";
APT
export APT_CONFIG="$temporary/apt.conf"
# shellcheck disable=SC2086
if ! (cd "$temporary/archives" && apt-get -q update && apt-get -q download $packages) \
    >"$temporary/log" 2>&1 </dev/null; then
    tail -n 5 "$temporary/log" >&2
    echo "apt-get cannot fetch arm64 packages" >&2
    exit 77
fi
for package in "$temporary"/archives/*.deb; do dpkg -x "$package" "$temporary/root"; done
touch "$temporary/root/complete"
mv -T "$temporary/root" "$sysroot" 2>/dev/null || [ -f "$sysroot/complete" ]
echo "$sysroot"
