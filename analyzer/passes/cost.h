/* SPDX-License-Identifier: Apache-2.0 */
/* What a pair of hooks took of the program's time, and how well that is known: docs/estimators.md. */
#ifndef HST_PASSES_COST_H
#define HST_PASSES_COST_H

#include "hasten/trace.h"

#define HST_COST_MAX (1u << 24) /* 1/256 ticks; a larger calibration is no calibration */

/*
 * A pair that is measured alone takes its full time. Among a program's own instructions it takes less, because the processor
 * works on both at once, or more, because caches and predictors are the program's. Measured on programs whose time without
 * hooks is known (docs/estimators.md): 0.78 to 1.11 of what was measured alone.
 */
#define HST_COST_LEAST 0.75
#define HST_COST_MOST  1.15

struct hst_own_cost {
	uint64_t inside_256;  /* of the callee's time, 1/256 ticks; 0 unknown */
	uint64_t outside_256; /* of the caller's */
	double low, high;     /* what the true cost is, as a share of these: 1 and 1 unknown */
};

/* From the calibration at the start and those of later: their median; the outer quartiles, with the factors above. */
struct hst_own_cost hst_own_cost(const struct hst_file_header *header);

#endif
