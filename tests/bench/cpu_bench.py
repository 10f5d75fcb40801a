# SPDX-License-Identifier: Apache-2.0
"""What the CPU clock costs, per call and where threads are switched all the time: a part of bench.py, whose words it uses.

With the clock (`trace`, `profile`) against HASTEN_CPU=0, which still has the two compares, and with --old also against a libhasten.so
that has no clock at all. Allocations are not recorded.
"""

import os
import shutil
import statistics
import subprocess

import turns


NAMES = ("cpucalls", "cpuswitch")
CALLS_BAR_NS = 3
SWITCHES_BAR = 1.02
SWITCHES_AA = 0.01
SWITCHES_PER_S = 20_000
# fib(N), turns of pingpong: in a full and in a quick run.
FIB = "33", "25"
# The least of so many runs of fib within a round.
LEAST_OF = 3
TURNS = 20_000, 1_000
AA_FLOOR_NS = 1


class CpuBench(turns.Part):
    """The targets above."""

    def __init__(self, bench, broken, say):
        super().__init__(bench, broken, say)
        self.old = os.path.abspath(bench.options.old) if bench.options.old else None
        self.quick = 1 if bench.options.quick else 0

    def compile(self, cc, call, here):
        source = os.path.join(here, "pingpong.c")
        flags = ["-D_GNU_SOURCE", "-O2", "-g", "-finstrument-functions"]
        call(cc + flags + [source, "-o", self.bench.path("pingpong"), "-lpthread"])

    def environment(self, variant, mode):
        """`off`: the clock is switched off; `old`: the other library; else as it is by default."""
        library = self.old if variant == "old" else self.bench.preload
        data = self.bench.path("data")
        shutil.rmtree(data, ignore_errors=True)
        more = {"HASTEN_CPU": "0"} if variant == "off" else {}
        return dict(
            LD_PRELOAD=self.bench.path("meter.so") + " " + library, HASTEN_DATA=data, HASTEN_MODE=mode,
            HASTEN_LIMIT="4G", HASTEN_MEMORY="0", **more,
        )

    def call_once(self, variant, mode):
        """ns of the fastest of some runs of fib, and ns per call of the fastest piece."""
        bench = self.bench
        command = [bench.programs["fib"], FIB[self.quick]]
        clock = bench.options.clock + "_ns"
        took = [bench.execute(command, self.environment(variant, mode), "fib")[clock] for _ in range(LEAST_OF)]
        env = turns.without_hasten(BENCH_ONLY="pieces", BENCH_CPU=str(bench.cpu))
        env.update(self.environment(variant, mode))
        out = turns.captured(self.broken, [bench.path("pieces")], env)
        shutil.rmtree(bench.path("data"), ignore_errors=True)
        return {"ns": min(took), "least": float(out.split()[0])}

    def calls_of_fib(self):
        path = self.bench.path("calls")
        counter = {"LD_PRELOAD": self.bench.path("count_hooks.so"), "BENCH_CALLS": path}
        self.bench.execute([self.bench.programs["fib"], FIB[self.quick]], counter)
        with open(path, encoding="ascii") as handle:
            return int(handle.read())

    def measure_calls(self):
        calls = self.calls_of_fib()
        peers = ["off"] + (["old"] if self.old else [])
        for mode in ("trace", "profile"):
            rows = turns.by_turns(
                self.bench, "cpucalls", ["on", "off2"] + peers,
                lambda variant, mode=mode: self.call_once(variant, mode),
            )
            away = statistics.median((row["off2"]["ns"] - row["off"]["ns"]) / calls for row in rows)
            for peer in peers:
                than = "HASTEN_CPU=0" if peer == "off" else "--old"
                name = "CPU clock, %s mode: per call above %s" % (mode, than)
                more = [(row["on"]["ns"] - row[peer]["ns"]) / calls for row in rows]
                self.bench.bar(name, more, CALLS_BAR_NS, "ns", abs(away) <= AA_FLOOR_NS)
                more = [row["on"]["least"] - row[peer]["least"] for row in rows]
                self.bench.bar(name + ", undisturbed", more, CALLS_BAR_NS, "ns")

    def switch_once(self, variant, rounds, spins):
        """CPU time and switches per second of pingpong, as it says itself."""
        bench = self.bench
        env = turns.without_hasten(**self.environment(variant, "trace"))
        done = subprocess.run(
            [bench.path("pingpong"), str(rounds), str(spins)], env=env, cwd=bench.work,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
            preexec_fn=turns.stay_on(bench.cpu),
        )
        if done.returncode:
            raise self.broken("pingpong ends with status %d" % done.returncode)
        cpu, wall, switches, least = map(int, done.stdout.split())
        return {"cpu_ns": cpu, "rate": switches * 1e9 / wall, "least": least}

    def spins(self):
        """Work per turn that makes some 20,000 switches a second."""
        spins = 20_000
        for _ in range(5):
            rate = self.switch_once("off", TURNS[1], spins)["rate"]
            spins = max(800, int(spins * rate / SWITCHES_PER_S))
        return spins

    def measure_switches(self):
        bench = self.bench
        bench.cpu = bench.calmest()
        spins = self.spins()
        rows = turns.by_turns(
            bench, "cpuswitch", ["on", "off", "off2"],
            lambda variant: self.switch_once(variant, TURNS[self.quick], spins),
        )
        rate = [row["on"]["rate"] for row in rows]
        name = "CPU clock, threads by turns"
        bench.bar(name + ": switches per second", rate, None, "/s")
        for key, more in (("cpu_ns", ""), ("least", ", undisturbed")):
            took = [{variant: sample[key] for variant, sample in row.items()} for row in rows]
            trusted = turns.even([(row["off"], row["off2"]) for row in took], SWITCHES_AA)
            ratio = [2 * row["on"] / (row["off"] + row["off2"]) for row in took]
            bench.bar(name + " / HASTEN_CPU=0" + more, ratio, SWITCHES_BAR, "x", trusted)
        if self.old:
            self.say("cpuswitch: against HASTEN_CPU=0 alone; --old is for cpucalls")

    def run(self):
        for name, part in zip(NAMES, (self.measure_calls, self.measure_switches)):
            if self.bench.wanted(name):
                part()
        shutil.rmtree(self.bench.path("data"), ignore_errors=True)
