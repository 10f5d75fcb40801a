# SPDX-License-Identifier: Apache-2.0
"""Blocks of answered functions for synthetic traces, with what is true of them."""

import struct


class Memos:
    """Functions that were answered from caches: one block of rows, some of counters, nonsense among them."""

    def __init__(self, rng):
        self.rng = rng
        self.rows = [self.row() for _ in range(rng.choice((0, 1, 3, 126)))]
        self.sums = [[0] * 9 for _ in self.rows]
        self.counts = [self.count() for _ in range(rng.randrange(4))]

    def row(self):
        rng = self.rng
        return (rng.choice((0, 0x401000, 0x7f0000001000)), rng.choice((1, 2, 3, 3, 9)), rng.randrange(11), rng.choice((1, 2, 3, 7)),
                rng.randrange(3), rng.randrange(5), rng.choice((64, 1 << 24, (1 << 24) + 1)), 32, rng.choice((0, 10**9)))

    def count(self):
        rng = self.rng
        room = rng.choice((0, len(self.rows), len(self.rows) + 2, 126))
        data = struct.pack("<4sHHII48x", b"HSTB", 9, 0, 64 + 64 * room, 0)
        for i in range(room):
            lookups = rng.randrange(1 << rng.choice((4, 40)))
            hits = rng.choice((lookups // 2, lookups, lookups + 1, 0))
            wide = [lookups, hits, lookups - min(hits, lookups), rng.randrange(5), rng.choice((hits * 300, 1 << 62))]
            narrow = [rng.randrange(1 << 32) for _ in range(4)]
            data += struct.pack("<5Q4I8x", *wide, *narrow)
            if i < len(self.rows) and hits <= lookups and max(wide) < 1 << 62:
                self.sums[i] = [a + b for a, b in zip(self.sums[i], wide + narrow)]
        return data

    def blocks(self):
        rows = b"".join(struct.pack("<Q4B3IQ", *row) for row in self.rows)
        block = struct.pack("<4sHHIII44x", b"HSTB", 8, 0, 4096, 0, len(self.rows)) + rows
        found = self.counts + ([block.ljust(4096, b"\0")] if self.rows or self.rng.random() < 0.5 else [])
        self.rng.shuffle(found)
        return found

    def lines(self):
        for row, sums in zip(self.rows, self.sums):
            fn, state, why, evidence, revoked, generation, entries, _, ttl = row
            if fn and 1 <= state <= 3 and 1 <= evidence <= 3 and entries <= 1 << 24:
                yield ("memo %x generation %d state %d why %d evidence %d revoked %d entries %d ttl %d:"
                       " lookups %d hits %d stored %d evicted %d saved %d expired %d verified %d mismatched %d lost %d"
                       % ((fn, generation, state, why, evidence, revoked, entries, ttl) + tuple(sums)))
