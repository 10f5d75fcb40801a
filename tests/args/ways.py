# SPDX-License-Identifier: Apache-2.0
"""Tries a program in many ways of compiling it."""

import shutil

SKIP = 77


class Wrong(Exception):
    pass


def require(condition, text, *values):
    if not condition:
        raise Wrong(text % values if values else text)


def each(matrix, wanted, attempt):
    """Calls attempt(compiler, source, flags, *rest) for each compiler of (compilers, source, flags, *rest) that is there and
    whose line has the text `wanted`. Exit status: 1 some were wrong, SKIP there is no compiler."""
    failed = done = 0
    for compilers, source, flags, *rest in matrix:
        for compiler in compilers:
            line = " ".join([compiler, source] + flags)
            if not shutil.which(compiler) or wanted not in line:
                continue
            done += 1
            try:
                attempt(compiler, source, flags, *rest)
            except Wrong as problem:
                failed += 1
                print("FAIL %s: %s" % (line, problem))
    if done == 0:
        print("SKIP: no compiler")
        return SKIP
    print("%d ways of compiling, %d wrong" % (done, failed))
    return 1 if failed else 0
