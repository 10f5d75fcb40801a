#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random functions against the proof of purity: none that has something impure in it is proven, and the keys of those that
are decide their results."""

import argparse
import os
import random
import sys

import generate
import test_keys
from test_corpus import HOOKS
from test_keys import C, ways

FLAGS = ["-fno-omit-frame-pointer", "-fno-plt", "-fcf-protection", "-fstack-protector-all", "-fno-pie -no-pie", "-fno-inline",
         "-mbmi2", "-mavx", "-fno-tree-vectorize", "-ffast-math", "-mcmodel=large", "-fno-jump-tables", "-march=haswell"]


def matrix(options):
    for seed in range(options.first, options.first + options.count):
        pick = random.Random(seed)
        source = "random%d.c" % seed
        with open(os.path.join(options.work, source), "w", encoding="ascii") as file:
            file.write(generate.Generator(seed, options.functions).write())
        flags = [pick.choice(["-O0", "-O1", "-O2", "-O3", "-Os"]), "-fwrapv"] + pick.choice([[HOOKS], []])
        for flag in pick.sample(FLAGS, pick.choice([0, 1, 1, 2])):
            flags += flag.split()
        yield C, source, flags


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--purityread", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--first", type=int, default=1, help="seed")
    parser.add_argument("--count", type=int, default=12, help="seeds")
    parser.add_argument("--functions", type=int, default=40)
    parser.add_argument("--only", default="", help="only command lines with this text")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    options.sources = options.work
    return ways.each(matrix(options), options.only, lambda *way: test_keys.attempt(options, *way))


if __name__ == "__main__":
    sys.exit(main())
