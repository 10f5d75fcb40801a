/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums: those of a file, when it is done, to the owners' of all files; those of contexts to their
 * functions. Figures of a file that is read for its children only are dropped.
 */
#include "passes/heap_pass.h"

#include <stdlib.h>
#include <string.h>

/* What the owner had at the peak of the process. */
static void at_peak(const struct hst_heap_pass *pass, struct hst_heap_held *held)
{
	if (held->version != pass->version) {
		held->at_bytes = held->bytes;
		held->at_blocks = held->blocks;
	}
}

/* Takes the maxima of the present file into the sum of an owner; it begins anew. */
static void close_held(const struct hst_heap_pass *pass, struct hst_heap_held *held,
	struct hst_heap_sum *sum, bool best)
{
	at_peak(pass, held);
	if (held->bytes + held->counted_peak > held->peak_bytes && held->counted_peak != 0) {
		held->peak_bytes = held->bytes + held->counted_peak;
		held->peak_blocks = 0;
	}
	if (pass->at->selected && held->peak_bytes > sum->peak_bytes) {
		sum->peak_bytes = held->peak_bytes;
		sum->peak_blocks = held->peak_blocks;
	}
	if (best) {
		sum->at_peak_bytes = held->at_bytes;
		sum->at_peak_blocks = held->at_blocks;
	}
	*held = (struct hst_heap_held){ 0 };
}

static void forget_peak(struct hst_heap_sum *sum)
{
	sum->at_peak_bytes = 0;
	sum->at_peak_blocks = 0;
}

/* Another process had the peak until now. */
static void forget_peaks(struct hst_heap_pass *pass)
{
	for (size_t i = 0; i < pass->functions.count; i++) {
		forget_peak(&pass->functions.items[i].result.self);
	}
	for (size_t i = 0; i < pass->sites.count; i++) {
		forget_peak(&pass->sites.items[i].result.sum);
	}
	for (size_t i = 0; i < pass->contexts.count; i++) {
		forget_peak(&pass->contexts.items[i].sum);
	}
}

static void close_leaves(struct hst_heap_pass *pass)
{
	for (size_t i = 0; i < pass->touched_leaves.count; i++) {
		struct hst_heap_leaf *leaf = &pass->leaves.items[pass->touched_leaves.items[i]];

		if (pass->at->selected) {
			hst_heap_sum_add(&pass->process.sum, &leaf->sum);
			hst_heap_sum_add(
				&pass->functions.items[leaf->function].result.self, &leaf->sum);
			hst_heap_sum_add(&pass->contexts.items[leaf->context].sum, &leaf->sum);
			if (leaf->site != HST_HEAP_NONE) {
				hst_heap_sum_add(
					&pass->sites.items[leaf->site].result.sum, &leaf->sum);
			}
		}
		leaf->touched = false;
		leaf->sum = (struct hst_heap_sum){ 0 };
	}
	pass->touched_leaves.count = 0;
}

static void close_owners(struct hst_heap_pass *pass, bool best)
{
	for (size_t i = 0; i < pass->touched_functions.count; i++) {
		struct hst_heap_owner_function *function =
			&pass->functions.items[pass->touched_functions.items[i]];

		close_held(pass, &function->held, &function->result.self, best);
	}
	for (size_t i = 0; i < pass->touched_sites.count; i++) {
		struct hst_heap_owner_site *site = &pass->sites.items[pass->touched_sites.items[i]];

		close_held(pass, &site->held, &site->result.sum, best);
	}
	for (size_t i = 0; i < pass->touched_contexts.count; i++) {
		struct hst_heap_owner_context *context =
			&pass->contexts.items[pass->touched_contexts.items[i]];

		close_held(pass, &context->held, &context->sum, best);
	}
	pass->touched_functions.count = 0;
	pass->touched_sites.count = 0;
	pass->touched_contexts.count = 0;
}

static enum hst_status add_process(struct hst_heap_pass *pass, bool best)
{
	struct hst_heap *heap = pass->heap;
	size_t count = heap->process_count;

