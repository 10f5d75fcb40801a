# SPDX-License-Identifier: Apache-2.0
"""Runs hasten on synthetic recordings and compares every byte with expected/NAME.txt.

golden.py HASTEN GOLDEN_TRACES; HST_BLESS=1 writes the expected files instead.
A case's file holds the exit status, what stderr said, and what stdout said.
"""
import difflib
import os
import subprocess
import sys
import tempfile

import structure

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def cases():
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield [part.strip() for part in line.split("|", 2)]


def run(hasten, folder, arguments):
    done = subprocess.run([hasten] + arguments.split(), cwd=folder, env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    text = b"status %d\n" % done.returncode
    if done.stderr:
        text += b"--- stderr\n" + done.stderr
    return done, text + b"--- stdout\n" + done.stdout


def compare(name, text, bless):
    path = os.path.join(HERE, "expected", name + ".txt")
    if bless:
        with open(path, "wb") as file:
            file.write(text)
        return True
    if not os.path.exists(path):
        print(f"{name}: no expected output; look at it and run with HST_BLESS=1:")
        print(text.decode("utf-8", "backslashreplace"))
        return False
    with open(path, "rb") as file:
        expected = file.read()
    if expected == text:
        return True
    print(f"{name}: the output differs")
    sys.stdout.writelines(difflib.unified_diff(
        expected.decode("utf-8", "backslashreplace").splitlines(True),
        text.decode("utf-8", "backslashreplace").splitlines(True), "expected", "now"))
    return False


def check(name, arguments, done):
    """What must hold whatever the expected file says."""
    problems = []
    if done.returncode == 0:
        problems = structure.check(arguments, done.stdout)
        if "export" not in arguments and "--" not in arguments:
            problems += structure.check_width(done.stdout, 100)
    for problem in problems:
        print(f"{name}: {problem}")
    return not problems


def main():
    hasten, traces = (os.path.abspath(path) for path in sys.argv[1:3])
    bless = os.environ.get("HST_BLESS") == "1"
    failed = 0
    made = set()
    with tempfile.TemporaryDirectory() as top:
        for name, scenario, arguments in cases():
            folder = os.path.join(top, scenario)
            if scenario not in made:
                os.mkdir(folder)
                subprocess.run([traces, scenario, os.path.join(folder, "data")], check=True)
                made.add(scenario)
            done, text = run(hasten, folder, arguments)
            good = check(name, arguments, done)
            failed += not (compare(name, text, bless) and good)
    if failed:
        print(f"{failed} cases failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
