#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Arguments and results of a program whose places are known, by a plan that is written here.

    argstest.py --hasten H --preload P --programs DIR CASE       argstest.py --list

What the program says of its calls is hashed as docs/trace-format.md has it and compared with the keys of the recording, which
the second decoder reads. The writer checks itself, and the program's output must be what it is without hasten.
"""

import argparse
import collections
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "decoder"))
# pylint: disable=wrong-import-position
import decode
import keys
from container import File

FILTER, ENTER, EXIT, PIECES = 1, 2, 3, 4
NONE, REGISTER, SP, RBP, CFA, CONSTANT = range(6)
SIGNED, STRING, COUNTED = 0x80, 1, 2
RBX, R12, R13, R14, R15 = 3, 12, 13, 14, 15
FLAG_PLAN_REFUSED, FLAG_CHECK_FAILED, FLAG_ARGUMENTS, FLAG_REFUSED = 512, 4096, 16384, 32768
FLAG_FILTERED = 2


def piece(kind, place, width=8, content=0):
    return struct.pack("<BBBBi", kind, place if kind == REGISTER else 0, width, content, 0 if kind == REGISTER else place)


VOID = struct.pack("<8x")
RECIPES = {
    "two": ([piece(REGISTER, RBX, 4, SIGNED), piece(REGISTER, R12)], piece(REGISTER, R12, 8, SIGNED)),
    "slots": (
        [piece(RBP, -92, 4, SIGNED), piece(SP, 8, 2, SIGNED), piece(CFA, 0, 8)],
        piece(SP, 12, 4, SIGNED),
    ),
    "text": ([piece(REGISTER, RBX, 8, STRING)], VOID),
    "block": ([piece(REGISTER, R13, 8, COUNTED), piece(REGISTER, R14)], piece(CONSTANT, -3, 4, SIGNED)),
    "deep": ([piece(REGISTER, RBX, 4, SIGNED)], piece(REGISTER, RBX, 4, SIGNED)),
    "jumper": ([piece(REGISTER, R15)], piece(REGISTER, R15)),
}


class Failure(Exception):
    pass


def require(condition, text, *values):
    if not condition:
        raise Failure(text % values if values else text)


class Binary:
    def __init__(self, path):
        listing = subprocess.run(["nm", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        self.symbols = {line.split()[-1]: int(line.split()[0], 16) for line in listing.split("\n") if len(line.split()) == 3}
        notes = subprocess.run(["readelf", "-n", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        self.build_id = bytes.fromhex(re.search("Build ID: ([0-9a-f]+)", notes).group(1))


def plan(*binaries, recipes=None, sections=(), build_id=None):
    """A plan for these programs and libraries: of the functions that each has."""
    recipes = recipes or RECIPES
    listed = list(sections)
    for binary in binaries:
        enters, exits, pieces = [], [], []
        for name, (arguments, result) in recipes.items():
            if name not in binary.symbols:
                continue
            fn = binary.symbols[name]
            enters.append((binary.symbols[name + "_enter"], len(pieces), len(arguments), 0, fn))
            exits.append((binary.symbols[name + "_exit"], fn, result))
            pieces += arguments
        who = build_id or binary.build_id
        listed += [
            (ENTER, who, [struct.pack("<QIHHQ", *enter) for enter in sorted(enters)]),
            (EXIT, who, [struct.pack("<QQ8s", *leave) for leave in sorted(exits)]),
            (PIECES, who, pieces),
        ]
    offset, table, body = 32 + 64 * len(listed), b"", b""
    for kind, who, items in listed:
        table += struct.pack("<IIQQII32s", kind, 0, offset + len(body), len(items), len(who), 0, who)
        body += b"".join(items)
    size = offset + len(body)
    return struct.pack("<8sHHIQQ", b"HSTP\r\n\x1a\n", 1, 0, len(listed), size, 0) + table + body


class Recording:
    """Calls of all files: (name, key, result, flags), counted; None where there is no key or no result."""

    def __init__(self, folder, binaries):
        self.calls = collections.Counter()
        self.order = []
        self.flags, self.lost, self.bytes = 0, 0, 0
        for name in sorted(os.listdir(folder)):
            if name.endswith(".hst"):
                self.add(os.path.join(folder, name), binaries)

    def add(self, path, binaries):
        trace = File(path)
        self.flags |= struct.unpack_from("<I", trace.data, 24)[0]
        self.lost += struct.unpack_from("<I", trace.data, 2332)[0]
        stacks = {}
        for chunk, out, stream in decode.decoded(trace):
            require(not out.error, "%s: %s", path, out.error)
            stack = stacks.setdefault(stream.number, [])
            for code, _, who, detail in out.events:
                if code == decode.ENTER:
                    stack.append([self.name(trace, who[1], chunk, binaries), None, None, None])
                elif code in (decode.EXIT, decode.OP_EXIT_ERROR):
                    self.close(stack, 1)
                elif code == decode.OP_UNWIND:
                    self.close(stack, detail[1])
                elif code in (keys.OP_KEY, keys.OP_KEY_NEW):
                    require(stack[-1][1] is None, "two keys of one call")
                    stack[-1][1] = detail[0]
                elif code in keys.OPS:
                    require(stack[-1][1] is not None and stack[-1][2] is None, "a result too many")
                    stack[-1][2:] = detail
        require(not trace.notes, "%s: %s", path, trace.notes)

    def close(self, stack, count):
        for _ in range(min(count, len(stack))):
            call = tuple(stack.pop())
            self.calls[call] += 1
            self.order.append(call)

    @staticmethod
    def name(trace, fn, chunk, binaries):
        """NAME of a function of arguments.c, by the module that had the address in the chunk's generation."""
        best = None
        for module in trace.modules:
            bias, lo, hi, generation, build_id, path = (module[1], module[2], module[3], *Recording.rest(module))
            if lo <= fn < hi and generation <= chunk.generation and (best is None or generation > best[0]):
                best = (generation, bias, build_id, path)
        for binary in binaries:
            if best is not None and binary.build_id == best[2]:
                for name in RECIPES:
                    if binary.symbols.get(name) == fn - best[1]:
                        return name
        return None

    def of(self, *names):
        return collections.Counter({call: n for call, n in self.calls.items() if call[0] in names})
