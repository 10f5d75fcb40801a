# SPDX-License-Identifier: Apache-2.0
"""Calls that a plan answers from a cache: a part of bench.py, whose words it uses.

hit, miss: nanoseconds per call from call to return, in one process. speed: a whole run with the plan (nothing recorded, as it
would be used) against the program without hooks. low: a run with the plan against one without it, where calls repeat too
seldom. threads: what two threads get done that hit one cache, against one; and against what two threads of the program
without hooks do, which says whether the machine had two processors to give.
"""

import os
import re
import shutil
import statistics

import turns

NAMES = ("memo_hit", "memo_miss", "memo_speed", "memo_low", "memo_threads")
HIT_NS, MISS_NS = 45, 60
LOW_RATIO = 1.03
THREADS_RATIO = 1.6
# Program: its function, its argument in full and in a quick run, how many times faster it has to be.
FASTER = {
    "fib": ("fib", "45", "27", 1000),
    "fib_noinline": ("fib", "45", "27", 1000),
    "distance": ("distance", "14", "9", 100),
    "knapsack": ("best", "30", "18", 100),
}
FLAGS = ["-O2", "-g"]
HOOKS = "-finstrument-functions"


class MemoBench(turns.Part):
    """The targets above."""

    def built(self, name, source, cc, *flags):
        path = self.bench.path("memo", name)
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "memo")
        turns.captured(self.broken, [*cc.split(), *FLAGS, *flags, os.path.join(here, source), "-o", path, "-lpthread"])
        return path

    def plan(self, program, function, entries="65536"):
        """A plan for one function, without asking for a proof."""
        path = program + ".plan"
        tool = os.path.join(self.bench.build, "tests", "memo", "planwrite")
        turns.captured(self.broken, [tool, "-o", path, "--entries", entries, "--shadow", "32", "--evidence", "proven", program, function])
        return path

    def env(self, plan, record="0"):
        data = self.bench.path("memo", "data")
        shutil.rmtree(data, ignore_errors=True)
        more = {"HASTEN_PLAN": plan} if plan else {}
        return turns.without_hasten(LD_PRELOAD=self.bench.preload, HASTEN_DATA=data, HASTEN_RECORD=record,
                                    HASTEN_LIMIT="4G", HASTEN_MEMORY="0", **more)

    def figures(self, program, env, *arguments):
        """Both numbers that calls.c prints: ns per call that is planned, and that is not."""
        out = turns.captured(self.broken, [program, *arguments], env).decode("ascii")
        return [float(number) for number in re.findall(r"(\d+\.\d+) ns", out)]

    def hits(self):
        program = self.built("calls", "calls.c", "cc", HOOKS)
        plan = self.plan(program, "work")
        count = "3000" if self.bench.options.quick else "300000"
        for depth in ("1", "10"):
            once = lambda variant, depth=depth: dict(zip(("ns", "other_ns"), self.figures(
                program, self.env(plan if variant == "memo" else None), "hit", count, depth)))
            rows = turns.by_turns(self.bench, "memo_hit", ["memo", "none", "none2"], once)
            # The callers' own returns are no part of a hit.
            chain = statistics.median(row["none"]["other_ns"] for row in rows)
            self.bench.bar("a hit, two scalars, under %s caller%s" % (depth, "s" if depth != "1" else ""), [row["memo"]["ns"] for row in rows], HIT_NS, "ns")
            self.bench.record(target="memo_hit", depth=depth, hooks_that_return_ns=chain)

    def misses(self):
        """So few calls that the function is not let be (there are no hits at all), and a cache of which all pages are soon there."""
        program = self.built("calls", "calls.c", "cc", HOOKS)
        plan = self.plan(program, "work", "512")

        def once(variant):
            env, command = self.env(plan, "1"), [program]
            if variant != "memo":
                env = turns.without_hasten(HASTEN_PRELOAD_LIB=self.bench.preload, XDG_CACHE_HOME=self.bench.path("memo"))
                more = ["--args=work"] if variant == "args" else []
                command = [self.bench.hasten, "run", "-q", "--no-memory", *more, "-o", self.bench.path("memo", "data"), "--", program]
            out = turns.captured(self.broken, [*command, "miss", "190", "1"], env).decode("ascii")
            return {"ns": float(re.findall(r"(\d+\.\d+) ns", out)[0])}

        rows = turns.by_turns(self.bench, "memo_miss", ["memo", "args", "none"], once)
        more = [row["memo"]["ns"] - row["args"]["ns"] for row in rows]
        self.bench.bar("a miss, above the plain hook with arguments", more, MISS_NS, "ns")
        more = [row["memo"]["ns"] - row["none"]["ns"] for row in rows]
        self.bench.bar("a miss, above the plain hook", more, None, "ns")

    def speed(self):
        for compiler in ("gcc", "clang"):
            if not shutil.which(compiler):
                self.say("%s is not here: its part of memo_speed is left out" % compiler)
                continue
            for name, (function, full, quick, faster) in FASTER.items():
                source = name.split("_")[0] + ".c"
                more = ["-DNOINLINE"] if name.endswith("noinline") else []
                hooked = self.built(name + "_" + compiler, source, compiler, HOOKS, *more)
                plain = self.built(name + "_plain_" + compiler, source, compiler, *more)
                self.faster(name, compiler, hooked, plain, self.plan(hooked, function), quick if self.bench.options.quick else full, faster)

    def faster(self, name, compiler, hooked, plain, plan, argument, faster):
        outputs = {}

        def once(variant):
            env = self.env(plan) if variant == "memo" else turns.without_hasten()
            row, out = turns.whole(self.bench, self.broken, [hooked if variant == "memo" else plain, argument], env)
            outputs[variant] = out
            return row

        rows = turns.by_turns(self.bench, "memo_speed", ["memo", "plain"], once, rounds=3)
        if outputs["memo"] != outputs["plain"]:
            raise self.broken("%s of %s: the output is another one with the plan" % (name, compiler))
        ratios = [row["memo"]["wall_ns"] / row["plain"]["wall_ns"] for row in rows]
        self.bench.bar("%s %s, %s: with the plan / without hooks" % (name, argument, compiler), ratios,
                       None if self.bench.options.quick else 1 / faster, "x")

    def low(self):
        program = self.built("low", "low.c", "cc", HOOKS)
        plan = self.plan(program, "work")
        # About half a second each: what is looked up until the function is let be takes two milliseconds.
        for steps, full in (("5", "40000000"), ("40", "12000000"), ("100", "5000000")):
            calls = "20000" if self.bench.options.quick else full
            for record in ("0", "1"):
                once = lambda variant, steps=steps, record=record, calls=calls: turns.whole(
                    self.bench, self.broken, [program, calls, steps], self.env(plan if variant == "memo" else None, record))[0]
                rows = turns.by_turns(self.bench, "memo_low", ["memo", "none", "none2"], once)
                ratios = [row["memo"]["cpu_ns"] / row["none"]["cpu_ns"] for row in rows]
                trusted = turns.even([(row["none"]["cpu_ns"], row["none2"]["cpu_ns"]) for row in rows])
                what = "recording" if record == "1" else "nothing recorded"
                self.bench.bar("hit rate 30 %%, body of %s steps, %s: with / without the plan" % (steps, what),
                               ratios, LOW_RATIO, "x", trusted)

    def threads(self):
        program = self.built("calls", "calls.c", "cc", HOOKS)
        plain = self.built("calls_plain", "calls.c", "cc")
        plan = self.plan(program, "work")
        count = "100000" if self.bench.options.quick else "20000000"

        def once(variant):
            binary, env = (plain, turns.without_hasten()) if variant.startswith("plain") else (program, self.env(plan))
            return self.figures(binary, env, "hit", count, "1", "2" if variant.endswith("two") else "1")[0]

        names = ["memo one", "memo two", "plain one", "plain two"]
        rows = turns.by_turns(self.bench, "memo_threads", names, once, pinned=False)
        gained = [row["memo one"] / row["memo two"] for row in rows]
        could = [row["plain one"] / row["plain two"] for row in rows]
        # A ratio that has to be large: its inverse is judged.
        trusted = statistics.median(could) >= 1.8
        self.bench.bar("one thread / two that hit one cache, time for the same calls", [1 / g for g in gained], 1 / THREADS_RATIO, "x", trusted)
        self.bench.bar("the same without hooks", [1 / c for c in could], None, "x")

    def run(self):
        os.makedirs(self.bench.path("memo"), exist_ok=True)
        for name, part in (("memo_hit", self.hits), ("memo_miss", self.misses), ("memo_speed", self.speed),
                           ("memo_low", self.low), ("memo_threads", self.threads)):
            if self.bench.wanted(name):
                part()
        shutil.rmtree(self.bench.path("memo", "data"), ignore_errors=True)
