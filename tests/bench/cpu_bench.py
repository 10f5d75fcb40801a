#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the CPU clock costs: per call, and where threads are switched all the time.

    cpu_bench.py --build DIR [--old LIB] [--rounds N] [--quick]

*calls*: fib, trace and profile mode, with the library of the build and with --old, a libhasten.so without the clock;
without it, with HASTEN_CPU=0 (which still has the two compares). Bar: 3 ns per call more.
*switches*: two threads on one CPU that give each other the turn 20,000 times a second, with the clock and with HASTEN_CPU=0. Bar: 2 %
more CPU time. Variants run by turns; figures are medians of the differences within a round, with a 95 % interval.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import stats

CALLS_BAR_NS = 3.0
SWITCHES_BAR = 0.02
SWITCHES_PER_S = 20_000
FIB_CALLS = {"33": 11_405_773, "27": 635_621}


def environment(library, data, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    env.update(LD_PRELOAD=library, HASTEN_DATA=data, HASTEN_MEMORY="0", **more)
    return env


class Bench:
    def __init__(self, options):
        build = os.path.abspath(options.build)
        self.work = os.path.join(build, "bench")
        os.makedirs(self.work, exist_ok=True)
        self.new = os.path.join(build, "preload", "libhasten.so")
        self.old = os.path.abspath(options.old) if options.old else None
        self.rounds = 3 if options.quick else options.rounds
        self.fib = "27" if options.quick else "33"
        self.turns = "1000" if options.quick else "8000"

    def compile(self):
        for name in ("fib", "pingpong"):
            subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-g", "-finstrument-functions",
                            os.path.join(HERE, name + ".c"), "-o", os.path.join(self.work, name),
                            "-lpthread"], check=True)

    def run(self, library, program, *arguments, **more):
        """(CPU seconds, output) of one run, on one CPU."""
        data = os.path.join(self.work, "cpu.data")
        shutil.rmtree(data, ignore_errors=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([os.path.join(self.work, program), *arguments], check=True,
                              env=environment(library, data, **more), capture_output=True,
                              text=True, cwd=self.work)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        shutil.rmtree(data, ignore_errors=True)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return spent, done.stdout

    def calls(self, mode):
        calls = FIB_CALLS[self.fib]
        without = {} if self.old else {"HASTEN_CPU": "0"}
        more, same = [], []
        for round_number in range(self.rounds):
            took = {}
            variants = ["new", "old", "again"]
            for i in range(3):
                variant = variants[(round_number + i) % 3]
                if variant == "new":
                    took[variant], _ = self.run(self.new, "fib", self.fib, HASTEN_MODE=mode,
                                                HASTEN_LIMIT="4G")
                else:
                    took[variant], _ = self.run(self.old or self.new, "fib", self.fib,
                                                HASTEN_MODE=mode, HASTEN_LIMIT="4G", **without)
            more.append((took["new"] - took["old"]) * 1e9 / calls)
            same.append((took["again"] - took["old"]) * 1e9 / calls)
        middle, low, high = stats.median_interval(more)
        quiet = abs(statistics.median(same)) <= 1
        print(f"calls, {mode}: {middle:+.2f} ns per call [{low:+.2f}, {high:+.2f}], "
              f"the same twice {statistics.median(same):+.2f} ns, bar {CALLS_BAR_NS} ns: "
              f"{stats.verdict(low, high, CALLS_BAR_NS, quiet)}")

    def spins(self):
        """Work per turn that makes some 20,000 switches a second."""
        spins = 20000
        for _ in range(4):
            _, out = self.run(self.new, "pingpong", "2000", str(spins), HASTEN_CPU="0")
            _, wall, switches = map(int, out.split())
            spins = max(800, int(spins * (1e9 / SWITCHES_PER_S) * switches / wall))
        return str(spins)

    def switches(self):
        spins = self.spins()
        more, same, rate = [], [], []
        for round_number in range(2 * self.rounds):
            took = {}
            for i in range(3):
                variant = ("on", "off", "again")[(round_number + i) % 3]
                extra = {} if variant == "on" else {"HASTEN_CPU": "0"}
                _, out = self.run(self.new, "pingpong", self.turns, spins, **extra)
                cpu, wall, switches = map(int, out.split())
                took[variant] = cpu
                rate.append(switches / (wall / 1e9))
            more.append(took["on"] / took["off"] - 1)
            same.append(took["again"] / took["off"] - 1)
        middle, low, high = stats.median_interval(more)
        quiet = abs(statistics.median(same)) <= 0.01
        print(f"switches: {statistics.median(rate):.0f} per second, {100 * middle:+.2f} % "
              f"[{100 * low:+.2f}, {100 * high:+.2f}], the same twice "
              f"{100 * statistics.median(same):+.2f} %, bar {100 * SWITCHES_BAR:.0f} %: "
              f"{stats.verdict(low, high, SWITCHES_BAR, quiet)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--old", help="a libhasten.so without the CPU clock")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("calls", "switches"))
    options = parser.parse_args()
    bench = Bench(options)
    bench.compile()
    if options.only != "switches":
        bench.calls("trace")
        bench.calls("profile")
    if options.only != "calls":
        bench.switches()
    return 0


if __name__ == "__main__":
    sys.exit(main())
