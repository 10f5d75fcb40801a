/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for programs: one JSON document for all views, one CSV table for each; keys that last. */
#include "cmd/memory.h"

#include "cmd/commands.h"
#include "util/vec.h"
#include "writers/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES   2048
#define PATH_FRAMES 4096u

/* What separates the parts of a key does not occur within them. */
static size_t put_word(char *buffer, size_t size, size_t used, const char *text)
{
	for (; *text != '\0' && used + 1 < size; text++) {
		buffer[used++] = *text == ';' ? ',' : *text;
	}
	buffer[used] = '\0';
	return used;
}

void hst_memory_function_key(char *buffer, size_t size, const struct hst_function_row *row)
{
	const char *module = hst_base_name(row->module);
	const char *name =
		row->linkage != NULL && row->linkage[0] != '\0' ? row->linkage : row->name;
	size_t used = put_word(buffer, size, 0, module == NULL ? "" : module);

	used = put_word(buffer, size, used, ":");
	(void)put_word(buffer, size, used, name);
}

void hst_memory_site_key(
	char *buffer, size_t size, const struct hst_heap *heap, const struct hst_heap_site *site)
{
	const char *allocator = hst_allocator_name(site->allocator);
	char place[KEY_BYTES];
	char number[16];
	size_t used;

	hst_memory_function_key(buffer, size, hst_memory_row(heap, site->row));
	hst_memory_place(place, sizeof place, site);
	(void)snprintf(number, sizeof number, "%" PRIu32, site->allocator);
	used = put_word(buffer, size, strlen(buffer), "@");
	used = put_word(buffer, size, used, place);
	used = put_word(buffer, size, used, "#");
	(void)put_word(buffer, size, used, allocator == NULL ? number : allocator);
}

void hst_memory_path_key(char *buffer, size_t size, const struct hst_heap *heap, uint32_t context)
{
	uint32_t frames[PATH_FRAMES];
	char key[KEY_BYTES];
	size_t count = 0;
	size_t used = 0;

	while (context != 0 && context < heap->context_count && count < PATH_FRAMES) {
		uint32_t parent = heap->contexts[context].parent;

		frames[count++] = heap->contexts[context].row;
		context = parent < context ? parent : 0;
	}
	buffer[0] = '\0';
	while (count-- > 0 && used + 1 < size) {
		hst_memory_function_key(key, sizeof key, hst_memory_row(heap, frames[count]));
		used += (size_t)snprintf(
			buffer + used, size - used, "%s%s", key, count == 0 ? "" : ";");
	}
}

static void json_sum(
	struct hst_json *json, const struct hst_memory *memory, const struct hst_heap_sum *sum)
{
	for (const struct hst_memory_field *field = hst_memory_fields; field->name != NULL;
		field++) {
		if (field->listed && memory->counted) {
			hst_json_null(json, field->name);
		} else {
			hst_json_u64(json, field->name, hst_memory_value(sum, field->at));
		}
	}
}

static void json_sizes(struct hst_json *json, const uint64_t sizes[HST_HEAP_SIZES])
{
	hst_json_list(json, "sizes");
	for (uint32_t i = 0; i < HST_HEAP_SIZES; i++) {
		if (sizes[i] != 0) {
			hst_json_row(json, NULL);
			hst_json_u64(json, "least_bytes", i == 0 ? 0 : UINT64_C(1) << (i - 1));
			hst_json_u64(json, "blocks", sizes[i]);
			hst_json_end(json);
		}
	}
	hst_json_end(json);
}

static void json_lifetimes(struct hst_json *json, const struct hst_latency *lifetimes)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "lifetime_p50_ns", 0.5 }, { "lifetime_p90_ns", 0.9 },
		{ "lifetime_p99_ns", 0.99 }, { "lifetime_max_ns", 1 } };

	for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
		if (lifetimes == NULL || lifetimes->count == 0) {
			hst_json_null(json, quantiles[i].name);
		} else {
			hst_json_u64(json, quantiles[i].name,
				hst_latency_quantile(lifetimes, quantiles[i].q));
		}
	}
}

static void json_function(
	struct hst_json *json, const struct hst_memory *memory, const struct hst_memory_item *item)
{
	const struct hst_heap_function *function = item->function;
	char key[KEY_BYTES];

