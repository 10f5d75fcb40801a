/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the stacks of one stream as replay.c does, without their times: who is the innermost call,
 * and has the call that asked for a block returned? Calls need not wait for other streams; a stream
 * stops at each event that does.
 */
#include "passes/heap_pass.h"

#include <string.h>

#define LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define UNLIKELY(cond) __builtin_expect(!!(cond), 0)
#define NOINLINE       __attribute__((noinline))

#define DEPTH_MAX    (4u << 20)
#define FRAMES_FIRST 64u
#define FIBERS_TIDY  4096u

static uint64_t depth_of(const struct hst_heap_stack *stack)
{
	return stack->unknown + stack->frames.count + stack->beyond;
}

static NOINLINE void end_activation(struct hst_heap_pass *pass, uint32_t number)
{
	struct hst_heap_activation *activation = &pass->activations.items[number];

	activation->generation++;
	activation->next = pass->unused_activation;
	pass->unused_activation = number;
}

static NOINLINE bool grow(struct hst_heap_follow *follow)
{
	struct hst_heap_stack *stack = &follow->stack;

	if (stack->beyond != 0 || stack->frames.count >= DEPTH_MAX) {
		return false;
	}
	if (!hst_vec_reserve(&stack->frames, stack->frames.count == 0 ? FRAMES_FIRST : 1)) {
		follow->pass->out_of_memory = true;
		return false;
	}
	return true;
}

static inline void push(struct hst_heap_follow *follow, uint32_t site)
{
	struct hst_heap_stack *stack = &follow->stack;

	if (UNLIKELY(stack->frames.count == stack->frames.capacity || stack->beyond != 0) &&
		!grow(follow)) {
		stack->beyond++;
		return;
	}
	stack->frames.items[stack->frames.count++] = (struct hst_heap_frame){ .site = site };
}

static inline void pop(struct hst_heap_follow *follow)
{
	struct hst_heap_stack *stack = &follow->stack;

	if (UNLIKELY(stack->beyond != 0)) {
		stack->beyond--;
	} else if (LIKELY(stack->frames.count != 0)) {
		uint32_t activation = stack->frames.items[--stack->frames.count].activation;

		if (UNLIKELY(activation != 0)) {
			end_activation(follow->pass, activation);
		}
	} else if (stack->unknown != 0) {
		stack->unknown--;
	}
}

static void close_down(struct hst_heap_follow *follow, uint64_t depth)
{
	struct hst_heap_stack *stack = &follow->stack;

	while (depth_of(stack) > depth) {
		if (stack->beyond == 0 && stack->frames.count == 0) {
			stack->unknown = (uint32_t)depth;
		} else {
			pop(follow);
		}
	}
}

static void close_parked(struct hst_heap_follow *follow)
{
	struct hst_heap_stack present = follow->stack;

	if (follow->parked_count == 0) {
		return;
	}
	for (size_t i = 0; i < follow->parked.count; i++) {
		follow->stack = follow->parked.items[i];
		follow->parked.items[i] = (struct hst_heap_stack){ 0 };
		close_down(follow, 0);
		hst_vec_finish(&follow->stack.frames);
	}
	follow->parked_count = 0;
	hst_map_clear(&follow->fibers);
	follow->stack = present;
}

void hst_heap_follow_close(struct hst_heap_follow *follow)
{
	close_down(follow, 0);
	close_parked(follow);
}

/* Numbers of stacks that are long gone would fill the map. */
static bool tidy_fibers(struct hst_heap_follow *follow)
{
	if (follow->fibers.count < FIBERS_TIDY || follow->fibers.count < 4 * follow->parked_count) {
		return true;
	}
	hst_map_clear(&follow->fibers);
	for (size_t i = 0; i < follow->parked.count; i++) {
		if (depth_of(&follow->parked.items[i]) != 0 &&
			hst_map_put(&follow->fibers, follow->parked.items[i].fiber,
				(uint32_t)i + 1) != HST_OK) {
			return false;
		}
	}
	return true;
}

