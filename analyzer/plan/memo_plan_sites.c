/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only a function's own code counts, where it begins at its entry: in an instance that is inlined elsewhere a hook that returns for the
 * function would end the function around it. The exits are those of the same frame.
 */
#include "plan/memo_plan_parts.h"

#include <string.h>

#define RESULT_BYTES_MAX 8u

static const uint8_t saved_order[] = { HST_REG_RBX, HST_REG_RBP, 12, 13, 14, 15 };

/* Is the hook that returns there called by the function's own code, for itself? */
static bool is_own(
	const struct hst_memo_work *work, uint64_t fn, const struct hst_recipe_site *site)
{
	for (size_t i = 0; i < work->own.count; i++) {
		if (site->ret > work->own.items[i].lo && site->ret <= work->own.items[i].hi) {
			return site->fn == fn && !site->inlined && !site->tail &&
			       site->reason != HST_RECIPE_FUNCTION;
		}
	}
	return false;
}

static enum hst_memo_reason find_enter(
	const struct hst_memo_work *work, uint64_t fn, const struct hst_recipe_site **ret_site)
{
	*ret_site = NULL;
	for (size_t i = 0; i < work->recipes->site_count; i++) {
		const struct hst_recipe_site *site = &work->recipes->sites[i];

		if (site->exit || !is_own(work, fn, site)) {
			continue;
		}
		if (*ret_site != NULL) {
			return HST_MEMO_HOOKS;
		}
		*ret_site = site;
	}
	return *ret_site == NULL ? HST_MEMO_NO_HOOK : HST_MEMO_PLANNED;
}

static enum hst_memo_reason take_frame(
	const struct hst_memo_work *work, uint64_t ret, struct hst_plan_frame *frame)
{
	struct hst_frame_row row;

	switch (hst_frames_row(&work->frames, ret - 1, &row)) {
	case HST_FRAME_PLAIN:
		break;
	case HST_FRAME_NONE:
		return HST_MEMO_NO_FRAME;
	case HST_FRAME_ADDRESS:
		return HST_MEMO_FRAME;
	case HST_FRAME_SAVED:
	default:
		return HST_MEMO_SAVED;
	}
	frame->base = row.base;
	frame->offset = row.offset;
	for (unsigned i = 0; i < sizeof saved_order; i++) {
		frame->saved[i] = (int32_t)row.saved[saved_order[i]];
	}
	return HST_MEMO_PLANNED;
}

/* A key by the parameters that the function is declared with. */
static enum hst_memo_reason take_params(struct hst_memo_work *work,
	const struct hst_recipe_site *site, struct hst_memo_outcome *outcome, bool *ret_memory)
{
	const struct hst_recipes *recipes = work->recipes;

	if (site->reason == HST_RECIPE_VARIADIC) {
		return HST_MEMO_VARIADIC;
	}
	outcome->recipe = site->reason;
	for (uint32_t i = 0; i < site->param_count && outcome->recipe == 0; i++) {
		const struct hst_recipe_param *param = &recipes->params[site->first_param + i];

		outcome->of = param->name;
		outcome->recipe = param->reason;
		if (param->shape.form == HST_FORM_POINTER) {
			outcome->recipe = 0;
			return HST_MEMO_POINTER;
		}
		for (uint32_t j = 0; j < param->piece_count && outcome->recipe == 0; j++) {
			struct hst_plan_piece piece = recipes->pieces[param->first_piece + j];

			*ret_memory = *ret_memory && hst_vec_push(&work->pieces, piece);
		}
	}
	if (outcome->recipe != 0) {
		return HST_MEMO_ARGUMENT;
	}
	outcome->of = NULL;
	return HST_MEMO_PLANNED;
}

static enum hst_memo_reason take_key(struct hst_memo_work *work, const struct hst_memo_wish *wish,
	const struct hst_recipe_site *site, struct hst_plan_memo *memo,
	struct hst_memo_outcome *outcome, bool *ret_memory)
{
	enum hst_memo_reason reason;
	size_t count;

