/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot loop of every report: one enter and one exit per call. Everything that is rare stands in
 * functions of its own that are not inlined.
 */
#include "passes/replay.h"

#include "passes/cache_gather.h"

#include <stdlib.h>
#include <string.h>

#define LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define UNLIKELY(cond) __builtin_expect(!!(cond), 0)
#define NOINLINE       __attribute__((noinline))

/* Frames that switches of stacks may walk before recursion across stacks is no longer told apart. */
#define WALK_MAX     (256u << 20)
#define FRAMES_FIRST 64u
#define FIBERS_TIDY  4096u
#define OWED_RECORDS 16u /* a record's cost may come after its time, or in a shorter call */

__extension__ typedef unsigned __int128 u128;

static NOINLINE void count_overflow(struct hst_tallies *tallies, const struct hst_late_count *late)
{
	uint32_t *counter = &late->latency->low[late->bucket];

	if (late->latency->high == NULL) {
		late->latency->high = hst_arena_array(
			tallies->arena, HST_LATENCY_BUCKETS, sizeof *late->latency->high);
	}
	if (late->latency->high == NULL) {
		tallies->out_of_memory = true;
		*counter = UINT32_MAX;
		return;
	}
	late->latency->high[late->bucket]++;
}

static inline void count_now(struct hst_tallies *tallies, const struct hst_late_count *late)
{
	if (UNLIKELY(++late->latency->low[late->bucket] == 0)) {
		count_overflow(tallies, late);
	}
}

/*
 * A program with many functions has more counters than the cache has lines; waiting for each would
 * take longer than all the rest.
 */
static inline void count_later(
	struct hst_tallies *tallies, struct hst_latency *latency, uint32_t bucket)
{
	struct hst_late_count *late = &tallies->late[tallies->late_next++ % HST_LATE_COUNTS];

	if (LIKELY(late->latency != NULL)) {
		count_now(tallies, late);
	}
	late->latency = latency;
	late->bucket = bucket;
	__builtin_prefetch(&latency->low[bucket], 1);
}

static void count_rest(struct hst_tallies *tallies)
{
	for (uint32_t i = 0; i < HST_LATE_COUNTS; i++) {
		if (tallies->late[i].latency != NULL) {
			count_now(tallies, &tallies->late[i]);
			tallies->late[i].latency = NULL;
		}
	}
}

static NOINLINE bool make_latency(struct hst_tallies *tallies, struct hst_tally *tally)
{
	tally->latency = hst_latency_create(tallies->arena);
	tallies->out_of_memory |= tally->latency == NULL;
	return tally->latency != NULL;
}

static inline void tally_return(struct hst_tallies *tallies, struct hst_tally *tally,
	uint64_t duration, uint64_t below, uint64_t rest)
{
	uint64_t cost =
		tallies->inside_256 + below * (tallies->inside_256 + tallies->outside_256) + rest;
	uint64_t scaled = duration << 8;
	uint64_t real = scaled > cost ? (scaled - cost) >> 8 : 0;
	uint64_t ns = (uint64_t)((u128)real * tallies->ns_32 >> 32);

	tally->duration += real;
	if (UNLIKELY(real < tally->min || tally->returned == 0)) {
		tally->min = real;
	}
	if (UNLIKELY(real > tally->max)) {
		tally->max = real;
	}
	tally->returned++;
	if (LIKELY(tally->latency != NULL || make_latency(tallies, tally))) {
		count_later(tallies, tally->latency, hst_latency_bucket(ns));
	}
}

static NOINLINE void tally_other_end(struct hst_tally *tally, enum hst_replay_close how)
{
	if (how == HST_CLOSE_ERROR) {
		tally->errors++;
	} else if (how == HST_CLOSE_OPEN) {
		tally->open++;
		tally->flags |= HST_ROW_OPEN;
	} else if (how == HST_CLOSE_REPAIR) {
		tally->flags |= HST_ROW_REPAIRED;
	}
}

