/* SPDX-License-Identifier: Apache-2.0 */
/* The prologue up to the hook: what was stored where, and where arguments went. */
#include "symbols/recipes_home.h"

#define STEPS_MAX    4096
#define INTEGERS     6u
#define FLOATS       8u
#define PIECE_BYTES  8u
#define RETURN_BYTES 8 /* from the stack pointer at entry to the call frame address */

static bool follow(struct hst_home *home)
{
	uint64_t at = home->start;

	if (home->followed) {
		return home->good;
	}
	home->followed = true;
	hst_follow_start(&home->follow);
	for (int i = 0; i < STEPS_MAX && at < home->call; i++) {
		struct hst_insn insn;
		uint64_t target;

		if (*home->budget == 0 || !hst_code_decode(home->code, at, home->call, &insn)) {
			return false;
		}
		--*home->budget;
		/* Jumps are passed by: what lies between is loops over pages, saved vector registers. */
		(void)hst_follow_step(&home->follow, &insn, &target);
		at = hst_insn_end(&insn);
	}
	home->good = at == home->call;
	return home->good;
}

/* Where a piece in memory is in terms of the start. false: cannot be told. */
static bool start_place(const struct hst_home *home, const struct hst_plan_piece *piece,
	uint8_t *ret_base, int64_t *ret_offset)
{
	const struct hst_followed *base;

	*ret_base = HST_REG_RSP;
	if (piece->kind == HST_PLAN_PLACE_CFA) {
		*ret_offset = (int64_t)piece->offset + RETURN_BYTES;
		return home->entry;
	}
	base = &home->follow.regs[piece->kind == HST_PLAN_PLACE_RBP ? HST_REG_RBP : HST_REG_RSP];
	if (base->kind == HST_FOLLOWED_POINTER) {
		*ret_offset = base->number + piece->offset;
		return true;
	}
	*ret_base = HST_REG_RBP;
	*ret_offset = piece->offset;
	return base->kind == HST_FOLLOWED_REGISTER && base->reg == HST_REG_RBP && base->width == 8;
}

/*
 * Does a store at the beginning of a function put an argument somewhere: what came in a register for arguments or on
 * the stack? `push %rax` only makes room.
 */
static bool is_argument(const struct hst_followed *value)
{
	static const uint32_t came = 1u << HST_REG_RDI | 1u << HST_REG_RSI | 1u << HST_REG_RDX |
				     1u << HST_REG_RCX | 1u << 8 | 1u << 9;

	if (value->kind == HST_FOLLOWED_REGISTER) {
		return value->reg >= HST_REG_XMM0 ? value->reg < HST_REG_XMM0 + FLOATS
						  : (came >> value->reg & 1u) != 0;
	}
	return value->kind == HST_FOLLOWED_MEMORY && value->reg == HST_REG_RSP &&
	       value->number >= RETURN_BYTES;
}

static bool is_written(struct hst_home *home, const struct hst_plan_piece *piece)
{
	const struct hst_followed *value;
	uint8_t base;
	int64_t offset;

	if (piece->kind == HST_PLAN_PLACE_CONSTANT) {
		return true;
	}
	if (piece->kind == HST_PLAN_PLACE_REGISTER) {
		value = &home->follow.regs[piece->reg];
		return value->kind != HST_FOLLOWED_REGISTER || value->reg != piece->reg;
	}
	if (!start_place(home, piece, &base, &offset)) {
		return false;
	}
	/* The caller wrote what lies above the return address. */
	if (base == HST_REG_RSP && home->entry && offset >= RETURN_BYTES) {
		return true;
	}
	for (unsigned i = 0; i < piece->width; i++) {
		const struct hst_follow_store *store =
			hst_follow_stored(&home->follow, base, offset + i, 1);

		if (store == NULL || (home->entry && !is_argument(&store->value))) {
			return false;
		}
	}
	return true;
}

