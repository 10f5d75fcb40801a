#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of hasten beside uftrace and heaptrack, in one run. `./dev bench` builds and starts it.

    bench.py --build DIR [--rounds N] [--only NAME,...] [--quick] [--clock cpu|wall] [--json FILE]

The variants of a target run by turns (A B C, B C A, ...), so that the machine's moods meet all of
them. A cost per call is what a run took above the same run with empty hooks, paired within its
round. Each bar gets the median with a 95 % interval and one of pass, fail, inconclusive; when the
two runs with empty hooks (A/A) differ by more than 3 %, figures of time are inconclusive. Exit
status: 0 no bar fails, 1 one does, 2 nothing could be measured.

Times are those of the measured process (--clock cpu, the default: user and system time; wall is
printed too). uftrace's recording process comes on top of its figures and is not counted.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "..", "real")
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import argcalls_bench
import cache_bench
import cpu_bench
import gain_bench
import memo_bench
import memory_bench
import output
import overhead_bench
import process_bench
import ranking
import stats
import truth_bench
from memory_bench import disk_bytes

FLAGS = ["-O2", "-g", "-finstrument-functions"]
AA_LIMIT = 0.03
KIB = 1024

# Target: arguments of a full and of a quick run; variants besides the two with empty hooks.
TARGETS = {
    "fib": (["33"], ["25"], ["uftrace", "trace", "profile"]),
    "lua": (["17"], ["1"], ["uftrace", "trace", "profile", "memory"]),
    "mutual4": (["6000000"], ["300000"], ["trace", "profile"]),
    "callees500": (["12000"], ["600"], ["trace", "profile"]),
    "excluded": (["50000000"], ["2000000"], ["filtered"]),
    "threads10k": (["10000"], ["500"], ["trace"]),
}
OTHERS = ("startup", "pieces", "report", "memory")
# Modules of other targets, with a class for them.
PARTS = {
    memory_bench: "MemoryBench",
    process_bench: "ProcessBench",
    cpu_bench: "CpuBench",
    overhead_bench: "OverheadBench",
    truth_bench: "TruthBench",
    ranking: "RankingBench",
    argcalls_bench: "ArgumentsBench",
    cache_bench: "CacheBench",
    gain_bench: "GainBench",
    memo_bench: "MemoBench",
}
# Figures of calls are those of calls alone, as uftrace's are.
CALLS_ONLY = {"HASTEN_MEMORY": "0"}


class Broken(Exception):
    """Nothing can be measured; the text says why."""


