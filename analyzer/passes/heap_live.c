/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of live blocks. Slots stand in groups of eight with a byte of tag each, so that one word tells which of
 * a group may be the one: a search ends in its first group nearly always, without a branch that could be guessed wrongly.
 */
#include "passes/heap_live.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define GROUP          8u
#define CAPACITY_FIRST 1024u
#define CAPACITY_MAX   (1ull << 32) /* of slots */

/* Tags below 0x80 are of blocks. A search goes on behind a group that has no slot which was never used. */
#define TAG_NEVER 0x80u
#define TAG_GONE  0xfeu

#define EACH 0x0101010101010101ull
#define HIGH 0x8080808080808080ull

/* Blocks lie at multiples of 16; neighbours in memory shall not be neighbours here. */
static inline uint64_t hash_of(uint64_t address)
{
	return (address >> 4) * 0x9e3779b97f4a7c15ull;
}

static inline uint8_t tag_of(uint64_t hash)
{
	return (uint8_t)(hash >> 57);
}

/* First slot of the group that an address belongs to. */
static inline size_t home_of(const struct hst_heap_live *live, uint64_t hash)
{
	return (size_t)(hash >> 24) & (live->capacity - GROUP);
}

/* The lowest byte is the first slot's, on any machine. */
static inline uint64_t group_at(const struct hst_heap_live *live, size_t at)
{
	uint64_t group;

	memcpy(&group, live->tags + at, sizeof group);
	return le64toh(group);
}

/* Masks have the high bit of each byte that is meant. Above a true one, a bit of this may be wrong. */
static inline uint64_t with_tag(uint64_t group, uint8_t tag)
{
	uint64_t differs = group ^ EACH * tag;

	return (differs - EACH) & ~differs & HIGH;
}

static inline uint64_t never_used(uint64_t group)
{
	return group & ~(group << 6) & HIGH;
}

static inline size_t first_of(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / 8;
}

/* The slot of an address; SIZE_MAX if it is not there: *ret_free is then the one for it. The table has slots. */
static inline size_t slot_of(const struct hst_heap_live *live, uint64_t address, size_t *ret_free)
{
	uint64_t hash = hash_of(address);
	size_t at = home_of(live, hash);

	*ret_free = SIZE_MAX;
	for (;;) {
		uint64_t group = group_at(live, at);
		uint64_t mask = with_tag(group, tag_of(hash));

		for (; mask != 0; mask &= mask - 1) {
			size_t slot = at + first_of(mask);

			if (live->blocks.items[live->numbers[slot]].address == address) {
				return slot;
			}
		}
		if ((group & HIGH) != 0 && *ret_free == SIZE_MAX) {
			*ret_free = at + first_of(group & HIGH);
		}
		if (never_used(group) != 0) {
			return SIZE_MAX;
		}
		at = (at + GROUP) & (live->capacity - 1);
	}
}

struct hst_heap_block *hst_heap_live_find(const struct hst_heap_live *live, uint64_t address)
{
	size_t unused;
	size_t slot = live->count == 0 ? SIZE_MAX : slot_of(live, address, &unused);

	return slot == SIZE_MAX ? NULL : &live->blocks.items[live->numbers[slot]];
}

void hst_heap_live_prefetch_slot(const struct hst_heap_live *live, uint64_t address)
{
	if (live->capacity != 0) {
		size_t home = home_of(live, hash_of(address));

		__builtin_prefetch(live->tags + home, 1);
		__builtin_prefetch(live->numbers + home, 1);
	}
}

void hst_heap_live_prefetch_block(const struct hst_heap_live *live, uint64_t address)
{
	uint64_t hash = hash_of(address);
	const struct hst_heap_block *block;
	uint64_t mask;
	size_t home;

	if (live->capacity == 0) {
		return;
	}
	/* Whether there is one cannot be foretold: where there is none, the last slot's may come for nothing. */
	home = home_of(live, hash);
	mask = with_tag(group_at(live, home), tag_of(hash)) | 1ull << 63;
	block = &live->blocks.items[live->numbers[home + first_of(mask)]];
	/* It may lie in two lines. */
	__builtin_prefetch(&block->address, 1);
	__builtin_prefetch(&block->flags, 1);
}

