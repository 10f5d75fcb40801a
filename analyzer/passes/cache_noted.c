/* SPDX-License-Identifier: Apache-2.0 */
/* Values of keys as they come, by row and key. */
#include "passes/cache_noted.h"

#include "hasten/hash.h"

static uint64_t hash_of(const struct hst_value *value)
{
	uint64_t hash = hst_map_hash(value->value + 1 + value->form);

	for (uint32_t i = 0; value->form == HST_VALUE_CONTENT && i < value->stored; i++) {
		hash = (hash ^ value->bytes[i]) * 0x100000001b3ull;
	}
	return hash;
}

/* Of what was cut it is not known whether it is the same. */
static bool is_whole(const struct hst_value *value)
{
	return value->form == HST_VALUE_SCALAR ||
	       (value->form == HST_VALUE_CONTENT &&
		       (value->value == HST_HASH_NULL || value->value == value->stored));
}

static bool are_usable(const struct hst_cache_noted *values, const struct hst_cache_key_values *row,
	const struct hst_value *items, size_t count)
{
	bool good = count != 0 && count <= HST_CACHE_VALUES_MAX &&
		    (row->width == 0 || row->width == count) &&
		    values->kept + count <= HST_CACHE_HASHES_MAX;

	for (size_t i = 0; i < count && good; i++) {
		good = is_whole(&items[i]);
	}
	return good;
}

static bool add(
	struct hst_cache_key_values *row, uint64_t key, const struct hst_value *items, size_t count)
{
	uint32_t number = (uint32_t)row->numbers.count;

	if (!hst_vec_reserve(&row->hashes, count) ||
		hst_map_put(&row->numbers, key, number) != HST_OK) {
		return false;
	}
	row->width = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		row->hashes.items[row->hashes.count++] = hash_of(&items[i]);
	}
	return true;
}

void hst_cache_noted_add(struct hst_cache_noted *values, uint32_t row, uint64_t key,
	const struct hst_value *items, size_t count)
{
	struct hst_cache_key_values fresh = { 0 };
	struct hst_cache_key_values *at;
	uint32_t number;

	while (values->rows.count <= row) {
		if (!hst_vec_push(&values->rows, fresh)) {
			values->out_of_memory = true;
			return;
		}
	}
	at = &values->rows.items[row];
	if (at->unusable || hst_map_get(&at->numbers, key, &number)) {
		return;
	}
	if (!are_usable(values, at, items, count)) {
		values->kept -= at->hashes.count;
		hst_map_finish(&at->numbers);
		hst_vec_finish(&at->hashes);
		at->unusable = true;
	} else if (add(at, key, items, count)) {
		values->kept += count;
	} else {
		values->out_of_memory = true;
	}
}

void hst_cache_noted_finish(struct hst_cache_noted *values)
{
	for (size_t i = 0; i < values->rows.count; i++) {
		hst_map_finish(&values->rows.items[i].numbers);
		hst_vec_finish(&values->rows.items[i].hashes);
	}
	hst_vec_finish(&values->rows);
}
