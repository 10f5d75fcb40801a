/* SPDX-License-Identifier: Apache-2.0 */
/* `memory --of F`: all that is known of one function's blocks. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/units.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_DEFAULT 5u
#define PATH_FRAMES   12u /* shown of a path, the innermost ones */

bool hst_memory_is_of(
	const struct hst_memory *memory, const struct hst_function_row *row, bool exact)
{
	const char *name = memory->reading->options.of;

	if (exact) {
		return hst_row_is_named(row, name);
	}
	return fnmatch(name, row->name, 0) == 0 || fnmatch(name, row->full, 0) == 0;
}

/* Two figures of a line; `second` NULL: none. */
struct line {
	const char *label;
	enum hst_memory_kind kind;
	size_t at;
	const char *between;
	enum hst_memory_kind second_kind;
	size_t second;
	const char *behind;
	bool live, always;
	bool listed; /* not known if blocks were only counted */
	bool alone;  /* then only the first figure is */
};

#define AT(member) offsetof(struct hst_heap_sum, member)

static const struct line lines[] = {
	{ "asked", HST_KIND_COUNT, AT(allocs), " blocks of ", HST_KIND_BYTES, AT(bytes), " in all",
		false, true, false, false },
	{ "freed", HST_KIND_COUNT, AT(frees), " blocks of ", HST_KIND_BYTES, AT(freed_bytes), "",
		false, true, false, false },
	{ "left", HST_KIND_BYTES, AT(leaked_bytes), " in ", HST_KIND_COUNT, AT(leaked),
		" blocks at the end", true, true, false, false },
	{ "own peak", HST_KIND_BYTES, AT(peak_bytes), " in ", HST_KIND_COUNT, AT(peak_blocks),
		" blocks", true, true, false, true },
	{ "at peak", HST_KIND_BYTES, AT(at_peak_bytes), " in ", HST_KIND_COUNT, AT(at_peak_blocks),
		" blocks when the program held most", true, true, true, false },
	{ "temporary", HST_KIND_COUNT, AT(temporary), " blocks of ", HST_KIND_BYTES,
		AT(temporary_bytes), " freed before it returned", false, false, true, false },
	{ "short", HST_KIND_COUNT, AT(short_lived), " blocks lived less than 1 ms", HST_KIND_TEXT,
		0, "", false, false, true, false },
	{ "foreign", HST_KIND_COUNT, AT(foreign), " blocks were freed by another thread",
		HST_KIND_TEXT, 0, "", false, false, true, false },
	{ "realloc", HST_KIND_COUNT, AT(reallocs), " calls that replaced a block", HST_KIND_TEXT, 0,
		"", false, false, true, false },
	{ "  grew", HST_KIND_COUNT, AT(grown), " of them, by ", HST_KIND_BYTES, AT(grown_bytes), "",
		false, false, true, false },
	{ "  moved", HST_KIND_COUNT, AT(moved), " of them, ", HST_KIND_BYTES, AT(moved_bytes),
		" copied", false, false, true, false },
	{ "zeroed", HST_KIND_COUNT, AT(zeroed_large), " large callocs of ", HST_KIND_BYTES,
		AT(zeroed_large_bytes), ": pages that were zero already", false, false, true,
		false },
	{ "failed", HST_KIND_COUNT, AT(failed), " calls returned no block", HST_KIND_TEXT, 0, "",
		false, false, true, false },
	{ "slack", HST_KIND_BYTES, AT(slack), " usable beyond what was asked for", HST_KIND_TEXT, 0,
		"", false, false, true, false },
	{ "allocator", HST_KIND_NS, AT(allocator_ns), " in ", HST_KIND_COUNT, AT(allocator_calls),
		" calls, estimated", false, false, false, true },
};

#undef AT

/* " blocks..." of a single one is " block...". */
static const char *of_one(const char *text, uint64_t count)
{
	static const struct {
		const char *many, *one;
	} words[] = { { " blocks of ", " block of " }, { " blocks", " block" },
		{ " blocks at the end", " block at the end" },
		{ " blocks when the program held most", " block when the program held most" } };

	for (size_t i = 0; count == 1 && i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(text, words[i].many) == 0) {
			return words[i].one;
		}
	}
	return text;
}

static void print_lines(const struct hst_memory *memory, const struct hst_heap_sum *sum)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		const struct line *line = &lines[i];
		uint64_t value = hst_memory_value(sum, line->at);
		char first[HST_UNITS_BYTES];
		char second[HST_UNITS_BYTES] = "";

		if ((value == 0 && !line->always) || (memory->counted && line->listed)) {
			continue;
		}
		hst_memory_number(first, sizeof first, line->kind, value);
		if (memory->counted && line->alone) {
			hst_print_line("%-13s ~%s, estimated", line->label, first);
			continue;
		}
		if (line->second_kind != HST_KIND_TEXT) {
			hst_memory_number(second, sizeof second, line->second_kind,
				hst_memory_value(sum, line->second));
		}
		hst_print_line("%-13s %s%s%s%s%s", line->label,
			memory->doubt && line->live ? "~" : "", first, of_one(line->between, value),
			second, of_one(line->behind, hst_memory_value(sum, line->second)));
	}
}

