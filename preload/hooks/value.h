/* SPDX-License-Identifier: Apache-2.0 */
/* One value of an argument or a result, as the plan describes it. */
#ifndef HST_HOOKS_VALUE_H
#define HST_HOOKS_VALUE_H

#include "core/attr.h"
#include "hasten/plan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The registers that a call keeps lie in this order, by DWARF number; others do not pass the plan's checks. */
static const uint8_t hst_value_registers[16] = {
	[3] = 0, [6] = 1, [12] = 2, [13] = 3, [14] = 4, [15] = 5
};
#define HST_VALUE_RBP 1

/*
 * Where the piece is: true with an address in *ret_at, false if *ret_at is the value itself, of which the piece has the low bytes. Not
 * of HST_PLAN_PLACE_FIXED.
 */
HST_INLINE bool hst_value_place(const uint64_t kept[6], uint64_t sp, uint64_t cfa,
	const struct hst_plan_piece *piece, uint64_t *ret_at)
{
	uint64_t offset = (uint64_t)(int64_t)piece->offset;

	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		*ret_at = kept[hst_value_registers[piece->reg & 15]];
		return false;
	case HST_PLAN_PLACE_CONSTANT:
		*ret_at = offset;
		return false;
	case HST_PLAN_PLACE_SP:
		*ret_at = sp + offset;
		return true;
	case HST_PLAN_PLACE_RBP:
		*ret_at = kept[HST_VALUE_RBP] + offset;
		return true;
	default:
		*ret_at = cfa + offset;
		return true;
	}
}

/* Of a word, the bytes that the piece has, extended to all of it. */
HST_INLINE uint64_t hst_value_extended(uint64_t value, const struct hst_plan_piece *piece)
{
	uint32_t shift = 64 - 8 * (uint32_t)piece->width;

	value <<= shift;
	return (piece->content & HST_PLAN_CONTENT_SIGNED) != 0 ? (uint64_t)((int64_t)value >> shift)
							       : value >> shift;
}

HST_INLINE uint64_t hst_value_load(uint64_t address, uint32_t width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)address;
	case 2: {
		uint16_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	case 4: {
		uint32_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	default: {
		uint64_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	}
}

#endif