bool hst_home_is_written(struct hst_home *home, const struct hst_place *place)
{
	if (!follow(home)) {
		return false;
	}
	for (uint16_t i = 0; i < place->count; i++) {
		if (!is_written(home, &place->pieces[i])) {
			return false;
		}
	}
	return true;
}

/* Is this what the register `reg` held at entry, in at least `bytes` bytes? */
static bool is_from(const struct hst_followed *value, unsigned reg, uint64_t bytes,
	const struct hst_recipe_type *type)
{
	return value->kind == HST_FOLLOWED_REGISTER && value->reg == reg && value->width >= bytes &&
	       (!value->low_bit || type->is_bool);
}

/* Where the register's content of the entry is at the hook. */
static bool find_kept(struct hst_home *home, unsigned reg, uint64_t bytes,
	const struct hst_recipe_type *type, struct hst_plan_piece *piece)
{
	const struct hst_follow *state = &home->follow;

	for (unsigned i = 0; i < HST_REG_GENERAL; i++) {
		if (hst_reg_is_saved(i) && is_from(&state->regs[i], reg, bytes, type)) {
			*piece = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_REGISTER,
				.reg = (uint8_t)i };
			return true;
		}
	}
	for (uint32_t i = 0; i < state->store_count; i++) {
		const struct hst_follow_store *store = &state->stores[i];
		const struct hst_followed *rsp = &state->regs[HST_REG_RSP];
		int64_t offset = store->offset - RETURN_BYTES;
		uint8_t kind = HST_PLAN_PLACE_CFA;

		if (rsp->kind == HST_FOLLOWED_POINTER) {
			offset = store->offset - rsp->number;
			kind = HST_PLAN_PLACE_SP;
		}
		if (store->base == HST_REG_RSP && is_from(&store->value, reg, bytes, type) &&
			hst_follow_stored(state, store->base, store->offset, (unsigned)bytes) ==
				store &&
			offset >= INT32_MIN && offset <= INT32_MAX) {
			*piece = (struct hst_plan_piece){ .kind = kind, .offset = (int32_t)offset };
			return true;
		}
	}
	return false;
}

enum hst_recipe_reason hst_home_find(struct hst_home *home, const struct hst_incoming *incoming,
	const struct hst_recipe_type *type, struct hst_place *ret_place)
{
	struct hst_plan_piece piece;
	enum hst_recipe_reason reason = HST_RECIPE_READABLE;

	ret_place->count = 0;
	if (incoming->count == 0 || !home->entry || !follow(home) || home->follow.wild) {
		return HST_RECIPE_HOME;
	}
	if (incoming->regs[0] == HST_REGS) {
		piece = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_CFA,
			.offset = (int32_t)incoming->stack };
		return hst_place_part(ret_place, &piece, type, 0, type->size);
	}
	for (unsigned i = 0; i < incoming->count && reason == HST_RECIPE_READABLE; i++) {
		uint64_t offset = i * PIECE_BYTES;
		uint64_t bytes =
			type->size - offset < PIECE_BYTES ? type->size - offset : PIECE_BYTES;
		uint64_t used = bytes;

		/* Padding at the end need not be kept. */
		while (used > 1 && ((unsigned)type->used >> (offset + used - 1) & 1u) == 0) {
			used--;
		}
		if (!find_kept(home, incoming->regs[i], used, type, &piece)) {
			return HST_RECIPE_HOME;
		}
		reason = hst_place_part(ret_place, &piece, type, offset, bytes);
	}
	return reason;
}

struct arguments {
	unsigned integers, floats;
	int64_t stack;
	bool stack_known;
};

static const uint8_t integer_regs[INTEGERS] = { HST_REG_RDI, HST_REG_RSI, HST_REG_RDX, HST_REG_RCX,
	8, 9 };

/* Is this half of the value passed like a floating-point number? */
static bool is_float_half(const struct hst_recipe_type *type, unsigned half)
{
	unsigned used = (unsigned)type->used >> (half * PIECE_BYTES) & 0xffu;
	unsigned floats = (unsigned)type->floats >> (half * PIECE_BYTES) & 0xffu;

	return used != 0 && used == floats;
}

