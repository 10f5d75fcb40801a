#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of the documentation say what the .def files and the headers say."""

import re
import subprocess
import sys

import tree

ROW = re.compile(r"^\| (\d+) \| (\w+) \| (\d+) \| (.*) \|$", re.MULTILINE)
RECORD = re.compile(r'^HST_RECORD\((\w+),\s*(\w+),\s*(\d+), (\d+), "(.*)"\)$', re.MULTILINE)
VARIABLE = re.compile(r"^HST_OPTION\((\w+),", re.MULTILINE)
COMMAND = re.compile(r'^HST_COMMAND\(\s*"?(\w+)"?', re.MULTILINE)

# Fields whose offsets docs/trace-format.md gives: (struct, field, offset in the page).
OFFSETS = [
    ("hst_file_header", "clock", 21), ("hst_file_header", "flags", 24),
    ("hst_file_header", "pid_start", 40), ("hst_file_header", "boot_id", 48),
    ("hst_file_header", "start", 64), ("hst_file_header", "start_real_ns", 80),
    ("hst_file_header", "sync", 88), ("hst_file_header", "control_seen", 124), ("hst_file_header", "control", 128),
    ("hst_file_header", "tsc_hz", 136), ("hst_file_header", "ring_ns", 152),
    ("hst_file_header", "file_end", 160), ("hst_file_header", "cost_inside_256", 176),
    ("hst_file_header", "end_kind", 184), ("hst_file_header", "end", 192),
    ("hst_file_header", "ledger", 208), ("hst_file_header", "op_words", 256),
    ("hst_file_header", "comm", 320), ("hst_file_header", "exe", 336),
    ("hst_chunk", "stream", 16), ("hst_chunk", "seq", 24), ("hst_chunk", "previous", 32),
    ("hst_chunk", "start", 40), ("hst_chunk", "cpu_ns", 56), ("hst_chunk", "generation", 68),
    ("hst_chunk", "depth", 80), ("hst_chunk", "frames", 88), ("hst_chunk", "lane", 90),
    ("hst_chunk", "fiber", 92), ("hst_chunk", "used", 100), ("hst_chunk", "ledger", 104),
    ("hst_chunk", "thread_start", 152), ("hst_module_block", "bias", 16),
    ("hst_module_block", "ticks", 40), ("hst_module_block", "generation", 48),
    ("hst_module_block", "path_bytes", 52), ("hst_module_block", "build_id", 56),
    ("hst_gone_block", "bias", 16), ("hst_gone_block", "ticks", 32),
    ("hst_gone_block", "generation", 40), ("hst_name_block", "number", 16),
    ("hst_profile_block", "stream", 16), ("hst_profile_block", "start", 32),
    ("hst_profile_block", "thread_start", 48), ("hst_profile_block", "end_ticks", 56),
    ("hst_profile_block", "depth", 64), ("hst_profile_block", "ledger", 80),
    ("hst_profile_block", "last", 128), ("hst_profile_block", "pending", 136),
    ("hst_profile_node", "parent", 60), ("hst_profile_node", "calls", 8),
    ("hst_profile_node", "total", 16), ("hst_profile_node", "self", 24),
    ("hst_profile_node", "min", 32), ("hst_profile_node", "errors", 72),
    ("hst_profile_node", "flags", 76), ("hst_profile_node", "histogram", 80),
]


def check_records():
    page = tree.read("docs/trace-format.md")
    section = page[page.index("| op | name | words |"):]
    documented = {int(n): (name, int(words), text.replace("\\|", "|"))
                  for n, name, words, text in ROW.findall(section)}
    defined = {int(n): (name, int(words), text)
               for _, name, n, words, text in RECORD.findall(tree.read("include/hasten/records.def"))}
    for number in sorted(set(documented) | set(defined)):
        if documented.get(number) != defined.get(number):
            yield (f"op {number}: docs/trace-format.md has {documented.get(number)}, "
                   f"records.def has {defined.get(number)}")


def check_variables():
    pages = "".join(tree.read(p) for p in tree.files(".md", ".1", under=("docs",)))
    for name in VARIABLE.findall(tree.read("include/hasten/options.def")):
        if not re.search(rf"\b{name}\b", pages):
            yield f"{name}: in options.def, but in no page of docs/"


def check_commands():
    path = "analyzer/cmd/commands.def"
    pages = tree.read("README.md") + "".join(
        tree.read(p) for p in tree.files(".md", ".1", under=("docs",)))
    for name in COMMAND.findall(tree.read(path)):
        if not re.search(rf"\bhasten {name.lower()}\b", pages):
            yield f"hasten {name.lower()}: in commands.def, but not in README.md or docs/"


def check_offsets():
    lines = "".join(
        f'_Static_assert(__builtin_offsetof(struct {s}, {f}) == {o}, "{s}.{f} is not at {o}");\n'
        for s, f, o in OFFSETS)
    done = subprocess.run(["gcc", "-x", "c", "-std=c17", "-fsyntax-only", "-I", "include", "-"],
                          input='#include "hasten/trace.h"\n' + lines, cwd=tree.ROOT, text=True,
                          capture_output=True, check=False)
    yield from re.findall(r'"(.*is not at \d+)"', done.stderr)


def main():
    problems = [*check_records(), *check_variables(), *check_commands(), *check_offsets()]
    return tree.finish("docs_match", problems)


if __name__ == "__main__":
    sys.exit(main())
