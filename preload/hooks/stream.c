/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: attach a thread, service its window, follow forks, end with the thread. */
#include "hooks/stream.h"

#include "apply/throttle.h"
#include "buffer/chunk.h"
#include "buffer/encode.h"
#include "core/clock.h"
#include "core/cpu.h"
#include "core/process.h"
#include "core/sys.h"
#include "hooks/function.h"
#include "hooks/start.h"
#include "sink/file.h"
#include "sink/modules.h"
#include "stacks/absence.h"
#include "stacks/fiber.h"
#include "stacks/tree.h"

#include <pthread.h>
#include <string.h>

#include "core/poison.h"

/* Streams of ended threads, ready for the next one: mapped, faulted in, with their tails. */
static struct {
	uint64_t head; /* address in the low 48 bits, a count against ABA above */
} idle;

static pthread_key_t thread_key;
static bool thread_key_made;

#define HST_START_NAP_NS 50000
#define HST_START_NAPS   100u
#define HST_POINTER_BITS 48u
#define HST_POINTER_MASK ((1ull << HST_POINTER_BITS) - 1)

static struct hst_stream *idle_pop(void)
{
	uint64_t head = __atomic_load_n(&idle.head, __ATOMIC_ACQUIRE);
	struct hst_stream *stream;
	uint64_t next;

