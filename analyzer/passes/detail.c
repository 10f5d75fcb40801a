/* SPDX-License-Identifier: Apache-2.0 */
/* What only some outputs want of each call: its calling context, its caller, its place in time. */
#include "passes/replay.h"

#include "passes/cache_gather.h"

static void start_call(struct hst_replay *replay, const struct hst_replay_frame *frame,
	struct hst_timeline_call *ret_call)
{
	const struct hst_tallies *tallies = replay->tallies;

	*ret_call = (struct hst_timeline_call){
		.pid = replay->pid,
		.tid = replay->tid,
		.stream = replay->stream,
		.fiber = replay->stack.fiber,
		.row = frame->row,
		.function = &tallies->rows[frame->row],
		.start_ns = hst_tallies_ns(tallies, frame->real),
	};
}

static void enter_timeline(struct hst_replay *replay, struct hst_replay_frame *frame)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_timeline_call call;

	frame->real = replay->now + replay->skew;
	if (tallies->timeline != NULL && tallies->timeline->enter != NULL) {
		start_call(replay, frame, &call);
		tallies->timeline->enter(tallies->timeline->context, &call);
	}
}

/*
 * Frames that became known while others were open above them enter the timeline when these are
 * gone: there calls nest.
 */
static void show_hidden(struct hst_replay *replay)
{
	struct hst_replay_stack *stack = &replay->stack;

	for (uint32_t i = 0; i < stack->hidden; i++) {
		enter_timeline(replay, &stack->frames.items[i]);
	}
	stack->hidden = 0;
}

static void enter_tree(struct hst_replay *replay, struct hst_replay_frame *frame)
{
	struct hst_calltree *tree = replay->tallies->calltree;
	struct hst_replay_stack *stack = &replay->stack;
	const struct hst_replay_frame *caller = frame == stack->frames.items ? NULL : frame - 1;
	bool carried = (frame->flags & HST_FRAME_CARRIED) != 0;

	if (tree != NULL && tree->contexts) {
		struct hst_calltree_node *node;

		frame->node =
			hst_calltree_child(tree, caller == NULL ? 0 : caller->node, frame->row);
		node = &tree->nodes.items[frame->node];
		node->context.calls += !carried && node->context.function == frame->row;
	}
	if (tree != NULL && tree->edges) {
		frame->edge = hst_calltree_pair(
			tree, caller == NULL ? HST_NO_FUNCTION : caller->row, frame->row);
		if (frame->edge != UINT32_MAX) {
			tree->pairs.items[frame->edge].edge.calls += !carried;
			tree->pairs.items[frame->edge].active++;
		}
	}
}

void hst_replay_detail_enter(struct hst_replay *replay, struct hst_replay_frame *frame)
{
	enter_tree(replay, frame);
	enter_timeline(replay, frame);
}

void hst_replay_detail_close(struct hst_replay *replay, const struct hst_replay_frame *frame,
	uint64_t duration, enum hst_replay_close how)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_calltree *tree = tallies->calltree;
	bool carried = (frame->flags & HST_FRAME_CARRIED) != 0;
	bool error = how == HST_CLOSE_ERROR && !carried;
	double inside = carried ? 0 : (double)tallies->inside_256;
	double outside = (double)tallies->outside_256;
	double miss = (double)tallies->miss_256;
	double scale = tallies->ns_per_tick / 256;
	struct hst_timeline_call call;

	if (tallies->gather != NULL) {
		hst_cache_gather_close(replay, frame, duration, how);
	}
	if (tree != NULL && tree->contexts) {
		struct hst_calltree_node *node = &tree->nodes.items[frame->node];

		node->self_ns +=
			scale * ((double)(duration - frame->away) * 256 - inside -
					outside * frame->children - miss * frame->children_missed -
					(double)frame->self_extra);
		node->context.errors += error && node->context.function == frame->row;
	}
	if (tree != NULL && tree->edges && frame->edge != UINT32_MAX) {
		struct hst_calltree_edge *pair = &tree->pairs.items[frame->edge];
		double below = (double)(replay->stack.enters - frame->enters);
		double missed = (double)(replay->stack.missed - frame->missed);

		pair->edge.errors += error;
		pair->active -= pair->active > 0;
		if (pair->active == 0) {
			pair->total_ns +=
				scale * ((double)duration * 256 - inside -
						(inside + outside) * below - miss * missed -
						(double)(replay->stack.extra - frame->extra));
			pair->off_ns +=
				tallies->ns_per_tick * (double)(replay->stack.off - frame->off);
		}
	}
	if (tallies->timeline != NULL && tallies->timeline->leave != NULL) {
		start_call(replay, frame, &call);
		call.end_ns = hst_tallies_ns(tallies, replay->now + replay->skew);
		tallies->timeline->leave(tallies->timeline->context, &call);
	}
	if (replay->stack.hidden != 0 && replay->stack.frames.count - 1 == replay->stack.hidden) {
		show_hidden(replay);
	}
}

/* The frame has another caller than was known when its call was counted: the count moves. */
static void move_call(struct hst_replay *replay, struct hst_replay_frame *frame)
{
	struct hst_calltree *tree = replay->tallies->calltree;
	uint32_t carried = (frame->flags & HST_FRAME_CARRIED) != 0;
	uint32_t node;

	if (tree->contexts) {
		node = hst_calltree_child(tree, frame[-1].node, frame->row);
		if (tree->nodes.items[node].context.function == frame->row &&
			tree->nodes.items[frame->node].context.function == frame->row) {
			tree->nodes.items[frame->node].context.calls -= !carried;
			tree->nodes.items[node].context.calls += !carried;
			frame->node = node;
		}
	}
	if (tree->edges && frame->edge != UINT32_MAX) {
		tree->pairs.items[frame->edge].edge.calls -= !carried;
		tree->pairs.items[frame->edge].active--;
		frame->edge = hst_calltree_pair(tree, frame[-1].row, frame->row);
	}
	if (tree->edges && frame->edge != UINT32_MAX) {
		tree->pairs.items[frame->edge].edge.calls += !carried;
		tree->pairs.items[frame->edge].active++;
	}
}

void hst_replay_detail_adopt(struct hst_replay *replay, size_t count)
{
	struct hst_replay_stack *stack = &replay->stack;

	for (size_t i = 0; i < count; i++) {
		enter_tree(replay, &stack->frames.items[i]);
	}
	for (size_t i = count; replay->tallies->calltree != NULL && i < stack->frames.count; i++) {
		move_call(replay, &stack->frames.items[i]);
	}
	if (replay->tallies->timeline != NULL) {
		stack->hidden += (uint32_t)count;
		if (stack->hidden == stack->frames.count) {
			show_hidden(replay);
		}
	}
}
