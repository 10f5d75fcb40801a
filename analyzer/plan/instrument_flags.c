/* SPDX-License-Identifier: Apache-2.0 */
/* The flags as gcc reads them: in its two lists a comma that belongs to a name stands behind a backslash. */
#include "plan/instrument.h"

#include <string.h>

/* The kernel takes 128 KiB in one argument, and each list adds up with the ones before it. */
#define FLAG_BYTES (32u << 10)

static const char by_function[] = "-finstrument-functions-exclude-function-list=";
static const char by_file[] = "-finstrument-functions-exclude-file-list=";

struct flags {
	struct hst_arena *arena;
	struct hst_instrument_texts items;
};

static size_t entry_bytes(const char *entry)
{
	size_t bytes = 1;

	for (; *entry != '\0'; entry++) {
		bytes += *entry == ',' ? 2 : 1;
	}
	return bytes;
}

static char *append_entry(char *at, const char *entry)
{
	for (; *entry != '\0'; entry++) {
		if (*entry == ',') {
			*at++ = '\\';
		}
		*at++ = *entry;
	}
	return at;
}

/* One flag with as many of the entries as it may hold; returns how many. 0: out of memory. */
static size_t add_list(
	struct flags *flags, const char *option, const char *const *entries, size_t count)
{
	size_t bytes = strlen(option);
	size_t taken = 0;
	char *text;
	char *at;

	while (taken < count && (taken == 0 || bytes + entry_bytes(entries[taken]) <= FLAG_BYTES)) {
		bytes += entry_bytes(entries[taken++]);
	}
	text = hst_arena_alloc(flags->arena, bytes + 1);
	if (text == NULL || !hst_vec_push(&flags->items, text)) {
		return 0;
	}
	memcpy(text, option, strlen(option));
	at = text + strlen(option);
	for (size_t i = 0; i < taken; i++) {
		at = append_entry(at, entries[i]);
		*at++ = ',';
	}
	at[-1] = '\0';
	return taken;
}

static bool add_lists(
	struct flags *flags, const char *option, const char *const *entries, size_t count)
{
	for (size_t done = 0; done < count;) {
		size_t taken = add_list(flags, option, entries + done, count - done);

		if (taken == 0) {
			return false;
		}
		done += taken;
	}
	return true;
}

const char *const *hst_instrument_gcc_flags(struct hst_instrument *set)
{
	struct flags flags = { .arena = &set->arena };
	const char *const *copy = NULL;

	if (hst_vec_push(&flags.items, "-finstrument-functions") &&
		hst_vec_push(&flags.items, "-g") &&
		add_lists(&flags, by_function, set->entries.items, set->entries.count) &&
		add_lists(&flags, by_file, set->files.items, set->files.count) &&
		hst_vec_push(&flags.items, NULL)) {
		copy = hst_arena_copy(&set->arena, flags.items.items,
			flags.items.count * sizeof *flags.items.items);
	}
	hst_vec_finish(&flags.items);
	return copy;
}

/* In single quotes, which nothing but themselves needs care within. */
static char *quote_for_shell(struct hst_arena *arena, const char *flag)
{
	char *text = hst_arena_alloc(arena, 4 * strlen(flag) + 3);
	char *at = text;

	if (text == NULL) {
		return NULL;
	}
	*at++ = '\'';
	for (; *flag != '\0'; flag++) {
		if (*flag == '\'') {
			memcpy(at, "'\\''", 4);
			at += 4;
		} else {
			*at++ = *flag;
		}
	}
	*at++ = '\'';
	*at = '\0';
	return text;
}

static char *quote_for_response(struct hst_arena *arena, const char *flag)
{
	char *text = hst_arena_alloc(arena, 2 * strlen(flag) + 1);
	char *at = text;

	for (; text != NULL && *flag != '\0'; flag++) {
		if (strchr(" \t\n\\'\"", *flag) != NULL) {
			*at++ = '\\';
		}
		*at++ = *flag;
	}
	return text;
}

const char *hst_instrument_quote(
	struct hst_arena *arena, const char *flag, enum hst_quoting quoting)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:./@%+=,-";

	if (strspn(flag, plain) == strlen(flag)) {
		return flag;
	}
	return quoting == HST_QUOTING_SHELL ? quote_for_shell(arena, flag)
					    : quote_for_response(arena, flag);
}