static void print_lifetimes(const struct hst_latency *lifetimes)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99, 1 };
	char text[4][HST_UNITS_BYTES];

	if (lifetimes == NULL || lifetimes->count == 0) {
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		hst_units_ns(text[i], (double)hst_latency_quantile(lifetimes, quantiles[i]));
	}
	hst_print_line(
		"lifetime      p50 %s, p90 %s, p99 %s, max %s", text[0], text[1], text[2], text[3]);
}

static void print_head(const struct hst_memory *memory, const struct hst_heap_function *function)
{
	const struct hst_function_row *row = hst_memory_row(memory->heap, function->row);
	const char *module = hst_base_name(row->module);
	char place[300];
	char allocs[HST_UNITS_BYTES];
	char bytes[HST_UNITS_BYTES];
	char leaked[HST_UNITS_BYTES];

	hst_row_place(place, sizeof place, row);
	hst_print_line("%s%s%s%s%s%s", hst_row_name(&memory->reading->options, row),
		place[0] != '\0' ? "  " : "", place, module != NULL ? "  (" : "",
		module != NULL ? module : "", module != NULL ? ")" : "");
	print_lines(memory, &function->self);
	print_lifetimes(function->lifetimes);
	hst_units_count(allocs, function->total_allocs);
	hst_units_bytes(bytes, function->total_bytes);
	hst_units_bytes(leaked, function->total_leaked_bytes);
	hst_print_line("with callees  %s blocks of %s, %s%s left at the end", allocs, bytes,
		memory->doubt ? "~" : "", leaked);
}

static enum hst_status print_sizes(
	const struct hst_memory *memory, const struct hst_heap_function *function)
{
	struct hst_table *table = hst_table_create();
	enum hst_status status = HST_OK;
	bool any = false;
	char text[HST_UNITS_BYTES];
	char range[64];
	char bar[64];

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	hst_table_column(table, "SIZES", HST_COLUMN_RIGHT);
	hst_table_column(table, "BLOCKS", HST_COLUMN_RIGHT);
	hst_table_column(table, "%", HST_COLUMN_RIGHT);
	hst_table_column(table, "", 0);
	for (uint32_t i = 0; i < HST_HEAP_SIZES; i++) {
		double share = (double)function->sizes[i] / (double)function->self.allocs;

		if (function->sizes[i] == 0 || function->self.allocs == 0) {
			continue;
		}
		any = true;
		hst_table_row(table);
		hst_memory_size_range(range, sizeof range, i);
		hst_table_cell(table, range);
		hst_cell_count(table, function->sizes[i]);
		hst_units_percent(text, (double)function->sizes[i], (double)function->self.allocs);
		hst_table_cell(table, text);
		hst_memory_bar(bar, sizeof bar, memory->reading->style.utf8, share);
		hst_table_cell(table, bar);
	}
	if (any) {
		putchar('\n');
		status = hst_table_print(table, stdout, &memory->reading->style);
	}
	hst_table_destroy(table);
	return status;
}

static enum hst_status print_sites(
	const struct hst_memory *memory, uint32_t row, const struct hst_memory_items *sites)
{
	struct hst_memory_items own = { 0 };
	enum hst_status status = HST_OK;

	for (size_t i = 0; i < sites->count; i++) {
		if (sites->items[i].site->row == row && !hst_vec_push(&own, sites->items[i])) {
			status = HST_E_MEMORY;
			break;
		}
	}
	if (status == HST_OK && own.count != 0) {
		putchar('\n');
		status = hst_memory_print(memory, HST_VIEW_OF_SITES, &own);
	}
	hst_vec_finish(&own);
	return status;
}

/* "main > parse > eval", the outer frames of a long one as "...". */
static void path_text(const struct hst_memory *memory, uint32_t context, char *buffer, size_t size)
{
	const struct hst_heap *heap = memory->heap;
	uint32_t frames[PATH_FRAMES];
	size_t count = 0;
	size_t used = 0;

	while (context != 0 && context < heap->context_count && count < PATH_FRAMES) {
		uint32_t parent = heap->contexts[context].parent;

		frames[count++] = heap->contexts[context].row;
		context = parent < context ? parent : 0;
	}
	buffer[0] = '\0';
	if (context != 0) {
		used = (size_t)snprintf(buffer, size, "... > ");
	}
	while (count-- > 0 && used < size) {
		used += (size_t)snprintf(buffer + used, size - used, "%s%s",
			hst_row_name(
				&memory->reading->options, hst_memory_row(heap, frames[count])),
			count == 0 ? "" : " > ");
	}
}

static int compare_contexts(const void *left, const void *right, void *context)
{
	const struct hst_heap_context *contexts = context;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;

	if (contexts[a].sum.bytes != contexts[b].sum.bytes) {
		return contexts[a].sum.bytes < contexts[b].sum.bytes ? 1 : -1;
	}
	return (a > b) - (a < b);
}

