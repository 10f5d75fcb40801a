# SPDX-License-Identifier: Apache-2.0
"""`hasten cache`: values that do not matter, several recordings, purity from a compiler's log, on programs that know the answer.

    cache_kinds.py HASTEN RUN_TARGET PRELOAD
"""
import json
import os
import subprocess
import sys

import run_support as support

LIBRARY = ""
HOOKS = ("-O0", "-g", "-finstrument-functions")

VALUES = r"""
static int state;
__attribute__((noinline)) int price(int item, int verbose, int year) { (void)verbose; return item * 1000 + year; }
__attribute__((noinline)) int both(int a, int b) { return a * 1000 + b; }
__attribute__((noinline)) long first(long a, char b, short c, unsigned d) { return a + 17 + 0 * (b + c + (long)d); }
__attribute__((noinline)) int steady(int a, int b) { return 5 + 0 * (a + b); }
__attribute__((noinline)) int changes(int a, int b) { (void)a; (void)b; return state++; }
/* The second follows from the first: without it there are not fewer keys. */
__attribute__((noinline)) int follows(int a, int twice) { return a + 0 * twice; }
int main(void)
{
    for (int i = 0; i < 300; i++) {
        price(i % 10, i % 7, i % 3);
        both(i % 10, i % 7);
        first(i % 4, (char)(i % 5), (short)(i % 3), (unsigned)(i / 60 % 2));
        steady(i % 6, i % 4);
        changes(i % 3, i % 2);
        follows(i % 5, i % 5 * 2);
    }
    return 0;
}
"""

RUNS = r"""
#include <stdlib.h>
static int seed;
__attribute__((noinline)) unsigned heavy(unsigned x)
{
    unsigned sum = x;
    for (unsigned i = 0; i < 300000; i++) { sum = sum * 31 + i; }
    return sum;
}
__attribute__((noinline)) int light(int x) { return x * 3; }
__attribute__((noinline)) int unsteady(int x) { return x * 100 + seed; }
__attribute__((noinline)) int fresh(int x) { return x + 1; }
int main(int argc, char **argv)
{
    seed = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 0; i < 5; i++) {
        heavy((unsigned)(seed + i));
        heavy((unsigned)(seed + i));
        light(seed + i);
        unsteady(i);
        fresh(seed * 1000 + i);
    }
    return 0;
}
"""

PURE = r"""
int table[10], other;
int square(int x)
{
	return x * x + 3;
}
int peek(int i)
{
	return table[i] + 1;
}
int poke(int x)
{
	return other = x;
}
int larger(int a, int b)
{
	return a > b ? a : b;
}
double half(double x)
{
	return x / 2;
}
int main(int argc, char **argv)
{
	int sum = 0;
	(void)argv;
	for (int i = 0; i < 20; i++) {
		sum += square(i % 4) + peek(i % 3) + poke(argc) + larger(i % 2, 1) + (int)half(i % 2);
	}
	return sum == 0;
}
"""

CPP = r"""
namespace ns {
struct A { int v; int get(int x) const; static int st(int x); };
int A::get(int x) const
{
	return v + x;
}
int A::st(int x) { return x * 7; }
}
static int get(int x) { static int n; return x + n++; }
int main()
{
	ns::A a{ 3 };
	int sum = 0;
	for (int i = 0; i < 20; i++) {
		sum += a.get(i % 4) + ns::A::st(i % 4) + get(i % 4);
	}
	return sum == 0;
}
"""


