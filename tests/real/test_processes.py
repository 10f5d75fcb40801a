#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the processes of a real build right?  test_processes.py --cache DIR --hasten PROGRAM

`./configure && make` of zlib, from its Debian source package, and a script that starts processes by the tools and languages that are here
run once under `hasten run` and strace at the same time. What strace
saw must be what `hasten processes --json` has: the images with their arguments, the processes with their last arguments and
exit statuses or signals, and the paths that could not be executed, those of searches through PATH among them.
"""

import argparse
import ast
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import fetch

SKIP = 77
SHOWN = 10
# A build of zlib has hundreds of processes, a broken comparison may have none.
LEAST = 100
BUILD = ("/bin/sh", "-c", "./configure && make")
SCRIPT = ("/bin/sh", "tools.sh")

# Each with the command that has to be there.
TOOLS = (
    ("gcc", "echo 'int main(void) { return 0; }' > a.c; gcc a.c -o prog && ./prog"),
    ("g++", "cp a.c a.cc; g++ a.cc -o prog2 && ./prog2"),
    ("clang", "clang a.c -o prog3 && ./prog3"),
    ("python3", """python3 -c 'import subprocess, os
subprocess.run(["./prog"])
subprocess.run("./prog; exit 3", shell=True)
os.system("./prog")'"""),
    ("perl", """perl -e 'system("./prog"); my $x = `./prog`; system("./prog", "x"); exit 0'"""),
    ("node", """node -e 'const c = require("child_process"); c.execFileSync("./prog"); c.execSync("./prog");
try { c.execFileSync("./none") } catch (e) { }'"""),
    ("bash", "bash -c './prog | ./prog; (exec ./prog); nonexistent-tool; true'"),
    ("ninja", """printf 'rule c\n  command = gcc -c $in -o $out\nbuild a.o: c a.c\n' > build.ninja; ninja"""),
    ("make", """printf 'all: ; @./prog; ./prog && env FOO=1 ./prog\n' > Makefile; make"""),
    ("sh", "kill -9 $$"),
)

