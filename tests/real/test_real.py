#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the calls of a real program right?  test_real.py lua|sqlite --cache ... (see meson.build)

The program runs once with two libraries: an independent one that counts (tests/support/counthook.c)
and hasten's. Both see the same calls of the same process. Calls of every function, per thread and
per caller and callee must be equal, as the second decoder reads them from the trace; both decoders
must agree on every event; the rows of `hasten report` must have the same calls; the program's
output and status must be those of a run without any library. Profile mode: the same per function.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "decoder"))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import decode
import workload_sql

SKIP = 77
SHOWN = 12


class Failed(Exception):
    """A comparison that does not hold."""


def fetched(cache, name, *more):
    """(path of the program, 0), or (None, status) with the reason printed. `more`: options of fetch.py."""
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "fetch.py"), cache, name, *more],
        stdout=subprocess.PIPE,
        check=False,
    )
    text = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode:
        print(text or "fetch.py fails")
        return None, SKIP if done.returncode == SKIP else 1
    return text.split("\n")[-1], 0


def workload(name, where, size, threads=3):
    """(arguments, standard input) of the program. `threads`: helpers of SQLite's sorter."""
    if name == "lua":
        return [os.path.join(HERE, "workload.lua"), str(size)], None
    path = os.path.join(where, "script.sql")
    with open(path, "w", encoding="ascii") as handle:
        handle.write(workload_sql.script(600 * size, 2 * size, threads))
    return [os.path.join(where, "data.db")], path


def execute(program, arguments, stdin, environment):
    """Runs the program; its database, if it has one, is new each time."""
    for rest in ("", "-journal"):
        if stdin and os.path.exists(arguments[0] + rest):
            os.unlink(arguments[0] + rest)
    command = [program] + arguments
    fixed = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False)
    if fixed.returncode == 0:
        # The layout of memory is part of what a program computes with: hashes of addresses, say.
        command = ["setarch", "-R"] + command
    with open(stdin or os.devnull, "rb") as handle:
        done = subprocess.run(
            command,
            stdin=handle,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, **environment),
            check=False,
        )
    return done.returncode, done.stdout, done.stderr


def counted(path):
    """What the independent library wrote: {(tid, caller, callee): calls}."""
    pairs, doubts = collections.Counter(), {}
    with open(path, encoding="ascii") as handle:
        for line in handle:
            word = line.split()
            if word[0] == "p":
                pairs[int(word[1]), int(word[2], 16), int(word[3], 16)] += int(word[4])
            else:
                doubts[word[1]] = int(word[2])
    if any(doubts.values()):
        raise Failed("the independent library doubts its own counts: %s" % doubts)
    return pairs


def by(pairs, key):
    out = collections.Counter()
    for pair, calls in pairs.items():
        out[key(pair)] += calls
    return out


def symbols(program, bias):
    """{address in memory: name} from nm."""
    out = subprocess.run(["nm", program], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    names = {}
    for line in out.splitlines():
        word = line.split()
        if len(word) == 3 and word[1] in "tTwWiI":
            names[int(word[0], 16) + bias] = word[2]
    return names


def same(what, truth, found, names):
    """Compares two counters; Failed with the first differences."""
    wrong = sorted(key for key in set(truth) | set(found) if truth[key] != found[key])
    if not wrong:
        print("%s: %d rows, %d calls: equal" % (what, len(truth), sum(truth.values())))
        return
    lines = ["%s: %d of %d rows differ" % (what, len(wrong), len(truth))]
    for key in wrong[:SHOWN]:
        parts = key if isinstance(key, tuple) else (key,)
        text = " ".join(str(names.get(part, part)) for part in parts)
        lines.append("  %s: %d calls, the trace has %d" % (text, truth[key], found[key]))
    raise Failed("\n".join(lines))


def record(options, where, mode, arguments, stdin):
    """One run with both libraries; returns (true pairs, the trace files)."""
    data = os.path.join(where, mode)
    counts = os.path.join(where, mode + ".counts")
    plain = execute(options.program, arguments, stdin, {})
    both = execute(
        options.program,
        arguments,
        stdin,
        {
            "LD_PRELOAD": options.counthook + " " + options.preload,
            "COUNTHOOK_OUT": counts,
            # hasten measures its own cost by calls of the hooks.
            "COUNTHOOK_NOT": options.preload,
            "HASTEN_DATA": data,
            "HASTEN_MODE": mode,
            "HASTEN_LIMIT": "1G",
        },
    )
    if plain != both:
        raise Failed("the program's output or status changed: %r, %r" % (plain[::2], both[::2]))
    found = decode.files_of(data) if os.path.isdir(data) else []
    if not found:
        raise Failed("no trace was written")
    return counted(counts), [decode.File(path) for path in found], data


def check_report(options, data, truth, names):
    if not options.hasten:
        return
    done = subprocess.run(
        [options.hasten, "report", "-n", "0", "--json", data], stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise Failed("report ends with status %d" % done.returncode)
    rows = json.loads(done.stdout)["functions"]
    found = collections.Counter()
    for row in rows:
        found[row["name"]] += row["calls"]
    truth = by(truth, lambda pair: names.get(pair[2], hex(pair[2])))
    same("report, per function", truth, found, {})


def check(options, where):
    arguments, stdin = workload(options.name, where, options.size)
    truth, traces, data = record(options, where, "trace", arguments, stdin)
    # `setarch` has a file of its own.
    own = os.path.realpath(options.program).encode()
    bias = [module[1] for trace in traces for module in trace.modules if module[7] == own]
    names = symbols(options.program, bias[0]) if bias else {}
    found = collections.Counter()
    for trace in traces:
        found.update(decode.Counts(trace).pairs)
        if trace.notes:
            raise Failed("the trace is not complete: %s" % trace.notes[0])
    function = lambda pair: pair[2]
    thread = lambda pair: (pair[0], pair[2])
    same("trace, per function", by(truth, function), by(found, function), names)
    same("trace, per thread and function", by(truth, thread), by(found, thread), names)
    same("trace, per thread, caller and callee", truth, found, names)
    agree = [sys.executable, os.path.join(HERE, "..", "decoder", "agree.py")]
    if subprocess.run(agree + ["--dump", options.dump, data], check=False).returncode:
        raise Failed("the two decoders do not agree")
    check_report(options, data, truth, names)

    truth, traces, data = record(options, where, "profile", arguments, stdin)
    found = collections.Counter()
    for trace in traces:
        found.update(decode.Counts(trace).pairs)
    same("profile, per function", by(truth, function), by(found, function), names)
    check_report(options, data, truth, names)


def conclude(options, run_check):
    """Runs the check in a folder of its own; its exit status."""
    with tempfile.TemporaryDirectory() as where:
        try:
            run_check(options, where)
        except Failed as reason:
            print("FAIL: %s" % reason)
            return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=("lua", "sqlite"))
    parser.add_argument("--cache", required=True)
    parser.add_argument("--counthook", required=True)
    parser.add_argument("--preload", required=True)
    parser.add_argument("--hasten", help="without it the report is not looked at")
    parser.add_argument("--dump", required=True)
    parser.add_argument("--size", type=int, default=2)
    options = parser.parse_args()
    for path in ("counthook", "preload"):
        setattr(options, path, os.path.abspath(getattr(options, path)))
    options.program, status = fetched(options.cache, options.name)
    return conclude(options, check) if options.program is not None else status


if __name__ == "__main__":
    sys.exit(main())
