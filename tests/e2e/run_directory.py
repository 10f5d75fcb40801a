# SPDX-License-Identifier: Apache-2.0
"""The data directory: made, marked, moved aside, numbered, and never somebody else's."""
import os
import resource
import select
import stat
import struct
import subprocess

import run_support as support

NOBODY = 65534


class Directory(support.RunTest):
    def record(self, *arguments, **options):
        result = self.run_hasten(*arguments, support.TARGET, "exit", "11", **options)
        self.assertEqual(result.returncode, 11, result.stderr)
        return result

    def refuse(self, text, *arguments):
        """125 with the sentence, and nothing has changed here."""
        before = self.snapshot()
        result = self.run_hasten(*arguments, support.TARGET, "both")
        self.assert_says(result, text, 125)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.snapshot(), before)

    def snapshot(self):
        found = {}
        for folder, folders, names in os.walk(self.dir):
            for name in folders + names:
                path = os.path.join(folder, name)
                content = b""
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        content = file.read()
                found[path] = (os.lstat(path).st_mode, content)
        return found

    def make(self, name, files):
        os.mkdir(self.path(name))
        for file, text in files.items():
            with open(self.path(name, file), "w", encoding="utf-8") as out:
                out.write(text)

    def pid_start(self, pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return int(file.read().rpartition(")")[2].split()[19])

    def test_directory_new_is_private_and_says_who(self):
        result = subprocess.run(self.command(support.TARGET, "exit", "11"), env=self.env, text=True,
                                cwd=self.dir, capture_output=True, umask=0)
        self.assertEqual(result.returncode, 11)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("hasten.data")).st_mode), 0o700)
        self.assertEqual(sorted(os.listdir(self.path("hasten.data"))), ["processes.hsj", "session"])
        for name in ("session", "processes.hsj"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path("hasten.data", name)).st_mode), 0o600)
        session = self.session()
        self.assertEqual(session[""], "hasten-data 1")
        self.assertEqual(session["command"], f"{support.TARGET} exit 11")
        self.assertEqual(session["cwd"], self.dir)
        self.assertEqual((session["status"], session["finished"]), ("11", "1"))
        self.assertNotIn("signal", session)

    def test_directory_mode_does_not_depend_on_umask(self):
        subprocess.run(self.command(support.TARGET, "exit", "0"), env=self.env, cwd=self.dir,
                       capture_output=True, umask=0o777, check=True)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("hasten.data")).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("hasten.data", "processes.hsj")).st_mode), 0o600)
        self.assertEqual(self.session()["finished"], "1")

    def test_session_names_the_program_while_it_runs(self):
        process, pid = self.start_waiting()
        session = self.session()
        self.assertEqual((int(session["root"]), int(session["root_start"])),
                         (pid, self.pid_start(pid)))
        self.assertNotIn("finished", session)
        process.stdin.close()
        self.assertEqual(process.wait(), 7)
        self.assertEqual((int(self.session()["root"]), self.session()["status"]), (pid, "7"))

    def test_session_command_is_one_line(self):
        self.run_hasten("-q", support.TARGET, "args", "a b", "it's", "x\ny", "", "$HOME")
        self.assertEqual(self.session()["command"],
                         f"{support.TARGET} args 'a b' 'it'\\''s' $'x\\012y' '' '$HOME'")
        self.run_hasten("-q", support.TARGET, "args", "z" * 100000, "'" * 100000)
        self.assertEqual(self.session()["finished"], "1")
        self.assertLess(len(self.session()["command"]), 10000)

    def test_directory_finished_becomes_old(self):
        self.record()
        first = self.session()["root"]
        self.record()
        second = self.session()["root"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.session("hasten.data.old")["root"], first)
        with open(self.path("hasten.data", "1.1.hst"), "wb") as file:
            file.write(b"x")
        with open(self.path("hasten.data", "run.plan"), "wb") as file:
            file.write(b"x")
        for _ in range(2):
            self.record()
        self.assertEqual(sorted(os.listdir(self.dir)), ["hasten.data", "hasten.data.old"])

    def test_directory_named_is_moved_aside_likewise(self):
        self.record("-o", "mine")
        self.record("-o", "mine/")
        self.record("-o", self.path("mine"))
        self.assertEqual(sorted(os.listdir(self.dir)), ["mine", "mine.old"])

    def test_directory_of_a_dead_root_becomes_old(self):
        self.record()
        child = subprocess.Popen(["true"])
        child.wait()
        dead = f"hasten-data 1\nroot {child.pid}\nroot_start 1\n"
        # A process with the same pid that started later is another one.
        reused = f"hasten-data 1\nroot {os.getpid()}\nroot_start {self.pid_start(os.getpid()) - 1}\n"
        for text in (dead, reused, "hasten-data 1\n", "hasten-data 1\nroot 99999999999\n"):
            with open(self.path("hasten.data", "session"), "w", encoding="utf-8") as file:
                file.write(text)
            self.record()
            self.assertEqual(sorted(os.listdir(self.dir)), ["hasten.data", "hasten.data.old"])

    def test_directory_live_is_left_and_a_number_taken(self):
        process, pid = self.start_waiting()
        result = self.record()
        self.assert_says(result, f"in use by process {pid}, so this run goes into hasten.data.2")
        self.assertEqual(int(self.session()["root"]), pid)
        other, _ = self.start_waiting()
        # The finished hasten.data.2 gave way, and is in use now.
        self.assertEqual(sorted(os.listdir(self.dir)),
                         ["hasten.data", "hasten.data.2", "hasten.data.2.old"])
        self.record()
        self.assertIn("hasten.data.3", os.listdir(self.dir))
        # A number that is not ours to take is passed over.
        self.make("hasten.data.4", {"precious": "x"})
        third, _ = self.start_waiting("-q")
        fourth, _ = self.start_waiting("-q")
        self.assertIn("hasten.data.5", os.listdir(self.dir))
        self.assertEqual(os.listdir(self.path("hasten.data.4")), ["precious"])
        for one in (process, other, third, fourth):
            one.stdin.close()
            one.wait()

    def test_directory_with_a_background_process_is_live(self):
        self.record()
        header = bytearray(4096)
        header[0:8] = b"HSTN\r\n\x1a\n"
        struct.pack_into("<I", header, 28, os.getpid())
        struct.pack_into("<Q", header, 40, self.pid_start(os.getpid()))
        with open(self.path("hasten.data", f"{os.getpid()}.1.hst"), "wb") as file:
            file.write(header)
        self.assert_says(self.record(), f"in use by process {os.getpid()}")
        self.assertEqual(sorted(os.listdir(self.dir)), ["hasten.data", "hasten.data.2"])
        # A file that says that its process ended does not count.
        struct.pack_into("<I", header, 184, 1)
        with open(self.path("hasten.data", f"{os.getpid()}.1.hst"), "wb") as file:
            file.write(header)
        self.record()
        self.assertIn("hasten.data.old", os.listdir(self.dir))

    def test_directory_of_the_bare_preload_is_ours(self):
        header = bytearray(4096)
        header[0:8] = b"HSTN\r\n\x1a\n"
        struct.pack_into("<I", header, 28, os.getpid())
        struct.pack_into("<Q", header, 40, self.pid_start(os.getpid()) + 100)

        def make(name):
            os.makedirs(self.path(name), exist_ok=True)
            with open(self.path(name, "0.0.hst"), "wb") as file:
                file.write(header)

        make("hasten.data")
        self.assert_says(self.record(), f"in use by process {os.getpid()}")
        # One that has our pid, but began before us, has ended.
        struct.pack_into("<Q", header, 40, self.pid_start(os.getpid()) - 1)
        make("hasten.data")
        self.record()
        self.assertEqual(os.listdir(self.path("hasten.data.old")), ["0.0.hst"])
        header[0:8] = bytes(8)
        make("other")
        self.refuse("not hasten's data", "-o", "other")

    def test_directory_many_at_once_each_have_their_own(self):
        # Waiting for each one's first line proves that all of them run at the same time.
        started = [subprocess.Popen(self.command("-q", support.TARGET, "wait"), env=self.env,
                                    cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    text=True) for _ in range(12)]
        pids = [int(process.stdout.readline().split()[1]) for process in started]
        names = sorted(os.listdir(self.dir))
        self.assertEqual(len(names), 12)
        self.assertEqual(sorted(int(self.session(name)["root"]) for name in names), sorted(pids))
        for process in started:
            process.stdin.close()
            self.assertEqual(process.wait(), 7)
            process.stdout.close()

    def test_directory_not_ours_is_refused(self):
        self.make("hasten.data", {"precious": "x"})
        self.refuse("hasten.data exists and is not hasten's data")
        with open(self.path("hasten.data", "session"), "w", encoding="utf-8") as file:
            file.write("hasten-data 10\n")
        self.refuse("not hasten's data")
        with open(self.path("hasten.data", "session"), "w", encoding="utf-8") as file:
            file.write("something\nhasten-data 1\n")
        self.refuse("not hasten's data")

    def test_directory_session_of_another_kind_is_refused(self):
        os.mkdir(self.path("hasten.data"))
        os.mkfifo(self.path("hasten.data", "session"))
        self.refuse("not hasten's data")
        os.unlink(self.path("hasten.data", "session"))
        os.mkdir(self.path("hasten.data", "session"))
        self.refuse("not hasten's data")
        os.rmdir(self.path("hasten.data", "session"))
        with open(self.path("mark"), "w", encoding="utf-8") as file:
            file.write("hasten-data 1\n")
        os.symlink(self.path("mark"), self.path("hasten.data", "session"))
        self.refuse("not hasten's data")

    def test_directory_file_or_link_in_its_place_is_refused(self):
        with open(self.path("hasten.data"), "w", encoding="utf-8") as file:
            file.write("hasten-data 1\n")
        self.refuse("not hasten's data")
        os.unlink(self.path("hasten.data"))
        self.record("-o", "real")
        os.symlink("real", self.path("hasten.data"))
        self.refuse("not hasten's data")
        self.refuse("not hasten's data", "-o", "hasten.data/")

    def test_directory_empty_is_used(self):
        os.mkdir(self.path("given"), 0o755)
        self.record("-o", "given")
        self.assertEqual(sorted(os.listdir(self.path("given"))), ["processes.hsj", "session"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("given")).st_mode), 0o700)

    def test_directory_parent_missing_is_refused(self):
        self.refuse("absent/data cannot be made: No such file or directory", "-o", "absent/data")
        with open(self.path("file"), "w", encoding="utf-8") as file:
            file.write("")
        self.refuse("Not a directory", "-o", "file/data")

    def test_old_not_ours_is_refused(self):
        self.record()
        self.make("hasten.data.old", {"precious": "x"})
        self.refuse("hasten.data would become hasten.data.old, but that is not hasten's data")

    def test_old_with_a_foreign_file_is_refused(self):
        for name, kind in (("notes.txt", "file"), ("5.1.hst", "folder"), ("6.1.hst", "link")):
            with self.subTest(kind):
                self.setUp()
                self.record()
                self.record()
                path = self.path("hasten.data.old", name)
                if kind == "file":
                    with open(path, "w", encoding="utf-8") as file:
                        file.write("x")
                elif kind == "folder":
                    os.mkdir(path)
                else:
                    os.symlink("/etc/passwd", path)
                self.refuse(f"hasten.data.old has a file that is not hasten's ({name})")

    def test_old_live_makes_a_number_taken(self):
        process, pid = self.start_waiting("-q")
        os.rename(self.path("hasten.data"), self.path("hasten.data.old"))
        self.record()
        self.assert_says(self.record(), f"in use by process {pid}, so this run goes into "
                         "hasten.data.2")
        process.stdin.close()
        # The directory went another way while the program ran; its session went with it.
        self.assertEqual(process.wait(), 7)
        self.assertEqual(self.session("hasten.data.old")["finished"], "1")

    def unrecorded(self, text, **options):
        result = self.run_hasten(support.TARGET, "both", **options)
        self.assert_says(result, text, 0)
        self.assert_says(result, "runs unrecorded")
        self.assertEqual(result.stdout, "to stdout\n")
        self.assertIn("to stderr\n", result.stderr)

    def test_directory_of_another_user_program_still_runs(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to make another user's directory")
        self.record()
        os.chown(self.path("hasten.data"), NOBODY, NOBODY)
        self.unrecorded(f"hasten.data belongs to another user (uid {NOBODY})")
        self.assertEqual(sorted(os.listdir(self.dir)), ["hasten.data"])

    def test_old_of_another_user_program_still_runs(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to make another user's directory")
        self.record()
        self.record()
        os.chown(self.path("hasten.data.old"), NOBODY, NOBODY)
        self.unrecorded("hasten.data.old belongs to another user")

    def as_nobody(self):
        """Options that run hasten without root's rights, in a folder that it cannot write to."""
        if os.geteuid() == 0:
            probe = subprocess.run([support.TARGET, "exit", "0"], user=NOBODY, group=NOBODY,
                                   extra_groups=[], capture_output=True)
            if probe.returncode != 0:
                self.skipTest("the build folder cannot be reached without root's rights")
            return {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return {}

    def test_directory_not_writable_program_still_runs(self):
        try:
            options = self.as_nobody()
        except PermissionError:
            self.skipTest("the build folder cannot be reached without root's rights")
        os.chmod(self.dir, 0o555)
        self.addCleanup(os.chmod, self.dir, 0o755)
        self.unrecorded("hasten.data cannot be made: Permission denied", **options)

    def test_file_size_limit_program_still_runs(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        self.unrecorded("hasten.data cannot be written: File too large", preexec_fn=limit)
        self.assertEqual(os.listdir(self.dir), [])

    def test_directory_removed_by_the_program_status_kept(self):
        result = self.run_hasten("sh", "-c", "rm -r hasten.data; exit 12")
        self.assert_says(result, "cannot be noted in hasten.data", 12)

    def test_launcher_killed_program_and_mark_stay(self):
        process, pid = self.start_waiting("-q")
        process.kill()
        self.assertEqual(process.wait(), -9)
        # The program is alive, in our hands still, and its directory in use.
        self.assert_says(self.record(), f"in use by process {pid}")
        self.assertNotIn("finished", self.session())
        gone = os.pidfd_open(pid)
        process.stdin.close()
        self.assertEqual(process.stdout.read(), "")
        select.select([gone], [], [])
        os.close(gone)
        self.record()
        self.assertIn("hasten.data.old", os.listdir(self.dir))

    def test_stale_temporary_session_does_no_harm(self):
        self.record()
        with open(self.path("hasten.data", "session.5.tmp"), "w", encoding="utf-8") as file:
            file.write("half")
        self.record()
        self.record()
        self.assertEqual(sorted(os.listdir(self.dir)), ["hasten.data", "hasten.data.old"])


if __name__ == "__main__":
    support.main()
