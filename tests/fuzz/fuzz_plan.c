/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a plan, as the preload reads it into its memory. Whatever is not refused must be what the hooks take for granted:
 * each recipe's pieces are there, of known kinds, registers and widths, in the order that is searched.
 */
#include "fuzz.h"

#include "hasten/hash.h"
#include "sink/plan.h"
#include "sink/plan_memo.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void use_piece(const struct hst_plan_piece *piece)
{
	if (piece->kind == HST_PLAN_PLACE_NONE) {
		return; /* of a result: nothing is read */
	}
	demand(piece->kind <= HST_PLAN_PLACE_CONSTANT);
	demand(piece->width == 1 || piece->width == 2 || piece->width == 4 || piece->width == 8);
	demand(piece->kind != HST_PLAN_PLACE_REGISTER || piece->reg == 3 || piece->reg == 6 ||
		(piece->reg >= 12 && piece->reg <= 15));
	demand((piece->content & HST_PLAN_CONTENT_MASK) <= HST_PLAN_CONTENT_BYTES);
}

static void use_enters(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	const struct hst_plan_enter *enters = (const void *)(plan->bytes + section->offset);
	const struct hst_plan_section *pieces =
		hst_plan_pieces(plan, section->build_id, section->build_id_bytes);

	for (uint64_t i = 0; i < section->count; i++) {
		const struct hst_plan_piece *piece;

		demand(i == 0 || enters[i - 1].ret < enters[i].ret);
		demand(enters[i].pieces <= HST_PLAN_CALL_PIECES_MAX);
		if (enters[i].pieces == 0) {
			continue;
		}
		demand(pieces != NULL &&
			enters[i].first + (uint64_t)enters[i].pieces <= pieces->count);
		piece = (const void *)(plan->bytes + pieces->offset);
		for (uint32_t k = 0; k < enters[i].pieces; k++) {
			const struct hst_plan_piece *one = &piece[enters[i].first + k];

			demand(one->kind != HST_PLAN_PLACE_NONE);
			use_piece(one);
			/* The length of a block is the next one. */
			demand((one->content & HST_PLAN_CONTENT_MASK) != HST_PLAN_CONTENT_BYTES ||
				k + 1u < enters[i].pieces);
		}
	}
}

static void use_exits(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	const struct hst_plan_exit *exits = (const void *)(plan->bytes + section->offset);

	for (uint64_t i = 0; i < section->count; i++) {
		demand(i == 0 || exits[i - 1].ret < exits[i].ret);
		use_piece(&exits[i].piece);
	}
}

static void use_value(const struct hst_plan_piece *piece, bool result)
{
	demand(piece->kind != HST_PLAN_PLACE_NONE && piece->kind <= HST_PLAN_PLACE_FIXED);
	demand(!result || piece->kind != HST_PLAN_PLACE_FIXED);
	demand(piece->width == 1 || piece->width == 2 || piece->width == 4 || piece->width == 8);
	demand(piece->kind != HST_PLAN_PLACE_REGISTER || piece->reg == 3 || piece->reg == 6 ||
		(piece->reg >= 12 && piece->reg <= 15));
}

/* All that the hooks and the look at a module that comes take from the tables: that it is there, and in its range. */
static void use_memo(const struct hst_plan_memos *memos, const struct hst_plan_memo *memo)
{
	uint64_t bytes = 0;

	demand(memo->frame.base == 6 || memo->frame.base == 7);
	demand(memo->frame.offset >= 8 && memo->frame.offset % 8 == 0);
	demand(memo->pieces <= HST_PLAN_MEMO_PIECES_MAX && memo->exits != 0 && memo->codes != 0);
	demand(memo->entries != 0 && memo->entries <= HST_PLAN_MEMO_ENTRIES_MAX);
	demand(memo->pieces == 0 ||
		memo->first_piece + (uint64_t)memo->pieces <= memos->piece_count);
	demand(memo->first_exit + (uint64_t)memo->exits <= memos->exit_count);
	demand(memo->first_code + (uint64_t)memo->codes <= memos->code_count);
	demand(memo->slots == 0 || memo->first_slot + (uint64_t)memo->slots <= memos->slot_count);
	for (uint32_t i = 0; i < 6; i++) {
		demand(memo->frame.saved[i] <= 0 && memo->frame.saved[i] % 8 == 0);
	}
	for (uint32_t i = 0; i < memo->pieces; i++) {
		use_value(&memos->pieces[memo->first_piece + i], false);
	}
	for (uint32_t i = 0; i < memo->exits; i++) {
		const struct hst_plan_memo_exit *way = &memos->exits[memo->first_exit + i];

		demand((way->base == 6 || way->base == 7) && way->offset >= 8);
		use_value(&way->result, true);
	}
	for (uint32_t i = 0; i < memo->codes; i++) {
		const struct hst_plan_code *code = &memos->codes[memo->first_code + i];

		demand(code->start < code->end);
		bytes += code->end - code->start;
	}
	demand(bytes <= HST_PLAN_CODE_BYTES_MAX);
	for (uint32_t i = 0; i < memo->slots; i++) {
		demand(memos->slots[memo->first_slot + i].slot % 8 == 0);
	}
}

static void use_memos(const struct hst_plan *plan, const struct hst_plan_section *section)
{
	struct hst_plan_memos memos;

	if (!hst_plan_memos(plan, section->build_id, section->build_id_bytes, &memos)) {
		return;
	}
	demand(memos.memo_count <= HST_PLAN_MEMOS_MAX);
	for (uint64_t i = 0; i < memos.memo_count; i++) {
		demand(i == 0 || memos.memos[i - 1].fn < memos.memos[i].fn);
		use_memo(&memos, &memos.memos[i]);
	}
}

static void use_plan(const struct hst_plan *plan)
{
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);

		if (hst_plan_is_refused(plan, i)) {
			continue;
		}
		if (section->kind == HST_PLAN_ENTER) {
			use_enters(plan, section);
		} else if (section->kind == HST_PLAN_EXIT) {
			use_exits(plan, section);
		} else if (section->kind == HST_PLAN_MEMO) {
			use_memos(plan, section);
		}
	}
}

/* A sum that is right, so that what is behind it is looked at. */
static void seal(uint8_t *copy, size_t bytes)
{
	struct hst_plan_header header;

	if (bytes >= sizeof header) {
		memcpy(&header, copy, sizeof header);
		header.bytes = bytes;
		header.check = hst_hash_bytes(copy + sizeof header, bytes - sizeof header);
		memcpy(copy, &header, sizeof header);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct hst_plan plan;
	uint8_t *copy = malloc(bytes + 8);

	demand(copy != NULL);
	memcpy(copy, data, bytes);
	memset(&plan, 0, sizeof plan);
	if (hst_plan_check(copy, bytes, &plan)) {
		use_plan(&plan);
	}
	seal(copy, bytes);
	memset(&plan, 0, sizeof plan);
	if (hst_plan_check(copy, bytes, &plan)) {
		use_plan(&plan);
	}
	free(copy);
	return 0;
}
