# SPDX-License-Identifier: Apache-2.0
"""`hasten cache --patch`: the diff applies, compiles without a warning, changes no output, and makes as few calls as predicted.

    cache_patch.py HASTEN RUN_TARGET PRELOAD SOURCE
"""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import run_support as support

LIBRARY = ""
SOURCE = ""
STRICT = ("-Wall", "-Wextra", "-Werror")
# The order in which the program prints how often each was really called.
COUNTED = ("prime", "scale", "area", "mixed", "text", "block", "fib", "together", "once", "last", "made", "old")
WORKING = ("prime", "scale", "area", "mixed", "text", "block", "fib", "together", "once", "last")

CPLUSPLUS = r"""
#include <cstdio>
namespace outer {
struct pair { int a, b; };
enum class shade : short { dark = -1, light = 1 };
static unsigned long called;
__attribute__((no_instrument_function)) static unsigned long work(unsigned long state)
{
    for (int i = 0; i < 500; i++) { state = state * 6364136223846793005ul + 1; state ^= state >> 29; }
    return state;
}
namespace {
long score(pair const value, shade shade, const double &real)
{
    long result = (long)(work((unsigned long)(value.a * 100 + value.b) + (shade == shade::dark)) >> 20) + (long)real;
    called++;
    return result;
}
}
int plain(int x)
{
    int result = (int)work((unsigned long)x);
    called++;
    return result;
}
int qualified(int x);
template <typename T> T generic(T x) { T result = (T)work((unsigned long)x); return result; }
struct object {
    int base;
    int member(int x) { int result = base + (int)work((unsigned long)x); return result; }
};
}
int outer::qualified(int x)
{
    int result = (int)work((unsigned long)x);
    return result;
}
int main()
{
    static const double real = 2.5;
    outer::object object = { 1 };
    unsigned long sum = 0;
    for (int i = 0; i < 5000; i++) {
        sum += (unsigned long)outer::score({ i % 3, -(i % 2) }, i % 2 ? outer::shade::dark : outer::shade::light, real);
        sum += (unsigned long)outer::plain(i % 6);
        sum += (unsigned long)outer::qualified(i % 6);
        sum += (unsigned long)outer::generic(i % 6);
        sum += (unsigned long)object.member(i % 6);
    }
    printf("%lu\n", sum);
    fprintf(stderr, "%lu\n", outer::called);
    return 0;
}
"""


