/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks of -finstrument-functions. The two exported functions are the hot path: one call of the
 * program is one enter (enter_x86_64.S) and one exit, a few nanoseconds each. Whatever is not the
 * common case goes to the slower functions by a tail jump, so that they still see the caller's registers.
 *
 *   enter: guard ─ filter ─ predict id ─ window open? ─ frame address ─ time ─ record ─ push
 *   exit:  guard ─ filter ─ window open? ─ top is it? ─ time ─ record ─ pop
 */
#include "hooks/function.h"
#include "apply/throttle.h"
#include "buffer/encode.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/offsets.h"
#include "core/process.h"
#include "core/sys.h"
#include "hooks/args.h"
#include "hooks/memo.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/modules.h"
#include "sink/recipes.h"
#include "stacks/absence.h"
#include "stacks/fiber.h"
#include "stacks/shadow.h"
#include "stacks/tree.h"

#include "core/poison.h"

__thread struct hst_stream *hst_self __attribute__((tls_model("initial-exec")));

/* Pushes the entry of a call; the caller has made room and set the frame address. */
static struct hst_open *push(
	struct hst_stream *stream, const struct hst_call *call, uint64_t cfa, uint32_t id)
{
	struct hst_open *caller = stream->top;
	struct hst_open *entry = caller + 1;
	bool inlined = caller->cfa == cfa;

	entry->cfa = cfa;
	entry->fn = call->fn;
	entry->ret = call->ret;
	entry->call = ~(uint32_t)call->site_not;
	entry->group = hst_group_bit(call->ret) | (inlined ? caller->group : HST_GROUP_OWN);
	entry->id = (uint16_t)id;
	entry->last = 0;
	entry->keyed = 0;
	if (inlined && id != 0) {
		stream->idents[id].group &=
			~HST_GROUP_OWN; /* the hot path may take it the next time */
	}
	stream->top = entry;
	return entry;
}

/* Event of an enter in trace mode, for a call without a ready prediction. */
static void record_enter(struct hst_stream *stream, const struct hst_call *call, uint32_t id,
	uint32_t k, uint64_t ticks)
{
	struct hst_open *caller = stream->top;
	uint32_t slot = hst_predictor_slot(caller->id, caller->last);

	if (id == 0) {
		id = hst_id_define(stream, call->ret, call->fn, k);
		hst_put_enter_new(stream, ticks, call->ret, call->fn);
	} else if (stream->predictor[slot] == id) {
		hst_put_predicted(stream, ticks);
	} else {
		hst_put_enter_id(stream, ticks, id);
	}
	hst_predictor_learn(stream, caller, slot, id);
}

/* First sight of an instance in this chunk: is it to be recorded, and does the file know its module? */
static bool admit(struct hst_stream *stream, const struct hst_call *call)
{
	if (call->ret >= HST_REGION_BASE) {
		return true;
	}
	(void)hst_modules_know(call->ret); /* the filter asks for it */
	if (hst_filter_judge(call->fn)) {
		return false;
	}
	hst_stream_meet(stream, call->ret);
	return true;
}

/* The id of this instance in the present chunk, 0 none yet; false: it is not recorded. */
static bool admit_instance(struct hst_stream *stream, const struct hst_call *call, uint32_t *ret_id)
{
	*ret_id = hst_id_find(stream, call->ret);
	if (*ret_id != 0 || stream->mode != HST_STREAM_TRACE) {
		return true;
	}
	if (!admit(stream, call)) {
		return false;
	}
	if (stream->mode == HST_STREAM_DEAF) {
		/* The new chunk that its module asked for was not to be had. */
		stream->ledger->lost_calls++;
		return false;
	}
	*ret_id = hst_id_find(stream, call->ret); /* that chunk may list it */
	return true;
}

/* A call for which there is no room: its exit must not close another one. */
static void lose_enter(struct hst_stream *stream, uint64_t ticks)
{
	stream->over++;
	stream->ledger->lost_calls++;
	stream->low = (void *)UINTPTR_MAX; /* exits look up while `over` is not 0 */
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_valued(stream, HST_OP_LOST, 0, ticks, 1);
	}
}

