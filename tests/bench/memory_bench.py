# SPDX-License-Identifier: Apache-2.0
"""What recording memory costs, beside heaptrack: a part of bench.py, whose words it uses.

A pair is one malloc with its free. heaptrack is run as its manual says (`heaptrack -o FILE`): its
library in the program, a pipe, a second process that reads it. Counted is only the CPU time of the
program's process, which favours heaptrack.
"""

import json
import os
import re
import shutil
import subprocess

import turns


KIB = 1024
# A bare pair takes 15 ns: 3 % of that are nothing beside what is measured.
AA_FLOOR_NS = 1

WORKLOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "real", "workload.lua")

# Target: program, its mode, its size (pairs, but of memlua) in a full and in a quick run, variants.
# Those of a group run by turns.
GROUPS = {
    "mempair": {
        "mempair": ("memload", "pair", 4000000, 100000, ("trace", "profile", "heaptrack")),
    },
    "memrandom": {
        "memrandom": ("memload", "random", 3000000, 100000, ("trace", "profile", "heaptrack")),
        "memthreads": ("memload", "threads", 6000000, 200000, ("trace", "profile", "heaptrack")),
    },
    "memcalls": {
        "memcalls": ("memload_hooks", "called", 4000000, 100000, ("calls", "calls2", "trace")),
    },
    "memlua": {
        "memlua": ("lua_plain", WORKLOAD, 24, 1, ("trace", "heaptrack")),
    },
}
# Either name selects a group.
ALIASES = {"memthreads": "memrandom"}
OTHERS = ("mempieces", "memreport")
NAMES = tuple(GROUPS) + tuple(ALIASES) + OTHERS

# Pairs of a piece: less than a millisecond.
PIECE = {"none": 8000, "trace": 8000, "heaptrack": 2000}
REPORT = (10000000, 200000), (2000000, 100000)
THREADS = {"memthreads": 3}
LIMITS = {"mempair": 45, "memrandom": 60, "memcalls": 45}


