/* SPDX-License-Identifier: Apache-2.0 */
/* --filter: from an expression to the tables that the preload reads. */
#ifndef HST_CMD_RUN_FILTER_H
#define HST_CMD_RUN_FILTER_H

#include "cmd/elf_advice.h"
#include "cmd/run_plan.h"
#include "cmd/run_say.h"
#include "plan/filter.h"
#include "util/status.h"

/*
 * Applies the filter to these files and adds what is left to the plan. Says what the filter does not match. HST_E_IO,
 * HST_E_LIMIT, HST_E_MEMORY with a sentence.
 */
HST_NODISCARD enum hst_status hst_run_filter(const struct hst_say *say, struct hst_filter *filter,
	const struct hst_elf_advice *advice, const struct hst_planned *planned,
	struct hst_plan_file *plan, struct hst_diag *diag);

#endif
