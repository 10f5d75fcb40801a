# SPDX-License-Identifier: Apache-2.0
"""`hasten run --args`: keys and results against what the source itself prints, by the second decoder.

    run_args.py HASTEN RUN_TARGET PRELOAD DECODER_FOLDER
"""
import collections
import os
import stat
import struct
import subprocess
import sys
import unittest

import run_support as support

LIBRARY = ""

# Arguments are used behind the first statement, so that they are still alive at the hook.
PROGRAM = r"""
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#define QUIET __attribute__((no_instrument_function))
#define OWN __attribute__((noinline))
union bits { double d; uint64_t u; };
QUIET static unsigned long long bits_of(double d) { union bits b = { .d = d }; return b.u; }
QUIET static void note(const char *name, long long a, long long b, long long result)
{
    printf("%s %lld %lld %lld\n", name, a, b, result);
}
OWN int mix(int a, unsigned char b)
{
    int result = a / 3 - b;
    note("mix", a, b, result);
    return result;
}
OWN bool odd(unsigned long n)
{
    bool result = n & 1;
    note("odd", (long long)n, -1, result);
    return result;
}
OWN double scale(double x, short y)
{
    double result = x * y;
    note("scale", (long long)bits_of(x), y, (long long)bits_of(result));
    return result;
}
OWN void nothing(const int *from)
{
    note("nothing", from != NULL, -1, -1);
}
int main(void)
{
    for (int i = 0; i < 500; i++) {
        volatile int r = mix(i % 7 - 3, (unsigned char)(i % 5));
        volatile bool b = odd((unsigned long)i % 9);
        volatile double d = scale(i % 4 * 0.5, (short)(i % 3 - 1));
        (void)r; (void)b; (void)d;
        nothing(NULL);
    }
    return 0;
}
"""
# Calls from everywhere: the child of vfork, a coroutine, a handler, behind longjmp, a sandbox, another user's process.
PLACES = r"""
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#define QUIET __attribute__((no_instrument_function))
#define OWN __attribute__((noinline))
static ucontext_t here, there;
static jmp_buf back;
QUIET static void note(const char *name, long long a, long long b, long long result)
{
    printf("%s %lld %lld %lld\n", name, a, b, result);
}
OWN int mix(int a, unsigned char b)
{
    volatile int result = a / 3 - b;
    note("mix", a, b, result);
    return result;
}
OWN int leaves(int a)
{
    note("leaves", a, 0, 0);
    if (a % 2) longjmp(back, 1);
    return a;
}
QUIET static void handler(int signal) { (void)signal; mix(77, 7); }
static void coroutine(void)
{
    for (int i = 0; i < 20; i++) { mix(i, 5); swapcontext(&there, &here); mix(-i, 6); }
}
int main(void)
{
    static char stack[65536];
    struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { 1, all };
    signal(SIGUSR1, handler);
    for (int i = 0; i < 20; i++) { mix(i, 1); raise(SIGUSR1); }
    for (volatile int i = 0; i < 20; i++) { if (setjmp(back) == 0) leaves(i); mix(i, 2); }
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, coroutine, 0);
    for (int i = 0; i < 21; i++) { swapcontext(&here, &there); mix(i, 3); }
    fflush(stdout);
    if (vfork() == 0) _exit(0);
    if (fork() == 0) { for (int i = 0; i < 20; i++) mix(i, 8); fflush(stdout); _exit(0); }
    while (wait(NULL) > 0) { }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) abort();
    for (int i = 0; i < 20; i++) mix(i, 9);
    return 0;
}
"""
HOOKS = ("-g", "-finstrument-functions")
WAYS = [(compiler, level, *more) for compiler in ("gcc", "clang") for level, *more in
        (("-O0",), ("-O1",), ("-O2", "-fomit-frame-pointer"), ("-O3", "-gdwarf-4"), ("-O2", "-fcf-protection", "-fno-plt"))]


def found_calls(data):
    """Per function: how often each (key, result or None) was recorded."""
    found = collections.defaultdict(collections.Counter)
    heap_replay.symbols_of.cache_clear()  # the program was built anew under its name
    for path in decode.files_of(data):
        trace = decode.File(path)
        names = heap_replay.Names(trace)
        for number, chunks in sorted(trace.streams.items()):
            stream = decode.Stream(number)
            stack = []
            for chunk in chunks:
                out = decode.decode_chunk(trace.header, trace.data, chunk, stream, trace.notes)
                if out.error:
                    raise AssertionError(out.error)
                for code, _, who, detail in out.events:
                    if code == decode.ENTER:
                        stack.append([who[1], None, None])
                    elif code in keys.KEY_OPS:
                        stack[-1][1] = detail[0]
                    elif code in keys.RESULT_OPS:
                        stack[-1][2] = detail
                    elif code in (decode.EXIT, decode.OP_EXIT_ERROR):
                        function, key, result = stack.pop()
                        if key is not None:
                            found[names.find(function)[1]][(key, result)] += 1
    return found


