/* SPDX-License-Identifier: Apache-2.0 */
/* Reads all records of a journal into the arena of the result and sorts them by time. */
#include "passes/processes_pass.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX (16u << 20)
#define ARENA_MAX  (UINT64_C(6) << 30)

static const struct hst_proc_texts no_texts;

/* A text up to its first NUL; NULL stays NULL. */
static bool copy_text(
	struct hst_arena *arena, const struct hst_journal_extent *piece, const char **ret_text)
{
	if (piece->data == NULL) {
		return true;
	}
	*ret_text = hst_arena_string_n(arena, piece->data, piece->bytes);
	return *ret_text != NULL;
}

/* Arguments, each with its NUL; what is behind the last NUL counts as one, too. */
static bool copy_argv(struct hst_arena *arena, const struct hst_journal_extent *piece,
	const char *const **ret_argv, uint32_t *ret_count)
{
	const char **argv;
	char *copy;
	uint32_t count = 0;
	uint32_t at;

	if (piece->data == NULL) {
		return true;
	}
	for (at = 0; at < piece->bytes; at++) {
		count += piece->data[at] == '\0';
	}
	count += piece->bytes != 0 && piece->data[piece->bytes - 1] != '\0';
	copy = hst_arena_string_n(arena, piece->data, piece->bytes);
	argv = hst_arena_array(arena, (size_t)count + 1, sizeof *argv);
	if (copy == NULL || argv == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		argv[i] = copy;
		copy += strlen(copy) + 1;
	}
	*ret_argv = argv;
	*ret_count = count;
	return true;
}

static bool copy_build_id(
	struct hst_arena *arena, const struct hst_journal_extent *piece, const char **ret_text)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * 64 + 1];
	uint32_t i;

	if (piece->data == NULL || piece->bytes > 64) {
		return true;
	}
	for (i = 0; i < piece->bytes; i++) {
		text[2 * i] = digits[(uint8_t)piece->data[i] >> 4];
		text[2 * i + 1] = digits[piece->data[i] & 15];
	}
	*ret_text = hst_arena_string_n(arena, text, (size_t)2 * piece->bytes);
	return *ret_text != NULL;
}

static const struct hst_proc_texts *copy_texts(
	struct hst_arena *arena, const struct hst_journal_entry *entry)
{
	const struct hst_journal_extent *pieces = entry->texts;
	struct hst_proc_texts *texts;
	bool some = false;

	for (uint32_t kind = 0; kind < HST_JOURNAL_TEXTS; kind++) {
		some |= pieces[kind].data != NULL;
	}
	if (!some) {
		return &no_texts;
	}
	texts = hst_arena_alloc(arena, sizeof *texts);
	if (texts == NULL || !copy_text(arena, &pieces[HST_TEXT_EXE], &texts->exe) ||
		!copy_text(arena, &pieces[HST_TEXT_CWD], &texts->cwd) ||
		!copy_text(arena, &pieces[HST_TEXT_FILE], &texts->file) ||
		!copy_text(arena, &pieces[HST_TEXT_PATH], &texts->path) ||
		!copy_text(arena, &pieces[HST_TEXT_COMMAND], &texts->command) ||
		!copy_text(arena, &pieces[HST_TEXT_EXECFN], &texts->execfn) ||
		!copy_text(arena, &pieces[HST_TEXT_NAME], &texts->name) ||
		!copy_build_id(arena, &pieces[HST_TEXT_BUILD_ID], &texts->build_id) ||
		!copy_argv(arena, &pieces[HST_TEXT_ARGV], &texts->argv, &texts->argc) ||
		!copy_argv(arena, &pieces[HST_TEXT_ORIGINAL], &texts->original,
			&texts->original_count)) {
		return NULL;
	}
	return texts;
}

static bool keep(struct hst_proc_pass *pass, const struct hst_journal_entry *entry)
{
	struct hst_arena *arena = &pass->result->arena;
	struct hst_proc_event event = { .at_ns = entry->fields.record.mono_ns,
		.order = pass->events.count,
		.fields = hst_arena_copy(arena, &entry->fields, sizeof entry->fields),
		.texts = copy_texts(arena, entry) };

	/* A spawn comes before all that its child does. */
	if (entry->fields.record.type == HST_JOURNAL_SPAWN &&
		entry->fields.spawn.began_ns < event.at_ns) {
		event.at_ns = entry->fields.spawn.began_ns;
	}
	return event.fields != NULL && event.texts != NULL && hst_vec_push(&pass->events, event);
}

static int compare_events(const void *left, const void *right)
{
	const struct hst_proc_event *a = left;
	const struct hst_proc_event *b = right;

	if (a->at_ns != b->at_ns) {
		return a->at_ns < b->at_ns ? -1 : 1;
	}
	return a->order < b->order ? -1 : a->order > b->order;
}

static enum hst_status read_all(
	struct hst_proc_pass *pass, struct hst_journal *journal, struct hst_diag *diag)
{
	struct hst_journal_entry entry;
	enum hst_status status;

	while ((status = hst_journal_next(journal, &entry, diag)) == HST_OK) {
		if (pass->events.count >= EVENTS_MAX || pass->result->arena.bytes > ARENA_MAX) {
			return hst_diag_set(diag, HST_E_LIMIT,
				"'%s' has more than %u records, or more text, than hasten can hold: "
				"record a shorter time",
				journal->name, EVENTS_MAX);
		}
		if (!keep(pass, &entry)) {
			return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
		}
	}
	return status == HST_E_EMPTY ? HST_OK : status;
}

/* The journal is there, but nothing in it was of use. */
static enum hst_status nothing(const struct hst_journal *journal, struct hst_diag *diag)
{
	if (journal->newer != 0) {
		return hst_diag_set(diag, HST_E_VERSION,
			"'%s' was written by a newer hasten: update hasten", journal->name);
	}
	if (journal->file_bytes != 0 && !journal->cut) {
		return hst_diag_set(diag, HST_E_NOT_OURS,
			"'%s' is no journal of hasten, or damaged from end to end: record again",
			journal->name);
	}
	return hst_diag_set(diag, HST_E_EMPTY,
		"'%s' is empty: the disk was full, or no process could write; record again with "
		"'hasten run'",
		journal->name);
}

static void take_counts(struct hst_processes *result, const struct hst_journal *journal)
{
	result->records = journal->records;
	result->damaged = journal->damaged;
	result->damaged_bytes = journal->damaged_bytes;
	result->unknown_records = journal->unknown + journal->newer;
	result->cut = journal->cut;
}

enum hst_status hst_proc_load(struct hst_proc_pass *pass, const char *dir, struct hst_diag *diag)
{
	struct hst_journal journal = { 0 };
	enum hst_status status;
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, HST_JOURNAL_NAME) >= (int)sizeof path) {
		return hst_diag_set(diag, HST_E_NOT_FOUND, "the path '%.60s...' is too long", dir);
	}
	status = hst_journal_open(path, &journal, diag);
	if (status == HST_E_NOT_FOUND) {
		return hst_diag_set(diag, HST_E_EMPTY,
			"'%s' has no journal of processes: it was recorded by an older hasten, or "
			"without processes; record again with 'hasten run'",
			dir);
	}
	HST_TRY(status);
	status = read_all(pass, &journal, diag);
	if (status == HST_OK && journal.records == 0) {
		status = nothing(&journal, diag);
	}
	take_counts(pass->result, &journal);
	hst_journal_close(&journal);
	if (status == HST_OK) {
		qsort(pass->events.items, pass->events.count, sizeof *pass->events.items,
			compare_events);
	}
	return status;
}
