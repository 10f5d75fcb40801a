#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program proc_* of tests/workloads with and without the library and compares.

Output and status must be the same, and the journal of processes, read by tests/decoder/journal.py,
must have the records that proctable.py says. `proctest.py --list` prints "case variant" lines.
"""

import argparse
import errno
import os
import resource
import shutil
import signal
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(HERE, "..", "..", "decoder")]
# pylint: disable=wrong-import-position
import journal
from hooktest import (HOMES, SKIP, Run, Skipped, conclude, finish, list_cases, read_truth, require,
                      shell_status)
from proctable import CASES


def no_files(folder):
    return folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def other_user(folder):
    """Another user, whom the data directory, made before, does not let in."""
    if os.geteuid() != 0:
        raise Skipped("needs root to become another user")
    os.mkdir(os.path.join(folder, "data"), 0o700)
    os.chmod(os.path.dirname(folder), 0o755)
    os.chmod(folder, 0o777)

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    return folder, become_nobody


def few_processes(folder):
    """Room for three children."""
    return HOMES["limit_processes"](folder, 4)


SURROUNDINGS = {**HOMES, "no_files": no_files, "other_user": other_user,
                "few_processes": few_processes}

# What the tests look at; the records of a process about itself have tests of their own.
SEEN = ("start", "fork", "exec", "exec_failed", "spawn", "wait", "shell", "lost")


class Tester:
    def __init__(self, options, case):
        self.options = options
        self.case = case
        self.base = tempfile.mkdtemp(prefix="hasten-test-")
        os.chmod(self.base, 0o755)

    def program(self):
        variant = "-" + self.options.variant if self.options.variant else ""
        name = "proc_" + self.case.args[0] + variant
        return os.path.join(self.options.programs, name)

    def execute(self, name, variables, prefix=()):
        """Runs the program in a folder of its own; returns what it did, and the folder."""
        folder = os.path.join(self.base, name)
        truth = os.path.join(self.base, name + ".truth")
        os.mkdir(folder)
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith("HASTEN_") and k != "LD_PRELOAD"}
        environment.update(variables)
        environment["WORKLOAD_TRUTH"] = truth
        if self.case.own_library:
            shutil.copy(self.options.preload, os.path.join(folder, "lib.so"))
        before = None
        where = folder
        if self.case.home:
            where, before = SURROUNDINGS[self.case.home](folder)
        command = self.case.command or [self.program(), *self.case.args[1:]]
        done = finish([*prefix, *command], where, environment, before, 60)
        return Run(*done, read_truth(truth)), folder

    def record(self):
        library = "./lib.so" if self.case.own_library else self.options.preload
        folder = os.path.join(self.base, "preload")
        variables = {"LD_PRELOAD": library, "HASTEN_DATA": os.path.join(folder, "data")}
        for name, value in self.case.variables.items():
            if value is None:
                del variables[name]
            else:
                variables[name] = value.format(lib=library, folder=os.path.dirname(library))
        run, _ = self.execute("preload", variables)
        return run, folder

    def close(self):
        if self.options.keep:
            print(f"kept: {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)


class Teller:
    """Records as lines, by process: the first is "main", its children are c1, c2, ..."""

    def __init__(self, tester, folder, records):
        self.places = [(tester.options.programs.encode(), b"@"), (folder.encode(), b".")]
        self.variant = ("-" + tester.options.variant).encode() if tester.options.variant else b""
        self.names = {}
        self.lines = {}
        for record in records:
            if record.type in SEEN:
                self.lines.setdefault(self.name(record.pid), []).append(self.tell(record))

    def name(self, pid):
        if pid == 0:
            return "nobody"
        return self.names.setdefault(pid, f"c{len(self.names)}" if self.names else "main")

    def text(self, text):
        for place, sign in self.places:
            text = text.replace(place, sign)
        if self.variant:
            text = text.replace(self.variant, b"")
        return text.decode("utf-8", "backslashreplace")

    def tell(self, record):
        told = getattr(self, "tell_" + record.type)(record)
        return " ".join(part for part in told if part)

    def tell_texts(self, record):
        """File, arguments, and where it was looked for or lay."""
        argv = b" ".join(record.argv) if record.argv is not None else b"-"
        if len(argv) > 200:
            argv = b"%d bytes" % len(argv)
        yield self.text(record.file) if record.file is not None else "-"
        yield "| " + self.text(argv)
        if record.path is not None:
            yield "| path " + self.text(record.path)
        if record.cwd is not None:
            yield "| in " + self.text(record.cwd)

    def tell_start(self, record):
        return ["start", self.text(b" ".join(record.argv))]

    @staticmethod
    def tell_fork(record):
        return [record.call]

    def tell_exec(self, record):
        return [record.call, " ".join(sorted(record.flags)), *self.tell_texts(record)]

    @staticmethod
    def tell_exec_failed(record):
        return ["failed", record.call, errno.errorcode[record.error]]

    def tell_spawn(self, record):
        return [record.call, " ".join(sorted(record.flags)),
                errno.errorcode[record.error] if record.error else self.name(record.child),
                *self.tell_texts(record)]

    @staticmethod
    def tell_lost(record):
        return ["lost", str(record.count), errno.errorcode[record.error]]

    def tell_wait(self, record):
        return [record.call, self.name(record.child), self.status(record.status)]

    @staticmethod
    def status(status):
        if os.WIFSIGNALED(status):
            return f"signal {os.WTERMSIG(status)}"
        return f"exit {os.WEXITSTATUS(status)}"

    def tell_shell(self, record):
        how = errno.errorcode[record.error] if record.error else self.status(record.status)
        if record.call == "popen" and not record.error:
            how = ""
        return [record.call, how,
                self.text(record.command) if record.command is not None else ""]


def check_usage(record):
    usage = record.usage
    known = {name for name, value in usage.items() if value is not None}
    wanted = set(journal.USAGE)
    if record.type == "wait":
        wanted.remove("hwm_bytes")
    elif "vforked" in record.flags:
        wanted = set()
    if record.call == "waitid" and record.tid != record.pid and not known:
        return  # threads that wait for whoever comes: another one took the child that was asked about
    require(known == wanted, f"of what was used, {known} is known, not {wanted}: {record}")
    if wanted:
        require(usage["maxrss_bytes"] > 100000, f"so little memory: {record}")


def check_record(record, last):
    """What holds for every record. `last`: thread -> time, or None."""
    thread = record.pid, record.tid
    if last is not None:
        require(last.get(thread, 0) <= record.mono_ns, f"earlier than the one before: {record}")
        last[thread] = record.mono_ns
    require(record.pid and record.tid, f"without a process or a thread: {record}")
    if record.type in ("exec", "wait"):
        check_usage(record)
    if record.type == "spawn":
        require(record.rss_bytes > 100000, f"so little memory: {record}")
    if record.type in ("spawn", "shell"):
        require(0 < record.began_ns <= record.mono_ns, f"ended before it began: {record}")
        require(record.mono_ns - record.began_ns < 60e9, f"took so long: {record}")


def check_parents(records):
    """A child's parent is the process that wrote down its end."""
    waited = {r.child: r.pid for r in records if r.type == "wait"}
    for record in records:
        if record.type in ("start", "fork", "exec") and record.pid in waited:
            require(record.ppid == waited[record.pid],
                    f"its parent is {waited[record.pid]}: {record}")