LINE = re.compile(rb"^(\d+) +(.*)$")
UNFINISHED = re.compile(rb"^(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(rb"^<\.\.\. (\w+) resumed>(.*)$")
EXEC = re.compile(rb"^execve(?:at)?\((?:AT_FDCWD, )?(\".*?\"), \[(.*?)\], (?:0x|\[).*\)\s+= (-?\d+)(?: (\w+))?")
# Threads have no process of their own.
CHILD = re.compile(rb"^(?!.*CLONE_THREAD)(?:clone|clone3|fork|vfork)\(.*\)\s+= (\d+)")
EXITED = re.compile(rb"^\+\+\+ exited with (\d+) \+\+\+$")
KILLED = re.compile(rb"^\+\+\+ killed by (SIG\w+)")


class Failed(Exception):
    """A comparison that does not hold."""


def text_of(quoted):
    """A string as strace writes it."""
    return ast.literal_eval("b" + quoted.decode("latin-1")).decode("utf-8", "surrogateescape")


def as_run(path, argv, tree):
    """The arguments that a program sees: the kernel puts the interpreter of a script before them."""
    try:
        with open(os.path.join(tree, path), "rb") as handle:
            first = handle.readline()
    except OSError:
        return argv
    if not first.startswith(b"#!"):
        return argv
    words = first[2:].decode("utf-8", "surrogateescape").strip().split(None, 1)
    return (*words, path, *argv[1:])


def list_of(inside):
    return tuple(text_of(part) for part in re.findall(rb'"(?:[^"\\]|\\.)*"', inside))


class Strace:
    """What an output file of strace says of the program and all that it started, not of the launcher."""

    def __init__(self, path, command, tree):
        self.command = command
        self.tree = tree
        self.root = None
        self.images = collections.Counter()
        self.failed = collections.Counter()
        self.ends = {}
        self.last = {}
        self.parent = {}
        self.pending = {}
        with open(path, "rb") as handle:
            for line in handle:
                found = LINE.match(line.rstrip(b"\n"))
                if found:
                    self.take(int(found.group(1)), found.group(2))

    def take(self, pid, rest):
        unfinished = UNFINISHED.match(rest)
        if unfinished:
            self.pending[pid] = unfinished.group(1)
            # The child of vfork runs before its parent's call returns.
            return
        resumed = RESUMED.match(rest)
        if resumed:
            rest = self.pending.pop(pid, b"") + resumed.group(2)
        self.call(pid, rest)

    def call(self, pid, rest):
        found = EXEC.match(rest)
        if found and found.group(3) == b"0":
            argv = as_run(text_of(found.group(1)), list_of(found.group(2)), self.tree)
            self.last[pid] = argv
            self.images[pid, argv] += 1
            if argv == self.command:
                self.root = pid
        elif found:
            self.failed[pid, text_of(found.group(1)), found.group(4).decode()] += 1
        found = CHILD.match(rest)
        if found:
            self.parent[int(found.group(1))] = pid
        found = EXITED.match(rest)
        if found:
            self.ends[pid] = int(found.group(1)), 0
        found = KILLED.match(rest)
        if found:
            self.ends[pid] = None, signal.Signals[found.group(1).decode()].value

    def program_of(self, pid):
        while pid not in self.last and pid in self.parent:
            pid = self.parent[pid]
        return self.last.get(pid)

    def below(self, pid):
        while pid != self.root and pid in self.parent:
            pid = self.parent[pid]
        return pid == self.root

    def processes(self):
        return collections.Counter(
            (self.program_of(pid), *end) for pid, end in self.ends.items() if self.below(pid)
        )

    def programs(self):
        out = collections.Counter()
        for (pid, argv), count in self.images.items():
            if self.below(pid):
                out[argv] += count
        return out

    def failures(self):
        out = collections.Counter()
        for (pid, path, error), count in self.failed.items():
            if self.below(pid):
                out[path, error] += count
        return out


def ours(data):
    """The same three from `hasten processes --json`."""
    rows = data["processes"]
    ran = [row for row in rows if row["began_by"] != "fork"]
    programs = collections.Counter(tuple(row["argv"]) for row in ran)
    last = [row for row in rows if row["next"] is None]
    processes = collections.Counter(
        (tuple(row["argv"]), row["exit_status"], row["signal"] or 0) for row in last
    )
    tried = collections.Counter(path for row in rows for path in row["path_probes"] or [])
    return programs, processes, tried


def compare(name, expected, found):
    problems = []
    for key in sorted(set(expected) | set(found), key=repr):
        if expected[key] != found[key]:
            problems.append("%d by strace, %d by hasten: %r" % (expected[key], found[key], key))
    if problems:
        more = len(problems) - SHOWN
        rest = ["... and %d more" % more] if more > 0 else []
        raise Failed("\n  ".join(["%s differ:" % name] + problems[:SHOWN] + rest))
    print("%s: %d, %d different, all equal" % (name, sum(expected.values()), len(expected)))


def record(hasten, command, tree, where, status):
    out, data = os.path.join(where, "strace.out"), os.path.join(where, "data")
    words = ["strace", "-f", "-v", "-s", "1000000", "-e", "trace=process", "-o", out]
    words += [hasten, "run", "-q", "-o", data, "--", *command]
    done = subprocess.run(
        words, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False,
    )
    if done.returncode != status:
        last = done.stdout.decode("utf-8", "replace").strip().split("\n")[-5:]
        raise Failed("%s ends with status %d: %s" % (command[-1], done.returncode, " / ".join(last)))
    return out, data


def check(hasten, command, tree, where, least, status=0):
    out, data = record(hasten, command, tree, where, status)
    seen = Strace(out, command, tree)
    done = subprocess.run([hasten, "processes", "--json", data], stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failed("hasten processes ends with status %d" % done.returncode)
    found = json.loads(done.stdout.decode("utf-8", "surrogateescape"))
    programs, processes, tried = ours(found)
    if sum(seen.programs().values()) < least:
        raise Failed("strace saw %d programs only" % sum(seen.programs().values()))
    compare("programs", seen.programs(), programs)
    compare("processes", seen.processes(), processes)
    failures = collections.Counter()
    for (path, _), count in seen.failures().items():
        failures[path] += count
    # One that ended a process is among the vain tries of its row, too.
    for row in found["exec_failures"]:
        if row["file"] not in (found["processes"][row["id"]]["path_probes"] or []):
            tried[row["file"]] += 1
    compare("failed attempts", failures, tried)
    if not found["complete"]:
        raise Failed("the recording is called incomplete: %r" % found["notes"])


def check_tools(hasten, where):
    """Ends by a signal, with which `hasten run` ends in its way."""
    here = [line for name, line in TOOLS if shutil.which(name)]
    tree = os.path.join(where, "tools")
    os.mkdir(tree)
    with open(os.path.join(tree, "tools.sh"), "w", encoding="ascii") as script:
        script.write("\n".join(here) + "\n")
    check(hasten, SCRIPT, tree, tree, len(here), 128 + signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--hasten", required=True)
    options = parser.parse_args()
    hasten = os.path.abspath(options.hasten)
    if not shutil.which("strace"):
        print("SKIP: strace is not here (Debian package strace)")
        return SKIP
    cache = os.path.abspath(options.cache)
    os.makedirs(cache, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as where:
            check_tools(hasten, where)
            tree = os.path.join(where, "zlib")
            shutil.copytree(fetch.fetch(cache, "zlib"), tree, symlinks=True)
            check(hasten, BUILD, tree, where, LEAST)
    except fetch.Unavailable as reason:
        print("SKIP: %s" % reason)
        return SKIP
    except Failed as reason:
        print("FAIL: %s" % reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
