#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Arguments and results of a program whose places are known, by a plan that is written here.

    argstest.py --hasten H --preload P --programs DIR CASE       argstest.py --list

What the program says of its calls is hashed as docs/trace-format.md has it and compared with the keys of the recording, which
the second decoder reads. The writer checks itself, and the program's output must be what it is without hasten.
"""

import argparse
import collections
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "decoder"))
# pylint: disable=wrong-import-position
import decode
import keys
from container import File

FILTER, ENTER, EXIT, PIECES = 1, 2, 3, 4
NONE, REGISTER, SP, RBP, CFA, CONSTANT = range(6)
SIGNED, STRING, COUNTED = 0x80, 1, 2
RBX, R12, R13, R14, R15 = 3, 12, 13, 14, 15
FLAG_PLAN_REFUSED, FLAG_CHECK_FAILED, FLAG_ARGUMENTS, FLAG_REFUSED = 512, 4096, 16384, 32768
FLAG_FILTERED, FLAG_VALUES = 2, 65536


def piece(kind, place, width=8, content=0):
    return struct.pack("<BBBBi", kind, place if kind == REGISTER else 0, width, content, 0 if kind == REGISTER else place)


VOID = struct.pack("<8x")
RECIPES = {
    "two": ([piece(REGISTER, RBX, 4, SIGNED), piece(REGISTER, R12)], piece(REGISTER, R12, 8, SIGNED)),
    "slots": (
        [piece(RBP, -92, 4, SIGNED), piece(SP, 8, 2, SIGNED), piece(CFA, 0, 8)],
        piece(SP, 12, 4, SIGNED),
    ),
    "text": ([piece(REGISTER, RBX, 8, STRING)], VOID),
    "block": ([piece(REGISTER, R13, 8, COUNTED), piece(REGISTER, R14)], piece(CONSTANT, -3, 4, SIGNED)),
    "deep": ([piece(REGISTER, RBX, 4, SIGNED)], piece(REGISTER, RBX, 4, SIGNED)),
    "jumper": ([piece(REGISTER, R15)], piece(REGISTER, R15)),
}


class Failure(Exception):
    pass


def require(condition, text, *values):
    if not condition:
        raise Failure(text % values if values else text)


class Binary:
    def __init__(self, path):
        listing = subprocess.run(["nm", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        self.symbols = {line.split()[-1]: int(line.split()[0], 16) for line in listing.split("\n") if len(line.split()) == 3}
        notes = subprocess.run(["readelf", "-n", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        self.build_id = bytes.fromhex(re.search("Build ID: ([0-9a-f]+)", notes).group(1))


def plan(*binaries, recipes=None, sections=(), build_id=None):
    """A plan for these programs and libraries: of the functions that each has."""
    recipes = recipes or RECIPES
    listed = list(sections)
    for binary in binaries:
        enters, exits, pieces = [], [], []
        for name, (arguments, result) in recipes.items():
            if name not in binary.symbols:
                continue
            fn = binary.symbols[name]
            enters.append((binary.symbols[name + "_enter"], len(pieces), len(arguments), 0, fn))
            exits.append((binary.symbols[name + "_exit"], fn, result))
            pieces += arguments
        who = build_id or binary.build_id
        listed += [
            (ENTER, who, [struct.pack("<QIHHQ", *enter) for enter in sorted(enters)]),
            (EXIT, who, [struct.pack("<QQ8s", *leave) for leave in sorted(exits)]),
            (PIECES, who, pieces),
        ]
    offset, table, body = 32 + 64 * len(listed), b"", b""
    for kind, who, items in listed:
        table += struct.pack("<IIQQII32s", kind, 0, offset + len(body), len(items), len(who), 0, who)
        body += b"".join(items)
    size = offset + len(body)
    return struct.pack("<8sHHIQQ", b"HSTP\r\n\x1a\n", 1, 0, len(listed), size, 0) + table + body


class Recording:
    """Calls of all files: (name, key, result, flags), counted; None where there is no key or no result."""

    def __init__(self, folder, binaries):
        self.calls = collections.Counter()
        self.order = []
        self.flags, self.lost, self.bytes = 0, 0, 0
        self.costs = ()
        self.values, self.results, self.defined = [], [], 0
        for name in sorted(os.listdir(folder)):
            if name.endswith(".hst"):
                self.add(os.path.join(folder, name), binaries)

    def add(self, path, binaries):
        trace = File(path)
        self.flags |= struct.unpack_from("<I", trace.data, 24)[0]
        self.lost += struct.unpack_from("<I", trace.data, 2332)[0]
        self.costs = struct.unpack_from("<I4xI4xII", trace.data, 2336)
        stacks = {}
        for chunk, out, stream in decode.decoded(trace):
            require(not out.error, "%s: %s", path, out.error)
            stack = stacks.setdefault(stream.number, [])
            for code, _, who, detail in out.events:
                if code == decode.ENTER:
                    stack.append([self.name(trace, who[1], chunk, binaries), None, None, None])
                elif code in (decode.EXIT, decode.OP_EXIT_ERROR):
                    self.close(stack, 1)
                elif code == decode.OP_UNWIND:
                    self.close(stack, detail[1])
                elif code in keys.KEY_OPS:
                    require(stack[-1][1] is None, "two keys of one call")
                    stack[-1][1] = detail[0]
                    self.defined += code == keys.OP_KEY_NEW
                elif code == keys.OP_KEY_VALUES:
                    self.values.append((stack[-1][0], stack[-1][1], detail))
                elif code == keys.OP_RESULT_VALUE:
                    self.results.append((stack[-1][0], stack[-1][1], stack[-1][2], detail))
                elif code in keys.RESULT_OPS:
                    require(stack[-1][1] is not None and stack[-1][2] is None, "a result too many")
                    stack[-1][2:] = detail
        require(not trace.notes, "%s: %s", path, trace.notes)

    def close(self, stack, count):
        for _ in range(min(count, len(stack))):
            call = tuple(stack.pop())
            self.calls[call] += 1
            self.order.append(call)

    @staticmethod
    def name(trace, fn, chunk, binaries):
        """NAME of a function of arguments.c, by the module that had the address in the chunk's generation."""
        best = None
        for module in trace.modules:
            generation, bias, first, behind, _, _, build_id, _ = module
            if first <= fn < behind and generation <= chunk.generation and (best is None or generation > best[0]):
                best = (generation, bias, build_id)
        for binary in binaries:
            if best is not None and binary.build_id == best[2]:
                for name in RECIPES:
                    if binary.symbols.get(name) == fn - best[1]:
                        return name
        return None

    def of(self, *names):
        return collections.Counter({call: n for call, n in self.calls.items() if call[0] in names})


