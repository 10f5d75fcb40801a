/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may write to the thread's stream, when a hook finds another one at work in it: a signal came in the middle of that
 * one. Either its handler is what runs now, or it jumped out of the hook, which then never ends, or it went to another
 * stack and the hook goes on some time later from where it stopped, with all that it had in registers. The stream must not
 * be touched until then. So it is taken over only upon proof that the hook is gone.
 */
#include "core/attr.h"
#include "core/sys.h"
#include "hooks/function.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "stacks/fiber.h"

#include "core/poison.h"

/* Of stack: the more, the sooner a hook that is gone is found out. */
#define HST_GUARD_ROOM 512u

enum owner {
	OWNER_BELOW, /* a handler interrupted it and is what runs now */
	OWNER_GONE,
	OWNER_AWAY, /* on another stack; or nobody can tell */
};

static bool within(const struct hst_fiber *fiber, uint64_t address)
{
	return address >= fiber->lo && address < fiber->hi;
}

/*
 * sp: stack pointer of the hook's caller. `room`: the lowest byte of what the hook uses of the stack. If the owner's return
 * address lay in between, we have been writing over it.
 */
static enum owner owner_of(const struct hst_stream *stream, uint64_t sp, uint64_t room)
{
	uint64_t owner = stream->guard;
	const struct hst_fiber *fiber = stream->fiber;
	bool same = within(fiber, sp) && within(fiber, owner);

	if (owner <= sp && (owner - 8 >= room || (same && fiber->exact))) {
		return OWNER_GONE;
	}
	if (stream->held && stream->held_at == owner) {
		return OWNER_AWAY;
	}
	return (owner > sp && same) || hst_sys_on_altstack() ? OWNER_BELOW : OWNER_AWAY;
}

/* Another signal may come here, and its handler do the same. */
static void stream_hold(struct hst_stream *stream)
{
	struct hst_window *window = stream->window;
	uint64_t seen = window->seen;
	struct hst_profile_block *block = window->block;

	if (stream->guard == HST_GUARD_DEAF) {
		return;
	}
	if (seen != HST_SEEN_HELD) {
		stream->held_seen = seen;
		stream->held_block = block;
		hst_barrier();
		window->seen = HST_SEEN_HELD;
		window->block = NULL;
	}
	stream->held_at = stream->guard;
	stream->held = true;
}

void hst_stream_unhold(struct hst_stream *stream)
{
	struct hst_window *window = stream->window;

	/* In a forked child the window is a new one. */
	if (window->seen == HST_SEEN_HELD) {
		window->block = stream->held_block;
		window->seen = stream->held_seen;
	}
	if (stream->held_lost != 0) {
		hst_fiber_doubt(stream);
	}
	stream->holds++;
	stream->held_lost = 0;
	hst_barrier();
	stream->held = false;
}

/* Takes the stream over from a hook that is gone. */
static void take_over(struct hst_stream *stream, uint64_t sp)
{
	stream->guard = sp;
	hst_barrier();
	if (stream->held) {
		hst_stream_unhold(stream);
	}
	hst_stream_resync(stream);
}

/* Tries to take lane 1. What was called in it before the latest absence may have returned in lane 0. */
static bool take_nested(struct hst_stream *nested, uint64_t sp, uint32_t holds)
{
	if (!hst_guard_take(nested, sp)) {
		return false;
	}
	if (nested->held) {
		hst_stream_unhold(nested);
	}
	if (nested->holds != holds) {
		hst_fiber_doubt(nested);
		nested->holds = holds;
	}
	return true;
}

struct hst_stream *hst_stream_switch(uint64_t sp)
{
	struct hst_stream *stream = hst_self;
	struct hst_stream *nested;

	if (hst_guard_take(stream, sp)) {
		if (stream->held) {
			hst_stream_unhold(stream);
		}
		return stream;
	}
	if (stream->guard == HST_GUARD_DEAF) {
		return NULL;
	}
	stream_hold(stream);
	/* It is not made here: that takes long for a handler that perhaps has no more time than to its next signal. */
	nested = stream->nested;
	if (nested == NULL || take_nested(nested, sp, stream->holds)) {
		return nested;
	}
	stream_hold(nested);
	return NULL;
}

struct hst_stream *hst_stream_enter(uint64_t sp)
{
	volatile char room[HST_GUARD_ROOM];
	struct hst_stream *stream = hst_self != NULL ? hst_self : hst_stream_attach(sp);
	uint32_t holds = 0;

	for (int lane = 0; lane < 2 && stream != NULL; lane++) {
		enum owner owner;

		if (lane == 0 ? hst_guard_take(stream, sp) : take_nested(stream, sp, holds)) {
			return stream;
		}
		room[0] = 0;
		if (stream->guard == HST_GUARD_DEAF) {
			return NULL;
		}
		owner = owner_of(stream, sp, (uint64_t)room);
		if (owner == OWNER_GONE) {
			take_over(stream, sp);
			return stream;
		}
		if (owner == OWNER_AWAY) {
			stream_hold(stream);
			stream->held_lost++;
		}
		holds = stream->holds;
		stream = lane == 0 ? hst_stream_nested(stream, sp) : NULL;
	}
	if (hst_self != NULL) {
		__atomic_fetch_add(&hst_sink.header->ledger.nested_lost, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}
