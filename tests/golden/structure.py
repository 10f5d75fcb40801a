# SPDX-License-Identifier: Apache-2.0
"""Checks that an output is sound in its format, whatever it says. Returns lists of problems."""
import csv
import io
import json
import re


def _strict(text):
    def refuse(name):
        raise ValueError("not JSON: " + name)
    return json.loads(text, parse_constant=refuse)


def check_controls(output):
    return ["control bytes in the output"] if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", output) \
        else []


HEADS = {"SELF", "%", "TOTAL", "CALLS", "START", "COUNT", "LANGUAGE", "WALL", "CRITICAL", "MACHINE", "PID"}


def check_width(output, width):
    """Lines of tables fit; sentences may be longer."""
    table = False
    problems = []
    for line in output.decode("utf-8").splitlines():
        table = line.split()[:1] != [] and line.split()[0] in HEADS or (table and line != "")
        sentence = line.startswith(("~ ", "[N x ", "(static)", "exec: ", "each line"))
        if table and len(line) > width and not sentence:
            problems.append(f"a line of a table has {len(line)} columns: {line}")
    return problems


def check_report(data):
    problems = []
    if data.get("schema") != 1:
        problems.append("no schema 1")
    if not isinstance(data.get("complete"), bool) or not isinstance(data.get("notes"), list):
        problems.append("complete or notes are missing")
    for row in data.get("functions", []):
        if "self_ns" not in row:
            problems.append("a function without self_ns")
        elif row["self_ns"] > row["total_ns"]:
            problems.append(f"{row['name']}: self is more than total")
        elif row["returned"] + row["errors"] + row["open"] > row["calls"] + row["open"]:
            problems.append(f"{row['name']}: more ends than calls")
        elif row["returned"] and not row["min_ns"] <= row["p50_ns"] <= row["p90_ns"] \
                <= row["p99_ns"] <= row["max_ns"]:
            problems.append(f"{row['name']}: percentiles are not in order")
    return problems


def _check_image(number, row, rows):
    """One row of "processes", of which none was left out."""
    name = f"process {row['pid']} ({row['command']})"
    problems = []
    if row["id"] != number:
        problems.append(f"{name}: its id is not its place")
    for above in ("parent", "previous"):
        if row[above] is not None and row[above] >= number:
            problems.append(f"{name}: its {above} stands behind it")
    if row["previous"] is not None and rows[row["previous"]]["next"] != number:
        problems.append(f"{name}: the image before it has another next one")
    if row["start_ns"] is not None and row["wall_ns"] != row["end_ns"] - row["start_ns"]:
        problems.append(f"{name}: wall time is not from start to end")
    if None not in (row["cpu_ns"], row["user_ns"], row["system_ns"]) \
            and row["cpu_ns"] != row["user_ns"] + row["system_ns"]:
        problems.append(f"{name}: CPU is not user and system")
    if (row["hwm_bytes"] is None) != (row["hwm_source"] == "unknown"):
        problems.append(f"{name}: VmHWM and where it is from do not agree")
    return problems


def check_processes(data):
    problems = [] if data.get("schema") == 1 else ["no schema 1"]
    rows = data["processes"]
    for number, row in enumerate(rows):
        problems += _check_image(number, row, rows)
    known = sum(row["cpu_ns"] or 0 for row in rows)
    if known != data["cpu_ns"]:
        problems.append(f"CPU of all is {data['cpu_ns']}, that of the images {known}")
    for row in data["languages"]:
        if sum(row["classes"].values()) != row["count"]:
            problems.append(f"{row['key']}: classes are not its count")
        figures = [row[f"wall_p{p}_ns"] for p in (50, 90, 99)]
        if None not in figures and sorted(figures) != figures:
            problems.append(f"{row['key']}: percentiles are not in order")
    path = data["critical_path"]
    if any(before["end_ns"] != after["start_ns"] for before, after in zip(path, path[1:])):
        problems.append("the critical path has gaps")
    if {row["id"] for row in data["failures"]} - set(range(len(rows))):
        problems.append("a failure of a process that is not there")
    return problems


def check_folded(output):
    """One line per stack: frames, a space, a positive number. Nothing else at all."""
    problems = []
    for line in output.split(b"\n")[:-1]:
        if not re.fullmatch(rb"[^;\x00-\x1f]+(;[^;\x00-\x1f]+)* [1-9][0-9]*", line):
            problems.append(f"not a folded stack: {line!r}")
    if output and not output.endswith(b"\n"):
        problems.append("the last line has no end")
    return problems


def _check_evented(profile, frames):
    stack = []
    last = profile["startValue"]
    for event in profile["events"]:
        if event["at"] < last:
            return ["times decrease"]
        last = event["at"]
        if not 0 <= event["frame"] < frames:
            return ["a frame that is not there"]
        if event["type"] == "O":
            stack.append(event["frame"])
        elif not stack or stack.pop() != event["frame"]:
            return ["a close without its open"]
    if stack:
        return ["frames left open"]
    return ["an event behind the end"] if last > profile["endValue"] else []


def _check_sampled(profile, frames):
    if len(profile["samples"]) != len(profile["weights"]):
        return ["samples and weights differ in number"]
    if any(weight < 0 for weight in profile["weights"]):
        return ["a weight below 0"]
    if sum(profile["weights"]) != profile["endValue"] - profile["startValue"]:
        return ["weights do not add up"]
    if any(not 0 <= frame < frames for sample in profile["samples"] for frame in sample):
        return ["a frame that is not there"]
    return []


def check_speedscope(data):
    problems = []
    if data["$schema"] != "https://www.speedscope.app/file-format-schema.json":
        problems.append("another schema")
    frames = len(data["shared"]["frames"])
    units = {"none", "nanoseconds"}
    for profile in data["profiles"]:
        found = _check_evented(profile, frames) if profile["type"] == "evented" \
            else _check_sampled(profile, frames)
        if profile["unit"] not in units:
            found.append("another unit")
        problems += [f"{profile['name']}: {problem}" for problem in found]
    return problems


def check_chrome(data):
    problems = []
    tracks = {}
    for event in data["traceEvents"]:
        if event["ph"] == "X":
            start = round(event["ts"] * 1000)
            tracks.setdefault((event["pid"], event["tid"]), []).append(
                (start, -round(event["dur"] * 1000)))
        elif event["ph"] != "M":
            problems.append("an event of another kind: " + event["ph"])
    for track, calls in tracks.items():
        stack = []
        for start, minus in sorted(calls):
            while stack and stack[-1] <= start:
                stack.pop()
            if stack and start - minus > stack[-1]:
                problems.append(f"calls of {track} do not nest")
                break
            stack.append(start - minus)
    return problems


def check_csv(output):
    if output.count(b"\n") != output.count(b"\r\n"):
        return ["lines of CSV end in CR LF"]
    rows = list(csv.reader(io.StringIO(output.decode("utf-8"), newline="")))
    return [] if len({len(row) for row in rows}) == 1 else ["lines have different numbers of fields"]


def check(arguments, output):
    words = arguments.split()
    if "--csv" in words:
        return check_csv(output)
    problems = check_controls(output)
    if "--json" in words and words[0] == "processes":
        return problems + check_processes(_strict(output))
    if "--json" in words:
        return problems + check_report(_strict(output))
    if "folded" in words:
        return problems + check_folded(output)
    if "speedscope" in words:
        return problems + check_speedscope(_strict(output))
    if "chrome" in words:
        return problems + check_chrome(_strict(output))
    return problems
