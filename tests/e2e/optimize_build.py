#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rebuilds with what `hasten optimize --instrumentation` proposes: do the proposed functions lose their hooks, and nobody else?

    optimize_build.py HASTEN PRELOAD

Two proofs each: the disassembly before and after, of builds without inlining; and a second recording, in which the calls that
were predicted must be there, for each function.
"""
import os
import shutil
import sys
import tempfile
import unittest

import optimize_hooks as hooks

HASTEN = PRELOAD = ""
# In percent of the program's CPU time without hooks, 0.03 to 0.1 s: 45 to 150 us. What is called 20000 times costs 450 us, what is called up to
# 200 times some 13 us in all, of which no more than half the budget is spared: neither side hangs on the machine.
BUDGET = "0.15"

# el and work are parts of other names; all of small.c goes; two static functions have one name.
C_SOURCES = {
    "main.c": """
#include <stdio.h>
#include <stdlib.h>
int ground(int a);
int twin_of_small(int a);
int sink;
void *volatile block;
__attribute__((noinline)) static int el(int a) { return a * 3 + 1; }
__attribute__((noinline)) int helper(int a)
{
	for (int i = 0; i < 2000000; i++) {
		sink += i ^ a;
	}
	return sink;
}
__attribute__((noinline)) int tiny(int a)
{
	free(block = malloc(1));
	return a ^ 5;
}
__attribute__((noinline)) static int twin(int a) { return a + 1; }
__attribute__((noinline)) int never_called(int a) { return a + 2; }
__attribute__((noinline)) int worker(int n)
{
	for (int i = 0; i < n; i++) {
		sink += el(i) ^ tiny(i) ^ twin(i) ^ ground(i) ^ twin_of_small(i);
	}
	return sink;
}
int main(void)
{
	for (int i = 0; i < 50; i++) {
		helper(i);
	}
	printf("%d\\n", worker(20000));
	return 0;
}
""",
    "small.c": """
__attribute__((noinline)) static int twin(int a) { return a + 3; }
__attribute__((noinline)) int twin_of_small(int a) { return twin(a) + 1; }
__attribute__((noinline)) int ground(int a) { return a + 7; }
""",
    "more.c": """
int underground(int a) { return a; }
int playground(int a) { return underground(a); }
""",
}

CXX_SOURCES = {
    "main.cpp": """
