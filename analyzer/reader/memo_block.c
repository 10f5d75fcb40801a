/* SPDX-License-Identifier: Apache-2.0 */
/* One MEMO block says which functions; the MEMO_COUNTS blocks, which may stand before it, have a place for each of its rows. */
#include "reader/memo_block.h"

#include "hasten/plan.h"

#include <string.h>

#define COUNT_MAX (1ull << 62)

const char *hst_memo_why_word(unsigned why)
{
	switch (why) {
	case HST_MEMO_WHY_NONE:
		return "";
#define HST_MEMO_WHY(NAME, number, word, text) \
 case HST_MEMO_WHY_##NAME:                     \
  return word;
#include "hasten/memo.def"
#undef HST_MEMO_WHY
	default:
		return "?";
	}
}

const char *hst_memo_why_text(unsigned why)
{
	switch (why) {
	case HST_MEMO_WHY_NONE:
		return "";
#define HST_MEMO_WHY(NAME, number, word, text) \
 case HST_MEMO_WHY_##NAME:                     \
  return text;
#include "hasten/memo.def"
#undef HST_MEMO_WHY
	default:
		return "for a reason that this version does not know";
	}
}

static bool is_sound(const struct hst_memo_row *row)
{
	return row->state >= HST_MEMO_WAITING && row->state <= HST_MEMO_OFF &&
	       row->evidence >= HST_PLAN_PROVEN && row->evidence <= HST_PLAN_OBSERVED &&
	       row->entries <= HST_PLAN_MEMO_ENTRIES_MAX;
}

static enum hst_status take_rows(
	const struct hst_trace_file *file, uint64_t offset, struct hst_memo_list *list)
{
	struct hst_memo_block block;
	size_t got = 0;
	uint32_t count;

	HST_TRY(hst_trace_file_read(file, offset, &block, sizeof block, &got));
	if (got < offsetof(struct hst_memo_block, rows) || block.count > HST_MEMOS_MAX) {
		list->damaged = true;
		return HST_OK;
	}
	count = (uint32_t)((got - offsetof(struct hst_memo_block, rows)) / sizeof block.rows[0]);
	list->damaged |= count < block.count;
	for (uint32_t i = 0; i < block.count; i++) {
		struct hst_memoed memoed = { 0 };

		if (i < count) {
			memoed.row = block.rows[i];
		}
		if (memoed.row.fn != 0 && !is_sound(&memoed.row)) {
			list->damaged = true;
			memoed.row.fn = 0;
		}
		/* The places of the counts are those of the block: free ones are kept here. */
		if (!hst_vec_push(&list->rows, memoed)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

static void add(uint64_t *sum, uint64_t value)
{
	*sum = value >= COUNT_MAX - *sum ? COUNT_MAX - 1 : *sum + value;
}

static void add_counts(struct hst_memo_list *list, size_t number, const struct hst_memo_counts *of)
{
	struct hst_memoed *memoed = &list->rows.items[number];

	if (of->hits > of->lookups || of->lookups >= COUNT_MAX || of->saved >= COUNT_MAX ||
		of->stored >= COUNT_MAX || of->evicted >= COUNT_MAX) {
		list->damaged = true;
		return;
	}
	add(&memoed->lookups, of->lookups);
	add(&memoed->hits, of->hits);
	add(&memoed->stored, of->stored);
	add(&memoed->evicted, of->evicted);
	add(&memoed->saved, of->saved);
	add(&memoed->expired, of->expired);
	add(&memoed->verified, of->verified);
	add(&memoed->mismatched, of->mismatched);
	add(&memoed->lost, of->lost);
}

static enum hst_status take_counts(
	const struct hst_trace_file *file, uint64_t offset, struct hst_memo_list *list)
{
	struct hst_memo_counts counts[HST_MEMOS_MAX];
	struct hst_memo_counts_block block;
	size_t room = 0;
	size_t got = 0;

	HST_TRY(hst_trace_file_read(file, offset, &block, sizeof block, &got));
	if (got < sizeof block || block.block.bytes < sizeof block) {
		list->damaged = true;
		return HST_OK;
	}
	room = (block.block.bytes - sizeof block) / sizeof counts[0];
	room = room < HST_MEMOS_MAX ? room : HST_MEMOS_MAX;
	HST_TRY(hst_trace_file_read(
		file, offset + sizeof block, counts, room * sizeof counts[0], &got));
	room = got / sizeof counts[0];
	for (size_t i = 0; i < room && i < list->rows.count; i++) {
		add_counts(list, i, &counts[i]);
	}
	return HST_OK;
}

/* Blocks of one type. */
static enum hst_status take_blocks(
	const struct hst_trace_file *file, uint32_t type, struct hst_memo_list *list)
{
	bool seen = false;

	for (size_t i = 0; i < file->memo_count; i++) {
		struct hst_block block;
		size_t got = 0;

		HST_TRY(hst_trace_file_read(file, file->memos[i], &block, sizeof block, &got));
		if (got < sizeof block || block.type != type) {
			continue;
		}
		if (type == HST_BLOCK_MEMO && seen) {
			list->damaged = true; /* at most one */
			continue;
		}
		seen = true;
		HST_TRY(type == HST_BLOCK_MEMO ? take_rows(file, file->memos[i], list)
					       : take_counts(file, file->memos[i], list));
	}
	return HST_OK;
}

enum hst_status hst_memo_read(const struct hst_trace_file *file, struct hst_memo_list *ret_list)
{
	struct hst_memo_list list = { 0 };
	enum hst_status status = take_blocks(file, HST_BLOCK_MEMO, &list);
	size_t kept = 0;

	if (status == HST_OK) {
		status = take_blocks(file, HST_BLOCK_MEMO_COUNTS, &list);
	}
	if (status == HST_E_MEMORY) {
		hst_memo_list_finish(&list);
		return status;
	}
	list.damaged |= status != HST_OK;
	for (size_t i = 0; i < list.rows.count; i++) {
		if (list.rows.items[i].row.fn != 0) {
			list.rows.items[kept++] = list.rows.items[i];
		}
	}
	list.rows.count = kept;
	*ret_list = list;
	return HST_OK;
}

void hst_memo_list_finish(struct hst_memo_list *list)
{
	hst_vec_finish(&list->rows);
	*list = (struct hst_memo_list){ 0 };
}
