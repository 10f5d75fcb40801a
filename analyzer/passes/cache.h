/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass behind `hasten cache`: a log of calls per function, in the order of their begin within each thread, to what a cache
 * would gain. Exact while a log holds all its calls; a log that became too long holds those of a share of the keys, chosen by
 * their hash (SHARDS), and the figures are scaled.
 */
#ifndef HST_PASSES_CACHE_H
#define HST_PASSES_CACHE_H

#include "model/cache.h"
#include "passes/cache_pack.h"
#include "util/status.h"
#include "util/vec.h"

/* Calls that all logs hold together, by default: 8 to 30 bytes each. */
#define HST_CACHE_CALLS_MAX (32u << 20)
/* More calls of one function are sampled: 48 bytes each while they are looked at. */
#define HST_CACHE_LOG_MAX (16u << 20)

struct hst_cache_key_values;

struct hst_cache_log {
	struct hst_cache_pack calls;
	uint64_t total;       /* calls, with those that the sample lacks */
	uint64_t total_outer; /* those that were not called from within the function itself */
	uint64_t total_cost;  /* of these */
	uint64_t dropped;     /* calls that are in none of the two */
	uint64_t parent;      /* the first call's */
	const struct hst_cache_key_values *values; /* of its keys, NULL unknown; borrowed */
	uint32_t row;
	uint32_t
		shift; /* the sample has the keys whose hash has so many zeros at its top: one of 2^shift */
	uint32_t contents; /* texts and blocks in its keys */
	bool declared;     /* the user says that it is pure */
	bool program;      /* its calls are runs of a program */
	bool writes; /* it takes or returns pointers to what may be changed (passes/cache_writes.h) */
	bool parents; /* there is more than one parent */
};

/* Is a call of this key in a sample of one key of 2^shift? */
bool hst_cache_sampled(uint64_t key, uint32_t shift);
/* Adds a call that was made by the call `parent`. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_log_add(
	struct hst_cache_log *log, const struct hst_cache_call *call, uint64_t parent);
/*
 * Halves the sample, again and again, until at most `most` calls are left; what one key has too many of goes from the end.
 * HST_E_MEMORY: calls are lost.
 */
HST_NODISCARD enum hst_status hst_cache_log_thin(struct hst_cache_log *log, size_t most);
void hst_cache_log_finish(struct hst_cache_log *log);

struct hst_cache_options {
	const struct hst_cache_costs *costs; /* NULL: measured here (hst_cache_measure) */
	/* By number of a thread: number of its process, below 2^32 - 1; NULL: all are of one. */
	const uint32_t *process_of;
	size_t thread_count; /* of process_of */
	uint64_t seed;       /* of the bootstrap */
	bool alone;          /* rows do not take time from each other */
	bool sums;           /* hst_cache_function.sums are wanted */
	size_t log_max;      /* 0: HST_CACHE_LOG_MAX */
};

/*
 * Analyses the logs, which are empty afterwards. The caller owns *ret_cache until hst_cache_finish. HST_E_MEMORY, HST_E_LIMIT: a log
 * has more calls than can be numbered.
 */
HST_NODISCARD enum hst_status hst_cache_analyse(struct hst_cache_log *logs, size_t count,
	const struct hst_cache_options *options, struct hst_cache *ret_cache);

/* What the proposed cache takes on this machine: measured at the first call (about 50 ms), then remembered. */
const struct hst_cache_costs *hst_cache_measure(void);

#endif
