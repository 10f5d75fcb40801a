#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The keys of proven functions decide their results: each is called with the same key and everything else changed. And the
attacks on the proof: none is ever proven."""

import argparse
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "args"))
import ways  # noqa: E402
from ways import require  # noqa: E402
from test_corpus import HOOKS, base_name, run  # noqa: E402

C = ("gcc", "clang")
CXX = ("g++", "clang++")
NAMES = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"] + ["r%d" % i for i in range(8, 16)] + ["?"]
NAMES += ["xmm%d" % i for i in range(16)]
RESULTS = ["rax", "rdx", "xmm0", "xmm1"]
# They index a table by an argument as it is: outside of it, what they read is not theirs, and the proof assumes that they do not.
UNBOUNDED = ["p_day_of_year"]
# Of the parts of keys that are left out, so many are noticed at least: else a missing one would not be.
NOTICED = 0.8


def matrix():
    for flags in (["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-Os"]):
        yield C, "attack.c", flags + [HOOKS]
    yield C, "attack.c", ["-O2"]
    yield C, "attack.c", ["-O0", "-fno-pie", "-no-pie"]
    yield C, "attack.c", ["-O2", "-fno-plt", HOOKS]
    yield ("gcc",), "attack.S", []
    for flags in (["-O0"], ["-O2"]):
        yield CXX, "attack.cc", flags + [HOOKS]
        yield C, "pure.c", flags + [HOOKS]
        yield CXX, "pure.cc", flags + [HOOKS]
    yield C, "pure.c", ["-O3", "-fomit-frame-pointer"]
    yield C, "pure.c", ["-Os", "-fno-pie", "-no-pie"]


def parts(fields):
    pairs = [field.split(":") for field in fields]
    return "%d %s" % (len(pairs), " ".join("%d %s" % (NAMES.index(name), count) for name, count in pairs))


def claim(line):
    """A line of purityread's as keys.c reads it."""
    key, results, last, entry = line[2].split()[1:], line[3].split()[1:], line[-2], int(line[-1], 16)
    stack = [field[3:].split(":") for field in key if field.startswith("cfa")]
    text = "%s %d %d " % (base_name(line[0]), entry, " fp" in last)
    text += parts([field for field in key if not field.startswith("cfa")])
    text += " %d %s " % (len(stack), " ".join("%d %s" % (int(offset), count) for offset, count in stack))
    done = []
    for result in results:
        match = re.match(r"(\w+):(\d+)!?(.*)", result)
        done.append("%d %s %s" % (RESULTS.index(match.group(1)), match.group(2), parts(re.findall(r"\(\+([^)]*)\)", match.group(3)))))
    return text + "%d %s\n" % (len(done), " ".join(done))


def address_of(program, name):
    status, text, problem = run(["nm", program])
    require(status == 0, "nm: %s", problem)
    return [int(line.split()[0], 16) for line in text.splitlines() if line.split()[-1] == name][0]


def attempt(options, compiler, source, flags):
    name = "keys-%s-%s%s" % (source.replace(".", "-"), compiler.replace("+", "x"), "".join(flags).replace("-", "_"))
    program = os.path.join(options.work, name)
    here = os.path.dirname(os.path.abspath(__file__))
    pie = [flag for flag in flags if "pie" in flag]
    objects = [program + "-keys.o", program + "-call.o"]
    status, _, text = run(["gcc", "-O1", "-w", "-c"] + pie + [os.path.join(here, "keys.c"), "-o", objects[0]])
    require(status == 0, "keys.c: %s", text)
    status, _, text = run(["gcc", "-c", os.path.join(here, "keys_call.S"), "-o", objects[1]])
    require(status == 0, "keys_call.S: %s", text)
    command = [compiler, "-w", "-Dmain=other_main"] + flags + [os.path.join(options.sources, source)] + objects
    status, _, text = run(command + ["-o", program, "-lm"])
    require(status == 0, "%s: %s", " ".join(command), text)
    status, text, problem = run([options.purityread, program])
    require(status == 0, "purityread: %s", problem)
    lines = [line.split("\t") for line in text.splitlines()]
    wrong = [line for line in lines if base_name(line[0]).startswith("n_") and line[1] == "proven"]
    require(not wrong, "proven but not pure: %s", wrong)
    at = str(address_of(program, "main"))
    claims = "".join(claim(line) for line in lines if line[1] == "proven" and re.match("[pka]_", base_name(line[0]))
                     and base_name(line[0]) not in UNBOUNDED)
    status, text, problem = run([program, at], claims)
    require(status == 0 and "wrong" in text, "a key does not decide the result (status %d):\n%s%s", status, text, problem)
    print("%-50s %s" % (name, text.strip().splitlines()[-1]))
    if source == "attack.c" and "-O2" in flags:
        _, text, _ = run([program, at, "--weaken"], claims)
        found, count = (sum(int(value) for value in re.findall(pattern, text)) for pattern in (r"weakened: (\d+)", r"of (\d+) found"))
        print("%-50s of %d parts of keys left out, %d noticed" % (name, count, found))
        require(count > 0 and found >= NOTICED * count, "the lack of a part of a key is not noticed:\n%s", text)
    for path in objects + ([] if options.keep else [program]):
        os.unlink(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--purityread", required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--only", default="", help="only command lines with this text")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    return ways.each(matrix(), options.only, lambda *way: attempt(options, *way))


if __name__ == "__main__":
    sys.exit(main())
