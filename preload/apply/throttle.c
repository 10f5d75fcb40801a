/* SPDX-License-Identifier: Apache-2.0 */
/* A limit to the cost of hooks: which functions are suppressed, and when they are recorded all the same. */
#include "apply/throttle.h"

#include "apply/counts.h"
#include "apply/memo.h"
#include "apply/record.h"
#include "apply/sites.h"
#include "apply/tally.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "sink/filter.h"
#include "sink/modules.h"
#include "stacks/shadow.h"

#include <string.h>

#include "core/poison.h"

#ifndef HST_HASTE
# define HST_HASTE 1u /* tests divide all times by it */
#endif

#define HST_PERIOD_US    (2000u / HST_HASTE) /* over which the cost is looked at */
#define HST_WINDOW_US    (10000u / HST_HASTE)
#define HST_GAP_LEAST_US (100000u / HST_HASTE) /* between windows, on average */
#define HST_GAP_MOST_US  (5000000u / HST_HASTE)
#define HST_BYTES_CALL   4u /* of events, mostly */
#define HST_STEP_LEAST   4u /* bytes of events between two looks */
#define HST_STEP_FIRST   1024u
#define HST_FAILURES_MAX 3u
#define HST_LATE_MAX     64u /* exits by a jump that is disarmed, until all are left armed */

#define HST_MILLION 1000000ull

#define HST_FLAGS_DONE \
 (HST_FLAG_LIMIT_REACHED | HST_FLAG_PATH_LOST | HST_FLAG_SANDBOXED | HST_FLAG_DISK_FULL)

bool hst_throttle_on;

static struct {
	uint32_t
		changes; /* each makes every thread begin a chunk without the frames of suppressed functions */
	uint32_t count;    /* of entries */
	uint32_t counters; /* given out */
	uint32_t suppressed;
	uint32_t failures;
	uint64_t per_us; /* ticks; 0 not known yet */
	uint64_t random;
	uint64_t disarmed; /* all of them, the latest time */
	uint64_t late;     /* the latest exit that came by a jump all the same */
	uint64_t window_begin;
	uint64_t window_next;
	uint64_t window_bytes; /* of events in it, from all threads */
	uint64_t window_own;   /* ticks of other work in it */
} throttle;

void hst_throttle_start(uint64_t enter, uint64_t leave)
{
	const struct hst_options *options = &hst_process.options;
	bool allowed = options->patch && (options->seccomp_known || hst_procfs_seccomp(0) == 0);

	if (options->overhead_ppm == HST_OVERHEAD_OFF || options->profile || !hst_clock_tsc) {
		return;
	}
	hst_sites_start(enter, leave, allowed);
	hst_sink.header->budget_ppm =
		options->overhead_ppm < UINT32_MAX ? (uint32_t)options->overhead_ppm : UINT32_MAX;
	hst_sink.header->budget_state = allowed ? HST_BUDGET_PATCH : HST_BUDGET_COUNT;
	throttle.random = hst_ticks() ^ ((uint64_t)hst_sink.pid << 32);
	throttle.per_us = options->tsc_hz / HST_MILLION;
	hst_throttle_on = true;
}

void hst_throttle_hold(void)
{
	if (hst_throttle_on) {
		hst_sites_hold();
	}
}

void hst_throttle_release(void)
{
	if (hst_throttle_on) {
		hst_sites_release();
	}
}

static uint64_t random_next(void)
{
	throttle.random ^= throttle.random << 13;
	throttle.random ^= throttle.random >> 7;
	throttle.random ^= throttle.random << 17;
	return throttle.random;
}

/* Without the launcher the frequency shows when some time has passed. */
static bool knows_clock(void)
{
	const struct hst_clock_pair *start = &hst_sink.header->start;
	struct hst_clock_pair now;

	if (throttle.per_us != 0) {
		return true;
	}
	now = hst_clock_pair_now();
	if (now.mono_ns < start->mono_ns + HST_MILLION || now.ticks <= start->ticks) {
		return false;
	}
	throttle.per_us = (now.ticks - start->ticks) * 1000 / (now.mono_ns - start->mono_ns);
	return throttle.per_us != 0;
}

/* Ticks of 256 pairs of hooks. */
static uint64_t pair_256(void)
{
	return hst_sink.header->cost_inside_256 + hst_sink.header->cost_outside_256;
}

static uint64_t cost_of(uint64_t calls)
{
	return calls * pair_256() / 256;
}