class Bench:
    """Builds the targets, runs the variants, keeps the measurements."""

    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.work = os.path.join(self.build, "bench")
        self.fresh = os.path.dirname(self.build)
        self.started = []
        self.cpu = None
        self.preload = os.path.join(self.build, "preload", "libhasten.so")
        self.hasten = options.hasten or os.path.join(self.build, "analyzer", "hasten")
        if not os.path.exists(self.preload) or not os.path.exists(self.hasten):
            raise Broken("the build folder has no libhasten.so or no hasten: build first")
        self.uftrace = shutil.which("uftrace")
        os.makedirs(self.work, exist_ok=True)
        self.log = open(options.json or self.path("results.jsonl"), "w", encoding="ascii")
        self.samples = {}
        self.calm = []
        self.calls = {}
        self.bars = []
        self.programs = {}
        self.parts = [getattr(module, name)(self, Broken, say) for module, name in PARTS.items()]

    def record(self, **row):
        self.log.write(json.dumps(row, sort_keys=True) + "\n")
        self.log.flush()

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def compile(self):
        cc = os.environ.get("CC", "cc").split()
        for name in ("meter", "empty_hooks", "count_hooks"):
            source = os.path.join(HERE, name + ".c")
            flags = ["-D_GNU_SOURCE", "-O2", "-shared", "-fPIC"]
            call(cc + flags + [source, "-o", self.path(name + ".so")])
        for name in ("spawn", "calm"):
            source = os.path.join(HERE, name + ".c")
            call(cc + ["-D_GNU_SOURCE", "-O2", source, "-o", self.path(name)])
        for name in ("fib", "mutual4", "callees500", "threads10k", "excluded", "empty", "pieces"):
            self.programs[name] = self.path(name)
            call(cc + FLAGS + [os.path.join(HERE, name + ".c"), "-o", self.path(name), "-lpthread"])
        for part in self.parts:
            part.compile(cc, call, HERE)
        lua = self.fetched([])
        plain = lua and self.fetched(["--name", "lua_plain", "--flags", "-O2 -g"])
        self.programs.update({"lua": lua} if lua else {}, **({"lua_plain": plain} if plain else {}))

    def fetched(self, more, cache=None, program="lua"):
        """The path of a real program, built with these options of fetch.py; None if it cannot be had."""
        fetch = os.path.join(REAL, "fetch.py")
        done = subprocess.run(
            [sys.executable, fetch, cache or os.path.join(self.build, "real"), program, *more],
            stdout=subprocess.PIPE,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace").strip().split("\n")[-1]
        if done.returncode:
            say("%s is left out: %s" % (program, text))
            return None
        return text

    def arguments(self, target):
        full, quick, _ = TARGETS[target]
        script = [os.path.join(REAL, "workload.lua")] if target == "lua" else []
        calm = ["calm"] if target == "lua" else []
        return script + (quick if self.options.quick else full) + calm

    def wanted(self, name):
        return not self.options.only or name in self.options.only

    def count(self, target):
        """Calls of one run, from hooks that only count."""
        if target not in self.calls:
            path = self.path("calls")
            self.execute(
                [self.programs[target]] + self.arguments(target),
                {"LD_PRELOAD": self.path("count_hooks.so"), "BENCH_CALLS": path},
            )
            with open(path, encoding="ascii") as handle:
                self.calls[target] = int(handle.read())
        return self.calls[target]

    def execute(self, command, environment, only=None):
        """Runs a command; with `only`, returns what the meter says of that program."""
        out = self.path("meter.out")
        if os.path.exists(out):
            os.unlink(out)
        env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        env.update(environment)
        if only:
            env.update(BENCH_OUT=out, BENCH_ONLY=only)
        if self.cpu is not None:
            env["BENCH_CPU"] = str(self.cpu)
        done = subprocess.run(
            command,
            env=env,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            text = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
            name = os.path.basename(command[0])
            raise Broken("%s ends with status %d: %s" % (name, done.returncode, text))
        if not only:
            return None
        with open(out, encoding="ascii") as handle:
            wall, cpu, peak = handle.read().split()
        return {"wall_ns": int(wall), "cpu_ns": int(cpu), "hwm_kib": int(peak)}

    def calmest(self):
        """The CPU that others disturb least at the moment."""
        done = subprocess.run([self.path("calm")], stdout=subprocess.PIPE, check=True)
        rows = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
        cpu, took = min(rows, key=lambda row: row[1])
        self.record(calm=rows, cpu=cpu)
        self.calm.append(took)
        return cpu

    def run_variant(self, target, variant, arguments=None, keep=None):
        """One run of a target in a variant. `keep`: the name under which its data stays."""
        program = self.programs[target]
        command = [program] + (arguments or self.arguments(target))
        only = os.path.basename(program)
        data = self.path(keep or "data")
        shutil.rmtree(data, ignore_errors=True)
        meter = self.path("meter.so")
        env = {"LD_PRELOAD": meter}
        if variant in ("empty", "empty2"):
            env["LD_PRELOAD"] += " " + self.path("empty_hooks.so")
        elif variant == "uftrace":
            command = [self.uftrace, "record", "--no-libcall", "-d", data] + command
        elif variant == "filtered":
            command = [self.hasten, "run", "--no-memory", "--filter", "!tiny", "-o", data, "--"] + command
        elif variant in ("trace", "profile", "memory"):
            env["LD_PRELOAD"] += " " + self.preload
            mode = "profile" if variant == "profile" else "trace"
            env.update(HASTEN_DATA=data, HASTEN_MODE=mode, HASTEN_LIMIT="4G")
            env.update({} if variant == "memory" else CALLS_ONLY)
        sample = self.execute(command, env, only)
        sample["bytes"] = disk_bytes(data)
        if variant not in ("empty", "empty2", "none", "none2") and not sample["bytes"]:
            raise Broken("%s: the variant %s wrote nothing" % (target, variant))
        if not keep:
            shutil.rmtree(data, ignore_errors=True)
        return sample

    def check_complete(self, target, variant):
        """Speed is worth nothing if calls are missing: the report must have all of them. Lua hashes
        addresses, so two runs of it differ a little; tests/real compares within one run."""
        self.run_variant(target, variant, keep="check")
        done = subprocess.run(
            [self.hasten, "report", "-n", "0", "--json", self.path("check")],
            stdout=subprocess.PIPE,
            check=False,
        )
        shutil.rmtree(self.path("check"), ignore_errors=True)
        rows = json.loads(done.stdout)["functions"] if done.returncode == 0 else []
        found = sum(row["calls"] for row in rows)
        allowed = self.calls[target] // 50 if target == "lua" else 0
        if abs(found - self.calls[target]) > allowed:
            raise Broken(
                "%s: %s mode recorded %d of %d calls" % (target, variant, found, self.calls[target])
            )

    def variants(self, target):
        base = ["none"] if target == "threads10k" else ["empty", "empty2"]
        if target == "threads10k":
            base.append("none2")
        more = [v for v in TARGETS[target][2] if v != "uftrace" or self.uftrace]
        return base + more

    def measure(self, target):
        """All rounds of one target."""
        names = self.variants(target)
        calls = self.count(target)
        say("%s: %d calls, %d rounds of %s" % (target, calls, self.options.rounds, " ".join(names)))
        for variant in set(names) & {"trace", "profile"}:
            self.check_complete(target, variant)
        for number in range(self.options.rounds):
            self.cpu = None if target == "threads10k" else self.calmest()
            for i in range(len(names)):
                variant = names[(i + number) % len(names)]
                sample = self.run_variant(target, variant)
                self.samples.setdefault((target, variant), []).append(sample)
                self.record(target=target, variant=variant, round=number, calls=calls, **sample)

    def times(self, target, variant):
        return [sample[self.options.clock + "_ns"] for sample in self.samples[target, variant]]

    def base(self, target):
        """The variant above which costs are."""
        return next(v for v in ("empty", "none", "calls") if (target, v) in self.samples)

    def costs(self, target, variant):
        """ns per call above empty hooks, one per round."""
        base = self.times(target, "empty")
        return [(t - b) / self.calls[target] for t, b in zip(self.times(target, variant), base)]

    def trusted(self, target, base="empty", floor_ns=0):
        """Do two equal variants give equal times? `floor_ns` per call make no difference."""
        one, two = self.times(target, base), self.times(target, base + "2")
        away = statistics.median((b - a) / self.calls[target] for a, b in zip(one, two))
        differ = abs(statistics.median(b / a for a, b in zip(one, two)) - 1)
        return differ <= AA_LIMIT or abs(away) <= floor_ns

    def bar(self, name, values, limit, unit, trusted=True):
        """Judges the median of `values` against the largest value allowed; without a limit it is there to compare."""
        middle, low, high = stats.median_interval(values)
        result = stats.verdict(low, high, limit, trusted) if limit is not None else "-"
        row = {
            "bar": name,
            "value": middle,
            "low": low,
            "high": high,
            "least": min(values),
            "limit": limit,
            "unit": unit,
            "result": result,
            "trusted": trusted,
        }
        self.bars.append(row)
        self.record(**row)

    def judge_calls(self, target):
        trusted = self.trusted(target)
        trace, profile = self.costs(target, "trace"), self.costs(target, "profile")
        limit = 30 if target in ("fib", "lua") else 60
        self.bar("%s: trace mode, per call" % target, trace, limit, "ns", trusted)
        if (target, "uftrace") in self.samples:
            peer = self.costs(target, "uftrace")
            pairs = lambda mine: [a / b for a, b in zip(mine, peer)]
            self.bar("%s: trace mode / uftrace" % target, pairs(trace), 0.25, "x", trusted)
            self.bar("%s: profile mode / uftrace" % target, pairs(profile), 0.28, "x", trusted)
        elif target in ("fib", "lua"):
            say("uftrace is not here: the ratios of %s are left out" % target)
        written = [s["bytes"] / self.calls[target] for s in self.samples[target, "trace"]]
        if target != "fib":
            self.bar("%s: bytes per call" % target, written, 4.6 if target == "lua" else 8, "B")
        if target == "lua":
            self.bar("lua: trace mode with memory, per call", self.costs(target, "memory"), None, "ns", trusted)
            more = [
                a["hwm_kib"] - b["hwm_kib"]
                for a, b in zip(self.samples[target, "trace"], self.samples[target, "empty"])
            ]
            self.bar("lua: VmHWM with the preload - without", more, 1024 + 64, "KiB")

    def judge(self, target):
        if target == "excluded":
            costs = self.costs(target, "filtered")
            self.bar("excluded function, per call", costs, 3, "ns", self.trusted(target))
        elif target == "threads10k":
            wall = lambda variant: [s["wall_ns"] for s in self.samples[target, variant]]
            ratio = [a / b for a, b in zip(wall("trace"), wall("none"))]
            even = statistics.median(b / a for a, b in zip(wall("none"), wall("none2")))
            self.bar("threads: create + join / without", ratio, 1.3, "x", abs(even - 1) <= AA_LIMIT)
        else:
            self.judge_calls(target)

    def measure_memory(self):
        """Peak memory of trace mode at two numbers of contexts: it must not grow with them."""
        full = int(self.arguments("mutual4")[0])
        growth = []
        for number in range(max(1, min(3, self.options.rounds))):
            peak = {}
            for size in (full // 8, full):
                for variant in ("empty", "trace"):
                    sample = self.run_variant("mutual4", variant, [str(size)])
                    peak[size, variant] = sample["hwm_kib"]
                    self.record(target="memory", variant=variant, round=number, size=size, **sample)
            more = {size: peak[size, "trace"] - peak[size, "empty"] for size in (full // 8, full)}
            growth.append(more[full] - more[full // 8])
        self.bar("mutual4: VmHWM at 8 x the contexts, growth", growth, 256, "KiB")

    def spawn(self, runs, variants):
        """Times of an empty program, ns; a row for each run, a column for each variant."""
        rows = []
        for part in range(4):
            cpu = self.calmest()
            done = subprocess.run(
                [self.path("spawn"), str(runs // 4), self.programs["empty"]]
                + [variant.replace("%p", str(part)) for variant in variants],
                cwd=self.work,
                stdout=subprocess.PIPE,
                preexec_fn=lambda cpu=cpu: os.sched_setaffinity(0, {cpu}),
                check=False,
            )
            if done.returncode:
                raise Broken("spawn fails")
            text = done.stdout.decode("ascii")
            rows += [[int(word) for word in line.split()] for line in text.splitlines()]
        return rows

    def measure_startup(self):
        """An empty program, with the preload, with it disabled, and without. Of all runs those count
        whose two programs without the preload were among the fastest quarter: the calm moments."""
        runs = 80 if self.options.quick else 400
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.fresh
        places = [tempfile.mkdtemp(prefix="bench-start-", dir=d) for d in (memory, self.fresh)]
        self.started = places
        on = ["LD_PRELOAD=%s,HASTEN_DATA=%s/%%p-%%d" % (self.preload, place) for place in places]
        off = "LD_PRELOAD=%s,HASTEN_DISABLE=1" % self.preload
        other = "LD_PRELOAD=" + self.path("empty_hooks.so")
        rows = self.spawn(runs, ["-"] + on + [off, other, "-"])
        names = ("plain_ns", "memory_ns", "disk_ns", "disabled_ns", "other_ns", "again_ns")
        for number, row in enumerate(rows):
            self.record(target="startup", round=number, **dict(zip(names, row)))
        rows.sort(key=lambda row: row[0] + row[-1])
        calm = rows[: max(1, len(rows) // 4)]
        trusted = abs(statistics.median(row[-1] / row[0] for row in calm) - 1) <= AA_LIMIT
        names = ("data in memory", "data on disk", "HASTEN_DISABLE=1", "a library with two empty functions")
        for column, (name, limit) in enumerate(zip(names, (300, 300, 60, None)), 1):
            more = [(row[column] - (row[0] + row[-1]) / 2) / 1000 for row in calm]
            self.bar("start-up of an empty program, %s" % name, more, limit, "us", trusted)
            middle = statistics.median(row[column] - (row[0] + row[-1]) / 2 for row in rows)
            self.record(startup=name, median_of_all_us=middle / 1000)
        disk = [disk_bytes(os.path.join(places[1], name)) for name in os.listdir(places[1])]
        if not disk:
            raise Broken("the preload wrote no data for an empty program")
        self.bar("disk of an empty program", [size / KIB for size in disk], 64, "KiB")

    def piece(self, variant, cpu):
        """ns per call of the fastest piece, and of the median one."""
        data = self.path("data")
        shutil.rmtree(data, ignore_errors=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        env["LD_PRELOAD"] = self.path("meter.so")
        env.update(BENCH_ONLY="pieces", BENCH_CPU=str(cpu))
        command = [self.path("pieces")]
        if variant == "uftrace":
            command = [self.uftrace, "record", "--no-libcall", "-d", data] + command
        elif variant == "empty":
            env["LD_PRELOAD"] += " " + self.path("empty_hooks.so")
        else:
            env["LD_PRELOAD"] += " " + self.preload
            env.update(HASTEN_DATA=data, HASTEN_MODE=variant, HASTEN_LIMIT="4G", **CALLS_ONLY)
        done = subprocess.run(command, env=env, cwd=self.work, stdout=subprocess.PIPE, check=False)
        shutil.rmtree(data, ignore_errors=True)
        if done.returncode:
            raise Broken("pieces ends with status %d" % done.returncode)
        least, middle, _ = done.stdout.split()
        return float(least), float(middle)

    def measure_pieces(self):
        """fib in pieces of less than a millisecond: of each run the fastest, which nothing disturbed."""
        names = ["empty", "trace", "profile"] + (["uftrace"] if self.uftrace else [])
        rows = []
        for number in range(self.options.rounds):
            cpu = self.calmest()
            row = {}
            for i in range(len(names)):
                name = names[(i + number) % len(names)]
                row[name], middle = self.piece(name, cpu)
                self.record(target="pieces", variant=name, round=number, least=row[name], median=middle)
            rows.append({name: row[name] - row["empty"] for name in names[1:]})
        self.bar("fib, undisturbed: trace mode, per call", [r["trace"] for r in rows], 30, "ns")
        for name, limit in (("trace", 0.25), ("profile", 0.28)):
            if self.uftrace:
                ratio = [row[name] / row["uftrace"] for row in rows]
                self.bar("fib, undisturbed: %s mode / uftrace" % name, ratio, limit, "x")

    def measure_report(self):
        """`report --json` on the Lua trace, on one core, beside `uftrace report`."""
        full = int(self.arguments("lua")[1])
        script = self.arguments("lua")[:1]
        calls = self.count("lua")
        self.run_variant("lua", "trace", keep="report-hasten")
        small = script + [str(max(1, full // 4)), "calm"]
        self.run_variant("lua", "trace", small, keep="report-small")
        if self.uftrace:
            self.run_variant("lua", "uftrace", keep="report-uftrace")
        env = {"LD_PRELOAD": self.path("meter.so")}
        mine, peer, peak, growth = [], [], [], []
        for number in range(max(1, min(5, self.options.rounds))):
            command = ["taskset", "-c", "0", self.hasten, "report", "--json"]
            command.append(self.path("report-hasten"))
            sample = self.execute(command, env, "hasten")
            self.record(target="report", variant="hasten", round=number, calls=calls, **sample)
            mine.append(sample["wall_ns"])
            peak.append(sample["hwm_kib"] / KIB)
            less = self.execute(command[:-1] + [self.path("report-small")], env, "hasten")
            self.record(target="report", variant="hasten-small", round=number, **less)
            growth.append((sample["hwm_kib"] - less["hwm_kib"]) / KIB)
            if self.uftrace:
                command = [self.uftrace, "report", "--no-pager", "-d", self.path("report-uftrace")]
                sample = self.execute(command, env, "uftrace")
                self.record(target="report", variant="uftrace", round=number, calls=calls, **sample)
                peer.append(sample["wall_ns"])
        for name in ("report-hasten", "report-small", "report-uftrace"):
            shutil.rmtree(self.path(name), ignore_errors=True)
        if peer:
            ratio = [a / b for a, b in zip(mine, peer)]
            self.bar("report --json / uftrace report", ratio, 0.15, "x")
        self.bar("report --json, peak memory", peak, 200, "MiB")
        self.bar("report --json, peak at 4 x the calls, growth", growth, 16, "MiB")

    def run(self):
        if self.wanted("startup"):
            self.measure_startup()
        if self.wanted("pieces"):
            self.measure_pieces()
        for target in TARGETS:
            if self.wanted(target) and target in self.programs:
                self.measure(target)
                self.judge(target)
        if self.wanted("memory"):
            self.measure_memory()
        if self.wanted("report") and "lua" in self.programs:
            self.measure_report()
        for part in self.parts:
            part.run()


def say(text):
    sys.stderr.write("bench: %s\n" % text)


def call(command):
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Broken("%s fails: %s" % (command[0], done.stderr.decode("utf-8", "replace")[-300:]))


def first_line(command):
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return "none"
    return done.stdout.decode("utf-8", "replace").split("\n")[0].strip() or "none"


def machine():
    """What the figures depend on; no names of hosts, users or folders."""
    model, memory = "unknown", 0
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        for line in handle:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as handle:
        memory = int(handle.readline().split()[1]) // KIB
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "compiler": first_line([os.environ.get("CC", "cc").split()[0], "--version"]),
        "uftrace": first_line(["uftrace", "--version"]),
        "heaptrack": first_line(["heaptrack", "--version"]),
        "load": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, help="meson's build folder")
    parser.add_argument("--hasten", help="the program, if it is not in the build folder")
    parser.add_argument("--old", metavar="LIB", help="a libhasten.so without the CPU clock, for cpucalls")
    parser.add_argument("--rounds", type=int)
    names = sum((module.NAMES for module in PARTS), tuple(TARGETS) + OTHERS)
    parser.add_argument("--only", type=lambda text: text.split(","), help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="small: does the benchmark work?")
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    parser.add_argument("--json", help="file for JSON lines (bench/results.jsonl)")
    parser.add_argument("--docs", help="page whose figures this run replaces")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 12)
    unknown = set(options.only or ()) - set(names)
    if unknown:
        parser.error("no such target: %s" % ", ".join(sorted(unknown)))
    try:
        bench = Bench(options)
    except Broken as reason:
        say(str(reason))
        return 2
    about = machine()
    bench.record(machine=about, rounds=options.rounds, quick=options.quick, clock=options.clock)
    print("\n".join("%-10s %s" % item for item in about.items()))
    status = 0
    try:
        bench.compile()
        bench.run()
    except Broken as reason:
        say(str(reason))
        status = 2
    finally:
        for place in bench.started:
            shutil.rmtree(place, ignore_errors=True)
    output.print_samples(bench)
    output.print_bars(bench.bars)
    if options.docs and status == 0:
        output.write_docs(options.docs, about, bench)
    if status == 0 and any(row["result"] == stats.FAIL for row in bench.bars):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
