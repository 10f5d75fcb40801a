/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which entry, if any, a function can lose its hooks and no other one does. Entries of both lists are parts of texts: each is
 * held against the names, or the paths, of all functions that stay.
 */
#include "plan/instrument.h"
#include "plan/instrument_match.h"

#include <string.h>

struct means {
	struct hst_instrument *set;
	struct hst_instrument_guard guard;
	uint32_t *would_lose; /* by unit: what its certain text would take along */
	bool *asked;          /* by unit: that is known */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Does an entry of the list of files, which is the file's name without its folders, take only functions that are to go? */
static bool file_fits(const struct hst_instrument_guard *guard, const char *base)
{
	for (size_t i = 0; i < guard->count; i++) {
		const char *file = guard->set->functions.items[guard->stay[i]].file;

		if (file == NULL || strstr(file, base) != NULL) {
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
	const struct hst_instrument_guard *guard, struct hst_instrument_function *function)
{
	const char *base = function->file == NULL ? NULL : base_name(function->file);

	if (base != NULL && base[0] != '\0' && is_writable(base) && file_fits(guard, base)) {
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

/* What the function's certain text would take along; asked once for each unit. */
static uint32_t would_lose(struct means *means, const struct hst_instrument_function *function)
{
	if (!means->asked[function->unit]) {
		means->asked[function->unit] = true;
		means->would_lose[function->unit] =
			hst_instrument_who_else(&means->guard, function->certain);
	}
	return means->would_lose[function->unit];
}

static void name_each(struct means *means)
{
	struct hst_instrument *set = means->set;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->means = HST_MEANS_STAYS;
		function->entry = NULL;
		function->would_lose = HST_INSTRUMENT_NONE;
		if (!function->out) {
			continue;
		}
		if (function->certain != NULL && is_writable(function->certain)) {
			function->would_lose = would_lose(means, function);
			function->means = function->would_lose == HST_INSTRUMENT_NONE
						  ? HST_MEANS_LIST
						  : HST_MEANS_STAYS;
		}
		if (function->means == HST_MEANS_LIST) {
			function->entry = function->certain;
		} else {
			by_file_or_attribute(&means->guard, function);
		}
	}
}

/* Not a half of a character, and nothing that has to be quoted. */
static bool is_part(const char *part, const char *behind)
{
	return strpbrk(part, " \\'\"") == NULL && is_writable(part) &&
	       ((unsigned char)part[0] & 0xc0) != 0x80 && ((unsigned char)*behind & 0xc0) != 0x80;
}

/* The shortest part of a name that no function which stays may have; NULL: out of memory, or there is none. */
static const char *shortest(struct means *means, const char *name)
{
	size_t length = strlen(name);
	char part[256];

	for (size_t bytes = 1; bytes <= length && bytes < sizeof part; bytes++) {
		for (size_t at = 0; at + bytes <= length; at++) {
			memcpy(part, name + at, bytes);
			part[bytes] = '\0';
			if (is_part(part, name + at + bytes) &&
				hst_instrument_is_free(&means->guard, part)) {
				return hst_arena_string(&means->set->arena, part);
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

static void cover_all(struct means *means)
{
	struct hst_instrument *set = means->set;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->means = HST_MEANS_STAYS;
		function->entry = NULL;
		function->would_lose = HST_INSTRUMENT_NONE;
	}
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];
		const char *part = NULL;

		if (!function->out || function->means != HST_MEANS_STAYS) {
			continue;
		}
		if (function->certain != NULL) {
			/* Where the whole of it is in another name, each part is. */
			function->would_lose = would_lose(means, function);
			part = function->would_lose == HST_INSTRUMENT_NONE
				       ? shortest(means, function->certain)
				       : NULL;
		}
		if (part != NULL) {
			cover(set, part);
		} else {
			by_file_or_attribute(&means->guard, function);
		}
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
	enum hst_status status = HST_OK;

	set->entries.count = 0;
	set->files.count = 0;
	if (set->system) {
		HST_TRY(add_once(&set->files, "/usr/include"));
		HST_TRY(add_once(&set->files, "/include/c++/"));
	}
	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (function->means == HST_MEANS_LIST) {
			status = add_once(&set->entries, function->entry);
		} else if (function->means == HST_MEANS_FILE) {
			status = add_once(&set->files, function->entry);
		}
	}
	return status;
}

static enum hst_status find_once(struct hst_instrument *set, bool only_kept)
{
	struct means means = { .set = set };
	enum hst_status status = hst_instrument_guard(set, &means.guard);

	means.would_lose = calloc(set->units + (size_t)1, sizeof *means.would_lose);
	means.asked = calloc(set->units + (size_t)1, sizeof *means.asked);
	if (means.would_lose == NULL || means.asked == NULL) {
		status = HST_E_MEMORY;
	}
	if (status == HST_OK && only_kept) {
		cover_all(&means);
	} else if (status == HST_OK) {
		name_each(&means);
	}
	free(means.would_lose);
	free(means.asked);
	hst_instrument_unguard(&means.guard);
	return status;
}

enum hst_status hst_instrument_find_means(struct hst_instrument *set, bool only_kept)
{
	/* Ends: each round but the last lets at least one function stay. */
	do {
		HST_TRY(find_once(set, only_kept));
	} while (let_some_stay(set, only_kept));
	return list_entries(set);
}
