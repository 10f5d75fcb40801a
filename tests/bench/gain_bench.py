# SPDX-License-Identifier: Apache-2.0
"""Does a cache gain what `hasten cache` says? A part of bench.py, whose words it uses.

Each program of gain/ is recorded with hooks and arguments, with hooks alone, and without hooks; the prediction is that of one function,
with the other two as its baseline, and once more without them. Then the cache that `hasten cache --patch`
writes is put into its source, and the program without hooks runs with and without it, by turns.
"""

import json
import os
import shutil
import statistics
import subprocess

import turns

NAMES = ("gain",)
# Program: its function; how much it has to do, in full and in a quick run.
PROGRAMS = {
    "primes": ("is_prime", "600000", "3000"),
    "dates": ("parse_date", "1000000", "3000"),
    "grid": ("ways", "15", "8"),
    "determinant": ("determinant", "150000", "1500"),
    "hashing": ("hash_word", "700000", "3000"),
    "matching": ("is_wanted", "500000", "3000"),
    "colour": ("lightness", "1500000", "3000"),
    "settings": ("setting", "400000", "3000"),
}
LIMIT_PERCENT = 25
RECORDINGS = 3
FLAGS = ["-O2", "-g"]


class GainBench(turns.Part):
    """The target above."""

    def build(self, name, source, *flags):
        path = self.bench.path("gain", name)
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gain")
        cc = os.environ.get("CC", "cc").split()
        turns.captured(self.broken, [*cc, *FLAGS, *flags, "-I", here, source, "-o", path, "-lm"])
        return path

    def recorded(self, cpu, data, program, rounds, *options):
        shutil.rmtree(data, ignore_errors=True)
        env = turns.without_hasten(HASTEN_PRELOAD_LIB=self.bench.preload, XDG_CACHE_HOME=self.bench.path("gain"))
        turns.captured(self.broken, [self.bench.hasten, "run", "-q", "--no-memory", "--limit", "4G", *options, "-o", data, "--", program,
                                     rounds], env, cpu)
        return data

    def gain_of(self, name, function, data, *options):
        """What `hasten cache` says of a function."""
        out = json.loads(turns.captured(self.broken, [
            self.bench.hasten, "cache", "-q", "--pure", self.pure(function), "--json", *options, data]))
        rows = [row for row in out["functions"] if row["name"] == function]
        if len(rows) != 1:
            raise self.broken("%s: the recording has no calls of %s" % (name, function))
        baseline = {"baseline_" + key: value for key, value in (out["baseline"] or {}).items()}
        self.bench.record(target="gain", program=name, function=function, **baseline, **{
            key: value for key, value in rows[0].items() if isinstance(value, (int, str))})
        return rows[0]["gain_ns"]

    def predicted(self, name, function, rounds, programs):
        """Gains that recordings predict, with a baseline and without."""
        gains, alone = [], []
        data, plain, calls = (self.bench.path("gain", part) for part in ("data", "data-plain", "data-calls"))
        for _ in range(RECORDINGS):
            cpu = self.bench.calmest()
            self.recorded(cpu, data, programs["hooked"], rounds, "--args=" + function)
            self.recorded(cpu, calls, programs["hooked"], rounds)
            self.recorded(cpu, plain, programs["plain"], rounds)
            gains.append(self.gain_of(name, function, data, "--baseline", plain + "," + calls))
        alone.append(self.gain_of(name, function, data))
        return gains, alone, data

    def pure(self, function):
        """A list with the function: of some the result cannot be recorded."""
        path = self.bench.path("gain", "pure.txt")
        with open(path, "w", encoding="ascii") as handle:
            handle.write(function + "\n")
        return path

    def patch(self, source, function, data):
        """The source with the cache."""
        folder = self.bench.path("gain", "patched")
        os.makedirs(folder, exist_ok=True)
        copy = os.path.join(folder, os.path.basename(source))
        shutil.copy(source, copy)
        diff = turns.captured(self.broken, [
            self.bench.hasten, "cache", "-q", "--pure", self.pure(function), "--force", "--patch", function, data])
        subprocess.run(["patch", "-s", copy], input=diff, check=True)
        return copy

    def once(self, variant, paths, rounds):
        sample, out = turns.whole(self.bench, self.broken, [paths[variant], rounds])
        paths.setdefault("output", out)
        if out != paths["output"]:
            raise self.broken("%s: the patched program has another output" % paths[variant])
        return sample

    def measure(self, name):
        function, full, quick = PROGRAMS[name]
        rounds = quick if self.bench.options.quick else full
        here = os.path.dirname(os.path.abspath(__file__))
        source = self.bench.path("gain", name + ".c")
        shutil.copy(os.path.join(here, "gain", name + ".c"), source)
        hooked = self.build(name + ".hooked", source, "-finstrument-functions")
        paths = {"plain": self.build(name, source)}
        gains, alone, data = self.predicted(name, function, rounds, {"hooked": hooked, "plain": paths["plain"]})
        paths["patched"] = self.build(name + ".patched", self.patch(source, function, data))
        rows = turns.by_turns(self.bench, "gain " + name, ["plain", "patched", "plain2"],
                              lambda variant: self.once(variant, paths, rounds))
        measured = [row["plain"]["cpu_ns"] - row["patched"]["cpu_ns"] for row in rows]
        gain = statistics.median(measured)
        trusted = turns.even([(row["plain"]["cpu_ns"], row["plain2"]["cpu_ns"]) for row in rows])
        before = statistics.median(row["plain"]["cpu_ns"] for row in rows)
        self.bench.bar("gain, %s: measured" % name, [one / 1e6 for one in measured], None, "ms", trusted)
        self.bench.bar("gain, %s: share of the program" % name, [100 * one / before for one in measured], None, "%", trusted)
        self.bench.bar("gain, %s: predicted" % name, [one / 1e6 for one in gains], None, "ms")
        self.bench.bar("gain, %s: predicted without baseline" % name, [one / 1e6 for one in alone], None, "ms")
        away = [100 * (one / gain - 1) if gain else 100 for one in gains]
        self.bench.bar("gain, %s: prediction off by" % name, away, None, "%", trusted)
        self.bench.bar("gain, %s: off by, without sign" % name, [abs(one) for one in away], LIMIT_PERCENT, "%", trusted)

    def run(self):
        if not self.bench.wanted("gain"):
            return
        os.makedirs(self.bench.path("gain"), exist_ok=True)
        for name in PROGRAMS:
            self.measure(name)
        for part in ("data", "data-plain", "data-calls"):
            shutil.rmtree(self.bench.path("gain", part), ignore_errors=True)
