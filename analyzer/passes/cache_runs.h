/* SPDX-License-Identifier: Apache-2.0 */
/* The same function with the same key in several recordings: is its result the same, and what would it save to keep it on disk? */
#ifndef HST_PASSES_CACHE_RUNS_H
#define HST_PASSES_CACHE_RUNS_H

#include "model/cache.h"
#include "model/profile.h"
#include "util/status.h"

/* A recording, analysed with hst_cache_options.sums. */
struct hst_cache_run {
	const struct hst_cache *cache;
	const struct hst_function_row *rows; /* by hst_cache_function.row */
};

/* A function in all recordings. */
struct hst_cache_across {
	const struct hst_function_row *row; /* of the first recording that has it; borrowed */
	uint32_t runs;                      /* recordings that called it */
	uint64_t keys;                      /* different ones in all */
	uint64_t shared; /* those that several recordings have, with the same result in each */
	uint64_t
		contradicting; /* those with more than one result, within a recording or between them */
	uint64_t unknown;      /* those that several have, one of them without a result */
	uint64_t shared_ns; /* of the calls with shared keys, in all recordings */
	uint64_t first_ns;  /* of their first calls in all recordings but the first that has them */
	bool sampled;       /* not all calls were looked at: keys may be missing */
};

struct hst_cache_runs {
	struct hst_cache_across *items; /* most first_ns first */
	size_t count;
};

/* Functions that at least two recordings called. HST_E_MEMORY. The caller frees ret_runs->items. */
HST_NODISCARD enum hst_status hst_cache_compare_runs(
	const struct hst_cache_run *runs, size_t count, struct hst_cache_runs *ret_runs);

#endif
