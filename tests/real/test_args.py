#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten run --args` on a real program, built by gcc and by clang with -O2 -g.  test_args.py NAME --cache ... (see meson.build)

The program's output, its status and the files that it writes must be what they are without hasten. Of a function whose arguments
can be read wherever it was compiled to, every call in the report must have a key. At least nine of ten functions must be such.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import test_real

# Functions, and the least shares: arguments by gcc, by clang, results.
LEAST = {"lua": (1000, 0.9, 0.9, 0.9), "sqlite": (2500, 0.9, 0.88, 0.9), "bzip2": (100, 0.9, 0.9, 0.9),
         "minigzip": (140, 0.9, 0.9, 0.9), "zlibtest": (140, 0.9, 0.9, 0.9)}
# Least share of calls with keys: clang describes the arguments of inlined functions only behind their hooks.
KEYED = {"gcc": 0.7, "clang": 0.4}


class Failed(Exception):
    pass


def require(condition, text, *values):
    if not condition:
        raise Failed(text % values if values else text)


def text_file(path, size):
    """Words that repeat, and noise."""
    rng = random.Random(5)
    words = [bytes(rng.randrange(97, 123) for _ in range(rng.randrange(2, 9))) for _ in range(300)]
    with open(path, "wb") as out:
        while out.tell() < size:
            out.write(b" ".join(rng.choice(words) for _ in range(12)) + bytes([10, rng.randrange(256)]))


def commands(name, where):
    """[(arguments, path of standard input or None)] of the runs of a program, one after the other, in an empty folder."""
    if name in ("lua", "sqlite"):
        arguments, stdin = test_real.workload(name, where, 1, 0)
        return [(arguments, stdin)]
    if name == "zlibtest":
        return [(["test.gz"], None)]
    text_file(os.path.join(where, "text"), 200000)
    if name == "bzip2":
        return [(["-z", "-k", "text"], None), (["-t", "text.bz2"], None), (["-d", "-c", "text.bz2"], None)]
    return [([], "text"), (["-d"], "out0"), (["-9", "text"], None), (["-d", "text.gz"], None)]


def fixed():
    """Before a command: addresses are part of what some programs compute with."""
    done = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False)
    return ["setarch", "-R"] if done.returncode == 0 else []


def run_all(options, program, data):
    """(status and outputs of all runs, files that are left); under hasten if `data` says where its recordings go."""
    results = []
    with tempfile.TemporaryDirectory() as where:
        for number, (arguments, stdin) in enumerate(commands(options.program, where)):
            command = [program, *arguments]
            if data is not None:
                # -q: what hasten has to say is not the program's output.
                folder = os.path.join(data, str(number))
                command = [options.hasten, "run", "-q", "--args", "--limit=2G", "-o", folder, "--", *command]
            with open(os.path.join(where, stdin) if stdin else os.devnull, "rb") as handle:
                done = subprocess.run(fixed() + command, cwd=where, stdin=handle, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                      env=dict(os.environ, XDG_CACHE_HOME=os.path.join(options.cache, "store")))
            with open(os.path.join(where, "out%d" % number), "wb") as handle:
                handle.write(done.stdout)
            # The folder has another name in each run.
            results.append((done.returncode, done.stderr.replace(where.encode(), b"WHERE")))
        files = {}
        for name in sorted(os.listdir(where)):
            with open(os.path.join(where, name), "rb") as handle:
                files[name] = handle.read()
    return results, files


def check_round_trip(name, files):
    if name == "bzip2":
        require(files["out2"] == files["text"], "not what was compressed")
    elif name == "minigzip":
        require(files["out1"] == files["text"], "not what was compressed")


