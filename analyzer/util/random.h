/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by chance that are the same in every run with the same seed: splitmix64. */
#ifndef HST_UTIL_RANDOM_H
#define HST_UTIL_RANDOM_H

#include <stdint.h>

static inline uint64_t hst_random_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ull;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

/* One of 0 to count - 1; count is at most 2^32. */
static inline uint64_t hst_random_below(uint64_t *state, uint64_t count)
{
	return (hst_random_next(state) >> 32) * count >> 32;
}

#endif