def found_values(data):
    """Per function: each (arguments, result) that the trace has in words, the result None where it has none."""
    found = collections.defaultdict(set)
    flags = 0
    heap_replay.symbols_of.cache_clear()
    for path in decode.files_of(data):
        trace = decode.File(path)
        flags |= struct.unpack_from("<I", trace.data, 24)[0]
        names = heap_replay.Names(trace)
        arguments, results = {}, {}
        for _, out, _ in decode.decoded(trace):
            stack = []
            for code, _, who, detail in out.events:
                if code == decode.ENTER:
                    stack.append([who[1], None, None])
                elif code in keys.KEY_OPS:
                    stack[-1][1] = detail[0]
                elif code == keys.OP_KEY_VALUES:
                    arguments[stack[-1][0], stack[-1][1]] = tuple(detail)
                elif code in keys.RESULT_OPS and stack:
                    stack[-1][2] = detail[0]
                elif code == keys.OP_RESULT_VALUE and stack:
                    results[stack[-1][2]] = detail
                elif code in (decode.EXIT, decode.OP_EXIT_ERROR) and stack:
                    function, key, result = stack.pop()
                    if (function, key) in arguments:
                        found[names.find(function)[1]].add((arguments[function, key], results.get(result)))
    return found, bool(flags & 1 << 16)


