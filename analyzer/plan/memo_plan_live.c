/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of a proven function: what its code reads at entry. The code from there to the enter hook is followed, one straight way; what
 * an argument register held must then be in a callee-saved register, or in the frame, where nothing else was written to since.
 */
#include "plan/memo_plan_parts.h"

#include "symbols/recipes_follow.h"

#define STEPS_MAX 4096
#define WORD      8u
#define REG_BYTES 8u

/* From the entry to the call of the hook. false: there is a fork, a call, or something that is not understood. */
static bool follow(
	const struct hst_memo_work *work, uint64_t entry, uint64_t ret, struct hst_follow *follow)
{
	uint64_t at = entry;

	hst_follow_start(follow);
	for (int i = 0; i < STEPS_MAX; i++) {
		struct hst_insn insn;
		uint64_t target;

		if (!hst_code_decode(&work->code, at, ret, &insn)) {
			return false;
		}
		at = hst_insn_end(&insn);
		if (at == ret) {
			return !follow->wild; /* the call itself */
		}
		if (hst_follow_step(follow, &insn, &target) != HST_FOLLOW_ON) {
			return false;
		}
	}
	return false;
}

static bool is_from(const struct hst_followed *value, unsigned reg, unsigned bytes)
{
	return value->kind == HST_FOLLOWED_REGISTER && value->reg == reg && value->width >= bytes &&
	       !value->low_bit;
}

/* Where the register's content is at the hook. false: nowhere. */
static bool find_register(const struct hst_follow *state, const struct hst_memo_live *live,
	struct hst_plan_piece *piece)
{
	const struct hst_followed *rsp = &state->regs[HST_REG_RSP];

	*piece = (struct hst_plan_piece){ .width = live->width };
	for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
		if (hst_reg_is_saved(i) && is_from(&state->regs[i], live->reg, live->width)) {
			piece->kind = HST_PLAN_PLACE_REGISTER;
			piece->reg = (uint8_t)i;
			return true;
		}
	}
	for (uint32_t i = 0; rsp->kind == HST_FOLLOWED_POINTER && i < state->store_count; i++) {
		const struct hst_follow_store *store = &state->stores[i];
		int64_t offset = store->offset - rsp->number;

		if (store->base != HST_REG_RSP || !is_from(&store->value, live->reg, live->width) ||
			store->width < live->width || offset < 0 || offset > INT32_MAX ||
			hst_follow_stored(state, store->base, store->offset, live->width) !=
				store) {
			continue;
		}
		piece->kind = HST_PLAN_PLACE_SP;
		piece->offset = (int32_t)offset;
		return true;
	}
	return false;
}

/* A slot of the caller's frame stays where it is. */
static bool find_slot(const struct hst_follow *state, const struct hst_plan_frame *frame,
	const struct hst_memo_live *live, struct hst_plan_piece *piece)
{
	int64_t offset = (int64_t)frame->offset + live->stack;

	/* The follower counts from rsp at entry, which lies below the call frame address by the return address. */
	if (live->stack < 0 || offset > INT32_MAX ||
		hst_follow_stored(state, HST_REG_RSP, live->stack + WORD, live->width) != NULL) {
		return false;
	}
	*piece = (struct hst_plan_piece){ .kind = frame->base == HST_REG_RBP ? HST_PLAN_PLACE_RBP
									     : HST_PLAN_PLACE_SP,
		.width = live->width,
		.offset = (int32_t)offset };
	return true;
}

enum hst_memo_reason hst_memo_plan_live(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, const struct hst_plan_memo *memo, bool *ret_memory)
{
	struct hst_follow state;

	if (wish->live_count == 0) {
		return HST_MEMO_PLANNED;
	}
	if (!follow(work, wish->fn, memo->ret, &state)) {
		return HST_MEMO_LIVE;
	}
	for (size_t i = 0; i < wish->live_count; i++) {
		const struct hst_memo_live *live = &wish->live[i];
		struct hst_plan_piece piece;
		bool found = live->reg == HST_REGS ? find_slot(&state, &memo->frame, live, &piece)
						   : find_register(&state, live, &piece);

		if (!found || (live->width & (live->width - 1u)) != 0 || live->width > REG_BYTES) {
			return HST_MEMO_LIVE;
		}
		*ret_memory = *ret_memory && hst_vec_push(&work->pieces, piece);
	}
	return HST_MEMO_PLANNED;
}
