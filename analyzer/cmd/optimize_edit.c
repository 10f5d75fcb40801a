/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten optimize PLAN --only EXPR --without EXPR -o PLAN`: fewer functions, by the names that the plan has of them. */
#include "cmd/optimize_plan.h"

#include "cmd/commands.h"
#include "symbols/demangle.h"

#include <stdlib.h>
#include <string.h>

struct edit {
	struct hst_optimize_plan plan; /* its filters */
	bool out_of_memory;
	size_t left_out;
};

static bool choose(
	void *context, const struct hst_memo_module *module, const struct hst_plan_memo *memo)
{
	struct edit *edit = context;
	const char *linkage = module->names[memo - module->memos];
	char *full = hst_demangle_full(linkage);
	char *name = hst_demangle_short(linkage);
	bool wanted = true;

	if (full == NULL || name == NULL) {
		edit->out_of_memory = true;
	} else {
		wanted = hst_optimize_is_chosen(
			&edit->plan, name, full, linkage, module->path, NULL);
	}
	free(full);
	free(name);
	edit->left_out += !wanted;
	return wanted;
}

static bool has_names(const struct hst_plan_content *content)
{
	for (size_t i = 0; i < content->modules.count; i++) {
		if (content->modules.items[i].path == NULL) {
			return false;
		}
	}
	return true;
}

static const char *unmatched(const struct edit *edit)
{
	const char *only =
		edit->plan.only == NULL ? NULL : hst_filter_unmatched(edit->plan.only, 0);

	return only != NULL || edit->plan.without == NULL
		       ? only
		       : hst_filter_unmatched(edit->plan.without, 0);
}

static int write_edited(struct hst_reading *reading, struct edit *edit)
{
	struct hst_plan_file file = { 0 };
	struct hst_diag diag = { "" };
	size_t count = 0;
	enum hst_status status =
		hst_plan_content_copy(&edit->plan.before, choose, edit, &file, &count);
	int result = HST_EXIT_OK;

	if (edit->out_of_memory) {
		status = HST_E_MEMORY;
	}
	if (status == HST_OK && unmatched(edit) != NULL) {
		result = hst_reading_fail(reading,
			"no function of the plan %s matches '%s'; hasten info %s lists them",
			reading->options.dir, unmatched(edit), reading->options.dir);
	} else if (status == HST_OK && count == 0) {
		result = hst_reading_fail(reading,
			"no function of the plan %s would be left; nothing was written",
			reading->options.dir);
	} else if (status == HST_OK) {
		status = hst_plan_file_write(&file, reading->options.output, &diag);
	}
	hst_plan_file_finish(&file);
	if (status != HST_OK) {
		return hst_reading_fail(
			reading, "%s", diag.text[0] != '\0' ? diag.text : hst_status_text(status));
	}
	if (result == HST_EXIT_OK && !reading->options.quiet) {
		hst_print_line("written: %s: %zu function%s, %zu left out", reading->options.output,
			count, count == 1 ? "" : "s", edit->left_out);
	}
	return result;
}

static const char *refuse(const struct hst_options *asked)
{
	if (asked->output == NULL || (asked->only == NULL && asked->without == NULL)) {
		return "of a plan functions can be left out: --only EXPR or --without EXPR, and -o FILE; hasten info PLAN shows it";
	}
	return asked->instrumentation || asked->keep != NULL || asked->overhead != NULL ||
			       asked->pure != NULL || asked->trust != NULL || asked->json ||
			       asked->csv
		       ? "a plan can only be edited with --only, --without and -o FILE"
		       : NULL;
}

int hst_optimize_edit(struct hst_reading *reading)
{
	struct edit edit = { .plan = { .reading = reading } };
	const struct hst_options *asked = &reading->options;
	const char *refusal = refuse(asked);
	struct hst_diag diag = { "" };
	enum hst_status status = HST_OK;
	int result = refusal == NULL ? hst_optimize_plan_place(reading)
				     : hst_reading_fail(reading, "%s", refusal);

	if (result == HST_EXIT_OK) {
		status = hst_plan_content_read(asked->dir, &edit.plan.before, &diag);
		if (status == HST_OK && asked->only != NULL) {
			status = hst_filter_parse(asked->only, &edit.plan.only, &diag);
		}
		if (status == HST_OK && asked->without != NULL) {
			status = hst_filter_parse(asked->without, &edit.plan.without, &diag);
		}
		if (status != HST_OK) {
			result = hst_reading_fail(reading, "%s", diag.text);
		} else if (!has_names(&edit.plan.before)) {
			result = hst_reading_fail(reading,
				"the plan %s has no names of functions to choose by: make it anew with hasten optimize -o",
				asked->dir);
		}
	}
	if (result == HST_EXIT_OK) {
		result = write_edited(reading, &edit);
	}
	hst_plan_content_finish(&edit.plan.before);
	hst_filter_destroy(edit.plan.only);
	hst_filter_destroy(edit.plan.without);
	return result;
}