class Patch(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def call(self, *command, status=0):
        done = subprocess.run(command, cwd=self.dir, env=self.env, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, f"{command}: {done.stderr}{done.stdout[-2000:]}")
        return done

    def compile(self, compiler, source, program, *flags):
        self.call(compiler, *flags, source, "-o", program, "-lpthread")

    def record(self, text, name="app.c", compiler="gcc"):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        self.compile(compiler, name, "app", "-O0", "-g", "-finstrument-functions")
        result = self.run_hasten("-q", "--args", "./app")
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def cache(self, *arguments, status=0):
        return self.call(support.HASTEN, "cache", *arguments, "hasten.data", status=status)

    def patched(self, function, *arguments, name="app.c"):
        """The source with the patch, as a file of its own."""
        self.cache("--patch", function, "-o", "the.diff", *arguments)
        shutil.rmtree(self.path("copy"), ignore_errors=True)
        os.mkdir(self.path("copy"))
        shutil.copy(self.path(name), self.path("copy", name))
        self.call("patch", "-p1", "--fuzz=0", "-s", "-d", "copy", "-i", self.path("the.diff"))
        if shutil.which("git"):
            self.call("git", "-C", "copy", "apply", "-R", "--check", self.path("the.diff"))
        return os.path.join("copy", name)

    def rows(self):
        return {row["name"]: row for row in json.loads(self.cache("--json").stdout)["functions"]}

    @staticmethod
    def source():
        with open(SOURCE, encoding="ascii") as file:
            return file.read()

    def test_functions_of_c(self):
        plain = self.record(self.source())
        rows = self.rows()
        for function in WORKING:
            source = self.patched(function, *(("--force",) if function == "fib" else ()))
            row = rows[function]
            plan = row["shared_cache" if row["shared"] else "per_thread_cache"]
            for compiler in ("gcc", "clang"):
                if not support.can_build(compiler=compiler):
                    continue
                with self.subTest(function=function, compiler=compiler):
                    self.compile(compiler, source, "patched", "-O2", *STRICT)
                    done = self.call("./patched")
                    self.assertEqual(done.stdout, plain.stdout)
                    called = int(done.stderr.split()[COUNTED.index(function)])
                    self.assertGreaterEqual(called, row["keys"])
                    # One text of 199 bytes is in 200 calls: too long to be kept.
                    too_long = 199 if function == "text" else 0
                    self.assertLessEqual(called, plan["lookups"] - plan["hits"] + too_long, (row, plan))

    def test_threads_at_once(self):
        self.record(self.source())
        self.assertTrue(self.rows()["together"]["shared"])
        source = self.patched("together")
        self.compile("gcc", source, "patched", "-O2", *STRICT)
        self.compile("gcc", "app.c", "plain", "-O2")
        self.assertEqual(self.call("./patched", "at-once").stdout, self.call("./plain", "at-once").stdout)
        for compiler in ("gcc", "clang"):
            if support.can_build("-fsanitize=thread", compiler=compiler):
                self.compile(compiler, source, "patched", "-O1", "-g", "-fsanitize=thread", *STRICT)
                done = self.call("setarch", "-R", "./patched", "at-once")
                self.assertNotIn("ThreadSanitizer", done.stderr)
                self.assertEqual(done.stdout, self.call("./plain", "at-once").stdout)

    def test_forms(self):
        self.record(self.source())
        with open(self.path(self.patched("once")), encoding="ascii") as file:
            text = file.read()
        self.assertIn("entries[1];\n} once_cache;", text)
        self.assertIn("static _Thread_local struct", text)
        self.assertNotIn("once_cache_hash", text)
        with open(self.path(self.patched("last")), encoding="ascii") as file:
            self.assertIn("entries[1];\n} last_cache;", file.read())
        with open(self.path(self.patched("fib", "--force")), encoding="ascii") as file:
            self.assertIn("static long fib(int n);\n\nstatic long fib_uncached(int n)\n{", file.read())
        done = self.cache("--patch", "prime")
        comment = done.stdout[done.stdout.index("+/*"):done.stdout.index("+ */")]
        for words in ("20000 calls", "300 keys", "0 keys with more than one result", "purity: observed", "95 % within",
                      "side effects"):
            self.assertIn(words, re.sub(r"\n\+ \* ", " ", comment))
        self.assert_says(done, "check that prime has none")
        self.assertIn("word is compared by what it points to; calls with more than 120 bytes are not kept",
                      re.sub(r"\n\+ \* ", " ", self.cache("--patch", "text").stdout))

    def test_results_that_change(self):
        self.record(self.source())
        source = self.patched("changing")
        with open(self.path(source), encoding="ascii") as file:
            text = file.read()
        self.assertIn("#include <string.h>\n#include <time.h>\n", text)
        self.assertIn("clock_gettime(CLOCK_MONOTONIC", text)
        self.assertIn("callers may get an old one", re.sub(r"\n \* ", " ", text))
        for compiler in ("gcc", "clang"):
            if support.can_build(compiler=compiler):
                self.compile(compiler, source, "patched", "-O2", *STRICT)
                self.call("./patched")

    def test_code_without_a_diff(self):
        """Where the definition cannot be told, the code stands alone, and why."""
        self.record(self.source())
        for function, why in (("made", "a macro makes it"), ("old", "something else than its body")):
            done = self.cache("--patch", function)
            self.assertNotIn("@@", done.stdout)
            self.assert_says(done, why)
            self.assertIn(why, done.stdout)
            with open(self.path("alone.c"), "w", encoding="ascii") as file:
                file.write(done.stdout)
            self.call("gcc", "-O2", *STRICT, "-c", "alone.c", "-o", "alone.o")
        os.rename(self.path("app.c"), self.path("elsewhere.c"))
        done = self.cache("--patch", "prime")
        self.assert_says(done, "cannot be read")
        self.assertIn("unsigned int prime(unsigned int n)\n{", done.stdout)

    def test_changed_source(self):
        text = self.source()
        self.record(text)
        with open(self.path("app.c"), "w", encoding="ascii") as file:
            file.write(text.replace("unsigned int prime(unsigned int n)", "unsigned int prime(unsigned int number)"))
        self.assert_says(self.cache("--patch", "prime"), "its parameters are not those that were compiled")
        with open(self.path("app.c"), "w", encoding="ascii") as file:
            file.write("/* a line more */\n" + text)
        self.assert_says(self.cache("--patch", "prime"), "its name does not stand there")

    def test_conditions_and_ends_of_lines(self):
        """A branch that is not compiled, CR LF, and no end of line at the end."""
        text = self.source().replace("OWN unsigned int prime", "#ifdef NEVER\nint twice(int x) {\n#else\nint twice(int x)\n{\n"
                                     "#endif\n\treturn x * 2;\n}\n\nOWN unsigned int prime")
        self.record(text)
        self.assert_says(self.cache("--patch", "prime"), "at", status=0)
        with open(self.path(self.patched("prime")), encoding="ascii") as file:
            self.assertIn("prime_uncached", file.read())
        head, tail = self.source().split("int main(", 1)
        tail = "int main(" + tail
        first = head.index("OWN int once(void)")
        moved = head[first:head.index("OWN int last")]
        text = (head.replace(moved, "int once(void);\n") + tail + moved).rstrip("\n").replace("\n", "\r\n")
        with open(self.path("app.c"), "w", encoding="ascii", newline="") as file:
            file.write(text)
        self.compile("gcc", "app.c", "app", "-O0", "-g", "-finstrument-functions")
        plain = self.run_hasten("-q", "--args", "./app")
        self.cache("--patch", "once", "-o", "the.diff")
        self.call("patch", "-p1", "--binary", "--fuzz=0", "-s", "-i", "the.diff")
        with open(self.path("app.c"), encoding="ascii", newline="") as file:
            self.assertEqual(re.findall(r"[^\r]\n", file.read()), [])
        self.compile("gcc", "app.c", "patched", "-O2", *STRICT)
        done = self.call("./patched")
        self.assertEqual(done.stdout, plain.stdout)
        self.assertEqual(done.stderr.split()[COUNTED.index("once")], "1")

    def test_refusals(self):
        self.record(self.source())
        for function, why in (("nothing", "no result to keep"), ("main", "no arguments came twice"),
                              ("absent", "no row has the name")):
            with self.subTest(function=function):
                done = self.cache("--patch", function, status=2)
                self.assert_says(done, why, 2)
                self.assertEqual(done.stdout, "")
        self.assert_says(self.cache("--force", status=2), "belong to --patch")
        self.assert_says(self.cache("--patch", "prime", "--json", status=2), "does not go together")
        self.assert_says(self.cache("--patch", "prime", "-o", "none/x", status=2), "cannot be written")

    def test_cplusplus(self):
        plain = self.record(CPLUSPLUS, "app.cc", "g++")
        names = {row["name"] for row in json.loads(self.cache("--json").stdout)["functions"]}
        found = {name.rsplit("::", 1)[-1]: name for name in names}
        for function, keys in (("score", 6), ("plain", 6)):
            source = self.patched(found[function], name="app.cc")
            for compiler in ("g++", "clang++"):
                if not support.can_build(compiler=compiler.replace("g++", "gcc") if compiler == "g++" else "clang"):
                    continue
                self.compile(compiler, source, "patched", "-O2", *STRICT)
                done = self.call("./patched")
                self.assertEqual(done.stdout, plain.stdout)
                self.assertEqual(int(done.stderr), 5000 + keys)
        self.assert_says(self.cache("--patch", found["qualified"]), "its name is qualified")
        self.assert_says(self.cache("--patch", found["member"], status=2), "member function")
        generic = [name for name in names if "generic" in name][0]
        self.assert_says(self.cache("--patch", generic, status=2), "template")


def main():
    global LIBRARY, SOURCE
    LIBRARY, SOURCE = (os.path.abspath(path) for path in sys.argv[3:5])
    del sys.argv[3:5]
    support.main()


if __name__ == "__main__":
    main()
