/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/cost.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Those of the measurements that can be true, ascending. Returns how many. */
static size_t sorted(
	const struct hst_file_header *header, const uint32_t *measured, uint32_t *costs)
{
	size_t taken = header->cost_count < HST_COSTS ? header->cost_count : HST_COSTS;
	size_t count = 0;

	for (size_t i = 0; i < taken; i++) {
		if (measured[i] > 0 && measured[i] < HST_COST_MAX) {
			costs[count++] = measured[i];
		}
	}
	if (count > 1) {
		qsort(costs, count, sizeof *costs, by_size);
	}
	return count;
}

/* A machine that is slow for a while is so for the program's hooks as well. Only what is far off is none of the hooks' cost. */
static double mean(const uint32_t *costs, size_t count)
{
	const size_t half = count / 2;
	double most = 2.0 * costs[half];
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		sum += costs[i] < most ? costs[i] : most;
	}
	return sum / (double)count;
}

static struct hst_key_cost key_cost(uint32_t key, uint32_t inside, uint32_t result)
{
	struct hst_key_cost cost = { 0 };

	if (key < HST_COST_MAX && result < HST_COST_MAX) {
		inside = inside < key ? inside : key;
		cost.inside = (uint64_t)(inside * HST_COST_SHARE + 0.5);
		cost.outside = (uint64_t)((key - inside) * HST_COST_SHARE + 0.5);
		cost.result = (uint64_t)(result * HST_COST_SHARE + 0.5);
	}
	return cost;
}

struct hst_own_cost hst_own_cost(const struct hst_file_header *header)
{
	struct hst_own_cost cost = { .low = 1, .high = 1 };
	uint32_t costs[HST_COSTS];
	uint64_t first;
	size_t count;
	double pair;
	double low;
	double high;
	size_t at;

	if (header->cost_inside_256 >= HST_COST_MAX || header->cost_outside_256 >= HST_COST_MAX) {
		return cost;
	}
	cost.key[0] = key_cost(
		header->cost_key_256, header->cost_key_inside_256, header->cost_result_256);
	cost.key[1] = key_cost(header->cost_key_new_256, header->cost_key_new_inside_256,
		header->cost_result_new_256);
	cost.inside_256 = header->cost_inside_256;
	cost.outside_256 = header->cost_outside_256;
	count = sorted(header, header->cost_empty_256, costs);
	if (count != 0) {
		at = count / 2;
		cost.empty_256 = (uint64_t)(costs[at] * HST_EMPTY_SHARE + 0.5);
	}
	first = cost.inside_256 + cost.outside_256;
	count = sorted(header, header->cost_pair_256, costs);
	if (count == 0 || first == 0) {
		return cost;
	}
	pair = mean(costs, count);
	at = count / 4;
	low = costs[at] / pair;
	high = costs[count - 1 - at] / pair;
	cost.low = (low < 1 ? low : 1) * HST_COST_LEAST;
	cost.high = (high > 1 ? high : 1) * HST_COST_MOST;
	/* How it divides was measured at the start only. */
	pair *= HST_COST_SHARE;
	cost.inside_256 = (uint64_t)((double)cost.inside_256 / (double)first * pair + 0.5);
	cost.outside_256 = (uint64_t)(pair + 0.5) - cost.inside_256;
	count = sorted(header, header->cost_miss_256, costs);
	if (count != 0) {
		at = count / 2;
		cost.miss_256 = (uint64_t)(costs[at] * HST_COST_SHARE + 0.5);
	}
	return cost;
}
