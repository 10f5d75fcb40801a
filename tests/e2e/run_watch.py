# SPDX-License-Identifier: Apache-2.0
"""The launcher as supervisor: what it adds to the journal of processes, and that the program does not notice.

Nothing here sleeps: programs wait for what they are to see, and this waits for records.
"""
import json
import os
import resource
import signal
import subprocess
import sys
import time

import run_support as support

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
import journal  # noqa: E402  (the folder is known only now)

# Starts a grandchild whose parent ends, and waits until it is gone: reaped by somebody else.
ORPHAN = r"""
import os, sys
read, write = os.pipe()
if os.fork() == 0:
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent:
            os.sched_yield()
        os.write(write, f"{os.getpid()} {os.getppid()}".encode())
        os._exit(5)
    os._exit(0)
os.wait()
text = os.read(read, 100).decode()
pid = text.split()[0]
while os.path.exists("/proc/" + pid):
    os.sched_yield()
print(os.getppid(), text)
"""
# An orphan sends hasten a signal, as kill(0) would; how many came back?
SIGNAL = r"""
import os, re, signal
launcher = os.getppid()
count = 0
def note(number, frame):
    global count
    count += 1
signal.signal(signal.SIGTERM, note)
if os.fork() == 0:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        while os.getppid() == parent:
            os.sched_yield()
        os.kill(launcher, signal.SIGTERM)
        while True:
            with open(f"/proc/{launcher}/status") as file:
                text = file.read()
            if "State:\tS" in text and re.search(r"SigPnd:\t0+\nShdPnd:\t0+\n", text):
                break
        os._exit(0)
    print(pid, flush=True)
    os._exit(0)
os.wait()
children = f"/proc/{launcher}/task/{launcher}/children"
while len(open(children).read().split()) > 1:
    os.sched_yield()
print(count)
"""


def read(directory):
    file = journal.read_file(os.path.join(directory, "processes.hsj"))
    # While it runs, a record may be half written.
    return file.records