/* Puts the present stack away; one without frames is forgotten. */
static bool park(struct hst_heap_follow *follow)
{
	struct hst_heap_stack *stack = &follow->stack;
	size_t place = 0;

	if (depth_of(stack) == 0) {
		hst_vec_finish(&stack->frames);
		return true;
	}
	while (place < follow->parked.count && follow->parked_count < follow->parked.count &&
		depth_of(&follow->parked.items[place]) != 0) {
		place++;
	}
	if (follow->parked_count == follow->parked.count) {
		place = follow->parked.count;
		if (!hst_vec_push(&follow->parked, *stack)) {
			return false;
		}
	} else {
		follow->parked.items[place] = *stack;
	}
	follow->parked_count++;
	return tidy_fibers(follow) &&
	       hst_map_put(&follow->fibers, stack->fiber, (uint32_t)place + 1) == HST_OK;
}

static void switch_to(struct hst_heap_follow *follow, uint32_t fiber)
{
	uint32_t place = 0;

	if (fiber == follow->stack.fiber) {
		return;
	}
	if (!park(follow)) {
		follow->pass->out_of_memory = true;
	}
	follow->stack = (struct hst_heap_stack){ .fiber = fiber };
	if (!hst_map_get(&follow->fibers, fiber, &place) || place == 0) {
		return;
	}
	follow->stack = follow->parked.items[place - 1];
	follow->parked.items[place - 1] = (struct hst_heap_stack){ 0 };
	follow->parked_count--;
	if (hst_map_put(&follow->fibers, fiber, 0) != HST_OK) {
		follow->pass->out_of_memory = true;
	}
}

/* Only the number of the frames is known. */
static void forget(struct hst_heap_follow *follow, uint64_t depth)
{
	close_down(follow, 0);
	follow->stack.unknown = (uint32_t)depth;
}

static void resync_begin(struct hst_heap_follow *follow, const struct hst_event *event)
{
	follow->resync_depth = event->value;
	follow->resyncing = true;
	if (event->reason == HST_RESYNC_GAP) {
		close_parked(follow);
		/* What realloc was given is gone, as far as one can tell. */
		while (follow->moving.count != 0) {
			follow->moving.count--;
			hst_heap_moving_end(follow->pass,
				&follow->moving.items[follow->moving.count].block, false);
		}
	}
	if (event->unknown != 0) {
		forget(follow, event->unknown);
	} else {
		close_down(follow, event->value);
	}
}

static bool same_function(const struct hst_heap_pass *pass, uint32_t left, uint32_t right)
{
	const struct hst_site *sites = pass->interned.items;

	return left == right || (sites[left].fn == sites[right].fn && sites[left].fn != 0);
}

static void resync_frame(struct hst_heap_follow *follow, const struct hst_event *event)
{
	struct hst_heap_stack *stack = &follow->stack;
	uint64_t index = event->value;

	if (index >= follow->resync_depth) {
		return;
	}
	if (index < depth_of(stack)) {
		if (stack->beyond == 0 && index >= stack->unknown &&
			same_function(follow->pass,
				stack->frames.items[index - stack->unknown].site, event->site)) {
			return;
		}
		close_down(follow, index);
	}
	if (depth_of(stack) < index) {
		forget(follow, index);
	}
	push(follow, event->site);
}

static void resync_end(struct hst_heap_follow *follow)
{
	follow->resyncing = false;
	if (depth_of(&follow->stack) < follow->resync_depth) {
		forget(follow, follow->resync_depth);
	}
}

