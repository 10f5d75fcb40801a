/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the stacks where calls are missing, and where a chunk tells frames that were not
 * known before. Rare: the hot loop of replay.c comes here by one branch.
 */
#include "passes/replay.h"

#include <string.h>

/* The time before a RESYNC belongs to nobody; from here on the frames run again. */
static void settle(struct hst_replay *replay)
{
	struct hst_replay_frame *top = hst_replay_top(&replay->stack);

	if (replay->settled) {
		return;
	}
	replay->settled = true;
	if (top != NULL && !replay->counts_time) {
		top->away += replay->resync_now - replay->now;
	}
	replay->now = replay->resync_now;
}

/* Closes the stacks that are not present. */
static void close_parked(struct hst_replay *replay)
{
	struct hst_replay_stack present = replay->stack;

	if (replay->parked_count == 0) {
		return;
	}
	hst_replay_walk(replay, &present, false);
	for (size_t i = 0; i < replay->parked.count; i++) {
		struct hst_replay_frame *top;

		replay->stack = replay->parked.items[i];
		replay->parked.items[i] = (struct hst_replay_stack){ 0 };
		hst_replay_walk(replay, &replay->stack, true);
		top = hst_replay_top(&replay->stack);
		if (top != NULL) {
			top->away += replay->now - replay->stack.parked;
			replay->stack.off += replay->now - replay->stack.parked;
		}
		hst_replay_close_down(replay, 0, HST_CLOSE_REPAIR);
		hst_vec_finish(&replay->stack.frames);
	}
	replay->parked_count = 0;
	hst_map_clear(&replay->fibers);
	replay->stack = present;
	hst_replay_walk(replay, &present, true);
}

/* Only the number of the frames is known: rows stay without a caller from here on. */
static void forget(struct hst_replay *replay, uint64_t depth)
{
	hst_replay_close_down(replay, 0, HST_CLOSE_REPAIR);
	replay->stack.unknown = (uint32_t)depth;
}

static void resync_begin(struct hst_replay *replay, const struct hst_event *event)
{
	uint64_t ticks = event->ticks - replay->skew;

	replay->resync_now =
		event->ticks >= replay->skew && ticks > replay->now ? ticks : replay->now;
	replay->resync_depth = event->value;
	replay->resyncing = true;
	replay->settled = false;
	/* Frames of functions that are not recorded any more were dropped: what came since was not theirs. */
	replay->counts_time = event->reason == HST_RESYNC_STACK && replay->tallies->watched != NULL;
	if (event->reason == HST_RESYNC_GAP) {
		replay->row_flags |= HST_ROW_REPAIRED;
		close_parked(replay);
	}
	if (event->unknown != 0) {
		forget(replay, event->unknown);
	} else {
		hst_replay_close_down(replay, event->value, HST_CLOSE_REPAIR);
	}
}

static void resync_frame(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_replay_stack *stack = &replay->stack;
	uint32_t row = replay->tallies->sites[event->site].row;
	uint64_t index = event->value;

	if (index >= replay->resync_depth) {
		return;
	}
	if (index < hst_replay_depth(stack)) {
		if (stack->beyond == 0 && index >= stack->unknown &&
			stack->frames.items[index - stack->unknown].row == row) {
			return;
		}
		hst_replay_close_down(replay, index, HST_CLOSE_REPAIR);
	}
	settle(replay);
	if (hst_replay_depth(stack) < index) {
		forget(replay, index);
	}
	hst_replay_push_carried(replay, row);
}

void hst_replay_resync_end(struct hst_replay *replay)
{
	replay->resyncing = false;
	settle(replay);
	if (hst_replay_depth(&replay->stack) < replay->resync_depth) {
		forget(replay, replay->resync_depth);
	}
}

/* The frames from depth `index` on get places of their own; false: no memory. */
static bool make_places(struct hst_replay *replay, uint32_t index)
{
	struct hst_replay_stack *stack = &replay->stack;
	uint32_t count = stack->unknown - index;
	struct hst_replay_frame place = { .flags = HST_FRAME_CARRIED, .edge = UINT32_MAX };

	if (!hst_vec_reserve(&stack->frames, count)) {
		replay->tallies->out_of_memory = true;
		return false;
	}
	place.start = replay->now;
	place.enters = stack->enters;
	place.missed = stack->missed;
	place.extra = stack->extra;
	place.off = stack->off;
	if (stack->frames.count != 0) {
		struct hst_replay_frame *first = stack->frames.items;
		bool carried = (first->flags & HST_FRAME_CARRIED) != 0;

		/* They were open at least as long as the frame above them. */
		place.start = first->start;
		place.off = first->off;
		place.enters = first->enters - !carried;
		place.missed = first->missed;
		place.extra = first->extra;
		memmove(first + count, first, stack->frames.count * sizeof *first);
	}
	for (uint32_t i = 0; i < count; i++) {
		stack->frames.items[i] = place;
	}
	stack->frames.count += count;
	stack->unknown = index;
	return true;
}

/* The outermost frame of a row counts its total: not the one above it that did until now. */
static void take_outermost(struct hst_replay *replay, size_t number)
{
	struct hst_replay_frame *frames = replay->stack.frames.items;
	struct hst_replay_frame *frame = &frames[number];
	struct hst_tally *tally = &replay->tallies->items[frame->row];
	size_t other = 0;

	while (other < replay->stack.frames.count &&
		(frames[other].row != frame->row ||
			(frames[other].flags & HST_FRAME_OUTERMOST) == 0)) {
		other++;
	}
	if (other > number) {
		frame->flags |= HST_FRAME_OUTERMOST;
	}
	if (other > number && other < replay->stack.frames.count) {
		frames[other].flags &= (uint16_t)~HST_FRAME_OUTERMOST;
	}
	tally->flags |= tally->active != 0 ? HST_ROW_RECURSIVE : 0u;
	tally->active++;
}

/* Unknown frames get their names. Those right below the known ones, or none is taken. */
static void adopt(struct hst_replay *replay, const struct hst_event *events, size_t count)
{
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_replay_frame *frames;

	if (events[0].value + (uint64_t)count != stack->unknown ||
		!make_places(replay, events[0].value)) {
		return;
	}
	frames = stack->frames.items;
	for (size_t i = 0; i < count; i++) {
		frames[i].row = replay->tallies->sites[events[i].site].row;
		take_outermost(replay, i);
	}
	if (count < stack->frames.count && (frames[count].flags & HST_FRAME_CARRIED) == 0) {
		frames[count - 1].children++;
	}
	if (replay->detail) {
		hst_replay_detail_adopt(replay, count);
	}
}

size_t hst_replay_resync(struct hst_replay *replay, const struct hst_event *events, size_t count)
{
	size_t frames = 0;

	if (replay->resyncing && events[0].kind == HST_EVENT_FRAME) {
		resync_frame(replay, &events[0]);
		return 1;
	}
	if (replay->resyncing) {
		hst_replay_resync_end(replay);
	}
	if (events[0].kind == HST_EVENT_RESYNC) {
		resync_begin(replay, &events[0]);
		return 1;
	}
	while (frames < count && events[frames].kind == HST_EVENT_FRAME) {
		frames++;
	}
	if (frames != 0) {
		adopt(replay, events, frames);
	}
	return frames;
}
