/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of arrays. */
#include "util/vec.h"

#include <stdint.h>
#include <string.h>

bool hst_vec_room(void *items, size_t *capacity, size_t need, size_t item_bytes)
{
	size_t wanted = *capacity + *capacity / 2;
	size_t bytes;
	void *old;
	void *grown;

	if (need <= *capacity) {
		return true;
	}
	if (wanted < need) {
		wanted = need;
	}
	if (wanted < 8) {
		wanted = 8;
	}
	if (__builtin_mul_overflow(wanted, item_bytes, &bytes)) {
		return false;
	}
	/*
	 * `items` is the address of a pointer of some type: copied, since void ** may not alias it.
	 */
	memcpy(&old, items, sizeof old);
	grown = realloc(old, bytes);
	if (grown == NULL) {
		return false;
	}
	memcpy(items, &grown, sizeof grown);
	*capacity = wanted;
	return true;
}
