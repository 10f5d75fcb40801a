# SPDX-License-Identifier: Apache-2.0
"""What was left out of a recording on purpose, from docs/trace-format.md alone: section Throttle."""

import struct

import memo

SUPPRESS, COUNT, OPEN, CLOSE = 1, 2, 3, 4
NEVER = (1 << 64) - 1
SANE = 1 << 62
# What the analyzer keeps; the document allows a reader to stop there.
LISTED_MAX, FUNCTIONS_MAX = 1024, 2048


def read_change(data, at, size):
    """A block of type 6: (ticks, what, generation, functions, late); only what is there of it."""
    ticks, what, generation, count, late = struct.unpack_from("<Q4I", data, at + 16)
    room = min((size - 40) // 8, LISTED_MAX)
    return ticks, what, generation, struct.unpack_from("<%dQ" % min(count, room), data, at + 40), late


def read_counts(data, at, size):
    """A block of type 7: (stream, generation, function, calls) of each place in use."""
    stream, generation = struct.unpack_from("<2I", data, at + 16)
    places = max(0, min((size - 48) // 16, 253))
    pairs = (struct.unpack_from("<2Q", data, at + 48 + 16 * i) for i in range(places))
    return [(stream, generation, fn, calls) for fn, calls in pairs if fn]


class Function:
    """A function of one library, which others may follow at the same address."""

    def __init__(self, fn, generation):
        self.fn, self.generation = fn, generation
        self.off = self.counted = NEVER
        self.calls = 0


class Throttle:
    """Windows and functions of a file, in its order."""

    def __init__(self, trace):
        self.windows = []
        self.functions = []
        self.cut_at = NEVER
        newest = {}
        for ticks, what, generation, functions, late in trace.throttles:
            if ticks >= SANE:
                continue
            if what in (OPEN, CLOSE):
                self._window(ticks, what, late)
            elif what in (SUPPRESS, COUNT):
                for fn in functions:
                    if fn:
                        self._function(newest, fn, generation, ticks, what)
        by_fn = {}
        for function in self.functions:
            by_fn.setdefault(function.fn, []).append(function)
        for _, generation, fn, calls in trace.counts:
            if calls < SANE and generation < self.cut_at:
                self._count(by_fn.get(fn, []), generation, calls)

    def _window(self, ticks, what, late):
        last = self.windows[-1] if self.windows else None
        is_open = last is not None and last[1] == NEVER
        if what == CLOSE:
            if is_open and ticks >= last[0]:
                last[1] = ticks
        elif not is_open and (last is None or ticks >= last[1]):
            self.windows.append([ticks, NEVER, late])

    def _function(self, newest, fn, generation, ticks, what):
        function = newest.get(fn)
        if function is None or function.generation != generation:
            if len(self.functions) == FUNCTIONS_MAX:
                self.cut_at = min(self.cut_at, generation)
                return
            function = newest[fn] = Function(fn, generation)
            self.functions.append(function)
            if what == SUPPRESS:
                function.off = ticks
        if what == COUNT:
            function.counted = min(function.counted, ticks)

    @staticmethod
    def _count(functions, generation, calls):
        who = [
            (function.generation, i)
            for i, function in enumerate(functions)
            if function.counted != NEVER and function.generation <= generation
        ]
        if who:
            function = functions[max(who)[1]]
            function.calls = min(function.calls + calls, SANE)


def write_lines(trace, write):
    throttle = Throttle(trace)
    for window in throttle.windows:
        write("window %d %d late %d\n" % tuple(window))
    for function in throttle.functions:
        write(
            "throttled %x generation %d off %d counted %d calls %d\n"
            % (function.fn, function.generation, function.off, function.counted, function.calls)
        )
    memo.write_lines(trace, write)
