#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a recording says about memory, computed anew from the events of the second decoder.

It shares nothing with the analyzer: neither the decoder nor the way from address to name (nm) nor
the sums. `hasten memory --json` must say the same of every function. As a program:

    heap_replay.py [--decoder FOLDER] DIR      figures of every function, as JSON
"""

import argparse
import bisect
import collections
import functools
import json
import os
import subprocess
import sys

# By the names of `hasten memory --json`.
FIELDS = (
    "alloc_calls", "alloc_bytes", "slack_bytes", "slack_unknown_blocks", "freed_blocks",
    "freed_bytes", "failed_calls", "leaked_blocks", "leaked_bytes", "peak_bytes", "peak_blocks",
    "at_peak_bytes", "at_peak_blocks", "temporary_blocks", "temporary_bytes",
    "foreign_freed_blocks", "realloc_calls", "moved_calls", "moved_bytes", "grown_calls",
    "grown_bytes", "zeroed_large_calls", "zeroed_large_bytes",
)
SITE_BASE = 0xE00000000000
CALLOC, REALLOC = 2, 3
ZEROED_LARGE = 128 << 10
SLACK_UNKNOWN = 0xFFFFFFFF
MEMORY_FOREIGN = 2
FLAG_FORKED = 8
PAGE = 4096

# Kinds of the simplified events.
ALLOC, FREE, RELEASE, REALLOC_END, CLOSED, MAP, UNMAP, STACK = range(8)

Block = collections.namedtuple("Block", "owner bytes slack frame tid")
Event = collections.namedtuple("Event", "units kind stream tid detail")


class Names:
    """Address to (module, function), by nm; the module is its path."""

    def __init__(self, trace):
        self.modules = sorted({(first, behind, bias, path.decode("utf-8", "replace"))
                               for _, bias, first, behind, _, _, _, path in trace.modules})

    def find(self, address):
        for first, behind, bias, path in reversed(self.modules):
            if first <= address < behind:
                return path, symbol_at(path, address - bias)
        return "", ""


@functools.lru_cache(maxsize=None)
def symbols_of(path):
    """Starts and (end, name) of the functions of a file, ascending."""
    found = {}
    for extra in ((), ("-D",)):
        done = subprocess.run(["nm", "-C", "-S", "--defined-only", *extra, path],
                              capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            part = line.split(maxsplit=3)
            if len(part) == 4 and part[2] in "tTwWiIvVuU" and part[0] not in found:
                found[part[0]] = (int(part[0], 16), int(part[1], 16), part[3])
    rows = sorted(found.values())
    return [row[0] for row in rows], [(row[0] + row[1], row[2]) for row in rows]


def symbol_at(path, address):
    starts, rows = symbols_of(path)
    at = bisect.bisect_right(starts, address) - 1
    if at < 0 or address >= rows[at][0]:
        return ""
    return rows[at][1]


class Sums:
    """The figures of one owner, and what it holds now."""

    def __init__(self):
        self.value = collections.Counter()
        self.live_bytes = 0
        self.live_blocks = 0

    def hold(self, blocks, size):
        self.live_blocks += blocks
        self.live_bytes += size
        if self.live_bytes > self.value["peak_bytes"]:
            self.value["peak_bytes"] = self.live_bytes
            self.value["peak_blocks"] = self.live_blocks


class Frames:
    """The open calls of one stream: per stack a list of (function, number of the call).

    `used` has the calls that own a block: the end of the others does not matter.
    """

    def __init__(self):
        self.fibers = {0: []}
        self.fiber = 0
        self.number = 0
        self.used = set()

    def now(self):
        return self.fibers[self.fiber]

    def push(self, function):
        self.number += 1
        self.now().append((function, self.number))

    def closed(self, gone):
        """Those of the calls that ended which matter."""
        if self.used:
            gone = [number for _, number in gone if number in self.used]
            self.used.difference_update(gone)
            return (CLOSED, gone) if gone else None
        return None

    def begin_chunk(self, chunk):
        """Joins what the chunk says to what is known; its list is the truth."""
        self.fiber = chunk.fiber
        known = self.fibers.setdefault(chunk.fiber, [])
        lowest = chunk.depth - chunk.frame_count
        if len(known) == chunk.depth:
            listed = [fn for _, fn in chunk.frames]
            held = [fn for fn, _ in known[lowest:]]
            if all(b in (0, a) for a, b in zip(listed, held)):
                known[lowest:] = [(fn, number)
                                  for fn, (_, number) in zip(listed, known[lowest:])]
                return None
        gone = self.closed(known)
        known.clear()
        for _ in range(lowest):
            self.push(0)
        for _, fn in chunk.frames:
            self.push(fn)
        return gone


def simplify(decode, trace):
    """All streams' events about memory in the order of time, each with its owner."""
    op = decode.memory
    result = []
    for number, chunks in sorted(trace.streams.items()):
        stream = decode.Stream(number)
        frames = Frames()
        for chunk in chunks:
            start = chunk.ticks >> trace.header.shift
            gone = frames.begin_chunk(chunk)
            if gone:
                result.append(Event(start, CLOSED, number, chunk.tid, gone[1]))
            out = decode.decode_chunk(trace.header, trace.data, chunk, stream, trace.notes)
            if out.error:
                trace.notes.append(f"stream {number} sequence {chunk.seq}: {out.error}")
                stream.break_off()
            for code, units, who, detail in out.events:
                if code == decode.ENTER:
                    frames.push(who[1])
                    continue
                event = one_event(decode, op, frames, code, detail)
                if event is not None:
                    result.append(Event(units, event[0], number, chunk.tid, event[1]))
            if chunk.cut:
                stream.break_off()
    result.sort(key=lambda event: event.units)
    return result


