/* SPDX-License-Identifier: Apache-2.0 */
/* What the keys of a row were made of: a hash of each value, by key. Recordings of `hasten run --values` only. */
#ifndef HST_PASSES_CACHE_NOTED_H
#define HST_PASSES_CACHE_NOTED_H

#include "reader/decode.h"
#include "util/map.h"
#include "util/vec.h"

/* More values in a key than that are not looked at. */
#define HST_CACHE_VALUES_MAX 16u
/* Hashes of all rows together. */
#define HST_CACHE_HASHES_MAX (8u << 20)

struct hst_cache_key_values {
	struct hst_map numbers; /* of keys: where `hashes` has theirs, divided by `width` */
	HST_VEC(uint64_t) hashes;
	uint32_t width;
	bool unusable; /* not all values of all keys are known whole, or there are too many */
};

struct hst_cache_noted {
	HST_VEC(struct hst_cache_key_values) rows; /* by row */
	uint64_t kept;
	bool out_of_memory;
};

void hst_cache_noted_add(struct hst_cache_noted *values, uint32_t row, uint64_t key,
	const struct hst_value *items, size_t count);
void hst_cache_noted_finish(struct hst_cache_noted *values);

#endif
