/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and blocks that arguments point to: memory of which nobody knows whether it is there. */
#ifndef HST_HOOKS_CONTENT_H
#define HST_HOOKS_CONTENT_H

#include "hasten/hash.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_CONTENT_TEXT UINT64_MAX /* in place of a length: up to a NUL */

struct hst_content {
	uint64_t value;  /* what stands for it among the values of its call */
	uint64_t length; /* HST_HASH_NULL: the address is NULL */
	uint8_t first[HST_VALUE_BYTES_MAX];
};

/* false: it is not readable, too long, or may not be read here. */
bool hst_content_read(uint64_t address, uint64_t length, struct hst_content *ret_content);

#endif
