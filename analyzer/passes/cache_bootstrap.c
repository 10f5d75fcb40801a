/* SPDX-License-Identifier: Apache-2.0 */
/* How far a gain may be chance: the blocks of calls that follow each other, drawn anew. */
#include "passes/cache_pass.h"

#define DRAWS 1000u

static uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ull;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return a < b ? -1 : a > b;
}

void hst_cache_bootstrap(
	const double *blocks, uint32_t count, uint64_t seed, double *ret_low, double *ret_high)
{
	double sums[DRAWS];

	*ret_low = *ret_high = 0;
	if (count == 0) {
		return;
	}
	for (uint32_t draw = 0; draw < DRAWS; draw++) {
		double sum = 0;

		for (uint32_t i = 0; i < count; i++) {
			sum += blocks[(next_random(&seed) >> 32) * count >> 32];
		}
		sums[draw] = sum;
	}
	qsort(sums, DRAWS, sizeof *sums, compare);
	*ret_low = sums[DRAWS / 40];
	*ret_high = sums[DRAWS - 1 - DRAWS / 40];
}
