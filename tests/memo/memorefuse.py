#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans that must not be obeyed, or not any more: the program's output is as ever, and the data says why.

A function that is not pure is found out, switched off, counted and written down beside the plan; later runs honour that, unless the
file may have been written by others. Damaged plans, other builds, patched code, limits, sandboxes and switches are tried in turn.
"""

import argparse
import os
import resource
import shutil
import stat
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
import keys
import memodata
from memotest import Bench, Wrong, require, run, same, sources_of

REVOKED_BYTES = 64
CASES = []


def case(function):
    CASES.append(function)
    return function


class Tried(Bench):
    def __init__(self, options, name="refused"):
        super().__init__(options, name, "gcc", "memowork.c", ["-O1"])
        self.revoked = self.plan + ".revoked"

    def impure_plan(self, *more):
        planned = self.write_plan("--evidence", "declared", "--shadow", "8", *more, names=["x_impure", "m_long"])
        require(planned == ["x_impure", "m_long"], "planned %s", planned)

    def check(self, what, scenario="impure", **more):
        """Runs it; rows by name, and counts."""
        same(self.plain(scenario), self.answered(scenario, **more), what)
        rows, counts = self.read() if os.path.isdir(self.data) else ([], {})
        addresses = {line.split()[2]: int(line.split()[0], 16) & 0xfff for line in run(["nm", self.program]).stdout.decode().split("\n")
                     if len(line.split()) == 3}
        named = {name: row for name in ("x_impure", "m_long", "m_int") for row in rows if row.fn & 0xfff == addresses[name]}
        return named, counts

    def flags(self):
        """Of the first file."""
        for path in memodata.files(self.data):
            if path.endswith(".hst"):
                with open(path, "rb") as handle:
                    return handle.read(4096)
        return b""


def is_off(rows, name, why, revoked=None):
    row = rows.get(name)
    require(row is not None, "%s has no row: %s", name, rows)
    require(row.state == "off" and row.why == why, "%s is %s", name, row)
    require(revoked is None or row.revoked == revoked, "%s is %s", name, row)


@case
def found_out(bench):
    bench.impure_plan()
    rows, counts = bench.check("first run")
    is_off(rows, "x_impure", "mismatch", 1)
    require(counts["mismatched"] >= 1, "no mismatch was counted: %s", counts)
    require(rows["m_long"].state == "on" and counts["hits"] > 0, "m_long: %s %s", rows, counts)
    status = os.stat(bench.revoked)
    require(status.st_size == REVOKED_BYTES and stat.S_IMODE(status.st_mode) == 0o600, "%s", status)
    rows, counts = bench.check("second run")
    is_off(rows, "x_impure", "revoked")
    require(counts["mismatched"] == 0 and rows["m_long"].state == "on", "%s %s", rows, counts)
    require(os.stat(bench.revoked).st_size == REVOKED_BYTES, "written a second time")


@case
def recorded(bench):
    bench.impure_plan()
    rows, _ = bench.check("recorded", environment={"HASTEN_RECORD": "1"})
    is_off(rows, "x_impure", "mismatch", 1)


@case
def relative_plan(bench):
    """The program goes elsewhere before it is found out: it does so in its constructor's time at the earliest."""
    bench.impure_plan()
    folder = os.path.dirname(bench.plan)
    bench.check("relative", environment={"HASTEN_PLAN": os.path.basename(bench.plan), "MEMOWORK_CHDIR": "first"}, cwd=folder)
    require(os.path.getsize(bench.revoked) == REVOKED_BYTES, "not beside the plan")


def distrusted(bench, what, unchanged=True):
    before = open(bench.revoked, "rb").read() if os.path.isfile(bench.revoked) else None
    rows, counts = bench.check(what)
    is_off(rows, "x_impure", "revocations")
    is_off(rows, "m_long", "revocations")
    require(counts["hits"] == 0, "%s: answered all the same", what)
    if unchanged and before is not None:
        require(open(bench.revoked, "rb").read() == before, "%s: written to", what)


def put(bench, data, mode=0o600):
    if os.path.lexists(bench.revoked):
        os.unlink(bench.revoked)
    with open(bench.revoked, "wb") as handle:
        handle.write(data)
    os.chmod(bench.revoked, mode)