class Kinds(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def make(self, text, name="app", *flags, compiler="gcc", suffix=".c"):
        with open(self.path(name + suffix), "w", encoding="ascii") as handle:
            handle.write(text)
        subprocess.run([compiler, name + suffix, "-o", name, *HOOKS, *flags], cwd=self.dir, check=True)

    def record(self, data, *more, arguments=()):
        result = self.run_hasten("-q", "-o", data, *more, "./app", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)

    def cache(self, *arguments, status=0, json_too=True, by="name"):
        done = subprocess.run([support.HASTEN, "cache", *(["--json"] if json_too else []), *arguments],
                              cwd=self.dir, env=self.env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.said = done.stderr
        if not json_too:
            return done.stdout
        return {row[by]: row for row in json.loads(done.stdout)["functions"]} if status == 0 else None

    def test_values_that_do_not_matter(self):
        for compiler in ("gcc", "clang"):
            if not support.can_build(compiler=compiler):
                continue
            self.make(VALUES, compiler=compiler)
            self.record(compiler + ".data", "--values")
            rows = self.cache(compiler + ".data")
            price = rows["price"]["fewer_values"]
            self.assertEqual((price["values"], price["left_out"], price["keys"]), (3, [2], 30))
            self.assertEqual(rows["price"]["keys"], 210)
            self.assertEqual(price["merged_keys"], 180)
            self.assertEqual(rows["price"]["kind"], "argument-insensitive")
            # 30 first calls in place of 210
            self.assertEqual(price["cache"]["lookups"], 300)
            self.assertLessEqual(price["cache"]["hits"], 270)
            self.assertEqual(rows["both"]["fewer_values"], {"values": 2, "left_out": []})
            first = rows["first"]["fewer_values"]
            self.assertEqual((first["values"], first["left_out"], first["keys"]), (4, [2, 3, 4], 4))
            self.assertEqual(rows["follows"]["fewer_values"], {"values": 2, "left_out": []})
            self.assertNotIn("argument-insensitive", rows["follows"]["kinds"])
            # all of it does not matter: another kind
            self.assertIsNone(rows["steady"]["fewer_values"])
            self.assertEqual(rows["steady"]["kind"], "constant result")
            self.assertIsNone(rows["changes"]["fewer_values"])
            text = self.cache(compiler + ".data", "-w", "--no-pager", json_too=False)
            self.assertIn("argument-insensitive: value 2 of 3, 210 -> 30 keys", text)
            self.assertIn("argument-insensitive: values 2 3 4 of 4", text)
            self.assertNotIn("is not known without values", text)

    def test_without_values_it_is_not_known(self):
        self.make(VALUES)
        self.record("data", "--args")
        rows = self.cache("data")
        self.assertTrue(all(row["fewer_values"] is None for row in rows.values()))
        self.assertIn("is not known without values (hasten run --values)",
                      self.cache("data", "--no-pager", json_too=False))

    def test_several_recordings(self):
        self.make(RUNS)
        for seed in ("0", "3", "4"):
            self.record("run" + seed, "--args", arguments=[seed])
        rows = self.cache("run0", "run3")
        found = {name: [rows[name][field] for field in ("recordings", "keys", "shared_keys", "contradicting_keys")]
                 for name in rows}
        self.assertEqual(found["heavy"], [2, 8, 2, 0])
        self.assertEqual(found["light"], [2, 8, 2, 0])
        self.assertEqual(found["unsteady"], [2, 5, 0, 5])
        self.assertEqual(found["fresh"], [2, 10, 0, 0])
        self.assertEqual(rows["heavy"]["verdict"], "worth keeping on disk")
        self.assertEqual(rows["light"]["verdict"], "a lookup on disk takes longer")
        self.assertEqual(rows["unsteady"]["verdict"], "results differ")
        self.assertEqual(rows["fresh"]["verdict"], "no arguments came again")
        # of 2 x 2 calls with each of the 2 keys one is the first one of a later recording
        self.assertLess(rows["heavy"]["first_calls_ns"], rows["heavy"]["shared_ns"])
        self.assertGreater(rows["heavy"]["first_calls_ns"], 0)
        rows = self.cache("run0", "run3", "run4")
        self.assertEqual([rows["heavy"][field] for field in ("recordings", "keys", "shared_keys")], [3, 9, 5])
        text = self.cache("run0", "run3", "--no-pager", "-w", json_too=False)
        self.assertIn("worth keeping on disk", text)
        self.assertIn("first calls: what only a cache that outlives the program saves", text)
        self.cache("run0", "nowhere", status=2)
        self.assertIn("nowhere", self.said)
        self.cache("run0", "run3", "--processes", status=2)
        self.assertIn("several recordings do not go together", self.said)

    def warnings(self, compiler, source, name, *flags):
        """What the compiler says of a build without hooks."""
        done = subprocess.run([compiler, "-O2", "-Wsuggest-attribute=pure", "-Wsuggest-attribute=const",
                               "-Wsuggest-attribute=noreturn", *flags, "-c", source, "-o", os.devnull],
                              cwd=self.dir, env=dict(self.env, LC_ALL="C.UTF-8" if "utf8" in name else "C"),
                              stderr=subprocess.PIPE, check=True)
        self.assertIn(b"might be candidate for attribute", done.stderr)
        with open(self.path(name), "wb") as handle:
            handle.write(done.stderr)
        return name

    def test_purity_from_the_compiler(self):
        self.make(PURE)
        self.record("data", "--args")
        rows = self.cache("data")
        self.assertEqual(rows["square"]["purity"], "proven")
        for name, *flags in (("log",), ("log.utf8",), ("log.color", "-fdiagnostics-color=always")):
            log = self.warnings("gcc", "app.c", name, *flags)
            rows = self.cache("data", "--pure", log)
            self.assertEqual({row: rows[row]["purity"] for row in ("square", "peek", "poke")},
                             {"square": "declared", "peek": "declared", "poke": "observed"}, name)
            self.assertEqual(self.said, "")

    def test_proofs(self):
        self.make(PURE)
        self.record("data", "--args")
        rows = self.cache("data")
        self.assertEqual({row: rows[row]["purity"] for row in ("square", "peek", "poke")},
                         {"square": "proven", "peek": "observed", "poke": "observed"})
        proof = rows["square"]["proof"]
        self.assertTrue(proof["proven"])
        self.assertEqual(proof["key"], [{"register": "edi", "bytes": 4}])
        self.assertEqual(proof["result"][0], {"register": "rax", "bytes": 8, "this_run_only": False})
        self.assertEqual((proof["slots"], proof["rounding_mode"], len(proof["rests_on"])), ([], False, 1))
        self.assertTrue(os.path.samefile(proof["module"], self.path("app")))
        self.assertEqual(sorted(part["register"] for part in rows["larger"]["proof"]["key"]), ["edi", "esi"])
        self.assertEqual([(part["register"], part["bytes"]) for part in rows["half"]["proof"]["key"]], [("xmm0", 8)])
        self.assertTrue(rows["half"]["proof"]["rounding_mode"])
        for name, reason, line in (("peek", "reads-writable", "return table[i] + 1;"), ("poke", "writes-global", "return other = x;")):
            proof = rows[name]["proof"]
            self.assertEqual((proof["proven"], proof["reason"]), (False, reason))
            self.assertEqual(PURE.split("\n")[proof["line"] - 1].strip(), line)
            self.assertTrue(proof["file"].endswith("app.c") and "mov" in proof["instruction"], proof)
        text = self.cache("data", "--explain", "square", json_too=False)
        for words in ("proof: pure, by its machine code in", "  key: edi (4 bytes)", "  decided by it: 8 bytes of rax", "  rests on "):
            self.assertIn(words, text)
        text = self.cache("data", "--explain", "peek", json_too=False)
        self.assertIn("proof: none: it reads memory that may be written (table)", text)
        self.assertRegex(text, r"  at 0x[0-9a-f]+: mov.*app.c:9\)")

    def test_a_program_that_has_changed_is_not_proven(self):
        self.make(PURE)
        self.record("data", "--args")
        self.make(PURE.replace("* x + 3", "* x + table[1]"))
        rows = self.cache("data")
        self.assertNotIn("proven", [row["purity"] for row in rows.values()])

    def test_purity_from_the_compiler_of_another_program(self):
        self.make(PURE)
        self.record("data", "--args")
        self.make("/* moved */\n\n\n" + PURE, name="other")
        rows = self.cache("data", "--pure", self.warnings("gcc", "other.c", "log"))
        self.assertEqual(rows["square"]["purity"], "proven")
        self.assertIn("none of which was called with arguments here", self.said)

    def test_purity_of_methods(self):
        if not support.can_build(compiler="g++"):
            self.skipTest("no g++")
        self.make(CPP, compiler="g++", suffix=".cpp")
        self.record("data", "--args")
        rows = self.cache("data", "--pure", self.warnings("g++", "app.cpp", "log"), by="linkage_name")
        purity = {name: row["purity"] for name, row in rows.items()}
        self.assertEqual(purity["_ZN2ns1A2stEi"], "declared")
        self.assertEqual(purity["_ZNK2ns1A3getEi"], "declared")
        self.assertEqual([purity[name] for name in purity if name.startswith("_ZL3get")], ["refuted"])

    def test_a_list_still_is_a_list(self):
        self.make(PURE)
        self.record("data", "--args")
        with open(self.path("list"), "w", encoding="ascii") as handle:
            handle.write("# these\nsq*\nnobody\n")
        rows = self.cache("data", "--pure", "list")
        self.assertEqual(rows["square"]["purity"], "declared")
        self.assertEqual(rows["peek"]["purity"], "observed")
        self.assertIn("'nobody' names no function", self.said)


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv[3])
    del sys.argv[3:4]
    support.main()
