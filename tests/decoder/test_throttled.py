#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do both decoders agree on what was left out to keep within a limit?

    test_throttled.py --dump DUMP --hasten H --preload P --programs DIR

Calls are counted in libraries that take each other's place, and suppressed with windows.
"""

import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = (
    (["replace", "{dir}/libalpha.so", "{dir}/libomega.so", "50000"], {"HASTEN_PATCH": "0"}),
    (["threads", "2", "3000"], {}),
)


def agree(options, arguments, variables):
    """None, or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HASTEN_")}
        environment.update(variables, LD_PRELOAD=options.preload, HASTEN_DATA=data, HASTEN_OVERHEAD="5%")
        command = [os.path.join(options.programs, "throttled")]
        command += [word.format(dir=options.programs) for word in arguments]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        listing = b""
        for name in sorted(os.listdir(data)):
            if name.endswith(".hst"):
                done = subprocess.run([options.dump, os.path.join(data, name)], check=True, stdout=subprocess.PIPE)
                listing += done.stdout
        if not any(line.startswith(b"throttled ") for line in listing.split(b"\n")):
            return "nothing was left out: this tests nothing"
        done = subprocess.run([sys.executable, os.path.join(HERE, "agree.py"), "--dump", options.dump, data], check=False)
        return None if done.returncode == 0 else "the decoders differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("dump", "hasten", "preload", "programs"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    for name in ("dump", "preload", "programs"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    wrong = 0
    for arguments, variables in CASES:
        problem = agree(options, arguments, variables)
        print("%s: %s" % (arguments[0], problem or "the decoders agree"), flush=True)
        wrong += problem is not None
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
