#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hasten can find today in the demonstration program is found, with file and line."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from hooktest import short_name

# What each planted fault shows as. The numbers follow from the problem files: 12 submissions of 3
# problems are judged on 64 tests until three have failed.
JOBS, TESTS = 12, 64
RUNS_COMPARED = 47  # tests whose run ended normally
CALLS = {
    "judge": JOBS,
    "judge_test": TESTS,
    "vm_run": TESTS,
    "progress": TESTS,                 # sleeps under a lock
    "make_note": TESTS,                # its memory leaks
    "limit_of": TESTS + JOBS,          # each time
    "read_limit": TESTS + JOBS,        # the file is
    "find": TESTS + JOBS,              # read again
    "answers_equal": RUNS_COMPARED,
    "answer_checksum": 2 * RUNS_COMPARED,  # half of them of 30 answers that never change
    "normalised": 2 * RUNS_COMPARED,
    "problem_load": 4,
    "archive_results": 1,              # its child fails
    "main": 1,
    "worker": 4,
    "vm_step": 297569,
    "push": 141809,
    "pop": 141804,
}
ERRORS = {
    "number_in": JOBS,                 # "patience three": an exception
    "read_limit": JOBS,
    "limit_of": 0,
    "vm_fail": 14,                     # longjmp
    "vm_step": 6,
    "vm_run": 0,
    "judge_test": 0,
}
# Blocks: allocated, left at the end, freed before the function that asked returned; and where it asks.
LINES = 1661  # of all submissions' programs
BLOCKS = {
    "make_note": (TESTS, TESTS, 0, ("grader.c", "malloc(4096)")),    # the leak
    "assemble_line": (LINES, 0, LINES, None),        # temporary
    "find": (2 * (TESTS + JOBS), 0, 2 * (TESTS + JOBS), None),       # a stream and its buffer, each time
    "vm_run": (TESTS, 0, TESTS, ("vm.c", "calloc(1, sizeof *vm)")),
}
# Calls, different arguments (by their text), arguments that had another result later, what is said.
CACHED = {
    "answer_checksum": (2 * RUNS_COMPARED, 38, 0, "worth it"),
    "limit_of": (TESTS + JOBS, 2, 0, "worth it"),
}
FILES = ("grader.c", "problem.c", "vm.c", "compare.c", "archive.c", "limits.cpp")


def definitions(folder):
    """name -> (file, line) of each function, by the style of the sources: '{' in column 0."""
    found = {}
    for name in FILES:
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            head = re.match(r"^[\w].*?(\w+)\(", line)
            if head and number + 1 < len(lines) and lines[number + 1] == "{":
                found[head.group(1)] = (name, number + 1)
    return found


def record(options, folder, *more):
    done = subprocess.run(
        [options.hasten, "run", *more, "-o", "demo.data", "--", options.program,
         os.path.join(options.source, "problems")],
        cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        env=dict(os.environ, XDG_CACHE_HOME=folder))
    if done.returncode != 0:
        sys.exit(f"hasten run: {done.returncode}: {done.stderr.decode()}")
    plain = subprocess.run([options.program, os.path.join(options.source, "problems")],
                           capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if plain.stdout != done.stdout:
        sys.exit(f"the output changed: {done.stdout.decode()}")


def ask(options, folder, command):
    done = subprocess.run([options.hasten, command, "--json", "-n", "0", "demo.data"], cwd=folder,
                          capture_output=True, timeout=120, check=True)
    return json.loads(done.stdout)


def cache_problems(data):
    """The repeated computation and the file that is read again are suggested; what is called for its effect is not."""
    rows = {short_name(row["name"]): row for row in data["functions"]}
    for name, wanted in CACHED.items():
        row = rows.get(name, {})
        found = tuple(row.get(key) for key in ("calls", "keys", "contradicting_keys", "verdict"))
        if found != wanted:
            yield f"{name}: {found}, not {wanted}"
    for name in ("worker", "vm_step", "normalised", "make_note"):
        if rows.get(name, {}).get("verdict") in (None, "worth it"):
            yield f"{name}: {rows.get(name)}"
    if not data["complete"]:
        yield "what is said of caches is not complete"


def line_of(folder, name, text):
    lines = (folder / name).read_text(encoding="utf-8").split("\n")
    return next(number for number, line in enumerate(lines, 1) if text in line)


def memory_problems(data, folder):
    rows = {short_name(row["name"]): row for row in data["functions"]}
    if not data["complete"]:
        yield "the memory is not complete"
    for name, (allocs, leaked, temporary, where) in BLOCKS.items():
        keys = ("alloc_calls", "leaked_blocks", "temporary_blocks")
        found = tuple(rows.get(name, {}).get(key) for key in keys)
        if found != (allocs, leaked, temporary):
            yield f"{name}: {dict(zip(keys, found))}, not {allocs, leaked, temporary}"
        wanted = where and (where[0], line_of(folder, *where))
        calls = {(os.path.basename(site["call_file"] or ""), site["call_line"])
                 for site in data["sites"] if short_name(site["name"]) == name}
        if where and calls != {wanted}:
            yield f"{name}: asks at {calls}, not {wanted}"
    leak = data["leaks"][0]
    if (short_name(leak["name"]), leak["leaked_bytes"]) != ("make_note", 4096 * TESTS):
        yield f"the first leak is {leak}"


def totals(functions):
    """name -> [calls, errors, self_ns], and the places where it is said to be."""
    sums, places = {}, {}
    for row in functions:
        name = short_name(row["name"])
        values = sums.setdefault(name, [0, 0, 0])
        for index, key in enumerate(("calls", "errors", "self_ns")):
            values[index] += row.get(key) or 0
        if row.get("file"):
            places.setdefault(name, set()).add((os.path.basename(row["file"]), row["line"]))
    return sums, places


def problems(data, places_wanted):
    sums, places = totals(data["functions"])
    if not data["complete"]:
        yield "the report is not complete"
    for name, calls in CALLS.items():
        if sums.get(name, [0])[0] != calls:
            yield f"{name}: {sums.get(name, [0])[0]} calls, not {calls}"
    for name, errors in ERRORS.items():
        if sums.get(name, [0, -1])[1] != errors:
            yield f"{name}: {sums.get(name, [0, -1])[1]} errors, not {errors}"
    for name in {*CALLS, *ERRORS}:
        if places.get(name) != {places_wanted[name]}:
            yield f"{name}: at {places.get(name)}, not {places_wanted[name]}"
    # A sleep of 1 ms each is self time of the function that sleeps.
    if sums["progress"][2] < TESTS * 1000000:
        yield f"progress: self time {sums['progress'][2]} ns"


def main():
    parser = argparse.ArgumentParser()
    for name in ("hasten", "program", "source"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hasten-demo-") as folder:
        record(options, folder)
        source = pathlib.Path(options.source)
        found = list(problems(ask(options, folder, "report"), definitions(source)))
        found += memory_problems(ask(options, folder, "memory"), source)
        record(options, folder, "--args")
        found += cache_problems(ask(options, folder, "cache"))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
