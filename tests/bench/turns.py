# SPDX-License-Identifier: Apache-2.0
"""What several parts of the benchmark share: variants by turns, whole commands with all their processes, A/A."""

import os
import statistics
import subprocess
import sys
import time


AA_LIMIT = 0.03


class Part:
    """Targets of a module; `bench` is the Bench they belong to, `broken` its exception."""

    def __init__(self, bench, broken, say):
        self.bench = bench
        self.broken = broken
        self.say = say

    def compile(self, _cc, _call, _here):
        """Most programs are there, or are made when they are needed."""


def by_turns(bench, target, names, once, rounds=None, pinned=True):
    """A row for each round: what `once(variant)` gives, in another order every time. `none2` is `none` once more."""
    rounds = min(bench.options.rounds, rounds or bench.options.rounds)
    sys.stderr.write("bench: %s: %d rounds of %s\n" % (target, rounds, " ".join(names)))
    rows = []
    for number in range(rounds):
        bench.cpu = bench.calmest() if pinned else None
        row = {}
        for i in range(len(names)):
            variant = names[(i + number) % len(names)]
            row[variant] = once(variant.rstrip("2"))
            value = row[variant] if isinstance(row[variant], dict) else {"value": row[variant]}
            bench.record(target=target, variant=variant, round=number, **value)
        rows.append(row)
    bench.cpu = None
    return rows


def even(pairs, limit=AA_LIMIT):
    """Do two equal variants give equal values?"""
    return abs(statistics.median(b / a for a, b in pairs) - 1) <= limit


def without_hasten(**more):
    """The environment without anything that is meant for hasten, and with these variables."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_") and k != "LD_PRELOAD"}
    env.update(more)
    return env


def stay_on(cpu):
    """For preexec_fn: the command and all that it starts run on this CPU; None: anywhere."""
    return (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None


def whole(bench, broken, command, env=None):
    """Elapsed and CPU time (user and system) of a command with all processes that it waited for, and its output."""
    start = time.monotonic_ns()
    with subprocess.Popen(
        command, env=env or without_hasten(), cwd=bench.work, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=stay_on(bench.cpu),
    ) as process:
        out = process.stdout.read()
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic_ns() - start
    if process.returncode:
        text = errors.decode("utf-8", "replace").strip().split("\n")[-1]
        raise broken("%s ends with status %d: %s" % (command[0], process.returncode, text))
    spent = round((usage.ru_utime + usage.ru_stime) * 1e9)
    return {"wall_ns": took, "cpu_ns": spent}, out


def captured(broken, command, env=None, cpu=None):
    """Standard output of a command that must succeed; on one CPU, if that is given."""
    done = subprocess.run(
        command, env=env or without_hasten(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, preexec_fn=stay_on(cpu),
    )
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise broken("%s ends with status %d: %s" % (" ".join(command[:3]), done.returncode, text))
    return done.stdout
