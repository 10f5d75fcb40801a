/* SPDX-License-Identifier: Apache-2.0 */
/* The preload would refuse a plan for another build silently, function by function: here it is said before the program runs. */
#include "cmd/run_memo.h"

#include "cmd/run_needed.h"
#include "symbols/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hst_status hst_run_memo_read(
	const char *path, struct hst_run_memo *ret_memo, struct hst_diag *diag)
{
	struct hst_run_memo memo = { 0 };
	size_t count = 0;

	HST_TRY(hst_plan_content_read(path, &memo.content, diag));
	for (size_t i = 0; i < memo.content.modules.count; i++) {
		count += memo.content.modules.items[i].memo_count;
	}
	if (count == 0) {
		hst_plan_content_finish(&memo.content);
		return hst_diag_set(diag, HST_E_EMPTY,
			"the plan %s has no function to be answered from a cache: hasten optimize -o FILE makes such plans",
			path);
	}
	memo.path = realpath(path, NULL);
	if (memo.path == NULL || asprintf(&memo.revoked, "%s" HST_REVOKED_SUFFIX, memo.path) < 0) {
		memo.revoked = NULL;
		hst_run_memo_finish(&memo);
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory while reading %s", path);
	}
	*ret_memo = memo;
	return HST_OK;
}

void hst_run_memo_finish(struct hst_run_memo *memo)
{
	hst_plan_content_finish(&memo->content);
	free(memo->path);
	free(memo->revoked);
	*memo = (struct hst_run_memo){ 0 };
}

struct found {
	const struct hst_run_memo *memo;
	bool *modules; /* those of the plan that were found */
};

static void mark(void *context, const char *path)
{
	struct found *found = context;
	struct hst_image *image = NULL;
	const uint8_t *build_id = NULL;
	size_t bytes;

	if (hst_image_open(path, NULL, 0, &image, NULL) != HST_OK) {
		return;
	}
	bytes = hst_image_build_id(image, &build_id);
	for (size_t i = 0; i < found->memo->content.modules.count; i++) {
		const struct hst_memo_module *module = &found->memo->content.modules.items[i];

		found->modules[i] |= bytes == module->build_id_bytes &&
				     memcmp(build_id, module->build_id, bytes) == 0;
	}
	hst_image_close(image);
}

static void say_revoked(const struct hst_say *say, const struct hst_run_memo *memo)
{
	size_t revoked = 0;

	for (size_t i = 0; i < memo->content.modules.count; i++) {
		const struct hst_memo_module *module = &memo->content.modules.items[i];

		for (size_t k = 0; k < module->memo_count; k++) {
			revoked += hst_plan_content_revoked(
					   &memo->content, module, module->memos[k].fn) != NULL;
		}
	}
	if (revoked != 0) {
		hst_say_note(say,
			"--plan: %zu function%s of it %s not answered, since an earlier run found wrong results: %s (hasten info %s)",
			revoked, revoked == 1 ? "" : "s", revoked == 1 ? "is" : "are",
			memo->revoked, memo->path);
	}
	if (memo->content.revoked_trouble != NULL) {
		hst_say_note(say,
			"--plan: no function will be answered: %s says what earlier runs found wrong, and %s",
			memo->revoked, memo->content.revoked_trouble);
	}
}

static enum hst_status judge(const struct hst_say *say, const struct hst_run_memo *memo,
	const struct hst_elf_advice *advice, const bool *found, struct hst_diag *diag)
{
	size_t modules = memo->content.modules.count;
	size_t count = 0;

	for (size_t i = 0; i < modules; i++) {
		count += found[i];
	}
	if (count == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: the plan %s is for another build than %s and the libraries that it is linked with (hasten info %s has the "
			"build-id): record this one with hasten run --args and make the plan anew with hasten optimize -o",
			memo->path, advice->image, memo->path);
	}
	if (count < modules) {
		hst_say_note(say,
			"--plan: %zu of the %zu files that it is for %s neither %s nor linked with it",
			modules - count, modules, modules - count == 1 ? "is" : "are",
			advice->image);
	}
	return HST_OK;
}

enum hst_status hst_run_memo_check(const struct hst_say *say, const struct hst_run_memo *memo,
	const struct hst_elf_advice *advice, struct hst_diag *diag)
{
	struct found found = { memo, calloc(memo->content.modules.count + 1, sizeof(bool)) };
	enum hst_status status = HST_OK;

	if (found.modules == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "run: out of memory");
	}
	hst_run_each_file(advice, mark, &found);
	/* What a script starts is not known here. */
	if (!advice->script) {
		status = judge(say, memo, advice, found.modules, diag);
	}
	say_revoked(say, memo);
	free(found.modules);
	return status;
}
