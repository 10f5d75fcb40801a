# SPDX-License-Identifier: Apache-2.0
"""What `hasten cache` takes: a part of bench.py, whose words it uses.

cachepass: the analysis alone; the calls are made up, their keys drawn evenly. cachelua: the whole command beside `hasten report` on
one recording of Lua with all arguments.
"""

import os
import shutil
import subprocess
import time

import turns

NAMES = ("cachepass", "cachelua")
# Rounds of the script: 17 M calls; and in a quick run.
LUA = "18", "1"
LUA_TIMES = 3
LUA_MIB = 500
# What is made up: calls, keys, functions; and in a quick run.
CASES = (
    ("17 M calls, 3 M keys, 200 functions", (17000000, 3000000, 200), None),
    ("17 M calls, 1000 keys, 200 functions", (17000000, 1000, 200), None),
    ("10 M calls, keys of 10 M, one function", (10000000, 10000000, 1), 2),
    ("stack distances alone, 20 M lookups of 10 M keys", (20000000, 10000000, 0), 2),
)
QUICK = 100
ROUNDS = 5


class CacheBench(turns.Part):
    """The targets above."""

    def once(self, numbers):
        program = os.path.join(self.bench.build, "tests", "bench", "cachepass")
        if self.bench.options.quick:
            numbers = tuple(-(-number // QUICK) for number in numbers)
        took, _, peak = turns.captured(self.broken, [program, *map(str, numbers)]).split()
        return {"seconds": float(took), "hwm_kib": int(peak), "calls": numbers[0]}

    def measure(self, label, numbers, limit):
        bench = self.bench
        rows = [row["pass"] for row in turns.by_turns(
            bench, "cachepass", ["pass"], lambda _: self.once(numbers), ROUNDS, pinned=False)]
        bench.bar("cache pass, %s" % label, [row["seconds"] for row in rows], limit, "s")
        bench.bar("cache pass, %s: memory" % label,
                  [1024 * row["hwm_kib"] / row["calls"] for row in rows], None, "B/call")

    def command(self, name):
        """Elapsed seconds and the peak of memory of `hasten NAME` on the recording."""
        start = time.monotonic_ns()
        with subprocess.Popen(
            [self.bench.hasten, name, self.bench.path("cachelua.d")], env=turns.without_hasten(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise self.broken("hasten %s ends with status %d" % (name, process.returncode))
        return {"seconds": (time.monotonic_ns() - start) / 1e9, "hwm_kib": usage.ru_maxrss}

    def measure_lua(self):
        bench = self.bench
        if "lua" not in bench.programs:
            return
        data = bench.path("cachelua.d")
        shutil.rmtree(data, ignore_errors=True)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "real", "workload.lua")
        turns.captured(self.broken, [bench.hasten, "run", "--args", "--limit", "4G", "-o", data, "--", bench.programs["lua"],
                                     script, LUA[1 if bench.options.quick else 0], "calm"])
        rows = turns.by_turns(bench, "cachelua", ["report", "cache"], self.command, ROUNDS, pinned=False)
        bench.bar("hasten cache, lua with all arguments / hasten report",
                  [row["cache"]["seconds"] / row["report"]["seconds"] for row in rows], LUA_TIMES, "x")
        for name in ("report", "cache"):
            bench.bar("hasten %s, lua with all arguments" % name, [row[name]["seconds"] for row in rows], None, "s")
        bench.bar("hasten cache, lua with all arguments: memory",
                  [row["cache"]["hwm_kib"] / 1024 for row in rows], LUA_MIB, "MiB")
        shutil.rmtree(data, ignore_errors=True)

    def run(self):
        if self.bench.wanted("cachelua"):
            self.measure_lua()
        if self.bench.wanted("cachepass"):
            for label, numbers, limit in CASES:
                self.measure(label, numbers, limit)
