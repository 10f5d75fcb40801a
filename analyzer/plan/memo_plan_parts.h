/* SPDX-License-Identifier: Apache-2.0 */
/* What the files memo_plan*.c share. */
#ifndef HST_PLAN_MEMO_PLAN_PARTS_H
#define HST_PLAN_MEMO_PLAN_PARTS_H

#include "plan/memo_plan.h"
#include "symbols/image.h"
#include "symbols/recipes_code.h"
#include "symbols/recipes_frame.h"
#include "util/vec.h"

struct hst_memo_work {
	struct hst_image *image;
	const struct hst_recipes *recipes;
	struct hst_code code;
	struct hst_frames frames;
	HST_VEC(struct hst_span) own; /* of the function at hand: its body, hot and .cold */
	HST_VEC(struct hst_span) all; /* that and its .part; then all that the evidence rests on */
	HST_VEC(struct hst_span) relocations; /* that change code when it is loaded */
	uint64_t code_bytes;                  /* in all codes */
	/* The tables to be. */
	HST_VEC(struct hst_plan_memo) memos;
	HST_VEC(struct hst_plan_memo_exit) exits;
	HST_VEC(struct hst_plan_piece) pieces;
	HST_VEC(struct hst_plan_code) codes;
	HST_VEC(struct hst_plan_slot) slots;
};

/*
 * Fill in the memo and its parts, for a function whose ranges are in `work`. HST_MEMO_PLANNED, or the reason; the tables may
 * have items then that the caller takes out again. *ret_memory: there was none.
 */
enum hst_memo_reason hst_memo_plan_sites(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, struct hst_plan_memo *memo,
	struct hst_memo_outcome *outcome, bool *ret_memory);
enum hst_memo_reason hst_memo_plan_code(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, struct hst_plan_memo *memo, bool *ret_memory);

/* The key's pieces by what is live, for a memo that has its frame; of a proven function. */
enum hst_memo_reason hst_memo_plan_live(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, const struct hst_plan_memo *memo, bool *ret_memory);

/* Finds where relocations change code. false: out of memory. */
bool hst_memo_plan_relocations(struct hst_memo_work *work);
/* Finds the ranges of the function. false: out of memory. Without a body it has none. */
bool hst_memo_plan_ranges(struct hst_memo_work *work, uint64_t fn);

#endif
