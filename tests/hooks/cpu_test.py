#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of each function against what the function itself measured in the same run.

`cpu_test.py ARGUMENTS MODE CLOCK THREADS`: mode trace or profile; clock rseq, gap, or none; a number of
threads, how the process ends with a call open (exit, _exit), or a name of ODD: see the programs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

GAP = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}
SKIP = 77
SHARE = 0.02
# Between the hook and the function's own look at the clock, per call.
SLACK_NS = 30_000
LEAST_SLEEP = {"doze": 6_000_000}
ODD = ("foreign", "restored", "uncleared", "stormed", "forked", "migrating", "vforked", "own_area")
# Found out while it runs that the canary is of no use.
FALLS_BACK = ("foreign", "uncleared")
DENSE = ("dense", "foreign", "stormed")
WAITING = ("doze", "await_lock", "await_pipe")
SPINNING = ("burn", "contend")


class Wrong(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Wrong(text)


def run(options, folder):
    times = os.path.join(folder, "times")
    data = os.path.join(folder, "data")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    environment["WORKLOAD_TIMES"] = times
    environment["HASTEN_CHECK"] = "1"
    if options.clock == "gap":
        environment.update(GAP)
    if options.clock == "none":
        environment["HASTEN_CPU"] = "0"
    program = os.path.join(options.programs, "cpuodd" if options.threads in ODD else "cputime")
    # With memory the last event would be that of an allocation.
    more = ["--no-memory"] if options.threads.endswith("exit") else []
    done = subprocess.run([options.hasten, "run", *more, f"--mode={options.mode}", "-o", data, "--", program,
                    options.threads],
                   env=environment, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode == SKIP:
        print(done.stderr)
        sys.exit(SKIP)
    require(done.returncode == 0, f"the program ends with {done.returncode}: {done.stderr}")
    told = {}
    with open(times, encoding="ascii") as lines:
        for line in lines:
            name, cpu, wall = line.split()
            before = told.get(name, (0, 0))
            told[name] = (before[0] + int(cpu), before[1] + int(wall))
    return data, told


def ask(options, *arguments):
    done = subprocess.run([options.hasten, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def compare(name, row, cpu, wall):
    slack = SLACK_NS * row["calls"]
    most = SHARE * cpu + slack
    total, found, off = row["total_ns"], row["total_cpu_ns"], row["total_off_cpu_ns"]
    print(f"{name:12} off {(wall - cpu) / 1e6:8.3f} {off / 1e6:8.3f} calls {row['calls']:4}  wall {wall / 1e6:9.3f} {total / 1e6:9.3f} ms  "
          f"CPU {cpu / 1e6:8.3f} {found / 1e6:8.3f} ms ({100 * (found / cpu - 1):+.2f} %)")
    if name in DENSE:
        # Most of it is the hooks' own time, which the report does not count; time off the CPU is not theirs.
        require(abs(off - (wall - cpu)) <= most, f"{name}: {off} ns off the CPU, not {wall - cpu}")
    else:
        require(total >= wall - most, f"{name}: a total of {total} ns, the function saw {wall}")
        require(abs(found - cpu) <= most, f"{name}: {found} ns of CPU, the function used {cpu}")
    require(found + off == total, f"{name}: CPU {found} and off-CPU {off} are not {total}")
    require(row["self_cpu_ns"] + row["self_off_cpu_ns"] == row["self_ns"],
            f"{name}: parts of its own time do not add up")


def is_coarse(options):
    return options.clock == "gap" or options.threads in FALLS_BACK


def check_report(options, data, told):
    report = ask(options, "report", "--json", data)
    require(report["complete"], f"incomplete: {report['notes']}")
    rows = {row["name"]: row for row in report["functions"]}
    if options.clock == "none":
        require(all(rows[name]["total_cpu_ns"] is None for name in told), "CPU time of no clock")
        return rows
    for name, (cpu, wall) in told.items():
        compare(name, rows[name], cpu, wall)
        require(rows[name]["cpu_coarse"] == is_coarse(options), f"{name}: cpu_coarse")
    for name, least in LEAST_SLEEP.items():
        row = rows.get(name)
        if row is None:
            continue
        require(row["self_off_cpu_ns"] >= least * row["calls"] * (1 - SHARE),
                f"{name}: slept longer than {row['self_off_cpu_ns']} ns off the CPU")
    return rows


def check_info(options, data):
    info = ask(options, "info", "--json", data)
    chunks = info["cpu_clock_chunks"]
    if options.threads in FALLS_BACK:
        require(chunks["gaps"] != 0, "that the field tells nothing was not noticed")
        return
    wanted = {"rseq": "exact", "gap": "gaps", "none": "none"}[options.clock]
    require(chunks[wanted] == sum(chunks.values()) != 0, f"modes of the clock: {chunks}")
    coarse = any("CPU time is coarse" in note["text"] if isinstance(note, dict) else
                 "CPU time is coarse" in note for note in info["notes"])
    require(coarse == (options.clock == "gap"), f"notes: {info['notes']}")


def check_views(options, data, rows):
    if options.clock == "none" or not options.threads.isdigit():
        return
    tree = ask(options, "tree", "--off-cpu", "--json", data)
    for name in WAITING:
        off = sum(node["self_off_cpu_ns"] for node in tree["nodes"] if node["name"] == name)
        require(abs(off - rows[name]["self_off_cpu_ns"]) <= 1000 + off // 1000,
                f"tree: {name} has {off} ns off the CPU, the report {rows[name]['self_off_cpu_ns']}")
    if options.mode == "profile":
        return
    blocked = ask(options, "report", "--blocked", "--json", data)["blocked"]
    lengths = [event["off_cpu_ns"] for event in blocked]
    require(lengths == sorted(lengths, reverse=True), "--blocked is not sorted")
    require(all(length >= 1_000_000 for length in lengths), "--blocked: shorter than a millisecond")
    for name in WAITING:
        events = [event for event in blocked if event["name"] == name]
        require(len(events) >= rows[name]["calls"] if name == "doze" else events,
                f"--blocked: {len(events)} events of {name}")
        require(all(event["path"][-1] == name for event in events), f"paths of {name}")
    nested = [event for event in blocked if event["path"][-2:] == ["mixed", "doze"]]
    require(nested, "--blocked: no path has doze within mixed")


def attempt(options):
    folder = tempfile.mkdtemp(prefix="hasten-cpu-")
    try:
        data, told = run(options, folder)
        rows = check_report(options, data, told)
        check_info(options, data)
        check_views(options, data, rows)
    except Wrong as wrong:
        print(f"FAILED: {wrong}")
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--preload", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("mode", choices=("trace", "profile"))
    parser.add_argument("clock", choices=("rseq", "gap", "none"))
    parser.add_argument("threads")
    options = parser.parse_args()
    options.hasten = os.path.abspath(options.hasten)
    options.programs = os.path.abspath(options.programs)
    # The program reads its own clock a moment before or after we do, and on a busy machine it may lose the CPU in between; what is
    # wrong with us is wrong each time.
    return 0 if any(attempt(options) for _ in range(3)) else 1


if __name__ == "__main__":
    sys.exit(main())