def check_truth(run, records):
    """What the program was told by wait4 of its children is what was written down."""
    usages = [r.usage for r in records if r.type == "wait"]
    for name, usage in zip(("first", "second"), usages):
        told = {key: run.truth[f"{name}.{key}"][0] for key in ("user", "maxrss", "faults")}
        found = {"user": usage["user_ns"] // 1000, "maxrss": usage["maxrss_bytes"] // 1024,
                 "faults": usage["minor_faults"]}
        require(told == found, f"usage of the {name}: {found}, the program has {told}")


def check_environment(case, options, folder):
    """What the last image was given."""
    with open(os.path.join(folder, case.where, "leaf.env"), encoding="utf-8") as lines:
        given = [line.rstrip("\n").split("=", 1) for line in lines]
    names = [name for name, _ in given]
    require(len(set(names)) == len(names), f"names that are there twice: {names}")
    library = os.path.join(folder, "lib.so") if case.own_library else options.preload
    for name, value in case.environment.items():
        found = dict(given).get(name)
        wanted = value and value.format(lib=library, here=folder)
        require(found == wanted, f"the child has {name}={found}, not {wanted}")


def read_journal(folder, home):
    path = os.path.join(folder, "data", "processes.hsj")
    if not os.path.exists(path):
        path = os.path.join(folder, "hasten.data", "processes.hsj")
    if not os.path.exists(path) and home:
        return None
    require(os.path.exists(path), "there is no journal")
    found = journal.read_file(path)
    require(found.skipped == 0, f"{found.skipped} bytes of the journal are no records")
    return found.records


