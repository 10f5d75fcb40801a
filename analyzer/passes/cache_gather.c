/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame with a key holds the number of its open call in `node`, which is the calling-context tree's otherwise: the two are
 * not asked for together.
 */
#include "passes/cache_gather.h"

uint32_t hst_cache_gather_stream(struct hst_cache_gather *gather, uint32_t process)
{
	if (!hst_vec_push(&gather->process_of, process)) {
		gather->out_of_memory = true;
		return 0;
	}
	return (uint32_t)gather->process_of.count - 1;
}

/* The place of an open call + 1; 0: out of memory. */
static uint32_t take_place(struct hst_cache_gather *gather)
{
	struct hst_cache_open fresh = { 0 };
	uint32_t place = gather->free;

	if (place != 0) {
		gather->free = gather->open.items[place - 1].next;
		return place;
	}
	if (gather->open.count >= UINT32_MAX - 1 || !hst_vec_push(&gather->open, fresh)) {
		gather->out_of_memory = true;
		return 0;
	}
	return (uint32_t)gather->open.count;
}

/* The stack's own frame, unless it is too deep to be followed. */
static struct hst_replay_frame *innermost(struct hst_replay *replay)
{
	return replay->stack.beyond != 0 ? NULL : hst_replay_top(&replay->stack);
}

static void begin_call(struct hst_replay *replay, struct hst_replay_frame *frame, uint64_t key)
{
	struct hst_cache_gather *gather = replay->tallies->gather;
	uint32_t active = replay->tallies->items[frame->row].active;
	const struct hst_replay_frame *parent =
		frame == replay->stack.frames.items ? NULL : frame - 1;

	if (frame->node == 0) {
		frame->node = take_place(gather);
	}
	if (frame->node == 0) {
		return;
	}
	if (frame->row < gather->logs.count) {
		hst_cache_pack_expect(&gather->logs.items[frame->row].calls, key);
	}
	active = active > 0 ? active - 1 : 0;
	gather->open.items[frame->node - 1] = (struct hst_cache_open){
		.key = key,
		.depth = active < UINT16_MAX ? (uint16_t)active : UINT16_MAX,
		/* Begins of two calls of one thread differ, but for a clock that stands still. */
		.parent = parent == NULL ? 0 : parent->real ^ (uint64_t)replay->gather_thread << 48,
	};
}

static void name_seen(const struct hst_replay *replay, const struct hst_replay_frame *frame,
	struct hst_cache_seen *seen)
{
	seen->row = frame->row;
	seen->function = replay->tallies->rows == NULL ? NULL : &replay->tallies->rows[frame->row];
}

/* A KEY or a RESULT, after it was taken. */
static void see_call(const struct hst_replay *replay, const struct hst_replay_frame *frame,
	const struct hst_event *event)
{
	const struct hst_cache_gather *gather = replay->tallies->gather;
	struct hst_cache_seen seen = { .event = event->kind, .thread = replay->gather_thread };

	if (gather->see != NULL && frame->node != 0) {
		name_seen(replay, frame, &seen);
		seen.key = gather->open.items[frame->node - 1].key;
		seen.result = gather->open.items[frame->node - 1].result;
		gather->see(gather->seer, &seen);
	}
}

/* What stands behind a KEY or a RESULT. */
static void see_values(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_cache_gather *gather = replay->tallies->gather;
	const struct hst_replay_frame *frame = innermost(replay);
	bool result = event->kind == HST_EVENT_RESULT_VALUE;
	struct hst_cache_seen seen = { .event = event->kind, .thread = replay->gather_thread };

	if (frame == NULL || frame->node == 0 || (frame->flags & HST_FRAME_CARRIED) != 0 ||
		(result ? event->value >= replay->key_count
			: event->value > replay->value_count ||
					event->reason > replay->value_count - event->value)) {
		return;
	}
	name_seen(replay, frame, &seen);
	seen.key = gather->open.items[frame->node - 1].key;
	if (result) {
		seen.result = gather->open.items[frame->node - 1].result;
		seen.value = replay->keys[event->value];
	} else {
		seen.values = replay->values + event->value;
		seen.count = event->reason;
		hst_cache_noted_add(&gather->values, seen.row, seen.key, seen.values, seen.count);
	}
	if (gather->see != NULL) {
		gather->see(gather->seer, &seen);
	}
}

void hst_cache_gather_event(struct hst_replay *replay, const struct hst_event *event)
{
	struct hst_cache_gather *gather = replay->tallies->gather;
	struct hst_replay_frame *frame = innermost(replay);
	bool known = event->value < replay->key_count;
	uint64_t value = known ? replay->keys[event->value] : 0;

	if (event->kind == HST_EVENT_VALUES || event->kind == HST_EVENT_RESULT_VALUE) {
		see_values(replay, event);
		return;
	}
	if (frame == NULL || !known || (frame->flags & HST_FRAME_CARRIED) != 0 ||
		(event->kind == HST_EVENT_RESULT && frame->node == 0)) {
		gather->unmatched++;
		return;
	}
	if (event->kind == HST_EVENT_KEY) {
		begin_call(replay, frame, value);
	} else {
		struct hst_cache_open *open = &gather->open.items[frame->node - 1];

		open->result = value;
		open->has_result = 1;
	}
	see_call(replay, frame, event);
}

