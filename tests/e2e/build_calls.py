# SPDX-License-Identifier: Apache-2.0
"""`hasten build`: every way to start a compiler, caches in front, what is left alone, what cannot be seen, options."""
import os
import shutil
import subprocess
import sys
import unittest

import build_support
from build_support import have

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
# pylint: disable=wrong-import-position
import journal

TWICE = "int twice(int x) { return 2 * x; }\n"
FORMS = ("execvp", "execv", "execve", "execvpe", "execl", "execlp", "execle", "fexecve", "syscall",
         "vfork", "posix_spawn", "posix_spawnp", "system", "popen")


class Calls(build_support.BuildTest):
    def setUp(self):
        super().setUp()
        self.write("a.c", TWICE)

    def sh(self, script, *arguments, **options):
        return self.build(*arguments, "--", "sh", "-c", script, **options)

    def starter(self, *flags):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "build_starter.c")
        path = os.path.join(self.top, "starter")
        subprocess.run(["gcc", "-w", "-D_GNU_SOURCE", *flags, "-o", path, source], check=True)
        return path

    def test_every_form_of_exec_and_spawn(self):
        starter = self.starter()
        gcc = shutil.which("gcc")
        for form in FORMS:
            with self.subTest(form):
                done = self.build(starter, form, gcc, "gcc", "-c", "a.c", "-o", f"{form}.o")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_hooks(f"{form}.o")
                self.assertEqual((done.list["calls_seen"], done.list["calls_added"]), (1, 1))
                self.assertEqual(done.list["calls"][0]["arguments"],
                                 ["gcc", "-c", "a.c", "-o", f"{form}.o"])

    def test_a_compiler_is_the_whole_command(self):
        for name, command in (("named", ["gcc"]), ("path", [shutil.which("gcc")]), ("cc", ["cc"])):
            with self.subTest(name):
                done = self.build(*command, "-DTEXT=\"a b\"", "-c", "a.c", "-o", f"{name}.o")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_hooks(f"{name}.o")
                self.assertEqual((done.list["calls_seen"], done.list["calls_added"]), (1, 1))
                self.assertEqual(done.list["calls"][0]["arguments"][1:],
                                 ["-DTEXT=\"a b\"", "-c", "a.c", "-o", f"{name}.o"])
        failed = self.build("gcc", "-c", "missing.c")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("missing.c", failed.stderr)
        unknown = self.build("gcc-of-nowhere-99", "-c", "a.c")
        self.assertEqual(unknown.returncode, 127)
        self.assert_says(unknown, "gcc-of-nowhere-99")
        absent = self.build("./gcc", "-c", "a.c")
        self.assertEqual(absent.returncode, 127)
        self.assert_says(absent, "./gcc")

    def test_a_search_through_path_counts_once(self):
        # Python tries each folder by an exec of its own.
        script = "import subprocess, sys; sys.exit(subprocess.call(['gcc', '-c', 'a.c']))"
        done = self.build(sys.executable, "-c", script,
                          env={"PATH": "/nowhere:" + self.dir + ":" + self.env["PATH"]})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("a.o")
        self.assertEqual((done.list["calls_seen"], done.list["calls_added"]), (1, 1))

    def test_a_program_that_cannot_be_watched_is_named(self):
        starter = self.starter("-static")
        done = self.sh(f"{starter} execvp x gcc -c a.c -o a.o")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_plain("a.o")
        self.assert_says(done, "1 compiler call should have got hooks, but did not")
        self.assert_says(done, "1 program could not be watched, starter among them (statically linked)")
        self.assertFalse(done.list["complete"])
        alone = self.build(starter, "execvp", "x", "gcc", "-c", "a.c", "-o", "a.o")
        self.assertEqual(alone.returncode, 0)
        self.assert_says(alone, "no hooks were added")

    def test_an_emptied_environment(self):
        done = self.sh(f"env -i PATH=$PATH sh -c 'gcc -c a.c'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("a.o")

    def test_wrappers_count_once(self):
        self.write("bin/gcc", f"#!/bin/sh\nexec {shutil.which('gcc')} -DWRAPPED \"$@\"\n", 0o755)
        done = self.sh("PATH=$PWD/bin:$PATH; nice env gcc -c a.c")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("a.o")
        self.assertEqual(done.list["calls_added"], 1)

    def test_what_is_left_alone(self):
        self.write("b.s", ".globl b\nb: ret\n")
        self.write("args", "-c a.c -o file.o\n")
        rows = {
            "gcc -E a.c >a.i": "preprocess", "gcc -M a.c >a.d": "preprocess",
            "gcc -fsyntax-only a.c": "no_code", "gcc --version >v": "query",
            "gcc -c b.s": "language", "gcc @args": "file",
            "gcc -ffreestanding -c a.c -o free.o": "bare",
            "gcc -fno-instrument-functions -c a.c -o refused.o": "refused",
            "gcc -finstrument-functions -fPIC -c a.c -o already.o": "already",
            "gcc -shared -o liba.so already.o": "link",
            "gcc -x c -c - -o /dev/null <a.c": "probe",
        }
        done = self.sh(" && ".join(rows))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([call["verdict"] for call in done.list["calls"]], list(rows.values()))
        self.assertEqual(done.list["calls_added"], 0)
        self.assert_plain("free.o", "refused.o", "file.o", "b.o")
        self.assert_hooks("already.o")

    def test_debug_information_comes_with_the_hooks_unless_refused(self):
        done = self.sh("gcc -c a.c -o with.o && gcc -g0 -c a.c -o without.o && gcc -g3 -c a.c -o much.o")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {name: ".debug_info" in self.execute(["readelf", "-SW", name]).stdout
                 for name in ("with.o", "without.o", "much.o")}
        self.assertEqual(found, {"with.o": True, "without.o": False, "much.o": True})
        self.assertIn(".debug_macro", self.execute(["readelf", "-SW", "much.o"]).stdout)
        self.assert_hooks("with.o", "without.o", "much.o")

    def test_files_without_hooks_are_named_with_the_reason(self):
        self.write("data.c", "const int data[] = { 1, 2 };\n")
        self.write("told.c", "__attribute__((no_instrument_function)) int told(void) { return 1; }\n")
        done = self.sh("for f in a data told; do gcc -c $f.c || exit; done; gcc -flto -c a.c -o lto.o; "
                       "gcc -c a.c -o gone.o; rm gone.o")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({os.path.basename(file["path"]): file["hooks"] for file in done.list["files"]},
                         {"a.o": "yes", "data.o": "no_functions", "told.o": "no", "lto.o": "later",
                          "gone.o": "gone"})
        self.assert_says(done, "1 of 4 compiled files have hooks:")
        self.assert_says(done, "data.o has no function")
        self.assert_says(done, "told.o has functions, but none with hooks")
        self.assert_says(done, "lto.o gets its code when it is linked (-flto)")
        self.assert_says(done, "1 compiled file is no longer there, and was not checked")

    def test_link_time_optimisation(self):
        self.write("main.c", "int twice(int x);\nint main(void) { return twice(3) == 6 ? 0 : 1; }\n")
        for compiler in ("gcc", "clang"):
            if not have(compiler):
                continue
            with self.subTest(compiler):
                done = self.sh(f"{compiler} -flto -O2 -c a.c main.c && "
                               f"{compiler} -flto -O2 a.o main.o -o prog && ./prog")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assert_hooks("prog")
                self.assert_says(done, "next: hasten run -- ./prog")

    def test_headers_compiled_before_fit_the_code(self):
        self.write("all.hpp", "#pragma once\n#include <string>\n")
        self.write("a.cc", '#include "all.hpp"\nint size() { return (int)std::string("x").size(); }\n')
        done = self.sh("g++ -x c++-header all.hpp -o all.hpp.gch && g++ -Winvalid-pch -Werror -H -c a.cc")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("! all.hpp.gch", done.stderr)
        self.assert_hooks("a.o")
        self.assertEqual(len(done.list["files"]), 1)

    def test_static_programs_link(self):
        self.write("main.c", "int main(void) { return 0; }\n")
        done = self.sh("gcc -static main.c -o prog && ./prog")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("prog")

    def test_flags_of_the_user(self):
        self.write("a.c", "#if !defined(ONE) || !defined(TWO)\n#error no\n#endif\nint a[] = { ONE };\n"
                          "const char *b = TWO;\n")
        done = self.sh("gcc -c a.c", "--flags", "-DONE=1 '-DTWO=\"x y\"'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_plain("a.o")
        self.assertEqual(done.list["flags"], '-DONE=1\n-DTWO="x y"\n')
        named = self.sh("gcc -c a.c", env={"HASTEN_BUILD_FLAGS": "-DONE=1 -DTWO=\"x\""})
        self.assertEqual(named.returncode, 0, named.stderr)

    def test_many_arguments(self):
        done = self.sh("gcc -c a.c $(seq -f -DX%g 5000); gcc -c a.c -o many.o $(seq -f -DX%g 9000)")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_hooks("a.o")
        self.assert_plain("many.o")
        self.assert_says(done, "1 compiler call should have got hooks, but did not")
        self.assertEqual(done.list["calls_missed"], 1)

    def test_the_data_can_be_kept(self):
        data = os.path.join(self.top, "kept")
        done = self.sh("gcc -c a.c", "-o", data)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Who ran, and nothing else.
        self.assertEqual(sorted(os.listdir(data)), ["processes.hsj", "session"])
        self.assert_says(done, f"who ran: hasten processes {data}")
        self.assert_says(done, "next: hasten run -- PROGRAM, one that uses what was built")

    def test_the_journal_has_both_lists_of_arguments(self):
        starter = self.starter()
        data = os.path.join(self.top, "kept")
        given = [b"gcc", b"-c", b"a.c", b"-o", b"a.o"]
        for form, kind in (("execvp", "exec"), ("posix_spawn", "spawn")):
            with self.subTest(form):
                done = self.build("-o", data, starter, form, shutil.which("gcc"), *map(os.fsdecode, given))
                self.assertEqual(done.returncode, 0, done.stderr)
                records = journal.read_file(os.path.join(data, "processes.hsj")).records
                added = [record for record in records if "added" in (record.flags or ())]
                self.assertEqual([record.type for record in added], [kind])
                self.assertEqual(added[0].original, given)
                self.assertEqual(added[0].argv, [b"gcc", b"-finstrument-functions", b"-g", *given[1:]])
                self.assertEqual(sum(record.original is not None for record in records), 1)

    def test_a_directory_in_use(self):
        data = os.path.join(self.top, "kept")
        with subprocess.Popen([build_support.HASTEN, "run", "-q", "-o", data, "cat"], env=self.env,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            # What cat gives back has gone through the recorded program: the directory is there.
            other.stdin.write(b"x\n")
            other.stdin.flush()
            self.assertEqual(other.stdout.readline(), b"x\n")
            done = self.sh("gcc -c a.c", "-o", data)
            self.assertEqual(done.returncode, 2)
            self.assert_says(done, f"{data} is in use by process")
            self.assertFalse(os.path.exists(self.path("a.o")))

    def test_statuses_and_errors(self):
        self.assertEqual(self.sh("exit 3").returncode, 3)
        self.assertEqual(self.sh("kill -9 $$").returncode, 137)
        missing = self.build("./nothing")
        self.assertEqual(missing.returncode, 127)
        self.assert_says(missing, "nothing")
        self.assertEqual(self.build("./a.c").returncode, 126)
        for arguments, text in ((["--nothing", "make"], "unknown option --nothing"),
                                ([], "name the command of the build"),
                                (["--flags", "'", "make"], "ends within a quote"),
                                (["--json", "-", "make"], "standard output belongs to the build")):
            done = self.build(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assert_says(done, text)
        disabled = self.sh("gcc -c a.c", env={"HASTEN_DISABLE": "1"})
        self.assertEqual(disabled.returncode, 0)
        self.assert_says(disabled, "no hooks were added")
        self.assert_plain("a.o")


@unittest.skipUnless(have("ccache"), "no ccache")
class Caches(build_support.BuildTest):
    """What the cache holds for calls without hooks must not be given to calls with them, nor the other way."""

    def setUp(self):
        super().setUp()
        self.write("a.c", TWICE)
        self.env.update(CCACHE_DIR=os.path.join(self.top, "cache"), CCACHE_TEMPDIR=os.path.join(self.top, "ct"))

    def hits(self):
        done = self.execute(["ccache", "--print-stats"])
        return {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}

    def check(self, command, env):
        plain = ["sh", "-c", command]
        self.assertEqual(self.execute(plain, env=env).returncode, 0)
        self.assert_plain("a.o")
        for _ in range(2):
            done = self.build(*plain, env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_hooks("a.o")
            # What the cache itself starts belongs to the call.
            self.assertEqual((done.list["calls_seen"], done.list["calls_added"]), (1, 1))
            self.assertEqual(self.execute(plain, env=env).returncode, 0)
            self.assert_plain("a.o")
        stats = self.hits()
        self.assertEqual(stats["cache_miss"], 2, stats)
        self.assertEqual(stats["direct_cache_hit"] + stats["preprocessed_cache_hit"], 3, stats)

    def test_in_front(self):
        self.check("ccache gcc -c a.c", {})

    def test_without_the_list_of_headers(self):
        self.check("ccache gcc -c a.c", {"CCACHE_NODIRECT": "1"})

    def test_with_the_compilers_own_dependencies(self):
        self.check("ccache gcc -MD -c a.c", {"CCACHE_DEPEND": "1"})

    def test_by_its_link(self):
        os.mkdir(os.path.join(self.top, "bin"))
        os.symlink(shutil.which("ccache"), os.path.join(self.top, "bin", "cc"))
        self.check("cc -c a.c", {"PATH": os.path.join(self.top, "bin") + ":" + self.env["PATH"]})


if __name__ == "__main__":
    build_support.main()
