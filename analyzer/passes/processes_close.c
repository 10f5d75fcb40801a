/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal leaves open: an exec without a START has succeeded with a program that cannot carry
 * us, processes end, calls of system and popen find their shells, the first process is found.
 */
#include "passes/processes_pass.h"

#include <stdlib.h>
#include <string.h>

/* Children of other threads that may come in between while system() runs. */
#define SHELL_CANDIDATES 64u
/* Processes that had a pid while the pipe to the first one was open. */
#define EARLIER_MAX 4096u

static void set_bounds(struct hst_proc_pass *pass)
{
	const struct hst_proc_event *events = pass->events.items;
	size_t count = pass->events.count;

	pass->begin_mono = pass->began != NULL ? pass->began->at_ns : events[0].at_ns;
	pass->end_mono = events[0].at_ns;
	for (size_t i = 0; i < count; i++) {
		uint64_t at_ns = events[i].fields->record.mono_ns;

		pass->end_mono = at_ns > pass->end_mono ? at_ns : pass->end_mono;
	}
	if (pass->finished != NULL) {
		pass->end_mono = pass->finished->at_ns;
	}
	if (pass->end_mono < pass->begin_mono) {
		pass->end_mono = pass->begin_mono;
	}
}

/* When a process ended; 0: nothing says that it did. */
static uint64_t end_of(const struct hst_proc_life *life)
{
	const struct hst_proc_event *of = life->wait != NULL ? life->wait : life->launcher_wait;

	if (life->end != NULL) {
		return life->end->at_ns;
	}
	of = of != NULL ? of : life->shell;
	return of != NULL ? of->at_ns : 0;
}

/* Every life has an image, every image an end. */
static bool close_life(struct hst_proc_pass *pass, uint32_t at)
{
	struct hst_proc_life *life = &pass->lives.items[at];
	struct hst_proc_draft *last;

	if ((life->pending != NULL || life->first == HST_NO_ITEM) && !hst_proc_blind(pass, at)) {
		return false;
	}
	life->end_ns = end_of(life);
	last = &pass->drafts.items[life->last];
	last->end_mono = life->end_ns != 0 ? life->end_ns : life->last_ns;
	if (last->end_mono < last->start_mono) {
		last->end_mono = last->start_mono;
	}
	last->image.flags |= HST_PROCESS_LAST;
	if (life->end_ns == 0) {
		last->image.flags |= HST_PROCESS_END_UNKNOWN;
	}
	return true;
}

/* The first process: whom the launcher started, or whoever came first. */
static void find_root(struct hst_proc_pass *pass)
{
	uint32_t root = HST_NO_ITEM;
	uint32_t pid = pass->began != NULL ? pass->began->fields->record.pid : 0;

	for (uint32_t i = 0; i < pass->lives.count; i++) {
		const struct hst_proc_life *life = &pass->lives.items[i];
		bool fits =
			pass->began != NULL ? life->pid == pid : life->parent_life == HST_NO_ITEM;

		if (fits && (root == HST_NO_ITEM ||
				    life->first_ns < pass->lives.items[root].first_ns)) {
			root = i;
		}
	}
	pass->root_life = root;
	pass->root_end_mono = UINT64_MAX;
	if (root != HST_NO_ITEM) {
		struct hst_proc_life *life = &pass->lives.items[root];

		life->parent_life = HST_NO_ITEM;
		life->parent_draft = HST_NO_ITEM;
		pass->drafts.items[life->first].image.began = HST_PROCESS_BEGAN_ROOT;
		pass->root_end_mono = life->end_ns != 0 ? life->end_ns : UINT64_MAX;
	}
}

struct child {
	uint64_t first_ns;
	uint32_t parent, life;
};

static int compare_children(const void *left, const void *right)
{
	const struct child *a = left;
	const struct child *b = right;

	if (a->parent != b->parent) {
		return a->parent < b->parent ? -1 : 1;
	}
	if (a->first_ns != b->first_ns) {
		return a->first_ns < b->first_ns ? -1 : 1;
	}
	return a->life < b->life ? -1 : a->life > b->life;
}

/* `sh -c command`? */
static bool runs_command(const struct hst_proc_pass *pass, uint32_t life, const char *command)
{
	const struct hst_proc_draft *draft = &pass->drafts.items[pass->lives.items[life].first];
	const struct hst_proc_texts *texts = draft->start != NULL    ? draft->start->texts
					     : draft->intent != NULL ? draft->intent->texts
								     : NULL;

	if (texts == NULL || command == NULL) {
		return texts != NULL;
	}
	return texts->argc >= 3 && strcmp(texts->argv[texts->argc - 1], command) == 0;
}

/* The shell that a call of system, or of popen when the pid is not told, started. */
static uint32_t find_shell(const struct hst_proc_pass *pass, const struct child *children,
	size_t count, const struct hst_proc_event *event, uint32_t caller)
{
	const struct hst_journal_shell *shell = &event->fields->shell;
	size_t lo = 0;
	size_t hi = count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (children[middle].parent < caller ||
			(children[middle].parent == caller &&
				children[middle].first_ns < shell->began_ns)) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	count = count - lo > SHELL_CANDIDATES ? lo + SHELL_CANDIDATES : count;
	for (; lo < count && children[lo].parent == caller && children[lo].first_ns <= event->at_ns;
		lo++) {
		const struct hst_proc_life *life = &pass->lives.items[children[lo].life];

		if (life->shell == NULL && life->wait == NULL && life->fork == NULL &&
			runs_command(pass, children[lo].life, event->texts->command)) {
			return children[lo].life;
		}
	}
	return HST_NO_ITEM;
}

