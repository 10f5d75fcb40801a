# SPDX-License-Identifier: Apache-2.0
"""The program keeps its status, its input, its output, its descriptors; ours are told apart."""
import os
import shutil
import signal
import subprocess

import run_support as support


class Status(support.RunTest):
    def test_status_all_kept(self):
        # A directory per run would be rotated 256 times; one is enough to be right about it.
        for status in range(256):
            result = self.run_hasten("-q", support.TARGET, "exit", str(status))
            self.assertEqual((result.returncode, result.stdout, result.stderr), (status, "", ""))
        self.assertEqual(self.session()["status"], "255")
        self.assertEqual(self.session()["finished"], "1")

    def test_status_signal_is_128_and_more(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV,
                       signal.SIGTERM, signal.SIGXFSZ):
            result = self.run_hasten(support.TARGET, "kill", str(int(number)))
            self.assert_says(result, f"signal {int(number)} ({number.name})", 128 + number)
            self.assertEqual(self.session()["signal"], str(int(number)))
            self.assertEqual(self.session()["status"], str(128 + number))

    def test_program_not_found_127(self):
        self.assert_says(self.run_hasten("./nothing"), "./nothing is not found", 127)
        self.assert_says(self.run_hasten("nothing-of-that-name"), "is not found", 127)
        self.assert_says(self.run_hasten(""), "is not found", 127)
        self.assertFalse(os.path.exists(self.path("hasten.data")))

    def test_program_in_cwd_but_not_on_path_is_named(self):
        os.symlink(support.TARGET, self.path("apple"))
        self.assert_says(self.run_hasten("apple"), "to run the one in this directory: ./apple", 127)

    def test_program_not_executable_126(self):
        with open(self.path("text"), "w", encoding="utf-8") as file:
            file.write("hello\n")
        self.assert_says(self.run_hasten("./text"), "chmod +x './text'", 126)
        self.assert_says(self.run_hasten(self.dir), "is a directory", 126)

    def test_program_broken_elf_126_and_directory_is_gone(self):
        with open(self.path("broken"), "wb") as file:
            file.write(b"\x7fELF\x02\x01\x01" + b"\x00" * 200)
        os.chmod(self.path("broken"), 0o755)
        self.assert_says(self.run_hasten("./broken"), "cannot be executed: Exec format error", 126)
        self.assertFalse(os.path.exists(self.path("hasten.data")))

    def test_program_script_runs(self):
        with open(self.path("script"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho \"$1\"; exit 5\n")
        os.chmod(self.path("script"), 0o755)
        result = self.run_hasten("./script", "word")
        self.assertEqual((result.returncode, result.stdout), (5, "word\n"))
        self.assert_says(result, "is a script for /")

    def test_program_script_without_first_line_runs_in_the_shell(self):
        with open(self.path("script"), "w", encoding="utf-8") as file:
            file.write("echo \"$1\"; exit 6\n")
        os.chmod(self.path("script"), 0o755)
        result = self.run_hasten("./script", "word")
        self.assertEqual((result.returncode, result.stdout), (6, "word\n"))

    def test_program_script_without_interpreter_127(self):
        with open(self.path("script"), "w", encoding="utf-8") as file:
            file.write("#!/nonexistent/shell\n")
        os.chmod(self.path("script"), 0o755)
        self.assert_says(self.run_hasten("./script"), "/nonexistent/shell, which is not there", 127)

    def test_path_is_searched_like_execvp(self):
        folder = self.path("bin")
        os.mkdir(folder)
        os.mkdir(self.path("first"))
        os.mkdir(self.path("first", "apple"))
        os.symlink(support.TARGET, os.path.join(folder, "apple"))
        path = {"PATH": self.path("first") + ":" + folder}
        result = self.run_hasten("apple", "args", env=path)
        self.assertEqual((result.returncode, result.stdout), (0, "[apple]\n[args]\n"))
        # An empty entry is the working directory.
        result = self.run_hasten("apple", "exit", "3", env={"PATH": "/nowhere:"}, cwd=folder)
        self.assertEqual(result.returncode, 3)

    def test_library_missing_125(self):
        result = self.run_hasten(support.TARGET, "exit", "0",
                                 env={"HASTEN_PRELOAD_LIB": "/nonexistent/libhasten.so"})
        self.assert_says(result, "/nonexistent/libhasten.so, which cannot be read", 125)

    def test_library_with_colon_125(self):
        os.mkdir(self.path("a:b"))
        with open(self.path("a:b", "libhasten.so"), "wb") as file:
            file.write(b"library")
        result = self.run_hasten(support.TARGET, "exit", "0",
                                 env={"HASTEN_PRELOAD_LIB": self.path("a:b", "libhasten.so")})
        self.assert_says(result, "space or colon", 125)

    def test_library_not_installed_125(self):
        with open(support.HASTEN, "rb") as source, open(self.path("hasten"), "wb") as copy:
            copy.write(source.read())
        os.chmod(self.path("hasten"), 0o755)
        environment = dict(self.env)
        del environment["HASTEN_PRELOAD_LIB"]
        result = subprocess.run([self.path("hasten"), "run", support.TARGET, "exit", "0"],
                                env=environment, cwd=self.dir, capture_output=True, text=True)
        if result.returncode == 0:
            self.skipTest("hasten is installed on this machine")
        self.assert_says(result, "HASTEN_PRELOAD_LIB", 125)

    def test_library_is_found_beside_the_binary(self):
        # An installed tree that was moved elsewhere, and a build folder.
        for binary, library in (("usr/bin", "usr/lib/some-triplet/hasten"), ("opt/bin", "opt/lib/hasten"),
                                ("build/analyzer", "build/preload")):
            os.makedirs(self.path(binary))
            os.makedirs(self.path(library))
            shutil.copy(support.HASTEN, self.path(binary, "hasten"))
            shutil.copy(os.path.join(support.FILES, "libhasten.so"), self.path(library))
            environment = dict(self.env)
            del environment["HASTEN_PRELOAD_LIB"]
            result = subprocess.run([self.path(binary, "hasten"), "run", "-q", support.TARGET, "env"],
                                    env=environment, cwd=self.dir, capture_output=True, text=True,
                                    check=True)
            self.assertIn(f"LD_PRELOAD={self.path(library, 'libhasten.so')}\n", result.stdout)

    def test_input_passes_through(self):
        data = os.urandom(300000)
        result = self.run_hasten("-q", support.TARGET, "input", input=data, text=False)
        self.assertEqual(result.stdout, data)
        self.assertEqual(result.returncode, 0)

    def test_output_is_not_mixed(self):
        result = self.run_hasten("-q", support.TARGET, "both")
        self.assertEqual((result.stdout, result.stderr), ("to stdout\n", "to stderr\n"))
        result = self.run_hasten(support.TARGET, "both")
        self.assertEqual(result.stdout, "to stdout\n")
        others = [line for line in result.stderr.splitlines() if not line.startswith("hasten: ")]
        self.assertEqual(others, ["to stderr"])

    def test_arguments_pass_through(self):
        words = ["args", "", "a b", "-o", "--mode=profile", "--", "\n", "'\""]
        result = self.run_hasten("-q", support.TARGET, *words)
        self.assertEqual(result.stdout, "".join(f"[{word}]\n" for word in [support.TARGET, *words]))

    def test_descriptors_no_more_than_ours(self):
        plain = subprocess.run([support.TARGET, "descriptors"], stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, check=True)
        result = self.run_hasten("-q", support.TARGET, "descriptors")
        self.assertEqual(result.stdout, plain.stdout)
        self.assertEqual(result.stdout, "0\n1\n2\n")

    def test_descriptors_closed_stay_closed(self):
        script = 'exec "$@" 0<&- 2>&-'
        result = subprocess.run(["sh", "-c", script, "sh", support.HASTEN, "run", support.TARGET,
                                 "descriptors"], env=self.env, cwd=self.dir, capture_output=True,
                                text=True)
        self.assertEqual((result.returncode, result.stdout), (0, "1\n"))
        # Nothing of what we had to say went into a file of ours.
        self.assertFalse(any("hasten:" in value for value in self.session().values()))

    def test_stderr_closed_pipe_does_not_end_us(self):
        reading, writing = os.pipe()
        os.close(reading)
        result = subprocess.run(self.command(support.TARGET, "exit", "9"), env=self.env,
                                cwd=self.dir, stderr=writing)
        os.close(writing)
        self.assertEqual(result.returncode, 9)

    def test_working_directory_removed_still_says_so(self):
        os.mkdir(self.path("gone"))
        result = subprocess.run(["sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh",
                                 support.HASTEN, "run", support.TARGET, "exit", "4"],
                                env=self.env, cwd=self.dir, capture_output=True, text=True)
        self.assert_says(result, "hasten.data cannot be made", 125)

    def test_disable_runs_plainly(self):
        result = self.run_hasten(support.TARGET, "env", env={"HASTEN_DISABLE": "1"})
        self.assert_says(result, "HASTEN_DISABLE is set", 0)
        self.assertNotIn("LD_PRELOAD", result.stdout)
        self.assertNotIn("HASTEN_DATA", result.stdout)
        self.assertFalse(os.path.exists(self.path("hasten.data")))
        result = self.run_hasten(support.TARGET, "exit", "0", env={"HASTEN_DISABLE": "0"})
        self.assertTrue(os.path.exists(self.path("hasten.data")))


if __name__ == "__main__":
    support.main()
