/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people: what is in it, what is not and why, and what comes next. */
#include "cmd/optimize_plan.h"

#include "cmd/cache.h"
#include "writers/text.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 20u
/* Flags that are longer are not for reading. */
#define FLAGS_SHOWN 1024u

enum column {
	COLUMN_GAIN,
	COLUMN_SHARE,
	COLUMN_WITHIN,
	COLUMN_CALLS,
	COLUMN_KEYS,
	COLUMN_HITS,
	COLUMN_EACH,
	COLUMN_ENTRIES,
	COLUMN_EVIDENCE,
	COLUMN_NAME,
	COLUMN_PLAN,
	COLUMN_FILE,
	COLUMNS
};

static const struct hst_cache_column columns[COLUMNS] = {
	[COLUMN_GAIN] = { "GAIN", HST_COLUMN_RIGHT, false },
	[COLUMN_SHARE] = { "%", HST_COLUMN_RIGHT, false },
	[COLUMN_WITHIN] = { "95 % WITHIN", HST_COLUMN_RIGHT, true },
	[COLUMN_CALLS] = { "CALLS", HST_COLUMN_RIGHT, false },
	[COLUMN_KEYS] = { "KEYS", HST_COLUMN_RIGHT, false },
	[COLUMN_HITS] = { "HIT %", HST_COLUMN_RIGHT, false },
	[COLUMN_EACH] = { "EACH", HST_COLUMN_RIGHT, true },
	[COLUMN_ENTRIES] = { "ENTRIES", HST_COLUMN_RIGHT, false },
	[COLUMN_EVIDENCE] = { "EVIDENCE", 0, false },
	[COLUMN_NAME] = { "FUNCTION", HST_COLUMN_FLEX, false },
	[COLUMN_PLAN] = { "IN THE PLAN", HST_COLUMN_FLEX, false },
	[COLUMN_FILE] = { "FILE", HST_COLUMN_FLEX, true },
};

static bool is_shown(const struct hst_optimize_plan *plan, unsigned column)
{
	return hst_cache_column_fits(&columns[column], plan->reading);
}

static void figure_cell(char text[HST_CACHE_CELL], const struct hst_optimize_plan *plan,
	const struct hst_optimize_candidate *candidate, enum column column)
{
	const struct hst_cache_function *function = candidate->function;
	const struct hst_cache_plan *cache = hst_memo_plan_of(function);
	bool seen = hst_cache_is_seen(function);

	text[0] = '\0';
	if (column == COLUMN_CALLS) {
		hst_units_count(text, function->calls);
	} else if (column == COLUMN_KEYS) {
		hst_units_count(text, function->distinct);
	} else if (column == COLUMN_HITS) {
		hst_units_percent(text, cache->hits, cache->lookups);
	} else if (column == COLUMN_ENTRIES && hst_optimize_can(candidate)) {
		hst_units_count(text, candidate->wish.entries);
	} else if (column == COLUMN_EACH && cache->hits > 0) {
		hst_cache_ns_cell(text, cache->saved_ns / cache->hits);
	} else if (!seen &&
		   (column == COLUMN_GAIN || column == COLUMN_SHARE || column == COLUMN_WITHIN)) {
		(void)snprintf(text, HST_CACHE_CELL, "-");
	} else if (column == COLUMN_GAIN) {
		hst_cache_ns_cell(text, cache->gain_ns);
	} else if (column == COLUMN_SHARE) {
		hst_cache_share_cell(text, cache->gain_ns, plan->profile.wall_ns);
	} else if (column == COLUMN_WITHIN) {
		hst_cache_within_cell(text, cache->low_ns, cache->high_ns);
	}
}

