#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes traces of random events whose truth is known, from docs/trace-format.md alone.

    synth.py DIR [--seed N] [--events N]

Used by test_decode.py (decode.py against the truth) and by agree.py's test (both decoders).
"""

import argparse
import os
import random
import struct

import synth_memo

HEADER_BYTES = 4096
END_MARK = 0x454E44484E554B21
LENGTHS = {1: 7, 2: 1, 3: 2, 4: 1, 5: 1, 6: 4, 7: 3, 8: 3, 9: 3, 10: 1, 11: 1, 12: 1, 13: 5, 14: 5}
LENGTHS.update({15: 10, 16: 3, 17: 4, 18: 1, 19: 3, 20: 8, 21: 7, 22: 5, 23: 7, 24: 3, 25: 1, 26: 4, 27: 4, 28: 1, 29: 4, 30: 0})
LENGTHS.update({31: 255, 32: 4, 33: 0, 40: 3})
UNKNOWN_OP = 60  # no reader knows it: it is stepped over by the table of lengths
COUNTED_OP = 41  # its length stands in its first word
SHIFT = 2


def slot(caller, last):
    return ((caller * 2654435761 + last * 2246822519) & 0xFFFFFFFF) >> 20


class Writer:
    """Writes one stream's chunks and keeps the list of true event lines."""

    def __init__(self, rng, stream, tid, chunk_bytes):
        self.rng = rng
        self.stream = stream
        self.tid = tid
        self.room = chunk_bytes
        self.seq = 0
        self.fibers = {0: []}
        self.fiber = 0
        self.units = 1000 + rng.randrange(1000)
        self.low = 0
        self.chunks = []
        self.lines = []
        self.arguments = rng.choice((0, 0, 0.1, 0.9))  # calls with a key
        self.valued = rng.choice((0, 0.5, 1))
        self.begin()

    @property
    def stack(self):
        return self.fibers[self.fiber]

    def begin(self):
        self.seq += 1
        depth = len(self.stack)
        listed = self.stack[-self.rng.randrange(1, 65) :] if depth else []
        self.start = self.units << SHIFT | self.rng.randrange(4)
        self.frames = listed
        self.begun_on = self.fiber
        self.depth = depth
        self.low_before = self.low
        self.low = depth
        self.words = []
        self.ids = {}
        self.predictor = [0] * 4096
        self.latest = 0
        self.keys = [None]
        self.keyed = {}  # by fiber and depth: the key of an open frame that was entered in this chunk
        self.present = {self.fiber: ([0] * (depth + 1), [0] * (depth + 1))}
        for i, site in enumerate(listed):
            number = self.ids.setdefault(site, len(self.ids) + 1)
            self.present[self.fiber][0][depth - len(listed) + 1 + i] = number
        self.lines.append(
            "chunk %d %d tid %d lane 0 depth %d fiber %d"
            % (self.stream, self.seq, self.tid, depth, self.fiber)
        )

    def end(self, tail=False):
        self.lines.append("end %d %d" % (self.units << SHIFT, len(self.stack)))
        body = b"".join(struct.pack("<QQ", *site) for site in self.frames)
        records = struct.pack("<%dH" % len(self.words), *self.words)
        size = 160 + len(body) + len(records) + 8 + 2
        size += -size % 16
        head = struct.pack("<4sHHII", b"HSTB", 1, 1 if tail else 0, size, 0)
        head += struct.pack(
            "<2I5Q6I2H3I", self.stream, self.tid, self.seq, 0, self.start, 5, 0, 0, 0, 0, 0,
            self.depth, self.low_before, len(self.frames), 0, self.begun_on, 0,
            0 if tail else len(records),
        )  # fmt: skip
        head += bytes(48) + struct.pack("<Q", 17)
        block = (head + body + records).ljust(size - 8, b"\0")
        block += struct.pack("<Q", 0 if tail else END_MARK ^ self.seq)
        self.chunks.append(block)

    def need(self, words):
        used = 160 + 16 * len(self.frames) + 2 * (len(self.words) + words) + 32
        if used > self.room:
            self.end()
            self.begin()

    def time(self, bits):
        """Advances the clock; returns what goes into the record, behind time records."""
        rng = self.rng
        step = rng.randrange(1 << bits)
        if rng.random() < 0.01:
            big = rng.randrange(1, 1 << 24)
            self.words += [3 << 14 | 5 << 8 | big >> 16, big & 0xFFFF]
            self.units += big << 14
        if rng.random() < 0.005:
            big = rng.randrange(1 << 34)
            self.words += [3 << 14 | 6 << 8]
            self.words += [big >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
            self.units += big
        self.units += step
        return step

    def enter(self, site):
        self.need(200)
        ids, lasts = self.present[self.fiber]
        where = slot(ids[-1], lasts[-1])
        number = self.ids.get(site)
        caller = self.stack[-1][1] if self.stack else 0
        if number is None:
            number = self.ids[site] = len(self.ids) + 1
            step = self.time(16)
            self.words += [3 << 14 | 1 << 8, step]
            for value in site:
                self.words += [value >> shift & 0xFFFF for shift in (0, 16, 32)]
        elif self.predictor[where] == number and self.rng.random() < 0.95:
            step = self.time(14)
            self.words.append(1 << 14 | step)
        elif self.rng.random() < 0.5:
            step = self.time(8)
            self.words += [3 << 14 | 2 << 8 | step, number]
        else:
            step = self.time(16)
            self.words += [3 << 14 | 3 << 8, step, number]
        self.predictor[where] = number
        lasts[-1] = number
        ids.append(number)
        lasts.append(0)
        self.stack.append(site)
        self.keyed.pop((self.fiber, len(self.stack)), None)
        self.lines.append("%d enter %x %x %x" % (self.units << SHIFT, site[0], site[1], caller))
        if self.rng.random() < self.arguments:
            self.key()

    def quad(self, op, argument, value):
        self.words += [3 << 14 | op << 8 | argument] + [value >> 16 * i & 0xFFFF for i in range(4)]

    def key(self):
        """Of the call that was just entered: an old one, or one that is defined, perhaps once more."""
        rng = self.rng
        new = len(self.keys) == 1 or rng.random() >= 0.7
        if not new:
            number = rng.randrange(1, len(self.keys))
            if number < 256 and rng.random() < 0.7:
                self.words.append(3 << 14 | 33 << 8 | number)
            else:
                self.words += [3 << 14 | 28 << 8, number]
        else:
            value = rng.choice((0, rng.randrange(1 << 64), (1 << 64) - 1))
            self.quad(27, 0, value)
            self.keys.append([value, None])
            number = len(self.keys) - 1
        self.keyed[self.fiber, len(self.stack)] = self.keys[number]
        self.say("key %x", self.keys[number][0])
        if new and rng.random() < self.valued:
            self.values()

    def values(self):
        """What the key was made of: numbers, strings, what had no room."""
        rng = self.rng
        words, said = [], []
        count = rng.choice((0, 1, 2, 2, 3, rng.randrange(5)))
        for _ in range(count):
            form = rng.choice((0, 0, 1, 2))
            words.append(form)
            value = rng.choice((0, rng.randrange(1 << 64)))
            if form == 2:
                said.append("-")
            elif form == 0:
                words += [value >> 16 * i & 0xFFFF for i in range(4)]
                said.append("%x" % value)
            else:
                length = rng.choice((rng.randrange(12), rng.randrange(4097), (1 << 64) - 1))
                stored = 0 if length >> 63 else min(length, rng.randrange(49))
                data = bytes(rng.randrange(256) for _ in range(stored))
                words += [length >> 16 * i & 0xFFFF for i in range(4)] + [stored]
                words += [int.from_bytes(data[i : i + 2], "little") for i in range(0, stored, 2)]
                said.append("%s:%s" % ("null" if length >> 63 else length, data.hex()))
        self.words += [3 << 14 | 31 << 8 | count, len(words)] + words
        self.lines.append("%d values" % (self.units << SHIFT) + "".join(" " + text for text in said))

    def result(self):
        """Of the call that exits next, which need not have a key in this chunk."""
        rng = self.rng
        entry = self.keyed.get((self.fiber, len(self.stack)))
        flags = rng.randrange(4)
        new = False
        if entry is not None and entry[1] is not None and rng.random() < 0.7:
            self.words.append(3 << 14 | 30 << 8 | flags)
            value = entry[1]
        else:
            value = rng.choice((0, 7, rng.randrange(1 << 64)))
            self.quad(29, flags, value)
            new = True
        if entry is not None:
            entry[1] = value
        self.say("result %x %d", value, flags)
        if new and rng.random() < self.valued:
            value = rng.randrange(1 << 64)
            self.quad(32, 0, value)
            self.say("result_value %x", value)

    def pop(self, count):
        ids, lasts = self.present[self.fiber]
        del ids[len(ids) - count :], lasts[len(lasts) - count :]
        gone = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        self.low = min(self.low, len(self.stack))
        return gone

    def exit(self, error=False):
        self.need(20)
        if self.rng.random() < self.arguments:
            self.result()
        if error:
            self.words += [3 << 14 | 4 << 8, self.time_word()]
        else:
            self.words.append(2 << 14 | self.time(14))
        site = self.pop(1)[0]
        name = "exit_error" if error else "exit"
        self.lines.append("%d %s %x %x" % ((self.units << SHIFT, name) + site))

    def time_word(self):
        step = self.rng.randrange(1 << 16)
        self.units += step
        return step

    def unwind(self, count, reason):
        self.need(10)
        self.words += [3 << 14 | 7 << 8 | reason, self.time_word(), count & 0xFFFF, count >> 16]
        self.pop(count)
        self.lines.append("%d unwind %d %d" % (self.units << SHIFT, reason, count))

    def switch(self, fiber):
        self.need(10)
        self.words += [3 << 14 | 8 << 8, self.time_word(), fiber & 0xFFFF, fiber >> 16]
        self.fiber = fiber
        depth = len(self.fibers.setdefault(fiber, []))
        self.low = min(self.low, depth)
        self.present.setdefault(fiber, ([0] * (depth + 1), [0] * (depth + 1)))
        self.lines.append("%d switch %d" % (self.units << SHIFT, fiber))

    def lost(self, count):
        self.need(10)
        self.words += [3 << 14 | 9 << 8, self.time_word(), count & 0xFFFF, count >> 16]
        self.lines.append("%d lost %d" % (self.units << SHIFT, count))

    def own(self, units):
        self.need(10)
        self.words += [3 << 14 | 40 << 8, self.time_word(), units & 0xFFFF, units >> 16]
        ticks = min(units << SHIFT, 0xFFFFFFFF)
        self.lines.append("%d own %d" % (self.units << SHIFT, ticks))

    def record(self, op, argument, *values):
        """A record of (number, words) behind its time."""
        self.words += [3 << 14 | op << 8 | argument, self.time_word()]
        for value, count in values:
            self.words += [value >> 16 * i & 0xFFFF for i in range(count)]

    def record_near(self, op, *words):
        """A record whose argument is its time."""
        step = self.rng.randrange(256)
        self.units += step
        self.words += [3 << 14 | op << 8 | step] + [word & 0xFFFF for word in words]

    def say(self, text, *values):
        self.lines.append("%d " % (self.units << SHIFT) + text % values)

    def asker(self, number):
        """The id of a place that asks for memory, and its ret and fn."""
        # 0x400005 is a function's, too.
        who = (self.rng.choice((0x400005, 0x500000, 0x500001)), 0xE00000000000 + number)
        if who not in self.ids:
            self.record(13, 0, (who[0], 3), (number, 1))
            self.ids[who] = len(self.ids) + 1
        return self.ids[who], who

    def distance(self, address):
        """Steps from the latest block as 32 bits, or None; the address becomes the latest block."""
        steps, rest = divmod(address - self.latest, 16)
        self.latest = address
        return None if rest or not -(1 << 31) <= steps < 1 << 31 else steps & 0xFFFFFFFF

    def alloc(self, number):
        self.need(20)
        rng = self.rng
        place, who = self.asker(number)
        address = rng.choice((self.latest, 0x7F0000000000, 0x10000)) + rng.randrange(-512, 512) * 16
        address = (address + rng.choice((0,) * 9 + (8,))) & 0xFFFFFFFFFFFF
        size = rng.choice((rng.randrange(100), rng.randrange(1 << 16), rng.randrange(1 << 48)))
        usual = max(24, (size + 23) // 16 * 16 - 8) - size
        slack = rng.choice((0, 8, usual, usual, 254, 255, 256, 0xFFFFFFFF))
        fits = size >> 16 == 0 and (slack < 255 or slack == 0xFFFFFFFF)
        steps = None
        if rng.random() < 0.05:
            address = 0
        else:
            steps = self.distance(address)
        short = steps is not None and (steps < 1 << 15 or steps >= (1 << 32) - (1 << 15))
        if short and fits and slack == usual and rng.random() < 0.9:
            self.record_near(24, place, steps, size)
        elif steps is not None and fits:
            self.record(14, min(slack, 255), (place, 1), (steps, 2), (size, 1))
        else:
            self.record(15, 0, (place, 1), (address, 3), (size, 3), (slack, 2))
        self.say("alloc %x %x %x %d %d", *who, address, size, slack)

    def free(self):
        self.need(10)
        rng = self.rng
        address = (self.latest + rng.randrange(-4096, 4096) * 16) & 0xFFFFFFFFFFFF
        address = address if rng.random() < 0.9 else rng.randrange(1 << 48)
        steps, moves = self.distance(address), rng.choice((0, 0, 1))
        short = steps is not None and (steps < 1 << 15 or steps >= (1 << 32) - (1 << 15))
        if short and not moves and rng.random() < 0.5:
            self.record_near(25, steps)
        elif steps is None or rng.random() < 0.1:
            self.record(17, moves, (address, 3))
        else:
            self.record(16, moves, (steps, 2))
        self.say("%s %x", "release" if moves else "free", address)

    def memory(self):
        """One or two of the records about memory."""
        rng = self.rng
        choice = rng.randrange(14)
        if choice < 5:
            self.alloc(rng.randrange(1, 10))
        elif choice < 9:
            self.free()
        else:
            self.need(24)
            self.space(choice)

    def space(self, choice):
        rng = self.rng
        address, size = rng.randrange(1 << 48), rng.randrange(1 << 48)
        if choice == 9:
            end = rng.randrange(2)
            self.record(18, end)
            self.say("realloc_freed" if end else "realloc_failed")
        elif choice == 10:
            units, calls = rng.randrange(1 << rng.choice((8, 32))), rng.randrange(256)
            self.record(19, calls, (units, 2))
            self.say("allocator %d %d", min(units << SHIFT, 0xFFFFFFFF), calls)
        elif choice == 11:
            (place, who), flags = self.asker(rng.randrange(9, 12)), rng.randrange(8)
            self.record(20, flags, (place, 1), (address, 3), (size, 3))
            self.say("map %x %x %x %d %d", *who, address, size, flags)
        elif choice == 12:
            self.record(21, 0, (address, 3), (size, 3))
            self.say("unmap %x %d", address, size)
        else:
            place, who = self.asker(12)
            self.record(22, 0, (place, 1), (size, 3))
            self.say("stack %x %x %d", *who, size)
            sizes = [rng.randrange(1 << 32) for _ in range(3)]
            self.record(23, 0, *((pages, 2) for pages in sizes))
            self.say("memory %d %d %d", *sizes)

    def off_cpu(self):
        self.need(10)
        own, off = self.rng.randrange(256), self.rng.randrange(1 << self.rng.choice((8, 32, 48)))
        self.words += [3 << 14 | 26 << 8 | own, self.time_word()]
        self.words += [off & 0xFFFF, off >> 16 & 0xFFFF, off >> 32]
        self.lines.append(
            "%d off_cpu %d %d"
            % (self.units << SHIFT, min(off << SHIFT, (1 << 62) - 1), own << 3 + SHIFT)
        )

    def unknown(self):
        self.need(12)
        self.words += [3 << 14 | UNKNOWN_OP << 8 | 77, 0xFFFF, 0x8001]
        self.words += [3 << 14 | COUNTED_OP << 8, 4, 0xFFFF, 0x8001, 1, 0x4000]


def header(name=b"synth"):
    data = bytearray(HEADER_BYTES)
    struct.pack_into("<8sHHI", data, 0, b"HSTN\r\n\x1a\n", 1, 0, HEADER_BYTES)
    struct.pack_into("<IBBBB", data, 16, 0x01020304, 8, 0, SHIFT, 0)
    struct.pack_into("<4I", data, 24, 0, 4711, 1, 0)
    struct.pack_into("<3Q", data, 64, 4000, 10**9, 0)
    struct.pack_into("<Q", data, 136, 10**9)
    for op, words in LENGTHS.items():
        data[256 + op] = words
    data[256 + UNKNOWN_OP] = 2
    data[256 + COUNTED_OP] = 255
    data[320 : 320 + len(name)] = name
    data[336:341] = b"/none"
    return data


def random_walk(writer, rng, events):
    """A program with habits: mostly the same callees in the same order, now and then chance."""
    sites = [(0x400000 + 16 * i + 5, 0x400000 + 16 * i) for i in range(rng.choice((3, 40, 700)))]
    habits = {}
    share = rng.choice((1, 0.98, 0.7))  # above it, memory
    for _ in range(events):
        chance = rng.random()
        depth = len(writer.stack)
        if chance < 0.002:
            writer.switch(rng.choice((0, 1, 2, 70000)))
        elif chance < 0.004:
            writer.lost(rng.randrange(1, 1 << 20))
        elif chance < 0.005:
            writer.own(rng.choice((0, 9, 70000, 0xFFFFFFFF)))
        elif chance < 0.006:
            writer.unknown()
        elif chance < 0.01:
            writer.off_cpu()
        elif chance > share:
            writer.memory()
        elif chance < 0.014 and depth:
            writer.unwind(rng.randrange(1, min(depth, 5) + 1), rng.choice((1, 2, 4)))
        elif chance < 0.016 and depth:
            writer.exit(error=True)
        elif (chance < 0.5 or depth > 300) and depth:
            writer.exit()
        else:
            caller = writer.stack[-1] if depth else None
            callees = habits.setdefault(caller, [rng.choice(sites) for _ in range(3)])
            writer.enter(rng.choice(callees if rng.random() < 0.9 else sites))


class Throttling:
    """Functions that are suppressed and counted while libraries come and go, and windows."""

    def __init__(self, rng):
        self.rng = rng
        self.ticks, self.generation = 5000, 1
        self.windows, self.entries, self.newest = [], [], {}
        self.changes, self.counts = [], []
        for _ in range(rng.choice((0, 12, 200))):
            self.step()
        for stream in range(rng.randrange(4) if self.entries else 0):
            self.count(stream + 1, rng.randrange(1, self.generation + 1))

    def change(self, what, functions, ticks, late=0):
        count = len(functions)
        size = 40 + 8 * count + (8 - 8 * count) % 16
        head = struct.pack("<4sHHII", b"HSTB", 6, 0, size, 0)
        head += struct.pack("<Q4I", ticks, what, self.generation, count, late)
        self.changes.append((head + struct.pack("<%dQ" % count, *functions)).ljust(size, b"\0"))

    def step(self):
        rng = self.rng
        self.ticks += rng.randrange(1 << 20)
        choice = rng.randrange(8)
        is_open = self.windows and self.windows[-1][1] is None
        if choice == 0:
            self.generation += 1
        elif choice == 1:
            late = rng.randrange(1 << 32)
            self.change(3, [], self.ticks, late)
            if not is_open:
                self.windows.append([self.ticks, None, late])
        elif choice == 2:
            self.change(4, [], self.ticks)
            if is_open:
                self.windows[-1][1] = self.ticks
        elif choice == 3:
            # No reader knows it, or believes it.
            self.change(rng.choice((0, 5, 77)), [0x400000], self.ticks)
            self.change(rng.choice((1, 2, 3, 4)), [0x400000], (1 << 62) + self.ticks)
        else:
            self.list_functions(1 if choice < 6 else 2)

    def list_functions(self, what):
        functions = [self.rng.choice((0, 1, 2, 3, 5)) * 0x100000 for _ in range(self.rng.randrange(9))]
        self.change(what, functions, self.ticks)
        for fn in functions:
            entry = self.newest.get(fn)
            if fn and (entry is None or entry["generation"] != self.generation):
                entry = self.newest[fn] = {"fn": fn, "generation": self.generation, "calls": 0}
                self.entries.append(entry)
                if what == 1:
                    entry["off"] = self.ticks
            if fn and what == 2:
                entry.setdefault("counted", self.ticks)

    def count(self, stream, generation):
        """A block of counts: what was counted last by then is what each of its functions is."""
        there = {e["fn"]: e for e in self.entries if "counted" in e and e["generation"] <= generation}
        data = struct.pack("<4sHHII2I24x", b"HSTB", 7, 0, 4096, 0, stream, generation)
        places = [(0, 5)] * 253
        for fn, entry in there.items():
            calls = self.rng.randrange(1 << self.rng.choice((8, 40)))
            places[100 + self.rng.randrange(99)] = (0x999000, 3)
            places[entry["fn"] >> 20] = (fn, calls)
            entry["calls"] += calls
        places[252] = (0x100000, 1 << 62)
        self.counts.append(data + b"".join(struct.pack("<2Q", *place) for place in places))

    def lines(self):
        never = (1 << 64) - 1
        for begin, end, late in self.windows:
            yield "window %d %d late %d" % (begin, never if end is None else end, late)
        for entry in self.entries:
            yield "throttled %x generation %d off %d counted %d calls %d" % (
                entry["fn"], entry["generation"], entry.get("off", never), entry.get("counted", never),
                entry["calls"],
            )  # fmt: skip


def make(path, seed, events):
    """Writes one file; returns its true lines in the form of `decode.py --events`."""
    rng = random.Random(seed)
    data = header()
    lines = ["file " + os.path.basename(path)]
    blocks = []
    for stream in range(1, rng.randrange(2, 5)):
        writer = Writer(rng, stream, 100 + stream, rng.choice((2048, 16384, 65536)))
        random_walk(writer, rng, events)
        tail = rng.random() < 0.5
        writer.end(tail)
        lines += writer.lines
        blocks += writer.chunks
    stale = [b for b in blocks if not struct.unpack_from("<H", b, 6)[0] & 1][:1]
    rng.shuffle(blocks)
    for block in stale:
        # The place in which the thread wrote still holds what was copied to the end.
        flagged = bytearray(block)
        struct.pack_into("<H", flagged, 6, 1)
        blocks.insert(0, bytes(flagged))
    throttling = Throttling(rng)
    lines += throttling.lines()
    for block in throttling.counts:
        blocks.insert(rng.randrange(len(blocks) + 1), block)
    places = sorted(rng.randrange(len(blocks) + 1) for _ in throttling.changes)
    for i, block in enumerate(throttling.changes):
        blocks.insert(places[i] + i, block)
    memos = synth_memo.Memos(rng)
    lines += memos.lines()
    for block in memos.blocks():
        blocks.insert(rng.randrange(len(blocks) + 1), block)
    for block in blocks:
        data += block
        data += bytes(16 * rng.choice((0, 0, 1, 255)))
    with open(path, "wb") as handle:
        handle.write(data)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--events", type=int, default=4000)
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    with open(os.path.join(options.dir, "session"), "w", encoding="ascii") as handle:
        handle.write("hasten-data 1\nroot 4711\nroot_start 0\n")
    for i in range(options.files):
        make(os.path.join(options.dir, "4711.%d.hst" % i), options.seed + i, options.events)


if __name__ == "__main__":
    main()
