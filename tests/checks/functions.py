#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No function over 60 lines, no file over 600. A function with a reason says so in the line above:
NOLINT(readability-function-size): the reason."""

import re
import sys

import tree

LINES_OF_FUNCTION = 60
LINES_OF_FILE = 600


def functions(text):
    """(name, first line, lines) of each function of a C file in the tree's style: its braces are
    the ones in column 0."""
    lines = text.split("\n")
    begin = None
    for number, line in enumerate(lines):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            head = begin - 1
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(
                ("}", "#", " */", "/*")
            ) and not lines[head - 1].endswith(";"):
                head -= 1
            name = re.search(r"(\w+)\s*\(", " ".join(lines[head:begin]))
            allowed = "NOLINT" in lines[head - 1] and "function-size" in lines[head - 1]
            if not allowed:
                yield name.group(1) if name else "?", head + 1, number - begin - 1
            begin = None


def main():
    problems = []
    for path in tree.files(".c", ".h", ".cpp", ".py", ".sh"):
        text = tree.read(path)
        lines = text.count("\n")
        if lines > LINES_OF_FILE:
            problems.append(f"{path}: {lines} lines, more than {LINES_OF_FILE}")
        if path.suffix in (".c", ".h", ".cpp"):
            for name, line, count in functions(text):
                if count > LINES_OF_FUNCTION:
                    problems.append(
                        f"{path}:{line}: {name}() has {count} lines, more than {LINES_OF_FUNCTION}"
                    )
    return tree.finish("functions", problems)


if __name__ == "__main__":
    sys.exit(main())
