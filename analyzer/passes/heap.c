/* SPDX-License-Identifier: Apache-2.0 */
/* One process image after the other, parents first: open, merge its streams, add up, close. */
#include "passes/heap_pass.h"

#include "passes/cost.h"

#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1e6

static void release_rows(void *owner)
{
	hst_rows_finish(owner);
	free(owner);
}

static enum hst_status begin(struct hst_heap_pass *pass)
{
	pass->chunk = malloc(HST_CHUNK_BYTES_MAX);
	if (pass->chunk == NULL) {
		return HST_E_MEMORY;
	}
	pass->first_ns = UINT64_MAX;
	if (pass->options->profile != NULL) {
		pass->rows = pass->options->profile->owner;
	} else {
		pass->rows = calloc(1, sizeof *pass->rows);
		if (pass->rows == NULL) {
			return HST_E_MEMORY;
		}
		pass->heap->owner = pass->rows;
		pass->heap->release = release_rows;
		HST_TRY(hst_rows_init(pass->rows));
	}
	return hst_heap_owners_init(pass);
}

static void finish(struct hst_heap_pass *pass)
{
	for (size_t i = 0; i < pass->files.count; i++) {
		hst_vec_finish(&pass->files.items[i].inherited);
	}
	hst_vec_finish(&pass->files);
	hst_vec_finish(&pass->functions);
	hst_vec_finish(&pass->sites);
	hst_vec_finish(&pass->contexts);
	hst_vec_finish(&pass->leaves);
	hst_vec_finish(&pass->places);
	hst_map_finish(&pass->function_of);
	hst_map_finish(&pass->site_of);
	hst_map_finish(&pass->leaf_of);
	hst_map_finish(&pass->place_of);
	hst_calltree_finish(&pass->calltree);
	hst_vec_finish(&pass->activations);
	hst_vec_finish(&pass->known);
	hst_vec_finish(&pass->touched_leaves);
	hst_vec_finish(&pass->touched_functions);
	hst_vec_finish(&pass->touched_sites);
	hst_vec_finish(&pass->touched_contexts);
	hst_heap_live_finish(&pass->live);
	hst_heap_ranges_finish(&pass->ranges);
	hst_vec_finish(&pass->timeline.sized);
	hst_vec_finish(&pass->timeline.regular);
	free(pass->process.samples);
	free(pass->chunk);
}

static void set_clock(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	struct hst_clock_rate rate = hst_trace_file_rate(&pass->file, pass->session->tsc_hz);

	if (!(rate.ns_per_tick > 0) || rate.ns_per_tick > RATE_MAX) {
		rate = (struct hst_clock_rate){ .ns_per_tick = 1, .estimated = true };
	}
	pass->ns_per_tick = rate.ns_per_tick;
	pass->ns_32 = (uint64_t)(rate.ns_per_tick * 4294967296.0);
	pass->base_ticks = header->start.ticks;
	pass->base_ns = (double)(int64_t)(header->start.mono_ns - pass->origin_ns);
	pass->microsecond = (uint64_t)(1000 / rate.ns_per_tick) + 1;
	pass->cost_timer_256 = header->cost_timer_256 < HST_COST_MAX ? header->cost_timer_256 : 0;
	pass->clock_estimated |= rate.estimated;
	if (pass->heap->cost_ns <= 0 && header->cost_memory_256 < HST_COST_MAX) {
		pass->heap->cost_ns = (double)header->cost_memory_256 / 256 * rate.ns_per_tick;
	}
}

/* A string of a fixed field of the header, in the heap's arena; NULL: out of memory. */
static const char *keep_string(struct hst_heap_pass *pass, const uint8_t *bytes, size_t size)
{
	return hst_arena_string_n(
		&pass->heap->arena, (const char *)bytes, strnlen((const char *)bytes, size));
}

/* Name of the executable. */
static const char *command_of(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	const char *path = keep_string(pass, header->exe, sizeof header->exe);
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (path != NULL && path[0] == '\0') {
		return keep_string(pass, header->comm, sizeof header->comm);
	}
	return slash == NULL ? path : slash + 1;
}

static enum hst_status begin_file(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	struct hst_heap_file *at = pass->at;

	pass->process = (struct hst_heap_process){ .pid = header->pid,
		.image = pass->session->files[at->number].number,
		.command = command_of(pass),
		.state = header->memory,
		.allocator = keep_string(pass, header->allocator, sizeof header->allocator),
		.ends_by_exec = header->end_kind == HST_END_NONE && at->execs,
		.killed = header->end_kind == HST_END_NONE && !at->execs };
	if (pass->process.command == NULL || pass->process.allocator == NULL) {
		return HST_E_MEMORY;
	}
	hst_rows_begin_file(pass->rows, at->number);
	set_clock(pass);
	pass->known.count = 0;
	memset(pass->recent, 0, sizeof pass->recent);
	hst_heap_live_clear(&pass->live);
	hst_heap_ranges_clear(&pass->ranges);
	pass->overlaps.count = 0;
	pass->early.count = 0;
	pass->timeline.sized.count = 0;
	pass->timeline.regular.count = 0;
	pass->timeline.sized_step = pass->timeline.sized_next = 0;
	pass->timeline.regular_step = pass->timeline.regular_next = 0;
	pass->timeline.peak = (struct hst_heap_sample){ 0 };
	pass->held = (struct hst_heap_held){ 0 };
	pass->first_version = ++pass->version;
	pass->usable = pass->stack_bytes = pass->stack_count = 0;
	pass->now = header->start.ticks < UINT64_MAX / 4 ? header->start.ticks : 0;
	pass->first = UINT64_MAX;
	pass->last = pass->now;
	pass->limited = false;
	pass->child_next = at->first_child;
	pass->fork_next = at->first_child == SIZE_MAX
				  ? UINT64_MAX
				  : pass->files.items[at->first_child].fork_ticks;
	return hst_heap_inherit(pass);
}

