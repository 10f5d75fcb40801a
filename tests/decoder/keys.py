# SPDX-License-Identifier: Apache-2.0
"""Arguments and results: the records, and the hash that says which values they had, from docs/trace-format.md alone."""

OP_KEY_NEW, OP_KEY, OP_RESULT_NEW, OP_RESULT = 27, 28, 29, 30
OPS = (OP_KEY_NEW, OP_KEY, OP_RESULT_NEW, OP_RESULT)
MASK64 = (1 << 64) - 1
BEGIN, FACTOR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
NULL = MASK64  # in place of a length


class Keys:
    """The keys of one chunk: of each id its key and its latest result."""

    def __init__(self):
        self.known = [None]

    def read(self, op, argument, words, at, key_of, has_id):
        """The hash, and for a result its argument; None: it makes no sense."""
        if op in (OP_KEY_NEW, OP_RESULT_NEW):
            value = words[at] | words[at + 1] << 16 | words[at + 2] << 32 | words[at + 3] << 48
        if op in (OP_KEY_NEW, OP_KEY):
            if not has_id:
                return None
            if op == OP_KEY_NEW:
                self.known.append([value, None])
            number = len(self.known) - 1 if op == OP_KEY_NEW else words[at]
            if number == 0 or number >= len(self.known):
                return None
            key_of[-1] = number
            return (self.known[number][0], 0)
        entry = self.known[key_of[-1]] if key_of[-1] else None
        if op == OP_RESULT:
            if entry is None or entry[1] is None:
                return None
            value = entry[1]
        if entry is not None:
            entry[1] = value
        return (value, argument)


def line(op, detail):
    return "key %x" % detail[0] if op in (OP_KEY_NEW, OP_KEY) else "result %x %d" % detail


def add(state, value):
    state ^= value & MASK64
    state ^= state >> 32
    state = state * FACTOR & MASK64
    return state ^ state >> 32


def end(state):
    state = state * FACTOR & MASK64
    return state ^ state >> 32


def pieces(*values):
    """The hash of a call's arguments, or with one value of its result. Negative ones are of a signed type."""
    state = BEGIN + len(values) & MASK64
    for value in values:
        state = add(state, value)
    return end(state)


def content(data):
    """What stands among the values for a string or block; None: its address is NULL."""
    state = BEGIN
    for at in range(0, len(data or b""), 8):
        state = add(state, int.from_bytes(data[at : at + 8], "little"))
    return end(add(state, NULL if data is None else len(data)))
