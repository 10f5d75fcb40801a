# SPDX-License-Identifier: Apache-2.0
"""Functions that were answered from caches, from docs/trace-format.md alone: section Answered functions."""

import struct

ROWS_MAX = 126
SANE = 1 << 62
ENTRIES_MAX = 1 << 24
COUNTS = "<5Q4I8x"  # lookups hits stored evicted saved; expired verified mismatched lost


def read_rows(data, at, size):
    """A block of type 8: its rows, those of unused places too; none, if it makes no sense."""
    if size < 64:
        return []
    (count,) = struct.unpack_from("<I", data, at + 16)
    if count > ROWS_MAX:
        return []
    rows = []
    for i in range(count):
        if 64 + 32 * (i + 1) > size or at + 64 + 32 * (i + 1) > len(data):
            rows.append((0,) * 9)
        else:
            rows.append(struct.unpack_from("<Q4B3IQ", data, at + 64 + 32 * i))
    return rows


def read_counts(data, at, size):
    """A block of type 9: nine counters of each row that it has room for."""
    room = min((size - 64) // 64, ROWS_MAX, max(0, (len(data) - at - 64) // 64))
    return [struct.unpack_from(COUNTS, data, at + 64 + 64 * i) for i in range(room)]


def is_sound(row):
    _, state, _, evidence, _, _, entries, _, _ = row
    return 1 <= state <= 3 and 1 <= evidence <= 3 and entries <= ENTRIES_MAX


def write_lines(trace, write):
    rows = trace.memo_rows[0] if trace.memo_rows else []
    sums = [[0] * 9 for _ in rows]
    for counts in trace.memo_counts:
        for total, counted in zip(sums, counts):
            lookups, hits, stored, evicted, saved = counted[:5]
            if hits > lookups or max(lookups, stored, evicted, saved) >= SANE:
                continue
            for i, value in enumerate(counted):
                total[i] = min(total[i] + value, SANE - 1)
    for row, total in zip(rows, sums):
        if row[0] and is_sound(row):
            write(
                "memo %x generation %d state %d why %d evidence %d revoked %d entries %d ttl %d: lookups %d hits %d stored %d"
                " evicted %d saved %d expired %d verified %d mismatched %d lost %d\n"
                % ((row[0], row[5], row[1], row[2], row[3], row[4], row[6], row[8]) + tuple(total))
            )
