# SPDX-License-Identifier: Apache-2.0
"""Error rates of `hasten report` against a program that counts its failures itself.

    report_failures.py HASTEN RUN_TARGET PRELOAD
"""
import csv
import io
import json
import os
import subprocess
import sys
import unittest

import run_support as support

LIBRARY = ""

# Each function returns what it is told, and the program counts what that means.
PROGRAM = r"""
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#define QUIET __attribute__((no_instrument_function))
#define OWN __attribute__((noinline))
enum parse_status { PARSE_OK, PARSE_SHORT, PARSE_LONG };
enum color { RED, GREEN };
enum parse_result { RESULT_EMPTY, RESULT_FULL };
#define RETURNS(type, name) OWN type name(type given) { volatile type kept = given; type result = kept; sink++; return result; }
static volatile int sink;
RETURNS(void *, make_node)
RETURNS(void *, find_node)
RETURNS(bool, write_line)
RETURNS(bool, is_written)
RETURNS(bool, hasNext)
RETURNS(bool, odd)
RETURNS(int, open_thing)
RETURNS(int, read_value)
RETURNS(int, compare_read)
RETURNS(int, plus)
RETURNS(int, read_far)
RETURNS(ssize_t, amount)
RETURNS(enum parse_status, parse)
RETURNS(enum color, paint)
RETURNS(enum parse_result, fill)
RETURNS(unsigned, load_unsigned)
RETURNS(int, custom)
RETURNS(int, load_custom)
QUIET static void say(const char *name, long failed, long calls) { printf("%s %ld %ld\n", name, failed, calls); }
static char object;
QUIET int main(void)
{
    long bad[32] = { 0 };
    for (int i = 0; i < 1000; i++) {
        void *node = make_node(i % 10 < 3 ? NULL : &object);
        bad[0] += node == NULL;
        find_node(i % 2 ? NULL : &object);
        bad[1] += !write_line(i % 4 != 0);
        is_written(i % 2); hasNext(i % 2); odd(i % 2);
        bad[2] += open_thing(i % 5 == 0 ? -ENOENT : i % 5 == 1 ? -1 : i) < 0;
        read_value(i % 3 - 1);
        compare_read(i % 3 - 1); plus(-i); read_far(i % 2 ? -5000 - i : i);
        bad[3] += amount(i % 100 == 7 ? -1 : i) < 0;
        bad[4] += parse((enum parse_status)(i % 3)) != PARSE_OK;
        paint((enum color)(i % 2)); fill((enum parse_result)(i % 2)); load_unsigned(i % 2 ? -1u : 0u);
        bad[5] += custom(i % 8) != 0;
        load_custom(i % 2 ? -1 : 0);
    }
    say("make_node", bad[0], 1000); say("write_line", bad[1], 1000); say("open_thing", bad[2], 1000);
    say("amount", bad[3], 1000); say("parse", bad[4], 1000); say("custom", bad[5], 1000);
    return 0;
}
"""
# By default; `custom` only when the user says so.
NONE = ("find_node", "is_written", "hasNext", "odd", "read_value", "compare_read", "plus", "read_far", "paint", "fill", "load_unsigned")
RULES = {"make_node": "null", "write_line": "false", "open_thing": "negative", "amount": "negative", "parse": "nonzero",
         "load_custom": "negative"}


class Failures(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def record(self, *more, compiler="gcc", flags=("-O0",)):
        path = support.build(PROGRAM, "failures", "-g", "-w", "-finstrument-functions", *flags, compiler=compiler)
        os.rename(path, self.path("app"))
        result = self.run_hasten("-q", *more, "./app")
        self.assertEqual(result.returncode, 0, result.stderr)
        return {line.split()[0]: tuple(map(int, line.split()[1:])) for line in result.stdout.splitlines()}

    def report(self, *more, status=0):
        done = subprocess.run([support.HASTEN, "report", "--no-pager", *more], cwd=self.dir, env=self.env,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def rows(self):
        return {row["name"]: row for row in json.loads(self.report("--json"))["functions"]}

    def test_rates_are_those_of_the_program(self):
        for compiler in ("gcc", "clang"):
            for flags in (("-O0",), ("-O2",)):
                if not support.can_build(*flags, compiler=compiler):
                    continue
                with self.subTest(compiler=compiler, flags=flags):
                    truth = self.record("--args", compiler=compiler, flags=flags)
                    rows = self.rows()
                    judged = 0
                    for name, rule in RULES.items():
                        row = rows[name]
                        if row["results"] == 0:
                            continue
                        judged += 1
                        self.assertEqual((row["status"], row["status_declared"]), (rule, False), name)
                        if name in truth:
                            failed, calls = truth[name]
                            self.assertEqual((row["failed"], row["results"]), (failed, calls), name)
                            self.assertAlmostEqual(row["error_rate"], failed / calls)
                    self.assertGreaterEqual(judged, 5 if flags == ("-O0",) else 3)
                    for name in (*NONE, "custom"):
                        row = rows[name]
                        self.assertEqual((row["status"], row["failed"], row["error_rate"]),
                                         ("none" if row["results"] else None, None, None), name)

    def test_the_user_declares(self):
        truth = self.record("--args")
        with open(self.path("config", "hasten", "functions.conf"), "w", encoding="ascii") as file:
            file.write("status custom nonzero\nstatus make_* none\nstatus read_far negative\nstatus odd false\n")
        rows = self.rows()
        self.assertEqual((rows["custom"]["failed"], rows["custom"]["status_declared"]), (truth["custom"][0], True))
        self.assertIsNone(rows["make_node"]["failed"])
        self.assertEqual((rows["read_far"]["failed"], rows["odd"]["failed"]), (500, 500))
        with open(self.path("config", "hasten", "functions.conf"), "w", encoding="ascii") as file:
            file.write("status custom bad\n")
        self.assertIn("line 1: 'bad' is none of", self.report(status=2))

    def test_column_and_csv(self):
        truth = self.record("--args")
        text = self.report("-w", "-n", "0")
        head = next(line for line in text.splitlines() if "FUNCTION" in line)
        self.assertIn("FAILED %", head)
        lines = {line.split()[-2]: line.split() for line in text.splitlines() if "failures.c" in line or "<stdin>" in line}
        self.assertEqual(lines["make_node"][-3], "30.0")
        self.assertEqual(lines["find_node"][-3], "-")
        self.assertIn("functions.conf", text)
        first = self.report("-w", "-s", "failed%", "-n", "1")
        self.assertRegex(first, r"\bparse\b")
        rows = {row["name"]: row for row in csv.DictReader(io.StringIO(self.report("--csv")))}
        self.assertAlmostEqual(float(rows["parse"]["error_rate"]), truth["parse"][0] / 1000)
        self.assertEqual(rows["odd"]["error_rate"], "")

    def test_no_column_without_results(self):
        self.record()
        self.assertNotIn("FAILED", self.report("-w"))
        self.assertEqual(self.rows()["make_node"]["failed"], None)


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv[3])
    del sys.argv[3:4]
    support.main()
