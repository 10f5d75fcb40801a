/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The preload knows no debug information, so the places are looked up here, before the program starts, in the files that the dynamic
 * linker will load. Of what is loaded later no arguments are recorded.
 */
#include "cmd/run_args.h"

#include "cmd/run_cache.h"
#include "cmd/version.h"
#include "plan/args_store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static void say_unmatched(const struct hst_say *say, const struct hst_filter *of)
{
	const char *term = of == NULL ? NULL : hst_filter_unmatched(of, 0);

	if (term != NULL) {
		hst_say_note(say, "--args: no function matches \"%s\"", term);
	}
}

/* Nothing at all can be read: that is what was asked for, so it is an error. */
static enum hst_status explain_nothing(const struct hst_filter *of,
	const struct hst_elf_advice *advice, const char *first, struct hst_diag *diag)
{
	const char *term = of == NULL ? NULL : hst_filter_unmatched(of, 0);

	if (advice->script) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --args: %s is a script: name the program whose arguments are wanted",
			advice->image);
	}
	if (first[0] != '\0') {
		return hst_diag_set(diag, HST_E_USAGE, "run: --args: %s", first);
	}
	if (term != NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"run: --args: no function matches \"%s\": hasten info --args %s lists them",
			term, advice->image);
	}
	return hst_diag_set(diag, HST_E_USAGE,
		"run: --args: %s has no call of a hook whose arguments can be read: hasten info --args %s "
		"says why (it needs -finstrument-functions -g)",
		advice->image, advice->image);
}

/* Each version has a store of its own: it may read more than the one before. NULL: there is no place for one. */
static const char *find_store(char *buffer, size_t size)
{
	size_t length;

	hst_run_cache_dir(buffer, size - sizeof "/args-" HST_VERSION, true);
	length = strlen(buffer);
	if (length == 0) {
		return NULL;
	}
	(void)snprintf(buffer + length, size - length, "/args-" HST_VERSION);
	return buffer;
}

/* What came of all files. */
struct taken {
	size_t enters;
	struct hst_diag
		first; /* what is wrong with the first file that has hooks and cannot be used */
};

/* A failure has its sentence in `ret_own`. */
static enum hst_status plan_all(const struct hst_say *say, const struct hst_planned *planned,
	const struct hst_args_wish *wish, struct hst_plan_file *plan, struct taken *all,
	struct hst_diag *ret_own)
{
	for (size_t i = 0; i < planned->count; i++) {
		struct hst_args_taken taken;
		struct hst_diag own = { "" };
		enum hst_status status =
			hst_args_store_add(plan, planned->paths[i], wish, &taken, &own);

		if (status == HST_E_LIMIT || status == HST_E_MEMORY) {
			*ret_own = own;
			return status;
		}
		all->enters += taken.enters;
		/* Most libraries have no hooks, which is no news; one that has them and cannot be read is. */
		if (status != HST_E_NO_DEBUG && status != HST_E_UNSUPPORTED) {
			continue;
		}
		if (all->first.text[0] == '\0') {
			all->first = own;
		} else {
			hst_say_note(say, "--args: %s", own.text);
		}
	}
	return HST_OK;
}

enum hst_status hst_run_args(const struct hst_say *say, struct hst_filter *of,
	const struct hst_elf_advice *advice, const struct hst_planned *planned,
	struct hst_plan_file *plan, struct hst_diag *diag)
{
	struct hst_args_wish wish = { .filter = of };
	struct hst_function_rules *rules = NULL;
	char buffer[PATH_MAX];
	struct taken all = { 0 };
	struct hst_diag own = { "" };
	enum hst_status status = hst_function_rules_read(NULL, &rules, &own);

	if (status == HST_OK) {
		wish.store = find_store(buffer, sizeof buffer);
		wish.rules = rules;
		status = plan_all(say, planned, &wish, plan, &all, &own);
		hst_function_rules_destroy(rules);
	}
	if (status != HST_OK) {
		return hst_diag_set(diag, status, "run: %s", own.text);
	}
	if (all.enters == 0) {
		return explain_nothing(of, advice, all.first.text, diag);
	}
	if (all.first.text[0] != '\0') {
		hst_say_note(say, "--args: %s", all.first.text);
	}
	say_unmatched(say, of);
	return HST_OK;
}
