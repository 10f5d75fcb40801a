/* SPDX-License-Identifier: Apache-2.0 */
/* THROTTLE and COUNTS blocks, in the order of the file, which is that of time. */
#include "reader/throttle_block.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX  1024u /* functions that are read of one block */
#define WINDOWS_MAX (16u << 20)
#define CALLS_MAX   (1ull << 62)

/* An entry that is counted, for the search by function and generation. */
struct counted {
	uint64_t fn;
	uint32_t generation;
	uint32_t index;
};

struct all_counted {
	HST_VEC(struct counted) vec;
};

/* The newest entry of a function, NULL none. */
static struct hst_throttled *newest_of(struct hst_throttle_list *list, uint64_t fn)
{
	uint32_t index;

	if (!hst_map_get(&list->newest, fn, &index) || index == 0 ||
		index > list->functions.count || list->functions.items == NULL) {
		return NULL;
	}
	return &list->functions.items[index - 1];
}

static enum hst_status begin_function(struct hst_throttle_list *list, uint64_t fn,
	const struct hst_throttle_block *block, bool counted)
{
	struct hst_throttled function = {
		.fn = fn, .generation = block->generation, .off = UINT64_MAX, .counted = UINT64_MAX
	};
	struct hst_throttled *newest = newest_of(list, fn);

	if (counted && newest != NULL && newest->generation == block->generation) {
		newest->counted = block->ticks < newest->counted ? block->ticks : newest->counted;
		return HST_OK;
	}
	/* Suppressed again: other code at the address of a library that went. */
	if (newest != NULL && newest->generation == block->generation) {
		return HST_OK;
	}
	if (list->functions.count >= HST_THROTTLED_MAX) {
		list->cut_at = block->generation < list->cut_at ? block->generation : list->cut_at;
		return HST_OK;
	}
	if (counted) {
		function.counted = block->ticks;
	} else {
		function.off = block->ticks;
	}
	if (!hst_vec_push(&list->functions, function)) {
		return HST_E_MEMORY;
	}
	return hst_map_put(&list->newest, fn, (uint32_t)list->functions.count);
}

static enum hst_status take_window(
	struct hst_throttle_list *list, const struct hst_throttle_block *block)
{
	struct hst_throttle_window window = { block->ticks, UINT64_MAX, block->late_us };
	struct hst_throttle_window *last = list->windows.items == NULL || list->windows.count == 0
						   ? NULL
						   : &list->windows.items[list->windows.count - 1];
	bool open = last != NULL && last->close == UINT64_MAX;

