/* SPDX-License-Identifier: Apache-2.0 */
/* The views that are tables of functions or sites: which columns, which rows, which order. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_DEFAULT 20u
#define NAME_SHOWN   60u /* a longer one makes no command that one would type */
#define BAR_WIDTH    10u

#define AT(member) offsetof(struct hst_heap_sum, member)

static const struct hst_memory_view_of views[] = {
	[HST_VIEW_FUNCTIONS] = { false, SIZE_MAX, "peak",
		"leaked,peak,atpeak,allocs,bytes,temporary%,alloctime,function,file",
		"no function asked for memory", NULL },
	[HST_VIEW_LEAKS] = { true, AT(leaked), "leaked",
		"leaked,leaks,each,allocator,function,file,via", "nothing was left at the end",
		"memory --of" },
	[HST_VIEW_PEAK] = { false, AT(at_peak_bytes), "atpeak",
		"atpeak,atpeak%,atpeakblocks,peak,function,file", "nothing was held at the peak",
		"memory --timeline" },
	[HST_VIEW_PEAK_SITES] = { true, AT(at_peak_bytes), "atpeak",
		"atpeak,atpeak%,atpeakblocks,allocator,function,file,via",
		"nothing was held at the peak", NULL },
	[HST_VIEW_TEMPORARY] = { false, AT(temporary), "temporary",
		"temporary,temporary%,tempbytes,short,p50,p90,size,mostly,function,file",
		"no block was freed before the function that asked for it returned",
		"memory --of" },
	[HST_VIEW_SITES] = { true, SIZE_MAX, "bytes",
		"leaked,peak,allocs,bytes,size,temporary%,allocator,function,file,via",
		"no place asked for memory", "memory --of" },
	[HST_VIEW_OF_SITES] = { true, SIZE_MAX, "bytes",
		"leaked,peak,atpeak,allocs,bytes,size,temporary%,allocator,file,via", NULL, NULL },
	[HST_VIEW_TIMELINE] = { false, SIZE_MAX, "peak", "function", NULL, "memory --peak" },
	[HST_VIEW_PATHS] = { false, SIZE_MAX, "peak", "function", NULL, "memory --peak" },
	[HST_VIEW_OF] = { false, SIZE_MAX, "peak", "function", NULL, "report --of" },
};

const struct hst_memory_view_of *hst_memory_view(enum hst_memory_view view)
{
	return &views[view];
}

size_t hst_memory_limit(const struct hst_memory *memory, size_t count, size_t otherwise)
{
	uint64_t asked = memory->reading->options.rows;
	uint64_t limit = asked == UINT64_MAX ? otherwise : asked;

	return limit == 0 || limit > count ? count : (size_t)limit;
}

void hst_memory_bar(char *buffer, size_t size, bool utf8, double share)
{
	size_t full = (size_t)(share * BAR_WIDTH + 0.5);
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < full && i < BAR_WIDTH && used + 4 < size; i++) {
		used += (size_t)snprintf(
			buffer + used, size - used, "%s", utf8 ? "\xe2\x96\x88" : "#");
	}
}

void hst_memory_size_range(char *buffer, size_t size, uint32_t bucket)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint32_t power = bucket == 0 ? 0 : bucket - 1u;
	uint32_t unit = power / 10u;
	uint64_t least = UINT64_C(1) << (power % 10u);

	if (bucket < 2) {
		(void)snprintf(buffer, size, "%" PRIu32 " B", bucket);
	} else if (bucket + 1u >= HST_HEAP_SIZES) {
		(void)snprintf(buffer, size, "%" PRIu64 " %s or more", least, units[unit]);
	} else if (unit == 0) {
		(void)snprintf(buffer, size, "%" PRIu64 "-%" PRIu64 " B", least, 2 * least - 1);
	} else {
		(void)snprintf(
			buffer, size, "%" PRIu64 "-%" PRIu64 " %s", least, 2 * least, units[unit]);
	}
}

void hst_memory_place(char *buffer, size_t size, const struct hst_heap_site *site)
{
	const char *module = hst_base_name(site->module);

	buffer[0] = '\0';
	if (site->file != NULL && site->line != 0) {
		(void)snprintf(buffer, size, "%s:%" PRIu32, hst_base_name(site->file), site->line);
	} else if (module != NULL) {
		(void)snprintf(buffer, size, "%s+0x%" PRIx64, module, site->offset);
	} else if (site->offset != 0) {
		(void)snprintf(buffer, size, "0x%" PRIx64, site->offset);
	}
}