/* Ends the innermost followed frame at replay->now; there must be one. */
static inline void close_top(struct hst_replay *replay, enum hst_replay_close how)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_replay_frame *frame = &stack->frames.items[stack->frames.count - 1];
	struct hst_tally *tally = &tallies->items[frame->row];
	uint64_t duration = replay->now - frame->start;
	uint64_t below = stack->enters - frame->enters;
	uint64_t missed = stack->missed - frame->missed;
	uint64_t extra = stack->extra - frame->extra;
	bool carried = (frame->flags & HST_FRAME_CARRIED) != 0;
	uint64_t self = duration - frame->away;

	tally->self += self;
	replay->self += self;
	tally->children += frame->children;
	tally->children_missed += frame->children_missed;
	replay->children += frame->children;
	replay->children_missed += frame->children_missed;
	tally->self_extra += frame->self_extra;
	replay->self_extra += frame->self_extra;
	tally->active -= tally->active > 0;
	if (frame->flags & HST_FRAME_OUTERMOST) {
		tally->total += duration;
		tally->total_off += stack->off - frame->off;
		tally->below += below;
		tally->below_missed += missed;
		tally->below_extra += extra;
		tally->outer += !carried;
	}
	if (LIKELY(how == HST_CLOSE_RETURN && !carried)) {
		tally_return(tallies, tally, duration, below, missed * tallies->miss_256 + extra);
	} else if (!carried) {
		tally_other_end(tally, how);
	}
	if (UNLIKELY(replay->detail)) {
		hst_replay_detail_close(replay, frame, duration, how);
	}
	stack->frames.count--;
	if (LIKELY(stack->frames.count != 0)) {
		frame[-1].away += duration;
	}
}

/* Room for one more frame; false at the limit. */
static NOINLINE bool grow(struct hst_replay *replay)
{
	struct hst_replay_stack *stack = &replay->stack;

	if (stack->frames.count >= HST_REPLAY_DEPTH_MAX) {
		return false;
	}
	if (!hst_vec_reserve(&stack->frames, stack->frames.count == 0 ? FRAMES_FIRST : 1)) {
		replay->tallies->out_of_memory = true;
		return false;
	}
	return true;
}

static inline void push(struct hst_replay *replay, uint32_t row, uint16_t flags)
{
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_tally *tally = &replay->tallies->items[row];
	struct hst_replay_frame *frame;

	if (UNLIKELY(stack->frames.count == stack->frames.capacity || stack->beyond != 0) &&
		(stack->beyond != 0 || !grow(replay))) {
		stack->beyond++;
		return;
	}
	frame = &stack->frames.items[stack->frames.count++];
	*frame = (struct hst_replay_frame){
		.start = replay->now,
		.enters = stack->enters,
		.missed = stack->missed,
		.extra = stack->extra,
		.off = stack->off,
		.row = row,
		.flags = flags | (tally->active == 0 ? HST_FRAME_OUTERMOST : 0),
	};
	if (UNLIKELY(tally->active != 0)) {
		tally->flags |= HST_ROW_RECURSIVE;
	}
	tally->active++;
	if (UNLIKELY(replay->detail)) {
		hst_replay_detail_enter(replay, frame);
	}
}

void hst_replay_push_carried(struct hst_replay *replay, uint32_t row)
{
	push(replay, row, HST_FRAME_CARRIED);
}

static inline void enter(struct hst_replay *replay, uint32_t site, uint32_t missed)
{
	const struct hst_tallies *tallies = replay->tallies;
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_site_row where = tallies->sites[site];
	struct hst_tally *tally = &tallies->items[where.row];

	tally->calls++;
	tally->inlined += where.inlined;
	tally->flags |= replay->row_flags;
	if (UNLIKELY(where.watched != 0)) {
		tallies->watched[where.watched]++;
	}
	stack->enters++;
	stack->missed += missed;
	replay->calls++;
	if (LIKELY(stack->frames.count != 0)) {
		stack->frames.items[stack->frames.count - 1].children++;
		stack->frames.items[stack->frames.count - 1].children_missed += missed;
	}
	push(replay, where.row, 0);
}

