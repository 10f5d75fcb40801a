#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do both decoders agree on the trace of a case of tests/hooks?

    test_workloads.py --dump DUMP --hasten H --preload P --programs DIR CASE...

Each case is recorded as the suite `hooks` records it. A case in which calls may be lost may have
gaps; then what the decoders find must still be the same.
"""

import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "hooks"))
# pylint: disable=wrong-import-position
import hooktest

SKIP = 77


def agree(options, name):
    """0: the decoders agree, 1: they do not, SKIP: the program cannot run here."""
    case = hooktest.CASES[name]
    tester = hooktest.Tester(options, case)
    try:
        run, data = tester.record("preload")
        if run.status == SKIP or data is None:
            return SKIP
        if run.status != case.status:
            print("%s: status %d, not %d" % (name, run.status, case.status))
            return 1
        if not any(file.endswith(".hst") for file in os.listdir(data)):
            return SKIP
        command = [sys.executable, os.path.join(HERE, "agree.py"), "--dump", options.dump, data]
        if case.loss or case.unsure or case.kept:
            command.append("--allow-notes")
        print("%s:" % name, flush=True)
        return subprocess.run(command, check=False).returncode
    except hooktest.Skipped:
        return SKIP
    finally:
        tester.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("dump", "hasten", "preload", "programs"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("cases", nargs="+")
    options = parser.parse_args()
    options.variant, options.keep = "", False
    for name in ("dump", "hasten", "preload", "programs"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    results = [agree(options, name) for name in options.cases]
    if any(result not in (0, SKIP) for result in results):
        return 1
    return SKIP if all(result == SKIP for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