static void on_stack(struct arguments *arguments, uint64_t bytes, struct hst_incoming *incoming)
{
	if (arguments->stack_known && arguments->stack < INT32_MAX) {
		incoming->count = 1;
		incoming->regs[0] = HST_REGS;
		incoming->stack = arguments->stack;
	}
	arguments->stack += (int64_t)((bytes + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES);
}

static void in_registers(struct arguments *arguments, const struct hst_recipe_type *type,
	struct hst_incoming *incoming)
{
	unsigned halves = type->size > PIECE_BYTES ? 2 : 1;
	struct arguments next = *arguments;

	for (unsigned i = 0; i < halves; i++) {
		bool is_float = is_float_half(type, i);

		if (is_float ? next.floats == FLOATS : next.integers == INTEGERS) {
			on_stack(arguments, type->size, incoming);
			return;
		}
		incoming->regs[i] = is_float ? (uint8_t)(HST_REG_XMM0 + next.floats++)
					     : integer_regs[next.integers++];
	}
	incoming->count = (uint8_t)halves;
	*arguments = next;
}

/* false: nothing can be told of this and all that follow. */
static bool take_argument(struct arguments *arguments, const struct hst_recipe_type *type,
	struct hst_incoming *incoming)
{
	if (type->kind == HST_TYPE_WHOLE || type->kind == HST_TYPE_FLOAT) {
		in_registers(arguments, type, incoming);
		return true;
	}
	if (!type->class_type || !type->by_value) {
		return false;
	}
	if (type->kind == HST_TYPE_PARTS && type->size > 0) {
		in_registers(arguments, type, incoming);
		return true;
	}
	if (type->kind == HST_TYPE_NONE && type->reason == HST_RECIPE_TOO_LARGE) {
		arguments->stack_known = false; /* it may be aligned to more than eight bytes */
		return true;
	}
	return false;
}

void hst_home_incoming(const struct hst_recipe_type *result,
	const struct hst_recipe_type *const *types, size_t count, struct hst_incoming *ret_incoming)
{
	struct arguments arguments = { .stack_known = true };
	bool known = true;

	if (result->class_type) {
		/* A large one is written to where the caller says in rdi. */
		arguments.integers = result->size > 2 * PIECE_BYTES;
		known = result->by_value || result->size > 2 * PIECE_BYTES;
	}
	for (size_t i = 0; i < count; i++) {
		ret_incoming[i] = (struct hst_incoming){ 0 };
		known = known && take_argument(&arguments, types[i], &ret_incoming[i]);
	}
}

/* A register by its operation: HST_REGS if it is none. */
static unsigned register_of(const struct hst_compat_op *op)
{
	unsigned reg = op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31 ? op->atom - DW_OP_reg0
									 : HST_REGS;

	return reg == HST_REG_RSP || reg == HST_REG_GENERAL || reg >= HST_REGS ? HST_REGS : reg;
}

bool hst_home_came(const struct hst_compat_location *location, const struct hst_recipe_type *type,
	struct hst_incoming *ret_incoming)
{
	const struct hst_compat_op *ops = location->ops;
	uint64_t left = type->size;

	*ret_incoming = (struct hst_incoming){ 0 };
	if (location->count == 1 && left <= PIECE_BYTES) {
		ret_incoming->count = 1;
		ret_incoming->regs[0] = (uint8_t)register_of(&ops[0]);
		return ret_incoming->regs[0] != HST_REGS;
	}
	/* reg, piece 8, reg, piece 1-8 */
	for (size_t i = 0; i + 1 < location->count && ret_incoming->count < 2; i += 2) {
		uint64_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
		unsigned reg = register_of(&ops[i]);

		if (reg == HST_REGS || ops[i + 1].atom != DW_OP_piece || ops[i + 1].a != bytes) {
			return false;
		}
		ret_incoming->regs[ret_incoming->count++] = (uint8_t)reg;
		left -= bytes;
	}
	return left == 0 && location->count == 2u * ret_incoming->count;
}
