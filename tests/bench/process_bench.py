# SPDX-License-Identifier: Apache-2.0
"""What recording processes costs: a part of bench.py, whose words it uses.

All run under `hasten run` with its defaults but the name of the data directory; the peer is
`strace -f -e trace=process`, writing to a file.
"""

import glob
import os
import shutil
import subprocess
import time

import turns


NAMES = ("procspawn", "proclarge", "procmake", "procburn")
# Runs of a started program in a full and in a quick run; MiB of the large parent.
RUNS = 400, 40
LARGE = 800
BURN = 4000, 40
ROUNDS = {"procmake": 6, "procburn": 6}


class ProcessBench(turns.Part):
    """The targets above."""

    def __init__(self, bench, broken, say):
        super().__init__(bench, broken, say)
        self.strace = shutil.which("strace")

    def compile(self, cc, call, here):
        for name in ("spawner", "burn"):
            source = os.path.join(here, name + ".c")
            call(cc + ["-D_GNU_SOURCE", "-O2", source, "-o", self.bench.path(name)])
        call(cc + ["-O2", os.path.join(here, "empty.c"), "-o", self.bench.path("trivial")])

    def command(self, variant, command):
        bench = self.bench
        data = bench.path("procdata")
        shutil.rmtree(data, ignore_errors=True)
        if variant == "hasten":
            return [bench.hasten, "run", "-q", "-o", data, "--"] + command
        if variant == "strace":
            return [self.strace, "-f", "-e", "trace=process", "-o", bench.path("strace.out")] + command
        return command

    def execute(self, variant, command, cwd=None):
        """ns of the whole command."""
        bench = self.bench
        command = self.command(variant, command)
        start = time.monotonic_ns()
        done = subprocess.run(
            command, env=turns.without_hasten(), cwd=cwd or bench.work, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
            preexec_fn=turns.stay_on(bench.cpu),
        )
        took = time.monotonic_ns() - start
        if done.returncode:
            text = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
            raise self.broken("%s ends with status %d: %s" % (command[0], done.returncode, text))
        if variant == "hasten" and not glob.glob(bench.path("procdata", "*.hsj")):
            raise self.broken("hasten run wrote no journal of %s" % command[-1])
        return took

    def spawn(self, variant, mib):
        """us per start and wait, of the calm ones: the median of the faster quarter."""
        bench = self.bench
        runs = RUNS[1] if bench.options.quick else RUNS[0]
        out = bench.path("spawner.out")
        self.execute(
            variant, [bench.path("spawner"), out, str(runs), str(mib), bench.path("trivial")]
        )
        with open(out, encoding="ascii") as handle:
            calm, _ = handle.read().split()
        return int(calm) / 1000

    def measure(self, name, names, once):
        pinned = name != "procmake"
        return turns.by_turns(self.bench, name, names, once, ROUNDS.get(name), pinned)

    def trusted(self, rows):
        return turns.even([(row["none"], row["none2"]) for row in rows])

    def measure_spawn(self):
        names = ["none", "hasten", "none2"] + (["strace"] if self.strace else [])
        rows = self.measure("procspawn", names, lambda variant: self.spawn(variant, 0))
        base = [(row["none"] + row["none2"]) / 2 for row in rows]
        mine = [row["hasten"] - b for row, b in zip(rows, base)]
        trusted = self.trusted(rows)
        self.bench.bar("a trivial process, start and wait, without", base, None, "us")
        self.bench.bar("a trivial process, start and wait: added", mine, 150, "us", trusted)
        if not self.strace:
            self.say("strace is not here: its ratio is left out")
            return
        peer = [row["strace"] - b for row, b in zip(rows, base)]
        ratio = [a / b for a, b in zip(mine, peer)]
        self.bench.bar("a trivial process: added / strace", ratio, 0.2, "x", trusted)

    def measure_large(self):
        """The same from a parent with much memory: a fork in place of vfork would copy its page tables."""
        names = ["none", "hasten", "none2"]
        rows = self.measure("proclarge", names, lambda variant: self.spawn(variant, LARGE))
        base = [(row["none"] + row["none2"]) / 2 for row in rows]
        mine = [row["hasten"] - b for row, b in zip(rows, base)]
        name = "a trivial process, from a parent of %d MiB: added" % LARGE
        self.bench.bar(name, mine, 150, "us", self.trusted(rows))

    def measure_make(self):
        bench = self.bench
        source = os.path.join(bench.build, "real", "src-lua")
        if not os.path.isdir(source):
            self.say("the sources of Lua are not here: procmake is left out")
            return
        tree = bench.path("procmake")

        def once(variant):
            shutil.rmtree(tree, ignore_errors=True)
            shutil.copytree(source, tree, symlinks=True)
            return self.execute(variant, ["make", "-j2", "-C", "src", "linux"], tree)

        rows = self.measure("procmake", ["none", "hasten", "none2"], once)
        shutil.rmtree(tree, ignore_errors=True)
        ratio = [2 * row["hasten"] / (row["none"] + row["none2"]) for row in rows]
        bench.bar("make of Lua / without", ratio, 1.03, "x", self.trusted(rows))

    def measure_burn(self):
        steps = str(BURN[1] if self.bench.options.quick else BURN[0])
        command = [self.bench.path("burn"), steps]
        rows = self.measure(
            "procburn", ["none", "hasten", "none2"], lambda variant: self.execute(variant, command)
        )
        ratio = [2 * row["hasten"] / (row["none"] + row["none2"]) for row in rows]
        self.bench.bar("a program of some seconds / without", ratio, 1.01, "x", self.trusted(rows))

    def run(self):
        wanted = self.bench.wanted
        parts = (self.measure_spawn, self.measure_large, self.measure_make, self.measure_burn)
        for name, part in zip(NAMES, parts):
            if wanted(name):
                part()
        shutil.rmtree(self.bench.path("procdata"), ignore_errors=True)
