/* SPDX-License-Identifier: Apache-2.0 */
/* What only some outputs want of each call: its calling context, its caller, its place in time. */
#include "passes/replay.h"

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

void hst_replay_detail_enter(struct hst_replay *replay, struct hst_replay_frame *frame)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_calltree *tree = tallies->calltree;
	struct hst_replay_stack *stack = &replay->stack;
	const struct hst_replay_frame *caller = frame == stack->frames.items ? NULL : frame - 1;
	struct hst_timeline_call call;
	bool carried = (frame->flags & HST_FRAME_CARRIED) != 0;

	frame->real = replay->now + replay->skew;
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
	if (tallies->timeline != NULL && tallies->timeline->enter != NULL) {
		start_call(replay, frame, &call);
		tallies->timeline->enter(tallies->timeline->context, &call);
	}
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
	double scale = tallies->ns_per_tick / 256;
	struct hst_timeline_call call;

	if (tree != NULL && tree->contexts) {
		struct hst_calltree_node *node = &tree->nodes.items[frame->node];

		node->self_ns += scale * ((double)(duration - frame->away) * 256 - inside -
						 outside * frame->children);
		node->context.errors += error && node->context.function == frame->row;
	}
	if (tree != NULL && tree->edges && frame->edge != UINT32_MAX) {
		struct hst_calltree_edge *pair = &tree->pairs.items[frame->edge];
		double below = (double)(replay->stack.enters - frame->enters);

		pair->edge.errors += error;
		pair->active -= pair->active > 0;
		if (pair->active == 0) {
			pair->total_ns += scale * ((double)duration * 256 - inside -
							  (inside + outside) * below);
		}
	}
	if (tallies->timeline != NULL && tallies->timeline->leave != NULL) {
		start_call(replay, frame, &call);
		call.end_ns = hst_tallies_ns(tallies, replay->now + replay->skew);
		tallies->timeline->leave(tallies->timeline->context, &call);
	}
}