	/* It is full at each power of two. */
	if ((count & (count - 1)) == 0) {
		struct hst_heap_process *processes = realloc(
			heap->processes, (count == 0 ? 1 : 2 * count) * sizeof *heap->processes);

		if (processes == NULL) {
			return HST_E_MEMORY;
		}
		heap->processes = processes;
	}
	heap->processes[heap->process_count++] = pass->process;
	if (best) {
		heap->peak_process = heap->process_count - 1;
	}
	hst_heap_sum_add(&heap->sum, &pass->process.sum);
	pass->process.samples = NULL;
	return HST_OK;
}

enum hst_status hst_heap_close_file(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;
	struct hst_heap_sum *sum = &pass->process.sum;
	bool best =
		pass->at->selected &&
		(heap->process_count == 0 ||
			pass->held.peak_bytes > heap->processes[heap->peak_process].sum.peak_bytes);

	HST_TRY(hst_heap_timeline_take(pass));
	if (best && heap->process_count != 0) {
		forget_peaks(pass);
	}
	close_leaves(pass);
	close_owners(pass, best);
	sum->peak_bytes = pass->held.peak_bytes;
	sum->peak_blocks = pass->held.peak_blocks;
	sum->at_peak_bytes = sum->peak_bytes;
	sum->at_peak_blocks = sum->peak_blocks;
	pass->process.peak_ns = pass->timeline.peak.ns;
	if (!pass->at->selected) {
		free(pass->process.samples);
		pass->process.samples = NULL;
		return HST_OK;
	}
	pass->unmatched += pass->process.unmatched;
	pass->overlapped += pass->process.overlapped;
	return add_process(pass, best);
}

/* Own and all below, by node. Parents stand before their children. */
static void sum_up(const struct hst_calltree *tree, struct hst_heap_context *contexts)
{
	for (size_t i = tree->nodes.count; i-- > 0;) {
		struct hst_heap_context *context = &contexts[i];
		struct hst_heap_context *parent = &contexts[context->parent];

		context->total_allocs += context->sum.allocs;
		context->total_bytes += context->sum.bytes;
		context->total_leaked_bytes += context->sum.leaked_bytes;
		context->total_at_peak_bytes += context->sum.at_peak_bytes;
		if (i != 0) {
			parent->total_allocs += context->total_allocs;
			parent->total_bytes += context->total_bytes;
			parent->total_leaked_bytes += context->total_leaked_bytes;
			parent->total_at_peak_bytes += context->total_at_peak_bytes;
		}
	}
}

/* Does the same function stand above it? */
static bool is_nested(const struct hst_heap_context *contexts, uint32_t node)
{
	uint32_t at = contexts[node].parent;

	while (at != 0) {
		if (contexts[at].row == contexts[node].row) {
			return true;
		}
		at = contexts[at].parent;
	}
	return false;
}

static void add_totals(struct hst_heap_pass *pass, const struct hst_heap_context *contexts)
{
	for (uint32_t i = 1; i < pass->calltree.nodes.count; i++) {
		struct hst_heap_function *function;
		uint32_t number;

		if (!hst_map_get(&pass->function_of, contexts[i].row, &number) ||
			is_nested(contexts, i)) {
			continue;
		}
		function = &pass->functions.items[number].result;
		function->total_allocs += contexts[i].total_allocs;
		function->total_bytes += contexts[i].total_bytes;
		function->total_leaked_bytes += contexts[i].total_leaked_bytes;
	}
}

static enum hst_status take_contexts(struct hst_heap_pass *pass)
{
	size_t count = pass->calltree.nodes.count;
	struct hst_heap_context *contexts = calloc(count, sizeof *contexts);

	if (contexts == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		const struct hst_context *node = &pass->calltree.nodes.items[i].context;

		contexts[i].parent = node->parent;
		contexts[i].row = i == 0 ? HST_NO_FUNCTION : node->function;
		if (i < pass->contexts.count) {
			contexts[i].sum = pass->contexts.items[i].sum;
		}
	}
	sum_up(&pass->calltree, contexts);
	add_totals(pass, contexts);
	if (pass->options->contexts) {
		pass->heap->contexts = contexts;
		pass->heap->context_count = count;
	} else {
		free(contexts);
	}
	return HST_OK;
}

