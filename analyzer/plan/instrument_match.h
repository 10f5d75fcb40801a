/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions stay, made ready for many questions: programs have ten thousands of functions, and so many entries are held against all
 * of them. For instrument_means.c.
 */
#ifndef HST_PLAN_INSTRUMENT_MATCH_H
#define HST_PLAN_INSTRUMENT_MATCH_H

#include "plan/instrument.h"
#include "plan/substrings.h"

struct hst_instrument_guard {
	struct hst_substrings names; /* what the names of functions that stay may contain */
	struct hst_substrings in_c;  /* "::name" of those that may lie in any namespace */
	struct hst_substrings files;
	uint32_t first_in_c; /* the first of those; NONE: there is none */
	bool unknown_file;   /* of one that stays the file is not known */
};

/* Fills *ret_guard; it counts until an `out` of the set changes. HST_E_MEMORY. hst_instrument_unguard in any case. */
HST_NODISCARD enum hst_status hst_instrument_guard(
	const struct hst_instrument *set, struct hst_instrument_guard *ret_guard);
void hst_instrument_unguard(struct hst_instrument_guard *guard);

/* The first function that stays and that an entry may match; NONE: there is none. */
uint32_t hst_instrument_who_else(struct hst_instrument_guard *guard, const char *entry);
/* May this entry of the list of files take a function that stays? */
bool hst_instrument_takes_file(struct hst_instrument_guard *guard, const char *entry);

#endif
