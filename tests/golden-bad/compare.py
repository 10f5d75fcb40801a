#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program and compares its output with a committed file.

usage: compare.py [--bless] PROGRAM EXPECTED
--bless writes the output to EXPECTED instead; review the difference before you commit it.
"""
import difflib
import subprocess
import sys


def main(arguments):
    bless = arguments[:1] == ["--bless"]
    program, expected_path = arguments[1:] if bless else arguments
    run = subprocess.run([program], stdout=subprocess.PIPE, timeout=60, check=False)
    output = run.stdout.decode("utf-8", "backslashreplace")
    if run.returncode != 0:
        print(f"{program} ended with {run.returncode}")
        return 1
    if bless:
        with open(expected_path, "w", encoding="utf-8") as file:
            file.write(output)
        return 0
    with open(expected_path, encoding="utf-8") as file:
        expected = file.read()
    if output == expected:
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(
            expected.splitlines(True), output.splitlines(True), expected_path, "now"
        )
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