static void add_row(const struct hst_optimize_plan *plan, struct hst_table *table,
	const struct hst_optimize_candidate *candidate)
{
	const struct hst_function_row *row = &plan->profile.functions[candidate->row];
	char text[1200];

	hst_table_row(table);
	for (unsigned column = 0; column < COLUMNS; column++) {
		if (!is_shown(plan, column)) {
			continue;
		}
		if (column == COLUMN_NAME) {
			hst_table_cell(table, hst_row_name(&plan->reading->options, row));
			continue;
		}
		if (column == COLUMN_EVIDENCE) {
			(void)snprintf(text, sizeof text, "%s",
				candidate->evidence == 0
					? "-"
					: hst_memo_evidence_word(candidate->evidence));
		} else if (column == COLUMN_PLAN) {
			(void)snprintf(text, sizeof text, "%s%s",
				hst_optimize_can(candidate) ? "yes" : "no: ",
				hst_optimize_can(candidate)
					? ""
					: hst_memo_choice_word(candidate->choice));
		} else if (column == COLUMN_FILE) {
			hst_row_place(text, sizeof text, row);
		} else {
			figure_cell(text, plan, candidate, (enum column)column);
		}
		hst_table_cell(table, text);
	}
}

/* Why not, of the rows that are shown: what is more exact says it alone. */
static void say_why(const struct hst_optimize_plan *plan, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		const struct hst_optimize_candidate *candidate = &plan->candidates.items[i];
		const char *name = hst_row_name(
			&plan->reading->options, &plan->profile.functions[candidate->row]);

		if (!hst_optimize_can(candidate)) {
			if (i == plan->planned) {
				hst_print_line("not in the plan:");
			}
			hst_print_line("  %s: %s", name,
				candidate->why[0] != '\0'
					? candidate->why
					: hst_memo_choice_text(candidate->choice));
		}
	}
}

static enum hst_status print_table(const struct hst_optimize_plan *plan)
{
	uint64_t asked = plan->reading->options.rows;
	size_t rows = asked == UINT64_MAX ? ROWS_DEFAULT : (size_t)asked;
	struct hst_table *table = hst_table_create();
	enum hst_status status;

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	/* What is in the plan is shown in any case. */
	rows = asked == UINT64_MAX && rows < plan->planned ? plan->planned : rows;
	rows = rows == 0 || rows > plan->candidates.count ? plan->candidates.count : rows;
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (is_shown(plan, i)) {
			hst_table_column(table, columns[i].title, columns[i].flags);
		}
	}
	for (size_t i = 0; i < rows; i++) {
		add_row(plan, table, &plan->candidates.items[i]);
	}
	status = hst_table_print(table, stdout, &plan->reading->style);
	hst_table_destroy(table);
	say_why(plan, rows);
	if (!is_shown(plan, COLUMN_WITHIN) && !plan->reading->options.quiet) {
		hst_print_line("%s",
			"-w shows also the interval of the gain, what a call took that is answered, and the file");
	}
	if (rows < plan->candidates.count) {
		hst_print_line("%zu more rows; -n 0 shows all", plan->candidates.count - rows);
	}
	return status;
}

static void say_head(const struct hst_optimize_plan *plan)
{
	char gain[HST_CACHE_CELL];
	char within[HST_CACHE_CELL];
	char share[HST_CACHE_CELL];
	char wall[HST_UNITS_BYTES];

	if (plan->planned == 0) {
		hst_print_line(
			"%s", plan->reading->options.output == NULL
				      ? "no function is worth a place in a plan"
				      : "no function is worth a place in a plan: none was written");
		return;
	}
	hst_cache_ns_cell(gain, plan->gain_ns);
	hst_cache_within_cell(within, plan->low_ns, plan->high_ns);
	hst_cache_share_cell(share, plan->gain_ns, plan->profile.wall_ns);
	hst_units_ns(wall, (double)plan->profile.wall_ns);
	hst_print_line(
		"%zu function%s to be answered from caches: predicted gain %s of %s (%s %%), 95 %% within %s",
		plan->planned, plan->planned == 1 ? "" : "s", gain, wall, share, within);
}

