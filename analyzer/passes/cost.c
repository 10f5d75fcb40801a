/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/cost.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The measurements that can be true, ascending. Returns how many. */
static size_t sorted(const struct hst_file_header *header, uint32_t *costs)
{
	size_t taken = header->cost_count < HST_COSTS ? header->cost_count : HST_COSTS;
	size_t count = 0;

	for (size_t i = 0; i < taken; i++) {
		if (header->cost_pair_256[i] > 0 && header->cost_pair_256[i] < HST_COST_MAX) {
			costs[count++] = header->cost_pair_256[i];
		}
	}
	if (count > 1) {
		qsort(costs, count, sizeof *costs, by_size);
	}
	return count;
}

struct hst_own_cost hst_own_cost(const struct hst_file_header *header)
{
	struct hst_own_cost cost = { .low = 1, .high = 1 };
	uint32_t costs[HST_COSTS];
	size_t count = sorted(header, costs);
	uint64_t first;
	size_t middle = count / 2;
	size_t quarter = count / 4;
	double median;

	if (header->cost_inside_256 >= HST_COST_MAX || header->cost_outside_256 >= HST_COST_MAX) {
		return cost;
	}
	cost.inside_256 = header->cost_inside_256;
	cost.outside_256 = header->cost_outside_256;
	first = cost.inside_256 + cost.outside_256;
	if (count == 0 || first == 0) {
		return cost;
	}
	/* How it divides was measured at the start only. */
	median = costs[middle];
	cost.inside_256 = (uint64_t)((double)cost.inside_256 / (double)first * median + 0.5);
	cost.outside_256 = (uint64_t)costs[middle] - cost.inside_256;
	cost.low = costs[quarter] / median * HST_COST_LEAST;
	cost.high = costs[count - 1 - quarter] / median * HST_COST_MOST;
	return cost;
}
