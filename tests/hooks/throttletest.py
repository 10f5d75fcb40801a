#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A limit to the cost of recording: the program's output stays, and what the report says of it holds.

With --preload a build of the library that suppresses and records again a thousand times as often, only the output, the
blocks of the file and both decoders are looked at; with the ordinary one also the figures.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
# pylint: disable=wrong-import-position
import container
import decode

TINY = 400
CHECK_FAILED = 1 << 12
OPEN, CLOSE = 3, 4
DECODED_MAX = 4 << 20
# name: arguments ({dir}: the folder of the programs), environment, which functions must be left out
CASES = {
    "steady": (["steady", "1500000"], {}),
    "threads2": (["threads", "2", "100000"], {}),
    "threads16": (["threads", "16", "12000"], {}),
    "reload": (["reload", "{dir}/libalpha.so", "{dir}/libomega.so", "40000"], {}),
    "replaced": (["replace", "{dir}/libalpha.so", "{dir}/libomega.so", "400000"], {"HASTEN_PATCH": "0"}),
    "jit": (["jit", "50000"], {}),
    "fork": (["fork", "80000"], {}),
    "refused": (["refused", "50000"], {}),
    "counted": (["steady", "50000"], {"HASTEN_PATCH": "0"}),
    "outer": (["outer", "100000"], {}),
    "left": (["left", "100000"], {}),
    "jumps": (["jumps", "100000"], {}),
    "limit": (["steady", "1500000"], {"HASTEN_LIMIT": "1M", "HASTEN_MEMORY": "0"}),
}