	hst_memory_function_key(key, sizeof key, item->row);
	hst_json_row(json, NULL);
	hst_json_string(json, "key", key);
	hst_json_place(json, item->row);
	json_sum(json, memory, item->sum);
	hst_json_u64(json, "total_alloc_calls", function->total_allocs);
	hst_json_u64(json, "total_alloc_bytes", function->total_bytes);
	hst_json_u64(json, "total_leaked_bytes", function->total_leaked_bytes);
	json_lifetimes(json, function->lifetimes);
	json_sizes(json, function->sizes);
	hst_json_end(json);
}

static void json_call(struct hst_json *json, const struct hst_heap_site *site)
{
	hst_json_string(json, "allocator", hst_allocator_name(site->allocator));
	hst_json_string(json, "call_function", site->function);
	hst_json_string(json, "call_module", site->module);
	hst_json_string(json, "call_file", site->file);
	if (site->file != NULL && site->line != 0) {
		hst_json_u64(json, "call_line", site->line);
	} else {
		hst_json_null(json, "call_line");
	}
	hst_json_u64(json, "call_offset", site->offset);
}

static void json_site(
	struct hst_json *json, const struct hst_memory *memory, const struct hst_memory_item *item)
{
	char key[KEY_BYTES];

	hst_memory_site_key(key, sizeof key, memory->heap, item->site);
	hst_json_row(json, NULL);
	hst_json_string(json, "key", key);
	hst_json_place(json, item->row);
	json_call(json, item->site);
	json_sum(json, memory, item->sum);
	hst_json_end(json);
}

static void json_leak(
	struct hst_json *json, const struct hst_memory *memory, const struct hst_memory_item *item)
{
	const struct hst_heap_site *site = item->site;
	char key[KEY_BYTES];

	hst_memory_site_key(key, sizeof key, memory->heap, site);
	hst_json_row(json, NULL);
	hst_json_string(json, "key", key);
	hst_json_place(json, item->row);
	json_call(json, site);
	hst_json_u64(json, "leaked_blocks", item->sum->leaked);
	hst_json_u64(json, "leaked_bytes", item->sum->leaked_bytes);
	if (site->leaked_most == 0 && item->sum->leaked_bytes != 0) {
		hst_json_null(json, "least_bytes");
		hst_json_null(json, "most_bytes");
	} else {
		hst_json_u64(json, "least_bytes", site->leaked_least);
		hst_json_u64(json, "most_bytes", site->leaked_most);
	}
	hst_json_end(json);
}

static void json_held(
	struct hst_json *json, const struct hst_memory *memory, const struct hst_memory_item *item)
{
	char key[KEY_BYTES];

	if (item->site != NULL) {
		hst_memory_site_key(key, sizeof key, memory->heap, item->site);
	} else {
		hst_memory_function_key(key, sizeof key, item->row);
	}
	hst_json_row(json, NULL);
	hst_json_string(json, "key", key);
	hst_json_u64(json, "bytes", item->sum->at_peak_bytes);
	hst_json_u64(json, "blocks", item->sum->at_peak_blocks);
	hst_json_end(json);
}

/* --of chooses functions, and sites by their owner. */
static bool is_wanted(
	const struct hst_memory *memory, const struct hst_memory_item *item, bool exact)
{
	return memory->reading->options.of == NULL || hst_memory_is_of(memory, item->row, exact);
}

/* An array of items; -n cuts it. */
static enum hst_status json_items(struct hst_json *json, const struct hst_memory *memory,
	const char *name, enum hst_memory_view view,
	void (*write)(struct hst_json *json, const struct hst_memory *memory,
		const struct hst_memory_item *item))
{
	const struct hst_memory_view_of *of = hst_memory_view(view);
	struct hst_memory_items items = { 0 };
	/* -s is for the functions; what was checked before cannot fail but for memory. */
	enum hst_status status =
		hst_memory_choose(memory, of->sites, of->need, of->sort, &items, NULL);
	size_t rows = hst_memory_limit(memory, items.count, 0);
	bool exact = false;

	for (size_t i = 0; memory->reading->options.of != NULL && i < items.count; i++) {
		exact |= hst_memory_is_of(memory, items.items[i].row, true);
	}
	hst_json_array(json, name);
	for (size_t i = 0; i < items.count && rows != 0; i++) {
		if (is_wanted(memory, &items.items[i], exact)) {
			write(json, memory, &items.items[i]);
			rows--;
		}
	}
	hst_json_end(json);
	hst_vec_finish(&items);
	return status;
}

