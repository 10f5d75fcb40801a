/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Location expressions: only those that name a place or a constant are taken, all others have their
 * reason. A value in parts (DW_OP_piece) is taken part by part.
 */
#include "symbols/recipes_place.h"

#include <string.h>

#include "symbols/recipes_code.h"

#define REGISTER_BYTES 8u

static bool fits(int64_t value)
{
	return value >= INT32_MIN && value <= INT32_MAX;
}

enum hst_plan_place hst_place_frame(Dwarf_Debug dbg, Dwarf_Die subprogram, uint64_t pc)
{
	struct hst_compat_location location;
	const struct hst_compat_op *op = &location.ops[0];

	if (hst_types_location(dbg, subprogram, DW_AT_frame_base, pc, &location) !=
			HST_COMPAT_FOUND ||
		location.count != 1) {
		return HST_PLAN_PLACE_NONE;
	}
	if (op->atom == DW_OP_call_frame_cfa) {
		return HST_PLAN_PLACE_CFA;
	}
	if (op->atom == DW_OP_reg0 + HST_REG_RBP ||
		(op->atom == DW_OP_breg0 + HST_REG_RBP && op->a == 0)) {
		return HST_PLAN_PLACE_RBP;
	}
	if (op->atom == DW_OP_reg0 + HST_REG_RSP ||
		(op->atom == DW_OP_breg0 + HST_REG_RSP && op->a == 0)) {
		return HST_PLAN_PLACE_SP;
	}
	return HST_PLAN_PLACE_NONE;
}

static enum hst_recipe_reason push(struct hst_place *place, const struct hst_plan_piece *piece)
{
	if (place->count == HST_PLACE_PIECES) {
		return HST_RECIPE_MANY;
	}
	place->pieces[place->count++] = *piece;
	return HST_RECIPE_READABLE;
}

/* Which of the bytes offset..offset+bytes mean something, from bit 0. */
static unsigned used_bytes(uint16_t mask, uint64_t offset, uint64_t bytes)
{
	return ((unsigned)mask >> offset) & ((1u << bytes) - 1);
}

static uint8_t part_content(const struct hst_recipe_type *type, uint64_t offset, uint64_t bytes)
{
	bool floats = used_bytes(type->floats, offset, bytes) == (1u << bytes) - 1;

	return type->kind == HST_TYPE_PARTS ? (floats ? HST_PLAN_CONTENT_FLOAT : 0)
					    : hst_recipe_content(type);
}

/* In a register the low bytes can be read, if those are all that mean something. */
static enum hst_recipe_reason register_part(struct hst_place *place,
	const struct hst_plan_piece *at, const struct hst_recipe_type *type, uint64_t offset,
	uint64_t bytes)
{
	struct hst_plan_piece piece = *at;
	unsigned used = used_bytes(type->used, offset, bytes);

	if (used == 0) {
		return HST_RECIPE_READABLE;
	}
	for (unsigned width = 1; width <= REGISTER_BYTES; width *= 2) {
		if (used == (1u << width) - 1) {
			piece.width = (uint8_t)width;
			piece.content = part_content(type, offset, width);
			return push(place, &piece);
		}
	}
	return HST_RECIPE_PADDING;
}

/* In memory all runs of bytes that mean something, in as few pieces as there are. */
static enum hst_recipe_reason memory_part(struct hst_place *place, const struct hst_plan_piece *at,
	const struct hst_recipe_type *type, uint64_t offset, uint64_t bytes)
{
	unsigned used = used_bytes(type->used, offset, bytes);

	for (unsigned i = 0; i < bytes;) {
		struct hst_plan_piece piece = *at;
		unsigned width = REGISTER_BYTES;
		enum hst_recipe_reason reason;

		if ((used & (1u << i)) == 0) {
			i++;
			continue;
		}
		while (width > 1 && (i + width > bytes || ((used >> i) & ((1u << width) - 1)) !=
								  (1u << width) - 1)) {
			width /= 2;
		}
		if (!fits((int64_t)at->offset + i)) {
			return HST_RECIPE_FAR;
		}
		piece.offset = at->offset + (int32_t)i;
		piece.width = (uint8_t)width;
		piece.content = part_content(type, offset + i, width);
		reason = push(place, &piece);
		if (reason != HST_RECIPE_READABLE) {
			return reason;
		}
		i += width;
	}
	return HST_RECIPE_READABLE;
}

