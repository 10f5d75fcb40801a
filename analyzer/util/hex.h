/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as two digits each: build-ids. */
#ifndef HST_UTIL_HEX_H
#define HST_UTIL_HEX_H

#include <stddef.h>
#include <stdint.h>

/* As many as `size` has room for, and a NUL; returns where that stands. `size` is 1 or more. */
static inline char *hst_hex(char *text, size_t size, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (; count > 0 && size > 2; count--, bytes++, size -= 2) {
		*text++ = digits[*bytes >> 4];
		*text++ = digits[*bytes & 15];
	}
	*text = '\0';
	return text;
}

#endif
