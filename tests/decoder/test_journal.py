#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The second decoder of the journal on records that are made here, whole and damaged."""

import struct
import unittest

import journal

CALLS = {1: "execve", 20: "waitpid"}
NO_USAGE = struct.pack("<10Q", *[journal.UNKNOWN] * 10)


def text(kind, content):
    return journal.TEXT.pack(kind, len(content)) + content + bytes(-len(content) % journal.ALIGN)


def record(kind, fields, *texts, version=journal.VERSION, pid=7):
    body = fields + b"".join(texts)
    size = journal.HEAD.size + len(body)
    data = bytearray(journal.HEAD.pack(journal.MAGIC, size, kind, version, 0, pid, 8, 9) + body)
    struct.pack_into("<I", data, 12, journal.check(bytes(data)))
    return bytes(data)


def wait(child=5, status=256):
    return record(6, struct.pack("<4I", 20, 1, child, status) + NO_USAGE)


def execve(*texts):
    return record(3, struct.pack("<4I", 1, 2, 6, 0) + NO_USAGE, *texts)


class Whole(unittest.TestCase):
    def test_fields_and_texts_are_read(self):
        data = execve(text(4, b"/bin/x"), text(3, b"x\0\0two words\0"), text(2, b"/tmp"))
        found = journal.Journal(data, CALLS)
        self.assertEqual((len(found.records), found.skipped), (1, 0))
        it = found.records[0]
        self.assertEqual((it.type, it.call, it.pid, it.tid, it.mono_ns, it.ppid),
                         ("exec", "execve", 7, 8, 9, 6))
        self.assertEqual(it.flags, {"vforked"})
        self.assertEqual((it.file, it.argv, it.cwd, it.path),
                         (b"/bin/x", [b"x", b"", b"two words"], b"/tmp", None))
        self.assertEqual(set(it.usage.values()), {None})

    def test_types_to_come_are_stepped_over(self):
        found = journal.Journal(record(99, bytes(8)) + wait(), CALLS)
        self.assertEqual([r.type for r in found.records], [99, "wait"])
        self.assertEqual(found.skipped, 0)

    def test_the_check_is_that_of_the_header(self):
        # Worked out by hand for two words: 0 and 0.
        total = 0x9E3779B97F4A7C15 ^ 16
        for _ in range(2):
            total = total * 0x2545F4914F6CDD1D % 2**64
            total ^= total >> 29
        self.assertEqual(journal.check(bytes(16)), (total ^ total >> 32) % 2**32)
        # The field itself, the upper half of the second word, does not count.
        self.assertEqual(journal.check(bytes(12) + b"\xff" * 4), journal.check(bytes(16)))
        self.assertNotEqual(journal.check(bytes(8) + b"\1" + bytes(7)), journal.check(bytes(16)))


class Damaged(unittest.TestCase):
    def expect(self, data, types, skipped):
        found = journal.Journal(data, CALLS)
        self.assertEqual([r.type for r in found.records], types)
        self.assertEqual(found.skipped, skipped)

    def test_each_changed_byte_is_noticed(self):
        good = wait()
        for at in range(len(good)):
            bad = bytearray(good)
            bad[at] ^= 0x10
            self.expect(bytes(bad) + wait(9), ["wait"], len(good))

    def test_a_cut_record_is_no_record(self):
        good = wait()
        for size in range(8, len(good), 8):
            self.expect(wait(1) + good[:size], ["wait"], size)
            self.expect(good[:size] + wait(1), ["wait"], size)
        self.expect(good + b"\1\2\3", ["wait"], 3)

    def test_lengths_that_cannot_be_are_refused(self):
        for size in (0, 8, 24, 33, 4 << 20, (4 << 20) + 8, 2**32 - 8):
            bad = bytearray(wait())
            struct.pack_into("<I", bad, 4, size)
            self.expect(bytes(bad), [], len(bad))

    def test_texts_must_fill_the_record(self):
        for bad in (struct.pack("<II", 4, 100), struct.pack("<II", 4, 2**32 - 1),
                    struct.pack("<II", 4, 1) + b"ab" + bytes(6),
                    text(3, b"no end")):
            self.expect(execve(bad), [], len(execve(bad)))

    def test_fields_must_be_there(self):
        self.expect(record(6, bytes(16)), [], 48)
        self.expect(record(6, struct.pack("<4I", 20, 1, 5, 0) + NO_USAGE, version=2), [], 128)


if __name__ == "__main__":
    unittest.main()
