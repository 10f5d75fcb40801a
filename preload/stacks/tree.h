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

#include "core/attr.h"
#include "core/offsets.h"
#include "core/stream.h"
#include "hasten/trace.h"

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

/* The present fiber's innermost call runs no longer: another fiber becomes present. Before it does. */
void hst_tree_leave(struct hst_stream *stream, uint64_t ticks);

/* Frames of a fiber that became present in profile mode. Also puts right what a hook left half done. */
void hst_tree_carry(struct hst_stream *stream, uint64_t ticks);

/* The context of this instance below the present top, 0: not met there before. */
uint32_t hst_tree_find(const struct hst_stream *stream, uint64_t ret);

/*
 * Sets node and start of the entry that became the top. `child`: from hst_tree_find, 0: makes it. `k`: what
 * hst_frame_address found, for the hot path.
 */
void hst_tree_enter(struct hst_stream *stream, struct hst_open *entry, uint32_t child, uint32_t k,
	uint64_t ticks);

/* A place that asks for memory while no call is open: a node below the root. */
struct hst_profile_node *hst_tree_site(struct hst_stream *stream, uint64_t ret, uint64_t fn);

/* Books the top entry, which the caller then pops. */
void hst_tree_exit(struct hst_stream *stream, uint64_t ticks, enum hst_left left);

/* The thread ends; the tree stays with the stream for the next thread. */
void hst_tree_end(struct hst_stream *stream, uint64_t ticks);

/* Time stands still: open frames are booked up to now. They are carried again by the next hst_tree_begin. */
void hst_tree_pause(struct hst_stream *stream, uint64_t ticks);

/* New modules came: nodes made from now on may lie in them. */
void hst_tree_renew(struct hst_stream *stream);

/* --- the hot path's part --- */

/* From a context and an instance to the context below. */
struct hst_tree_edge {
	uint64_t ret;
	uint32_t parent;
	uint32_t child; /* 0: empty */
};

/* Which context was called last time at this place, below which one: a guess that saves the search. */
struct hst_tree_guess {
	uint32_t parent;
	uint32_t child; /* 0: none yet */
};

struct hst_tree {
	struct hst_tree_guess *guess; /* [hst_open.callee]: -capacity .. capacity - 1 */
	struct hst_profile_block *block;
	struct hst_profile_open *opens; /* in the block */
	struct hst_profile_node *nodes; /* in the block */
	struct hst_tree_edge *edges;    /* open addressing, at most half full */
	uint64_t offset;                /* of the block in the file */
	uint64_t memory; /* bytes mapped for this record and the tables behind it, 0: none */
	uint32_t edge_mask;
	uint32_t edges_used;
	uint32_t capacity;
	uint32_t solid; /* nodes that have disk space */
};

/* A counter that nobody reads: of the thread's own node. */
#define HST_PENDING_NONE (HST_BLOCK_NODES + offsetof(struct hst_profile_node, histogram))

/* The innermost open call has run until now. */
HST_INLINE void hst_tree_clock(
	struct hst_profile_block *block, struct hst_profile_node *innermost, uint64_t ticks)
{
	innermost->self += ticks - block->last;
	block->last = ticks;
}

HST_INLINE uint32_t hst_tree_slot(const struct hst_tree *tree, uint32_t parent, uint64_t ret)
{
	return (uint32_t)(((ret ^ ((uint64_t)parent << 32) ^ parent) * 0x9e3779b97f4a7c15ull) >>
			  32) &
	       tree->edge_mask;
}

/*
 * Opens a call: node and start of the new top entry, and their copies in the file for a SIGKILL. In assembly too, in
 * hooks/profile_x86_64.S.
 */
HST_INLINE void hst_tree_open(
	struct hst_stream *stream, struct hst_open *entry, uint32_t node, uint64_t ticks)
{
	struct hst_tree *tree = stream->tree;
	struct hst_profile_block *block = tree->block;
	struct hst_profile_node *context = &tree->nodes[node];
	uint32_t depth = (uint32_t)(entry - stream->fiber->base) - 1;

	entry->node = node;
	entry->start = ticks;
	entry->context = context;
	entry->carried = 0;
	entry->callee = (int32_t)~node;
	entry[-1].callee = (int32_t)node;
	context->active++;
	context->calls++;
	hst_tree_clock(block, entry[-1].context, ticks);
	if (HST_LIKELY(depth < HST_PROFILE_OPEN_MAX)) {
		tree->opens[depth] = (struct hst_profile_open){ .start = ticks, .node = node };
	}
	hst_barrier();
	block->depth = depth + 1;
}

/* Books the top entry; the caller pops it. */
HST_INLINE void hst_tree_close(struct hst_stream *stream, uint64_t ticks, enum hst_left left)
{
	struct hst_open *entry = stream->top;
	struct hst_profile_block *block = stream->tree->block;
	struct hst_profile_node *node = entry->context;
	uint64_t elapsed = ticks > entry->start ? ticks - entry->start : 0;

	hst_tree_clock(block, node, ticks);
	node->active -= node->active > 0 ? 1 : 0;
	if (node->active == 0) {
		node->total += elapsed;
	}
	if (entry->carried == 0 && left <= HST_LEFT_THROW) {
		node->min = elapsed < node->min ? elapsed : node->min;
		node->max = elapsed > node->max ? elapsed : node->max;
		node->histogram[hst_histogram_bucket(elapsed)]++;
	}
	if (left == HST_LEFT_ERROR || left == HST_LEFT_THROW) {
		node->errors++;
	}
	block->depth = (uint32_t)(entry - stream->fiber->base) - 1;
}

/* --- */

/* A place in the file kept for the moment when none can be had; made once, before the first event. */
void hst_tree_reserve(void);
/* A larger one, in the last moment before system calls are over. */
void hst_tree_reserve_more(void);
/* Shortest call of the first context, in ticks. */
uint64_t hst_tree_shortest(const struct hst_stream *stream);
/* Takes the one context out again that the calibration made below the root. */
void hst_tree_clear(struct hst_stream *stream);
void hst_tree_forget(struct hst_stream *stream);

#endif
