#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the hooks read by the plan is what the program says it passed and got.

Programs with known arguments are compiled in many ways; a preload reads the pieces of the plan at each
hook and logs them between the program's own words. Every value that is read must be the right one, a
site with an unreadable argument must not be in the plan, and enough must be readable.
"""

import argparse
import bisect
import json
import os
import re
import subprocess
import sys

import ways
from ways import Wrong

HOOKS = ["-finstrument-functions", "-g", "-w"]
# (compilers, source, flags, least share of calls whose arguments are read, of results)
C = ("gcc", "clang")
CXX = ("g++", "clang++")
MATRIX = [
    (C, "truth.c", ["-O0"], 0.9, 0.88), (C, "truth.c", ["-O0", "-gdwarf-4"], 0.9, 0.88),
    (C, "truth.c", ["-O0", "-fomit-frame-pointer"], 0.9, 0.88),
    (C, "truth.c", ["-O0", "-fstack-protector-all"], 0.9, 0.88),
    (C, "truth.c", ["-O1"], 0.6, 0.4), (C, "truth.c", ["-Og"], 0.6, 0.4), (C, "truth.c", ["-Os"], 0.6, 0.4),
    (C, "truth.c", ["-O2", "-gdwarf-4"], 0.6, 0.4), (C, "truth.c", ["-O2", "-gdwarf-5"], 0.6, 0.4),
    (C, "truth.c", ["-O3"], 0.6, 0.4), (C, "truth.c", ["-O2", "-fno-omit-frame-pointer"], 0.6, 0.4),
    (C, "truth.c", ["-O2", "-fcf-protection"], 0.6, 0.4), (C, "truth.c", ["-O2", "-fno-plt"], 0.6, 0.4),
    (C, "truth.c", ["-O2", "-fstack-protector-all"], 0.6, 0.3),
    (C, "truth.c", ["-O2", "-fno-pie", "-no-pie"], 0.6, 0.4),
    (C, "truth.c", ["-O2", "-ffunction-sections", "-gdwarf-4"], 0.6, 0.4),
    (C, "truth.c", ["-O2", "-flto"], 0.5, 0.4), (C, "truth.c", ["-O2", "-march=x86-64-v3"], 0.6, 0.4),
    (C, "truth.c", ["-O3", "-fomit-frame-pointer", "-gdwarf-4"], 0.6, 0.4),
    (C, "truth.c", ["-O0", "-fPIC", "-shared"], 0.9, 0.88), (C, "truth.c", ["-O2", "-fPIC", "-shared"], 0.6, 0.4),
    (CXX, "truth.cc", ["-O2", "-fPIC", "-shared"], 0.6, 0.4), (CXX, "truth.cc", ["-O1", "-gdwarf-5"], 0.6, 0.4),
    (CXX, "truth.cc", ["-O2", "-flto"], 0.5, 0.4), (CXX, "truth.cc", ["-O2", "-fno-pie", "-no-pie"], 0.6, 0.4),
    (CXX, "truth.cc", ["-O0"], 0.8, 0.8), (CXX, "truth.cc", ["-O2"], 0.6, 0.4),
    (CXX, "truth.cc", ["-O2", "-gdwarf-4", "-fcf-protection"], 0.6, 0.4), (CXX, "truth.cc", ["-O3", "-fno-plt"], 0.6, 0.4),
]


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def starter(options, compiler, source, library):
    """A program without hooks that calls what was main of a library."""
    program = library + "-start"
    text = "%sint truth_main(void); int main(void) { return truth_main(); }\n" % ('extern "C" ' if source.endswith("cc") else "")
    path = program + os.path.splitext(source)[1]
    with open(path, "w", encoding="ascii") as handle:
        handle.write(text)
    status, text = run([compiler, path, library, "-Wl,-rpath," + options.work, "-o", program])
    if status != 0:
        raise Wrong("the starter of %s: %s" % (library, text))
    return program


def record(options, described_file, program):
    """The lines that program and preload wrote. The plan is that of the program, or of the library that it calls."""
    name = described_file
    plan = name + ".plan"
    status, text = run([options.argsplan, described_file, plan])
    if status != 0:
        raise Wrong("argsplan: " + text)
    log = name + ".log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        os.dup2(descriptor, 9)
        environment = dict(os.environ, LD_PRELOAD=options.argsread, ARGS_PLAN=plan)
        status, text = run([program], env=environment, pass_fds=(9,))
    finally:
        os.close(descriptor)
    if status != 0:
        raise Wrong("%s ended with %d: %s" % (program, status, text))
    with open(log, encoding="ascii") as handle:
        return [line.rstrip("\n").split(" ") for line in handle]


def described(options, program):
    status, text = run([options.hasten, "info", "--args", program, "--json"])
    if status != 0:
        raise Wrong("info --args: " + text)
    return json.loads(text)


class Check:
    def __init__(self, info):
        self.names = {}
        self.sites = {}
        self.void = set()
        for function in info["functions"]:
            self.names.setdefault(function["name"], set()).add(function["address"][2:])
            for site in function["sites"]:
                self.sites[site["return"][2:]] = site
                if site["hook"] == "exit" and site["type"] == "void":
                    self.void.add(function["name"])
        self.inlined = self.read_inlined = self.calls = self.read = self.results = self.read_results = 0
        self.unread, self.seen = {}, []

    def enter(self, name, expected, event):
        _, ret, _, got = event
        site = self.sites.get(ret)
        if site is None:
            raise Wrong("%s: the hook that returns to %s was not found in the file" % (name, ret))
        if (got != "-") != site["complete"]:
            raise Wrong("%s at %s: in the plan %s, but complete is %s" % (name, ret, got, site["complete"]))
        self.calls += not site["inlined"]
        self.inlined += site["inlined"]
        if got == "-":
            self.unread.setdefault(name, [a["reason"] for a in site["arguments"]] + [site["reason"]])
            return
        self.seen.append((name, ret))
        self.read += not site["inlined"]
        self.read_inlined += site["inlined"]
        if got != expected:
            raise Wrong("%s at %s: passed %s, read %s as %s" % (name, ret, expected, got, json.dumps(site)))

    def exit(self, name, expected, event):
        _, ret, _, got = event
        if name in self.void:
            return
        self.results += 1
        if got == "-":
            self.unread.setdefault(name + "()", self.sites.get(ret, {}).get("reason"))
            return
        self.read_results += 1
        if got != expected:
            raise Wrong("%s at %s: returned %s, read %s as %s"
                        % (name, ret, expected, got, json.dumps(self.sites.get(ret))))

    def follow(self, lines):
        """Each word of the program: the next enter, or the last exit, of that function."""
        for at, line in enumerate(lines):
            if line[0] == "C":
                found = [l for l in lines[at + 1:at + 4] if l[0] == "E" and l[2] in self.names.get(line[1], ())]
                if found:
                    self.enter(line[1], line[2], found[0])
            elif line[0] == "R":
                found = [l for l in lines[max(0, at - 4):at] if l[0] == "X" and l[2] in self.names.get(line[1], ())]
                if found:
                    self.exit(line[1], line[2], found[-1])


def special(program, check):
    """Enter hooks that were read: in parts that the compiler put elsewhere, and of functions inlined into themselves."""
    status, text = run(["nm", program])
    if status != 0:
        raise Wrong("nm: " + text)
    symbols = sorted((int(word[0], 16), word[2]) for word in (line.split() for line in text.split("\n"))
                     if len(word) == 3 and word[1] in "tTwW")
    cold = own = 0
    for name, ret in check.seen:
        inside = symbols[bisect.bisect(symbols, (int(ret, 16), "~")) - 1][1]
        cold += ".cold" in inside
        own += inside.split(".")[0] == name and check.sites[ret]["inlined"]
    return cold, own


def attempt(options, compiler, source, flags, least):
    name = "%s-%s%s" % (source.replace(".", "-"), compiler.replace("+", "x"), "".join(flags).replace("-", "_"))
    program = start = os.path.join(options.work, name)
    command = [compiler] + flags + HOOKS + [os.path.join(options.sources, source), "-o", program]
    if "-shared" in flags:
        command.append("-Dmain=truth_main")
    status, text = run(command)
    if status != 0:
        # -flto and -march need what not every machine has; without them it must compile.
        if not re.search(r"-flto|-march", " ".join(flags)):
            raise Wrong("%s: %s" % (" ".join(command), text))
        print("%-45s skipped: does not compile here" % name)
        return
    if "-shared" in flags:
        start = starter(options, compiler, source, program)
    check = Check(described(options, program))
    check.follow(record(options, program, start))
    cold, own = special(program, check)
    share = check.read / max(check.calls, 1)
    results = check.read_results / max(check.results, 1)
    print("%-45s arguments of %d of %d calls, %d of %d inlined ones, %d of %d results; %d in cold parts, %d in themselves"
          % (name, check.read, check.calls, check.read_inlined, check.inlined, check.read_results, check.results, cold, own))
    if options.verbose:
        print("   ", json.dumps(check.unread))
    if compiler == "gcc" and check.inlined > 0 and check.read_inlined == 0:
        raise Wrong("no argument of an inlined instance was read: %s" % json.dumps(check.unread))
    if compiler == "gcc" and flags[0] in ("-O2", "-O3") and cold == 0 or compiler == "gcc" and flags[0] == "-O3" and own == 0:
        raise Wrong("no hook was called in a part apart, or in a function inlined into itself")
    if check.calls < 20 or check.results < 15:
        raise Wrong("too few calls were seen")
    if share < least[0] or results < least[1]:
        raise Wrong("arguments of %.0f %% (at least %.0f), results %.0f %% (at least %.0f): %s"
                    % (share * 100, least[0] * 100, results * 100, least[1] * 100, json.dumps(check.unread)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("hasten", "argsplan", "argsread", "sources", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    for name in ("hasten", "argsplan", "argsread"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    os.makedirs(options.work, exist_ok=True)
    return ways.each(MATRIX, options.only, lambda compiler, source, flags, *least: attempt(options, compiler, source, flags, least))


if __name__ == "__main__":
    sys.exit(main())
