/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which entry, if any, a function can lose its hooks and no other one does. Entries of both lists are parts of texts: each is
 * held against the names, or the paths, of all functions that stay.
 */
#include "plan/instrument.h"
#include "plan/instrument_match.h"

#include <string.h>

#include "util/strtab.h"

/* Longer entries are not made of parts of names. */
#define PART_BYTES 255u

struct means {
	struct hst_instrument *set;
	struct hst_instrument_guard guard;
	uint32_t *would_lose;               /* by unit: what its certain text would take along */
	bool *asked;                        /* by unit: that is known */
	struct hst_instrument_texts chosen; /* parts of names that are entries */
	struct hst_map chosen_by;           /* hash of one -> its number */
	bool chosen_bytes[PART_BYTES + 1];  /* there is one of that length */
	size_t longest;                     /* of them */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
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

/* An entry of the list of files is the file's name without its folders. */
static void by_file_or_attribute(
	struct hst_instrument_guard *guard, struct hst_instrument_function *function)
{
	const char *base = function->file == NULL ? NULL : base_name(function->file);

	if (base != NULL && base[0] != '\0' && is_writable(base) &&
		!hst_instrument_takes_file(guard, base)) {
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

/* Is a byte in the middle of a character? */
static bool is_inside(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * How long a part of the name from there on must be so that no function which stays may have it; `limit`: it would not be shorter
 * than that. Not a half of a character, and nothing that has to be quoted.
 */
static size_t shortest_at(struct means *means, const char *name, size_t limit)
{
	size_t end = strcspn(name, " \\'\"");
	char part[PART_BYTES + 1];
	size_t bytes;

	end = end < limit ? end : limit - 1;
	if (is_inside(name[0]) || end == 0) {
		return limit;
	}
	/* What is in another name, is; of what is not, namespaces may still say so. */
	bytes = hst_substrings_longest(&means->guard.names, name, end);
	while (++bytes <= end) {
		memcpy(part, name, bytes);
		part[bytes] = '\0';
		if (!is_inside(name[bytes]) && is_writable(part) &&
			hst_instrument_who_else(&means->guard, part) == HST_INSTRUMENT_NONE) {
			return bytes;
		}
	}
	return limit;
}

/* The shortest part of a name that no function which stays may have; NULL: out of memory, or there is none. */
static const char *shortest(struct means *means, const char *name)
{
	size_t length = strlen(name);
	size_t limit = (length < PART_BYTES ? length : PART_BYTES) + 1;
	size_t best = limit;
	size_t best_at = 0;

	for (size_t at = 0; at < length; at++) {
		size_t bytes = shortest_at(means, name + at, best);

		best_at = bytes < best ? at : best_at;
		best = bytes;
	}
	return best == limit ? NULL : hst_arena_string_n(&means->set->arena, name + best_at, best);
}

/* Of a part that grows byte by byte. */
static uint64_t add_to_hash(uint64_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * 0x100000001b3ull;
}

/* All that have this part lose their hooks by it. */
static enum hst_status choose(struct means *means, const char *part)
{
	size_t bytes = strlen(part);
	uint64_t hash = 0;

	for (size_t i = 0; i < bytes; i++) {
		hash = add_to_hash(hash, part[i]);
	}
	HST_TRY(hst_map_put(&means->chosen_by, hash, (uint32_t)means->chosen.count));
	means->chosen_bytes[bytes] = true;
	means->longest = bytes > means->longest ? bytes : means->longest;
	return hst_vec_push(&means->chosen, part) ? HST_OK : HST_E_MEMORY;
}

/* The first part that was chosen and that a name has; NULL: none. */
static const char *chosen_of(struct means *means, const char *name)
{
	uint32_t first = UINT32_MAX;

	for (; *name != '\0'; name++) {
		uint64_t hash = 0;

		for (size_t i = 0; i < means->longest && name[i] != '\0'; i++) {
			uint32_t number;

			means->set->steps++;
			hash = add_to_hash(hash, name[i]);
			if (means->chosen_bytes[i + 1] &&
				hst_map_get(&means->chosen_by, hash, &number) && number < first &&
				strncmp(means->chosen.items[number], name, i + 1) == 0 &&
				means->chosen.items[number][i + 1] == '\0') {
				first = number;
			}
		}
	}
	return first == UINT32_MAX ? NULL : means->chosen.items[first];
}

/* An entry for one that is to go; it may be one that was made for another one. */
static enum hst_status cover(struct means *means, struct hst_instrument_function *function)
{
	const char *part = function->certain == NULL ? NULL : chosen_of(means, function->certain);
	enum hst_status status = HST_OK;

	if (part == NULL && function->certain != NULL) {
		/* Where the whole of it is in another name, each part is. */
		function->would_lose = would_lose(means, function);
		part = function->would_lose == HST_INSTRUMENT_NONE
			       ? shortest(means, function->certain)
			       : NULL;
		status = part == NULL ? HST_OK : choose(means, part);
	}
	if (part == NULL) {
		by_file_or_attribute(&means->guard, function);
		return status;
	}
	function->means = HST_MEANS_LIST;
	function->entry = part;
	return status;
}

static enum hst_status cover_all(struct means *means)
{
	struct hst_instrument *set = means->set;
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->means = HST_MEANS_STAYS;
		function->entry = NULL;
		function->would_lose = HST_INSTRUMENT_NONE;
		if (function->out) {
			status = cover(means, function);
		}
	}
	return status;
}

/* Adds a text to a list of borrowed ones, unless it is there. */
static enum hst_status add_once(
	struct hst_instrument_texts *texts, struct hst_strtab *seen, const char *text)
{
	size_t count = seen->count;
	uint32_t id;

	HST_TRY(hst_strtab_add(seen, text, &id));
	if (seen->count == count) {
		return HST_OK;
	}
	return hst_vec_push(texts, text) ? HST_OK : HST_E_MEMORY;
}

static enum hst_status list_entries(struct hst_instrument *set)
{
	struct hst_strtab seen = { 0 };
	struct hst_strtab seen_files = { 0 };
	enum hst_status status = HST_OK;

	set->entries.count = 0;
	set->files.count = 0;
	if (set->system) {
		status = add_once(&set->files, &seen_files, "/usr/include");
		if (status == HST_OK) {
			status = add_once(&set->files, &seen_files, "/include/c++/");
		}
	}
	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (function->means == HST_MEANS_LIST) {
			status = add_once(&set->entries, &seen, function->entry);
		} else if (function->means == HST_MEANS_FILE) {
			status = add_once(&set->files, &seen_files, function->entry);
		}
	}
	hst_strtab_finish(&seen);
	hst_strtab_finish(&seen_files);
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
		status = cover_all(&means);
	} else if (status == HST_OK) {
		name_each(&means);
	}
	set->steps += means.guard.names.steps + means.guard.in_c.steps + means.guard.files.steps;
	hst_vec_finish(&means.chosen);
	hst_map_finish(&means.chosen_by);
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