/* What may be spent in so many ticks, `cost` of which was: three quarters of the limit. The last one is for windows. */
static uint64_t allowed_in(uint64_t ticks, uint64_t cost)
{
	return (ticks > cost ? ticks - cost : 0) / 4000 * 3 * hst_sink.header->budget_ppm / 1000;
}

/* With the file's record written: every thread looks, and begins anew. */
static void spread(void)
{
	__atomic_fetch_add(&throttle.changes, 1, __ATOMIC_SEQ_CST);
	hst_sink_alarm();
}

static bool write_block(
	enum hst_throttle what, const uint64_t *functions, uint32_t count, uint64_t ticks)
{
	uint64_t due = what == HST_THROTTLE_OPEN ? throttle.window_next : ticks;

	if (!hst_throttle_write(what, functions, count, ticks, (ticks - due) / throttle.per_us)) {
		return false;
	}
	if (what == HST_THROTTLE_COUNT && hst_counts_listed()) {
		spread();
	}
	return true;
}

static bool make_table(void)
{
	struct hst_suppressed *table;

	if (hst_suppressed != NULL) {
		return true;
	}
	table = hst_sys_mmap(NULL, HST_SUPPRESSED_SLOTS * sizeof *table, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	__atomic_store_n(&hst_suppressed, table, __ATOMIC_RELEASE);
	return table != NULL;
}

/* The function's entry, which may be new; NULL: there are too many. */
static struct hst_suppressed *entry_of(uint64_t fn)
{
	struct hst_suppressed *entry = hst_suppressed_find(fn);
	uint32_t slot = hst_suppressed_slot(fn);

	if (entry != NULL || throttle.count >= HST_SUPPRESSED_MAX) {
		return entry;
	}
	while (hst_suppressed[slot].fn != 0) {
		slot = (slot + 1) % HST_SUPPRESSED_SLOTS;
	}
	entry = &hst_suppressed[slot];
	*entry = (struct hst_suppressed){ .counter = UINT16_MAX };
	throttle.count++;
	__atomic_store_n(&entry->fn, fn, __ATOMIC_RELEASE);
	return entry;
}

static bool give_counter(struct hst_suppressed *entry)
{
	if (entry->counter == UINT16_MAX && throttle.counters < HST_COUNTS_MAX) {
		entry->counter = (uint16_t)throttle.counters++;
	}
	return entry->counter != UINT16_MAX;
}

static uint64_t gap_until_next(uint64_t mean_us)
{
	uint64_t mean = mean_us * throttle.per_us;

	return mean / 2 + random_next() % (mean + 1);
}

/* The functions that can be: `functions` is made shorter. */
static uint32_t prepare(uint64_t *functions, uint32_t count, bool counted)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct hst_suppressed *entry = entry_of(functions[i]);

		/* Where calls are answered from a cache, each of them must be seen. */
		if (entry != NULL && entry->state == HST_FN_RECORDED &&
			!hst_memo_has(functions[i]) && (!counted || give_counter(entry))) {
			functions[kept++] = functions[i];
		}
	}
	return kept;
}

/* With the lock. */
static void suppress(uint64_t *functions, uint32_t count)
{
	bool counted = !hst_sites_may_patch();
	uint64_t now = hst_ticks();

	if (!make_table()) {
		return;
	}
	count = prepare(functions, count, counted);
	if (count == 0 || !write_block(counted ? HST_THROTTLE_COUNT : HST_THROTTLE_SUPPRESS,
				  functions, count, now)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		__atomic_store_n(&hst_suppressed_find(functions[i])->state,
			counted ? HST_FN_COUNTED : HST_FN_SUPPRESSED, __ATOMIC_RELEASE);
	}
	if (counted) {
		hst_filter_open(HST_FILTER_COUNTS);
	} else if (throttle.suppressed == 0) {
		throttle.window_next = now + gap_until_next(HST_GAP_LEAST_US);
	}
	throttle.suppressed += counted ? 0 : count;
	spread();
}

/* The exit hook was jumped to, and will be: it is left out by a look at the function. */
static void leave_jumps(struct hst_suppressed *entry)
{
	entry->tail = true;
	hst_filter_open(HST_FILTER_COUNTS);
}

