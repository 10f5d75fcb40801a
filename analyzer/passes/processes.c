/* SPDX-License-Identifier: Apache-2.0 */
/* From a data directory to the model of its processes: the steps in their order. */
#include "passes/processes_pass.h"

#include <stdlib.h>

static void set_totals(struct hst_proc_pass *pass)
{
	struct hst_processes *result = pass->result;

	result->wall_ns = pass->end_mono - pass->begin_mono;
	result->finished = pass->finished != NULL;
	if (pass->began != NULL) {
		result->launcher_pid = pass->began->fields->run.launcher;
		result->began_real_ns = pass->began->fields->run.real_ns;
	}
	for (size_t i = 0; i < result->image_count; i++) {
		const struct hst_process_image *image = &result->images[i];

		if (image->cpu_ns == HST_PROCESS_UNKNOWN) {
			result->cpu_unknown++;
		} else {
			result->cpu_ns += image->cpu_ns;
		}
		result->blind += image->blind != HST_PROCESS_BLIND_NONE;
		result->ends_lost += (image->flags & HST_PROCESS_END_UNKNOWN) != 0;
		result->parents_lost += (image->flags & HST_PROCESS_PARENT_LOST) != 0;
	}
}

static enum hst_status make(struct hst_proc_pass *pass)
{
	/* Each step needs those before it. */
	static enum hst_status (*const lives[])(struct hst_proc_pass *) = { hst_proc_follow,
		hst_proc_close, hst_proc_usage, hst_proc_order };
	static enum hst_status (*const figures[])(struct hst_proc_pass *) = { hst_proc_probes,
		hst_proc_phases, hst_proc_verdicts, hst_proc_time, hst_proc_sums, hst_proc_waste,
		hst_proc_system };

	for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
		HST_TRY(lives[i](pass));
	}
	hst_proc_look_all(pass);
	set_totals(pass);
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
		HST_TRY(figures[i](pass));
	}
	hst_proc_notes(pass);
	return HST_OK;
}

static void finish(struct hst_proc_pass *pass)
{
	hst_tools_destroy(pass->tools);
	hst_vec_finish(&pass->events);
	hst_vec_finish(&pass->lives);
	hst_vec_finish(&pass->drafts);
	hst_vec_finish(&pass->attempts);
	hst_vec_finish(&pass->shells);
	hst_vec_finish(&pass->shell_drafts);
	hst_vec_finish(&pass->no_memories);
	hst_vec_finish(&pass->systems);
	hst_vec_finish(&pass->samples);
	hst_vec_finish(&pass->sample_lives);
	hst_vec_finish(&pass->by_time);
	hst_vec_finish(&pass->ranks);
	hst_vec_finish(&pass->own_phases);
	hst_map_finish(&pass->alive);
}

enum hst_status hst_processes_read(const char *dir, const struct hst_processes_options *options,
	struct hst_processes *ret_processes, struct hst_diag *diag)
{
	struct hst_processes result = { .root = HST_PROCESS_NONE };
	struct hst_proc_pass pass = {
		.result = &result, .options = options, .root_life = HST_NO_ITEM
	};
	enum hst_status status = hst_tools_create(
		options == NULL ? NULL : options->tools, &result.arena, &pass.tools, diag);

	if (status == HST_OK) {
		status = hst_proc_load(&pass, dir, diag);
	}
	if (status == HST_OK) {
		status = hst_proc_lost_files(&pass, dir, diag);
	}
	if (status == HST_OK) {
		status = make(&pass);
		if (status != HST_OK) {
			(void)hst_diag_set(diag, status, "'%s': %s", dir, hst_status_text(status));
		}
	}
	finish(&pass);
	if (status != HST_OK) {
		hst_processes_finish(&result);
		return status;
	}
	*ret_processes = result;
	return HST_OK;
}
