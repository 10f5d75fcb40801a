#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten info --args` as a user meets it: the table, the summary, and what it says of programs that it cannot look at."""

import argparse
import os
import re
import shutil
import subprocess
import sys

SOURCE = """
#include <stdio.h>
struct huge { long v[5]; };
__attribute__((noinline)) int add(int first, const char *second) { return first + second[0]; }
__attribute__((noinline)) long take(struct huge h, int n, ...) { return h.v[n]; }
__attribute__((noinline)) void nothing(void) { puts(""); }
int main(int argc, char **argv) { struct huge h = {{1}}; nothing(); return add(argc, argv[0]) + (int)take(h, 0, 1); }
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    if not shutil.which("gcc"):
        print("SKIP: no gcc")
        return 77
    options.hasten = os.path.abspath(options.hasten)
    os.makedirs(options.work, exist_ok=True)
    source = os.path.join(options.work, "info.c")
    with open(source, "w", encoding="ascii") as out:
        out.write(SOURCE)
    programs = {"good": ["-O0", "-g", "-finstrument-functions"], "plain": ["-g"], "bare": ["-O0", "-finstrument-functions"]}
    for name, flags in programs.items():
        subprocess.run(["gcc", *flags, source, "-o", os.path.join(options.work, name)], check=True)
    problems = []

    def say(arguments, status, *wanted):
        done = subprocess.run([options.hasten, "info", *arguments], cwd=options.work, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != status:
            problems.append(f"{arguments}: status {done.returncode}, not {status}: {done.stdout}")
        for pattern in wanted:
            if not re.search(pattern, done.stdout):
                problems.append(f"{arguments}: no '{pattern}' in: {done.stdout}")

    say(["--args", "good", "-w"], 0, r"add +info\.c:4 +first +int +value +r[sb]p[+-]\d+", r"second +const char \* +text +r[sb]p", r"first +int +value",
        r"h +struct huge +- larger than 16 bytes", r"\(all\) +- further arguments",
        r"\n4 functions: all arguments can be read of 3 \(75\.0 %\), the result of 3 of the 3", r"1 functions: further")
    say(["--args", "good", "--json"], 0, r'"functions_count": 4', r'"variadic": ?1', r'"keyed": ?"text"')
    say(["--args", "plain"], 2, r"plain calls no hooks: compile with -finstrument-functions -g")
    say(["--args", "bare"], 2, r"bare has no debug information .*-g")
    say(["--args", "absent"], 2, r"absent cannot be opened")
    say(["--args", "info.c"], 2, r"info\.c is not an ELF")
    say(["--args", "good", "somewhere"], 2, r"leave 'somewhere' out")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
