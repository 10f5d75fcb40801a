#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""decode.py against traces whose truth is known, whole, damaged and cut off."""

import os
import random
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
import decode
import synth


def listing(path):
    out = []
    trace = decode.File(path)
    decode.print_events(trace, out.append)
    return ["file " + os.path.basename(path)] + "".join(out).splitlines(), trace


def first_difference(truth, lines):
    """(line number, true line, found line) or None; a whole listing is too long to print."""
    for i in range(max(len(truth), len(lines))):
        pair = [part[i] if i < len(part) else None for part in (truth, lines)]
        if pair[0] != pair[1]:
            return [i + 1] + pair
    return None


class Decode(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "1.0.hst")

    def tearDown(self):
        self.dir.cleanup()

    def test_decode_random_events_all_found(self):
        for seed in range(1, 13):
            truth = synth.make(self.path, seed, 3000)
            lines, trace = listing(self.path)
            self.assertEqual(None, first_difference(truth, lines), "seed %d" % seed)
            self.assertEqual([], trace.notes)
            self.assertEqual([], decode.check_depth(decode.File(self.path)), "seed %d" % seed)

    def test_decode_random_events_have_every_record_about_memory(self):
        found = set()
        for seed in range(1, 13):
            synth.make(self.path, seed, 3000)
            for _, out, _ in decode.decoded(decode.File(self.path)):
                found.update(event[0] for event in out.events)
        self.assertEqual(set(), set(range(14, 26)) - found)

    def test_decode_counts_equal_listing(self):
        truth = synth.make(self.path, 5, 3000)
        counts = decode.Counts(decode.File(self.path))
        enters = [line.split() for line in truth if " enter " in line]
        self.assertEqual(len(enters), sum(counts.functions.values()))
        self.assertEqual(len(enters), sum(counts.pairs.values()))
        for fn, number in counts.functions.items():
            self.assertEqual(number, sum(1 for e in enters if int(e[3], 16) == fn))

    def test_decode_lost_chunk_is_reported_and_rest_read(self):
        synth.make(self.path, 7, 20000)
        with open(self.path, "rb") as handle:
            data = bytearray(handle.read())
        whole = decode.File(self.path)
        victim = whole.streams[1][2]
        struct.pack_into("<I", data, victim.at, 0)
        with open(self.path, "wb") as handle:
            handle.write(data)
        lines, trace = listing(self.path)
        self.assertTrue(any("comes where" in note for note in trace.notes), trace.notes)
        heads = [line for line in lines if line.startswith("chunk ")]
        self.assertEqual(sum(len(c) for c in whole.streams.values()) - 1, len(heads))
        self.assertEqual(0, lines.count("damaged"))

    def test_decode_truncated_or_random_never_fails(self):
        synth.make(self.path, 9, 300)
        with open(self.path, "rb") as handle:
            data = handle.read()
        rng = random.Random(3)
        cut = os.path.join(self.dir.name, "2.0.hst")
        for _ in range(150):
            part = bytearray(data[: rng.randrange(4096, len(data))])
            for _ in range(rng.randrange(8)):
                at = rng.randrange(4096, len(part)) if len(part) > 4096 else 0
                if at:
                    part[at] = rng.randrange(256)
            with open(cut, "wb") as handle:
                handle.write(part)
            listing(cut)
            decode.check_depth(decode.File(cut))

    def test_decode_header_wrong_refused(self):
        synth.make(self.path, 9, 10)
        for at, value in ((0, b"X"), (8, b"\2"), (12, b"\1"), (16, b"\0"), (20, b"\4")):
            with open(self.path, "rb") as handle:
                data = bytearray(handle.read())
            data[at : at + 1] = value
            bad = os.path.join(self.dir.name, "bad.hst")
            with open(bad, "wb") as handle:
                handle.write(data)
            self.assertRaises(decode.FormatError, decode.File, bad)


if __name__ == "__main__":
    unittest.main()
