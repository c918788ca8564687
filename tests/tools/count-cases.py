#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the test cases in Meson's log and print the failing tests.

usage: count-cases.py BUILD/meson-logs/testlog.json

The last line is `N passed, N failed, N skipped`. A case is a line `[       OK ] name`,
`[  FAILED  ] name` or `[  SKIPPED ] name` on a test's standard output, as cmocka and our scripts
print it. A test without such lines is one case. A test that failed without a failed case (crash,
time-out, failing set-up) adds one failed case. Exit code 1 if a case failed or nothing ran.
"""
import json
import re
import sys

CASE = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (.*)$", re.M)


def main():
    passed = failed = skipped = 0
    for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
        test = json.loads(line)
        good = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        out = test.get("stdout") or ""
        cases = [kind for kind, _ in CASE.findall(out)]
        if not cases:
            cases = ["SKIPPED" if test["result"] == "SKIP" else "OK" if good else "FAILED"]
        elif not good and "FAILED" not in cases:
            cases.append("FAILED")
        passed += cases.count("OK")
        skipped += cases.count("SKIPPED")
        failed += cases.count("FAILED")
        if "FAILED" in cases:
            print(f"==== {test['name']}: {test['result']} ({test.get('returncode')}) ====")
            for text in (out, test.get("stderr") or ""):
                print("\n".join(text.splitlines()[-100:]))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0


sys.exit(main())
