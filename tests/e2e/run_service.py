# SPDX-License-Identifier: Apache-2.0
"""docs/examples/service: what it answers to good and bad submissions.

Arguments behind the usual ones: path of libhasten.so, folder of the example.
"""
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import run_support as support

LIBRARY = ""
FOLDER = ""

CORRECT = """
#include <stdio.h>
static int square(int n) { return n * n; }
int main(void) { int n; if (scanf("%d", &n) != 1) return 1; printf("%d\\n", square(n)); return 0; }
"""
HOG = """
#include <stdlib.h>
#include <string.h>
int main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }
"""


class Service(support.RunTest):
    def setUp(self):
        super().setUp()
        if shutil.which("prlimit") is None:
            self.skipTest("prlimit (of util-linux) is not there")
        self.env["HASTEN_PRELOAD_LIB"] = LIBRARY
        self.start()

    def start(self, *options):
        process = subprocess.Popen([sys.executable, "-B", os.path.join(FOLDER, "service.py"), "--port", "0",
                                    "--hasten", support.HASTEN, *options], env=self.env, cwd=self.dir,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.address = process.stdout.readline().split()[-1]

    def post(self, **request):
        with urllib.request.urlopen(self.address, json.dumps(request).encode()) as answer:
            return json.load(answer)

    def refused(self, body):
        with self.assertRaises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(self.address, body)
        with failure.exception as answer:
            self.assertEqual(answer.code, 400)
            return json.load(answer)["error"]

    def test_correct_program(self):
        answer = self.post(language="c", source=CORRECT, input="12\n")
        self.assertEqual((answer["verdict"], answer["run"]["stdout"]), ("OK", "144\n"), answer)
        self.assertEqual(answer["run"]["status"]["exit"], 0)
        self.assertIn("main", [row["name"] for row in answer["run"]["functions"]])
        self.assertGreater(answer["run"]["memory"]["image_peak_bytes"], 0)
        self.assertEqual(answer["compile"]["verdict"], "OK")
        phases = {row["phase"]: row for row in answer["compile"]["phases"]}
        self.assertEqual((phases["link"]["language"], phases["link"]["failed"]), ("C", 0))
        self.assertGreater(answer["compile"]["wall_ns"], 0)

    def test_compile_error(self):
        answer = self.post(language="c", source="int main(void) { return x; }\n")
        self.assertEqual((answer["verdict"], answer["run"]), ("CE", None), answer)
        self.assertIn("'x' undeclared", answer["compile"]["stderr"])
        self.assertIn("cc1", answer["compile"]["status"]["verdict"])

    def test_crash(self):
        answer = self.post(language="c", source="int main(void) { volatile int *p = 0; return *p; }\n")
        self.assertEqual((answer["verdict"], answer["run"]["status"]["signal_name"]), ("RE-SIG", "SIGSEGV"), answer)

    def test_endless_loop(self):
        answer = self.post(language="c", source="int main(void) { for (volatile int i = 0;; i++); }\n")
        self.assertEqual(answer["verdict"], "TLE-CPU", answer)
        self.assertGreater(answer["run"]["user_ns"] + answer["run"]["system_ns"], 500_000_000)

    def test_wall_time(self):
        self.start("--wall", "0.5")
        answer = self.post(language="python", source="import time\nprint('begin', flush=True)\ntime.sleep(1000)")
        self.assertEqual((answer["verdict"], answer["run"]["status"]["signal_name"]), ("TLE-WALL", "SIGKILL"), answer)
        self.assertGreaterEqual(answer["run"]["wall_ns"], 100_000_000)

    def test_memory_hog(self):
        answer = self.post(language="c", source=HOG)
        self.assertEqual(answer["verdict"], "MLE", answer)
        self.assertGreater(answer["run"]["memory"]["allocated_peak_bytes"], 100 << 20)
        self.assertEqual(answer["run"]["allocators"][0]["name"], "main")

    def test_python_and_what_it_leaves_behind(self):
        answer = self.post(language="python", source="import sys\nprint(sys.stdin.read().upper())", input="abc")
        self.assertEqual((answer["verdict"], answer["run"]["stdout"], answer["compile"]), ("OK", "ABC\n", None), answer)
        answer = self.post(language="python", source=(
            "import subprocess as s\nprint(s.Popen(['sleep', '1000']).pid)\nraise SystemExit(2)"))
        self.assertEqual((answer["verdict"], answer["run"]["status"]["exit"]), ("RE-NZEC", 2), answer)
        self.assertEqual(answer["run"]["processes"]["left_running"], 1)
        pid = int(answer["run"]["stdout"])
        # It was killed; its new parent may not have waited for it yet.
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                self.assertEqual(file.read().rpartition(")")[2].split()[0], "Z")
        except (FileNotFoundError, ProcessLookupError):
            pass

    def test_wrong_requests(self):
        self.assertIn("language is one of", self.refused(b'{"language": "cobol", "source": ""}'))
        self.assertIn("texts", self.refused(b'{"language": "c", "source": 5}'))
        self.refused(b"no JSON")


if __name__ == "__main__":
    FOLDER = os.path.abspath(sys.argv.pop(4))
    LIBRARY = os.path.abspath(sys.argv.pop(3))
    support.main()
