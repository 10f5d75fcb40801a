/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions stay, made ready for many questions: programs have ten thousands of functions, and each entry is held against all of
 * them. For instrument_means.c.
 */
#ifndef HST_PLAN_INSTRUMENT_MATCH_H
#define HST_PLAN_INSTRUMENT_MATCH_H

#include "plan/instrument.h"
#include "util/map.h"

struct hst_instrument_guard {
	const struct hst_instrument *set;
	uint32_t *stay; /* functions that stay */
	size_t count;
	struct hst_map parts; /* all parts of up to seven bytes of what their names may contain */
	bool scopes;          /* one of them may lie in any namespace */
};

/* Fills *ret_guard; it counts until an `out` of the set changes. HST_E_MEMORY. hst_instrument_unguard in any case. */
HST_NODISCARD enum hst_status hst_instrument_guard(
	const struct hst_instrument *set, struct hst_instrument_guard *ret_guard);
void hst_instrument_unguard(struct hst_instrument_guard *guard);

/* The first function that stays and that an entry may match; NONE: there is none. */
uint32_t hst_instrument_who_else(const struct hst_instrument_guard *guard, const char *entry);
/* Is there none? Quicker, where that is all one wants to know. */
bool hst_instrument_is_free(const struct hst_instrument_guard *guard, const char *entry);

#endif