def hashed(line):
    """What the program says of a call, as the recording has it."""
    name, _, rest = line.partition(" ")
    if name == "text":
        return (name, keys.pieces(keys.content(rest.encode())), None, None)
    if name == "null":
        return ("text", keys.pieces(keys.content(None)), None, None)
    values = [int(word) for word in rest.split()]
    if name == "block":
        data = bytes(range(1, 12))[: values[0]]
        return (name, keys.pieces(keys.content(data), values[0]), keys.pieces(-3), 2)
    if name == "left":
        return ("jumper", keys.pieces(values[0]), None, None)
    if name == "deep":
        return None
    if name == "jumper":
        result, arguments = values[-1], values[:1]
        return (name, keys.pieces(*arguments), keys.pieces(result), 1 if result == 0 else 0)
    name = "two" if name in ("first", "second") else name
    result, arguments = values[-1], values[:-1]
    return (name, keys.pieces(*arguments), keys.pieces(result), 1 if result == 0 else 2 if result < 0 else 0)


class Tester:
    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="hasten-args-")
        self.program = os.path.join(options.programs, "arguments")
        self.libraries = [os.path.join(options.programs, "libarguments%s.so" % n) for n in ("one", "two")]
        self.binary = Binary(self.program)
        self.data = None

    def record(self, *arguments, table=None, mode=0o600, variables=None, same=True, binaries=None):
        """Runs the program with and without hasten; returns what it said and the recording."""
        data = os.path.join(self.folder, "data%d" % len(os.listdir(self.folder)))
        path = os.path.join(self.folder, "table%d.plan" % len(os.listdir(self.folder)))
        with open(path, "wb") as handle:
            handle.write(plan(self.binary) if table is None else table)
        os.chmod(path, mode)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        with_us = dict(clean, LD_PRELOAD=self.options.preload, HASTEN_DATA=data, HASTEN_PLAN=path, HASTEN_CHECK="1")
        with_us.update(variables or {})
        command = [self.program, *arguments]
        done = subprocess.run(command, env=with_us, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        require(done.returncode == 0, "status %d: %s", done.returncode, done.stderr.decode())
        if same:
            bare = subprocess.run(command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            require((bare.stdout, bare.stderr) == (done.stdout, done.stderr), "the output is another one")
        self.data = data
        recording = Recording(data, binaries or [self.binary])
        require(not recording.flags & FLAG_CHECK_FAILED, "the writer found a chunk of its own wrong")
        recording.bytes = sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data))
        return done, recording

    def truth(self, done):
        lines = [line for line in done.stdout.decode().split("\n") if line and not line.startswith("lost ")]
        return collections.Counter(hashed(line) for line in lines)

    def exact(self, *arguments, lost=0, **more):
        done, recording = self.record(*arguments, **more)
        found = recording.of(*RECIPES)
        if lost:
            found = collections.Counter({call: n for call, n in found.items() if call[1] is not None})
        true = self.truth(done)
        require(found == true, "missing %s, too many %s", list((true - found).items())[:4], list((found - true).items())[:4])
        require(recording.lost == lost, "%d lost, not %d", recording.lost, lost)
        require(recording.flags & FLAG_ARGUMENTS and not recording.flags & FLAG_FILTERED, "flags %x", recording.flags)
        return recording

    def no_keys(self, recording):
        require(all(call[1] is None and call[2] is None for call in recording.calls), "there are keys")
        require(recording.of("two"), "no calls")

    def case_plain(self):
        recording = self.exact("plain")
        require(not recording.flags & FLAG_REFUSED, "refused")
        # What keys and results take is subtracted from the functions' times: nothing of it may be unknown.
        # They are differences of a few nanoseconds, which a busy machine may hide in one run, but not in each.
        for _ in range(9):
            if all(cost > 0 for cost in recording.costs):
                break
            recording = self.exact("plain")
        require(all(cost > 0 for cost in recording.costs), "costs %s", recording.costs)
        order = [call for call in recording.order if call[0] == "two"]
        require(order[0][1] == keys.pieces(-3, -5) and order[1][1] == keys.pieces(-2, 1000000002), "order")

    def case_content(self):
        self.exact("content", lost=5)
        self.said("info", "--json", ('"keys_lost": 5,', '"keyed_calls": 2,', '"argument_calls": 8,'))
        self.said("cache", "--json", ("5 keys or results of calls could not be read", "6 of 8 calls of processes"))

    def said(self, command, form, texts):
        """What hasten says of the latest recording."""
        done = subprocess.run([self.options.hasten, command, form, self.data], stdout=subprocess.PIPE, check=True)
        for text in texts:
            require(text in done.stdout.decode(), "hasten %s does not say: %s\n%s", command, text, done.stdout.decode()[:1500])

    def case_values(self):
        """What the program called with is what the trace says; what was too long is cut."""
        recording = self.exact("plain", "50", variables={"HASTEN_VALUES": "1"})
        require(recording.flags & FLAG_VALUES, "flags %x", recording.flags)
        require(len(recording.values) == recording.defined, "%d keys, %d with values", recording.defined, len(recording.values))
        said = collections.defaultdict(set)
        for name, key, values in recording.values:
            said[name].add(tuple(values))
            hashed_values = [v if not isinstance(v, tuple) else keys.content(v[1]) for v in values]
            if all(not isinstance(v, tuple) or v[0] == len(v[1]) for v in values):
                require(key == keys.pieces(*hashed_values), "%s: not the values of the key: %s", name, values)
        for name, key, result, value in recording.results:
            require(result == keys.pieces(value), "%s %x: not the value of the result", name, key)
        word = lambda value: value & keys.MASK64
        require(said["two"] == {(word(i % 7 - 3), word(i % 11 * 1000000007 - 5)) for i in range(50)}, "two: %s", said["two"])
        require(said["slots"] == {(word(i % 7 - 3), word(i % 5 - 2), i % 3) for i in range(50)}, "slots: %s", said["slots"])
        texts = (b"", b"seven.", b"eight...", b"a longer one, of more than one word", b"x" * 4096)
        true = {((len(text), text[:48]),) for text in texts} | {((None, b""),)}
        require(said["text"] == true, "text: %s", said["text"])
        data = bytes(range(1, 12)) + b"\0"
        true = {((n, data[:n]), n) for n in (0, 5, 10)}
        require(said["block"] == true, "block: %s", said["block"])
        results = {(name, value) for name, _, _, value in recording.results}
        require({v for n, v in results if n == "block"} == {word(-3)}, "results of block: %s", results)
        true = {word(i % 7 - 3 + i % 11 * 1000000007 - 5) for i in range(50)}
        require({v for n, v in results if n == "two"} == true, "results of two")

    def case_values_full(self):
        """Chunk after chunk, with more in each record than usual: none is written beyond its end."""
        recording = self.exact("many", variables={"HASTEN_VALUES": "1"})
        require(len(recording.values) == recording.defined > 6000, "%d of %d", len(recording.values), recording.defined)
        self.exact("content", lost=5, variables={"HASTEN_VALUES": "1"})

    def case_values_left_out(self):
        """A call of 64 values: those for which there is no room are left out, and the others are right."""
        wide = dict(RECIPES, two=([piece(REGISTER, RBX, 4, SIGNED)] * 64, VOID))
        _, recording = self.record("plain", "7", table=plan(self.binary, recipes=wide), variables={"HASTEN_VALUES": "1"})
        found = {tuple(values) for name, _, values in recording.values if name == "two"}
        require(len(found) == 7, "%d keys", len(found))
        for values in found:
            there = [value for value in values if value is not None]
            require(len(values) == 64 and 40 < len(there) < 64 and len(set(there)) == 1, "%s", values)

    def case_no_values(self):
        """Without the option no value is written, whatever the plan says."""
        recording = self.exact("plain")
        require(not recording.values and not recording.results and not recording.flags & FLAG_VALUES, "there are values")

    def case_threads(self):
        self.exact("threads")

    def case_fork(self):
        recording = self.exact("fork")
        require(recording.flags & FLAG_ARGUMENTS, "the child does not say so")

    def case_longjmp(self):
        self.exact("longjmp")

    def case_many(self):
        """More keys than a chunk keeps: each comes ten times."""
        self.exact("many")

    def case_deep(self):
        _, recording = self.record("deep")
        true = collections.Counter(("deep", keys.pieces(n), keys.pieces(n), 0 if n else 1) for n in range(100001))
        require(recording.of("deep") == true, "not the same")

    def case_signals(self):
        """Calls of a handler that interrupted a hook are in a lane without keys; all others have theirs."""
        done, recording = self.record("signals", same=False)
        calls = int(done.stderr)
        true = collections.Counter(("two", keys.pieces(n % 50, 3), keys.pieces(n % 50 + 3), 0) for n in range(50))
        for call in true:
            true[call] = (calls + 49 - [c for c in range(50) if keys.pieces(c, 3) == call[1]][0]) // 50
        require(recording.of("two") == true, "not the same")
        right = {(keys.pieces(n, 7, 5), keys.pieces(n - 7 + 5)) for n in range(4)}
        for call in recording.of("slots"):
            require(call[1:3] == (None, None) or call[1:3] in right, "of the handler: %s", call)
        require(any(call[1] for call in recording.of("slots")), "no handler's call has a key")

    def case_dlopen(self):
        both = [Binary(path) for path in self.libraries]
        self.exact("dlopen", *self.libraries, table=plan(*both), binaries=both)

    def case_replaced(self):
        """Only one of two libraries that take each other's place has recipes; the other one has the same code at the same addresses."""
        both = [Binary(path) for path in self.libraries]
        require(both[0].build_id != both[1].build_id and both[0].symbols["two"] == both[1].symbols["two"], "not alike")
        done, recording = self.record("dlopen", *self.libraries, table=plan(both[0]), binaries=both)
        true = collections.Counter(
            hashed(line) if line.startswith("first") else ("two", None, None, None)
            for line in done.stdout.decode().split("\n") if line
        )
        require(recording.of("two") == true, "missing %s", list((true - recording.of("two")).items())[:4])

    def case_other(self):
        """The plan of another build."""
        _, recording = self.record("plain", table=plan(self.binary, build_id=b"another one, of 20 b"))
        self.no_keys(recording)
        require(not recording.flags & (FLAG_REFUSED | FLAG_PLAN_REFUSED), "flags %x", recording.flags)

    def case_wrong_function(self):
        """Recipes that are said to be of other functions than the hooks are told."""
        moved = Binary(self.program)
        moved.symbols = {name: at + (1 if name in RECIPES else 0) for name, at in moved.symbols.items()}
        _, recording = self.record("plain", table=plan(moved))
        self.no_keys(recording)
        require(recording.flags & FLAG_REFUSED, "flags %x", recording.flags)

    def case_wild(self):
        """Places outside of the stack: nothing is read there, and each call is counted."""
        wild = {"two": ([piece(RBP, 1 << 30)], piece(CFA, -(1 << 30))), "jumper": ([piece(SP, 1 << 30)], VOID)}
        wild["deep"] = ([piece(REGISTER, RBX)], piece(CFA, 1 << 30))
        _, recording = self.record("plain", table=plan(self.binary, recipes=wild))
        self.no_keys(recording)
        require(recording.lost == 500, "%d lost", recording.lost)
        _, recording = self.record("deep", table=plan(self.binary, recipes=wild))
        require(recording.lost == 100001, "%d results lost", recording.lost)

    def case_damaged(self):
        good = plan(self.binary)
        sizes = [struct.unpack_from("<IIQQ", good, 32 + 64 * i) for i in range(3)]
        pieces_at = sizes[2][2]
        for what, at, value in (
            ("a kind of piece", pieces_at, 6), ("a register", pieces_at + 1, 5), ("a width", pieces_at + 2, 3),
            ("a content", pieces_at + 3, 3), ("an order", sizes[0][2] + 5, 1), ("a first piece", sizes[0][2] + 11, 0x80),
            ("a number of pieces", sizes[0][2] + 13, 1), ("an offset", 32 + 8, 1), ("a count", 32 + 16 + 3, 0x10),
        ):
            bad = bytearray(good)
            bad[at] = value
            _, recording = self.record("plain", "50", table=bytes(bad))
            self.no_keys(recording)
            require(recording.flags & FLAG_REFUSED, "%s: flags %x", what, recording.flags)
        for bad, mode in ((good[:-1], 0o600), (good, 0o622), (b"", 0o600), (b"\0" + good[1:], 0o600)):
            _, recording = self.record("plain", "50", table=bad, mode=mode)
            self.no_keys(recording)
            require(recording.flags & FLAG_PLAN_REFUSED, "flags %x", recording.flags)

    def case_profile(self):
        done, recording = self.record("plain", variables={"HASTEN_MODE": "profile"})
        require(not recording.calls and done.stdout, "events in profile mode")

    def case_limit(self):
        """Profile mode comes in the middle: no more keys then, and what was before it is right."""
        done, recording = self.record("many", variables={"HASTEN_LIMIT": "300K"})
        found = recording.of("two")
        true = self.truth(done)
        require(found and not collections.Counter({c: n for c, n in found.items() if c[2]}) - true, "not the same")

    def case_no_cpu(self):
        """Where no CPU time is taken."""
        done, recording = self.record("plain", "20", variables={"HASTEN_CPU": "0"})
        require(recording.of(*RECIPES) == self.truth(done), "without CPU times")


def main():
    cases = [name[5:] for name in dir(Tester) if name.startswith("case_")]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true")
    for name in ("hasten", "preload", "programs"):
        parser.add_argument("--" + name)
    parser.add_argument("case", nargs="?")
    options = parser.parse_args()
    if options.list:
        print("\n".join(cases))
        return 0
    for name in ("preload", "programs"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    tester = Tester(options)
    try:
        getattr(tester, "case_" + options.case)()
    except Failure as failure:
        print("%s: %s" % (options.case, failure))
        return 1
    print("%s: right" % options.case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