static enum hst_status json_peak(struct hst_json *json, const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	enum hst_status status;
	struct hst_memory_rss rss = { 0 };

	hst_json_object(json, "peak");
	if (heap->peak_process < heap->process_count) {
		const struct hst_heap_process *process = &heap->processes[heap->peak_process];

		rss = hst_memory_rss_at(process, process->peak_ns);
		hst_json_u64(json, "pid", process->pid);
		hst_json_u64(json, "image", process->image);
		hst_json_u64(json, "ns", process->peak_ns);
		hst_json_u64(json, "bytes", process->sum.peak_bytes);
		hst_json_u64(json, "blocks", process->sum.peak_blocks);
	}
	if (rss.bytes != 0) {
		hst_json_u64(json, "rss_bytes", rss.bytes);
		hst_json_u64(json, "rss_max_bytes", rss.most);
		hst_json_u64(json, "rss_sampled_ns", rss.ns);
	} else {
		hst_json_null(json, "rss_bytes");
		hst_json_null(json, "rss_max_bytes");
		hst_json_null(json, "rss_sampled_ns");
	}
	status = json_items(json, memory, "functions", HST_VIEW_PEAK, json_held);
	if (status == HST_OK) {
		status = json_items(json, memory, "sites", HST_VIEW_PEAK_SITES, json_held);
	}
	hst_json_end(json);
	return status;
}

/* 0 of what only the kernel tells: not sampled. */
static void json_sampled(struct hst_json *json, const char *name, uint64_t value)
{
	if (value == 0) {
		hst_json_null(json, name);
	} else {
		hst_json_u64(json, name, value);
	}
}

static void json_timeline(struct hst_json *json, const struct hst_heap *heap)
{
	hst_json_array(json, "timeline");
	for (size_t p = 0; p < heap->process_count; p++) {
		for (size_t i = 0; i < heap->processes[p].sample_count; i++) {
			const struct hst_heap_sample *sample = &heap->processes[p].samples[i];

			hst_json_row(json, NULL);
			hst_json_u64(json, "pid", heap->processes[p].pid);
			hst_json_u64(json, "image", heap->processes[p].image);
			hst_json_u64(json, "ns", sample->ns);
			hst_json_u64(json, "live_bytes", sample->live_bytes);
			hst_json_u64(json, "live_blocks", sample->live_blocks);
			hst_json_u64(json, "usable_bytes", sample->usable_bytes);
			hst_json_u64(json, "mapped_bytes", sample->mapped_bytes);
			hst_json_u64(json, "stack_bytes", sample->stack_bytes);
			json_sampled(json, "rss_bytes", sample->rss_bytes);
			json_sampled(json, "brk_bytes", sample->brk_bytes);
			json_sampled(json, "address_bytes", sample->address_bytes);
			if (sample->rss_bytes == 0) {
				hst_json_null(json, "gap_bytes");
			} else {
				hst_json_i64(json, "gap_bytes",
					(int64_t)(sample->rss_bytes - sample->usable_bytes));
			}
			hst_json_end(json);
		}
	}
	hst_json_end(json);
}

static const char *state_name(uint32_t state)
{
	return state == HST_MEMORY_ON        ? "on"
	       : state == HST_MEMORY_FOREIGN ? "foreign"
	       : state == HST_MEMORY_OFF     ? "off"
					     : NULL;
}

