#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The journal of processes, from the words of include/hasten/journal.h alone.

Shares no code with the analyzer. `journal.py FILE` prints the records.
"""

import os
import re
import struct
import sys

MAGIC = 0x524A5348
VERSION = 1
ALIGN = 8
BYTES_MAX = 4 << 20
HEAD = struct.Struct("<IIHHIIIQ")
TEXT = struct.Struct("<II")
UNKNOWN = (1 << 64) - 1
WORD = (1 << 64) - 1

USAGE = ("user_ns", "system_ns", "hwm_bytes", "maxrss_bytes", "minor_faults", "major_faults",
         "voluntary", "involuntary", "blocks_in", "blocks_out")
LIMITS = ("cpu_seconds", "address_bytes", "data_bytes", "file_bytes", "stack_bytes", "processes")
FLAGS = ("repaired", "vforked", "added", "launcher", "orphan", "hooks", "begins", "cut",
         "sandboxed", "quiet")
TEXTS = {1: "exe", 2: "cwd", 3: "argv", 4: "file", 5: "path", 6: "command", 7: "build_id",
         8: "execfn", 9: "original", 10: "name"}

SYSTEM = ("cpu_user_ns", "cpu_system_ns", "cpu_idle_ns", "cpu_iowait_ns", "cpu_steal_ns",
          "context_switches", "forks", "memory_total", "memory_available", "swap_total",
          "swap_free", "read_bytes", "written_bytes", "pressure_cpu_us", "pressure_memory_us",
          "pressure_io_us", "load_1m_1000")
SAMPLE = ("user_ns", "system_ns", "rss_bytes", "hwm_bytes", "virtual_bytes", "read_bytes",
          "written_bytes", "voluntary", "involuntary", "minor_faults", "major_faults", "start_ns")


def many(kind, names):
    return [(name, kind) for name in names]


def grouped(group):
    names = {"usage": USAGE, "base": USAGE, "limits": LIMITS}[group]
    return [(group + "." + name, "Q") for name in names]


# type -> (name, fields behind the head). An `x` is skipped.
TYPES = {
    1: ("start", [("ppid", "I"), ("flags", "I"), *grouped("base"), *grouped("limits"),
                  ("uid", "I"), ("gid", "I")]),
    2: ("fork", [("ppid", "I"), ("call", "I")]),
    3: ("exec", [("call", "I"), ("flags", "I"), ("ppid", "I"), ("", "4x"), *grouped("usage")]),
    4: ("exec_failed", [("call", "I"), ("error", "i")]),
    5: ("spawn", [("began_ns", "Q"), ("call", "I"), ("flags", "I"), ("error", "i"),
                  ("child", "I"), ("rss_bytes", "Q")]),
    6: ("wait", [("call", "I"), ("flags", "I"), ("child", "I"), ("status", "i"),
                 *grouped("usage")]),
    7: ("end", [("kind", "I"), ("status", "i"), ("flags", "I"), ("", "4x"), *grouped("usage")]),
    8: ("shell", [("began_ns", "Q"), ("call", "I"), ("flags", "I"), ("error", "i"),
                  ("status", "i"), ("child", "I"), ("", "4x")]),
    9: ("no_memory", [("bytes", "Q"), ("address_space_bytes", "Q")]),
    10: ("system", [*many("Q", SYSTEM), ("processors", "I"), ("running", "I")]),
    11: ("sample", [("ppid", "I"), ("threads", "I"), ("state", "B"), ("", "7x"),
                    *many("Q", SAMPLE)]),
    12: ("run", [("launcher", "I"), ("flags", "I"), ("real_ns", "q"), ("interval_ns", "Q"),
                 ("oom_kills", "Q"), ("sampling_ns", "Q")]),
    13: ("lost", [("count", "Q"), ("error", "i"), ("", "4x")]),
}


class FormatError(Exception):
    """The file cannot be read at all; the text is the sentence for the user."""


def read_calls(path=None):
    """number -> name of a function, of calls.def."""
    if path is None:
        here = os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(here, "..", "..", "include", "hasten", "calls.def")
    with open(path, encoding="utf-8") as lines:
        rows = re.findall(r"^HST_CALL\(\w+,\s*(\w+),\s*(\d+)\)", lines.read(), re.MULTILINE)
    return {0: "unknown", **{int(number): name for name, number in rows}}


def check(record):
    """Of a whole record, whose field `check` counts as 0."""
    total = 0x9E3779B97F4A7C15 ^ len(record)
    for at, (word,) in enumerate(struct.iter_unpack("<Q", record)):
        if at == 1:
            word &= 0xFFFFFFFF
        total = (total ^ word) * 0x2545F4914F6CDD1D & WORD
        total ^= total >> 29
    return (total ^ total >> 32) & 0xFFFFFFFF


class Record:
    """A record: its fields and texts are attributes; what it does not have is None."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self):
        return " ".join(f"{name}={value!r}" for name, value in self.__dict__.items())


