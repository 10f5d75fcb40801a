/* SPDX-License-Identifier: Apache-2.0 */
/* What it took to write keys and results: of the call's own time, and of its caller's. */
#include "passes/replay.h"

/* Of the innermost frame's caller: the frame itself does not see it, those below it do. */
static void add_outside(struct hst_replay_stack *stack, uint64_t cost)
{
	struct hst_replay_frame *top = hst_replay_top(stack);

	stack->extra += cost;
	top->extra += cost;
	if (top != stack->frames.items) {
		top[-1].self_extra += cost;
	}
}

void hst_replay_key_cost(struct hst_replay *replay, const struct hst_event *event)
{
	const struct hst_key_cost *cost = &replay->tallies->key_costs[event->unknown != 0];
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_replay_frame *top = hst_replay_top(stack);

	replay->keyed += event->kind == HST_EVENT_KEY;
	if (top == NULL || stack->beyond != 0) {
		return;
	}
	if (event->kind == HST_EVENT_RESULT) {
		add_outside(stack, cost->result);
		return;
	}
	add_outside(stack, cost->outside);
	stack->extra += cost->inside;
	top->self_extra += cost->inside;
}
