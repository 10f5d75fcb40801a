# SPDX-License-Identifier: Apache-2.0
"""The records about memory, from docs/trace-format.md alone: to tuples, and to lines of text."""

OP_SITE, OP_ALLOC, OP_ALLOC_LONG, OP_FREE, OP_FREE_LONG, OP_REALLOC_END = 13, 14, 15, 16, 17, 18
OP_ALLOCATOR, OP_MAP, OP_UNMAP, OP_STACK, OP_MEMORY = 19, 20, 21, 22, 23
OP_ALLOC_NEAR, OP_FREE_NEAR = 24, 25
NEAR = (OP_ALLOC_NEAR, OP_FREE_NEAR)  # their argument is the time
OPS = frozenset(range(OP_ALLOC, OP_FREE_NEAR + 1))  # those that are events

FN_BASE = 0xE00000000000
ADDRESS_MASK = (1 << 48) - 1
SLACK_UNKNOWN = 0xFFFFFFFF


def two(words, at):
    return words[at] | words[at + 1] << 16


def three(words, at):
    return words[at] | words[at + 1] << 16 | words[at + 2] << 32


def site(words, at):
    """What a site record defines: (ret, fn)."""
    return three(words, at + 1), FN_BASE + words[at + 4]


def usual_slack(size):
    return max(24, (size + 23) // 16 * 16 - 8) - size


class Blocks:
    """What the records of one chunk refer to: the sites by their ids, and the latest block."""

    def __init__(self):
        self.sites = {}
        self.latest = 0

    def near(self, words, at):
        return self.step(two(words, at), 32)

    def step(self, steps, bits):
        if steps >> bits - 1:
            steps -= 1 << bits
        self.latest = (self.latest + 16 * steps) & ADDRESS_MASK
        return self.latest

    def read(self, op, argument, words, at):
        """The numbers of an event; None: the record uses an id that is no site's."""
        asker = ()
        if op == OP_FREE_NEAR:
            return 0, self.step(words[at], 16)
        if op == OP_ALLOC_NEAR:
            asker = self.sites.get(words[at])
            if asker is None:
                return None
            size = words[at + 2]
            return asker + (self.step(words[at + 1], 16), size, usual_slack(size))
        if op in (OP_ALLOC, OP_ALLOC_LONG, OP_MAP, OP_STACK):
            asker = self.sites.get(words[at + 1])
            if asker is None:
                return None
        if op == OP_ALLOC:
            slack = SLACK_UNKNOWN if argument == 255 else argument
            return asker + (self.near(words, at + 2), words[at + 4], slack)
        if op == OP_ALLOC_LONG:
            address = three(words, at + 2)
            self.latest = address or self.latest
            return asker + (address, three(words, at + 5), two(words, at + 8))
        if op == OP_FREE:
            return argument, self.near(words, at + 1)
        if op == OP_FREE_LONG:
            self.latest = three(words, at + 1)
            return argument, self.latest
        if op == OP_REALLOC_END:
            return (argument,)
        if op == OP_ALLOCATOR:
            return two(words, at + 1), argument
        if op == OP_MAP:
            return asker + (three(words, at + 2), three(words, at + 5), argument)
        if op == OP_UNMAP:
            return three(words, at + 1), three(words, at + 4)
        if op == OP_STACK:
            return asker + (three(words, at + 2),)
        return two(words, at + 1), two(words, at + 3), two(words, at + 5)


def line(op, detail, shift):
    """The event without its time, as both decoders print it."""
    if op in (OP_ALLOC, OP_ALLOC_LONG, OP_ALLOC_NEAR):
        return "alloc %x %x %x %d %d" % detail
    if op in (OP_FREE, OP_FREE_LONG, OP_FREE_NEAR):
        return "%s %x" % ("release" if detail[0] == 1 else "free", detail[1])
    if op == OP_REALLOC_END:
        return "realloc_freed" if detail[0] == 1 else "realloc_failed"
    if op == OP_ALLOCATOR:
        # The analyzer's events hold 32 bits of ticks.
        return "allocator %d %d" % (min(detail[0] << shift, 0xFFFFFFFF), detail[1])
    if op == OP_MAP:
        return "map %x %x %x %d %d" % detail
    if op == OP_UNMAP:
        return "unmap %x %d" % detail
    if op == OP_STACK:
        return "stack %x %x %d" % detail
    return "memory %d %d %d" % detail