/* Blocks that exec or a kill left are none that leaked: the title says so if there are no others. */
static const char *title_of(const struct hst_memory *memory, const struct hst_memory_column *column)
{
	return memory->ended && strcmp(column->name, "leaked") == 0 ? "LIVE" : column->title;
}

/* One row for all that did not find room. */
static void others_row(const struct hst_memory *memory, struct hst_table *table,
	const struct hst_memory_column **columns, size_t count,
	const struct hst_memory_items *items, size_t from)
{
	static const struct hst_function_row nobody = { .name = "", .full = "", .linkage = "" };
	struct hst_heap_sum sum = { 0 };
	struct hst_memory_item item = { .sum = &sum, .row = &nobody };
	char text[HST_MEMORY_CELL];

	for (size_t i = from; i < items->count; i++) {
		hst_heap_sum_add(&sum, items->items[i].sum);
	}
	hst_table_row(table);
	for (size_t c = 0; c < count; c++) {
		text[0] = '\0';
		if ((columns[c]->flags & HST_MEMORY_SUMS) != 0) {
			hst_memory_write(memory, columns[c], &item, text);
		} else if (strcmp(columns[c]->name, "function") == 0) {
			(void)snprintf(text, sizeof text, "[%zu others]", items->count - from);
		}
		hst_table_cell(table, text);
	}
}

enum hst_status hst_memory_print(const struct hst_memory *memory, enum hst_memory_view view,
	const struct hst_memory_items *items)
{
	const struct hst_memory_column *columns[HST_MEMORY_COLUMNS] = { 0 };
	size_t rows = hst_memory_limit(memory, items->count, ROWS_DEFAULT);
	struct hst_table *table = hst_table_create();
	char text[HST_MEMORY_CELL];
	enum hst_status status;
	size_t count = 0;

	if (table == NULL) {
		return HST_E_MEMORY;
	}
	status = hst_memory_columns(
		memory->reading->options.columns, views[view].columns, columns, &count, NULL);
	for (size_t c = 0; c < count; c++) {
		hst_table_column(table, title_of(memory, columns[c]), columns[c]->flags);
	}
	for (size_t i = 0; i < rows; i++) {
		hst_table_row(table);
		for (size_t c = 0; c < count; c++) {
			hst_memory_write(memory, columns[c], &items->items[i], text);
			hst_table_cell(table, text);
		}
	}
	if (rows < items->count) {
		others_row(memory, table, columns, count, items, rows);
	}
	if (status == HST_OK) {
		status = hst_table_print(table, stdout, &memory->reading->style);
	}
	hst_table_destroy(table);
	return status;
}

void hst_memory_legend(const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	bool counted = false;
	char lost[HST_UNITS_BYTES];

	for (size_t i = 0; i < heap->process_count; i++) {
		counted |= heap->processes[i].profile_mode;
	}
	if (!memory->doubt) {
		return;
	}
	hst_units_count(lost, heap->lost);
	hst_print_line("~ estimated: %s%s%s%s", heap->lost != 0 ? lost : "",
		heap->lost != 0 ? " allocations and frees were not recorded" : "",
		heap->lost != 0 && counted ? "; " : "",
		counted ? "blocks were counted, not listed" : "");
}

/* What a user wants next, by what stands out. */
static void next_command(const struct hst_memory *memory, const struct hst_memory_items *items)
{
	const struct hst_heap_sum *sum = &memory->heap->sum;
	const struct hst_memory_view_of *view = &views[memory->view];
	const char *top = items->count == 0 ? NULL : items->items[0].row->name;

	if (sum->allocs == 0) {
		hst_reading_next(memory->reading, "report", NULL);
	} else if (memory->counted) {
		hst_reading_next(memory->reading, "memory --paths", NULL);
	} else if (view->next != NULL && strcmp(view->next, "memory --of") == 0) {
		bool plain = top != NULL && strlen(top) <= NAME_SHOWN;

		hst_reading_next(
			memory->reading, plain ? view->next : "memory --paths", plain ? top : NULL);
	} else if (view->next != NULL) {
		hst_reading_next(memory->reading, view->next, NULL);
	} else if (sum->leaked != 0 && !memory->ended) {
		hst_reading_next(memory->reading, "memory --leaks", NULL);
	} else if (sum->temporary > sum->allocs / 2) {
		hst_reading_next(memory->reading, "memory --temporary", NULL);
	} else {
		hst_reading_next(memory->reading, "memory --peak", NULL);
	}
}