/* An exit that stays armed is left out by a look at the function; one with an armed enter is counted from here on. */
static void refuse(struct hst_suppressed *entry, bool is_exit)
{
	if (!hst_sites_may_patch()) {
		hst_sink.header->budget_state = HST_BUDGET_REFUSED;
	}
	if (!is_exit && hst_sites_arm_enters(entry) && give_counter(entry) &&
		write_block(HST_THROTTLE_COUNT, &entry->fn, 1, hst_ticks())) {
		__atomic_store_n(&entry->state, HST_FN_COUNTED, __ATOMIC_RELEASE);
		spread();
	} else if (!is_exit) {
		entry->stuck = true;
	}
	leave_jumps(entry);
}

/*
 * Over the limit, by a rough count: looks at the chunk, and suppresses. `allowed`: what of a million ticks its hooks may
 * take.
 */
static void decide(struct hst_stream *stream, uint64_t now, uint64_t allowed)
{
	uint64_t functions[HST_TALLY_CHOSEN];
	uint64_t elapsed = now - stream->chunk->start.ticks;
	uint32_t count;

	if (stream->tally == NULL) {
		stream->tally = hst_sys_mmap(NULL, sizeof *stream->tally, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stream->tally == NULL) {
			return;
		}
	}
	hst_tally_chunk(stream->tally, stream);
	allowed = elapsed / HST_MILLION * allowed + elapsed % HST_MILLION * allowed / HST_MILLION;
	if (cost_of(stream->tally->calls) <= allowed) {
		return;
	}
	count = hst_tally_choose(stream->tally, pair_256(), allowed, functions);
	if (count != 0 && hst_sites_try_lock()) {
		suppress(functions, count);
		hst_sites_unlock();
	}
}

static void period_begin(struct hst_stream *stream, uint64_t now)
{
	stream->period_start = now;
	stream->period_bytes = 0;
	stream->period_own = 0;
	stream->period_off = 0;
}

/* What the hooks and all that comes of them have cost in the period, beside the time that the thread had the CPU. */
static void judge(struct hst_stream *stream, uint64_t now)
{
	uint64_t elapsed = now - stream->period_start;
	uint64_t hooks = cost_of(stream->period_bytes / HST_BYTES_CALL);
	uint64_t cost = hooks + stream->period_own;
	uint64_t ran = elapsed > stream->period_off ? elapsed - stream->period_off : 0;
	uint64_t allowed = allowed_in(ran, cost);

	if (cost > allowed) {
		/* The hooks' part of it, spread over the whole time, as the chunk's is. */
		decide(stream, now, allowed / (elapsed / HST_MILLION + 1) * hooks / cost);
	}
}

void hst_throttle_tally(struct hst_stream *stream)
{
	uint64_t bytes;
	uint64_t now;

	if (!hst_throttle_on || stream->chunk == NULL || !knows_clock() ||
		(hst_sink.header->flags & HST_FLAGS_DONE) != 0) {
		return;
	}
	now = hst_ticks();
	bytes = (uint64_t)((uint8_t *)stream->window->cur - (uint8_t *)stream->chunk);
	if (hst_suppressed_window != 0) {
		__atomic_fetch_add(&throttle.window_bytes, bytes, __ATOMIC_RELAXED);
		__atomic_fetch_add(&throttle.window_own, stream->period_own, __ATOMIC_RELAXED);
	}
	if (stream->period_start == 0) {
		period_begin(stream, stream->chunk->start.ticks);
	} else if (hst_suppressed_window != 0 ||
		   stream->changes != __atomic_load_n(&throttle.changes, __ATOMIC_ACQUIRE)) {
		period_begin(stream, now);
	}
	stream->period_bytes += bytes;
	if (now - stream->period_start >= HST_PERIOD_US * throttle.per_us) {
		judge(stream, now);
		period_begin(stream, now);
	}
}

/* All sites armed, and that noted; false: it could not be done, and they are as they were. */
static bool open_window(uint64_t now)
{
	if (!hst_sites_set_all(false) || !write_block(HST_THROTTLE_OPEN, NULL, 0, hst_ticks())) {
		(void)hst_sites_set_all(true);
		return false;
	}
	throttle.window_bytes = 0;
	throttle.window_begin = hst_ticks();
	throttle.window_own = throttle.window_begin - now;
	hst_sink_alarm(); /* a chunk of its own, so that the reader can tell what was recorded in it */
	__atomic_store_n(&hst_suppressed_window, 1, __ATOMIC_SEQ_CST);
	return true;
}

