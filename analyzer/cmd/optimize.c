/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten optimize`: what to change: functions to be answered from caches, hooks that the next build should leave out. */
#include "cmd/optimize.h"

#include "cmd/commands.h"
#include "cmd/optimize_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PERCENT_DEFAULT 5.0

static const struct hst_option options[] = {
	{ 'o', "output", "FILE", HST_OPTION_TEXT, HST_OPTION_AT(output),
		"write the plan to this file, for hasten run --plan; with --instrumentation the flags, for gcc @FILE and hasten build --flags @FILE (-: standard output)" },
	{ 0, "pure", "FILE", HST_OPTION_TEXT, HST_OPTION_AT(pure),
		"functions whose result hangs on their arguments alone: a list (GLOB, one a line), or gcc's warnings, as for hasten cache" },
	{ 0, "trust", "observed", HST_OPTION_TEXT, HST_OPTION_AT(trust),
		"also functions that no recorded call contradicts, if all that they read is known; a result may be wrong where the recording had no such case" },
	{ 0, "only", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(only),
		"of the plan these functions only: GLOB, !GLOB, module:GLOB, file:GLOB, separated by commas" },
	{ 0, "without", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(without),
		"leave these functions out of the plan" },
	{ 0, "auto", NULL, HST_OPTION_FLAG, HST_OPTION_AT(automatic),
		"record, plan and verify in one: --auto -o FILE -- COMMAND; a plan that is not accepted is put aside" },
	{ 0, "instrumentation", NULL, HST_OPTION_FLAG, HST_OPTION_AT(instrumentation),
		"which functions should have no hooks, and the flags for that" },
	{ 0, "overhead", "PCT", HST_OPTION_TEXT, HST_OPTION_AT(overhead),
		"what hooks may cost, in percent of the program's time without any (default 5)" },
	{ 0, "keep", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(keep),
		"hooks in these functions only: GLOB, !GLOB, module:GLOB, file:GLOB, separated by commas" },
	{ 0, "force", NULL, HST_OPTION_FLAG, HST_OPTION_AT(force),
		"overwrite FILE though it is neither a plan nor a list of flags of ours" },
	{ 0, "compiler", "NAME", HST_OPTION_TEXT, HST_OPTION_AT(compiler),
		"whose means are predicted, shown and written: gcc (default) or clang" },
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows of the table, 0 = all (default 20)" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json), "JSON" },
	{ 0, "csv", NULL, HST_OPTION_FLAG, HST_OPTION_AT(csv), "comma-separated values" },
	HST_OPTION_TABLE_END,
};

static const char examples[] =
	"  hasten run --args -- ./app                       record with arguments\n"
	"  hasten optimize -o app.plan                      functions to be answered from caches\n"
	"  hasten run --plan app.plan -- ./app              answer them\n"
	"  hasten optimize --auto -o app.plan -- ./app      record, plan, verify\n"
	"  hasten optimize app.plan --without f -o app.plan the plan without f\n"
	"  hasten optimize --instrumentation                hooks for at most 5 % of the time\n"
	"  hasten optimize --instrumentation -o app.flags   flags into a file\n"
	"  hasten build --flags @$PWD/app.flags -- make     the next build\n"
	"  hasten optimize --instrumentation --keep 'parse*,main'   hooks in these only\n";

const char *const hst_optimize_clang_flags[] = { "-finstrument-functions-after-inlining", "-g",
	NULL };

static const char beside_hooks[] =
	"what the flag costs beside the hooks (registers that a call needs, code that is not inlined or not optimised around it) is in the program's time; it goes with the hooks, so the program becomes faster than that, and what is left is more percent of it: record the new build and ask again";
static const char calling_hooks[] =
	"what calling hooks costs is one figure for all calls, from a small loop; it differs with the code (registers that a call needs, what is not inlined or not optimised around it), by a half and more: record the new build and ask again";

static const char *const unknown[] = {
	"what the recorder does beside calls (its start, modules, writing full chunks) is in no figure here",
	"without its hooks a function may be inlined, or not, where it was not before",
	"another input calls other functions: the prediction is for a run like the recorded one",
	"clang's option hooks what is left after inlining: which functions that are, only its build shows",
	NULL,
};

const char *hst_optimize_unknown(const struct hst_optimize *optimize, size_t i)
{
	return i != 0 ? unknown[i - 1] : optimize->empty_ns > 0 ? calling_hooks : beside_hooks;
}

static int parse_percent(struct hst_optimize *optimize)
{
	const char *text = optimize->reading->options.overhead;
	char *end = NULL;

	optimize->percent = PERCENT_DEFAULT;
	if (text == NULL) {
		return HST_EXIT_OK;
	}
	optimize->percent = strtod(text, &end);
	if (end == text || (*end != '\0' && strcmp(end, "%") != 0) ||
		!isfinite(optimize->percent) || optimize->percent < 0) {
		return hst_reading_fail(optimize->reading,
			"--overhead needs a percentage such as 5, not '%s'", text);
	}
	return HST_EXIT_OK;
}

static int parse_compiler(struct hst_optimize *optimize)
{
	const char *name = optimize->reading->options.compiler;

	if (name == NULL || strcmp(name, "gcc") == 0) {
		optimize->compiler = HST_OPTIMIZE_GCC;
		return HST_EXIT_OK;
	}
	optimize->compiler = HST_OPTIMIZE_CLANG;
	return strcmp(name, "clang") == 0
		       ? HST_EXIT_OK
		       : hst_reading_fail(optimize->reading,
				 "--compiler takes gcc or clang, not '%s'", name);
}

/* Options that do not go together, or whose value is none. */
static int check_options(struct hst_optimize *optimize)
{
	const struct hst_options *asked = &optimize->reading->options;
	const char *refusal = NULL;
	struct hst_diag diag = { "" };
	int status;

	if (asked->json && asked->csv) {
		refusal = "--json and --csv do not go together";
	} else if (asked->keep != NULL && asked->overhead != NULL) {
		refusal =
			"--keep and --overhead do not go together: what is kept, is kept at any cost";
	} else if (asked->output != NULL && asked->output[0] == '\0') {
		refusal = "--output needs the name of a file";
	} else if (asked->output != NULL && strcmp(asked->output, "-") == 0 &&
		   (asked->json || asked->csv)) {
		refusal = "-o - and --json or --csv both want standard output";
	}
	if (refusal != NULL) {
		return hst_reading_fail(optimize->reading, "%s", refusal);
	}
	status = parse_percent(optimize);
	if (status == HST_EXIT_OK) {
		status = parse_compiler(optimize);
	}
	if (status == HST_EXIT_OK && asked->keep != NULL &&
		hst_filter_parse(asked->keep, &optimize->keep, &diag) != HST_OK) {
		status = hst_reading_fail(optimize->reading, "--keep: %s", diag.text);
	}
	return status;
}

static enum hst_status mark_kept(struct hst_optimize *optimize, struct hst_diag *diag)
{
	struct hst_instrument *set = &optimize->set;
	const char *unmatched;
	size_t kept = 0;
	size_t nameless = 0;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		nameless += function->nameless;
		function->kept = !function->nameless &&
				 hst_filter_matches(optimize->keep, function->name, function->full,
					 function->linkage, function->module, function->file);
		kept += function->kept;
	}
	unmatched = hst_filter_unmatched(optimize->keep, 0);
	if (unmatched != NULL && nameless != 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"--keep: no function of the recorded modules matches '%s'; %zu of them have no name here "
			"(stripped, or built anew since: record again)",
			unmatched, nameless);
	}
	if (unmatched != NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"--keep: no function of the recorded modules matches '%s'; hasten report lists names",
			unmatched);
	}
	if (kept == 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"--keep '%s' keeps no function; a build without hooks needs no flag",
			optimize->reading->options.keep);
	}
	return HST_OK;
}

static enum hst_status decide(struct hst_optimize *optimize, struct hst_diag *diag)
{
	struct hst_instrument *set = &optimize->set;

	if (optimize->keep != NULL) {
		HST_TRY(mark_kept(optimize, diag));
		hst_instrument_only_kept(set);
	} else if (optimize->call_ns <= 0) {
		return hst_diag_set(diag, HST_E_EMPTY,
			"what a call costs was not measured in this recording, so there is no budget to keep; name the "
			"functions that you need with --keep, or record again");
	} else if (hst_instrument_budget(set, optimize->before.hooks_ns, optimize->bare_ns,
			   optimize->percent) < 0) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_instrument_find_means(set, optimize->keep != NULL));
	optimize->gcc_flags = hst_instrument_gcc_flags(set);
	return optimize->gcc_flags == NULL ? HST_E_MEMORY : HST_OK;
}

/* The set whose functions qsort compares; it gives the comparison nothing else to know it by. */
static int by_cost(const void *a, const void *b, void *context)
{
	const struct hst_instrument_function *functions = context;
	const struct hst_instrument_function *x = &functions[*(const uint32_t *)a];
	const struct hst_instrument_function *y = &functions[*(const uint32_t *)b];

	if (x->calls != y->calls) {
		return x->calls > y->calls ? -1 : 1;
	}
	return strcmp(x->linkage, y->linkage);
}

/* Sums of what loses its hooks, and the order to show it in. */
static enum hst_status sum_up(struct hst_optimize *optimize)
{
	struct hst_instrument *set = &optimize->set;
	struct hst_optimize_cost *after = &optimize->after;

	optimize->order = calloc(set->functions.count + 1, sizeof *optimize->order);
	if (optimize->order == NULL) {
		return HST_E_MEMORY;
	}
	*after = optimize->before;
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];
		bool gone = hst_optimize_means(optimize, function, optimize->compiler) != NULL;
		uint64_t allocs;

		optimize->attributes += function->means == HST_MEANS_ATTRIBUTE;
		optimize->nameless += function->nameless;
		optimize->unreachable +=
			!gone && function->calls != 0 &&
			(function->unreachable || function->means != HST_MEANS_STAYS);
		if (!gone) {
			continue;
		}
		after->calls -= function->calls;
		after->hooks_ns -= function->cost_ns;
		after->bytes -= optimize->call_bytes > 0
					? (double)function->calls * optimize->call_bytes
					: 0;
		optimize->out_self_ns += function->self_ns;
		optimize->out_allocs +=
			hst_optimize_allocs(optimize, function, &allocs) ? allocs : 0;
		if (!function->system) {
			optimize->order[optimize->order_count++] = (uint32_t)i;
		}
	}
	after->hooks_ns = after->hooks_ns > 0 ? after->hooks_ns : 0;
	after->bytes = after->bytes < 0 && optimize->before.bytes >= 0 ? 0 : after->bytes;
	qsort_r(optimize->order, optimize->order_count, sizeof *optimize->order, by_cost,
		set->functions.items);
	return HST_OK;
}

enum hst_status hst_optimize_keep_rows(struct hst_optimize *optimize, const bool *rows)
{
	struct hst_instrument *set = &optimize->set;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->kept = !function->nameless &&
				 function->row < optimize->profile->function_count &&
				 rows[function->row];
	}
	hst_instrument_only_kept(set);
	HST_TRY(hst_instrument_find_means(set, true));
	optimize->gcc_flags = hst_instrument_gcc_flags(set);
	if (optimize->gcc_flags == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_optimize_find_files(optimize));
	return sum_up(optimize);
}

static int show(struct hst_optimize *optimize)
{
	const struct hst_options *asked = &optimize->reading->options;
	int status = HST_EXIT_OK;

	if (asked->output != NULL) {
		status = hst_optimize_write(optimize);
		if (status != HST_EXIT_OK || strcmp(asked->output, "-") == 0) {
			hst_reading_losses(optimize->reading, optimize->profile);
			return status;
		}
	}
	if (asked->json) {
		hst_optimize_json(optimize);
	} else if (asked->csv) {
		hst_optimize_csv(optimize);
		hst_reading_losses(optimize->reading, optimize->profile);
	} else {
		status = hst_optimize_text(optimize);
	}
	return status;
}

static int run(struct hst_optimize *optimize)
{
	struct hst_profile_options asked = { .modules = true };
	struct hst_diag diag = { "" };
	enum hst_status status;
	int result = check_options(optimize);

	if (result == HST_EXIT_OK) {
		result = hst_reading_profile(optimize->reading, &asked, optimize->profile);
	}
	if (result != HST_EXIT_OK) {
		return result;
	}
	status = hst_optimize_gather(optimize, &diag);
	if (status == HST_OK) {
		status = decide(optimize, &diag);
	}
	if (status == HST_OK) {
		status = hst_optimize_find_files(optimize);
	}
	if (status == HST_OK) {
		status = sum_up(optimize);
	}
	if (status != HST_OK) {
		return hst_reading_fail(optimize->reading, "%s",
			diag.text[0] != '\0' ? diag.text : hst_status_text(status));
	}
	return show(optimize);
}

/* What belongs to the one view does not belong to the other. */
static const char *refuse(const struct hst_options *asked)
{
	if (asked->instrumentation) {
		return asked->pure == NULL && asked->trust == NULL && asked->only == NULL &&
				       asked->without == NULL
			       ? NULL
			       : "--pure, --trust, --only and --without are about plans: they do not go together with --instrumentation";
	}
	return asked->overhead == NULL && asked->keep == NULL && asked->compiler == NULL
		       ? NULL
		       : "--overhead, --keep and --compiler belong to --instrumentation: which functions should have no hooks";
}

static int dispatch(struct hst_optimize *optimize)
{
	const char *refusal = refuse(&optimize->reading->options);

	if (refusal != NULL) {
		return hst_reading_fail(optimize->reading, "%s", refusal);
	}
	return optimize->reading->options.instrumentation
		       ? run(optimize)
		       : hst_optimize_make_plan(optimize->reading);
}

int hst_cmd_optimize(int argc, char **argv)
{
	struct hst_reading reading = { .command = argv[0] };
	struct hst_profile profile = { 0 };
	struct hst_optimize optimize = { .reading = &reading, .profile = &profile };
	int status;

	if (hst_optimize_is_auto(argc, argv)) {
		return hst_optimize_auto(&reading, argc, argv, options);
	}
	/* A plan is edited without a data directory. */
	if (hst_options_parse(argc, argv, options, &reading.options, NULL) == HST_OK &&
		!reading.options.help && hst_optimize_is_plan(reading.options.dir)) {
		return hst_optimize_edit(&reading);
	}
	status = hst_reading_open(&reading, argc, argv, options, examples);
	if (status == HST_EXIT_OK && !reading.done) {
		status = dispatch(&optimize);
	}
	hst_optimize_finish(&optimize);
	hst_profile_finish(&profile);
	hst_reading_close(&reading);
	return status;
}
