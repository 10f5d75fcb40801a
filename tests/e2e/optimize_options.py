#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten optimize`: options, the file with the flags, forms of output, what is said where something is wrong.

    optimize_options.py HASTEN PRELOAD
"""
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import optimize_hooks as hooks

HASTEN = PRELOAD = ""
SOURCE = """
int sink;
__attribute__((noinline)) int tiny(int a) { return a ^ sink; }
__attribute__((noinline)) int el(int a) { return a + sink; }
__attribute__((noinline)) int helper(int n)
{
	for (int i = 0; i < n; i++) {
		sink += tiny(i) + el(i);
	}
	return sink;
}
int main(void) { return helper(1000) & 0; }
"""


class OptionsTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="hasten-optimize-")
        cls.env = hooks.clean_environment(PRELOAD)
        with open(os.path.join(cls.dir, "app.c"), "w", encoding="utf-8") as file:
            file.write(SOURCE.lstrip())
        hooks.run(["gcc", "-O2", "-g", "-finstrument-functions", "app.c", "-o", "app"], cwd=cls.dir)
        hooks.run([HASTEN, "run", "-q", "-o", "hasten.data", "--", "./app"], cwd=cls.dir, env=cls.env)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def optimize(self, *options, view=("--instrumentation",)):
        return subprocess.run([HASTEN, "optimize", *view, *options], cwd=self.dir, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def good(self, *options):
        done = self.optimize(*options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, text, *options, view=("--instrumentation",)):
        done = self.optimize(*options, view=view)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_without_a_view_it_says_which_there_are(self):
        self.refused("--instrumentation", view=())
        done = self.optimize("--help", view=())
        self.assertEqual(done.returncode, 0)
        for word in ("--instrumentation", "--overhead=PCT", "--keep=EXPR", "--compiler=NAME", "--force"):
            self.assertIn(word, done.stdout)

    def test_wrong_options(self):
        self.refused("needs a percentage", "--overhead", "much")
        self.refused("needs a percentage", "--overhead", "-1")
        self.refused("needs a percentage", "--overhead", "nan")
        self.refused("gcc or clang", "--compiler", "tcc")
        self.refused("do not go together", "--keep", "main", "--overhead", "5")
        self.refused("do not go together", "--json", "--csv")
        self.refused("standard output", "-o", "-", "--json")
        self.refused("name of a file", "-o", "")
        self.refused("matches 'nobody'", "--keep", "main,nobody")
        self.refused("keeps no function", "--keep", "!*")
        self.refused("there", "no.such.data")

    def test_budget_with_a_sign(self):
        self.assertEqual(json.loads(self.good("--json", "--overhead", "7.5%"))["budget_percent"], 7.5)

    def test_file_of_flags(self):
        self.good("--keep", "helper,main", "-o", "app.flags")
        self.assertEqual(self.read("app.flags"),
                         "-finstrument-functions\n-g\n-finstrument-functions-exclude-function-list=t\n")
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(os.stat(self.path("app.flags")).st_mode & 0o777, 0o666 & ~mask)
        # One of ours may be replaced, also by one for another compiler.
        self.good("--keep", "helper,main", "-o", "app.flags", "--compiler", "clang")
        self.assertEqual(self.read("app.flags"), "-finstrument-functions-after-inlining\n-g\n")
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("app.flags.")], [])

    def test_file_on_standard_output(self):
        self.assertEqual(self.good("--keep", "helper,main", "-o", "-"),
                         "-finstrument-functions\n-g\n-finstrument-functions-exclude-function-list=t\n")

    def test_file_of_somebody_else_is_left_alone(self):
        for text in ("my notes\n", "-finstrument-functions\n-O2\n", "-finstrument-functions\n-g"
                     + "\n" * 70000 + "rest"):
            self.write("notes", text)
            if len(text) < 1000:
                self.refused("say --force", "--keep", "main", "-o", "notes")
                self.assertEqual(self.read("notes"), text)
        self.write("notes", "my notes\n")
        self.good("--keep", "helper,main", "-o", "notes", "--force")
        self.assertIn("-finstrument-functions\n", self.read("notes"))

    def test_what_is_no_file_is_left_alone(self):
        self.write("target", "-g\n")
        os.symlink("target", self.path("link"))
        os.mkdir(self.path("folder"))
        os.mkfifo(self.path("pipe"))
        for name in ("link", "folder", "pipe"):
            self.refused("no regular file", "--keep", "main", "-o", name, "--force")
        self.refused("cannot be written", "--keep", "main", "-o", "no/such/folder")
        self.assertEqual(self.read("target"), "-g\n")
        self.assertTrue(os.path.islink(self.path("link")))

    def test_text_says_what_is_lost_and_what_is_not_known(self):
        text = self.good("--keep", "helper,main", "-o", "said.flags")
        for part in ("hooks of 2002 calls", "predicted: 2 calls", "about", "count for their callers", "not predicted: ",
                     "kept: 2 functions", "-finstrument-functions-exclude-function-list=t",
                     f"{os.path.realpath(self.dir)}/app.c:3: __attribute__((no_instrument_function)) el",
                     "helper too", "-finstrument-functions-after-inlining",
                     f"next: hasten build --flags @{os.path.realpath(self.dir)}/said.flags -- make"):
            self.assertIn(part, text)

    def test_machine_forms_agree(self):
        found = json.loads(self.good("--keep", "helper,main", "--json"))
        self.assertEqual(found["schema"], 1)
        self.assertEqual((found["before"]["calls"], found["after"]["calls"]), (2002, 2))
        self.assertEqual(found["complete"], True)
        rows = list(csv.DictReader(io.StringIO(self.good("--keep", "helper,main", "--csv"))))
        self.assertEqual([(row["name"], row["calls"], row["gcc_means"], row["gcc_entry"]) for row in rows],
                         [("el", "1000", "source", ""), ("tiny", "1000", "list", "t")])
        for row, same in zip(found["functions"], rows):
            for key, value in same.items():
                self.assertEqual(str(row[key]) if row[key] is not None else "", value)
        share = 100 * found["before"]["hook_cost_ns"] / found["program_without_hooks_ns"]
        self.assertAlmostEqual(found["before"]["overhead_percent"], share, delta=0.001 * share)
        self.assertAlmostEqual(found["before"]["hook_cost_ns"], 2002 * (found["call_cost_ns"] + found["empty_call_cost_ns"]),
                               delta=3)
        self.assertAlmostEqual(found["program_ns"], found["program_without_hooks_ns"] + 2002 * found["empty_call_cost_ns"], delta=3)

    def test_waiting_makes_no_hook_cheap(self):
        source = SOURCE.replace("int sink;", "#include <unistd.h>\nint sink;").replace(
            "return helper(1000) & 0;", "usleep(300000); return helper(1000) & 0;")
        self.write("waits.c", source)
        hooks.run(["gcc", "-O2", "-g", "-finstrument-functions", "waits.c", "-o", "waits"], cwd=self.dir)
        hooks.run([HASTEN, "run", "-q", "-o", "waits.data", "--", "./waits"], cwd=self.dir, env=self.env)
        told = json.loads(self.good("--json", "waits.data"))
        self.assertEqual(told["program_clock"], "cpu")
        self.assertLess(told["program_ns"], 300000000)
        self.assertIn("CPU time of the program", self.good("waits.data"))

    def test_nothing_to_leave_out(self):
        found = json.loads(self.good("--json", "--overhead", "1e9"))
        self.assertEqual((found["functions"], found["after"]), ([], found["before"]))
        self.assertEqual(found["gcc"]["flags"], ["-finstrument-functions", "-g"])
        self.assertIn("nothing to leave out", self.good("--overhead", "1e9"))

    def test_changed_program_has_no_names(self):
        where = self.path("changed")
        os.mkdir(where)
        shutil.copy(self.path("app.c"), where)
        hooks.run(["gcc", "-O2", "-g", "-finstrument-functions", "app.c", "-o", "app"], cwd=where)
        hooks.run([HASTEN, "run", "-q", "-o", "data", "--", "./app"], cwd=where, env=self.env)
        hooks.run(["gcc", "-O1", "-g", "-finstrument-functions", "app.c", "-o", "app"], cwd=where)
        text = self.good("--overhead", "0", os.path.join(where, "data"))
        self.assertIn("changed since it was recorded", text)
        self.assertIn("no name here", text)
        self.assertIn("is not reached", text)
        self.refused("record again", "--keep", "main", os.path.join(where, "data"))
        found = json.loads(self.good("--overhead", "0", "--json", os.path.join(where, "data")))
        self.assertEqual((found["unnamed_functions"], found["functions"]), (4, []))


def main():
    global HASTEN, PRELOAD
    HASTEN, PRELOAD = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    main()
