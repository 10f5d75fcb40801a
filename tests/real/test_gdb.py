#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Arguments of real programs: what the hooks read against what gdb reads.  test_gdb.py NAME --cache ... (see meson.build)

The program runs under gdb with hasten's library in it. gdb stops where twenty functions begin and reads their arguments there, from the debug information, before any hook; the
keys in the trace of the same process must be the hashes of these values, call by call.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "decoder")]
# pylint: disable=wrong-import-position
import decode
import keys
import test_args
import test_real
from test_args import Failed, require

CALLS = 60  # of each function
# clang describes arguments on the stack by the frame that the function makes: where it begins, gdb reads something else.
MOST = {"gcc": 64, "clang": 6}


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def hasten(options, *arguments, **more):
    status, text = run([options.hasten, *arguments], **more)
    require(status == 0, "hasten %s: %s", " ".join(arguments), text)
    return text


def own_code(program):
    """name -> (address, behind the end) of each function by the symbol table."""
    status, text = run(["nm", "-S", program])
    require(status == 0, "nm: %s", text)
    found = {}
    for line in text.split("\n"):
        word = line.split()
        if len(word) == 4 and word[2] in "tTwW":
            found[word[3]] = (int(word[0], 16), int(word[0], 16) + int(word[1], 16))
    return found


def candidates(options, program, called, most):
    """linkage name -> (address, arguments) of functions that are called, with one enter hook of their own code whose arguments can be read."""
    code, found = own_code(program), {}
    for function in json.loads(hasten(options, "info", "--args", program, "--json"))["functions"]:
        name, address = function["linkage_name"], int(function["address"], 16)
        if name not in called or code.get(name, (0, 0))[0] != address:
            continue
        sites = [site for site in function["sites"] if site["hook"] == "enter" and not site["inlined"]]
        # A function that is inlined somewhere as well has calls there that do not begin here.
        if len(sites) != 1 or len([site for site in function["sites"] if site["hook"] == "enter"]) != 1:
            continue
        site = sites[0]
        within = address <= int(site["return"], 16) < code[name][1]
        plain = all(len(argument["pieces"]) == 1 for argument in site["arguments"])
        if site["complete"] and within and 0 < len(site["arguments"]) <= most and plain:
            found[name] = (address, site["arguments"])
    return found


