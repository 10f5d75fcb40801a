/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what asks for a plan, and writes one file of it. */
#include "cmd/run_plan.h"

#include "cmd/run_args.h"
#include "cmd/run_filter.h"
#include "cmd/run_needed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum hst_status fill(const struct hst_say *say, const struct hst_run_wish *wish,
	const struct hst_elf_advice *advice, const struct hst_planned *planned,
	struct hst_plan_file *plan, struct hst_diag *diag)
{
	if (wish->filter != NULL) {
		HST_TRY(hst_run_filter(say, wish->filter, advice, planned, plan, diag));
	}
	if (wish->args) {
		HST_TRY(hst_run_args(say, wish->args_of, advice, planned, plan, diag));
	}
	if (wish->memo != NULL) {
		size_t count;

		if (hst_plan_content_copy(&wish->memo->content, NULL, NULL, plan, &count) !=
			HST_OK) {
			return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
		}
	}
	return HST_OK;
}

static enum hst_status write_plan(const struct hst_plan_file *plan, const struct hst_run_dir *dir,
	char **ret_path, struct hst_diag *diag)
{
	char *path = NULL;
	enum hst_status status;

	if (asprintf(&path, "%s/run.plan", dir->path) < 0) {
		return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	}
	status = hst_plan_file_write(plan, path, diag);
	if (status == HST_OK) {
		*ret_path = path;
	} else {
		free(path);
	}
	return status;
}

enum hst_status hst_run_plan(const struct hst_say *say, const struct hst_run_wish *wish,
	const struct hst_elf_advice *advice, const struct hst_run_dir *dir, char **ret_path,
	struct hst_diag *diag)
{
	struct hst_needed needed = { 0 };
	struct hst_planned planned = { 0 };
	struct hst_plan_file plan = { 0 };
	enum hst_status status = HST_E_MEMORY;

	*ret_path = NULL;
	if (wish->filter == NULL && !wish->args) {
		*ret_path = wish->memo == NULL ? NULL : strdup(wish->memo->path);
		return wish->memo != NULL && *ret_path == NULL
			       ? hst_diag_set(diag, HST_E_MEMORY, "run: out of memory")
			       : HST_OK;
	}
	if (advice->interpreter != NULL &&
		!hst_run_needed(advice->interpreter, advice->image, &needed)) {
		hst_say_note(say,
			"the libraries of %s cannot be listed, so they are recorded whole, and without arguments",
			advice->image);
	}
	planned.paths = calloc(needed.count + 1, sizeof *planned.paths);
	if (planned.paths == NULL) {
		(void)hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	} else {
		planned.paths[planned.count++] = advice->image;
		for (size_t i = 0; i < needed.count; i++) {
			planned.paths[planned.count++] = needed.paths[i];
		}
		status = fill(say, wish, advice, &planned, &plan, diag);
	}
	if (status == HST_OK) {
		status = write_plan(&plan, dir, ret_path, diag);
	}
	hst_plan_file_finish(&plan);
	free(planned.paths);
	hst_needed_finish(&needed);
	return status;
}