def compare_lines(wanted, found):
    for name in sorted(set(wanted) | set(found)):
        here, there = wanted.get(name, []), found.get(name, [])
        require(here == there, f"records of {name}:\n  " + "\n  ".join(there)
                + "\nand not\n  " + "\n  ".join(here))


def compare_journal(tester, run, folder):
    case = tester.case
    records = read_journal(folder, case.home)
    if records is None:
        return
    last = None if case.handler else {}
    for record in records:
        check_record(record, last)
    lines = Teller(tester, folder, records).lines
    if tester.options.keep:
        for name, told in lines.items():
            print(f'        "{name}": [\n' + "".join(f'            "{x}",\n' for x in told)
                  + "        ],")
    if case.records is not None:
        compare_lines(case.records, lines)
    if case.counts:
        found = [record.type for record in records]
        found = {kind: found.count(kind) for kind in case.counts}
        require(found == case.counts, f"records {found}, not {case.counts}")
    if case.images:
        begun = [os.path.basename(r.argv[0]).decode() for r in records if r.type == "start"]
        found = {name: begun.count(name) for name in begun}
        require(found == case.images, f"images {found}, not {case.images}")
    if not case.orphans:
        check_parents(records)
    if run.truth:
        check_truth(run, records)


def nested(tester, plain):
    """A recording within a recording: each has what was started for it."""
    folder = os.path.join(tester.base, "nested")
    os.mkdir(folder)
    data = [os.path.join(folder, name) for name in ("outer", "inner")]
    command = [part for name in data for part in (tester.options.hasten, "run", "-o", name, "--")]
    run, _ = tester.execute("runs", {}, command)
    require(run.status == shell_status(plain.status) and run.out == plain.out,
            f"status {run.status}, output {run.out!r}, {run.err!r}")
    for name, wanted in zip(data, tester.case.nested):
        found = journal.read_file(os.path.join(name, "processes.hsj"))
        begun = [os.path.basename(r.argv[0]).decode() for r in found.records if r.type == "start"]
        require(begun == list(wanted), f"{os.path.basename(name)} has {begun}, not {wanted}")


def test(tester):
    case = tester.case
    if case.command and shutil.which(case.command[0]) is None:
        raise Skipped(f"there is no {case.command[0]} here")
    plain, _ = tester.execute("plain", {})
    if plain.status == SKIP:
        raise Skipped(plain.err.decode().strip())
    require(case.home or plain.status == case.status, f"without the library: status "
            f"{plain.status}, not {case.status}: {plain.err.decode()}")
    if case.nested:
        nested(tester, plain)
        return
    run, folder = tester.record()
    require(run.status == plain.status, f"status {run.status}, not {plain.status}: {run.err!r}")
    require(run.out == plain.out, f"output {run.out!r}, not {plain.out!r}")
    require(run.err == plain.err, f"stderr {run.err!r}, not {plain.err!r}")
    compare_journal(tester, run, folder)
    if case.environment:
        check_environment(case, tester.options, folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    for name in ("hasten", "preload", "programs"):
        parser.add_argument("--" + name, type=os.path.abspath)
    parser.add_argument("--keep", action="store_true", help="leave the files, print the records")
    parser.add_argument("case", nargs="?")
    parser.add_argument("variant", nargs="?", default="")
    options = parser.parse_args()
    if options.list:
        return list_cases(CASES)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    return conclude(Tester(options, CASES[options.case]), test)


if __name__ == "__main__":
    sys.exit(main())