	memo->first_piece = (uint32_t)work->pieces.count;
	reason = wish->by_live ? hst_memo_plan_live(work, wish, memo, ret_memory)
			       : take_params(work, site, outcome, ret_memory);
	for (size_t i = 0; i < wish->fixed_count; i++) {
		*ret_memory = *ret_memory && hst_vec_push(&work->pieces, wish->fixed[i]);
	}
	count = work->pieces.count - memo->first_piece;
	if (reason == HST_MEMO_PLANNED && count > HST_PLAN_MEMO_PIECES_MAX) {
		return HST_MEMO_LONG_KEY;
	}
	memo->pieces = (uint16_t)count;
	outcome->pieces = memo->pieces;
	return reason;
}

/* What the exit hook finds there is the result as the caller gets it. */
static bool is_known(const struct hst_recipe_site *site)
{
	return site->reason == HST_RECIPE_READABLE && site->result_reason == HST_RECIPE_READABLE &&
	       site->result.kind != HST_PLAN_PLACE_NONE && site->result.width <= RESULT_BYTES_MAX;
}

static bool of_no_scalar(unsigned recipe)
{
	return recipe == HST_RECIPE_TYPE || recipe == HST_RECIPE_TOO_LARGE ||
	       recipe == HST_RECIPE_PADDING || recipe == HST_RECIPE_IN_PARTS;
}

/* Does the proof say that this much of the result hangs on the key? */
static bool is_decided(const struct hst_memo_wish *wish, const struct hst_plan_piece *result)
{
	uint8_t bytes = (result->content & HST_PLAN_CONTENT_FLOAT) != 0 ? wish->decided_xmm0
									: wish->decided_rax;

	return !wish->by_live || bytes >= result->width;
}

static enum hst_memo_reason take_exits(struct hst_memo_work *work, const struct hst_memo_wish *wish,
	struct hst_plan_memo *memo, struct hst_memo_outcome *outcome, bool *ret_memory)
{
	memo->first_exit = (uint32_t)work->exits.count;
	for (size_t i = 0; i < work->recipes->site_count; i++) {
		const struct hst_recipe_site *site = &work->recipes->sites[i];
		struct hst_plan_frame frame = { 0 };
		struct hst_plan_memo_exit exit = { .ret = site->ret, .result = site->result };

		if (!site->exit || !is_own(work, wish->fn, site)) {
			continue;
		}
		if (!is_known(site) || take_frame(work, site->ret, &frame) != HST_MEMO_PLANNED) {
			outcome->more_exits++;
			if (outcome->recipe == 0) {
				outcome->recipe = site->result_reason;
			}
			continue;
		}
		if (!is_decided(wish, &site->result)) {
			return HST_MEMO_UNDECIDED;
		}
		if (site->low_bit) {
			exit.result.content = HST_PLAN_CONTENT_BIT;
		}
		exit.base = frame.base;
		exit.offset = frame.offset;
		*ret_memory = *ret_memory && hst_vec_push(&work->exits, exit);
	}
	memo->exits = (uint32_t)work->exits.count - memo->first_exit;
	outcome->exits = memo->exits;
	if (memo->exits > 0) {
		outcome->recipe = 0;
		return HST_MEMO_PLANNED;
	}
	return of_no_scalar(outcome->recipe) ? HST_MEMO_RESULT : HST_MEMO_NO_EXIT;
}

enum hst_memo_reason hst_memo_plan_sites(struct hst_memo_work *work,
	const struct hst_memo_wish *wish, struct hst_plan_memo *memo,
	struct hst_memo_outcome *outcome, bool *ret_memory)
{
	const struct hst_recipe_site *site;
	enum hst_memo_reason reason = find_enter(work, wish->fn, &site);

	*ret_memory = true;
	if (reason != HST_MEMO_PLANNED) {
		return reason;
	}
	if (strcmp(site->type, "void") == 0) {
		return HST_MEMO_VOID;
	}
	memo->ret = site->ret;
	reason = take_exits(work, wish, memo, outcome, ret_memory);
	if (reason == HST_MEMO_PLANNED) {
		reason = take_frame(work, site->ret, &memo->frame);
	}
	return reason == HST_MEMO_PLANNED ? take_key(work, wish, site, memo, outcome, ret_memory)
					  : reason;
}