static inline void leave(struct hst_replay *replay, enum hst_replay_close how)
{
	struct hst_replay_stack *stack = &replay->stack;

	if (UNLIKELY(stack->beyond != 0)) {
		stack->beyond--;
	} else if (LIKELY(stack->frames.count != 0)) {
		close_top(replay, how);
	} else if (stack->unknown != 0) {
		stack->unknown--;
	}
}

void hst_replay_close_down(struct hst_replay *replay, uint64_t depth, enum hst_replay_close how)
{
	struct hst_replay_stack *stack = &replay->stack;

	while (hst_replay_depth(stack) > depth) {
		if (stack->beyond == 0 && stack->frames.count == 0) {
			stack->unknown = (uint32_t)depth;
		} else {
			leave(replay, how);
		}
	}
}

static NOINLINE void unwind(struct hst_replay *replay, const struct hst_event *event)
{
	uint64_t depth = hst_replay_depth(&replay->stack);
	enum hst_replay_close how = HST_CLOSE_REPAIR;

	if (event->reason == 1) {
		how = HST_CLOSE_ERROR;
	} else if (event->reason == 4) {
		how = HST_CLOSE_OPEN;
	}
	hst_replay_close_down(replay, depth > event->value ? depth - event->value : 0, how);
}

/* The recursion counters follow the present stack only. */
void hst_replay_walk(struct hst_replay *replay, const struct hst_replay_stack *stack, bool in)
{
	struct hst_tallies *tallies = replay->tallies;
	struct hst_calltree *tree = tallies->calltree;

	if (replay->walked >= WALK_MAX) {
		return;
	}
	replay->walked += stack->frames.count;
	for (size_t i = 0; i < stack->frames.count; i++) {
		const struct hst_replay_frame *frame = &stack->frames.items[i];
		uint32_t *active = &tallies->items[frame->row].active;

		*active = in ? *active + 1 : *active - (*active > 0);
		if (tree != NULL && tree->edges && frame->edge != UINT32_MAX) {
			active = &tree->pairs.items[frame->edge].active;
			*active = in ? *active + 1 : *active - (*active > 0);
		}
	}
}

/* Numbers of stacks that are long gone would fill the map. */
static bool tidy_fibers(struct hst_replay *replay)
{
	if (replay->fibers.count < FIBERS_TIDY || replay->fibers.count < 4 * replay->parked_count) {
		return true;
	}
	hst_map_clear(&replay->fibers);
	for (size_t i = 0; i < replay->parked.count; i++) {
		if (hst_replay_depth(&replay->parked.items[i]) != 0 &&
			hst_map_put(&replay->fibers, replay->parked.items[i].fiber,
				(uint32_t)i + 1) != HST_OK) {
			return false;
		}
	}
	return true;
}

/* Puts the present stack away; one without frames is forgotten. */
static bool park(struct hst_replay *replay)
{
	struct hst_replay_stack *stack = &replay->stack;
	size_t place = 0;

	if (hst_replay_depth(stack) == 0) {
		hst_vec_finish(&stack->frames);
		return true;
	}
	stack->parked = replay->now;
	while (place < replay->parked.count && replay->parked_count < replay->parked.count &&
		hst_replay_depth(&replay->parked.items[place]) != 0) {
		place++;
	}
	if (replay->parked_count == replay->parked.count) {
		place = replay->parked.count;
		if (!hst_vec_push(&replay->parked, *stack)) {
			return false;
		}
	} else {
		replay->parked.items[place] = *stack;
	}
	replay->parked_count++;
	return tidy_fibers(replay) &&
	       hst_map_put(&replay->fibers, stack->fiber, (uint32_t)place + 1) == HST_OK;
}

