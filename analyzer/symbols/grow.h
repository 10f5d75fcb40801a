/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of an image, filled item by item. */
#ifndef HST_SYMBOLS_GROW_H
#define HST_SYMBOLS_GROW_H

#include "util/vec.h"

#include <stdint.h>
#include <string.h>

/*
 * Appends one zeroed item of `item_bytes` to the array whose pointer lies at `array_pointer` and
 * returns it, borrowed until the next push. NULL, and nothing changed, when out of memory or when
 * the array would have UINT32_MAX items (they are numbered in 32 bits, and that one means none).
 */
static inline void *hst_push(
	void *array_pointer, size_t *count, size_t *capacity, size_t item_bytes)
{
	char *array;

	if (*count >= UINT32_MAX - 1 ||
		(*count == *capacity &&
			!hst_vec_room(array_pointer, capacity, *count + 1, item_bytes))) {
		return NULL;
	}
	memcpy(&array, array_pointer, sizeof array);
	return memset(array + (*count)++ * item_bytes, 0, item_bytes);
}

#endif
