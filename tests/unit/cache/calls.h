/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of calls for the tests of the cache pass. */
#ifndef HST_TESTS_CALLS_H
#define HST_TESTS_CALLS_H

#include "passes/cache_pass.h"

/* The same numbers on every machine. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ull;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

/* A hit takes 10 ns, a miss 20, sharing 5 more. */
static const struct hst_cache_costs stub_costs = { { { 1u << 20, 10, 20 } }, 1, 5, 7 };

static inline void add(struct hst_cache_log *log, struct hst_cache_call call)
{
	if (hst_cache_log_add(log, &call, 1) != HST_OK) {
		abort();
	}
}

/* The calls of a log in order; the log keeps them. The caller frees. */
static inline struct hst_cache_calls calls_of(struct hst_cache_log *log)
{
	struct hst_cache_calls calls;

	if (hst_cache_calls_take(&log->calls, false, &calls) != HST_OK) {
		abort();
	}
	return calls;
}

/* A call of thread 0 with a result. */
static inline struct hst_cache_call call_at(
	uint64_t start_ns, uint64_t cost_ns, uint64_t key, uint64_t result)
{
	return (struct hst_cache_call){ .key = key,
		.result = result,
		.has_result = 1,
		.start_ns = start_ns,
		.end_ns = start_ns + cost_ns,
		.cost_ns = cost_ns };
}

#endif
