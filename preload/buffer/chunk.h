/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread's chunk of the file: begun in its mapped tail, appended to the file when full, begun
 * anew. Called by the stream's own thread with signals held back. None of these records an event
 * of the program.
 */
#ifndef HST_BUFFER_CHUNK_H
#define HST_BUFFER_CHUNK_H

#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_TAIL_FIRST 16384u /* bytes of a short thread's tail: few pages, quickly made */

/* Begins a chunk with the open frames of the present fiber. false: there is no place to write. */
bool hst_chunk_begin(struct hst_stream *stream);

/*
 * Ends the chunk and puts it to the end of the file. false: it could not be appended; it then stays where it is, open,
 * with room for one more record, and the window stays shut.
 */
bool hst_chunk_end(struct hst_stream *stream);

/*
 * Ends the chunk of a thread that ends, and leaves it where it is, without a system call; the next thread's chunk comes behind
 * it in the same tail. When that is full, hst_chunk_end appends them all. false: there is too little room for a next one.
 */
bool hst_chunk_park(struct hst_stream *stream);

/* Leaves a chunk that could not be appended in its tail for good. The stream has no chunk afterwards. */
void hst_chunk_abandon(struct hst_stream *stream);

/* Makes a smaller or no tail into one of full size, when it is worth it. */
void hst_chunk_place(struct hst_stream *stream);

/* Keeps losses when the ledger's place goes away; `to` NULL: the stream's own. */
void hst_ledger_move(struct hst_stream *stream, struct hst_ledger *to);

#endif