	do {
		stream = (void *)(head & HST_POINTER_MASK);
		if (stream == NULL) {
			return NULL;
		}
		/* Streams are never unmapped, so this read is safe even if another thread took it. */
		next = (uint64_t)__atomic_load_n(&stream->next, __ATOMIC_RELAXED) |
		       ((head & ~HST_POINTER_MASK) + (1ull << HST_POINTER_BITS));
	} while (!__atomic_compare_exchange_n(
		&idle.head, &head, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return stream;
}

static void idle_push(struct hst_stream *stream)
{
	uint64_t head = __atomic_load_n(&idle.head, __ATOMIC_RELAXED);
	uint64_t next;

	do {
		__atomic_store_n(
			&stream->next, (void *)(head & HST_POINTER_MASK), __ATOMIC_RELAXED);
		next = (uint64_t)stream | ((head & ~HST_POINTER_MASK) + (1ull << HST_POINTER_BITS));
	} while (!__atomic_compare_exchange_n(
		&idle.head, &head, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static uint64_t thread_pointer(void)
{
	uint64_t pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

/* No stack of a main thread is nearer to a mapping; a thread's first hook is mostly nearer to its stack's end. */
#define HST_MAIN_NEAR   (64u << 20)
#define HST_THREAD_NEAR (64u << 10)

/*
 * Where the thread's stack ends, if that is certain: of the main thread it is known; glibc keeps the record of any other
 * (to which fs points) at the top of its stack. 0: it may be a coroutine's stack.
 */
static uint64_t stack_end(uint64_t sp)
{
	uint64_t main_end = hst_process.stack_end;
	uint64_t own = thread_pointer();

	if (sp < main_end && main_end - sp < HST_MAIN_NEAR) {
		return main_end;
	}
	if (hst_sys_gettid() == hst_sink.pid || own <= sp || own - sp > HST_THREAD_NEAR) {
		return 0;
	}
	return own;
}

/* A stream begins in the present file: for a new thread, or in a forked child. Open frames are the caller's matter. */
static void stream_restart(struct hst_stream *stream)
{
	if (stream->epoch != hst_process.epoch) {
		/* Its places are in the parent's file. */
		stream->tail = (struct hst_tail){ 0 };
		stream->tree = NULL;
		stream->counts = NULL;
		stream->epoch = hst_process.epoch;
	}
	*stream->window = (struct hst_window){ 0 };
	stream->chunk = NULL;
	stream->nested = NULL;
	stream->number = __atomic_add_fetch(&hst_sink.header->streams, 1, __ATOMIC_RELAXED);
	stream->tid = hst_sys_gettid();
	stream->thread_start = hst_ticks();
	stream->mode = HST_STREAM_IDLE;
	stream->seq = 0;
	stream->previous = 0;
	stream->rolls = 0;
	hst_cpu_begin(stream, hst_process.options.cpu);
	stream->period_start = 0;
	stream->ledger = &stream->ledger_kept;
	memset(&stream->ledger_kept, 0, sizeof stream->ledger_kept);
}

static struct hst_stream *stream_memory(void)
{
	struct hst_first *first = hst_process_first();

	if (first != NULL) {
		first->stream.own.base = first->entries;
		first->stream.own.end = first->entries + HST_OPEN_FIRST;
		return &first->stream;
	}
	return hst_sys_mmap(NULL, sizeof(struct hst_stream), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static struct hst_stream *stream_make(uint64_t sp, uint64_t end, enum hst_lane lane)
{
	struct hst_stream *stream = idle_pop();

	if (stream == NULL) {
		stream = stream_memory();
		if (stream == NULL) {
			hst_sink_flag(HST_FLAG_NO_MEMORY);
			return NULL;
		}
		stream->ledger = &stream->ledger_kept;
		stream->window = hst_window_new();
	}
	if (stream->window == NULL || !hst_fiber_first(stream, sp, end)) {
		idle_push(stream);
		return NULL;
	}
	stream->lane = lane;
	stream_restart(stream);
	stream->guard = 0;
	stream->errors_below = 0;
	stream->doubt = 0;
	stream->held = false;
	stream->held_lost = 0;
	stream->over = 0;
	return stream;
}

/* Ends the events of a stream whose chunk could not be appended, and goes on with counts. */
static void stream_to_profile(struct hst_stream *stream)
{
	uint64_t ticks = hst_ticks();

	if (stream->chunk != NULL) {
		ticks = hst_absence_check(stream, ticks);
		hst_put_timed(stream, HST_OP_LIMIT, ticks);
		hst_chunk_abandon(stream);
	}
	stream->window->cur = NULL;
	stream->window->limit = NULL;
	stream->mode = HST_STREAM_PROFILE;
	stream->generation = hst_modules_generation();
	if (!hst_tree_begin(stream, ticks)) {
		/* Its losses are still counted, where a reader finds them. */
		stream->mode = HST_STREAM_DEAF;
		stream->ledger = &hst_sink.header->ledger;
	}
}

static void stream_begin(struct hst_stream *stream)
{
	struct hst_file_header *header = hst_sink.header;

	hst_tree_reserve();

	if (header->mode == HST_MODE_PROFILE ||
		(header->flags &
			(HST_FLAG_LIMIT_REACHED | HST_FLAG_PATH_LOST | HST_FLAG_SANDBOXED)) != 0 ||
		!hst_chunk_begin(stream)) {
		stream_to_profile(stream);
	}
	if (stream->mode != HST_STREAM_DEAF) {
		hst_calibrate(stream);
	}
}

/* Time off the CPU before this belongs to the call that was open; from here on time is ours. Returns when. */
static uint64_t stream_work(struct hst_stream *stream)
{
	uint64_t ticks = hst_ticks();

	stream->own_off = 0;
	if (stream->mode == HST_STREAM_TRACE && stream->chunk != NULL &&
		hst_process.alive->seen != 0 && stream->epoch == hst_process.epoch) {
		ticks = hst_absence_check(stream, ticks);
		stream->own_time = true;
	}
	return ticks;
}

/*
 * What was done since `begin` was the program's time so far. A new chunk says so; `seq`: the chunk of before, 0 none. Time off the CPU
 * stays the call's: others would have had the CPU anyway. Without an open frame it is nobody's time. With signals held back, since a
 * handler's time is not ours.
 */
static void stream_account(struct hst_stream *stream, uint64_t begin, uint64_t seq)
{
	uint64_t ticks = hst_ticks();
	uint64_t off = stream->own_off;
	uint64_t units = (ticks - begin - off) >> HST_TIME_SHIFT;
	bool anew = stream->mode == HST_STREAM_TRACE && seq != 0 && stream->seq != seq &&
		    hst_depth(stream) != 0;

	stream->own_time = false;
	stream->period_own += (int64_t)(ticks - begin - off) > 0 ? ticks - begin - off : 0;
	if (anew && off != 0) {
		hst_put_off_cpu(stream, ticks, off, 0);
	}
	if (anew && (int64_t)(ticks - begin - off) > 0) {
		hst_put_valued(stream, HST_OP_OWN, 0, ticks,
			units < UINT32_MAX ? (uint32_t)units : UINT32_MAX);
	}
	hst_throttle_pace(stream);
}

/* Ends the present chunk, if any, so that the next record begins another one. */
static void stream_close(struct hst_stream *stream)
{
	bool ended;

	if (stream->mode != HST_STREAM_TRACE) {
		return;
	}
	hst_throttle_tally(stream);
	ended = hst_chunk_end(stream);
	if (!ended && (hst_sink.header->flags & HST_FLAG_LIMIT_REACHED) != 0) {
		hst_throttle_stop();
	}
	hst_throttle_drop(stream);
	if (ended) {
		stream->mode = HST_STREAM_IDLE;
	} else if (hst_sys_closed == 0 &&
		   (hst_sink.header->flags & (HST_FLAG_LIMIT_REACHED | HST_FLAG_PATH_LOST |
						     HST_FLAG_DISK_FULL)) == 0) {
		/* No descriptor or memory at the moment: this chunk is given up, its number is missing. */
		hst_ledger_move(stream, NULL);
		stream->chunk = NULL;
		stream->mode = HST_STREAM_IDLE;
	} else {
		stream_to_profile(stream);
	}
}

static void stream_pause(struct hst_stream *stream)
{
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_timed(stream, HST_OP_PAUSE, hst_absence_check(stream, hst_ticks()));
		stream_close(stream);
	}
	if (stream->mode == HST_STREAM_PROFILE) {
		hst_tree_pause(stream, hst_absence_check(stream, hst_ticks()));
	}
	hst_cpu_forget(stream);
	stream->window->cur = NULL;
	stream->window->limit = NULL;
	stream->mode = HST_STREAM_PAUSED;
}

/* A request of the tool, or a module went: what was decided when the chunk began may not hold. */
static void stream_look_up(struct hst_stream *stream, uint64_t watch)
{
	bool pause = (uint32_t)watch == HST_CONTROL_PAUSE;

	hst_sink.header->control_seen = (uint32_t)watch;
	if (pause && stream->mode != HST_STREAM_PAUSED) {
		stream_pause(stream);
	} else if (!pause && stream->mode == HST_STREAM_PAUSED) {
		stream->mode = HST_STREAM_IDLE;
		hst_fiber_doubt(stream);
	} else if (!pause && stream->mode == HST_STREAM_PROFILE &&
		   stream->generation != hst_modules_generation()) {
		hst_tree_end(stream, hst_ticks());
		hst_tree_forget(stream);
		stream_to_profile(stream);
	} else if (!pause) {
		stream_close(stream);
	}
	stream->window->seen = watch;
}

/*
 * A stream in a forked child: everything that points into the parent's file is dropped. Also for a stream that
 * meets the child's file after another thread of the child made it.
 */
static bool stream_follow_fork(struct hst_stream *stream)
{
	if (hst_process.alive->seen == 0 && !hst_process_forked()) {
		return false;
	}
	if (stream->epoch == hst_process.epoch) {
		return true;
	}
	stream_restart(stream);
	return true;
}

/* What keeps the stream from recording is seen to. Signals are held back. */
static void stream_attend(struct hst_stream *stream)
{
	uint64_t watch;

	if (!stream_follow_fork(stream)) {
		return;
	}
	hst_throttle_look(stream);
	watch = hst_sink_watch();
	if (stream->window->seen != watch) {
		stream_look_up(stream, watch);
	} else if (stream->mode == HST_STREAM_TRACE && stream->window->cur >= stream->room) {
		if (hst_modules_changed()) {
			(void)hst_modules_update();
		}
		stream_close(stream);
	}
	if (stream->mode == HST_STREAM_IDLE) {
		stream_begin(stream);
	}
}

bool hst_stream_service(struct hst_stream *stream)
{
	struct hst_held signals;
	uint64_t begin;
	uint64_t seq;

	if (stream->measuring ||
		__atomic_load_n(&hst_process.state, __ATOMIC_ACQUIRE) == HST_PROCESS_OFF) {
		return false;
	}
	if (hst_process.alive->seen != 0 && stream->epoch == hst_process.epoch &&
		(stream->mode == HST_STREAM_DEAF ||
			(stream->mode == HST_STREAM_PAUSED &&
				stream->window->seen == hst_sink_watch()))) {
		return false; /* nothing has changed for it */
	}
	begin = stream_work(stream);
	seq = stream->seq;
	signals = hst_sys_hold_signals();
	stream_attend(stream);
	stream_account(stream, begin, seq);
	hst_sys_release_signals(signals);
	return stream->epoch == hst_process.epoch && hst_process.alive->seen != 0 &&
	       (stream->mode == HST_STREAM_TRACE || stream->mode == HST_STREAM_PROFILE);
}

bool hst_stream_is_ready(struct hst_stream *stream)
{
	if (HST_UNLIKELY(stream->held)) {
		hst_stream_unhold(stream);
	}
	return !hst_stream_must_look(stream, hst_sink_watch()) || hst_stream_service(stream);
}

void hst_stream_meet(struct hst_stream *stream, uint64_t address)
{
	const struct hst_loaded *module = hst_modules_know(address);

	if (module != NULL && module->generation > stream->generation) {
		hst_stream_renew(stream);
	}
}

/* `torn`: what the new chunk lists is the truth, whatever the events before it say. */
static void renew(struct hst_stream *stream, bool torn)
{
	struct hst_held signals;
	uint64_t begin = stream_work(stream);
	uint64_t seq = stream->seq;

	signals = hst_sys_hold_signals();
	stream_close(stream);
	/* Here, since a handler that waits for the signals' release may jump away, and the chunk would not say so. */
	stream->ledger->resyncs += torn;
	if (stream->mode == HST_STREAM_IDLE) {
		stream_begin(stream);
	} else if (stream->mode == HST_STREAM_PROFILE) {
		hst_tree_renew(stream);
	}
	stream->generation = hst_modules_generation();
	stream_account(stream, begin, seq);
	hst_sys_release_signals(signals);
}

void hst_stream_renew(struct hst_stream *stream)
{
	renew(stream, false);
}

void hst_stream_renew_torn(struct hst_stream *stream)
{
	renew(stream, true);
}

void hst_stream_resync(struct hst_stream *stream)
{
	hst_fiber_mend(stream);
	stream->suspect = true;
	if (hst_process.alive->seen != 0 && stream->epoch == hst_process.epoch) {
		if (stream->mode == HST_STREAM_TRACE) {
			hst_stream_renew_torn(stream);
			return;
		}
		if (stream->mode == HST_STREAM_PROFILE) {
			hst_tree_carry(stream, hst_ticks());
		}
	}
	stream->ledger->resyncs++;
}

static void stream_end(struct hst_stream *stream)
{
	uint64_t ticks = hst_ticks();

	if (stream->mode == HST_STREAM_TRACE || stream->mode == HST_STREAM_PROFILE) {
		ticks = hst_absence_check(stream, ticks);
	}
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_timed(stream, HST_OP_THREAD_END, ticks);
		if (!hst_chunk_park(stream) && !hst_chunk_end(stream)) {
			hst_chunk_abandon(stream); /* it stays where it is, whole */
		}
	}
	hst_tree_end(stream, ticks);
	hst_fiber_reset(stream);
	*stream->window = (struct hst_window){ 0 };
	stream->guard = 0;
	idle_push(stream);
}

__thread bool hst_thread_over __attribute__((tls_model("initial-exec")));

/* Runs when the thread ends, and again if destructors of others called hooks after it. */
static void thread_ends(void *data)
{
	struct hst_stream *stream = data;
	struct hst_stream *nested = stream->nested;
	struct hst_held signals;

	hst_thread_over = true;
	signals = hst_sys_hold_signals();
	if (hst_self == stream) {
		hst_self = NULL;
		/* One with a hook that may yet go on, on a stack that another thread now runs, is left as it is. */
		if (!(stream->held && stream->guard != 0) && hst_process.alive->seen != 0 &&
			stream->epoch == hst_process.epoch) {
			stream->nested = NULL;
			stream_end(stream);
			if (nested != NULL) {
				stream_end(nested);
			}
		}
	}
	hst_sys_release_signals(signals);
}

void hst_threads_start(void)
{
	thread_key_made = pthread_key_create(&thread_key, thread_ends) == 0;
}

/*
 * Another thread is making the file of this process, as in a forked child whose threads begin together: it takes as long as it
 * would have taken here. The bound is for a handler of the very thread that is at it.
 */
static void stream_await_start(void)
{
	for (uint32_t i = 0;
		i < HST_START_NAPS &&
		__atomic_load_n(&hst_process.state, __ATOMIC_ACQUIRE) == HST_PROCESS_STARTING;
		i++) {
		hst_sys_nap(HST_START_NAP_NS);
	}
}

/* Is there a file of this process? Begins it if nobody has. */
static bool stream_await_process(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t state;

		stream_await_start();
		hst_process_start();
		state = __atomic_load_n(&hst_process.state, __ATOMIC_ACQUIRE);
		if (state == HST_PROCESS_OFF) {
			return false;
		}
		if (state == HST_PROCESS_ON &&
			(hst_process.alive->seen != 0 || hst_process_forked())) {
			return true;
		}
		/* Another thread was faster, after the look. */
	}
	return false;
}

/* Not off, and not begun for a plan only. */
static bool may_record(void)
{
	uint32_t state = __atomic_load_n(&hst_process.state, __ATOMIC_ACQUIRE);

	return state != HST_PROCESS_OFF && (state != HST_PROCESS_ON || hst_process.options.record);
}

static struct hst_stream *stream_attach(uint64_t sp, bool once)
{
	struct hst_stream *stream = NULL;
	struct hst_held signals;

	stream_await_start();
	if (!may_record()) {
		return NULL;
	}
	signals = hst_sys_hold_signals();
	if (stream_await_process() && hst_process.options.record) {
		stream = stream_make(sp, stack_end(sp), HST_LANE_MAIN);
	}
	if (stream != NULL) {
		stream->parent = 0;
		stream->nested = NULL;
		hst_self = stream;
		if (thread_key_made && !once) {
			(void)pthread_setspecific(thread_key, stream);
		}
		hst_sink.header->ledger.lost_calls +=
			__atomic_exchange_n(&hst_process.early, 0, __ATOMIC_RELAXED);
		stream_attend(stream); /* now, that signals need not be held back once more */
	}
	hst_sys_release_signals(signals);
	return stream;
}

struct hst_stream *hst_stream_attach(uint64_t sp)
{
	return stream_attach(sp, false);
}

struct hst_stream *hst_stream_attach_once(uint64_t sp)
{
	return stream_attach(sp, true);
}

void hst_stream_detach(struct hst_stream *stream)
{
	thread_ends(stream);
}

struct hst_stream *hst_stream_nested(struct hst_stream *stream, uint64_t sp)
{
	struct hst_stream *nested = stream->nested;
	struct hst_held signals;

	if (hst_process.alive->seen == 0 || stream->epoch != hst_process.epoch) {
		return NULL;
	}
	if (nested != NULL) {
		return nested;
	}
	signals = hst_sys_hold_signals();
	nested = stream_make(sp, stack_end(sp), HST_LANE_SIGNAL);
	if (nested != NULL) {
		nested->parent = stream->number;
		stream->nested = nested;
	}
	hst_sys_release_signals(signals);
	return nested;
}
