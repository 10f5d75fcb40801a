#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is the memory of a real program right?  test_memory.py lua|sqlite --cache ... (see meson.build)

The program runs with hasten, and below valgrind, with the same layout of memory. Blocks and bytes of
every place that asks for memory and of every call path must be those of DHAT, the blocks that are
left at the end those of memcheck, the peak of the program that of DHAT, and the peaks and all other
figures of each function those of an independent replay of the events. Profile mode: blocks and
bytes per function.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "hooks", "memory"))
# pylint: disable=wrong-import-position
import heap_replay
import test_real
import valgrind_heap
from test_real import SKIP, Failed

SHOWN = 12
# Lua is compiled so that the parts of a function stay its own: where the compiler joins the ends of inlined
# functions, or cuts one in two, valgrind's stacks name another one than was called.
BUILD = {
    "sqlite": [],
    "lua": [
        "--name",
        "lua-whole",
        "--flags",
        "-O2 -g -finstrument-functions -fno-partial-inlining -fno-crossjumping -fno-tree-tail-merge",
    ],
}
# SQLite without its own store of small blocks, and without helpers: the order of threads is not theirs below valgrind.
MORE = {"sqlite": ["-lookaside", "0", "0"], "lua": []}
# So many places and paths at least must be there to be compared, or the test has lost its object.
LEAST_PATHS = {"sqlite": 50, "lua": 30}


def compare(what, truth, found, least=1):
    """Two tables of {key: (blocks, bytes, blocks left, bytes left)}; Failed with the largest differences."""
    keys = set(truth) | set(found)
    pick = lambda table, key: tuple(table.get(key, (0, 0, 0, 0)))
    wrong = [key for key in keys if pick(truth, key) != pick(found, key)]
    size = lambda key: -max(pick(truth, key)[1], pick(found, key)[1])
    if wrong:
        lines = ["%s: %d of %d differ (blocks, bytes, both of what is left)" % (what, len(wrong), len(keys))]
        for key in sorted(wrong, key=size)[:SHOWN]:
            text = " > ".join(str(part) for part in key) if isinstance(key, tuple) else key
            lines.append("  %s: %s, hasten has %s" % (text, pick(truth, key), pick(found, key)))
        raise Failed("\n".join(lines))
    if len(keys) < least:
        raise Failed("%s: only %d, at least %d were to be compared" % (what, len(keys), least))
    blocks, size = (sum(pick(truth, key)[i] for key in keys) for i in (0, 1))
    print("%s: %d, %d blocks, %d bytes: equal" % (what, len(keys), blocks, size))


def equal(what, truth, found):
    if truth != found:
        raise Failed("%s: %s, hasten has %s" % (what, truth, found))
    print("%s: %s: equal" % (what, truth))


