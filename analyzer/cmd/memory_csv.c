/* SPDX-License-Identifier: Apache-2.0 */
/* One CSV table for each view of `hasten memory`, with the names of the JSON. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/csv.h"

#include <stdlib.h>

#define KEY_BYTES 2048

static void names(struct hst_csv *csv, const char *const *list)
{
	for (; *list != NULL; list++) {
		hst_csv_string(csv, *list);
	}
}

static void sum_names(struct hst_csv *csv)
{
	for (const struct hst_memory_field *field = hst_memory_fields; field->name != NULL;
		field++) {
		hst_csv_string(csv, field->name);
	}
}

static void text_or_empty(struct hst_csv *csv, const char *text)
{
	if (text == NULL) {
		hst_csv_empty(csv);
	} else {
		hst_csv_string(csv, text);
	}
}

static void number_or_empty(struct hst_csv *csv, bool known, uint64_t value)
{
	if (known) {
		hst_csv_u64(csv, value);
	} else {
		hst_csv_empty(csv);
	}
}

static void sum_values(
	struct hst_csv *csv, const struct hst_memory *memory, const struct hst_heap_sum *sum)
{
	for (const struct hst_memory_field *field = hst_memory_fields; field->name != NULL;
		field++) {
		number_or_empty(
			csv, !field->listed || !memory->counted, hst_memory_value(sum, field->at));
	}
}

static const char *const owner_names[] = { "key", "name", "linkage_name", "module", "file", "line",
	NULL };
static const char *const site_names[] = { "allocator", "call_function", "call_module", "call_file",
	"call_line", "call_offset", "least_leaked_bytes", "most_leaked_bytes", NULL };
static const char *const function_names[] = { "total_alloc_calls", "total_alloc_bytes",
	"total_leaked_bytes", "lifetime_p50_ns", "lifetime_p90_ns", "lifetime_p99_ns",
	"lifetime_max_ns", NULL };
static const char *const sample_names[] = { "pid", "image", "ns", "live_bytes", "live_blocks",
	"usable_bytes", "mapped_bytes", "stack_bytes", "rss_bytes", "brk_bytes", "address_bytes",
	NULL };
static const char *const path_names[] = { "key", "total_alloc_calls", "total_alloc_bytes",
	"total_leaked_bytes", "total_at_peak_bytes", NULL };

static void owner_values(struct hst_csv *csv, const char *key, const struct hst_function_row *row)
{
	hst_csv_string(csv, key);
	text_or_empty(csv, row->name);
	text_or_empty(csv, row->linkage);
	text_or_empty(csv, row->module);
	text_or_empty(csv, row->file);
	number_or_empty(csv, row->file != NULL && row->line != 0, row->line);
}

static void site_values(struct hst_csv *csv, const struct hst_heap_site *site)
{
	bool sized = site->leaked_most != 0 || site->sum.leaked_bytes == 0;

	text_or_empty(csv, hst_allocator_name(site->allocator));
	text_or_empty(csv, site->function);
	text_or_empty(csv, site->module);
	text_or_empty(csv, site->file);
	number_or_empty(csv, site->file != NULL && site->line != 0, site->line);
	hst_csv_u64(csv, site->offset);
	number_or_empty(csv, sized, site->leaked_least);
	number_or_empty(csv, sized, site->leaked_most);
}

static void function_values(struct hst_csv *csv, const struct hst_heap_function *function)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99, 1 };
	const struct hst_latency *lifetimes = function->lifetimes;
	bool known = lifetimes != NULL && lifetimes->count != 0;

	hst_csv_u64(csv, function->total_allocs);
	hst_csv_u64(csv, function->total_bytes);
	hst_csv_u64(csv, function->total_leaked_bytes);
	for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
		number_or_empty(
			csv, known, known ? hst_latency_quantile(lifetimes, quantiles[i]) : 0);
	}
}

static void print_item(
	struct hst_csv *csv, const struct hst_memory *memory, const struct hst_memory_item *item)
{
	char key[KEY_BYTES];

	if (item->site != NULL) {
		hst_memory_site_key(key, sizeof key, memory->heap, item->site);
		owner_values(csv, key, item->row);
		site_values(csv, item->site);
		sum_values(csv, memory, item->sum);
	} else {
		hst_memory_function_key(key, sizeof key, item->row);
		owner_values(csv, key, item->row);
		sum_values(csv, memory, item->sum);
		function_values(csv, item->function);
	}
	hst_csv_line(csv);
}

static enum hst_status print_items(
	struct hst_csv *csv, const struct hst_memory *memory, struct hst_diag *diag)
{
	const struct hst_memory_view_of *view = hst_memory_view(memory->view);
	struct hst_memory_items items = { 0 };
	enum hst_status status =
		hst_memory_choose(memory, view->sites, view->need, view->sort, &items, diag);
	size_t rows = hst_memory_limit(memory, items.count, 0);

	if (status == HST_OK) {
		names(csv, owner_names);
		if (view->sites) {
			names(csv, site_names);
		}
		sum_names(csv);
		if (!view->sites) {
			names(csv, function_names);
		}
		hst_csv_line(csv);
	}
	for (size_t i = 0; status == HST_OK && i < rows; i++) {
		print_item(csv, memory, &items.items[i]);
	}
	hst_vec_finish(&items);
	return status;
}

static void print_samples(struct hst_csv *csv, const struct hst_heap *heap)
{
	names(csv, sample_names);
	hst_csv_line(csv);
	for (size_t p = 0; p < heap->process_count; p++) {
		for (size_t i = 0; i < heap->processes[p].sample_count; i++) {
			const struct hst_heap_sample *sample = &heap->processes[p].samples[i];

			hst_csv_u64(csv, heap->processes[p].pid);
			hst_csv_u64(csv, heap->processes[p].image);
			hst_csv_u64(csv, sample->ns);
			hst_csv_u64(csv, sample->live_bytes);
			hst_csv_u64(csv, sample->live_blocks);
			hst_csv_u64(csv, sample->usable_bytes);
			hst_csv_u64(csv, sample->mapped_bytes);
			hst_csv_u64(csv, sample->stack_bytes);
			number_or_empty(csv, sample->rss_bytes != 0, sample->rss_bytes);
			number_or_empty(csv, sample->brk_bytes != 0, sample->brk_bytes);
			number_or_empty(csv, sample->address_bytes != 0, sample->address_bytes);
			hst_csv_line(csv);
		}
	}
}

static void print_paths(struct hst_csv *csv, const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	char key[HST_MEMORY_PATH_BYTES];

	names(csv, path_names);
	sum_names(csv);
	hst_csv_line(csv);
	for (uint32_t i = 0; i < heap->context_count; i++) {
		const struct hst_heap_context *context = &heap->contexts[i];

		if (context->sum.allocs == 0) {
			continue;
		}
		hst_memory_path_key(key, sizeof key, heap, i);
		hst_csv_string(csv, key);
		hst_csv_u64(csv, context->total_allocs);
		hst_csv_u64(csv, context->total_bytes);
		hst_csv_u64(csv, context->total_leaked_bytes);
		hst_csv_u64(csv, context->total_at_peak_bytes);
		sum_values(csv, memory, &context->sum);
		hst_csv_line(csv);
	}
}

int hst_memory_csv(const struct hst_memory *memory)
{
	struct hst_csv csv = { .out = stdout };
	struct hst_diag diag = { "" };
	enum hst_status status = HST_OK;

	if (memory->view == HST_VIEW_TIMELINE) {
		print_samples(&csv, memory->heap);
	} else if (memory->view == HST_VIEW_PATHS) {
		print_paths(&csv, memory);
	} else {
		status = print_items(&csv, memory, &diag);
	}
	if (status != HST_OK) {
		return hst_reading_fail(memory->reading, "%s", diag.text);
	}
	hst_reading_losses(memory->reading, &memory->said);
	return HST_EXIT_OK;
}
