# SPDX-License-Identifier: Apache-2.0
"""What of a pointer counts in a key: the text or block that it points to, or the address, against what the source prints.

    run_content.py HASTEN RUN_TARGET PRELOAD DECODER_FOLDER
"""
import collections
import os
import struct
import sys
import unittest

import run_args
import run_support as support

LIBRARY = ""

# Each call says what it was given: t TEXT, b BLOCK, a ADDRESS, v VALUE; x: what cannot be read.
PROGRAM = r"""
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#define QUIET __attribute__((no_instrument_function))
#define OWN __attribute__((noinline))
typedef const char *label;
typedef unsigned char octet;
QUIET static void begin(const char *name) { printf("%s", name); }
QUIET static void hex(char what, const void *from, size_t bytes)
{
    printf(" %c", what);
    for (size_t i = 0; i < bytes; i++)
        printf("%02x", ((const unsigned char *)from)[i]);
}
QUIET static void t(const char *s) { if (s == NULL) printf(" t-"); else hex('t', s, strlen(s)); }
QUIET static void b(const void *p, long n) { if (p == NULL) printf(" b-"); else hex('b', p, (size_t)n); }
QUIET static void a(const void *p) { printf(" a%llx", (unsigned long long)(uintptr_t)p); }
QUIET static void v(long long n) { printf(" v%lld", n); }
QUIET static void end(void) { puts(""); }
#define KEEP(x) __asm__ volatile("" : "+g"(x) : : "memory")

OWN int text(const char *s, int k) { begin("text"); t(s); v(k); end(); KEEP(s); KEEP(k); return k; }
OWN int named(label s, const octet *bytes, size_t byte_count)
{ begin("named"); t(s); b(bytes, (long)byte_count); v((long long)byte_count); end(); KEEP(s); KEEP(bytes); KEEP(byte_count); return 1; }
OWN long block(const void *from, size_t n) { begin("block"); b(from, (long)n); v((long long)n); end(); KEEP(from); KEEP(n); return 2; }
OWN int counted(const char *buf, int bufLen) { begin("counted"); b(buf, bufLen); v(bufLen); end(); KEEP(buf); KEEP(bufLen); return 3; }
OWN int items(const void *from, size_t size, size_t nmemb)
{ begin("items"); a(from); v((long long)size); v((long long)nmemb); end(); KEEP(from); KEEP(size); KEEP(nmemb); return 4; }
OWN int between(const char *from, const char *end) { begin("between"); a(from); a(end); puts(""); KEEP(from); KEEP(end); return 5; }
OWN int later(const char *s, int flags, size_t len) { begin("later"); a(s); v(flags); v((long long)len); end(); KEEP(s); KEEP(flags); KEEP(len); return 6; }
OWN int room(char *out, size_t len) { begin("room"); a(out); v((long long)len); end(); KEEP(out); KEEP(len); return 7; }
OWN int numbers(const int *from, int n) { begin("numbers"); a(from); v(n); end(); KEEP(from); KEEP(n); return 8; }
OWN int named_twice(const char *a_, const char *b_) { begin("named_twice"); t(a_); t(b_); end(); KEEP(a_); KEEP(b_); return 9; }
OWN int unread(const char *s, int k) { begin("unread"); printf(" x"); end(); KEEP(s); KEEP(k); return k; }
OWN int unread_block(const void *p, size_t n) { begin("unread_block"); printf(" x"); end(); KEEP(p); KEEP(n); return 1; }
QUIET int main(void)
{
    static char page[2][4096], longest[4200];
    char *gone = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int ints[3] = { 1, 2, 3 };
    mprotect(gone + 4096, 4096, PROT_NONE);
    memset(longest, 'z', sizeof longest - 1);
    for (int i = 0; i < 60; i++) {
        char *at = page[i % 2] + 8 * i; /* equal contents at other addresses */
        int n = 3 + i % 3;
        memcpy(at, "abcdefg", 8);
        at[n] = i % 5 == 0 ? 0 : at[n];
        text(i % 7 == 6 ? NULL : at, i % 2);
        named(at, (const octet *)at, (size_t)n);
        block(i % 7 == 6 ? NULL : at, (size_t)n);
        counted(at, n);
        items(at, 2, 2);
        between(at, at + n);
        later(at, 1, (size_t)n);
        room(at, (size_t)n);
        numbers(ints, i % 3);
        named_twice(at, at + 1);
        memset(gone, 'q', 4096);
        unread((const char *)16, i);
        unread(gone + 4090, i);       /* no NUL before the page that is not there */
        unread(longest, i);
        unread_block(gone + 4090, 10);
        unread_block(longest, 4097);
        memcpy(gone + 4088, "edge of", 8);
        text(gone + 4088, i % 2);     /* up to its last byte */
        counted(gone + 4090, 6);
    }
    return 0;
}
"""
UNREADABLE = 60 * 5
ALL = ("text", "named", "block", "counted", "items", "between", "later", "room", "numbers", "named_twice")


