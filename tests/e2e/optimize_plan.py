#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a recording to a plan, to a run with it, to what is said of it; and what is refused.

    optimize_plan.py HASTEN PRELOAD PLANWRITE
"""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import optimize_hooks as hooks

HASTEN = PRELOAD = PLANWRITE = ""
CALLS = 20000
SOURCE = """
#include <stdio.h>
#include <stdlib.h>
#define OWN __attribute__((noinline))
/* It is computed before the exit hook. */
#define HERE(value) __asm__ volatile("" : "+r"(value))
static int turns;
int factor = 3;
OWN static int is_prime(unsigned n)
{
	for (unsigned i = 2; i * i <= n; i++) {
		if (n %% i == 0) {
			return 0;
		}
	}
	return n > 1;
}
OWN static int scaled(int n)
{
	int sum = 0;

	for (int i = 0; i < 2000; i++) {
		sum += (i ^ n) * factor;
	}
	return sum;
}
OWN static int turning(int n)
{
	int sum = turns++ > 3000 ? 1000 : 0;

	for (int i = 0; i < 500; i++) {
		sum += i ^ n;
	}
	HERE(sum);
	return sum;
}
OWN static int length(const char *text)
{
	int n = 0;

	while (text[n] != 0) {
		n++;
	}
	return n;
}
OWN static int cheap(int n)
{
	n += n > 2 ? 5 : 7;
	HERE(n);
	return n;
}
int main(int argc, char **argv)
{
	unsigned long sum = 0;

	for (int i = 0; i < %d; i++) {
		sum += (unsigned)is_prime(1000003u + 2 * ((unsigned)i %% 40));
		sum += (unsigned)scaled(i %% 30);
		sum += (unsigned)turning(i %% 8);
		sum += (unsigned)length("some text");
		sum += (unsigned)cheap(i %% 4);
	}
	printf("%%lu\\n", sum);
	return argc > 5 ? argv[0][0] : 0;
}
""" % CALLS

# include/hasten/plan.h
HEADER, SECTION, MEMO, REVOKED = 32, 64, 104, 64


def add(value, word):
    value ^= word
    value ^= value >> 32
    value = value * 0xd6e8feb86659fd93 & 0xffffffffffffffff
    return value ^ value >> 32


def hash_bytes(data):
    """hst_hash_bytes: include/hasten/hash.h."""
    value = 0x9e3779b97f4a7c15
    for at in range(0, len(data), 8):
        value = add(value, int.from_bytes(data[at:at + 8], "little"))
    value = add(value, len(data)) * 0xd6e8feb86659fd93 & 0xffffffffffffffff
    return value ^ value >> 32


def sealed(data):
    """The plan with a check that fits its bytes."""
    return data[:24] + struct.pack("<Q", hash_bytes(data[HEADER:])) + data[HEADER:]


class PlanTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="hasten-plan-")
        cls.env = hooks.clean_environment(PRELOAD)
        with open(os.path.join(cls.dir, "app.c"), "w", encoding="utf-8") as file:
            file.write(SOURCE.lstrip())
        flags = ["-g", "-finstrument-functions", "-Wl,--build-id"]
        hooks.run(["gcc", "-O1", *flags, "app.c", "-o", "app"], cwd=cls.dir)
        hooks.run(["gcc", "-O0", *flags, "app.c", "-o", "other"], cwd=cls.dir)
        hooks.run([HASTEN, "run", "-q", "--args", "-o", "args.data", "--", "./app"], cwd=cls.dir, env=cls.env)
        hooks.run([HASTEN, "run", "-q", "-o", "plain.data", "--", "./app"], cwd=cls.dir, env=cls.env)
        cls.right = hooks.run(["./app"], cwd=cls.dir)
        hooks.run([HASTEN, "optimize", "args.data", "-o", "app.plan"], cwd=cls.dir, env=cls.env)
        with open(os.path.join(cls.dir, "app.plan"), "rb") as file:
            cls.plan = file.read()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data, mode=0o600):
        with open(self.path(name), "wb") as file:
            file.write(data)
        os.chmod(self.path(name), mode)
        return name

    def hasten(self, *arguments, env=None):
        return subprocess.run([HASTEN, *arguments], cwd=self.dir, env=dict(self.env, **(env or {})), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False, errors="replace")

    def good(self, *arguments):
        done = self.hasten(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def bad(self, sentence, *arguments, status=2):
        done = self.hasten(*arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(sentence, done.stderr)
        return done

    def functions(self, *options):
        data = json.loads(self.good("optimize", "args.data", "--json", *options))
        return data, {row["name"]: row for row in data["functions"]}

    def test_what_is_proven_and_worth_it_is_planned(self):
        data, rows = self.functions("-o", "json.plan")
        self.assertEqual((data["view"], data["plan"], data["planned"]), ("plan", "json.plan", 1))
        prime = rows["is_prime"]
        self.assertTrue(prime["planned"])
        self.assertEqual((prime["evidence"], prime["calls"], prime["keys"], prime["reason"]), ("proven", CALLS, 40, None))
        self.assertGreater(prime["gain_low_ns"], 0)
        self.assertLessEqual(prime["gain_low_ns"], prime["gain_ns"])
        self.assertGreaterEqual(prime["entries"], 64)
        self.assertEqual(prime["shadow"], 32)
        self.assertEqual(os.stat(self.path("json.plan")).st_mode & 0o777, 0o600)
        self.assertIn("-finstrument-functions", " ".join(data["production"]["gcc"]))

    def test_why_the_others_are_not(self):
        _, rows = self.functions()
        self.assertEqual({name: row["reason"] for name, row in rows.items() if not row["planned"]},
                         {"scaled": "not-proven", "turning": "not-proven", "length": "not-proven", "cheap": "cheap", "main": "not-proven"})
        self.assertIn("factor", rows["scaled"]["why"])
        self.assertIn("app.c:", rows["scaled"]["why"])
        text = self.good("optimize", "args.data")
        self.assertIn("not in the plan:", text)
        self.assertIn("next: hasten optimize -o app.plan args.data", text)

    def test_the_word_of_the_user_counts_where_nothing_refutes_it(self):
        self.write("pure", b"scaled\nturning\nlength\n")
        _, rows = self.functions("--pure", "pure")
        self.assertEqual((rows["scaled"]["planned"], rows["scaled"]["evidence"], rows["scaled"]["shadow"]), (True, "declared", 3000))
        self.assertEqual((rows["turning"]["planned"], rows["turning"]["reason"]), (False, "refuted"))
        self.assertEqual(rows["length"]["reason"], "cannot")
        self.assertIn("what an argument points to", rows["length"]["why"])
        self.assertEqual(rows["is_prime"]["evidence"], "proven")

    def test_observed_adds_nothing_whose_reads_are_not_known(self):
        text = self.good("optimize", "args.data", "--trust=observed")
        self.assertIn("--trust=observed", text)
        self.bad("--trust takes observed", "optimize", "args.data", "--trust=all")

    def test_functions_are_chosen_by_name(self):
        self.write("pure", b"scaled\n")
        _, rows = self.functions("--pure", "pure", "--only", "is_*")
        self.assertEqual([name for name, row in rows.items() if row["planned"]], ["is_prime"])
        self.assertEqual(rows["scaled"]["reason"], "left-out")
        _, rows = self.functions("--pure", "pure", "--without", "is_prime")
        self.assertEqual([name for name, row in rows.items() if row["planned"]], ["scaled"])
        self.bad("--only: no function with recorded arguments matches 'nobody'", "optimize", "args.data", "--only", "nobody")

    def test_a_plan_is_edited(self):
        self.write("pure", b"scaled\n")
        self.good("optimize", "args.data", "--pure", "pure", "-o", "both.plan")
        self.assertIn("1 function, 1 left out", self.good("optimize", "both.plan", "--without", "scaled", "-o", "one.plan"))
        info = json.loads(self.good("info", "--json", "one.plan"))
        self.assertEqual([row["name"] for row in info["files"][0]["functions"]], ["is_prime"])
        both = json.loads(self.good("info", "--json", "both.plan"))
        self.assertEqual({row["name"] for row in both["files"][0]["functions"]}, {"is_prime", "scaled"})
        again = [row for row in both["files"][0]["functions"] if row["name"] == "is_prime"]
        self.assertEqual(info["files"][0]["functions"], again)
        self.bad("no function of the plan both.plan would be left", "optimize", "both.plan", "--without", "*", "-o", "no.plan")
        self.bad("no function of the plan both.plan matches 'nobody'", "optimize", "both.plan", "--without", "nobody", "-o", "no.plan")
        self.bad("--only EXPR or --without EXPR", "optimize", "both.plan")
        self.assertFalse(os.path.exists(self.path("no.plan")))

    def test_nothing_to_plan_writes_nothing(self):
        done = self.hasten("optimize", "args.data", "--only", "main", "-o", "none.plan")
        self.assertEqual((done.returncode, os.path.exists(self.path("none.plan"))), (1, False))
        self.assertIn("none was written", done.stdout)

    def test_what_is_no_plan_is_not_overwritten(self):
        self.write("note", b"mine")
        self.bad("is no plan", "optimize", "args.data", "-o", "note")
        self.good("optimize", "args.data", "-o", "note", "--force")
        self.assertTrue(self.good("info", "note").startswith("note: plan of version"))

    def test_without_arguments_it_says_what_to_record(self):
        self.bad("hasten run --args", "optimize", "plain.data")
        self.bad("do not go together with --instrumentation", "optimize", "plain.data", "--instrumentation", "--only", "x")
        self.bad("belong to --instrumentation", "optimize", "args.data", "--keep", "main")

    def test_info_shows_all_of_it(self):
        text = self.good("info", "app.plan")
        for part in ("plan of version 1.0, 1 function to be answered", "is_prime", "proven", "key: ", "result in rax", "rests on",
                     os.path.realpath(self.path("app"))):
            self.assertIn(part, text)
        data = json.loads(self.good("info", "app.plan", "--json"))
        file = data["files"][0]
        self.assertEqual(file["file"], "same")
        row = file["functions"][0]
        self.assertEqual((row["linkage_name"], row["evidence"], row["revoked"], len(row["key"]), len(row["exits"]) > 0),
                         ("is_prime", "proven", False, 1, True))

    def test_a_run_with_it_gives_the_same_and_says_what_it_did(self):
        done = self.hasten("run", "--plan", "app.plan", "-o", "with.data", "--json", "with.json", "--", "./app")
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        self.assertIn("plan: ", done.stderr)
        self.assertIn(", 0 wrong", done.stderr)
        report = json.loads(self.good("report", "with.data", "--json"))
        line = report["answered"][0]
        self.assertEqual((line["name"], line["lookups"], line["mismatched"], line["lost"]), ("is_prime", CALLS, 0, 0))
        self.assertGreater(line["hits"], CALLS // 2)
        self.assertEqual(line["hits"] + line["verified"] + 40, CALLS)
        calls = {row["name"]: row["calls"] for row in report["functions"]}
        self.assertEqual((calls["is_prime"], calls["cheap"]), (CALLS, CALLS))
        self.assertIn("ANSWERED", self.good("report", "with.data"))
        self.assertIn("ANSWERED", self.good("cache", "with.data"))
        self.assertIn("ANSWERED", self.good("info", "with.data"))
        with open(self.path("with.json"), encoding="utf-8") as file:
            summary = json.load(file)
        self.assertEqual(summary["plan"], os.path.realpath(self.path("app.plan")))
        self.assertEqual(summary["answered"][0]["hits"], line["hits"])

    def test_nothing_else_is_recorded_with_no_record(self):
        done = self.hasten("run", "--plan", "app.plan", "--no-record", "-o", "bare.data", "--", "./app")
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        report = json.loads(self.good("report", "bare.data", "--json"))
        self.assertEqual(report["events"], 0)
        self.assertGreater(report["answered"][0]["hits"], CALLS // 2)
        self.bad("--no-record needs --plan", "run", "--no-record", "--", "./app")
        self.bad("--no-record and --args", "run", "--no-record", "--plan", "app.plan", "--args", "--", "./app")

    def test_it_goes_with_arguments_and_filters(self):
        done = self.hasten("run", "--plan", "app.plan", "--args", "--filter", "!cheap", "-o", "mixed.data", "--", "./app")
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        cache = json.loads(self.good("cache", "mixed.data", "--json"))
        self.assertGreater(cache["answered"][0]["hits"], CALLS // 2)
        self.assertIn("scaled", [row["name"] for row in cache["functions"]])
        report = json.loads(self.good("report", "mixed.data", "--json"))
        self.assertNotIn("cheap", [row["name"] for row in report["functions"]])

    def test_the_switch_of_the_user_turns_it_off(self):
        done = self.hasten("run", "--plan", "app.plan", "-o", "off.data", "--", "./app", env={"HASTEN_DISABLE": "memo"})
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        report = json.loads(self.good("report", "off.data", "--json"))
        self.assertEqual(sum(line["hits"] for line in report.get("answered", [])), 0)

    def refuse(self, name, sentence):
        done = self.bad(sentence, "run", "--plan", name, "-o", "refused.data", "--", "./app")
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", done.stderr.count("\n")))
        self.assertFalse(os.path.exists(self.path("refused.data")))

    def test_plans_that_cannot_be_trusted_are_refused_before_the_program_runs(self):
        self.refuse("nowhere.plan", "cannot be read: No such file")
        self.refuse(self.write("open.plan", self.plan, 0o620), "can be written by others")
        self.refuse(self.write("text.plan", b"just text, and long enough to be a header of one"), "is no plan of hasten")
        self.refuse(self.write("cut.plan", self.plan[:-8]), "is damaged")
        self.refuse(self.write("changed.plan", self.plan[:-9] + b"x" + self.plan[-8:]), "is damaged")
        self.refuse(self.write("next.plan", self.plan[:8] + b"\x02\x00" + self.plan[10:]), "is of version 2")
        os.symlink(self.path("app.plan"), self.path("link.plan"))
        self.refuse("link.plan", "symbolic link")
        self.bad("is for another build than", "run", "--plan", "app.plan", "-o", "refused.data", "--", "./other")

    def test_nonsense_with_a_fitting_check_is_refused_or_harmless(self):
        """Every field of it may lie: nothing crashes, and what is taken is within the file."""
        dice = random.Random(1)
        first = HEADER
        refused = 0
        for _ in range(150):
            data = bytearray(self.plan)
            for _ in range(dice.choice((1, 1, 2, 5))):
                at = dice.randrange(first, len(data))
                data[at] = dice.choice((0, 1, 7, 0x7f, 0x80, 0xff, dice.randrange(256)))
            self.write("odd.plan", sealed(bytes(data)))
            done = self.hasten("info", "odd.plan")
            self.assertIn(done.returncode, (0, 2), done.stderr)
            refused += done.returncode == 2
            self.assertNotIn("\x1b", done.stdout)
        self.assertGreater(refused, 20)

    def memo(self):
        """Entry point and build-id of the planned function."""
        for i in range(struct.unpack_from("<I", self.plan, 12)[0]):
            kind, _, offset, _, size = struct.unpack_from("<IIQQI", self.plan, HEADER + i * SECTION)
            if kind == 5:
                build_id = self.plan[HEADER + i * SECTION + 32:][:size]
                return struct.unpack_from("<Q", self.plan, offset)[0], build_id
        return None

    def test_a_revoked_function_is_answered_no_more_and_planned_no_more(self):
        entry, build_id = self.memo()
        self.write("gone.plan", self.plan)
        record = struct.pack("<IIQ32sQQ", 0x31564b52, len(build_id), entry, build_id, 1764000000 * 10**9, 0)
        self.assertEqual(len(record), REVOKED)
        self.write("gone.plan.revoked", record + record[:20])
        self.assertIn("1 revoked", self.good("info", "gone.plan"))
        self.assertIn("REVOKED", self.good("info", "gone.plan"))
        done = self.hasten("run", "--plan", "gone.plan", "-o", "gone.data", "--", "./app")
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        self.assertIn("an earlier run found wrong results", done.stderr)
        report = json.loads(self.good("report", "gone.data", "--json"))
        self.assertEqual((report["answered"][0]["hits"], report["answered"][0]["off_because"]), (0, "revoked"))
        done = self.hasten("optimize", "args.data", "-o", "gone.plan", "--json")
        self.assertEqual(done.returncode, 1)
        rows = {row["name"]: row for row in json.loads(done.stdout)["functions"]}
        self.assertEqual(rows["is_prime"]["reason"], "revoked")

    def test_all_steps_in_one(self):
        with open(self.path("fib.c"), "w", encoding="utf-8") as file:
            file.write("#include <stdio.h>\n__attribute__((noinline)) int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
                       "int main(void) { printf(\"%d\\n\", fib(29)); return 0; }\n")
        hooks.run(["gcc", "-O1", "-g", "-finstrument-functions", "-Wl,--build-id", "fib.c", "-o", "fib"], cwd=self.dir)
        done = self.hasten("optimize", "--auto", "-o", "fib.plan", "--", "./fib")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("accepted", done.stdout)
        self.assertIn("hasten verify fib.plan -- ./fib", done.stderr)
        self.assertTrue(os.path.exists(self.path("fib.plan")))
        self.assertFalse(os.path.exists(self.path("fib.plan.rejected")))
        done = self.hasten("optimize", "--auto", "-o", "never.plan", "--only", "main", "--", "./fib")
        self.assertEqual((done.returncode, os.path.exists(self.path("never.plan"))), (1, False))
        self.bad("--auto needs -o FILE", "optimize", "--auto", "--", "./fib")
        self.bad("--auto needs a command", "optimize", "--auto", "-o", "x.plan")

    def test_a_wrong_result_is_said_first(self):
        """A plan that nobody should make: its function gives other results after a while. All hits are compared, so none is wrong."""
        hooks.run([PLANWRITE, "-o", "wrong.plan", "--shadow", "1000000", "app", "turning"], cwd=self.dir)
        done = self.hasten("run", "--plan", "wrong.plan", "-o", "wrong.data", "--", "./app")
        self.assertEqual((done.returncode, done.stdout), (0, self.right))
        self.assertIn("WRONG RESULT", done.stderr)
        text = self.good("report", "wrong.data")
        self.assertTrue(text.startswith("WRONG RESULT: turning"), text[:200])
        line = json.loads(self.good("report", "wrong.data", "--json"))["answered"][0]
        self.assertEqual((line["mismatched"] > 0, line["hits"], line["off_because"], line["revoked"]), (True, 0, "mismatch", True))
        self.assertIn("REVOKED", self.good("info", "wrong.plan"))


if __name__ == "__main__":
    HASTEN, PRELOAD, PLANWRITE = (os.path.abspath(path) for path in sys.argv[1:4])
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
