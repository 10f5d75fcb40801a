/* SPDX-License-Identifier: Apache-2.0 */
/* Time that passes before the program that was wanted: chains of wrappers, shells for one command, searches. */
#include "passes/processes_pass.h"

#include "util/strtab.h"

#include <stdlib.h>
#include <string.h>

struct wastes {
	struct hst_processes *result;
	struct hst_strtab names;
	struct hst_map by_key;
	HST_VEC(struct hst_process_waste_row) rows;
};

static uint64_t known(uint64_t value)
{
	return value == HST_PROCESS_UNKNOWN ? 0 : value;
}

static enum hst_status add(struct wastes *wastes, const struct hst_process_waste_row *row)
{
	uint32_t at = (uint32_t)wastes->rows.count;
	struct hst_process_waste_row *sum;
	uint32_t wrapper;
	uint32_t program;
	uint64_t key;

	HST_TRY(hst_strtab_add(&wastes->names, row->wrapper, &wrapper));
	HST_TRY(hst_strtab_add(&wastes->names, row->program, &program));
	/* There are far fewer names than 2^30: each took bytes of the journal. */
	key = (uint64_t)row->kind << 60 | (uint64_t)wrapper << 30 | program;
	if (!hst_map_get(&wastes->by_key, key, &at)) {
		HST_TRY(hst_map_put(&wastes->by_key, key, at));
		return hst_vec_push(&wastes->rows, *row) ? HST_OK : HST_E_MEMORY;
	}
	sum = &wastes->rows.items[at];
	sum->count += row->count;
	sum->images += row->images;
	sum->wall_ns += row->wall_ns;
	sum->cpu_ns += row->cpu_ns;
	return HST_OK;
}

/* `last` is the end of a process: what did the images before it do, but for the copy by fork? */
static enum hst_status add_chain(struct wastes *wastes, uint32_t last)
{
	const struct hst_process_image *images = wastes->result->images;
	struct hst_process_waste_row row = { .kind = HST_PROCESS_WASTE_CHAIN,
		.program = images[last].command,
		.count = 1,
		.example = last };
	uint32_t first = HST_PROCESS_NONE;

	for (uint32_t at = images[last].previous;
		at != HST_PROCESS_NONE && images[at].began != HST_PROCESS_BEGAN_FORK;
		at = images[at].previous) {
		first = at;
		row.images++;
		row.cpu_ns += known(images[at].cpu_ns);
		for (uint32_t child = images[at].first_child; child != HST_PROCESS_NONE;
			child = images[child].next_sibling) {
			row.images += images[child].tree_images;
			row.cpu_ns += images[child].tree_cpu_ns;
		}
	}
	if (first == HST_PROCESS_NONE) {
		return HST_OK;
	}
	row.wrapper = images[first].command;
	row.wall_ns = images[last].start_ns - images[first].start_ns;
	return add(wastes, &row);
}

/* `sh -c` that started one process and waited for it: it could have exec'd. */
static enum hst_status add_shell(struct wastes *wastes, uint32_t at)
{
	const struct hst_process_image *images = wastes->result->images;
	const struct hst_process_image *shell = &images[at];
	uint32_t last = shell->first_child;
	struct hst_process_waste_row row = { .kind = HST_PROCESS_WASTE_SHELL,
		.wrapper = shell->command,
		.count = 1,
		.images = 1,
		.cpu_ns = known(shell->cpu_ns) };
	uint64_t start_ns;

	if (shell->phase != HST_PROCESS_PHASE_SHELL || last == HST_PROCESS_NONE ||
		shell->began == HST_PROCESS_BEGAN_FORK ||
		images[last].next_sibling != HST_PROCESS_NONE ||
		images[last].waited_by == HST_PROCESS_NONE) {
		return HST_OK;
	}
	start_ns = images[last].start_ns;
	while (images[last].next != HST_PROCESS_NONE) {
		last = images[last].next;
	}
	/* A part of the shell that went on by itself (a subshell) is no command. */
	if (images[last].began == HST_PROCESS_BEGAN_FORK) {
		return HST_OK;
	}
	row.program = images[last].command;
	row.example = last;
	row.wall_ns = hst_proc_sub(known(shell->wall_ns), images[last].end_ns - start_ns);
	return add(wastes, &row);
}

static enum hst_status add_probes(struct wastes *wastes, uint32_t at)
{
	const struct hst_process_image *image = &wastes->result->images[at];
	struct hst_process_waste_row row = { .kind = HST_PROCESS_WASTE_PROBES,
		.wrapper = "PATH",
		.program = image->command,
		.count = 1,
		.images = image->probe_count,
		.example = at };

	row.wall_ns = known(hst_proc_sub(image->loaded_ns, image->start_ns));
	return add(wastes, &row);
}

static int compare_rows(const void *left, const void *right)
{
	const struct hst_process_waste_row *a = left;
	const struct hst_process_waste_row *b = right;

	if (a->wall_ns != b->wall_ns) {
		return a->wall_ns > b->wall_ns ? -1 : 1;
	}
	if (a->images != b->images) {
		return a->images > b->images ? -1 : 1;
	}
	return a->example < b->example ? -1 : a->example > b->example;
}

enum hst_status hst_proc_waste(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;
	struct wastes wastes = { .result = result };
	enum hst_status status = HST_OK;

	for (uint32_t i = 0; i < result->image_count && status == HST_OK; i++) {
		if (result->images[i].next == HST_PROCESS_NONE) {
			status = add_chain(&wastes, i);
			status = status == HST_OK ? add_shell(&wastes, i) : status;
		}
		if (status == HST_OK && result->images[i].probe_count != 0) {
			status = add_probes(&wastes, i);
		}
	}
	if (wastes.rows.count != 0) {
		qsort(wastes.rows.items, wastes.rows.count, sizeof *wastes.rows.items,
			compare_rows);
	}
	result->wastes = hst_arena_copy(
		&result->arena, wastes.rows.items, wastes.rows.count * sizeof *result->wastes);
	result->waste_count = wastes.rows.count;
	status = status == HST_OK && result->wastes == NULL ? HST_E_MEMORY : status;
	hst_vec_finish(&wastes.rows);
	hst_map_finish(&wastes.by_key);
	hst_strtab_finish(&wastes.names);
	return status;
}