def read_fields(values, fields, data):
    """False: the record is too short for its type."""
    layout = struct.Struct("<" + "".join(kind for _, kind in fields))
    if len(data) < layout.size:
        return None
    names = [name for name, _ in fields if name]
    for name, value in zip(names, layout.unpack_from(data)):
        group, _, member = name.partition(".")
        if member:
            values.setdefault(group, {})[member] = None if value == UNKNOWN else value
        else:
            values[name] = value
    return layout.size


def read_texts(values, data):
    """False: they do not fill the record exactly."""
    at = 0
    while at < len(data):
        if at + TEXT.size > len(data):
            return False
        kind, size = TEXT.unpack_from(data, at)
        at += TEXT.size
        end = at + size
        padded = end + (-size) % ALIGN
        if padded > len(data) or any(data[end:padded]):
            return False
        text = data[at:end]
        if kind in (3, 9):
            if not text.endswith(b"\0"):
                return False
            text = text[:-1].split(b"\0")
        values[TEXTS.get(kind, f"text_{kind}")] = text
        at = padded
    return True


def read_record(data, calls):
    """The record in these bytes, whose length and check are right; None: its parts are wrong."""
    _, size, kind, version, _, pid, tid, mono_ns = HEAD.unpack_from(data)
    values = {"type": kind, "pid": pid, "tid": tid, "mono_ns": mono_ns, "bytes": size}
    if kind not in TYPES:
        return Record(**values)
    values["type"], fields = TYPES[kind]
    used = read_fields(values, fields, data[HEAD.size:])
    if version != VERSION or used is None or not read_texts(values, data[HEAD.size + used:]):
        return None
    if "call" in values:
        values["call"] = calls.get(values["call"], values["call"])
    if "flags" in values:
        values["flags"] = {name for bit, name in enumerate(FLAGS) if values["flags"] >> bit & 1}
    return Record(**values)


class Journal:
    """`records` in the order of the file; `skipped` bytes of it are no whole records."""

    def __init__(self, data, calls=None):
        calls = calls or read_calls()
        self.records = []
        self.skipped = 0
        at = 0
        while at < len(data):
            size = self.size_at(data, at)
            record = read_record(data[at:at + size], calls) if size else None
            if record is None:
                self.skipped += min(ALIGN, len(data) - at)
                at += ALIGN
            else:
                self.records.append(record)
                at += size

    @staticmethod
    def size_at(data, at):
        """Of the record that begins here; 0: none."""
        if at + HEAD.size > len(data):
            return 0
        magic, size, _, _, sum_, _, _, _ = HEAD.unpack_from(data, at)
        if magic != MAGIC or size < HEAD.size or size % ALIGN or size > BYTES_MAX:
            return 0
        if at + size > len(data) or check(data[at:at + size]) != sum_:
            return 0
        return size


def read_file(path):
    with open(path, "rb") as file:
        return Journal(file.read())


def main():
    journal = read_file(sys.argv[1])
    for record in journal.records:
        print(record)
    if journal.skipped:
        print(f"{journal.skipped} bytes are no records", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
