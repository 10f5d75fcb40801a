/* SPDX-License-Identifier: Apache-2.0 */
/* `memory --paths`: the calling contexts that asked for memory, branches below 1 % left out. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

#define PRUNE_PERCENT 1.0
#define INDENT_MAX    64u
#define NONE          UINT32_MAX

/* What a branch is measured by. */
static const struct metric {
	const char *name;
	const char *title;
	enum hst_memory_kind kind;
	size_t total; /* in struct hst_heap_context */
	size_t self;
	bool live;
} metrics[] = {
	{ "bytes", "BYTES", HST_KIND_BYTES, offsetof(struct hst_heap_context, total_bytes),
		offsetof(struct hst_heap_context, sum.bytes), false },
	{ "allocs", "ALLOCS", HST_KIND_COUNT, offsetof(struct hst_heap_context, total_allocs),
		offsetof(struct hst_heap_context, sum.allocs), false },
	{ "leaked", "LEAKED", HST_KIND_BYTES, offsetof(struct hst_heap_context, total_leaked_bytes),
		offsetof(struct hst_heap_context, sum.leaked_bytes), true },
	{ "atpeak", "AT PEAK", HST_KIND_BYTES,
		offsetof(struct hst_heap_context, total_at_peak_bytes),
		offsetof(struct hst_heap_context, sum.at_peak_bytes), true },
};

/* A node whose row is still to be printed. */
struct entry {
	uint32_t node;
	uint32_t depth;
	bool last; /* of its siblings */
};

struct paths {
	const struct hst_memory *memory;
	const struct hst_heap_context *contexts;
	size_t count;
	const struct metric *metric;
	uint32_t *first_child, *next_sibling; /* NONE: none */
	uint64_t whole, least, rows;
	uint64_t left_out;
	struct hst_table *table;
	HST_VEC(struct entry) stack;
};

static uint64_t at(const struct hst_heap_context *context, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)context + offset);
}

static uint64_t total(const struct paths *paths, uint32_t node)
{
	return at(&paths->contexts[node], paths->metric->total);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct paths *paths = context;
	uint32_t a = ((const struct entry *)left)->node;
	uint32_t b = ((const struct entry *)right)->node;
	uint64_t x = total(paths, a);
	uint64_t y = total(paths, b);

	/* Least first: the stack gives them the other way round. */
	if (x != y) {
		return x < y ? -1 : 1;
	}
	return (a < b) - (a > b);
}

static enum hst_status link_children(struct paths *paths)
{
	paths->first_child = malloc((paths->count + 1) * sizeof *paths->first_child);
	paths->next_sibling = malloc((paths->count + 1) * sizeof *paths->next_sibling);
	if (paths->first_child == NULL || paths->next_sibling == NULL) {
		return HST_E_MEMORY;
	}
	memset(paths->first_child, 0xff, (paths->count + 1) * sizeof *paths->first_child);
	memset(paths->next_sibling, 0xff, (paths->count + 1) * sizeof *paths->next_sibling);
	for (uint32_t i = 1; i < paths->count; i++) {
		uint32_t parent = paths->contexts[i].parent;

		/* Parents stand before their children: what says otherwise would be a ring. */
		parent = parent < i ? parent : 0;
		paths->next_sibling[i] = paths->first_child[parent];
		paths->first_child[parent] = i;
	}
	return HST_OK;
}

static size_t put_arms(char *label, size_t size, const bool *more, size_t depth, bool utf8)
{
	size_t used = 0;

	for (size_t i = 0; i < depth && i < INDENT_MAX; i++) {
		bool own = i + 1 == depth;
		const char *arm = own ? (more[i] ? "|-" : "`-") : (more[i] ? "| " : "  ");

		if (utf8) {
			arm = own ? (more[i] ? "\xe2\x94\x9c\xe2\x94\x80"
					     : "\xe2\x94\x94\xe2\x94\x80")
				  : (more[i] ? "\xe2\x94\x82 " : "  ");
		}
		used += (size_t)snprintf(label + used, size - used, "%s", arm);
	}
	return used;
}

static void print_cells(struct paths *paths, uint64_t value, uint64_t self, uint64_t allocs,
	const char *label, const struct hst_function_row *row)
{
	const struct metric *metric = paths->metric;
	const char *doubt = paths->memory->doubt && metric->live ? "~" : "";
	char number[HST_UNITS_BYTES];
	char cell[HST_UNITS_BYTES + 1];
	char bar[64];
	char place[300];

	hst_table_row(paths->table);
	hst_units_percent(number, (double)value, (double)paths->whole);
	hst_table_cell(paths->table, number);
	hst_memory_bar(bar, sizeof bar, paths->memory->reading->style.utf8,
		paths->whole == 0 ? 0 : (double)value / (double)paths->whole);
	hst_table_cell(paths->table, bar);
	hst_memory_number(number, sizeof number, metric->kind, value);
	(void)snprintf(cell, sizeof cell, "%s%s", doubt, number);
	hst_table_cell(paths->table, cell);
	hst_memory_number(number, sizeof number, metric->kind, self);
	(void)snprintf(cell, sizeof cell, "%s%s", doubt, number);
	hst_table_cell(paths->table, cell);
	hst_cell_count(paths->table, allocs);
	hst_table_cell(paths->table, label);
	hst_row_place(place, sizeof place, row);
	hst_table_cell(paths->table, place);
}

