#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten cache` against the log that the functions of a program keep of their own calls (calllog.h).

Per function: calls, keys, repeats, results, contradictions, and the whole miss-ratio curve must be what is reckoned here from the
log, hits by caches that throw out what was not used for longest, entry by entry. A function whose arguments cannot be read must have
no row; one that is inlined where they can and where they cannot must not have more than there was.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "decoder"))
# pylint: disable=wrong-import-position
import keys as hashes
import ways
from ways import Wrong, require

HOOKS = ["-finstrument-functions", "-g", "-w", "-pthread"]
C, CXX = ("gcc", "clang"), ("g++", "clang++")
MATRIX = [(compilers, source, [level]) for compilers, source in ((C, "cachelog.c"), (CXX, "cachelog.cc"))
          for level in ("-O0", "-O1", "-O2", "-O3")]
MATRIX += [(C, "cachelog.c", ["-O2", "-flto"]), (C, "cachelog.c", ["-O2", "-fno-pie", "-no-pie", "-gdwarf-4"])]
# So many functions must be compared in full, of 21 and 10.
LEAST = {"cachelog.c": 19, "cachelog.cc": 10}
# Functions that take or return pointers and references to what is not const, or return a place in a text that counts by its content.
WRITERS = ("bumped", "found", "behind", "shape::widened", "to_reference")
# Of these the keys that came most must be the hashes of the logged values: others have structures or content.
STRUCTURES = ("paired", "behind", "longer")

Call = collections.namedtuple("Call", "thread around result key")


def read_log(path):
    """function -> its calls in the order of their begin; `around`: place in the list of the call of the same function around it."""
    functions, place = collections.defaultdict(list), []
    with open(path, encoding="ascii") as handle:
        lines = [line.split() for line in handle]
    for name, thread, around, result, *values in lines:
        at = int(around)
        while at >= 0 and lines[at][0] != name:
            at = int(lines[at][2])
        place.append(len(functions[name]))
        functions[name].append(Call(int(thread), place[at] if at >= 0 else -1, result, tuple(values)))
    return functions


def cached(calls, entries, by_thread):
    """For each call: is it a hit of a cache that throws out what was not used for longest? Threads have their own, or share one."""
    caches = collections.defaultdict(collections.OrderedDict)
    hits = []
    for call in calls:
        cache = caches[call.thread if by_thread else 0]
        hits.append(call.key in cache)
        cache[call.key] = True
        cache.move_to_end(call.key)
        if len(cache) > entries:
            cache.popitem(last=False)
    return hits


def made(calls, hits):
    """(hits, lookups) where a call within a hit of the same function is not made."""
    covered = []
    for call in calls:
        covered.append(call.around >= 0 and (covered[call.around] or hits[call.around]))
    return sum(hit and not inner for hit, inner in zip(hits, covered)), len(calls) - sum(covered)


def reckoned(calls):
    """What must be said of a function, but for times."""
    latest, said = {}, collections.Counter()
    contradicting, last = set(), {}
    for call in calls:
        said["adjacent_repeats"] += last.get(call.thread) == call.key
        last[call.thread] = call.key
        said["recursive_calls"] += call.around >= 0
        if call.result == "-":
            continue
        said["results"] += 1
        before = latest.get(call.key)
        said["verified_repeats"] += before == call.result
        if before not in (None, call.result):
            said["result_changes"] += 1
            contradicting.add(call.key)
        latest[call.key] = call.result
    found = {"calls": len(calls), "keys": len({call.key for call in calls}), "threads": len({call.thread for call in calls})}
    found["repeats"] = found["calls"] - found["keys"]
    found["contradicting_keys"] = len(contradicting)
    for key in ("adjacent_repeats", "recursive_calls", "results", "verified_repeats", "result_changes"):
        found[key] = said[key]
    return found


def compare_curve(name, calls, row):
    by_thread = not row["shared"]
    for point in row["curve"]:
        hits = sum(cached(calls, point["entries"], by_thread))
        require(abs(point["hit_ratio"] - hits / len(calls)) < 2e-6, "%s: with %d entries %f of the calls are hits, not %f",
                name, point["entries"], point["hit_ratio"], hits / len(calls))
    groups = len({(call.thread if by_thread else 0, call.key) for call in calls})
    whole = (len(calls) - groups) / len(calls)
    require(row["curve"] and abs(row["curve"][-1]["hit_ratio"] - whole) < 2e-6, "%s: the curve ends at %s, not %f", name,
            row["curve"][-1:], whole)


def compare_plans(name, calls, row):
    """The proposed caches, unless other rows have part of what they save. How many were compared."""
    if row["gain_ns"] != row["gain_alone_ns"]:
        return 0
    compared = 0
    for field, by_thread in (("per_thread_cache", True), ("shared_cache", False)):
        if row[field] is not None:
            plan = row[field]
            hits = made(calls, cached(calls, plan["entries"], by_thread))
            require(hits == (plan["hits"], plan["lookups"]), "%s: %s with %d entries: %d hits of %d lookups, not %s", name, field,
                    plan["entries"], plan["hits"], plan["lookups"], hits)
            compared += 1
    return compared


