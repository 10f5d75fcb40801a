#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Of how many of Lua's functions, at -O2 -g, can all arguments be read? At least nine of ten."""

import argparse
import json
import os
import subprocess
import sys

SKIP = 77
LEAST = {"lua": (0.9, 0.9), "sqlite": (0.85, 0.9)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=sorted(LEAST))
    parser.add_argument("--cache", required=True)
    parser.add_argument("--hasten", required=True)
    options = parser.parse_args()
    fetch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch.py")
    done = subprocess.run([sys.executable, fetch, options.cache, options.program],
                          stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        print(done.stdout.strip())
        return done.returncode
    program = done.stdout.strip().split("\n")[-1]
    text = subprocess.run([options.hasten, "info", "--args", program, "--json"],
                          stdout=subprocess.PIPE, check=True).stdout
    told = json.loads(text)
    share = told["arguments_readable"] / told["functions_count"]
    results = told["result_readable"] / told["with_result"]
    print("%s: %d functions, all arguments of %.1f %%, results of %.1f %%; %s"
          % (options.program, told["functions_count"], 100 * share, 100 * results, told["argument_reasons"]))
    least = LEAST[options.program]
    if told["functions_count"] < 500 or not told["complete"] or share < least[0] or results < least[1]:
        print("FAIL: at least %.0f %% and %.0f %% of 500 functions" % (100 * least[0], 100 * least[1]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
