# SPDX-License-Identifier: Apache-2.0
"""The command line: where options end, what is refused, and how the preload hears of the rest."""
import ctypes
import os
import re
import struct

import run_support as support

OURS = re.compile(r"^(HASTEN_\w+|LD_PRELOAD|ASAN_OPTIONS)=(.*)$")


class Options(support.RunTest):
    def seen(self, *arguments, env=None, **options):
        """The variables that the program sees, of those that concern the preload."""
        result = self.run_hasten(*arguments, support.TARGET, "env", env=env, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        matches = (OURS.match(line) for line in result.stdout.splitlines())
        found = {match[1]: match[2] for match in matches if match is not None}
        found.pop("HASTEN_PRELOAD_LIB", None)
        return found

    def refused(self, *arguments, env=None):
        result = self.run_hasten(*arguments, env=env)
        self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertFalse(os.path.exists(self.path("hasten.data")))
        return result.stderr.rstrip("\n")

    def test_options_later_ones_exit_2(self):
        for arguments in (["--no-functions"],):
            name = arguments[0].split("=")[0]
            self.assertEqual(self.refused(*arguments, support.TARGET, "exit", "0"),
                             f"hasten: run: {name} is not available in this version")

    def test_options_overhead_is_handed_on(self):
        self.assertNotIn("HASTEN_OVERHEAD", self.seen())
        self.assertEqual(self.seen("--overhead", "5%")["HASTEN_OVERHEAD"], "5%")
        self.assertEqual(self.seen("--overhead=0.5")["HASTEN_OVERHEAD"], "0.5")
        self.assertEqual(self.seen(env={"HASTEN_OVERHEAD": "7%"})["HASTEN_OVERHEAD"], "7%")
        self.assertNotIn("HASTEN_OVERHEAD", self.seen("--overhead=off", env={"HASTEN_OVERHEAD": "7%"}))
        self.assertEqual(self.seen("--overhead=5%", "--no-patch")["HASTEN_PATCH"], "0")
        self.assertEqual(self.seen(env={"HASTEN_PATCH": "0"})["HASTEN_PATCH"], "0")
        self.assertNotIn("HASTEN_PATCH", self.seen("--overhead=5%"))

    def test_options_values_are_asked_of_the_preload_alone(self):
        self.assertEqual(self.seen(env={"HASTEN_VALUES": "0"}).get("HASTEN_VALUES"), None)

    def test_options_overhead_leaves_memory_out(self):
        self.assertEqual(self.seen("--overhead=5%")["HASTEN_MEMORY"], "0")
        self.assertEqual(self.seen("--overhead=5%", "--memory")["HASTEN_MEMORY"], "1")
        self.assertEqual(self.seen("--overhead=5%", "--memory-all")["HASTEN_MEMORY"], "1")
        self.assertEqual(self.seen("--overhead=5%", env={"HASTEN_MEMORY": "1"})["HASTEN_MEMORY"], "1")
        self.assertNotIn("HASTEN_MEMORY", self.seen("--overhead=off"))
        self.assertNotIn("HASTEN_MEMORY", self.seen("--memory"))

    def test_options_overhead_needs_trace_mode(self):
        self.assertIn("needs --mode=trace",
                      self.refused("--overhead=5%", "--mode=profile", support.TARGET))
        self.assertIn("leave one of them out", self.refused("--overhead=5%", support.TARGET, env={"HASTEN_MODE": "profile"}))

    def test_options_that_hold_are_accepted(self):
        self.assertEqual(self.seen("--overhead", "off", "--no-system", "--no-subreaper",
                                   "--interval", "20").keys(), self.seen().keys())

    def test_options_no_memory_is_handed_on(self):
        self.assertNotIn("HASTEN_MEMORY", self.seen())
        self.assertNotIn("HASTEN_MEMORY", self.seen(env={"HASTEN_MEMORY": "1"}))
        self.assertEqual(self.seen("--no-memory")["HASTEN_MEMORY"], "0")
        self.assertEqual(self.seen("--memory-all")["HASTEN_MEMORY_ALL"], "1")
        self.assertNotIn("HASTEN_MEMORY_ALL", self.seen())
        self.assertEqual(self.seen(env={"HASTEN_MEMORY": "0"})["HASTEN_MEMORY"], "0")
        # What an outer hasten run made for its own program is no default.
        inner = {"HASTEN_MEMORY": "0", "HASTEN_LAUNCHER": "1"}
        self.assertNotIn("HASTEN_MEMORY", self.seen(env=inner))

    def test_options_no_cpu_is_handed_on(self):
        self.assertNotIn("HASTEN_CPU", self.seen())
        self.assertNotIn("HASTEN_CPU", self.seen(env={"HASTEN_CPU": "1"}))
        self.assertEqual(self.seen("--no-cpu")["HASTEN_CPU"], "0")
        self.assertEqual(self.seen(env={"HASTEN_CPU": "0"})["HASTEN_CPU"], "0")
        self.assertNotIn("HASTEN_CPU", self.seen(env={"HASTEN_CPU": "0", "HASTEN_LAUNCHER": "1"}))

    def test_options_unknown_exit_2(self):
        for option in ("--bogus", "-x", "-qx", "--mod=trace", "--limi", "---"):
            self.assertIn(f"unknown option {option}", self.refused(option, support.TARGET))

    def test_options_wrong_values_exit_2(self):
        for arguments, text in ((["--mode=fast"], "trace or profile"), (["--mode"], "needs a value"),
                                (["--limit", "12X"], "size such as 64M"),
                                (["--limit=0"], "size such as 64M"), (["--limit=-1"], "size such"),
                                (["--limit=1e9"], "size such"), (["--limit=99999999T"], "size such"),
                                (["--last=10"], "time such as 10s"), (["--last="], "time such"),
                                (["--interval", "x"], "time in milliseconds"),
                                (["--interval=0"], "time in milliseconds"),
                                (["--interval=3600001"], "time in milliseconds"),
                                (["--interval=2h"], "time in milliseconds"),
                                (["--json", "-"], "belongs to the program"),
                                (["--json="], "needs the name of a file"),
                                (["--color=pink"], "auto, always or never"),
                                (["--overhead=much"], "percentage such as 5%"),
                                (["--overhead=5%x"], "percentage such as 5%"),
                                (["--overhead=-1"], "percentage such as 5%"),
                                (["--paused=1"], "takes no value"), (["-o"], "needs a value"),
                                (["-o", ""], "name of a directory"), (["-q", "-o"], "needs a value")):
            command = arguments if text == "needs a value" else [*arguments, support.TARGET]
            self.assertIn(text, self.refused(*command))

    def test_options_wrong_variables_exit_2(self):
        for name, value in (("HASTEN_MODE", "fast"), ("HASTEN_LIMIT", "much"), ("HASTEN_LAST", "x"),
                            ("HASTEN_OVERHEAD", "x")):
            self.assertIn(name, self.refused(support.TARGET, env={name: value}))

    def test_options_no_program_exit_2(self):
        self.assertIn("name a program", self.refused())
        self.assertIn("name a program", self.refused("-q", "--"))

    def test_options_end_at_first_other_word(self):
        result = self.run_hasten(support.TARGET, "args", "-o", "elsewhere", "--bogus")
        self.assertEqual(result.stdout, f"[{support.TARGET}]\n[args]\n[-o]\n[elsewhere]\n[--bogus]\n")
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_options_end_at_two_dashes(self):
        os.symlink(support.TARGET, self.path("-o"))
        result = self.run_hasten("-q", "--", "-o", "args", env={"PATH": self.dir})
        self.assertEqual((result.returncode, result.stdout), (0, "[-o]\n[args]\n"))
        # Only the first "--" is ours.
        result = self.run_hasten("-q", "--", support.TARGET, "args", "--")
        self.assertEqual(result.stdout, f"[{support.TARGET}]\n[args]\n[--]\n")

    def test_options_letters_in_all_ways(self):
        for number, arguments in enumerate((["-o", "d0"], ["-od1"], ["-qo", "d2"], ["-qod3"],
                                            ["--output", "d4"], ["--output=d5"])):
            self.assertEqual(self.seen(*arguments)["HASTEN_DATA"], self.path(f"d{number}"))

    def test_help_lists_every_option(self):
        result = self.run_hasten("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for option in ("-o", "--mode", "--limit", "--filter", "--overhead", "--no-patch", "--args", "--plan",
                       "--no-memory", "--memory", "--no-cpu", "--no-functions", "--no-children", "--no-system", "--json",
                       "--interval", "--no-subreaper", "--last", "--paused", "-q", "--color"):
            self.assertRegex(result.stdout, rf"(?m)^ +(-\w, )?{option}\b")
        self.assertTrue(all(len(line) <= 100 for line in result.stdout.splitlines()))

    def test_quiet_leaves_only_errors(self):
        self.assertEqual(self.run_hasten("-q", support.TARGET, "kill", "15").stderr, "")
        self.assertNotEqual(self.run_hasten("-q", "./nothing").stderr, "")

    def test_color_only_if_wanted(self):
        self.assertNotIn("\x1b", self.run_hasten(support.TARGET, "kill", "15").stderr)
        for arguments, env, color in ((["--color"], {}, True), (["--color=always"], {}, True),
                                      (["--color=always"], {"NO_COLOR": "1"}, True),
                                      ([], {"FORCE_COLOR": "1"}, True),
                                      ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
                                      (["--color=never"], {"FORCE_COLOR": "1"}, False)):
            result = self.run_hasten(*arguments, support.TARGET, "kill", "15", env=env)
            self.assertEqual("\x1b" in result.stderr, color, (arguments, env))

    def test_names_with_control_bytes_are_made_harmless(self):
        result = self.run_hasten("./\x1b[31mred\n")
        self.assertEqual((result.returncode, result.stderr), (127, "hasten: ./?[31mred? is not found\n"))

    def test_environment_default(self):
        seen = self.seen()
        self.assertEqual(seen.pop("HASTEN_SECCOMP"), self.own_filters())
        seen.pop("HASTEN_TSC_HZ", None)
        self.assertEqual(seen, {
            "LD_PRELOAD": os.path.join(os.path.realpath(support.FILES), "libhasten.so"),
            "HASTEN_DATA": self.path("hasten.data"), "HASTEN_MODE": "trace", "HASTEN_LAUNCHER": "1"})

    @staticmethod
    def own_filters():
        with open("/proc/self/status", encoding="utf-8") as file:
            text = file.read()
        match = re.search(r"^Seccomp_filters:\s*(\d+)$", text, re.MULTILINE)
        return match[1] if match else str(int("\nSeccomp:\t2" in text))

    def test_environment_of_each_option(self):
        for arguments, name, value in ((["--mode=profile"], "HASTEN_MODE", "profile"),
                                       (["--limit", "64M"], "HASTEN_LIMIT", str(64 << 20)),
                                       (["--limit=1.5k"], "HASTEN_LIMIT", "1536"),
                                       (["--limit=2GiB"], "HASTEN_LIMIT", str(2 << 30)),
                                       (["--limit=4097"], "HASTEN_LIMIT", "4097"),
                                       (["--last=10s"], "HASTEN_LAST", "10000000000"),
                                       (["--last", "0.5ms"], "HASTEN_LAST", "500000"),
                                       (["--last=2m"], "HASTEN_LAST", "120000000000"),
                                       (["--paused"], "HASTEN_PAUSED", "1"),
                                       (["--no-children"], "HASTEN_CHILDREN", "0"),
                                       (["-o", "x/"], "HASTEN_DATA", self.path("x"))):
            self.assertEqual(self.seen(*arguments).get(name), value, arguments)
            if name not in ("HASTEN_MODE", "HASTEN_DATA"):
                self.assertNotIn(name, self.seen())

    def test_environment_gives_defaults_and_options_win(self):
        env = {"HASTEN_MODE": "profile", "HASTEN_LIMIT": "1M", "HASTEN_LAST": "5000",
               "HASTEN_PAUSED": "1", "HASTEN_CHILDREN": "0", "HASTEN_DATA": self.path("there")}
        seen = self.seen(env=env)
        self.assertEqual({name: seen[name] for name in env}, {**env, "HASTEN_LIMIT": str(1 << 20)})
        seen = self.seen("--mode=trace", "--limit=2M", "--last=1s", "-o", "here", env=env)
        self.assertEqual((seen["HASTEN_MODE"], seen["HASTEN_LIMIT"], seen["HASTEN_LAST"],
                          seen["HASTEN_DATA"]),
                         ("trace", str(2 << 20), "1000000000", self.path("here")))
        # Off, and empty, are no wishes.
        seen = self.seen(env={"HASTEN_PAUSED": "0", "HASTEN_LIMIT": "", "HASTEN_CHILDREN": "1"})
        self.assertTrue({"HASTEN_PAUSED", "HASTEN_LIMIT", "HASTEN_CHILDREN"}.isdisjoint(seen))

    def test_environment_of_an_outer_run_is_not_a_default(self):
        inner = [support.HASTEN, "run", "-q", support.TARGET, "env"]
        result = self.run_hasten("-q", "--mode=profile", "--limit=1M", "--no-children", "-o", "outer",
                                 *inner)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"HASTEN_DATA={self.path('hasten.data')}\n", result.stdout)
        self.assertIn("HASTEN_MODE=trace\n", result.stdout)
        self.assertNotIn("HASTEN_LIMIT", result.stdout)
        self.assertNotIn("HASTEN_CHILDREN", result.stdout)
        preload = re.search(r"^LD_PRELOAD=(.*)$", result.stdout, re.MULTILINE)[1]
        self.assertEqual(preload.count("libhasten.so"), 1)

    def test_environment_keeps_other_preloads_behind(self):
        other = support.build("int other;", "libother.so", "-shared", "-fPIC")
        ours = os.path.join(os.path.realpath(support.FILES), "libhasten.so")
        self.assertEqual(self.seen(env={"LD_PRELOAD": other})["LD_PRELOAD"], f"{ours}:{other}")
        asan = "/usr/lib/libasan.so.8"
        for value, seen in ((asan, f"{asan}:{ours}"), (f"{asan}:{other}", f"{asan}:{ours}:{other}")):
            self.assertEqual(self.seen(env={"LD_PRELOAD": value})["LD_PRELOAD"], seen)
        twice = f"{ours}:{other}"
        self.assertEqual(self.seen(env={"LD_PRELOAD": twice})["LD_PRELOAD"], twice)

    def test_environment_counts_seccomp_filters(self):
        def install():
            # One filter that allows everything: BPF_RET | BPF_K with SECCOMP_RET_ALLOW.
            libc = ctypes.CDLL(None, use_errno=True)
            code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000), 8)
            program = struct.pack("HxxxxxxP", 1, ctypes.addressof(code))
            if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
                os._exit(77)

        result = self.run_hasten("-q", support.TARGET, "env", preexec_fn=install)
        if result.returncode == 77:
            self.skipTest("no seccomp filters here")
        expected = int(self.own_filters()) + 1
        self.assertIn(f"HASTEN_SECCOMP={expected}\n", result.stdout)

    def test_clock_is_measured_kept_and_used(self):
        cache = {"XDG_CACHE_HOME": self.path("cache")}
        os.mkdir(self.path("cache"))
        first = self.seen(env=cache)
        session = self.session()
        if "tsc_hz" not in session:
            self.skipTest("no constant time stamp counter here")
        self.assertNotIn("HASTEN_TSC_HZ", first)
        with open(self.path("cache", "hasten", "tsc"), encoding="utf-8") as file:
            boot, khz, _ = file.read().split()
        self.assertEqual(boot, session["boot_id"])
        self.assertEqual(int(khz), round(int(session["tsc_hz"]) / 1000))
        self.assertEqual(self.seen(env=cache)["HASTEN_TSC_HZ"], khz + "000")

    def test_clock_of_another_boot_or_nonsense_is_not_used(self):
        os.makedirs(self.path("cache", "hasten"))
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
        for text in ("00000000-0000-0000-0000-000000000000 2000000 1000000000000\n", "", "x\n",
                     f"{boot} 3 1000000000000\n", f"{boot} 99999999999999999999 1\n",
                     "a" * 100000):
            with open(self.path("cache", "hasten", "tsc"), "w", encoding="utf-8") as file:
                file.write(text)
            seen = self.seen(env={"XDG_CACHE_HOME": self.path("cache")})
            self.assertNotIn("HASTEN_TSC_HZ", seen, text)

    def test_cache_not_writable_does_not_matter(self):
        result = self.run_hasten(support.TARGET, "exit", "8",
                                 env={"XDG_CACHE_HOME": "/proc/nothing", "HOME": None})
        self.assertEqual(result.returncode, 8)


if __name__ == "__main__":
    support.main()
