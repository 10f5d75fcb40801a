# SPDX-License-Identifier: Apache-2.0
"""What a limit to the cost (`hasten run --overhead`) costs and keeps: a part of bench.py, whose words it uses.

The base is the same program whose calls of hooks are NOPs in the file (nop_hooks.py), or, for programs rebuilt with the list that
`hasten optimize --instrumentation` proposes, a build without hooks. Counted are all processes, the launcher too. Allocations are not recorded.
"""

import hashlib
import json
import os
import shutil
import sys

import turns

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "..", "real")
E2E = os.path.join(HERE, "..", "e2e")
WORKLOAD = os.path.join(REAL, "workload.lua")

NAMES = ("budgetfib", "budgetlua", "budgetbuild", "budgetbuild1", "budgetkeeps")
ROUNDS = 6
# In a full run 10 seconds or more without hooks; and in a quick run.
FIB = ("45", "4"), ("27", "1")
LUA = "3200", "10"
PLAIN_LUA = "4000", "10"
# Rounds of Lua's script: for the proposal, and the pair of recordings that are compared, with and without a limit.
PROPOSE = "10", "1"
KEEPS = ("100", "1500"), ("2", "10")
KEEPS_ROUNDS = 3
TOP = 10
# Of main's total: functions of which it is said, too, what the limit kept.
LARGE_SHARE = 0.05
# Target of a rebuild: the limit in percent, and the bar.
REBUILDS = {"budgetbuild": (5, 1.05), "budgetbuild1": (1, 1.02)}


