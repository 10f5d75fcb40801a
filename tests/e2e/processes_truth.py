# SPDX-License-Identifier: Apache-2.0
"""What `hasten processes` says of real programs that end in every way: class, verdict, figures.

Arguments: hasten, run_target, libhasten.so. Nothing waits for a time but for CPU time limits, of which the least is a second.
"""
import json
import os
import resource
import struct
import subprocess
import sys
import unittest

import run_support as support

PRELOAD = ""

# Ends in the way that its argument names.
PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	volatile int zero = 0;
	static char block[65536];
	if (strcmp(how, "exit") == 0) return atoi(argv[2]);
	if (strcmp(how, "raise") == 0) raise(atoi(argv[2]));
	if (strcmp(how, "segv") == 0) return *(volatile int *)(uintptr_t)8;
	if (strcmp(how, "fpe") == 0) return 7 / zero;
	if (strcmp(how, "abort") == 0) abort();
	if (strcmp(how, "spin") == 0) for (;;) zero++;
	if (strcmp(how, "wait") == 0) for (;;) pause();
	if (strcmp(how, "memory") == 0) {
		while (malloc(1 << 20) != NULL) { }
		return 3;
	}
	if (strcmp(how, "file") == 0) {
		int fd = open("large", O_CREAT | O_WRONLY, 0600);
		while (write(fd, block, sizeof block) > 0) { }
		return 4;
	}
	if (strcmp(how, "touch") == 0) {
		size_t bytes = (size_t)atoi(argv[2]) << 20;
		char *memory = malloc(bytes);
		memset(memory, 1, bytes);
		execl("/bin/sh", "sh", "-c", "exec ./prog exit 0", NULL);
	}
	if (strcmp(how, "fork") == 0) {
		char *memory = NULL;
		if (fork() == 0) {
			memory = malloc(100);
			*(volatile char *)memory = 1;
			_exit(0);
		}
		wait(NULL);
		memory = malloc(200);
		*(volatile char *)memory = 1;
		return 0;
	}
	if (strcmp(how, "crowd") == 0) {
		struct rlimit one = { 1, 1 };
		if (setrlimit(RLIMIT_NPROC, &one) != 0 || fork() >= 0) return 1;
		return errno == EAGAIN ? 9 : 2;
	}
	if (strcmp(how, "parent") == 0) {
		size_t bytes = (size_t)atoi(argv[2]) << 20;
		char *memory = malloc(bytes);
		memset(memory, 1, bytes);
		return system("./prog exit 0");
	}
	return 0;
}
"""


def limit(which, value):
    return lambda: resource.setrlimit(which, (value, value))


class Truth(support.RunTest):
    def setUp(self):
        super().setUp()
        self.env["HASTEN_PRELOAD_LIB"] = PRELOAD
        os.link(support.FILES + "/prog", self.path("prog"))

    def record(self, *command, status=None, options=(), **more):
        result = self.run_hasten("-q", "-o", "data", *options, "--", *command, timeout=60, **more)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr)
        return self.processes()

    def processes(self):
        done = subprocess.run([support.HASTEN, "processes", "--json", self.path("data")], text=True,
                              env=self.env, capture_output=True, check=True)
        return json.loads(done.stdout)

    def row(self, found, *argv):
        """The last image with these arguments."""
        rows = [row for row in found["processes"] if row["argv"] == list(argv)]
        self.assertTrue(rows, [row["argv"] for row in found["processes"]])
        return rows[-1]

    def verdict(self, expected, *command, of=None, status=None, **more):
        found = self.record(*command, status=status, **more)
        row = self.row(found, *(of or command))
        self.assertEqual(row["verdict"], expected, row["evidence"])
        self.assertEqual(row["class"], expected.split(" ")[0] if not expected.startswith("RE-SIG")
                         else "RE-SIG")
        self.assertTrue(row["evidence"] or expected == "OK")
        return found, row

    def test_class_ok(self):
        found, row = self.verdict("OK", "./prog", "exit", "0", status=0)
        self.assertTrue(found["complete"], found["notes"])
        self.assertEqual((row["exit_status"], row["hwm_source"]), (0, "exact"))

    def test_class_exit_status(self):
        _, row = self.verdict("RE-NZEC 7", "./prog", "exit", "7", status=7)
        self.assertEqual(row["exit_status"], 7)

    def test_class_signals(self):
        for how, name, number in (("segv", "SIGSEGV", 11), ("fpe", "SIGFPE", 8), ("abort", "SIGABRT", 6)):
            _, row = self.verdict("RE-" + name, "./prog", how, status=128 + number)
            self.assertEqual(row["signal"], number)
        for number, name in ((7, "SIGBUS"), (4, "SIGILL"), (13, "SIGPIPE"), (31, "SIGSYS"), (9, "SIGKILL")):
            _, row = self.verdict("RE-" + name, "./prog", "raise", str(number), status=128 + number)
            self.assertEqual(row["signal"], number)

    def test_class_killed_child_has_figures_of_its_parent(self):
        found = self.record("/bin/sh", "-c", "./prog raise 9; exit 0", status=0)
        row = self.row(found, "./prog", "raise", "9")
        self.assertEqual((row["verdict"], row["end_source"]), ("RE-SIGKILL", "parent"))
        self.assertGreater(row["user_ns"] + row["system_ns"], 0)
        self.assertTrue(row["usage_estimated"])

    def test_class_cpu_limit(self):
        _, row = self.verdict("TLE-CPU", "./prog", "spin", preexec_fn=limit(resource.RLIMIT_CPU, 1))
        self.assertGreater(row["cpu_ns"] or 1e9, 9e8)

    def test_class_wall_limit(self):
        command = ("timeout", "-s", "KILL", "0.1", "./prog", "wait")
        # It kills its whole group, and so itself; the pipe is closed when the program below is gone, too.
        found, _ = self.verdict("TLE-WALL", "/bin/bash", "-mc", " ".join(command) + " | cat; exit 0",
                                of=("./prog", "wait"), status=0)
        verdicts = [row["verdict"] for row in found["processes"] if row["argv"] == list(command)]
        self.assertIn("TLE-WALL", verdicts)
        self.assertEqual(found["classes"]["TLE-WALL"], 2)

    def test_class_memory_limit(self):
        found, _ = self.verdict("MLE", "./prog", "memory", preexec_fn=limit(resource.RLIMIT_AS, 256 << 20))
        self.assertEqual(len(found["no_memory"]), 1)

    def test_class_file_limit(self):
        self.verdict("OLE", "/bin/sh", "-c", "ulimit -f 2048; ./prog file; exit 0", of=("./prog", "file"))

    def test_class_exec(self):
        open(self.path("empty-mode"), "w", encoding="ascii").close()
        for name, error in (("./missing", "ENOENT"), ("./empty-mode", "EACCES")):
            found = self.record("/bin/sh", "-c", f"{name}; exit 0", status=0)
            failures = [row for row in found["exec_failures"] if row["file"] == name]
            self.assertEqual([row["error"] for row in failures], [error], found["exec_failures"])

    def test_a_child_that_is_refused(self):
        """Another user than root, whom no limit of processes binds."""
        def other_user():
            os.setgid(65534)
            os.setuid(65534)

        if os.geteuid() == 0:
            os.chown(self.dir, 65534, 65534)
        found, _ = self.verdict("RE-NZEC 9", "./prog", "crowd", status=9,
                                preexec_fn=other_user if os.geteuid() == 0 else None)
        self.assertEqual([(row["call"], row["error"], row["file"]) for row in found["exec_failures"]],
                         [("fork", "EAGAIN", None)])
        for option, texts in (("--failed", ("programs and children that could not be started:", "EAGAIN fork")),
                              ("-n5", ("not forked    1 time the system refused a child",))):
            done = subprocess.run([support.HASTEN, "processes", option, self.path("data")], text=True,
                                  env=self.env, capture_output=True, check=True)
            for text in texts:
                self.assertIn(text, done.stdout)

    def test_class_loader(self):
        support.build("int more(void) { return 0; }", "libgone.so", "-shared", "-fPIC")
        support.build("int more(void); int main(void) { return more(); }", "needs", "-L" + support.FILES, "-lgone")
        program = support.FILES + "/needs"
        found = self.record("/bin/sh", "-c", f"{program}; exit 0", status=0)
        row = self.row(found, program)
        self.assertEqual(row["class"], "EXEC", row)

    def test_class_orphan(self):
        found = self.record("/bin/sh", "-c", "./prog wait >/dev/null 2>&1 & exit 0", status=0)
        row = self.row(found, "./prog", "wait")
        self.assertEqual(row["class"], "ORPHAN", row)
        os.kill(row["pid"], 9)

    def test_broken_build_names_the_tool(self):
        for name, text in (("good.c", "int good;"), ("bad.c", "int bad( {"), ("more.c", "int more;")):
            with open(self.path(name), "w", encoding="ascii") as file:
                file.write(text)
        with open(self.path("Makefile"), "w", encoding="ascii") as file:
            file.write("all: good.o more.o bad.o\n%.o: %.c\n\tgcc -c $< -o $@\n")
        found = self.record("make", "-j2", "-k", status=2)
        row = self.row(found, "gcc", "-c", "bad.c", "-o", "bad.o")
        self.assertEqual(row["verdict"], "CE cc1", row["evidence"])
        self.assertEqual(found["processes"][found["root"]]["verdict"], "CE cc1")
        rows = {(row["language"], row["phase"]): row for row in found["languages"]}
        compiled = rows["C", "compile"]
        self.assertEqual((compiled["count"], compiled["failed"]), (3, 1))
        self.assertAlmostEqual(compiled["failed_percent"], 100 / 3, places=1)
        self.assertEqual(rows["C", "assemble"]["count"], 2)

    def test_peak_is_not_the_parents(self):
        found = self.record("./prog", "parent", "150", status=0)
        parent, child = self.row(found, "./prog", "parent", "150"), self.row(found, "./prog", "exit", "0")
        self.assertGreater(parent["hwm_bytes"], 150 << 20)
        self.assertLess(child["hwm_bytes"], 8 << 20)
        self.assertEqual(child["hwm_source"], "exact")

    def test_peak_is_not_that_of_the_image_before(self):
        found = self.record("./prog", "touch", "120", status=0)
        first, last = self.row(found, "./prog", "touch", "120"), self.row(found, "./prog", "exit", "0")
        self.assertGreater(first["hwm_bytes"], 120 << 20)
        self.assertLess(last["hwm_bytes"], 8 << 20)
        self.assertEqual(first["pid"], last["pid"])

    def test_children_without_environment_are_recorded(self):
        found = self.record("/usr/bin/env", "-i", "./prog", "exit", "0", status=0)
        row = self.row(found, "./prog", "exit", "0")
        self.assertTrue(row["environment_repaired"] or row["previous"] is not None)
        self.assertEqual(row["hwm_source"], "exact")

    def test_files_of_a_fork_before_the_first_record(self):
        """Neither has a file when it forks; each then makes one under its own number."""
        found = self.record("/bin/sh", "-c", "./prog fork; exit 0", status=0)
        rows = [row for row in found["processes"] if row["argv"] == ["./prog", "fork"]]
        pids = {row["pid"] for row in rows}
        self.assertEqual(len(pids), 2, rows)
        headers = {}
        for name in os.listdir(self.path("data")):
            if name.endswith(".hst"):
                with open(self.path("data", name), "rb") as file:
                    headers[name] = struct.unpack_from("<II", file.read(40), 28)
        made = {pid: name for name, (pid, _) in headers.items() if pid in pids}
        self.assertEqual(set(made), pids, headers)
        self.assertEqual(set(made.values()), {"%d.0.hst" % pid for pid in pids})
        (parent,) = {row["pid"] for row in rows if row["parent"] == found["root"]}
        (child,) = pids - {parent}
        self.assertEqual(headers[made[child]], (child, parent))

    def test_hooks_of_the_program(self):
        os.unlink(self.path("prog"))
        for flags, name in (((), "prog"), (("-finstrument-functions",), "hooked"),
                            (("-finstrument-functions", "-no-pie"), "fixed")):
            support.build("int main(void) { return 0; }", name + ".new", *flags)
            os.rename(support.FILES + "/" + name + ".new", self.path(name))
        found = self.record("/bin/sh", "-c", "./prog; ./hooked; ./fixed; exit 0", status=0)
        hooks = [self.row(found, "./" + name)["instrumented"] for name in ("prog", "hooked", "fixed")]
        self.assertEqual(hooks, [False, True, True])

    def test_programs_whose_memory_is_left_out(self):
        def shown(command, *options):
            return subprocess.run([support.HASTEN, command, *options, self.path("data")], text=True, env=self.env,
                                  capture_output=True, check=True).stdout

        for options, count in (((), 2), (("--memory-all",), 0), (("--no-children",), 0)):
            with self.subTest(options):
                self.record("/bin/sh", "-c", "./prog exit 0; /bin/true; /usr/bin/env ./prog exit 0; exit 0",
                            status=0, options=options)
                found = json.loads(shown("memory", "--json"))
                self.assertEqual(found["programs_left_out"], count)
                words = "2 programs of the system, which others started, are left out"
                self.assertEqual(any(words in note for note in found["notes"]), count != 0, found["notes"])
                self.assertEqual("note: " + words in shown("memory"), count != 0)
                report = json.loads(shown("report", "--json"))
                self.assertEqual(any(words in note for note in report["notes"]), count != 0, report["notes"])

    def test_what_to_look_at_next(self):
        for command, word in (("./prog exit 0; ./prog exit 0; exit 0", "processes"), ("exit 0", "memory")):
            result = self.run_hasten("-o", "data", "--", "/bin/sh", "-c", command, timeout=60)
            self.assert_says(result, "next: hasten %s data" % word, 0)

    def test_no_children(self):
        found = self.record("/bin/sh", "-c", "./prog exit 0; exit 0", status=0, options=("--no-children",))
        ran = [row for row in found["processes"] if row["hwm_source"] == "exact"]
        self.assertEqual(len({row["pid"] for row in ran}), 1)


def main():
    global PRELOAD
    PRELOAD = os.path.abspath(sys.argv.pop(3))
    build, finished = support.main, unittest.TestProgram

    def prepared(*arguments, **options):
        support.build(PROGRAM, "prog", "-O0", "-w")
        return finished(*arguments, **options)

    unittest.main = prepared
    build()


if __name__ == "__main__":
    main()
