/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's sections of functions that are answered from caches: what is wrong with them refuses all of their build id. */
#include "sink/plan_memo.h"

#include "hasten/hash.h"
#include "hasten/plan_sound.h"
#include "hasten/trace.h"

#include "core/poison.h"

static_assert(HST_PLAN_MEMOS_MAX == HST_MEMOS_MAX, "a row for each of them");

static bool is_of_memos(uint32_t kind)
{
	return kind >= HST_PLAN_MEMO && kind <= HST_PLAN_MEMO_SLOT;
}

/* The payload of the section of this kind, and how much it has. */
static const void *items_of(const struct hst_plan *plan, enum hst_plan_kind kind,
	const uint8_t *build_id, uint32_t build_id_bytes, uint64_t *ret_count)
{
	*ret_count = 0;
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);

		if (section->kind == (uint32_t)kind && !hst_plan_is_refused(plan, i) &&
			hst_plan_is_for(section, build_id, build_id_bytes)) {
			*ret_count = section->count;
			return plan->bytes + section->offset;
		}
	}
	return NULL;
}

bool hst_plan_memos(const struct hst_plan *plan, const uint8_t *build_id, uint32_t build_id_bytes,
	struct hst_plan_memos *ret_memos)
{
	struct hst_plan_memos *memos = ret_memos;

	*memos = (struct hst_plan_memos){ 0 };
	if (plan->bytes == NULL || plan->memos == 0) {
		return false;
	}
	memos->memos = items_of(plan, HST_PLAN_MEMO, build_id, build_id_bytes, &memos->memo_count);
	memos->exits =
		items_of(plan, HST_PLAN_MEMO_EXIT, build_id, build_id_bytes, &memos->exit_count);
	memos->pieces =
		items_of(plan, HST_PLAN_MEMO_PIECES, build_id, build_id_bytes, &memos->piece_count);
	memos->codes =
		items_of(plan, HST_PLAN_MEMO_CODE, build_id, build_id_bytes, &memos->code_count);
	memos->slots =
		items_of(plan, HST_PLAN_MEMO_SLOT, build_id, build_id_bytes, &memos->slot_count);
	return memos->memo_count != 0;
}

/* false: an item of the tables makes no sense by itself. */
static bool tables_are_sound(const struct hst_plan_memos *memos)
{
	bool sound = true;
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < memos->exit_count && sound; i++) {
		sound = hst_plan_memo_exit_is_sound(&memos->exits[i]);
	}
	for (uint64_t i = 0; i < memos->piece_count && sound; i++) {
		sound = hst_plan_memo_piece_is_sound(&memos->pieces[i], false);
	}
	for (uint64_t i = 0; i < memos->code_count && sound; i++) {
		const struct hst_plan_code *code = &memos->codes[i];

		sound = hst_plan_code_is_sound(code) &&
			code->end - code->start <= HST_PLAN_CODE_BYTES_MAX - bytes;
		bytes += sound ? code->end - code->start : 0;
	}
	for (uint64_t i = 0; i < memos->slot_count && sound; i++) {
		sound = hst_plan_slot_is_sound(&memos->slots[i]);
	}
	return sound;
}

/* `count` of them from `first` on, of those that there are. */
static bool in_table(uint32_t first, uint64_t count, uint64_t known)
{
	return count == 0 || (count <= known && first <= known - count);
}

static bool memo_is_sound(const struct hst_plan_memos *memos, const struct hst_plan_memo *memo)
{
	return hst_plan_memo_is_sound(memo) &&
	       in_table(memo->first_piece, memo->pieces, memos->piece_count) &&
	       in_table(memo->first_exit, memo->exits, memos->exit_count) &&
	       in_table(memo->first_code, memo->codes, memos->code_count) &&
	       in_table(memo->first_slot, memo->slots, memos->slot_count) &&
	       hst_plan_memo_is_covered(
		       memo, memos->codes + memo->first_code, memos->exits + memo->first_exit);
}

static bool memos_are_sound(const struct hst_plan_memos *memos)
{
	uint64_t before = 0;

	if (memos->memo_count > HST_PLAN_MEMOS_MAX || memos->exit_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->piece_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->code_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->slot_count > HST_PLAN_MEMO_PARTS_MAX || !tables_are_sound(memos)) {
		return false;
	}
	for (uint64_t i = 0; i < memos->memo_count; i++) {
		const struct hst_plan_memo *memo = &memos->memos[i];

		if (memo->fn <= before || !memo_is_sound(memos, memo)) {
			return false;
		}
		before = memo->fn;
	}
	return true;
}

static bool is_whole(const struct hst_plan *plan, uint64_t size)
{
	const struct hst_plan_header *header = (const void *)plan->bytes;

	return hst_hash_bytes(plan->bytes + sizeof *header, size - sizeof *header) == header->check;
}

static void refuse_all(struct hst_plan *plan)
{
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		if (is_of_memos(hst_plan_section(plan, i)->kind)) {
			hst_plan_refuse(plan, i);
		}
	}
	plan->memos = 0;
	plan->memos_refused = true;
}

void hst_plan_check_memos(struct hst_plan *plan, uint64_t size)
{
	if (!plan->answers) {
		return;
	}
	if (!is_whole(plan, size)) {
		refuse_all(plan);
		return;
	}
	for (uint32_t i = 0; i < hst_plan_sections(plan); i++) {
		const struct hst_plan_section *section = hst_plan_section(plan, i);
		struct hst_plan_memos memos;

		if (section->kind != HST_PLAN_MEMO || hst_plan_is_refused(plan, i)) {
			continue;
		}
		plan->memos++; /* so that they are looked for */
		if (!hst_plan_memos(plan, section->build_id, section->build_id_bytes, &memos) ||
			!memos_are_sound(&memos)) {
			hst_plan_refuse(plan, i);
			plan->memos_refused = true;
			plan->memos--;
		}
	}
}
