/* SPDX-License-Identifier: Apache-2.0 */
/* speedscope's JSON: one sampled profile per metric, and each thread's time line where it is short. */
#ifndef HST_WRITERS_SPEEDSCOPE_H
#define HST_WRITERS_SPEEDSCOPE_H

#include "model/profile.h"
#include "writers/calls.h"

#include <stdio.h>

/*
 * Needs contexts that are not folded. `calls` (NULL: none) adds the time lines. `name` is the
 * title, `version` ours. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_speedscope_write(FILE *out, const struct hst_profile *profile,
	const struct hst_calls *calls, const char *name, const char *version);

#endif
