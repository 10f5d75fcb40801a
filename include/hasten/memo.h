/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace's part about functions that a plan has answered from caches (docs/memo.md): one block of the process, which
 * says what became of each, and blocks of counters. Included by hasten/trace.h, of which it is a part.
 */
#ifndef HASTEN_MEMO_H
#define HASTEN_MEMO_H

#include "hasten/trace.h"

/* What became of a function that a plan has answered from a cache. */
enum hst_memo_state {
	HST_MEMO_WAITING =
		1, /* calls of it go through slots that the loader has not filled in yet */
	HST_MEMO_ON = 2,
	HST_MEMO_OFF = 3,
};

enum hst_memo_why {
	HST_MEMO_WHY_NONE = 0,
#define HST_MEMO_WHY(NAME, number, word, text) HST_MEMO_WHY_##NAME = number,
#include "hasten/memo.def"
#undef HST_MEMO_WHY
};

struct hst_memo_row {
	uint64_t fn;         /* address in memory; 0: this place is free */
	uint8_t state;       /* enum hst_memo_state */
	uint8_t why;         /* enum hst_memo_why */
	uint8_t evidence;    /* enum hst_plan_evidence */
	uint8_t revoked;     /* 1: it was written to the file beside the plan, 2: it could not be */
	uint32_t generation; /* of the module list, when it was begun */
	uint32_t entries;    /* room of its cache */
	uint32_t entry_bytes;
	uint64_t ttl_ns;
};
static_assert(sizeof(struct hst_memo_row) == 32, "on disk");

#define HST_MEMOS_MAX 126u /* a page has the block */

/* Written in place. At most one in a file. */
struct hst_memo_block {
	struct hst_block block;
	uint32_t count; /* rows in use */
	uint32_t reserved32;
	uint64_t reserved[5];
	struct hst_memo_row rows[HST_MEMOS_MAX];
};
static_assert(sizeof(struct hst_memo_block) == 4096, "on disk");

/* Counted by the threads themselves; `saved` in clock ticks: what the calls took that stored the results, as far as hits are beyond. */
struct hst_memo_counts {
	uint64_t lookups; /* calls whose key was read: hits, verified and misses */
	uint64_t hits;    /* answered */
	uint64_t stored;
	uint64_t evicted;
	uint64_t saved;
	uint32_t expired;
	uint32_t verified; /* found, computed all the same, and equal */
	uint32_t mismatched;
	uint32_t
		lost; /* keys not readable, results not stored (no exit seen, another thread wrote there) */
	uint64_t reserved;
};
static_assert(sizeof(struct hst_memo_counts) == 64, "a cache line");

/* Written in place; its rows are those of the HST_BLOCK_MEMO, as far as the block reaches. */
struct hst_memo_counts_block {
	struct hst_block block;
	uint64_t reserved[6];
	/* struct hst_memo_counts [] */
};
static_assert(sizeof(struct hst_memo_counts_block) == 64, "on disk");

#endif
