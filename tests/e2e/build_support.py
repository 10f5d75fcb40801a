# SPDX-License-Identifier: Apache-2.0
"""What the tests of `hasten build` share: a scratch project, builds with and without us, looks at objects.

Arguments of each script: path of hasten, path of libhasten.so.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HASTEN = ""
PRELOAD = ""
HOOK = "__cyg_profile_func_enter"


def have(*programs):
    return all(shutil.which(program) for program in programs)


class BuildTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="hasten-build-test-"))
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.dir = os.path.join(self.top, "project")
        self.temporary = os.path.join(self.top, "tmp")
        os.mkdir(self.dir)
        os.mkdir(self.temporary)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("HASTEN_", "CCACHE_", "MAKE"))
                    and k not in ("LD_PRELOAD", "NO_COLOR", "FORCE_COLOR", "CFLAGS", "CXXFLAGS",
                                  "CC", "CXX", "MFLAGS")}
        self.env.update(HASTEN_PRELOAD_LIB=PRELOAD, LC_ALL="C", TMPDIR=self.temporary)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def execute(self, command, cwd=None, env=None):
        """Without us."""
        return subprocess.run(command, cwd=cwd or self.dir, env={**self.env, **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)

    def build(self, *arguments, **options):
        """`hasten build ARGUMENTS`; `list` is its JSON."""
        name = os.path.join(self.top, "list.json")
        done = self.execute([HASTEN, "build", "--json", name, *arguments], **options)
        done.list = None
        if os.path.exists(name):
            with open(name, encoding="utf-8") as file:
                done.list = json.load(file)
            os.unlink(name)
        # Whatever happened, nothing of ours is left.
        self.assertEqual(os.listdir(self.temporary), [])
        self.assertNotIn("hasten.data", os.listdir(self.dir))
        return done

    def sources(self):
        """Every file of the project with its time and content."""
        found = {}
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[path] = (os.stat(path).st_mtime_ns, file.read())
        return found

    def has_hooks(self, name):
        done = self.execute(["nm", self.path(name)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return HOOK in done.stdout

    def assert_hooks(self, *names):
        for name in names:
            self.assertTrue(self.has_hooks(name), name)

    def assert_plain(self, *names):
        for name in names:
            self.assertFalse(self.has_hooks(name), name)

    def assert_says(self, done, text):
        lines = [line for line in done.stderr.splitlines() if line.startswith("hasten: ")]
        self.assertTrue(any(text in line for line in lines), f"{text!r} not in {done.stderr!r}")

    def assert_silent(self, done):
        self.assertNotIn("hasten:", done.stderr)

    @staticmethod
    def without_ours(text):
        return "".join(line for line in text.splitlines(True) if not line.startswith("hasten: "))


def main():
    global HASTEN, PRELOAD
    HASTEN, PRELOAD = (os.path.abspath(path) for path in sys.argv[1:3])
    program = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False, module="__main__")
    sys.exit(0 if program.result.wasSuccessful() else 1)
