# SPDX-License-Identifier: Apache-2.0
"""Medians with intervals, and verdicts of three values."""

import random
import statistics

RESAMPLES = 4000
PASS, FAIL, INCONCLUSIVE = "pass", "fail", "inconclusive"


def median_interval(values, seed=1):
    """(median, low, high): bootstrap, 95 %. With fewer than five values: the extremes."""
    values = list(values)
    middle = statistics.median(values)
    if len(values) < 5:
        return middle, min(values), max(values)
    rng = random.Random(seed)
    found = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return middle, found[int(RESAMPLES * 0.025)], found[int(RESAMPLES * 0.975) - 1]


def verdict(low, high, limit, trusted=True):
    """Is the value at most `limit`? Only an interval on one side of it answers."""
    if not trusted:
        return INCONCLUSIVE
    if high <= limit:
        return PASS
    return FAIL if low > limit else INCONCLUSIVE
