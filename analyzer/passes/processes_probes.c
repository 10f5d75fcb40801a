/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches: a program without a slash in its name is tried in each directory of PATH until one has it. libc
 * does that within one call, so the attempts follow from PATH and from what ran in the end; what a program
 * tries by itself has records.
 */
#include "passes/processes_pass.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROBES_MAX 1024u
#define DEPTH_MAX  256u /* attempts of one search, one after the other */

typedef HST_VEC(const char *) list;

/* Adds DIR/FILE of the next directory; *ret_path is owned by the arena. NULL: out of memory. */
static const char *join(struct hst_arena *arena, const char *path, size_t bytes, const char *file)
{
	size_t file_bytes = strlen(file);
	char *text = hst_arena_alloc(arena, bytes + file_bytes + 3);

	if (text == NULL) {
		return NULL;
	}
	if (bytes == 0) {
		text[bytes++] = '.'; /* an empty entry is the working directory */
	} else {
		memcpy(text, path, bytes);
	}
	text[bytes] = '/';
	memcpy(text + bytes + 1, file, file_bytes + 1);
	return text;
}

/* Paths of a search up to `found` (NULL: all of them); *ret_hit: it was met. false: out of memory. */
static bool search(struct hst_arena *arena, const struct hst_proc_texts *texts, const char *found,
	list *probes, bool *ret_hit)
{
	const char *path = texts->path;

	*ret_hit = false;
	while (path != NULL && probes->count < PROBES_MAX) {
		size_t bytes = strcspn(path, ":");
		const char *probe = join(arena, path, bytes, texts->file);

		if (probe == NULL) {
			return false;
		}
		if (found != NULL && strcmp(probe, found) == 0) {
			*ret_hit = true;
			return true;
		}
		if (!hst_vec_push(probes, probe)) {
			return false;
		}
		path = path[bytes] == ':' ? path + bytes + 1 : NULL;
	}
	return true;
}

static bool is_searched(const struct hst_proc_texts *texts)
{
	return texts->path != NULL && texts->file != NULL && *texts->file != '\0' &&
	       strchr(texts->file, '/') == NULL;
}

static uint32_t directories(const struct hst_proc_texts *texts)
{
	uint32_t count = 1;

	if (!is_searched(texts)) {
		return 0;
	}
	for (const char *at = texts->path; (at = strchr(at, ':')) != NULL; at++) {
		count++;
	}
	return count;
}

/* What the program itself had tried before, each with its own call. */
static bool add_attempts(
	struct hst_proc_pass *pass, const struct hst_proc_draft *draft, list *probes)
{
	uint32_t chain[DEPTH_MAX];
	uint32_t depth = 0;
	uint32_t at = draft->attempt;
	bool hit;

	for (uint32_t i = 0; i < draft->attempt_count && at != HST_NO_ITEM; i++) {
		pass->attempts.items[at].recovered = !draft->never_ran;
		if (depth < DEPTH_MAX) {
			chain[depth++] = at;
		}
		at = pass->attempts.items[at].earlier;
	}
	while (depth-- > 0) {
		const struct hst_proc_event *event = pass->attempts.items[chain[depth]].event;

		if (event == NULL || event->texts->file == NULL) {
			continue;
		}
		if (is_searched(event->texts)) {
			if (!search(&pass->result->arena, event->texts, NULL, probes, &hit)) {
				return false;
			}
		} else if (probes->count < PROBES_MAX &&
			   !hst_vec_push(probes, event->texts->file)) {
			return false;
		}
	}
	return true;
}

/* A child of fork that found nothing to run: all that it tried. */
static bool add_vain(struct hst_proc_pass *pass, const struct hst_proc_draft *draft, list *probes)
{
	const struct hst_proc_life *life = &pass->lives.items[draft->life];
	const struct hst_proc_draft vain = {
		.attempt = life->last_failure, .attempt_count = life->failures, .never_ran = true
	};

	return draft->image.next != HST_PROCESS_NONE ||
	       draft->image.began != HST_PROCESS_BEGAN_FORK || add_attempts(pass, &vain, probes);
}

/* What libc tried before it found the program that then ran. */
static bool add_search(struct hst_proc_pass *pass, const struct hst_proc_draft *draft, list *probes)
{
	const struct hst_proc_texts *start = draft->start == NULL ? NULL : draft->start->texts;
	size_t before = probes->count;
	const char *found;
	bool hit;

	if (draft->intent == NULL || start == NULL || !is_searched(draft->intent->texts)) {
		return true;
	}
	found = start->execfn != NULL && *start->execfn != '\0' ? start->execfn : start->exe;
	if (found == NULL) {
		return true;
	}
	if (!search(&pass->result->arena, draft->intent->texts, found, probes, &hit)) {
		return false;
	}
	/* It came from elsewhere: nothing is known of the search. */
	probes->count = hit ? probes->count : before;
	return true;
}

static enum hst_status add_probes(struct hst_proc_pass *pass, size_t at)
{
	const struct hst_proc_draft *draft = &pass->drafts.items[at];
	struct hst_process_image *image = &pass->result->images[pass->ranks.items[at]];
	list probes = { 0 };
	enum hst_status status = HST_E_MEMORY;
	const char **copy;

	if (add_attempts(pass, draft, &probes) && add_search(pass, draft, &probes) &&
		add_vain(pass, draft, &probes)) {
		status = HST_OK;
	}
	if (status == HST_OK && probes.count != 0) {
		copy = hst_arena_array(&pass->result->arena, probes.count + 1, sizeof *copy);
		if (copy == NULL) {
			status = HST_E_MEMORY;
		} else {
			memcpy(copy, probes.items, probes.count * sizeof *copy);
			image->probes = copy;
			image->probe_count = (uint32_t)probes.count;
		}
	}
	hst_vec_finish(&probes);
	return status;
}

static void add_failure(struct hst_proc_pass *pass, const struct hst_proc_attempt *attempt)
{
	struct hst_processes *result = pass->result;
	struct hst_process_exec_failure *row = &result->exec_failures[result->exec_failure_count++];
	const struct hst_proc_event *event = attempt->event;
	const struct hst_proc_event *told = attempt->failed != NULL ? attempt->failed : event;

	*row = (struct hst_process_exec_failure){ .image = HST_PROCESS_NONE,
		.at_ns = hst_proc_since(pass, told->fields->record.mono_ns),
		.file = "",
		.recovered = attempt->recovered };
	if (attempt->draft != HST_NO_ITEM) {
		row->image = pass->ranks.items[attempt->draft];
	}
	if (attempt->failed != NULL) {
		row->call = hst_journal_call_text(attempt->failed->fields->exec_failed.call);
		row->error = attempt->failed->fields->exec_failed.error;
	} else {
		row->call = hst_journal_call_text(event->fields->spawn.call);
		row->error = event->fields->spawn.error;
		row->fork = event->fields->spawn.call == HST_CALL_FORK;
	}
	if (event != NULL && event->texts->file != NULL) {
		row->file = event->texts->file;
		row->probe_count = directories(event->texts);
	}
}

enum hst_status hst_proc_probes(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;

	for (size_t i = 0; i < pass->drafts.count; i++) {
		HST_TRY(add_probes(pass, i));
	}
	result->exec_failures = hst_arena_array(
		&result->arena, pass->attempts.count, sizeof *result->exec_failures);
	if (result->exec_failures == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->attempts.count; i++) {
		add_failure(pass, &pass->attempts.items[i]);
	}
	return HST_OK;
}
