#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program of tests/workloads with and without hasten and compares.

The program's output and status must be the same, and the report must show the calls that table.py
knows to have happened. `hooktest.py --list` prints "case variant" lines for meson.
"""

import argparse
import collections
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from table import CASES

SKIP = 77


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failure(text)


# Surroundings. Each gets the folder in which the program is to run, may return another one, and
# may return a function that the child calls before it executes the program.


def limit_file_size(folder):
    return folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def limit_memory(folder):
    return folder, lambda: resource.setrlimit(resource.RLIMIT_AS, (24 << 20, 24 << 20))


def limit_descriptors(folder):
    return folder, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))


def closed_standard(folder):
    return folder, lambda: (os.close(0), os.close(2))


def read_only_directory(folder):
    return "/proc", None


def foreign_directory(folder):
    """A data directory that another user owns and nobody else may enter."""
    if os.geteuid() != 0:
        raise Skipped("needs root to make another user's directory")
    os.mkdir(os.path.join(folder, "hasten.data"), 0o700)
    os.chmod(folder, 0o755)

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    return folder, become_nobody


def limit_processes(folder, limit=0):
    """One process (or `limit`) and no more, by a user whom the limit binds."""
    if os.geteuid() != 0:
        raise Skipped("needs root to become another user")
    # One of whom no other test, and nobody else, has a process: the limit counts them all.
    user = 200000 + os.getpid() % 100000
    os.chown(folder, user, 65534)

    def become_nobody():
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
        os.setgid(65534)
        os.setuid(user)

    return folder, become_nobody


def full_disk(folder):
    """A tmpfs of 24 KiB, seen by this process and its children only."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private_recursive = 0x00020000, 0x4000 | 0x40000
    if libc.unshare(new_namespace) != 0 or libc.mount(b"none", b"/", None, private_recursive, None):
        raise Skipped("no private mount namespace allowed here")
    if libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=24k") != 0:
        raise Skipped("no tmpfs can be mounted here")
    return folder, None


HOMES = {
    function.__name__: function
    for function in (
        limit_file_size,
        limit_memory,
        limit_descriptors,
        closed_standard,
        read_only_directory,
        foreign_directory,
        limit_processes,
        full_disk,
    )
}


class Run:
    """What one run of the program left behind."""

    def __init__(self, status, out, err, truth):
        self.status = status
        self.out = out
        self.err = err
        self.truth = truth