@case
def revoked_files(bench):
    bench.impure_plan()
    bench.check("to have one")
    good = open(bench.revoked, "rb").read()
    put(bench, good, 0o622)
    distrusted(bench, "writable by others")
    put(bench, b"\x55" * 128)
    distrusted(bench, "garbage")
    put(bench, good[:4] + struct.pack("<I", 33) + good[8:])
    distrusted(bench, "a build-id too long")
    os.rename(bench.revoked, bench.revoked + ".aside")
    os.symlink(bench.revoked + ".aside", bench.revoked)
    distrusted(bench, "a symbolic link")
    os.unlink(bench.revoked)
    os.mkdir(bench.revoked)
    distrusted(bench, "a directory")
    os.rmdir(bench.revoked)
    os.mkfifo(bench.revoked)
    distrusted(bench, "a fifo")
    os.unlink(bench.revoked)
    put(bench, good * 1025)
    distrusted(bench, "too long")
    os.unlink(bench.revoked)


@case
def torn(bench):
    bench.impure_plan()
    bench.check("to have one")
    good = open(bench.revoked, "rb").read()
    for size in (1, 40, 63):
        put(bench, good[:size])
        rows, _ = bench.check("torn")
        is_off(rows, "x_impure", "mismatch", 1)
        rows, _ = bench.check("behind a torn one")
        is_off(rows, "x_impure", "revoked")
    put(bench, good + good[:10])
    rows, _ = bench.check("whole and torn")
    is_off(rows, "x_impure", "revoked")


@case
def unwritable(bench):
    """Nobody may write there, not even root: the directory of the name does not exist, or the file may not grow."""
    bench.impure_plan()
    rows, _ = bench.check("nowhere", environment={"HASTEN_REVOKED": "/proc/self/none/revoked"})
    is_off(rows, "x_impure", "mismatch", 2)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    # The data has no room either: the output is all that is left.
    bench.check("no file may grow", preexec_fn=limit)
    bench.impure_plan()

    def limit_some():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    bench.check("files of 100 bytes", preexec_fn=limit_some)


def nothing(bench, what, **more):
    """No function is answered, and the program is as ever."""
    rows, counts = bench.check(what, "types", **more)
    require(not counts or counts["hits"] == 0, "%s: answered: %s %s", what, rows, counts)
    return rows


