# SPDX-License-Identifier: Apache-2.0
"""What the tests of `hasten verify` share: plans, and copies of a program that do more or less under the same arguments.

Arguments of each script: path of hasten, path of verify_target, path of the preload.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import run_support as support

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
import keys  # pylint: disable=wrong-import-position

ACCEPTED, REJECTED, USAGE, INCONCLUSIVE = 0, 1, 2, 3
FILTER = 1


def build_id(path):
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
    return bytes.fromhex(re.search(r"Build ID: (\w+)", notes).group(1))


def plan_bytes(ids, magic=b"HSTP\r\n\x1a\n", major=1):
    """A plan with a section for each build-id, which changes nothing: no function is left out."""
    size = 32 + 64 * len(ids)
    sections = b"".join(struct.pack("<IIQQII32s", FILTER, 0, size, 0, len(one), 0, one) for one in ids)
    return magic + struct.pack("<HHIQQ", major, 0, len(ids), size, keys.content(sections)) + sections


class VerifyTest(support.RunTest):
    library = ""

    def setUp(self):
        super().setUp()
        self.own_homes(self.library)
        self.env["TMPDIR"] = self.path("tmp")
        os.mkdir(self.path("tmp"))
        self.write("app.plan", plan_bytes([build_id(support.TARGET)]))

    def tearDown(self):
        self.assertEqual(os.listdir(self.path("tmp")), [], "data directories are left")

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(self.path(name), mode)
        return name

    def program(self, *words):
        """A copy of the target that does these things before those of its arguments."""
        name = "+".join(["target", *(str(word) for word in words)])
        if not os.path.exists(self.path(name)):
            shutil.copy(support.TARGET, self.path(name))
        return "./" + name

    def verify(self, *arguments, status=None, plan="app.plan", **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        result = subprocess.run([support.HASTEN, "verify", plan, *arguments], cwd=self.dir, env=self.env,
                                capture_output=True, timeout=120, check=False, **options)
        result.stdout, result.stderr = (text if isinstance(text, str) else text.decode(errors="replace")
                                        for text in (result.stdout, result.stderr))
        if status is not None:
            self.assertEqual(result.returncode, status, result.stderr + result.stdout)
        return result

    def verify_json(self, *arguments, status=None, **options):
        result = self.verify("--json", *arguments, status=status, **options)
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)