/* What a window costs, which is to be a quarter of the limit, decides how soon there may be another one. */
static void close_window(uint64_t now)
{
	uint64_t bytes = __atomic_load_n(&throttle.window_bytes, __ATOMIC_RELAXED);
	uint64_t cost = cost_of(bytes / HST_BYTES_CALL);
	uint64_t gap;

	if (!write_block(HST_THROTTLE_CLOSE, NULL, 0, now)) {
		return;
	}
	__atomic_store_n(&hst_suppressed_window, 0, __ATOMIC_SEQ_CST);
	spread();
	(void)hst_sites_set_all(true);
	throttle.disarmed = hst_ticks();
	cost += __atomic_load_n(&throttle.window_own, __ATOMIC_RELAXED) + throttle.disarmed - now;
	gap = cost / throttle.per_us * 4 * HST_MILLION /
	      (hst_sink.header->budget_ppm != 0 ? hst_sink.header->budget_ppm : 1);
	gap = gap < HST_GAP_LEAST_US ? HST_GAP_LEAST_US : gap;
	gap = gap > HST_GAP_MOST_US ? HST_GAP_MOST_US : gap;
	throttle.window_next = now + gap_until_next(gap);
}

static void look_at_window(uint64_t now)
{
	if (hst_suppressed_window != 0) {
		if (now - throttle.window_begin >= HST_WINDOW_US * throttle.per_us) {
			close_window(now);
		}
	} else if (throttle.suppressed != 0 && (int64_t)(now - throttle.window_next) >= 0 &&
		   throttle.failures < HST_FAILURES_MAX && !open_window(now)) {
		throttle.failures++;
		throttle.window_next = now + gap_until_next(HST_GAP_LEAST_US);
	}
}

void hst_throttle_look(struct hst_stream *stream)
{
	uint64_t now = hst_ticks();
	uint64_t bytes;

	if (!hst_throttle_on || stream->mode != HST_STREAM_TRACE || !knows_clock()) {
		return;
	}
	if (hst_suppressed != NULL && (hst_sink.header->flags & HST_FLAGS_DONE) == 0 &&
		hst_sites_try_lock()) {
		hst_sites_work(now, false, refuse);
		look_at_window(now);
		hst_sites_unlock();
	}
	/* The next look comes after such a period, if the events go on like this. */
	bytes = (uint64_t)((uint8_t *)stream->window->cur - (uint8_t *)stream->look_from);
	stream->look_step = (uint32_t)(bytes * HST_PERIOD_US * throttle.per_us /
				       (now - stream->look_ticks + 1));
	hst_throttle_pace(stream);
}

void hst_throttle_stop(void)
{
	if (hst_suppressed_window != 0 && hst_sites_try_lock()) {
		close_window(hst_ticks());
		hst_sites_unlock();
	}
}

void hst_throttle_pace(struct hst_stream *stream)
{
	uint32_t step = stream->look_step;
	uint16_t *cur = stream->window->cur;

	if (!hst_throttle_on || stream->mode != HST_STREAM_TRACE) {
		return;
	}
	step = step == 0 ? HST_STEP_FIRST : step;
	step = (step < HST_STEP_LEAST ? HST_STEP_LEAST : step) / 2;
	stream->look_from = cur;
	stream->look_ticks = hst_ticks();
	stream->look = cur < stream->room && (uint32_t)(stream->room - cur) > step ? cur + step
										   : stream->room;
	stream->window->limit = stream->look;
}

/* Is the frame certainly open? Its stack may be another one than the hook's. */
static bool is_open(const struct hst_stream *stream, const struct hst_open *entry)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0);

	return here >= stream->fiber->lo && here < entry->cfa && entry->cfa <= stream->fiber->hi &&
	       hst_stack_is_there(entry);
}

/*
 * Frames of suppressed functions leave the stack, since nobody will tell when they end. Not so those that were open all through the chunk:
 * they are the outer calls of a recursion, or what runs the program, whose time would be missing. They stay until a hook finds that
 * they were left.
 */
