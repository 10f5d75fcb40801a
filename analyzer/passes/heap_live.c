/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live blocks: linear probing; what follows a removed block moves up. */
#include "passes/heap_live.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 1024u

/* Blocks lie at multiples of 16; neighbours in memory shall not be neighbours here. */
static inline size_t home_of(const struct hst_heap_live *live, uint64_t address)
{
	uint64_t key = (address >> 4) * 0x9e3779b97f4a7c15ull;

	return (size_t)(key ^ key >> 32) & (live->capacity - 1);
}

struct hst_heap_block *hst_heap_live_find(const struct hst_heap_live *live, uint64_t address)
{
	size_t at;

	if (live->count == 0) {
		return NULL;
	}
	at = home_of(live, address);
	while (live->slots[at].address != 0) {
		if (live->slots[at].address == address) {
			return &live->slots[at];
		}
		at = (at + 1) & (live->capacity - 1);
	}
	return NULL;
}

void hst_heap_live_prefetch(const struct hst_heap_live *live, uint64_t address)
{
	if (live->capacity != 0) {
		__builtin_prefetch(&live->slots[home_of(live, address)], 1);
	}
}

/* The free slot that an address that is not there belongs to. */
static struct hst_heap_block *place_for(const struct hst_heap_live *live, uint64_t address)
{
	size_t at = home_of(live, address);

	while (live->slots[at].address != 0) {
		at = (at + 1) & (live->capacity - 1);
	}
	return &live->slots[at];
}

static bool grow(struct hst_heap_live *live)
{
	struct hst_heap_live larger = { .capacity = live->capacity * 2, .count = live->count };

	if (live->capacity == 0) {
		larger.capacity = CAPACITY_FIRST;
	}
	larger.slots = calloc(larger.capacity, sizeof *larger.slots);
	if (larger.slots == NULL) {
		return false;
	}
	for (size_t i = 0; i < live->capacity; i++) {
		if (live->slots[i].address != 0) {
			*place_for(&larger, live->slots[i].address) = live->slots[i];
		}
	}
	free(live->slots);
	*live = larger;
	return true;
}

struct hst_heap_block *hst_heap_live_add(struct hst_heap_live *live, uint64_t address)
{
	struct hst_heap_block *block;

	if ((live->count + 1) * 4 > live->capacity * 3 && !grow(live)) {
		return NULL;
	}
	block = place_for(live, address);
	block->address = address;
	live->count++;
	return block;
}

void hst_heap_live_remove(struct hst_heap_live *live, struct hst_heap_block *block)
{
	size_t mask = live->capacity - 1;
	size_t hole = (size_t)(block - live->slots);
	size_t at = hole;

	live->count--;
	for (;;) {
		size_t home;

		at = (at + 1) & mask;
		if (live->slots[at].address == 0) {
			break;
		}
		home = home_of(live, live->slots[at].address);
		/* It may move up if its home does not lie behind the hole. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			live->slots[hole] = live->slots[at];
			hole = at;
		}
	}
	live->slots[hole].address = 0;
}

void hst_heap_live_clear(struct hst_heap_live *live)
{
	/* One large process must not make all later ones slow. */
	if (live->capacity > CAPACITY_FIRST) {
		hst_heap_live_finish(live);
	} else if (live->capacity != 0) {
		memset(live->slots, 0, live->capacity * sizeof *live->slots);
	}
	live->count = 0;
}

void hst_heap_live_finish(struct hst_heap_live *live)
{
	free(live->slots);
	*live = (struct hst_heap_live){ 0 };
}

uint32_t hst_heap_doubts_find(
	const struct hst_heap_doubts *doubts, uint64_t address, uint32_t thread)
{
	for (uint32_t i = 0; i < doubts->count; i++) {
		if (doubts->items[i].block.address == address &&
			doubts->items[i].thread != thread) {
			return i;
		}
	}
	return UINT32_MAX;
}

void hst_heap_doubts_remove(struct hst_heap_doubts *doubts, uint32_t number)
{
	doubts->count--;
	memmove(&doubts->items[number], &doubts->items[number + 1],
		(doubts->count - number) * sizeof doubts->items[0]);
}