class Run:
    """One program with its workload: below hasten, and below valgrind."""

    def __init__(self, options, where, threads=0):
        self.options = options
        self.where = where
        self.arguments, self.stdin = test_real.workload(options.name, where, options.size, threads)
        self.arguments += MORE[options.name]
        fixed = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False)
        self.fixed = fixed.returncode == 0
        self.plain = self.execute({})

    def execute(self, environment):
        """(status, output, errors) of a run. Only the program itself has the environment: not `setarch`."""
        self.begin()
        command = ["env"] + ["%s=%s" % item for item in environment.items()]
        if self.fixed:
            command = ["setarch", "-R"] + command
        with open(self.stdin or os.devnull, "rb") as handle:
            done = subprocess.run(
                command + [self.options.program] + self.arguments,
                stdin=handle,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
            )
        return done.returncode, done.stdout, done.stderr

    def begin(self):
        """The database is new in each run."""
        for rest in ("", "-journal"):
            if self.stdin and os.path.exists(self.arguments[0] + rest):
                os.unlink(self.arguments[0] + rest)

    def record(self, mode):
        data = os.path.join(self.where, mode)
        both = self.execute(
            {
                "LD_PRELOAD": self.options.preload,
                "HASTEN_DATA": data,
                "HASTEN_MODE": "profile" if mode == "profile" else "trace",
                "HASTEN_LIMIT": "4G",
            }
        )
        if both != self.plain:
            raise Failed("the output or status changed: %r, %r" % (self.plain[::2], both[::2]))
        return data

    def memory(self, data):
        done = subprocess.run(
            [self.options.hasten, "memory", "--json", "--paths", data],
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise Failed("hasten memory ends with status %d" % done.returncode)
        return json.loads(done.stdout)

    def valgrind(self, function, *more):
        """Runs below valgrind; the same output must come."""
        self.begin()
        command = [self.options.program] + self.arguments
        status, text, result = function(command, self.stdin, self.where, *more)
        if (status, text) != self.plain[:2]:
            raise Failed("below valgrind the output or status changed: %d" % status)
        return result


def figures(row):
    return [row[name] for name in ("alloc_calls", "alloc_bytes", "leaked_blocks", "leaked_bytes")]


def add(table, key, values):
    table[key] = [a + b for a, b in zip(table[key], values)] if key in table else list(values)


def owner(row, program):
    """The name of a function of the program, else ""."""
    own = row["module"] and os.path.basename(row["module"]) == os.path.basename(program)
    return valgrind_heap.plain_name(row["name"]) if own else ""


def sites_of(memory, program):
    """{(owner, place): figures}: the place where the program's own code asks, as DHAT has it."""
    table = {}
    for site in memory["sites"]:
        module = site["call_module"]
        own = module and os.path.basename(module) == os.path.basename(program)
        place = "elsewhere"
        if own and site["call_file"]:
            place = "%s:%s" % (os.path.basename(site["call_file"]), site["call_line"])
        add(table, (owner(site, program), place), figures(site))
    return table


def functions_of(memory, program):
    table = {}
    for row in memory["functions"]:
        if row["alloc_calls"]:
            add(table, owner(row, program), figures(row))
    return table


def paths_of(memory, program):
    """{names, outermost first: figures}. A path's key has MODULE:FUNCTION for each of its functions."""
    table = {}
    for path in memory["paths"]:
        names = []
        for part in path["key"].split(";"):
            module, name = part.split(":", 1)
            if module == os.path.basename(program):
                names.append(valgrind_heap.plain_name(name))
        add(table, tuple(names), figures(path))
    return table


def owners(table):
    """{owner: figures} of a table of sites."""
    out = {}
    for (owner, _), values in table.items():
        add(out, owner, values)
    return out


def without_left(table):
    return {key: values[:2] + [0, 0] for key, values in table.items()}


def check_replay(data, memory):
    """All figures of every function, among them its own peak, from a replay of the events by time."""
    processes = heap_replay.load(data, os.path.join(HERE, "..", "decoder"))
    truth = {}
    for (module, name), values in heap_replay.functions(processes).items():
        if any(values.values()):
            truth[os.path.basename(module), valgrind_heap.plain_name(name)] = values
    found = {}
    for row in memory["functions"]:
        key = os.path.basename(row["module"] or ""), valgrind_heap.plain_name(row["name"])
        found[key] = {name: row[name] for name in heap_replay.FIELDS}
        if not any(found[key].values()):
            del found[key]
    wrong = sorted(key for key in set(truth) | set(found) if truth.get(key) != found.get(key))
    for key in wrong[:SHOWN]:
        one, two = truth.get(key, {}), found.get(key, {})
        names = [name for name in heap_replay.FIELDS if one.get(name) != two.get(name)]
        text = ", ".join("%s %s, hasten %s" % (n, one.get(n), two.get(n)) for n in names)
        print("  %s %s: %s" % (*key, text))
    if wrong or len(found) < 2:
        raise Failed("replay: %d of %d functions differ" % (len(wrong), len(truth)))
    print("replay: %d figures of each of %d functions: equal" % (len(heap_replay.FIELDS), len(found)))


def check_trace(run, where):
    options = run.options
    data = run.record("trace")
    memory = run.memory(data)
    if not memory["complete"]:
        raise Failed("the recording is not complete: %s" % memory.get("notes"))
    agree = [sys.executable, os.path.join(HERE, "..", "decoder", "agree.py"), "--dump", options.dump]
    if subprocess.run(agree + [data], check=False).returncode:
        raise Failed("the two decoders do not agree")

    truth = run.valgrind(valgrind_heap.dhat, {"LD_PRELOAD": options.split})
    if truth.doubtful:
        raise Failed("valgrind's stacks are too short for %d paths" % truth.doubtful)
    sites = sites_of(memory, options.program)
    compare("places", truth.sites, sites)
    compare("call paths", truth.paths, paths_of(memory, options.program), LEAST_PATHS[options.name])
    compare("owners", owners(truth.sites), functions_of(memory, options.program))
    total = memory["sum"]
    equal("blocks and bytes", truth.total(), figures(total))

    plain = run.valgrind(valgrind_heap.dhat)
    equal("the program's peak", plain.peak_bytes, total["peak_bytes"])
    left = run.valgrind(valgrind_heap.memcheck)
    equal(
        "left, and all, as memcheck has it",
        left,
        (total["leaked_blocks"], total["leaked_bytes"], total["alloc_calls"], total["alloc_bytes"]),
    )
    check_replay(data, memory)
    shutil.rmtree(data)
    return truth


def check_threads(options, where):
    """With helpers that allocate and free each other's blocks: only a replay of the same run knows."""
    run = Run(options, where, 3)
    data = run.record("threads")
    check_replay(data, run.memory(data))
    shutil.rmtree(data)


def check(options, where):
    run = Run(options, where)
    truth = check_trace(run, where)
    memory = run.memory(run.record("profile"))
    compare(
        "owners in profile mode",
        without_left(owners(truth.sites)),
        without_left(functions_of(memory, options.program)),
    )
    if options.name == "sqlite":
        check_threads(options, where)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=("lua", "sqlite"))
    parser.add_argument("--cache", required=True)
    parser.add_argument("--preload", required=True)
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--split", required=True, help="the library of splitrealloc.c")
    parser.add_argument("--size", type=int, default=1)
    options = parser.parse_args()
    options.preload = os.path.abspath(options.preload)
    options.split = os.path.abspath(options.split)
    if not valgrind_heap.available():
        print("SKIP: valgrind is not here, or cannot run a program (Debian packages valgrind, libc6-dbg)")
        return SKIP
    options.program, status = test_real.fetched(options.cache, options.name, *BUILD[options.name])
    return test_real.conclude(options, check) if options.program is not None else status


if __name__ == "__main__":
    sys.exit(main())
