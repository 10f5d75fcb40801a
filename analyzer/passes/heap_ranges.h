/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of address space that the program took by itself: ordered, none overlaps another. A balanced
 * tree (treap), because a program may have as many as it likes and give them back in any order.
 */
#ifndef HST_PASSES_HEAP_RANGES_H
#define HST_PASSES_HEAP_RANGES_H

#include "util/vec.h"

#include <stdint.h>

struct hst_heap_range {
	uint64_t lo, hi; /* first byte, first byte behind */
	uint32_t left, right;
	uint32_t rank;    /* higher ones stand above lower ones */
	uint32_t counted; /* 1: its bytes count as mapped */
};

struct hst_heap_ranges {
	HST_VEC(struct hst_heap_range) items; /* [0] stands for none */
	uint32_t root;
	uint32_t unused; /* list of places by `left` */
	uint32_t seed;
	uint64_t bytes; /* of all that count */
};

/* Takes [lo, lo + bytes) away from whatever has it. false: out of memory. */
bool hst_heap_ranges_unmap(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t bytes);
/* The same, then adds it. counted: not only address space. */
bool hst_heap_ranges_map(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t bytes, bool counted);
void hst_heap_ranges_clear(struct hst_heap_ranges *ranges);
/* { 0 } is allowed. */
void hst_heap_ranges_finish(struct hst_heap_ranges *ranges);

#endif