def one_event(decode, op, frames, code, detail):
    """(kind, detail) of what matters for memory; the others only move the frames."""
    now = frames.now()
    if code in (decode.EXIT, decode.OP_EXIT_ERROR):
        return frames.closed([now.pop()]) if now else None
    if code == decode.OP_UNWIND:
        count = min(detail[1], len(now))
        gone = now[len(now) - count:]
        del now[len(now) - count:]
        return frames.closed(gone)
    if code == decode.OP_SWITCH:
        frames.fiber = detail
        frames.fibers.setdefault(detail, [])
        return None
    if code in (op.OP_ALLOC, op.OP_ALLOC_LONG, op.OP_ALLOC_NEAR):
        ret, fn, address, size, slack = detail
        owner = ("fn", now[-1][0]) if now else ("ret", ret)
        frame = now[-1][1] if now else None
        frames.used.add(frame)
        return ALLOC, (owner, frame, fn - SITE_BASE, address, size, slack)
    if code in (op.OP_FREE, op.OP_FREE_LONG, op.OP_FREE_NEAR):
        return (RELEASE if detail[0] == 1 else FREE), detail[1]
    if code == op.OP_REALLOC_END:
        return REALLOC_END, (detail[0], ("fn", now[-1][0]) if now else None)
    if code == op.OP_MAP:
        return MAP, detail[2:]
    if code == op.OP_UNMAP:
        return UNMAP, detail
    if code == op.OP_STACK:
        return STACK, detail[2]
    return None


def address_of(event):
    return event.detail[3] if event.kind == ALLOC else event.detail