def compare_keys(name, calls, row):
    counts = collections.Counter(hashes.pieces(*(int(value, 16) for value in call.key)) for call in calls)
    for key in row["top_keys"]:
        require(counts[int(key["key"], 16)] == key["calls"], "%s: key %s has %d calls, not %d", name, key["key"],
                key["calls"], counts[int(key["key"], 16)])
    most = [count for _, count in counts.most_common(len(row["top_keys"]))]
    require([key["calls"] for key in row["top_keys"]] == most, "%s: the keys that came most: %s, not %s", name, row["top_keys"], most)


def compare(name, calls, row, with_results):
    truth = reckoned(calls)
    require(row["may_write"] == (name in WRITERS), "%s: may_write is %s", name, row["may_write"])
    require((row["verdict"] == "worth it") <= (name not in WRITERS), "%s: %s", name, row["verdict"])
    if name == "bumped":
        require(row["verdict"] == "worth it if nothing changes behind its pointers", "%s: %s", name, row["verdict"])
    if not with_results:
        for field in ("results", "verified_repeats", "result_changes", "contradicting_keys"):
            truth[field] = 0
    for field, value in truth.items():
        require(row[field] == value, "%s: %s is %d, not %d", name, field, row[field], value)
    compare_curve(name, calls, row)
    if name not in STRUCTURES:
        compare_keys(name, calls, row)
    return compare_plans(name, calls, row)


class Places:
    """Of which functions all, some or no arguments can be read, and results."""

    def __init__(self, told):
        self.enters, self.exits = collections.defaultdict(set), collections.defaultdict(set)
        for function in told["functions"]:
            name = plain(function["name"])
            for site in function["sites"]:
                # Where an exception leaves by it there is no result, and none is logged.
                if site["reason"] == "unwinds":
                    continue
                if site["hook"] == "exit":
                    self.exits[name].add(site["type"] != "void" and not site["reason"])
                else:
                    self.enters[name].add(site["complete"])

    def all_arguments(self, name):
        return self.enters[name] == {True}

    def no_arguments(self, name):
        return True not in self.enters[name]

    def results(self, name):
        """True, False, or None: of some calls."""
        return True if self.exits[name] == {True} else False if True not in self.exits[name] else None


def plain(name):
    """Without parameters; None: it has no name."""
    return name and re.sub(r"\(.*", "", name)


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        raise Wrong("%s: status %d: %s" % (" ".join(command), done.returncode, done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


def record(options, program):
    data, log = program + ".data", program + ".log"
    shutil.rmtree(data, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HASTEN_")}
    environment["XDG_CACHE_HOME"] = os.path.join(options.work, "store")
    run([options.hasten, "run", "-q", "--args", "-o", data, "--", program, log], env=environment)
    return json.loads(run([options.hasten, "cache", "--json", "-n", "0", data])), read_log(log)


def check(options, program, source):
    """(functions compared in full, in part, caches compared)"""
    places = Places(json.loads(run([options.hasten, "info", "--args", program, "--json"])))
    told, log = record(options, program)
    require(told["complete"], "the figures are not complete: %s", told)
    rows = {plain(row["name"]): row for row in told["functions"]}
    full = part = plans = 0
    for name, calls in sorted(log.items()):
        row = rows.get(name)
        if places.no_arguments(name):
            require(row is None, "%s: its arguments cannot be read, but it has a row", name)
        elif not places.all_arguments(name) or places.results(name) is None:
            require(row is None or row["calls"] <= len(calls) and row["keys"] <= len({call.key for call in calls}),
                    "%s: more than there was", name)
            part += 1
        else:
            require(row is not None, "%s: there is no row", name)
            plans += compare(name, calls, row, places.results(name))
            full += 1
    require(len(log) >= LEAST[source], "only %d functions have a log", len(log))
    return full, part, len(log), plans


def attempt(options, compiler, source, flags):
    name = "%s-%s%s" % (source.replace(".", "-"), compiler.replace("+", "x"), "".join(flags).replace("-", "_"))
    program = os.path.join(options.work, name)
    try:
        run([compiler] + flags + HOOKS + [os.path.join(options.sources, source), "-o", program])
    except Wrong:
        # -flto needs what not every machine has; without it it must compile.
        if "-flto" not in flags:
            raise
        print("%-40s skipped: does not compile here" % name)
        return
    full, part, all_of_them, plans = check(options, program, source)
    print("%-40s %d functions compared, %d of them in part, %d without arguments; %d caches" %
          (name, full + part, part, all_of_them - full - part, plans))
    if compiler in ("gcc", "g++") or flags == ["-O0"]:
        require(full >= LEAST[source], "too few functions could be compared")
    require(plans >= full // 2, "too few caches could be compared")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("hasten", "sources", "work"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    return ways.each(MATRIX, options.only, lambda *way: attempt(options, *way))


if __name__ == "__main__":
    sys.exit(main())
