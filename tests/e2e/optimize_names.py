#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is what is known of the names that gcc prints true?  optimize_names.py PROGRAM SOURCE

g++ writes the printed name of each function into its dumps, by the same call as it uses for the list of functions without
hooks. For each of them: the certain part, from which entries are made, must be in the printed name; and no certain part of any
other function may be in the printed name without being in the possible one, where entries are looked for.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

LINE = re.compile(r"^;; Function (.*) \(([^ ,()]+), funcdef_no", re.MULTILINE)
SKIP = 77


def printed_names(source, standard):
    """{symbol: name as gcc prints it}"""
    with tempfile.TemporaryDirectory() as scratch:
        dump = os.path.join(scratch, "dump")
        subprocess.run(["g++", "-std=" + standard, "-O1", "-w", "-S", "-o", os.path.join(scratch, "x.s"),
                        "-finstrument-functions", "-fdump-tree-optimized=" + dump, source], check=True)
        with open(dump, encoding="utf-8") as file:
            return {symbol: name for name, symbol in LINE.findall(file.read())}


def known_names(program, symbols):
    """[(symbol, certain, possible)]"""
    done = subprocess.run([program], input="\n".join(symbols) + "\n", text=True, check=True, capture_output=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(symbols), "the helper's answers are not one for each symbol"
    return [(symbol, *line.split("\t", 1)) for symbol, line in zip(symbols, lines)]


def check(program, source, standard):
    printed = printed_names(source, standard)
    # Thunks have no hooks.
    known = known_names(program, sorted(s for s in printed if not re.match(r"_ZT[hvc]", s)))
    problems = []
    certain = sorted({text for _, text, _ in known if text})
    for symbol, text, possible in known:
        name = printed[symbol]
        if text and text not in name:
            problems.append(f"{symbol}: {text!r} is not in {name!r}")
        for other in certain:
            if other in name and other not in possible:
                problems.append(f"{symbol}: {other!r} is in {name!r}, but not in {possible!r}")
    without = [symbol for symbol, text, _ in known if not text]
    print(f"{standard}: {len(known)} names, {len(certain)} certain parts, {len(without)} without")
    if len(known) < 100 or len(certain) < 60 or len(without) > 3:
        problems.append("there are fewer names than the source has, or too many without a certain part: "
                        + " ".join(without))
    return problems


def main():
    if not shutil.which("g++"):
        print("there is no g++ here")
        return SKIP
    program, source = (os.path.abspath(path) for path in sys.argv[1:3])
    problems = check(program, source, "c++14") + check(program, source, "c++20")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
