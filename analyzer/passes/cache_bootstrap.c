/* SPDX-License-Identifier: Apache-2.0 */
/* How far a gain may be chance: the blocks of calls that follow each other, drawn anew. */
#include "passes/cache_pass.h"

#include "util/random.h"

/* As many blocks as a byte can number. */
#define FULL  256u
#define DRAWS 1000u

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static double draw_some(const double *blocks, uint32_t count, uint64_t *seed)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum += blocks[hst_random_below(seed, count)];
	}
	return sum;
}

/* Eight blocks from each number, into sums that need not wait for each other: all rows have their interval. */
static double draw_full(const double *blocks, uint64_t *seed)
{
	double sums[8] = { 0 };

	for (uint32_t i = 0; i < FULL / 8; i++) {
		uint64_t random = hst_random_next(seed);

		for (uint32_t byte = 0; byte < 8; byte++) {
			sums[byte] += blocks[random >> 8 * byte & 255];
		}
	}
	return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
	       ((sums[4] + sums[5]) + (sums[6] + sums[7]));
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
		sums[draw] =
			count == FULL ? draw_full(blocks, &seed) : draw_some(blocks, count, &seed);
	}
	qsort(sums, DRAWS, sizeof *sums, compare);
	*ret_low = sums[DRAWS / 40];
	*ret_high = sums[DRAWS - 1 - DRAWS / 40];
}
