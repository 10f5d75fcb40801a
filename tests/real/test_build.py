#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten build` on a real program: Lua by its own makefile, as it is fetched (see meson.build).

Every object file has hooks unless it has no function; the makefile and the sources are as they were, their times too; the program
computes what it computes without hooks, and can be recorded.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import fetch

SKIP = 77
HOOK = "__cyg_profile_func_enter"
MAKE = ["make", "-j2", "linux", "MYCFLAGS=-Wall -Wextra"]


class Failed(Exception):
    """What does not hold."""


def check(true, text):
    if not true:
        raise Failed(text)


def execute(command, where, **options):
    return subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)


def snapshot(top):
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[path] = (os.stat(path).st_mtime_ns, file.read())
    return found


def functions_of(path):
    done = execute(["nm", "--defined-only", path], ".")
    return [line for line in done.stdout.splitlines() if line.split()[-2] in "tTwW"]


def compare(options, source, scratch):
    plain, hooked = os.path.join(scratch, "plain"), os.path.join(scratch, "hooked")
    for place in (plain, hooked):
        shutil.copytree(source, place)
    before = snapshot(hooked)
    listed = os.path.join(scratch, "list.json")
    without = execute(MAKE, plain)
    check(without.returncode == 0, "the plain build fails: " + without.stderr)
    done = execute([options.hasten, "build", "--json", listed, "--", *MAKE], hooked)
    check(done.returncode == 0, "the build fails: " + done.stderr)
    said = without.stdout.replace(plain, hooked)
    check(sorted(done.stdout.splitlines()) == sorted(said.splitlines()), "make says something else")
    ours = [line for line in done.stderr.splitlines() if line.startswith("hasten:")]
    rest = [line for line in done.stderr.splitlines() if not line.startswith("hasten:")]
    check(sorted(rest) == sorted(without.stderr.splitlines()), "the compilers say something else: " + done.stderr)
    after = snapshot(hooked)
    check(all(after.get(path) == before[path] for path in before), "a file of the source has changed")

    objects = sorted(glob.glob(os.path.join(hooked, "src", "*.o")))
    check(len(objects) > 30, "too few object files")
    hooks = {path for path in objects if HOOK in execute(["nm", path], ".").stdout}
    bare = [path for path in set(objects) - hooks if functions_of(path)]
    check(not bare, f"functions without hooks: {bare}")
    with open(listed, encoding="utf-8") as file:
        found = json.load(file)
    check(found["complete"] and found["calls_missed"] == 0, "not complete")
    check(found["calls_added"] == len(objects), f"{found['calls_added']} calls, {len(objects)} objects")
    check({file["path"] for file in found["files"]} == set(objects), "the list has other files")
    check({file["path"] for file in found["files"] if file["hooks"] == "yes"} == hooks, "the list has other hooks")
    check(any(f"{len(hooks)} of {len(objects)} compiled files have hooks" in line for line in ours), str(ours))
    run_both(options, plain, hooked, scratch)
    return f"{found['calls_seen']} calls, {len(hooks)} of {len(objects)} objects with hooks"


def run_both(options, plain, hooked, scratch):
    work = [os.path.join(HERE, "workload.lua"), "1"]
    expected = execute([os.path.join(plain, "src", "lua"), *work], scratch)
    data = os.path.join(scratch, "data")
    done = execute([options.hasten, "run", "-q", "-o", data, os.path.join(hooked, "src", "lua"), *work], scratch)
    check((done.returncode, done.stdout, done.stderr) ==
          (expected.returncode, expected.stdout, expected.stderr), "the program does something else")
    report = execute([options.hasten, "report", "--json", data], scratch)
    names = {row["name"] for row in json.loads(report.stdout)["functions"]}
    check("luaV_execute" in names, "luaV_execute is not in the report")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True)
    parser.add_argument("--hasten", required=True)
    options = parser.parse_args()
    options.hasten = os.path.abspath(options.hasten)
    os.makedirs(options.cache, exist_ok=True)
    try:
        source = fetch.fetch(os.path.abspath(options.cache), "lua")
        with tempfile.TemporaryDirectory(prefix="hasten-real-build-") as scratch:
            print(compare(options, source, os.path.realpath(scratch)))
    except fetch.Unavailable as reason:
        print(f"SKIP: {reason}")
        return SKIP
    except Failed as reason:
        print(f"FAIL: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
