#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes each system call of the preload fail in turn: the target must not notice.

First the calls that libhasten.so makes in a run are counted; then, for every call and every error
that fits it, the first, the second, ... and finally all of them from the first on are made to fail.
"""

import argparse
import collections
import errno
import os
import subprocess
import sys
import tempfile

SKIP = 77
# Numbers of x86-64. Calls that cannot fail or whose failure means nothing are left out.
NAMES = {
    0: "read", 1: "write", 2: "open", 3: "close", 5: "fstat", 9: "mmap", 10: "mprotect",
    11: "munmap", 14: "rt_sigprocmask", 17: "pread64", 18: "pwrite64", 25: "mremap",
    28: "madvise", 39: "getpid", 72: "fcntl", 74: "fsync", 77: "ftruncate", 79: "getcwd",
    82: "rename", 83: "mkdir", 87: "unlink", 89: "readlink", 97: "getrlimit", 107: "geteuid", 110: "getppid",
    137: "statfs", 138: "fstatfs", 157: "prctl", 186: "gettid", 202: "futex", 217: "getdents64",
    228: "clock_gettime", 257: "openat", 258: "mkdirat", 262: "newfstatat", 264: "renameat",
    263: "unlinkat", 267: "readlinkat", 285: "fallocate", 302: "prlimit64", 316: "renameat2",
    318: "getrandom", 324: "membarrier", 332: "statx", 334: "rseq",
}
ANY = [errno.ENOSPC, errno.EMFILE, errno.ENOMEM, errno.EPERM, errno.EFBIG, errno.EACCES]
LATER = 6  # of each call this many single failures are tried


def run(options, folder, extra, preload=True):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    if preload:
        environment["FAULTRUN_PRELOAD"] = options.preload
    done = subprocess.run(
        [options.faultrun, "--library", os.path.basename(options.preload), *extra, "--",
         options.target, options.library],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def count_calls(options, folder, *extra):
    """The run's result, the library's calls by number, and how many were made to fail."""
    log = os.path.join(folder, "log")
    result = run(options, folder, ["--log", log, *extra])
    with open(log, encoding="ascii") as lines:
        counts = dict(line.split() for line in lines)
    failed = int(counts.pop("failed"))
    return result, {int(a): int(b) for a, b in counts.items()}, failed


def attempts(count):
    """(nth, onward) pairs: singly as far as LATER, the last one, and everything."""
    singles = sorted({*range(1, min(count, LATER) + 1), count})
    return [(n, False) for n in singles] + [(1, True), (max(1, count // 2), True)]


def run_check(check, *names):
    """The main program of another test: options of these names besides the usual ones; check(options, folder) gives what to print, or raises
    AssertionError."""
    parser = argparse.ArgumentParser()
    for name in ("faultrun", "preload", "target", "library", "hasten", *names):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hasten-fault-") as base:
        if run(options, tempfile.mkdtemp(dir=base), [], preload=False)[0] == 125:
            print("skipped: ptrace is not allowed here", file=sys.stderr)
            return SKIP
        try:
            print(check(options, base))
        except AssertionError as reason:
            print(reason, file=sys.stderr)
            return 1
    return 0


def main():
    parser = argparse.ArgumentParser()
    for name in ("faultrun", "preload", "target", "library"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    parser.add_argument("--call", help="only this system call, by name")
    options = parser.parse_args()
    failures = []
    tried = 0
    injected = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="hasten-fault-") as base:
        def folder():
            return tempfile.mkdtemp(dir=base)

        plain = run(options, folder(), [], preload=False)
        if plain[0] == 125:
            print("skipped: ptrace is not allowed here", file=sys.stderr)
            return SKIP
        recorded, counts, _ = count_calls(options, folder())
        if recorded != plain:
            print(f"without any fault: {recorded}, not {plain}", file=sys.stderr)
            return 1
        if not counts:
            print("no system call of the preload was seen", file=sys.stderr)
            return 1
        for number, count in sorted(counts.items()):
            name = NAMES.get(number, str(number))
            if options.call not in (None, name):
                continue
            for error in ANY:
                for nth, onward in attempts(count):
                    extra = ["--call", str(number), "--error", str(error), "--nth", str(nth)]
                    extra += ["--onward"] if onward else []
                    tried += 1
                    try:
                        result, _, failed = count_calls(options, folder(), *extra)
                        injected[number] += failed > 0
                    except subprocess.TimeoutExpired:
                        result = "hangs"
                    if result != plain:
                        failures.append(
                            f"{name} {errno.errorcode[error]} {' '.join(extra)}: {result}"
                        )
            if injected[number] == 0:
                failures.append(f"{name}: no call was made to fail")
    print(f"{tried} faults, calls: {', '.join(NAMES.get(n, str(n)) for n in sorted(counts))}")
    for line in failures[:40]:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
