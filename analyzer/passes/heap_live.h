/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks that are there, by address: a dense array of blocks, places used again latest first, and
 * an index by open addressing. About 70 bytes a block.
 *
 *   tags:    | tag | none | tag | ...      a byte for each slot; a power of two, at most half are used
 *   numbers: | number | - | number | ...   of the slot's block
 *   blocks:  | block | block | unused | block | ...
 *
 * Beside it two short lists of blocks in doubt, because processors may read the clock a little early:
 * blocks whose address was given anew before their free was seen, and frees of blocks that were not
 * there yet.
 */
#ifndef HST_PASSES_HEAP_LIVE_H
#define HST_PASSES_HEAP_LIVE_H

#include "util/status.h"
#include "util/vec.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HST_BLOCK_INHERITED = 1u << 0, /* it was the parent's before the fork */
};

struct hst_heap_block {
	uint64_t address; /* 0: the place is unused, and `leaf` the next one of these */
	uint64_t bytes;
	uint64_t ticks;
	uint32_t leaf;       /* who has it: index of a struct hst_heap_leaf */
	uint32_t thread;     /* that asked for it */
	uint32_t activation; /* call within which it came; 0 none */
	uint32_t generation; /* of that activation */
	uint32_t slack;      /* HST_SLACK_LONG_UNKNOWN: unknown */
	uint32_t flags;      /* HST_BLOCK_... */
};
static_assert(sizeof(struct hst_heap_block) == 48, "very many of them");

struct hst_heap_live {
	HST_VEC(struct hst_heap_block) blocks; /* [0] is none */
	uint32_t unused;                       /* list of places; 0 end */
	uint8_t *tags;                         /* 7 bits of the hash, or that there is no block */
	uint32_t *numbers;
	size_t capacity; /* slots: 0 or a power of two */
	size_t never; /* slots that have had no block since the table was built, or are as such */
	size_t count;
};

/* The block at an address, which is not 0; NULL none. Valid until the next change. */
struct hst_heap_block *hst_heap_live_find(const struct hst_heap_live *live, uint64_t address);
/*
 * The block at an address, which is not 0, or a place for it: all but the address is then as it was before. *ret_there: which of both.
 * NULL: out of memory.
 */
struct hst_heap_block *hst_heap_live_put(
	struct hst_heap_live *live, uint64_t address, bool *ret_there);
/* Moves the block at an address, which is not 0, to *ret_block. false: there is none. */
bool hst_heap_live_take(
	struct hst_heap_live *live, uint64_t address, struct hst_heap_block *ret_block);
/* The address is going to be looked for: first its slot comes into the cache, then its block. */
void hst_heap_live_prefetch_slot(const struct hst_heap_live *live, uint64_t address);
void hst_heap_live_prefetch_block(const struct hst_heap_live *live, uint64_t address);
void hst_heap_live_clear(struct hst_heap_live *live);
/* { 0 } is allowed. */
void hst_heap_live_finish(struct hst_heap_live *live);

#define HST_HEAP_DOUBTS 64u

/* A block in doubt, since `ticks`. */
struct hst_heap_doubt {
	struct hst_heap_block block;
	uint64_t ticks;
	uint32_t thread; /* of the event that brought the doubt */
};

/* In order of ticks; old ones go. */
struct hst_heap_doubts {
	uint32_t count;
	struct hst_heap_doubt items[HST_HEAP_DOUBTS];
};

/* The oldest doubt of `address` that another thread than `thread` brought; UINT32_MAX none. */
uint32_t hst_heap_doubts_find(
	const struct hst_heap_doubts *doubts, uint64_t address, uint32_t thread);
void hst_heap_doubts_remove(struct hst_heap_doubts *doubts, uint32_t number);

#endif
