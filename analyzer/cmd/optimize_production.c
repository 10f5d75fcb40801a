/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program in production needs hooks in the functions of the plan alone: all others run as fast as without. Their flags are found as
 * for `--instrumentation --keep`.
 */
#include "cmd/optimize_plan.h"

#include <stdlib.h>

enum hst_status hst_optimize_production(struct hst_optimize_plan *plan, struct hst_diag *diag)
{
	struct hst_optimize *build = &plan->production;
	bool *rows = calloc(plan->profile.function_count + 1, sizeof *rows);
	enum hst_status status = rows == NULL ? HST_E_MEMORY : HST_OK;

	build->reading = plan->reading;
	build->profile = &plan->profile;
	build->no_heap = true;
	for (size_t i = 0; i < plan->candidates.count && status == HST_OK; i++) {
		const struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		rows[candidate->row] |= hst_optimize_can(candidate);
	}
	if (status == HST_OK) {
		status = hst_filter_parse("*", &build->keep, diag);
	}
	if (status == HST_OK) {
		status = hst_optimize_gather(build, diag);
	}
	if (status == HST_OK) {
		status = hst_optimize_keep_rows(build, rows);
	}
	plan->has_production = status == HST_OK;
	free(rows);
	return status;
}
