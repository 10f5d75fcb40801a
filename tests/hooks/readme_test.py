#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command that README.md shows in a `sh` block works as it stands there."""

import argparse
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = r"""
#include <stdio.h>
static unsigned long fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
int main(void) { printf("%lu\n", fib(20)); return 0; }
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ("hasten", "preload", "readme"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    options = parser.parse_args()
    with open(options.readme, encoding="utf-8") as page:
        blocks = re.findall(r"^```sh\n(.*?)^```", page.read(), re.MULTILINE | re.DOTALL)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
    environment["PATH"] = os.path.dirname(options.hasten) + ":" + environment["PATH"]
    with tempfile.TemporaryDirectory(prefix="hasten-readme-") as folder:
        with open(os.path.join(folder, "app.c"), "w", encoding="utf-8") as source:
            source.write(PROGRAM)
        for line in "".join(blocks).strip().split("\n"):
            command = line.replace("LD_PRELOAD=libhasten.so", f"LD_PRELOAD={options.preload}")
            done = subprocess.run(command, shell=True, cwd=folder, env=environment, text=True,
                                  capture_output=True, timeout=60, check=False)
            if done.returncode != 0 or not (done.stdout or line.startswith("gcc")):
                print(f"{line}: status {done.returncode}\n{done.stdout}{done.stderr}",
                      file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
