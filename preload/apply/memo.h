/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that a plan has answered from caches, by the addresses that their hooks return to.
 *
 *   plan ── module comes ──▶ checks (code, slots, revocations) ──▶ sites ── hook ──▶ hooks/memo.c
 *
 * The list of modules fills the tables and takes out what went, one thread at a time; hooks read them without a lock. A site is
 * published by its `ret`.
 */
#ifndef HST_APPLY_MEMO_H
#define HST_APPLY_MEMO_H

#include "apply/memo_table.h"
#include "core/attr.h"
#include "core/offsets.h"
#include "core/options.h"
#include "hasten/plan.h"
#include "hasten/trace.h"
#include "sink/modules.h"
#include "sink/plan_memo.h"

#include <stdbool.h>
#include <stdint.h>

/* Hits are compared before one is served, by the size of the key: bits of its largest value, these and more together. */
#define HST_MEMO_SIZES 17u

struct hst_memo_way_out;

struct hst_memo {
	uint64_t fn;
	uint32_t state; /* enum hst_memo_state, atomic */
	uint32_t index; /* of its row */
	uint32_t why;   /* enum hst_memo_why */
	uint32_t asked; /* while it waits: calls since */
	const struct hst_plan_memo *plan;
	const struct hst_plan_piece *pieces;
	uint64_t bias;
	uint64_t ttl_ns; /* 0: for ever */
	struct hst_memo_table table;
	uint32_t quota[HST_MEMO_SIZES]; /* hits that are still to be compared */
	struct hst_plan_memos of;       /* the tables of its module in the plan */
	struct hst_memo_way_out *ways;  /* NULL: none yet */
};

/* A call of an exit hook of it. */
struct hst_memo_way_out {
	struct hst_memo *memo;
	const struct hst_plan_memo_exit *plan;
};

struct hst_memo_site {
	uint64_t ret;     /* 0: free; HST_MEMO_GONE: was used */
	const void *what; /* struct hst_memo of an enter, struct hst_memo_way_out of an exit */
};
static_assert(sizeof(struct hst_memo_site) == 1u << HST_MEMO_SITE_SHIFT, "as in the assembly");

#define HST_MEMO_GONE 1ull

/* Of enters: HST_MEMO_ENTERS slots; NULL while none can be answered. */
extern HST_HIDDEN struct hst_memo_site *hst_memo_enters;
extern HST_HIDDEN struct hst_memo_site *hst_memo_exits;
/* Nothing is recorded: hooks that are not of such functions return at once. */
extern HST_HIDDEN uint8_t hst_memo_only;

/* At process start, behind hst_filter_start; says what for the file header. */
uint32_t hst_memo_start(const struct hst_options *options);

/* Has the plan such functions? */
bool hst_memo_wanted(void);

/* The block of the file with the state of each function. Once there is a file; a forked child has one of its own. */
void hst_memo_file(void);

/* It is answered no more, for good. `why`: enum hst_memo_why. */
void hst_memo_stop(struct hst_memo *memo, uint32_t why);

/* A result was not that of its key: it is stopped, and told to later runs. */
void hst_memo_revoke(struct hst_memo *memo);

/* A call of one that waits for the loader: may it be answered from now on? */
bool hst_memo_wait(struct hst_memo *memo);

/* Is the function one that a plan has answered? Its hooks must stay. */
bool hst_memo_has(uint64_t fn);

HST_INLINE const void *hst_memo_find(const struct hst_memo_site *sites, uint32_t bits, uint64_t ret)
{
	uint64_t slot = ret * HST_EXCLUDED_FACTOR >> (64 - bits);

	for (;; slot = (slot + 1) & ((1ull << bits) - 1)) {
		uint64_t there = __atomic_load_n(&sites[slot].ret, __ATOMIC_ACQUIRE);

		if (there == ret) {
			return sites[slot].what;
		}
		if (there == 0) {
			return NULL;
		}
	}
}

#endif
