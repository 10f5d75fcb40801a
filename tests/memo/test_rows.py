#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What unwind rows say of saved registers is what readelf says, for each row of many programs and libraries.

    test_rows.py ROWREAD
"""
import glob
import os
import re
import subprocess
import sys

REGISTERS = {"rbx": 3, "rbp": 6, "r12": 12, "r13": 13, "r14": 14, "r15": 15}
PATTERNS = ["/usr/bin/bash", "/bin/bash", "/usr/bin/git", "/usr/bin/gdb", "/usr/bin/python3.*[0-9]", "/usr/bin/cmake", "/usr/bin/perl",
            "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libcrypto.so.*",
            "/usr/lib/gcc/x86_64-linux-gnu/*/cc1", "/usr/lib/x86_64-linux-gnu/libdwarf.so.*"]
BYTES_MAX = 12 << 20
ROW = re.compile(r"^([0-9a-f]{16}) (\S+) +(.*)$")


def rows(path):
    """(address, cfa, {register: rule}) of all rows."""
    text = subprocess.run(["readelf", "--debug-dump=frames-interp", path], capture_output=True, check=False, env=dict(os.environ, LC_ALL="C"))
    names = None
    inside = False
    for line in text.stdout.decode("latin-1").splitlines():
        if " FDE " in line or " CIE " in line:
            # Signal frames say so in their common entry; they are told by the word behind it.
            inside = " FDE " in line
            continue
        if line.lstrip().startswith("LOC"):
            names = line.split()[2:]
            continue
        found = ROW.match(line)
        if found and inside and names is not None:
            rules = found.group(3).split()
            if len(rules) == len(names):
                yield int(found.group(1), 16), found.group(2), dict(zip(names, rules))


def expected(cfa, rules):
    """The line of rowread behind the address; None: either of two is right."""
    base = re.match(r"^(rsp|rbp)\+(\d+)$", cfa)
    if not base or int(base.group(2)) == 0:
        return "address"
    number, offset = {"rsp": 7, "rbp": 6}[base.group(1)], int(base.group(2))
    saved = {}
    for name, rule in rules.items():
        place = re.match(r"^c(-\d+)$", rule)
        if name == "ra":
            if not place or int(place.group(1)) != -8:
                return "saved"
        elif rule in ("u", "s", "n"):
            continue
        elif name not in REGISTERS or not place:
            return "saved"
        else:
            saved[REGISTERS[name]] = int(place.group(1))
    if len(set(saved.values())) != len(saved) or any(at >= -8 or at % 8 for at in saved.values()):
        return "saved"
    if number == 7 and any(at < -offset for at in saved.values()):
        return "saved"
    if number == 6 and 6 not in saved:
        return "saved"
    return " ".join(["plain", str(number), str(offset)] + ["%d:%d" % item for item in sorted(saved.items())])


def check(rowread, path):
    """How many rows were compared, of them plain, wrong."""
    wanted = {}
    for address, cfa, rules in rows(path):
        wanted.setdefault(address, expected(cfa, rules))
    text = "".join("%x\n" % address for address in wanted)
    done = subprocess.run([rowread, path], input=text, text=True, capture_output=True, check=True)
    plain = wrong = 0
    for line in done.stdout.splitlines():
        address, _, got = line.partition(" ")
        plain += got.startswith("plain")
        if got != wanted[int(address, 16)]:
            wrong += 1
            if wrong < 10:
                print("%s at %s: %s, readelf says %s" % (path, address, got, wanted[int(address, 16)]))
    return len(wanted), plain, wrong


def main():
    files = sorted({os.path.realpath(path) for pattern in PATTERNS for path in glob.glob(pattern)})
    files = [path for path in files if os.path.getsize(path) <= BYTES_MAX]
    total = all_plain = all_wrong = 0
    for path in files:
        count, plain, wrong = check(sys.argv[1], path)
        print("%s: %d rows, %d plain, %d wrong" % (path, count, plain, wrong))
        total, all_plain, all_wrong = total + count, all_plain + plain, all_wrong + wrong
    if total < 10000:
        print("SKIP: fewer than 10000 rows in all")
        return 77
    if all_wrong or all_plain < total // 2:
        print("%d of %d rows wrong, %d plain" % (all_wrong, total, all_plain))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
