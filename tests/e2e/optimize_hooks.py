# SPDX-License-Identifier: Apache-2.0
"""What the tests of `hasten optimize --instrumentation` share: who has hooks, and changing the source as it is proposed."""
import json
import os
import re
import subprocess

# So that each body has its own hooks and no others.
ALONE = ["-O1", "-fno-inline"]
ALONE_GCC = ALONE + ["-fno-partial-inlining", "-fno-ipa-cp", "-fno-ipa-sra", "-fno-ipa-icf"]
ATTRIBUTE = "__attribute__((no_instrument_function)) "

START = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise AssertionError(f"{command} ends with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def hooked(path):
    """The symbols whose bodies call the enter hook, without the suffixes of clones."""
    found, name = set(), None
    for line in run(["objdump", "-d", "--no-show-raw-insn", path]).splitlines():
        start = START.match(line)
        if start:
            name = start.group(1)
        elif "<__cyg_profile_func_enter" in line:
            found.add(re.sub(r"\.(part|cold|constprop|isra|lto_priv)\b.*", "", name))
    return found


def record(hasten, program, data, env, arguments=(), stable=True):
    """{symbol: calls} of one run."""
    command = ["setarch", "-R", program] if stable else [program]
    run([hasten, "run", "-q", "--no-children", "-o", data, "--", *command, *arguments], env=env)
    return calls_of(hasten, data, env)


def calls_of(hasten, data, env):
    report = json.loads(run([hasten, "report", "-n", "0", "--json", data], env=env))
    assert report["complete"], report["notes"]
    calls = {}
    for row in report["functions"]:
        calls[row["linkage_name"]] = calls.get(row["linkage_name"], 0) + row["calls"]
    return calls


def proposal(hasten, data, env, *options):
    return json.loads(run([hasten, "optimize", "--instrumentation", "--json", *options, data], env=env))


def check_overhead(proposed, recorded):
    """The predicted percentage is that of the calls that were then recorded, beside the program without any hooks."""
    empty, bare = proposed["empty_call_cost_ns"], proposed["program_without_hooks_ns"]
    assert empty and bare, "the recording does not say what calling hooks costs"
    whole = bare + proposed["before"]["calls"] * empty
    assert abs(whole - proposed["program_ns"]) <= 0.001 * whole, (whole, proposed["program_ns"])
    percent = 100 * recorded * (proposed["call_cost_ns"] + empty) / bare
    said = proposed["after"]["overhead_percent"]
    assert abs(said - percent) <= 0.001 + 0.001 * percent, f"{said} % were predicted, {recorded} calls are {percent} %"
    budget = proposed["budget_percent"]
    # clang has no means to leave out what comes from headers of the system.
    assert budget is None or proposed["unreachable_functions"] or said <= budget + 0.001, f"{said} % of {budget} %"


def change_source(attributes, folder):
    """Puts the attribute where it is proposed, at the beginning of the line; only in files of the folder."""
    for place in attributes:
        inside = os.path.realpath(folder) + os.sep
        assert os.path.realpath(place["file"]).startswith(inside), f"{place} is not ours to change"
    for place in attributes:
        with open(place["file"], encoding="utf-8") as file:
            lines = file.readlines()
        lines[place["line"] - 1] = ATTRIBUTE + lines[place["line"] - 1]
        with open(place["file"], "w", encoding="utf-8") as file:
            file.writelines(lines)


def names(rows):
    return {row["linkage_name"] for row in rows}


def clean_environment(preload):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_") and k != "LD_PRELOAD"}
    env.update(HASTEN_PRELOAD_LIB=preload, LC_ALL="C")
    return env
