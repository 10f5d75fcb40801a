/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions are worth a place in a plan, by what a recording says of them and by what answering them takes. docs/optimize.md has
 * the formulas. Pure.
 */
#ifndef HST_PLAN_MEMO_CHOOSE_H
#define HST_PLAN_MEMO_CHOOSE_H

#include "hasten/plan.h"

#include "model/cache.h"

enum hst_memo_choice_of {
#define HST_MEMO_CHOICE(NAME, word, text) HST_MEMO_CHOICE_##NAME,
#include "plan/memo_choose.def"
#undef HST_MEMO_CHOICE
	HST_MEMO_CHOICES,
};

/* A call that is answered, and what one that is not takes more than without a plan. Measured: docs/benchmarks.md. */
#define HST_MEMO_HIT_NS  35.0
#define HST_MEMO_MISS_NS 60.0
/* Calls that take less are hardly longer than being answered: what they gain is noise. */
#define HST_MEMO_LEAST_NS 90.0
/* Hits that are computed all the same and compared, before the first one is answered. */
#define HST_MEMO_SHADOW_PROVEN 32u
/* With so many equal results 0.1 % may differ, at 95 %. */
#define HST_MEMO_SHADOW_OTHERS 3000u

/* For the analysis of the cache pass. */
extern const struct hst_cache_costs hst_memo_costs;

/* The cache of a process that its threads share. */
const struct hst_cache_plan *hst_memo_plan_of(const struct hst_cache_function *function);
/* PLANNED, or why a function that could be answered is not worth it. */
enum hst_memo_choice_of hst_memo_choose(const struct hst_cache_function *function);
/* Room for a capacity that was found for a cache that forgets what was not used for longest: sets of four fill unevenly. */
uint32_t hst_memo_entries(uint64_t capacity);
uint32_t hst_memo_shadow(uint8_t evidence);

const char *hst_memo_choice_word(unsigned choice);
const char *hst_memo_choice_text(unsigned choice);
const char *hst_memo_evidence_word(unsigned evidence);

#endif
