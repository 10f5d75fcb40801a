#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies a program with hooks and turns the calls of its hooks into NOPs, in the file: what a limit of 0 would be.

    nop_hooks.py PROGRAM COPY [--test]

A call becomes the five-byte NOP, or with --test the instruction that `hasten run --overhead` makes of it first; a jump at the end of a function a return. Needs objdump and readelf; calls through the linkage
table only (no -fno-plt).
"""

import re
import shutil
import subprocess
import sys

SITE = re.compile(r"^\s*([0-9a-f]+):\s+(e8|e9)(?: [0-9a-f]{2}){4}\s+(?:call|jmp)q?\s+[0-9a-f]+ "
                  r"<__cyg_profile_func_(?:enter|exit)@plt>", re.MULTILINE)
LOAD = re.compile(r"^\s*LOAD\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)", re.MULTILINE)
NOP, TEST, RETURN = b"\x0f\x1f\x44\x00\x00", b"\xa9", b"\xc3"


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def main():
    program, copy, *more = sys.argv[1:]
    patch = {"e8": TEST if more == ["--test"] else NOP, "e9": RETURN}
    loads = [[int(number, 16) for number in found]
             for found in LOAD.findall(output("readelf", "-lW", program))]
    shutil.copy(program, copy)
    count = 0
    with open(copy, "r+b") as file:
        for address, code in SITE.findall(output("objdump", "-dw", program)):
            at = int(address, 16)
            offset = next(at - first + place for place, first, size in loads if first <= at < first + size)
            file.seek(offset)
            file.write(patch[code])
            count += 1
    if count == 0:
        sys.exit(f"nop_hooks.py: {program}: no call of a hook found")
    print(f"{count} calls of hooks in {copy} do nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