static enum hst_status path_table(
	const struct hst_memory *memory, const uint32_t *found, size_t count)
{
	size_t shown = hst_memory_limit(memory, count, PATHS_DEFAULT);
	struct hst_table *table = hst_table_create();
	enum hst_status status;
	char text[HST_MEMORY_CELL];

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	hst_table_column(table, "BYTES", HST_COLUMN_RIGHT);
	hst_table_column(table, "ALLOCS", HST_COLUMN_RIGHT);
	hst_table_column(table, "LEAKED", HST_COLUMN_RIGHT);
	hst_table_column(table, "CALL PATH", HST_COLUMN_FLEX);
	for (size_t i = 0; i < shown; i++) {
		const struct hst_heap_sum *sum = &memory->heap->contexts[found[i]].sum;

		hst_table_row(table);
		hst_memory_number(text, sizeof text, HST_KIND_BYTES, sum->bytes);
		hst_table_cell(table, text);
		hst_cell_count(table, sum->allocs);
		hst_memory_number(text, sizeof text, HST_KIND_BYTES, sum->leaked_bytes);
		hst_table_cell(table, text);
		path_text(memory, found[i], text, sizeof text);
		hst_table_cell(table, text);
	}
	putchar('\n');
	status = hst_table_print(table, stdout, &memory->reading->style);
	if (shown < count) {
		hst_print_line("[%zu other paths]", count - shown);
	}
	hst_table_destroy(table);
	return status;
}

static enum hst_status print_paths(const struct hst_memory *memory, uint32_t row)
{
	const struct hst_heap *heap = memory->heap;
	enum hst_status status = HST_OK;
	HST_VEC(uint32_t) found = { 0 };

	for (uint32_t i = 1; i < heap->context_count && status == HST_OK; i++) {
		const struct hst_heap_context *context = &heap->contexts[i];

		if (context->row == row && context->sum.allocs != 0 && !hst_vec_push(&found, i)) {
			status = HST_E_MEMORY;
		}
	}
	if (status == HST_OK && found.count != 0) {
		qsort_r(found.items, found.count, sizeof *found.items, compare_contexts,
			heap->contexts);
		status = path_table(memory, found.items, found.count);
	}
	hst_vec_finish(&found);
	return status;
}

static enum hst_status print_function(const struct hst_memory *memory,
	const struct hst_heap_function *function, const struct hst_memory_items *sites)
{
	putchar('\n');
	print_head(memory, function);
	HST_TRY(print_sizes(memory, function));
	HST_TRY(print_sites(memory, function->row, sites));
	return print_paths(memory, function->row);
}

static enum hst_status print_matches(const struct hst_memory *memory, bool exact,
	const struct hst_memory_items *functions, const struct hst_memory_items *sites)
{
	enum hst_status status = HST_OK;

	hst_reading_begin_text(memory->reading);
	hst_reading_notes(memory->reading, &memory->said);
	for (size_t i = 0; i < functions->count && status == HST_OK; i++) {
		if (hst_memory_is_of(memory, functions->items[i].row, exact)) {
			status = print_function(memory, functions->items[i].function, sites);
		}
	}
	hst_memory_legend(memory);
	if (!memory->reading->options.quiet) {
		putchar('\n');
	}
	hst_reading_next(
		memory->reading, hst_memory_view(HST_VIEW_OF)->next, memory->reading->options.of);
	return status;
}

enum hst_status hst_memory_find_of(const struct hst_memory *memory,
	const struct hst_memory_items *functions, bool *ret_exact, struct hst_diag *diag)
{
	for (int pass = 0; pass < 2; pass++) {
		*ret_exact = pass == 0;
		for (size_t i = 0; i < functions->count; i++) {
			if (hst_memory_is_of(memory, functions->items[i].row, pass == 0)) {
				return HST_OK;
			}
		}
	}
	return hst_diag_set(diag, HST_E_USAGE,
		"no function that is called '%s' asked for memory; hasten memory -n 0 lists them all",
		memory->reading->options.of);
}

int hst_memory_of(const struct hst_memory *memory)
{
	const struct hst_memory_column *columns[HST_MEMORY_COLUMNS];
	struct hst_memory_items functions = { 0 };
	struct hst_memory_items sites = { 0 };
	struct hst_diag diag = { "" };
	bool exact;
	size_t count;
	enum hst_status status = hst_memory_columns(memory->reading->options.columns,
		hst_memory_view(HST_VIEW_OF_SITES)->columns, columns, &count, &diag);

	if (status == HST_OK) {
		status = hst_memory_choose(memory, false, SIZE_MAX, "bytes", &functions, &diag);
	}
	if (status == HST_OK) {
		status = hst_memory_choose(memory, true, SIZE_MAX, "bytes", &sites, &diag);
	}
	if (status == HST_OK) {
		status = hst_memory_find_of(memory, &functions, &exact, &diag);
	}
	if (status == HST_OK) {
		status = print_matches(memory, exact, &functions, &sites);
	}
	hst_vec_finish(&functions);
	hst_vec_finish(&sites);
	return status == HST_OK
		       ? HST_EXIT_OK
		       : hst_reading_fail(memory->reading, "%s",
				 diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}
