/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the exit hook to the return, along all ways: what reaches rax or xmm0 must come from the same
 * callee-saved register, place or constant on each of them. The check of the stack protector is such
 * a fork, and its failure is no way out.
 */
#include "symbols/recipes_result.h"

#include "symbols/recipes_follow.h"

#define STEPS_MAX 192
#define WAYS_MAX  6u

struct way {
	uint64_t at;
	struct hst_follow follow;
};

struct search {
	struct hst_code *code;
	const struct hst_span *ranges;
	size_t range_count;
	const struct hst_recipe_type *type;
	struct way ways[WAYS_MAX]; /* that are still to be gone */
	uint32_t way_count;
	int steps;
	bool found, unwinds;
	bool low_bit; /* on one way or more, of a bool only its lowest bit was kept */
	struct hst_plan_piece piece;
};

/* The end of the range that the address lies in, 0: it is not of this function. */
static uint64_t range_end(const struct search *search, uint64_t address)
{
	for (size_t i = 0; i < search->range_count; i++) {
		if (address >= search->ranges[i].lo && address < search->ranges[i].hi) {
			return search->ranges[i].hi;
		}
	}
	return 0;
}

static bool fits(int64_t value)
{
	return value >= INT32_MIN && value <= INT32_MAX;
}

/* A constant as a value of the type. false: it cannot be written as 32 bits that are sign-extended. */
static bool constant_fits(int64_t number, const struct hst_recipe_type *type, int32_t *ret_offset)
{
	unsigned shift = 64 - 8 * (unsigned)type->size;
	uint64_t bits = (uint64_t)number << shift;
	int64_t value = type->is_signed ? (int64_t)bits >> shift : (int64_t)(bits >> shift);

	*ret_offset = (int32_t)value;
	return fits(value);
}

static enum hst_recipe_reason to_piece(const struct hst_followed *value,
	const struct hst_recipe_type *type, struct hst_plan_piece *piece)
{
	unsigned size = (unsigned)type->size;
	bool is_signed = type->is_signed;

	*piece = (struct hst_plan_piece){ .width = (uint8_t)size };
	if (value->kind == HST_FOLLOWED_CONSTANT) {
		piece->kind = HST_PLAN_PLACE_CONSTANT;
		piece->content = hst_recipe_content(type);
		return constant_fits(value->number, type, &piece->offset) ? HST_RECIPE_READABLE
									  : HST_RECIPE_CONSTANT;
	}
	if (value->width < size) {
		if (value->extension == HST_EXTENDED_NOT || value->reach < size) {
			return HST_RECIPE_COMPUTED;
		}
		piece->width = value->width;
		is_signed = value->extension == HST_EXTENDED_SIGN;
	}
	piece->content = hst_recipe_content(type) & (uint8_t)~HST_PLAN_CONTENT_SIGNED;
	piece->content |= is_signed ? HST_PLAN_CONTENT_SIGNED : 0;
	if (value->low_bit && !type->is_bool) {
		return HST_RECIPE_COMPUTED;
	}
	if (value->kind == HST_FOLLOWED_REGISTER && hst_reg_is_saved(value->reg)) {
		piece->kind = HST_PLAN_PLACE_REGISTER;
		piece->reg = value->reg;
		return HST_RECIPE_READABLE;
	}
	/* What lies below the stack pointer is the hook's. */
	if (value->kind == HST_FOLLOWED_MEMORY && fits(value->number) &&
		(value->reg == HST_REG_RBP || value->number >= 0)) {
		piece->kind = value->reg == HST_REG_RBP ? HST_PLAN_PLACE_RBP : HST_PLAN_PLACE_SP;
		piece->offset = (int32_t)value->number;
		return HST_RECIPE_READABLE;
	}
	return HST_RECIPE_COMPUTED;
}

static enum hst_recipe_reason at_return(struct search *search, const struct hst_follow *follow)
{
	const struct hst_followed *value =
		&follow->regs[search->type->is_float ? HST_REG_XMM0 : HST_REG_RAX];
	struct hst_plan_piece piece;
	enum hst_recipe_reason reason = to_piece(value, search->type, &piece);

	if (reason != HST_RECIPE_READABLE) {
		return reason;
	}
	if (search->found && (piece.kind != search->piece.kind || piece.reg != search->piece.reg ||
				     piece.width != search->piece.width ||
				     piece.content != search->piece.content ||
				     piece.offset != search->piece.offset)) {
		return HST_RECIPE_PATHS;
	}
	search->piece = piece;
	search->found = true;
	search->low_bit |= value->low_bit;
	return HST_RECIPE_READABLE;
}

/* Goes one way to its end. READABLE: nothing speaks against a result so far. */
static enum hst_recipe_reason go(struct search *search, struct way *way)
{
	for (; search->steps < STEPS_MAX; search->steps++) {
		struct hst_insn insn;
		uint64_t end = range_end(search, way->at);
		uint64_t target;
		enum hst_code_role role;

		if (end == 0 || !hst_code_decode(search->code, way->at, end, &insn)) {
			return HST_RECIPE_CALLS;
		}
		switch (hst_follow_step(&way->follow, &insn, &target)) {
		case HST_FOLLOW_RETURN:
			return at_return(search, &way->follow);
		case HST_FOLLOW_CALL:
			role = target == 0 ? HST_CODE_NONE : hst_code_target(search->code, target);
			if (target == 0 && hst_code_fixed(&insn, 0, &target)) {
				const struct hst_code_slot *slot =
					hst_code_slot(search->code, target);

				role = slot == NULL ? HST_CODE_NONE : slot->role;
			}
			search->unwinds |= role == HST_CODE_UNWIND;
			return role == HST_CODE_STACK_FAIL || role == HST_CODE_UNWIND
				       ? HST_RECIPE_READABLE
				       : HST_RECIPE_CALLS;
		case HST_FOLLOW_JUMP:
			way->at = target;
			continue;
		case HST_FOLLOW_BRANCH:
			if (search->way_count == WAYS_MAX) {
				return HST_RECIPE_PATHS;
			}
			search->ways[search->way_count] = *way;
			search->ways[search->way_count++].at = target;
			break;
		case HST_FOLLOW_STOP:
			return HST_RECIPE_COMPUTED;
		case HST_FOLLOW_ON:
		default:
			break;
		}
		way->at = hst_insn_end(&insn);
	}
	return HST_RECIPE_PATHS;
}

enum hst_recipe_reason hst_result_find(struct hst_code *code, uint64_t ret,
	const struct hst_span *ranges, size_t range_count, const struct hst_recipe_type *type,
	struct hst_result *ret_result)
{
	struct search search = { .code = code,
		.ranges = ranges,
		.range_count = range_count,
		.type = type,
		.way_count = 1 };

	search.ways[0].at = ret;
	hst_follow_start(&search.ways[0].follow);
	while (search.way_count > 0) {
		struct way way = search.ways[--search.way_count];
		enum hst_recipe_reason reason = go(&search, &way);

		if (reason != HST_RECIPE_READABLE) {
			return reason;
		}
	}
	if (!search.found) {
		return search.unwinds ? HST_RECIPE_UNWINDS : HST_RECIPE_PATHS;
	}
	*ret_result = (struct hst_result){ .piece = search.piece, .low_bit = search.low_bit };
	return HST_RECIPE_READABLE;
}
