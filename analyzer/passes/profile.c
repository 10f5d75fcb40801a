/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file after the other, one stream after the other: open, replay, join the calling-context
 * trees, close what is open, add up. Only sums stay.
 */
#include "passes/pass.h"

#include "passes/cache_gather.h"
#include "passes/cost.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS   4096u
#define RATE_MAX 1e6

static void release_rows(void *owner)
{
	hst_rows_finish(owner);
	free(owner);
}

static enum hst_status begin(struct hst_pass *pass)
{
	const struct hst_profile_options *options = pass->options;

	pass->rows = calloc(1, sizeof *pass->rows);
	pass->events = malloc(EVENTS * sizeof *pass->events);
	pass->chunk = malloc(HST_CHUNK_BYTES_MAX);
	if (pass->rows == NULL || pass->events == NULL || pass->chunk == NULL) {
		return HST_E_MEMORY;
	}
	pass->profile->owner = pass->rows;
	pass->profile->release = release_rows;
	pass->first_ns = UINT64_MAX;
	pass->blocked.least_ns = options->blocked_ns;
	if (options->timeline != NULL) {
		pass->timeline = *options->timeline;
	}
	HST_TRY(hst_rows_init(pass->rows));
	return hst_calltree_init(
		&pass->calltree, options->contexts, options->edges, options->fold_recursion);
}

static void finish(struct hst_pass *pass)
{
	hst_calltree_finish(&pass->calltree);
	hst_vec_finish(&pass->tallies);
	hst_vec_finish(&pass->sums);
	hst_vec_finish(&pass->sites);
	hst_vec_finish(&pass->threads);
	hst_vec_finish(&pass->thread_functions);
	hst_vec_finish(&pass->pending);
	hst_vec_finish(&pass->blocked.items);
	hst_map_finish(&pass->codes.known);
	free(pass->throttle.rows);
	free(pass->events);
	free(pass->chunk);
}

/* The earliest start of all files, so that times of all processes count from the same moment; the bytes for progress. */
static uint64_t find_origin(const struct hst_session *session, uint64_t *ret_bytes)
{
	uint64_t origin = UINT64_MAX;

	for (size_t i = 0; i < session->file_count; i++) {
		struct hst_clock_pair start;
		struct stat st;
		int fd = open(
			session->files[i].path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0) {
			continue;
		}
		if (pread(fd, &start, sizeof start, offsetof(struct hst_file_header, start)) ==
				(ssize_t)sizeof start &&
			start.mono_ns < origin) {
			origin = start.mono_ns;
		}
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret_bytes += (uint64_t)st.st_size;
		}
		close(fd);
	}
	return origin == UINT64_MAX ? 0 : origin;
}

static void set_clock(struct hst_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	struct hst_clock_rate rate = hst_trace_file_rate(&pass->file, pass->session->tsc_hz);
	struct hst_tallies *shared = &pass->shared;
	struct hst_own_cost cost = hst_own_cost(header);

	if (!(rate.ns_per_tick > 0) || rate.ns_per_tick > RATE_MAX) {
		rate = (struct hst_clock_rate){ .ns_per_tick = 1, .estimated = true };
	}
	*shared = (struct hst_tallies){
		.arena = &pass->profile->arena,
		.calltree =
			pass->options->contexts || pass->options->edges ? &pass->calltree : NULL,
		.timeline = pass->options->timeline != NULL ? &pass->timeline : NULL,
		.blocked = pass->options->blocked ? &pass->blocked : NULL,
		.gather = pass->options->gather,
		.codes = &pass->codes,
		.inside_256 = cost.inside_256,
		.outside_256 = cost.outside_256,
		.miss_256 = cost.miss_256,
		.empty_256 = cost.empty_256,
		.key_costs = { cost.key[0], cost.key[1] },
		.cost_low = cost.low,
		.cost_high = cost.high,
		.memory_256 = header->cost_memory_256 < HST_COST_MAX ? header->cost_memory_256 : 0,
		.ns_per_tick = rate.ns_per_tick,
		.ns_32 = (uint64_t)(rate.ns_per_tick * 4294967296.0),
		.base_ticks = header->start.ticks,
		.base_ns = (double)(int64_t)(header->start.mono_ns - pass->origin_ns),
	};
	pass->profile->clock_estimated |= rate.estimated;
	if (pass->profile->cost_inside_ns + pass->profile->cost_outside_ns <= 0) {
		pass->profile->cost_inside_ns = (double)shared->inside_256 / 256 * rate.ns_per_tick;
		pass->profile->cost_outside_ns =
			(double)shared->outside_256 / 256 * rate.ns_per_tick;
		pass->profile->cost_miss_ns = (double)shared->miss_256 / 256 * rate.ns_per_tick;
		pass->profile->cost_empty_ns = (double)cost.empty_256 / 256 * rate.ns_per_tick;
		pass->profile->cost_low = cost.low;
		pass->profile->cost_high = cost.high;
	}
}

