#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both decoders on random traces, whole, damaged and cut off:  test_agree.py DUMP"""

import os
import random
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import synth

AGREE = os.path.join(HERE, "agree.py")


def agree(dump, *arguments):
    done = subprocess.run(
        [sys.executable, AGREE, "--dump", dump, *arguments], stdout=subprocess.PIPE, check=False
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def damage(source, target, rng):
    """A copy that is cut off, or has wrong bytes in the records, or lacks a block or the end of one:
    what the document of the format leaves no choice about."""
    with open(source, "rb") as handle:
        data = bytearray(handle.read())
    blocks = [at for at in range(4096, len(data), 16) if data[at : at + 4] == b"HSTB"]
    for at in rng.sample(blocks, min(len(blocks), 3)):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frames = struct.unpack_from("<H", data, at + 88)[0] if data[at + 4] == 1 else 0
        records = 160 + 16 * frames
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = 0
        elif data[at + 4] in (6, 7):
            data[at + 16 + rng.randrange(size - 16)] = rng.randrange(256)
        elif kind == 1 and size > records:
            written = rng.randrange(records, size)
            data[at + written : at + size] = bytes(size - written)
        elif size - 8 > records:
            data[at + rng.randrange(records, size - 8)] = rng.randrange(256)
    if rng.random() < 0.5:
        del data[rng.randrange(4096, len(data)) :]
    with open(target, "wb") as handle:
        handle.write(data)


def wrong_ids(path, kind):
    """A trace in which an id is used for what it was not defined for, behind one sound event."""
    rng = random.Random(5)
    writer = synth.Writer(rng, 1, 100, 4096)
    writer.arguments = 0
    writer.enter((0x400005, 0x400000))
    place, _ = writer.asker(1)
    wrong = (
        (2, 0, (place,)),  # enters of the place, of an id that is not defined
        (3, 0, (7, place)),
        (2, 0, (place + 1,)),
        (14, 0, (7, 1, 1, 0, 24)),  # blocks, mappings and stacks of a function, of no id at all
        (15, 0, (7, 1) + (5,) * 8),
        (20, 0, (7, 1) + (5,) * 6),
        (22, 0, (7, 1, 0, 1, 0)),
        (14, 0, (7, 0, 1, 0, 24)),
        (14, 0, (7, place + 1, 1, 0, 24)),
        (24, 7, (1, 1, 24)),
        (24, 7, (0, 1, 24)),
        (24, 7, (place + 1, 1, 24)),
        (28, 0, (1,)),  # a key that is not defined, none, and the latest result of a call that has no key
        (28, 0, (0,)),
        (30, 0, ()),
    )
    op, argument, words = wrong[kind]
    writer.words += [3 << 14 | op << 8 | argument, *words]
    writer.end()
    with open(path, "wb") as handle:
        handle.write(synth.header() + writer.chunks[0])
    return kind + 1 < len(wrong)


def check_wrong_ids(dump, top):
    failed, kind, more = 0, 0, True
    path = os.path.join(top, "wrong.hst")
    while more:
        more = wrong_ids(path, kind)
        status, text = agree(dump, "--allow-notes", path)
        listing = subprocess.run([dump, path], stdout=subprocess.PIPE, check=True).stdout
        # agree.py says by its status that the chunk is damaged, and prints no difference.
        if status != 1 or "decode.py has" in text or listing.split(b"\n")[-2] != b"damaged":
            print("wrong id %d: %s%s" % (kind, text, listing.decode("ascii")))
            failed += 1
        kind += 1
    return failed


def main():
    dump = sys.argv[1]
    failed = 0
    with tempfile.TemporaryDirectory() as top:
        for seed in range(1, 9):
            path = os.path.join(top, "whole", "%d" % seed, "4711.0.hst")
            os.makedirs(os.path.dirname(path))
            synth.make(path, seed, 2500)
        status, text = agree(dump, os.path.join(top, "whole"))
        if status:
            print("whole traces:\n" + text[:2000])
            failed += 1
        failed += check_wrong_ids(dump, top)
        rng = random.Random(11)
        bad = os.path.join(top, "bad.hst")
        for seed in range(60):
            damage(os.path.join(top, "whole", "%d" % (1 + seed % 8), "4711.0.hst"), bad, rng)
            status, text = agree(dump, "--allow-notes", bad)
            if "decoder gave up" in text or "decode.py has" in text or "goes on behind" in text:
                print("damage %d:\n%s" % (seed, text[:800]))
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
