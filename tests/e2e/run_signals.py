# SPDX-License-Identifier: Apache-2.0
"""Signals reach the program once, stops are followed, and what it was given it gets.

Nothing here sleeps: each step waits for a line of the program or for a state of a process.
"""
import os
import pty
import signal
import subprocess
import sys

import run_support as support


class Signals(support.RunTest):
    def expect(self, process, line):
        self.assertEqual(process.stdout.readline(), line + "\n")

    def finish(self, process, status=7):
        process.stdin.close()
        self.assertEqual(process.wait(), status)
        self.assertEqual(process.stdout.read(), "")

    def test_signals_sent_to_us_are_passed_on(self):
        process, _ = self.start_waiting("-q")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1):
            os.kill(process.pid, number)
            self.expect(process, f"signal {int(number)}")
        self.finish(process)

    def test_signal_that_ends_the_program_is_its_status(self):
        process = subprocess.Popen(self.command("-q", support.TARGET, "input"), env=self.env,
                                   cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(b"x")
        process.stdin.flush()
        self.assertEqual(process.stdout.read(1), b"x")
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(process.wait(), 128 + signal.SIGTERM)
        self.end_process(process)
        self.assertEqual(self.session()["signal"], str(int(signal.SIGTERM)))

    def test_signals_of_the_program_itself_are_not_sent_back(self):
        # The program signals hasten, as kill(0) would, waits until that is dealt with, and counts.
        script = r"""
import os, re, signal
count = 0
def note(number, frame):
    global count
    count += 1
signal.signal(signal.SIGTERM, note)
os.kill(os.getppid(), signal.SIGTERM)
while True:
    with open(f"/proc/{os.getppid()}/status") as file:
        text = file.read()
    if "State:\tS" in text and re.search(r"SigPnd:\t0+\nShdPnd:\t0+\n", text):
        break
print(count)
"""
        result = self.run_hasten("-q", sys.executable, "-c", script, start_new_session=True)
        self.assertEqual((result.returncode, result.stdout), (0, "0\n"), result.stderr)

    def test_signals_given_are_handed_on(self):
        def prepare():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})

        for preexec in (None, prepare):
            # restore_signals is what makes Python itself hand SIGPIPE and SIGXFSZ on as default.
            plain = subprocess.run([support.TARGET, "signals"], capture_output=True, text=True,
                                   check=True, preexec_fn=preexec)
            result = self.run_hasten("-q", support.TARGET, "signals", preexec_fn=preexec)
            self.assertEqual((result.returncode, result.stdout), (0, plain.stdout))
            ignored = subprocess.run([support.TARGET, "signals"], capture_output=True, text=True,
                                     check=True, preexec_fn=preexec, restore_signals=False)
            result = self.run_hasten("-q", support.TARGET, "signals", preexec_fn=preexec,
                                     restore_signals=False)
            self.assertEqual(result.stdout, ignored.stdout)

    def test_status_is_known_even_if_child_signals_were_ignored(self):
        result = self.run_hasten("-q", support.TARGET, "exit", "33",
                                 preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(result.returncode, 33)

    def test_stop_by_others_without_terminal_is_not_followed(self):
        process, pid = self.start_waiting("-q", start_new_session=True)
        os.kill(pid, signal.SIGSTOP)
        self.wait_for_state(pid, "T")
        os.kill(pid, signal.SIGCONT)
        self.expect(process, f"signal {int(signal.SIGCONT)}")
        self.finish(process)

    def wait_for_state(self, pid, state):
        """Polls /proc without pause; ends with the test's own time limit if it never comes."""
        while True:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rpartition(")")[2].split()[0] == state:
                    return
            os.sched_yield()


class Terminal(support.RunTest):
    """hasten as the foreground job of a terminal, with this process as its shell."""

    def setUp(self):
        super().setUp()
        self.output = b""
        try:
            self.pid, self.terminal = pty.fork()
        except OSError as reason:
            self.skipTest("no terminal is to be had here: %s" % reason)
        if self.pid == 0:
            try:
                os.chdir(self.dir)
                # One process between: the leader of a session is never stopped by the terminal.
                job = os.fork()
                if job == 0:
                    os.setpgid(0, 0)
                    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                    os.tcsetpgrp(0, os.getpgrp())
                    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
                    os.execve(support.HASTEN, self.command("-q", support.TARGET, "wait"), self.env)
                while True:
                    _, status = os.waitpid(job, os.WUNTRACED | os.WCONTINUED)
                    if os.WIFSTOPPED(status):
                        os.write(1, f"stopped {os.WSTOPSIG(status)} job {job}\r\n".encode())
                        continue
                    if os.WIFCONTINUED(status):
                        continue
                    os.write(1, f"end {os.waitstatus_to_exitcode(status)}\r\n".encode())
                    os._exit(0)
            finally:
                os._exit(1)
        self.addCleanup(self.close)
        word, pid = self.line("pid ").split()
        self.program = int(pid)

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def line(self, start):
        """The next line of the terminal that begins so; others are passed over."""
        while True:
            while b"\n" not in self.output:
                self.output += os.read(self.terminal, 4096)
            line, _, self.output = self.output.partition(b"\n")
            text = line.decode().replace("^C", "").replace("^Z", "").replace("^\\", "").strip()
            if text.startswith(start):
                return text

    def end(self):
        os.write(self.terminal, b"\x04")
        self.assertEqual(self.line("end"), "end 7")

    def test_terminal_signals_reach_the_program_once(self):
        os.write(self.terminal, b"\x03")
        self.assertEqual(self.line("signal"), f"signal {int(signal.SIGINT)}")
        os.write(self.terminal, b"\x1c")
        self.assertEqual(self.line("signal"), f"signal {int(signal.SIGQUIT)}")
        # A second one of ours would stand before this one.
        os.kill(self.program, signal.SIGUSR1)
        self.assertEqual(self.line("signal"), f"signal {int(signal.SIGUSR1)}")
        self.end()

    def test_terminal_stop_stops_the_job_and_continues(self):
        for _ in range(3):
            os.write(self.terminal, b"\x1a")
            _, number, _, job = self.line("stopped").split()
            self.assertEqual(int(number), int(signal.SIGTSTP))
            os.killpg(int(job), signal.SIGCONT)
            self.assertEqual(self.line("signal"), f"signal {int(signal.SIGCONT)}")
        self.end()

    def test_stop_of_the_program_stops_the_job(self):
        os.kill(self.program, signal.SIGSTOP)
        _, number, _, job = self.line("stopped").split()
        self.assertEqual(int(number), int(signal.SIGSTOP))
        # Continuing the job continues the program, even if only hasten is told.
        os.kill(int(job), signal.SIGCONT)
        self.assertEqual(self.line("signal"), f"signal {int(signal.SIGCONT)}")
        self.end()


if __name__ == "__main__":
    support.main()
