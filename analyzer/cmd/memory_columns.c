/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the memory tables, one table; the order of their rows; the fields of JSON and CSV. */
#include "cmd/memory.h"

#include "util/vec.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_BYTES 100000u /* sizes below it are written in full */

#define AT(member) offsetof(struct hst_heap_sum, member)

const struct hst_memory_field hst_memory_fields[] = {
	{ "alloc_calls", AT(allocs), false },
	{ "alloc_bytes", AT(bytes), false },
	{ "slack_bytes", AT(slack), true },
	{ "slack_unknown_blocks", AT(slack_unknown), true },
	{ "freed_blocks", AT(frees), false },
	{ "freed_bytes", AT(freed_bytes), false },
	{ "failed_calls", AT(failed), true },
	{ "leaked_blocks", AT(leaked), false },
	{ "leaked_bytes", AT(leaked_bytes), false },
	{ "peak_bytes", AT(peak_bytes), false },
	{ "peak_blocks", AT(peak_blocks), true },
	{ "at_peak_bytes", AT(at_peak_bytes), true },
	{ "at_peak_blocks", AT(at_peak_blocks), true },
	{ "temporary_blocks", AT(temporary), true },
	{ "temporary_bytes", AT(temporary_bytes), true },
	{ "short_lived_blocks", AT(short_lived), true },
	{ "foreign_freed_blocks", AT(foreign), true },
	{ "realloc_calls", AT(reallocs), true },
	{ "moved_calls", AT(moved), true },
	{ "moved_bytes", AT(moved_bytes), true },
	{ "grown_calls", AT(grown), true },
	{ "grown_bytes", AT(grown_bytes), true },
	{ "zeroed_large_calls", AT(zeroed_large), true },
	{ "zeroed_large_bytes", AT(zeroed_large_bytes), true },
	{ "allocator_ns", AT(allocator_ns), false },
	{ "allocator_calls", AT(allocator_calls), true },
	{ NULL, 0, false },
};

uint64_t hst_memory_value(const struct hst_heap_sum *sum, size_t at)
{
	return *(const uint64_t *)(const void *)((const char *)sum + at);
}

#define VALUE(name, expression)                                   \
 static uint64_t value_##name(const struct hst_memory_item *item) \
 {                                                                \
  return (expression);                                            \
 }

static uint64_t ratio(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : part / whole;
}

static uint64_t lifetime(const struct hst_memory_item *item, double q)
{
	return item->function == NULL || item->function->lifetimes == NULL
		       ? 0
		       : hst_latency_quantile(item->function->lifetimes, q);
}

VALUE(size, ratio(item->sum->bytes, item->sum->allocs))
VALUE(allocavg, ratio(item->sum->allocator_ns, item->sum->allocator_calls))
VALUE(p50, lifetime(item, 0.5))
VALUE(p90, lifetime(item, 0.9))
VALUE(p99, lifetime(item, 0.99))
VALUE(total, item->function == NULL ? item->sum->bytes : item->function->total_bytes)
VALUE(totalallocs, item->function == NULL ? item->sum->allocs : item->function->total_allocs)
VALUE(totalleaked,
	item->function == NULL ? item->sum->leaked_bytes : item->function->total_leaked_bytes)

#undef VALUE

static void text_function(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	(void)snprintf(
		buffer, HST_MEMORY_CELL, "%s", hst_row_name(&memory->reading->options, item->row));
}

static void text_file(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	(void)memory;
	if (item->site != NULL) {
		hst_memory_place(buffer, HST_MEMORY_CELL, item->site);
	} else {
		hst_row_place(buffer, HST_MEMORY_CELL, item->row);
	}
}

static void text_module(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	const char *base = hst_base_name(item->row->module);

	(void)memory;
	(void)snprintf(buffer, HST_MEMORY_CELL, "%s", base == NULL ? "" : base);
}

static void text_allocator(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	const char *name = item->site == NULL ? "" : hst_allocator_name(item->site->allocator);

	(void)memory;
	if (name == NULL) {
		(void)snprintf(buffer, HST_MEMORY_CELL, "[%" PRIu32 "]", item->site->allocator);
	} else {
		(void)snprintf(buffer, HST_MEMORY_CELL, "%s", name);
	}
}