class Watch(support.RunTest):
    def records(self, kind, directory="hasten.data"):
        return [record for record in read(self.path(directory)) if record.type == kind]

    def waits(self):
        return [record for record in self.records("wait") if record.call == "launcher"]

    def await_records(self, kind, count, pid=None):
        """Reads the journal until so many are there; ends with the test's own time limit if they never come."""
        while True:
            found = [record for record in self.records(kind) if pid in (None, record.pid)]
            if len(found) >= count:
                return found
            os.sched_yield()

    def test_run_begins_and_ends(self):
        before = time.time_ns()
        result = self.run_hasten("-q", support.TARGET, "exit", "11")
        self.assertEqual(result.returncode, 11)
        begin, end = self.records("run")
        root = int(self.session()["root"])
        self.assertEqual((begin.pid, end.pid), (root, root))
        self.assertEqual((begin.flags, end.flags), ({"launcher", "begins"}, {"launcher"}))
        self.assertEqual(begin.argv, [support.TARGET.encode(), b"exit", b"11"])
        self.assertEqual(begin.cwd, self.dir.encode())
        self.assertEqual(begin.interval_ns, 500_000_000)
        self.assertTrue(before <= begin.real_ns <= end.real_ns <= time.time_ns())
        self.assertLess(begin.mono_ns, end.mono_ns)
        self.assertGreater(end.sampling_ns, 0)
        wait, = self.waits()
        self.assertEqual((wait.pid, wait.child, wait.status), (begin.launcher, root, 11 << 8))
        self.assertEqual(wait.flags, {"launcher"})
        self.assertGreater(wait.usage["maxrss_bytes"], 0)
        # The machine before and after it, even of the shortest program.
        first, last = self.records("system")
        self.assertEqual(first.processors, os.cpu_count())
        self.assertLessEqual(first.cpu_user_ns, last.cpu_user_ns)
        self.assertGreater(first.memory_total, first.memory_available)

    def test_signal_is_the_status_of_the_wait(self):
        self.run_hasten("-q", support.TARGET, "kill", str(int(signal.SIGKILL)))
        wait, = self.waits()
        self.assertEqual(os.waitstatus_to_exitcode(wait.status), -signal.SIGKILL)

    def test_orphan_is_waited_for(self):
        result = self.run_hasten("-q", sys.executable, "-c", ORPHAN)
        self.assertEqual(result.returncode, 0, result.stderr)
        launcher, orphan, parent = map(int, result.stdout.split())
        self.assertEqual(parent, launcher)
        first, last = self.waits()
        self.assertEqual((first.pid, first.child, first.status), (launcher, orphan, 5 << 8))
        self.assertEqual(first.flags, {"launcher", "orphan"})
        self.assertEqual(last.flags, {"launcher"})

    def test_orphan_goes_elsewhere_if_asked_to(self):
        # Somebody else is to be the next one: this test.
        result = self.run_hasten("-q", "--no-subreaper", sys.executable, "-c",
                                 ORPHAN.replace('os.path.exists("/proc/" + pid)', "False"))
        self.assertEqual(result.returncode, 0, result.stderr)
        launcher, _, parent = map(int, result.stdout.split())
        self.assertNotEqual(parent, launcher)
        self.assertEqual(len(self.waits()), 1)

    def test_orphan_is_not_from_outside(self):
        result = self.run_hasten("-q", sys.executable, "-c", SIGNAL, start_new_session=True)
        self.assertEqual((result.returncode, result.stdout.split()[-1]), (0, "0"), result.stderr)

    def test_children_of_before_are_not_the_programs(self):
        read, write = os.pipe()

        def prepare():
            if os.fork() == 0:
                # Else it would hold what the test waits for the end of.
                for fd in set(range(256)) - {read}:
                    try:
                        os.close(fd)
                    except OSError:
                        pass
                os.read(read, 1)
                os._exit(9)
            # Its start must lie in an earlier tick of the clock than the program's.
            begin = time.monotonic()
            while time.monotonic() - begin < 3 / os.sysconf("SC_CLK_TCK"):
                pass

        process = subprocess.Popen(self.command("-q", support.TARGET, "wait"), env=self.env, cwd=self.dir,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=prepare)
        self.addCleanup(self.end_process, process)
        process.stdout.readline()
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
            self.assertEqual(len(file.read().split()), 2)
        os.close(write)
        os.close(read)
        process.stdin.close()
        self.assertEqual(process.wait(), 7)
        self.assertEqual(len(self.waits()), 1)
        self.assertEqual({record.pid for record in self.records("sample")} -
                         {int(self.session()["root"])}, set())

    def test_left_running_is_said_and_recorded(self):
        read, write = os.pipe()
        # It returns when cat runs.
        script = (f"import subprocess as s; s.Popen(['cat'], stdin={read}, stdout=s.DEVNULL, "
                  "stderr=s.DEVNULL); raise SystemExit(4)")
        for options in ([], ["--no-system"]):
            result = self.run_hasten(*options, sys.executable, "-c", script, pass_fds=[read])
            wait, = self.waits()
            left = [record for record in self.records("sample") if record.mono_ns > wait.mono_ns]
            self.assertEqual([record.name for record in left], [b"cat"])
            self.assert_says(result, f"1 process of the program is still running: cat ({left[0].pid})", 4)
            # It was not waited for, and lives.
            self.assertTrue(os.path.exists(f"/proc/{left[0].pid}"))
            self.assertEqual(len(self.records("sample")) if options else 1, 1)
        os.close(read)
        os.close(write)

    def test_samples_of_all_processes(self):
        read, write = os.pipe()
        process = subprocess.Popen(
            self.command("-q", "--interval", "20", "sh", "-c", f"echo $$; cat <&{read}; exit 6"),
            env=self.env, cwd=self.dir, stdout=subprocess.PIPE, pass_fds=[read], text=True)
        self.addCleanup(self.end_process, process)
        os.close(read)
        root = int(process.stdout.readline())
        sample = self.await_records("sample", 1, root)[0]
        self.assertEqual((sample.ppid, sample.threads, sample.name), (process.pid, 1, b"sh"))
        self.assertGreater(sample.rss_bytes, 0)
        self.assertGreaterEqual(sample.hwm_bytes, sample.rss_bytes)
        with open(f"/proc/{root}/stat", encoding="utf-8") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        self.assertEqual(sample.start_ns, ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK"))
        with open(f"/proc/{root}/task/{root}/children", encoding="utf-8") as file:
            child = int(file.read().split()[0])
        self.assertEqual(self.await_records("sample", 1, child)[0].ppid, root)
        self.await_records("system", 5)
        os.close(write)
        self.assertEqual(process.wait(), 6)
        self.assertEqual(self.records("run")[0].interval_ns, 20_000_000)

    def test_no_samples_if_not_wanted(self):
        self.run_hasten("-q", "--no-system", support.TARGET, "exit", "0")
        self.assertEqual(self.records("system") + self.records("sample"), [])
        begin, end = self.records("run")
        self.assertEqual((begin.interval_ns, end.interval_ns), (0, 0))

    def test_exec_that_fails_leaves_nothing(self):
        with open(self.path("broken"), "wb") as file:
            file.write(b"\x7fELF\2\1\1" + bytes(200))
        os.chmod(self.path("broken"), 0o755)
        result = self.run_hasten("./broken")
        self.assertEqual(result.returncode, 126, result.stderr)
        self.assertFalse(os.path.exists(self.path("hasten.data")))

    def test_full_disk_is_said_and_changes_nothing(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

        # The session fits, and so do the first records.
        result = self.run_hasten(support.TARGET, "exit", "12", preexec_fn=limit)
        self.assertEqual(result.returncode, 12, result.stderr)
        self.assert_says(result, "not all of the processes is recorded: processes.hsj could not be written: "
                                 "File too large")

    def test_subreaper_is_not_handed_on(self):
        # prctl(PR_GET_CHILD_SUBREAPER) within the program.
        script = ("import ctypes; value = ctypes.c_int(7); "
                  "ctypes.CDLL(None).prctl(37, ctypes.byref(value), 0, 0, 0); print(value.value)")
        result = self.run_hasten("-q", sys.executable, "-c", script)
        self.assertEqual((result.returncode, result.stdout), (0, "0\n"))
        # No process can be made: the program takes the launcher's place, and is none either.
        if os.getuid() != 0:
            self.skipTest("only root can become a user who may have no process")

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            os.setuid(65534)

        os.chmod(self.dir, 0o777)
        result = self.run_hasten("-q", "/usr/bin/python3", "-c", script, preexec_fn=limit)
        self.assertEqual((result.returncode, result.stdout), (0, "0\n"), result.stderr)


class OutOfMemory(support.RunTest):
    """In a cgroup of its own, where this is allowed."""

    def setUp(self):
        super().setUp()
        self.group = None
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
        for _, controllers, path in lines:
            if "memory" in controllers.split(","):
                self.make("/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes")
        for number, controllers, path in lines:
            if self.group is None and number == "0" and controllers == "":
                self.make("/sys/fs/cgroup" + path, "memory.max")
        if self.group is None:
            self.skipTest("no cgroup with a limit of memory can be made here")

    def make(self, parent, limit):
        group = f"{parent}/hasten-test-{os.getpid()}"
        try:
            os.mkdir(group)
            self.addCleanup(os.rmdir, group)
            with open(f"{group}/{limit}", "w", encoding="utf-8") as file:
                file.write(str(48 << 20))
        except OSError:
            return
        self.group = group

    def test_kill_is_counted(self):
        hog = "import os\nblock = []\nwhile True: block.append(b'x' * (1 << 20))"

        def enter():
            with open(f"{self.group}/cgroup.procs", "w", encoding="utf-8") as file:
                file.write(str(os.getpid()))

        result = self.run_hasten("-q", "--json", "run.json", sys.executable, "-c", hog, preexec_fn=enter)
        if result.returncode != 128 + signal.SIGKILL:
            self.skipTest(f"the limit does not hold here: {result.returncode}")
        begin, end = [record for record in read(self.path("hasten.data")) if record.type == "run"]
        self.assertEqual((begin.oom_kills, end.oom_kills), (0, 1))
        with open(self.path("run.json"), encoding="utf-8") as file:
            summary = json.load(file)
        self.assertEqual((summary["memory"]["oom_kills"], summary["status"]["class"]), (1, "MLE"))


if __name__ == "__main__":
    support.main()
