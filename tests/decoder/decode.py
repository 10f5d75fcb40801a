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
import struct
import sys

HEADER_BYTES = 4096
FILE_MAGIC = b"HSTN\r\n\x1a\n"
BLOCK_MAGIC = b"HSTB"
CHUNK, MODULE, GONE, NAME, PROFILE = 1, 2, 3, 4, 5
FLAG_TAIL, FLAG_REQUIRED = 1, 2
END_MARK = 0x454E44484E554B21
CHUNK_HEADER = 160
CHUNK_MAX = 65536
FRAMES_MAX = 64
PREDICTOR_SLOTS = 4096
MULTIPLY_CALLER = 2654435761
MULTIPLY_CALLEE = 2246822519
MASK32 = 0xFFFFFFFF

# Codes of decoded events: 1 and 2 are enter and exit; the extended ones that are no enter keep
# their op number.
ENTER, EXIT = 1, 2
OP_ENTER_NEW, OP_ENTER_ID, OP_ENTER_LONG, OP_EXIT_ERROR, OP_TIME, OP_TIME_LONG = 1, 2, 3, 4, 5, 6
OP_UNWIND, OP_SWITCH, OP_LOST, OP_PAUSE, OP_LIMIT, OP_THREAD_END = 7, 8, 9, 10, 11, 12
EVENT_NAMES = {
    8: "switch",
    9: "lost",
    10: "pause",
    11: "limit",
    12: "thread_end",
}
UNKNOWN = (0, 0)

Ledger = collections.namedtuple(
    "Ledger",
    "lost unwound missed_exits unmatched_exits rescans no_frame switches nested_lost resyncs other zero",
)
LEDGER = struct.Struct("<Q10I")


class FormatError(Exception):
    """The file cannot be read at all; the text is the sentence for the user."""


class Header:
    """The first 4096 bytes of a file."""

    def __init__(self, data):
        if len(data) < HEADER_BYTES:
            raise FormatError("the file is shorter than a header")
        if data[0:8] != FILE_MAGIC:
            raise FormatError("this is not a hasten trace")
        self.major, self.minor, self.header_bytes = struct.unpack_from("<HHI", data, 8)
        if self.major != 1:
            raise FormatError("version %d.%d is not known here" % (self.major, self.minor))
        order, self.pointer_bytes, self.clock, self.shift, self.mode = struct.unpack_from(
            "<IBBBB", data, 16
        )
        if self.header_bytes != HEADER_BYTES or order != 0x01020304 or self.pointer_bytes != 8:
            raise FormatError("the header is damaged")
        if self.shift > 16:
            raise FormatError("the header has a time shift that cannot be")
        self.flags, self.pid, self.ppid, self.uid = struct.unpack_from("<4I", data, 24)
        self.pid_start = struct.unpack_from("<Q", data, 40)[0]
        self.start_ticks, self.start_ns, self.realtime = struct.unpack_from("<3Q", data, 64)
        self.tsc_hz, self.limit, self.recorder_ns, self.file_end = struct.unpack_from("<4Q", data, 136)
        self.streams, self.generation = struct.unpack_from("<2I", data, 168)
        self.cost_inside, self.cost_outside, self.end, self.status = struct.unpack_from(
            "<3Ii", data, 176
        )
        self.end_ticks, self.end_ns = struct.unpack_from("<2Q", data, 192)
        self.ledger = Ledger._make(LEDGER.unpack_from(data, 208))
        self.lengths = bytes(data[256:320])
        self.name = bytes(data[320:336]).split(b"\0")[0]
        self.path = bytes(data[336:1360]).split(b"\0")[0]


