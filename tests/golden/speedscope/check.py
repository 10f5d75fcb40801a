# SPDX-License-Identifier: Apache-2.0
"""What speedscope shows of each export must name the functions of its scenario.

check.py NODE_MODULES LOAD_JS FOLDER
"""
import glob
import json
import os
import subprocess
import sys

NAMES = {
    "basic": ["main", "parse", "eval", "fail", "worker"],
    "nasty": ["a::very<long, template<name>>", "=cmd()", "right to left"],
    "fork": ["main", "child_work", "loop"],
    "limit": ["main", "step"],
}
# Of trace events each thread is a profile of its own, and the first one is shown.
FIRST_THREAD = {"basic": ["main", "parse", "eval", "fail"], "fork": ["main"]}


def load(modules, script, files):
    done = subprocess.run(["node", script, modules] + files, capture_output=True, text=True,
                          encoding="utf-8", check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        return None
    return {shown["file"]: shown["text"] for shown in map(json.loads, done.stdout.splitlines())}


def main():
    modules, script, folder = sys.argv[1:4]
    broken = os.path.join(folder, "broken-speedscope.json")
    files = sorted(glob.glob(os.path.join(folder, "*.json")) + glob.glob(os.path.join(folder, "*.txt")))
    with open(os.path.join(folder, "basic-speedscope.json"), encoding="utf-8") as file:
        text = file.read().replace('"type":"C"', '"type":"O"')
    with open(broken, "w", encoding="utf-8") as file:
        file.write(text)
    if load(modules, script, [broken]) is not None:
        print("a damaged export was loaded: this test cannot fail")
        return 1
    print("(the damaged export was refused, as it must be)")
    os.unlink(broken)
    shown = load(modules, script, files)
    if shown is None:
        return 1
    missing = 0
    for name, text in shown.items():
        scenario, form = os.path.splitext(name)[0].split("-")
        names = FIRST_THREAD.get(scenario, NAMES[scenario]) if form == "chrome" else NAMES[scenario]
        for function in names:
            if function not in text:
                print(f"{name}: speedscope does not show '{function}': {text[:400]}")
                missing += 1
        print(f"{name}: {form} loaded")
    if len(shown) != len(files):
        print("not every file was loaded")
        missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
