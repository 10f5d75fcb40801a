#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes records of the journal fail to be written: `hasten processes` says how many, whichever they are.

Each write of the library is one record. One after the other is made to fail, and in the end all but the first.
"""

import errno
import json
import os
import subprocess
import sys
import tempfile

from faulttest import count_calls, run_check

WRITE = 1


def processes(options, folder):
    done = subprocess.run([options.hasten, "processes", "--json", os.path.join(folder, "hasten.data")],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"hasten processes: {done.stderr}")
    return json.loads(done.stdout)


def lost(options, base, number, *extra):
    """What is said to be lost when writes from that one on, or it alone, fail."""
    folder = tempfile.mkdtemp(dir=base)
    error = errno.ENOSPC if number % 2 else errno.EDQUOT
    _, _, failed = count_calls(options, folder, "--call", str(WRITE), "--error", str(error), "--nth", str(number),
                               *extra)
    found = processes(options, folder)
    said = [note for note in found["notes"] if "could not be written" in note and errno.errorcode[error] in note]
    return found, failed, said


def check(options, base):
    folder = tempfile.mkdtemp(dir=base)
    _, counts, _ = count_calls(options, folder)
    records = counts[WRITE]
    whole = processes(options, folder)
    if records < 10 or whole["lost_records"] != 0 or not whole["complete"]:
        raise AssertionError(f"{records} records, {whole['lost_records']} lost, {whole['notes']}")
    for number in range(1, records + 1):
        found, failed, said = lost(options, base, number)
        if failed != 1 or found["lost_records"] != 1 or found["complete"] or len(said) != 1:
            raise AssertionError(f"record {number}: {found['lost_records']} lost, {found['notes']}")
    found, failed, said = lost(options, base, 2, "--onward")
    if failed < 5 or found["lost_records"] != failed or found["complete"] or len(said) != 1:
        raise AssertionError(f"{failed} records: {found['lost_records']} lost, {found['notes']}")
    return f"{records} records"


if __name__ == "__main__":
    sys.exit(run_check(check))