void hst_throttle_drop(struct hst_stream *stream)
{
	const uint32_t through = stream->low_depth;
	uint32_t changes = __atomic_load_n(&throttle.changes, __ATOMIC_ACQUIRE);
	struct hst_open *base = stream->fiber->base;
	struct hst_open *kept = base;
	uint32_t doubt = stream->doubt;
	uint32_t errors = stream->errors_below;

	if (!hst_throttle_on || stream->changes == changes) {
		return;
	}
	stream->changes = changes;
	stream->kept = 0;
	hst_counts_drop(stream);
	stream->look_step = 0; /* how fast events came until now says nothing any more */
	for (struct hst_open *entry = base + 1; entry <= stream->top; entry++) {
		const struct hst_suppressed *known = hst_suppressed_find(entry->fn);
		uint32_t depth = (uint32_t)(entry - base);
		bool recorded = known == NULL || known->state == HST_FN_RECORDED;

		if (recorded || (depth <= through && is_open(stream, entry))) {
			kept++;
			if (kept != entry) {
				*kept = *entry;
			}
			stream->kept = recorded ? stream->kept : (uint32_t)(kept - base);
			continue;
		}
		stream->low_depth = depth - 1 < stream->low_depth ? depth - 1 : stream->low_depth;
		stream->doubt -= depth <= doubt;
		stream->errors_below -= depth <= errors;
	}
	stream->top = kept;
	hst_stack_set_low(stream);
}

/* With the lock. An exit that was jumped to: from where is looked for once; that a few were on their way is no failure. */
static void note_jump(struct hst_suppressed *entry, uint64_t now)
{
	const struct hst_loaded *module =
		entry->jumps == HST_JUMPS_UNKNOWN ? hst_modules_find(entry->fn) : NULL;

	if (entry->jumps == HST_JUMPS_LISTED &&
		now - throttle.disarmed > HST_PERIOD_US * throttle.per_us) {
		/* A part of the function that is far away (.cold) may come now and then. */
		entry->late = now - throttle.late > HST_MILLION * throttle.per_us ? 0 : entry->late;
		entry->late++;
		throttle.late = now;
	}
	if (entry->late >= HST_LATE_MAX ||
		(entry->jumps == HST_JUMPS_UNKNOWN &&
			(module == NULL || !hst_sites_note_jumps(entry, module, now)))) {
		leave_jumps(entry);
	}
}

/* What a new hook brings: its site is noted; `ret` 0 where it was jumped to. */
static void note(struct hst_suppressed *entry, uint64_t ret, bool is_exit)
{
	uint64_t now = hst_ticks();
	struct hst_held signals;

	if (hst_sites_are_busy()) {
		return;
	}
	signals = hst_sys_hold_signals();
	if (hst_sites_try_lock()) {
		if (ret == 0) {
			note_jump(entry, now);
		} else {
			hst_sites_note(entry, ret, is_exit, now);
		}
		hst_sites_work(now, false, refuse);
		hst_sites_unlock();
	}
	hst_sys_release_signals(signals);
}

bool hst_throttle_takes_enter(struct hst_stream *stream, uint64_t fn, uint64_t ret)
{
	struct hst_suppressed *entry = hst_suppressed_find(fn);

	if (HST_LIKELY(entry == NULL) || !hst_suppressed_now(entry)) {
		return false;
	}
	if (entry->state == HST_FN_COUNTED) {
		hst_counts_add(stream, entry);
	} else if (!entry->stuck) {
		note(entry, ret, false);
	}
	return true;
}

bool hst_throttle_takes_exit(const struct hst_call *call)
{
	struct hst_suppressed *entry = hst_suppressed_find(call->fn);

	if (HST_LIKELY(entry == NULL) || !hst_suppressed_now(entry)) {
		return false;
	}
	if (!entry->tail && entry->state == HST_FN_SUPPRESSED && call->from_not != 0) {
		note(entry, call->jumped ? 0 : ~call->from_not, true);
	}
	return true;
}

/* All functions of one state are told to the child's file. */
static void tell(enum hst_suppressed_state state, enum hst_throttle what, uint64_t ticks)
{
	static HST_LARGE uint64_t functions[HST_SUPPRESSED_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < HST_SUPPRESSED_SLOTS && count < HST_SUPPRESSED_MAX; i++) {
		if (hst_suppressed[i].fn != 0 && hst_suppressed[i].state == (uint32_t)state) {
			functions[count++] = hst_suppressed[i].fn;
		}
	}
	if (count != 0) {
		(void)write_block(what, functions, count, ticks);
	}
}

void hst_throttle_forked(void)
{
	uint64_t now = hst_ticks();

	if (!hst_throttle_on) {
		return;
	}
	hst_sites_forked();
	if (hst_suppressed == NULL) {
		return;
	}
	tell(HST_FN_SUPPRESSED, HST_THROTTLE_SUPPRESS, now);
	tell(HST_FN_COUNTED, HST_THROTTLE_COUNT, now);
	if (hst_suppressed_window != 0) {
		(void)write_block(HST_THROTTLE_OPEN, NULL, 0, now);
		throttle.window_begin = now;
	}
}
