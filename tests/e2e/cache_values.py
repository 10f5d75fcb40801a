# SPDX-License-Identifier: Apache-2.0
"""`hasten cache --explain` against a program that prints each call as a C expression.

    cache_values.py HASTEN RUN_TARGET PRELOAD
"""
import collections
import json
import os
import re
import subprocess
import sys
import unittest

import run_support as support

LIBRARY = ""

# `say` writes what the command is to print: NAME, tab, arguments with tabs between, tab, result.
PROGRAM = r"""
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define QUIET __attribute__((no_instrument_function))
#define OWN __attribute__((noinline))
#define KEEP(x) __asm__ volatile("" : "+g"(x) : : "memory")
enum color { RED, GREEN = 5, BLUE = -3 };
QUIET static void quoted(const char *s, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n && i < 48; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *at = strchr("\a\b\t\n\v\f\r", c);
        if (c == '"' || c == '\\') printf("\\%c", c);
        else if (c != 0 && at != NULL) printf("\\%c", "abtnvfr"[at - "\a\b\t\n\v\f\r"]);
        else if (c < 32 || c > 126) printf("\\%03o", c);
        else putchar(c);
    }
    putchar('"');
    if (n > 48) printf("... (%zu bytes)", n);
    putchar('\t');
}
OWN int look(const char *s, enum color c, double d, bool b)
{
    int r = (s ? (int)strlen(s) : -1) - c;
    printf("look\t");
    if (s) quoted(s, strlen(s)); else printf("NULL\t");
    printf("%s\t%s\t%s\t%d\n", c == RED ? "RED" : c == GREEN ? "GREEN" : c == BLUE ? "BLUE" : "2",
           d == 0 ? "0.0" : d == 0.1 ? "0.1" : d == -1.5 ? "-1.5" : isinf(d) ? "-INFINITY" : "NAN", b ? "true" : "false", r);
    KEEP(s); KEEP(c); KEEP(d); KEEP(b); KEEP(r);
    return r;
}
OWN unsigned block(const void *data, size_t len, char ch, long n)
{
    unsigned r = (unsigned)len + 1;
    printf("block\t");
    quoted(data, len);
    printf("%zuu\t%s\t%ld\t%uu\n", len, ch == '\'' ? "'\\''" : ch == 27 ? "'\\033'" : "'x'", n, r);
    KEEP(data); KEEP(len); KEEP(ch); KEEP(n); KEEP(r);
    return r;
}
static int turn;
OWN float drift(uint8_t k)
{
    float r = k == 0 ? 0.5f : (float)(turn++ % 6) + 0.1f;
    printf("drift\t%du\t", k);
    printf(k == 0 ? "0.5f\n" : "%.1ff\n", (double)r);
    KEEP(k); KEEP(r);
    return r;
}
static long flaws;
OWN long flaw(long n) { long r = n == 77 || n == 88 ? flaws++ : n; KEEP(n); KEEP(r); return r; }
OWN int none(void) { printf("none\t7\n"); int r = 7; KEEP(r); return r; }
OWN void many(long n) { KEEP(n); }
QUIET int main(int argc, char **argv)
{
    static const char *const texts[] = { "plain", "\x1b[31mred\x1b[0m", "line\n\ttab \"q\" \\ \a\x9b", NULL,
        "a text of more than forty-eight bytes, which is cut behind these: not seen", "" };
    const double numbers[] = { 0, 0.1, -1.5, -INFINITY, NAN };
    char copy[2][200];
    if (argc > 1) {
        for (long i = 0; i < 70000; i++)
            many(i);
        for (long i = 0; i < 500; i++)
            many(i % 5);
        return 0;
    }
    for (int i = 0; i < 3000; i++) {
        const char *text = texts[i % 6];
        char *at = copy[i % 2] + i % 9;
        if (text) strcpy(at, text);
        look(text ? at : NULL, i % 4 == 0 ? RED : i % 4 == 1 ? GREEN : i % 4 == 2 ? BLUE : (enum color)2, numbers[i % 5], i % 7 == 0);
        memset(at, 'a' + i % 2, 100);
        at[1] = 0;
        at[2] = 27;
        block(at, (size_t)(i % 3 == 0 ? 99 : i % 3), i % 3 == 0 ? '\'' : i % 3 == 1 ? 27 : 'x', (i % 40 - 20) * 1000000000L);
        drift((uint8_t)(i % 10 == 0));
        flaw(i % 100);
        none();
    }
    return 0;
}
"""
WAYS = [("gcc", "-O0"), ("gcc", "-O2"), ("clang", "-O0"), ("clang", "-O2")]