static void no_rows(const struct hst_memory *memory)
{
	if (memory->counted) {
		hst_print_line(
			"not known: blocks were counted per call path, not listed; "
			"hasten memory -s leaked and hasten memory --paths show what is known");
	} else if (memory->reading->filter != NULL) {
		hst_print_line("--filter '%s' leaves nothing: %s", memory->reading->options.filter,
			views[memory->view].empty);
	} else {
		hst_print_line("%s", views[memory->view].empty);
	}
}

/* The lines above a view's tables: all of them, or those that it is about. */
static void head(const struct hst_memory *memory)
{
	if (memory->view == HST_VIEW_FUNCTIONS || memory->view == HST_VIEW_SITES) {
		hst_memory_head(memory);
		return;
	}
	if (memory->view == HST_VIEW_LEAKS) {
		hst_memory_ends(memory);
	} else if (memory->view == HST_VIEW_PEAK) {
		hst_memory_peak_line(memory);
	}
	hst_reading_notes(memory->reading, &memory->said);
}

/* What was left, but is of no place of the table. */
static void unplaced(const struct hst_memory *memory, const struct hst_memory_items *items)
{
	uint64_t blocks = memory->heap->sum.leaked;
	uint64_t bytes = memory->heap->sum.leaked_bytes;
	char text[2][HST_UNITS_BYTES];

	for (size_t i = 0; i < items->count; i++) {
		const struct hst_heap_sum *sum = items->items[i].sum;

		blocks -= sum->leaked < blocks ? sum->leaked : blocks;
		bytes -= sum->leaked_bytes < bytes ? sum->leaked_bytes : bytes;
	}
	if (memory->view != HST_VIEW_LEAKS || memory->reading->filter != NULL || blocks == 0) {
		return;
	}
	hst_units_count(text[0], blocks);
	hst_units_bytes(text[1], bytes);
	hst_print_line("and %s in %s block%s of places that are not known", text[1], text[0],
		blocks == 1 ? "" : "s");
}

static enum hst_status print_all(const struct hst_memory *memory,
	const struct hst_memory_items *items, const struct hst_memory_items *more)
{
	enum hst_status status = HST_OK;

	hst_reading_begin_text(memory->reading);
	head(memory);
	putchar('\n');
	if (items->count == 0) {
		no_rows(memory);
	} else {
		status = hst_memory_print(memory, memory->view, items);
		if (status == HST_OK && more->count != 0) {
			putchar('\n');
			status = hst_memory_print(memory, HST_VIEW_PEAK_SITES, more);
		}
		unplaced(memory, items);
		hst_memory_legend(memory);
	}
	if (!memory->reading->options.quiet) {
		putchar('\n');
	}
	next_command(memory, items);
	return status;
}

int hst_memory_tables(const struct hst_memory *memory)
{
	const struct hst_memory_view_of *view = &views[memory->view];
	const struct hst_memory_column *columns[HST_MEMORY_COLUMNS];
	struct hst_memory_items items = { 0 };
	struct hst_memory_items more = { 0 };
	struct hst_diag diag = { "" };
	size_t count;
	enum hst_status status = hst_memory_columns(
		memory->reading->options.columns, view->columns, columns, &count, &diag);

	if (status == HST_OK) {
		status = hst_memory_choose(
			memory, view->sites, view->need, view->sort, &items, &diag);
	}
	if (status == HST_OK && memory->view == HST_VIEW_PEAK) {
		status = hst_memory_choose(memory, true, views[HST_VIEW_PEAK_SITES].need,
			views[HST_VIEW_PEAK_SITES].sort, &more, &diag);
	}
	if (status == HST_OK) {
		status = print_all(memory, &items, &more);
	}
	hst_vec_finish(&items);
	hst_vec_finish(&more);
	return status == HST_OK
		       ? HST_EXIT_OK
		       : hst_reading_fail(memory->reading, "%s",
				 diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}
