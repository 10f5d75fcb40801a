# SPDX-License-Identifier: Apache-2.0
"""Arguments and results: the records, and the hash that says which values they had, from docs/trace-format.md alone."""

OP_KEY_NEW, OP_KEY, OP_RESULT_NEW, OP_RESULT = 27, 28, 29, 30
OP_KEY_VALUES, OP_RESULT_VALUE, OP_KEY_SHORT = 31, 32, 33
KEY_OPS = (OP_KEY_NEW, OP_KEY, OP_KEY_SHORT)
RESULT_OPS = (OP_RESULT_NEW, OP_RESULT)
VALUE_OPS = (OP_KEY_VALUES, OP_RESULT_VALUE)
OPS = KEY_OPS + RESULT_OPS
SCALAR, CONTENT, LEFT_OUT = 0, 1, 2
BYTES_MOST = 48
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
        if op in KEY_OPS:
            if not has_id:
                return None
            if op == OP_KEY_NEW:
                self.known.append([value, None])
            number = len(self.known) - 1 if op == OP_KEY_NEW else argument if op == OP_KEY_SHORT else words[at]
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
    if op == OP_KEY_VALUES:
        return "values" + "".join(" " + value_text(value) for value in detail)
    if op == OP_RESULT_VALUE:
        return "result_value %x" % detail
    return "key %x" % detail[0] if op in KEY_OPS else "result %x %d" % detail


def value_text(value):
    """A number; (length, first bytes), length None for NULL; None: left out."""
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return "%s:%s" % ("null" if value[0] is None else "%d" % value[0], value[1].hex())
    return "%x" % value


def values(count, words, at, end):
    """What KEY_VALUES says in the words behind their number; None: it makes no sense."""
    found = []
    for _ in range(count):
        form = words[at] if at < end else LEFT_OUT + 1
        at += 1
        if form == LEFT_OUT:
            found.append(None)
            continue
        if form > LEFT_OUT or at + 4 + form > end:
            return None
        number = sum(words[at + i] << 16 * i for i in range(4))
        at += 4
        if form == SCALAR:
            found.append(number)
            continue
        stored = words[at]
        at += 1
        data = b"".join(word.to_bytes(2, "little") for word in words[at : min(end, at + (stored + 1) // 2)])
        at += (stored + 1) // 2
        if at > end or stored > BYTES_MOST or stored > (0 if number == NULL else number):
            return None
        found.append((None if number == NULL else number, data[:stored]))
    return found if at == end else None


def result_value(words, at):
    return sum(words[at + i] << 16 * i for i in range(4))


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
