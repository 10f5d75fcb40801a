#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions of which it is known whether they are pure, compiled in many ways: none that is not may be proven, and enough
of those that are must be."""

import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "args"))
import ways  # noqa: E402
from ways import require  # noqa: E402

C = ("gcc", "clang")
CXX = ("g++", "clang++")
HOOKS = "-finstrument-functions"
LEVELS = ["-O0", "-O1", "-O2", "-O3", "-Os"]
FORMS = [[], ["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"], ["-fcf-protection"], ["-fno-plt"], ["-fno-pie", "-no-pie"],
         ["-fPIC", "-shared"], ["-flto"], ["-fstack-protector-all"]]
# Of p_ functions proven, at least.
LEAST = 0.8
# Functions that are not pure in each source, at least: a compiler may drop some in C++.
NEGATIVES = {"pure.c": 0, "impure.c": 55, "pure.cc": 12, "nested.c": 2, "status.c": 2}


def lines(levels, forms, hooks):
    return [level.split() + form + hook for level in levels for form in forms for hook in hooks]


def matrix(everything):
    both = [[HOOKS], []]
    if everything:
        flags = lines(LEVELS, FORMS, both)
    else:
        flags = lines(["-O0", "-O2"], [[]], both) + lines(["-O1", "-O3", "-Os"], [[]], [[HOOKS]])
        flags += lines(["-O2"], [["-fPIC", "-shared"], ["-fno-pie", "-no-pie"], ["-fcf-protection"], ["-flto"]], [[HOOKS]])
        flags += lines(["-O0"], [["-fno-pie", "-no-pie"], ["-fomit-frame-pointer"]], [[HOOKS]])
    for at, flag in enumerate(flags):
        yield C, "pure.c", flag
        yield C, "impure.c", flag
        # The C++ library's headers take long to compile.
        if everything or at % 2 == 0:
            yield CXX, "pure.cc", flag
    for flag in lines(LEVELS if everything else ["-O0", "-O2"], [[]], both if everything else [[HOOKS]]):
        yield ("gcc",), "nested.c", flag
        yield C, "status.c", flag


def run(command, text=""):
    done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def base_name(name):
    """The function's own name: without namespaces, arguments, and the suffixes of clones."""
    return re.split(r"[(<.\[ ]", name.split("::")[-1])[0]


def attempt(options, compiler, source, flags):
    name = "%s-%s%s" % (source.replace(".", "-"), compiler.replace("+", "x"), "".join(flags).replace("-", "_"))
    program = os.path.join(options.work, name)
    command = [compiler, "-g", "-w"] + flags + [os.path.join(options.sources, source), "-o", program, "-lm"]
    status, _, text = run(command)
    if status != 0 and "-flto" in flags:
        print("%-55s skipped: does not compile here" % name)
        return
    require(status == 0, "%s: %s", " ".join(command), text)
    status, text, problem = run([options.purityread, program])
    require(status == 0, "purityread: %s", problem)
    proven, refuted, wrong = [], [], []
    negatives = 0
    for line in text.splitlines():
        fields = line.split("\t")
        own = base_name(fields[0])
        if own.startswith("n_") and fields[1] == "proven":
            wrong.append(line)
        if own.startswith("n_"):
            negatives += 1
        if own.startswith("p_"):
            (proven if fields[1] == "proven" else refuted).append(line)
        if fields[1] == "refuted":
            require(len(fields) == 7 and fields[2] != "" and fields[3] != "", "no reason: %s", line)
    if options.keep is False:
        os.unlink(program)
    share = len(proven) / max(1, len(proven) + len(refuted))
    print("%-60s proven %d of %d; %d that are not pure" % (name, len(proven), len(proven) + len(refuted), negatives))
    require(negatives >= NEGATIVES[source], "only %d functions that are not pure were found", negatives)
    if options.verbose:
        print("\n".join("    " + line for line in refuted))
    require(not wrong, "proven but not pure:\n%s", "\n".join(wrong))
    require(not source.startswith("pure") or share >= LEAST, "only %.0f %% of the pure ones are proven:\n%s", share * 100, "\n".join(refuted))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--purityread", required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--only", default="", help="only command lines with this text")
    parser.add_argument("--all", action="store_true", help="all combinations")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    return ways.each(matrix(options.all), options.only, lambda *way: attempt(options, *way))


if __name__ == "__main__":
    sys.exit(main())
