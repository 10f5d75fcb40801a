# SPDX-License-Identifier: Apache-2.0
"""--json FILE: the summary of a run, against its schema and against what happened.

Arguments behind the usual ones: path of libhasten.so, path of the schema.
"""
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys

import run_support as support
import schema

LIBRARY = ""
SCHEMA = {}

WORK = """
#include <stdlib.h>
#include <string.h>
static volatile unsigned sink;
__attribute__((noinline)) void busy(int n) { for (int i = 0; i < n; i++) sink += i; }
__attribute__((noinline)) char *hoard(size_t n) { return memset(malloc(n), 1, n); }
int main(int argc, char **argv)
{
    char *block = hoard(3 << 20);
    for (int i = 0; i < 10; i++) busy(100000);
    sink += block[5];
    free(block);
    if (argc > 1) { volatile int *p = 0; return *p; }
    return 0;
}
"""


KILLER = r"""
import os, signal, subprocess, sys
subprocess.run(sys.argv[1])
launcher = os.getppid()
root = os.getpid()
if os.fork() == 0:
    os.closerange(0, 3)
    while True:
        with open(f"/proc/{launcher}/task/{launcher}/children") as file:
            others = set(map(int, file.read().split())) - {root, os.getpid()}
        for pid in others:
            os.kill(pid, signal.SIGKILL)
            os._exit(0)
        os.sched_yield()
os._exit(3)
"""


class Validator(support.RunTest):
    """The validator sees what is wrong; else the tests below would prove nothing."""

    def wrong(self, value, rules):
        return list(schema.problems(value, rules))

    def test_each_keyword_refuses_and_accepts(self):
        for rules, good, bad in (
                ({"type": "integer"}, 1, True), ({"type": "integer"}, 0, 1.5), ({"type": "number"}, 1.5, "1"),
                ({"type": ["string", "null"]}, None, 1), ({"type": "object"}, {}, []),
                ({"type": "boolean"}, True, 1), ({"const": 1}, 1, True), ({"enum": ["a", 1]}, 1, "b"),
                ({"required": ["a"]}, {"a": 1}, {}), ({"minimum": 0}, 0, -1), ({"maximum": 1}, 1, 1.1),
                ({"minItems": 1}, [0], []), ({"maxItems": 1}, [0], [0, 0]),
                ({"items": {"type": "string"}}, ["a"], ["a", 1]),
                ({"properties": {"a": {"type": "string"}}}, {"a": "", "b": 1}, {"a": 1}),
                ({"$ref": "#/$defs/x", "$defs": {"x": {"const": 2}}}, 2, 3)):
            self.assertEqual(self.wrong(good, rules), [], rules)
            self.assertNotEqual(self.wrong(bad, rules), [], rules)

    def test_unknown_keywords_and_references_are_errors(self):
        for rules in ({"pattern": "x"}, {"$ref": "#/$defs/x"}, {"$ref": "other.json"}, {"type": "text"}):
            with self.assertRaises(schema.SchemaError):
                self.wrong("x", rules)

    def test_problems_name_the_place(self):
        rules = {"properties": {"a": {"items": {"type": "string"}}}}
        self.assertEqual(self.wrong({"a": ["", 1]}, rules), ["$.a[1]: 1 is none of string"])
        self.assertEqual(list(schema.unknown_members({"a": [], "b": 1}, rules)), ["$.b"])


