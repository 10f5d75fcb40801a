/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory events into the thread's stream, in all cases: through open_stream(), which does what an enter does: service, stacks,
 * module. The common cases stand in memory.h.
 */
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/sys.h"
#include "hooks/function.h"
#include "hooks/journal.h"
#include "hooks/memory.h"
#include "hooks/sample.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "stacks/absence.h"
#include "stacks/fiber.h"
#include "stacks/live.h"
#include "stacks/shadow.h"

#include "core/poison.h"

static void lose(void)
{
	struct hst_stream *stream = hst_self;

	if (stream != NULL) {
		stream->ledger->memory_lost++;
	} else if (hst_process.state == HST_PROCESS_ON) {
		__atomic_fetch_add(&hst_sink.header->ledger.memory_lost, 1, __ATOMIC_RELAXED);
	}
}

/* The thread's stream lasts for the present event only. */
static __thread bool late_event __attribute__((tls_model("initial-exec")));

static void close_stream(struct hst_stream *stream)
{
	hst_barrier();
	stream->guard = 0;
	if (HST_UNLIKELY(late_event)) {
		late_event = false;
		hst_stream_detach(stream);
	}
}

/* libc frees what was a thread's, after the end of its stream. */
static bool is_late(const struct hst_ask *ask)
{
	return hst_self == NULL && hst_thread_over &&
	       ask->ret - hst_real_allocator.libc_lo < hst_real_allocator.libc_bytes;
}

/* Owns the stream, or finds the one to write to; NULL: record nothing. Its guard is set. */
static struct hst_stream *open_stream(struct hst_stream *own, const struct hst_ask *ask)
{
	struct hst_stream *stream = own;
	uint64_t ticks;

	if (stream == NULL) {
		bool late = is_late(ask) && hst_stream_attach_once(ask->sp) != NULL;

		stream = hst_stream_enter(ask->sp);
		late_event = late && stream != NULL;
	}

	if (stream == NULL) {
		lose();
		return NULL;
	}
	if (!hst_stream_is_ready(stream)) {
		stream->ledger->memory_lost += stream->mode == HST_STREAM_DEAF;
		close_stream(stream);
		return NULL;
	}
	ticks = hst_absence_check(stream, hst_ticks());
	if (ask->sp < stream->lo || ask->sp >= stream->fiber->hi || stream->splits != 0) {
		hst_fiber_resolve(stream, ask->sp, ticks);
	}
	hst_stack_settle_at(stream, ask->sp, ticks);
	return stream;
}

/* The id of the place, defined if need be. 0: none to be had, or the stream is in another mode by now. */
static uint32_t site_of(struct hst_stream *stream, const struct hst_ask *ask)
{
	uint32_t id = hst_site_find(stream, ask->ret, ask->which);

	if (id != 0 || stream->mode != HST_STREAM_TRACE) {
		return id;
	}
	hst_stream_meet(stream, ask->ret);
	if (stream->mode == HST_STREAM_TRACE && stream->ids + 1 >= HST_IDS_MAX) {
		hst_stream_renew(stream);
	}
	if (stream->mode != HST_STREAM_TRACE) {
		return 0;
	}
	id = hst_id_define(stream, ask->ret, HST_MEMORY_BASE + ask->which, 0);
	if (id != 0) {
		hst_put_site(stream, hst_ticks(), ask->ret, ask->which);
	}
	return id;
}

/* Whatever one hook writes fits into the room that open_stream found (HST_RECORD_SLACK). */
static bool has_events(const struct hst_stream *stream)
{
	return stream->mode == HST_STREAM_TRACE;
}

/* The allocator's own: nothing is recorded. */
static bool is_own(struct hst_stream *own, const struct hst_ask *ask)
{
	if (!hst_memory_own(ask->ret)) {
		return false;
	}
	if (own != NULL) {
		close_stream(own);
	}
	return true;
}

static void put_time(struct hst_stream *stream, uint64_t elapsed, uint32_t calls)
{
	if (stream->mode == HST_STREAM_PROFILE) {
		stream->top->context->allocator_ticks += elapsed * calls;
	} else if (has_events(stream)) {
		hst_put_allocator(stream, elapsed, calls);
	}
}