enum hst_status hst_pass_sites(struct hst_pass *pass)
{
	uint32_t count = pass->interned.count;
	size_t rows;

	while (pass->sites.count < count) {
		struct hst_site_row where = { 0 };
		bool inlined = false;

		HST_TRY(hst_rows_site(pass->rows, &pass->file,
			&pass->interned.items[pass->sites.count], &where.row, &inlined));
		where.inlined = inlined;
		where.watched =
			hst_pass_throttle_watch(pass, &pass->interned.items[pass->sites.count]);
		if (!hst_vec_push(&pass->sites, where)) {
			return HST_E_MEMORY;
		}
	}
	rows = pass->rows->items.count;
	if (pass->tallies.count < rows) {
		size_t fresh = rows - pass->tallies.count;

		if (!hst_vec_reserve(&pass->tallies, fresh)) {
			return HST_E_MEMORY;
		}
		memset(pass->tallies.items + pass->tallies.count, 0,
			fresh * sizeof *pass->tallies.items);
		pass->tallies.count = rows;
	}
	pass->shared.items = pass->tallies.items;
	pass->shared.sites = pass->sites.items;
	pass->shared.rows = pass->rows->items.items;
	return HST_OK;
}

uint64_t hst_pass_end(const struct hst_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;

	return header->end.ticks > pass->last && header->end_kind != HST_END_NONE
		       ? header->end.ticks
		       : pass->last;
}

static enum hst_status close_pending(struct hst_pass *pass)
{
	uint64_t end = hst_pass_end(pass);
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < pass->pending.count; i++) {
		struct hst_pending *pending = &pass->pending.items[i];
		struct hst_thread_row *thread = &pass->threads.items[pending->thread];

		/* Rows may have come since, and the tallies have moved; the shared part knows. */
		hst_replay_close(&pending->replay, end, HST_CLOSE_OPEN);
		thread->self_ns = hst_pass_self(pass, &pending->replay);
		thread->end_ns = hst_tallies_ns(&pass->shared, hst_replay_ticks(&pending->replay));
		hst_replay_finish(&pending->replay);
		if (status == HST_OK && pass->options->thread_functions) {
			status = hst_pass_flush_thread(pass, pending->thread);
		}
	}
	pass->pending.count = 0;
	return status;
}

static enum hst_status read_streams(struct hst_pass *pass)
{
	uint32_t tid = pass->options->tid;

	HST_TRY(hst_pass_sites(pass));
	for (size_t i = 0; i < pass->file.stream_count; i++) {
		const struct hst_stream_ref *stream = &pass->file.streams[i];

		if ((tid != 0 && stream->tid != tid) || stream->chunk_count == 0) {
			continue;
		}
		HST_TRY(hst_pass_stream(pass, stream));
	}
	pass->file_threads_end = pass->threads.count;
	for (size_t i = 0; i < pass->file.profile_count; i++) {
		HST_TRY(hst_pass_tree(pass, pass->file.profiles[i]));
	}
	return HST_OK;
}

static enum hst_status open_modules(struct hst_pass *pass)
{
	for (size_t i = 0; pass->options->modules && i < pass->file.module_count; i++) {
		HST_TRY(hst_rows_module(pass->rows, &pass->file.modules[i]));
	}
	return HST_OK;
}

size_t hst_profile_images(
	const struct hst_profile *profile, const struct hst_module_image **ret_images)
{
	const struct hst_rows *rows = profile->owner;

	*ret_images = rows->images.items;
	return rows->images.count;
}

static enum hst_status read_file(struct hst_pass *pass, size_t number)
{
	enum hst_status status;
	enum hst_status closed;

	pass->last = pass->file.header.start.ticks;
	pass->profile->memory |= pass->file.header.memory == HST_MEMORY_ON;
	pass->sites.count = 0;
	pass->file_threads = pass->threads.count;
	hst_rows_begin_file(pass->rows, number);
	set_clock(pass);
	HST_TRY(hst_sites_init(&pass->interned));
	status = open_modules(pass);
	if (status == HST_OK) {
		status = hst_pass_throttle_begin(pass);
	}
	if (status == HST_OK) {
		status = read_streams(pass);
	}
	closed = close_pending(pass);
	status = status == HST_OK ? closed : status;
	if (status == HST_OK) {
		status = hst_pass_throttle_sum(pass, hst_pass_end(pass));
	}
	if (status == HST_OK) {
		status = hst_pass_memo_file(pass);
	}
	if (status == HST_OK) {
		status = hst_pass_flush(pass);
	}
	pass->profile->unknown_end_ns +=
		(uint64_t)((double)pass->shared.unknown_end * pass->shared.ns_per_tick);
	hst_pass_note_file(pass);
	hst_pass_throttle_end(pass);
	hst_sites_finish(&pass->interned);
	if (pass->options->gather != NULL && (pass->options->gather->out_of_memory ||
						     pass->options->gather->values.out_of_memory)) {
		return HST_E_MEMORY;
	}
	return status == HST_OK && pass->shared.out_of_memory ? HST_E_MEMORY : status;
}

