#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program mem_* of tests/workloads with and without hasten and compares.

Output and status must be the same; what each function owns must be what memtable.py says; and
every figure of `hasten memory --json` must be that of heap_replay.py, which works from the events
of the second decoder. `memtest.py --list` prints "case variant" lines for meson.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
# pylint: disable=wrong-import-position
import heap_replay
from hooktest import (HOMES, SKIP, Failure, Run, Skipped, ask, conclude, finish, list_cases,
                      read_truth, require, shell_status, short_name)
from memtable import CASES

JEMALLOC = ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2",
            "/usr/lib/libjemalloc.so.2")
# Of which the order of what happens at once in several threads decides.
ORDER = ("peak_bytes", "peak_blocks", "at_peak_bytes", "at_peak_blocks")


class Tester:
    def __init__(self, options, case):
        self.options = options
        self.case = case
        self.base = tempfile.mkdtemp(prefix="hasten-test-")
        self.hooks = not options.variant.startswith("plain")

    def command(self):
        variant = "-" + self.options.variant if self.options.variant else ""
        program = os.path.join(self.options.programs, "mem_" + self.case.args[0] + variant)
        rest = [a.format(dir=self.options.programs, variant=variant) for a in self.case.args[1:]]
        return [program, *rest]

    def jemalloc(self):
        for path in JEMALLOC:
            if os.path.exists(path):
                return path
        raise Skipped("no jemalloc here (Debian: libjemalloc2)")

    def execute(self, name, prefix, variables):
        folder = os.path.join(self.base, name)
        truth = os.path.join(self.base, name + ".truth")
        os.mkdir(folder)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        environment.update(variables)
        environment["WORKLOAD_TRUTH"] = truth
        before = None
        if self.case.home:
            folder, before = HOMES[self.case.home](folder)
        done = finish([*prefix, *self.command()], folder, environment, before, self.case.timeout)
        return Run(*done, read_truth(truth))

    def plain(self):
        variables = {"LD_PRELOAD": self.jemalloc()} if self.case.jemalloc else {}
        return self.execute("plain", [], variables)

    def record(self, way):
        """Runs the program under hasten; returns what it did and its data directory or None."""
        variables = {}
        prefix = []
        data = os.path.join(self.base, way, "hasten.data")
        if way == "preload":
            libraries = [self.options.preload]
            if self.case.jemalloc:
                libraries.insert(self.case.jemalloc == "after", self.jemalloc())
            variables = dict(self.case.variables, LD_PRELOAD=":".join(libraries))
        else:
            mode = "profile" if way == "profile" else "trace"
            prefix = [self.options.hasten, "run", f"--mode={mode}", "-o", data,
                      *self.case.options, "--"]
            if self.case.jemalloc:
                # The launcher puts itself before what is preloaded anyway.
                variables = {"LD_PRELOAD": self.jemalloc()}
        run = self.execute(way, prefix, variables)
        return run, data if os.path.isdir(data) else None

    def close(self):
        if self.options.keep:
            print(f"kept: {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)


def wanted_of(tester, truth, way):
    """function -> field -> (low, high)"""
    case = tester.case
    owners = dict(case.owners)
    if not tester.hooks:
        owners.update(case.plain)
        owners = {name: fields for name, fields in owners.items() if fields is not None}
    wanted = {}
    for name, fields in owners.items():
        wanted[name] = {field: (value, value) for field, value in fields.items()}
        if not tester.hooks:
            for field in ("temporary_blocks", "temporary_bytes"):
                wanted[name].pop(field, None)
    if case.tells:
        require(truth, "the program did not say what it did")
        short = {"allocs": "alloc_calls", "bytes": "alloc_bytes", "frees": "freed_blocks",
                 "foreign": "foreign_freed_blocks", "moved": "moved_calls"}
        for key, value in truth.items():
            name, field = key.rsplit(".", 1)
            wanted[name][short.get(field, field)] = value
    if way == "profile" or case.counted:
        keep = ("alloc_calls", "alloc_bytes", "freed_blocks", "freed_bytes", "leaked_blocks",
                "leaked_bytes")
        wanted = {name: {f: v for f, v in fields.items() if f in keep}
                  for name, fields in wanted.items()}
    return wanted


def name_of(row):
    """Names of one string class, as two tools write them."""
    name = short_name(row["name"])
    return "basic_string" if "basic_string" in name else name


def is_own(module):
    """True for the files that a test builds."""
    return os.path.basename(module).startswith(("mem_", "libmem_"))


def add_up(rows):
    """Rows of one short name as one; peaks of several are not those of the sum, so the greatest."""
    found = collections.defaultdict(collections.Counter)
    for row in rows:
        name = name_of(row)
        for field, value in row.items():
            if isinstance(value, int):
                if field in ORDER:
                    found[name][field] = max(found[name][field], value)
                else:
                    found[name][field] += value
    return found


def compare_truth(wanted, loose, rows, source):
    found = add_up([row for row in rows if is_own(row.get("module") or "")])
    wrong = []
    for name, fields in sorted(wanted.items()):
        for field, (low, high) in fields.items():
            if not low <= found[name][field] <= high:
                say = low if low == high else (low, high)
                wrong.append(f"  {name}: {field} {found[name][field]}, not {say}")
    for name in sorted(found):
        busy = found[name]["alloc_calls"] or found[name]["failed_calls"]
        if busy and name not in wanted and name not in loose:
            wrong.append(f"  {name}: owns nothing, but has {found[name]['alloc_calls']} blocks")
    require(not wrong, f"{source}:\n" + "\n".join(wrong[:25]))


def compare_replay(case, report, replayed):
    """Each function's figures, as far as both can know them."""
    here = add_up([dict(values, name=name) for (module, name), values in replayed.items()
                   if is_own(module)])
    there = add_up([row for row in report["functions"] if is_own(row.get("module") or "")])
    wrong = []
    for name in sorted(set(here) | set(there)):
        for field in heap_replay.FIELDS:
            if case.racy and field in ORDER:
                continue
            if here[name][field] != there[name][field]:
                wrong.append(f"  {name}: {field} {there[name][field]}, the replay has "
                             f"{here[name][field]}")
    require(not wrong, "hasten memory and the replay of the events differ:\n"
            + "\n".join(wrong[:25]))


def compare_whole_program(case, report, processes):
    """What is of the processes, whoever owns it; the two lists have them in one order."""
    rows = sorted(report["processes"], key=lambda row: (row["pid"], row["image"]))
    require(len(rows) == case.processes, f"{len(rows)} processes, not {case.processes}")
    processes = sorted(processes, key=lambda p: (p.header.pid, p.header.start_ticks))
    for row, process in zip(rows, processes):
        wanted = {
            "state": "on",
            "unmatched_frees": case.unmatched,
            "overlapped_blocks": 0,
            "inherited_blocks": process.inherited_blocks,
            "inherited_left_blocks": 0 if process.ends_by_exec else process.inherited_left,
            "mapped_peak_bytes": process.ranges.peak,
            "ends_by_exec": process.ends_by_exec,
        }
        if not case.racy:
            wanted["peak_bytes"] = process.program_peak
        for field, value in wanted.items():
            require(row[field] == value, f"{field} is {row[field]}, the replay has {value}")
    for field, number in (("ends_by_exec", case.exec), ("killed", case.killed)):
        found = sum(row[field] for row in rows)
        require(found == number, f"{found} processes with {field}, not {number}")
    require(report["complete"], f"the report is not complete: {report['notes']}")


ADDED = ("alloc_calls", "alloc_bytes", "freed_blocks", "freed_bytes", "failed_calls",
         "leaked_blocks", "leaked_bytes", "temporary_blocks", "foreign_freed_blocks",
         "realloc_calls", "moved_bytes", "grown_bytes")


def compare_parts(report):
    """The tables of one report add up to the same."""
    for table in ("functions", "sites", "processes", "paths"):
        for field in ADDED:
            if field == "failed_calls" and table in ("sites", "paths"):
                continue  # a realloc that fails has no place; a path is one of blocks
            found = sum(row[field] for row in report[table])
            require(found == report["sum"][field],
                    f"{field} of all {table} is {found}, of the sum {report['sum'][field]}")
    for table in ("functions", "sites"):
        found = sum(row["at_peak_bytes"] for row in report[table])
        require(found == report["peak"]["bytes"],
                f"{table} held {found} bytes at the peak of {report['peak']['bytes']}")
    for row in report["functions"]:
        blocks = sum(size["blocks"] for size in row["sizes"])
        require(blocks == row["alloc_calls"], f"{row['name']}: {blocks} blocks by their sizes")
        require(row["at_peak_bytes"] <= row["peak_bytes"], f"{row['name']}: more than its peak")
        require(row["freed_blocks"] + row["leaked_blocks"] <= row["alloc_calls"],
                f"{row['name']}: more blocks went or stayed than came")
    found = sum(row["leaked_bytes"] for row in report["leaks"])
    require(found == report["sum"]["leaked_bytes"], f"leaks of {found} bytes")
    for process in report["processes"]:
        moments = [m for m in report["timeline"]
                   if (m["pid"], m["image"]) == (process["pid"], process["image"])]
        times = [m["ns"] for m in moments]
        require(times == sorted(times), "the timeline goes back")
        require(all(m["live_bytes"] <= process["peak_bytes"] for m in moments),
                "the timeline is above the peak")


def compare_views(tester, data):
    """Every view for people has an answer."""
    for view in ("--leaks", "--peak", "--temporary", "--timeline", "--sites", "--paths", "--csv"):
        answer = ask(tester.options, "memory", view, data)
        require(answer.returncode == 0 and answer.stdout,
                f"hasten memory {view}: status {answer.returncode}, {answer.stderr.decode()}")


def compare_leaks(tester, report):
    """All leaks of the program's own code are at one known line."""
    text, size = tester.case.leaks
    with open(os.path.join(tester.options.sources, "mem_" + tester.case.args[0] + ".c"),
              encoding="utf-8") as lines:
        line = next(number for number, content in enumerate(lines, 1) if text in content)
    rows = [row for row in report["leaks"] if is_own(row["module"] or "")]
    require(len(rows) == 1, f"{len(rows)} places that leak")
    require((rows[0]["call_line"], rows[0]["least_bytes"], rows[0]["most_bytes"])
            == (line, size, size), f"leaks: {rows[0]}, not line {line}, size {size}")


def compare_processes(case, processes):
    require(len(processes) == case.processes,
            f"{len(processes)} images, not {case.processes}")
    for process in processes:
        require(process.overlapped == 0,
                f"{process.overlapped} blocks were given out twice without a free")
        require(process.unmatched == case.unmatched,
                f"{process.unmatched} frees of blocks that never came")
        lost = process.header.ledger.memory_lost
        require(lost == 0, f"{lost} allocations and frees were not recorded")
        require(not process.trace.notes, f"notes of the decoder: {process.trace.notes}")
    if case.peak:
        require(processes[0].program_peak == case.peak[1],
                f"peak {processes[0].program_peak}, not {case.peak[1]}")
    if case.mapped:
        require(processes[0].ranges.peak == case.mapped,
                f"{processes[0].ranges.peak} bytes mapped at most, not {case.mapped}")
    if case.stacks:
        require(tuple(processes[0].stacks) == case.stacks,
                f"stacks {processes[0].stacks}, not {case.stacks}")
    if case.inherited:
        freed = sorted(p.inherited_blocks - p.inherited_left
                       for p in processes if p.inherited_blocks)
        require(freed == sorted(case.inherited),
                f"inherited and freed: {freed}, not {case.inherited}")


def compare_events(tester, run, data):
    """What the events say, without the command. Returns the processes and their functions."""
    case = tester.case
    processes = heap_replay.load(data, tester.options.decoder)
    compare_processes(case, processes)
    replayed = heap_replay.functions(processes)
    rows = [dict(values, name=name, module=module) for (module, name), values in replayed.items()]
    compare_truth(wanted_of(tester, run.truth, "preload"), case.loose, rows, "events")
    return processes, replayed


def ask_memory(tester, data):
    """The command's answer; None if it refuses as it should."""
    answer = ask(tester.options, "memory", "--json", "--paths", "-n", "0", data)
    refused = tester.case.refused
    if refused:
        said = answer.stderr.decode()
        require(answer.returncode == 2 and refused in said and said.count("\n") == 1,
                f"hasten memory: status {answer.returncode}, {said!r}, not {refused!r}")
        return None
    require(answer.stdout, f"no answer: {answer.stderr.decode()}")
    report = json.loads(answer.stdout)
    if tester.options.keep:
        print(json.dumps(report, indent=1))
    return report


def compare_report(tester, way, run, data):
    """The command's answer, against the truth and against the replay."""
    case = tester.case
    events = way != "profile" and not case.counted and not case.refused
    processes, replayed = compare_events(tester, run, data) if events else (None, None)
    if tester.options.events:
        return
    report = ask_memory(tester, data)
    if report is None:
        return
    wanted = wanted_of(tester, run.truth, way)
    if tester.hooks or events:
        compare_truth(wanted, case.loose, report["functions"], "hasten memory")
    else:
        compare_whole(wanted, report)
    if events:
        compare_replay(case, report, replayed)
        compare_whole_program(case, report, processes)
        compare_parts(report)
        if way == "run":
            compare_views(tester, data)
        if case.leaks:
            compare_leaks(tester, report)
    if tester.hooks and way != "profile":
        compare_totals(case, report)
    if case.counted:
        require(not report["complete"], "the report does not say that it is not complete")


def compare_lossy(tester, run, data):
    """Where not all can be recorded: never more than there was, and the report says so."""
    if data is None:
        return
    answer = ask(tester.options, "memory", "--json", data)
    if not answer.stdout:
        require(answer.stderr.count(b"\n") == 1, f"not one sentence: {answer.stderr.decode()}")
        return
    report = json.loads(answer.stdout)
    wanted = wanted_of(tester, run.truth, "profile")
    if report["complete"]:
        if tester.hooks:
            compare_truth(wanted, (), report["functions"], "hasten memory")
        return
    found = add_up(report["functions"])
    for name, fields in wanted.items():
        for field in ("alloc_calls", "alloc_bytes", "freed_blocks", "freed_bytes"):
            require(found[name][field] <= fields[field][1],
                    f"{name}: {field} {found[name][field]}, more than {fields[field][1]}")


def compare_whole(wanted, report):
    """Counts without hooks: nobody is known by name, but no block is missing."""
    rows = report["functions"]
    for field in ("alloc_calls", "alloc_bytes", "freed_blocks", "freed_bytes"):
        least = sum(fields.get(field, (0, 0))[0] for fields in wanted.values())
        found = sum(row[field] for row in rows)
        require(found >= least, f"{field} of all: {found}, less than {least}")


def compare_totals(case, report):
    """Of a function and all that it called, by the paths it is on. A key has linkage names."""
    for name, wanted in case.totals.items():
        found = [0, 0]
        for path in report["paths"]:
            parts = [part.partition(":")[2] for part in path["key"].split(";")]
            if any(part == name or part.startswith(f"_Z{len(name)}{name}") for part in parts):
                found[0] += path["alloc_calls"]
                found[1] += path["alloc_bytes"]
        require(tuple(found) == wanted,
                f"{name} and what it called: {found} blocks and bytes, not {wanted}")


def compare_behaviour(case, way, plain, run):
    expected = plain.status if way == "preload" else shell_status(plain.status)
    require(run.status == expected, f"status {run.status}, not {expected}: {run.err.decode()}")
    require(run.out == plain.out, f"output {run.out!r}, not {plain.out!r}")
    if way == "preload":
        require(run.err == plain.err or case.errors_apart, f"stderr {run.err!r}, not {plain.err!r}")
    else:
        require(case.says.encode() in run.err, f"stderr without {case.says!r}: {run.err!r}")


def test(tester):
    case = tester.case
    if not os.path.exists(tester.command()[0]):
        raise Skipped(f"{tester.command()[0]} was not built: its compiler is not there")
    plain = tester.plain()
    if plain.status == SKIP:
        raise Skipped(plain.err.decode().strip())
    require(plain.status == case.status,
            f"without hasten: status {plain.status}, not {case.status}: {plain.err.decode()}")
    for way in case.ways:
        if tester.options.way and way not in tester.options.way:
            continue
        run, data = tester.record(way)
        try:
            compare_behaviour(case, way, plain, run)
            if case.home:
                compare_lossy(tester, run, data)
            elif case.owners is not None or case.refused:
                require(data is not None, "no data directory was made")
                compare_report(tester, way, run, data)
        except Failure as failure:
            raise Failure(f"[{way}] {failure}") from None


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--hasten")
    parser.add_argument("--preload")
    parser.add_argument("--programs")
    parser.add_argument("--sources", default=os.path.join(HERE, "..", "..", "workloads"))
    parser.add_argument("--decoder", default=os.path.join(HERE, "..", "..", "decoder"))
    parser.add_argument("--way", action="append", choices=("preload", "run", "profile"))
    parser.add_argument("--events", action="store_true", help="only the events, not the command")
    parser.add_argument("--keep", action="store_true", help="leave the files, print the report")
    parser.add_argument("case", nargs="?")
    parser.add_argument("variant", nargs="?", default="")
    options = parser.parse_args()
    for name in ("hasten", "preload", "programs", "decoder"):
        if getattr(options, name):
            setattr(options, name, os.path.abspath(getattr(options, name)))
    return options


def main():
    options = parse()
    if options.list:
        return list_cases(CASES)
    return conclude(Tester(options, CASES[options.case]), test)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
