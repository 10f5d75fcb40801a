#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format, clang-tidy and shellcheck. What clang-tidy found clean is remembered in the build
folder by the hash of all that it depends on, so that a second run takes no time."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import tree

# The analyzer of clang does not see that the kernel writes through the pointers of a bare system
# call; and the hooks of libc functions cannot have the parameter names of libc's headers.
PRELOAD_CHECKS = ("--checks=-clang-analyzer-core.UndefinedBinaryOperatorResult,"
                  "-clang-analyzer-core.uninitialized.*,"
                  "-readability-inconsistent-declaration-parameter-name")

def run(command):
    done = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check_format():
    names = [str(p) for p in tree.files(".c", ".h", ".cpp")]
    status, output = run(["clang-format", "--dry-run", "--Werror", *names])
    return [output] if status else []


def check_shell():
    names = ["dev", ".ci/run", *(str(p) for p in tree.files(".sh"))]
    status, output = run(["shellcheck", *names])
    return [output] if status else []


def digest(*chunks):
    total = hashlib.sha256()
    for chunk in chunks:
        total.update(hashlib.sha256(chunk).digest())
    return total.hexdigest()


def tidy_file(build, path, shared):
    """The report on one file, empty if it is clean."""
    mark = build / "lint" / digest(shared, (tree.ROOT / path).read_bytes(), str(path).encode())
    if mark.exists():
        return ""
    command = ["clang-tidy", "--quiet", "-p", str(build / "lint"),
               "--extra-arg=-Wno-unknown-warning-option"]
    if path.parts[0] == "preload":
        command.append(PRELOAD_CHECKS)
    status, output = run([*command, str(path)])
    if status == 0:
        mark.touch()
        return ""
    return output


def check_tidy(build):
    (build / "lint").mkdir(exist_ok=True)
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    # A file that tests compile anew is looked at once: a second look in one process finds what is not there.
    compiled = {}
    for command in commands:
        name = os.path.realpath(os.path.join(command["directory"], command["file"]))
        compiled.setdefault(name, command)
    (build / "lint" / "compile_commands.json").write_text(json.dumps(list(compiled.values())), encoding="utf-8")
    names = [p for p in tree.files(".c", under=("preload", "analyzer"))
             if os.path.realpath(tree.ROOT / p) in compiled]
    shared = digest((tree.ROOT / ".clang-tidy").read_bytes(),
                    *((tree.ROOT / p).read_bytes()
                      for p in tree.files(".h", ".def", under=("include", "preload", "analyzer"))))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = pool.map(lambda p: tidy_file(build, p, shared.encode()), names)
        return [report for report in reports if report]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    build = pathlib.Path(parser.parse_args().build).resolve()
    problems = check_format() + check_shell() + check_tidy(build)
    return tree.finish("lint", problems)


if __name__ == "__main__":
    sys.exit(main())