	if (block->what == HST_THROTTLE_CLOSE) {
		if (open && block->ticks >= last->open) {
			last->close = block->ticks;
		}
		return HST_OK;
	}
	if (open || (last != NULL && block->ticks < last->close) ||
		list->windows.count >= WINDOWS_MAX) {
		return HST_OK;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what has room has items */
	return hst_vec_push(&list->windows, window) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status take_functions(struct hst_throttle_list *list,
	const struct hst_throttle_block *block, const uint8_t *bytes, size_t got)
{
	size_t count =
		got / sizeof(uint64_t) < block->count ? got / sizeof(uint64_t) : block->count;
	bool counted = block->what == HST_THROTTLE_COUNT;
	enum hst_status status = HST_OK;
	uint64_t fn;

	for (size_t i = 0; i < count && status == HST_OK; i++) {
		memcpy(&fn, bytes + i * sizeof fn, sizeof fn);
		if (fn != 0) {
			status = begin_function(list, fn, block, counted);
		}
	}
	return status;
}

static enum hst_status take_change(struct hst_throttle_list *list, const uint8_t *bytes, size_t got)
{
	struct hst_throttle_block block;

	memcpy(&block, bytes, sizeof block);
	if (block.ticks >> 62 != 0) {
		return HST_OK;
	}
	if (block.what == HST_THROTTLE_OPEN || block.what == HST_THROTTLE_CLOSE) {
		return take_window(list, &block);
	}
	if (block.what != HST_THROTTLE_SUPPRESS && block.what != HST_THROTTLE_COUNT) {
		return HST_OK;
	}
	return take_functions(list, &block, bytes + sizeof block, got - sizeof block);
}

static int compare_counted(const void *left, const void *right)
{
	const struct counted *a = left;
	const struct counted *b = right;

	if (a->fn != b->fn) {
		return a->fn < b->fn ? -1 : 1;
	}
	if (a->generation != b->generation) {
		return a->generation < b->generation ? -1 : 1;
	}
	return (a->index > b->index) - (a->index < b->index);
}

static enum hst_status sort_counted(
	const struct hst_throttle_list *list, struct all_counted *ret_counted)
{
	for (size_t i = 0; i < list->functions.count; i++) {
		const struct hst_throttled *function = &list->functions.items[i];
		struct counted item = { function->fn, function->generation, (uint32_t)i };

		if (function->counted != UINT64_MAX && !hst_vec_push(&ret_counted->vec, item)) {
			return HST_E_MEMORY;
		}
	}
	if (ret_counted->vec.count != 0) {
		qsort(ret_counted->vec.items, ret_counted->vec.count,
			sizeof *ret_counted->vec.items, compare_counted);
	}
	return HST_OK;
}

/* The newest of a function that was there in this generation, NULL none: its library may have gone since, and another come. */
static struct hst_throttled *counted_in(struct hst_throttle_list *list,
	const struct all_counted *counted, uint64_t fn, uint32_t generation)
{
	struct counted key = { .fn = fn, .generation = generation, .index = UINT32_MAX };
	size_t lo = 0;
	size_t hi = counted->vec.count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (compare_counted(&counted->vec.items[middle], &key) <= 0) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	if (lo == 0 || counted->vec.items[lo - 1].fn != fn) {
		return NULL;
	}
	return &list->functions.items[counted->vec.items[lo - 1].index];
}

static void take_counts(struct hst_throttle_list *list, const struct all_counted *counted,
	const uint8_t *bytes, size_t got)
{
	size_t count = got < offsetof(struct hst_counts_block, counts)
			       ? 0
			       : (got - offsetof(struct hst_counts_block, counts)) /
					 sizeof(struct hst_count);
	struct hst_throttled *function;
	struct hst_count item;
	uint32_t generation;

	memcpy(&generation, bytes + offsetof(struct hst_counts_block, generation),
		sizeof generation);
	for (size_t i = 0; i < count && i < HST_COUNTS_MAX; i++) {
		memcpy(&item, bytes + offsetof(struct hst_counts_block, counts) + i * sizeof item,
			sizeof item);
		if (item.fn == 0 || item.calls >= CALLS_MAX || generation >= list->cut_at) {
			continue;
		}
		function = counted_in(list, counted, item.fn, generation);
		if (function != NULL) {
			function->calls = function->calls + item.calls < CALLS_MAX
						  ? function->calls + item.calls
						  : CALLS_MAX;
		}
	}
}

static enum hst_status read_block(const struct hst_trace_file *file, uint64_t offset,
	struct hst_throttle_list *list, const struct all_counted *counted)
{
	static const size_t most =
		sizeof(struct hst_throttle_block) + LISTED_MAX * sizeof(uint64_t);
	uint8_t bytes[sizeof(struct hst_throttle_block) + LISTED_MAX * sizeof(uint64_t)];
	struct hst_block block;
	size_t got = 0;

	HST_TRY(hst_trace_file_read(file, offset, bytes, most, &got));
	if (got < sizeof(struct hst_throttle_block)) {
		return HST_OK;
	}
	memcpy(&block, bytes, sizeof block);
	got = got < block.bytes ? got : block.bytes;
	if (got < sizeof(struct hst_throttle_block)) {
		return HST_OK;
	}
	if (block.type == HST_BLOCK_THROTTLE && counted == NULL) {
		return take_change(list, bytes, got);
	}
	if (block.type == HST_BLOCK_COUNTS && counted != NULL) {
		take_counts(list, counted, bytes, got);
	}
	return HST_OK;
}

enum hst_status hst_throttle_read(
	const struct hst_trace_file *file, struct hst_throttle_list *ret_list)
{
	struct hst_throttle_list list = { .cut_at = UINT32_MAX };
	struct all_counted counted = { 0 };
	enum hst_status status = HST_OK;

	/* Counts may stand before the block that says what is counted. */
	for (int counts = 0; counts < 2 && status == HST_OK; counts++) {
		status = counts != 0 ? sort_counted(&list, &counted) : HST_OK;
		for (size_t i = 0; status == HST_OK && i < file->throttle_count; i++) {
			status = read_block(
				file, file->throttles[i], &list, counts != 0 ? &counted : NULL);
			status = status == HST_E_MEMORY ? status : HST_OK;
		}
	}
	hst_vec_finish(&counted.vec);
	if (status != HST_OK) {
		hst_throttle_finish(&list);
		return status;
	}
	*ret_list = list;
	return HST_OK;
}

void hst_throttle_finish(struct hst_throttle_list *list)
{
	hst_vec_finish(&list->windows);
	hst_vec_finish(&list->functions);
	hst_map_finish(&list->newest);
	*list = (struct hst_throttle_list){ 0 };
}
