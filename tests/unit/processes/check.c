/* SPDX-License-Identifier: Apache-2.0 */
/* Demands that any result must meet; the fuzz target has them, too. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

static void demand(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void check_index(const struct hst_processes *processes, uint32_t at)
{
	demand(at == HST_PROCESS_NONE || at < processes->image_count);
}

static void check_image(const struct hst_processes *processes, uint32_t at)
{
	const struct hst_process_image *images = processes->images;
	const struct hst_process_image *image = &images[at];

	demand(at == 0 || images[at - 1].start_ns <= image->start_ns);
	demand(image->start_ns <= image->end_ns);
	demand(image->parent == HST_PROCESS_NONE || image->parent < at);
	demand(image->previous == HST_PROCESS_NONE ||
		(image->previous < at && images[image->previous].next == at &&
			images[image->previous].process == image->process));
	demand(image->next == HST_PROCESS_NONE || images[image->next].previous == at);
	demand(image->unit <= at);
	check_index(processes, image->waited_by);
	check_index(processes, image->culprit);
	demand(image->exe != NULL && image->cwd != NULL && image->file != NULL &&
		image->build_id != NULL && image->command != NULL && image->verdict != NULL &&
		image->evidence != NULL && image->tool != NULL && image->language != NULL);
	demand(image->argv != NULL && image->argv[image->argc] == NULL);
	demand(*image->command != '\0' && *image->verdict != '\0');
	demand(image->class < HST_PROCESS_CLASSES && image->phase < HST_PROCESS_PHASES);
	demand((image->class == HST_PROCESS_CLASS_OK) == (*image->evidence == '\0'));
	demand((image->class == HST_PROCESS_CLASS_CE) == (image->culprit != HST_PROCESS_NONE));
	demand((size_t)image->first_sample + image->sample_count <=
		processes->system.process_count);
	for (uint32_t i = 0; i < image->probe_count; i++) {
		demand(image->probes[i] != NULL);
	}
	for (uint32_t child = image->first_child; child != HST_PROCESS_NONE;
		child = images[child].next_sibling) {
		demand(child < processes->image_count && images[child].parent == at &&
			images[child].previous == HST_PROCESS_NONE);
	}
}

static void check_steps(const struct hst_processes *processes)
{
	for (size_t i = 0; i < processes->step_count; i++) {
		const struct hst_process_step *step = &processes->steps[i];

		demand(step->image < processes->image_count && step->start_ns < step->end_ns);
		demand(i == 0 || processes->steps[i - 1].end_ns == step->start_ns);
	}
}

void check_result(const struct hst_processes *processes)
{
	uint64_t processes_seen = 0;
	uint64_t images_seen = 0;

	for (uint32_t i = 0; i < processes->image_count; i++) {
		check_image(processes, i);
		processes_seen += processes->images[i].previous == HST_PROCESS_NONE;
	}
	demand(processes_seen == processes->processes);
	check_index(processes, processes->root);
	check_steps(processes);
	for (size_t i = 0; i < processes->phase_count; i++) {
		images_seen += processes->phases[i].images;
		demand(processes->phases[i].count <= processes->phases[i].images);
	}
	demand(images_seen == processes->image_count);
	for (size_t i = 0; i < processes->exec_failure_count; i++) {
		check_index(processes, processes->exec_failures[i].image);
	}
	for (size_t i = 0; i < processes->shell_count; i++) {
		check_index(processes, processes->shells[i].image);
		check_index(processes, processes->shells[i].child);
	}
	for (size_t i = 0; i < processes->stretch_count; i++) {
		check_index(processes, processes->stretches[i].image);
	}
	for (size_t i = 0; i < processes->repeat_count; i++) {
		demand(processes->repeats[i].count > 1);
	}
}
