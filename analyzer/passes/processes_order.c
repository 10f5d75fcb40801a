/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts to images: by start, with the indices of the result, times since the begin, and texts. */
#include "passes/processes_pass.h"

#include <stdlib.h>
#include <string.h>

/* More execs of a process before a late record tells of its child do not happen. */
#define BACK_MAX 4096u

static const char *const no_arguments[] = { NULL };

static const char *text_or(const char *text, const char *other)
{
	return text != NULL && *text != '\0' ? text : other;
}

static int compare_drafts(const void *left, const void *right, void *user)
{
	const struct hst_proc_draft *drafts = user;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (drafts[a].start_mono != drafts[b].start_mono) {
		return drafts[a].start_mono < drafts[b].start_mono ? -1 : 1;
	}
	return a < b ? -1 : a > b;
}

/* The launcher's exec is in no record of its own, but comes right behind its record of the beginning: loading belongs to the image. */
static void begin_root(struct hst_proc_pass *pass)
{
	const struct hst_proc_life *root =
		pass->root_life == HST_NO_ITEM ? NULL : &pass->lives.items[pass->root_life];
	struct hst_proc_draft *first;

	if (root == NULL || pass->began == NULL || root->first == HST_PROCESS_NONE) {
		return;
	}
	first = &pass->drafts.items[root->first];
	if (first->intent == NULL && first->start_mono > pass->began->at_ns) {
		first->start_mono = pass->began->at_ns;
	}
}

/* Images of a process do not overlap, whatever their records say. */
static void straighten(struct hst_proc_pass *pass)
{
	begin_root(pass);
	for (size_t i = 0; i < pass->drafts.count; i++) {
		struct hst_proc_draft *draft = &pass->drafts.items[i];
		uint32_t previous = draft->image.previous;

		if (previous != HST_PROCESS_NONE) {
			uint64_t before = pass->drafts.items[previous].start_mono;

			draft->start_mono = draft->start_mono < before ? before : draft->start_mono;
			pass->drafts.items[previous].end_mono = draft->start_mono;
		}
		draft->end_mono =
			draft->end_mono < draft->start_mono ? draft->start_mono : draft->end_mono;
	}
}

/* ranks: draft → image. `order` gets the drafts by start. */
static enum hst_status rank(struct hst_proc_pass *pass, uint32_t *order)
{
	size_t count = pass->drafts.count;

	if (!hst_vec_reserve(&pass->ranks, count)) {
		return HST_E_MEMORY;
	}
	for (uint32_t i = 0; i < count; i++) {
		order[i] = i;
	}
	qsort_r(order, count, sizeof *order, compare_drafts, pass->drafts.items);
	for (uint32_t i = 0; i < count; i++) {
		pass->ranks.items[order[i]] = i;
	}
	pass->ranks.count = count;
	return HST_OK;
}

static uint32_t ranked(const struct hst_proc_pass *pass, uint32_t draft)
{
	return draft == HST_NO_ITEM ? HST_PROCESS_NONE : pass->ranks.items[draft];
}

/* The image that started a life: the latest of its process that began before. */
static uint32_t parent_of(const struct hst_proc_pass *pass, const struct hst_proc_life *life)
{
	uint32_t at = life->parent_draft;

	for (unsigned i = 0; at != HST_NO_ITEM && i < BACK_MAX; i++) {
		if (pass->ranks.items[at] < pass->ranks.items[life->first]) {
			return pass->ranks.items[at];
		}
		at = pass->drafts.items[at].image.previous;
	}
	return HST_PROCESS_NONE;
}

static void set_limits(struct hst_process_image *image, const struct hst_journal_start *start)
{
	image->limits = (struct hst_process_limits){ start->limits.cpu_seconds,
		start->limits.address_bytes, start->limits.data_bytes, start->limits.file_bytes,
		start->limits.stack_bytes, start->limits.processes };
	image->uid = start->uid;
	image->gid = start->gid;
}

/* The record whose words describe an image without a START. */
static const struct hst_proc_event *words_of(
	const struct hst_proc_pass *pass, const struct hst_proc_draft *draft)
{
	if (draft->never_ran && draft->attempt != HST_NO_ITEM) {
		return pass->attempts.items[draft->attempt].event;
	}
	return draft->intent;
}