class Tester:
    def __init__(self, options, case):
        self.options = options
        self.case = case
        self.base = tempfile.mkdtemp(prefix="hasten-test-")
        os.chmod(self.base, 0o755)

    def command(self):
        program = self.case.args[0]
        if self.options.variant:
            program += "-" + self.options.variant
        rest = [a.format(dir=self.options.programs) for a in self.case.args[1:]]
        return [os.path.join(self.options.programs, program), *rest]

    def execute(self, name, prefix, variables):
        """Runs the program in a folder of its own; its truth is in a file beside that."""
        folder = os.path.join(self.base, name)
        truth = os.path.join(self.base, name + ".truth")
        os.mkdir(folder)
        before = None
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        environment.update(variables)
        environment["WORKLOAD_TRUTH"] = truth
        if self.case.home:
            folder, before = HOMES[self.case.home](folder)
        status, out, err = finish([*prefix, *self.command()], folder, environment, before,
                                  self.case.timeout)
        return Run(status, out, err, read_truth(truth)), folder

    def record(self, way):
        """Runs the program under hasten; returns what it did and its data directory or None."""
        variables = {}
        prefix = []
        data = os.path.join(self.base, way, "hasten.data")
        if way == "preload":
            variables["LD_PRELOAD"] = self.options.preload
            variables.update(self.case.variables)
        else:
            mode = "profile" if way == "profile" else "trace"
            prefix = [self.options.hasten, "run", f"--mode={mode}", "-o", data,
                      *self.case.options, "--"]
        run, _ = self.execute(way, prefix, variables)
        return run, data if os.path.isdir(data) else None

    def close(self):
        if self.options.keep:
            print(f"kept: {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)


def finish(command, folder, environment, before, seconds):
    """Runs a command to its end. One that hangs is ended with all that it started."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=before,
            start_new_session=True,
        )
    except PermissionError:
        if before is None or os.getuid() != 0:
            raise
        raise Skipped("another user cannot reach the build folder") from None
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise Failure(f"did not end within {seconds} s: {out!r} {err!r}") from None
    return process.returncode, out, err


def read_truth(path):
    """name -> (low, high), summed over the processes of a run."""
    found = collections.defaultdict(lambda: (0, 0))
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                name, low, high = line.rsplit(maxsplit=2)
                before = found[name]
                found[name] = (before[0] + int(low), before[1] + int(high))
    return dict(found)


def short_name(name):
    """Without parameter list and template arguments: what table.py uses."""
    name = re.sub(r"\(anonymous namespace\)", "{anonymous}", name)
    name = re.sub(r"\[abi:\w+\]", "", name.split("(")[0])
    name = re.sub(r"<.*>", "", name)
    return name.split(" ")[-1] if "::" in name else name


def ask(options, *arguments):
    done = subprocess.run(
        [options.hasten, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")},
    )
    require(
        done.returncode in (0, 2),
        f"hasten {' '.join(arguments)}: status {done.returncode}: {done.stderr.decode()}",
    )
    return done


def summed(rows, key):
    result = collections.Counter()
    for row in rows:
        result[short_name(row["name"])] += row.get(key, 0)
    return result


def compare_calls(case, run, report):
    wanted = {name: (calls, calls) for name, calls in case.calls.items()}
    if case.tells:
        require(run.truth, "the program did not say what it called")
        wanted.update(run.truth)
    found = summed(report["functions"], "calls")
    lossy = case.loss and not report["complete"]
    ledger = report.get("ledger", {})
    # What the report itself says to be missing may be missing.
    owned = ledger.get("nested_lost", 0) + ledger.get("lost_calls", 0) if case.unsure else 0
    wrong = []
    for name, (low, high) in sorted(wanted.items()):
        calls = found[name]
        excused = 0 if name in case.exact else owned
        if calls > high or (calls + excused < low and not lossy):
            wrong.append(f"  {name}: {calls} calls, not {low if low == high else (low, high)}")
    if not case.more:
        wrong += [f"  {name}: not called at all, but reported {found[name]} times"
                  for name in sorted(found) if found[name] and name not in wanted]
    require(not wrong, "calls:\n" + "\n".join(wrong[:20]))


def compare_kept(case, way, report):
    """Events must have been kept of these functions, not only counts."""
    for row in report["functions"]:
        if way != "profile" and short_name(row["name"]) in case.kept:
            require(not row["counted"], f"{row['name']}: only counts, not events")


def compare_errors(case, report):
    if case.errors is None:
        return
    found = +summed(report["functions"], "errors")
    wanted = collections.Counter(case.errors)
    require(found == wanted, f"errors: {dict(found)}, not {dict(wanted)}")


def callers_of(options, data, function):
    """Who called `function`, and how often, by `report --of`."""
    answer = json.loads(ask(options, "report", "--json", "--of", function, data).stdout)
    found = collections.Counter()
    for row in answer["functions"]:
        if short_name(row["name"]) == short_name(function):
            found += summed([c for c in row["callers"] if c["name"]], "calls")
    return found


def compare_pairs(case, options, data, folded):
    """`folded`: profile mode, in which a recursive function's calls are all its first caller's."""
    wrong = []
    for (caller, callee), calls in case.pairs.items():
        if folded and (callee, callee) in case.pairs:
            continue
        found = callers_of(options, data, callee)[caller]
        if found != calls:
            wrong.append(f"  {caller} -> {callee}: {found}, not {calls}")
    require(not wrong, "pairs:\n" + "\n".join(wrong))


def compare_report(case, options, way, run, data):
    answer = ask(options, "report", "--json", "-n", "0", data)
    if case.loss and not answer.stdout:
        require(answer.stderr.count(b"\n") == 1, f"not one sentence: {answer.stderr.decode()}")
        return
    require(answer.stdout, f"no report: {answer.stderr.decode()}")
    report = json.loads(answer.stdout)
    if options.keep:
        print(json.dumps(report, indent=1))
    compare_calls(case, run, report)
    compare_kept(case, way, report)
    if case.notes:
        require(any(case.notes in note for note in report["notes"]),
                f"no note says {case.notes!r}: {report['notes']}")
    if not (case.loss and not report["complete"]):
        require(report["complete"] or case.unsure,
                f"the report is not complete: {report.get('notes')}")
        compare_errors(case, report)
        if options.variant == "":
            compare_pairs(case, options, data, way == "profile")


def shell_status(status):
    """As a shell and `hasten run` say it."""
    return 128 - status if status < 0 else status


def test(tester):
    case = tester.case
    if not os.path.exists(tester.command()[0]):
        raise Skipped(f"{tester.command()[0]} was not built: its compiler is not there")
    plain, _ = tester.execute("plain", [], {})
    if plain.status == SKIP:
        raise Skipped(plain.err.decode().strip())
    require(
        plain.status == case.status,
        f"without hasten: status {plain.status}, not {case.status}: {plain.err.decode()}",
    )
    for way in tester.options.way or case.ways:
        run, data = tester.record(way)
        expected = plain.status if way == "preload" else shell_status(plain.status)
        try:
            require(run.status == expected,
                    f"status {run.status}, not {expected}: {run.err.decode()}")
            require(run.out == plain.out, f"output {run.out!r}, not {plain.out!r}")
            if way == "preload":
                require(run.err == plain.err, f"stderr {run.err!r}, not {plain.err!r}")
            else:
                require(case.says.encode() in run.err, f"stderr without {case.says!r}: {run.err!r}")
            if case.calls is not None and data is not None:
                compare_report(case, tester.options, way, run, data)
            else:
                require(data is not None or case.loss or case.calls is None,
                        "no data directory was made")
        except Failure as failure:
            raise Failure(f"[{way}] {failure}") from None


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--hasten")
    parser.add_argument("--preload")
    parser.add_argument("--programs")
    parser.add_argument("--way", action="append", choices=("preload", "run", "profile"))
    parser.add_argument("--keep", action="store_true", help="leave the files, print the report")
    parser.add_argument("case", nargs="?")
    parser.add_argument("variant", nargs="?", default="")
    options = parser.parse_args()
    for name in ("hasten", "preload", "programs"):
        if getattr(options, name):
            setattr(options, name, os.path.abspath(getattr(options, name)))
    return options


def list_cases(cases):
    for name, case in cases.items():
        for variant in ("", *case.variants):
            print(f"{name} {variant}".strip())
    return 0


def conclude(tester, run_test):
    """Runs the test; its exit status."""
    options = tester.options
    try:
        run_test(tester)
    except Skipped as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        return SKIP
    except Failure as failure:
        print(f"{options.case} {options.variant}: {failure}", file=sys.stderr)
        return 1
    finally:
        tester.close()
    return 0


def main():
    options = parse()
    if options.list:
        return list_cases(CASES)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    return conclude(Tester(options, CASES[options.case]), test)


if __name__ == "__main__":
    sys.exit(main())
