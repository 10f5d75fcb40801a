/* SPDX-License-Identifier: Apache-2.0 */
/* What came of the functions that a plan had answered from caches. */
#ifndef HST_READER_MEMO_BLOCK_H
#define HST_READER_MEMO_BLOCK_H

#include "reader/trace_file.h"
#include "util/vec.h"

/* A row of the MEMO block, and the sums of all threads. No sum is 2^62 or more. */
struct hst_memoed {
	struct hst_memo_row row; /* `state` and `why` are known ones; `why` may be 0 */
	uint64_t lookups, hits, stored, evicted, expired, verified, mismatched, lost;
	uint64_t saved; /* ticks */
};

struct hst_memo_list {
	HST_VEC(struct hst_memoed) rows;
	bool damaged; /* something in a block made no sense, and is in no row */
};

/* Reads the blocks of a file; what makes no sense is left out. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_memo_read(
	const struct hst_trace_file *file, struct hst_memo_list *ret_list);
void hst_memo_list_finish(struct hst_memo_list *list);

/* The word and the sentence of enum hst_memo_why; "" for none, "?" for one that this version does not know. */
const char *hst_memo_why_word(unsigned why);
const char *hst_memo_why_text(unsigned why);

#endif
