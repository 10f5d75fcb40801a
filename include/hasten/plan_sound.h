/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which items of a plan make sense by themselves, for those about functions that are answered from caches. The preload refuses what
 * does not; the analyzer says so beforehand. Pure; whether an item refers to others that are there, each half looks itself.
 */
#ifndef HASTEN_PLAN_SOUND_H
#define HASTEN_PLAN_SOUND_H

#include "hasten/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* No frame is larger, and none of its parts farther away. */
#define HST_PLAN_FRAME_BYTES_MAX (16 << 20)
/* Nearest to the call frame address lies the return address, and this far away the first saved register. */
#define HST_PLAN_SAVED_NEAREST (-16)

static inline bool hst_plan_address_is_sound(uint64_t address)
{
	return address != 0 && address < HST_PLAN_ADDRESS_MAX;
}

static inline bool hst_plan_base_is_sound(uint8_t base, const uint8_t reserved[3], int32_t offset)
{
	return (base == 6 || base == 7) && offset >= 8 && offset <= HST_PLAN_FRAME_BYTES_MAX &&
	       offset % 8 == 0 && (reserved[0] | reserved[1] | reserved[2]) == 0;
}

static inline bool hst_plan_frame_is_sound(const struct hst_plan_frame *frame)
{
	for (uint32_t i = 0; i < 6; i++) {
		int32_t saved = frame->saved[i];

		if (saved != 0 && (saved > HST_PLAN_SAVED_NEAREST ||
					  saved < -HST_PLAN_FRAME_BYTES_MAX || saved % 8 != 0)) {
			return false;
		}
	}
	return hst_plan_base_is_sound(frame->base, frame->reserved, frame->offset);
}

/* Of a key, or the result at an exit. */
static inline bool hst_plan_memo_piece_is_sound(const struct hst_plan_piece *piece, bool result)
{
	uint32_t content = piece->content & HST_PLAN_CONTENT_MASK;
	bool kept = piece->reg == 3 || piece->reg == 6 || (piece->reg >= 12 && piece->reg <= 15);
	bool near = piece->offset >= -HST_PLAN_FRAME_BYTES_MAX &&
		    piece->offset <= HST_PLAN_FRAME_BYTES_MAX;

	if ((content != HST_PLAN_CONTENT_SCALAR && !(result && content == HST_PLAN_CONTENT_BIT)) ||
		(piece->width != 1 && piece->width != 2 && piece->width != 4 &&
			piece->width != 8)) {
		return false;
	}
	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		return kept;
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

static inline bool hst_plan_memo_exit_is_sound(const struct hst_plan_memo_exit *way)
{
	return hst_plan_address_is_sound(way->ret) &&
	       hst_plan_base_is_sound(way->base, way->reserved, way->offset) &&
	       hst_plan_memo_piece_is_sound(&way->result, true);
}

/* Its bytes are limited also in sum: HST_PLAN_CODE_BYTES_MAX for a module. */
static inline bool hst_plan_code_is_sound(const struct hst_plan_code *code)
{
	return hst_plan_address_is_sound(code->start) && hst_plan_address_is_sound(code->end) &&
	       code->start < code->end;
}

static inline bool hst_plan_slot_is_sound(const struct hst_plan_slot *slot)
{
	return hst_plan_address_is_sound(slot->slot) && slot->slot % 8 == 0 &&
	       hst_plan_address_is_sound(slot->target);
}

/* But for what it refers to. */
static inline bool hst_plan_memo_is_sound(const struct hst_plan_memo *memo)
{
	return hst_plan_address_is_sound(memo->fn) && hst_plan_address_is_sound(memo->ret) &&
	       hst_plan_frame_is_sound(&memo->frame) && memo->pieces <= HST_PLAN_MEMO_PIECES_MAX &&
	       memo->exits != 0 && memo->codes != 0 && memo->evidence >= HST_PLAN_PROVEN &&
	       memo->evidence <= HST_PLAN_OBSERVED &&
	       (memo->flags & ~(unsigned)HST_PLAN_MEMO_MXCSR) == 0 && memo->entries != 0 &&
	       memo->entries <= HST_PLAN_MEMO_ENTRIES_MAX && memo->reserved == 0;
}

/*
 * Do the function's entry and the places behind its hooks lie in the code whose hash the plan has, so that nobody else's hook is
 * meant? `codes` and `exits`: the memo's own, of the tables of its module.
 */
static inline bool hst_plan_memo_is_covered(const struct hst_plan_memo *memo,
	const struct hst_plan_code *codes, const struct hst_plan_memo_exit *exits)
{
	for (uint32_t i = 0; i < memo->exits + 2; i++) {
		uint64_t address = i < memo->exits    ? exits[i].ret - 1
				   : i == memo->exits ? memo->ret - 1
						      : memo->fn;
		bool covered = false;

		for (uint32_t k = 0; k < memo->codes && !covered; k++) {
			covered = address >= codes[k].start && address < codes[k].end;
		}
		if (!covered) {
			return false;
		}
	}
	return true;
}

#endif
