/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many texts contains a given one: all ends of all texts in the order of the alphabet (a suffix array). Made in a time that grows
 * as the texts do, asked in a time that grows as the logarithm. A line of a text is a text of its own.
 *
 *   text:   "ab\nb\n"      order: 3 and 1 ("b\n"), 0 ("ab\n")... of each, `owners` says whose line it is
 */
#ifndef HST_PLAN_SUBSTRINGS_H
#define HST_PLAN_SUBSTRINGS_H

#include "util/map.h"
#include "util/status.h"
#include "util/vec.h"

#define HST_SUBSTRINGS_NONE UINT32_MAX

struct hst_substrings_line {
	uint32_t at, owner;
};

struct hst_substrings {
	HST_VEC(char) text;
	HST_VEC(struct hst_substrings_line) lines; /* by place */
	struct hst_map seen;                       /* hash of a line -> its number */
	int32_t *order;                            /* places, by what follows there */
	int32_t *least;                            /* least place of each so many in a row */
	uint64_t steps;                            /* bytes that were compared: for tests */
};

/* Adds the lines of a text that are not there yet. Owners come in ascending order. HST_E_MEMORY, also when it is too much. */
HST_NODISCARD enum hst_status hst_substrings_add(
	struct hst_substrings *set, uint32_t owner, const char *text);
/* When all are there. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_substrings_sort(struct hst_substrings *set);
/* The least owner of a text that contains this one; NONE: there is none. */
uint32_t hst_substrings_find(struct hst_substrings *set, const char *part);
/* How many of the first bytes of `text`, at most `limit`, are in one of the texts in a row. */
size_t hst_substrings_longest(struct hst_substrings *set, const char *text, size_t limit);
/* { 0 } is allowed. */
void hst_substrings_finish(struct hst_substrings *set);

/* For substrings.c and tests: sorts the ends of `text`, whose last character is 0 and no other one is. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_suffixes_sort(
	const int32_t *text, int32_t *ret_order, int32_t count, int32_t alphabet);

#endif