static NOINLINE void switch_to(struct hst_replay *replay, uint32_t fiber)
{
	struct hst_replay_stack *stack = &replay->stack;
	struct hst_replay_frame *top;
	uint32_t place = 0;

	if (fiber == stack->fiber) {
		return;
	}
	replay->row_flags |= HST_ROW_UNCERTAIN;
	hst_replay_walk(replay, stack, false);
	if (!park(replay)) {
		replay->tallies->out_of_memory = true;
		hst_vec_finish(&stack->frames);
	}
	*stack = (struct hst_replay_stack){ .fiber = fiber };
	if (!hst_map_get(&replay->fibers, fiber, &place) || place == 0) {
		return;
	}
	*stack = replay->parked.items[place - 1];
	replay->parked.items[place - 1] = (struct hst_replay_stack){ 0 };
	replay->parked_count--;
	/* Overwriting a key that is there needs no memory. */
	if (hst_map_put(&replay->fibers, fiber, 0) != HST_OK) {
		replay->tallies->out_of_memory = true;
	}
	hst_replay_walk(replay, stack, true);
	top = hst_replay_top(stack);
	if (top != NULL) {
		top->away += replay->now - stack->parked;
		stack->off += replay->now - stack->parked;
	}
}

static void close_stacks(struct hst_replay *replay, enum hst_replay_close how)
{
	hst_replay_close_down(replay, 0, how);
	for (size_t i = 0; replay->parked_count != 0 && i < replay->parked.count; i++) {
		if (hst_replay_depth(&replay->parked.items[i]) != 0) {
			switch_to(replay, replay->parked.items[i].fiber);
			hst_replay_close_down(replay, 0, how);
		}
	}
}

/*
 * Time that was ours did not pass: it goes out of the innermost call, and by that out of all around it. Never more than
 * that call has had so far. Returns how much it was.
 */
static uint64_t take_own_time(
	struct hst_replay *replay, struct hst_replay_frame *top, uint64_t ticks)
{
	int64_t had = (int64_t)(replay->now - top->start - top->away);

	if (had < (int64_t)ticks) {
		ticks = had > 0 ? (uint64_t)had : 0;
	}
	replay->now -= ticks;
	replay->skew += ticks;
	replay->tallies->items[top->row].own += ticks;
	return ticks;
}

/* What recording a block took, on average. */
static void take_memory_cost(struct hst_replay *replay, struct hst_replay_frame *top)
{
	const struct hst_tallies *tallies = replay->tallies;
	uint64_t limit = OWED_RECORDS * tallies->memory_256;
	uint64_t owed = replay->owed_256 + tallies->memory_256;

	if (top == NULL || owed == 0) {
		return;
	}
	owed -= take_own_time(replay, top, owed >> 8) << 8;
	replay->owed_256 = owed < limit ? owed : limit;
}

static NOINLINE void rare(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_replay_frame *top = hst_replay_top(&replay->stack);

	switch (event->kind) {
	case HST_EVENT_UNWIND:
		unwind(replay, event);
		break;
	case HST_EVENT_SWITCH:
		switch_to(replay, event->value);
		break;
	case HST_EVENT_ALLOC:
	case HST_EVENT_FREE:
	case HST_EVENT_RELEASE:
	case HST_EVENT_REALLOC_FAILED:
	case HST_EVENT_REALLOC_FREED:
		take_memory_cost(replay, top);
		break;
	case HST_EVENT_OWN:
		if (top != NULL) {
			(void)take_own_time(replay, top, event->value);
		}
		break;
	case HST_EVENT_OFF_CPU:
		hst_replay_absence(replay, event);
		break;
	case HST_EVENT_LOST:
		if (top != NULL) {
			replay->tallies->items[top->row].flags |= HST_ROW_REPAIRED;
		}
		break;
	case HST_EVENT_PAUSE:
		replay->paused = true;
		break;
	case HST_EVENT_LIMIT:
		close_stacks(replay, HST_CLOSE_LIMIT);
		replay->limited = true;
		break;
	case HST_EVENT_THREAD_END:
		close_stacks(replay, HST_CLOSE_OPEN);
		break;
	case HST_EVENT_VALUES:
	case HST_EVENT_RESULT_VALUE:
		if (replay->tallies->gather != NULL) {
			hst_cache_gather_event(replay, event);
		}
		break;
	default:
		break;
	}
}