static void add_shell(struct hst_proc_pass *pass, const struct child *children, size_t count,
	size_t at, struct hst_process_shell *row)
{
	const struct hst_proc_event *event = pass->shells.items[at];
	const struct hst_journal_shell *shell = &event->fields->shell;
	uint32_t caller = pass->shell_drafts.items[at];
	uint32_t child = HST_NO_ITEM;

	if (shell->child != 0) {
		child = hst_proc_life_of(pass, shell->child);
		for (unsigned i = 0; i < EARLIER_MAX && child != HST_NO_ITEM &&
				     pass->lives.items[child].first_ns > event->at_ns &&
				     pass->lives.items[child].earlier != HST_NO_ITEM;
			i++) {
			child = pass->lives.items[child].earlier;
		}
	} else if (caller != HST_NO_ITEM && shell->error == 0) {
		child = find_shell(pass, children, count, event, pass->drafts.items[caller].life);
	}
	*row = (struct hst_process_shell){ .image = caller,
		.child = HST_NO_ITEM,
		.start_ns = hst_proc_since(pass, shell->began_ns),
		.end_ns = hst_proc_since(pass, event->at_ns),
		.call = hst_journal_call_text(shell->call),
		.command = event->texts->command == NULL ? "" : event->texts->command,
		.error = shell->error,
		.exit_status = -1 };
	if (child != HST_NO_ITEM) {
		struct hst_proc_life *life = &pass->lives.items[child];
		struct hst_proc_draft *first = &pass->drafts.items[life->first];

		row->child = life->first;
		if (first->image.began == HST_PROCESS_BEGAN_UNKNOWN) {
			first->image.began = HST_PROCESS_BEGAN_SPAWN;
		}
		if (shell->call == HST_CALL_SYSTEM) {
			life->shell = event;
			life->waiter = caller;
		}
	}
}

static enum hst_status add_shells(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	size_t lives = pass->lives.count;
	struct child *children = calloc(lives + 1, sizeof *children);

	result->shells =
		hst_arena_array(&result->arena, pass->shells.count, sizeof *result->shells);
	if (children == NULL || result->shells == NULL) {
		free(children);
		return HST_E_MEMORY;
	}
	for (uint32_t i = 0; i < lives; i++) {
		children[i] = (struct child){ pass->lives.items[i].first_ns,
			pass->lives.items[i].parent_life, i };
	}
	qsort(children, lives, sizeof *children, compare_children);
	for (size_t i = 0; i < pass->shells.count; i++) {
		add_shell(pass, children, lives, i, &result->shells[i]);
	}
	result->shell_count = pass->shells.count;
	free(children);
	return HST_OK;
}

/* qsort_r of lives by first_ns, then number. */
static int compare_lives(const void *left, const void *right, void *user)
{
	const struct hst_proc_life *lives = user;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (lives[a].first_ns != lives[b].first_ns) {
		return lives[a].first_ns < lives[b].first_ns ? -1 : 1;
	}
	return a < b ? -1 : a > b;
}

/* A parent comes before its children; what says otherwise is wrong. */
static enum hst_status sort_lives(struct hst_proc_pass *pass)
{
	struct hst_proc_life *lives = pass->lives.items;

	for (uint32_t i = 0; i < pass->lives.count; i++) {
		if (!hst_vec_push(&pass->by_time, i)) {
			return HST_E_MEMORY;
		}
	}
	if (pass->lives.count != 0) {
		qsort_r(pass->by_time.items, pass->by_time.count, sizeof *pass->by_time.items,
			compare_lives, lives);
	}
	for (uint32_t i = 0; i < pass->lives.count; i++) {
		uint32_t parent = lives[i].parent_life;

		if (parent != HST_NO_ITEM && compare_lives(&parent, &i, lives) >= 0) {
			lives[i].parent_life = HST_NO_ITEM;
			lives[i].parent_draft = HST_NO_ITEM;
		}
	}
	return HST_OK;
}

enum hst_status hst_proc_close(struct hst_proc_pass *pass)
{
	set_bounds(pass);
	for (uint32_t i = 0; i < pass->lives.count; i++) {
		/* An image of an exec that came last of all must be there for shells to be found. */
		if (!close_life(pass, i)) {
			return HST_E_MEMORY;
		}
	}
	HST_TRY(add_shells(pass));
	/* system() may have told of ends. */
	for (uint32_t i = 0; i < pass->lives.count; i++) {
		struct hst_proc_life *life = &pass->lives.items[i];
		struct hst_proc_draft *last = &pass->drafts.items[life->last];

		if (life->end_ns == 0 && life->shell != NULL) {
			life->end_ns = life->shell->at_ns;
			last->end_mono =
				life->end_ns > last->start_mono ? life->end_ns : last->start_mono;
			last->image.flags &= ~(uint32_t)HST_PROCESS_END_UNKNOWN;
		}
	}
	find_root(pass);
	return sort_lives(pass);
}
