/* SPDX-License-Identifier: Apache-2.0 */
/* Time off the CPU: which call it belongs to, and the list of its longest stretches. */
#include "passes/replay.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	const struct hst_blocked *a = left;
	const struct hst_blocked *b = right;

	if (a->off_ns != b->off_ns) {
		return a->off_ns < b->off_ns ? 1 : -1;
	}
	if (a->end_ns != b->end_ns) {
		return a->end_ns > b->end_ns ? 1 : -1;
	}
	return a->stream != b->stream ? (a->stream > b->stream) - (a->stream < b->stream)
				      : (a->pid > b->pid) - (a->pid < b->pid);
}

void hst_blocked_sort(struct hst_blocked_list *list, size_t most)
{
	if (list->items.count != 0) {
		qsort(list->items.items, list->items.count, sizeof *list->items.items, compare);
	}
	if (list->items.count > most) {
		list->dropped += list->items.count - most;
		list->items.count = most;
	}
}

static void list_blocked(struct hst_replay *replay, uint64_t off, bool open)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_blocked_list *list = tallies->blocked;
	const struct hst_replay_frame *top = hst_replay_top(&replay->stack);
	struct hst_blocked item = {
		.end_ns = hst_tallies_ns(tallies, replay->now + replay->skew),
		.off_ns = (uint64_t)((double)off * tallies->ns_per_tick),
		.pid = replay->pid,
		.tid = replay->tid,
		.stream = replay->stream,
		.function = top->row,
		.context = top->node,
		.open = open,
	};

	if (item.off_ns < list->least_ns) {
		return;
	}
	if (list->items.count >= 2 * HST_BLOCKED_MAX) {
		hst_blocked_sort(list, HST_BLOCKED_MAX);
	}
	if (!hst_vec_push(&list->items, item)) {
		tallies->out_of_memory = true;
	}
}

static void add(struct hst_replay *replay, struct hst_replay_frame *top, uint64_t off, bool open)
{
	struct hst_tallies *tallies = replay->tallies;

	tallies->items[top->row].off += off;
	replay->stack.off += off;
	if (tallies->calltree != NULL && tallies->calltree->contexts) {
		tallies->calltree->nodes.items[top->node].off_ns +=
			(double)off * tallies->ns_per_tick;
	}
	if (tallies->blocked != NULL) {
		list_blocked(replay, off, open);
	}
}

void hst_replay_absence(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_replay_frame *top = hst_replay_top(&replay->stack);
	uint64_t off = hst_event_off(event);
	uint64_t own = event->reason;
	uint64_t had;

	if (top == NULL) {
		return;
	}
	/* What the recorder took did not pass. Neither part is more than the call has had for itself. */
	had = replay->now - top->start - top->away;
	had = (int64_t)had > 0 ? had : 0;
	own = own < had ? own : had;
	replay->now -= own;
	replay->skew += own;
	replay->tallies->items[top->row].own += own;
	had -= own;
	add(replay, top, off < had ? off : had, false);
}

void hst_replay_absence_end(struct hst_replay *replay, uint64_t ticks)
{
	struct hst_replay_frame *top = hst_replay_top(&replay->stack);

	if (top != NULL && replay->has_clock && ticks != 0) {
		replay->tallies->unknown_end += ticks;
		add(replay, top, ticks, true);
	}
}

void hst_replay_clock(struct hst_replay *replay, uint32_t mode)
{
	uint32_t flags = mode == HST_CLOCK_MODE_RSEQ  ? 0u
			 : mode == HST_CLOCK_MODE_GAP ? HST_ROW_CPU_COARSE
						      : HST_ROW_CPU_UNKNOWN;
	uint32_t all = HST_ROW_CPU_COARSE | HST_ROW_CPU_UNKNOWN;

	replay->has_clock = flags != HST_ROW_CPU_UNKNOWN;
	if ((replay->row_flags & all) == flags) {
		return;
	}
	replay->row_flags = (replay->row_flags & ~all) | flags;
	for (size_t i = 0; i < replay->stack.frames.count; i++) {
		replay->tallies->items[replay->stack.frames.items[i].row].flags |= flags;
	}
}
