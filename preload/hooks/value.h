/* SPDX-License-Identifier: Apache-2.0 */
/* One value of an argument or a result, as the plan describes it. */
#ifndef HST_HOOKS_VALUE_H
#define HST_HOOKS_VALUE_H

#include "core/attr.h"
#include "hasten/plan.h"

#include <stdint.h>
#include <string.h>

/* The registers that a call keeps lie in this order, by DWARF number; others do not pass the plan's checks. */
static const uint8_t hst_value_registers[16] = {
	[3] = 0, [6] = 1, [12] = 2, [13] = 3, [14] = 4, [15] = 5
};
#define HST_VALUE_RBP 1

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
