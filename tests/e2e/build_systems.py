# SPDX-License-Identifier: Apache-2.0
"""`hasten build` with the build systems that are there: all objects have hooks, nothing else changes."""
import os
import shutil
import unittest

import build_support
from build_support import have

MAIN = """#include <stdio.h>
int twice(int x);
int main(void) { printf("%d\\n", twice(21)); return 0; }
"""
TWICE = "int twice(int x) { return 2 * x; }\n"
TWICE_CXX = """#include <string>
extern "C" int twice(int x) { return (int)(std::string((size_t)x, 'a') + std::string((size_t)x, 'b')).size(); }
"""
MAKEFILE = """CFLAGS = -O2 -Wall -Wextra -pedantic -Werror
all: prog
prog: main.o twice.o
\t$(CC) -o $@ main.o twice.o
clean:
\trm -f *.o prog
test: prog
\t./prog | grep -x 42
.PHONY: all clean test
"""
CONFIGURE = r"""#!/bin/sh
# As autoconf does it: probes are compiled, linked and run; the result goes into a file.
set -e
: ${CC=gcc}
try() {
  if $CC $CFLAGS -o conftest conftest.c $2 2>conftest.err && test ! -s conftest.err && ./conftest
  then echo "$1=yes"; else echo "$1=no"; fi >>config.out
  rm -f conftest*
}
rm -f config.out
echo 'int main(void) { return 0; }' >conftest.c; try works
echo '#include <math.h>
int main(void) { return (int)sin(0.0); }' >conftest.c; try sin -lm
echo 'int main(void) { return no_such_function(); }' >conftest.c; try missing
echo 'int main(void) { return sizeof(void *) == 8 ? 0 : 1; }' >conftest.c; try wide
echo 'int x;' >conftest.c; $CC -c conftest.c
$CC -E conftest.c >/dev/null
rm -f conftest*
sed "s/@CC@/$CC/" Makefile.in >Makefile
"""
CMAKE = """cmake_minimum_required(VERSION 3.10)
project(sample C CXX)
include(CheckCSourceRuns)
include(CheckFunctionExists)
check_c_source_runs("int main(void) { return 0; }" RUNS)
check_function_exists(no_such_function MISSING)
if(NOT RUNS OR MISSING)
  message(FATAL_ERROR "probes are wrong")
endif()
add_library(twice STATIC twice.cpp)
add_executable(prog main.c)
target_link_libraries(prog twice)
enable_testing()
add_test(NAME sample COMMAND prog)
set_tests_properties(sample PROPERTIES PASS_REGULAR_EXPRESSION "^42\\n$")
"""
MESON = """project('sample', 'c', 'cpp', default_options: ['werror=true', 'warning_level=3'])
cc = meson.get_compiler('c')
assert(cc.run('int main(void) { return 0; }').returncode() == 0)
assert(not cc.has_function('no_such_function'))
twice = static_library('twice', 'twice.cpp')
prog = executable('prog', 'main.c', link_with: twice)
test('sample', prog)
"""
CARGO = """[package]
name = "sample"
version = "0.1.0"
edition = "2021"
"""
# As crates do that wrap a library: build.rs compiles it, without any crate that helps.
BUILD_RS = r"""use std::process::Command;
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    for command in [format!("cc -O2 -c twice.c -o {out}/twice.o"), format!("ar crs {out}/libtwice.a {out}/twice.o")] {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success());
    }
    println!("cargo:rerun-if-changed=twice.c");
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=twice");
}
"""
MAIN_RS = r"""extern "C" { fn twice(x: i32) -> i32; }
fn main() { println!("{}", unsafe { twice(21) }); }
"""


