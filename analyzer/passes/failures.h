/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions of a profile say by their result that they failed, and how often they did. */
#ifndef HST_PASSES_FAILURES_H
#define HST_PASSES_FAILURES_H

#include "model/profile.h"
#include "symbols/function_rules.h"

/*
 * Fills `failure` of the rows that have results, of a profile that hst_profile_read filled; debug information is read for it.
 * HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_profile_failures(
	struct hst_profile *profile, const struct hst_function_rules *rules);

/* Calls of the row whose result says that they failed. */
uint64_t hst_row_failed(const struct hst_function_row *row);
/* Has the row a rate of failed calls? */
static inline bool hst_row_has_failures(const struct hst_function_row *row)
{
	return row->failure != HST_FAILURE_NONE && row->results != 0;
}

#endif
