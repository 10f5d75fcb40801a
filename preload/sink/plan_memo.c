/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's sections of functions that are answered from caches: what is wrong with them refuses all of their build id. */
#include "sink/plan_memo.h"

#include "hasten/hash.h"
#include "hasten/trace.h"

#include "core/poison.h"

/* No frame is larger, and none of its parts farther away. */
#define FRAME_BYTES_MAX (16 << 20)
/* The return address, and the register that lies nearest to it. */
#define SAVED_NEAREST (-16)

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

static bool address_is_sound(uint64_t address)
{
	return address != 0 && address < HST_PLAN_ADDRESS_MAX;
}

static bool base_is_sound(uint8_t base, const uint8_t reserved[3], int32_t offset)
{
	return (base == 6 || base == 7) && offset >= 8 && offset <= FRAME_BYTES_MAX &&
	       offset % 8 == 0 && (reserved[0] | reserved[1] | reserved[2]) == 0;
}

static bool frame_is_sound(const struct hst_plan_frame *frame)
{
	for (uint32_t i = 0; i < 6; i++) {
		int32_t saved = frame->saved[i];

		if (saved != 0 &&
			(saved > SAVED_NEAREST || saved < -FRAME_BYTES_MAX || saved % 8 != 0)) {
			return false;
		}
	}
	return base_is_sound(frame->base, frame->reserved, frame->offset);
}

static bool piece_is_sound(const struct hst_plan_piece *piece, bool result)
{
	bool saved = piece->reg == 3 || piece->reg == 6 || (piece->reg >= 12 && piece->reg <= 15);
	bool near = piece->offset >= -FRAME_BYTES_MAX && piece->offset <= FRAME_BYTES_MAX;

	uint32_t content = piece->content & HST_PLAN_CONTENT_MASK;

	if ((content != HST_PLAN_CONTENT_SCALAR && !(result && content == HST_PLAN_CONTENT_BIT)) ||
		(piece->width != 1 && piece->width != 2 && piece->width != 4 &&
			piece->width != 8)) {
		return false;
	}
	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		return saved;
	case HST_PLAN_PLACE_SP:
		return near && piece->offset >= 0;
	case HST_PLAN_PLACE_RBP:
	case HST_PLAN_PLACE_CFA:
		return near;
	case HST_PLAN_PLACE_CONSTANT:
		return true;
	case HST_PLAN_PLACE_FIXED:
		return !result;
	default:
		return false;
	}
}

static bool exits_are_sound(const struct hst_plan_memos *memos)
{
	for (uint64_t i = 0; i < memos->exit_count; i++) {
		const struct hst_plan_memo_exit *way = &memos->exits[i];

		if (!address_is_sound(way->ret) ||
			!base_is_sound(way->base, way->reserved, way->offset) ||
			!piece_is_sound(&way->result, true)) {
			return false;
		}
	}
	return true;
}

static bool pieces_are_sound(const struct hst_plan_memos *memos)
{
	for (uint64_t i = 0; i < memos->piece_count; i++) {
		if (!piece_is_sound(&memos->pieces[i], false)) {
			return false;
		}
	}
	return true;
}

static bool codes_are_sound(const struct hst_plan_memos *memos)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < memos->code_count; i++) {
		const struct hst_plan_code *code = &memos->codes[i];

		if (!address_is_sound(code->start) || !address_is_sound(code->end) ||
			code->start >= code->end ||
			code->end - code->start > HST_PLAN_CODE_BYTES_MAX) {
			return false;
		}
		bytes += code->end - code->start;
	}
	return bytes <= HST_PLAN_CODE_BYTES_MAX;
}

static bool slots_are_sound(const struct hst_plan_memos *memos)
{
	for (uint64_t i = 0; i < memos->slot_count; i++) {
		if (!address_is_sound(memos->slots[i].slot) || memos->slots[i].slot % 8 != 0 ||
			!address_is_sound(memos->slots[i].target)) {
			return false;
		}
	}
	return true;
}

/* `count` of them from `first` on, of those that there are. */
static bool in_table(uint32_t first, uint64_t count, uint64_t known)
{
	return count == 0 || (count <= known && first <= known - count);
}

/* Is it in the code that was looked at, so that nobody else's hook is meant? */
static bool is_covered(
	const struct hst_plan_memos *memos, const struct hst_plan_memo *memo, uint64_t address)
{
	for (uint32_t i = 0; i < memo->codes; i++) {
		const struct hst_plan_code *code = &memos->codes[memo->first_code + i];

		if (address >= code->start && address < code->end) {
			return true;
		}
	}
	return false;
}

static bool exits_are_covered(const struct hst_plan_memos *memos, const struct hst_plan_memo *memo)
{
	for (uint32_t i = 0; i < memo->exits; i++) {
		if (!is_covered(memos, memo, memos->exits[memo->first_exit + i].ret - 1)) {
			return false;
		}
	}
	return true;
}

static bool memo_is_sound(const struct hst_plan_memos *memos, const struct hst_plan_memo *memo)
{
	return address_is_sound(memo->fn) && address_is_sound(memo->ret) &&
	       frame_is_sound(&memo->frame) && memo->pieces <= HST_PLAN_MEMO_PIECES_MAX &&
	       in_table(memo->first_piece, memo->pieces, memos->piece_count) && memo->exits != 0 &&
	       in_table(memo->first_exit, memo->exits, memos->exit_count) && memo->codes != 0 &&
	       in_table(memo->first_code, memo->codes, memos->code_count) &&
	       in_table(memo->first_slot, memo->slots, memos->slot_count) &&
	       memo->evidence >= HST_PLAN_PROVEN && memo->evidence <= HST_PLAN_OBSERVED &&
	       (memo->flags & ~HST_PLAN_MEMO_MXCSR) == 0 && memo->entries != 0 &&
	       memo->entries <= HST_PLAN_MEMO_ENTRIES_MAX && memo->reserved == 0 &&
	       is_covered(memos, memo, memo->fn) && is_covered(memos, memo, memo->ret - 1) &&
	       exits_are_covered(memos, memo);
}

static bool memos_are_sound(const struct hst_plan_memos *memos)
{
	uint64_t before = 0;

	if (memos->memo_count > HST_PLAN_MEMOS_MAX || memos->exit_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->piece_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->code_count > HST_PLAN_MEMO_PARTS_MAX ||
		memos->slot_count > HST_PLAN_MEMO_PARTS_MAX || !exits_are_sound(memos) ||
		!pieces_are_sound(memos) || !codes_are_sound(memos) || !slots_are_sound(memos)) {
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
