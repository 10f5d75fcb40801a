/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live blocks: linear probing; what follows a removed slot moves up. */
#include "passes/heap_live.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 1024u
#define CAPACITY_MAX   (1ull << 32) /* of tags */

/* Blocks lie at multiples of 16; neighbours in memory shall not be neighbours here. */
static inline uint32_t tag_of(uint64_t address)
{
	return (uint32_t)((address >> 4) * 0x9e3779b97f4a7c15ull >> 32);
}

/* The slot of an address; the free one that it belongs to if it is not there. */
static inline size_t slot_of(const struct hst_heap_live *live, uint64_t address)
{
	uint32_t tag = tag_of(address);
	size_t at = tag & (live->capacity - 1);

	while (live->slots[at].number != 0 &&
		(live->slots[at].tag != tag ||
			live->blocks.items[live->slots[at].number].address != address)) {
		at = (at + 1) & (live->capacity - 1);
	}
	return at;
}

struct hst_heap_block *hst_heap_live_find(const struct hst_heap_live *live, uint64_t address)
{
	uint32_t number;

	if (live->count == 0) {
		return NULL;
	}
	number = live->slots[slot_of(live, address)].number;
	return number == 0 ? NULL : &live->blocks.items[number];
}

void hst_heap_live_prefetch_slot(const struct hst_heap_live *live, uint64_t address)
{
	if (live->capacity != 0) {
		__builtin_prefetch(&live->slots[tag_of(address) & (live->capacity - 1)], 1);
	}
}

void hst_heap_live_prefetch_block(const struct hst_heap_live *live, uint64_t address)
{
	if (live->capacity != 0) {
		const struct hst_heap_slot *slot =
			&live->slots[tag_of(address) & (live->capacity - 1)];

		__builtin_prefetch(&live->blocks.items[slot->number], 1);
	}
}

static bool grow(struct hst_heap_live *live)
{
	size_t capacity = live->capacity == 0 ? CAPACITY_FIRST : live->capacity * 2;
	struct hst_heap_slot *slots =
		capacity > CAPACITY_MAX ? NULL : calloc(capacity, sizeof *slots);

	if (slots == NULL) {
		return false;
	}
	for (size_t i = 0; i < live->capacity; i++) {
		size_t at = live->slots[i].tag & (capacity - 1);

		if (live->slots[i].number == 0) {
			continue;
		}
		while (slots[at].number != 0) {
			at = (at + 1) & (capacity - 1);
		}
		slots[at] = live->slots[i];
	}
	free(live->slots);
	live->slots = slots;
	live->capacity = capacity;
	return true;
}

/* A place in `blocks`; 0: out of memory. */
static uint32_t take_place(struct hst_heap_live *live)
{
	struct hst_heap_block none = { 0 };
	uint32_t number = live->unused;

	if (number != 0) {
		live->unused = live->blocks.items[number].leaf;
		return number;
	}
	if (live->blocks.count == 0 && !hst_vec_push(&live->blocks, none)) {
		return 0;
	}
	if (live->blocks.count >= UINT32_MAX || !hst_vec_push(&live->blocks, none)) {
		return 0;
	}
	return (uint32_t)live->blocks.count - 1;
}

struct hst_heap_block *hst_heap_live_put(
	struct hst_heap_live *live, uint64_t address, bool *ret_there)
{
	uint32_t number;
	size_t slot;

	if ((live->count + 1) * 4 > live->capacity * 3 && !grow(live)) {
		return NULL;
	}
	slot = slot_of(live, address);
	number = live->slots[slot].number;
	*ret_there = number != 0;
	if (number != 0) {
		return &live->blocks.items[number];
	}
	number = take_place(live);
	if (number == 0) {
		return NULL;
	}
	live->slots[slot] = (struct hst_heap_slot){ .tag = tag_of(address), .number = number };
	live->blocks.items[number].address = address;
	live->count++;
	return &live->blocks.items[number];
}

bool hst_heap_live_take(
	struct hst_heap_live *live, uint64_t address, struct hst_heap_block *ret_block)
{
	size_t mask = live->capacity - 1;
	size_t hole = live->count == 0 ? 0 : slot_of(live, address);
	size_t at = hole;
	struct hst_heap_block *block;

	if (live->count == 0 || live->slots[hole].number == 0) {
		return false;
	}
	block = &live->blocks.items[live->slots[hole].number];
	*ret_block = *block;
	block->address = 0;
	block->leaf = live->unused;
	live->unused = live->slots[hole].number;
	live->count--;
	for (;;) {
		at = (at + 1) & mask;
		if (live->slots[at].number == 0) {
			break;
		}
		/* It may move up if its home does not lie behind the hole. */
		if (((at - live->slots[at].tag) & mask) >= ((at - hole) & mask)) {
			live->slots[hole] = live->slots[at];
			hole = at;
		}
	}
	live->slots[hole].number = 0;
	return true;
}

void hst_heap_live_clear(struct hst_heap_live *live)
{
	/* One large process must not make all later ones slow. */
	if (live->capacity > CAPACITY_FIRST) {
		hst_heap_live_finish(live);
	} else if (live->capacity != 0) {
		memset(live->slots, 0, live->capacity * sizeof *live->slots);
	}
	live->blocks.count = 0;
	live->unused = 0;
	live->count = 0;
}

void hst_heap_live_finish(struct hst_heap_live *live)
{
	free(live->slots);
	hst_vec_finish(&live->blocks);
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
