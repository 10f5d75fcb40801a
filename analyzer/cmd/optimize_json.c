/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten optimize --instrumentation` for programs. Fields are only ever added; what is not known is null. */
#include "cmd/optimize.h"

#include "util/strtab.h"
#include "writers/csv.h"
#include "writers/json.h"

#include <string.h>

static const struct hst_instrument_function *function_at(
	const struct hst_optimize *optimize, size_t i)
{
	return &optimize->set.functions.items[optimize->order[i]];
}

/* How many functions are shown: all, unless -n says otherwise. */
static size_t row_count(const struct hst_optimize *optimize)
{
	uint64_t rows = optimize->reading->options.rows;

	return rows == UINT64_MAX || rows == 0 || rows > optimize->order_count
		       ? optimize->order_count
		       : (size_t)rows;
}

static uint64_t rounded(double value)
{
	return value > 0 ? (uint64_t)(value + 0.5) : 0;
}

static void json_line(struct hst_json *json, const struct hst_instrument_function *function)
{
	hst_json_string(json, "file", function->file);
	if (function->file != NULL && function->line != 0) {
		hst_json_u64(json, "line", function->line);
	} else {
		hst_json_null(json, "line");
	}
}

static void json_function(struct hst_json *json, const struct hst_optimize *optimize,
	const struct hst_instrument_function *function)
{
	const struct hst_instrument *set = &optimize->set;
	uint64_t allocs;

	hst_json_row(json, NULL);
	hst_json_string(json, "name", function->name);
	hst_json_string(json, "full_name", function->full);
	hst_json_string(json, "linkage_name", function->linkage);
	hst_json_string(json, "module", function->module);
	json_line(json, function);
	hst_json_u64(json, "calls", function->calls);
	hst_json_u64(json, "self_ns", function->self_ns);
	if (optimize->call_ns > 0) {
		hst_json_u64(json, "hook_cost_ns", rounded(function->cost_ns));
	} else {
		hst_json_null(json, "hook_cost_ns");
	}
	if (optimize->call_bytes > 0) {
		hst_json_u64(json, "trace_bytes",
			rounded((double)function->calls * optimize->call_bytes));
	} else {
		hst_json_null(json, "trace_bytes");
	}
	if (hst_optimize_allocs(optimize, function, &allocs)) {
		hst_json_u64(json, "alloc_calls", allocs);
	} else {
		hst_json_null(json, "alloc_calls");
	}
	hst_json_string(
		json, "gcc_means", hst_optimize_means(optimize, function, HST_OPTIMIZE_GCC));
	hst_json_string(json, "gcc_entry", function->entry);
	hst_json_string(json, "entry_would_take",
		function->means != HST_MEANS_STAYS && function->would_lose < set->functions.count
			? set->functions.items[function->would_lose].linkage
			: NULL);
	hst_json_string(
		json, "clang_means", hst_optimize_means(optimize, function, HST_OPTIMIZE_CLANG));
	hst_json_end(json);
}

/* Source files that clang is to compile without the flag, each once. */
static void json_clang_files(struct hst_json *json, const struct hst_optimize *optimize)
{
	struct hst_strtab seen = { 0 };

	hst_json_array(json, "files_without_flag");
	for (size_t i = 0; i < optimize->order_count; i++) {
		const struct hst_instrument_function *function = function_at(optimize, i);
		size_t count = seen.count;
		uint32_t id;

		if (hst_optimize_clang_file(optimize, function) &&
			hst_strtab_add(&seen, function->file, &id) == HST_OK &&
			seen.count != count) {
			hst_json_string(json, NULL, function->file);
		}
	}
	hst_json_end(json);
	hst_strtab_finish(&seen);
}

static void json_compiler(struct hst_json *json, const struct hst_optimize *optimize,
	enum hst_optimize_compiler compiler)
{
	hst_json_object(json, compiler == HST_OPTIMIZE_GCC ? "gcc" : "clang");
	hst_json_array(json, "flags");
	for (const char *const *flag = hst_optimize_flags(optimize, compiler); *flag != NULL;
		flag++) {
		hst_json_string(json, NULL, *flag);
	}
	hst_json_end(json);
	if (compiler == HST_OPTIMIZE_CLANG) {
		json_clang_files(json, optimize);
	}
	hst_json_array(json, "attributes");
	for (size_t i = 0; i < optimize->order_count; i++) {
		const struct hst_instrument_function *function = function_at(optimize, i);

		if (hst_optimize_wants_attribute(optimize, function, compiler)) {
			hst_json_row(json, NULL);
			hst_json_string(json, "name", function->full);
			hst_json_string(json, "linkage_name", function->linkage);
			json_line(json, function);
			hst_json_end(json);
		}
	}
	hst_json_end(json);
	hst_json_end(json);
}

static void json_cost(struct hst_json *json, const struct hst_optimize *optimize, const char *key,
	const struct hst_optimize_cost *cost)
{
	bool known = optimize->call_ns > 0;

	hst_json_object(json, key);
	hst_json_u64(json, "calls", cost->calls);
	if (known) {
		hst_json_u64(json, "hook_cost_ns", rounded(cost->hooks_ns));
	} else {
		hst_json_null(json, "hook_cost_ns");
	}
	if (known && optimize->bare_ns > 0) {
		hst_json_double(
			json, "overhead_percent", 100 * cost->hooks_ns / optimize->bare_ns, 3);
	} else {
		hst_json_null(json, "overhead_percent");
	}
	if (optimize->before.bytes >= 0) {
		hst_json_u64(json, "trace_bytes", rounded(cost->bytes));
	} else {
		hst_json_null(json, "trace_bytes");
	}
	hst_json_end(json);
}

static void json_kept(struct hst_json *json, const struct hst_optimize *optimize)
{
	const struct hst_instrument *set = &optimize->set;

	hst_json_array(json, "kept");
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];

		if (function->kept) {
			hst_json_row(json, NULL);
			hst_json_string(json, "name", function->full);
			hst_json_string(json, "linkage_name", function->linkage);
			json_line(json, function);
			hst_json_u64(json, "calls", function->calls);
			hst_json_end(json);
		}
	}
	hst_json_end(json);
}

void hst_optimize_json(struct hst_optimize *optimize)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, optimize->profile);
	hst_json_array(&json, "not_predicted");
	for (size_t i = 0; hst_optimize_unknown(optimize, i) != NULL; i++) {
		hst_json_string(&json, NULL, hst_optimize_unknown(optimize, i));
	}
	hst_json_end(&json);
	hst_json_string(&json, "directory", optimize->reading->session.dir);
	hst_json_string(&json, "command", optimize->reading->session.command);
	hst_json_string(&json, "view", "instrumentation");
	hst_json_string(&json, "keep", optimize->reading->options.keep);
	if (optimize->keep == NULL) {
		hst_json_double(&json, "budget_percent", optimize->percent, 3);
	} else {
		hst_json_null(&json, "budget_percent");
	}
	hst_json_double(&json, "call_cost_ns", optimize->call_ns, 3);
	hst_json_u64(&json, "program_ns", rounded(optimize->program_ns));
	if (optimize->empty_ns > 0) {
		hst_json_double(&json, "empty_call_cost_ns", optimize->empty_ns, 3);
		hst_json_u64(&json, "program_without_hooks_ns", rounded(optimize->bare_ns));
	} else {
		hst_json_null(&json, "empty_call_cost_ns");
		hst_json_null(&json, "program_without_hooks_ns");
	}
	hst_json_string(&json, "program_clock", optimize->cpu ? "cpu" : "wall");
	hst_json_string(
		&json, "compiler", optimize->compiler == HST_OPTIMIZE_GCC ? "gcc" : "clang");
	json_cost(&json, optimize, "before", &optimize->before);
	json_cost(&json, optimize, "after", &optimize->after);
	hst_json_u64(&json, "unnamed_functions", optimize->nameless);
	hst_json_u64(&json, "unreachable_functions", optimize->unreachable);
	json_compiler(&json, optimize, HST_OPTIMIZE_GCC);
	json_compiler(&json, optimize, HST_OPTIMIZE_CLANG);
	if (optimize->keep != NULL) {
		json_kept(&json, optimize);
	}
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < row_count(optimize); i++) {
		json_function(&json, optimize, function_at(optimize, i));
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
}

static void csv_number(struct hst_csv *csv, bool known, double value)
{
	if (known) {
		hst_csv_u64(csv, rounded(value));
	} else {
		hst_csv_empty(csv);
	}
}

static void csv_text(struct hst_csv *csv, const char *text)
{
	if (text == NULL) {
		hst_csv_empty(csv);
	} else {
		hst_csv_string(csv, text);
	}
}

void hst_optimize_csv(struct hst_optimize *optimize)
{
	static const char *const names[] = { "name", "full_name", "linkage_name", "module", "file",
		"line", "calls", "self_ns", "hook_cost_ns", "trace_bytes", "alloc_calls",
		"gcc_means", "gcc_entry", "clang_means" };
	struct hst_csv csv = { .out = stdout };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		hst_csv_string(&csv, names[i]);
	}
	hst_csv_line(&csv);
	for (size_t i = 0; i < row_count(optimize); i++) {
		const struct hst_instrument_function *function = function_at(optimize, i);
		uint64_t allocs = 0;
		bool known = hst_optimize_allocs(optimize, function, &allocs);

		csv_text(&csv, function->name);
		csv_text(&csv, function->full);
		csv_text(&csv, function->linkage);
		csv_text(&csv, function->module);
		csv_text(&csv, function->file);
		csv_number(&csv, function->line != 0, function->line);
		hst_csv_u64(&csv, function->calls);
		hst_csv_u64(&csv, function->self_ns);
		csv_number(&csv, optimize->call_ns > 0, function->cost_ns);
		csv_number(&csv, optimize->call_bytes > 0,
			(double)function->calls * optimize->call_bytes);
		csv_number(&csv, known, (double)allocs);
		csv_text(&csv, hst_optimize_means(optimize, function, HST_OPTIMIZE_GCC));
		csv_text(&csv, function->entry);
		csv_text(&csv, hst_optimize_means(optimize, function, HST_OPTIMIZE_CLANG));
		hst_csv_line(&csv);
	}
}
