/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks within a thread. A thread has its own; coroutines and alternate signal stacks are others.
 * Each has its own shadow stack, so that calls of one never nest into another. A hook whose frame
 * lies outside the present stack proves a switch; swapcontext and setcontext announce theirs. The exit of a frame that
 * was taken for gone proves that there are two stacks in one mapping.
 */
#ifndef HST_STACKS_FIBER_H
#define HST_STACKS_FIBER_H

#include "core/stream.h"
#include "stacks/shadow.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_ADDRESS_MAX (UINT64_MAX >> 1)

/* Stack of fiber 0 of a thread that runs its first hook here. `hi`: a known end, 0 unknown. */
bool hst_fiber_first(struct hst_stream *stream, uint64_t sp, uint64_t hi);

/* The hook's stack pointer is not within the present fiber: finds or makes the one it is in. */
void hst_fiber_resolve(struct hst_stream *stream, uint64_t sp, uint64_t ticks);

/* A switch to the stack [lo, hi) was announced; hi 0: only an address on it, lo, is known. */
void hst_fiber_announced(
	struct hst_stream *stream, uint64_t lo, uint64_t hi, uint64_t sp, uint64_t ticks);

/*
 * This exit's frame was taken for gone, since a hook ran further up, and was not: two stacks lie in one mapping, and
 * the program switches between them without telling. Makes a stack of its own of what is known of the frame's. false: not so.
 * In trace mode a chunk must be begun, in which the frames are listed.
 */
bool hst_fiber_split(struct hst_stream *stream, const struct hst_call *call, uint64_t ticks);

/* Nothing was recorded for a while: the frames that are open on any stack may have returned. */
void hst_fiber_doubt(struct hst_stream *stream);

/* A hook was left in the middle for good, perhaps of a switch: the present stack is made whole. */
void hst_fiber_mend(struct hst_stream *stream);

/* Back to one empty stack, memory kept: for the next thread that uses this stream. */
void hst_fiber_reset(struct hst_stream *stream);

#endif