class Chunk:
    """The header of one chunk; the records stay in the file's bytes."""

    def __init__(self, data, at, size, flags, cut):
        self.at = at
        self.size = size
        self.tail = bool(flags & FLAG_TAIL)
        (
            self.stream,
            self.tid,
            self.seq,
            self.previous,
            self.ticks,
            self.ns,
            self.cpu_ns,
            self.cpu_mode,
            self.generation,
            self.filter_generation,
            self.patch_generation,
            self.depth,
            self.low_depth,
            self.frame_count,
            self.lane,
            self.fiber,
            self.interrupted,
            self.used,
        ) = struct.unpack_from("<2I5Q6I2H3I", data, at + 16)
        self.ledger = Ledger._make(LEDGER.unpack_from(data, at + 104))
        self.thread_ticks = struct.unpack_from("<Q", data, at + 152)[0]
        self.whole = False
        if not self.tail and not cut:
            mark = struct.unpack_from("<Q", data, at + size - 8)[0]
            self.whole = mark == END_MARK ^ self.seq
        self.frames = []
        self.bad = None
        records = CHUNK_HEADER + 16 * self.frame_count
        # `cut`: what was not closed by the process may end in the middle of a record.
        self.cut = cut or not (self.whole or self.tail)
        if self.frame_count > FRAMES_MAX or self.frame_count > self.depth or records > size:
            self.bad = "frames that cannot be"
        elif self.stream == 0 or self.seq >> 48 or self.ticks >> 62 or self.lane > 1:
            self.bad = "a header that cannot be"
        if self.bad:
            return
        for i in range(self.frame_count):
            self.frames.append(struct.unpack_from("<QQ", data, at + CHUNK_HEADER + 16 * i))
        limit = size - 8 if self.whole else size
        if self.used:
            limit = min(limit, records + self.used)
        self.records = (at + records, at + limit)


class Fiber:
    """One stack. Index 0 of each list is the root below the outermost frame."""

    __slots__ = ("ids", "lasts", "who", "floor_unknown")

    def __init__(self, who=(), floor_unknown=False):
        self.who = [None]
        self.who.extend(who)
        self.ids = [0] * len(self.who)
        self.lasts = [0] * len(self.who)
        self.floor_unknown = floor_unknown

    def depth(self):
        return len(self.who) - 1

    def forget_ids(self):
        """A new chunk has begun: only what a follower of the stream knows is left."""
        self.ids = [0] * len(self.who)
        self.lasts = [0] * len(self.who)


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
            "stream %d: sequence %d comes where %d is due" % (stream.number, chunk.seq, stream.seq + 1)
        )
        stream.break_off()
    for fiber in stream.fibers.values():
        fiber.forget_ids()
    now = stream.fibers.get(chunk.fiber)
    if now is None:
        now = Fiber([UNKNOWN] * chunk.depth)
    elif now.floor_unknown or now.depth() != chunk.depth:
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
    switched = False
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
                i += 1
                continue
            units += head & 0x3FFF
            i += 1
            ids.pop()
            lasts.pop()
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
            if number == 0 or number > top:
                out.error = "an id that was not defined"
                break
            units += time
            predictor[
                ((ids[-1] * MULTIPLY_CALLER + lasts[-1] * MULTIPLY_CALLEE) & MASK32) >> 20
            ] = number
            lasts[-1] = number
            ids.append(number)
            lasts.append(0)
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
            if len(who) > 1:
                ids.pop()
                lasts.pop()
                gone = who.pop()
                low = min(low, len(who) - 1)
            add((OP_EXIT_ERROR, units, gone, 0))
        elif op == OP_UNWIND:
            count = words[at + 1] | words[at + 2] << 16
            if count > len(who) - 1 and not fiber.floor_unknown:
                out.error = "an unwind of more frames than are open"
                break
            units += words[at]
            count = min(count, len(who) - 1)
            if count:
                del ids[-count:]
                del lasts[-count:]
                del who[-count:]
            add((OP_UNWIND, units, UNKNOWN, (argument, count)))
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
            ids, lasts, who = fiber.ids, fiber.lasts, fiber.who
            stream.fiber = target
            add((OP_SWITCH, units, UNKNOWN, target))
            switched = True
        elif op == OP_LOST:
            units += words[at]
            add((OP_LOST, units, UNKNOWN, words[at + 1] | words[at + 2] << 16))
        elif op in (OP_PAUSE, OP_LIMIT, OP_THREAD_END):
            units += words[at]
            add((op, units, UNKNOWN, 0))
    out.low = None if switched else low
    out.units = units
    out.depth = len(who) - 1


class Block:
    """A block of any type: where it is and what its header says."""

    __slots__ = ("at", "type", "flags", "size", "cut")

    def __init__(self, at, kind, flags, size, cut):
        self.at = at
        self.type = kind
        self.flags = flags
        self.size = size
        self.cut = cut


