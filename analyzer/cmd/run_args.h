/* SPDX-License-Identifier: Apache-2.0 */
/* --args: from debug information to where arguments and results are at each hook. */
#ifndef HST_CMD_RUN_ARGS_H
#define HST_CMD_RUN_ARGS_H

#include "cmd/run_plan.h"

/*
 * Adds the sites of these files to the plan, of all functions or (`of` not NULL) of those that match. Says what cannot be read.
 * HST_E_USAGE: nothing matches, or the program has nothing to read; HST_E_LIMIT, HST_E_MEMORY; with a sentence.
 */
HST_NODISCARD enum hst_status hst_run_args(const struct hst_say *say, struct hst_filter *of,
	const struct hst_elf_advice *advice, const struct hst_planned *planned,
	struct hst_plan_file *plan, struct hst_diag *diag);

#endif
