# SPDX-License-Identifier: Apache-2.0
"""`hasten verify`: what the two arms are given, and what is refused.

    verify_arms.py HASTEN VERIFY_TARGET PRELOAD
"""
import os
import subprocess
import sys
import unittest

import run_support as support
import verify_support
from verify_support import REJECTED, USAGE

PAIRS = ("--pairs", "5")


class Arms(verify_support.VerifyTest):
    def same(self, *arguments, **options):
        """The outputs of both arms were compared and were the same, whichever was faster."""
        data = self.verify_json(*PAIRS, *arguments, **options)
        self.assertEqual(data["pairs"], 5, data)
        self.assertIsNone(data["difference"])
        return data

    def test_environments_have_the_same_size(self):
        """Count and bytes of the variables and the path of the program are its output."""
        self.same("--", self.program(), "room", "1")
        self.same("--baseline", self.program("spin", 0), "--", self.program(), "room", "1")
        self.same("--baseline", self.program(), "--", self.program("spin", 0), "room", "1")
        self.env["LD_PRELOAD"] = self.other_library()
        self.same("--", self.program(), "room", "1")

    def other_library(self):
        return support.build("int nothing_of_ours;", "other.so", "-shared", "-fPIC")

    def test_only_the_plan_has_the_preload(self):
        result = self.verify(self.program(), "loaded", "1", status=REJECTED)
        self.assertIn("\n  baseline  preload - plan -\n", result.stdout)
        self.assertIn(f"\n  plan      preload {self.library[:20]}", result.stdout)
        # Neither does an outer one come to the baseline.
        self.env["HASTEN_PLAN"] = "/outer.plan"
        result = self.verify(self.program(), "loaded", "1", status=REJECTED)
        self.assertIn("\n  baseline  preload - plan -\n", result.stdout)
        self.env["LD_PRELOAD"] = self.library
        self.refuse("LD_PRELOAD has libhasten.so in it", self.program())

    def test_the_program_is_called_the_same(self):
        self.same("--baseline", self.program("spin", 0), "--", self.program(), "name", "1")

    def test_input_from_a_file(self):
        text = b"some input\n" * 1000
        self.write("input", text)
        with open(self.path("input"), "rb") as file:
            data = self.same("--", self.program(), "echo", "1", stdin=file)
        self.assertEqual(data["input"], "file")
        self.assertEqual(data["with_plan"]["streams"][0]["bytes"], len(text))
        # From where it stands.
        with open(self.path("input"), "rb", buffering=0) as file:
            file.seek(11)
            data = self.same("--", self.program(), "echo", "1", stdin=file)
        self.assertEqual(data["with_plan"]["streams"][0]["bytes"], len(text) - 11)

    def test_input_from_a_pipe(self):
        text = "piped input\n" * 20000
        data = self.same("--", self.program(), "echo", "1", input=text, text=True)
        self.assertEqual(data["input"], "copy of a pipe")
        self.assertEqual(data["baseline"]["streams"][0]["bytes"], len(text))

    def test_input_that_does_not_end(self):
        reading, writing = os.pipe()
        try:
            result = self.verify("--timeout", "300ms", self.program(), "echo", "1", stdin=reading, status=USAGE)
        finally:
            os.close(reading)
            os.close(writing)
        self.assert_says(result, "is a pipe that did not end within")

    def test_input_from_a_terminal(self):
        master, terminal = os.openpty()
        try:
            result = self.verify(*PAIRS, "--json", self.program(), "echo", "1", stdin=terminal)
        finally:
            os.close(master)
            os.close(terminal)
        self.assert_says(result, "reads /dev/null, not this terminal")
        self.assertIn('"bytes":0', result.stdout)

    def test_no_input(self):
        self.assertEqual(self.same("--", self.program(), "echo", "1")["input"], "device")

    def test_script(self):
        """A file without a first line that names a shell, too; each is a program with a plan for what it starts."""
        for line in ("#!/bin/sh\n", ""):
            self.write("script", line + "echo \"$1\"\n", 0o700)
            with self.subTest(line=line):
                data = self.same("--force", "--", "./script", "word")
                self.assertEqual(data["with_plan"]["streams"][0]["bytes"], 5)

    def test_repeatable(self):
        """Other times, but the same seed; another seed is taken."""
        data = self.same("--seed", "77", "--", self.program())
        self.assertEqual(data["seed"], 77)

    def refuse(self, text, *arguments, status=USAGE, **options):
        result = self.verify(*arguments, status=status, **options)
        self.assert_says(result, text)
        self.assertEqual(result.stdout, "")

    def test_plans_that_are_none(self):
        here = (self.program(),)
        build_id = verify_support.build_id(support.TARGET)
        self.refuse("nowhere.plan cannot be read", *here, plan="nowhere.plan")
        self.refuse("no plan of hasten", *here, plan=self.write("text.plan", "hello " * 20))
        self.refuse("no plan of hasten", *here, plan=self.write("short.plan", "HSTP"))
        self.refuse("no plan of hasten", *here, plan=self.write("empty.plan", ""))
        self.refuse("is no file", *here, plan=".")
        self.refuse("version 9", *here, plan=self.write("new.plan", verify_support.plan_bytes([build_id], major=9)))
        whole = verify_support.plan_bytes([build_id])
        self.refuse("is damaged", *here, plan=self.write("cut.plan", whole[:-1]))
        self.refuse("is damaged", *here, plan=self.write("many.plan", whole[:12] + b"\xff\xff\0\0" + whole[16:]))
        self.refuse("is damaged", *here, plan=self.write("long.plan", whole[:56] + b"\xff\0\0\0" + whole[60:]))
        self.refuse("changes nothing", *here, plan=self.write("none.plan", verify_support.plan_bytes([])))
        self.refuse("chmod go-w", *here, plan=self.write("open.plan", whole, 0o622))

    def test_plan_for_another_build(self):
        self.write("other.plan", verify_support.plan_bytes([b"\x12\x34" * 10]))
        result = self.verify(self.program(), plan="other.plan", status=USAGE)
        for words in ("is for another build", verify_support.build_id(support.TARGET).hex()[:16], "12341234", "--force"):
            self.assert_says(result, words)
        self.same("--force", "--", self.program(), plan="other.plan")

    def test_programs_that_cannot_be_run(self):
        self.refuse("nowhere", "--", "./nowhere")
        self.refuse("--baseline: ", "--baseline", "./nowhere", "--", self.program())
        self.write("text", "no program", 0o600)
        self.refuse("text", "--", "./text")
        if support.can_build("-static"):
            support.build("int main(void) { return 0; }", "still", "-static")
            self.refuse("no plan can be applied", "--", os.path.join(support.FILES, "still"))

    def test_usage(self):
        here = self.program()
        for text, arguments in (("name the program", ()), ("unknown option --nothing", ("--nothing", here)),
                                ("from 5 to 200", ("--pairs", "4", here)), ("from 5 to 200", ("--pairs", "six", here)),
                                ("is a time such as", ("--time", "soon", here)),
                                ("is a time such as", ("--timeout", "0s", here))):
            with self.subTest(text=text, arguments=arguments):
                self.refuse(text, *arguments)
        result = subprocess.run([support.HASTEN, "verify"], capture_output=True, text=True, check=False, env=self.env)
        self.assert_says(result, "name a plan and a program", USAGE)
        self.env["HASTEN_DISABLE"] = "1"
        self.refuse("HASTEN_DISABLE is set", here)

    def test_no_place_for_data(self):
        self.env["TMPDIR"] = "/nowhere/at/all"
        self.env.pop("LD_PRELOAD", None)
        # /tmp is taken then.
        self.same("--", self.program())


if __name__ == "__main__":
    verify_support.VerifyTest.library = os.path.abspath(sys.argv.pop(3))
    support.main()
