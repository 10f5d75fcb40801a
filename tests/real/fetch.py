#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fetches Debian source packages and builds them with instrumented functions.

    fetch.py CACHE lua|sqlite|bzip2|minigzip|zlibtest [--cc CC] [--flags FLAGS] [--name NAME]

Prints the path of the program.

Sources come by `apt-get source` with lists, cache and state of its own below CACHE: those of the
machine stay as they are. Entries are derived from the machine's own lists when this runs. What was
fetched or built once is used again. Exit status 77, with the reason, when that is not possible.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tarfile

SKIP = 77
FLAGS = "-O2 -g -finstrument-functions"
PACKAGES = {"lua": "lua5.4", "sqlite": "sqlite3", "zlib": "zlib", "fribidi": "fribidi", "jansson": "jansson",
            "bzip2": "bzip2"}
# zlib has two: minigzip, and its own test, which its sources call example.
ZLIB = {"minigzip": "minigzip.c", "zlibtest": "example.c"}
PROGRAMS = ("lua", "sqlite", "bzip2", *ZLIB)
BZIP2 = ("bzip2", "blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib")


class Unavailable(Exception):
    """Not possible on this machine; the text says why."""


class BuildFailed(Exception):
    """The sources are here, but do not compile."""


def deb822_sources(text):
    """Stanzas of a .sources file, as source entries."""
    out = []
    for stanza in text.split("\n\n"):
        lines = [line for line in stanza.split("\n") if line and not line.startswith("#")]
        types = [line for line in lines if line.lower().startswith("types:")]
        disabled = any(line.lower().replace(" ", "") == "enabled:no" for line in lines)
        if types and "deb" in types[0].split()[1:] and not disabled:
            left_out = ("types:", "architectures:")
            lines = [line for line in lines if not line.lower().startswith(left_out)]
            out.append("\n".join(["Types: deb-src"] + lines))
    return out


