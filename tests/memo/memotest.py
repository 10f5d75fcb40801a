#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program whose functions are answered from caches does what it does without.

Its scenarios are compiled in many ways, run as they are and with a plan of all their functions, with and without a recording:
output and exit status must be the same, byte for byte, and answered there must be. HASTEN_MEMO_ALL=1: all ways, not a selection.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "args"))
import memodata  # pylint: disable=wrong-import-position
import ways  # pylint: disable=wrong-import-position
from ways import Wrong, require  # pylint: disable=wrong-import-position

HOOKS = ["-finstrument-functions", "-g", "-w", "-pthread", "-D_GNU_SOURCE"]
C, CXX = ("gcc", "clang"), ("g++", "clang++")
SELECTED = [
    (("gcc",), "memowork.c", ["-O0"]), (("gcc",), "memowork.c", ["-O2"]), (("gcc",), "memowork.c", ["-O3"]),
    (("clang",), "memowork.c", ["-O2"]),
    (CXX, "memowork.cc", ["-O2"]),
]
ALL = [(C, "memowork.c", flags) for flags in (
    ["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-Os"], ["-Og"], ["-O2", "-fno-omit-frame-pointer"], ["-O0", "-fomit-frame-pointer"],
    ["-O2", "-fno-plt"], ["-O2", "-fcf-protection"], ["-O2", "-flto"], ["-O2", "-fno-pie", "-no-pie"],
    ["-O2", "-fstack-protector-all"], ["-O3", "-march=x86-64-v3"], ["-O2", "-Wl,-z,now"], ["-O2", "-ffunction-sections"])]
ALL += [(CXX, "memowork.cc", flags) for flags in (["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-Os"], ["-O2", "-fno-plt"])]
# Scenarios in which nothing need be answered.
NO_HITS = ("deep", "impure", "traps")
STEPS = ("calls", "alt", "jump", "fork", "begin", "end", "begin-above", "end-above")


def everything():
    return os.environ.get("HASTEN_MEMO_ALL", "") not in ("", "0")


def run(command, environment=None, **more):
    base = {name: value for name, value in os.environ.items() if not name.startswith("HASTEN_")}
    base.update(environment or {})
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=base, check=False,
                          timeout=200, **more)


def sources_of(options, source):
    """With the other parts of the program."""
    parts = [source, "memowork_values.c"] if source == "memowork.c" else [source]
    return [os.path.join(options.sources, part) for part in parts]


class Bench:
    """One compiled program, and its plan."""

    def __init__(self, options, name, compiler, source, flags, more=()):
        self.options = options
        self.program = os.path.join(options.work, name)
        self.plan = self.program + ".plan"
        self.data = self.program + ".data"
        done = run([compiler, *flags, *HOOKS, *sources_of(options, source), "-o", self.program, "-lm", *more])
        require(done.returncode == 0, "%s", done.stderr.decode())

    def names(self, pattern=r"[mx]_\w+$"):
        """Functions to be planned: as the debug information has them, or mangled."""
        lines = run(["nm", "-C", self.program]).stdout.decode().split("\n")
        found = {line.split(" ", 2)[2].split("(")[0] for line in lines if re.match(r"[0-9a-f]+ [tTwW] ", line)}
        return sorted(name for name in found if re.match(pattern, name))

    def write_plan(self, *more, names=None, plan=None):
        """The names that are in it."""
        if os.path.exists(self.plan + ".revoked"):
            os.unlink(self.plan + ".revoked")
        done = run([self.options.planwrite, "-o", plan or self.plan, *more, self.program, *(names or self.names())])
        require(done.returncode in (0, 1), "planwrite: %s", done.stderr.decode())
        said = done.stdout.decode()
        if self.options.verbose:
            print(said)
        return re.findall(r"^planned (\S+):", said, re.M)

    def plain(self, *arguments, **more):
        return run([self.program, *arguments], **more)

    def answered(self, *arguments, environment=None, prefix=(), **more):
        shutil.rmtree(self.data, ignore_errors=True)
        variables = {"LD_PRELOAD": self.options.preload, "HASTEN_PLAN": self.plan, "HASTEN_DATA": self.data, "HASTEN_RECORD": "0"}
        variables.update(environment or {})
        return run([*prefix, self.program, *arguments], {k: v for k, v in variables.items() if v is not None}, **more)

    def read(self):
        return memodata.read(self.data)


