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


IMAGE = {"id": 0, "pid": 1, "command": "a", "parent": None, "previous": None, "next": None, "start_ns": 1,
         "end_ns": 3, "wall_ns": 2, "cpu_ns": 5, "user_ns": 3, "system_ns": 2, "hwm_bytes": None,
         "hwm_source": "unknown"}
PHASE = {"key": "C/run", "count": 1, "classes": {"OK": 1}, "wall_p50_ns": 1, "wall_p90_ns": 2, "wall_p99_ns": 2}
STEP = {"start_ns": 0, "end_ns": 2}


def processes(phase=None, path=(), failures=(), cpu_ns=5, **image):
    return structure.check_processes({
        "schema": 1, "cpu_ns": cpu_ns, "processes": [dict(IMAGE, **image)], "critical_path": list(path),
        "languages": [dict(PHASE, **(phase or {}))], "failures": list(failures)})


def main():
    good = [
        speedscope([event("O", 0, 0), event("O", 1, 1), event("C", 1, 2), event("C", 0, 9)]),
        chrome((0, 10), (1, 2), (3, 7), (12, 1)),
        structure.check_folded(b"main;a b 3\n"),
        processes(), processes(path=[STEP, {"start_ns": 2, "end_ns": 3}]), processes(failures=[{"id": 0}]),
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
        processes(id=1), processes(parent=0), processes(wall_ns=3), processes(user_ns=4),
        processes(hwm_bytes=5), processes(cpu_ns=6), processes({"count": 2}), processes({"wall_p50_ns": 3}),
        processes(path=[STEP, STEP]), processes(failures=[{"id": 1}]),
        structure.check_width(b"START WALL\n" + b"x" * 101 + b"\n", 100),
    ]
    wrong = [f"good {i}: {found}" for i, found in enumerate(good) if found]
    wrong += [f"bad {i} was not seen" for i, found in enumerate(bad) if not found]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
