#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which functions take the time: hasten beside perf (software clock) and callgrind.

    ranking.py --build DIR [--hasten FILE] [--rounds N] [--only lua,sqlite,bzip2] [--quick]

perf and callgrind look at the program without hooks; hasten at the one with hooks, and a second perf at the same without hasten,
which shows what the hooks do to the program itself. Time in libraries is their caller's, as hasten has it. Each tool's
shares are given in two ways: `folded`, where a function without code of its own in the program without hooks is its caller, and
`source`, where a copy that was inlined is the function that the source names. Judged is the folded way: each function above 5 % in
perf or callgrind within 3 points of both; of perf alone where the two differ by more than that, since callgrind counts
instructions and not time. Verdicts have three values: stats.py.
"""

import argparse
import collections
import os
import random
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REAL = os.path.join(HERE, "..", "real")
sys.path[:0] = [HERE, REAL]
# pylint: disable=wrong-import-position
import stats
import turns
import workload_sql

BAR = 3.0     # points
SHOWN = 5.0   # per cent
WAYS = ("folded", "source")
CLONE = re.compile(r"\.(?:part|constprop|isra|cold|lto_priv)\b.*$")
# Rounds of Lua's workload, rows of SQLite's, kilobytes for bzip2; full and quick.
SIZES = {"lua": (60, 1), "sqlite": (12000, 500), "bzip2": (4000, 100)}
NAMES = tuple("rank" + name for name in SIZES)
MEMORY_ONLY = (("PRAGMA threads = 0;", ""), ("PRAGMA cache_size = 10;", "PRAGMA cache_size = -200000;"),
               ("PRAGMA temp_store = FILE;", "PRAGMA temp_store = MEMORY;"))


class Missing(Exception):
    """A program or tool that is not to be had; the text says which."""


def output(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                          text=True, errors="replace", **more).stdout


def plain_name(name):
    return CLONE.sub("", name)


class Code:
    """Which function an address of a program belongs to."""

    def __init__(self, program):
        self.program = program
        self.symbols = []
        for line in output("nm", "-n", "--defined-only", program).splitlines():
            address, kind, name = line.split(" ", 2)
            if kind in "tTwW" and not name.startswith("."):
                self.symbols.append((int(address, 16), plain_name(name)))
        self.names = {name for _, name in self.symbols}
        self.sources = {}

    def symbol(self, address):
        low, high = 0, len(self.symbols)
        while low < high:
            middle = (low + high) // 2
            if self.symbols[middle][0] <= address:
                low = middle + 1
            else:
                high = middle
        return self.symbols[low - 1][1] if low else "?"

    def look_up(self, addresses):
        """Asks for the innermost function of the source at once for all of them."""
        wanted = sorted(set(addresses) - set(self.sources))
        text = subprocess.run(["addr2line", "-f", "-e", self.program], check=True, text=True,
                              input="".join("%x\n" % one for one in wanted), stdout=subprocess.PIPE).stdout
        for address, name in zip(wanted, text.splitlines()[::2]):
            self.sources[address] = plain_name(name)

    def shares(self, costs):
        """{address: cost} to {way: {function: per cent}}."""
        self.look_up(costs)
        sums = {way: collections.Counter() for way in WAYS}
        for address, cost in costs.items():
            sums["folded"][self.symbol(address)] += cost
            sums["source"][self.sources[address]] += cost
        return {way: per_cent(found) for way, found in sums.items()}


def per_cent(found):
    whole = sum(found.values()) or 1
    return {name: 100 * value / whole for name, value in found.items()}


class Ranking:
    def __init__(self, options):
        self.build = os.path.abspath(options.build)
        self.hasten = os.path.abspath(options.hasten or os.path.join(self.build, "analyzer", "hasten"))
        self.quick = options.quick
        self.rounds = 2 if options.quick else options.rounds
        self.work = os.path.join(self.build, "bench", "ranking")
        os.makedirs(self.work, exist_ok=True)
        for tool in ("perf", "valgrind", "nm", "addr2line"):
            if not shutil.which(tool):
                raise Missing("there is no %s here" % tool)

    def fetch(self, name, hooks):
        flags = "-O2 -g" + (" -finstrument-functions" if hooks else "")
        done = subprocess.run(
            [sys.executable, os.path.join(REAL, "fetch.py"), os.path.join(self.build, "real"), name,
             "--name", "rank_%s_%s" % (name, "hooks" if hooks else "plain"), "--flags", flags],
            stdout=subprocess.PIPE, text=True, check=False)
        last = done.stdout.strip().split("\n")[-1]
        if done.returncode:
            raise Missing(last)
        return last

    def task(self, name):
        """(arguments, standard input) of the program."""
        size = SIZES[name][self.quick]
        path = os.path.join(self.work, name + ".in")
        if name == "lua":
            return [os.path.join(REAL, "workload.lua"), str(size)], os.devnull
        if name == "sqlite":
            text = workload_sql.script(size, max(1, size // 1200), 0)
            for old, new in MEMORY_ONLY:
                text = text.replace(old, new)
        else:
            rng = random.Random(3)
            words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randrange(2, 9))) for _ in range(3000)]
            text = " ".join(rng.choices(words, k=size * 170))
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return (["-kc", path], os.devnull) if name == "bzip2" else ([], path)

    def execute(self, command, stdin):
        with open(stdin, "rb") as file:
            subprocess.run(command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           check=True, cwd=self.work)

    def perf(self, code, program, arguments, stdin):
        """{address: samples}; a sample in a library is the innermost call of the program."""
        data = os.path.join(self.work, "perf.data")
        self.execute(["perf", "record", "-q", "-e", "cpu-clock:u", "-F", "4999", "--call-graph", "dwarf,2048",
                      "-o", data, program, *arguments], stdin)
        text = output("perf", "script", "-i", data, "-F", "ip,sym,dso", "--no-inline", "--show-mmap-events")
        place = placement(code.program, text)
        costs = collections.Counter()
        for sample in re.split(r"\n\s*\n", text):
            for line in sample.splitlines():
                frame = re.match(r"\s*([0-9a-f]+) .*\((.*)\)\s*$", line)
                if frame and os.path.basename(frame[2]) == os.path.basename(program) and "@plt" not in line:
                    costs[place(int(frame[1], 16))] += 1
                    break
        os.remove(data)
        return costs

    def callgrind(self, program, arguments, stdin):
        path = os.path.join(self.work, "callgrind.out")
        self.execute(["valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no",
                      "--callgrind-out-file=" + path, program, *arguments], stdin)
        return callgrind_costs(path, program)

    def recorded(self, code, program, arguments, stdin):
        """hasten's shares in both ways."""
        data = os.path.join(self.work, "rank.data")
        shutil.rmtree(data, ignore_errors=True)
        self.execute([self.hasten, "run", "-q", "--no-memory", "-o", data, "--", program, *arguments], stdin)
        sums = {way: collections.Counter() for way in WAYS}
        for line in output(self.hasten, "export", "-q", "-f", "folded", data).splitlines():
            stack, value = line.rsplit(" ", 1)
            frames = [plain_name(frame) for frame in stack.split(";")]
            own = [frame for frame in frames if frame in code.names]
            sums["source"][frames[-1]] += int(value)
            sums["folded"][own[-1] if own else frames[-1]] += int(value)
        shutil.rmtree(data)
        return {way: per_cent(found) for way, found in sums.items()}

    def measure(self, name):
        plain, hooks = self.fetch(name, False), self.fetch(name, True)
        arguments, stdin = self.task(name)
        code, hooked = Code(plain), Code(hooks)
        found = {"callgrind": [code.shares(self.callgrind(plain, arguments, stdin))]}
        for tool in ("hasten", "perf", "hooked"):
            found[tool] = []
        for _ in range(self.rounds):
            found["hasten"].append(self.recorded(code, hooks, arguments, stdin))
            found["perf"].append(code.shares(self.perf(code, plain, arguments, stdin)))
            found["hooked"].append(hooked.shares(self.perf(hooked, hooks, arguments, stdin)))
        return found