static uint32_t event_flags(const struct hst_proc_event *event)
{
	return event == NULL                                     ? 0
	       : event->fields->record.type == HST_JOURNAL_EXEC  ? event->fields->exec.flags
	       : event->fields->record.type == HST_JOURNAL_SPAWN ? event->fields->spawn.flags
	       : event->fields->record.type == HST_JOURNAL_START ? event->fields->start.flags
								 : 0;
}

static const struct {
	uint32_t journal, image;
} flag_pairs[] = { { HST_JOURNAL_REPAIRED, HST_PROCESS_REPAIRED },
	{ HST_JOURNAL_HOOKS, HST_PROCESS_HOOKS }, { HST_JOURNAL_CUT, HST_PROCESS_CUT } };

static void set_words(struct hst_process_image *image, const struct hst_proc_draft *draft,
	const struct hst_proc_event *words)
{
	static const struct hst_proc_texts nothing;
	const struct hst_proc_texts *start = draft->start != NULL ? draft->start->texts : &nothing;
	const struct hst_proc_texts *intent = words != NULL ? words->texts : &nothing;
	uint32_t flags = event_flags(draft->start) | event_flags(words);

	image->file = text_or(intent->file, text_or(start->execfn, ""));
	image->exe = text_or(start->exe, image->file);
	image->cwd = text_or(start->cwd, text_or(intent->cwd, ""));
	image->build_id = text_or(start->build_id, "");
	image->argv = start->argv != NULL ? start->argv : intent->argv;
	image->argc = start->argv != NULL ? start->argc : intent->argc;
	if (image->argv == NULL) {
		image->argv = no_arguments;
	}
	if (intent->original != NULL && (event_flags(words) & HST_JOURNAL_ADDED) != 0) {
		image->flags |= HST_PROCESS_FLAGS_ADDED;
		image->original = intent->original;
		image->original_count = intent->original_count;
	}
	for (size_t i = 0; i < sizeof flag_pairs / sizeof flag_pairs[0]; i++) {
		image->flags |= (flags & flag_pairs[i].journal) != 0 ? flag_pairs[i].image : 0;
	}
}

/* An image of fork is its parent's; where nothing is said of a working directory it is that before. */
static void inherit(struct hst_proc_pass *pass, struct hst_process_image *image,
	const struct hst_proc_draft *draft)
{
	const struct hst_process_image *images = pass->result->images;
	uint32_t origin = ranked(pass, draft->origin);
	uint32_t before = image->previous != HST_PROCESS_NONE ? image->previous : image->parent;

	if (origin != HST_PROCESS_NONE && &images[origin] < image) {
		const struct hst_process_image *from = &images[origin];

		image->exe = from->exe;
		image->cwd = from->cwd;
		image->file = from->file;
		image->build_id = from->build_id;
		image->argv = from->argv;
		image->argc = from->argc;
		image->limits = from->limits;
		image->uid = from->uid;
		image->gid = from->gid;
		image->blind = from->blind;
		image->flags |= from->flags & HST_PROCESS_HOOKS;
	} else if (*image->cwd == '\0' && before != HST_PROCESS_NONE) {
		image->cwd = images[before].cwd;
	}
}

