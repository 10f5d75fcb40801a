# SPDX-License-Identifier: Apache-2.0
"""What valgrind says of a program's heap: DHAT's blocks by place and by call path, memcheck's rest.

A frame is the program's own if its address lies below the libraries. A block's owner is its
innermost own frame; its path are the own frames, outermost first. Parts into which the compiler cut
a function are that function.
"""

import collections
import json
import os
import re
import shutil
import subprocess

# Where valgrind puts the first library (the loader); position-independent programs begin at 0x108000.
LIBRARIES = 0x4000000
FRAME = re.compile(r"^0x([0-9A-F]+): (.*) \(([^()]*)\)$")
IN_USE = re.compile(r"in use at exit: ([\d,]+) bytes in ([\d,]+) blocks")
TOTAL = re.compile(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes")


class Heap:
    """Blocks and bytes, [blocks, bytes, blocks left, bytes left] each, and the greatest sum."""

    def __init__(self):
        self.sites = collections.defaultdict(lambda: [0, 0, 0, 0])
        self.paths = collections.defaultdict(lambda: [0, 0, 0, 0])
        self.peak_bytes = 0
        self.doubtful = 0  # stacks that may have been cut

    def total(self):
        return [sum(column) for column in zip(*self.paths.values())] or [0, 0, 0, 0]


def available():
    """Can it run a program? Without symbols of the loader it cannot."""
    if not shutil.which("valgrind"):
        return False
    return run("memcheck", [], ["true"], None, {})[0] == 0


def plain_name(name):
    """The name of a function as its source has it: without the compiler's and the versions' endings."""
    name = name.split("@", 1)[0]
    return re.sub(r"\.(?:part|constprop|isra|cold|lto_priv)\.?\d*", "", name)


def own_frames(stack):
    """[(function, "file:line")] of the program's own frames, innermost first; and is the innermost of all its own?"""
    frames, foreign = [], False
    for text in stack:
        found = FRAME.match(text)
        if not found:
            continue
        if int(found.group(1), 16) >= LIBRARIES:
            # What stands in for malloc is no caller, nor is our realloc.
            if not frames and not re.search(r"vgpreload|splitrealloc", found.group(3)):
                foreign = True
            continue
        frames.append((plain_name(found.group(2)), found.group(3), found.group(1)))
    return frames, not foreign


def merge(frames):
    """Without the frames that are parts of the one that they belong to: one behind the other at one address or in one name's part."""
    out = []
    for name, place, address in frames:
        if out and out[-1][0] == name and out[-1][2] == address:
            continue
        out.append((name, place, address))
    return out


def dhat_heap(path, depth):
    """Reads DHAT's file."""
    heap = Heap()
    with open(path, encoding="utf-8") as handle:
        data = json.load(handle)
    table = data["ftbl"]
    for point in data["pps"]:
        stack = [table[i] for i in point["fs"]]
        heap.doubtful += len(stack) >= depth
        frames, asks = own_frames(stack)
        frames = merge(frames)
        owner = frames[0] if frames else ("", "", "")
        place = owner[1] if asks and frames else "elsewhere"
        values = (point["tbk"], point["tb"], point["ebk"], point["eb"])
        heap.peak_bytes += point["gb"]
        for row in (
            heap.sites[owner[0], place],
            heap.paths[tuple(frame[0] for frame in reversed(frames))],
        ):
            for i, value in enumerate(values):
                row[i] += value
    return heap


def run(tool, arguments, command, stdin, environment):
    """Runs a command below valgrind; its output and status."""
    fixed = ["valgrind", "--tool=" + tool, "--run-libc-freeres=no", "--num-callers=500"]
    with open(stdin or os.devnull, "rb") as handle:
        done = subprocess.run(
            fixed + arguments + command,
            stdin=handle,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, **environment),
            check=False,
        )
    return done.returncode, done.stdout


def dhat(command, stdin, where, environment=None):
    """(status, output, Heap) of a run below DHAT. A realloc of a preloaded library is that library's."""
    path = os.path.join(where, "dhat.json")
    arguments = ["--read-inline-info=yes", "--log-file=" + os.devnull, "--dhat-out-file=" + path]
    arguments.append("--soname-synonyms=somalloc=nouserintercepts")
    status, text = run("dhat", arguments, command, stdin, environment or {})
    return status, text, dhat_heap(path, 500)


def memcheck(command, stdin, where):
    """(status, output, (blocks at exit, bytes at exit, allocations, bytes in all)) below memcheck."""
    path = os.path.join(where, "memcheck.log")
    arguments = ["--leak-check=full", "--undef-value-errors=no", "--log-file=" + path]
    status, text = run("memcheck", arguments, command, stdin, {})
    with open(path, encoding="utf-8", errors="replace") as handle:
        log = handle.read()
    left, total = IN_USE.search(log), TOTAL.search(log)
    number = lambda found, which: int(found.group(which).replace(",", ""))
    return status, text, (number(left, 2), number(left, 1), number(total, 1), number(total, 3))
