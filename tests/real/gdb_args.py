# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: writes the arguments of the first calls of some functions, as gdb reads them where the functions begin.

GDB_ARGS names a file with JSON: "functions", name: [address in the file, [how each argument counts]]; "calls" of each; "run", the program's arguments; "program"; "environment"; "out".
A line of the output is JSON: [name, [value, ...]]. A value: {"value": N}, with "content" (hexadecimal, null: it cannot be read) where what it points to counts.
"""
import json
import os
import struct

import gdb  # pylint: disable=import-error

MASK = (1 << 64) - 1
CONTENT_MOST = 4096
with open(os.environ["GDB_ARGS"], encoding="utf-8") as given:
    CONFIG = json.load(given)
OUT = open(CONFIG["out"], "w", encoding="utf-8")  # pylint: disable=consider-using-with


def bits(value):
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_FLT:
        form = {4: ("f", "I"), 8: ("d", "Q")}[kind.sizeof]
        return struct.unpack(form[1], struct.pack(form[0], float(value)))[0]
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return int(value.referenced_value().address) & MASK
    return int(value) & MASK


def text_at(address):
    """Up to a NUL; None: it cannot be read."""
    found = b""
    inferior = gdb.selected_inferior()
    while len(found) <= CONTENT_MOST and b"\0" not in found:
        size = 64 - (address + len(found)) % 64  # within a page
        try:
            found += bytes(inferior.read_memory(address + len(found), size))
        except gdb.MemoryError:
            return None
    return found.split(b"\0")[0]


def bytes_at(address, length):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length)) if length else b""
    except gdb.MemoryError:
        return None


def read(values, counts):
    said = [{"value": bits(value)} for value in values]
    for at, (one, count) in enumerate(zip(said, counts)):
        if count in ("text", "bytes") and one["value"] != 0:
            length = said[at + 1]["value"] if count == "bytes" else 0
            found = None
            if length <= CONTENT_MOST:
                found = bytes_at(one["value"], length) if count == "bytes" else text_at(one["value"])
            one["content"] = None if found is None or len(found) > CONTENT_MOST else found.hex()
    return said


class Begin(gdb.Breakpoint):
    def __init__(self, name, address, counts):
        super().__init__("*%d" % address, internal=True)
        self.silent = True
        self.name, self.left, self.counts = name, CONFIG["calls"], counts

    def stop(self):
        frame = gdb.newest_frame()
        block = frame.block()
        while block.function is None:
            block = block.superblock
        values = [frame.read_var(symbol) for symbol in block if symbol.is_argument]
        OUT.write(json.dumps([self.name, read(values, self.counts)]) + "\n")
        self.left -= 1
        self.enabled = self.left > 0
        return False


def main():
    gdb.execute("set confirm off")
    gdb.execute("set pagination off")
    gdb.execute("set startup-with-shell off")
    gdb.execute("set disable-randomization on")
    for name, value in CONFIG["environment"].items():
        gdb.execute("set environment %s %s" % (name, value))
    # Where the program lies is known when it has begun.
    gdb.execute("starti " + CONFIG["run"])
    inferior = gdb.selected_inferior()
    with open("/proc/%d/maps" % inferior.pid, encoding="utf-8") as maps:
        bias = min(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(CONFIG["program"]))
    for name, (address, counts) in CONFIG["functions"].items():
        Begin(name, bias + address, counts)
    gdb.execute("continue")
    OUT.write(json.dumps(["", []]) + "\n")
    OUT.close()


main()