def placement(program, text):
    """From addresses of a perf script to those of the file. In call chains perf gives offsets in the file."""
    loads = re.findall(r"LOAD\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\s+0x[0-9a-f]+\s+0x[0-9a-f]+ R E",
                       output("readelf", "-lW", program))
    offset, address = (int(number, 16) for number in loads[0])
    size = os.path.getsize(program)
    maps = re.findall(r"\[0x([0-9a-f]+)\(0x[0-9a-f]+\) @ (?:0x)?([0-9a-f]+) .*r-xp (\S+)", text)
    for start, at, path in maps:
        if os.path.basename(path) == os.path.basename(program):
            bias = int(start, 16) - int(at, 16)
            return lambda found: (found if found < size else found - bias) + address - offset
    raise Missing("perf does not say where %s was loaded" % program)


def callgrind_costs(path, program):
    """{address: instructions}; what a library was called for is the call's, but for the start of the whole program."""
    costs = collections.Counter()
    base = os.path.basename(program)
    inside, callee_inside, call, begin = False, False, False, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("ob="):
                inside = os.path.basename(line.strip()) == base or line.strip().endswith("/" + base)
                callee_inside = inside
            elif line.startswith("cob="):
                callee_inside = line.strip().endswith("/" + base)
            elif line.startswith("fn="):
                begin = line.strip() in ("fn=_start", "fn=(below main)")
            elif line.startswith("calls="):
                call = True
            elif line.startswith("0x"):
                parts = line.split()
                if inside and not (call and (callee_inside or begin)):
                    costs[int(parts[0], 16)] += int(parts[-1])
                if call:
                    call, callee_inside = False, inside
    return costs


