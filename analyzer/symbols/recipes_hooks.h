/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of hooks in one function's code. */
#ifndef HST_SYMBOLS_RECIPES_HOOKS_H
#define HST_SYMBOLS_RECIPES_HOOKS_H

#include "symbols/recipes_code.h"
#include "util/vec.h"

struct hst_hook_call {
	uint64_t call; /* address of the call or jump */
	uint64_t ret;  /* behind it */
	uint64_t fn;   /* what rdi holds, 0: cannot be told */
	bool exit;
	bool tail; /* a jump */
};

/* Work space that is used for one function after the other. { 0 } is valid. */
struct hst_hook_scan {
	HST_VEC(struct hst_hook_call) calls; /* of the last function */
	HST_VEC(struct hst_hook_step) steps;
	HST_VEC(struct hst_hook_join) joins;
	uint64_t decoded; /* instructions, of all functions */
	bool exhausted;   /* more than a file of this size can have: the rest was not looked at */
};

/*
 * Finds the hook calls in a function whose code is in `ranges` (entry: where it begins) and puts them into
 * scan->calls. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_hooks_find(struct hst_code *code, const struct hst_span *ranges,
	size_t range_count, uint64_t entry, struct hst_hook_scan *scan);
void hst_hooks_finish(struct hst_hook_scan *scan);

#endif
