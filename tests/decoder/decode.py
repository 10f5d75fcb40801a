#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder of hasten traces, written from docs/trace-format.md alone.

It shares no code and no header with the analyzer, so that an error in one of the two shows as a
difference. It is a library (load_file, load_dir) and a program:

    decode.py [MODE] [--file NAME] PATH       PATH: a data directory or one .hst file

    --functions   enters of every function                    (the default)
    --threads     enters of every function in every thread
    --pairs       enters of every caller and callee in every thread
    --events      every event
    --depth       checks each chunk against the one before it; exit status 1 on a contradiction
    --profile     the profile blocks
    --blocks      the blocks of the file, and the modules

Problems (gaps, damaged chunks) go to stderr and never stop the program; the exit status is 1 if
--depth found a contradiction or --strict was given and there was any problem, 2 for wrong input.
"""

import argparse
import array
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
import keys
import memory
import throttle
from container import File, FormatError, files_of

PREDICTOR_SLOTS = 4096
MULTIPLY_CALLER = 2654435761
MULTIPLY_CALLEE = 2246822519
MASK32 = 0xFFFFFFFF

# Codes of decoded events: 1 and 2 are enter and exit; the extended ones that are no enter keep
# their op number.
ENTER, EXIT = 1, 2
OP_ENTER_NEW, OP_ENTER_ID, OP_ENTER_LONG, OP_EXIT_ERROR, OP_TIME, OP_TIME_LONG = 1, 2, 3, 4, 5, 6
OP_UNWIND, OP_SWITCH, OP_LOST, OP_PAUSE, OP_LIMIT, OP_THREAD_END = 7, 8, 9, 10, 11, 12
OP_OWN = 40
OP_OFF_CPU = 26
EVENT_NAMES = {8: "switch", 9: "lost", 10: "pause", 11: "limit", 12: "thread_end", 40: "own", 26: "off_cpu"}
UNKNOWN = (0, 0)
DEPTH_MOST = 1 << 24  # a damaged header may say anything


class Fiber:
    """One stack. Index 0 of each list is the root below the outermost frame."""

    __slots__ = ("ids", "lasts", "who", "keys", "floor_unknown")

    def __init__(self, who=(), floor_unknown=False):
        self.who = [None]
        self.who.extend(who)
        self.ids = [0] * len(self.who)
        self.lasts = [0] * len(self.who)
        self.keys = [0] * len(self.who)
        self.floor_unknown = floor_unknown

    def depth(self):
        return len(self.who) - 1

    def forget_ids(self):
        """A new chunk has begun: only what a follower of the stream knows is left."""
        self.ids = [0] * len(self.who)
        self.lasts = [0] * len(self.who)
        self.keys = [0] * len(self.who)


class Decoded:
    """The events of one chunk: tuples (code, units, who, caller or detail)."""

    __slots__ = ("events", "error", "low", "units", "depth")

    def __init__(self):
        self.events = []
        self.error = None
        self.low = 0
        self.units = 0
        self.depth = 0


class Stream:
    """What is known of one thread's lane between its chunks."""

    def __init__(self, number):
        self.number = number
        self.fibers = {}
        self.fiber = 0
        self.seq = 0
        self.lossy = False  # some part of it is not known

    def break_off(self):
        """What follows a gap or an error is not known: the next chunk begins anew."""
        self.fibers = {}
        self.lossy = True


def _begin_chunk(stream, chunk, notes):
    """Puts the stacks into the state in which the chunk begins; returns the ids it defines."""
    if chunk.seq != stream.seq + 1:
        notes.append(
            "stream %d: sequence %d comes where %d is due"
            % (stream.number, chunk.seq, stream.seq + 1)
        )
        stream.break_off()
    for fiber in stream.fibers.values():
        fiber.forget_ids()
    now = stream.fibers.get(chunk.fiber)
    if now is None:
        now = Fiber([UNKNOWN] * chunk.depth)
    elif now.floor_unknown or now.depth() < chunk.depth - chunk.frame_count:
        now = Fiber([UNKNOWN] * chunk.depth)
    elif now.depth() != chunk.depth:
        kept = now.who[1 : chunk.depth + 1]
        now = Fiber(kept + [UNKNOWN] * (chunk.depth - len(kept)))
    defs = [UNKNOWN]
    seen = {}
    first = chunk.depth - chunk.frame_count + 1
    for i, (ret, fn) in enumerate(chunk.frames):
        number = seen.get(ret)
        if number is None:
            number = len(defs)
            seen[ret] = number
            defs.append((ret, fn))
        now.ids[first + i] = number
        now.who[first + i] = (ret, fn)
    stream.fibers[chunk.fiber] = now
    stream.fiber = chunk.fiber
    stream.seq = chunk.seq
    return defs