static void json_processes(struct hst_json *json, const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;

	hst_json_array(json, "processes");
	for (size_t i = 0; i < heap->process_count; i++) {
		const struct hst_heap_process *process = &heap->processes[i];

		hst_json_row(json, NULL);
		hst_json_u64(json, "pid", process->pid);
		hst_json_u64(json, "image", process->image);
		hst_json_string(json, "command", process->command);
		hst_json_string(json, "state", state_name(process->state));
		hst_json_string(json, "allocator_module", process->allocator);
		hst_json_bool(json, "forked", process->forked);
		hst_json_bool(json, "ends_by_exec", process->ends_by_exec);
		hst_json_bool(json, "killed", process->killed);
		hst_json_bool(json, "counted", process->profile_mode);
		json_sum(json, memory, &process->sum);
		hst_json_u64(json, "inherited_blocks", process->inherited);
		hst_json_u64(json, "inherited_bytes", process->inherited_bytes);
		hst_json_u64(json, "inherited_left_blocks", process->inherited_left);
		hst_json_u64(json, "inherited_left_bytes", process->inherited_left_bytes);
		hst_json_u64(json, "peak_ns", process->peak_ns);
		hst_json_u64(json, "unmatched_frees", process->unmatched);
		hst_json_u64(json, "overlapped_blocks", process->overlapped);
		json_sampled(json, "rss_max_bytes", process->rss_max);
		hst_json_u64(json, "mapped_peak_bytes", process->mapped_peak);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void json_paths(struct hst_json *json, const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;
	char key[HST_MEMORY_PATH_BYTES];

	if (memory->view != HST_VIEW_PATHS) {
		hst_json_null(json, "paths");
		return;
	}
	hst_json_array(json, "paths");
	for (uint32_t i = 0; i < heap->context_count; i++) {
		const struct hst_heap_context *context = &heap->contexts[i];

		if (context->sum.allocs == 0) {
			continue;
		}
		hst_memory_path_key(key, sizeof key, heap, i);
		hst_json_row(json, NULL);
		hst_json_string(json, "key", key);
		json_sum(json, memory, &context->sum);
		hst_json_u64(json, "total_alloc_calls", context->total_allocs);
		hst_json_u64(json, "total_alloc_bytes", context->total_bytes);
		hst_json_u64(json, "total_leaked_bytes", context->total_leaked_bytes);
		hst_json_u64(json, "total_at_peak_bytes", context->total_at_peak_bytes);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void json_head(struct hst_json *json, const struct hst_memory *memory)
{
	const struct hst_heap *heap = memory->heap;

	hst_json_u64(json, "schema", 1);
	hst_json_notes(json, &memory->said);
	hst_json_string(json, "directory", memory->reading->session.dir);
	hst_json_string(json, "command", memory->reading->session.command);
	hst_json_u64(json, "wall_ns", heap->wall_ns);
	hst_json_u64(json, "lost_records", heap->lost);
	hst_json_u64(json, "programs_left_out", heap->quiet);
	hst_json_double(json, "own_cost_ns", heap->cost_ns, 3);
	hst_json_row(json, "sum");
	json_sum(json, memory, &heap->sum);
	json_lifetimes(json, heap->lifetimes);
	json_sizes(json, heap->sizes);
	hst_json_end(json);
}

int hst_memory_json(const struct hst_memory *memory)
{
	static const struct {
		const char *name;
		enum hst_memory_view view;
		void (*write)(struct hst_json *json, const struct hst_memory *memory,
			const struct hst_memory_item *item);
	} arrays[] = { { "functions", HST_VIEW_FUNCTIONS, json_function },
		{ "sites", HST_VIEW_SITES, json_site }, { "leaks", HST_VIEW_LEAKS, json_leak } };
	struct hst_memory_items none = { 0 };
	struct hst_diag diag = { "" };
	struct hst_json json;
	bool exact;
	/* Nothing is printed before it is known that -s and --of name something. */
	enum hst_status status = hst_memory_choose(memory, false, SIZE_MAX, "peak", &none, &diag);

	if (status == HST_OK && memory->reading->options.of != NULL) {
		status = hst_memory_find_of(memory, &none, &exact, &diag);
	}
	hst_vec_finish(&none);
	if (status != HST_OK) {
		return hst_reading_fail(memory->reading, "%s", diag.text);
	}
	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	json_head(&json, memory);
	for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == HST_OK; i++) {
		status = json_items(&json, memory, arrays[i].name, arrays[i].view, arrays[i].write);
	}
	if (status == HST_OK) {
		status = json_peak(&json, memory);
	}
	json_timeline(&json, memory->heap);
	json_processes(&json, memory);
	json_paths(&json, memory);
	hst_json_end(&json);
	hst_json_finish(&json);
	return status == HST_OK ? HST_EXIT_OK
				: hst_reading_fail(memory->reading, "%s", hst_status_text(status));
}
