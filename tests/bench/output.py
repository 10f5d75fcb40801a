# SPDX-License-Identifier: Apache-2.0
"""What the benchmark prints, and the page that it brings up to date."""

import statistics
import time


def sample_rows(bench):
    """The medians of every target and variant."""
    for (target, variant), samples in bench.samples.items():
        base = bench.base(target)
        calls = bench.calls[target]
        times = bench.times(target, variant)
        costs = [(a - b) / calls for a, b in zip(times, bench.times(target, base))]
        middle = lambda key, rows=samples: statistics.median(row[key] for row in rows)
        yield {
            "target": target,
            "variant": variant,
            "calls": calls,
            "least": min(times) / 1e6,
            "time": statistics.median(times) / 1e6,
            "wall": middle("wall_ns") / 1e6,
            "cost": statistics.median(costs) if costs else 0,
            "bytes": middle("bytes") / calls,
            "hwm": middle("hwm_kib"),
        }


def print_samples(bench):
    head = ("target", "variant", "min ms", "median ms", "wall ms", "ns/call", "B/call", "HWM KiB")
    print("\n%-11s %-9s %9s %9s %9s %9s %8s %9s" % head)
    for row in sample_rows(bench):
        print("%(target)-11s %(variant)-9s %(least)9.1f %(time)9.1f %(wall)9.1f %(cost)9.2f"
              " %(bytes)8.2f %(hwm)9d" % row)


def limit_text(row):
    return "-" if row["limit"] is None else "%g %s" % (row["limit"], row["unit"])


def print_bars(bars):
    print("\n%-58s %9s  %-21s %9s  %s" % ("figure", "median", "95 % interval", "bar", "result"))
    for row in bars:
        between = "%.3f to %.3f" % (row["low"], row["high"])
        print("%-58s %9.3f  %-21s %9s  %s%s" % (
            row["bar"], row["value"], between, limit_text(row), row["result"],
            "" if row["trusted"] else " (A/A differs)"))


def write_docs(path, about, bench):
    """Replaces the part of the page between its two marks by the figures of this run."""
    begin, end = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    lines = ["Measured on %s, %d rounds, clock: %s.\n\n" % (
        time.strftime("%Y-%m-%d", time.gmtime()), bench.options.rounds, bench.options.clock)]
    lines += ["* %s: %s\n" % item for item in about.items() if item[0] != "load"]
    lines.append("\n| figure | median | 95 % interval | least | bar | result |\n")
    lines.append("|---|---|---|---|---|---|\n")
    for row in bench.bars:
        lines.append("| %s | %.3f | %.3f to %.3f | %.3f | %s | %s |\n" % (
            row["bar"], row["value"], row["low"], row["high"], row["least"], limit_text(row),
            row["result"]))
    lines.append("\n| target | variant | calls | ns per call | bytes per call | VmHWM KiB |\n")
    lines.append("|---|---|---|---|---|---|\n")
    for row in sample_rows(bench):
        lines.append("| %s | %s | %d | %.1f | %.2f | %d |\n" % (
            row["target"], row["variant"], row["calls"], row["cost"], row["bytes"], row["hwm"]))
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(head + begin + "".join(lines) + end + tail)