@case
def damaged(bench):
    bench.write_plan("--shadow", "0")
    good = open(bench.plan, "rb").read()
    rows, counts = bench.check("whole", "types")
    require(counts["hits"] > 0, "nothing was answered: %s", rows)
    for at in list(range(0, 32)) + list(range(32, len(good), max(1, len(good) // 60))):
        data = bytearray(good)
        data[at] ^= 0x10 if at != 10 else 0
        if data == good or at in (10, 11):
            continue  # the minor version
        with open(bench.plan, "wb") as handle:
            handle.write(data)
        nothing(bench, "byte %d" % at)
    for size in (0, 1, 31, 32, 100, len(good) - 1):
        with open(bench.plan, "wb") as handle:
            handle.write(good[:size])
        nothing(bench, "%d bytes" % size)
    with open(bench.plan, "wb") as handle:
        handle.write(good + b"\0" * 8)
    nothing(bench, "8 bytes more")
    with open(bench.plan, "wb") as handle:
        handle.write(good)
    os.chmod(bench.plan, 0o620)
    nothing(bench, "writable by the group")
    os.chmod(bench.plan, 0o600)
    os.rename(bench.plan, bench.plan + ".aside")
    nothing(bench, "no plan")
    os.symlink(bench.plan + ".aside", bench.plan)
    nothing(bench, "a symbolic link")
    os.unlink(bench.plan)
    os.mkfifo(bench.plan)
    nothing(bench, "a fifo")
    os.unlink(bench.plan)
    os.mkdir(bench.plan)
    nothing(bench, "a directory")
    os.rmdir(bench.plan)


def sealed(plan):
    """With the sum that it must have."""
    return plan[:24] + struct.pack("<Q", keys.content(bytes(plan[32:]))) + plan[32:]


@case
def mutated(bench):
    """Behind a right sum: indices that are out of range are refused, and addresses outside of the module are not read."""
    bench.write_plan("--shadow", "0", names=["m_long"])
    good = bytearray(open(bench.plan, "rb").read())
    require(sealed(good) == good, "the sum of a good plan is another one")
    sections = {kind: offset for kind, _, offset in (struct.unpack_from("<IIQ", good, 32 + 64 * i)
                                                     for i in range(struct.unpack_from("<I", good, 12)[0]))}
    for offset in (0x7ffffff0, -8, 0x200000):
        bad = bytearray(good)
        struct.pack_into("<BBBBi", bad, sections[7], 6, 0, 8, 0, offset)
        with open(bench.plan, "wb") as handle:
            handle.write(sealed(bad))
        is_off(nothing(bench, "a key at %x" % offset), "m_long", "code")
    # first_piece, pieces, first_exit, exits, first_code, codes, first_slot, slots
    for at, form in ((48, "<I"), (52, "<H"), (56, "<I"), (60, "<I"), (64, "<I"), (68, "<I"), (76, "<I")):
        for value in (0, 1, 2, 9, 255, 65535, 0x7fffffff, 0xffffffff):
            bad = bytearray(good)
            value &= 0xffff if form == "<H" else 0xffffffff
            if value == struct.unpack_from(form, good, sections[5] + at)[0] or (at == 52 and value < 2):
                continue  # fewer pieces: another key, which nobody can tell
            struct.pack_into(form, bad, sections[5] + at, value)
            with open(bench.plan, "wb") as handle:
                handle.write(sealed(bad))
            require(not nothing(bench, "%d at %d" % (value, at)), "%d at %d has rows", value, at)


@case
def other_code(bench):
    bench.write_plan("--shadow", "0", names=["m_long"])
    whole = open(bench.program, "rb").read()
    line = next(l for l in run(["nm", "-S", bench.program]).stdout.decode().split("\n") if l.endswith(" m_long"))
    start, size = (int(word, 16) for word in line.split()[:2])
    headers = run(["readelf", "-lW", bench.program]).stdout.decode().split("\n")
    offset = next(start - int(w[2], 16) + int(w[1], 16) for w in (h.split() for h in headers)
                  if w[:1] == ["LOAD"] and int(w[2], 16) <= start < int(w[2], 16) + int(w[4], 16))
    # The factor, or the number of the shift: another function of the same size.
    at = whole.index(b"\x07", offset, offset + size)
    patched = bytearray(whole)
    patched[at] = 9
    with open(bench.program, "wb") as handle:
        handle.write(patched)
    rows = nothing(bench, "another byte of code")
    is_off(rows, "m_long", "code")
    with open(bench.program, "wb") as handle:
        handle.write(whole)


@case
def other_build(bench):
    bench.write_plan("--shadow", "0")
    with open(bench.plan, "rb") as handle:
        plan = handle.read()
    other = Tried(bench.options, "refused-other")
    run(["gcc", "-O1", "-finstrument-functions", "-g", "-w", "-pthread", "-D_GNU_SOURCE", "-DOTHER", "-Wl,--build-id=0x1234567890",
         *sources_of(bench.options, "memowork.c"), "-o", other.program, "-lm"])
    with open(other.plan, "wb") as handle:
        handle.write(plan)
    os.chmod(other.plan, 0o600)
    require(not nothing(other, "another build-id"), "it has rows")


@case
def switches(bench):
    bench.write_plan("--shadow", "0")
    for value in ("memo", "1"):
        nothing(bench, "HASTEN_DISABLE=" + value, environment={"HASTEN_DISABLE": value})
        nothing(bench, "HASTEN_DISABLE=" + value, environment={"HASTEN_DISABLE": value, "HASTEN_RECORD": "1"})


@case
def shortage(bench):
    bench.write_plan("--shadow", "0")
    for data in ("/proc/none", "/dev/null", None):
        bench.check("data in %s" % data, "types", environment={"HASTEN_DATA": data}, cwd="/proc" if data is None else None)
    for limit in range(4, 160, 12):
        def less(bytes_=limit << 20):
            resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))

        if bench.plain("types", preexec_fn=less).returncode == 0 and \
                run([bench.program, "types"], {"LD_PRELOAD": bench.options.preload, "HASTEN_DISABLE": "1"}, preexec_fn=less).returncode == 0:
            bench.check("%d MiB of addresses" % limit, "types", preexec_fn=less)
    for count in range(0, 12):
        def few(count_=count):
            resource.setrlimit(resource.RLIMIT_NOFILE, (count_, count_))

        if bench.plain("types", preexec_fn=few).returncode == 0 and \
                run([bench.program, "types"], {"LD_PRELOAD": bench.options.preload, "HASTEN_DISABLE": "1"}, preexec_fn=few).returncode == 0:
            bench.check("%d descriptors" % count, "types", preexec_fn=few)
    bench.write_plan("--shadow", "0", "--entries", str(1 << 24))
    rows, _ = bench.check("caches too large", "types")
    require(any(row.why == "memory" for row in rows.values()), "%s", rows)


@case
def setuid(bench):
    if os.getuid() != 0:
        return
    bench.write_plan("--shadow", "0")
    os.chmod(bench.program, 0o4755)

    def nobody():
        os.setuid(65534)

    try:
        done = bench.answered("types", preexec_fn=nobody)
        same(bench.plain("types"), done, "setuid")
        require(not os.path.isdir(bench.data), "a setuid program left data")
    except PermissionError:
        pass  # another user cannot reach the folder
    finally:
        os.chmod(bench.program, 0o755)


@case
def ways_to_record(bench):
    """With a recording: the output is right, and what was recorded can be read."""
    bench.write_plan("--shadow", "0")
    for variables in ({}, {"HASTEN_MODE": "profile"}, {"HASTEN_CHECK": "1"}, {"HASTEN_EXCLUDE": "/none"}, {"HASTEN_LIMIT": "1M"},
                      {"HASTEN_MEMORY": "1"}):
        for scenario in ("types", "recursion", "processes", "threads"):
            what = "%s %s" % (scenario, variables)
            rows, counts = bench.check(what, scenario, environment=dict(variables, HASTEN_RECORD="1"))
            require(rows and counts["hits"] > 0, "%s: %s %s", what, rows, counts)
            report = run([bench.options.hasten, "report", "--json", bench.data])
            require(report.returncode == 0 or report.returncode == 2 and report.stdout, "%s: report: %d %s", what, report.returncode,
                    report.stderr.decode())


@case
def libraries(bench):
    """They come and go, and others come to their addresses."""
    source = os.path.join(bench.options.sources, "memoload.c")
    program, plan = os.path.join(bench.options.work, "memoload"), os.path.join(bench.options.work, "memoload.plan")
    first, other = program + "-first.so", program + "-other.so"
    flags = ["-O2", "-g", "-w", "-finstrument-functions"]
    for done in [run(["gcc", *flags, source, "-o", program, "-ldl"])] + [
            run(["gcc", *flags, "-shared", "-fPIC", "-DLIBRARY", "-DFACTOR=" + factor, "-Wl,--build-id", source, "-o", path])
            for path, factor in ((first, "3000"), (other, "5000"))]:
        require(done.returncode == 0, "%s", done.stderr.decode())
    plain = run([program, first, other])
    for shadow in ("0", "8"):
        names = ["m_plug", "m_through"] + ["x_impure"] * (shadow != "0")
        for path in (first, other):
            for record in ("0", "1"):
                if os.path.exists(plan + ".revoked"):
                    os.unlink(plan + ".revoked")
                done = run([bench.options.planwrite, "-o", plan, "--shadow", shadow, path, *names])
                require(done.stdout.decode().count("planned") == len(names), "%s", done.stdout)
                shutil.rmtree(bench.data, ignore_errors=True)
                done = run([program, first, other], {"LD_PRELOAD": bench.options.preload, "HASTEN_PLAN": plan, "HASTEN_DATA": bench.data,
                                                     "HASTEN_RECORD": record})
                same(plain, done, "libraries --shadow %s, record %s" % (shadow, record))
                rows, counts = bench.read()
                require(counts["hits"] > 0, "nothing was answered: %s %s", rows, counts)
                require(shadow == "0" or os.path.getsize(plan + ".revoked") == REVOKED_BYTES and counts["mismatched"] == 1,
                        "found out once, and again when it was loaded again: %s", counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("hasten", "preload", "planwrite", "sources", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("only", nargs="?", default="")
    options = parser.parse_args()
    for name in ("hasten", "preload", "planwrite", "sources", "work"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    shutil.rmtree(os.path.join(options.work, "refuse"), ignore_errors=True)
    options.work = os.path.join(options.work, "refuse")
    os.makedirs(options.work)
    bench = Tried(options)
    failed = 0
    for attempt in CASES:
        if options.only not in attempt.__name__:
            continue
        try:
            attempt(bench)
            print("ok", attempt.__name__)
        except (Wrong, subprocess.TimeoutExpired) as problem:
            failed += 1
            print("FAIL %s: %s" % (attempt.__name__, problem))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
