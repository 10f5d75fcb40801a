# SPDX-License-Identifier: Apache-2.0
"""What the analysis of `hasten cache` takes: a part of bench.py, whose words it uses. The calls are made up, their keys drawn evenly."""

import os

import turns

NAMES = ("cachepass",)
# What is made up: calls, keys, functions; and in a quick run.
CASES = (
    ("17 M calls, 3 M keys, 200 functions", (17000000, 3000000, 200), None),
    ("17 M calls, 1000 keys, 200 functions", (17000000, 1000, 200), None),
    ("10 M calls, keys of 10 M, one function", (10000000, 10000000, 1), 2),
)
QUICK = 100
ROUNDS = 5


class CacheBench(turns.Part):
    """The targets above."""

    def once(self, numbers):
        program = os.path.join(self.bench.build, "tests", "bench", "cachepass")
        if self.bench.options.quick:
            numbers = tuple(max(number // QUICK, 1) for number in numbers)
        took, _, peak = turns.captured(self.broken, [program, *map(str, numbers)]).split()
        return {"seconds": float(took), "hwm_kib": int(peak), "calls": numbers[0]}

    def measure(self, label, numbers, limit):
        bench = self.bench
        rows = [row["pass"] for row in turns.by_turns(
            bench, "cachepass", ["pass"], lambda _: self.once(numbers), ROUNDS, pinned=False)]
        bench.bar("cache pass, %s" % label, [row["seconds"] for row in rows], limit, "s")
        bench.bar("cache pass, %s: memory" % label,
                  [1024 * row["hwm_kib"] / row["calls"] for row in rows], None, "B/call")

    def run(self):
        if self.bench.wanted("cachepass"):
            for label, numbers, limit in CASES:
                self.measure(label, numbers, limit)