/* Whose code called, if it is not the owner's; and in which module, if that is not the owner's. */
static void text_via(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	const char *function = item->site == NULL ? NULL : item->site->function;
	const char *module = item->site == NULL ? NULL : hst_base_name(item->site->module);
	const char *own = hst_base_name(item->row->module);

	(void)memory;
	if (function != NULL && (strcmp(function, item->row->name) == 0 ||
					strcmp(function, item->row->linkage) == 0)) {
		function = NULL;
	}
	if (module != NULL && own != NULL && strcmp(module, own) == 0) {
		module = NULL;
	}
	(void)snprintf(buffer, HST_MEMORY_CELL, "%s%s%s%s", function == NULL ? "" : function,
		function != NULL && module != NULL ? " (" : "", module == NULL ? "" : module,
		function != NULL && module != NULL ? ")" : "");
}

/* The size of the blocks that are left, or from which to which; exact where it is not long. */
static void text_each(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	uint64_t least = item->site == NULL ? 0 : item->site->leaked_least;
	uint64_t most = item->site == NULL ? 0 : item->site->leaked_most;
	char text[2][HST_UNITS_BYTES];

	(void)memory;
	if (item->site == NULL || item->sum->leaked == 0 ||
		(most == 0 && item->sum->leaked_bytes != 0)) {
		return;
	}
	hst_units_bytes(text[0], least);
	hst_units_bytes(text[1], most);
	if (least == most && most < EXACT_BYTES) {
		(void)snprintf(buffer, HST_MEMORY_CELL, "%" PRIu64 " B", most);
	} else if (least == most) {
		(void)snprintf(buffer, HST_MEMORY_CELL, "%s", text[1]);
	} else if (most < EXACT_BYTES) {
		(void)snprintf(buffer, HST_MEMORY_CELL, "%" PRIu64 "-%" PRIu64 " B", least, most);
	} else {
		(void)snprintf(buffer, HST_MEMORY_CELL, "%s-%s", text[0], text[1]);
	}
}

/* The range of sizes that most blocks have. */
static void text_mostly(const struct hst_memory *memory, const struct hst_memory_item *item,
	char buffer[HST_MEMORY_CELL])
{
	uint32_t most = 0;

	(void)memory;
	if (item->function == NULL || item->sum->allocs == 0) {
		return;
	}
	for (uint32_t i = 1; i < HST_HEAP_SIZES; i++) {
		most = item->function->sizes[i] > item->function->sizes[most] ? i : most;
	}
	if (item->function->sizes[most] != 0) {
		hst_memory_size_range(buffer, HST_MEMORY_CELL, most);
	}
}