def write_sources(folder):
    """The machine's own entries again, asking for sources. The two formats need two files."""
    stanzas, lines = [], []
    for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
        with open(path, encoding="utf-8") as handle:
            stanzas += deb822_sources(handle.read())
    for path in ["/etc/apt/sources.list"] + glob.glob("/etc/apt/sources.list.d/*.list"):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as handle:
                for line in handle:
                    if line.split()[:1] == ["deb"]:
                        lines.append("deb-src " + line.strip()[4:])
    if not stanzas and not lines:
        raise Unavailable("this machine has no apt sources to take the packages from")
    with open(os.path.join(folder, "own.sources"), "w", encoding="utf-8") as handle:
        handle.write("\n\n".join(stanzas) + "\n")
    with open(os.path.join(folder, "own.list"), "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def captured(command, where):
    """(exit status, output of both kinds) of a command."""
    done = subprocess.run(
        command, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def apt(arguments, where):
    """Runs apt-get so that it neither reads nor writes the machine's lists, cache and state."""
    own = os.path.join(where, "apt")
    for folder in ("parts", "lists/partial", "cache/archives/partial", "state"):
        os.makedirs(os.path.join(own, folder), exist_ok=True)
    write_sources(os.path.join(own, "parts"))
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": os.path.join(own, "parts"),
        "Dir::State": os.path.join(own, "state"),
        "Dir::State::lists": os.path.join(own, "lists"),
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": os.path.join(own, "cache"),
        "APT::Sandbox::User": "",
        "Acquire::Retries": "2",
    }
    command = ["apt-get", "-q"]
    for key, value in settings.items():
        command += ["-o", "%s=%s" % (key, value)]
    return captured(command + arguments, where)


def fetch(cache, name):
    """The folder with the upstream source of a package."""
    package = PACKAGES[name]
    target = os.path.join(cache, "src-" + name)
    if os.path.isdir(target):
        return target
    if not shutil.which("apt-get"):
        raise Unavailable("there is no apt-get here")
    loads = os.path.join(cache, "loads-" + name)
    os.makedirs(loads, exist_ok=True)
    status, text = apt(["update"], loads)
    if status == 0:
        status, text = apt(["source", "--download-only", package], loads)
    if status:
        why = text.strip().split("\n")[-1]
        raise Unavailable("the sources of %s cannot be fetched: %s" % (package, why))
    found = sorted(glob.glob(os.path.join(loads, "*.orig.tar.*")))
    found = [path for path in found if not path.endswith(".asc")]
    if not found:
        raise Unavailable("the source package of %s has no upstream archive" % package)
    unpacked = target + ".new"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(found[0]) as archive:
        archive.extractall(unpacked)
    inside = os.listdir(unpacked)
    os.rename(os.path.join(unpacked, inside[0]) if len(inside) == 1 else unpacked, target)
    shutil.rmtree(unpacked, ignore_errors=True)
    return target


def run(command, where):
    status, text = captured(command, where)
    if status:
        last = text.strip().split("\n")[-5:]
        raise BuildFailed("%s fails: %s" % (command[0], " / ".join(last)))


def sources_lua(source):
    """The interpreter without its compiler program."""
    found = sorted(glob.glob(os.path.join(source, "src", "*.c")))
    return [path for path in found if os.path.basename(path) != "luac.c"]


def sources_sqlite(source):
    """The amalgamation and the shell, joined by the makefile of the package's archive."""
    work = os.path.join(source, "hst-build")
    wanted = [os.path.join(work, name) for name in ("sqlite3.c", "shell.c")]
    if not all(os.path.exists(path) for path in wanted):
        ready = glob.glob(os.path.join(source, "sqlite3.c"))
        if ready:
            return [os.path.join(source, name) for name in ("sqlite3.c", "shell.c")]
        if not shutil.which("tclsh"):
            raise Unavailable("tclsh is needed to join the sources of SQLite (Debian package tcl)")
        os.makedirs(work, exist_ok=True)
        run(["../configure", "--disable-tcl", "--disable-readline"], work)
        run(["make", "sqlite3.c", "shell.c"], work)
    return wanted


def build(cache, name, options):
    source = fetch(cache, "zlib" if name in ZLIB else name)
    program = os.path.join(cache, options.name or name)
    if os.path.exists(program):
        return program
    command = options.cc.split() + options.flags.split()
    if name == "lua":
        command += ["-std=gnu99", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX", "-w"]
        # The seed of its string hashes comes from the clock: every run shall make the same calls.
        command += ["-Dluai_makeseed(L)=0u"]
        command += sources_lua(source)
    elif name == "bzip2":
        command += ["-w", "-D_FILE_OFFSET_BITS=64"]
        command += [os.path.join(source, part + ".c") for part in BZIP2]
    elif name in ZLIB:
        command += ["-w", "-DHAVE_UNISTD_H", "-I" + source, os.path.join(source, "test", ZLIB[name])]
        command += sorted(glob.glob(os.path.join(source, "*.c")))
    else:
        command += ["-w", "-DSQLITE_THREADSAFE=1", "-DSQLITE_OMIT_LOAD_EXTENSION"]
        # A small sorter writes runs early: then its worker threads come into play.
        command += ["-DSQLITE_SORTER_PMASZ=16"]
        command += sources_sqlite(source)
    new = program + ".%d.new" % os.getpid()
    run(command + ["-o", new, "-lm", "-ldl", "-lpthread"], cache)
    os.rename(new, program)
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cache")
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    parser.add_argument("--flags", default=FLAGS)
    parser.add_argument("--name", help="of the program below CACHE, if it is built in several ways")
    options = parser.parse_args()
    options.cache = os.path.abspath(options.cache)
    os.makedirs(options.cache, exist_ok=True)
    try:
        print(build(options.cache, options.program, options))
    except Unavailable as reason:
        print("SKIP: %s" % reason)
        return SKIP
    except BuildFailed as reason:
        print("FAIL: %s" % reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
