#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten optimize --instrumentation` on Lua: record, rebuild with what is proposed, record again (see meson.build).

The second recording must have the calls that were predicted, function by function; the disassembly of builds without inlining
must show that the proposed functions lost their hooks and nobody else. By gcc with a budget and with --keep, by clang with a budget.
"""

import argparse
import glob
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
# pylint: disable=wrong-import-position
import fetch
import optimize_hooks as hooks

SKIP = 77
# Between the cost of what is called by the million and that of the rest; both are far from it.
BUDGET = "1"
KEPT = "main,luaV_execute,luaC_*,luaM_realloc_"
# The seed of its hashes and the pivots of its sort come from the clock: both are fixed, so that every run makes the same calls.
LUA = ["-std=gnu99", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX", "-w", "-Dluai_makeseed(L)=0u", "-Dl_randomizePivot()=0u"]


class Failed(Exception):
    """What does not hold."""


def check(true, text):
    if not true:
        raise Failed(text)


class Lua:
    """A copy of the sources, which may be changed."""

    def __init__(self, source, scratch, compiler, hooks_flag):
        self.dir = os.path.join(scratch, compiler)
        shutil.copytree(source, self.dir)
        self.files = [path for path in sorted(glob.glob(os.path.join(self.dir, "src", "*.c")))
                      if os.path.basename(path) != "luac.c"]
        self.compiler, self.base = compiler, [hooks_flag, "-g"]
        self.alone = hooks.ALONE if compiler == "clang" else hooks.ALONE_GCC

    def path(self, name):
        return os.path.join(self.dir, name)

    def build(self, name, flags, bare=(), options=("-O2",)):
        objects = []
        for path in self.files:
            objects.append(path[:-2] + ".o")
            used = [] if path in bare else flags
            hooks.run([self.compiler, *options, *LUA, "-c", *used, path, "-o", objects[-1]])
        hooks.run([self.compiler, *objects, "-o", self.path(name), "-lm", "-ldl", "-lpthread"])
        return self.path(name)


def compare_calls(before, after, proposed):
    out = hooks.names(proposed["functions"])
    expected = {name: calls for name, calls in before.items() if name not in out}
    wrong = {name: (expected.get(name), after.get(name)) for name in set(expected) | set(after)
             if expected.get(name) != after.get(name)}
    check(not wrong, f"calls predicted and recorded differ: {sorted(wrong.items())[:12]}")
    check(sum(after.values()) == proposed["after"]["calls"],
          f"{proposed['after']['calls']} calls were predicted, {sum(after.values())} recorded")


def compare_hooks(before, after, out):
    check(before - after == out & before, f"hooks lost: {sorted((before - after) ^ (out & before))[:12]} differ")
    check(not after - before, f"new hooks: {sorted(after - before)[:12]}")


def one_round(options, env, lua, compiler, *asked):
    script = [os.path.join(HERE, "workload.lua"), str(options.size)]
    program = lua.build("before", lua.base)
    data = program + ".data"
    before = hooks.record(options.hasten, program, data, env, script)
    alone = hooks.hooked(lua.build("alone", lua.base, options=lua.alone))
    proposed = hooks.proposal(options.hasten, data, env, "--compiler", compiler, "-o", lua.path("flags"), *asked)
    hooks.change_source(proposed[compiler]["attributes"], lua.dir)
    bare = proposed[compiler].get("files_without_flag", [])
    flags = ["@" + lua.path("flags")]
    after = hooks.record(options.hasten, lua.build("after", flags, bare), lua.path("after.data"), env, script)
    compare_calls(before, after, proposed)
    hooks.check_overhead(proposed, sum(after.values()))
    out = hooks.names(proposed["functions"])
    compare_hooks(alone, hooks.hooked(lua.build("alone", flags, bare, lua.alone)), out)
    means = [row[compiler + "_means"] for row in proposed["functions"]]
    print("%s %s: %d functions, %d calls -> %d, %.1f %% -> %.2f %%; %s" % (
        compiler, " ".join(asked), len(out), proposed["before"]["calls"], proposed["after"]["calls"],
        proposed["before"]["overhead_percent"], proposed["after"]["overhead_percent"],
        {word: means.count(word) for word in sorted(set(means))}))
    check(0 < len(out) < len(before) or "--keep" in asked, "all or nothing was proposed")
    check(sum(after.values()) < sum(before.values()) / 2, "the calls that are left are not half as many")
    return proposed


def run_checks(options, source, scratch):
    env = hooks.clean_environment(options.preload)
    for number, asked in enumerate((["--overhead", BUDGET], ["--keep", KEPT])):
        lua = Lua(source, os.path.join(scratch, str(number)), "gcc", "-finstrument-functions")
        proposed = one_round(options, env, lua, "gcc", *asked)
        check("list" in [row["gcc_means"] for row in proposed["functions"]], "no entry of a list was proposed")
    if shutil.which("clang"):
        lua = Lua(source, os.path.join(scratch, "c"), "clang", "-finstrument-functions-after-inlining")
        one_round(options, env, lua, "clang", "--overhead", BUDGET)
    else:
        print("there is no clang here")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", required=True)
    parser.add_argument("--hasten", required=True)
    parser.add_argument("--preload", required=True)
    parser.add_argument("--size", type=int, default=1)
    options = parser.parse_args()
    for name in ("hasten", "preload", "cache"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    os.makedirs(options.cache, exist_ok=True)
    try:
        source = fetch.fetch(options.cache, "lua")
    except fetch.Unavailable as reason:
        print("SKIP: %s" % reason)
        return SKIP
    with tempfile.TemporaryDirectory(prefix="hasten-optimize-") as scratch:
        try:
            run_checks(options, source, scratch)
        except (Failed, AssertionError) as reason:
            print("FAIL: %s" % reason)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