#define RIGHT HST_COLUMN_RIGHT
#define FLEX  HST_COLUMN_FLEX
#define SUMS  HST_MEMORY_SUMS
#define LIVE  HST_MEMORY_LIVE
#define PART  HST_MEMORY_OF_HEAP
#define ZERO  HST_MEMORY_NULL_ZERO
#define LIST  HST_MEMORY_LISTED
/* clang-format off */
static const struct hst_memory_column columns[] = {
	{ "leaked", "LEAKED", RIGHT | SUMS | LIVE, HST_KIND_BYTES, AT(leaked_bytes), 0, NULL, NULL },
	{ "leaks", "BLOCKS", RIGHT | SUMS | LIVE, HST_KIND_COUNT, AT(leaked), 0, NULL, NULL },
	{ "each", "EACH", RIGHT, HST_KIND_TEXT, 0, 0, NULL, text_each },
	{ "peak", "PEAK", RIGHT | LIVE, HST_KIND_BYTES, AT(peak_bytes), 0, NULL, NULL },
	{ "peakblocks", "PEAK BLOCKS", RIGHT | LIST | LIVE, HST_KIND_COUNT, AT(peak_blocks), 0, NULL, NULL },
	{ "atpeak", "AT PEAK", RIGHT | LIST | SUMS | LIVE, HST_KIND_BYTES, AT(at_peak_bytes), 0, NULL, NULL },
	{ "atpeak%", "%", RIGHT | LIST | SUMS | PART, HST_KIND_PERCENT, AT(at_peak_bytes), AT(peak_bytes), NULL, NULL },
	{ "atpeakblocks", "BLOCKS", RIGHT | LIST | SUMS | LIVE, HST_KIND_COUNT, AT(at_peak_blocks), 0, NULL, NULL },
	{ "allocs", "ALLOCS", RIGHT | SUMS, HST_KIND_COUNT, AT(allocs), 0, NULL, NULL },
	{ "bytes", "BYTES", RIGHT | SUMS, HST_KIND_BYTES, AT(bytes), 0, NULL, NULL },
	{ "size", "SIZE", RIGHT | SUMS, HST_KIND_BYTES, 0, 0, value_size, NULL },
	{ "frees", "FREES", RIGHT | SUMS, HST_KIND_COUNT, AT(frees), 0, NULL, NULL },
	{ "temporary", "TEMPORARY", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(temporary), 0, NULL, NULL },
	{ "temporary%", "TEMP%", RIGHT | LIST | SUMS, HST_KIND_PERCENT, AT(temporary), AT(allocs), NULL, NULL },
	{ "tempbytes", "TEMP BYTES", RIGHT | LIST | SUMS, HST_KIND_BYTES, AT(temporary_bytes), 0, NULL, NULL },
	{ "short", "<1 ms", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(short_lived), 0, NULL, NULL },
	{ "foreign", "FOREIGN", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(foreign), 0, NULL, NULL },
	{ "failed", "FAILED", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(failed), 0, NULL, NULL },
	{ "reallocs", "REALLOCS", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(reallocs), 0, NULL, NULL },
	{ "moved", "MOVED", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(moved), 0, NULL, NULL },
	{ "copied", "COPIED", RIGHT | LIST | SUMS, HST_KIND_BYTES, AT(moved_bytes), 0, NULL, NULL },
	{ "grew", "GREW", RIGHT | LIST | SUMS, HST_KIND_COUNT, AT(grown), 0, NULL, NULL },
	{ "grown", "GROWN BY", RIGHT | LIST | SUMS, HST_KIND_BYTES, AT(grown_bytes), 0, NULL, NULL },
	{ "zeroed", "ZEROED", RIGHT | LIST | SUMS, HST_KIND_BYTES, AT(zeroed_large_bytes), 0, NULL, NULL },
	{ "slack", "SLACK", RIGHT | LIST | SUMS, HST_KIND_BYTES, AT(slack), 0, NULL, NULL },
	{ "alloctime", "ALLOC TIME", RIGHT | SUMS, HST_KIND_NS, AT(allocator_ns), 0, NULL, NULL },
	{ "allocavg", "TIME/CALL", RIGHT | LIST | SUMS, HST_KIND_NS, 0, 0, value_allocavg, NULL },
	{ "p50", "LIFE P50", RIGHT | ZERO, HST_KIND_NS, 0, 0, value_p50, NULL },
	{ "p90", "LIFE P90", RIGHT | ZERO, HST_KIND_NS, 0, 0, value_p90, NULL },
	{ "p99", "LIFE P99", RIGHT | ZERO, HST_KIND_NS, 0, 0, value_p99, NULL },
	{ "mostly", "MOSTLY OF", RIGHT, HST_KIND_TEXT, 0, 0, NULL, text_mostly },
	{ "total", "TOTAL", RIGHT, HST_KIND_BYTES, 0, 0, value_total, NULL },
	{ "totalallocs", "TOTAL ALLOCS", RIGHT, HST_KIND_COUNT, 0, 0, value_totalallocs, NULL },
	{ "totalleaked", "TOTAL LEAKED", RIGHT | LIVE, HST_KIND_BYTES, 0, 0, value_totalleaked, NULL },
	{ "function", "FUNCTION", FLEX, HST_KIND_TEXT, 0, 0, NULL, text_function },
	{ "file", "FILE:LINE", FLEX, HST_KIND_TEXT, 0, 0, NULL, text_file },
	{ "module", "MODULE", FLEX, HST_KIND_TEXT, 0, 0, NULL, text_module },
	{ "allocator", "CALL", 0, HST_KIND_TEXT, 0, 0, NULL, text_allocator },
	{ "via", "VIA", FLEX, HST_KIND_TEXT, 0, 0, NULL, text_via },
};
/* clang-format on */
#undef RIGHT
#undef FLEX
#undef SUMS
#undef LIVE
#undef PART
#undef ZERO
#undef LIST