/* Unknown frames get their names: those right below the known ones, or none is taken. */
static void adopt(struct hst_heap_follow *follow, const struct hst_event *events, size_t count)
{
	struct hst_heap_stack *stack = &follow->stack;
	struct hst_heap_frame *frames;

	if (events[0].value + (uint64_t)count != stack->unknown) {
		return;
	}
	if (!hst_vec_reserve(&stack->frames, count)) {
		follow->pass->out_of_memory = true;
		return;
	}
	frames = stack->frames.items;
	if (stack->frames.count != 0) {
		memmove(frames + count, frames, stack->frames.count * sizeof *frames);
	}
	stack->frames.count += count;
	stack->unknown = events[0].value;
	for (size_t i = 0; i < stack->frames.count; i++) {
		if (i < count) {
			frames[i] = (struct hst_heap_frame){ .site = events[i].site };
		}
		/* The contexts of the others have another beginning from here on. */
		frames[i].node = 0;
	}
}

/* RESYNC and FRAME, and any event while frames of a RESYNC may still come. Returns how many it took. */
static NOINLINE size_t resync(
	struct hst_heap_follow *follow, const struct hst_event *events, size_t count)
{
	size_t frames = 0;

	if (follow->resyncing && events[0].kind == HST_EVENT_FRAME) {
		resync_frame(follow, &events[0]);
		return 1;
	}
	if (follow->resyncing) {
		resync_end(follow);
	}
	if (events[0].kind == HST_EVENT_RESYNC) {
		resync_begin(follow, &events[0]);
		return 1;
	}
	while (frames < count && events[frames].kind == HST_EVENT_FRAME) {
		frames++;
	}
	if (frames != 0) {
		adopt(follow, events, frames);
	}
	return frames;
}

static NOINLINE void rare(struct hst_heap_follow *follow, const struct hst_event *event)
{
	uint64_t depth = depth_of(&follow->stack);

	switch (event->kind) {
	case HST_EVENT_UNWIND:
		close_down(follow, depth > event->value ? depth - event->value : 0);
		break;
	case HST_EVENT_SWITCH:
		switch_to(follow, event->value);
		break;
	case HST_EVENT_PAUSE:
		follow->pass->paused = true;
		break;
	case HST_EVENT_LIMIT:
		hst_heap_follow_close(follow);
		follow->limited = true;
		follow->pass->limited = true;
		break;
	default:
		break;
	}
}

size_t hst_heap_follow_events(
	struct hst_heap_follow *follow, const struct hst_event *events, size_t at, size_t count)
{
	while (at < count) {
		const struct hst_event *event = &events[at];

		if (UNLIKELY(event->kind >= HST_EVENT_RESYNC || follow->resyncing)) {
			size_t taken = resync(follow, event, count - at);

			if (taken != 0) {
				at += taken;
				continue;
			}
		}
		if (event->kind == HST_EVENT_ENTER) {
			push(follow, event->site);
		} else if (event->kind <= HST_EVENT_EXIT_ERROR) {
			pop(follow);
		} else if (hst_heap_waits(event->kind)) {
			break;
		} else {
			rare(follow, event);
		}
		at++;
	}
	return at;
}

void hst_heap_follow_init(struct hst_heap_follow *follow, struct hst_heap_pass *pass,
	const struct hst_stream_ref *ref)
{
	*follow = (struct hst_heap_follow){ .pass = pass,
		/* Not the stream: a signal handler is part of the thread that it interrupts, and what is freed behind
		 * a thread's last destructor comes in a stream of its own. */
		.thread = ref->tid,
		.signals = ref->lane != HST_LANE_MAIN,
		.first = ref->tid == pass->file.header.pid,
		.last_leaf = HST_HEAP_NONE };
}

void hst_heap_follow_finish(struct hst_heap_follow *follow)
{
	for (size_t i = 0; i < follow->moving.count; i++) {
		hst_heap_moving_end(follow->pass, &follow->moving.items[i].block, true);
	}
	hst_vec_finish(&follow->moving);
	hst_heap_follow_close(follow);
	hst_vec_finish(&follow->parked);
	hst_vec_finish(&follow->stack.frames);
	hst_map_finish(&follow->fibers);
}
