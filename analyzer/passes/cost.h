/* SPDX-License-Identifier: Apache-2.0 */
/* What a pair of hooks took of the program's time, and how well that is known: docs/estimators.md. */
#ifndef HST_PASSES_COST_H
#define HST_PASSES_COST_H

#include "hasten/trace.h"

#define HST_COST_MAX (1u << 24) /* 1/256 ticks; a larger calibration is no calibration */

/*
 * The preload measures among work like a program's, but in a loop that the caches and predictors know. What a pair takes in
 * programs whose time without hooks is known is this share of it (docs/estimators.md), and lies between these bounds.
 */
#define HST_COST_SHARE 0.95
#define HST_COST_LEAST 0.85
#define HST_COST_MOST  1.15

/* Calling hooks that do nothing costs programs so many times what it costs the preload's loop: they have registers to save, and lose more of what the compiler would do. */
#define HST_EMPTY_SHARE 2.0

/* What writing keys and results takes besides, 1/256 ticks. */
struct hst_key_cost {
	uint64_t inside;  /* of a key, in the time of the call */
	uint64_t outside; /* in its caller's */
	uint64_t result;  /* in its caller's */
};

struct hst_own_cost {
	uint64_t inside_256;  /* of the callee's time, 1/256 ticks; 0 unknown */
	uint64_t outside_256; /* of the caller's */
	uint64_t miss_256;    /* more of that, if the predictor did not foretell the call */
	uint64_t empty_256;   /* what the program takes to call hooks that do nothing; 0 unknown */
	struct hst_key_cost key[2]; /* known; new */
	double low, high; /* what the true cost is, as a share of these: 1 and 1 unknown */
};

/* From the calibration at the start and those of later: their mean; the outer quartiles, with the factors above. */
struct hst_own_cost hst_own_cost(const struct hst_file_header *header);

#endif
