/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which entry, if any, a function can lose its hooks and no other one does. Entries of both lists are parts of texts: each is
 * held against the names, or the paths, of all functions that stay.
 */
#include "plan/instrument.h"

#include <string.h>

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
		return strstr(set->scopes, entry) != NULL;
	}
	return strncmp(function->possible, behind, strlen(behind)) == 0;
}

static bool stays(const struct hst_instrument_function *function)
{
	return !function->out && !function->system;
}

/* The first function that stays and that an entry may match; NONE: none. */
static uint32_t who_else(const struct hst_instrument *set, const char *entry)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (stays(function) && hst_instrument_may_match(set, entry, function)) {
			return (uint32_t)i;
		}
	}
	return HST_INSTRUMENT_NONE;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Does an entry of the list of files, which is the file's name without its folders, take only functions that are to go? */
static bool file_fits(const struct hst_instrument *set, const char *base)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (stays(function) &&
			(function->file == NULL || strstr(function->file, base) != NULL)) {
			return false;
		}
	}
	return true;
}

/* Is the name of a file one that hides no comma and no character that a flag could not carry? */
static bool is_writable(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			return false;
		}
	}
	return true;
}

static void by_file_or_attribute(
	const struct hst_instrument *set, struct hst_instrument_function *function)
{
	const char *base = function->file == NULL ? NULL : base_name(function->file);

	if (base != NULL && base[0] != '\0' && is_writable(base) && file_fits(set, base)) {
		function->means = HST_MEANS_FILE;
		function->entry = base;
		return;
	}
	function->means = HST_MEANS_ATTRIBUTE;
	function->entry = NULL;
}

/*
 * Who was not called costs nothing: no source is changed for it. Headers of the system are nobody's to change. true: one that was
 * `out` stays now.
 */
static bool let_some_stay(struct hst_instrument *set, bool only_kept)
{
	bool changed = false;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		if (!function->out || function->means != HST_MEANS_ATTRIBUTE) {
			continue;
		}
		function->unreachable = hst_instrument_system_part(function->file) != NULL;
		if (function->unreachable || (function->calls == 0 && !only_kept)) {
			function->out = false;
			function->means = HST_MEANS_STAYS;
			changed = true;
		}
	}
	return changed;
}

static void name_each(struct hst_instrument *set)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->means = HST_MEANS_STAYS;
		function->entry = NULL;
		function->would_lose = HST_INSTRUMENT_NONE;
		if (!function->out) {
			continue;
		}
		if (function->certain != NULL && is_writable(function->certain)) {
			function->would_lose = who_else(set, function->certain);
			function->means = function->would_lose == HST_INSTRUMENT_NONE
						  ? HST_MEANS_LIST
						  : HST_MEANS_STAYS;
		}
		if (function->means == HST_MEANS_LIST) {
			function->entry = function->certain;
		} else {
			by_file_or_attribute(set, function);
		}
	}
}

/* The shortest part of a name that no function which stays may have; NULL: there is none. */
static const char *shortest(struct hst_instrument *set, const char *name)
{
	size_t length = strlen(name);
	char part[256];

	for (size_t bytes = 1; bytes <= length && bytes < sizeof part; bytes++) {
		for (size_t at = 0; at + bytes <= length; at++) {
			memcpy(part, name + at, bytes);
			part[bytes] = '\0';
			/* Not a half of a character, and nothing that has to be quoted. */
			if (strpbrk(part, " \\'\"") == NULL && is_writable(part) &&
				((unsigned char)part[0] & 0xc0) != 0x80 &&
				((unsigned char)name[at + bytes] & 0xc0) != 0x80 &&
				who_else(set, part) == HST_INSTRUMENT_NONE) {
				return hst_arena_string(&set->arena, part);
			}
		}
	}
	return NULL;
}

/* All that have this part lose their hooks by it. */
static void cover(struct hst_instrument *set, const char *part)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		if (function->out && function->means == HST_MEANS_STAYS &&
			function->certain != NULL && strstr(function->certain, part) != NULL) {
			function->means = HST_MEANS_LIST;
			function->entry = part;
		}
	}
}

static void cover_all(struct hst_instrument *set)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->means = HST_MEANS_STAYS;
		function->entry = NULL;
		function->would_lose = HST_INSTRUMENT_NONE;
	}
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];
		const char *part;

		if (!function->out || function->means != HST_MEANS_STAYS) {
			continue;
		}
		part = function->certain == NULL ? NULL : shortest(set, function->certain);
		if (part != NULL) {
			cover(set, part);
			continue;
		}
		function->would_lose = function->certain == NULL ? HST_INSTRUMENT_NONE
								 : who_else(set, function->certain);
		by_file_or_attribute(set, function);
	}
}

/* Adds a text to a list of borrowed ones, unless it is there. */
static enum hst_status add_once(struct hst_instrument_texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (strcmp(texts->items[i], text) == 0) {
			return HST_OK;
		}
	}
	return hst_vec_push(texts, text) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status list_entries(struct hst_instrument *set)
{
	set->entries.count = 0;
	set->files.count = 0;
	if (set->system) {
		HST_TRY(add_once(&set->files, "/usr/include"));
		HST_TRY(add_once(&set->files, "/include/c++/"));
	}
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (function->means == HST_MEANS_LIST) {
			HST_TRY(add_once(&set->entries, function->entry));
		} else if (function->means == HST_MEANS_FILE) {
			HST_TRY(add_once(&set->files, function->entry));
		}
	}
	return HST_OK;
}

enum hst_status hst_instrument_find_means(struct hst_instrument *set, bool only_kept)
{
	/* Ends: each round but the last lets at least one function stay. */
	do {
		if (only_kept) {
			cover_all(set);
		} else {
			name_each(set);
		}
	} while (let_some_stay(set, only_kept));
	return list_entries(set);
}
