/* SPDX-License-Identifier: Apache-2.0 */
/* HST_PLAN_MEMO_NAMES: the names of a file and of its functions, for those who look at a plan. */
#ifndef HST_PLAN_MEMO_NAMES_H
#define HST_PLAN_MEMO_NAMES_H

#include "plan/plan_file.h"

struct hst_memo_names {
	HST_VEC(uint64_t) words;
	size_t bytes; /* of the texts */
};

/* Appends a text with its end. false: out of memory. */
bool hst_memo_names_add(struct hst_memo_names *names, const char *text);
/* Hands them over to the plan. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_memo_names_give(
	struct hst_memo_names *names, struct hst_plan_section section, struct hst_plan_file *plan);
void hst_memo_names_finish(struct hst_memo_names *names);

#endif