class OverheadBench(turns.Part):
    """The targets above."""

    def __init__(self, bench, broken, say):
        super().__init__(bench, broken, say)
        self.quick = 1 if bench.options.quick else 0
        self.data = bench.path("budget.data")

    def recorded(self, limit, program, arguments, data=None):
        data = data or self.data
        shutil.rmtree(data, ignore_errors=True)
        command = [self.bench.hasten, "run", "-q", "--no-memory", "--limit", "16G", "-o", data]
        command += ["--overhead", "%d%%" % limit] if limit else []
        return command + ["--", program, *arguments]

    def overhead(self):
        """What hasten itself says of the limit, in the recording made last."""
        info = json.loads(turns.captured(self.broken, [self.bench.hasten, "info", "--json", self.data]))
        if not info["overhead"]:
            raise self.broken("the recording has no limit")
        return dict(info["overhead"], calls=info["calls"])

    def pairs(self, target, commands, limit):
        """Rows of samples; `commands`: the command of each variant. All must print the same."""
        seen = {}

        def once(variant):
            command, arguments = commands[variant]
            if variant == "hasten":
                command = self.recorded(limit, command, arguments)
            else:
                command = [command, *arguments]
            sample, out = turns.whole(self.bench, self.broken, command)
            if seen.setdefault(target, out) != out:
                raise self.broken("%s: %s prints something else" % (target, variant))
            if variant == "hasten":
                sample.update({"said_" + key: value for key, value in self.overhead().items()})
            return sample

        names = ["none", "hasten", "none2"] + [name for name in commands if name not in ("none", "hasten")]
        return turns.by_turns(self.bench, target, names, once, ROUNDS)

    def judge(self, name, rows, bar, variant="hasten"):
        """The bar is for the clock of the whole benchmark; the other clock has a row without one."""
        chosen = self.bench.options.clock
        for clock in (chosen, "wall" if chosen == "cpu" else "cpu"):
            took = [{v: sample[clock + "_ns"] for v, sample in row.items()} for row in rows]
            ratio = [2 * row[variant] / (row["none"] + row["none2"]) for row in took]
            trusted = turns.even([(row["none"], row["none2"]) for row in took])
            label = "%s, %s" % (name, "CPU" if clock == "cpu" else "elapsed")
            self.bench.bar(label, ratio, bar if clock == chosen else None, "x", trusted)
            if clock == chosen:
                # What is left when each had its calmest run: says more than the interval where the machine is restless.
                base = min(min(row["none"], row["none2"]) for row in took)
                least = min(row[variant] for row in took) / base
                self.bench.bar(label + ", the least of each", [least], None, "x")

    def judge_said(self, name, rows):
        said = [100 * row["hasten"]["said_kept"] for row in rows]
        self.bench.bar("%s: hooks, as hasten says" % name, said, None, "%")

    def measure_nops(self, target, program, arguments):
        bare, changed = self.bench.path(target + "-nop"), self.bench.path(target + "-test")
        nop = [sys.executable, os.path.join(HERE, "nop_hooks.py"), program]
        turns.captured(self.broken, [*nop, bare])
        turns.captured(self.broken, [*nop, changed, "--test"])
        # "changed": alone, with the instructions that hasten makes of the calls.
        commands = {"none": (bare, arguments), "hasten": (program, arguments), "changed": (changed, arguments)}
        rows = self.pairs(target, commands, 5)
        name = "%s, --overhead 5%%" % target[len("budget"):]
        self.judge("%s, changed in the file / NOPs" % target[len("budget"):], rows, None, "changed")
        self.judge(name + " / NOPs", rows, 1.10)
        self.judge_said(name, rows)

    def measure_fib(self):
        self.measure_nops("budgetfib", self.bench.programs["fib"], FIB[self.quick])

    def lua_script(self, rounds):
        return [WORKLOAD, rounds]

    def measure_lua(self):
        self.measure_nops("budgetlua", self.bench.programs["lua"], self.lua_script(LUA[self.quick]))

    def rebuilt(self, limit):
        """Lua, compiled with the flags and attributes that are proposed for this limit."""
        sys.path.insert(0, E2E)
        import optimize_hooks as hooks  # pylint: disable=import-outside-toplevel

        bench = self.bench
        source = os.path.join(bench.build, "real", "src-lua")
        script = self.lua_script(PROPOSE[self.quick])
        command = self.recorded(None, bench.programs["lua"], script)
        turns.captured(self.broken, command)
        folder = bench.path("rebuilt%d" % limit)
        os.makedirs(folder, exist_ok=True)
        flags = os.path.join(folder, "flags")
        proposed = hooks.proposal(
            bench.hasten, self.data, turns.without_hasten(), "--overhead", str(limit), "--force", "-o", flags
        )
        copy = os.path.join(folder, "src-lua")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy, symlinks=True)
        places = proposed["gcc"]["attributes"]
        for place in places:
            place["file"] = os.path.realpath(place["file"]).replace(os.path.realpath(source), os.path.realpath(copy), 1)
        hooks.change_source(places, copy)
        with open(flags, "rb") as handle:
            means = handle.read() + json.dumps(places, sort_keys=True).encode("utf-8")
        name = "lua-" + hashlib.sha256(means).hexdigest()[:16]
        fetched = bench.fetched(["--flags", "-O2 -g @" + flags, "--name", name], folder)
        self.say("%d %%: %d functions lose their hooks, predicted %.2f %%" % (
            limit, len(proposed["functions"]), proposed["after"]["overhead_percent"]))
        bench.record(rebuilt=limit, functions=len(proposed["functions"]), before=proposed["before"], after=proposed["after"])
        return fetched

    def measure_rebuild(self, target):
        limit, bar = REBUILDS[target]
        program = self.rebuilt(limit)
        plain = self.bench.programs.get("lua_plain")
        if not program or not plain:
            raise self.broken("Lua cannot be built with the proposed flags")
        script = self.lua_script(PLAIN_LUA[self.quick])
        # "bare": the rebuilt program alone, whose hooks that are left are libc's empty ones.
        commands = {"none": (plain, script), "hasten": (program, script), "bare": (program, script)}
        rows = self.pairs(target, commands, limit)
        name = "lua, list for %d %%" % limit
        self.judge("%s, alone / no hooks" % name, rows, None, "bare")
        self.judge("%s, --overhead %d%% / no hooks" % (name, limit), rows, bar)
        self.judge_said(name, rows)

    def report(self):
        report = json.loads(turns.captured(self.broken, [self.bench.hasten, "report", "-n", "0", "--json", self.data]))
        main = [row for row in report["functions"] if row["name"] == "main"]
        if len(main) != 1 or not main[0]["total_ns"]:
            raise self.broken("the report has no function main")
        return report, main[0]

    def shares(self, limit, rounds):
        """{function: its total as a share of main's}; the percent of the elapsed time that functions have, and those recorded always."""
        command = self.recorded(limit, self.bench.programs["lua"], self.lua_script(rounds))
        sample, _ = turns.whole(self.bench, self.broken, command)
        report, main = self.report()
        elapsed = sample["wall_ns"] - report["own_cost_ns"]
        found = sum(row["self_ns"] for row in report["functions"])
        always = sum(row["self_ns"] for row in report["functions"] if not row["throttled"])
        totals = {row["linkage_name"] or row["name"]: row["total_ns"] / main["total_ns"] for row in report["functions"]}
        throttled = {row["linkage_name"] or row["name"] for row in report["functions"] if row["throttled"]}
        return {"totals": totals, "throttled": throttled, "missing": abs(100 - 100 * found / elapsed), "always": 100 * always / elapsed}

    def compare_shares(self, number):
        """One round: what the limit kept of the ten largest totals."""
        full_rounds, budget_rounds = KEEPS[self.quick]
        full, budget = self.shares(None, full_rounds), self.shares(5, budget_rounds)
        largest = lambda one: sorted(one["totals"], key=one["totals"].get, reverse=True)[:TOP]
        ten, kept = largest(full), largest(budget)
        change = lambda name: 100 * abs(budget["totals"].get(name, 0) / full["totals"][name] - 1)
        large = [name for name, share in full["totals"].items() if share >= LARGE_SHARE]
        seen = [change(name) for name in large if name in budget["totals"] and name not in budget["throttled"]]
        self.bench.record(
            target="budgetkeeps", round=number,
            full=[[name, full["totals"][name]] for name in ten],
            budget=[[name, budget["totals"].get(name, 0), name in budget["throttled"]] for name in kept + sorted(set(ten) - set(kept))],
        )
        return {
            "others": len(set(ten) - set(kept)),
            "left_out": len(set(ten) & budget["throttled"]),
            "worst": max(map(change, ten)),
            "seen": max(seen),
            "seen_count": len(seen),
            "large": len(large),
            "missing": budget["missing"],
            "always": budget["always"],
        }

    def measure_keeps(self):
        bench = self.bench
        rows = []
        for number in range(min(KEEPS_ROUNDS, bench.options.rounds)):
            bench.cpu = bench.calmest()
            rows.append(self.compare_shares(number))
            bench.record(target="budgetkeeps", round=number, **rows[-1])
        bench.cpu = None
        for key, text, limit, unit in (
            ("others", "ten largest totals: not the same", 0, "of 10"),
            ("left_out", "ten largest totals: left out at times", None, "of 10"),
            ("worst", "their shares of main: largest change", 5, "%"),
            ("seen", "5 % of main or more, always recorded: change", None, "%"),
            ("seen_count", "5 % of main or more, always recorded: functions", None, ""),
            ("large", "5 % of main or more: functions", None, ""),
            ("missing", "elapsed time that no function has", 5, "%"),
            ("always", "elapsed time of functions always recorded", None, "%"),
        ):
            bench.bar("lua at 5 %, " + text, [row[key] for row in rows], limit, unit)

    def run(self):
        wanted = self.bench.wanted
        if wanted("budgetfib"):
            self.measure_fib()
        if "lua" in self.bench.programs:
            if wanted("budgetlua"):
                self.measure_lua()
            for target in REBUILDS:
                if wanted(target):
                    self.measure_rebuild(target)
            if wanted("budgetkeeps"):
                self.measure_keeps()
        shutil.rmtree(self.data, ignore_errors=True)
