#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hasten build` on Debian source packages that are configured first: one by Meson, one by CMake (see meson.build).

    test_build_package.py fribidi|jansson --cache FOLDER --hasten PROGRAM

Configuring finds the same as without us. Every object file has hooks unless it has no function, and the list of `hasten build`
says the same of each. The sources stay as they are. The package's own tests pass, alone and while they are recorded.
"""

import argparse
import dataclasses
import json
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import fetch
from test_build import HOOK, SKIP, Failed, check, execute, functions_of, snapshot

BUILD = ["ninja", "-j2", "-C", "out"]


@dataclasses.dataclass
class Package:
    needs: tuple
    configure: list
    tests: list
    found: str  # what configuring makes of its probes, below out/
    passed: str  # pattern in what the tests say
    objects: int  # at least


PACKAGES = {
    # Its tables are made by programs of its own, which run while it is built.
    "fribidi": Package(("meson", "ninja"), ["meson", "setup", "out", "-Ddocs=false"],
                       ["meson", "test", "-C", "out", "--no-rebuild"], "config.h", r"\nOk: +8 *\n", 30),
    "jansson": Package(("cmake", "ninja"), ["cmake", "-G", "Ninja", "-S", ".", "-B", "out", "-DJANSSON_BUILD_DOCS=OFF"],
                       ["ctest", "--test-dir", "out", "-j2"], "private_include/jansson_private_config.h",
                       "100% tests passed", 20),
}


def objects_below(top):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names
                  if name.endswith(".o"))


def relative(paths, top):
    return {os.path.relpath(path, top) for path in paths}


def built(options, where, prefix, package):
    """Configured and built below `where`; returns the lists of both steps, if there are any."""
    lists = []
    for command in (package.configure, BUILD):
        listed = os.path.join(options.scratch, f"list{len(lists)}.json")
        done = execute([*(word.format(list=listed) for word in prefix), *command], where)
        check(done.returncode == 0, f"{command[0]} fails: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        if prefix:
            check(os.path.exists(listed), f"no list: {done.stderr[-2000:]}")
            with open(listed, encoding="utf-8") as file:
                lists.append(json.load(file))
            lists[-1]["said"] = done.stderr
    return lists


def content(*names):
    with open(os.path.join(*names), "rb") as file:
        return file.read()


def check_configured(found, plain, hooked, package):
    verdicts = found["verdicts"]
    check(found["calls_added"] == 0, f"configuring added hooks to {found['calls_added']} calls")
    check(verdicts.get("probe", 0) > 0, f"no probes: {verdicts}")
    check(content(plain, "out", package.found) == content(hooked, "out", package.found), "probes find something else")


def check_built(found, objects, package):
    """Returns how many objects have hooks. The list and the objects themselves say the same."""
    check(len(objects) >= package.objects, f"only {len(objects)} object files")
    hooks = {path for path in objects if HOOK in execute(["nm", "--undefined-only", path], ".").stdout}
    bare = [path for path in set(objects) - hooks if functions_of(path)]
    check(not bare, f"functions without hooks: {bare}")
    check(found["complete"] and found["calls_missed"] == 0, "not complete")
    check(found["calls_added"] == len(objects), f"{found['calls_added']} calls, {len(objects)} objects")
    listed = {file["path"]: file["hooks"] for file in found["files"]}
    check(set(listed) == set(objects), f"the list has other files: {set(listed) ^ set(objects)}")
    check({path for path, has in listed.items() if has == "yes"} == hooks, "the list has other hooks")
    said = f"{len(hooks)} of {len(objects)} compiled files have hooks"
    check(said in found["said"], f"not said: {said}: {found['said']}")
    return len(hooks)


def check_tests(options, hooked, package):
    for prefix in ([], [options.hasten, "run", "-q", "-o", os.path.join(options.scratch, "data"), "--"]):
        done = execute([*prefix, *package.tests], hooked)
        check(done.returncode == 0 and re.search(package.passed, done.stdout),
              f"tests {'recorded' if prefix else 'alone'}: {done.stdout[-3000:]}{done.stderr[-1000:]}")


def compare(options, source, package):
    plain, hooked = (os.path.join(options.scratch, name) for name in ("plain", "hooked"))
    for place in (plain, hooked):
        shutil.copytree(source, place)
    before = snapshot(hooked)
    built(options, plain, [], package)
    lists = built(options, hooked, [options.hasten, "build", "--json", "{list}", "--"], package)
    check_configured(lists[0], plain, hooked, package)
    objects = objects_below(hooked)
    check(relative(objects, hooked) == relative(objects_below(plain), plain), "other objects than without us")
    count = check_built(lists[1], objects, package)
    check_tests(options, hooked, package)
    after = snapshot(hooked)
    check(all(after.get(path) == before[path] for path in before), "a file of the source has changed")
    return f"{lists[1]['calls_seen']} calls, {count} of {len(objects)} objects with hooks"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("--cache", required=True, type=os.path.abspath)
    parser.add_argument("--hasten", required=True, type=os.path.abspath)
    options = parser.parse_args()
    package = PACKAGES[options.package]
    os.makedirs(options.cache, exist_ok=True)
    try:
        missing = [name for name in package.needs if shutil.which(name) is None]
        if missing:
            raise fetch.Unavailable(f"there is no {', no '.join(missing)} here")
        source = fetch.fetch(options.cache, options.package)
        with tempfile.TemporaryDirectory(prefix="hasten-real-build-") as scratch:
            options.scratch = os.path.realpath(scratch)
            print(compare(options, source, package))
    except fetch.Unavailable as reason:
        print(f"SKIP: {reason}")
        return SKIP
    except Failed as reason:
        print(f"FAIL: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
