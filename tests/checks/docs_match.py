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

ROW_OF_WORDS = re.compile(r"^\| ([a-z-]*[a-z][a-z-]*) \| (.*) \|$", re.MULTILINE)
REASON = re.compile(r'^HST_RECIPE_REASON\(\w+,\s*"([^"]+)",\s*"([^"]+)"\)$', re.MULTILINE)

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
    ("hst_file_header", "fork_ticks", 1360), ("hst_file_header", "memory", 1368),
    ("hst_file_header", "cost_memory_256", 1372), ("hst_file_header", "cost_timer_256", 1376),
    ("hst_file_header", "page_bytes", 1380), ("hst_file_header", "brk_start", 1384),
    ("hst_file_header", "allocator", 1392), ("hst_file_header", "live_bytes", 1520),
    ("hst_file_header", "peak_bytes", 1528), ("hst_file_header", "freed_early", 1536),
    ("hst_file_header", "freed_early_bytes", 1544), ("hst_file_header", "cost_count", 1552),
    ("hst_file_header", "cost_pair_256", 1556), ("hst_file_header", "budget_ppm", 1812), ("hst_file_header", "cost_miss_256", 1820),
    ("hst_file_header", "budget_state", 1816), ("hst_file_header", "cost_empty_256", 2076), ("hst_file_header", "cost_key_256", 2336),
    ("hst_file_header", "cost_result_256", 2352), ("hst_file_header", "reserved", 2360),
    ("hst_file_header", "journal_lost", 4088), ("hst_file_header", "journal_error", 4092),
    ("hst_throttle_block", "ticks", 16), ("hst_throttle_block", "late_us", 36),
    ("hst_counts_block", "stream", 16), ("hst_counts_block", "counts", 48),
    ("hst_chunk", "patch_generation", 76),
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
    ("hst_profile_node", "allocs", 320), ("hst_profile_node", "alloc_bytes", 328),
    ("hst_profile_node", "freed", 336), ("hst_profile_node", "freed_bytes", 344),
    ("hst_profile_node", "peak_bytes", 352), ("hst_profile_node", "allocator_ticks", 360),
    ("hst_profile_node", "untracked", 368), ("hst_profile_node", "untracked_bytes", 376),
    ("hst_profile_node", "off", 384), ("hst_profile_node", "reserved", 392),
    ("hst_profile_block", "cpu_ns", 144), ("hst_profile_block", "clock_mode", 152),
    ("hst_chunk", "clock_mode", 64),
    ("hst_ledger", "overflow_calls", 40), ("hst_ledger", "memory_lost", 44),
]

# Tables of fields: (heading above it, struct, where its last field ends).
TABLES = [("### File header", "hst_file_header", 4096), ("### Profile", "hst_profile_node", 392)]
FIELD = re.compile(r"^\| (\d+) \| (\d+(?:, \d+)*)( each)? \|", re.MULTILINE)
ALLOCATOR = re.compile(r"^HST_ALLOCATOR\((\w+),\s*(\w+),\s*(\d+)\)$", re.MULTILINE)


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


def fields_of(heading, page):
    """Where the fields of a table begin, and where the last one ends; a row may have several."""
    section = page[page.index(heading + "\n"):]
    table = section[section.index("| offset |"):].split("\n\n")[0]
    begins, end = set(), 0
    for offset, sizes, _ in FIELD.findall(table):
        end = int(offset)
        for size in sizes.split(", "):
            begins.add(end)
            end += int(size)
    return begins, end


def check_tables():
    """The page has a row for each field whose offset is compared, and for what lies behind."""
    page = tree.read("docs/trace-format.md")
    for heading, struct, end in TABLES:
        begins, last = fields_of(heading, page)
        for _, field, offset in (entry for entry in OFFSETS if entry[0] == struct):
            if offset not in begins and offset != end:
                yield f"docs/trace-format.md, {heading}: no row for {struct}.{field} at {offset}"
        if last != end:
            yield f"docs/trace-format.md, {heading}: ends at {last}, not at {end}"
    if "Then the nodes, 448 bytes each" not in page:
        yield "docs/trace-format.md: does not say that a node has 448 bytes"


def check_allocators():
    """The functions that a site can name, and the base of their pseudo functions."""
    page = tree.read("docs/trace-format.md")
    names = {int(n): name for _, name, n in ALLOCATOR.findall(tree.read("include/hasten/memory.def"))}
    listed = re.search(r"`include/hasten/memory.def` \(([^)]*)\)", page)
    documented = dict(re.findall(r"(\d+) (\w+)", listed.group(1).replace("\n", " ")))
    if {int(n): name for n, name in documented.items()} != names:
        yield f"docs/trace-format.md has the functions {documented}, memory.def has {names}"
    base = re.search(r"#define HST_MEMORY_BASE (0x\w+?)ull", tree.read("include/hasten/trace.h"))
    if f"its `fn` is {base.group(1)} + number" not in page:
        yield f"docs/trace-format.md does not have HST_MEMORY_BASE, {base.group(1)}"


def check_reasons():
    """The table of reasons why an argument cannot be read."""
    page = tree.read("docs/arguments.md")
    defined = REASON.findall(tree.read("analyzer/symbols/recipes_reasons.def"))
    documented = [row for row in ROW_OF_WORDS.findall(page[page.index("| word | what it says |"):])
                  if row[0] != "word"]
    for word, text in sorted(set(defined) ^ set(documented)):
        yield f"{word} ({text}): not the same in recipes_reasons.def and docs/arguments.md"


def check_offsets():
    lines = "".join(
        f'_Static_assert(__builtin_offsetof(struct {s}, {f}) == {o}, "{s}.{f} is not at {o}");\n'
        for s, f, o in OFFSETS)
    lines += '_Static_assert(sizeof(struct hst_profile_node) == 448, "hst_profile_node is not at 448");\n'
    done = subprocess.run(["gcc", "-x", "c", "-std=c17", "-fsyntax-only", "-I", "include", "-"],
                          input='#include "hasten/trace.h"\n' + lines, cwd=tree.ROOT, text=True,
                          capture_output=True, check=False)
    yield from re.findall(r'"(.*is not at \d+)"', done.stderr)


def main():
    problems = [*check_records(), *check_variables(), *check_commands(), *check_tables(),
                *check_allocators(), *check_reasons(), *check_offsets()]
    return tree.finish("docs_match", problems)


if __name__ == "__main__":
    sys.exit(main())
