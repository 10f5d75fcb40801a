# SPDX-License-Identifier: Apache-2.0
"""What arguments and a result cost per call, above the plain hooks: a part of bench.py, whose words it uses.

A function of two scalars with a result; the plan is made from the labels behind the calls of its hooks.
"""

import json
import os
import shutil
import sys

import turns

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "hooks"))
# pylint: disable=wrong-import-position
import argstest

NAMES = ("args",)
BAR_NS = 30
BAR_BYTES = 6
CALLS = "2000000", "100000"
AA_FLOOR_NS = 2


class ArgumentsBench(turns.Part):
    """The target above."""

    def compile(self, cc, call, here):
        flags = ["-O2", "-finstrument-functions"]
        call(cc + flags + [os.path.join(here, "argcalls.c"), "-o", self.bench.path("argcalls")])

    def once(self, variant):
        """ns per call as the program has it, and bytes of the recording."""
        bench = self.bench
        data = bench.path("data")
        shutil.rmtree(data, ignore_errors=True)
        more = {"HASTEN_PLAN": bench.path("args.plan")} if variant == "args" else {}
        env = turns.without_hasten(
            LD_PRELOAD=bench.preload, HASTEN_DATA=data, HASTEN_LIMIT="4G", HASTEN_MEMORY="0", **more
        )
        calls = CALLS[1 if bench.options.quick else 0]
        said = json.loads(turns.captured(self.broken, [bench.path("argcalls"), calls], env))
        size = sum(os.path.getsize(os.path.join(data, name)) for name in os.listdir(data))
        return {"ns": said["ns"], "bytes": size / (int(calls) * 1.1)}

    def run(self):
        bench = self.bench
        if not bench.wanted("args"):
            return
        path = bench.path("args.plan")
        with open(path, "wb") as handle:
            handle.write(argstest.plan(argstest.Binary(bench.path("argcalls"))))
        os.chmod(path, 0o600)
        rows = turns.by_turns(bench, "args", ["args", "plain", "plain2"], self.once)
        away = sorted(abs(row["plain2"]["ns"] - row["plain"]["ns"]) for row in rows)[len(rows) // 2]
        name = "arguments: two scalars and a result, per call above the plain hooks"
        more = [row["args"]["ns"] - row["plain"]["ns"] for row in rows]
        bench.bar(name, more, BAR_NS, "ns", away <= AA_FLOOR_NS)
        more = [row["args"]["bytes"] - row["plain"]["bytes"] for row in rows]
        bench.bar(name + ", bytes", more, BAR_BYTES, "bytes")
        shutil.rmtree(bench.path("data"), ignore_errors=True)
