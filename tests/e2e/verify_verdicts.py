# SPDX-License-Identifier: Apache-2.0
"""`hasten verify`: which verdict for which program. Gains are large ones (4x), so that no machine is too noisy for them.

    verify_verdicts.py HASTEN VERIFY_TARGET PRELOAD
"""
import os
import signal
import subprocess
import sys
import time
import unittest

import run_support as support
import verify_support
from verify_support import ACCEPTED, INCONCLUSIVE, REJECTED

SLOW = ("spin", 16)
FAST = ("spin", 2)


class Verdicts(verify_support.VerifyTest):
    def rejected(self, reason, *arguments, **options):
        data = self.verify_json(*arguments, status=REJECTED, **options)
        self.assertEqual((data["verdict"], data["reason"]), ("rejected", reason), data)
        return data

    def cannot_say(self, reason, *arguments, **options):
        data = self.verify_json(*arguments, status=INCONCLUSIVE, **options)
        self.assertEqual((data["verdict"], data["reason"]), ("inconclusive", reason), data)
        return data

    def test_faster(self):
        data = self.verify_json("--pairs", "8", "--baseline", self.program(*SLOW), "--", self.program(*FAST), "say",
                                "word", status=ACCEPTED)
        self.assertEqual((data["schema"], data["verdict"], data["pairs"]), (1, "accepted", 8))
        self.assertIn(data["reason"], ("faster", "less_cpu_time"))
        for clock in ("wall", "cpu"):
            self.assertLess(data[clock]["ratio_high"], 1)
            self.assertLessEqual(data[clock]["ratio_low"], data[clock]["ratio"])
            self.assertLessEqual(data[clock]["ratio"], data[clock]["ratio_high"])
        self.assertLess(data["cpu"]["ratio"], 0.5)
        self.assertGreater(data["cpu"]["ratio"], 0.1)
        self.assertIsNone(data["difference"])
        self.assertTrue(data["complete"])
        self.assertFalse(any("with its hooks" in note for note in data["notes"]))
        self.assertTrue(any("files that the program writes" in note for note in data["notes"]))
        for arm in ("baseline", "with_plan"):
            self.assertEqual(data[arm]["exit_status"], 0)
            self.assertEqual((len(data[arm]["wall_ns"]), data[arm]["runs"]), (8, 8))
            self.assertEqual(data[arm]["streams"][0]["bytes"], len("word\n"))
            self.assertEqual(data[arm]["cpu_min_ns"], min(data[arm]["cpu_ns"]))
        self.assertEqual(data["baseline"]["streams"], data["with_plan"]["streams"])

    def test_few_pairs_suffice_for_a_large_gain(self):
        data = self.verify_json("--time", "1s", "--baseline", self.program("spin", 100), "--", self.program(*FAST),
                                status=ACCEPTED)
        self.assertLess(data["pairs"], 10)
        self.assertLessEqual(data["wall"]["p"], 0.01)

    def test_text(self):
        result = self.verify("--pairs", "6", "--baseline", self.program(*SLOW), self.program(*FAST), status=ACCEPTED)
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], r"^accepted: [\d.]+ times as fast.*with the same output")
        for words in ("baseline    6 ", "plan        6 ", "CPU time: ", "the same in all 15 runs", "fewer than ten pairs"):
            self.assertIn(words, result.stdout)
        result = self.verify("-q", "--pairs", "6", "--baseline", self.program(*SLOW), self.program(*FAST), status=ACCEPTED)
        self.assertEqual(len(result.stdout.splitlines()), 1)

    def test_no_gain(self):
        """The same program, which has the start of the preload in addition."""
        data = self.verify_json("--pairs", "8", "--", self.program(*FAST), "say", "word")
        self.assertIn(data["verdict"], ("rejected", "inconclusive"), data)
        self.assertIn(data["reason"], ("slower", "not_faster", "noise", "uncertain"))
        # Such a baseline pays for its hooks.
        self.assertTrue(any("with its hooks" in note for note in data["notes"]))

    def test_slower(self):
        data = self.verify_json("--pairs", "8", "--baseline", self.program(*FAST), "--", self.program(*SLOW))
        self.assertEqual((data["verdict"], data["reason"]), ("rejected", "slower"), data)

    def test_other_output(self):
        words = ("first line", "line of the ")
        data = self.rejected("output_differs", "--baseline", self.program("say", "same", "say", words[1] + "baseline"),
                             "--", self.program("say", "same", "say", words[1] + "plan"))
        self.assertEqual(data["difference"]["stream"], "standard output")
        self.assertEqual((data["difference"]["line"], data["difference"]["offset"]), (2, len("same\nline of the ")))
        self.assertFalse(data["difference"]["between_runs_of_the_baseline"])
        self.assertEqual((data["difference"]["reference"], data["difference"]["other"]),
                         ("line of the baseline", "line of the plan"))
        self.assertIsNone(data["wall"])
        self.assertFalse(data["complete"])
        result = self.verify("--baseline", self.program("err", "one"), self.program("err", "two"), status=REJECTED)
        self.assertIn("rejected: standard error is not the same with the plan: line 1, byte 0\n", result.stdout)
        self.assertIn("\n  baseline  one\n  plan      two\n", result.stdout)
        # One is the beginning of the other.
        result = self.verify("--baseline", self.program("say", "a", "say", "b"), self.program("say", "a"), status=REJECTED)
        self.assertIn("line 2, byte 2", result.stdout)

    def test_output_that_is_never_the_same(self):
        data = self.cannot_say("output_varies", "--", self.program(), "count", "counter")
        self.assertTrue(data["difference"]["between_runs_of_the_baseline"])
        # Also when it is the plan's run in which it is seen first, and the baseline's time after it.
        data = self.cannot_say("output_varies", "--baseline", self.program("spin", 1), "--", self.program(), "count", "other")
        self.assertIn("cannot say whether the output is the same", data["text"])

    def test_exit_status(self):
        data = self.rejected("status_differs", "--baseline", self.program("exit", 3), "--", self.program("exit", 4))
        self.assertEqual((data["baseline"]["exit_status"], data["with_plan"]["exit_status"]), (3, 4))
        self.assertIn("ended with exit status 3, with the plan it is exit status 4", data["text"])
        self.cannot_say("status_varies", "--", self.program(), "exitcount", "counter")
        # The same failure each time is compared, and said.
        result = self.verify("--pairs", "6", "--baseline", self.program(*SLOW), self.program(*FAST), "exit", "3",
                             status=ACCEPTED)
        self.assertIn("the program reports a failure each time", result.stdout)

    def test_signals(self):
        data = self.rejected("ended_by_signal", "--baseline", self.program(), "--", self.program("signal", 11))
        self.assertEqual(data["with_plan"]["signal"], 11)
        self.assertIn("signal 11 (SIGSEGV)", data["text"])
        data = self.cannot_say("baseline_ended_by_signal", "--", self.program(), "signal", "6")
        self.assertIn("signal 6 (SIGABRT)", data["text"])

    def test_memory(self):
        data = self.rejected("memory", "--pairs", "6", "--baseline", self.program(*SLOW), "--", self.program("memory", 96))
        self.assertGreater(data["with_plan"]["peak_bytes"], 96 << 20)
        self.assertLess(data["baseline"]["peak_bytes"], 48 << 20)
        # A tenth more, and some MiB for the preload, are borne.
        data = self.verify_json("--pairs", "6", "--baseline", self.program("memory", 96, "spin", 60), "--",
                                self.program("memory", 98), status=ACCEPTED)
        self.assertGreater(data["peak_limit_bytes"], 105 << 20)

    def test_timeout(self):
        data = self.rejected("timeout", "--timeout", "1s", "--baseline", self.program(), "--", self.program("hang", 1))
        self.assertIn("did not end within 1.00 s", data["text"])
        data = self.cannot_say("baseline_timeout", "--timeout", "300ms", "--", self.program(), "hang", "1")
        self.assertIn("--timeout", data["text"])

    def test_too_much_output(self):
        """More than 256 MiB."""
        data = self.cannot_say("output_too_large", "--timeout", "100s", "--", self.program(), "flood", "5000")
        self.assertIn("256 MiB", data["text"])

    def test_files(self):
        for words, reason in ((("file", "one"), None), (("file", "two"), "output_differs"), ((), "output_differs")):
            arguments = ("--pairs", "6", "--file", "written", "--baseline", self.program("file", "one", *SLOW), "--",
                         self.program(*words))
            if reason is None:
                data = self.verify_json(*arguments, status=ACCEPTED)
                self.assertEqual(data["with_plan"]["streams"][2]["bytes"], 3)
            else:
                data = self.rejected(reason, *arguments)
                self.assertEqual(data["difference"]["stream"], "written")
        # What was there before, and was not written, is no result.
        self.assertIn("it was not written", data["text"])
        self.write("written", "of an earlier time")
        result = self.verify("--file", "written", self.program(), status=verify_support.USAGE)
        self.assert_says(result, "written is not written by the program")

    def running(self):
        """What runs of the programs in the test's directory."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{name}/exe").startswith(self.dir):
                    with open(f"/proc/{name}/stat", encoding="ascii") as file:
                        found.append(file.read())
            except OSError:
                continue
        return found

    def test_what_is_left_behind(self):
        """One that was killed may still be on its way out."""
        self.verify("--pairs", "5", "--", self.program(), "stray", "1")
        until = time.monotonic() + 20
        while self.running() and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(self.running(), [])

    def test_interrupted(self):
        """The run that is under way ends with it, and the data directory goes."""
        started = self.path("started")
        process = subprocess.Popen([support.HASTEN, "verify", "--json", "app.plan", "--", self.program(), "count", "started",
                                    "hang", "1"], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not os.path.exists(started) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, stderr)
        self.assertIn('"reason": "interrupted"', stdout)


if __name__ == "__main__":
    verify_support.VerifyTest.library = os.path.abspath(sys.argv.pop(3))
    support.main()
