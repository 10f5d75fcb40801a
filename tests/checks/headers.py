#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and has the include guard that its path asks for."""

import re
import subprocess
import sys

import tree


def guards(path):
    """What the guard of a header may be called: with or without the tests' own folders."""
    name = re.sub(r"[^A-Z0-9]", "_", "_".join(path.parts[1:]).upper())
    return {name, "HST_" + name}


def compile_alone(path, build):
    language = ["-x", "c", "-std=c17"]
    command = ["gcc", *language, "-fsyntax-only", "-D_GNU_SOURCE", "-Wall", "-Wextra",
               "-Wno-unused-function", "-I", "include", "-I", "preload", "-I", "analyzer",
               "-I", "tests", "-I", "tests/support", "-I", str(path.parent), "-I", build, "-"]
    done = subprocess.run(command, input=f'#include "{path}"\n', cwd=tree.ROOT, text=True,
                          capture_output=True, check=False)
    return done.stderr if done.returncode != 0 or done.stderr else ""


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    problems = []
    for path in tree.files(".h", under=("include", "preload", "analyzer", "tests")):
        error = compile_alone(path, build)
        if error:
            problems.append(f"{path}: does not compile alone:\n{error}")
        found = re.search(r"^#ifndef (\w+)\n#define \1", tree.read(path), re.MULTILINE)
        if not found:
            problems.append(f"{path}: no include guard")
        elif path.parts[0] in ("preload", "analyzer") and found.group(1) not in guards(path):
            problems.append(f"{path}: guard {found.group(1)}, not {sorted(guards(path))[0]}")
    return tree.finish("headers", problems)


if __name__ == "__main__":
    sys.exit(main())
