# SPDX-License-Identifier: Apache-2.0
"""What is said about a program before it starts; and that it then runs all the same."""
import os
import shutil
import struct
import subprocess

import run_support as support

SOURCE = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    printf("preload %s\\n", getenv("LD_PRELOAD") ? "yes" : "no");
    return argc > 1 ? atoi(argv[1]) : 0;
}
"""
HOOKS = "-finstrument-functions"
OWN_HOOKS = """
#define PLAIN __attribute__((no_instrument_function))
PLAIN void __cyg_profile_func_enter(void *f, void *c);
PLAIN void __cyg_profile_func_exit(void *f, void *c);
void __cyg_profile_func_enter(void *f, void *c) { (void)f; (void)c; }
void __cyg_profile_func_exit(void *f, void *c) { (void)f; (void)c; }
"""
GO_NOTE = """
__asm__(".section .note.go.buildid,\\"a\\",@note\\n.balign 4\\n.long 4, 4, 4\\n"
        ".ascii \\"Go\\\\0\\\\0\\"\\n.ascii \\"test\\"\\n.text\\n");
"""


class Base(support.RunTest):
    def make(self, name, *flags, source=SOURCE, compiler="gcc"):
        path = support.build(source, name, *flags, compiler=compiler)
        shutil.move(path, self.path(name))
        return self.path(name)

    def said(self, *arguments, preload=True, **options):
        """Runs with status 23; returns our lines that concern the program, and those alone."""
        result = self.run_hasten(*arguments, "23", **options)
        self.assertEqual(result.returncode, 23, result.stderr)
        self.assertEqual(result.stdout, f"preload {'yes' if preload else 'no'}\n")
        self.assertEqual(os.path.exists(self.path("hasten.data")), preload)
        lines = result.stderr.splitlines()
        return [line for line in lines if "nothing was recorded" not in line]


class Programs(Base):
    def test_program_with_everything_nothing_is_said(self):
        self.make("app", HOOKS, "-g")
        self.assertEqual(self.said("./app"), [])

    def test_program_without_hooks_is_told_the_flag(self):
        self.make("app", "-g")
        lines = self.said("./app")
        self.assertEqual(len(lines), 1)
        self.assertIn("./app has no hooks", lines[0])
        self.assertIn("gcc -O2 -finstrument-functions -g", lines[0])
        self.assertEqual(self.said("-q", "./app"), [])

    def test_program_without_debug_information(self):
        self.make("app", HOOKS)
        self.assertRegex(self.said("./app")[0], r"no debug information.*-g")

    def test_program_stripped(self):
        self.make("app", HOOKS, "-g", "-s")
        self.assertRegex(self.said("./app")[0], r"is stripped.*-g")

    def test_program_with_hooks_in_its_library_only(self):
        shutil.move(support.build("int part(void) { return 1; }", "libpart.so", HOOKS, "-g",
                                  "-shared", "-fPIC"), self.path("libpart.so"))
        source = SOURCE + "int part(void); int (*use)(void) = part;"
        self.make("app", "-g", "-L" + self.dir, "-lpart", source=source)
        self.assertEqual(self.said("./app", env={"LD_LIBRARY_PATH": self.dir}), [])
        # A library that is found by the path in the program itself counts as well.
        self.make("app2", "-g", "-L" + self.dir, "-lpart", "-Wl,-rpath,$ORIGIN", source=source)
        self.assertEqual(self.said("./app2"), [])

    def test_program_with_its_own_hooks(self):
        self.make("app", HOOKS, "-g", source=SOURCE + OWN_HOOKS)
        self.assertRegex(self.said("./app")[0], "hook functions of its own")

    def test_program_static_runs_unrecorded(self):
        if not support.can_build("-static"):
            self.skipTest("no static libc here")
        self.make("app", HOOKS, "-g", "-static")
        self.assertRegex(self.said("./app", preload=False)[0], "statically linked.*unrecorded")
        # An error, not a note: the user asked for a recording and does not get one.
        self.assertEqual(len(self.said("-q", "./app", preload=False)), 1)

    def test_program_static_pie_runs_unrecorded(self):
        if not support.can_build("-static-pie"):
            self.skipTest("no static libc here")
        self.make("app", HOOKS, "-g", "-static-pie")
        self.assertRegex(self.said("./app", preload=False)[0], "statically linked")

    def test_program_by_the_dynamic_linker_is_recorded(self):
        loader = "/lib64/ld-linux-x86-64.so.2"
        if not os.path.exists(loader):
            self.skipTest("another loader here")
        self.make("app", HOOKS, "-g")
        self.assertFalse(any("statically" in line for line in self.said(loader, "./app")))

    def test_program_setuid_runs_unrecorded(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to make a setuid program of another user")
        path = self.make("app", HOOKS, "-g")
        os.chown(path, 65534, 65534)
        os.chmod(path, 0o4755)
        os.chmod(self.dir, 0o755)
        self.assertRegex(self.said("./app", preload=False)[0], "setuid.*ignore LD_PRELOAD.*cp ")
        os.chmod(path, 0o2755)
        self.assertRegex(self.said("./app", preload=False)[0], "setuid.*unrecorded")
        # Without the group's x bit, S_ISGID has another meaning; setuid to oneself changes nothing.
        os.chmod(path, 0o2745)
        self.assertEqual(self.said("./app"), [])
        shutil.rmtree(self.path("hasten.data"))
        os.chown(path, 0, 0)
        os.chmod(path, 0o4755)
        self.assertEqual(self.said("./app"), [])

    def test_program_32_bit_and_foreign_sentence(self):
        # Only headers: the kernel refuses them, but what we say comes before that.
        for name, bits, machine, text in (("x86", 1, 3, "is a 32-bit program"),
                                          ("x32", 1, 62, "is a 32-bit program"),
                                          ("arm", 2, 40, "another kind of processor")):
            header = struct.pack("<4sBBBB8xHHI", b"\x7fELF", bits, 1, 1, 0, 2, machine, 1)
            with open(self.path(name), "wb") as file:
                file.write(header + bytes(100))
            os.chmod(self.path(name), 0o755)
            result = self.run_hasten(f"./{name}")
            self.assert_says(result, text, 126)
            self.assert_says(result, "runs unrecorded")
            self.assertFalse(os.path.exists(self.path("hasten.data")))

    def test_program_really_32_bit_runs_unrecorded(self):
        if not support.can_build("-m32"):
            self.skipTest("no 32-bit libc here")
        self.make("app", "-m32", HOOKS, "-g")
        self.assertRegex(self.said("./app", preload=False)[0], "32-bit.*unrecorded")

    def test_program_for_musl_sentence(self):
        self.make("app", HOOKS, "-g", "-Wl,--dynamic-linker=/lib/ld-musl-nowhere.so.1")
        result = self.run_hasten("./app")
        self.assert_says(result, "uses the C library musl", 127)
        self.assert_says(result, "needs the dynamic linker /lib/ld-musl-nowhere.so.1")

    def test_program_of_go_sentence(self):
        self.make("app", "-g", source=SOURCE + GO_NOTE)
        self.assertRegex(self.said("./app")[0], "is a Go program")
        if support.can_build("-static"):
            shutil.rmtree(self.path("hasten.data"))
            self.make("app2", "-g", "-static", source=SOURCE + GO_NOTE)
            self.assertRegex(self.said("./app2", preload=False)[0], "static Go program")

    def test_program_with_shared_asan_runs(self):
        if not support.can_build("-fsanitize=address"):
            self.skipTest("no AddressSanitizer here")
        self.make("app", "-fsanitize=address", HOOKS, "-g")
        self.assertRegex(self.said("./app")[0], "AddressSanitizer.*verify_asan_link_order=0")
        options = {"ASAN_OPTIONS": "detect_leaks=0"}
        result = self.run_hasten("./app", "5", env=options)
        self.assertEqual(result.returncode, 5, result.stderr)

    def test_program_with_static_asan_runs(self):
        if not support.can_build("-fsanitize=address", compiler="clang"):
            self.skipTest("no clang with AddressSanitizer here")
        self.make("app", "-fsanitize=address", HOOKS, "-g", compiler="clang")
        lines = self.said("./app")
        self.assertRegex(lines[0], "has AddressSanitizer: its times")

    def test_program_of_the_system_and_scripts(self):
        result = self.run_hasten("true")
        self.assert_says(result, "true is a program of the system, without hooks", 0)
        with open(self.path("script"), "w", encoding="utf-8") as file:
            file.write("#!/usr/bin/env -S  sh -u\nexit 9\n")
        os.chmod(self.path("script"), 0o755)
        result = self.run_hasten("./script")
        self.assertRegex(result.stderr, r"\./script is a script for /\S*sh, which has no hooks")

    def test_program_hostile_headers_are_survived(self):
        # Whatever the file says: an answer, no crash. exec decides what happens.
        with open(self.make("app", HOOKS, "-g"), "rb") as file:
            good = file.read()
        variants = []
        for offset, form, value in ((32, "<Q", 2**63), (32, "<Q", len(good) - 10), (54, "<H", 1),
                                    (56, "<H", 65535), (40, "<Q", 2**62), (60, "<H", 65535),
                                    (62, "<H", 65535), (64 + 32, "<Q", 2**62), (64 + 8, "<Q", 2**63)):
            bad = bytearray(good)
            struct.pack_into(form, bad, offset, value)
            variants.append(bad)
        variants += [good[:size] for size in (4, 5, 51, 52, 63, 64, 120, 400, 4096)]
        for number, content in enumerate(variants):
            path = self.path(f"bad{number}")
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o755)
            plain = subprocess.run([path, "23"], capture_output=True, cwd=self.dir) \
                if self.starts(path) else None
            result = self.run_hasten(path, "23")
            if plain is None:
                self.assertEqual(result.returncode, 126, (number, result.stderr))
            else:
                status = plain.returncode
                self.assertEqual(result.returncode, status if status >= 0 else 128 - status, number)

    def starts(self, path):
        try:
            subprocess.run([path, "23"], capture_output=True, cwd=self.dir)
        except OSError:
            return False
        return True


class Fix(Base):
    """The fix fits the build system whose files lie around the program."""

    def fix(self, files, folder="."):
        os.makedirs(self.path("project", folder), exist_ok=True)
        for name in files:
            path = self.path("project", name)
            if name.endswith("/"):
                os.makedirs(path, exist_ok=True)
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write("")
        program = os.path.join("project", folder, "app")
        shutil.copy(self.make("app"), self.path(program))
        lines = self.said(os.path.join(".", program))
        shutil.rmtree(self.path("project"))
        shutil.rmtree(self.path("hasten.data"), ignore_errors=True)
        return lines[0].partition("; fix: ")[2]

    def test_fix_of_each_build_system(self):
        flags = "'-finstrument-functions -g'"
        for files, folder, text in (
                (["build/CMakeCache.txt", "build/Makefile"], "build/src",
                 f"cmake -B 'project/build' -DCMAKE_C_FLAGS={flags} -DCMAKE_CXX_FLAGS={flags}"),
                (["out/build.ninja", "out/meson-private/"], "out",
                 f"meson configure 'project/out' -Dc_args={flags} -Dcpp_args={flags} && ninja"),
                (["config.status", "Makefile"], "src",
                 "cd 'project' && ./configure CFLAGS='-O2 -finstrument-functions -g'"),
                (["Makefile"], "bin/debug",
                 "make -C 'project' CFLAGS='-O2 -finstrument-functions -g'"),
                (["build.ninja"], ".", "gcc -O2 -finstrument-functions -g"),
                ([], ".", "gcc -O2 -finstrument-functions -g")):
            self.assertIn(text, self.fix(files, folder), files)

    def test_fix_from_the_working_directory(self):
        os.makedirs(self.path("elsewhere"))
        shutil.copy(self.make("app"), self.path("elsewhere", "app"))
        os.makedirs(self.path("here"))
        with open(self.path("here", "GNUmakefile"), "w", encoding="utf-8") as file:
            file.write("")
        result = self.run_hasten(self.path("elsewhere", "app"), "23", cwd=self.path("here"))
        self.assert_says(result, "fix: make -C '.' clean; make -C '.' CFLAGS=", 23)


if __name__ == "__main__":
    support.main()
