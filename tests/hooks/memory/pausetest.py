#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blocks from before the recording began: they are nobody's, and their frees are no error."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

# What mem_mode.c does behind its line: frees of 400 early blocks, one of them by a realloc.
EARLY_FREES = 400
LATE = {"alloc_calls": 400, "alloc_bytes": 44000, "freed_blocks": 350, "freed_bytes": 38500,
        "leaked_blocks": 50, "leaked_bytes": 5500}


def record(hasten, program, data):
    """Runs the program paused, records from its middle on; returns its output and status."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    with subprocess.Popen([hasten, "run", "--paused", "-o", data, "--", program, "pause"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=environment) as run:
        out = run.stdout.readline()
        begun = subprocess.run([hasten, "info", "--start", data], capture_output=True, check=False,
                               env=environment)
        if begun.returncode != 0:
            run.stdin.close()
            raise SystemExit(f"info --start: status {begun.returncode}: {begun.stderr.decode()}")
        rest, _ = run.communicate(b"\n", timeout=120)
        return out + rest, run.returncode


def compare(report):
    rows = {row["name"].split("(")[0]: row for row in report["functions"]}
    process = report["processes"][0]
    wrong = [f"takes_late: {field} {rows.get('takes_late', {}).get(field)}, not {value}"
             for field, value in LATE.items() if rows.get("takes_late", {}).get(field) != value]
    if "takes_early" in rows:
        wrong.append("takes_early is there, though nothing was recorded then")
    if process["unmatched_frees"] != EARLY_FREES:
        wrong.append(f"unmatched frees: {process['unmatched_frees']}, not {EARLY_FREES}")
    if process["overlapped_blocks"] != 0:
        wrong.append(f"overlapped blocks: {process['overlapped_blocks']}")
    realloc = [row for row in report["sites"] if row["allocator"] == "realloc"]
    if [(row["alloc_calls"], row["alloc_bytes"], row["freed_blocks"]) for row in realloc] != [
            (1, 500, 1)]:
        wrong.append(f"the realloc of an early block: {realloc}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--preload")
    parser.add_argument("--programs", required=True)
    parser.add_argument("variant", nargs="?", default="")
    options = parser.parse_args()
    program = os.path.join(options.programs,
                           "mem_mode" + ("-" + options.variant if options.variant else ""))
    with tempfile.TemporaryDirectory(prefix="hasten-test-") as folder:
        data = os.path.join(folder, "hasten.data")
        out, status = record(options.hasten, program, data)
        if (out, status) != (b"ready\npause done\n", 0):
            print(f"output {out!r}, status {status}", file=sys.stderr)
            return 1
        done = subprocess.run([options.hasten, "memory", "--json", data], capture_output=True,
                              check=False)
        if not done.stdout:
            print(f"hasten memory: {done.stderr.decode()}", file=sys.stderr)
            return 1
        wrong = compare(json.loads(done.stdout))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