void hst_enter(struct hst_stream *stream, const struct hst_call *call, uint64_t cfa_known)
{
	uint32_t id;
	uint32_t k;
	uint32_t node = 0;
	uint64_t cfa;
	uint64_t ticks;

	if (!hst_stream_is_ready(stream)) {
		stream->ledger->lost_calls += stream->mode == HST_STREAM_DEAF;
		return;
	}
	if (hst_filter_excludes(call->fn) ||
		hst_throttle_takes_enter(stream, call->fn, call->ret) ||
		!admit_instance(stream, call, &id)) {
		return;
	}
	ticks = hst_absence_check(stream, hst_ticks());
	k = id != 0 ? stream->idents[id].k : 0;
	if (call->sp < stream->lo || call->sp >= stream->fiber->hi || stream->splits != 0) {
		hst_fiber_resolve(stream, call->sp, ticks);
	}
	cfa = cfa_known != 0 ? cfa_known : hst_frame_address(stream, call, k, &k);
	hst_stack_settle(stream, cfa, call, ticks);
	if (stream->mode == HST_STREAM_PROFILE) {
		node = hst_tree_find(stream, call->ret);
		if (node == 0 && !admit(stream, call)) {
			return;
		}
		if (stream->mode != HST_STREAM_PROFILE) {
			stream->ledger->lost_calls++;
			return;
		}
	}
	if (stream->top + 1 >= stream->end && !hst_stack_grow(stream)) {
		lose_enter(stream, ticks);
		return;
	}
	if (id != 0) {
		stream->idents[id].k = k;
	} else if (stream->mode == HST_STREAM_PROFILE) {
		/* Ids are of no meaning there, but remember where frame addresses lie. */
		stream->ids = stream->ids + 1 < HST_IDS_MAX ? stream->ids : 0;
		(void)hst_id_define(stream, call->ret, call->fn, k);
	}
	if (stream->mode == HST_STREAM_TRACE) {
		record_enter(stream, call, id, k, ticks);
		(void)push(stream, call, cfa, stream->top->last);
		if (HST_UNLIKELY(call->registers != NULL)) {
			hst_args_entered(stream, call);
		}
	} else {
		hst_tree_enter(stream, push(stream, call, cfa, 0), node, k, ticks);
	}
}

/* An exit of a call that was lost for want of room? */
static bool exit_of_lost(struct hst_stream *stream, const struct hst_call *call)
{
	uint32_t ignored;
	bool lost;

	if (stream->over == 0) {
		return false;
	}
	lost = hst_frame_address(stream, call, 0, &ignored) < stream->top->cfa;
	stream->over -= lost;
	hst_stack_set_low(stream);
	return lost;
}

/* Was the exit's frame taken for gone while its stack waited? */
static bool find_parked(struct hst_stream *stream, const struct hst_call *call, uint64_t ticks)
{
	if (!hst_fiber_split(stream, call, ticks)) {
		return false;
	}
	if (stream->mode == HST_STREAM_TRACE) {
		hst_stream_renew_torn(stream);
	}
	return stream->mode == HST_STREAM_TRACE || stream->mode == HST_STREAM_PROFILE;
}

void hst_exit(struct hst_stream *stream, const struct hst_call *call)
{
	uint64_t ticks = hst_ticks();
	bool thrown;

	if (!hst_stream_is_ready(stream)) {
		return;
	}
	if (hst_filter_excludes(call->fn) || hst_throttle_takes_exit(call) ||
		exit_of_lost(stream, call)) {
		return;
	}
	ticks = hst_absence_check(stream, ticks);
	if (call->sp < stream->lo || call->sp >= stream->fiber->hi || stream->splits != 0) {
		hst_fiber_resolve(stream, call->sp, ticks);
	}
	if (!hst_stack_find_exit(stream, call, ticks)) {
		if (hst_suppressed_find(call->fn) != NULL) {
			return; /* its enter was not recorded */
		}
		if (!find_parked(stream, call, ticks)) {
			stream->ledger->unmatched++;
			return;
		}
	}
	thrown = hst_depth(stream) <= stream->errors_below;
	if (stream->mode == HST_STREAM_PROFILE) {
		hst_tree_exit(stream, ticks, thrown ? HST_LEFT_THROW : HST_LEFT_RETURN);
	} else if (thrown) {
		hst_put_timed(stream, HST_OP_EXIT_ERROR, ticks);
	} else if (HST_UNLIKELY(call->registers != NULL)) {
		uint32_t elapsed = hst_put_elapsed(stream, ticks);

		hst_args_leaves(stream, call); /* right before its exit */
		hst_put_head(stream->window, (HST_KIND_EXIT << HST_KIND_SHIFT) | elapsed);
	} else {
		hst_put_exit(stream, ticks);
	}
	stream->top--;
	hst_stack_exposed(stream);
}

