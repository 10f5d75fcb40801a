#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the analyzer's reader and decode.py see the same events?

    agree.py --dump DUMP [--hasten HASTEN] [--allow-notes] PATH...

PATH is a data directory, a .hst file, or a directory that holds data directories at any depth. Both
decoders print every event of every file; the listings must be equal byte by byte, and no chunk may
contradict the one before it. With --hasten the calls in `hasten report --json` must add up to the
same number. Exit status: 0 they agree, 1 they do not, 2 nothing to compare.
"""

import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
import decode


class Differs(Exception):
    """The first place at which the two listings are not the same."""


def first_difference(mine, other):
    left, right = mine.split("\n"), other.split("\n")
    for i in range(max(len(left), len(right))):
        pair = [part[i] if i < len(part) else "(nothing)" for part in (left, right)]
        if pair[0] != pair[1]:
            before = left[i - 1] if i else "(the beginning of this part)"
            return "after %r: decode.py has %r, the analyzer %r" % (before, pair[0], pair[1])
    return "the parts are equal but not their order"


def compare_lines(text, stream):
    """Line by line, for damaged traces."""
    for line in text.splitlines(keepends=True):
        other = stream.readline().decode("ascii", "replace")
        if line != other:
            raise Differs("decode.py has %r, the analyzer %r" % (line, other))


def compare_file(path, options):
    """Compares piece by piece: a listing may be larger than the memory. Returns the trace."""
    dump = options.dump
    with subprocess.Popen([dump, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        chunk = [""]

        def write(text):
            if text.startswith("chunk "):
                chunk[0] = text.strip()
            if options.allow_notes:
                compare_lines(text, child.stdout)
                return
            data = text.encode("ascii")
            got = child.stdout.read(len(data))
            if got != data:
                child.kill()
                raise Differs(
                    "%s: %s" % (chunk[0], first_difference(text, got.decode("ascii", "replace")))
                )

        trace = decode.File(path)
        write("file %s\n" % os.path.basename(path))
        decode.print_events(trace, write)
        rest = child.stdout.read(200)
        if rest:
            child.kill()
            raise Differs("the analyzer goes on behind the end: %r" % rest[:100])
        errors = child.stderr.read().decode("utf-8", "replace")
        if child.wait() not in (0,):
            raise Differs(
                "the analyzer's decoder gave up with status %d: %s" % (child.returncode, errors)
            )
    return trace


def compare(path, options):
    """Prints what is wrong with one file; returns (True if nothing is, enters)."""
    try:
        trace = compare_file(path, options)
    except (Differs, decode.FormatError) as error:
        print("%s: %s" % (path, error))
        return False, 0
    good = True
    for sentence in decode.check_depth(decode.File(path)):
        print("%s: %s" % (path, sentence))
        good = False
    for note in trace.notes:
        print("%s: note: %s" % (path, note))
        good = good and options.allow_notes
    if not options.hasten:
        return good, 0
    return good, sum(decode.Counts(decode.File(path)).functions.values())


def compare_report(path, calls, hasten):
    """The calls in the report's rows must be those of the traces."""
    done = subprocess.run(
        [hasten, "report", "-n", "0", "--json", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        print("%s: report fails: %s" % (path, done.stderr.decode("utf-8", "replace").strip()))
        return False
    found = sum(row["calls"] for row in json.loads(done.stdout)["functions"])
    if found != calls:
        print("%s: the report has %d calls, decode.py %d" % (path, found, calls))
    return found == calls


def directories(path):
    """Data directories at or below a path."""
    found = []
    for where, below, names in os.walk(path):
        below.sort()
        if any(name.endswith(".hst") for name in names):
            found.append(where)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dump", required=True)
    parser.add_argument("--hasten")
    parser.add_argument("--allow-notes", action="store_true", help="gaps and damage are expected")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    good, files = True, 0
    for path in options.paths:
        for place in directories(path) if os.path.isdir(path) else [path]:
            calls = 0
            for name in decode.files_of(place):
                ok, enters = compare(name, options)
                good = good and ok
                calls += enters
                files += 1
            if options.hasten and os.path.isdir(place):
                good = compare_report(place, calls, options.hasten) and good
    print("%d files, %s" % (files, "the decoders agree" if good else "the decoders do NOT agree"))
    return 2 if files == 0 else 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