#include <cstdio>
#include <map>
#include <string>
#include <vector>
#define NI __attribute__((noinline))
int sink;
namespace app {
NI int over(int a) { return sink += a; }
NI int over(double a) { return sink += (int)a; }
NI int overlay(int a) { return sink += a; }
template <class T>
NI T twice(T a) { return sink += a; }
struct Pair {
	int a;
	NI Pair operator,(int b) { return Pair{ a + b }; }
	NI operator bool() const { return a > 0; }
	NI int get() const { return a; }
};
template <class T> struct Box {
	T t;
	NI int get() const { return t; }
	NI int getter() const { return t + 1; }
};
extern "C" NI int in_c(int a) { return sink += a; }
namespace {
NI int hidden(int a) { return sink += a; }
}
}
NI int in(int a) { return sink += a; }
NI int work(int n)
{
	std::map<int, std::string> table;
	std::vector<int> list;
	for (int i = 0; i < n; i++) {
		app::Pair pair{ i };
		app::Box<int> box{ i };
		app::Box<char> other{ (char)i };
		sink += app::over(i) + app::over(1.5) + app::twice(i) + app::twice(2.5f) + (pair, 2).get() + box.get();
		sink += pair ? 1 : in(i) + app::hidden(i);
		sink += app::hidden(i) + app::in_c(i) + other.get() + in(i);
		if (i % 100 == 0) {
			table[i] = "x";
			list.push_back(app::overlay(i) + box.getter());
		}
	}
	return sink + table.size() + list.size();
}
NI int heavy(int a)
{
	for (int i = 0; i < 2000000; i++) {
		sink += i ^ a;
	}
	return sink;
}
int main()
{
	for (int i = 0; i < 50; i++) {
		heavy(i);
	}
	std::printf("%d\\n", work(20000));
	return 0;
}
""",
}


class Project:
    """Sources in a folder of their own, and one compiler."""

    def __init__(self, test, sources, compiler, hooks_flag):
        self.dir = tempfile.mkdtemp(prefix="hasten-optimize-")
        test.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.compiler, self.hooks_flag = compiler, hooks_flag
        self.files = sorted(sources)
        self.env = hooks.clean_environment(PRELOAD)
        self.alone = hooks.ALONE if "clang" in compiler else hooks.ALONE_GCC
        # What is included by hand compiles as what `hasten build` compiles.
        self.base = [hooks_flag, "-g"]
        if compiler == "g++":
            self.base += ["-finstrument-functions-exclude-file-list=/usr/include,/include/c++/"]
        for name, text in sources.items():
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text.lstrip())

    def path(self, name):
        return os.path.join(self.dir, name)

    def build(self, output, flags, options=("-O2",), bare=()):
        """`bare`: files that get no flags."""
        for name in self.files:
            used = [] if self.path(name) in bare else flags
            hooks.run([self.compiler, *options, "-c", *used, name, "-o", name + ".o"], cwd=self.dir)
        hooks.run([self.compiler, *(name + ".o" for name in self.files), "-o", output], cwd=self.dir)
        return self.path(output)

    def build_alone(self, output, flags, bare=()):
        return hooks.hooked(self.build(output, flags, self.alone, bare))

    def record(self, program):
        return hooks.record(HASTEN, program, program + ".data", self.env)

    def propose(self, *options):
        return hooks.proposal(HASTEN, self.path("before.data"), self.env, *options)


class BuildTest(unittest.TestCase):
    maxDiff = None

    def check_lost(self, before, after, out, kept):
        """Who had hooks and who has them, against who was to lose them and who was not."""
        self.assertEqual(before - after, out & before)
        self.assertEqual(after - before, set())
        self.assertTrue(kept <= after, kept - after)

    def check_calls(self, before, after, proposed):
        out = hooks.names(proposed["functions"])
        self.assertEqual({name: calls for name, calls in before.items() if name not in out}, after)
        self.assertEqual(sum(after.values()), proposed["after"]["calls"])
        self.assertEqual(sum(before.values()), proposed["before"]["calls"])

    def round(self, project, compiler, *options):
        """Record, propose, change, rebuild, record again. Returns the proposal."""
        before = project.record(project.build("before", project.base))
        alone_before = project.build_alone("alone-before", project.base)
        proposed = project.propose("-o", project.path("app.flags"), "--compiler", compiler, *options)
        hooks.change_source(proposed[compiler]["attributes"], project.dir)
        bare = proposed[compiler].get("files_without_flag", [])
        flags = ["@" + project.path("app.flags")]
        after = project.record(project.build("after", flags, bare=bare))
        self.check_calls(before, after, proposed)
        hooks.check_overhead(proposed, sum(after.values()))
        out = hooks.names(row for row in proposed["functions"] if row["calls"] or row[compiler + "_means"])
        self.check_lost(alone_before, project.build_alone("alone-after", flags, bare), out,
                        {name for name in before if name not in out})
        return proposed

    def entries(self, proposed):
        return {row["linkage_name"]: (row["gcc_means"], row["gcc_entry"]) for row in proposed["functions"]}

    def test_c_by_gcc(self):
        project = Project(self, C_SOURCES, "gcc", "-finstrument-functions")
        proposed = self.round(project, "gcc", "--overhead", BUDGET)
        entries = self.entries(proposed)
        self.assertEqual(entries["el"], ("source", None))
        self.assertEqual(entries["tiny"], ("list", "tiny"))
        self.assertEqual(entries["ground"], ("file", "small.c"))
        self.assertNotIn("helper", entries)
        self.assertNotIn("never_called", entries)
        taken = {row["linkage_name"]: row["entry_would_take"] for row in proposed["functions"]}
        self.assertEqual(taken["el"], "helper")
        self.assertIn(taken["ground"], ("playground", "underground"))
        self.assertLess(proposed["after"]["overhead_percent"], float(BUDGET))
        self.assertGreater(proposed["before"]["overhead_percent"], float(BUDGET))
        allocs = {row["linkage_name"]: row["alloc_calls"] for row in proposed["functions"]}
        self.assertEqual((allocs["tiny"], allocs["el"]), (20000, 0))

    def test_c_by_gcc_kept(self):
        proposed = self.round(Project(self, C_SOURCES, "gcc", "-finstrument-functions"), "gcc", "--keep", "helper,main")
        self.assertEqual(hooks.names(proposed["kept"]), {"helper", "main"})
        self.assertIn("never_called", hooks.names(proposed["functions"]))
        self.assertEqual(proposed["after"]["calls"], 51)
        self.assertEqual(hooks.names(proposed["gcc"]["attributes"]), {"el"})

    def test_cxx_by_gcc(self):
        project = Project(self, CXX_SOURCES, "g++", "-finstrument-functions")
        proposed = self.round(project, "gcc", "--overhead", BUDGET)
        entries = self.entries(proposed)
        self.assertEqual(entries["_ZN3app5twiceIiEET_S1_"], ("list", "app::twice<"))
        self.assertEqual(entries["_ZN3app4PaircmEi"], ("list", "app::Pair::operator,"))
        self.assertEqual(entries["_ZN3app12_GLOBAL__N_16hiddenEi"], ("list", "app::{anonymous}::hidden"))
        self.assertEqual(entries["_ZN3app4overEi"][0], "source")
        self.assertEqual(entries["in_c"][0], "list")
        self.assertIn("-finstrument-functions-exclude-file-list=/usr/include,/include/c++/", proposed["gcc"]["flags"])

    def test_cxx_by_gcc_kept(self):
        project = Project(self, CXX_SOURCES, "g++", "-finstrument-functions")
        proposed = self.round(project, "gcc", "--keep", "heavy,app::overlay,app::Box::getter")
        self.assertEqual(proposed["after"]["calls"], 50 + 200 + 200)

    def test_c_by_clang(self):
        proposed = self.round(self.by_clang(C_SOURCES, "clang"), "clang", "--overhead", BUDGET)
        self.assertIn("el", hooks.names(proposed["clang"]["attributes"]))

    def test_cxx_by_clang(self):
        proposed = self.round(self.by_clang(CXX_SOURCES, "clang++"), "clang", "--overhead", BUDGET)
        self.assertIn("_ZN3app4overEi", hooks.names(proposed["clang"]["attributes"]))

    def by_clang(self, sources, compiler):
        if not shutil.which(compiler):
            self.skipTest(f"there is no {compiler} here")
        return Project(self, sources, compiler, "-finstrument-functions-after-inlining")

    def test_files_that_clang_compiles_without_the_flag(self):
        project = self.by_clang(C_SOURCES, "clang")
        proposed = self.round(project, "clang", "--keep", "helper,main")
        self.assertEqual(sorted(proposed["clang"]["files_without_flag"]),
                         [project.path("more.c"), project.path("small.c")])
        self.assertEqual(proposed["after"]["calls"], 51)

    def test_hasten_build_takes_the_file(self):
        project = Project(self, C_SOURCES, "gcc", "-finstrument-functions")
        project.record(project.build("before", project.base))
        proposed = project.propose("-o", project.path("app.flags"), "--overhead", BUDGET)
        hooks.change_source(proposed["gcc"]["attributes"], project.dir)
        for name in project.files:
            command = " ".join(["gcc", *project.alone, "-c", name]) + "; true"
            hooks.run([HASTEN, "build", "-q", "--flags", "@" + project.path("app.flags"), "--", "sh", "-c", command],
                      cwd=project.dir, env=project.env)
        objects = [name[:-2] + ".o" for name in project.files]
        hooks.run(["gcc", *objects, "-o", "built"], cwd=project.dir)
        self.assertEqual(hooks.hooked(project.path("built")),
                         project.build_alone("alone-after", ["@" + project.path("app.flags")]))
        self.assertNotIn("tiny", hooks.hooked(project.path("built")))
        self.assertIn("helper", hooks.hooked(project.path("built")))

    def test_trap_is_real(self):
        """gcc takes "el" for "helper" too: were it no longer so, all this would be for nothing."""
        project = Project(self, C_SOURCES, "gcc", "-finstrument-functions")
        after = project.build_alone(
            "trap", project.base + ["-finstrument-functions-exclude-function-list=el"])
        self.assertNotIn("helper", after)


def main():
    global HASTEN, PRELOAD
    HASTEN, PRELOAD = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    main()
