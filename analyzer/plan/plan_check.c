/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_check.h"

#include "hasten/plan_sound.h"

static const char *check_tables(
	const struct hst_memo_module *module, const struct hst_memo_sizes *counts)
{
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < counts->exits; i++) {
		if (!hst_plan_memo_exit_is_sound(&module->exits[i])) {
			return "an exit makes no sense";
		}
	}
	for (uint64_t i = 0; i < counts->pieces; i++) {
		if (!hst_plan_memo_piece_is_sound(&module->pieces[i], false)) {
			return "a part of a key makes no sense";
		}
	}
	for (uint64_t i = 0; i < counts->codes; i++) {
		const struct hst_plan_code *code = &module->codes[i];

		if (!hst_plan_code_is_sound(code)) {
			return "a range of code makes no sense";
		}
		bytes += code->end - code->start;
		if (code->end - code->start > HST_PLAN_CODE_BYTES_MAX ||
			bytes > HST_PLAN_CODE_BYTES_MAX) {
			return "there is too much code to look at";
		}
	}
	for (uint64_t i = 0; i < counts->slots; i++) {
		if (!hst_plan_slot_is_sound(&module->slots[i])) {
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

static bool is_memo(const struct hst_memo_module *module, const struct hst_memo_sizes *counts,
	const struct hst_plan_memo *memo)
{
	return hst_plan_memo_is_sound(memo) &&
	       is_within(memo->first_piece, memo->pieces, counts->pieces) &&
	       is_within(memo->first_exit, memo->exits, counts->exits) &&
	       is_within(memo->first_code, memo->codes, counts->codes) &&
	       is_within(memo->first_slot, memo->slots, counts->slots) &&
	       hst_plan_memo_is_covered(
		       memo, module->codes + memo->first_code, module->exits + memo->first_exit);
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