static enum hst_status read_files(struct hst_pass *pass)
{
	const struct hst_session *session = pass->session;
	struct hst_diag diag = { "" };

	for (size_t i = 0; i < session->file_count; i++) {
		enum hst_status status;

		if (pass->options->pid != 0 && session->files[i].pid != pass->options->pid) {
			continue;
		}
		status = hst_trace_file_open(session->files[i].path, &pass->file, &diag);
		if (status == HST_E_MEMORY) {
			return status;
		}
		if (status != HST_OK) {
			hst_profile_note(pass->profile, true, "%s", diag.text);
			pass->profile->complete = false;
			continue;
		}
		status = read_file(pass, i);
		hst_trace_file_close(&pass->file);
		HST_TRY(status);
		pass->profile->processes++;
	}
	if (pass->profile->processes == 0 && diag.text[0] == '\0') {
		return hst_diag_set(
			pass->diag, HST_E_EMPTY, "process %u was not recorded", pass->options->pid);
	}
	if (pass->profile->processes == 0) {
		return hst_diag_set(pass->diag, HST_E_EMPTY, "%s", diag.text);
	}
	if (pass->options->tid != 0 && pass->threads.count == 0) {
		return hst_diag_set(
			pass->diag, HST_E_EMPTY, "thread %u was not recorded", pass->options->tid);
	}
	return HST_OK;
}

/* Names and places come from the rows, figures from the sums. */
static enum hst_status take_rows(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;
	size_t count = pass->rows->items.count;

	profile->functions = calloc(count, sizeof *profile->functions);
	if (profile->functions == NULL) {
		return HST_E_MEMORY;
	}
	profile->function_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct hst_function_row *name = &pass->rows->items.items[i];
		struct hst_function_row *row = &profile->functions[i];

		if (i < pass->sums.count) {
			*row = pass->sums.items[i];
		}
		row->name = name->name;
		row->full = name->full;
		row->linkage = name->linkage;
		row->module = name->module;
		row->file = name->file;
		row->line = name->line;
		row->flags |= name->flags | (row->inlined_calls > 0 ? HST_ROW_INLINED : 0u);
		profile->calls += row->calls;
	}
	return HST_OK;
}

static enum hst_status take(struct hst_pass *pass)
{
	struct hst_profile *profile = pass->profile;

	HST_TRY(take_rows(pass));
	hst_pass_throttle_take(pass);
	hst_pass_memo_take(pass);
	HST_TRY(hst_calltree_take(&pass->calltree, profile));
	hst_pass_merge_threads(pass);
	profile->threads = pass->threads.items;
	profile->thread_count = pass->threads.count;
	profile->thread_functions = pass->thread_functions.items;
	profile->thread_function_count = pass->thread_functions.count;
	hst_blocked_sort(&pass->blocked, HST_BLOCKED_MAX);
	profile->blocked = pass->blocked.items.items;
	profile->blocked_count = pass->blocked.items.count;
	profile->blocked_dropped = pass->blocked.dropped;
	pass->blocked.items.items = NULL;
	pass->threads.items = NULL;
	pass->thread_functions.items = NULL;
	profile->wall_ns = pass->last_ns > pass->first_ns ? pass->last_ns - pass->first_ns : 0;
	profile->compensated_ns = pass->compensated > 0 ? (uint64_t)pass->compensated : 0;
	return pass->calltree.out_of_memory ? HST_E_MEMORY : HST_OK;
}

enum hst_status hst_profile_read(const struct hst_session *session,
	const struct hst_profile_options *options, struct hst_profile *ret_profile,
	struct hst_diag *diag)
{
	struct hst_profile profile = { .complete = true };
	struct hst_pass pass = {
		.session = session, .options = options, .profile = &profile, .diag = diag
	};
	enum hst_status status = begin(&pass);

	pass.origin_ns = find_origin(session, &pass.total);

	if (status == HST_OK) {
		status = read_files(&pass);
	}
	if (status == HST_OK) {
		status = take(&pass);
	}
	if (status == HST_OK) {
		hst_pass_note_all(&pass);
	} else if (status == HST_E_MEMORY) {
		(void)hst_diag_set(diag, status, "out of memory while reading %s", session->dir);
	}
	finish(&pass);
	if (status != HST_OK) {
		hst_profile_finish(&profile);
		return status;
	}
	*ret_profile = profile;
	return HST_OK;
}
