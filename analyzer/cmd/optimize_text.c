/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten optimize --instrumentation` for people: what it costs, what is lost, and the flags to paste. */
#include "cmd/commands.h"
#include "cmd/optimize.h"
#include "writers/text.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS_DEFAULT  20u
#define COUNT(value)  ((unsigned long long)(value))
#define PLURAL(value) ((value) == 1 ? "" : "s")

/* A word of any length behind a blank, cleaned: lists of functions are long. */
static void print_clean(const char *text)
{
	size_t size = 3 * strlen(text) + 1;
	char *clean = malloc(size);

	if (clean != NULL) {
		(void)hst_text_clean(clean, size, text);
	}
	putchar(' ');
	fputs(clean == NULL ? "[out of memory]" : clean, stdout);
	free(clean);
}

static size_t rows_of(const struct hst_optimize *optimize, size_t count)
{
	uint64_t rows = optimize->reading->options.rows;

	rows = rows == UINT64_MAX ? ROWS_DEFAULT : rows;
	return rows == 0 || rows > count ? count : (size_t)rows;
}

static const struct hst_instrument_function *function_at(
	const struct hst_optimize *optimize, size_t i)
{
	return &optimize->set.functions.items[optimize->order[i]];
}

static void say_before(const struct hst_optimize *optimize)
{
	char text[5][HST_UNITS_BYTES];
	const char *clock = optimize->cpu ? " CPU time" : "";

	hst_units_count(text[0], optimize->before.calls);
	hst_units_ns(text[1], optimize->before.hooks_ns);
	hst_units_ns(text[2], optimize->call_ns);
	hst_units_ns(text[3], optimize->bare_ns);
	hst_units_percent(text[4], optimize->before.hooks_ns, optimize->bare_ns);
	if (optimize->call_ns <= 0) {
		hst_print_line("hooks of %s calls; what one costs was not measured", text[0]);
	} else if (optimize->empty_ns <= 0) {
		hst_print_line(
			"hooks of %s calls cost %s (%s each) beside %s%s of the program: %s %%",
			text[0], text[1], text[2], text[3], clock, text[4]);
	} else {
		hst_print_line(
			"hooks of %s calls cost %s (%s each, and %.1f ns to call them) beside %s%s of the program without hooks: "
			"%s %%",
			text[0], text[1], text[2], optimize->empty_ns, text[3], clock, text[4]);
	}
}

static void say_cost(const struct hst_optimize *optimize)
{
	const struct hst_optimize_cost *before = &optimize->before;
	const struct hst_optimize_cost *after = &optimize->after;
	char text[6][HST_UNITS_BYTES];

	say_before(optimize);
	if (optimize->order_count == 0) {
		return;
	}
	hst_units_count(text[0], after->calls);
	hst_units_ns(text[1], after->hooks_ns);
	hst_units_percent(text[4], after->hooks_ns, optimize->bare_ns);
	hst_print_line("predicted: %s calls%s%s%s%s%s", text[0], optimize->call_ns > 0 ? ", " : "",
		optimize->call_ns > 0 ? text[1] : "", optimize->call_ns > 0 ? ": " : "",
		optimize->call_ns > 0 ? text[4] : "", optimize->call_ns > 0 ? " %" : "");
	if (optimize->call_bytes > 0) {
		hst_units_bytes(text[0], (uint64_t)before->bytes);
		hst_units_bytes(text[1], (uint64_t)after->bytes);
		hst_print_line("trace: %s, then about %s", text[0], text[1]);
	}
}

static void say_loss(const struct hst_optimize *optimize)
{
	char self[HST_UNITS_BYTES];
	char share[HST_UNITS_BYTES];
	char allocs[HST_UNITS_BYTES];
	size_t count = optimize->order_count;

	hst_units_ns(self, (double)optimize->out_self_ns);
	hst_units_percent(share, (double)optimize->out_self_ns, optimize->program_ns);
	hst_units_count(allocs, optimize->out_allocs);
	hst_print_line(
		"%zu function%s without hooks: no rows, percentiles and errors of their own; "
		"their time (%s, %s %% of all that was recorded)%s%s%s count%s for their callers",
		count, PLURAL(count), self, share, optimize->heap != NULL ? " and their " : "",
		optimize->heap != NULL ? allocs : "", optimize->heap != NULL ? " allocations" : "",
		optimize->heap != NULL ? "" : "s");
}

static void add_row(const struct hst_optimize *optimize, struct hst_table *table,
	const struct hst_instrument_function *function)
{
	char text[1200];
	uint64_t allocs;

	hst_table_row(table);
	hst_cell_count(table, function->calls);
	hst_units_ns(text, function->cost_ns);
	hst_table_cell(table, optimize->call_ns > 0 ? text : "");
	hst_units_percent(text, function->cost_ns, optimize->before.hooks_ns);
	hst_table_cell(table, optimize->call_ns > 0 ? text : "");
	hst_units_bytes(text, (uint64_t)((double)function->calls * optimize->call_bytes));
	hst_table_cell(table, optimize->call_bytes > 0 ? text : "");
	hst_units_ns(text, (double)function->self_ns);
	hst_table_cell(table, text);
	if (hst_optimize_allocs(optimize, function, &allocs)) {
		hst_cell_count(table, allocs);
	} else {
		hst_table_cell(table, "");
	}
	hst_table_cell(table, hst_optimize_means(optimize, function, optimize->compiler));
	hst_table_cell(table, function->name);
	(void)snprintf(text, sizeof text, "%s:%u",
		function->file == NULL ? "" : hst_base_name(function->file), function->line);
	hst_table_cell(table, function->file == NULL ? "" : text);
}

static int print_table(struct hst_optimize *optimize)
{
	static const struct {
		const char *title;
		unsigned flags;
	} columns[] = { { "CALLS", HST_COLUMN_RIGHT }, { "COST", HST_COLUMN_RIGHT },
		{ "COST%", HST_COLUMN_RIGHT }, { "TRACE", HST_COLUMN_RIGHT },
		{ "SELF", HST_COLUMN_RIGHT }, { "ALLOCS", HST_COLUMN_RIGHT }, { "MEANS", 0 },
		{ "FUNCTION", HST_COLUMN_FLEX }, { "FILE", HST_COLUMN_FLEX } };
	size_t rows = rows_of(optimize, optimize->order_count);
	struct hst_table *table = hst_table_create();
	enum hst_status status = HST_E_MEMORY;

	if (table == NULL) {
		return hst_reading_fail(optimize->reading, "out of memory");
	}
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		hst_table_column(table, columns[i].title, columns[i].flags);
	}
	for (size_t i = 0; i < rows; i++) {
		add_row(optimize, table, function_at(optimize, i));
	}
	putchar('\n');
	status = hst_table_print(table, stdout, &optimize->reading->style);
	hst_table_destroy(table);
	if (rows < optimize->order_count) {
		hst_print_line("and %zu more (-n 0 shows all)", optimize->order_count - rows);
	}
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(optimize->reading, "out of memory");
}

/* "file.c:12: __attribute__((no_instrument_function)) name", and why no flag does it. */
static void print_attribute(const struct hst_optimize *optimize,
	const struct hst_instrument_function *function, enum hst_optimize_compiler compiler)
{
	const struct hst_instrument *set = &optimize->set;
	const char *taken =
		compiler == HST_OPTIMIZE_GCC && function->would_lose < set->functions.count
			? set->functions.items[function->would_lose].name
			: NULL;

	hst_print_line("    %s:%u: __attribute__((no_instrument_function)) %s%s%s%s",
		function->file == NULL ? "?" : function->file, function->line, function->name,
		taken == NULL ? "" : "   (an entry would take ", taken == NULL ? "" : taken,
		taken == NULL ? "" : " too)");
}

static void print_attributes(
	const struct hst_optimize *optimize, enum hst_optimize_compiler compiler)
{
	size_t count = 0;
	size_t shown = 0;

	for (size_t i = 0; i < optimize->order_count; i++) {
		count += hst_optimize_wants_attribute(optimize, function_at(optimize, i), compiler);
	}
	if (count == 0) {
		return;
	}
	hst_print_line("  in the source, since no flag %s:",
		compiler == HST_OPTIMIZE_GCC ? "takes these and no other function"
					     : "of clang names a function");
	for (size_t i = 0; i < optimize->order_count && shown < rows_of(optimize, count); i++) {
		const struct hst_instrument_function *function = function_at(optimize, i);

		if (hst_optimize_wants_attribute(optimize, function, compiler)) {
			print_attribute(optimize, function, compiler);
			shown++;
		}
	}
	if (shown < count) {
		hst_print_line("    and %zu more (-n 0 shows all)", count - shown);
	}
}

/* Functions are in the order of their cost: each file comes where its first one does. */
static void print_clang_files(const struct hst_optimize *optimize)
{
	size_t shown = 0;

	for (size_t i = 0; i < optimize->order_count; i++) {
		const struct hst_instrument_function *function = function_at(optimize, i);
		bool seen = false;

		if (!hst_optimize_clang_file(optimize, function)) {
			continue;
		}
		for (size_t k = 0; k < i && !seen; k++) {
			const struct hst_instrument_function *other = function_at(optimize, k);

			seen = other->file != NULL && strcmp(other->file, function->file) == 0;
		}
		if (!seen && shown++ == 0) {
			hst_print_line(
				"  without any flag of hooks, since nothing in them is to be recorded:");
		}
		if (!seen) {
			hst_print_line("    %s", function->file);
		}
	}
}

void hst_optimize_print_compiler(struct hst_optimize *optimize, enum hst_optimize_compiler compiler)
{
	hst_print_line("%s:", compiler == HST_OPTIMIZE_GCC ? "gcc" : "clang");
	fputc(' ', stdout);
	for (const char *const *flag = hst_optimize_flags(optimize, compiler); *flag != NULL;
		flag++) {
		const char *text =
			hst_instrument_quote(&optimize->set.arena, *flag, HST_QUOTING_SHELL);

		print_clean(text == NULL ? "[out of memory]" : text);
	}
	putchar('\n');
	if (compiler == HST_OPTIMIZE_CLANG) {
		print_clang_files(optimize);
	}
	print_attributes(optimize, compiler);
}

static void say_doubts(const struct hst_optimize *optimize)
{
	double allowed = optimize->bare_ns * optimize->percent / 100;

	if (optimize->keep == NULL && optimize->after.hooks_ns > allowed) {
		hst_print_line(
			"note: the budget of %g %% is not reached: no means is left for the rest",
			optimize->percent);
	}
	if (optimize->unreachable != 0) {
		hst_print_line(
			"note: %llu function%s of the system's headers should have no hooks, but %s has no means to "
			"leave out %s",
			COUNT(optimize->unreachable), PLURAL(optimize->unreachable),
			optimize->compiler == HST_OPTIMIZE_GCC ? "gcc" : "clang",
			optimize->unreachable == 1 ? "it" : "them");
	}
	if (optimize->nameless != 0) {
		hst_print_line(
			"note: %llu function%s that %s called %s no name here, so no flag can leave %s out",
			COUNT(optimize->nameless), PLURAL(optimize->nameless),
			optimize->nameless == 1 ? "was" : "were",
			optimize->nameless == 1 ? "has" : "have",
			optimize->nameless == 1 ? "it" : "them");
	}
	for (size_t i = 0;
		!optimize->reading->options.quiet && hst_optimize_unknown(optimize, i) != NULL;
		i++) {
		hst_print_line("not predicted: %s", hst_optimize_unknown(optimize, i));
	}
}

static void say_kept(const struct hst_optimize *optimize)
{
	const struct hst_instrument *set = &optimize->set;
	size_t kept = 0;
	size_t called = 0;

	for (size_t i = 0; i < set->functions.count; i++) {
		kept += set->functions.items[i].kept;
		called += set->functions.items[i].kept && set->functions.items[i].calls != 0;
	}
	hst_print_line(
		"kept: %zu function%s, of which %zu %s called; entries are parts of names that none of these "
		"has, as short as may be",
		kept, PLURAL(kept), called, called == 1 ? "was" : "were");
}

/* The next build, with the file's whole path: compilers run elsewhere. */
static void say_next(const struct hst_optimize *optimize)
{
	const char *output = optimize->reading->options.output;
	char *path = output == NULL ? NULL : realpath(output, NULL);

	if (path != NULL && !optimize->reading->options.quiet) {
		bool plain = strpbrk(path, " \t\n'\"\\$`") == NULL;

		hst_print_line("written: %s", output);
		hst_print_line("next: hasten build --flags %s@%s%s -- make", plain ? "" : "'\"",
			path, plain ? "" : "\"'");
	} else if (output == NULL && !optimize->reading->options.quiet) {
		hst_print_line(
			"next: hasten optimize --instrumentation ... -o FILE, then hasten build "
			"--flags @$PWD/FILE -- make");
	}
	free(path);
}

int hst_optimize_text(struct hst_optimize *optimize)
{
	int status = HST_EXIT_OK;

	hst_reading_begin_text(optimize->reading);
	if (optimize->reading->session.command != NULL) {
		hst_print_line("%s", optimize->reading->session.command);
	}
	say_cost(optimize);
	hst_reading_notes(optimize->reading, optimize->profile);
	if (optimize->keep != NULL) {
		say_kept(optimize);
	}
	if (optimize->order_count != 0) {
		say_loss(optimize);
	} else {
		hst_print_line("nothing to leave out");
	}
	say_doubts(optimize);
	if (optimize->order_count != 0) {
		status = print_table(optimize);
	}
	putchar('\n');
	hst_optimize_print_compiler(optimize, HST_OPTIMIZE_GCC);
	hst_optimize_print_compiler(optimize, HST_OPTIMIZE_CLANG);
	putchar('\n');
	say_next(optimize);
	return status;
}