class Make(build_support.BuildTest):
    def setUp(self):
        super().setUp()
        self.write("main.c", MAIN)
        self.write("twice.c", TWICE)
        self.write("Makefile", MAKEFILE)

    def test_all_objects_have_hooks_and_nothing_else_changes(self):
        plain = self.execute(["make", "prog", "test"])
        self.assert_plain("main.o", "twice.o", "prog")
        self.execute(["make", "clean"])
        before = self.sources()
        done = self.build("--", "make", "prog", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("main.o", "twice.o", "prog")
        self.assertEqual(done.stdout, plain.stdout)
        self.assertEqual(self.without_ours(done.stderr), plain.stderr)
        after = self.sources()
        self.assertEqual({path: after[path] for path in before}, before)
        self.assert_says(done, "3 compiler calls: hooks were added to 2, 1 left alone:")
        self.assert_says(done, "1 only linked")
        self.assert_says(done, "2 of 2 compiled files have hooks")
        self.assert_says(done, "next: hasten run -- ./prog")

    def test_the_list_has_every_call_and_file(self):
        done = self.build("-q", "make", "-j2")
        self.assert_silent(done)
        found = done.list
        self.assertEqual((found["schema"], found["exit_status"], found["complete"]), (1, 0, True))
        self.assertEqual(found["command"], ["make", "-j2"])
        self.assertEqual((found["calls_seen"], found["calls_added"], found["calls_missed"]), (3, 2, 0))
        self.assertEqual(found["verdicts"]["link"], 1)
        self.assertEqual(found["program"], self.path("prog"))
        self.assertEqual(sorted(file["path"] for file in found["files"]),
                         [self.path("main.o"), self.path("twice.o")])
        for file in found["files"]:
            call = found["calls"][file["call"]]
            self.assertEqual(file["hooks"], "yes")
            self.assertEqual(call["verdict"], "hooks")
            self.assertEqual(call["cwd"], self.dir)
            # As make gave them, not as they were executed.
            self.assertEqual(call["arguments"],
                             ["cc", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "-o",
                              os.path.basename(file["path"]), call["source"]])

    def test_the_program_can_be_recorded(self):
        self.assertEqual(self.build("-q", "make").returncode, 0)
        data = os.path.join(self.top, "data")
        done = self.execute([build_support.HASTEN, "run", "-q", "-o", data, "./prog"])
        self.assertEqual(done.stdout, "42\n")
        report = self.execute([build_support.HASTEN, "report", "--csv", data])
        self.assertIn("twice", report.stdout)
        self.assertIn("main.c", report.stdout)

    def test_what_is_up_to_date_is_said(self):
        self.execute(["make"])
        done = self.build("make")
        self.assertEqual(done.returncode, 0)
        self.assert_says(done, "no C or C++ compiler was started")
        self.assertEqual(done.list["calls_seen"], 0)

    def test_a_failing_compiler_fails_in_the_same_way(self):
        self.write("twice.c", "int twice(int x) { return unknown; }\n#warning odd\n")
        plain = self.execute(["make"])
        self.assertEqual(plain.returncode, 2)
        done = self.build("make")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.without_ours(done.stderr), plain.stderr)
        self.assert_says(done, "1 of the calls failed")
        self.assertNotIn("next:", done.stderr)
        failed = [call for call in done.list["calls"] if call["exit_status"] == 1]
        self.assertEqual([call["source"] for call in failed], ["twice.c"])

    @unittest.skipUnless(have("clang"), "no clang")
    def test_clang(self):
        done = self.build("make", "CC=clang", "test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("main.o", "twice.o", "prog")

    @unittest.skipUnless(have("clang"), "no clang")
    def test_cc_that_is_clang(self):
        os.mkdir(os.path.join(self.top, "bin"))
        os.symlink(shutil.which("clang"), os.path.join(self.top, "bin", "cc"))
        found = self.env["PATH"]
        done = self.build("make", "test", env={"PATH": os.path.join(self.top, "bin") + ":" + found})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("main.o", "twice.o", "prog")

    def test_recursive_make_and_a_shell_between(self):
        self.write("sub/Makefile", "%.o: %.c\n\tsh -c '$(CC) -c $<; exit $$?'\n")
        self.write("sub/deep.c", TWICE)
        self.write("Makefile", MAKEFILE + "deep:\n\t$(MAKE) -C sub deep.o\n")
        done = self.build("make", "deep")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("sub/deep.o")
        self.assertEqual(done.list["files"][0]["path"], self.path("sub", "deep.o"))


class Configure(build_support.BuildTest):
    def test_probes_find_the_same_and_have_no_hooks(self):
        self.write("main.c", MAIN)
        self.write("twice.c", TWICE)
        self.write("Makefile.in", "CC = @CC@\n" + MAKEFILE)
        self.write("configure", CONFIGURE, 0o755)
        self.assertEqual(self.execute(["./configure"]).returncode, 0)
        with open(self.path("config.out"), encoding="utf-8") as file:
            plain = file.read()
        self.assertEqual(plain, "works=yes\nsin=yes\nmissing=no\nwide=yes\n")
        done = self.build("--", "sh", "-c", "./configure && make test")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("config.out"), encoding="utf-8") as file:
            self.assertEqual(file.read(), plain)
        self.assertEqual(done.list["verdicts"]["probe"], 6)
        self.assertEqual(done.list["calls_added"], 2)
        self.assert_says(done, "6 only probed what the compiler can do")
        self.assert_hooks("main.o", "twice.o", "prog")