/* Nothing is known of it but that it was there in a file that is not wanted. */
static bool is_empty(const struct hst_heap_sum *sum)
{
	return (sum->allocs | sum->frees | sum->failed | sum->leaked | sum->peak_bytes |
		       sum->at_peak_bytes | sum->allocator_ns | sum->allocator_calls) == 0;
}

static void add_lifetimes(struct hst_heap *heap, const struct hst_latency *from)
{
	for (uint32_t i = 0; i < HST_LATENCY_BUCKETS; i++) {
		uint64_t sum = (uint64_t)heap->lifetimes->low[i] + from->low[i];
		uint64_t high = (from->high == NULL ? 0 : from->high[i]) + (sum >> 32);

		heap->lifetimes->low[i] = (uint32_t)sum;
		if (high != 0 && heap->lifetimes->high == NULL) {
			heap->lifetimes->high = hst_arena_array(
				&heap->arena, HST_LATENCY_BUCKETS, sizeof *heap->lifetimes->high);
		}
		if (high != 0 && heap->lifetimes->high != NULL) {
			heap->lifetimes->high[i] += (uint32_t)high;
		}
	}
	heap->lifetimes->count += from->count;
}

static enum hst_status take_functions(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	heap->functions = calloc(pass->functions.count + 1, sizeof *heap->functions);
	if (heap->functions == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->functions.count; i++) {
		struct hst_heap_function *function = &pass->functions.items[i].result;

		if (is_empty(&function->self)) {
			continue;
		}
		/* Folded contexts may have lost some. */
		if (function->total_allocs < function->self.allocs) {
			function->total_allocs = function->self.allocs;
		}
		if (function->total_bytes < function->self.bytes) {
			function->total_bytes = function->self.bytes;
		}
		if (function->total_leaked_bytes < function->self.leaked_bytes) {
			function->total_leaked_bytes = function->self.leaked_bytes;
		}
		for (uint32_t b = 0; b < HST_HEAP_SIZES; b++) {
			heap->sizes[b] += function->sizes[b];
		}
		if (function->lifetimes != NULL && heap->lifetimes == NULL) {
			heap->lifetimes = hst_latency_create(&heap->arena);
			if (heap->lifetimes == NULL) {
				return HST_E_MEMORY;
			}
		}
		if (function->lifetimes != NULL) {
			add_lifetimes(heap, function->lifetimes);
		}
		heap->functions[heap->function_count++] = *function;
	}
	return HST_OK;
}

static enum hst_status take_sites(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	heap->sites = calloc(pass->sites.count + 1, sizeof *heap->sites);
	if (heap->sites == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < pass->sites.count; i++) {
		if (!is_empty(&pass->sites.items[i].result.sum)) {
			heap->sites[heap->site_count++] = pass->sites.items[i].result;
		}
	}
	return HST_OK;
}

enum hst_status hst_heap_take(struct hst_heap_pass *pass)
{
	struct hst_heap *heap = pass->heap;

	HST_TRY(take_contexts(pass));
	HST_TRY(take_functions(pass));
	HST_TRY(take_sites(pass));
	heap->rows = pass->rows->items.items;
	heap->row_count = pass->rows->items.count;
	heap->wall_ns = pass->last_ns > pass->first_ns ? pass->last_ns - pass->first_ns : 0;
	if (heap->process_count != 0) {
		const struct hst_heap_sum *peak = &heap->processes[heap->peak_process].sum;

		heap->sum.peak_bytes = peak->peak_bytes;
		heap->sum.peak_blocks = peak->peak_blocks;
		heap->sum.at_peak_bytes = peak->at_peak_bytes;
		heap->sum.at_peak_blocks = peak->at_peak_blocks;
	}
	return pass->calltree.out_of_memory ? HST_E_MEMORY : HST_OK;
}