def run(command, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    environment.update(variables)
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def check_files(data, problems):
    """Both sides of the format; returns the blocks of all files."""
    blocks = []
    for path in container.files_of(data):
        file = container.File(path)
        blocks.extend(file.throttles)
        if file.header.flags & CHECK_FAILED:
            problems.append(f"{path}: the writer found a chunk of its own wrong")
        problems.extend(f"{path}: {note}" for note in file.notes)
        if os.path.getsize(path) <= DECODED_MAX:
            status, out, err = run([sys.executable, decode.__file__, "--depth", path])
            if status != 0:
                problems.append(f"{path}: decode.py: {out.decode()[-500:]} {err.decode()[-500:]}")
    return blocks


def check_estimate(row, truth, problems):
    low, high = row["estimated_calls_low"], row["estimated_calls_high"]
    if not row["throttled"]:
        problems.append(f"{row['name']} was recorded all the time")
    elif low > truth:
        problems.append(f"{row['name']}: at least {low} calls are said, but there were {truth}")
    elif high is not None and not (low <= 1.5 * truth and high >= truth / 1.5):
        problems.append(f"{row['name']}: {low} to {high} calls are said, there were {truth}")


def check_replaced(rows, items, problems):
    """Each count belongs to the library that was there, though their functions have the same addresses."""
    for name, truth in (("alpha", 3), ("alpha_local", 6), ("omega", 3), ("omega_local", 6)):
        row = rows[name]
        got = row["estimated_calls"] if row["throttled"] else row["calls"]
        if got != truth * items:
            problems.append(f"{name}: {got} calls, there were {truth * items}")
    if not any(rows[name]["throttled"] for name in ("alpha_local", "omega_local")):
        problems.append("no function of the libraries was counted: this tests nothing")


def check_nested(rows, case, problems):
    """The outermost call of a function that calls itself lasts as long as it did, whatever is left out of what it calls."""
    total = {name: row["total_ns"] for name, row in rows.items()}
    if not rows["nest"]["throttled"]:
        problems.append("nest was recorded all the time: this tests nothing")
    if case == "outer" and total["nest"] < 0.9 * total["main"]:
        problems.append(f"nest has {total['nest']} ns of main's {total['main']}")
    if case == "left" and total["nest"] + total["heavy"] > 1.1 * total["main"]:
        problems.append(f"nest has {total['nest']} ns and heavy {total['heavy']}, beside each other, of main's {total['main']}")
    for name, row in rows.items():
        if row["errors"] != 0:
            problems.append(f"{name}: {row['errors']} calls are said to have ended in an error")


def check_report(hasten, data, case, items, problems):
    status, out, err = run([hasten, "report", "--json", "-n", "0", data])
    if status != 0:
        problems.append(f"report: status {status}: {err.decode()}")
        return
    report = json.loads(out)
    rows = {row["name"]: row for row in report["functions"]}
    if report["complete"] or not any("--overhead" in str(note) for note in report["notes"]):
        problems.append("the report does not say that functions were left out")
    for windows, late in re.findall(r"of (\d+) times .*?, (\d+) came too late", " ".join(map(str, report["notes"]))):
        if int(late) > int(windows):
            problems.append(f"{late} of {windows} moments were late")
    status, out, err = run([hasten, "optimize", "--instrumentation", "--json", data])
    if status != 0:
        problems.append(f"optimize: status {status}: {err.decode()}")
    elif not any("record without --overhead" in str(note) for note in json.loads(out)["notes"]):
        problems.append("optimize does not say that calls are missing")
    if case in ("refused", "counted"):
        row = rows["tiny"]
        got = [row[f"estimated_calls{which}"] for which in ("", "_low", "_high")]
        if case == "counted" and got != 3 * [items * TINY]:
            problems.append(f"tiny: counted {got}, not {items * TINY}")
        if row["estimated_calls_low"] > items * TINY:
            problems.append(f"tiny: {got}, there were {items * TINY}")
    elif case in ("outer", "left"):
        check_nested(rows, case, problems)
    elif case == "replaced":
        check_replaced(rows, items, problems)
    elif case == "steady":
        check_estimate(rows["tiny"], items * TINY, problems)


def attempt(options, program, arguments, variables):
    """Runs the program with and without us; returns what was suppressed, and what is wrong."""
    command = [program] + [word.format(dir=options.programs) for word in arguments]
    plain = run(command)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        recorded = run(command, LD_PRELOAD=options.preload, HASTEN_DATA=data, HASTEN_CHECK="1",
                       HASTEN_OVERHEAD="5%", **variables)
        if options.case == "jumps" and not options.hasty:
            if (plain[2], recorded[2]) != (b"jumps\n", b"returns\n"):
                problems.append(f"sweep {recorded[2].decode().strip()} in the end, without us it {plain[2].decode().strip()}")
        if options.case == "jumps":
            plain, recorded = plain[:2], recorded[:2]
        if recorded != plain:
            problems.append(f"the program says {recorded}, without us {plain}")
        blocks = check_files(data, problems) if glob.glob(data + "/*.hst") else []
        if not blocks:
            problems.append("nothing was suppressed")
        whats = [block[1] for block in blocks]
        if options.case == "limit" and whats.count(OPEN) != whats.count(CLOSE):
            problems.append("a window that was open when the limit was reached stayed open")
        if not options.hasty:
            check_report(options.hasten, data, options.case, int(arguments[-1]), problems)
    return blocks, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--hasten")
    parser.add_argument("--preload")
    parser.add_argument("--hasty", action="store_true")
    parser.add_argument("--programs")
    parser.add_argument("--variant", default="")
    parser.add_argument("case", nargs="?")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    arguments, variables = CASES[options.case]
    program = os.path.join(options.programs, "throttled" + options.variant)
    if not os.path.exists(program):
        print("skipped: no clang")
        return 77
    if options.hasty:
        arguments = arguments[:-1] + [str(int(arguments[-1]) // 5)]
    wanted = 20 if options.hasty and options.case.startswith("threads") else 1
    if options.case in ("outer", "left"):
        wanted = 3  # a window at least
    # How much is changed in one run depends on what else the machine does.
    for _ in range(4):
        blocks, problems = attempt(options, program, arguments, variables)
        if problems or len(blocks) >= wanted:
            break
        arguments = arguments[:-1] + [str(int(arguments[-1]) * 4)]
    if len(blocks) < wanted:
        problems.append(f"only {len(blocks)} changes: this tests nothing")
    print("\n".join(problems) or f"{len(blocks)} changes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