static inline void use_slot(struct hst_heap_live *live, size_t slot, uint64_t hash, uint32_t number)
{
	live->never -= live->tags[slot] == TAG_NEVER;
	live->tags[slot] = tag_of(hash);
	live->numbers[slot] = number;
}

static void use_again(struct hst_heap_live *live, uint32_t number)
{
	uint64_t hash = hash_of(live->blocks.items[number].address);
	size_t at = home_of(live, hash);

	while ((group_at(live, at) & HIGH) == 0) {
		at = (at + GROUP) & (live->capacity - 1);
	}
	use_slot(live, at + first_of(group_at(live, at) & HIGH), hash, number);
}

/* Twice the slots, or as many where most of the used ones are not used any more. */
static bool rebuild(struct hst_heap_live *live)
{
	const struct hst_heap_live old = *live;
	size_t fewest = old.count * 4 < old.capacity ? old.capacity : old.capacity * 2;
	size_t capacity = old.capacity == 0 ? CAPACITY_FIRST : fewest;
	uint8_t *tags = capacity > CAPACITY_MAX ? NULL : malloc(capacity);
	uint32_t *numbers = tags == NULL ? NULL : calloc(capacity, sizeof *numbers);

	if (numbers == NULL) {
		free(tags);
		return false;
	}
	memset(tags, TAG_NEVER, capacity);
	live->tags = tags;
	live->numbers = numbers;
	live->capacity = live->never = capacity;
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.tags[i] < TAG_NEVER) {
			use_again(live, old.numbers[i]);
		}
	}
	free(old.tags);
	free(old.numbers);
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
	size_t place;

	/* Half of the slots were never used: nearly all groups have one of these, and a search ends there. */
	if (live->never * 2 <= live->capacity && !rebuild(live)) {
		return NULL;
	}
	slot = slot_of(live, address, &place);
	*ret_there = slot != SIZE_MAX;
	if (slot != SIZE_MAX) {
		return &live->blocks.items[live->numbers[slot]];
	}
	number = take_place(live);
	if (number == 0) {
		return NULL;
	}
	use_slot(live, place, hash_of(address), number);
	live->blocks.items[number].address = address;
	live->count++;
	return &live->blocks.items[number];
}

bool hst_heap_live_take(
	struct hst_heap_live *live, uint64_t address, struct hst_heap_block *ret_block)
{
	size_t unused;
	size_t slot = live->count == 0 ? SIZE_MAX : slot_of(live, address, &unused);
	struct hst_heap_block *block;
	bool never;

	if (slot == SIZE_MAX) {
		return false;
	}
	block = &live->blocks.items[live->numbers[slot]];
	*ret_block = *block;
	block->address = 0;
	block->leaf = live->unused;
	live->unused = live->numbers[slot];
	live->count--;
	/* Nothing can stand behind a group that was never full. */
	never = never_used(group_at(live, slot & ~(size_t)(GROUP - 1))) != 0;
	live->tags[slot] = never ? TAG_NEVER : TAG_GONE;
	live->never += never;
	return true;
}

void hst_heap_live_clear(struct hst_heap_live *live)
{
	/* One large process must not make all later ones slow. */
	if (live->capacity > CAPACITY_FIRST) {
		hst_heap_live_finish(live);
	} else if (live->capacity != 0) {
		memset(live->tags, TAG_NEVER, live->capacity);
		live->never = live->capacity;
	}
	live->blocks.count = 0;
	live->unused = 0;
	live->count = 0;
}

void hst_heap_live_finish(struct hst_heap_live *live)
{
	free(live->tags);
	free(live->numbers);
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