class Values(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def record(self, *more, compiler="gcc", flags=("-O0",), arguments=()):
        path = support.build(PROGRAM, "values", "-g", "-w", "-finstrument-functions", *flags, "-lm", compiler=compiler)
        os.rename(path, self.path("app"))
        result = self.run_hasten("-q", *more, "./app", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        calls = collections.defaultdict(collections.Counter)
        for line in result.stdout.splitlines():
            name, *words = line.split("\t")
            calls[name][tuple(words)] += 1
        return calls

    def explain(self, name, *more, status=0):
        done = subprocess.run([support.HASTEN, "cache", "--no-pager", "--explain", name, *more], cwd=self.dir, env=self.env,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return (done.stdout if status == 0 else done.stderr).decode("ascii")

    def readable(self):
        done = subprocess.run([support.HASTEN, "cache", "--json"], cwd=self.dir, env=self.env, capture_output=True, check=True)
        return {row["name"] for row in json.loads(done.stdout)["functions"]}

    def check(self, name, truth):
        rows = json.loads(self.explain(name, "--json"))["functions"]
        self.assertEqual([row["name"] for row in rows], [name])
        told = rows[0]["arguments"]
        calls = collections.Counter()
        for tuple_ in told["tuples"]:
            for result in tuple_["results"]:
                calls[(*tuple_["arguments"], result["literal"])] += result["calls"]
            calls[(*tuple_["arguments"], None)] += tuple_["calls_with_other_results"]
        self.assertEqual(told["calls"], sum(truth.values()))
        self.assertEqual((told["calls_left_out"], told["values_left_out"], told["read_in_other_parts"]), (0, 0, 0))
        for number, parameter in enumerate(told["parameters"]):
            counts = collections.Counter()
            for words, count in truth.items():
                counts[words[number]] += count
            self.assertEqual({v["literal"]: v["calls"] for v in parameter["values"]}, dict(counts), parameter["name"])
            self.assertEqual(parameter["distinct"], len(counts))
            listed = [v["calls"] for v in parameter["values"]]
            self.assertEqual(listed, sorted(listed, reverse=True))
        return told, +calls

    def test_values_are_those_of_the_program(self):
        for compiler, *flags in WAYS:
            if not support.can_build(*flags, compiler=compiler):
                continue
            truth = self.record("--values", compiler=compiler, flags=flags)
            for name, types in (("look", ["const char *", "enum color", "double", None]),
                                ("block", ["const void *", "size_t", "char", "long"]), ("none", [])):
                with self.subTest(compiler=compiler, flags=flags, function=name):
                    if name not in self.readable():
                        self.assertEqual((compiler, flags), ("clang", ["-O2"]))
                        continue
                    told, calls = self.check(name, truth[name])
                    self.assertEqual(calls, truth[name])
                    for parameter, text in zip(told["parameters"], types):
                        self.assertTrue(text is None or parameter["type"].startswith(text), parameter["type"])
                        self.assertTrue(parameter["place"])
            with self.subTest(compiler=compiler, flags=flags, function="drift"):
                told, calls = self.check("drift", truth["drift"])
                self.assertEqual((calls["0u", "0.5f"], calls["0u", None], calls["1u", None]), (2700, 0, 100))
                # Six results of one key: four are kept, the others are counted.
                kept = {words: count for words, count in calls.items() if words[1] is not None}
                self.assertEqual(len(kept), 5)
                for words, count in kept.items():
                    self.assertEqual(truth["drift"][words], count)
                self.assertEqual(sum(calls.values()), 3000)

    def test_text_is_fit_for_a_terminal(self):
        truth = self.record("--values")
        text = self.explain("look")
        self.assertFalse(re.search(r"[^\n -~]", text), repr(text))
        said = {f"look({', '.join(words[:-1])}) = {words[-1]}": count for words, count in truth["look"].items()}
        shown = re.findall(r"(?m)^ +(\d+)  (look\(.*)$", text)
        self.assertEqual(len(shown), 10)
        for count, words in shown:
            self.assertEqual(said[words], int(count))
        self.assertRegex(text, r"(?m)^ +%d +#+ +\"\\033\[31mred\\033\[0m\"$" % 500)
        self.assertIn('... (74 bytes)', text)
        self.assertRegex(text, r"(?m)^  s +const char \* +text +r")
        self.assertRegex(self.explain("block"), r"(?m)^  data +const void \* +len bytes of content +r")
        self.assertIn("values of n: 40 different, -2e+10 to 1.9e+10", self.explain("block"))
        self.assertRegex(self.explain("block"), r"(?m)^n in ranges.*:\n( +\d+ +#+ +from .*\n){8}")
        self.assertRegex(self.explain("flaw"), r"(?m)^further arguments with more than one result:\n +30  flaw\((77|88)\) = "
                         r"\d+ \(\d+x\), \d+ \(\d+x\).*, others \(\d+x\)\n +30  flaw\((77|88)\) = ")
        self.assertIn("no row has the name 'nobody'", self.explain("nobody", status=2))
        self.assertIn("--csv", self.explain("look", "--csv", status=2))

    def test_without_values_it_says_how(self):
        self.record("--args")
        text = self.explain("look")
        self.assertIn("hasten run --values --args='look' -- ./app", text)
        self.assertIn("keys that came most", text)
        self.assertNotIn("plain", text)
        told = json.loads(self.explain("look", "--json"))["functions"][0]["arguments"]
        self.assertFalse(told["values_recorded"])
        self.assertTrue(all(t["arguments"] is None and all(r["literal"] is None for r in t["results"]) for t in told["tuples"]))

    def test_the_file_is_gone(self):
        self.record("--values")
        os.remove(self.path("app"))
        rows = json.loads(subprocess.run([support.HASTEN, "cache", "--json"], cwd=self.dir, env=self.env, capture_output=True,
                                         check=True).stdout)["functions"]
        name = next(row["name"] for row in rows if row["calls"] == 3000 and row["keys"] > 100)
        text = self.explain(name)
        self.assertIn("parameters: not known:", text)
        self.assertIn("values of value 1:", text)

    def test_more_arguments_than_are_kept(self):
        self.record("--values", arguments=("more",))
        text = self.explain("many")
        self.assertIn("incomplete: only the first 65536 different arguments were kept: 4464 of 70500 calls", text)
        told = json.loads(self.explain("many", "--json"))["functions"][0]["arguments"]
        self.assertEqual((told["calls"], told["distinct"], told["calls_left_out"]), (70500, 65536, 4464))
        self.assertEqual([t["calls"] for t in told["tuples"][:6]], [101] * 5 + [1])


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv[3])
    del sys.argv[3:4]
    support.main()
