#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check libraries built for macOS: what they are called, link to, export and import.

usage: check-macho.py SOURCE_ROOT LLVM_BIN_DIR NAME_PREFIX LIB=PATH... [program=PATH]

NAME_PREFIX is what install names begin with: "@rpath" in a build tree, the library folder in an
installation. Imports must be in macos-imports.txt, exports must be those of orion-LIB.map.
"""
import pathlib
import re
import subprocess
import sys

OURS = {"ir": (), "mil": ("ir",), "ane": ("mil", "ir"), "train": ("ane", "mil", "ir")}
THEIRS = {"ir": (), "mil": ("libyaml-0.2",), "ane": (), "train": ("libyaml-0.2", "libjansson.4")}
SYSTEM = "/usr/lib/libSystem.B.dylib"
LEAST_MACOS = "13.0"


def objdump(llvm, *arguments):
    return subprocess.run([f"{llvm}/llvm-objdump", "--macho", *arguments], check=True,
                          capture_output=True, text=True).stdout


def load_commands(llvm, path):
    """[(command, {field: value})] in the order of the file."""
    result = []
    for line in objdump(llvm, "--private-headers", path).splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and words[0] == "cmd":
            result.append((words[1], {}))
        elif words and result:
            key, value = re.match(r"(?:current |compatibility )?\w+", line.strip()).group(0), ""
            value = line.strip()[len(key):].strip().split(" (offset")[0]
            result[-1][1].setdefault(key, value)
    return result


def exports(llvm, path):
    return set(re.findall(r"^0x[0-9A-F]+ +_(\w+)", objdump(llvm, "--exports-trie", path), re.M))


def imports(llvm, path):
    """{(start of the dylib's name, symbol)}"""
    text = objdump(llvm, "--bind", "--lazy-bind", "--weak-bind", path)
    return set(re.findall(r"^__DATA\w* .* (\S+) +(\S+)$", text, re.M))


def version_of(root, lib):
    header = (root / f"include/orion/{lib}.h").read_text()
    return ".".join(re.search(rf"ORION_{lib.upper()}_VERSION_{part}\s+(\d+)", header).group(1)
                    for part in ("MAJOR", "MINOR", "PATCH"))


def mapped(root, lib):
    text = (root / f"liborion-{lib}/orion-{lib}.map").read_text()
    return set(re.findall(r"\borion_\w+(?=;)", re.sub(r"/\*.*?\*/", " ", text, flags=re.S)))


def allowed(root):
    """{dylib: {symbol}} of macos-imports.txt."""
    result, dylib = {}, None
    for line in (root / "tests/cross/macos-imports.txt").read_text().splitlines():
        line = line.partition("#")[0]
        if line.endswith(":"):
            dylib = line[:-1]
            result[dylib] = set()
        elif line.strip():
            result[dylib].update(line.split())
    return result


def names(root, lib, commands, prefix):
    """What is wrong with the install name, the versions and the platform."""
    found = dict(commands)
    identity, build = found["LC_ID_DYLIB"], found["LC_BUILD_VERSION"]
    wanted = {
        "install name": (identity["name"], f"{prefix}/liborion-{lib}.0.dylib"),
        "current version": (identity["current version"], version_of(root, lib)),
        "compatibility version": (identity["compatibility version"], "0.0.0"),
        "platform": (build["platform"], "macos"),
        "least macOS": (build["minos"], LEAST_MACOS),
    }
    return [f"{what} is {is_}, not {should}" for what, (is_, should) in wanted.items()
            if is_ != should]


def linked(commands, prefix, ours, theirs):
    """What is linked and should not be; what should be and is not."""
    loads = {fields["name"] for command, fields in commands if command == "LC_LOAD_DYLIB"}
    other = [command for command, _ in commands
             if command.endswith("_DYLIB") and command not in ("LC_LOAD_DYLIB", "LC_ID_DYLIB")]
    fine = {SYSTEM} | {f"{prefix}/liborion-{lib}.0.dylib" for lib in ours}
    lines = [f"links {name}" for name in sorted(loads - fine)
             if not re.fullmatch(r"/opt/homebrew/opt/\w+/lib/(.*)\.dylib", name) or
             pathlib.PurePath(name).stem not in theirs]
    lines += [f"does not link {name}" for name in theirs
              if not any(pathlib.PurePath(load).stem == name for load in loads)]
    return lines + [f"has {command}" for command in other]


def contents(commands):
    """Habits of the libraries that show in the file: no initialisers, no thread-local variables."""
    sections = " ".join(fields.get("sectname", "") for command, fields in commands
                        if command == "LC_SEGMENT_64")
    lines = [f"has the section {name}" for name in ("__mod_init_func", "__thread_vars")
             if name in sections]
    if "LC_CODE_SIGNATURE" not in dict(commands):
        lines.append("is not signed: no Mac with Apple silicon runs it")
    return lines


def exported(root, llvm, lib, path):
    wanted, found = mapped(root, lib), exports(llvm, path)
    return ([f"{name}: in the map, not exported" for name in sorted(wanted - found)] +
            [f"{name}: exported, not in the map" for name in sorted(found - wanted)])


def imported(root, llvm, path):
    table = allowed(root)
    return [f"imports {symbol} of {dylib}" for dylib, symbol in sorted(imports(llvm, path))
            if not dylib.startswith("liborion-") and symbol not in table.get(dylib, ())]


def verdict(name, lines):
    if lines:
        print("\n".join(lines))
    print(f"[{'  FAILED ' if lines else '       OK'} ] {name}")
    return bool(lines)


def main():
    root, llvm, prefix = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    failed = False
    for argument in sys.argv[4:]:
        lib, _, path = argument.partition("=")
        commands = load_commands(llvm, path)
        if lib == "program":
            what = pathlib.PurePath(path).name
            failed |= verdict(f"{what}: links", linked(commands, prefix, OURS, ()))
            continue
        what = f"liborion-{lib}.dylib ({prefix})"
        failed |= verdict(f"{what}: names", names(root, lib, commands, prefix))
        failed |= verdict(f"{what}: links", linked(commands, prefix, OURS[lib], THEIRS[lib]))
        failed |= verdict(f"{what}: contents", contents(commands))
        failed |= verdict(f"{what}: exports", exported(root, llvm, lib, path))
        failed |= verdict(f"{what}: imports", imported(root, llvm, path))
    return 1 if failed else 0


sys.exit(main())
