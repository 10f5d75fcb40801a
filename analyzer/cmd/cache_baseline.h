/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the same work takes without hooks, and with hooks that read no arguments: `hasten cache --baseline`. From it follows what each
 * call takes less when there are no hooks, and how much slower the functions of this recording are than without arguments.
 */
#ifndef HST_CMD_CACHE_BASELINE_H
#define HST_CMD_CACHE_BASELINE_H

#include "cmd/common.h"
#include "passes/cache_gather.h"

struct hst_cache_baseline {
	bool used;
	uint64_t
		plain_ns; /* CPU time of the program without hooks from its first code on, the least; 0 none */
	uint32_t plain_runs;
	bool calls; /* there is a recording with hooks, without arguments */
	double hooked_ns; /* CPU time in functions with hooks, without hasten's cost: of that recording, else of this one */
	uint64_t hooked_calls;
	double per_call_ns; /* that a call takes less without hooks; not less than 0 */
	bool slower;        /* it would be: the program without hooks took longer */
	uint64_t functions; /* that took another time without arguments */
	uint64_t unequal;   /* functions that were called another number of times there */
	struct hst_profile own, other; /* this recording, and the one without arguments */
	struct hst_cache_correction correction;
};

/* Reads the directories of --baseline. Exit status, after it has said what is wrong. */
int hst_cache_baseline_read(struct hst_reading *reading, struct hst_cache_baseline *baseline);
/* Are the rows of this profile those that the baseline was laid beside? Exit status. */
int hst_cache_baseline_check(struct hst_reading *reading, const struct hst_cache_baseline *baseline,
	const struct hst_profile *profile);
void hst_cache_baseline_finish(struct hst_cache_baseline *baseline);

#endif