HST_NOINLINE void hst_memory_came(struct hst_stream *own, const struct hst_ask *ask, uint64_t block,
	uint64_t bytes, uint64_t began, uint32_t calls)
{
	uint64_t now = hst_ticks();
	struct hst_stream *stream;
	uint32_t id;

	if (is_own(own, ask)) {
		return;
	}
	if (HST_UNLIKELY(block == 0)) {
		hst_journal_no_memory(bytes);
	}
	stream = open_stream(own, ask);
	if (stream == NULL) {
		return;
	}
	id = site_of(stream, ask);
	if (id != 0 && has_events(stream)) {
		hst_put_alloc(
			stream, hst_ticks(), id, block, bytes, hst_memory_slack(block, bytes));
	} else if (stream->mode == HST_STREAM_PROFILE) {
		if (block != 0) {
			hst_live_add(stream, block, bytes, ask->ret, ask->which);
		}
	} else {
		stream->ledger->memory_lost++;
	}
	if (calls != 0) {
		put_time(stream, now > began ? now - began : 0, calls);
		hst_sample_take(stream, now);
	}
	close_stream(stream);
}

HST_NOINLINE void hst_memory_goes(
	struct hst_stream *own, const struct hst_ask *ask, uint64_t block, bool moves)
{
	struct hst_stream *stream;

	if (is_own(own, ask)) {
		return;
	}
	stream = open_stream(own, ask);
	if (stream == NULL) {
		return;
	}
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_free(stream, hst_ticks(), block, moves);
	} else if (stream->mode == HST_STREAM_PROFILE) {
		hst_live_remove(stream, block, hst_memory_slack(block, 0), moves);
	} else {
		stream->ledger->memory_lost++;
	}
	close_stream(stream);
}

HST_NOINLINE void hst_memory_took(
	const struct hst_ask *ask, uint64_t began, uint64_t now, uint32_t calls)
{
	struct hst_stream *stream = is_own(NULL, ask) ? NULL : open_stream(NULL, ask);

	if (stream != NULL) {
		put_time(stream, now > began ? now - began : 0, calls);
		hst_sample_take(stream, now);
		close_stream(stream);
	}
}

void hst_memory_kept(const struct hst_ask *ask, bool freed)
{
	struct hst_stream *stream;

	if (hst_memory_own(ask->ret)) {
		return;
	}
	stream = open_stream(NULL, ask);
	if (stream == NULL) {
		return;
	}
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_realloc_end(stream, hst_ticks(), freed);
	} else if (stream->mode == HST_STREAM_PROFILE && !freed) {
		hst_live_restore(stream);
	}
	close_stream(stream);
}

void hst_memory_mapped(const struct hst_ask *ask, uint64_t address, uint64_t bytes, uint32_t flags)
{
	struct hst_stream *stream = hst_memory_own(ask->ret) ? NULL : open_stream(NULL, ask);
	uint32_t id;

	if (stream == NULL) {
		return;
	}
	id = site_of(stream, ask);
	if (id != 0 && has_events(stream)) {
		hst_put_map(stream, hst_ticks(), id, address, bytes, flags);
	}
	hst_sample_take(stream, hst_ticks());
	close_stream(stream);
}

void hst_memory_unmapped(const struct hst_ask *ask, uint64_t address, uint64_t bytes)
{
	struct hst_stream *stream = hst_memory_own(ask->ret) ? NULL : open_stream(NULL, ask);

	if (stream == NULL) {
		return;
	}
	if (has_events(stream)) {
		hst_put_unmap(stream, hst_ticks(), address, bytes);
	}
	close_stream(stream);
}

void hst_memory_stack(const struct hst_ask *ask, uint64_t bytes)
{
	struct hst_stream *stream = open_stream(NULL, ask);
	uint32_t id;

	if (stream == NULL) {
		return;
	}
	id = site_of(stream, ask);
	if (id != 0 && has_events(stream)) {
		hst_put_stack(stream, hst_ticks(), id, bytes);
	}
	close_stream(stream);
}