static void print_node(struct paths *paths, const struct entry *entry, const bool *more)
{
	const struct hst_heap_context *context = &paths->contexts[entry->node];
	const struct hst_function_row *row = hst_memory_row(paths->memory->heap, context->row);
	char label[HST_MEMORY_CELL];
	size_t used = put_arms(
		label, sizeof label, more, entry->depth, paths->memory->reading->style.utf8);

	(void)snprintf(label + used, sizeof label - used, "%s",
		hst_row_name(&paths->memory->reading->options, row));
	print_cells(paths, total(paths, entry->node), at(context, paths->metric->self),
		context->total_allocs, label, row);
}

/* Children of a node onto the stack, the greatest on top; small ones are left out. */
static enum hst_status push_children(struct paths *paths, uint32_t node, uint32_t depth)
{
	size_t begin = paths->stack.count;
	struct entry *items;

	for (uint32_t child = paths->first_child[node]; child != NONE;
		child = paths->next_sibling[child]) {
		struct entry entry = { child, depth, false };

		if (total(paths, child) == 0) {
			continue;
		}
		if (total(paths, child) < paths->least) {
			paths->left_out++;
		} else if (!hst_vec_push(&paths->stack, entry)) {
			return HST_E_MEMORY;
		}
	}
	if (paths->stack.count != begin) {
		items = paths->stack.items + begin;
		qsort_r(items, paths->stack.count - begin, sizeof *items, compare, paths);
		items[0].last = true;
	}
	return HST_OK;
}

static enum hst_status walk(struct paths *paths)
{
	static const struct hst_function_row nobody = { .name = "", .full = "", .linkage = "" };
	bool more[INDENT_MAX + 1] = { false };
	const struct hst_heap_context *root = &paths->contexts[0];
	enum hst_status status = push_children(paths, 0, 0);

	if (at(root, paths->metric->self) != 0) {
		print_cells(paths, at(root, paths->metric->self), at(root, paths->metric->self),
			root->sum.allocs, "[outside of all functions]", &nobody);
	}
	while (status == HST_OK && paths->stack.count != 0) {
		struct entry entry = paths->stack.items[--paths->stack.count];

		if (paths->rows == 0) {
			paths->left_out++;
			continue;
		}
		paths->rows--;
		if (entry.depth > 0 && entry.depth <= INDENT_MAX) {
			more[entry.depth - 1] = !entry.last;
		}
		print_node(paths, &entry, more);
		status = push_children(paths, entry.node, entry.depth + 1);
	}
	return status;
}

static enum hst_status print_table(struct paths *paths)
{
	uint64_t rows = paths->memory->reading->options.rows;
	enum hst_status status;

	paths->whole = total(paths, 0);
	paths->least = rows == 0 ? 0 : (uint64_t)((double)paths->whole * PRUNE_PERCENT / 100);
	paths->rows = rows == 0 ? UINT64_MAX : rows;
	hst_table_column(paths->table, "%", HST_COLUMN_RIGHT);
	hst_table_column(paths->table, "", 0);
	hst_table_column(paths->table, paths->metric->title, HST_COLUMN_RIGHT);
	hst_table_column(paths->table, "SELF", HST_COLUMN_RIGHT);
	hst_table_column(paths->table, "ALLOCS", HST_COLUMN_RIGHT);
	hst_table_column(paths->table, "FUNCTION", HST_COLUMN_FLEX);
	hst_table_column(paths->table, "FILE:LINE", HST_COLUMN_FLEX);
	hst_reading_begin_text(paths->memory->reading);
	status = walk(paths);
	hst_reading_notes(paths->memory->reading, &paths->memory->said);
	if (status == HST_OK && paths->whole != 0) {
		status = hst_table_print(paths->table, stdout, &paths->memory->reading->style);
		hst_memory_legend(paths->memory);
	} else if (status == HST_OK) {
		hst_print_line("no call path has any %s", paths->metric->name);
	}
	if (paths->left_out != 0 && !paths->memory->reading->options.quiet) {
		hst_print_line("%llu small branches left out (-n 0 shows all)",
			(unsigned long long)paths->left_out);
	}
	return status;
}

int hst_memory_paths(const struct hst_memory *memory)
{
	const char *sort = memory->reading->options.sort;
	struct paths paths = { .memory = memory,
		.contexts = memory->heap->contexts,
		.count = memory->heap->context_count };
	enum hst_status status;

	for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
		if (strcmp(metrics[i].name, sort == NULL ? "bytes" : sort) == 0) {
			paths.metric = &metrics[i];
		}
	}
	if (paths.metric == NULL) {
		return hst_reading_fail(memory->reading,
			"--paths has no column '%s'; columns are: bytes allocs leaked atpeak",
			sort);
	}
	if (paths.count == 0 || paths.count >= NONE) {
		return hst_reading_fail(memory->reading, "the recording has no call paths");
	}
	paths.table = hst_table_create();
	status = paths.table == NULL ? HST_E_MEMORY : link_children(&paths);
	if (status == HST_OK) {
		status = print_table(&paths);
	}
	if (status == HST_OK) {
		if (!memory->reading->options.quiet) {
			putchar('\n');
		}
		hst_reading_next(memory->reading,
			memory->counted ? "tree" : hst_memory_view(HST_VIEW_PATHS)->next, NULL);
	}
	hst_table_destroy(paths.table);
	hst_vec_finish(&paths.stack);
	free(paths.first_child);
	free(paths.next_sibling);
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(memory->reading, "%s", hst_status_text(status));
}
