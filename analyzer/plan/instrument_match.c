/* SPDX-License-Identifier: Apache-2.0 */
/* Entries against names: one by one, and against all that stay at once. */
#include "plan/instrument_match.h"

#include <stdio.h>
#include <string.h>

/* The last "::" of an entry; NULL: there is none. */
static const char *last_colons(const char *entry)
{
	const char *last = NULL;

	for (const char *at = strstr(entry, "::"); at != NULL; at = strstr(at + 2, "::")) {
		last = at;
	}
	return last;
}

bool hst_instrument_may_match(const struct hst_instrument *set, const char *entry,
	const struct hst_instrument_function *function)
{
	const char *colons = last_colons(entry);

	if (strstr(function->possible, entry) != NULL) {
		return true;
	}
	if (!function->c_in_cxx) {
		return false;
	}
	/* "ns::name" is printed for a name in extern "C" within a namespace. */
	if (colons == NULL) {
		/* Half of the "::" before it is a part of that, too. */
		return strchr(entry, ':') != NULL || strstr(set->scopes, entry) != NULL;
	}
	return strncmp(function->possible, colons + 2, strlen(colons + 2)) == 0;
}

static bool stays(const struct hst_instrument_function *function)
{
	return !function->out && !function->system;
}

static enum hst_status add_in_c(
	const struct hst_instrument *set, struct hst_instrument_guard *guard, uint32_t number)
{
	enum hst_status status = HST_OK;
	char *text = NULL;

	if (guard->first_in_c == HST_INSTRUMENT_NONE) {
		guard->first_in_c = number;
		status = hst_substrings_add(&guard->names, number, set->scopes);
	}
	if (asprintf(&text, "::%s", set->functions.items[number].path) < 0) {
		return HST_E_MEMORY;
	}
	if (status == HST_OK) {
		status = hst_substrings_add(&guard->in_c, number, text);
	}
	free(text);
	return status;
}

static enum hst_status add_one(
	const struct hst_instrument *set, struct hst_instrument_guard *guard, uint32_t number)
{
	const struct hst_instrument_function *function = &set->functions.items[number];

	HST_TRY(hst_substrings_add(&guard->names, number, function->possible));
	if (function->c_in_cxx) {
		HST_TRY(add_in_c(set, guard, number));
	}
	guard->unknown_file |= function->file == NULL;
	return function->file == NULL ? HST_OK
				      : hst_substrings_add(&guard->files, number, function->file);
}

static enum hst_status sort_all(struct hst_instrument_guard *guard)
{
	HST_TRY(hst_substrings_sort(&guard->names));
	HST_TRY(hst_substrings_sort(&guard->in_c));
	return hst_substrings_sort(&guard->files);
}

enum hst_status hst_instrument_guard(
	const struct hst_instrument *set, struct hst_instrument_guard *ret_guard)
{
	*ret_guard = (struct hst_instrument_guard){ .first_in_c = HST_INSTRUMENT_NONE };
	for (size_t i = 0; i < set->functions.count; i++) {
		if (!stays(&set->functions.items[i])) {
			continue;
		}
		HST_TRY(add_one(set, ret_guard, (uint32_t)i));
	}
	return sort_all(ret_guard);
}

void hst_instrument_unguard(struct hst_instrument_guard *guard)
{
	hst_substrings_finish(&guard->names);
	hst_substrings_finish(&guard->in_c);
	hst_substrings_finish(&guard->files);
}

uint32_t hst_instrument_who_else(struct hst_instrument_guard *guard, const char *entry)
{
	uint32_t found = hst_substrings_find(&guard->names, entry);
	uint32_t in_c = HST_INSTRUMENT_NONE;
	const char *colons;

	/* As in hst_instrument_may_match: a namespace of which nothing is known may stand before these. */
	if (guard->first_in_c != HST_INSTRUMENT_NONE && strchr(entry, ':') != NULL) {
		colons = last_colons(entry);
		in_c = colons == NULL ? guard->first_in_c
				      : hst_substrings_find(&guard->in_c, colons);
	}
	return in_c < found ? in_c : found;
}

bool hst_instrument_takes_file(struct hst_instrument_guard *guard, const char *entry)
{
	return guard->unknown_file ||
	       hst_substrings_find(&guard->files, entry) != HST_SUBSTRINGS_NONE;
}
