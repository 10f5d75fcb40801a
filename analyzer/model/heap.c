/* SPDX-License-Identifier: Apache-2.0 */
/* The plain data of a heap: its sums, its notes, its end. */
#include "model/heap.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void hst_heap_finish(struct hst_heap *heap)
{
	if (heap == NULL) {
		return;
	}
	free(heap->functions);
	free(heap->sites);
	free(heap->contexts);
	for (size_t i = 0; i < heap->process_count; i++) {
		free(heap->processes[i].samples);
	}
	free(heap->processes);
	free(heap->notes);
	if (heap->release != NULL) {
		heap->release(heap->owner);
	}
	hst_arena_finish(&heap->arena);
	*heap = (struct hst_heap){ 0 };
}

void hst_heap_note(struct hst_heap *heap, bool loss, const char *fmt, ...)
{
	const struct hst_note_list list = { &heap->notes, &heap->note_count, &heap->note_capacity,
		&heap->arena };
	va_list args;

	va_start(args, fmt);
	hst_notes_add(&list, loss, fmt, args);
	va_end(args);
}

static void add_blocks(struct hst_heap_sum *to, const struct hst_heap_sum *from)
{
	to->allocs += from->allocs;
	to->bytes += from->bytes;
	to->slack += from->slack;
	to->slack_unknown += from->slack_unknown;
	to->frees += from->frees;
	to->freed_bytes += from->freed_bytes;
	to->failed += from->failed;
	to->leaked += from->leaked;
	to->leaked_bytes += from->leaked_bytes;
	to->at_peak_bytes += from->at_peak_bytes;
	to->at_peak_blocks += from->at_peak_blocks;
}

void hst_heap_sum_add(struct hst_heap_sum *to, const struct hst_heap_sum *from)
{
	add_blocks(to, from);
	if (from->peak_bytes > to->peak_bytes) {
		to->peak_bytes = from->peak_bytes;
		to->peak_blocks = from->peak_blocks;
	}
	to->temporary += from->temporary;
	to->temporary_bytes += from->temporary_bytes;
	to->short_lived += from->short_lived;
	to->foreign += from->foreign;
	to->reallocs += from->reallocs;
	to->moved += from->moved;
	to->moved_bytes += from->moved_bytes;
	to->grown += from->grown;
	to->grown_bytes += from->grown_bytes;
	to->zeroed_large += from->zeroed_large;
	to->zeroed_large_bytes += from->zeroed_large_bytes;
	to->allocator_ns += from->allocator_ns;
	to->allocator_calls += from->allocator_calls;
}

const char *hst_allocator_name(uint32_t allocator)
{
	switch (allocator) {
#define HST_ALLOCATOR(NAME, name, number) \
 case number:                             \
  return #name;
#include "hasten/memory.def"
#undef HST_ALLOCATOR
	default:
		return NULL;
	}
}