class Ranges:
    """What the program itself has mapped: page by page, which is slow and simple."""

    def __init__(self):
        self.pages = set()
        self.peak = 0

    def change(self, add, address, size):
        pages = range(address // PAGE, (address + size + PAGE - 1) // PAGE)
        if add:
            self.pages.update(pages)
        else:
            self.pages.difference_update(pages)
        self.peak = max(self.peak, len(self.pages) * PAGE)


class Process:
    """One image: replays its events onto the sums."""

    def __init__(self, decode, path, window):
        self.trace = decode.File(path)
        self.header = self.trace.header
        self.names = Names(self.trace)
        self.events = simplify(decode, self.trace)
        self.window = window
        self.sums = collections.defaultdict(Sums)
        self.all = Sums()
        self.live = {}
        self.pending = collections.defaultdict(list)
        self.closed_frames = set()
        self.unmatched = 0
        self.overlapped = 0
        self.inherited = set()
        self.inherited_blocks = 0
        self.inherited_left = 0
        self.snapshots = {}
        self.ranges = Ranges()
        self.stacks = []
        self.program_peak = 0
        self.ends_by_exec = False

    def owner_key(self, owner):
        kind, address = owner
        # The return address lies behind the call: the code that called is the byte before.
        path, name = self.names.find(address - 1 if kind == "ret" else address)
        return path, name or "[unknown]"

    def inherit(self, blocks):
        """The live set of the parent: held by its owners here, too, but asked for elsewhere."""
        for address, block in blocks.items():
            self.live[address] = block
            self.inherited.add(address)
            self.sums[block.owner].hold(1, block.bytes)
            self.all.hold(1, block.bytes)
        self.inherited_blocks = len(blocks)
        self.note_peak()

    def note_peak(self):
        if self.all.live_bytes > self.program_peak:
            self.program_peak = self.all.live_bytes
            for sums in self.sums.values():
                sums.value["at_peak_bytes"] = sums.live_bytes
                sums.value["at_peak_blocks"] = sums.live_blocks

    def replay(self, fork_units):
        """`fork_units`: moments of which the live set is needed, ascending."""
        due = collections.deque(fork_units)
        done = set()
        for i, event in enumerate(self.events):
            while due and event.units > due[0]:
                self.snapshots[due.popleft()] = dict(self.live)
            if i in done:
                continue
            if event.kind == ALLOC and event.detail[3] in self.live:
                self.take_late(self.find_late(i, done, (FREE, RELEASE)), done)
            elif event.kind in (FREE, RELEASE) and event.detail not in self.live:
                self.take_late(self.find_late(i, done, (ALLOC,)), done)
            self.take(event)
        for moment in due:
            self.snapshots[moment] = dict(self.live)
        self.finish()

    def find_late(self, i, done, kinds):
        """What another stream did before this with the block, by a clock a little late; or None."""
        event = self.events[i]
        wanted = address_of(event)
        for k in range(i + 1, len(self.events)):
            other = self.events[k]
            if other.units > event.units + self.window:
                return None
            if (k not in done and other.kind in kinds and other.stream != event.stream
                    and address_of(other) == wanted):
                return k
        return None

    def take_late(self, k, done):
        if k is not None:
            done.add(k)
            self.take(self.events[k])

    def take(self, event):
        if event.kind == ALLOC:
            self.allocate(event)
        elif event.kind in (FREE, RELEASE):
            block = self.forget(event.detail, event.tid, event.kind == RELEASE)
            if event.kind == RELEASE:
                self.pending[event.stream].append((event.detail, block))
        elif event.kind == REALLOC_END:
            self.realloc_ends(event)
        elif event.kind == CLOSED:
            self.closed_frames.update((event.stream, number) for number in event.detail)
        elif event.kind in (MAP, UNMAP):
            self.ranges.change(event.kind == MAP, event.detail[0], event.detail[1])
        elif event.kind == STACK:
            self.stacks.append(event.detail)

    def allocate(self, event):
        owner, frame, function, address, size, slack = event.detail
        key = self.owner_key(owner)
        sums = self.sums[key]
        old = None
        if function == REALLOC and self.pending[event.stream]:
            old = self.pending[event.stream].pop()
        if address == 0:
            sums.value["failed_calls"] += 1
            return
        if address in self.live:
            self.overlapped += 1
            self.drop(address)
        value = sums.value
        value["alloc_calls"] += 1
        value["alloc_bytes"] += size
        if slack == SLACK_UNKNOWN:
            value["slack_unknown_blocks"] += 1
        else:
            value["slack_bytes"] += slack
        if function == CALLOC and size >= ZEROED_LARGE:
            value["zeroed_large_calls"] += 1
            value["zeroed_large_bytes"] += size
        if function == REALLOC:
            self.replaced(value, old, address, size)
        self.live[address] = Block(key, size, slack, (event.stream, frame), event.tid)
        self.inherited.discard(address)
        sums.hold(1, size)
        self.all.hold(1, size)
        self.note_peak()

    @staticmethod
    def replaced(value, old, address, size):
        value["realloc_calls"] += 1
        if old is None or old[1] is None:
            return
        if old[0] != address:
            value["moved_calls"] += 1
            value["moved_bytes"] += min(size, old[1].bytes)
        if size > old[1].bytes:
            value["grown_calls"] += 1
            value["grown_bytes"] += size - old[1].bytes

    def drop(self, address):
        """Takes a block out of what is held; returns it and whether it was a parent's."""
        block = self.live.pop(address, None)
        if block is None:
            return None, False
        inherited = address in self.inherited
        self.inherited.discard(address)
        self.all.hold(-1, -block.bytes)
        self.sums[block.owner].hold(-1, -block.bytes)
        return block, inherited

    def forget(self, address, tid, moves):
        block, inherited = self.drop(address)
        if block is None:
            self.unmatched += 1
            return None
        if not inherited:
            self.count_free(block, tid, 1, moves)
        return block

    def count_free(self, block, tid, sign, moves):
        """`sign` -1: it was none, for realloc failed. What realloc replaces lives on elsewhere."""
        value = self.sums[block.owner].value
        value["freed_blocks"] += sign
        value["freed_bytes"] += sign * block.bytes
        if tid != block.tid:
            value["foreign_freed_blocks"] += sign
        elif not moves:
            self.count_temporary(block)

    def count_temporary(self, block):
        """It went before its owner's call returned, if that is still open."""
        if block.frame[1] is not None and block.frame not in self.closed_frames:
            self.sums[block.owner].value["temporary_blocks"] += 1
            self.sums[block.owner].value["temporary_bytes"] += block.bytes

    def realloc_ends(self, event):
        freed, owner = event.detail
        pending = self.pending[event.stream]
        address, block = pending.pop() if pending else (0, None)
        if freed:
            if block is not None and event.tid == block.tid:
                self.count_temporary(block)
            return
        if owner is not None:
            self.sums[self.owner_key(owner)].value["failed_calls"] += 1
        elif block is not None:
            self.sums[block.owner].value["failed_calls"] += 1
        if block is not None:
            # It never went.
            self.count_free(block, event.tid, -1, True)
            self.live[address] = block
            self.sums[block.owner].hold(1, block.bytes)
            self.all.hold(1, block.bytes)

    def finish(self):
        for address, block in self.live.items():
            if address in self.inherited:
                self.inherited_left += 1
                continue
            if self.ends_by_exec:
                continue
            value = self.sums[block.owner].value
            value["leaked_blocks"] += 1
            value["leaked_bytes"] += block.bytes


def load(folder, decoder):
    """The processes of a data directory, replayed in the order in which they began."""
    if decoder not in sys.path:
        sys.path.insert(0, decoder)
    import decode  # pylint: disable=import-outside-toplevel,import-error
    processes = [Process(decode, path, 1 << 10) for path in decode.files_of(folder)]
    processes.sort(key=lambda p: p.header.start_ticks)
    children = collections.defaultdict(list)
    for process in processes:
        if process.header.flags & FLAG_FORKED and process.header.fork_ticks:
            children[process.header.ppid].append(process)
    latest = {p.header.pid: p for p in processes}
    done = []
    for process in processes:
        header = process.header
        process.ends_by_exec = latest[header.pid] is not process
        mine = [c for c in children[header.pid] if image_at(processes, c) is process]
        if header.flags & FLAG_FORKED and header.fork_ticks:
            parent = image_at(done, process)
            if parent is not None:
                process.inherit(parent.snapshots[header.fork_ticks >> header.shift])
        process.replay(sorted({c.header.fork_ticks >> header.shift for c in mine}))
        done.append(process)
    return done


def image_at(processes, child):
    """The image of the parent that was there when the child was forked."""
    found = None
    for process in processes:
        if (process.header.pid == child.header.ppid
                and process.header.start_ticks <= child.header.fork_ticks):
            found = process
    return found


def functions(processes):
    """(module, name) -> figures over all processes; at_peak_* are those of the greatest peak."""
    peak = max(processes, key=lambda p: p.program_peak, default=None)
    result = collections.defaultdict(lambda: dict.fromkeys(FIELDS, 0))
    for process in processes:
        for key, sums in process.sums.items():
            row = result[key]
            for name in FIELDS:
                if name == "peak_bytes":
                    continue
                if name == "peak_blocks":
                    if sums.value["peak_bytes"] > row["peak_bytes"]:
                        row["peak_bytes"] = sums.value["peak_bytes"]
                        row["peak_blocks"] = sums.value["peak_blocks"]
                elif not name.startswith("at_peak") or process is peak:
                    row[name] += sums.value[name]
    return dict(result)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--decoder", default=os.path.join(here, "..", "..", "decoder"))
    parser.add_argument("data")
    options = parser.parse_args()
    processes = load(options.data, options.decoder)
    rows = [dict(module=os.path.basename(module), name=name, **figures)
            for (module, name), figures in functions(processes).items()]
    rows.sort(key=lambda row: -row["peak_bytes"])
    json.dump({
        "functions": rows,
        "processes": [{
            "pid": p.header.pid, "peak_bytes": p.program_peak, "unmatched": p.unmatched,
            "overlapped": p.overlapped, "inherited": p.inherited_blocks,
            "inherited_left": p.inherited_left, "mapped_peak": p.ranges.peak,
            "stacks": p.stacks, "notes": p.trace.notes,
        } for p in processes],
    }, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