/* Events may step back from chunk to chunk; time here does not. */
static inline void advance(struct hst_replay *replay, uint64_t ticks)
{
	uint64_t now = ticks - replay->skew;

	if (LIKELY(now > replay->now && ticks >= replay->skew)) {
		replay->now = now;
	}
}

static inline void key_or_result(struct hst_replay *replay, const struct hst_event *event)
{
	hst_replay_key_cost(replay, event);
	if (event->kind == HST_EVENT_RESULT) {
		hst_replay_result(replay, event);
	}
	if (replay->tallies->gather != NULL) {
		hst_cache_gather_event(replay, event);
	}
}

void hst_replay_events(struct hst_replay *replay, const struct hst_event *events, size_t count)
{
	const struct hst_event *const end = events + count;

	replay->events += count;
	if (replay->first == UINT64_MAX && count != 0) {
		replay->first = events[0].ticks;
		advance(replay, events[0].ticks);
	}
	for (const struct hst_event *event = events; event != end; event++) {
		if (UNLIKELY(event->kind >= HST_EVENT_RESYNC || replay->resyncing)) {
			size_t taken = hst_replay_resync(replay, event, (size_t)(end - event));

			if (taken != 0) {
				event += taken - 1;
				continue;
			}
		}
		advance(replay, event->ticks);
		if (event->kind == HST_EVENT_ENTER) {
			enter(replay, event->site, event->reason);
		} else if (event->kind == HST_EVENT_EXIT) {
			leave(replay, HST_CLOSE_RETURN);
		} else if (event->kind == HST_EVENT_EXIT_ERROR) {
			leave(replay, HST_CLOSE_ERROR);
		} else if (event->kind == HST_EVENT_KEY || event->kind == HST_EVENT_RESULT) {
			key_or_result(replay, event);
		} else {
			rare(replay, event);
		}
	}
	count_rest(replay->tallies);
}

void hst_replay_init(struct hst_replay *replay, struct hst_tallies *tallies)
{
	*replay = (struct hst_replay){ .tallies = tallies,
		.first = UINT64_MAX,
		.detail = tallies->calltree != NULL || tallies->timeline != NULL ||
			  tallies->gather != NULL };
}

void hst_replay_finish(struct hst_replay *replay)
{
	for (size_t i = 0; i < replay->parked.count; i++) {
		hst_vec_finish(&replay->parked.items[i].frames);
	}
	hst_vec_finish(&replay->parked);
	hst_vec_finish(&replay->stack.frames);
	hst_map_finish(&replay->fibers);
}

void hst_replay_chunk(struct hst_replay *replay, uint64_t ticks, uint32_t mode)
{
	uint64_t real = replay->now + replay->skew;

	hst_replay_clock(replay, mode);
	if (replay->paused && ticks > real) {
		replay->skew += ticks - real;
	}
	replay->paused = false;
}

bool hst_replay_is_open(const struct hst_replay *replay)
{
	return hst_replay_depth(&replay->stack) != 0 || replay->parked_count != 0;
}

uint64_t hst_replay_ticks(const struct hst_replay *replay)
{
	return replay->now + replay->skew;
}

void hst_replay_suspend(struct hst_replay *replay)
{
	if (replay->resyncing) {
		hst_replay_resync_end(replay);
	}
	hst_replay_walk(replay, &replay->stack, false);
	replay->suspended = true;
}

void hst_replay_close(struct hst_replay *replay, uint64_t ticks, enum hst_replay_close how)
{
	if (replay->resyncing) {
		hst_replay_resync_end(replay);
	}
	if (replay->suspended) {
		hst_replay_walk(replay, &replay->stack, true);
		replay->suspended = false;
	}
	if (!replay->paused) {
		uint64_t last = replay->now;

		advance(replay, ticks);
		hst_replay_absence_end(replay, replay->now - last);
	}
	close_stacks(replay, how);
	count_rest(replay->tallies);
}
