/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address space beside malloc, and moments of the process. There are at most as many moments as
 * fit their arrays: when one is full, each second moment goes and the next ones come half as often.
 */
#include "passes/heap_pass.h"

#include <string.h>

#define SIZED_MAX    1000u
#define REGULAR_MAX  1000u
#define PAGE_DEFAULT 4096u
#define PAGE_MAX     (1u << 20)

struct hst_heap_sample hst_heap_look(const struct hst_heap_pass *pass)
{
	return (struct hst_heap_sample){
		.ns = hst_heap_ns(pass, pass->now),
		.live_bytes = pass->held.bytes,
		.live_blocks = pass->held.blocks,
		.usable_bytes = pass->held.bytes + pass->usable,
		.mapped_bytes = pass->ranges.bytes,
		.stack_bytes = pass->stack_bytes,
	};
}

static void thin(struct hst_heap_sample *items, size_t *count, uint64_t *step)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i += 2) {
		items[kept++] = items[i];
	}
	*count = kept;
	*step = *step == 0 ? 1 : *step < UINT64_MAX / 4 ? *step * 2 : *step;
}

void hst_heap_tick(struct hst_heap_pass *pass)
{
	struct hst_heap_timeline *timeline = &pass->timeline;

	if (timeline->regular.count >= REGULAR_MAX) {
		thin(timeline->regular.items, &timeline->regular.count, &timeline->regular_step);
	}
	if (!hst_vec_push(&timeline->regular, hst_heap_look(pass))) {
		pass->out_of_memory = true;
	}
	timeline->regular_next = pass->now + timeline->regular_step;
}

static void sizes(struct hst_heap_pass *pass, const struct hst_memory *entry)
{
	struct hst_heap_timeline *timeline = &pass->timeline;
	uint32_t given = pass->file.header.page_bytes;
	uint64_t page = given == 0 || given > PAGE_MAX ? PAGE_DEFAULT : given;
	struct hst_heap_sample sample;

	if (entry->address * page > pass->process.rss_max) {
		pass->process.rss_max = entry->address * page;
	}
	if (pass->now < timeline->sized_next) {
		return;
	}
	if (timeline->sized.count >= SIZED_MAX) {
		thin(timeline->sized.items, &timeline->sized.count, &timeline->sized_step);
	}
	sample = hst_heap_look(pass);
	sample.rss_bytes = entry->address * page;
	sample.brk_bytes = entry->bytes * page;
	sample.address_bytes = entry->more * page;
	if (!hst_vec_push(&timeline->sized, sample)) {
		pass->out_of_memory = true;
	}
	timeline->sized_next = pass->now + timeline->sized_step;
}

void hst_heap_space_event(
	struct hst_heap_pass *pass, const struct hst_event *event, const struct hst_memory *entry)
{
	bool good = true;

	switch (event->kind) {
	case HST_EVENT_MAP:
		good = hst_heap_ranges_map(&pass->ranges, entry->address, entry->bytes,
			(event->reason & HST_MAP_NONE) == 0);
		break;
	case HST_EVENT_UNMAP:
		good = hst_heap_ranges_unmap(&pass->ranges, entry->address, entry->bytes);
		break;
	case HST_EVENT_STACK:
		pass->stack_bytes += entry->bytes;
		pass->stack_count++;
		break;
	case HST_EVENT_MEMORY:
		sizes(pass, entry);
		break;
	default:
		break;
	}
	pass->out_of_memory |= !good;
	if (pass->ranges.bytes > pass->process.mapped_peak) {
		pass->process.mapped_peak = pass->ranges.bytes;
	}
}

/* The record of a stack does not name its thread: one that ends takes an average one. */
void hst_heap_thread_end(struct hst_heap_pass *pass, const struct hst_heap_follow *follow)
{
	if (follow->signals || follow->first || pass->stack_count == 0) {
		return;
	}
	pass->stack_bytes -= pass->stack_bytes / pass->stack_count;
	pass->stack_count--;
}

/* Puts the sample where its time belongs, behind those of the same moment. */
static void insert(
	struct hst_heap_sample *items, size_t *count, const struct hst_heap_sample *sample)
{
	size_t at = *count;

	while (at != 0 && items[at - 1].ns > sample->ns) {
		at--;
	}
	memmove(&items[at + 1], &items[at], (*count - at) * sizeof *items);
	items[at] = *sample;
	(*count)++;
}

enum hst_status hst_heap_timeline_take(struct hst_heap_pass *pass)
{
	struct hst_heap_timeline *timeline = &pass->timeline;
	size_t most = timeline->regular.count + timeline->sized.count + 2;
	struct hst_heap_sample last = hst_heap_look(pass);
	struct hst_heap_sample *items = calloc(most, sizeof *items);
	size_t regular = 0;
	size_t sized = 0;
	size_t count = 0;

	static_assert(SIZED_MAX + REGULAR_MAX + 2 <= HST_HEAP_SAMPLES_MAX, "all fit");
	if (items == NULL) {
		return HST_E_MEMORY;
	}
	while (regular < timeline->regular.count || sized < timeline->sized.count) {
		bool next = sized < timeline->sized.count &&
			    (regular == timeline->regular.count ||
				    timeline->sized.items[sized].ns <=
					    timeline->regular.items[regular].ns);

		items[count++] =
			next ? timeline->sized.items[sized++] : timeline->regular.items[regular++];
	}
	if (timeline->peak.live_bytes != 0) {
		insert(items, &count, &timeline->peak);
	}
	insert(items, &count, &last);
	pass->process.samples = items;
	pass->process.sample_count = count;
	return HST_OK;
}
