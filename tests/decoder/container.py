#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files, blocks, chunk headers and profiles of a trace, from docs/trace-format.md alone.

The records inside the chunks are decode.py's. Shares no code with the analyzer.
"""

import collections
import os
import struct

import memo
import throttle

HEADER_BYTES = 4096
FILE_MAGIC = b"HSTN\r\n\x1a\n"
BLOCK_MAGIC = b"HSTB"
CHUNK, MODULE, GONE, NAME, PROFILE, THROTTLE, COUNTS, MEMO, MEMO_COUNTS = 1, 2, 3, 4, 5, 6, 7, 8, 9
FLAG_TAIL, FLAG_REQUIRED = 1, 2
END_MARK = 0x454E44484E554B21
CHUNK_HEADER = 160
CHUNK_MAX = 65536
FRAMES_MAX = 64

Ledger = collections.namedtuple(
    "Ledger",
    "lost unwound missed_exits unmatched_exits rescans no_frame switches nested_lost resyncs"
    " other memory_lost",
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
        if self.shift > 20:
            raise FormatError("the header has a time shift that cannot be")
        self.flags, self.pid, self.ppid, self.uid = struct.unpack_from("<4I", data, 24)
        self.pid_start = struct.unpack_from("<Q", data, 40)[0]
        self.start_ticks, self.start_ns, self.realtime = struct.unpack_from("<3Q", data, 64)
        self.tsc_hz, self.limit, self.recorder_ns, self.file_end = struct.unpack_from(
            "<4Q", data, 136
        )
        self.streams, self.generation = struct.unpack_from("<2I", data, 168)
        self.cost_inside, self.cost_outside, self.end, self.status = struct.unpack_from(
            "<3Ii", data, 176
        )
        self.end_ticks, self.end_ns = struct.unpack_from("<2Q", data, 192)
        self.ledger = Ledger._make(LEDGER.unpack_from(data, 208))
        self.lengths = bytes(data[256:320])
        self.name = bytes(data[320:336]).split(b"\0")[0]
        self.path = bytes(data[336:1360]).split(b"\0")[0]
        self.fork_ticks = struct.unpack_from("<Q", data, 1360)[0]
        self.memory, self.cost_memory, self.cost_timer, self.page_bytes = struct.unpack_from(
            "<4I", data, 1368
        )
        self.brk_start = struct.unpack_from("<Q", data, 1384)[0]
        self.allocator = bytes(data[1392:1520]).split(b"\0")[0]
        self.live_bytes, self.peak_bytes, self.freed_early, self.freed_early_bytes = (
            struct.unpack_from("<4Q", data, 1520)
        )
        self.cost_count = struct.unpack_from("<I", data, 1552)[0]
        self.costs = struct.unpack_from("<64I", data, 1556)
        self.misses = struct.unpack_from("<64I", data, 1820)
        self.empties = struct.unpack_from("<64I", data, 2076)
        self.journal_lost, self.journal_error = struct.unpack_from("<Ii", data, 4088)
        self.budget_ppm, self.budget_state = struct.unpack_from("<2I", data, 1812)

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
        if self.cut and not cut:
            written = bytes(data[at + records : at + limit]).rstrip(b"\0")
            limit = records + len(written) + len(written) % 2
        self.records = (at + records, at + limit)


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
        self.throttles = []
        self.memo_rows = []
        self.memo_counts = []
        self.counts = []
        self._scan()
        self.streams = self._select()

    def _sound(self, at):
        magic, kind, flags, size, zero = struct.unpack_from("<4sHHII", self.data, at)
        if magic != BLOCK_MAGIC or size < 16 or size % 16 or zero:
            return None
        if kind == CHUNK and (size > CHUNK_MAX or size < CHUNK_HEADER):
            return None
        if (kind == THROTTLE and size < 40) or (kind == COUNTS and size < 4096):
            return None
        if (kind == MEMO and size < 4096) or (kind == MEMO_COUNTS and size < 64):
            return None
        cut = at + size > len(self.data)
        return Block(at, kind, flags, min(size, len(self.data) - at), cut)

    def _is_old_place(self, begin, end):
        """Old records behind a chunk that was being appended when the process was killed?"""
        last = self.blocks[-1] if self.blocks else None
        sealed = last and last.type == CHUNK and not last.flags & FLAG_TAIL
        return sealed and last.at + last.size == begin and (end % 4096 == 0 or end == len(self.data))

    def _scan(self):
        data = self.data
        at = HEADER_BYTES
        while at + 16 <= len(data):
            block = self._sound(at)
            if block:
                if block.type > MEMO_COUNTS and block.flags & FLAG_REQUIRED:
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
            if not self._is_old_place(begin, at):
                self.stepped_over += at - begin
        if self.stepped_over:
            self.notes.append("%d bytes are no block" % self.stepped_over)

    def _take(self, block):
        data, at = self.data, block.at
        if block.cut and block.type not in (CHUNK, PROFILE):
            self.notes.append("the block at %d is cut off" % at)
            if block.type not in (THROTTLE, COUNTS, MEMO, MEMO_COUNTS):
                return
        if block.type == MODULE and block.size >= 88:
            bias, first, behind, ticks, generation, length, id_length, exe = struct.unpack_from(
                "<4QIHBB", data, at + 16
            )
            if 88 + length > block.size or id_length > 32:
                self.notes.append("the module at %d is damaged" % at)
                return
            self.modules.append(
                (
                    generation,
                    bias,
                    first,
                    behind,
                    ticks,
                    bool(exe),
                    bytes(data[at + 56 : at + 56 + id_length]),
                    bytes(data[at + 88 : at + 88 + length]),
                )
            )
        elif block.type == GONE and block.size >= 48:
            self.gone.append(struct.unpack_from("<3QI", data, at + 16))
        elif block.type == NAME and block.size >= 24:
            number, length = struct.unpack_from("<2I", data, at + 16)
            if 24 + length <= block.size:
                self.names[number] = bytes(data[at + 24 : at + 24 + length])
        elif block.type == PROFILE:
            self._take_profile(block)
        elif block.type == THROTTLE and block.size >= 40:
            self.throttles.append(throttle.read_change(data, at, block.size))
        elif block.type == COUNTS and block.size >= 40:
            self.counts += throttle.read_counts(data, at, block.size)
        elif block.type == MEMO:
            self.memo_rows.append(memo.read_rows(data, at, block.size))
        elif block.type == MEMO_COUNTS and block.size >= 64:
            self.memo_counts.append(memo.read_counts(data, at, block.size))

    def _take_profile(self, block):
        if block.size < 128 + 256 * 24:
            self.notes.append("the profile at %d is too short" % block.at)
            return
        profile = Profile(self.data, block)
        if profile.damaged:
            self.notes.append("the profile at %d: %s" % (block.at, profile.damaged))
        self.profiles.append(profile)

    def _select(self):
        """The chunk that counts for a sequence: a whole one, else the tail, else a broken one."""
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


class Profile:
    """One calling-context tree."""

    Node = collections.namedtuple(
        "Node",
        "ret calls total self min max active group k parent fn errors flags histogram"
        " allocs alloc_bytes freed freed_bytes peak_bytes allocator_ticks untracked"
        " untracked_bytes off",
    )
    NODE = struct.Struct("<6Q4IQ2I60I9Q56x")

    def __init__(self, data, block):
        at = block.at
        self.at = at
        self.damaged = None
        self.stream, self.tid, self.generation, self.lane = struct.unpack_from("<4I", data, at + 16)
        self.ticks, self.ns, self.thread_ticks, self.end_ticks = struct.unpack_from(
            "<4Q", data, at + 32
        )
        self.depth, self.used, self.capacity, self.threads = struct.unpack_from(
            "<4I", data, at + 64
        )
        self.ledger = Ledger._make(LEDGER.unpack_from(data, at + 80))
        room = (block.size - 192 - 256 * 16) // self.NODE.size
        nodes = min(self.used, room)
        if self.used > room:
            self.damaged = "more nodes than there is room for"
        self.frames = [
            struct.unpack_from("<Q2I", data, at + 192 + 16 * i)
            for i in range(min(self.depth, 256))
        ]
        base = at + 192 + 256 * 16
        self.nodes = []
        for i in range(nodes):
            field = self.NODE.unpack_from(data, base + self.NODE.size * i)
            self.nodes.append(self.Node._make(field[:13] + (list(field[13:73]),) + field[73:]))
        self.last, pending = struct.unpack_from("<2Q", data, at + 128)
        node, rest = divmod(pending - 192 - 256 * 16, self.NODE.size)
        if 0 < node < nodes and 80 <= rest < 320 and rest % 4 == 0:
            self.nodes[node].histogram[(rest - 80) // 4] += 1

    def calls(self):
        """Enters of each node."""
        return [node.calls for node in self.nodes]


def files_of(path):
    """The trace files of a data directory in a fixed order, or the one file itself."""
    if not os.path.isdir(path):
        return [path]
    found = [name for name in os.listdir(path) if name.endswith(".hst")]
    found.sort(key=lambda name: [int(p) if p.isdigit() else 0 for p in name.split(".")] + [name])
    return [os.path.join(path, name) for name in found]
