# SPDX-License-Identifier: Apache-2.0
"""The launcher with the real preload: closing lines, filters, children, a full stack.

The third argument is the path of libhasten.so.
"""
import os
import re
import shutil
import subprocess
import sys

import run_support as support

LIBRARY = ""

CALLS = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>
static volatile int sink;
__attribute__((noinline)) void inner(void) { sink++; }
__attribute__((noinline)) void outer(int n) { for (int i = 0; i < n; i++) inner(); }
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 10;
    outer(n);
    if (argc > 2) {
        char byte;
        printf("ready %d\\n", (int)getpid());
        fflush(stdout);
        return (int)read(0, &byte, 1);
    }
    return 0;
}
"""
# Loops for ever as a program without hooks would: by tail calls.
ONE = """
__attribute__((noinline)) int down(long n) { volatile long x = n; return x == 0 ? 0 : down(x - 1); }
int main(void) { return down(1L << 40); }
"""
TWO = """
int odd(long n);
__attribute__((noinline)) int even(long n) { volatile long x = n; return x == 0 ? 1 : odd(x - 1); }
__attribute__((noinline)) int odd(long n) { volatile long x = n; return x == 0 ? 0 : even(x - 1); }
int main(void) { return even(1L << 40); }
"""
CRASH = """
#include <signal.h>
__attribute__((noinline)) void leaf(void) { raise(SIGSEGV); }
__attribute__((noinline)) void wander(int n) { volatile int x = n; if (x) wander(x - 1); else leaf(); }
int main(void) { wander(50); return 0; }
"""
FLAGS = ("-O2", "-g", "-finstrument-functions", "-fno-optimize-sibling-calls")


class Record(support.RunTest):
    def setUp(self):
        super().setUp()
        self.env["HASTEN_PRELOAD_LIB"] = LIBRARY

    def make(self, name, source, *flags):
        shutil.move(support.build(source, name, *FLAGS, *flags), self.path(name))
        return self.path(name)

    def traces(self, directory="hasten.data"):
        return sorted(name for name in os.listdir(self.path(directory)) if name.endswith(".hst"))

    def test_record_trace_closing_lines(self):
        self.make("app", CALLS)
        result = self.run_hasten("./app")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        lines = result.stderr.splitlines()
        self.assertRegex(lines[0], r"^hasten: [\d.]+ [kM]?B of events, 1 thread, 1 process, 0 lost "
                         r"-> hasten\.data \([\d.]+ kB\)$")
        self.assertEqual(lines[1:], ["hasten: next: hasten report"])
        self.assertEqual(len(self.traces()), 1)
        result = self.run_hasten("-o", "other", "./app")
        self.assert_says(result, "next: hasten report other")

    def test_record_profile_counts_calls(self):
        self.make("app", CALLS)
        result = self.run_hasten("--mode=profile", "./app", "1000")
        # main, outer and inner; what runs before main may add some.
        count = int(re.search(r"hasten: (\d+) calls, 1 thread", result.stderr)[1])
        self.assertEqual(count, 1002)

    def test_record_without_hooks_says_so(self):
        result = self.run_hasten("true")
        self.assert_says(result, "no call was recorded", 0)

    def test_record_children_or_not(self):
        self.make("app", CALLS)
        self.run_hasten("-q", "sh", "-c", "./app; ./app; :")
        self.assertEqual(len(self.traces()), 3)
        self.run_hasten("-q", "--no-children", "sh", "-c", "./app; ./app; :")
        self.assertEqual([name.split(".")[0] for name in self.traces()], [self.session()["root"]])

    def test_record_survives_the_launcher(self):
        self.make("app", CALLS)
        process = subprocess.Popen(self.command("-q", "./app", "10", "wait"), env=self.env,
                                   cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(self.end_process, process)
        pid = process.stdout.readline().split()[1]
        process.kill()
        process.wait()
        self.assertTrue(os.path.exists(f"/proc/{pid}"))
        process.stdin.close()
        self.assertEqual(process.stdout.read(), "")
        self.assertEqual(self.traces()[0].split(".")[0], pid)
        with open(self.path("hasten.data", self.traces()[0]), "rb") as file:
            self.assertEqual(file.read(8), b"HSTN\r\n\x1a\n")

    def test_filter_makes_a_plan(self):
        self.make("app", CALLS)
        result = self.run_hasten("--filter", "outer,nothing*", "--mode=profile", "./app", "1000")
        self.assert_says(result, 'matches "nothing*" of the filter', 0)
        self.assert_says(result, "1 call, 1 thread")
        with open(self.path("hasten.data", "run.plan"), "rb") as file:
            self.assertEqual(file.read(8), b"HSTP\r\n\x1a\n")
        result = self.run_hasten("--filter=!inner", "--mode=profile", "./app", "1000")
        self.assert_says(result, "2 calls, 1 thread", 0)
        result = self.run_hasten("--mode=profile", "./app", env={"HASTEN_FILTER": "inner"})
        self.assert_says(result, "10 calls, 1 thread", 0)

    def test_filter_reaches_the_program_as_a_plan_only(self):
        result = self.run_hasten("--filter", "x", support.TARGET, "env")
        self.assertIn(f"HASTEN_PLAN={self.path('hasten.data', 'run.plan')}\n", result.stdout)
        self.assertNotIn("HASTEN_FILTER", result.stdout)

    def test_filter_over_libraries_of_the_program(self):
        shutil.move(support.build("void part(void) { }", "libpart.so", *FLAGS, "-shared", "-fPIC"),
                    self.path("libpart.so"))
        self.make("app", "void part(void); int main(void) { part(); part(); return 0; }",
                  "-L" + self.dir, "-lpart", "-Wl,-rpath,$ORIGIN")
        result = self.run_hasten("--filter=part", "--mode=profile", "./app")
        self.assert_says(result, "2 calls, 1 thread", 0)
        result = self.run_hasten("--filter=!module:libpart*", "--mode=profile", "./app")
        self.assert_says(result, "1 call, 1 thread", 0)

    def test_filter_wrong_exit_2(self):
        self.make("app", CALLS)
        result = self.run_hasten("--filter=a,,b", "./app")
        self.assertEqual(result.returncode, 2)
        self.assert_says(result, "empty")
        self.assertFalse(os.path.exists(self.path("hasten.data")))

    def test_overflow_names_the_function(self):
        self.make("one", ONE)
        self.make("two", TWO)
        for mode in ("trace", "profile"):
            result = self.run_hasten(f"--mode={mode}", "./one")
            self.assertRegex(result.stderr, r"hasten: .*\bdown calls itself \d{3,} deep; .*its tail call "
                             r"is not removed: .*-finstrument-functions-exclude-function-list=down\n")
            self.assertEqual(result.returncode, 139)
            result = self.run_hasten(f"--mode={mode}", "./two")
            self.assertRegex(result.stderr, r"(even and odd|odd and even) call each other \d{3,} deep")

    def test_overflow_in_the_first_chunk_is_seen(self):
        self.make("one", ONE.replace("volatile long x", "volatile char big[4000]; big[0] = 0; "
                                     "volatile long x"))
        self.assert_says(self.run_hasten("./one"), "down calls itself", 139)

    def test_overflow_is_not_seen_in_other_crashes(self):
        self.make("crash", CRASH)
        result = self.run_hasten("./crash")
        self.assert_says(result, "signal 11 (SIGSEGV)", 139)
        self.assertNotIn("deep", result.stderr)


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv.pop(3))
    support.main()