class Arguments(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def make(self, name, *flags, compiler="gcc", text=PROGRAM):
        path = support.build(text, name, *flags, compiler=compiler)
        os.rename(path, self.path(name))

    def record(self, *more, program="./app"):
        result = self.run_hasten("-q", *more, program)
        self.assertEqual(result.returncode, 0, result.stderr)
        plain = subprocess.run([program], cwd=self.dir, capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout, plain.stdout)
        return result, found_calls(self.path("hasten.data"))

    @staticmethod
    def truth(text):
        """What must be there: per function how often each key was, with each result."""
        calls = collections.defaultdict(collections.Counter)
        for line in text.splitlines():
            name, a, b, result = line.split()
            a, b, result = int(a), int(b), int(result)
            if name == "nothing":
                calls[name][keys.pieces(0), None] += 1
                continue
            values = (a,) if name == "odd" else (a, b)
            negative = result < 0 if name == "mix" else False
            calls[name][keys.pieces(*values), (keys.pieces(result), (result == 0) | negative << 1)] += 1
        return calls

    def test_keys_and_results_are_those_of_the_source(self):
        readable = collections.Counter()
        for compiler, *flags in WAYS:
            if not support.can_build(*flags, compiler=compiler):
                continue
            self.make("app", *HOOKS, *flags, compiler=compiler)
            result, found = self.record("--args")
            truth = self.truth(result.stdout)
            for name, calls in truth.items():
                with self.subTest(compiler=compiler, flags=flags, function=name):
                    # What cannot be read is left out whole; what is there must be right.
                    if name not in found:
                        continue
                    readable[compiler, name] += 1
                    by_key = collections.Counter()
                    for (key, _), count in found[name].items():
                        by_key[key] += count
                    wanted = collections.Counter()
                    for (key, _), count in calls.items():
                        wanted[key] += count
                    self.assertEqual(by_key, wanted)
                    for (key, value), count in found[name].items():
                        if value is not None:
                            self.assertEqual(calls[key, value], count)
        for name in ("mix", "odd", "scale", "nothing"):
            self.assertEqual(readable["gcc", name], 5, f"{name}, gcc: {dict(readable)}")

    def test_values_are_those_of_the_source(self):
        seen = collections.Counter()
        for compiler, *flags in WAYS:
            if not support.can_build(*flags, compiler=compiler):
                continue
            self.make("app", *HOOKS, *flags, compiler=compiler)
            result, _ = self.record("--values")
            found, said = found_values(self.path("hasten.data"))
            self.assertTrue(said)
            truth = collections.defaultdict(set)
            for line in result.stdout.splitlines():
                name, *numbers = line.split()
                a, b, returned = (int(number) & keys.MASK64 for number in numbers)
                values = (0,) if name == "nothing" else (a,) if name == "odd" else (a, b)
                truth[name].add((values, None if name == "nothing" else returned))
            for name in set(found) & set(truth):
                with self.subTest(compiler=compiler, flags=flags, function=name):
                    seen[compiler, name] += 1
                    self.assertEqual({values for values, _ in found[name]}, {values for values, _ in truth[name]})
                    known = {entry for entry in found[name] if entry[1] is not None}
                    self.assertLessEqual(known, truth[name])
                    if compiler == "gcc" and name in ("mix", "odd", "scale"):
                        self.assertEqual(known, truth[name])
        for name in ("mix", "odd", "scale", "nothing"):
            self.assertEqual(seen["gcc", name], 5, f"{name}, gcc: {dict(seen)}")
        self.assertTrue([name for compiler, name in seen if compiler == "clang"] or not support.can_build(compiler="clang"))

    def test_keys_are_right_wherever_the_call_is_made(self):
        """Each key is one that the source names; those of `mix` are all there, however its caller was left or begun."""
        for more in (("--args",), ("--values",), ("--args", "--overhead=1%")):
            with self.subTest(options=more):
                self.make("app", *HOOKS, "-O1", text=PLACES)
                result, found = self.record(*more)
                truth = collections.Counter()
                for line in result.stdout.splitlines():
                    name, a, b, _ = line.split()
                    values = (int(a),) if name == "leaves" else (int(a), int(b))
                    truth[name, keys.pieces(*values)] += 1
                keyed = collections.Counter()
                for name, calls in found.items():
                    for (key, _), count in calls.items():
                        keyed[name, key] += count
                keyed = collections.Counter({call: count for call, count in keyed.items() if call[0] in ("mix", "leaves")})
                self.assertFalse(keyed - truth, "keys that no call had")
                if "--overhead=1%" not in more:
                    mix = {call: count for call, count in truth.items() if call[0] == "mix"}
                    self.assertEqual({call: count for call, count in keyed.items() if call[0] == "mix"}, mix)
                self.assertTrue(keyed)

    def test_values_only_where_they_are_asked_for(self):
        self.make("app", *HOOKS, "-O2")
        self.record("--args")
        self.assertEqual(found_values(self.path("hasten.data")), ({}, False))
        self.record("--values", "--args=odd")
        found, said = found_values(self.path("hasten.data"))
        self.assertEqual((set(found), said), ({"odd"}, True))
        result = self.run_hasten("--values", "--mode=profile", "./app")
        self.assert_says(result, "--args needs --mode=trace", 2)

    def test_second_run_takes_the_places_from_the_store(self):
        self.make("app", *HOOKS, "-O2")
        self.record("--args")
        store = self.path("cache", "hasten")
        folder = os.path.join(store, next(name for name in os.listdir(store) if name.startswith("args-")))
        stored = os.path.join(folder, os.listdir(folder)[0])
        self.assertEqual(stat.S_IMODE(os.stat(stored).st_mode), 0o600)
        before = os.stat(stored).st_ino
        _, first = self.record("--args")
        self.assertEqual(os.stat(stored).st_ino, before)
        # Others could have written it: it is made anew.
        os.chmod(stored, 0o666)
        _, second = self.record("--args")
        self.assertNotEqual(os.stat(stored).st_ino, before)
        self.assertEqual(first, second)
        with open(stored, "r+b") as file:
            file.truncate(100)
        _, third = self.record("--args")
        self.assertEqual(first, third)
        self.assertGreater(os.stat(stored).st_size, 100)

    def test_only_the_functions_that_are_named(self):
        self.make("app", *HOOKS, "-O2")
        _, found = self.record("--args=od*,nothing,!noth*")
        self.assertEqual(set(found), {"odd"})
        _, found = self.record("--args=nothing", "--filter=!mix")
        self.assertEqual(set(found), {"nothing"})
        result = self.run_hasten("--args=odd,nobody", "./app")
        self.assert_says(result, 'no function matches "nobody"', 0)

    def test_without_arguments_to_read_it_says_so(self):
        self.make("app", "-O2", "-finstrument-functions", "-g0")
        result = self.run_hasten("--args", "./app")
        self.assertEqual((result.returncode, result.stdout), (125, ""), result.stderr)
        self.assertIn("debug information", result.stderr)
        self.make("app", "-O2", "-g")
        result = self.run_hasten("--args", "./app")
        self.assertEqual(result.returncode, 125)
        self.assertIn("-finstrument-functions -g", result.stderr)
        self.make("app", *HOOKS, "-O2")
        result = self.run_hasten("--args=nobody", "./app")
        self.assertEqual(result.returncode, 125)
        self.assertIn("nobody", result.stderr)
        result = self.run_hasten("--args", "--mode=profile", "./app")
        self.assert_says(result, "--args needs --mode=trace", 2)

    def test_no_keys_without_the_option(self):
        self.make("app", *HOOKS, "-O2")
        _, found = self.record()
        self.assertEqual(found, {})


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv[3])
    folder = os.path.abspath(sys.argv[4])
    sys.path[:0] = [folder, os.path.join(os.path.dirname(folder), "hooks", "memory")]
    # pylint: disable=wrong-import-position,import-error
    import decode
    import heap_replay
    import keys
    del sys.argv[3:5]
    support.main()