enum hst_recipe_reason hst_place_part(struct hst_place *place, const struct hst_plan_piece *at,
	const struct hst_recipe_type *type, uint64_t offset, uint64_t bytes)
{
	if (at->kind == HST_PLAN_PLACE_REGISTER) {
		return bytes > REGISTER_BYTES ? HST_RECIPE_IN_PARTS
					      : register_part(place, at, type, offset, bytes);
	}
	return memory_part(place, at, type, offset, bytes);
}

enum hst_recipe_reason hst_place_constant(
	int64_t value, const struct hst_recipe_type *type, struct hst_place *ret_place)
{
	unsigned shift = 64 - 8 * (unsigned)type->size;
	uint64_t bits;

	if (type->kind != HST_TYPE_WHOLE && type->kind != HST_TYPE_FLOAT) {
		return HST_RECIPE_CONSTANT;
	}
	bits = (uint64_t)value << shift;
	value = type->is_signed ? (int64_t)bits >> shift : (int64_t)(bits >> shift);
	if (!fits(value)) {
		return HST_RECIPE_CONSTANT;
	}
	ret_place->count = 1;
	ret_place->pieces[0] = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_CONSTANT,
		.width = (uint8_t)type->size,
		.content = hst_recipe_content(type),
		.offset = (int32_t)value };
	return HST_RECIPE_READABLE;
}

static enum hst_recipe_reason in_register(uint64_t reg, struct hst_plan_piece *piece)
{
	if (reg >= HST_REG_GENERAL || !hst_reg_is_saved((unsigned)reg)) {
		return HST_RECIPE_CALLER_SAVED;
	}
	*piece = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_REGISTER, .reg = (uint8_t)reg };
	return HST_RECIPE_READABLE;
}

static enum hst_recipe_reason in_memory(
	enum hst_plan_place base, uint64_t offset, struct hst_plan_piece *piece)
{
	if (base == HST_PLAN_PLACE_NONE) {
		return HST_RECIPE_EXPRESSION;
	}
	*piece = (struct hst_plan_piece){ .kind = (uint8_t)base, .offset = (int32_t)offset };
	return fits((int64_t)offset) ? HST_RECIPE_READABLE : HST_RECIPE_FAR;
}

static bool is_constant(const struct hst_compat_op *op, int64_t *ret_value)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		*ret_value = op->atom - DW_OP_lit0;
		return true;
	}
	*ret_value = (int64_t)op->a;
	switch (op->atom) {
	case DW_OP_const1s:
		*ret_value = (int64_t)((op->a & 0xff) ^ 0x80) - 0x80;
		return true;
	case DW_OP_const2s:
		*ret_value = (int16_t)op->a;
		return true;
	case DW_OP_const4s:
		*ret_value = (int32_t)op->a;
		return true;
	case DW_OP_const1u:
	case DW_OP_const2u:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return true;
	default:
		return false;
	}
}

static bool mentions_entry(const struct hst_compat_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom == DW_OP_entry_value || ops[i].atom == DW_OP_GNU_entry_value) {
			return true;
		}
	}
	return false;
}

/* One operation, and nothing else in this part: a register or a place in memory. */
static enum hst_recipe_reason single(
	const struct hst_compat_op *op, enum hst_plan_place frame, struct hst_plan_piece *piece)
{
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		return in_register(op->atom - DW_OP_reg0, piece);
	}
	if (op->atom == DW_OP_regx) {
		return in_register(op->a, piece);
	}
	if (op->atom == DW_OP_fbreg) {
		return in_memory(frame, op->a, piece);
	}
	if (op->atom == DW_OP_breg0 + HST_REG_RSP) {
		return in_memory(HST_PLAN_PLACE_SP, op->a, piece);
	}
	if (op->atom == DW_OP_breg0 + HST_REG_RBP) {
		return in_memory(HST_PLAN_PLACE_RBP, op->a, piece);
	}
	return HST_RECIPE_EXPRESSION;
}