def _next_nonzero(data, at):
    """First multiple of 16 from `at` whose 16 bytes are not all zero, or the end."""
    zeros = bytes(65536)
    end = len(data)
    while at < end:
        part = data[at : at + 65536]
        if part == zeros[: len(part)]:
            at += len(part)
            continue
        stripped = len(part) - len(part.lstrip(b"\0"))
        return at + stripped // 16 * 16
    return end


class File:
    """One trace file: header, blocks, the chunks of each stream in order, profiles, modules."""

    def __init__(self, path):
        self.path = path
        self.notes = []
        with open(path, "rb") as handle:
            self.data = handle.read()
        self.header = Header(self.data)
        self.blocks = []
        self.stepped_over = 0
        self.modules = []
        self.gone = []
        self.names = {}
        self.profiles = []
        self._scan()
        self.streams = self._select()

    def _sound(self, at):
        magic, kind, flags, size, zero = struct.unpack_from("<4sHHII", self.data, at)
        if magic != BLOCK_MAGIC or size < 16 or size % 16 or zero:
            return None
        if kind == CHUNK and (size > CHUNK_MAX or size < CHUNK_HEADER):
            return None
        cut = at + size > len(self.data)
        return Block(at, kind, flags, min(size, len(self.data) - at), cut)

    def _scan(self):
        data = self.data
        at = HEADER_BYTES
        while at + 16 <= len(data):
            block = self._sound(at)
            if block:
                if block.type > PROFILE and block.flags & FLAG_REQUIRED:
                    raise FormatError("a newer version is needed to read this file")
                self.blocks.append(block)
                self._take(block)
                at += block.size + (-block.size) % 16
                continue
            if data[at : at + 16] == bytes(16):
                at = _next_nonzero(data, at)
                continue
            begin = at
            while True:
                found = data.find(BLOCK_MAGIC, at + 1)
                at = len(data) if found < 0 else found
                if found < 0 or (at % 16 == 0 and at + 16 <= len(data)):
                    break
            self.stepped_over += at - begin
        if self.stepped_over:
            self.notes.append("%d bytes are no block" % self.stepped_over)

    def _take(self, block):
        data, at = self.data, block.at
        if block.cut and block.type not in (CHUNK, PROFILE):
            self.notes.append("the block at %d is cut off" % at)
            return
        if block.type == MODULE and block.size >= 88:
            bias, first, behind, ticks, generation, length, id_length, exe = struct.unpack_from(
                "<4QIHBB", data, at + 16
            )
            if 88 + length > block.size or id_length > 32:
                self.notes.append("the module at %d is damaged" % at)
                return
            self.modules.append(
                (generation, bias, first, behind, ticks, bool(exe), bytes(data[at + 56 : at + 56 + id_length]),
                 bytes(data[at + 88 : at + 88 + length]))
            )
        elif block.type == GONE and block.size >= 48:
            self.gone.append(struct.unpack_from("<3QI", data, at + 16))
        elif block.type == NAME and block.size >= 24:
            number, length = struct.unpack_from("<2I", data, at + 16)
            if 24 + length <= block.size:
                self.names[number] = bytes(data[at + 24 : at + 24 + length])
        elif block.type == PROFILE:
            self._take_profile(block)

    def _take_profile(self, block):
        if block.size < 128 + 256 * 24:
            self.notes.append("the profile at %d is too short" % block.at)
            return
        profile = Profile(self.data, block)
        if profile.damaged:
            self.notes.append("the profile at %d: %s" % (block.at, profile.damaged))
        self.profiles.append(profile)

    def _select(self):
        """The chunk that counts for each sequence: a whole one, else the tail, else a broken one."""
        best = {}
        for block in self.blocks:
            if block.type != CHUNK or block.size < CHUNK_HEADER:
                continue
            chunk = Chunk(self.data, block.at, block.size, block.flags, block.cut)
            if chunk.seq == 0:
                continue
            if chunk.bad:
                self.notes.append("the chunk at %d has %s" % (chunk.at, chunk.bad))
                continue
            rank = 2 if chunk.whole else 1 if chunk.tail else 0
            key = (chunk.stream, chunk.seq)
            if key not in best or rank > best[key][0]:
                best[key] = (rank, chunk)
        streams = {}
        for key in sorted(best):
            streams.setdefault(key[0], []).append(best[key][1])
        return streams

    def decoded(self):
        """Yields (chunk, Decoded, stream state, depth expected by the follower or None) in order."""
        for number, chunks in sorted(self.streams.items()):
            stream = Stream(number)
            for chunk in chunks:
                out = decode_chunk(self.header, self.data, chunk, stream, self.notes)
                if out.error:
                    self.notes.append(
                        "stream %d sequence %d at %d: %s after %d events"
                        % (number, chunk.seq, chunk.at, out.error, len(out.events))
                    )
                    stream.break_off()
                yield chunk, out, stream


