# SPDX-License-Identifier: Apache-2.0
"""Reads, pauses, copies and kills a program that is being recorded.

report_live.py HASTEN PRELOAD REPORT_LOOP
"""
import json
import os
import subprocess
import sys
import tempfile


class Program:
    """The loop under the preload; `steps` returns when its calls have returned."""

    def __init__(self, preload, program, directory):
        environment = dict(os.environ, LD_PRELOAD=preload, HASTEN_DATA=directory)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment)

    def steps(self, count):
        for _ in range(count):
            self.process.stdin.write(b"x")
            self.process.stdin.flush()
            if self.process.stdout.read(1) != b"x":
                raise RuntimeError("the program went away")

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def hasten(*words):
    return subprocess.run([HASTEN, *words], capture_output=True, text=True, check=False)


def report(directory):
    done = hasten("report", "--json", directory)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def work(directory):
    return next(row for row in report(directory)["functions"] if row["name"] == "work")


def expect(what, found, wanted):
    if found != wanted:
        FAILED.append(f"{what}: {found}, not {wanted}")


def check_live(top):
    live = os.path.join(top, "live")
    program = Program(PRELOAD, LOOP, live)
    program.steps(50)
    row = work(live)
    expect("calls while it runs", row["calls"], 50000)
    expect("source file", os.path.basename(row["file"] or ""), "report_loop.c")
    expect("line is known", bool(row["line"]), True)
    copy = os.path.join(top, "copy")
    expect("snapshot", hasten("info", "--snapshot", copy, live).returncode, 0)
    expect("snapshot over a directory", hasten("info", "--snapshot", copy, live).returncode, 2)
    expect("stop", hasten("info", "--stop", live).returncode, 0)
    program.steps(50)
    expect("calls while it paused", work(live)["calls"], 50000)
    expect("info says paused", json.loads(hasten("info", "--json", live).stdout)
           ["processes"][0]["paused"], True)
    expect("start", hasten("info", "--start", live).returncode, 0)
    program.steps(10)
    expect("status", program.end(), 0)
    expect("calls in the end", work(live)["calls"], 60000)
    expect("calls in the copy", work(copy)["calls"], 50000)
    data = report(live)
    expect("complete", data["complete"], True)
    expect("what the pause hides is said", any("paused" in str(note) for note in data["notes"]), True)
    done = hasten("info", "--stop", live)
    expect("stop of a finished one", done.returncode, 2)
    expect("sentence about it", "running" in done.stderr, True)


def check_killed(top):
    dead = os.path.join(top, "dead")
    program = Program(PRELOAD, LOOP, dead)
    program.steps(123)
    program.process.kill()
    program.process.wait()
    data = report(dead)
    row = next(row for row in data["functions"] if row["name"] == "work")
    main = next(row for row in data["functions"] if row["name"] == "main")
    expect("returned calls of a killed program", (row["calls"], row["returned"]), (123000, 123000))
    expect("main was open", (main["calls"], main["returned"], main["open"]), (1, 0, 1))
    expect("main holds the rest", main["total_ns"] >= row["total_ns"], True)
    for words in (["tree", "-n", "0", dead], ["info", dead], ["report", "--of", "work", dead],
                  ["export", "-f", "folded", dead]):
        done = hasten(*words)
        expect(" ".join(words[:-1]), (done.returncode, done.stderr, "work" in done.stdout
                                      or words[0] == "info"), (0, "", True))


HASTEN, PRELOAD, LOOP = (os.path.abspath(path) for path in sys.argv[1:4])
FAILED = []
with tempfile.TemporaryDirectory() as folder:
    check_live(folder)
    check_killed(folder)
print("\n".join(FAILED))
sys.exit(1 if FAILED else 0)
