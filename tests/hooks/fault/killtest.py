#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the process at its writes of events in turn: nothing of what was recorded before is missing or damaged."""

import json
import os
import signal
import subprocess
import sys
import tempfile

from faulttest import count_calls, run_check

PWRITE = 18
TRIED = 12  # of the writes, if there are more
BAD = ("damaged", "cut", "missing", "nothing is left")


def report(options, folder):
    done = subprocess.run([options.hasten, "report", "--json", os.path.join(folder, "hasten.data")],
                          capture_output=True, text=True, check=False)
    if done.returncode == 2 and "was not recorded by hasten" in done.stderr:
        return {"notes": [], "calls": 0}  # killed before there was anything
    if done.returncode != 0:
        raise AssertionError(f"hasten report: {done.stderr}")
    return json.loads(done.stdout)


def check_program(options, base):
    folder = tempfile.mkdtemp(dir=base)
    _, counts, _ = count_calls(options, folder)
    writes = counts[PWRITE]
    calls = []
    killed = 0
    for number in range(1, writes + 1, 1 + writes // TRIED):
        folder = tempfile.mkdtemp(dir=base)
        result, _, hit = count_calls(options, folder, "--call", str(PWRITE), "--kill", "--nth", str(number))
        if hit != 1 and number > writes * 0.8:
            continue  # how many there are differs a little, where threads share a tail
        if hit != 1:
            raise AssertionError(f"write {number} of {writes} was not reached")
        killed += result[0] == -signal.SIGKILL
        found = report(options, folder)
        notes = [note for note in found["notes"] if any(word in note for word in BAD)]
        if notes:
            raise AssertionError(f"killed at write {number}: {notes}")
        calls.append(found["calls"])
    if writes < 4 or killed < 2 or max(calls) < 1000:
        raise AssertionError(f"{writes} writes, {killed} killed, calls {calls}")
    return f"{writes} writes, {killed} times the first process was killed, {max(calls)} calls"


def check(options, base):
    said = check_program(options, base)
    # Chunks of threads that have ended wait in one tail, and go together.
    options.target, options.library = options.threads, "short"
    return said + "\n" + check_program(options, base)


if __name__ == "__main__":
    sys.exit(run_check(check, "threads"))
