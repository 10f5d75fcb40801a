/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload knows no names, so they are looked up here, before the program starts, in the files
 * that the dynamic linker will load. What is loaded later is recorded whole.
 */
#include "cmd/run_filter.h"

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
	const struct hst_elf_advice *advice, const struct hst_planned *planned,
	struct hst_plan_file *plan, struct hst_diag *diag)
{
	struct hst_filter_plan done = { 0 };

	HST_TRY(hst_filter_add_plan(filter, planned->paths, planned->count, plan, &done, diag));
	say_result(say, filter, advice, &done);
	return HST_OK;
}