/* The log of a row; NULL: out of memory. */
static struct hst_cache_log *log_of(struct hst_cache_gather *gather, uint32_t row)
{
	while (gather->logs.count <= row) {
		struct hst_cache_log fresh = { .row = (uint32_t)gather->logs.count };

		if (!hst_vec_push(&gather->logs, fresh)) {
			return NULL;
		}
	}
	return &gather->logs.items[row];
}

/* The longest log becomes half as long. */
static void make_room(struct hst_cache_gather *gather)
{
	struct hst_cache_log *longest = &gather->logs.items[0];
	size_t before;

	for (size_t i = 1; i < gather->logs.count; i++) {
		if (gather->logs.items[i].calls.count > longest->calls.count) {
			longest = &gather->logs.items[i];
		}
	}
	before = longest->calls.count;
	if (hst_cache_log_thin(longest, before / 2) != HST_OK) {
		gather->out_of_memory = true;
	}
	gather->kept -= before - longest->calls.count;
}

static uint64_t whole(double ns)
{
	return ns > 0 && ns < 9e18 ? (uint64_t)(int64_t)(ns + 0.5) : 0;
}

/* Where it was measured: a call that would take less than nothing leaves that to those that come behind it, so that the sum is right. */
static uint64_t corrected(const struct hst_cache_correction *correction,
	const struct hst_replay_frame *frame, bool inner, double ns, uint64_t below)
{
	double *owed = &correction->owed[2 * (size_t)frame->row + inner];

	ns = ns * correction->scales[frame->row] - (double)(below + 1) * correction->per_call_ns +
	     *owed;
	*owed = ns < 0 ? ns : 0;
	return whole(ns);
}

/* What the call would take in the program without hooks, as far as it is known: without our own cost, and without the calls of hooks. */
static uint64_t cost_of(const struct hst_replay *replay, const struct hst_replay_frame *frame,
	bool inner, uint64_t duration)
{
	const struct hst_tallies *tallies = replay->tallies;
	const struct hst_cache_correction *correction = tallies->gather->correction;
	bool is_corrected = correction != NULL && frame->row < correction->rows;
	uint64_t empty_256 = is_corrected ? 0 : tallies->empty_256;
	uint64_t below = replay->stack.enters - frame->enters;
	uint64_t missed = replay->stack.missed - frame->missed;
	uint64_t extra = replay->stack.extra - frame->extra;
	/* Whole numbers: conversions of unsigned ones have branches. */
	int64_t ticks_256 = (int64_t)(duration * 256 - tallies->inside_256 -
				      below * (tallies->inside_256 + tallies->outside_256) -
				      missed * tallies->miss_256 - extra - (below + 1) * empty_256);
	double ns = (double)ticks_256 * (tallies->ns_per_tick / 256);

	return is_corrected ? corrected(correction, frame, inner, ns, below) : whole(ns);
}

void hst_cache_gather_close(struct hst_replay *replay, const struct hst_replay_frame *frame,
	uint64_t duration, enum hst_replay_close how)
{
	struct hst_cache_gather *gather = replay->tallies->gather;
	struct hst_cache_open *open;
	struct hst_cache_log *log;
	struct hst_cache_call call;
	size_t before;

	if (frame->node == 0) {
		return;
	}
	open = &gather->open.items[frame->node - 1];
	call = (struct hst_cache_call){ .key = open->key,
		.result = open->result,
		.has_result = how == HST_CLOSE_RETURN ? open->has_result : 0,
		.depth = open->depth,
		.thread = replay->gather_thread,
		.start_ns = hst_tallies_ns(replay->tallies, frame->real),
		.end_ns = hst_tallies_ns(replay->tallies, replay->now + replay->skew),
		.cost_ns = cost_of(replay, frame, open->depth != 0, duration) };
	open->next = gather->free;
	gather->free = frame->node;
	if (how != HST_CLOSE_RETURN && how != HST_CLOSE_ERROR) {
		gather->unended++;
		return;
	}
	log = log_of(gather, frame->row);
	before = log == NULL ? 0 : log->calls.count;
	if (log == NULL || hst_cache_log_add(log, &call, open->parent) != HST_OK) {
		gather->out_of_memory = true;
		return;
	}
	gather->kept += log->calls.count - before;
	if (gather->kept > (gather->most != 0 ? gather->most : HST_CACHE_CALLS_MAX)) {
		make_room(gather);
	}
}

size_t hst_cache_gather_settle(struct hst_cache_gather *gather)
{
	size_t count = 0;

	for (size_t i = 0; i < gather->logs.count; i++) {
		struct hst_cache_log log = gather->logs.items[i];

		if (log.calls.count != 0) {
			log.values = log.row < gather->values.rows.count
					     ? &gather->values.rows.items[log.row]
					     : NULL;
			gather->logs.items[i] = gather->logs.items[count];
			gather->logs.items[count++] = log;
		}
	}
	return count;
}

void hst_cache_gather_finish(struct hst_cache_gather *gather)
{
	for (size_t i = 0; i < gather->logs.count; i++) {
		hst_cache_log_finish(&gather->logs.items[i]);
	}
	hst_vec_finish(&gather->logs);
	hst_vec_finish(&gather->process_of);
	hst_vec_finish(&gather->open);
	hst_cache_noted_finish(&gather->values);
}