static void fill(struct hst_proc_pass *pass, uint32_t at, uint32_t from)
{
	const struct hst_proc_draft *draft = &pass->drafts.items[from];
	const struct hst_proc_life *life = &pass->lives.items[draft->life];
	struct hst_process_image *image = &pass->result->images[at];

	*image = draft->image;
	image->previous = ranked(pass, draft->image.previous);
	image->next = ranked(pass, draft->image.next);
	image->parent = parent_of(pass, life);
	image->waited_by = ranked(pass, life->waiter);
	image->first_child = HST_PROCESS_NONE;
	image->next_sibling = HST_PROCESS_NONE;
	image->culprit = HST_PROCESS_NONE;
	image->unit = at;
	image->limits = (struct hst_process_limits){ HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN,
		HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN, HST_PROCESS_UNKNOWN,
		HST_PROCESS_UNKNOWN };
	image->uid = image->gid = UINT32_MAX;
	if (draft->start != NULL) {
		set_limits(image, &draft->start->fields->start);
	}
	set_words(image, draft, words_of(pass, draft));
	inherit(pass, image, draft);
	image->command = image->tool = image->language = image->verdict = image->evidence = "";
	image->start_ns = hst_proc_since(pass, draft->start_mono);
	image->end_ns = hst_proc_since(pass, draft->end_mono);
	image->loaded_ns = draft->start != NULL ? hst_proc_since(pass, draft->start->at_ns)
						: HST_PROCESS_UNKNOWN;
	if (image->began == HST_PROCESS_BEGAN_UNKNOWN && draft->start == NULL) {
		image->flags |= HST_PROCESS_START_UNKNOWN;
		image->wall_ns = HST_PROCESS_UNKNOWN;
	} else {
		image->wall_ns = image->end_ns - image->start_ns;
	}
	if (image->parent == HST_PROCESS_NONE && draft->life != pass->root_life) {
		image->flags |= HST_PROCESS_PARENT_LOST;
	}
	if (life->end != NULL && (life->end->fields->end.flags & HST_JOURNAL_SANDBOXED) != 0) {
		image->flags |= HST_PROCESS_SANDBOXED;
	}
	if (life->end_ns > pass->root_end_mono ||
		(life->end_ns == 0 && life->last_ns > pass->root_end_mono)) {
		image->flags |= HST_PROCESS_OUTLIVED;
	}
}

/* Children by their begin; what a tree used is the sum of what is known. */
static void link_images(struct hst_processes *result)
{
	for (uint32_t i = (uint32_t)result->image_count; i-- > 0;) {
		struct hst_process_image *image = &result->images[i];

		image->tree_cpu_ns += image->cpu_ns == HST_PROCESS_UNKNOWN ? 0 : image->cpu_ns;
		image->tree_images++;
		if (image->previous == HST_PROCESS_NONE && image->parent != HST_PROCESS_NONE) {
			struct hst_process_image *parent = &result->images[image->parent];

			image->next_sibling = parent->first_child;
			parent->first_child = i;
		}
		if (image->previous != HST_PROCESS_NONE || image->parent != HST_PROCESS_NONE) {
			struct hst_process_image *above =
				&result->images[image->previous != HST_PROCESS_NONE
							? image->previous
							: image->parent];

			above->tree_cpu_ns += image->tree_cpu_ns;
			above->tree_images += image->tree_images;
		}
	}
}

/* Indices that other rows hold. */
static void rank_rows(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;

	for (size_t i = 0; i < result->shell_count; i++) {
		result->shells[i].image = ranked(pass, result->shells[i].image);
		result->shells[i].child = ranked(pass, result->shells[i].child);
	}
	for (size_t i = 0; i < pass->no_memories.count; i++) {
		struct hst_process_no_memory *row = &pass->no_memories.items[i];

		row->image = ranked(pass, row->image);
		row->at_ns = hst_proc_since(pass, row->at_ns);
	}
	result->root = pass->root_life == HST_NO_ITEM
			       ? HST_PROCESS_NONE
			       : ranked(pass, pass->lives.items[pass->root_life].first);
}

enum hst_status hst_proc_order(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	size_t count = pass->drafts.count;
	uint32_t *order = malloc((count + 1) * sizeof *order);
	enum hst_status status;

	result->images = hst_arena_array(&result->arena, count + 1, sizeof *result->images);
	if (order == NULL || result->images == NULL) {
		free(order);
		return HST_E_MEMORY;
	}
	straighten(pass);
	status = rank(pass, order);
	for (uint32_t i = 0; i < count && status == HST_OK; i++) {
		fill(pass, i, order[i]);
	}
	free(order);
	HST_TRY(status);
	result->image_count = count;
	result->processes = pass->lives.count;
	link_images(result);
	rank_rows(pass);
	result->no_memories = hst_arena_copy(&result->arena, pass->no_memories.items,
		pass->no_memories.count * sizeof *result->no_memories);
	result->no_memory_count = pass->no_memories.count;
	return result->no_memories == NULL ? HST_E_MEMORY : HST_OK;
}