def same(plain, done, what):
    if done.stdout != plain.stdout:
        ours, theirs = done.stdout.split(b"\n"), plain.stdout.split(b"\n")
        at = next((i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
        raise Wrong("%s: line %d is %r, not %r" % (what, at + 1, ours[at:at + 2], theirs[at:at + 2]))
    require(done.returncode == plain.returncode, "%s: status %d, not %d: %s", what, done.returncode, plain.returncode,
            done.stderr.decode()[-300:])
    require(b"WRONG" not in done.stdout and b"LOST" not in done.stdout, "%s: a wrong result", what)


def name_of(compiler, source, flags):
    return re.sub(r"[^\w.-]", "_", "%s-%s%s" % (source.replace(".", "-"), compiler.replace("+", "x"), "".join(flags)))


def attempt(options, compiler, source, flags):
    try:
        bench = Bench(options, name_of(compiler, source, flags), compiler, source, flags)
    except Wrong:
        if not re.search(r"-flto|-march", " ".join(flags)):
            raise
        print("%s: does not compile here" % flags)
        return
    scenarios = bench.plain().stdout.decode().split("at exit")[0].split()
    hits = 0
    # `shadow` first: all is compared.
    for shadow, entries, environment in (("1000000", "64", {}), ("0", "4096", {}), ("0", "1", {}), ("2", "64", {"HASTEN_RECORD": "1"})):
        planned = bench.write_plan("--shadow", shadow, "--entries", entries)
        require(len(planned) >= 3, "%s: only %s can be planned", flags, planned)
        for scenario in scenarios:
            if scenario == "impure" and shadow == "0" or scenario == "deep" and environment:
                continue
            what = "%s --shadow %s --entries %s %s" % (scenario, shadow, entries, environment)
            variables = {"MEMOWORK_IMPURE": "1"} if shadow == "2" else {}
            plain = bench.plain(scenario)
            done = bench.answered(scenario, environment=dict(environment, **variables))
            same(plain, done, what)
            rows, counts = bench.read()
            hits += counts["hits"]
            require(rows, "%s: the data says nothing", what)
            require(counts["mismatched"] == 0 or scenario == "impure" or variables and "sandbox" in scenario, "%s: a stored result was another one: %s", what, rows)
            require(counts["hits"] > 0 or shadow != "0" or entries == "1" or scenario in NO_HITS,
                    "%s: nothing was answered: %s %s", what, counts, rows)
            if environment and shutil.os.path.isdir(bench.data):
                report = run([options.hasten, "report", "--json", bench.data])
                require(report.returncode in (0, 2) and report.stdout, "%s: report: %s", what, report.stderr.decode())
            if os.path.exists(bench.plan + ".revoked"):
                os.unlink(bench.plan + ".revoked")
    print("%-40s %d scenarios, %d functions, %d answered" % (" ".join([compiler, source] + flags), len(scenarios), len(planned), hits))


def steps(options):
    """Interrupted at each instruction."""
    bench = Bench(options, "memosteps", "gcc", "memosteps.c", ["-O2", "-mno-red-zone"])
    for shadow in ("0", "1000000"):
        planned = bench.write_plan("--entries", "1", "--shadow", shadow)
        require(planned == ["m_inner", "m_value"], "planned %s", planned)
        for action in STEPS:
            for kind, stride in (("hit", 5), ("miss", 37)):
                if shadow != "0" and kind == "miss":
                    continue
                done = bench.answered(action, kind, "1" if everything() else str(stride))
                _, counts = bench.read()
                require(done.returncode == 0, "%s %s: %s %s", action, kind, done.stdout.decode(), done.stderr.decode())
                require(counts["mismatched"] == 0, "%s %s: a stored result was another one", action, kind)
                require(shadow != "0" or counts["hits"] > 0, "nothing was answered")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("hasten", "preload", "planwrite", "sources", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("what", choices=("ways", "steps"))
    options = parser.parse_args()
    for name in ("hasten", "preload", "planwrite", "sources", "work"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    os.makedirs(options.work, exist_ok=True)
    if options.what == "ways":
        return ways.each(ALL if everything() else SELECTED, options.only, lambda *way: attempt(options, *way))
    try:
        steps(options)
    except Wrong as problem:
        print("FAIL", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
