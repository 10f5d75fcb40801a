/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries against names. An entry of which some seven bytes are in no name that stays matches none, and one that is no longer than that
 * matches if they are: that answers nearly all.
 */
#include "plan/instrument_match.h"

#include <string.h>

/* With their number they fill a key. */
#define PART_BYTES 7u

bool hst_instrument_may_match(const struct hst_instrument *set, const char *entry,
	const struct hst_instrument_function *function)
{
	const char *behind = NULL;

	if (strstr(function->possible, entry) != NULL) {
		return true;
	}
	if (!function->c_in_cxx) {
		return false;
	}
	/* "ns::name" is printed for a name in extern "C" within a namespace. */
	for (const char *at = strstr(entry, "::"); at != NULL; at = strstr(at + 2, "::")) {
		behind = at + 2;
	}
	if (behind == NULL) {
		/* Half of the "::" before it is a part of that, too. */
		return strchr(entry, ':') != NULL || strstr(set->scopes, entry) != NULL;
	}
	return strncmp(function->possible, behind, strlen(behind)) == 0;
}

static bool stays(const struct hst_instrument_function *function)
{
	return !function->out && !function->system;
}

/* Up to seven bytes at `text`, and how many, as a key. */
static uint64_t part_key(const char *text, size_t bytes)
{
	uint64_t key = bytes;

	for (size_t i = 0; i < bytes; i++) {
		key = key << 8 | (unsigned char)text[i];
	}
	return key;
}

static enum hst_status add_part(struct hst_map *parts, uint64_t key)
{
	uint32_t there;

	return hst_map_get(parts, key, &there) ? HST_OK : hst_map_put(parts, key, 1);
}

static enum hst_status add_parts(struct hst_map *parts, const char *text)
{
	size_t length = strlen(text);
	enum hst_status status = HST_OK;

	for (size_t at = 0; at < length; at++) {
		for (size_t bytes = 1; bytes <= PART_BYTES && at + bytes <= length; bytes++) {
			status = status == HST_OK ? add_part(parts, part_key(text + at, bytes))
						  : status;
		}
	}
	return status;
}

enum hst_status hst_instrument_guard(
	const struct hst_instrument *set, struct hst_instrument_guard *ret_guard)
{
	enum hst_status status = HST_OK;

	*ret_guard = (struct hst_instrument_guard){ .set = set };
	ret_guard->stay = calloc(set->functions.count + 1, sizeof *ret_guard->stay);
	if (ret_guard->stay == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (stays(function)) {
			ret_guard->stay[ret_guard->count++] = (uint32_t)i;
			ret_guard->scopes |= function->c_in_cxx;
			status = add_parts(&ret_guard->parts, function->possible);
		}
	}
	return status == HST_OK && ret_guard->scopes ? add_parts(&ret_guard->parts, set->scopes)
						     : status;
}

void hst_instrument_unguard(struct hst_instrument_guard *guard)
{
	free(guard->stay);
	hst_map_finish(&guard->parts);
	*guard = (struct hst_instrument_guard){ 0 };
}

/* Is a part of the entry in no name at all? "ns::" may come before a name without being a part of it. */
static bool is_unknown(const struct hst_instrument_guard *guard, const char *entry)
{
	size_t length = strlen(entry);
	size_t bytes = length < PART_BYTES ? length : PART_BYTES;

	if (guard->scopes && strchr(entry, ':') != NULL) {
		return false;
	}
	for (size_t at = 0; at + bytes <= length; at++) {
		uint32_t there;

		if (!hst_map_get(&guard->parts, part_key(entry + at, bytes), &there)) {
			return true;
		}
	}
	return false;
}

bool hst_instrument_is_free(const struct hst_instrument_guard *guard, const char *entry)
{
	if (is_unknown(guard, entry)) {
		return true;
	}
	if (!guard->scopes && strlen(entry) <= PART_BYTES) {
		return false;
	}
	return hst_instrument_who_else(guard, entry) == HST_INSTRUMENT_NONE;
}

uint32_t hst_instrument_who_else(const struct hst_instrument_guard *guard, const char *entry)
{
	const struct hst_instrument *set = guard->set;

	if (is_unknown(guard, entry)) {
		return HST_INSTRUMENT_NONE;
	}
	for (size_t i = 0; i < guard->count; i++) {
		if (hst_instrument_may_match(set, entry, &set->functions.items[guard->stay[i]])) {
			return guard->stay[i];
		}
	}
	return HST_INSTRUMENT_NONE;
}
