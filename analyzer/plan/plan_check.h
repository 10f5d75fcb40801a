/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the sections about functions that are answered from caches make sense. */
#ifndef HST_PLAN_PLAN_CHECK_H
#define HST_PLAN_PLAN_CHECK_H

#include "plan/plan_read.h"

/* How many items the tables of a module have. */
struct hst_memo_sizes {
	uint64_t memos, exits, pieces, codes, slots;
};

/* NULL: they are sound; else what is not, as the end of a sentence. */
const char *hst_plan_check_module(
	const struct hst_memo_module *module, const struct hst_memo_sizes *counts);

#endif
