/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_check.h"

/* No frame is larger. */
#define FRAME_BYTES_MAX (16 << 20)
#define WORD            8
#define FLAGS_KNOWN     ((unsigned)HST_PLAN_MEMO_MXCSR)

enum {
	RBX = 3,
	RBP = 6,
	RSP = 7,
	R12 = 12,
	R15 = 15,
};

static bool is_address(uint64_t address)
{
	return address != 0 && address < HST_PLAN_ADDRESS_MAX;
}

static bool is_base(uint8_t base, int32_t offset)
{
	return (base == RBP || base == RSP) && offset >= WORD && offset <= FRAME_BYTES_MAX &&
	       offset % WORD == 0;
}

static bool is_frame(const struct hst_plan_frame *frame)
{
	for (unsigned i = 0; i < sizeof frame->saved / sizeof frame->saved[0]; i++) {
		int32_t at = frame->saved[i];

		if (at != 0 && (at > -2 * WORD || at < -FRAME_BYTES_MAX || at % WORD != 0)) {
			return false;
		}
	}
	return is_base(frame->base, frame->offset);
}

static bool is_piece(const struct hst_plan_piece *piece, bool result)
{
	bool near = piece->offset >= -FRAME_BYTES_MAX && piece->offset <= FRAME_BYTES_MAX;

	unsigned content = piece->content & HST_PLAN_CONTENT_MASK;

	if ((content != HST_PLAN_CONTENT_SCALAR && !(result && content == HST_PLAN_CONTENT_BIT)) ||
		(piece->width != 1 && piece->width != 2 && piece->width != 4 &&
			piece->width != 8)) {
		return false;
	}
	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		return piece->reg == RBX || piece->reg == RBP ||
		       (piece->reg >= R12 && piece->reg <= R15);
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

static const char *check_tables(
	const struct hst_memo_module *module, const struct hst_memo_sizes *counts)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < counts->exits; i++) {
		if (!is_address(module->exits[i].ret) ||
			!is_base(module->exits[i].base, module->exits[i].offset) ||
			!is_piece(&module->exits[i].result, true)) {
			return "an exit makes no sense";
		}
	}
	for (uint64_t i = 0; i < counts->pieces; i++) {
		if (!is_piece(&module->pieces[i], false)) {
			return "a part of a key makes no sense";
		}
	}
	for (uint64_t i = 0; i < counts->codes; i++) {
		const struct hst_plan_code *code = &module->codes[i];

		if (!is_address(code->start) || !is_address(code->end) ||
			code->start >= code->end) {
			return "a range of code makes no sense";
		}
		bytes += code->end - code->start;
		if (code->end - code->start > HST_PLAN_CODE_BYTES_MAX ||
			bytes > HST_PLAN_CODE_BYTES_MAX) {
			return "there is too much code to look at";
		}
	}
	for (uint64_t i = 0; i < counts->slots; i++) {
		if (!is_address(module->slots[i].slot) || module->slots[i].slot % WORD != 0 ||
			!is_address(module->slots[i].target)) {
			return "a slot makes no sense";
		}
	}
	return NULL;
}

/* `count` items from `first` on, of `known` ones. */
static bool is_within(uint32_t first, uint64_t count, uint64_t known)
{
	return count <= known && first <= known - count;
}

/* Is the address in the code of which the hash is known? */
static bool is_covered(
	const struct hst_memo_module *module, const struct hst_plan_memo *memo, uint64_t address)
{
	for (uint32_t i = 0; i < memo->codes; i++) {
		const struct hst_plan_code *code = &module->codes[memo->first_code + i];

		if (address >= code->start && address < code->end) {
			return true;
		}
	}
	return false;
}

static bool is_memo(const struct hst_memo_module *module, const struct hst_memo_sizes *counts,
	const struct hst_plan_memo *memo)
{
	if (!is_address(memo->fn) || !is_address(memo->ret) || !is_frame(&memo->frame) ||
		memo->pieces > HST_PLAN_MEMO_PIECES_MAX || memo->exits == 0 || memo->codes == 0 ||
		!is_within(memo->first_piece, memo->pieces, counts->pieces) ||
		!is_within(memo->first_exit, memo->exits, counts->exits) ||
		!is_within(memo->first_code, memo->codes, counts->codes) ||
		!is_within(memo->first_slot, memo->slots, counts->slots) ||
		memo->evidence < HST_PLAN_PROVEN || memo->evidence > HST_PLAN_OBSERVED ||
		(memo->flags & ~FLAGS_KNOWN) != 0 || memo->entries == 0 ||
		memo->entries > HST_PLAN_MEMO_ENTRIES_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < memo->exits; i++) {
		if (!is_covered(module, memo, module->exits[memo->first_exit + i].ret - 1)) {
			return false;
		}
	}
	return is_covered(module, memo, memo->fn) && is_covered(module, memo, memo->ret - 1);
}

const char *hst_plan_check_module(
	const struct hst_memo_module *module, const struct hst_memo_sizes *counts)
{
	const char *trouble;

	if (counts->memos > HST_PLAN_MEMOS_MAX || counts->exits > HST_PLAN_MEMO_PARTS_MAX ||
		counts->pieces > HST_PLAN_MEMO_PARTS_MAX ||
		counts->codes > HST_PLAN_MEMO_PARTS_MAX ||
		counts->slots > HST_PLAN_MEMO_PARTS_MAX) {
		return "there are more functions in it than a plan may have";
	}
	trouble = check_tables(module, counts);
	for (uint64_t i = 0; i < counts->memos && trouble == NULL; i++) {
		if (!is_memo(module, counts, &module->memos[i])) {
			trouble = "a function in it makes no sense";
		} else if (i > 0 && module->memos[i].fn <= module->memos[i - 1].fn) {
			trouble = "its functions are not in order";
		}
	}
	return trouble;
}