class Summary(support.RunTest):
    def setUp(self):
        super().setUp()
        self.env["HASTEN_PRELOAD_LIB"] = LIBRARY

    def load(self, name="run.json"):
        with open(self.path(name), encoding="utf-8") as file:
            value = json.load(file)
        self.assertEqual(list(schema.problems(value, SCHEMA)), [])
        self.assertEqual(list(schema.unknown_members(value, SCHEMA)), [])
        self.assertNotIn("findings", value)
        self.assertEqual([name for name in os.listdir(self.dir) if name.endswith(".tmp")], [])
        return value

    def summary(self, *arguments, returned, **options):
        """Runs and returns the summary, which must be right in itself."""
        result = self.run_hasten("--json", "run.json", *arguments, **options)
        self.assertEqual(result.returncode, returned, result.stderr)
        value = self.load()
        self.assertEqual(value["status"]["returned"], returned)
        return value

    def make(self, source=WORK, *flags):
        path = support.build(source, "work", "-g", *flags)
        shutil.move(path, self.path("work"))
        return "./work"

    def test_ok_has_functions_and_allocators(self):
        value = self.summary(self.make(WORK, "-finstrument-functions"), returned=0)
        self.assertEqual((value["status"]["exit"], value["status"]["class"]), (0, "OK"))
        self.assertEqual(value["command"], ["./work"])
        self.assertEqual(value["directory"], self.path("hasten.data"))
        self.assertEqual((value["complete"], value["losses"]), (True, []))
        self.assertEqual((value["processes"]["count"], value["processes"]["failed"]), (1, 0))
        functions = {row["name"]: row for row in value["functions"]}
        self.assertEqual(set(functions), {"main", "busy", "hoard"})
        self.assertEqual((functions["busy"]["calls"], functions["hoard"]["calls"]), (10, 1))
        order = [row["self_ns"] for row in value["functions"]]
        self.assertEqual(order, sorted(order, reverse=True))
        self.assertEqual(functions["busy"]["line"], 5)
        top = value["allocators"][0]
        self.assertEqual((top["name"], top["alloc_bytes"], top["peak_bytes"], top["leaked_bytes"]),
                         ("hoard", 3 << 20, 3 << 20, 0))
        self.assertEqual(value["memory"]["allocated_peak_bytes"], 3 << 20)
        self.assertEqual(value["memory"]["image_peak_source"], "exact")
        self.assertGreater(value["memory"]["image_peak_bytes"], 3 << 20)
        self.assertGreaterEqual(value["wall_ns"], functions["main"]["total_ns"])

    def test_without_hooks_has_no_functions(self):
        value = self.summary(self.make(), returned=0)
        self.assertNotIn("functions", value)
        self.assertEqual(value["memory"]["allocated_peak_bytes"], 3 << 20)
        value = self.summary("--no-memory", "./work", returned=0)
        self.assertNotIn("allocators", value)
        self.assertIsNone(value["memory"]["allocated_peak_bytes"])

    def test_exit_status(self):
        value = self.summary(support.TARGET, "exit", "3", returned=3)
        self.assertEqual((value["status"]["exit"], value["status"]["signal"]), (3, None))
        self.assertEqual((value["status"]["class"], value["status"]["verdict"]), ("RE-NZEC", "RE-NZEC 3"))
        self.assertIn("3", value["status"]["evidence"])
        self.assertEqual([row["class"] for row in value["failures"]], ["RE-NZEC"])

    def test_crash(self):
        value = self.summary(self.make(WORK, "-finstrument-functions"), "crash", returned=139)
        self.assertEqual((value["status"]["exit"], value["status"]["signal"], value["status"]["signal_name"]),
                         (None, 11, "SIGSEGV"))
        self.assertEqual((value["status"]["class"], value["status"]["verdict"]), ("RE-SIG", "RE-SIGSEGV"))
        # Killed, and still all that it did is there.
        self.assertEqual({row["name"]: row["calls"] for row in value["functions"]},
                         {"main": 1, "busy": 10, "hoard": 1})

    def test_status_is_that_of_the_last_image(self):
        self.make(WORK, "-finstrument-functions")
        value = self.summary("sh", "-c", "exec ./work crash", returned=139)
        self.assertEqual(value["status"]["verdict"], "RE-SIGSEGV")
        self.assertEqual((value["processes"]["count"], value["processes"]["images"]), (1, 2))
        self.assertEqual([row["command"] for row in value["failures"]], ["work"])

    def test_not_found_and_not_executable(self):
        value = self.summary("./nothing", returned=127)
        self.assertEqual((value["status"]["class"], value["status"]["verdict"]), ("EXEC", "EXEC ENOENT"))
        self.assertIn("./nothing is not found", value["status"]["evidence"])
        self.assertEqual((value["wall_ns"], value["directory"], value["status"]["exit"]), (None, None, None))
        with open(self.path("text"), "w", encoding="utf-8") as file:
            file.write("no program\n")
        value = self.summary("./text", returned=126)
        self.assertEqual(value["status"]["verdict"], "EXEC EACCES")
        with open(self.path("broken"), "wb") as file:
            file.write(b"\x7fELF\2\1\1" + bytes(200))
        os.chmod(self.path("broken"), 0o755)
        value = self.summary("./broken", returned=126)
        self.assertEqual((value["status"]["class"], value["directory"]), ("EXEC", None))
        self.assertIn("./broken", value["status"]["evidence"])

    def test_timeout(self):
        value = self.summary("timeout", "0.2", "sleep", "100", returned=124)
        self.assertEqual(value["status"]["exit"], 124)
        self.assertIn("TLE-WALL", [row["class"] for row in value["failures"]])
        self.assertGreaterEqual(value["wall_ns"], 200_000_000)

    def test_cpu_limit(self):
        spin = self.make("int main(void) { for (volatile unsigned i = 0;; i++); }")
        value = self.summary(spin, returned=128 + signal.SIGXCPU,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 2)))
        self.assertEqual((value["status"]["class"], value["status"]["signal_name"]), ("TLE-CPU", "SIGXCPU"))
        self.assertGreaterEqual(value["user_ns"] + value["system_ns"], 500_000_000)

    def test_compile_error_in_a_script(self):
        with open(self.path("bad.c"), "w", encoding="utf-8") as file:
            file.write("int main(void) { return x; }\n")
        value = self.summary("sh", "-c", "gcc -c bad.c; test $? -ne 0 && exit 5", returned=5)
        self.assertEqual(value["status"]["exit"], 5)
        gcc, = [row for row in value["failures"] if row["command"] == "gcc"]
        self.assertEqual((gcc["class"], gcc["language"], gcc["phase"]), ("CE", "C", "compile"))
        self.assertIn("cc1", gcc["verdict"])
        phase, = [row for row in value["phases"] if row["phase"] == "compile"]
        self.assertEqual((phase["language"], phase["count"], phase["failed"]), ("C", 1, 1))
        value = self.summary("gcc", "-c", "bad.c", returned=1)
        self.assertEqual(value["status"]["class"], "CE")

    def test_unrecorded_run_has_a_summary(self):
        value = self.summary(support.TARGET, "exit", "4", returned=4, env={"HASTEN_DISABLE": "1"})
        self.assertEqual((value["status"]["exit"], value["status"]["class"]), (4, "RE-NZEC"))
        self.assertEqual((value["directory"], value["processes"]["count"], value["complete"]),
                         (None, None, False))
        self.assertIn("HASTEN_DISABLE", value["losses"][0])
        self.assertGreater(value["wall_ns"], 0)
        self.assertEqual(value["memory"]["image_peak_source"], "at most")

    def test_hasten_itself_fails(self):
        os.mkdir(self.path("hasten.data"))
        with open(self.path("hasten.data", "precious"), "w", encoding="utf-8"):
            pass
        value = self.summary(support.TARGET, "exit", "0", returned=125)
        self.assertEqual(value["status"]["class"], "EXEC")
        self.assertIn("not hasten's data", value["status"]["evidence"])

    def test_file_is_replaced_whole_with_the_mode_of_the_umask(self):
        with open(self.path("run.json"), "w", encoding="utf-8") as file:
            file.write("x" * 100000)
        before = os.stat(self.path("run.json")).st_ino
        self.summary(support.TARGET, "exit", "0", returned=0, umask=0o026)
        status = os.stat(self.path("run.json"))
        self.assertNotEqual(status.st_ino, before)
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o640)
        # A link stays one.
        os.rename(self.path("run.json"), self.path("real.json"))
        os.symlink("real.json", self.path("run.json"))
        self.summary(support.TARGET, "exit", "1", returned=1)
        self.assertTrue(os.path.islink(self.path("run.json")))
        self.assertEqual(self.load("real.json")["status"]["exit"], 1)

    def test_texts_of_the_command_are_sound(self):
        value = self.summary(support.TARGET, "exit", "0", "a\tb\x01\"\\", b"\xff\xfe", "\u00e9", returned=0)
        self.assertEqual(value["command"][3:], ["a\tb\x01\"\\", "\ufffd\ufffd", "\u00e9"])

    def test_little_memory_for_the_summary_changes_nothing(self):
        many = self.make("__attribute__((noinline)) void f(void) { __asm__ volatile(\"\"); }\n"
                         "int main(void) { for (int i = 0; i < 100000; i++) f(); return 4; }",
                         "-O2", "-finstrument-functions")
        for megabytes in (8, 16, 24, 48):
            result = self.run_hasten("--json", "run.json", many, preexec_fn=lambda size=megabytes << 20:
                                     resource.setrlimit(resource.RLIMIT_AS, (size, size)))
            self.assertEqual(result.returncode, 4, (megabytes, result.stderr))
            self.assertEqual(self.load()["status"]["exit"], 4)

    def test_into_a_pipe(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        result = self.run_hasten("-q", "--json", f"/dev/fd/{write}", support.TARGET, "exit", "6",
                                 pass_fds=[write])
        self.assertEqual(result.returncode, 6, result.stderr)
        os.close(write)
        with os.fdopen(os.dup(read), encoding="utf-8") as file:
            value = json.load(file)
        self.assertEqual((list(schema.problems(value, SCHEMA)), value["status"]["exit"]), ([], 6))

    def test_what_cannot_be_written_changes_nothing(self):
        for name in ("no/such/folder.json", self.dir, "/dev/full"):
            result = self.run_hasten("--json", name, support.TARGET, "exit", "9")
            self.assert_says(result, f"the summary {name} cannot be written", 9)
        result = self.run_hasten("--json", "run.json", support.TARGET, "exit", "9", preexec_fn=lambda:
                                 resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)))
        self.assert_says(result, "the summary run.json cannot be written: File too large", 9)
        self.assertFalse(os.path.exists(self.path("run.json")))
        self.assertEqual([name for name in os.listdir(self.dir) if name.endswith(".tmp")], [])

    def test_output_of_the_program_is_refused(self):
        with open(self.path("out"), "w", encoding="utf-8") as out:
            result = subprocess.run(self.command("--json", "out", support.TARGET, "both"), env=self.env,
                                    cwd=self.dir, stdout=out, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard output, which belongs to the program", result.stderr)
        result = self.run_hasten("--json=/dev/stdout", support.TARGET, "both")
        self.assertEqual((result.returncode, result.stdout), (2, ""))

    def test_reading_that_is_killed_leaves_the_launchers_figures(self):
        # What the program leaves running kills the process that reads the recording.
        killer = self.path("killer.py")
        with open(killer, "w", encoding="utf-8") as file:
            file.write(KILLER)
        many = self.make("__attribute__((noinline)) void f(void) { __asm__ volatile(\"\"); }\n"
                         "int main(void) { for (int i = 0; i < 10000000; i++) f(); return 0; }",
                         "-O2", "-finstrument-functions")
        value = self.summary(sys.executable, killer, many, returned=3)
        self.assertEqual((value["status"]["exit"], value["complete"]), (3, False))
        self.assertIn("ended by signal 9", value["losses"][0])
        self.assertEqual((value["processes"]["count"], value["processes"]["left_running"]), (None, 1))
        self.assertGreater(value["wall_ns"], 0)
        self.assertNotIn("functions", value)


if __name__ == "__main__":
    with open(sys.argv.pop(4), encoding="utf-8") as text:
        SCHEMA = json.load(text)
    LIBRARY = os.path.abspath(sys.argv.pop(3))
    support.main()
