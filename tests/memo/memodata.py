# SPDX-License-Identifier: Apache-2.0
"""What a run left behind of functions that were answered from caches: from the blocks of its files (docs/trace-format.md)."""

import collections
import os
import re
import struct

STATES = {1: "waiting", 2: "on", 3: "off"}
WHYS = {0: "", 1: "mismatch", 2: "revoked", 3: "code", 4: "slot", 5: "memory", 6: "shadow-stack", 7: "hook", 8: "revocations",
        9: "unprofitable"}
BLOCK_MEMO, BLOCK_COUNTS = 8, 9
ROWS = 126
COUNTS = ("lookups", "hits", "stored", "evicted", "saved", "expired", "verified", "mismatched", "lost")
FLAG_MEMO, FLAG_REFUSED = 1 << 17, 1 << 18

Row = collections.namedtuple("Row", "fn state why evidence revoked entries")


def files(folder):
    for base, _, names in os.walk(folder):
        for name in sorted(names):
            if name.endswith(".hst") or "." not in name:
                yield os.path.join(base, name)


def blocks(data):
    for match in re.finditer(b"HSTB", data):
        at = match.start()
        if at % 16 == 0:
            kind, _, size = struct.unpack_from("<HHI", data, at + 4)
            if kind in (BLOCK_MEMO, BLOCK_COUNTS) and size % 16 == 0 and at + size <= len(data):
                yield kind, at, size


def read(folder):
    """(rows, counts) of all processes: rows in their order, counts summed over all functions and threads."""
    rows, counts = [], collections.Counter()
    for path in files(folder):
        with open(path, "rb") as handle:
            data = handle.read()
        for kind, at, size in blocks(data):
            if kind == BLOCK_MEMO:
                for i in range(min(struct.unpack_from("<I", data, at + 16)[0], ROWS)):
                    fn, state, why, evidence, revoked, _, entries = struct.unpack_from("<QBBBBII", data, at + 64 + 32 * i)
                    rows.append(Row(fn, STATES.get(state, state), WHYS.get(why, why), evidence, revoked, entries))
            else:
                for i in range(min((size - 64) // 64, ROWS)):
                    counts.update(dict(zip(COUNTS, struct.unpack_from("<QQQQQIIII", data, at + 64 + 64 * i))))
    return rows, counts