def choose(found, count):
    """Those with most arguments first, and then all over the program."""
    names = sorted(found, key=lambda name: (-len(found[name][1]), name))
    most = names[: count // 2]
    rest = sorted(names[count // 2 :])
    step = max(len(rest) // (count - len(most)), 1)
    return most + rest[::step][: count - len(most)]


def expected(arguments, values):
    """The key of a call; None: it has none, since its content cannot be read or is too long."""
    require(len(arguments) == len(values), "gdb knows %d arguments, hasten %d", len(values), len(arguments))
    hashed = []
    for argument, said in zip(arguments, values):
        if argument["keyed"] not in ("text", "bytes"):
            hashed.append(said["value"])
        elif said["value"] == 0:
            hashed.append(keys.content(None))
        elif said["content"] is None:
            return None
        else:
            hashed.append(keys.content(bytes.fromhex(said["content"])))
    return keys.pieces(*hashed)


def keys_of(data, program, wanted):
    """name -> the keys of its calls in their order; None where a call has none. `wanted`: address in the file -> name."""
    found = {name: [] for name in wanted.values()}
    for path in decode.files_of(data):
        trace = decode.File(path)
        bias = [module[1] for module in trace.modules if os.path.basename(module[7]) == os.path.basename(program).encode()]
        require(len(set(bias)) == 1, "the program is not among the modules of %s", path)
        last = None
        for _, out, _ in decode.decoded(trace):
            require(not out.error, "%s: %s", path, out.error)
            for code, _, who, detail in out.events:
                if code == decode.ENTER:
                    last = wanted.get(who[1] - bias[0])
                    if last is not None:
                        found[last].append(None)
                elif code in keys.KEY_OPS and last is not None:
                    found[last][-1] = detail[0]
    return found


def under_gdb(program, arguments, where, config):
    """What gdb read: name -> [values of a call]."""
    config = dict(config, out=os.path.join(where, "gdb.out"), program=os.path.realpath(program),
                  run=" ".join(arguments))
    path = os.path.join(where, "gdb.json")
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(config, handle)
    command = ["gdb", "-nx", "-batch", "-x", os.path.join(HERE, "gdb_args.py"), program]
    status, text = run(command, cwd=where, env=dict(os.environ, GDB_ARGS=path, DEBUGINFOD_URLS=""), stdin=subprocess.DEVNULL)
    lines = []
    if os.path.exists(config["out"]):
        with open(config["out"], encoding="utf-8") as handle:
            lines = [json.loads(line) for line in handle if line.endswith("\n")]
    require(status == 0 and lines and lines[-1][0] == "", "gdb: status %d: %s", status, text[-2000:])
    found = {}
    for name, values in lines[:-1]:
        found.setdefault(name, []).append(values)
    return found


def compare(chosen, found, read):
    compared = functions = 0
    for name in chosen:
        arguments, told, wanted = found[name][1], read["keys"][name], read["gdb"].get(name, [])
        require(len(wanted) == min(CALLS, len(told)), "%s: gdb saw %d calls, the trace has %d", name, len(wanted), len(told))
        here = 0
        for number, values in enumerate(wanted):
            key = expected(arguments, values)
            require(told[number] == key, "%s, call %d: gdb reads %s: key %s; the trace has %s", name, number + 1, values, key, told[number])
            here += key is not None
        compared += here
        functions += here > 0
    return functions, compared


def command(name, where):
    """Arguments of a run that reads no input, in a folder that has only what it needs."""
    for left in os.listdir(where):
        if left in ("data.db", "text.bz2", "text.gz", "test.gz"):
            os.unlink(os.path.join(where, left))
    runs = test_args.commands(name, where)
    if name == "sqlite":
        (database, script), = ((arguments[0], stdin) for arguments, stdin in runs)
        return ["-batch", "-init", script, database, ".quit"]
    return runs[2 if name == "minigzip" else 0][0]


def check(options, program, compiler, where):
    arguments = command(options.program, where)
    data = os.path.join(where, "data")
    store = dict(os.environ, XDG_CACHE_HOME=os.path.join(options.cache, "store"))
    hasten(options, "run", "-q", "--args", "--limit=2G", "-o", data, "--", program, *arguments, cwd=where, env=store)
    called = {row["linkage_name"] for row in json.loads(hasten(options, "cache", "-n", "0", "--json", data))["functions"]}
    found = candidates(options, program, called, MOST[compiler])
    chosen = choose(found, options.functions)
    require(len(chosen) == options.functions, "only %d functions to compare", len(chosen))
    plan = os.path.join(where, "args.plan")
    shutil.move(os.path.join(data, "run.plan"), plan)
    shutil.rmtree(data)
    arguments = command(options.program, where)
    environment = {"LD_PRELOAD": options.preload, "HASTEN_DATA": data, "HASTEN_PLAN": plan, "HASTEN_LIMIT": "2G"}
    counts = {name: [argument["keyed"] for argument in found[name][1]] for name in chosen}
    config = {"functions": {name: (found[name][0], counts[name]) for name in chosen}, "calls": CALLS, "environment": environment}
    read = {"gdb": under_gdb(program, arguments, where, config)}
    read["keys"] = keys_of(data, program, {found[name][0]: name for name in chosen})
    functions, compared = compare(chosen, found, read)
    print("%s: %d functions (of %d), %d calls: gdb reads the same" % (program, functions, len(found), compared))
    print("  " + " ".join("%s/%d" % (name, len(found[name][1])) for name in chosen))
    require(functions >= options.functions - 1, "only %d functions could be compared", functions)


def can_debug():
    """None, or why gdb cannot be used here."""
    if not shutil.which("gdb"):
        return "there is no gdb (Debian package gdb)"
    status, text = run(["gdb", "-nx", "-batch", "-ex", "set startup-with-shell off", "-ex", "run", "true"])
    if status == 0 and "exited normally" in text:
        return None
    return "gdb cannot run a program here: " + (text.strip().split("\n")[-1] or "status %d" % status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", choices=sorted(test_args.LEAST))
    for name in ("cache", "hasten", "preload"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    parser.add_argument("--functions", type=int, default=20)
    options = parser.parse_args()
    reason = can_debug()
    if reason is not None:
        print("SKIP: " + reason)
        return test_real.SKIP
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            continue
        program, status = test_real.fetched(options.cache, options.program, "--cc", compiler, "--name",
                                            "args_%s_%s" % (options.program, compiler))
        if program is None:
            return status
        with tempfile.TemporaryDirectory() as where:
            try:
                check(options, program, compiler, where)
            except Failed as reason:
                print("FAIL: %s by %s: %s" % (options.program, compiler, reason))
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
