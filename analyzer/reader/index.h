/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass over the block headers that fills a struct hst_trace_file: streams, chunks, modules,
 * names, profile blocks, and the sentence on what is missing.
 */
#ifndef HST_READER_INDEX_H
#define HST_READER_INDEX_H

#include "reader/scan.h"
#include "reader/trace_file.h"

/*
 * Fills everything but fd, path, bytes and header, which must be set. HST_E_MEMORY, HST_E_IO with a
 * sentence; the caller then closes the file.
 */
HST_NODISCARD enum hst_status hst_index_build(struct hst_trace_file *file, struct hst_diag *diag);

/* What the index pass learns beside the index itself, for the sentence. */
struct hst_index_facts {
	uint64_t cut_at;    /* the file ends at this byte ... 0: not inside a block */
	uint64_t cut_block; /* ... of the block at this offset */
	uint64_t cut_seq;   /* which is this chunk (0: another block) */
	uint32_t cut_tid;
	uint32_t cut_stream;
	uint32_t newer_type; /* required block of unknown type: the pass stopped there, 0 none */
	uint64_t newer_at;
	uint64_t partial; /* appended chunks that are not whole and have no tail to help out */
	uint32_t partial_tid;
	uint64_t partial_seq;
	uint64_t bad_headers; /* chunks whose header makes no sense */
	uint32_t gap_tid;     /* first gap: from .. to of this thread */
	uint64_t gap_first;
	uint64_t gap_last;
	size_t gap_streams;
	bool unfinished; /* the process ended while a chunk was copied out of its tail, or a block was written */
	bool unreadable; /* read error at unreadable_at */
	uint64_t unreadable_at;
};

/* Writes file->missing from the facts; empty when all is there. */
void hst_index_describe(struct hst_trace_file *file, const struct hst_index_facts *facts);

/*
 * Sanity of a chunk header of which at least `bytes` are at hand: NULL if good, else what is wrong
 * with it (static text). Lengths against the block's own `bytes` only.
 */
const char *hst_index_check_chunk(const struct hst_chunk *chunk);

#endif
