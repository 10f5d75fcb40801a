/* SPDX-License-Identifier: Apache-2.0 */
/* THROTTLE and COUNTS blocks, in the order of the file, which is that of time. */
#include "reader/throttle_block.h"

#include <string.h>

#define FUNCTIONS_MAX 2048u
#define LISTED_MAX    1024u /* functions that are read of one block */
#define WINDOWS_MAX   (16u << 20)

static enum hst_status begin_function(struct hst_throttle_list *list, uint64_t fn,
	const struct hst_throttle_block *block, bool counted)
{
	struct hst_throttled function = {
		.fn = fn, .generation = block->generation, .off = UINT64_MAX, .counted = UINT64_MAX
	};
	struct hst_throttled *newest = NULL;
	uint32_t index;

	if (hst_map_get(&list->newest, fn, &index) && index != 0) {
		newest = &list->functions.items[index - 1];
	}
	if (counted && newest != NULL && newest->generation == block->generation) {
		newest->counted = block->ticks < newest->counted ? block->ticks : newest->counted;
		return HST_OK;
	}
	/* Suppressed again: other code at the address of a library that went. */
	if (list->functions.count >= FUNCTIONS_MAX ||
		(newest != NULL && newest->generation == block->generation)) {
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
	struct hst_throttle_window *last =
		list->windows.count == 0 ? NULL : &list->windows.items[list->windows.count - 1];
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
	return hst_vec_push(&list->windows, window) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status take_change(struct hst_throttle_list *list, const uint8_t *bytes, size_t got)
{
	struct hst_throttle_block block;
	uint64_t fn;

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
	for (size_t i = 0; i < block.count && i < (got - sizeof block) / sizeof fn; i++) {
		memcpy(&fn, bytes + sizeof block + i * sizeof fn, sizeof fn);
		if (fn != 0) {
			HST_TRY(begin_function(list, fn, &block, block.what == HST_THROTTLE_COUNT));
		}
	}
	return HST_OK;
}

static void take_counts(struct hst_throttle_list *list, const uint8_t *bytes, size_t got)
{
	size_t count = (got - offsetof(struct hst_counts_block, counts)) / sizeof(struct hst_count);
	struct hst_count item;
	uint32_t index;

	for (size_t i = 0; i < count && i < HST_COUNTS_MAX; i++) {
		memcpy(&item, bytes + offsetof(struct hst_counts_block, counts) + i * sizeof item,
			sizeof item);
		if (item.fn != 0 && item.calls >> 62 == 0 &&
			hst_map_get(&list->newest, item.fn, &index) && index != 0) {
			list->functions.items[index - 1].calls += item.calls;
		}
	}
}

static enum hst_status read_block(const struct hst_trace_file *file, uint64_t offset,
	struct hst_throttle_list *list, bool counts)
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
	if (block.type == HST_BLOCK_THROTTLE && !counts) {
		return take_change(list, bytes, got);
	}
	if (block.type == HST_BLOCK_COUNTS && counts) {
		take_counts(list, bytes, got);
	}
	return HST_OK;
}

enum hst_status hst_throttle_read(
	const struct hst_trace_file *file, struct hst_throttle_list *ret_list)
{
	struct hst_throttle_list list = { 0 };
	enum hst_status status = HST_OK;

	/* Counts may stand before the block that says what is counted. */
	for (int counts = 0; counts < 2; counts++) {
		for (size_t i = 0; status == HST_OK && i < file->throttle_count; i++) {
			status = read_block(file, file->throttles[i], &list, counts != 0);
			status = status == HST_E_MEMORY ? status : HST_OK;
		}
	}
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
