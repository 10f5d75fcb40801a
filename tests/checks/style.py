#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The licence line first in every source file, no paths of somebody's machine, nothing put off."""

import re
import sys

import tree

LICENCE = "SPDX-License-Identifier: " + "Apache-2.0"
SOURCES = (".c", ".h", ".cpp", ".def", ".S", ".py", ".sh", ".map")
TEXTS = (*SOURCES, ".md", ".build", ".txt", ".in", ".1", ".conf", "dev", "run", "Makefile")
PUT_OFF = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))
                     + r")\b")
MACHINE = re.compile(r"(?<![\w.$}\"'])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|us" + r"r/src)/")


def main():
    problems = []
    for path in tree.files(*TEXTS):
        text = tree.read(path)
        lines = text.split("\n")
        if str(path).endswith(SOURCES) or path.name == "dev":
            first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
            if LICENCE not in first:
                problems.append(f"{path}:1: the first line must be: {LICENCE}")
        for number, line in enumerate(lines, 1):
            if PUT_OFF.search(line):
                problems.append(f"{path}:{number}: put off: {line.strip()}")
            if MACHINE.search(line):
                problems.append(f"{path}:{number}: path of a machine: {line.strip()}")
            if line.rstrip() != line and path.suffix not in (".md", ".txt"):
                problems.append(f"{path}:{number}: blanks at the end of the line")
        if text and not text.endswith("\n"):
            problems.append(f"{path}: no end of line at the end")
    return tree.finish("style", problems)


if __name__ == "__main__":
    sys.exit(main())
