/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload knows no names, so they are looked up here, before the program starts, in the files
 * that the dynamic linker will load. What is loaded later is recorded whole.
 */
#include "cmd/run_filter.h"

#include "cmd/run_needed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNMATCHED_SAID_MAX 8

static void say_result(const struct hst_say *say, const struct hst_filter *filter,
	const struct hst_elf_advice *advice, const struct hst_filter_plan *plan)
{
	const char *term;

	if (advice->script) {
		hst_say_note(say,
			"the filter holds for %s and its libraries; the programs that the script starts are "
			"recorded whole (hasten report --filter leaves their functions out)",
			advice->image);
		return;
	}
	for (size_t i = 0; i < UNMATCHED_SAID_MAX; i++) {
		term = hst_filter_unmatched(filter, i);
		if (term == NULL) {
			break;
		}
		hst_say_note(say,
			"nothing in the program and its libraries matches \"%s\" of the filter",
			term);
	}
	if (plan->no_build_id > 0) {
		hst_say_note(say,
			"%s has no build id, so it cannot be filtered and is recorded whole; link it with "
			"-Wl,--build-id",
			plan->no_build_id_path);
	} else if (plan->modules > 0 && plan->functions == 0) {
		hst_say_note(say, "the filter leaves no function to record");
	}
}

enum hst_status hst_run_filter(const struct hst_say *say, struct hst_filter *filter,
	const struct hst_elf_advice *advice, const struct hst_run_dir *dir, char **ret_path,
	struct hst_diag *diag)
{
	struct hst_needed needed = { 0 };
	struct hst_filter_plan plan = { 0 };
	const char **paths = NULL;
	char *path = NULL;
	enum hst_status status = HST_E_MEMORY;

	if (advice->interpreter != NULL &&
		!hst_run_needed(advice->interpreter, advice->image, &needed)) {
		hst_say_note(say,
			"the libraries of %s cannot be listed, so they are recorded whole",
			advice->image);
	}
	paths = calloc(needed.count + 1, sizeof *paths);
	if (paths == NULL || asprintf(&path, "%s/filter.plan", dir->path) < 0) {
		path = NULL;
		(void)hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	} else {
		paths[0] = advice->image;
		for (size_t i = 0; i < needed.count; i++) {
			paths[i + 1] = needed.paths[i];
		}
		status = hst_filter_write_plan(filter, paths, needed.count + 1, path, &plan, diag);
	}
	if (status == HST_OK) {
		say_result(say, filter, advice, &plan);
		*ret_path = path;
		path = NULL;
	}
	free(path);
	free(paths);
	hst_needed_finish(&needed);
	return status;
}