class Content(support.RunTest):
    def setUp(self):
        super().setUp()
        self.own_homes(LIBRARY)

    def make(self, *flags, compiler="gcc"):
        path = support.build(PROGRAM, "content", "-g", "-w", "-finstrument-functions", *flags, compiler=compiler)
        os.rename(path, self.path("app"))

    def say(self, *lines):
        with open(self.path("config", "hasten", "functions.conf"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def record(self, status=0):
        result = self.run_hasten("-q", "--args", "./app")
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def lost(self):
        counted = 0
        for path in decode.files_of(self.path("hasten.data")):
            with open(path, "rb") as file:
                counted += struct.unpack_from("<I", file.read(4096), 2332)[0]
        return counted

    @staticmethod
    def truth(text):
        """How often each key of each function must be there."""
        calls = collections.defaultdict(collections.Counter)
        for line in text.splitlines():
            name, *words = line.split()
            values = []
            for word in words:
                kind, rest = word[0], word[1:]
                if kind == "x":
                    break
                if kind == "v":
                    values.append(int(rest))
                elif kind == "a":
                    values.append(int(rest, 16))
                else:
                    values.append(keys.content(None if rest == "-" else bytes.fromhex(rest)))
            else:
                calls[name][keys.pieces(*values)] += 1
        return calls

    def found(self):
        calls = collections.defaultdict(collections.Counter)
        for name, counts in run_args.found_calls(self.path("hasten.data")).items():
            for (key, _), count in counts.items():
                calls[name][key] += count
        return calls

    def test_equal_contents_have_equal_keys(self):
        for compiler in ("gcc", "clang"):
            for flags in (("-O0",), ("-O1",), ("-O2",), ("-O2", "-gdwarf-4")):
                if not support.can_build(*flags, compiler=compiler):
                    continue
                self.make(*flags, compiler=compiler)
                result = self.record()
                found, truth = self.found(), self.truth(result.stdout)
                for name in ALL:
                    with self.subTest(compiler=compiler, flags=flags, function=name):
                        self.assertEqual(found[name], truth[name])
                with self.subTest(compiler=compiler, flags=flags):
                    self.assertEqual((dict(found["unread"]), dict(found["unread_block"])), ({}, {}))
                    self.assertEqual(self.lost(), UNREADABLE)
                    # The point of it: few keys where addresses differ each time.
                    self.assertLess(len(found["text"]), 13)
                    self.assertGreater(len(found["later"]), 50)

    def own_times(self):
        """How often hasten said that it was at work, between two events or for a part of that."""
        count = 0
        for path in decode.files_of(self.path("hasten.data")):
            trace = decode.File(path)
            for number, chunks in trace.streams.items():
                stream = decode.Stream(number)
                for chunk in chunks:
                    events = decode.decode_chunk(trace.header, trace.data, chunk, stream, trace.notes).events
                    count += sum(code == decode.OP_OWN and detail > 0 for code, _, _, detail in events)
        return count

    def test_reading_is_nobodys_time(self):
        self.make("-O2")
        result = self.record()
        # what is read by content, and is not NULL; where the thread was switched out meanwhile nothing is said
        reads = sum(any(word[0] in "tb" and word[1:] != "-" for word in line.split()[1:]) for line in result.stdout.splitlines())
        self.assertGreater(reads, 200)
        self.assertGreater(self.own_times(), reads * 3 // 4)
        self.say("key * address")
        self.record()
        self.assertLess(self.own_times(), reads // 10)

    def test_the_user_says_otherwise(self):
        self.make("-O2")
        self.say("# comment", "key text address", "key name* address", "key room content", "key items content", "key numbers content")
        result = self.record()
        found, truth = self.found(), self.truth(result.stdout)
        for name in ("text", "named", "named_twice"):
            self.assertEqual(sum(found[name].values()), sum(truth[name].values()), name)
            self.assertFalse(set(found[name]) & set(truth[name]) - {keys.pieces(0, 0), keys.pieces(0, 1)}, name)
        self.assertEqual(len(found["room"]), 3)
        for name in ("block", "counted", "items", "between", "numbers"):
            self.assertEqual(found[name], truth[name], name)
        # The store keeps them apart: without the lines it is as before.
        self.say("")
        result = self.record()
        self.assertEqual(self.found()["text"], self.truth(result.stdout)["text"])

    def test_wrong_lines_are_named(self):
        self.make("-O2")
        for line, words in (("key text contents", "line 1: 'contents' is neither address nor content"),
                            ("key text", "line 1: expected 'key FUNCTION address'"),
                            ("status text wrong", "'wrong' is none of negative"), ("Key a address", "line 1: expected")):
            self.say(line)
            self.assertIn(words, self.record(status=125).stderr)
        self.env["HASTEN_FUNCTIONS"] = self.path("absent.conf")
        self.assertIn("absent.conf' cannot be read", self.record(status=125).stderr)

    def test_a_store_of_an_older_form_is_not_used(self):
        self.make("-O2")
        self.record()
        folder = self.path("cache", "hasten")
        folder = os.path.join(folder, next(name for name in os.listdir(folder) if name.startswith("args-")))
        self.assertEqual([name.rpartition("-")[2] for name in os.listdir(folder)], ["2.args"])

    def test_nowhere_to_keep_places(self):
        self.make("-O2")
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOME"):
            self.env.pop(name, None)
        result = self.record()
        self.assertEqual(self.found()["text"], self.truth(result.stdout)["text"])


if __name__ == "__main__":
    LIBRARY = os.path.abspath(sys.argv[3])
    decoders = os.path.abspath(sys.argv[4])
    sys.path[:0] = [decoders, os.path.join(os.path.dirname(decoders), "hooks", "memory")]
    # pylint: disable=wrong-import-position,import-error
    import decode
    import heap_replay
    import keys
    vars(run_args).update(decode=decode, heap_replay=heap_replay, keys=keys)
    del sys.argv[3:5]
    support.main()
