/* SPDX-License-Identifier: Apache-2.0 */
/* Folded stacks: "main;parse;read 1234", one line per calling context, for flame graphs. */
#ifndef HST_WRITERS_FOLDED_H
#define HST_WRITERS_FOLDED_H

#include "model/profile.h"

#include <stdio.h>

enum hst_metric {
	HST_METRIC_WALL_NS, /* own time of the context */
	HST_METRIC_CALLS,   /* calls of the context */
};

/* Value of a context in a metric. */
uint64_t hst_metric_value(enum hst_metric metric, const struct hst_context *context);

/* Needs contexts that are not folded. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_folded_write(
	FILE *out, const struct hst_profile *profile, enum hst_metric metric);

#endif