void hst_exit_region(struct hst_stream *stream, uint64_t sp)
{
	struct hst_call call = { .fn = HST_REGION_BASE, .sp = sp };
	const struct hst_open *entry = stream->top;

	while (entry > stream->fiber->base && entry->cfa <= sp) {
		entry--;
	}
	if (entry > stream->fiber->base && entry->fn >= HST_REGION_BASE) {
		call.fn = entry->fn;
		hst_exit(stream, &call);
	}
}

/*
 * The slow sides of the hooks. They are reached by tail jumps, so the frame pointer register still is the caller's.
 * `own`: the hook has set the guard; otherwise whose hook it is has to be found out first.
 */
/* `stream` NULL: whose hook it is has to be found out first. */
HST_INLINE void enter_slowly(struct hst_stream *stream, const struct hst_call *call)
{
	stream = stream != NULL ? stream : hst_stream_enter(call->sp);
	if (stream != NULL) {
		hst_enter(stream, call, 0);
		hst_barrier();
		stream->guard = 0;
	} else if (hst_self != NULL && hst_self->guard == HST_GUARD_DEAF) {
		hst_self->ledger->lost_calls++;
	} else if (hst_self == NULL && hst_process.state == HST_PROCESS_ON) {
		hst_sink.header->ledger.lost_calls++; /* no memory for the thread's stream */
	} else if (hst_self == NULL && hst_process.state == HST_PROCESS_STARTING) {
		__atomic_fetch_add(&hst_process.early, 1, __ATOMIC_RELAXED);
	}
}

HST_INLINE void exit_slowly(struct hst_stream *stream, const struct hst_call *call)
{
	stream = stream != NULL ? stream : hst_stream_enter(call->sp);
	if (stream != NULL) {
		hst_exit(stream, call);
		hst_barrier();
		stream->guard = 0;
	}
}

/* Of the exported hooks and of what they tail-jump to. */
#define ENTER_CALL(fn, call_site)                                                     \
 {                                                                                    \
  .fn = (uint64_t)(fn), .site_not = hst_inverted(call_site), .ret = HST_CALLER_RET(), \
  .sp = HST_CALLER_SP(), .rbp = HST_CALLER_RBP(),                                     \
 }

HST_INLINE struct hst_call exit_call(
	void *fn, uint64_t site_not, uint64_t from_not, uint64_t sp, uint64_t rbp)
{
	return (struct hst_call){ .fn = (uint64_t)fn,
		.site_not = site_not,
		.sp = sp,
		.rbp = rbp,
		.jumped = from_not == site_not,
		.from_not = from_not };
}

HST_NOINLINE void hst_enter_slow(void *fn, void *call_site)
{
	struct hst_call call = ENTER_CALL(fn, call_site);

	enter_slowly(hst_self, &call);
}

HST_NOINLINE void hst_enter_foreign(void *fn, void *call_site)
{
	struct hst_call call = ENTER_CALL(fn, call_site);

	enter_slowly(NULL, &call);
}

void hst_enter_call(struct hst_stream *stream, const struct hst_call *call)
{
	enter_slowly(stream, call);
}

HST_NOINLINE void hst_exit_slow(void *fn, void *call_site)
{
	uint64_t from_not = hst_inverted(__builtin_return_address(0));
	struct hst_call call =
		exit_call(fn, hst_inverted(call_site), from_not, HST_CALLER_SP(), HST_CALLER_RBP());

	exit_slowly(hst_self, &call);
}

HST_NOINLINE void hst_exit_foreign(void *fn, void *call_site)
{
	uint64_t from_not = hst_inverted(__builtin_return_address(0));
	struct hst_call call =
		exit_call(fn, hst_inverted(call_site), from_not, HST_CALLER_SP(), HST_CALLER_RBP());

	exit_slowly(NULL, &call);
}

void hst_exit_call(struct hst_stream *stream, const struct hst_call *call)
{
	exit_slowly(stream, call);
}