class MemoryBench(turns.Part):
    """The targets above."""

    def __init__(self, bench, broken, say):
        super().__init__(bench, broken, say)
        self.heaptrack = shutil.which("heaptrack")
        self.print = shutil.which("heaptrack_print")

    def compile(self, cc, call, here):
        bench = self.bench
        for name, source, flags in (
            ("memload", "memload", []),
            ("memload_hooks", "memload", ["-finstrument-functions"]),
            ("mempieces", "mempieces", []),
        ):
            bench.programs[name] = bench.path(name)
            call(
                cc + ["-D_GNU_SOURCE", "-O2", "-g"] + flags
                + [os.path.join(here, source + ".c"), "-o", bench.path(name), "-lpthread"]
            )

    def variant(self, name, command, data):
        """(command, environment) of a variant."""
        meter = self.bench.path("meter.so")
        if name == "heaptrack":
            return [self.heaptrack, "-o", data] + command, {"LD_PRELOAD": meter}
        if name in ("none", "none2"):
            return command, {"LD_PRELOAD": meter}
        environment = {
            "LD_PRELOAD": meter + " " + self.bench.preload,
            "HASTEN_DATA": data,
            "HASTEN_MODE": "profile" if name == "profile" else "trace",
            "HASTEN_LIMIT": "4G",
        }
        if name in ("calls", "calls2"):
            environment["HASTEN_MEMORY"] = "0"
        return command, environment

    def here(self, names):
        return [name for name in names if name != "heaptrack" or self.heaptrack]

    def size(self, description):
        return description[3 if self.bench.options.quick else 2]

    def data_of(self, path):
        """The files of heaptrack and the folder of hasten have this path, or it and an ending."""
        where, name = os.path.split(path)
        return [
            os.path.join(where, found)
            for found in os.listdir(where)
            if found == name or found.startswith(name + ".")
        ]

    def remove(self, path):
        for found in self.data_of(path):
            if os.path.isdir(found):
                shutil.rmtree(found, ignore_errors=True)
            else:
                os.unlink(found)

    def run_once(self, variant, program, mode, size, keep=None):
        bench = self.bench
        data = bench.path(keep or "memdata")
        self.remove(data)
        command = [bench.programs[program], mode, str(size)]
        command, environment = self.variant(variant, command, data)
        sample = bench.execute(command, environment, program)
        sample["bytes"] = sum(disk_bytes(found) for found in self.data_of(data))
        if variant not in ("none", "none2") and not sample["bytes"]:
            raise self.broken("%s %s: the variant %s wrote nothing" % (program, mode, variant))
        if not keep:
            self.remove(data)
        return sample

    def count(self, description, size, variant):
        """Blocks of one run, as `hasten memory` has them."""
        self.run_once(variant, description[0], description[1], size, "memcheck")
        done = subprocess.run(
            [self.bench.hasten, "memory", "--json", self.bench.path("memcheck")],
            stdout=subprocess.PIPE,
            check=False,
        )
        self.remove(self.bench.path("memcheck"))
        return json.loads(done.stdout)["sum"]["alloc_calls"] if done.returncode == 0 else 0

    def check_complete(self, target, description, variant):
        """Every pair must be in what `hasten memory` says."""
        size = description[3]
        found = self.count(description, size, variant)
        # libc has a few of its own: the stacks' descriptors, a buffer.
        if not size <= found <= size + 20:
            raise self.broken("%s: %s mode recorded %d of %d" % (target, variant, found, size))

    def measure(self, group):
        bench = self.bench
        jobs = []
        for target, description in GROUPS[group].items():
            base = [] if "calls" in description[4] else ["none", "none2"]
            bench.calls[target] = self.size(description)
            if target == "memlua":
                bench.calls[target] = self.count(description, self.size(description), "trace")
            names = base + self.here(description[4])
            jobs += [(target, description, name) for name in names]
            self.say(
                "%s: %d pairs, %d rounds of %s"
                % (target, bench.calls[target], bench.options.rounds, " ".join(names))
            )
            for name in ("trace", "profile"):
                if name in names and target != "memlua":
                    self.check_complete(target, description, name)
        for number in range(bench.options.rounds):
            calm = bench.calmest()
            for i in range(len(jobs)):
                target, description, variant = jobs[(i + number) % len(jobs)]
                bench.cpu = None if target in THREADS else calm
                sample = self.run_once(
                    variant, description[0], description[1], self.size(description)
                )
                bench.samples.setdefault((target, variant), []).append(sample)
                pairs = bench.calls[target]
                bench.record(target=target, variant=variant, round=number, pairs=pairs, **sample)
        bench.cpu = None
        for target in GROUPS[group]:
            self.judge(target)

    def costs(self, target, variant):
        """ns per pair above the same run without anything (memcalls: with the calls alone)."""
        bench = self.bench
        base = bench.times(target, bench.base(target))
        return [(t - b) / bench.calls[target] for t, b in zip(bench.times(target, variant), base)]

    def judge(self, target):
        bench = self.bench
        trusted = bench.trusted(target, bench.base(target), AA_FLOOR_NS)
        trace = self.costs(target, "trace")
        name = "%s: trace mode, per pair" % target
        bench.bar(name, trace, LIMITS.get(target), "ns", trusted)
        if target == "memthreads":
            ratio = [a / b for a, b in zip(trace, self.costs("memrandom", "trace"))]
            trusted = trusted and bench.trusted("memrandom", "none", AA_FLOOR_NS)
            bench.bar("memthreads: two threads / one, per pair", ratio, 1.3, "x", trusted)
        if target == "memcalls":
            return
        self.judge_peer(target, trace, trusted)
        bytes_each = [s["bytes"] / (2 * bench.calls[target]) for s in bench.samples[target, "trace"]]
        bench.bar("%s: bytes per event" % target, bytes_each, 12, "B")
        more = [
            a["hwm_kib"] - b["hwm_kib"]
            for a, b in zip(bench.samples[target, "trace"], bench.samples[target, "none"])
        ]
        limit = KIB + 64 * THREADS.get(target, 1)
        bench.bar("%s: VmHWM with the preload - without" % target, more, limit, "KiB")

    def judge_peer(self, target, trace, trusted):
        if not self.heaptrack:
            self.say("heaptrack is not here: the ratio of %s is left out" % target)
            return
        ratio = [a / b for a, b in zip(trace, self.costs(target, "heaptrack"))]
        limit = 0.15 if target in LIMITS else None
        self.bench.bar("%s: trace mode / heaptrack" % target, ratio, limit, "x", trusted)

    def piece(self, variant, mode, cpu):
        """ns per pair of the fastest piece, and of the median one."""
        data = self.bench.path("memdata")
        self.remove(data)
        command = [self.bench.programs["mempieces"], mode, str(PIECE[variant])]
        command, more = self.variant(variant, command, data)
        env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        env.update(more, BENCH_ONLY="mempieces")
        if mode != "threads":
            env["BENCH_CPU"] = str(cpu)
        done = subprocess.run(
            command, env=env, cwd=self.bench.work, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False,
        )
        self.remove(data)
        found = re.search(rb"^(\d+\.\d+) (\d+\.\d+)$", done.stdout, re.MULTILINE)
        if done.returncode or not found:
            raise self.broken("mempieces ends with status %d" % done.returncode)
        return float(found.group(1)), float(found.group(2))

    def measure_pieces(self):
        """Pieces of less than a millisecond: of each run the fastest, which nothing disturbed."""
        bench = self.bench
        names = self.here(("none", "trace", "heaptrack"))
        jobs = [(mode, name) for mode in ("pair", "random", "threads") for name in names]
        rows = []
        for number in range(bench.options.rounds):
            cpu = bench.calmest()
            least = {}
            for i in range(len(jobs)):
                job = jobs[(i + number) % len(jobs)]
                least[job], middle = self.piece(job[1], job[0], cpu)
                bench.record(
                    target="mempieces", mode=job[0], variant=job[1], round=number,
                    least=least[job], median=middle,
                )
            rows.append({job: least[job] - least[job[0], "none"] for job in jobs})
        for mode, limit in (("pair", 45), ("random", 60)):
            name = "mem%s, undisturbed: trace mode" % mode
            bench.bar(name + ", per pair", [row[mode, "trace"] for row in rows], limit, "ns")
            if self.heaptrack:
                ratio = [row[mode, "trace"] / row[mode, "heaptrack"] for row in rows]
                bench.bar(name + " / heaptrack", ratio, 0.15, "x")
        ratio = [row["threads", "trace"] / row["random", "trace"] for row in rows]
        bench.bar("memthreads, undisturbed: two threads / one", ratio, 1.3, "x")

    def measure_report(self):
        """`memory --json` on a long trace, on one core, beside heaptrack_print on its own file."""
        bench = self.bench
        quick = 1 if bench.options.quick else 0
        mine, theirs = REPORT[0][quick], REPORT[1][quick]
        bench.cpu = None
        self.run_once("trace", "memload", "random", mine, "memreport")
        packed = None
        if self.heaptrack and self.print:
            self.run_once("heaptrack", "memload", "random", theirs, "memreport-peer")
            packed = self.data_of(bench.path("memreport-peer"))[0]
        env = {"LD_PRELOAD": bench.path("meter.so")}
        own, peer, peak = [], [], []
        for number in range(max(1, min(5, bench.options.rounds))):
            command = ["taskset", "-c", "0", bench.hasten, "memory", "--json"]
            sample = bench.execute(command + [bench.path("memreport")], env, "hasten")
            bench.record(target="memreport", variant="hasten", round=number, pairs=mine, **sample)
            own.append(sample[bench.options.clock + "_ns"] / mine)
            peak.append(sample["hwm_kib"] / KIB)
            if packed:
                command = ["taskset", "-c", "0", self.print, packed]
                sample = bench.execute(command, env, "heaptrack_print")
                bench.record(
                    target="memreport", variant="heaptrack", round=number, pairs=theirs, **sample
                )
                peer.append(sample[bench.options.clock + "_ns"] / theirs)
        for name in ("memreport", "memreport-peer"):
            self.remove(bench.path(name))
        bench.bar("memory --json, per allocation", own, None, "ns")
        if peer:
            ratio = [a / b for a, b in zip(own, peer)]
            bench.bar("memory --json / heaptrack_print, per allocation", ratio, 0.5, "x")
        else:
            self.say("heaptrack is not here: its ratio to memory --json is left out")
        bench.bar("memory --json, peak memory", peak, None, "MiB")

    def run(self):
        bench = self.bench
        chosen = {ALIASES.get(name, name) for name in bench.options.only or NAMES}
        if "mempieces" in chosen:
            self.measure_pieces()
        for group in GROUPS:
            program = next(iter(GROUPS[group].values()))[0]
            if group in chosen and program in bench.programs:
                self.measure(group)
        if "memreport" in chosen:
            self.measure_report()


def disk_bytes(path):
    """Bytes allocated on disk by a file, or below a folder; 0 if it is not there."""
    if not os.path.isdir(path):
        return os.lstat(path).st_blocks * 512 if os.path.exists(path) else 0
    return sum(
        os.lstat(os.path.join(where, name)).st_blocks * 512
        for where, _, names in os.walk(path)
        for name in names
    )
