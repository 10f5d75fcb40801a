/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache` for people: the table, what stands under it, and all about one row. */
#include "cmd/cache.h"

#include "cmd/answered.h"
#include "cmd/cache_baseline.h"
#include "cmd/cache_values.h"
#include "writers/units.h"

#include <inttypes.h>
#include <string.h>

#define ROWS_DEFAULT 20u
#define BAR_WIDTH    30u

/* Start and end of a process are a few hundred microseconds that no two runs have alike. */
#define BASELINE_SHORT_NS 20000000u

enum column {
	COLUMN_GAIN,
	COLUMN_SHARE,
	COLUMN_WITHIN,
	COLUMN_CALLS,
	COLUMN_KEYS,
	COLUMN_HITS,
	COLUMN_ENTRIES,
	COLUMN_EACH,
	COLUMN_AGAIN,
	COLUMN_TTL,
	COLUMN_KIND,
	COLUMN_PURITY,
	COLUMN_VERDICT,
	COLUMN_NAME,
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
	[COLUMN_ENTRIES] = { "ENTRIES", HST_COLUMN_RIGHT, false },
	[COLUMN_EACH] = { "EACH", HST_COLUMN_RIGHT, true },
	[COLUMN_AGAIN] = { "AGAIN AFTER", HST_COLUMN_RIGHT, true },
	[COLUMN_TTL] = { "TTL", HST_COLUMN_RIGHT, true },
	[COLUMN_KIND] = { "KIND", HST_COLUMN_FLEX, true },
	[COLUMN_PURITY] = { "PURITY", HST_COLUMN_FLEX, false },
	[COLUMN_VERDICT] = { "VERDICT", HST_COLUMN_FLEX, false },
	[COLUMN_NAME] = { "FUNCTION", HST_COLUMN_FLEX, false },
	[COLUMN_FILE] = { "FILE", HST_COLUMN_FLEX, true },
};

static bool is_shown(const struct hst_cache_show *show, unsigned column)
{
	return hst_cache_column_fits(&columns[column], show->reading);
}

static const struct hst_function_row *row_at(
	const struct hst_cache_show *show, const struct hst_cache_function *function)
{
	return &show->rows[function->row];
}

static void verdict_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	bool may_be_worth = function->verdict == HST_CACHE_VERDICT_WORTH ||
			    function->verdict == HST_CACHE_VERDICT_BEHIND ||
			    function->verdict == HST_CACHE_VERDICT_OUTPUT ||
			    function->verdict == HST_CACHE_VERDICT_UNSEEN ||
			    function->verdict == HST_CACHE_VERDICT_EXPIRE ||
			    function->verdict == HST_CACHE_VERDICT_UNSURE;

	(void)snprintf(text, HST_CACHE_CELL, "%s%s",
		may_be_worth ? "" : "not worth it: ", hst_cache_verdict_text(function->verdict));
}

/* Figures; "": none. */
static void number_cell(char text[HST_CACHE_CELL], const struct hst_cache_show *show,
	const struct hst_cache_function *function, enum column column)
{
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);

	text[0] = '\0';
	if ((column == COLUMN_GAIN || column == COLUMN_SHARE || column == COLUMN_WITHIN) &&
		!hst_cache_is_seen(function)) {
		(void)snprintf(text, HST_CACHE_CELL, "-");
	} else if (column == COLUMN_GAIN) {
		hst_cache_ns_cell(text, plan->gain_ns);
	} else if (column == COLUMN_SHARE) {
		hst_cache_share_cell(text, plan->gain_ns, show->wall_ns);
	} else if (column == COLUMN_WITHIN) {
		hst_cache_within_cell(text, plan->low_ns, plan->high_ns);
	} else if (column == COLUMN_CALLS) {
		hst_units_count(text, function->calls);
	} else if (column == COLUMN_KEYS) {
		hst_units_count(text, function->distinct);
	} else if (column == COLUMN_HITS) {
		hst_cache_hits_cell(text, function);
	} else if (column == COLUMN_ENTRIES) {
		hst_cache_entries_cell(text, function);
	} else if (column == COLUMN_EACH && plan->hits > 0) {
		hst_cache_ns_cell(text, plan->saved_ns / plan->hits);
	} else if (column == COLUMN_AGAIN && function->reuse_p50_ns != HST_CACHE_UNKNOWN) {
		hst_cache_ns_cell(text, (double)function->reuse_p50_ns);
	}
}

static void add_cell(const struct hst_cache_show *show, struct hst_table *table,
	const struct hst_cache_function *function, enum column column)
{
	const struct hst_function_row *row = row_at(show, function);
	char text[HST_CACHE_CELL];
	char place[1200];

	if (column == COLUMN_NAME) {
		hst_table_cell(table, hst_row_name(&show->reading->options, row));
	} else if (column == COLUMN_FILE) {
		hst_row_place(place, sizeof place, row);
		hst_table_cell(table, show->processes ? row->file : place);
	} else {
		number_cell(text, show, function, column);
		if (column == COLUMN_TTL) {
			hst_cache_ttl_cell(text, function);
		} else if (column == COLUMN_KIND) {
			hst_cache_kind_cell(text, function);
		} else if (column == COLUMN_PURITY) {
			hst_cache_purity_cell(text, function);
		} else if (column == COLUMN_VERDICT) {
			verdict_cell(text, function);
		}
		hst_table_cell(table, text);
	}
}

static void add_row(const struct hst_cache_show *show, struct hst_table *table,
	const struct hst_cache_function *function)
{
	hst_table_row(table);
	for (unsigned column = 0; column < COLUMNS; column++) {
		if (is_shown(show, column)) {
			add_cell(show, table, function, (enum column)column);
		}
	}
}

/* Of programs it is known how long their repeats took, not what a lookup would take. */
static const char *title_of(const struct hst_cache_show *show, unsigned column)
{
	if (show->processes && column == COLUMN_NAME) {
		return "PROGRAM";
	}
	return show->processes && column == COLUMN_GAIN ? "IN REPEATS" : columns[column].title;
}

static enum hst_status print_table(const struct hst_cache_show *show)
{
	uint64_t asked = show->reading->options.rows;
	size_t rows = asked == UINT64_MAX ? ROWS_DEFAULT : (size_t)asked;
	struct hst_table *table = hst_table_create();
	enum hst_status status;

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	rows = rows == 0 || rows > show->order_count ? show->order_count : rows;
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (is_shown(show, i)) {
			hst_table_column(table, title_of(show, i), columns[i].flags);
		}
	}
	for (size_t i = 0; i < rows; i++) {
		add_row(show, table, &show->cache->functions[show->order[i]]);
	}
	status = hst_table_print(table, stdout, &show->reading->style);
	hst_table_destroy(table);
	if (!is_shown(show, COLUMN_KIND) && !show->reading->options.quiet) {
		hst_print_line("%s",
			"-w shows also the interval of the gain, time of a call, time between, TTL, kind and file");
	}
	if (rows < show->order_count) {
		hst_print_line("%zu more rows; -n 0 shows all", show->order_count - rows);
	}
	return status;
}

/* What was laid beside this recording. */
static void say_baseline(const struct hst_cache_show *show)
{
	const struct hst_cache_baseline *baseline = show->baseline;
	char times[2][HST_CACHE_CELL];

	if (baseline == NULL) {
		return;
	}
	if (baseline->plain_ns != 0 && baseline->plain_ns < BASELINE_SHORT_NS) {
		hst_print_line(
			"baseline: the program is done too soon for its CPU time to be exact: let it do more");
	}
	hst_cache_ns_cell(times[0], (double)baseline->plain_ns);
	hst_cache_ns_cell(times[1], baseline->hooked_ns);
	if (baseline->plain_ns == 0) {
		hst_print_line(
			"baseline: no run without hooks: %.1f ns are taken from each call, for calling hooks",
			baseline->per_call_ns);
	} else {
		hst_print_line(
			"baseline: %s of CPU time without hooks (%s%" PRIu32
			" run%s), %s with hooks%s but without their cost: %.1f ns less for each of %" PRIu64
			" calls%s",
			times[0], baseline->plain_runs > 1 ? "the least of " : "",
			baseline->plain_runs, baseline->plain_runs == 1 ? "" : "s", times[1],
			baseline->calls ? " that read no arguments" : "", baseline->per_call_ns,
			baseline->hooked_calls,
			baseline->slower
				? " (it took longer without hooks: nothing is taken from calls)"
				: "");
	}
	if (!baseline->calls) {
		hst_print_line(
			"baseline: no recording with hooks without --args: what reading arguments does to the program's own time is in that");
	} else {
		hst_print_line("baseline: %" PRIu64
			       " functions have the times of the recording without arguments%s",
			baseline->functions,
			baseline->unequal != 0
				? "; others were called another number of times there and keep theirs"
				: "");
	}
}

/* What the figures rest on. */
static void say_costs(const struct hst_cache_show *show)
{
	const struct hst_cache_costs *costs = &show->cache->costs;
	const struct hst_cache_cost *first = &costs->steps[0];
	const struct hst_cache_cost *last = &costs->steps[costs->count == 0 ? 0 : costs->count - 1];

	if (show->processes) {
		hst_print_line(
			"in repeats: wall time of runs whose program, arguments and directory had run before; it has that of the programs "
			"that they wait for, so rows overlap; results are exit statuses: what they read and write is not looked at");
		return;
	}
	hst_print_line(
		"a lookup, measured on this machine: hit %.1f to %.1f ns, miss with putting in %.1f to %.1f ns (%" PRIu64
		" to %" PRIu64
		" entries), %.1f ns more where threads share it (without waiting for each other), %.1f ns more for each text or block of %u bytes in the key; "
		"getting at arguments and result in the program comes on top",
		first->hit_ns, last->hit_ns, first->miss_ns, last->miss_ns, first->capacity,
		last->capacity, costs->shared_ns, costs->content_ns, HST_CACHE_CONTENT);
}

static void say_doubts(const struct hst_cache_show *show)
{
	uint64_t sampled = 0;
	uint64_t dropped = 0;

	for (size_t i = 0; i < show->cache->count; i++) {
		sampled += show->cache->functions[i].rate < 1;
		dropped += show->cache->functions[i].dropped;
	}
	if (sampled != 0) {
		hst_print_line(
			"%" PRIu64
			" rows had too many calls and are estimates from a share of their keys (--explain says which share)",
			sampled);
	}
	if (dropped != 0) {
		hst_print_line(
			"incomplete: %" PRIu64
			" calls at the end of rows whose keys came too often are in no figure",
			dropped);
	}
	if (show->unended != 0 || show->unmatched != 0) {
		hst_print_line("incomplete: %" PRIu64 " calls had not ended, %" PRIu64
			       " keys or results belong to no known call: in no figure",
			show->unended, show->unmatched);
	}
	if (!show->processes && show->baseline != NULL) {
		hst_print_line(
			"times are those of the baseline: without hooks each call takes %.1f ns less, as all of them do on average; which of them "
			"are inlined then and gain more is not known",
			show->baseline->per_call_ns);
	} else if (!show->processes) {
		hst_print_line(
			"times are without hasten's own cost and without %.1f ns per call for calling hooks; what a compiler would inline without "
			"hooks is not known: where a row calls many small functions, a program without hooks gains less, perhaps several times (--baseline measures it)",
			show->said == NULL ? 0 : show->said->cost_empty_ns);
	}
	if (!show->processes) {
		hst_print_line(
			"%sa purity of proven is shown by the function's code (docs/purity.md); of other rows, what they read or change "
			"beside their arguments is not seen: it is what the recorded results say",
			show->values
				? ""
				: "whether one of the arguments does not matter is not known without values "
				  "(hasten run --values); ");
	}
}

enum hst_status hst_cache_text(struct hst_cache_show *show)
{
	hst_reading_begin_text(show->reading);
	if (show->said != NULL) {
		hst_answered_alarm(show->reading, show->said);
	}
	say_baseline(show);
	HST_TRY(print_table(show));
	if (!show->reading->options.quiet) {
		say_costs(show);
	}
	say_doubts(show);
	if (show->said != NULL) {
		hst_reading_notes(show->reading, show->said);
		HST_TRY(hst_answered_text(show->reading, show->said));
	}
	if (show->order_count != 0) {
		hst_reading_next(show->reading,
			show->processes ? "cache --processes --explain" : "cache --explain",
			row_at(show, &show->cache->functions[show->order[0]])->name);
	}
	return HST_OK;
}

/* Values by octaves, with bars. */
static void print_histogram(const char *title, const uint64_t *counts, size_t count, bool time)
{
	uint64_t most = 0;

	for (size_t i = 0; i < count; i++) {
		most = counts[i] > most ? counts[i] : most;
	}
	if (most == 0) {
		return;
	}
	hst_print_line("%s", title);
	for (size_t i = 0; i < count; i++) {
		char bar[BAR_WIDTH + 1] = "";
		char from[HST_CACHE_CELL];
		char number[HST_UNITS_BYTES];
		size_t width = (size_t)((double)counts[i] / (double)most * BAR_WIDTH + 0.5);

		if (counts[i] == 0) {
			continue;
		}
		memset(bar, '#', width < BAR_WIDTH ? width : BAR_WIDTH);
		if (time) {
			hst_cache_ns_cell(from, (double)(1ull << i));
		} else {
			hst_units_count(from, 1ull << i);
		}
		hst_units_count(number, counts[i]);
		hst_print_line("  from %-10s %10s %s", from, number, bar);
	}
}

static void print_plan(const char *name, const struct hst_cache_plan *plan)
{
	char text[4][HST_CACHE_CELL];
	char counts[2][HST_UNITS_BYTES];

	hst_cache_ns_cell(text[0], plan->gain_ns);
	hst_cache_ns_cell(text[1], plan->low_ns);
	hst_cache_ns_cell(text[2], plan->high_ns);
	hst_cache_ns_cell(text[3], plan->best_ns);
	hst_units_count(counts[0], plan->capacity);
	hst_units_count(counts[1], plan->best_capacity);
	hst_print_line("%s: %s entries (%" PRIu64
		       " KiB) gain %s (95 %% within %s .. %s); most, %s, with %s",
		name, counts[0], (plan->capacity * HST_CACHE_ENTRY_BYTES + 1023) / 1024, text[0],
		text[1], text[2], text[3], counts[1]);
	hst_units_count(counts[0], (uint64_t)plan->hits);
	hst_units_count(counts[1], (uint64_t)plan->lookups);
	hst_cache_ns_cell(text[0], plan->saved_ns);
	hst_print_line("  %s hits of %s lookups; the calls that are saved took %s", counts[0],
		counts[1], text[0]);
}

static void print_results(const struct hst_cache_function *function)
{
	char text[HST_CACHE_CELL];

	hst_cache_purity_cell(text, function);
	hst_print_line("result: %s; %" PRIu64 " of %" PRIu64 " calls have one, %" PRIu64
		       " repeats had the same as before, %" PRIu64 " another one",
		text, function->results, function->sampled, function->verified, function->changes);
	if (function->results == 0) {
		hst_print_line(
			"  it has none, or where it is inlined it stays in the caller (compile with -fno-inline "
			"to see it), or it can not be read: hasten info --args PROGRAM says which");
	}
	for (uint32_t i = 0; i < function->contradiction_count; i++) {
		const struct hst_cache_contradiction *at = &function->contradictions[i];
		char times[3][HST_CACHE_CELL];

		hst_cache_ns_cell(times[0], (double)at->before_ns);
		hst_cache_ns_cell(times[1], (double)at->after_ns);
		hst_cache_ns_cell(times[2], (double)at->held_ns);
		hst_print_line("  key %016" PRIx64 ": result %016" PRIx64 " at %s, %016" PRIx64
			       " at %s; it had held for %s",
			at->key, at->before, times[0], at->after, times[1], times[2]);
	}
	if (function->held_ns != HST_CACHE_UNKNOWN) {
		hst_cache_ns_cell(text, (double)function->held_ns);
		hst_print_line("  TTL below %s, the shortest time for which a result held: %" PRIu64
			       " answers of this recording would still be wrong",
			text, function->stale);
	}
}

static void print_keys(const struct hst_cache_function *function)
{
	hst_print_line(
		"keys that came most (hash of the arguments, calls, time, changes of the result):");
	for (uint32_t i = 0; i < function->top_count; i++) {
		const struct hst_cache_key *key = &function->top[i];
		char time[HST_CACHE_CELL];
		char calls[HST_UNITS_BYTES];

		hst_cache_ns_cell(time, (double)key->cost_ns);
		hst_units_count(calls, key->calls);
		hst_print_line("  %016" PRIx64 " %10s %10s %6" PRIu64, key->key, calls, time,
			key->changes);
	}
}

static void print_curve(const struct hst_cache_function *function)
{
	hst_print_line("curve (entries%s, hits in %%, gain):", function->use_shared ? ", shared"
							       : function->threads > 1
								       ? " of each thread"
								       : "");
	for (uint32_t i = 0; i < function->curve_count; i++) {
		const struct hst_cache_point *point = &function->curve[i];
		char gain[HST_CACHE_CELL];
		char capacity[HST_UNITS_BYTES];

		hst_cache_ns_cell(gain, point->gain_ns);
		hst_units_count(capacity, point->capacity);
		hst_print_line("  %10s %6.2f %10s", capacity, 100 * point->hit_ratio, gain);
	}
}

/* With values, which say more than hashes, if they were recorded. */
static enum hst_status print_arguments(
	const struct hst_cache_show *show, const struct hst_cache_function *function)
{
	struct hst_cache_values values;
	enum hst_status status = hst_cache_values_prepare(show, function, &values);

	if (status == HST_OK && !values.has_values) {
		print_keys(function);
	}
	if (status == HST_OK) {
		status = hst_cache_values_text(
			&values, row_at(show, function), show->reading->session.command);
	}
	hst_cache_values_finish(&values);
	return status;
}

/* How calls and keys grow, and what says so. */
static void print_growth(const struct hst_cache_growth *growth)
{
	char classes[2][HST_CACHE_CLASS];
	char keys[48];

	if (growth->state == HST_CACHE_GROWTH_NONE) {
		return;
	}
	if (growth->state != HST_CACHE_GROWTH_KNOWN) {
		hst_print_line("growth: not known: %s", hst_cache_growth_text(growth->state));
		return;
	}
	hst_cache_class_cells(classes, growth);
	if (growth->power == 0) {
		(void)snprintf(keys, sizeof keys, "%.3gx", growth->keys_factor);
	} else if (growth->power == 1) {
		(void)snprintf(keys, sizeof keys, "linearly with the depth");
	} else {
		(void)snprintf(
			keys, sizeof keys, "with the depth to the power of %u", growth->power);
	}
	hst_print_line("growth: calls grow %.3gx per level, keys %s: %s -> %s", growth->factor,
		keys, classes[0], classes[1]);
	hst_print_line(
		"  n: levels of calls within each other; by the largest %s of %u depths from %u to %u levels (r2 "
		"%.4f of log calls, %.4f of keys)",
		growth->outermost ? "outermost call" : "call", growth->trees, growth->least,
		growth->most, growth->calls_fit, growth->keys_fit);
}

static enum hst_status explain(
	const struct hst_cache_show *show, const struct hst_cache_function *function)
{
	const struct hst_function_row *row = row_at(show, function);
	char text[HST_CACHE_CELL];
	char place[1200];
	char counts[3][HST_UNITS_BYTES];

	hst_row_place(place, sizeof place, row);
	hst_units_count(counts[0], function->calls);
	hst_units_count(counts[1], function->distinct);
	hst_units_count(counts[2], function->repeats);
	hst_cache_kind_cell(text, function);
	hst_print_line("%s  %s", row->name, place);
	hst_print_line("%s calls, %s keys, %s repeats, %" PRIu32 " thread%s: %s", counts[0],
		counts[1], counts[2], function->threads, function->threads == 1 ? "" : "s", text);
	print_growth(&function->growth);
	hst_print_line("verdict: %s", hst_cache_verdict_text(function->verdict));
	if (function->rate < 1) {
		hst_print_line("estimated from one key of %.0f: %" PRIu64 " calls",
			1 / function->rate, function->sampled);
	}
	print_plan(function->threads > 1 ? "each thread" : "cache", &function->per_thread);
	if (function->shared.lookups > 0) {
		print_plan("shared", &function->shared);
	}
	if (function->alone_ns > hst_cache_plan_of(function)->gain_ns) {
		hst_cache_ns_cell(text, function->alone_ns);
		hst_print_line(
			"  by itself %s: the rest is saved by rows that gain more already", text);
	}
	print_results(function);
	hst_cache_proof_text(show, function);
	print_histogram(
		"keys by number of their calls:", function->frequency, HST_CACHE_POWERS, false);
	HST_TRY(print_arguments(show, function));
	print_histogram("times between calls with the same key:", function->intervals,
		HST_CACHE_TIMES, true);
	hst_cache_ttl_cell(text, function);
	if (function->held_ns == HST_CACHE_UNKNOWN && text[0] != '\0') {
		hst_print_line("TTL: 95 %% of the repeats come within %s", text);
	}
	print_curve(function);
	return HST_OK;
}

enum hst_status hst_cache_explain(struct hst_cache_show *show)
{
	enum hst_status status = HST_OK;

	hst_reading_begin_text(show->reading);
	say_baseline(show);
	for (size_t i = 0; status == HST_OK && i < show->order_count; i++) {
		if (i > 0) {
			hst_print_line("%s", "");
		}
		status = explain(show, &show->cache->functions[show->order[i]]);
	}
	HST_TRY(status);
	say_costs(show);
	say_doubts(show);
	if (show->said != NULL) {
		hst_reading_notes(show->reading, show->said);
	}
	return HST_OK;
}
