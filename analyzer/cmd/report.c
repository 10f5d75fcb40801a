/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten report`: which function costs what. */
#include "cmd/report.h"

#include "cmd/answered.h"

#include "cmd/commands.h"
#include "passes/failures.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT    20u
#define NAME_SHOWN      60u /* a longer one makes no command that one would type */
#define COLUMNS_DEFAULT "self,self%,total,calls,percall,p99,errors,"
#define COLUMNS_CPU     "self,self%,selfcpu,total,calls,percall,p99,errors,"
#define COLUMNS_FAILED  "failed%,function,file"
#define COLUMNS_PLACE   "function,file"

static const struct hst_option options[] = {
	{ 'n', "rows", "ROWS", HST_OPTION_COUNT, HST_OPTION_AT(rows),
		"rows of the table, 0 = all (default 20; all with --json and --csv)" },
	{ 's', "sort", "COLUMN", HST_OPTION_TEXT, HST_OPTION_AT(sort),
		"sort by this column (default self)" },
	{ 'r', "reverse", NULL, HST_OPTION_FLAG, HST_OPTION_AT(reverse), "the other way round" },
	{ 'c', "columns", "COLUMNS", HST_OPTION_TEXT, HST_OPTION_AT(columns),
		"columns of the table, separated by commas; +NAME adds one" },
	{ 'F', "filter", "EXPR", HST_OPTION_TEXT, HST_OPTION_AT(filter),
		"rows: GLOB, !GLOB, module:GLOB, file:GLOB, separated by commas" },
	{ 0, "of", "FUNCTION", HST_OPTION_TEXT, HST_OPTION_AT(of),
		"callers and callees of a function" },
	{ 0, "by", "WHAT", HST_OPTION_TEXT, HST_OPTION_AT(by), "sum up by thread, module or file" },
	{ 0, "process", "PID", HST_OPTION_COUNT, HST_OPTION_AT(pid), "this process only" },
	{ 0, "thread", "TID", HST_OPTION_COUNT, HST_OPTION_AT(tid), "this thread only" },
	{ 0, "names", "FORM", HST_OPTION_TEXT, HST_OPTION_AT(names),
		"names: short (default), full or linkage" },
	{ 0, "json", NULL, HST_OPTION_FLAG, HST_OPTION_AT(json), "JSON" },
	{ 0, "csv", NULL, HST_OPTION_FLAG, HST_OPTION_AT(csv), "comma-separated values" },
	{ 0, "blocked", NULL, HST_OPTION_FLAG, HST_OPTION_AT(blocked),
		"the longest stretches in which a thread was not on a CPU" },
	{ 0, "least", "US", HST_OPTION_COUNT, HST_OPTION_AT(least_us),
		"with --blocked: stretches of at least so many microseconds, 0 = all (default 1000)" },
	HST_OPTION_TABLE_END,
};

static const char examples[] =
	"  hasten report                   the functions with the most time\n"
	"  hasten report -s calls -n 50    by number of calls\n"
	"  hasten report --of parse        who calls it, what it calls\n"
	"  hasten report -c +max,+module   two more columns\n"
	"  hasten report --blocked         where threads waited longest\n"
	"  hasten report --json            for programs\n"
	"\n"
	"columns: self self% selfcpu selfoff selfrange total total% totalcpu totaloff\n"
	"         totalrange calls percall avg min p50 p90 p99 max errors failed failed%\n"
	"         inlined open threads cost allocs alloc peak leaked temporary allocator function file\n"
	"         module\n";

/* The columns of -c: a list, or additions to the default ones. */
static enum hst_status parse_columns(const char *text, const struct hst_report_column **ret_columns,
	size_t *ret_count, struct hst_diag *diag)
{
	char names[512];

	while (*text != '\0') {
		size_t length = strcspn(text, ",");
		size_t plus = text[0] == '+';
		const struct hst_report_column *column =
			hst_report_column(text + plus, length - plus);

		if (column == NULL) {
			hst_report_column_names(names, sizeof names);
			return hst_diag_set(diag, HST_E_USAGE,
				"there is no column '%.*s'; columns are: %s", (int)(length - plus),
				text + plus, names);
		}
		if (*ret_count < 32) {
			ret_columns[(*ret_count)++] = column;
		}
		text += length + (text[length] == ',');
	}
	return HST_OK;
}

/* Has a row that is shown a result that says whether the call failed? */
static bool has_failures(const struct hst_report *report)
{
	for (size_t i = 0; i < report->order_count; i++) {
		if (hst_row_has_failures(&report->profile->functions[report->order[i]])) {
			return true;
		}
	}
	return false;
}

static enum hst_status choose_columns(const struct hst_report *report,
	const struct hst_report_column **ret_columns, size_t *ret_count, struct hst_diag *diag)
{
	const char *asked = report->reading->options.columns;

	*ret_count = 0;
	if (asked == NULL || asked[0] == '+') {
		bool cpu = hst_profile_has_cpu(report->profile);

		HST_TRY(parse_columns(
			cpu ? COLUMNS_CPU : COLUMNS_DEFAULT, ret_columns, ret_count, diag));
		HST_TRY(parse_columns(has_failures(report) ? COLUMNS_FAILED : COLUMNS_PLACE,
			ret_columns, ret_count, diag));
	}
	return asked == NULL ? HST_OK : parse_columns(asked, ret_columns, ret_count, diag);
}

/* One row for all that did not find room. */
static void others_row(const struct hst_report *report, struct hst_table *table,
	const struct hst_report_column **columns, size_t count, size_t from)
{
	struct hst_function_row sum = { .name = "", .full = "", .linkage = "" };
	char text[HST_CELL_BYTES];

	for (size_t i = from; i < report->order_count; i++) {
		const struct hst_function_row *row = &report->profile->functions[report->order[i]];

		sum.self_ns += row->self_ns;
		sum.self_off_ns += row->self_off_ns;
		sum.flags |= row->flags & (HST_ROW_CPU_UNKNOWN | HST_ROW_CPU_COARSE);
		sum.calls += row->calls;
		sum.answered += row->answered;
		sum.errors += row->errors;
	}
	hst_table_row(table);
	for (size_t c = 0; c < count; c++) {
		bool summed = strcmp(columns[c]->name, "self") == 0 ||
			      strcmp(columns[c]->name, "self%") == 0 ||
			      strcmp(columns[c]->name, "selfcpu") == 0 ||
			      strcmp(columns[c]->name, "selfoff") == 0 ||
			      strcmp(columns[c]->name, "calls") == 0 ||
			      strcmp(columns[c]->name, "errors") == 0;

		text[0] = '\0';
		if (summed) {
			columns[c]->write(report, &sum, text);
		} else if (strcmp(columns[c]->name, "function") == 0) {
			(void)snprintf(
				text, sizeof text, "[%zu others]", report->order_count - from);
		}
		hst_table_cell(table, text);
	}
}

/*
 * How much was subtracted, and how much it may have been: a hook costs more in one program than in another. What was not a pair of
 * hooks is writing and records of memory.
 */
static void cost_line(const struct hst_profile *profile)
{
	char cost[HST_UNITS_BYTES];
	char each[HST_UNITS_BYTES];
	char low[HST_UNITS_BYTES];
	char high[HST_UNITS_BYTES];
	char beside[HST_UNITS_BYTES];
	char keys[HST_UNITS_BYTES];
	double missed =
		profile->calls == 0 ? 0 : (double)profile->missed_calls / (double)profile->calls;
	double pair =
		profile->cost_inside_ns + profile->cost_outside_ns + missed * profile->cost_miss_ns;
	double rest = (double)profile->compensated_ns - pair * (double)profile->calls -
		      profile->cost_keys_ns;
	bool range = profile->cost_low < profile->cost_high;

	hst_units_ns(cost, (double)profile->compensated_ns);
	hst_units_ns(each, pair);
	hst_units_ns(low, pair * profile->cost_low);
	hst_units_ns(high, pair * profile->cost_high);
	hst_units_ns(beside, rest);
	hst_units_ns(keys, profile->cost_keys_ns);
	hst_print_line("our own cost of %s (%s per call%s%s%s%s%s%s%s%s) is subtracted", cost, each,
		range ? "; it may have been " : "", range ? low : "", range ? " to " : "",
		range ? high : "",
		profile->cost_keys_ns > 0 ? "; beside that, arguments and results " : "",
		profile->cost_keys_ns > 0 ? keys : "",
		rest > (double)profile->compensated_ns / 20 ? "; beside that, writing and memory "
							    : "",
		rest > (double)profile->compensated_ns / 20 ? beside : "");
}

static void summary(const struct hst_report *report)
{
	const struct hst_profile *profile = report->profile;
	const char *command = report->reading->session.command;
	char calls[HST_UNITS_BYTES];
	char wall[HST_UNITS_BYTES];
	uint64_t answered = 0;

	for (size_t i = 0; i < profile->answered_count; i++) {
		answered += profile->answered[i].hits;
	}
	hst_units_count(calls, profile->calls + answered);
	hst_units_ns(wall, (double)profile->wall_ns);
	if (command != NULL) {
		hst_print_line("%s", command);
	}
	hst_print_line("%s calls in %s, %llu process%s, %zu thread%s", calls, wall,
		(unsigned long long)profile->processes, profile->processes == 1 ? "" : "es",
		hst_profile_threads(profile), hst_profile_threads(profile) == 1 ? "" : "s");
	if (profile->compensated_ns != 0) {
		cost_line(profile);
	}
}

/* What a user wants next, by what the table shows. */
static void next_command(const struct hst_report *report)
{
	const char *top =
		report->order_count == 0 ? NULL : report->profile->functions[report->order[0]].name;

	if (top == NULL) {
		hst_reading_next(report->reading, "info", NULL);
	} else if (strlen(top) > NAME_SHOWN) {
		hst_reading_next(report->reading, "tree", NULL);
	} else {
		hst_reading_next(report->reading, "report --of", top);
	}
}

static void failed_legend(
	const struct hst_report *report, const struct hst_report_column **columns, size_t count)
{
	bool shown = false;

	for (size_t c = 0; c < count; c++) {
		shown |= strncmp(columns[c]->name, "failed", 6) == 0;
	}
	if (shown && !report->reading->options.quiet) {
		hst_print_line("%s",
			"failed: calls whose result says so by type and name, of those whose result was read (~ > not of all); "
			"\"status FUNCTION none\" in functions.conf says otherwise");
	}
}

static void doubt_legend(const struct hst_report *report, size_t rows)
{
	uint32_t doubts = HST_ROW_REPAIRED | HST_ROW_UNCERTAIN | HST_ROW_MIN_MAX_COARSE;
	uint32_t seen = 0;

	for (size_t i = 0; i < rows; i++) {
		seen |= report->profile->functions[report->order[i]].flags & doubts;
	}
	if (seen != 0) {
		hst_print_line("~ estimated: %s%s%s",
			(seen & HST_ROW_MIN_MAX_COARSE) != 0 ? "counted, not listed " : "",
			(seen & HST_ROW_REPAIRED) != 0 ? "repaired or beside lost calls " : "",
			(seen & HST_ROW_UNCERTAIN) != 0 ? "on changing stacks or in signal handlers"
							: "");
	}
}

int hst_report_table(struct hst_report *report)
{
	const struct hst_report_column *columns[32] = { 0 };
	struct hst_reading *reading = report->reading;
	uint64_t limit = reading->options.rows == UINT64_MAX ? ROWS_DEFAULT : reading->options.rows;
	size_t rows = limit == 0 || limit > report->order_count ? report->order_count : limit;
	struct hst_table *table;
	struct hst_diag diag;
	char text[HST_CELL_BYTES];
	size_t count;
	enum hst_status status = choose_columns(report, columns, &count, &diag);

	if (status != HST_OK) {
		return hst_reading_fail(reading, "%s", diag.text);
	}
	table = hst_table_create();
	for (size_t c = 0; table != NULL && c < count; c++) {
		hst_table_column(table, columns[c]->title, columns[c]->flags);
	}
	for (size_t i = 0; table != NULL && i < rows; i++) {
		hst_table_row(table);
		for (size_t c = 0; c < count; c++) {
			text[0] = '\0';
			columns[c]->write(
				report, &report->profile->functions[report->order[i]], text);
			hst_table_cell(table, text);
		}
	}
	if (table != NULL && rows < report->order_count) {
		others_row(report, table, columns, count, rows);
	}
	hst_reading_begin_text(reading);
	hst_answered_alarm(reading, report->profile);
	summary(report);
	hst_reading_notes(reading, report->profile);
	status = table == NULL ? HST_E_MEMORY : HST_OK;
	if (status == HST_OK && rows != 0) {
		putchar('\n');
		status = hst_table_print(table, stdout, &reading->style);
		doubt_legend(report, rows);
		failed_legend(report, columns, count);
		putchar('\n');
	} else if (reading->filter != NULL && report->profile->calls != 0) {
		hst_print_line(
			"no recorded function is chosen by --filter '%s'", reading->options.filter);
	}
	if (status == HST_OK && report->profile->answered_count != 0) {
		status = hst_answered_text(reading, report->profile);
		putchar('\n');
	}
	next_command(report);
	hst_table_destroy(table);
	return status == HST_OK ? HST_EXIT_OK : hst_reading_fail(reading, "out of memory");
}

/* Only a recording with results needs it, and the file of the user. */
static enum hst_status judge_results(struct hst_report *report, struct hst_diag *diag)
{
	struct hst_function_rules *rules = NULL;
	enum hst_status status;
	size_t i = 0;

	while (i < report->profile->function_count && report->profile->functions[i].results == 0) {
		i++;
	}
	if (i == report->profile->function_count) {
		return HST_OK;
	}
	HST_TRY(hst_function_rules_read(NULL, &rules, diag));
	status = hst_profile_failures(report->profile, rules);
	hst_function_rules_destroy(rules);
	return status;
}

static int run(struct hst_report *report)
{
	const struct hst_options *asked = &report->reading->options;
	struct hst_diag diag = { "" };
	enum hst_status status = HST_OK;

	if (asked->columns != NULL && strstr(asked->columns, "threads") != NULL) {
		status = hst_report_count_threads(report);
	}
	if (status == HST_OK) {
		status = judge_results(report, &diag);
	}
	if (status == HST_OK) {
		status = hst_report_read_memory(report, &diag);
	}
	if (status == HST_OK) {
		status = hst_report_choose(report, &diag);
	}
	if (status != HST_OK) {
		return hst_reading_fail(report->reading, "%s",
			diag.text[0] != '\0' ? diag.text : hst_status_text(status));
	}
	if (asked->of != NULL) {
		return hst_report_of(report);
	}
	if (asked->by != NULL) {
		return hst_report_by(report);
	}
	if (asked->blocked) {
		return hst_report_blocked(report);
	}
	if (asked->json) {
		hst_report_json(report);
		return HST_EXIT_OK;
	}
	if (asked->csv) {
		hst_report_csv(report);
		hst_reading_losses(report->reading, report->profile);
		return HST_EXIT_OK;
	}
	return hst_report_table(report);
}

/* Options that do not go together, or whose value is none of the list. */
static const char *refuse(const struct hst_options *asked)
{
	if (asked->json && asked->csv) {
		return "--json and --csv do not go together";
	}
	if (asked->blocked && (asked->of != NULL || asked->by != NULL)) {
		return "--blocked does not go together with --of and --by";
	}
	if (asked->blocked && (asked->sort != NULL || asked->reverse || asked->columns != NULL)) {
		return "--blocked has columns and an order of its own: --sort, --reverse and --columns do not "
		       "go together with it";
	}
	if (asked->least_us != UINT64_MAX && !asked->blocked) {
		return "--least is for --blocked";
	}
	if (asked->of != NULL && asked->by != NULL) {
		return "--of and --by do not go together";
	}
	if (asked->names != NULL && strcmp(asked->names, "short") != 0 &&
		strcmp(asked->names, "full") != 0 && strcmp(asked->names, "linkage") != 0) {
		return "--names takes short, full or linkage";
	}
	if (asked->by != NULL && strcmp(asked->by, "thread") != 0 &&
		strcmp(asked->by, "module") != 0 && strcmp(asked->by, "file") != 0) {
		return "--by takes thread, module or file";
	}
	return NULL;
}

int hst_cmd_report(int argc, char **argv)
{
	struct hst_reading reading;
	struct hst_profile profile = { 0 };
	struct hst_report report = { .reading = &reading, .profile = &profile };
	struct hst_profile_options asked = { 0 };
	int status = hst_reading_open(&reading, argc, argv, options, examples);
	const char *refusal = refuse(&reading.options);

	if (status == HST_EXIT_OK && !reading.done && refusal != NULL) {
		status = hst_reading_fail(&reading, "%s", refusal);
	}
	if (status == HST_EXIT_OK && !reading.done) {
		const char *columns = reading.options.columns;

		asked.edges = reading.options.of != NULL;
		asked.blocked = reading.options.blocked;
		asked.contexts = reading.options.blocked;
		asked.fold_recursion = true;
		asked.blocked_ns = hst_report_least_ns(&reading.options);
		asked.thread_functions =
			(reading.options.by != NULL && strcmp(reading.options.by, "thread") == 0) ||
			(columns != NULL && strstr(columns, "threads") != NULL);
		status = hst_reading_profile(&reading, &asked, &profile);
		if (status == HST_EXIT_OK) {
			status = run(&report);
		}
	}
	hst_report_finish(&report);
	hst_profile_finish(&profile);
	hst_reading_close(&reading);
	return status;
}
