/* SPDX-License-Identifier: Apache-2.0 */
/* Looks a call up, and stores what came of one that ran. No system call, no lock; what is not sure is not answered. */
#include "hooks/memo.h"

#include "apply/memo_thread.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/process.h"
#include "core/sys.h"
#include "hooks/start.h"
#include "hooks/value.h"
#include "sink/modules.h"

#include "core/poison.h"

/* MXCSR: exceptions that occurred, which nobody's result hangs on; those that are masked: all, or one may trap. */
#define MXCSR_OCCURRED 0x3fu
#define MXCSR_MASKED   0x1f80u
/* The same of the x87 unit, in which long double is computed: its mode can be another one. */
#define X87_MASKED 0x3fu

HST_INLINE void count(uint64_t *counter)
{
	__asm__ volatile("incq %0" : "+m"(*counter));
}

HST_INLINE void count_rare(uint32_t *counter)
{
	__asm__ volatile("incl %0" : "+m"(*counter));
}

static HST_NOINLINE struct hst_memo_thread *thread_ready(void)
{
	struct hst_held signals;

	if (__atomic_load_n(&hst_process.state, __ATOMIC_ACQUIRE) != HST_PROCESS_ON) {
		return NULL;
	}
	if (hst_process.alive->seen == 0) {
		signals = hst_sys_hold_signals();
		(void)hst_process_forked();
		hst_sys_release_signals(signals);
		if (hst_process.alive->seen == 0) {
			return NULL;
		}
	}
	return hst_memo_thread_make();
}

HST_INLINE uint64_t stack_pointer(const struct hst_memo_frame *frame)
{
	return (uint64_t)(frame + 1);
}

HST_INLINE uint64_t frame_address(const struct hst_memo_frame *frame, uint8_t base, int32_t offset)
{
	return (base == 7 ? stack_pointer(frame) : frame->kept[HST_VALUE_RBP]) +
	       (uint64_t)(int64_t)offset;
}

/* Its own instance, in the frame that the plan says? */
HST_INLINE bool frame_is(const struct hst_memo_frame *frame, uint64_t cfa, uint64_t fn)
{
	uint64_t above = cfa - stack_pointer(frame);

	return frame->fn == fn && above - 8 < (16u << 20) && cfa % 8 == 0 &&
	       *(const uint64_t *)(cfa - 8) == frame->call_site;
}

HST_INLINE uint64_t value_of(const struct hst_memo_frame *frame, uint64_t cfa, uint64_t bias,
	const struct hst_plan_piece *piece)
{
	uint64_t at;

	if (HST_UNLIKELY(piece->kind == HST_PLAN_PLACE_FIXED)) {
		at = hst_value_load(bias + (uint32_t)piece->offset, piece->width);
	} else if (hst_value_place(frame->kept, stack_pointer(frame), cfa, piece, &at)) {
		at = hst_value_load(at, piece->width);
	}
	return hst_value_extended(at, piece);
}

HST_INLINE uint64_t result_of(const struct hst_memo_frame *frame, uint64_t cfa, uint64_t bias,
	const struct hst_plan_piece *piece)
{
	uint64_t value = value_of(frame, cfa, bias, piece);

	return (piece->content & HST_PLAN_CONTENT_MASK) == HST_PLAN_CONTENT_BIT ? value & 1 : value;
}

/* The size of a value in bits, a negative one by its complement. */
HST_INLINE uint32_t bits_of(uint64_t value)
{
	uint64_t folded = value ^ (uint64_t)((int64_t)value >> 63);

	return folded == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(folded);
}

struct lookup {
	uint64_t key[HST_MEMO_WORDS_MAX];
	uint32_t words;
	uint32_t size;
};

