/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile mode: which blocks are there, of which size, from which context; so that a block that goes is taken off the context that
 * allocated it, whoever frees it. A table of places by address, shared by all threads, without locks: an address
 * is one block's until it is freed, so nobody else looks for it.
 *
 *   hash of the address ──▶ 8 neighbouring places in each level; levels double, and are made when no place is left
 */
#ifndef HST_STACKS_LIVE_H
#define HST_STACKS_LIVE_H

#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A block came, of the innermost open call; where none is open, of a node for the place `ret` that asked by function
 * `which`. With the stream's guard set, in profile mode.
 */
void hst_live_add(struct hst_stream *stream, uint64_t block, uint64_t bytes, uint64_t ret,
	enum hst_allocator which);

/* A block goes. moves: to realloc, so that it can be put back. `usable`: its usable bytes, 0 unknown. */
void hst_live_remove(struct hst_stream *stream, uint64_t block, uint64_t usable, bool moves);

/* realloc failed: what was removed latest for it is there again. */
void hst_live_restore(struct hst_stream *stream);

/* In a forked child: the blocks of the parent belong to its file. */
void hst_live_reset(void);

#endif
