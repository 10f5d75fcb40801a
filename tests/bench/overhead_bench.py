#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `hasten run --overhead 5%` costs in the end, beside the same program whose hooks are NOPs in the file.

    overhead_bench.py --hasten HASTEN [--rounds N] [--no-memory] PROGRAM [ARGUMENTS]

Pairs of runs, interleaved; prints user + system time of each and the ratios. A run should take 10 seconds or more. Exit
status 1 if the median ratio is over the bar.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile

BAR = 1.10


def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        bare = os.path.join(folder, "bare")
        nop = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nop_hooks.py")
        subprocess.run([sys.executable, nop, options.command[0], bare], check=True)
        for number in range(options.rounds):
            ours = [options.hasten, "run", "-q", "--no-system", "--overhead", "5%",
                    "-o", os.path.join(folder, f"data{number}")]
            ours += ["--no-memory"] if options.no_memory else []
            base, expected = cpu([bare] + options.command[1:])
            spent, out = cpu(ours + ["--"] + options.command)
            if out != expected:
                sys.exit("overhead_bench.py: the output is another one")
            ratios.append(spent / base)
            print(f"bare {base:.2f} s, --overhead 5% {spent:.2f} s: {ratios[-1]:.3f}", flush=True)
    median = statistics.median(ratios)
    print(f"median {median:.3f}, bar {BAR}: {'pass' if median <= BAR else 'fail'}")
    return 0 if median <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
