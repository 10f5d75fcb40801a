/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profile mode: a calling-context tree in the mapped file instead of events. Nodes are found by a hash of
 * (parent, instance); recursion is folded into the node that the function has further up; when
 * no nodes are left, calls go to one 'other' node per function. Indices, never pointers, so that the
 * file can be read while it grows and after a SIGKILL.
 *
 * All functions work on the caller's own stream, with its guard set.
 */
#ifndef HST_STACKS_TREE_H
#define HST_STACKS_TREE_H

#include "core/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum hst_left {
	HST_LEFT_RETURN,
	HST_LEFT_THROW,    /* exit hook ran while an exception passed through */
	HST_LEFT_ERROR,    /* no exit hook: longjmp, or an exception */
	HST_LEFT_REPAIRED, /* no exit hook, for a reason that is no error */
};

/*
 * Gives the stream a tree, its own old one if it has it, and nodes to the frames that are open.
 * false: no place in the file, nor in the reserve that was mapped at the start.
 */
bool hst_tree_begin(struct hst_stream *stream, uint64_t ticks);

/* Frames of a fiber that became present in profile mode for the first time. */
void hst_tree_carry(struct hst_stream *stream, uint64_t ticks);

/* The context of this instance below the present top, 0: not met there before. */
uint32_t hst_tree_find(const struct hst_stream *stream, uint64_t ret);

/* Sets node and start of the entry that is about to be the top. `node`: from hst_tree_find, 0: makes it. */
void hst_tree_enter(struct hst_stream *stream, struct hst_open *entry, uint32_t node, uint64_t ticks);

/* Books the top entry, which the caller then pops. */
void hst_tree_exit(struct hst_stream *stream, uint64_t ticks, enum hst_left left);

/* The thread ends; the tree stays with the stream for the next thread. */
void hst_tree_end(struct hst_stream *stream, uint64_t ticks);

/* Time stands still: open frames are booked up to now. They are carried again by the next hst_tree_begin. */
void hst_tree_pause(struct hst_stream *stream, uint64_t ticks);

/* New modules came: nodes made from now on may lie in them. */
void hst_tree_renew(struct hst_stream *stream);

/* A place in the file kept for the moment when none can be had; made at process start. */
void hst_tree_reserve(void);
/* A larger one, in the last moment before system calls are over. */
void hst_tree_reserve_more(void);
/* Shortest call of the first context, in ticks. */
uint64_t hst_tree_shortest(const struct hst_stream *stream);
/* Takes the one context out again that the calibration made below the root. */
void hst_tree_clear(struct hst_stream *stream);
void hst_tree_forget(struct hst_stream *stream);

#endif