#define COLUMNS (sizeof columns / sizeof columns[0])

static const struct hst_memory_column *find_column(const char *name, size_t length)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (strlen(columns[i].name) == length &&
			strncmp(columns[i].name, name, length) == 0) {
			return &columns[i];
		}
	}
	return NULL;
}

static enum hst_status no_column(const char *name, size_t length, struct hst_diag *diag)
{
	char names[512];
	size_t used = 0;

	for (size_t i = 0; i < COLUMNS && used < sizeof names; i++) {
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
			i == 0 ? "" : " ", columns[i].name);
	}
	return hst_diag_set(diag, HST_E_USAGE, "there is no column '%.*s'; columns are: %s",
		(int)length, name, names);
}

static enum hst_status parse_columns(const char *text, const struct hst_memory_column **ret_columns,
	size_t *ret_count, struct hst_diag *diag)
{
	while (*text != '\0') {
		size_t length = strcspn(text, ",");
		size_t plus = text[0] == '+';
		const struct hst_memory_column *column = find_column(text + plus, length - plus);

		if (column == NULL) {
			return no_column(text + plus, length - plus, diag);
		}
		if (*ret_count < HST_MEMORY_COLUMNS) {
			ret_columns[(*ret_count)++] = column;
		}
		text += length + (text[length] == ',');
	}
	return HST_OK;
}

enum hst_status hst_memory_columns(const char *asked, const char *defaults,
	const struct hst_memory_column **ret_columns, size_t *ret_count, struct hst_diag *diag)
{
	*ret_count = 0;
	if (asked == NULL || asked[0] == '+') {
		HST_TRY(parse_columns(defaults, ret_columns, ret_count, diag));
	}
	return asked == NULL ? HST_OK : parse_columns(asked, ret_columns, ret_count, diag);
}

static uint64_t value_of(const struct hst_memory_column *column, const struct hst_memory_item *item)
{
	return column->value != NULL ? column->value(item)
				     : hst_memory_value(item->sum, column->at);
}

static uint64_t whole_of(const struct hst_memory *memory, const struct hst_memory_column *column,
	const struct hst_memory_item *item)
{
	return hst_memory_value(
		(column->flags & HST_MEMORY_OF_HEAP) != 0 ? &memory->heap->sum : item->sum,
		column->whole);
}

void hst_memory_number(char *buffer, size_t size, enum hst_memory_kind kind, uint64_t value)
{
	char text[HST_UNITS_BYTES];

	if (kind == HST_KIND_BYTES) {
		hst_units_bytes(text, value);
	} else if (kind == HST_KIND_NS) {
		hst_units_ns(text, (double)value);
	} else {
		hst_units_count(text, value);
	}
	(void)snprintf(buffer, size, "%s", text);
}

void hst_memory_write(const struct hst_memory *memory, const struct hst_memory_column *column,
	const struct hst_memory_item *item, char buffer[HST_MEMORY_CELL])
{
	bool doubt = memory->doubt && (column->flags & HST_MEMORY_LIVE) != 0;
	char text[HST_UNITS_BYTES];
	uint64_t value;

	buffer[0] = '\0';
	if (column->kind == HST_KIND_TEXT) {
		column->text(memory, item, buffer);
		return;
	}
	if (memory->counted && (column->flags & HST_MEMORY_LISTED) != 0) {
		(void)snprintf(buffer, HST_MEMORY_CELL, "-");
		return;
	}
	value = value_of(column, item);
	if (column->kind == HST_KIND_PERCENT) {
		hst_units_percent(text, (double)value, (double)whole_of(memory, column, item));
	} else if (value == 0 && (column->flags & HST_MEMORY_NULL_ZERO) != 0) {
		(void)snprintf(text, sizeof text, "-");
	} else {
		hst_memory_number(text, sizeof text, column->kind, value);
	}
	(void)snprintf(buffer, HST_MEMORY_CELL, "%s%s", doubt ? "~" : "", text);
}