class Profile:
    """One calling-context tree."""

    Node = collections.namedtuple(
        "Node",
        "ret fn parent active calls total self min max errors flags histogram",
    )
    NODE = struct.Struct("<2Q2I5Q2I62I")

    def __init__(self, data, block):
        at = block.at
        self.at = at
        self.damaged = None
        self.stream, self.tid, self.generation, self.lane = struct.unpack_from("<4I", data, at + 16)
        self.ticks, self.ns, self.thread_ticks, self.end_ticks = struct.unpack_from("<4Q", data, at + 32)
        self.depth, self.used, self.capacity, self.threads = struct.unpack_from("<4I", data, at + 64)
        self.ledger = Ledger._make(LEDGER.unpack_from(data, at + 80))
        room = (block.size - 128 - 256 * 24) // 320
        nodes = min(self.used, room)
        if self.used > room:
            self.damaged = "more nodes than there is room for"
        self.frames = [
            struct.unpack_from("<2Q2I", data, at + 128 + 24 * i) for i in range(min(self.depth, 256))
        ]
        base = at + 128 + 256 * 24
        self.nodes = []
        for i in range(nodes):
            field = self.NODE.unpack_from(data, base + 320 * i)
            self.nodes.append(self.Node._make(field[:11] + (field[11:],)))

    def calls(self):
        """Enters of each node: returned and still open ones, without those that the events have."""
        counts = [node.calls for node in self.nodes]
        for _, _, number, carried in self.frames:
            if number < len(counts) and not carried:
                counts[number] += 1
        return counts


def files_of(path):
    """The trace files of a data directory in a fixed order, or the one file itself."""
    if not os.path.isdir(path):
        return [path]
    found = [name for name in os.listdir(path) if name.endswith(".hst")]
    found.sort(key=lambda name: [int(p) if p.isdigit() else 0 for p in name.split(".")] + [name])
    return [os.path.join(path, name) for name in found]


class Counts:
    """Enters in a file: per function, per (tid, function), per (tid, caller, callee)."""

    def __init__(self, trace, profile=True):
        self.pairs = collections.Counter()
        for chunk, out, _ in trace.decoded():
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
    for chunk, out, _ in trace.decoded():
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
            elif code == OP_SWITCH or code == OP_LOST:
                lines.append("%d %s %d\n" % (units << shift, EVENT_NAMES[code], detail))
            else:
                lines.append("%d %s\n" % (units << shift, EVENT_NAMES[code]))
        write("".join(lines))
        if out.error:
            write("damaged\n")
        else:
            write("end %d %d\n" % (out.units << shift, out.depth))


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
        before = None
        for chunk in chunks:
            if before is not None and chunk.seq == stream.seq + 1:
                _compare_start(stream, chunk, before, trace.header.shift, wrong)
            before = decode_chunk(trace.header, trace.data, chunk, stream, trace.notes)
            if before.error:
                wrong.append("stream %d sequence %d: %s" % (number, chunk.seq, before.error))
                stream.break_off()
                before = None
    return wrong


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
    if before.low is not None and before.low != chunk.low_depth:
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
                "n %d parent %d %x %x active %d calls %d total %d self %d min %d max %d errors %d flags %d\n"
                % ((i, node.parent, node.ret, node.fn, node.active) + node[4:11])
            )
        for i, (start, children, number, carried) in enumerate(tree.frames):
            write("o %d node %d start %d children %d carried %d\n" % (i, number, start, children, carried))


def print_blocks(trace, write):
    for block in trace.blocks:
        write("block %d type %d flags %d bytes %d\n" % (block.at, block.type, block.flags, block.size))
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
