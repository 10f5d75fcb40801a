/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan has of functions that are answered from caches, checked. */
#ifndef HST_SINK_PLAN_MEMO_H
#define HST_SINK_PLAN_MEMO_H

#include "sink/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one build id; into the plan's bytes. Every index in `memos` has been checked against these. */
struct hst_plan_memos {
	const struct hst_plan_memo *memos;
	const struct hst_plan_memo_exit *exits;
	const struct hst_plan_piece *pieces;
	const struct hst_plan_code *codes;
	const struct hst_plan_slot *slots;
	uint64_t memo_count, exit_count, piece_count, code_count, slot_count;
};

/* false: it has none, or they were refused. */
bool hst_plan_memos(const struct hst_plan *plan, const uint8_t *build_id, uint32_t build_id_bytes,
	struct hst_plan_memos *ret_memos);

/* For hst_plan_check: refuses the sections of this kind that make no sense, and counts what is left. */
void hst_plan_check_memos(struct hst_plan *plan, uint64_t size);

#endif
