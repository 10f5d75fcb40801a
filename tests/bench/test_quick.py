#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the benchmark work? Small runs of its targets, each of which must give its figures; what they are means nothing here.

    test_quick.py --build DIR

Targets of real programs are skipped aloud where their sources cannot be had.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# Target: how its rows begin, and how many there are at least.
EXPECTED = {
    "fib": ("fib: trace mode, per call", 1),
    "mempair": ("mempair: trace mode, per pair", 1),
    "procspawn": ("a trivial process", 2),
    "procburn": ("a program of some seconds", 1),
    "cpucalls": ("CPU clock, trace mode", 4),
    "cpuswitch": ("CPU clock, threads by turns", 3),
    "budgetfib": ("fib, --overhead 5%", 4),
    "cachepass": ("cache pass, ", 8),
    "gain": ("gain, ", 40),
    "truefib": ("fib, main's total", 8),
}
OF_LUA = {
    "cachelua": ("hasten cache, lua", 3),
    "budgetlua": ("lua, --overhead 5%", 4),
    "budgetbuild": ("lua, list for 5 %", 7),
    "budgetbuild1": ("lua, list for 1 %", 7),
    "budgetkeeps": ("lua at 5 %,", 8),
    "truelua": ("lua, main's total", 8),
    "truecalls": ("lua, calls, main's total", 8),
}
OF_SAMPLERS = {"rankbzip2": ("share of ", 1)}
OF_SQLITE = {"truesqlite": ("sqlite, main's total", 8)}


def fetched(build, program):
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "..", "real", "fetch.py"), os.path.join(build, "real"), program],
        stdout=subprocess.PIPE, check=False, text=True,
    )
    if done.returncode:
        print("left out: %s" % done.stdout.strip())
    return done.returncode == 0


def have_samplers():
    """perf may be there and not be allowed to look."""
    works = shutil.which("perf") and shutil.which("valgrind") and subprocess.run(
        ["perf", "record", "-q", "-e", "cpu-clock:u", "-o", os.devnull, "true"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    if not works:
        print("left out: perf and valgrind do not both work here")
    return works


def rows_of(build, targets):
    """(exit status, rows, what was said) of a small run of these targets, with a library in the place of the one without the clock."""
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "lines")
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "bench.py"), "--build", build, "--quick", "--json", lines,
             "--old", os.path.join(build, "preload", "libhasten.so"), "--only", ",".join(targets)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
        )
        rows = []
        if os.path.exists(lines):
            with open(lines, encoding="ascii") as handle:
                rows = [json.loads(line) for line in handle]
    return done.returncode, [row for row in rows if "bar" in row], done.stdout


def problems_of(targets, status, rows, said):
    # 1: a bar fails, which says nothing with so little; an exception that nobody expects gives the same.
    if status not in (0, 1) or "Traceback" in said:
        yield "bench.py ends with status %d" % status
    for target, (begin, least) in targets.items():
        count = sum(row["bar"].startswith(begin) for row in rows)
        if count < least:
            yield "%s: %d rows begin with '%s', at least %d should" % (target, count, begin, least)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    build = os.path.abspath(parser.parse_args().build)
    targets = dict(EXPECTED)
    targets.update(OF_LUA if fetched(build, "lua") else {})
    targets.update(OF_SQLITE if fetched(build, "sqlite") else {})
    targets.update(OF_SAMPLERS if have_samplers() and fetched(build, "bzip2") else {})
    status, rows, said = rows_of(build, targets)
    problems = list(problems_of(targets, status, rows, said))
    for problem in problems:
        print(problem)
    print(said if problems else "%d targets, %d rows" % (len(targets), len(rows)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
