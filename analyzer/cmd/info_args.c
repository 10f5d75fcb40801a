/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten info --args`: which arguments and results could be recorded, where they are, and why others cannot. */
#include "cmd/info_args.h"

#include "cmd/commands.h"
#include "cmd/info.h"
#include "symbols/function_rules.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* For qsort, which takes no context. */
static const struct hst_recipe_site *sorted_sites;

static int by_function(const void *a, const void *b)
{
	const size_t *i = a;
	const size_t *j = b;
	const struct hst_recipe_site *x = &sorted_sites[*i];
	const struct hst_recipe_site *y = &sorted_sites[*j];

	if (x->fn != y->fn) {
		return x->fn < y->fn ? -1 : 1;
	}
	return x->ret < y->ret ? -1 : x->ret > y->ret;
}

/* Is this exit one where a result could be: not an exception's, and not one of nothing? */
static bool has_result(const struct hst_recipe_site *site)
{
	bool is_void = site->result_reason == HST_RECIPE_READABLE &&
		       site->result.kind == HST_PLAN_PLACE_NONE;

	return !site->inlined && !is_void && site->reason == HST_RECIPE_READABLE &&
	       site->result_reason != HST_RECIPE_UNWINDS &&
	       !(site->tail && strcmp(site->type, "void") == 0);
}

static void take_enter(const struct hst_args *args, const struct hst_recipe_site *site,
	struct hst_args_function *function)
{
	bool complete = hst_recipes_complete(&args->recipes, site);

	if (site->inlined) {
		function->inlined++;
		function->inlined_complete += complete;
	} else {
		function->complete = complete && (function->complete || !function->own);
		function->own = true;
	}
	if (function->enter == NULL || (function->enter->inlined && !site->inlined)) {
		function->enter = site;
	}
}

static void take_exit(const struct hst_recipe_site *site, struct hst_args_function *function)
{
	bool readable = site->result_reason == HST_RECIPE_READABLE;

	if (has_result(site)) {
		function->result = readable && (function->result || !function->returns);
		/* What cannot be read explains more. */
		if (!function->returns ||
			(!readable && function->exit->result_reason == HST_RECIPE_READABLE)) {
			function->exit = site;
		}
		function->returns = true;
	} else if (function->exit == NULL) {
		function->exit = site;
	}
}

static void count_function(struct hst_args *args, const struct hst_args_function *function)
{
	args->inlined += function->inlined;
	args->inlined_complete += function->inlined_complete;
	if (!function->own) {
		return;
	}
	args->own++;
	args->complete += function->complete;
	args->returns += function->returns;
	args->results += function->returns && function->result;
	args->without_result += !function->returns;
	if (function->enter->reason != HST_RECIPE_READABLE) {
		args->whole[function->enter->reason]++;
	}
	for (uint32_t i = 0; i < function->enter->param_count; i++) {
		args->arguments[args->recipes.params[function->enter->first_param + i].reason]++;
	}
	if (function->returns && !function->result) {
		args->missed[function->exit->result_reason]++;
	}
}

static enum hst_status group(struct hst_args *args)
{
	const struct hst_recipes *recipes = &args->recipes;

	args->order = calloc(recipes->site_count + 1, sizeof *args->order);
	if (args->order == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < recipes->site_count; i++) {
		args->order[i] = i;
	}
	sorted_sites = recipes->sites;
	qsort(args->order, recipes->site_count, sizeof *args->order, by_function);
	for (size_t i = 0; i < recipes->site_count;) {
		uint64_t fn = recipes->sites[args->order[i]].fn;
		struct hst_args_function function = { .fn = fn, .first = i };

		for (; i < recipes->site_count && recipes->sites[args->order[i]].fn == fn; i++) {
			const struct hst_recipe_site *site = &recipes->sites[args->order[i]];

			if (site->exit) {
				take_exit(site, &function);
			} else {
				take_enter(args, site, &function);
			}
			function.count++;
		}
		function.symbol = fn == 0 ? NULL : hst_image_function(args->image, fn);
		count_function(args, &function);
		if (!hst_vec_push(&args->functions, function)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

static void function_cells(struct hst_table *table, const struct hst_args_function *function)
{
	char place[512] = "";
	const struct hst_function *symbol = function->symbol;

	hst_table_cell(table, symbol == NULL ? "?" : symbol->name);
	if (symbol != NULL && symbol->file != NULL) {
		(void)snprintf(
			place, sizeof place, "%s:%u", hst_base_name(symbol->file), symbol->line);
	}
	hst_table_cell(table, place);
}

/* Cells of a row: an argument, its type, what of it counts, where it is. */
struct cells {
	const char *what, *type, *keyed, *place;
};

static void row(struct hst_table *table, const struct hst_args_function *function, bool *first,
	struct cells cells)
{
	hst_table_row(table);
	if (*first) {
		function_cells(table, function);
	} else {
		hst_table_cell(table, "");
		hst_table_cell(table, "");
	}
	*first = false;
	hst_table_cell(table, cells.what);
	hst_table_cell(table, cells.type);
	hst_table_cell(table, cells.keyed);
	hst_table_cell(table, cells.place);
}

static void param_row(struct hst_table *table, const struct hst_args *args,
	const struct hst_args_function *function, const struct hst_recipe_param *param, bool *first)
{
	char text[HST_ARGS_PLACE_BYTES];
	char keyed[HST_ARGS_PLACE_BYTES];

	hst_args_place(text, &args->recipes.pieces[param->first_piece], param->piece_count);
	/* Where it is _BYTES there is a next one. */
	hst_args_keyed(keyed, param, param + 1);
	if (param->reason != HST_RECIPE_READABLE) {
		(void)snprintf(text, sizeof text, "- %s", hst_recipe_text(param->reason));
		keyed[0] = '\0';
	}
	row(table, function, first,
		(struct cells){ param->name == NULL ? "(no name)" : param->name, param->type, keyed,
			text });
}

static void result_row(
	struct hst_table *table, const struct hst_args_function *function, bool *first)
{
	const struct hst_recipe_site *exit = function->exit;
	char text[HST_ARGS_PLACE_BYTES];

	if (strcmp(exit->type, "void") == 0 && exit->reason == HST_RECIPE_READABLE) {
		return;
	}
	hst_args_place(text, &exit->result, 1);
	if (exit->reason != HST_RECIPE_READABLE || exit->result_reason != HST_RECIPE_READABLE) {
		(void)snprintf(text, sizeof text, "- %s",
			hst_recipe_text(exit->reason != HST_RECIPE_READABLE ? exit->reason
									    : exit->result_reason));
	}
	row(table, function, first, (struct cells){ "(result)", exit->type, "", text });
}

static void function_rows(struct hst_table *table, const struct hst_args *args,
	const struct hst_args_function *function)
{
	const struct hst_recipe_site *enter = function->enter;
	char text[HST_ARGS_PLACE_BYTES];
	bool first = true;

	for (uint32_t i = 0; enter != NULL && i < enter->param_count; i++) {
		param_row(table, args, function, &args->recipes.params[enter->first_param + i],
			&first);
	}
	if (enter != NULL && enter->reason != HST_RECIPE_READABLE) {
		(void)snprintf(text, sizeof text, "- %s", hst_recipe_text(enter->reason));
		row(table, function, &first, (struct cells){ "(all)", "", "", text });
	}
	if (function->exit != NULL) {
		result_row(table, function, &first);
	}
	if (function->inlined > 0) {
		(void)snprintf(text, sizeof text, "%zu of %zu places", function->inlined_complete,
			function->inlined);
		row(table, function, &first, (struct cells){ "(inlined)", "", "", text });
	}
	if (first) {
		row(table, function, &first, (struct cells){ "(none)", "", "", "" });
	}
}

static void say_reasons(const char *what, const size_t counts[HST_RECIPE_REASONS])
{
	for (unsigned i = HST_RECIPE_READABLE + 1; i < HST_RECIPE_REASONS; i++) {
		if (counts[i] > 0) {
			hst_print_line("  %6zu %s: %s", counts[i], what, hst_recipe_text(i));
		}
	}
}

static void summary(const struct hst_args *args)
{
	char complete[HST_UNITS_BYTES];
	char results[HST_UNITS_BYTES];

	hst_units_percent(complete, (double)args->complete, (double)args->own);
	hst_units_percent(results, (double)args->results, (double)args->returns);
	hst_print_line(
		"%zu functions: all arguments can be read of %zu (%s %%), the result of %zu of "
		"the %zu that have one (%s %%)",
		args->own, args->complete, complete, args->results, args->returns, results);
	if (args->inlined > 0) {
		hst_print_line(
			"inlined into others at %zu places: all arguments can be read at %zu",
			args->inlined, args->inlined_complete);
	}
	say_reasons("functions", args->whole);
	say_reasons("arguments", args->arguments);
	say_reasons("results", args->missed);
	if (args->recipes.incomplete) {
		hst_print_line(
			"incomplete: %s is damaged or larger than what is looked at: something was left out",
			args->path);
	}
}

static enum hst_status print_text(struct hst_reading *reading, const struct hst_args *args)
{
	struct hst_table *table = hst_table_create();
	enum hst_status status;

	hst_reading_begin_text(reading);
	hst_table_column(table, "FUNCTION", HST_COLUMN_FLEX);
	hst_table_column(table, "DECLARED", HST_COLUMN_FLEX);
	hst_table_column(table, "ARGUMENT", HST_COLUMN_FLEX);
	hst_table_column(table, "TYPE", HST_COLUMN_FLEX);
	hst_table_column(table, "WHAT COUNTS", HST_COLUMN_FLEX);
	hst_table_column(table, "WHERE IT IS AT THE HOOK", HST_COLUMN_FLEX);
	for (size_t i = 0; i < args->functions.count; i++) {
		function_rows(table, args, &args->functions.items[i]);
	}
	status = hst_table_print(table, stdout, &reading->style);
	hst_table_destroy(table);
	puts("");
	summary(args);
	return status;
}

static enum hst_status read_args(struct hst_args *args, struct hst_diag *diag)
{
	enum hst_status status = hst_image_open(args->path, NULL, 0, &args->image, diag);
	struct hst_function_rules *rules = NULL;

	HST_TRY(status);
	if ((hst_image_flags(args->image) & (HST_IMAGE_HAS_HOOKS | HST_IMAGE_DEFINES_HOOKS)) !=
		HST_IMAGE_HAS_HOOKS) {
		return hst_diag_set(diag, HST_E_NO_DEBUG, "%s %s", args->path,
			(hst_image_flags(args->image) & HST_IMAGE_DEFINES_HOOKS) != 0
				? "has hooks of its own: ours are not called"
				: "calls no hooks: compile with -finstrument-functions -g");
	}
	status = hst_recipes_read(args->image, &args->recipes, diag);
	if (status == HST_E_NO_DEBUG) {
		char text[HST_DIAG_BYTES];

		memcpy(text, diag->text, sizeof text);
		return hst_diag_set(diag, status, "%s has %s", args->path, text);
	}
	HST_TRY(status);
	HST_TRY(hst_function_rules_read(NULL, &rules, diag));
	hst_recipes_contents(&args->recipes, args->image, rules);
	hst_function_rules_destroy(rules);
	return group(args);
}

int hst_info_args(struct hst_reading *reading)
{
	struct hst_args args = { .path = reading->options.args };
	struct hst_diag diag = { "" };
	enum hst_status status = HST_E_USAGE;

	if (reading->options.dir != NULL) {
		(void)hst_diag_set(&diag, status,
			"--args looks at a program, not at a data directory: "
			"leave '%s' out",
			reading->options.dir);
	} else {
		status = read_args(&args, &diag);
	}
	if (status == HST_OK && reading->options.json) {
		hst_args_json(&args);
	} else if (status == HST_OK) {
		status = print_text(reading, &args);
	}
	hst_vec_finish(&args.functions);
	free(args.order);
	hst_recipes_finish(&args.recipes);
	hst_image_close(args.image);
	hst_reading_close(reading);
	if (status == HST_OK) {
		return HST_EXIT_OK;
	}
	return hst_reading_fail(
		reading, "%s", diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}