static void say_doubts(const struct hst_optimize_plan *plan)
{
	uint64_t sampled = 0;
	uint64_t dropped = 0;

	for (size_t i = 0; i < plan->candidates.count; i++) {
		sampled += plan->candidates.items[i].function->rate < 1;
		dropped += plan->candidates.items[i].function->dropped;
	}
	if (sampled != 0) {
		hst_print_line(
			"%llu rows had too many calls and are estimates from a share of their keys",
			(unsigned long long)sampled);
	}
	if (dropped != 0 || plan->gather.unended != 0 || plan->gather.unmatched != 0) {
		hst_print_line(
			"incomplete: %llu calls at the end of rows whose keys came too often, %llu that had not ended, %llu keys "
			"or results of no known call are in no figure",
			(unsigned long long)dropped, (unsigned long long)plan->gather.unended,
			(unsigned long long)plan->gather.unmatched);
	}
	if (plan->reading->options.quiet) {
		return;
	}
	hst_print_line(
		"gain: calls that are answered take %.0f ns, others of these functions %.0f ns more; times are without hasten's own cost and "
		"without %.1f ns per call for calling hooks, but what a compiler would inline without hooks is not known",
		HST_MEMO_HIT_NS, HST_MEMO_MISS_NS, plan->profile.cost_empty_ns);
	hst_print_line(
		"it holds for a build in which these functions alone have hooks (below); in this one the hooks of all others go on costing");
}

static size_t flags_bytes(const struct hst_optimize_plan *plan)
{
	size_t bytes = 0;

	for (const char *const *flag = hst_optimize_flags(&plan->production, HST_OPTIMIZE_GCC);
		*flag != NULL; flag++) {
		bytes += strlen(*flag) + 1;
	}
	return bytes;
}

/* The command that writes these flags, by names that nothing in a shell or a filter takes apart. */
static void say_flags_command(const struct hst_optimize_plan *plan)
{
	char *names = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&names, &size);

	for (size_t i = 0; out != NULL && i < plan->candidates.count; i++) {
		const struct hst_optimize_candidate *candidate = &plan->candidates.items[i];

		if (hst_optimize_can(candidate)) {
			(void)fprintf(out, "%s%s", i == 0 ? "" : ",",
				plan->profile.functions[candidate->row].linkage);
		}
	}
	if (out != NULL && fclose(out) == 0) {
		hst_print_line(
			"    hasten optimize --instrumentation --keep '%s' -o app.flags", names);
	}
	free(names);
}

static void say_production(struct hst_optimize_plan *plan)
{
	size_t bytes;

	if (!plan->has_production || plan->reading->options.quiet) {
		return;
	}
	bytes = flags_bytes(plan);
	putchar('\n');
	hst_print_line(
		"a build with hooks in these functions alone (it is another program: record it, and plan for it, anew):");
	if (bytes <= FLAGS_SHOWN) {
		hst_optimize_print_compiler(&plan->production, HST_OPTIMIZE_GCC);
		hst_optimize_print_compiler(&plan->production, HST_OPTIMIZE_CLANG);
	} else {
		hst_print_line("  %zu bytes of flags, which this command writes:", bytes);
	}
	say_flags_command(plan);
}

static void say_next(const struct hst_optimize_plan *plan)
{
	const char *output = plan->reading->options.output;
	const char *command = plan->reading->session.command;

	if (plan->planned == 0 || plan->reading->options.quiet) {
		return;
	}
	putchar('\n');
	if (output == NULL) {
		hst_reading_next(plan->reading, "optimize -o app.plan", NULL);
		return;
	}
	hst_print_line("written: %s (hasten info %s shows it)", output, output);
	hst_print_line("next: hasten verify %s -- %s", output, command == NULL ? "..." : command);
	hst_print_line(
		"then: hasten run --plan %s -- %s", output, command == NULL ? "..." : command);
}

enum hst_status hst_optimize_plan_text(struct hst_optimize_plan *plan)
{
	hst_reading_begin_text(plan->reading);
	if (plan->reading->session.command != NULL) {
		hst_print_line("%s", plan->reading->session.command);
	}
	say_head(plan);
	HST_TRY(print_table(plan));
	say_doubts(plan);
	if (plan->reading->options.trust != NULL) {
		hst_print_line("%s",
			"--trust=observed: what functions read beside their arguments is found for none yet, so it adds none");
	}
	hst_reading_notes(plan->reading, &plan->profile);
	say_production(plan);
	say_next(plan);
	return HST_OK;
}