/* The operations of one part. A constant goes to *ret_constant, with piece->kind CONSTANT. */
static enum hst_recipe_reason part_of(const struct hst_compat_op *ops, size_t count,
	enum hst_plan_place frame, struct hst_plan_piece *piece, int64_t *ret_constant)
{
	if (count == 0) {
		return HST_RECIPE_NO_LOCATION;
	}
	if (mentions_entry(ops, count)) {
		return HST_RECIPE_ENTRY_VALUE;
	}
	if (count == 1 && ops[0].atom != DW_OP_implicit_value) {
		return single(&ops[0], frame, piece);
	}
	if (count == 2 && ops[1].atom == DW_OP_stack_value) {
		if (is_constant(&ops[0], ret_constant)) {
			*piece = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_CONSTANT };
			return HST_RECIPE_READABLE;
		}
		if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31 && ops[0].a == 0) {
			return in_register(ops[0].atom - DW_OP_breg0, piece);
		}
	}
	if (count == 1 && ops[0].a <= sizeof *ret_constant && ops[0].b != 0) {
		/* DW_OP_implicit_value: the library gives the address of the bytes. */
		*ret_constant = 0;
		memcpy(ret_constant, (const void *)(uintptr_t)ops[0].b, ops[0].a);
		*piece = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_CONSTANT };
		return HST_RECIPE_READABLE;
	}
	return HST_RECIPE_EXPRESSION;
}

/* The whole value in one place. */
static enum hst_recipe_reason one_part(const struct hst_compat_op *ops, size_t count,
	enum hst_plan_place frame, const struct hst_recipe_type *type, struct hst_place *place)
{
	struct hst_plan_piece piece = { 0 };
	int64_t constant = 0;
	enum hst_recipe_reason reason = part_of(ops, count, frame, &piece, &constant);

	if (reason != HST_RECIPE_READABLE) {
		return reason;
	}
	if (piece.kind == HST_PLAN_PLACE_CONSTANT) {
		return hst_place_constant(constant, type, place);
	}
	return hst_place_part(place, &piece, type, 0, type->size);
}

static enum hst_recipe_reason many_parts(const struct hst_compat_location *location,
	enum hst_plan_place frame, const struct hst_recipe_type *type, struct hst_place *place)
{
	uint64_t offset = 0;
	size_t first = 0;

	for (size_t i = 0; i < location->count; i++) {
		struct hst_plan_piece piece = { 0 };
		uint64_t bytes = location->ops[i].a;
		int64_t constant;
		enum hst_recipe_reason reason;

		if (location->ops[i].atom == DW_OP_bit_piece) {
			return HST_RECIPE_IN_PARTS;
		}
		if (location->ops[i].atom != DW_OP_piece) {
			continue;
		}
		if (bytes == 0 || bytes > type->size - offset) {
			return HST_RECIPE_IN_PARTS;
		}
		if (used_bytes(type->used, offset, bytes) != 0) {
			reason =
				part_of(&location->ops[first], i - first, frame, &piece, &constant);
			if (reason == HST_RECIPE_NO_LOCATION ||
				(reason == HST_RECIPE_READABLE &&
					piece.kind == HST_PLAN_PLACE_CONSTANT)) {
				return HST_RECIPE_IN_PARTS;
			}
			if (reason == HST_RECIPE_READABLE) {
				reason = hst_place_part(place, &piece, type, offset, bytes);
			}
			if (reason != HST_RECIPE_READABLE) {
				return reason;
			}
		}
		offset += bytes;
		first = i + 1;
	}
	return offset == type->size && first == location->count ? HST_RECIPE_READABLE
								: HST_RECIPE_IN_PARTS;
}

enum hst_recipe_reason hst_place_find(const struct hst_compat_location *location,
	enum hst_plan_place frame, const struct hst_recipe_type *type, struct hst_place *ret_place)
{
	size_t pieces = 0;
	size_t count = location->count;

	ret_place->count = 0;
	if (type->kind == HST_TYPE_NONE || type->kind == HST_TYPE_VOID) {
		return type->kind == HST_TYPE_VOID ? HST_RECIPE_TYPE
						   : (enum hst_recipe_reason)type->reason;
	}
	if (type->size == 0 || type->used == 0) {
		return HST_RECIPE_READABLE; /* an empty structure: nothing to read */
	}
	for (size_t i = 0; i < count; i++) {
		pieces += location->ops[i].atom == DW_OP_piece ||
			  location->ops[i].atom == DW_OP_bit_piece;
	}
	if (pieces == 0) {
		return one_part(location->ops, count, frame, type, ret_place);
	}
	if (pieces == 1 && location->ops[count - 1].atom == DW_OP_piece &&
		location->ops[count - 1].a == type->size) {
		return one_part(location->ops, count - 1, frame, type, ret_place);
	}
	if (type->kind != HST_TYPE_PARTS) {
		return mentions_entry(location->ops, count) ? HST_RECIPE_ENTRY_VALUE
							    : HST_RECIPE_IN_PARTS;
	}
	return many_parts(location, frame, type, ret_place);
}