def ask(options, command, *arguments):
    done = subprocess.run([options.hasten, command, "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    require(done.returncode == 0, "hasten %s: %s", command, done.stderr.decode("utf-8", "replace"))
    return json.loads(done.stdout)


def check_shares(options, told, compiler):
    count, *least = LEAST[options.program]
    arguments = told["arguments_readable"] / told["functions_count"]
    results = told["result_readable"] / told["with_result"]
    print("%s by %s: %d functions, all arguments of %.1f %%, results of %.1f %%; %s" %
          (options.program, compiler, told["functions_count"], 100 * arguments, 100 * results, told["argument_reasons"]))
    require(told["complete"] and told["functions_count"] >= count, "functions are missing")
    require(arguments >= least[compiler == "clang"] and results >= least[2], "too few")


def place(row):
    return row["linkage_name"], row["file"], row["line"]


def check_keys(options, told, data):
    """Calls of the report have keys, and nothing else has; how many. A site that clang made of two functions' hooks (conditional moves choose
    what the hook is told) is taken for the function around it, and then not used: of those a few calls have no keys."""
    sites = {}
    for function in told["functions"]:
        enters = [site["complete"] for site in function["sites"] if site["hook"] == "enter"]
        # A call whose content is longer than 4 KiB has no key: of these functions it is not known how many must have one.
        if any(argument["keyed"] in ("text", "bytes") for site in function["sites"] for argument in site.get("arguments", ())):
            enters.append(None)
        sites.setdefault(place(function), []).extend(enters)
    keyed = missed = 0
    calls = {}
    for row in ask(options, "report", "-n", "0", data)["functions"]:
        calls[place(row)] = calls.get(place(row), 0) + row["calls"]
    cache = ask(options, "cache", "-n", "0", data)
    found = {}
    for row in cache["functions"]:
        found[place(row)] = found.get(place(row), 0) + row["calls"]
    require(cache["keys_without_call"] == 0, "%d keys belong to no call", cache["keys_without_call"])
    ended = cache["calls_not_ended"]
    for where, count in calls.items():
        known = sites.get(where, [])
        # Calls that had not ended (main, where the program ended by exit) have no row; who they were is not told.
        if known and all(known):
            require(found.get(where, 0) <= count, "%s: %d calls, %d with keys", where, count, found.get(where, 0))
            missed += count - found.get(where, 0)
            if count - ended > found.get(where, 0):
                print("  %s: %d calls, %d with keys" % (where[0], count, found.get(where, 0)))
            keyed += found.get(where, 0)
        elif not any(known) and None not in known:
            require(where not in found, "%s: keys of arguments that cannot be read", where)
        else:
            require(found.get(where, 0) <= count, "%s: %d calls, %d with keys", where, count, found.get(where, 0))
    require(missed - ended <= keyed // 1000, "%d calls whose arguments can be read have no keys", missed)
    return keyed, cache["calls"], sum(calls.values())


def check(options, program, compiler):
    told = ask(options, "info", "--args", program)
    check_shares(options, told, compiler)
    with tempfile.TemporaryDirectory() as data:
        plain, with_us = run_all(options, program, None), run_all(options, program, data)
        for what, left, right in zip(("status or standard error", "output or files"), plain, with_us):
            require(left == right, "%s changed: %.2000r, %.2000r", what, left, right)
        require(all(status == 0 for status, _ in plain[0]), "the program fails: %.2000r", plain[0])
        check_round_trip(options.program, plain[1])
        for name in sorted(os.listdir(data)):
            always, keyed, calls = check_keys(options, told, os.path.join(data, name))
            print("  run %s: %d calls, %d with keys (%.1f %%), %d of functions that always have keys" %
                  (name, calls, keyed, 100 * keyed / calls, always))
            require(keyed > KEYED[compiler] * calls, "too few calls have keys")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", choices=sorted(LEAST))
    parser.add_argument("--cache", required=True, type=os.path.abspath)
    parser.add_argument("--hasten", required=True, type=os.path.abspath)
    options = parser.parse_args()
    tried = 0
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            continue
        program, status = test_real.fetched(options.cache, options.program, "--cc", compiler, "--name",
                                            "args_%s_%s" % (options.program, compiler))
        if program is None:
            return status
        tried += 1
        try:
            check(options, program, compiler)
        except Failed as reason:
            print("FAIL: %s by %s: %s" % (options.program, compiler, reason))
            return 1
    return 0 if tried else test_real.SKIP


if __name__ == "__main__":
    sys.exit(main())
