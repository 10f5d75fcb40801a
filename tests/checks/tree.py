# SPDX-License-Identifier: Apache-2.0
"""The files of the source tree, for the checks."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = ("build", ".git", ".cache", "__pycache__", "hasten.data", "node_modules")


def files(*suffixes, under=("",)):
    """Paths relative to ROOT, sorted; all files if no suffix is given."""
    found = []
    for top in under:
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = [f for f in folders if not f.startswith(SKIPPED)]
            for name in names:
                if not suffixes or name.endswith(suffixes):
                    found.append((pathlib.Path(folder) / name).relative_to(ROOT))
    return sorted(set(found))


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def finish(name, problems):
    """Prints the problems; the exit status of the check."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{name}: {len(problems)} problems")
    return 1 if problems else 0