/* The guard is set. An instance that has an id, but is not the predicted one, or comes after a long time. */
HST_NOINLINE void hst_enter_unpredicted(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;
	struct hst_window *window = stream->window;
	struct hst_open *top = stream->top;
	const struct hst_ident *ident;
	uint32_t slot;
	uint32_t id;
	uint64_t cfa;
	uint64_t ticks;

	if (stream->mode == HST_STREAM_PROFILE) {
		hst_enter_profile(fn, call_site);
		return;
	}
	slot = hst_predictor_slot(top->id, top->last);
	id = hst_id_find(stream, HST_CALLER_RET());
	ident = &stream->idents[id];
	cfa = HST_CALLER_SP() + ident->k;
	if (id == 0 || !window_open(window) || top + 1 >= stream->end ||
		!frame_fits(stream, top, ident->group, cfa, (uint64_t)call_site)) {
		hst_enter_slow(fn, call_site);
		return;
	}
	fill_entry(top, ident, cfa, id, (uint64_t)fn, (uint64_t)call_site);
	ticks = hst_absence_check(stream, hst_ticks());
	if (stream->predictor[slot] == id) {
		hst_put_predicted(stream, ticks);
	} else {
		hst_put_enter_id(stream, ticks, id);
	}
	hst_predictor_learn(stream, top, slot, id);
	stream->top = top + 1;
	hst_barrier();
	stream->guard = 0;
}

/* A filter is in force: judge first. The hot path then is this one. */
void hst_enter_filtered(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;

	if (hst_filter_excludes((uint64_t)fn) || hst_throttle_counts(stream, (uint64_t)fn)) {
		return;
	}
	if (HST_UNLIKELY(stream == NULL || !hst_guard_take(stream, HST_CALLER_SP()))) {
		hst_enter_foreign(fn, call_site);
		return;
	}
	hst_enter_unpredicted(fn, call_site);
}

/*
 * No calls but tail jumps, so nothing has to be saved on the stack. Where the clock is not the TSC, the window shows no
 * room, and the slow side does all.
 */
HST_INLINE void exit_hook(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;
	struct hst_window *window;
	struct hst_open *top;
	uint64_t ticks;
	uint64_t units;
	uint64_t time;

	if (HST_UNLIKELY(stream == NULL || !hst_guard_take(stream, HST_CALLER_SP()))) {
		hst_exit_foreign(fn, call_site);
		return;
	}
	ticks = __builtin_ia32_rdtsc();
	time = ticks >> HST_TIME_SHIFT;
	if (stream->mode == HST_STREAM_PROFILE) {
		hst_exit_profile(fn, call_site, ticks);
		return;
	}
	window = stream->window;
	top = stream->top;
	units = time - stream->time;
	if (HST_UNLIKELY(!exit_fits(top, (uint64_t)fn, (uint64_t)call_site) || top <= stream->low ||
			 !window_open(window) || units > HST_TIME_MASK ||
			 !hst_canary_alive(stream))) {
		hst_exit_slow(fn, call_site);
		return;
	}
	stream->time = time;
	hst_put_head(window, (HST_KIND_EXIT << HST_KIND_SHIFT) | (uint32_t)units);
	stream->top = top - 1;
	hst_barrier();
	stream->guard = 0;
}

HST_NOINLINE void hst_exit_filtered(void *fn, void *call_site)
{
	exit_hook(fn, call_site);
}

/* A filter is in force, or recipes, or functions are left out to keep within a limit: judge first. */
HST_NOINLINE void hst_exit_judged(void *fn, void *call_site)
{
	if (hst_filter_excludes((uint64_t)fn) || hst_throttle_passes_exit((uint64_t)fn)) {
		return;
	}
	if (hst_recipes != NULL) {
		hst_exit_args(fn, call_site);
		return;
	}
	exit_hook(fn, call_site);
}

/* The result of a function that is answered from a cache is taken whatever is recorded. */
static HST_NOINLINE void exit_planned(void *fn, void *call_site)
{
	const struct hst_memo_site *sites = __atomic_load_n(&hst_memo_exits, __ATOMIC_ACQUIRE);

	if (sites != NULL) {
		const struct hst_memo_way_out *way =
			hst_memo_find(sites, HST_MEMO_EXIT_BITS, HST_CALLER_RET());

		if (way != NULL) {
			hst_exit_memo(fn, call_site, way);
			return;
		}
	}
	if (hst_memo_only == 0) {
		hst_exit_judged(fn, call_site);
	}
}

HST_EXPORT void __cyg_profile_func_exit(void *fn, void *call_site);

void __cyg_profile_func_exit(void *fn, void *call_site)
{
	if (HST_UNLIKELY(hst_excluded != NULL)) {
		exit_planned(fn, call_site);
		return;
	}
	exit_hook(fn, call_site);
}
