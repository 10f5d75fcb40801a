# SPDX-License-Identifier: Apache-2.0
"""What the tests of `hasten run` share: a scratch directory, a library to preload, ways to run.

Arguments of each script: path of hasten, path of the built run_target. The library is an empty
one, so that these tests are about the launcher alone.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

HASTEN = ""
TARGET = ""
FILES = ""

# Whoever runs the tests may ignore it (nohup does): the programs would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def build(source, output, *flags, compiler="gcc", language="c"):
    """Compiles the text; returns the path."""
    path = os.path.join(FILES, output)
    subprocess.run([compiler, "-x", language, "-", "-o", path, *flags], input=source, text=True,
                   check=True, capture_output=True)
    return path


def can_build(*flags, compiler="gcc"):
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return subprocess.run([compiler, "-x", "c", "-", "-o", scratch + "/x", *flags],
                                  input="int main(void) { return 0; }", text=True,
                                  capture_output=True).returncode == 0
        except FileNotFoundError:
            return False


class RunTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hasten-run-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith("HASTEN_") and k not in ("LD_PRELOAD", "ASAN_OPTIONS",
                                                                 "NO_COLOR", "FORCE_COLOR")}
        self.env["HASTEN_PRELOAD_LIB"] = os.path.join(FILES, "libhasten.so")
        self.env["XDG_CACHE_HOME"] = os.path.join(FILES, "cache")
        self.env["LC_ALL"] = "C"

    def own_homes(self, library):
        """This test's own caches and settings, and the library that it records with."""
        self.env["HASTEN_PRELOAD_LIB"] = library
        for name in ("cache", "config"):
            self.env[f"XDG_{name.upper()}_HOME"] = self.path(name)
            os.makedirs(self.path(name, "hasten"))

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def command(self, *arguments):
        return [HASTEN, "run", *arguments]

    def run_hasten(self, *arguments, env=None, **options):
        """Runs `hasten run ARGUMENTS`; the result has returncode, stdout, stderr as text."""
        environment = dict(self.env)
        for name, value in (env or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        options.setdefault("cwd", self.dir)
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        options.setdefault("text", True)
        return subprocess.run(self.command(*arguments), env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **options)

    def start_waiting(self, *arguments, **options):
        """Starts the target so that it waits for signals; returns (process, pid of the target)."""
        options.setdefault("cwd", self.dir)
        process = subprocess.Popen(self.command(*arguments, TARGET, "wait"), env=self.env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(self.end_process, process)
        word, pid = process.stdout.readline().split()
        self.assertEqual(word, "pid")
        return process, int(pid)

    @staticmethod
    def end_process(process):
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not stream.closed:
                stream.close()
        process.wait()

    def session(self, directory="hasten.data"):
        """The lines of the session file as a dictionary; the mark is under ''."""
        with open(self.path(directory, "session"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        pairs = {"": lines[0]}
        for line in lines[1:]:
            key, _, value = line.partition(" ")
            pairs[key] = value
        return pairs

    def assert_says(self, result, text, status=None):
        """A line "hasten: ..." with the text."""
        lines = [line for line in result.stderr.splitlines() if line.startswith("hasten: ")]
        self.assertTrue(any(text in line for line in lines), f"{text!r} not in {result.stderr!r}")
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr)


def main():
    global HASTEN, TARGET, FILES
    HASTEN, TARGET = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory(prefix="hasten-files-") as scratch:
        # Other users' processes must be able to load the library.
        os.chmod(scratch, 0o755)
        FILES = scratch
        build("int hasten_test_library = 1;", "libhasten.so", "-shared", "-fPIC")
        program = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False, module="__main__")
    sys.exit(0 if program.result.wasSuccessful() else 1)
