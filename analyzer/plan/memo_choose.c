/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/memo_choose.h"

#define ENTRIES_LEAST 64u

const struct hst_cache_costs hst_memo_costs = { { { 1, HST_MEMO_HIT_NS, HST_MEMO_MISS_NS } }, 1, 0,
	0 };

const struct hst_cache_plan *hst_memo_plan_of(const struct hst_cache_function *function)
{
	/* Where all processes have one thread, there is no shared one, and it would be the same. */
	return function->shared.lookups > 0 ? &function->shared : &function->per_thread;
}

enum hst_memo_choice_of hst_memo_choose(const struct hst_cache_function *function)
{
	const struct hst_cache_plan *plan = hst_memo_plan_of(function);

	if (function->contradicting != 0) {
		return HST_MEMO_CHOICE_REFUTED;
	}
	if (function->repeats == 0) {
		return HST_MEMO_CHOICE_UNIQUE;
	}
	if (plan->gain_ns <= 0 && function->alone_ns > 0) {
		return HST_MEMO_CHOICE_NESTED;
	}
	if (plan->hits > 0 && plan->saved_ns < plan->hits * HST_MEMO_LEAST_NS) {
		return HST_MEMO_CHOICE_CHEAP;
	}
	if (plan->gain_ns <= 0) {
		return HST_MEMO_CHOICE_MISSES;
	}
	return plan->low_ns <= 0 ? HST_MEMO_CHOICE_UNSURE : HST_MEMO_CHOICE_PLANNED;
}

uint32_t hst_memo_entries(uint64_t capacity)
{
	uint64_t entries = ENTRIES_LEAST;

	while (entries < 2 * capacity && entries < HST_PLAN_MEMO_ENTRIES_MAX) {
		entries *= 2;
	}
	return (uint32_t)entries;
}

uint32_t hst_memo_shadow(uint8_t evidence)
{
	return evidence == HST_PLAN_PROVEN ? HST_MEMO_SHADOW_PROVEN : HST_MEMO_SHADOW_OTHERS;
}

const char *hst_memo_choice_word(unsigned choice)
{
	static const char *const words[] = {
#define HST_MEMO_CHOICE(NAME, word, text) word,
#include "plan/memo_choose.def"
#undef HST_MEMO_CHOICE
	};

	return choice < HST_MEMO_CHOICES ? words[choice] : "?";
}

const char *hst_memo_choice_text(unsigned choice)
{
	static const char *const texts[] = {
#define HST_MEMO_CHOICE(NAME, word, text) text,
#include "plan/memo_choose.def"
#undef HST_MEMO_CHOICE
	};

	return choice < HST_MEMO_CHOICES ? texts[choice] : "?";
}

const char *hst_memo_evidence_word(unsigned evidence)
{
	static const char *const words[] = { "none", "proven", "declared", "observed" };

	return evidence < sizeof words / sizeof words[0] ? words[evidence] : "?";
}
