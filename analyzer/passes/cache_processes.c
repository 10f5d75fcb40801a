/* SPDX-License-Identifier: Apache-2.0 */
/* Images to logs of calls. */
#include "passes/cache_processes.h"

#include "util/strtab.h"

#include <string.h>

static uint64_t add_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++) {
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3ull;
	}
	/* What ends here must not go on in the next one. */
	return (hash ^ 0x100) * 0x100000001b3ull;
}

static uint64_t key_of(const struct hst_process_image *image)
{
	uint64_t hash = add_text(0xcbf29ce484222325ull, image->cwd);

	for (uint32_t i = 0; i < image->argc; i++) {
		hash = add_text(hash, image->argv[i]);
	}
	return hash;
}

static bool is_run(const struct hst_process_image *image)
{
	return image->began != HST_PROCESS_BEGAN_FORK && image->argc != 0 &&
	       image->wall_ns != HST_PROCESS_UNKNOWN &&
	       (image->flags & HST_PROCESS_END_UNKNOWN) == 0;
}

struct logs {
	struct hst_strtab names;
	HST_VEC(struct hst_cache_log) items;
	HST_VEC(uint32_t) examples;
};

static enum hst_status add_run(
	struct logs *logs, const struct hst_process_image *image, uint32_t number)
{
	struct hst_cache_log fresh = { .row = (uint32_t)logs->items.count, .program = true };
	struct hst_cache_call call = { .key = key_of(image),
		.start_ns = image->start_ns,
		.end_ns = image->end_ns,
		.cost_ns = image->wall_ns };
	uint32_t name;

	if (image->exit_status >= 0 || image->signal != 0) {
		call.has_result = 1;
		call.result = image->signal != 0 ? 0x100u + (uint32_t)image->signal
						 : (uint32_t)image->exit_status;
	}
	HST_TRY(hst_strtab_add(
		&logs->names, image->exe[0] != '\0' ? image->exe : image->command, &name));
	/* Numbers of strings are given in order, from 1. */
	if (name > logs->items.count) {
		if (!hst_vec_push(&logs->items, fresh) || !hst_vec_push(&logs->examples, number)) {
			return HST_E_MEMORY;
		}
		name = (uint32_t)logs->items.count;
	}
	return name == 0 ? HST_OK
			 : hst_cache_log_add(&logs->items.items[name - 1], &call, image->parent);
}

enum hst_status hst_cache_of_processes(const struct hst_processes *processes,
	struct hst_cache_log **ret_logs, uint32_t **ret_examples, size_t *ret_count)
{
	struct logs logs = { 0 };
	enum hst_status status = HST_OK;

	for (uint32_t i = 0; i < processes->image_count && status == HST_OK; i++) {
		if (is_run(&processes->images[i])) {
			status = add_run(&logs, &processes->images[i], i);
		}
	}
	hst_strtab_finish(&logs.names);
	if (status != HST_OK) {
		for (size_t i = 0; i < logs.items.count; i++) {
			hst_cache_log_finish(&logs.items.items[i]);
		}
		hst_vec_finish(&logs.items);
		hst_vec_finish(&logs.examples);
		return status;
	}
	*ret_logs = logs.items.items;
	*ret_examples = logs.examples.items;
	*ret_count = logs.items.count;
	return HST_OK;
}