/* What the end of the image says about its time and its blocks. */
static void end_file(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;
	uint64_t first;
	uint64_t last;

	if (header->end_kind != HST_END_NONE && header->end.ticks > pass->last &&
		header->end.ticks < UINT64_MAX / 4) {
		pass->last = header->end.ticks;
	}
	pass->now = pass->last > pass->now ? pass->last : pass->now;
	hst_heap_settle(pass);
	if (pass->first == UINT64_MAX || !pass->at->selected) {
		return;
	}
	first = hst_heap_ns(pass, pass->first);
	last = hst_heap_ns(pass, pass->now);
	pass->first_ns = first < pass->first_ns ? first : pass->first_ns;
	pass->last_ns = last > pass->last_ns ? last : pass->last_ns;
}

static void count_state(struct hst_heap_pass *pass)
{
	struct hst_heap_process *process = &pass->process;

	pass->heap->recorded |= process->state == HST_MEMORY_ON;
	pass->off += process->state == HST_MEMORY_OFF;
	if (process->state == HST_MEMORY_FOREIGN) {
		pass->foreign = process->allocator;
	}
	if (process->state == HST_MEMORY_OFF) {
		return;
	}
	if (process->ends_by_exec && pass->held.blocks > process->inherited_left) {
		pass->execs++;
		pass->exec_blocks += pass->held.blocks - process->inherited_left;
		pass->exec_bytes += pass->held.bytes - process->inherited_left_bytes;
	}
	pass->killed += process->killed && pass->held.blocks > process->inherited_left;
}

static enum hst_status read_file(struct hst_heap_pass *pass)
{
	enum hst_status status = begin_file(pass);

	if (status == HST_OK) {
		status = hst_sites_init(&pass->interned);
	}
	if (status == HST_OK && pass->process.state != HST_MEMORY_OFF) {
		status = hst_heap_streams(pass);
		if (status == HST_OK) {
			/* Whoever was forked later begins with what is there at the end. */
			status = hst_heap_keep(pass, UINT64_MAX);
		}
	}
	end_file(pass);
	if (status == HST_OK && pass->process.state != HST_MEMORY_OFF) {
		status = hst_heap_trees(pass);
	}
	if (status == HST_OK) {
		if (pass->at->selected) {
			count_state(pass);
			hst_heap_note_file(pass);
		}
		status = hst_heap_close_file(pass);
	}
	hst_sites_finish(&pass->interned);
	return status == HST_OK && pass->out_of_memory ? HST_E_MEMORY : status;
}

static enum hst_status read_files(struct hst_heap_pass *pass)
{
	struct hst_diag diag = { "" };

	for (size_t i = 0; i < pass->files.count; i++) {
		struct hst_heap_file *at = &pass->files.items[i];
		const char *path = pass->session->files[at->number].path;
		enum hst_status status;

		if (!at->needed) {
			continue;
		}
		pass->at = at;
		status = hst_trace_file_open(path, &pass->file, &diag);
		if (status == HST_E_MEMORY) {
			return status;
		}
		if (status != HST_OK && at->selected) {
			hst_heap_note(pass->heap, true, "%s", diag.text);
			pass->heap->complete = false;
		}
		if (status != HST_OK) {
			continue;
		}
		status = read_file(pass);
		hst_trace_file_close(&pass->file);
		HST_TRY(status);
		pass->any |= at->selected;
	}
	if (!pass->any && diag.text[0] == '\0') {
		return hst_diag_set(
			pass->diag, HST_E_EMPTY, "process %u was not recorded", pass->options->pid);
	}
	return pass->any ? HST_OK : hst_diag_set(pass->diag, HST_E_EMPTY, "%s", diag.text);
}

enum hst_status hst_heap_read(const struct hst_session *session,
	const struct hst_heap_options *options, struct hst_heap *ret_heap, struct hst_diag *diag)
{
	struct hst_heap heap = { .complete = true };
	struct hst_heap_pass *pass = calloc(1, sizeof *pass);
	enum hst_status status = HST_E_MEMORY;

	if (pass != NULL) {
		pass->session = session;
		pass->options = options;
		pass->heap = &heap;
		pass->diag = diag;
		status = begin(pass);
		if (status == HST_OK) {
			status = hst_heap_list_files(pass);
		}
		if (status == HST_OK) {
			status = read_files(pass);
		}
		if (status == HST_OK) {
			status = hst_heap_take(pass);
		}
		if (status == HST_OK) {
			hst_heap_note_all(pass);
		}
		finish(pass);
		free(pass);
	}
	if (status == HST_E_MEMORY) {
		(void)hst_diag_set(diag, status, "out of memory while reading %s", session->dir);
	}
	if (status != HST_OK) {
		hst_heap_finish(&heap);
		return status;
	}
	*ret_heap = heap;
	return HST_OK;
}
