/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten run --plan FILE`: is the plan one for this program? */
#ifndef HST_CMD_RUN_MEMO_H
#define HST_CMD_RUN_MEMO_H

#include "cmd/elf_advice.h"
#include "cmd/run_say.h"
#include "plan/plan_read.h"

struct hst_run_memo {
	char *path;    /* of the plan, absolute; NULL: none was asked for */
	char *revoked; /* of the file beside it */
	struct hst_plan_content content;
};

/* Reads the plan. What hst_plan_content_read says; HST_E_EMPTY: it answers no function. */
HST_NODISCARD enum hst_status hst_run_memo_read(
	const char *path, struct hst_run_memo *ret_memo, struct hst_diag *diag);
/* Accepts a zeroed object. */
void hst_run_memo_finish(struct hst_run_memo *memo);

/*
 * Is the plan for the program or a library that it is linked with? HST_E_USAGE with a sentence: for none of them. What is only a part of it, and
 * what earlier runs have revoked, is a note.
 */
HST_NODISCARD enum hst_status hst_run_memo_check(const struct hst_say *say,
	const struct hst_run_memo *memo, const struct hst_elf_advice *advice,
	struct hst_diag *diag);

#endif