/* false: the mode of floating point is one in which a computation may trap. */
HST_INLINE bool read_key(const struct hst_memo *memo, const struct hst_memo_frame *frame,
	uint64_t cfa, struct lookup *lookup)
{
	uint32_t pieces = memo->plan->pieces;
	uint32_t size = 0;

	for (uint32_t i = 0; i < pieces; i++) {
		uint64_t value = value_of(frame, cfa, memo->bias, &memo->pieces[i]);
		uint32_t bits = bits_of(value);

		lookup->key[i] = value;
		size = bits > size ? bits : size;
	}
	lookup->words = pieces;
	lookup->size = size < HST_MEMO_SIZES ? size : HST_MEMO_SIZES - 1;
	if ((memo->plan->flags & HST_PLAN_MEMO_MXCSR) != 0) {
		uint32_t mode = __builtin_ia32_stmxcsr();
		uint16_t x87;

		__asm__ volatile("fnstcw %0" : "=m"(x87));
		if ((mode & MXCSR_MASKED) != MXCSR_MASKED || (x87 & X87_MASKED) != X87_MASKED) {
			return false;
		}
		lookup->key[lookup->words++] = (mode & ~MXCSR_OCCURRED) | (uint64_t)x87 << 32;
	}
	return true;
}

/* Is a call that was found to be computed all the same? */
HST_INLINE bool is_to_compare(
	struct hst_memo_thread *thread, const struct hst_memo *memo, uint32_t size)
{
	if (HST_UNLIKELY(__atomic_load_n(&memo->quota[size], __ATOMIC_RELAXED) != 0)) {
		return true;
	}
	if (HST_LIKELY(--thread->turn != 0)) {
		return false;
	}
	thread->turn = HST_MEMO_TURN;
	return true;
}

/* Where the caller's registers are, and the result: all that the stub needs. */
HST_INLINE void answer(
	struct hst_memo_frame *frame, const struct hst_memo *memo, uint64_t cfa, uint64_t value)
{
	for (uint32_t i = 0; i < 6; i++) {
		int32_t saved = memo->plan->frame.saved[i];

		if (saved != 0) {
			frame->kept[i] = *(const uint64_t *)(cfa + (uint64_t)(int64_t)saved);
		}
	}
	frame->value = value;
	frame->cfa = cfa;
}

static HST_COLD uint32_t give_up(
	const struct hst_memo *memo, struct hst_memo_thread *thread, uint64_t cfa)
{
	__atomic_store_n(hst_memo_token_of(cfa), 0, __ATOMIC_RELAXED);
	hst_memo_calls_forget(thread);
	count_rare(&hst_memo_counts_of(thread, memo->index)->lost);
	return 0;
}

/* Lookups between two looks at what they were good for. */
#define LOOK_EVERY 4096u
/* What a lookup costs that finds nothing, with what is stored then, and one that is answered; in ticks, of some 2.5 GHz. */
#define MISS_TICKS 150u
#define HIT_TICKS  75u
/* Looks in a row that must find the same. */
#define POOR_LOOKS 2u
/*
 * Where a function calls itself, what its calls took has become little by the very hits that would be given up: so the loss must be
 * that much greater.
 */
#define RECURSIVE_SHARE 4u

/* Are the hits worth the lookups? Else the function is as it was, and the program not slower than without a plan. */
static HST_NOINLINE void judge(struct hst_memo_thread *thread, struct hst_memo *memo)
{
	const struct hst_memo_counts *counts = hst_memo_counts_of(thread, memo->index);
	struct hst_memo_worth *worth = &thread->worth[memo->index];
	uint64_t hits = counts->hits - worth->hits;
	uint64_t misses = counts->lookups - worth->lookups - hits;
	uint64_t gained = counts->saved - worth->saved + worth->found;
	uint64_t spent = misses * MISS_TICKS + hits * HIT_TICKS;

	worth->hits = counts->hits;
	worth->lookups = counts->lookups;
	worth->saved = counts->saved;
	worth->found = 0;
	if (worth->recursive != 0) {
		spent /= RECURSIVE_SHARE;
	}
	worth->poor = gained < spent ? worth->poor + 1 : 0;
	worth->recursive = 0;
	if (worth->poor >= POOR_LOOKS) {
		hst_memo_stop(memo, HST_MEMO_WHY_UNPROFITABLE);
	}
}

