/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the forms that unwind information is written in, read with an eye on what is left. */
#ifndef HST_SYMBOLS_RECIPES_CURSOR_H
#define HST_SYMBOLS_RECIPES_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hst_cursor {
	const uint8_t *at, *end;
	bool bad;
};

static inline uint64_t hst_cursor_fixed(struct hst_cursor *cursor, unsigned bytes)
{
	uint64_t value = 0;

	if ((size_t)(cursor->end - cursor->at) < bytes) {
		cursor->bad = true;
		return 0;
	}
	memcpy(&value, cursor->at, bytes);
	cursor->at += bytes;
	return value;
}

static inline uint64_t hst_cursor_leb(struct hst_cursor *cursor, bool is_signed)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)hst_cursor_fixed(cursor, 1);
		if (shift < 64) {
			value |= (uint64_t)(byte & 0x7f) << shift;
		}
		shift += 7;
	} while ((byte & 0x80) != 0 && !cursor->bad);
	if (is_signed && (byte & 0x40) != 0 && shift < 64) {
		value |= UINT64_MAX << shift;
	}
	return value;
}

static inline void hst_cursor_skip(struct hst_cursor *cursor, uint64_t bytes)
{
	if (bytes > (uint64_t)(cursor->end - cursor->at)) {
		cursor->bad = true;
	} else {
		cursor->at += bytes;
	}
}

static inline unsigned hst_cursor_encoded_bytes(unsigned encoding)
{
	switch (encoding & 0xfu) {
	case 0x0: /* an address */
	case 0x4:
	case 0xc:
		return 8;
	case 0x3:
	case 0xb:
		return 4;
	case 0x2:
	case 0xa:
		return 2;
	default:
		return 0;
	}
}

#endif
