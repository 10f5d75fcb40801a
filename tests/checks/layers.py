#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder includes only what is to its left: the order in which the data flows."""

import re
import sys

import tree

# For each half: its folders, leftmost first. Folders in one tuple do not see each other.
ORDER = {
    "preload": [("core",), ("sink",), ("buffer",), ("stacks",), ("apply",), ("hooks",)],
    "analyzer": [("util",), ("reader", "symbols"), ("model",), ("passes",), ("plan", "writers"),
                 ("cmd",)],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
PRINTS = re.compile(r"\b(?:printf|puts|putchar|perror|vprintf)\s*\(|\bf(?:printf|puts|putc|write)"
                    r"\s*\([^;]*\bstd(?:out|err)\b")
PRINTING = ("analyzer/cmd/", "analyzer/util/diag.c")


def rank(half, folder):
    for position, group in enumerate(ORDER[half]):
        if folder in group:
            return position
    return None


def check_include(path, included):
    """The problem with this include, or None."""
    half, folder = path.parts[0], path.parts[1]
    target = included.split("/")[0]
    if target == "hasten" or included in ("version.h", path.name):
        return None
    if "/" not in included:
        return "includes must name their folder"
    other = rank(half, target)
    if other is None:
        return f"{target} is no folder of {half}"
    if target != folder and other >= rank(half, folder):
        return f"{folder} may not include from {target}"
    return None


def main():
    problems = []
    for path in tree.files(".c", ".h", ".S", under=tuple(ORDER)):
        if rank(path.parts[0], path.parts[1]) is None:
            problems.append(f"{path}: folder not listed in {__file__}")
            continue
        text = tree.read(path)
        for included in INCLUDE.findall(text):
            problem = check_include(path, included)
            if problem:
                problems.append(f'{path}: "{included}": {problem}')
        if path.parts[0] == "analyzer" and not str(path).startswith(PRINTING):
            for match in PRINTS.finditer(text):
                problems.append(f"{path}: only cmd/ prints: {match.group(0)}")
    for path in tree.files(".h", ".def", under=("include",)):
        for included in INCLUDE.findall(tree.read(path)):
            if not included.startswith("hasten/"):
                problems.append(f'{path}: "{included}": contracts include only each other')
    return tree.finish("layers", problems)


if __name__ == "__main__":
    sys.exit(main())