/* The call runs: its result is waited for. */
static void expect(struct hst_memo_thread *thread, const struct hst_memo *memo, uint64_t cfa,
	const struct lookup *lookup, const struct hst_memo_call *what)
{
	for (;;) {
		uint64_t head;
		uint64_t at;
		struct hst_memo_call *call = hst_memo_call_place(thread, cfa, &head, &at);

		if (HST_UNLIKELY(call == NULL)) {
			(void)give_up(memo, thread, cfa);
			return;
		}
		if (at > 0 && call[-1].memo == what->memo) {
			thread->worth[memo->index].recursive = 1;
		}
		*call = *what;
		for (uint32_t i = 0; i < lookup->words; i++) {
			call->key[i] = lookup->key[i];
		}
		call->token = what->token ^ hst_memo_call_sum(what);
		hst_barrier();
		if (HST_LIKELY(hst_memo_head_move(thread, head, hst_memo_head(head, at + 1)))) {
			return;
		}
	}
}

/* A call that is not answered: `found` says what was in the cache. */
HST_INLINE uint32_t let_run(struct hst_memo_thread *thread, struct hst_memo *memo,
	const struct hst_memo_frame *frame, const struct lookup *lookup, struct hst_memo_call *call)
{
	if (HST_UNLIKELY(hst_memo_counts_of(thread, memo->index)->lookups % LOOK_EVERY == 0)) {
		judge(thread, memo);
	}
	call->token = ++thread->token;
	__atomic_store_n(hst_memo_token_of(call->cfa), call->token, __ATOMIC_RELAXED);
	call->memo = memo->index;
	call->site = (uint32_t)frame->call_site;
	call->size = lookup->size;
	call->start = hst_ticks();
	expect(thread, memo, call->cfa, lookup, call);
	return 0;
}

/* May its calls be answered now? With the thread's own state. NULL: not. */
HST_INLINE struct hst_memo_thread *open_for(struct hst_memo *memo)
{
	struct hst_memo_thread *thread = hst_memo_self;

	if (HST_UNLIKELY(memo->state != HST_MEMO_ON) &&
		(memo->state == HST_MEMO_OFF || !hst_memo_wait(memo))) {
		return NULL;
	}
	return HST_LIKELY(thread != NULL && thread->room != 0) ? thread : thread_ready();
}

uint32_t hst_memo_enter(struct hst_memo_frame *frame, struct hst_memo *memo)
{
	const struct hst_plan_frame *rule = &memo->plan->frame;
	uint64_t cfa = frame_address(frame, rule->base, rule->offset);
	struct hst_memo_thread *thread = open_for(memo);
	struct hst_memo_found found = { 0 };
	struct hst_memo_counts *counts;
	struct lookup lookup;
	struct hst_memo_call call;

	if (HST_UNLIKELY(thread == NULL)) {
		/* Not looked up, but its exit may be: what an earlier call left there is not its. */
		__atomic_store_n(hst_memo_token_of(cfa), 0, __ATOMIC_RELAXED);
		return 0;
	}
	if (HST_UNLIKELY(!frame_is(frame, cfa, memo->fn))) {
		hst_memo_stop(memo, HST_MEMO_WHY_HOOK);
		return give_up(memo, thread, cfa);
	}
	if (HST_UNLIKELY(!read_key(memo, frame, cfa, &lookup))) {
		return give_up(memo, thread, cfa);
	}
	counts = hst_memo_counts_of(thread, memo->index);
	count(&counts->lookups);
	call.cfa = cfa;
	call.hash = hst_memo_hash(lookup.key, lookup.words);
	call.found = HST_MEMO_NEW;
	if (hst_memo_table_find(&memo->table, lookup.key, call.hash, &found)) {
		call.found = HST_MEMO_COMPARE;
		if (memo->ttl_ns != 0 && hst_clock_mono_ns() - found.stamp >= memo->ttl_ns) {
			call.found = HST_MEMO_EXPIRED;
			count_rare(&counts->expired);
		} else if (HST_LIKELY(!is_to_compare(thread, memo, lookup.size))) {
			answer(frame, memo, cfa, found.value);
			count(&counts->hits);
			counts->saved += (uint64_t)found.cost << HST_MEMO_COST_SHIFT;
			return 1;
		}
		thread->worth[memo->index].found += (uint64_t)found.cost << HST_MEMO_COST_SHIFT;
	}
	call.expected = found.value;
	return let_run(thread, memo, frame, &lookup, &call);
}