@unittest.skipUnless(have("cmake", "g++"), "no cmake")
class CMake(build_support.BuildTest):
    def check(self, generator):
        self.write("main.c", MAIN)
        self.write("twice.cpp", TWICE_CXX)
        self.write("CMakeLists.txt", CMAKE)
        before = self.sources()
        done = self.build("sh", "-c", f"cmake -G '{generator}' -S . -B out && cmake --build out && "
                                      "cd out && ctest")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        after = self.sources()
        self.assertEqual({path: after[path] for path in before}, before)
        self.assertEqual(done.list["calls_added"], 2)
        self.assertGreater(done.list["verdicts"]["probe"], 3)
        self.assertEqual([file["hooks"] for file in done.list["files"]], ["yes", "yes"])
        self.assertEqual(done.list["program"], self.path("out", "prog"))
        self.assert_hooks("out/CMakeFiles/twice.dir/twice.cpp.o", "out/CMakeFiles/prog.dir/main.c.o")
        # Of the C++ library, whose functions stand in its headers, none has hooks.
        code = self.execute(["objdump", "-dr", self.path("out/CMakeFiles/twice.dir/twice.cpp.o")])
        self.assertEqual(code.stdout.count(build_support.HOOK), 1, code.stdout)

    @unittest.skipUnless(have("make"), "no make")
    def test_makefiles(self):
        self.check("Unix Makefiles")

    @unittest.skipUnless(have("ninja"), "no ninja")
    def test_ninja(self):
        self.check("Ninja")


@unittest.skipUnless(have("meson", "ninja", "g++"), "no meson")
class Meson(build_support.BuildTest):
    def check(self, env):
        self.write("main.c", MAIN)
        self.write("twice.cpp", TWICE_CXX)
        self.write("meson.build", MESON)
        before = self.sources()
        done = self.build("sh", "-c", "meson setup out && ninja -C out && meson test -C out", env=env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        after = self.sources()
        self.assertEqual({path: after[path] for path in before}, before)
        self.assertEqual(done.list["calls_added"], 2)
        self.assertGreater(done.list["verdicts"]["probe"], 1)
        self.assertEqual([file["hooks"] for file in done.list["files"]], ["yes", "yes"])
        self.assert_hooks("out/libtwice.a.p/twice.cpp.o", "out/prog.p/main.c.o", "out/prog")

    def test_gcc(self):
        self.check({"CC": "gcc", "CXX": "g++"})

    @unittest.skipUnless(have("clang", "clang++"), "no clang")
    def test_clang(self):
        self.check({"CC": "clang", "CXX": "clang++"})


@unittest.skipUnless(have("cargo", "rustc"), "no cargo")
class Cargo(build_support.BuildTest):
    def test_what_a_build_script_compiles_has_hooks(self):
        for name, text in (("Cargo.toml", CARGO), ("build.rs", BUILD_RS), ("src/main.rs", MAIN_RS), ("twice.c", TWICE)):
            self.write(name, text)
        if self.execute(["cargo", "--version"]).returncode != 0:
            self.skipTest("cargo has no tool chain here")
        before = self.sources()
        done = self.build("--", "cargo", "build", "--offline", env={"CARGO_TARGET_DIR": self.path("out")})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        after = self.sources()
        self.assertEqual({path: after[path] for path in before}, before)
        self.assertEqual((done.list["calls_added"], done.list["calls_missed"]), (1, 0))
        self.assertEqual([(os.path.basename(file["path"]), file["hooks"]) for file in done.list["files"]],
                         [("twice.o", "yes")])
        # rustc has cc link what it made: the build script and the program.
        self.assertEqual(done.list["verdicts"]["link"], 2)
        self.assert_hooks(os.path.relpath(done.list["files"][0]["path"], self.dir), "out/debug/sample")
        self.assertEqual(self.execute([self.path("out/debug/sample")]).stdout, "42\n")


if __name__ == "__main__":
    build_support.main()
