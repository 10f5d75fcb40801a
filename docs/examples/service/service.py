#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs what is sent to it, each step under `hasten run --json`, and answers with the summaries.

    ./service.py --port 8080
    curl -d '{"language": "c", "source": "int main(void) { return 3; }"}' http://127.0.0.1:8080/run

An example of how to use the summaries, not a sandbox: see README.md.
"""
import argparse
import json
import os
import signal
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MIB = 1 << 20
BODY_BYTES_MAX = 256 << 10
OUTPUT_BYTES_MAX = 64 << 10
# Of each step: seconds of CPU time, seconds of wall time, bytes of address space.
COMPILE_LIMITS = {"cpu": 10, "wall": 20, "memory": 2048 * MIB}
RUN_LIMITS = {"cpu": 1, "wall": 5, "memory": 256 * MIB}
# The recording is a file, too: it gets less than the program may write.
FILE_BYTES_MAX = 32 * MIB

# Language: name of the source file, command that compiles it (None: not needed), command that runs it.
LANGUAGES = {
    "c": ("main.c", ["gcc", "-std=c17", "-O2", "-g", "-finstrument-functions", "-o", "main", "main.c", "-lm"],
          ["./main"]),
    "python": ("main.py", None, ["python3", "main.py"]),
}

# What the answer keeps of a summary.
KEPT = ("status", "wall_ns", "user_ns", "system_ns", "memory", "processes", "phases", "failures", "functions",
        "allocators", "complete", "losses")


class WrongRequest(Exception):
    """What the client sent cannot be used; the text says why."""


def children(pid):
    """The program, if it still runs, and its orphans."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def wait(process, seconds):
    """True: the wall time was over, and the program was killed. hasten itself stays, to write its summary."""
    late = False
    while True:
        try:
            process.wait(0.2 if late else seconds)
            return late
        except subprocess.TimeoutExpired:
            late = True
            for pid in children(process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def read_output(path):
    with open(path, "rb") as file:
        return file.read(OUTPUT_BYTES_MAX).decode(errors="replace")


def step(hasten, folder, name, command, limits, text=""):
    """Runs one command in the folder; returns its part of the answer."""
    paths = {what: os.path.join(folder, f"{name}.{what}") for what in ("json", "in", "out", "err")}
    with open(paths["in"], "w", encoding="utf-8") as file:
        file.write(text)
    # Soft limit first: the signal of the CPU limit can be told from that of the hard one.
    limited = ["prlimit", f"--cpu={limits['cpu']}:{limits['cpu'] + 1}", f"--as={limits['memory']}",
               f"--fsize={FILE_BYTES_MAX}", "--core=0"]
    recorded = [hasten, "run", "--quiet", "--mode=profile", f"--limit={FILE_BYTES_MAX // 4}", "-o", f"{name}.data",
                "--json", paths["json"], "--", *command]
    with open(paths["in"], "rb") as stdin, open(paths["out"], "wb") as out, open(paths["err"], "wb") as err:
        process = subprocess.Popen([*limited, *recorded], cwd=folder, stdin=stdin, stdout=out, stderr=err,
                                   start_new_session=True)
        late = wait(process, limits["wall"])
    try:
        # What the program left running, even if the launcher is gone.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return answer_of(paths, late)


def answer_of(paths, late):
    answer = {"stdout": read_output(paths["out"]), "stderr": read_output(paths["err"])}
    try:
        with open(paths["json"], encoding="utf-8") as file:
            summary = json.load(file)
    except (OSError, ValueError) as reason:
        return {**answer, "verdict": "INTERNAL", "evidence": f"there is no summary: {reason}"}
    answer.update((key, summary[key]) for key in KEPT if key in summary)
    answer["verdict"] = "TLE-WALL" if late else summary["status"]["class"]
    answer["evidence"] = "killed when its wall time was over" if late else summary["status"]["evidence"]
    return answer


def judge(hasten, request):
    """The answer to a request: verdict, and what each step was like."""
    if not isinstance(request, dict) or request.get("language") not in LANGUAGES:
        raise WrongRequest("language is one of: " + ", ".join(LANGUAGES))
    text = request.get("input", "")
    if not isinstance(request.get("source"), str) or not isinstance(text, str):
        raise WrongRequest("source, and input if it is given, are texts")
    source, compiler, program = LANGUAGES[request["language"]]
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        with open(os.path.join(folder, source), "w", encoding="utf-8", errors="replace") as file:
            file.write(request["source"])
        answer = {"compile": None, "run": None}
        if compiler is not None:
            answer["compile"] = step(hasten, folder, "compile", compiler, COMPILE_LIMITS)
            answer["verdict"] = answer["compile"]["verdict"]
            if answer["verdict"] != "OK":
                return answer
        answer["run"] = step(hasten, folder, "run", program, RUN_LIMITS, text)
        answer["verdict"] = answer["run"]["verdict"]
        return answer


class Handler(BaseHTTPRequestHandler):
    hasten = "hasten"

    def do_POST(self):  # noqa: N802  (the name is given)
        try:
            size = int(self.headers.get("Content-Length", ""))
            if self.path != "/run" or not 0 <= size <= BODY_BYTES_MAX:
                raise WrongRequest(f"POST at most {BODY_BYTES_MAX} bytes to /run")
            self.answer(200, judge(self.hasten, json.loads(self.rfile.read(size))))
        except (WrongRequest, ValueError) as reason:
            self.answer(400, {"error": str(reason)})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: the answers do."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, default=8080, help="0: any free one")
    parser.add_argument("--hasten", default="hasten", help="path of hasten")
    parser.add_argument("--wall", type=float, default=RUN_LIMITS["wall"], help="seconds that a program may run")
    options = parser.parse_args()
    RUN_LIMITS["wall"] = options.wall
    Handler.hasten = options.hasten
    with ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_address[1]}/run", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