/* A call that was found, and ran all the same, has ended. */
static HST_NOINLINE void compare(struct hst_memo *memo, struct hst_memo_counts *counts,
	const struct hst_memo_call *call, uint64_t value)
{
	uint32_t *quota = &memo->quota[call->size];
	uint32_t left = __atomic_load_n(quota, __ATOMIC_RELAXED);

	if (value != call->expected) {
		count_rare(&counts->mismatched);
		hst_memo_revoke(memo);
		return;
	}
	count_rare(&counts->verified);
	if (left != 0) {
		(void)__atomic_compare_exchange_n(
			quota, &left, left - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

HST_INLINE void store(struct hst_memo *memo, struct hst_memo_counts *counts,
	const struct hst_memo_call *call, uint64_t value)
{
	uint64_t units = (hst_ticks() - call->start) >> HST_MEMO_COST_SHIFT;
	struct hst_memo_found what = { .value = value,
		.cost = (uint32_t)(units < HST_MEMO_COST_MAX ? units : HST_MEMO_COST_MAX) };

	if (memo->ttl_ns != 0) {
		what.stamp = hst_clock_mono_ns();
	}
	switch (hst_memo_table_store(&memo->table, call->key, call->hash, &what)) {
	case HST_MEMO_EVICTED:
		count(&counts->evicted);
		/* fallthrough */
	case HST_MEMO_STORED:
		count(&counts->stored);
		break;
	case HST_MEMO_REFUSED:
	default:
		count_rare(&counts->lost);
		break;
	}
}

void hst_memo_exit(const struct hst_memo_frame *frame, const struct hst_memo_way_out *way)
{
	const struct hst_plan_memo_exit *plan = way->plan;
	uint64_t cfa = frame_address(frame, plan->base, plan->offset);
	struct hst_memo_thread *thread = hst_memo_self;
	struct hst_memo *memo = way->memo;
	struct hst_memo_call call;
	uint64_t value;

	if (thread == NULL || thread->room == 0 || memo->state != HST_MEMO_ON) {
		return;
	}
	if (HST_UNLIKELY(!frame_is(frame, cfa, memo->fn))) {
		hst_memo_stop(memo, HST_MEMO_WHY_HOOK);
		(void)give_up(memo, thread, cfa);
		return;
	}
	if (!hst_memo_call_take(thread, cfa, memo->index, (uint32_t)frame->call_site,
		    memo->table.words, &call)) {
		return;
	}
	value = result_of(frame, cfa, memo->bias, &plan->result);
	if (call.found == HST_MEMO_COMPARE) {
		compare(memo, hst_memo_counts_of(thread, memo->index), &call, value);
	} else {
		store(memo, hst_memo_counts_of(thread, memo->index), &call, value);
	}
}

/* Pages of code that were met, where nothing is recorded. */
#define PAGES 256u
static uint64_t pages[PAGES];

void hst_enter_unknown(void *fn, void *call_site)
{
	uint64_t page = (uint64_t)fn / HST_PAGE;
	uint64_t *slot = &pages[page % PAGES];

	(void)call_site;
	if (HST_UNLIKELY(*slot != page) &&
		__atomic_load_n(&hst_process.state, __ATOMIC_RELAXED) == HST_PROCESS_ON) {
		(void)hst_modules_know((uint64_t)fn);
		*slot = page;
	}
}

void hst_memo_forget_pages(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		__atomic_store_n(&pages[i], 0, __ATOMIC_RELAXED);
	}
}