struct sorting {
	const struct hst_memory *memory;
	const struct hst_memory_column *column;
	bool reverse;
};

static const char *some(const char *text)
{
	return text == NULL ? "" : text;
}

/* Ties are broken by what does not change between runs: names and places. */
static int compare_names(const struct hst_memory_item *a, const struct hst_memory_item *b)
{
	int order = strcmp(a->row->full, b->row->full);

	order = order != 0 ? order : strcmp(some(a->row->module), some(b->row->module));
	if (order == 0 && a->site != NULL && b->site != NULL) {
		order = strcmp(some(a->site->file), some(b->site->file));
		order = order != 0
				? order
				: (a->site->line > b->site->line) - (a->site->line < b->site->line);
		order = order != 0 ? order
				   : (a->site->offset > b->site->offset) -
					     (a->site->offset < b->site->offset);
	}
	return order != 0 ? order : (a->sum > b->sum) - (a->sum < b->sum);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const struct hst_memory_column *column = sorting->column;
	const struct hst_memory_item *a = left;
	const struct hst_memory_item *b = right;
	int order = 0;

	if (column->kind == HST_KIND_TEXT) {
		char x[HST_MEMORY_CELL] = "";
		char y[HST_MEMORY_CELL] = "";

		column->text(sorting->memory, a, x);
		column->text(sorting->memory, b, y);
		order = strcmp(x, y);
	} else {
		double x = (double)value_of(column, a);
		double y = (double)value_of(column, b);

		if (column->kind == HST_KIND_PERCENT) {
			double whole_x = (double)whole_of(sorting->memory, column, a);
			double whole_y = (double)whole_of(sorting->memory, column, b);

			x = whole_x > 0 ? x / whole_x : 0;
			y = whole_y > 0 ? y / whole_y : 0;
		}
		order = (x < y) - (x > y);
	}
	order = sorting->reverse ? -order : order;
	return order != 0 ? order : compare_names(a, b);
}

static struct hst_memory_item item_at(const struct hst_heap *heap, bool sites, size_t i)
{
	if (sites) {
		return (struct hst_memory_item){ .sum = &heap->sites[i].sum,
			.row = hst_memory_row(heap, heap->sites[i].row),
			.site = &heap->sites[i] };
	}
	return (struct hst_memory_item){ .sum = &heap->functions[i].self,
		.row = hst_memory_row(heap, heap->functions[i].row),
		.function = &heap->functions[i] };
}

enum hst_status hst_memory_choose(const struct hst_memory *memory, bool sites, size_t need,
	const char *sort, struct hst_memory_items *ret_items, struct hst_diag *diag)
{
	const struct hst_options *options = &memory->reading->options;
	const struct hst_heap *heap = memory->heap;
	struct sorting sorting = { memory, NULL, options->reverse };
	size_t count = sites ? heap->site_count : heap->function_count;

	sort = options->sort != NULL ? options->sort : sort;
	sorting.column = find_column(sort, strlen(sort));
	if (sorting.column == NULL) {
		return no_column(sort, strlen(sort), diag);
	}
	for (size_t i = 0; i < count; i++) {
		struct hst_memory_item item = item_at(heap, sites, i);

		if ((need != SIZE_MAX && hst_memory_value(item.sum, need) == 0) ||
			!hst_reading_wants(memory->reading, item.row)) {
			continue;
		}
		if (!hst_vec_push(ret_items, item)) {
			return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
		}
	}
	if (ret_items->count != 0) {
		qsort_r(ret_items->items, ret_items->count, sizeof *ret_items->items, compare,
			&sorting);
	}
	return HST_OK;
}