def decode_chunk(header, data, chunk, stream, notes):
    """Decodes one chunk, following `stream`; returns Decoded with times in units of 1 << shift."""
    out = Decoded()
    if chunk.depth > DEPTH_MOST:
        stream.seq = chunk.seq
        out.error = "more open frames than this program follows"
        return out
    defs = _begin_chunk(stream, chunk, notes)
    begin, end = chunk.records
    words = array.array("H")
    words.frombytes(bytes(data[begin : begin + (end - begin) // 2 * 2]))
    if sys.byteorder == "big":
        words.byteswap()
    _run(header, words, chunk, stream, defs, out)
    return out


def _run(header, words, chunk, stream, defs, out):
    """The record loop. Names are local and there are no calls in it for the common records."""
    n = len(words)
    lengths = header.lengths
    predictor = [0] * PREDICTOR_SLOTS
    present = {chunk.fiber}
    fiber = stream.fibers[chunk.fiber]
    ids, lasts, who = fiber.ids, fiber.lasts, fiber.who
    events = out.events
    add = events.append
    units = chunk.ticks >> header.shift
    low = fiber.depth()
    top = len(defs) - 1
    blocks = memory.Blocks()
    known = keys.Keys()
    key_of = fiber.keys
    i = 0
    while i < n:
        head = words[i]
        kind = head >> 14
        if kind == 2:
            if len(who) == 1:
                if not fiber.floor_unknown:
                    out.error = "exit with no open frame"
                    break
                units += head & 0x3FFF
                add((EXIT, units, UNKNOWN, 0))
                lasts[0] = 0  # index 0 now stands for the frame below
                i += 1
                continue
            units += head & 0x3FFF
            i += 1
            ids.pop()
            lasts.pop()
            key_of.pop()
            add((EXIT, units, who.pop(), 0))
            if len(who) <= low:
                low = len(who) - 1
            continue
        if kind == 1:
            number = predictor[
                ((ids[-1] * MULTIPLY_CALLER + lasts[-1] * MULTIPLY_CALLEE) & MASK32) >> 20
            ]
            if number == 0 or number > top:
                out.error = "a prediction of nothing"
                break
            units += head & 0x3FFF
            i += 1
            lasts[-1] = number
            ids.append(number)
            lasts.append(0)
            key_of.append(0)
            called = defs[number]
            add((ENTER, units, called, who[-1]))
            who.append(called)
            continue
        if kind == 0:
            if chunk.used and not chunk.cut:
                out.error = "an end mark before the end"
            break
        op = (head >> 8) & 0x3F
        argument = head & 0xFF
        length = lengths[op]
        i += 1
        if length == 255:
            length = 1 + words[i] if i < n else n
        if i + length > n:
            out.error = None if chunk.cut else "a record is cut off"
            break
        at = i
        i += length
        if op <= OP_ENTER_LONG and op >= OP_ENTER_NEW:
            if op == OP_ENTER_NEW:
                time = words[at]
                ret = words[at + 1] | words[at + 2] << 16 | words[at + 3] << 32
                fn = words[at + 4] | words[at + 5] << 16 | words[at + 6] << 32
                defs.append((ret, fn))
                top += 1
                number = top
                if top > 0xFFFF:
                    out.error = "more ids than 16 bits hold"
                    break
            elif op == OP_ENTER_ID:
                time = argument
                number = words[at]
            else:
                time = words[at]
                number = words[at + 1]
            if number == 0 or number > top or number in blocks.sites:
                out.error = "an id of no function"
                break
            units += time
            predictor[
                ((ids[-1] * MULTIPLY_CALLER + lasts[-1] * MULTIPLY_CALLEE) & MASK32) >> 20
            ] = number
            lasts[-1] = number
            ids.append(number)
            lasts.append(0)
            key_of.append(0)
            called = defs[number]
            add((ENTER, units, called, who[-1]))
            who.append(called)
        elif op in (OP_TIME, OP_TIME_LONG):
            if op == OP_TIME:
                time = (argument << 16 | words[at]) << 14
            else:
                time = words[at] | words[at + 1] << 16 | words[at + 2] << 32 | words[at + 3] << 48
            if (units + time) >> (62 - header.shift):
                out.error = "a time that cannot be"
                break
            units += time
        elif op == OP_EXIT_ERROR:
            if len(who) == 1 and not fiber.floor_unknown:
                out.error = "exit with no open frame"
                break
            units += words[at]
            gone = UNKNOWN
            lasts[0] = lasts[0] if len(who) > 1 else 0
            if len(who) > 1:
                ids.pop()
                lasts.pop()
                key_of.pop()
                gone = who.pop()
                low = min(low, len(who) - 1)
            add((OP_EXIT_ERROR, units, gone, 0))
        elif op == OP_UNWIND:
            count = words[at + 1] | words[at + 2] << 16
            if count > len(who) - 1 and not fiber.floor_unknown:
                out.error = "an unwind of more frames than are open"
                break
            units += words[at]
            add((OP_UNWIND, units, UNKNOWN, (argument, count)))
            if count > len(who) - 1:
                count = len(who) - 1
                lasts[0] = 0
            if count:
                del ids[-count:]
                del lasts[-count:]
                del key_of[-count:]
                del who[-count:]
            low = min(low, len(who) - 1)
        elif op == OP_SWITCH:
            units += words[at]
            target = words[at + 1] | words[at + 2] << 16
            if target not in present:
                present.add(target)
                if target not in stream.fibers:
                    # Without the stream's whole past, one that is not new looks like a new one.
                    stream.fibers[target] = Fiber((), stream.lossy)
            fiber = stream.fibers[target]
            ids, lasts, who, key_of = fiber.ids, fiber.lasts, fiber.who, fiber.keys
            stream.fiber = target
            low = min(low, len(who) - 1)
            add((OP_SWITCH, units, UNKNOWN, target))
        elif op == OP_LOST:
            units += words[at]
            add((OP_LOST, units, UNKNOWN, words[at + 1] | words[at + 2] << 16))
        elif op == OP_OWN:
            units += words[at]
            length = (words[at + 1] | words[at + 2] << 16) << header.shift
            add((OP_OWN, units, UNKNOWN, min(length, MASK32)))
        elif op in (OP_PAUSE, OP_LIMIT, OP_THREAD_END):
            units += words[at]
            add((op, units, UNKNOWN, 0))
        elif op == OP_OFF_CPU:
            units += words[at]
            off = words[at + 1] | words[at + 2] << 16 | words[at + 3] << 32
            add((op, units, UNKNOWN, (off, argument)))
        elif op in keys.OPS:
            # A frame without an id was open before the chunk: its key, if it had one, is not known here.
            detail = known.read(op, argument, words, at, i, key_of, ids[-1] != 0)
            if detail is None or (len(who) == 1 and not fiber.floor_unknown and op not in keys.VALUE_OPS):
                out.error = "a key or a result that cannot be"
                break
            add((op, units, UNKNOWN, detail))
        elif op == memory.OP_SITE:
            units += words[at]
            defs.append(UNKNOWN)
            top += 1
            blocks.sites[top] = memory.site(words, at)
        elif op in memory.OPS:
            units += argument if op in memory.NEAR else words[at]
            detail = blocks.read(op, argument, words, at)
            if detail is None:
                out.error = "an id that asks for no memory"
                break
            add((op, units, UNKNOWN, detail))
    out.low = low
    out.units = units
    out.depth = len(who) - 1


def decoded(trace):
    """Yields (chunk, Decoded, stream) for every chunk of a file, each stream in order."""
    for number, chunks in sorted(trace.streams.items()):
        stream = Stream(number)
        for chunk in chunks:
            out = decode_chunk(trace.header, trace.data, chunk, stream, trace.notes)
            if out.error:
                trace.notes.append(
                    "stream %d sequence %d at %d: %s after %d events"
                    % (number, chunk.seq, chunk.at, out.error, len(out.events))
                )
                stream.break_off()
            if chunk.cut:
                stream.break_off()
            yield chunk, out, stream


class Counts:
    """Enters in a file: per function, per (tid, function), per (tid, caller, callee)."""

    def __init__(self, trace, profile=True):
        self.pairs = collections.Counter()
        for chunk, out, _ in decoded(trace):
            tid = chunk.tid
            chunk_pairs = collections.Counter(
                [(event[3], event[2]) for event in out.events if event[0] == ENTER]
            )
            for (caller, callee), number in chunk_pairs.items():
                self.pairs[tid, caller[1] if caller else 0, callee[1]] += number
        if profile:
            for tree in trace.profiles:
                self._add_tree(tree)
        self.threads = collections.Counter()
        self.functions = collections.Counter()
        for (tid, _, callee), number in self.pairs.items():
            self.threads[tid, callee] += number
            self.functions[callee] += number

    def _add_tree(self, tree):
        for node, calls in zip(tree.nodes, tree.calls()):
            if node.fn and calls:
                parent = tree.nodes[node.parent].fn if node.parent < len(tree.nodes) else 0
                self.pairs[tree.tid, parent, node.fn] += calls


def print_events(trace, write):
    shift = trace.header.shift
    for chunk, out, _ in decoded(trace):
        write(
            "chunk %d %d tid %d lane %d depth %d fiber %d\n"
            % (chunk.stream, chunk.seq, chunk.tid, chunk.lane, chunk.depth, chunk.fiber)
        )
        lines = []
        for code, units, who, detail in out.events:
            if code == ENTER:
                caller = detail[1] if detail else 0
                lines.append("%d enter %x %x %x\n" % (units << shift, who[0], who[1], caller))
            elif code == EXIT or code == OP_EXIT_ERROR:
                name = "exit" if code == EXIT else "exit_error"
                lines.append("%d %s %x %x\n" % (units << shift, name, who[0], who[1]))
            elif code == OP_UNWIND:
                lines.append("%d unwind %d %d\n" % ((units << shift,) + detail))
            elif code in (OP_SWITCH, OP_LOST, OP_OWN):
                lines.append("%d %s %d\n" % (units << shift, EVENT_NAMES[code], detail))
            elif code == OP_OFF_CPU:
                # Ticks; the analyzer's clock ends at 2 ** 62, and it has 16 bits for our own part.
                off = min(detail[0] << shift, (1 << 62) - 1)
                own = min(detail[1] << 3 + shift, 0xFFFF)
                lines.append("%d off_cpu %d %d\n" % (units << shift, off, own))
            elif code in keys.OPS:
                lines.append("%d %s\n" % (units << shift, keys.line(code, detail)))
            elif code in memory.OPS:
                lines.append("%d %s\n" % (units << shift, memory.line(code, detail, shift)))
            else:
                lines.append("%d %s\n" % (units << shift, EVENT_NAMES[code]))
        write("".join(lines))
        if out.error:
            write("damaged\n")
        else:
            write("end %d %d\n" % (out.units << shift, out.depth))
    throttle.write_lines(trace, write)


def print_counts(trace, mode, write):
    counts = Counts(trace)
    if mode == "functions":
        for fn, number in sorted(counts.functions.items()):
            write("f %x %d\n" % (fn, number))
    elif mode == "threads":
        for (tid, fn), number in sorted(counts.threads.items()):
            write("t %d %x %d\n" % (tid, fn, number))
    else:
        for (tid, caller, fn), number in sorted(counts.pairs.items()):
            write("p %d %x %x %d\n" % (tid, caller, fn, number))


def check_depth(trace):
    """Contradictions between each chunk's header and the stream before it, as sentences."""
    wrong = []
    for number, chunks in sorted(trace.streams.items()):
        stream = Stream(number)
        before, before_ledger, patches = None, None, None
        for chunk in chunks:
            # After a resync the chunk's own list is the truth: it replaces what the events say.
            resynced = before_ledger is not None and chunk.ledger.resyncs != before_ledger.resyncs
            before_ledger = chunk.ledger
            if before is not None and chunk.seq == stream.seq + 1 and not resynced:
                if chunk.patch_generation == patches:
                    _compare_start(stream, chunk, before, trace.header.shift, wrong)
                else:
                    _compare_dropped(stream, chunk, wrong)
            patches = chunk.patch_generation
            before = decode_chunk(trace.header, trace.data, chunk, stream, trace.notes)
            if before.error:
                wrong.append("stream %d sequence %d: %s" % (number, chunk.seq, before.error))
                stream.break_off()
                before = None
            if chunk.cut:
                stream.break_off()
                before = None
    return wrong


def _compare_dropped(stream, chunk, wrong):
    """Frames of functions that were suppressed since may be gone; the others stay in their order."""
    fiber = stream.fibers.get(chunk.fiber)
    if fiber is None or fiber.depth() < chunk.depth:
        wrong.append("stream %d sequence %d: frames came with a new generation of patches"
                     % (stream.number, chunk.seq))
        return
    left = iter(reversed(fiber.who))
    for frame in reversed(chunk.frames):
        if not any(who in (UNKNOWN, frame) for who in left):
            wrong.append("stream %d sequence %d: frame %x %x was not open"
                         % ((stream.number, chunk.seq) + frame))


def _compare_start(stream, chunk, before, shift, wrong):
    where = "stream %d sequence %d: " % (stream.number, chunk.seq)
    fiber = stream.fibers.get(chunk.fiber)
    if chunk.fiber != stream.fiber:
        wrong.append(where + "begins on fiber %d, left on %d" % (chunk.fiber, stream.fiber))
        return
    if fiber.depth() != chunk.depth:
        wrong.append(where + "depth %d, expected %d" % (chunk.depth, fiber.depth()))
        return
    listed = fiber.who[len(fiber.who) - chunk.frame_count :] if chunk.frame_count else []
    for frame, expected in zip(chunk.frames, listed):
        if expected not in (UNKNOWN, frame):
            wrong.append(where + "frame %x %x, expected %x %x" % (frame + expected))
    if before.low != chunk.low_depth:
        wrong.append(where + "low-water %d, expected %d" % (chunk.low_depth, before.low))
    if chunk.ticks >> shift < before.units:
        wrong.append(where + "begins before its predecessor ends")


def print_profile(trace, write):
    for tree in trace.profiles:
        write(
            "profile %d tid %d lane %d nodes %d depth %d threads %d\n"
            % (tree.stream, tree.tid, tree.lane, len(tree.nodes), tree.depth, tree.threads)
        )
        for i, node in enumerate(tree.nodes):
            write(
                "n %d parent %d %x %x active %d calls %d total %d self %d"
                " min %d max %d errors %d flags %d\n"
                % (
                    (i, node.parent, node.ret, node.fn, node.active, node.calls, node.total)
                    + (node.self, node.min, node.max, node.errors, node.flags)
                )
            )
        for i, (start, children, number, carried) in enumerate(tree.frames):
            write(
                "o %d node %d start %d children %d carried %d\n"
                % (i, number, start, children, carried)
            )


def print_blocks(trace, write):
    for block in trace.blocks:
        write(
            "block %d type %d flags %d bytes %d\n"
            % (block.at, block.type, block.flags, block.size)
        )
    for module in trace.modules:
        write(
            "module %d bias %x %x-%x ticks %d exe %d id %s %s\n"
            % (module[:6] + (module[6].hex(), module[7].decode("utf-8", "replace")))
        )
    for gone in trace.gone:
        write("gone bias %x first %x ticks %d generation %d\n" % gone)
    for number, name in sorted(trace.names.items()):
        write("name %d %s\n" % (number, name.decode("utf-8", "replace")))


def run(options, write):
    """Prints what is asked for; returns the exit status."""
    status = 0
    paths = files_of(options.path)
    if not paths:
        raise FormatError("there is no trace file in this directory")
    for path in paths:
        if options.file and os.path.basename(path) != options.file:
            continue
        trace = File(path)
        write("file %s\n" % os.path.basename(path))
        if options.mode == "events":
            print_events(trace, write)
        elif options.mode == "depth":
            wrong = check_depth(trace)
            for sentence in wrong:
                write("wrong: %s\n" % sentence)
            status = 1 if wrong else status
        elif options.mode == "profile":
            print_profile(trace, write)
        elif options.mode == "blocks":
            print_blocks(trace, write)
        else:
            print_counts(trace, options.mode, write)
        for note in trace.notes:
            sys.stderr.write("decode.py: %s: %s\n" % (os.path.basename(path), note))
        if trace.notes and options.strict:
            status = 1
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    group = parser.add_mutually_exclusive_group()
    for mode in ("functions", "threads", "pairs", "events", "depth", "profile", "blocks"):
        group.add_argument("--" + mode, dest="mode", action="store_const", const=mode)
    parser.add_argument("--file", help="only this file of the directory")
    parser.add_argument("--strict", action="store_true", help="exit status 1 on any gap or damage")
    parser.add_argument("path")
    options = parser.parse_args()
    options.mode = options.mode or "functions"
    try:
        return run(options, sys.stdout.write)
    except FormatError as error:
        sys.stderr.write("decode.py: %s: %s\n" % (options.path, error))
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stderr.write("decode.py: %s: %s\n" % (options.path, error.strerror))
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        os._exit(0)
