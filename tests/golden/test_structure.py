# SPDX-License-Identifier: Apache-2.0
"""The checks of structure.py must be able to fail."""
import json
import sys

import structure

SPEEDSCOPE = {"$schema": "https://www.speedscope.app/file-format-schema.json",
              "shared": {"frames": [{"name": "a"}, {"name": "b"}]}, "profiles": []}
HEAD = {"type": "evented", "name": "t", "unit": "nanoseconds", "startValue": 0, "endValue": 9}


def speedscope(events):
    return structure.check_speedscope(dict(SPEEDSCOPE, profiles=[dict(HEAD, events=events)]))


def event(kind, frame, at):
    return {"type": kind, "frame": frame, "at": at}


def chrome(*calls):
    return structure.check_chrome({"traceEvents": [
        {"ph": "X", "name": "f", "pid": 1, "tid": 1, "ts": ts, "dur": dur} for ts, dur in calls]})


def main():
    good = [
        speedscope([event("O", 0, 0), event("O", 1, 1), event("C", 1, 2), event("C", 0, 9)]),
        chrome((0, 10), (1, 2), (3, 7), (12, 1)),
        structure.check_folded(b"main;a b 3\n"),
        structure.check("report --json", json.dumps(
            {"schema": 1, "complete": True, "notes": [], "functions": []}).encode()),
    ]
    bad = [
        speedscope([event("O", 0, 0)]),
        speedscope([event("O", 0, 5), event("C", 0, 4)]),
        speedscope([event("O", 0, 0), event("C", 1, 4)]),
        chrome((0, 10), (5, 10)),
        structure.check_folded(b"main;a 0\n"),
        structure.check_folded(b"main;;a 1\n"),
        structure.check_csv(b"a,b\r\nc\r\n"),
        structure.check_controls(b"\x1b[31m"),
        structure.check_width(b"SELF\n" + b"x" * 101 + b"\n", 100),
        structure.check_report({"schema": 1, "complete": True}),
    ]
    wrong = [f"good {i}: {found}" for i, found in enumerate(good) if found]
    wrong += [f"bad {i} was not seen" for i, found in enumerate(bad) if not found]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