def middle(rounds, way, name):
    return statistics.median(shares[way].get(name, 0) for shares in rounds)


def apart_of(found, way, name):
    """(points of each round, whether perf and callgrind differ) of one function."""
    grind = found["callgrind"][0][way].get(name, 0)
    differ = abs(middle(found["perf"], way, name) - grind) > BAR
    apart = []
    for hasten, sampled in zip(found["hasten"], found["perf"]):
        own = hasten[way].get(name, 0)
        away = abs(own - sampled[way].get(name, 0))
        apart.append(away if differ else max(away, abs(own - grind)))
    return apart, differ


def row(found, way, name):
    """(figures, verdict, note) of one function."""
    apart, differ = apart_of(found, way, name)
    _, low, high = stats.median_interval(apart)
    figures = tuple(middle(found[tool], way, name) for tool in ("hasten", "perf", "callgrind", "hooked"))
    return figures, stats.verdict(low, high, BAR), "perf and callgrind differ: by perf" if differ else ""


def large(found, way):
    """Functions above SHOWN in perf or callgrind, by perf."""
    shares = found["callgrind"][0][way]
    names = {one for one in shares if shares[one] > SHOWN}
    names |= {one for rounds in found["perf"] for one in rounds[way] if middle(found["perf"], way, one) > SHOWN}
    return sorted(names, key=lambda one: -middle(found["perf"], way, one))


def show(name, found):
    """Prints a program's rows. Returns the verdict of the folded way."""
    judged = []
    for way in WAYS:
        print("%-10s %-28s %8s %8s %9s %8s" % (name, way, "hasten", "perf", "callgrind", "hooked"))
        for one in large(found, way):
            figures, verdict, note = row(found, way, one)
            print("%-10s %-28s %8.1f %8.1f %9.1f %8.1f  %s%s" % (("", one) + figures + (
                verdict, "; " + note if note else "")))
            if way == "folded":
                judged.append(verdict)
    verdict = next((one for one in (stats.FAIL, stats.INCONCLUSIVE) if one in judged), stats.PASS)
    print("ranking of %s: %d of %d functions within %.0f points: %s\n" % (
        name, judged.count(stats.PASS), len(judged), BAR, verdict))
    return verdict


class RankingBench(turns.Part):
    """The programs as targets of bench.py: how far each large function is from perf and callgrind, in points."""

    def run(self):
        for name in SIZES:
            if not self.bench.wanted("rank" + name):
                continue
            try:
                found = Ranking(self.bench.options).measure(name)
            except Missing as why:
                self.say("rank%s is left out: %s" % (name, why))
                continue
            except (OSError, subprocess.CalledProcessError) as error:
                raise self.broken("rank%s: %s" % (name, error)) from error
            show(name, found)
            for one in large(found, "folded"):
                self.bench.bar("share of %s in %s, away by" % (one, name), apart_of(found, "folded", one)[0], BAR, "points")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--hasten", help="another program than that of the build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(SIZES))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    for name in options.only.split(","):
        if name not in SIZES:
            parser.error("no program %s; there are %s" % (name, ", ".join(SIZES)))
        try:
            show(name, Ranking(options).measure(name))
        except Missing as why:
            print("%s is left out: %s" % (name, why))
    return 0


if __name__ == "__main__":
    sys.exit(main())
