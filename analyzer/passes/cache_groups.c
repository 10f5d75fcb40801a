/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls may use one cache: those of a thread, or those of a process. */
#include "passes/cache_pass.h"

static uint32_t process_of(const struct hst_cache_options *options, uint32_t thread)
{
	if (options->process_of == NULL || thread >= options->thread_count) {
		return 0;
	}
	return options->process_of[thread];
}

/* The small number of `value`, given anew if it has none. HST_E_MEMORY. */
static enum hst_status small(
	struct hst_map *map, uint32_t value, uint32_t *next, uint32_t *ret_number)
{
	if (hst_map_get(map, value, ret_number)) {
		return HST_OK;
	}
	*ret_number = (*next)++;
	return hst_map_put(map, value, *ret_number);
}

static enum hst_status fill(
	struct hst_cache_work *work, struct hst_map *threads, struct hst_map *processes)
{
	const struct hst_cache_calls *calls = &work->calls;
	struct hst_cache_groups *groups = &work->groups;

	for (size_t i = 0; i < calls->count; i++) {
		uint32_t thread = calls->items[i].thread;

		HST_TRY(small(threads, thread, &groups->threads, &groups->thread[i]));
		HST_TRY(small(processes, process_of(work->options, thread), &groups->processes,
			&groups->process[i]));
	}
	return HST_OK;
}

static bool is_one_thread(const struct hst_cache_calls *calls)
{
	for (size_t i = 1; i < calls->count; i++) {
		if (calls->items[i].thread != calls->items[0].thread) {
			return false;
		}
	}
	return true;
}

enum hst_status hst_cache_group(struct hst_cache_work *work)
{
	struct hst_cache_groups *groups = &work->groups;
	struct hst_map threads = { 0 };
	struct hst_map processes = { 0 };
	enum hst_status status;

	if (is_one_thread(&work->calls)) {
		groups->threads = groups->processes = 1;
		return HST_OK;
	}
	groups->thread = malloc(work->calls.count * sizeof *groups->thread);
	groups->process = malloc(work->calls.count * sizeof *groups->process);
	if (groups->thread == NULL || groups->process == NULL) {
		return HST_E_MEMORY;
	}
	status = fill(work, &threads, &processes);
	hst_map_finish(&threads);
	hst_map_finish(&processes);
	return status;
}
