# SPDX-License-Identifier: Apache-2.0
"""Does a report tell how long the program takes without hasten? A part of bench.py, whose words it uses.

The compensated total of `main` in trace mode against the same binary without the preload, by turns: its hooks are then libc's, which do
nothing. The truth of a round is the mean of a run before and a run behind the recording. The interval is the one that is
printed (total_low_ns, total_high_ns). Allocations are not recorded.
"""

import json
import os
import shutil
import statistics
import sys

import turns

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "..", "real")
WORKLOAD = os.path.join(REAL, "workload.lua")

CALLS = os.path.join(HERE, "calls.lua")

NAMES = ("truelua", "truecalls", "truesqlite", "truefib")
# What rows are called; another one of the programs has no bars.
LABELS = {"truelua": "lua", "truecalls": "lua, calls", "truesqlite": "sqlite", "truefib": "fib"}
NO_BARS = ("truefib",)
LIMIT_PERCENT = 15
# The bar of the interval is made for this number of runs.
RUNS = 10
LUA = {"truelua": (WORKLOAD, "80", "2"), "truecalls": (CALLS, "150", "2")}
SQLITE = (20000, 20), (500, 2)
FIB = "37", "25"


class TruthBench(turns.Part):
    """The targets above."""

    def __init__(self, bench, broken, say):
        super().__init__(bench, broken, say)
        self.quick = 1 if bench.options.quick else 0
        self.data = bench.path("truth.data")

    def statements(self):
        """The script for the shell of SQLite, in a file; without helping threads."""
        sys.path.insert(0, REAL)
        import workload_sql  # pylint: disable=import-outside-toplevel

        rows, queries = SQLITE[self.quick]
        path = self.bench.path("truth.sql")
        with open(path, "w", encoding="ascii") as handle:
            handle.write(workload_sql.script(rows, queries, 0))
        return [":memory:", ".read " + path]

    def command(self, target):
        """The command, or None if the program cannot be had."""
        bench = self.bench
        if target == "truefib":
            return [bench.programs["fib"], FIB[self.quick]]
        if target in LUA:
            script, *rounds = LUA[target]
            return [bench.programs["lua"], script, rounds[self.quick]] if "lua" in bench.programs else None
        program = bench.fetched([], program="sqlite")
        return [program, *self.statements()] if program else None

    def once(self, variant, command):
        """Times of one run; with hasten what its report says of main."""
        bench = self.bench
        env = {"LD_PRELOAD": bench.path("meter.so")}
        if variant == "hasten":
            shutil.rmtree(self.data, ignore_errors=True)
            env["LD_PRELOAD"] += " " + bench.preload
            env.update(HASTEN_DATA=self.data, HASTEN_MODE="trace", HASTEN_LIMIT="16G", HASTEN_MEMORY="0")
        sample = bench.execute(command, env, os.path.basename(command[0]))
        if variant == "hasten":
            sample.update(self.said())
            shutil.rmtree(self.data, ignore_errors=True)
        return sample

    def said(self):
        out = turns.captured(self.broken, [self.bench.hasten, "report", "-n", "0", "--json", self.data])
        rows = [row for row in json.loads(out)["functions"] if row["name"] == "main"]
        if len(rows) != 1 or rows[0]["total_cpu_ns"] is None:
            raise self.broken("the report does not say the CPU time of main")
        main = rows[0]
        said = {"total": main["total_ns"], "low": main["total_low_ns"], "high": main["total_high_ns"]}
        return dict(said, off=main["total_off_cpu_ns"])

    def against(self, rows, clock):
        """Percent by which the total is off, one per round, and whether the interval has the truth."""
        away, covered = [], []
        for row in rows:
            truth = (row["none"][clock + "_ns"] + row["none2"][clock + "_ns"]) / 2
            said = row["hasten"]
            off = said["off"] if clock == "cpu" else 0
            away.append(100 * ((said["total"] - off) / truth - 1))
            covered.append(said["low"] - off <= truth <= said["high"] - off)
        return away, covered

    def measure(self, target):
        bench = self.bench
        command = self.command(target)
        if not command:
            self.say("%s is left out" % target)
            return
        more = 0 if self.quick else RUNS
        rounds, bench.options.rounds = bench.options.rounds, max(bench.options.rounds, more)
        rows = turns.by_turns(bench, target, ["none", "hasten", "none2"], lambda v: self.once(v, command))
        bench.options.rounds = rounds
        chosen = bench.options.clock
        for clock in (chosen, "wall" if chosen == "cpu" else "cpu"):
            self.judge(target, rows, clock, clock == chosen and target not in NO_BARS)
        said = [row["hasten"] for row in rows]
        width = statistics.median(100 * (one["high"] - one["low"]) / one["total"] for one in said)
        self.say("%s: the interval is %.0f %% of the total wide" % (target, width))

    def judge(self, target, rows, clock, has_bar):
        bench = self.bench
        away, covered = self.against(rows, clock)
        away_more = [abs(one) > LIMIT_PERCENT for one in away]
        trusted = turns.even([(row["none"][clock + "_ns"], row["none2"][clock + "_ns"]) for row in rows])
        name = "%s, main's total, %s: " % (LABELS[target], "CPU" if clock == "cpu" else "elapsed")
        bar = lambda text, values, limit, unit, known=True: bench.bar(
            name + text, values, limit if has_bar else None, unit, known
        )
        bar("off by", away, None, "%", trusted)
        bar("off by, without sign", [abs(one) for one in away], LIMIT_PERCENT, "%", trusted)
        bar("off by more than %d %%" % LIMIT_PERCENT, [10 * sum(away_more) / len(rows)], None, "of 10")
        bar("outside the bounds", [10 * covered.count(False) / len(rows)], 1, "of 10")

    def run(self):
        for target in NAMES:
            if self.bench.wanted(target):
                self.measure(target)
        shutil.rmtree(self.data, ignore_errors=True)
