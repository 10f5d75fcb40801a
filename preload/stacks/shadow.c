/* SPDX-License-Identifier: Apache-2.0 */
/* The shadow stack's slow side: frame addresses, repairs, growth. */
#include "stacks/shadow.h"

#include "buffer/encode.h"
#include "core/attr.h"
#include "core/suppressed.h"
#include "core/sys.h"
#include "stacks/fiber.h"
#include "stacks/tree.h"

#include "core/poison.h"

#define HST_SCAN_BYTES 65536u
#define HST_SCAN_FAR   (512u << 10) /* frames with large arrays; what known_k has room for */
#define HST_FAR_TRIES  256u /* searches in vain in a process, until only the near ones are made */
/* A frame with a frame pointer may have a changing size (alloca). Beyond this much, sp + k is not
 * trusted without looking, so that it cannot lead out of a stack. */
#define HST_K_TRUSTED  512u
#define HST_BODY_BYTES 65536u /* no function is taken for larger */

/*
 * k of each hook, for the whole process: (ret << 16) | k / 8 in one word. It is found when the hook runs for the first time, while
 * no return address of an earlier call can be left over in the frame, and then only checked: later the stack is full of them
 * (the loader's lazy binding alone saves our argument there).
 */
#define HST_KNOWN_SLOTS 16384u
static HST_LARGE uint64_t known_k[HST_KNOWN_SLOTS];

static uint64_t *known_slot(uint64_t ret)
{
	return &known_k[(ret * 0x9e3779b97f4a7c15ull) >> 50];
}

static uint32_t known_find(uint64_t ret)
{
	/* Written, not only read: most of the table's pages are met here first, and each would fault twice. */
	uint64_t word = __atomic_fetch_or(known_slot(ret), 0, __ATOMIC_RELAXED);

	return word >> 16 == ret ? (uint32_t)(word & 0xffffu) * 8 : 0;
}

static void known_store(uint64_t ret, uint32_t k)
{
	if (ret != 0 && k != 0 && k / 8 <= 0xffffu) {
		__atomic_store_n(known_slot(ret), (ret << 16) | k / 8, __ATOMIC_RELAXED);
	}
}

static uint64_t load(uint64_t address)
{
	return *(const uint64_t *)address;
}

/* The stack's end as far as it is known; else the end of the page that the stack pointer is in. */
static uint64_t scan_end(const struct hst_stream *stream, uint64_t sp)
{
	uint64_t hi = stream->fiber->hi;

	if (sp >= stream->fiber->lo && sp < hi && hi != HST_ADDRESS_MAX) {
		return hi;
	}
	return (sp | (HST_PAGE - 1)) + 1;
}

static uint64_t scan(uint64_t from, uint64_t end, uint64_t site_not)
{
	for (uint64_t slot = from; slot + 8 <= end; slot += 16) {
		if (~load(slot) == site_not) {
			return slot + 8;
		}
	}
	return 0;
}

/* Looks in sp + from .. sp + to, as far as the stack goes. */
static uint64_t scan_both(uint64_t sp, uint64_t from, uint64_t to, uint64_t end, uint64_t site_not)
{
	uint64_t cfa;

	end = end < sp + to ? end : sp + to;
	/* A frame address is a multiple of 16, so its slot is at 8 modulo 16; code that keeps another
	 * alignment gets a second look. */
	cfa = scan((sp & ~15ull) + (sp % 16 <= 8 ? 8 : 24) + from, end, site_not);
	return cfa != 0 ? cfa : scan(((sp + 15) & ~15ull) + from, end, site_not);
}

static uint64_t scan_far(uint64_t sp, uint64_t end, uint64_t site_not)
{
	static uint32_t in_vain;
	uint64_t cfa;

	if (end <= sp + HST_SCAN_BYTES ||
		__atomic_load_n(&in_vain, __ATOMIC_RELAXED) >= HST_FAR_TRIES) {
		return 0;
	}
	cfa = scan_both(sp, HST_SCAN_BYTES, HST_SCAN_FAR, end, site_not);
	if (cfa == 0) {
		__atomic_fetch_add(&in_vain, 1, __ATOMIC_RELAXED);
	}
	return cfa;
}

/* The slot that holds call_site, by the frame pointer or by looking; 0: not found. */
static uint64_t frame_search(
	const struct hst_stream *stream, const struct hst_call *call, bool *ret_pointer)
{
	uint64_t end = scan_end(stream, call->sp);
	uint64_t sp = call->sp;
	uint64_t cfa;

	*ret_pointer = call->rbp >= sp && call->rbp % 16 == 0 && call->rbp <= end - 16 &&
		       ~load(call->rbp + 8) == call->site_not;
	if (*ret_pointer) {
		return call->rbp + 16;
	}
	cfa = scan_both(sp, 0, HST_SCAN_BYTES, end, call->site_not);
	return cfa != 0 ? cfa : scan_far(sp, end, call->site_not);
}

uint64_t hst_frame_address(
	struct hst_stream *stream, const struct hst_call *call, uint32_t k, uint32_t *ret_k)
{
	uint64_t sp = call->sp;
	bool pointer;
	uint64_t cfa;

	k = k != 0 ? k : known_find(call->ret);
	*ret_k = k;
	if (k != 0 && sp + k <= scan_end(stream, sp) && ~load(sp + k - 8) == call->site_not) {
		return sp + k;
	}
	if (k != 0) {
		stream->ledger->rescans++;
	}
	cfa = frame_search(stream, call, &pointer);
	if (cfa == 0) {
		stream->ledger->cfa_unknown++;
		*ret_k = 0;
		return sp;
	}
	*ret_k = pointer && cfa - sp > HST_K_TRUSTED ? 0 : (uint32_t)(cfa - sp);
	known_store(call->ret, *ret_k);
	return cfa;
}

void hst_stack_set_low(struct hst_stream *stream)
{
	bool must_look = stream->errors_below != 0 || stream->over != 0;

	stream->low = must_look ? (void *)UINTPTR_MAX : stream->top;
}

void hst_stack_exposed(struct hst_stream *stream)
{
	uint32_t depth = hst_depth(stream);

	if (stream->top < stream->low) {
		hst_stack_set_low(stream);
	}
	if (depth < stream->low_depth) {
		stream->low_depth = depth;
	}
	if (depth < stream->known) {
		stream->known = depth;
		if (depth > 0) {
			stream->top->id = 0;
			stream->top->last = 0;
		}
	}
	if (depth < stream->errors_below) {
		stream->errors_below = depth;
	}
	if (depth < stream->doubt) {
		stream->doubt = depth;
	}
	if (depth < stream->kept) {
		stream->kept = depth;
	}
}

bool hst_stack_is_there(const struct hst_open *entry)
{
	return entry->cfa % sizeof(uint64_t) == 0 &&
	       (uint32_t)load(entry->cfa - sizeof(uint64_t)) == entry->call;
}

void hst_stack_pop(
	struct hst_stream *stream, uint32_t count, enum hst_unwind_reason reason, uint64_t ticks)
{
	struct hst_ledger *ledger = stream->ledger;

	if (count == 0) {
		return;
	}
	if (reason == HST_UNWIND_ERROR) {
		ledger->unwound += count;
	} else {
		ledger->missed_exits += count;
	}
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_valued(stream, HST_OP_UNWIND, reason, ticks, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (stream->mode == HST_STREAM_PROFILE) {
			hst_tree_exit(stream, ticks,
				reason == HST_UNWIND_ERROR ? HST_LEFT_ERROR : HST_LEFT_REPAIRED);
		}
		stream->top--;
	}
	hst_stack_exposed(stream);
}

static void park(struct hst_stream *stream, uint32_t count)
{
	uint32_t kept = count < HST_PARKED_MAX ? count : HST_PARKED_MAX;
	const struct hst_open *entry = stream->top - (count - kept);

	stream->parked_batch++;
	for (uint32_t i = 0; i < kept; i++, entry--) {
		stream->parked[stream->parked_count++ % HST_PARKED_MAX] =
			(struct hst_parked){ .cfa = entry->cfa,
				.fn = entry->fn,
				.ret = entry->ret,
				.call = entry->call,
				.group = entry->group,
				.batch = stream->parked_batch,
				.fiber = stream->fiber->number };
	}
}

/* Are there some whose exit is not looked for any more? Only on a stack that was not present when that began. */
static bool has_suppressed(const struct hst_stream *stream, uint32_t count)
{
	for (uint32_t i = 0; hst_suppressed != NULL && i < count; i++) {
		if (hst_is_suppressed(stream->top[-(ptrdiff_t)i].fn)) {
			return true;
		}
	}
	return false;
}

/*
 * Closes frames that were left without their exit hook: an error, unless the hook came while nothing was recorded, or
 * the frame may be open still, on another stack of a program that was seen to switch without telling.
 */
static void pop_left(struct hst_stream *stream, uint32_t count, uint64_t ticks)
{
	uint32_t depth = hst_depth(stream);
	uint32_t sure = depth > stream->doubt ? depth - stream->doubt : 0;
	bool parked = stream->splits != 0 && !stream->fiber->exact;

	if (count == 0) {
		return;
	}
	parked = parked || depth - count < stream->kept;
	park(stream, count);
	sure = count < sure ? count : sure;
	parked = parked || has_suppressed(stream, count);
	hst_stack_pop(stream, sure, parked ? HST_UNWIND_MISSED : HST_UNWIND_ERROR, ticks);
	hst_stack_pop(stream, count - sure, HST_UNWIND_PAUSED, ticks);
}

static uint32_t count_below(const struct hst_stream *stream, uint64_t cfa)
{
	const struct hst_open *entry = stream->top;

	while (entry > stream->fiber->base && entry->cfa < cfa) {
		entry--;
	}
	return (uint32_t)(stream->top - entry);
}

/*
 * Is the hook part of its own function's body, given that the frame is one of `outer`? Whichever of the two begins
 * closer below the hook's return address has it. A function inlined into itself says nothing.
 */
static bool is_own_body(const struct hst_call *call, uint64_t outer)
{
	return outer != call->fn && call->fn < HST_REGION_BASE && call->fn <= call->ret &&
	       call->ret - call->fn < HST_BODY_BYTES && !(outer <= call->ret && outer > call->fn);
}

/* Frames of equal address that cannot be open together with this call. */
static uint32_t count_dead_equals(const struct hst_stream *stream, const struct hst_open *top,
	uint64_t cfa, const struct hst_call *call)
{
	const struct hst_open *base = stream->fiber->base;
	bool same_activation = top->call == ~(uint32_t)call->site_not;
	uint32_t dead = 0;
	uint32_t count = 0;

	for (const struct hst_open *entry = top; entry > base && entry->cfa == cfa; entry--) {
		count++;
		/* Another call site, or another function's own body called by the same instruction after the
		 * earlier one was left: another activation at the same place. The same hook again: the
		 * earlier instance, and all within it, was left. */
		if (!same_activation || entry->ret == call->ret ||
			(entry[-1].cfa != cfa && is_own_body(call, entry->fn))) {
			dead = count;
		}
	}
	return dead;
}

/*
 * Frames of suppressed functions that were kept end without a word: what runs now may have been called by whoever called them, from
 * deeper down than they were. Their return addresses then are no longer there. While the innermost one's is, all are open.
 */
static void pop_silent(struct hst_stream *stream, uint64_t ticks)
{
	const struct hst_open *base = stream->fiber->base;
	uint32_t depth = hst_depth(stream);
	uint32_t gone = 0;

	for (; stream->kept > 0; stream->kept--) {
		const struct hst_open *entry = base + stream->kept;

		if (hst_suppressed_find(entry->fn) == NULL) {
			continue;
		}
		if (hst_stack_is_there(entry)) {
			break;
		}
		gone = depth - stream->kept + 1;
	}
	hst_stack_pop(stream, gone, HST_UNWIND_MISSED, ticks);
}

void hst_stack_settle(
	struct hst_stream *stream, uint64_t cfa, const struct hst_call *call, uint64_t ticks)
{
	uint32_t dead = count_below(stream, cfa);

	dead += count_dead_equals(stream, stream->top - dead, cfa, call);
	pop_left(stream, dead, ticks);
	if (HST_UNLIKELY(stream->kept != 0)) {
		pop_silent(stream, ticks);
	}
}

void hst_stack_settle_at(struct hst_stream *stream, uint64_t sp, uint64_t ticks)
{
	pop_left(stream, count_below(stream, sp + 1), ticks);
	if (HST_UNLIKELY(stream->kept != 0)) {
		pop_silent(stream, ticks);
	}
}

/*
 * A function that aligns its own frame lays a copy of its return address there, which its enter hook took for the address
 * itself: when the exit hook is jumped to, the frame seems to lie below the stack pointer.
 */
static bool is_copied(const struct hst_open *entry, const struct hst_call *call)
{
	return call->jumped && entry->fn == call->fn && entry->call == ~(uint32_t)call->site_not;
}

bool hst_stack_find_exit(struct hst_stream *stream, const struct hst_call *call, uint64_t ticks)
{
	uint32_t dead = count_below(stream, call->sp + (call->jumped ? 0 : 1));
	const struct hst_open *entry = stream->top - dead;
	uint32_t ignored;
	uint64_t cfa;
	bool copied = dead > 0 && is_copied(entry + 1, call) &&
		      !(entry->fn == call->fn && entry->cfa == call->sp);

	if (copied) {
		dead--;
		entry++;
	}
	if (entry == stream->fiber->base) {
		return false;
	}
	/* The exit of a suppressed function may be that of a call further in, which is not on this stack. */
	if (entry->fn != call->fn || (hst_suppressed_find(call->fn) != NULL && !copied)) {
		cfa = call->jumped ? call->sp : hst_frame_address(stream, call, 0, &ignored);
		while (entry > stream->fiber->base &&
			(entry->cfa < cfa || (entry->cfa == cfa && entry->fn != call->fn))) {
			entry--;
		}
		if (entry == stream->fiber->base || entry->cfa != cfa) {
			return false;
		}
		pop_left(stream, dead, ticks);
		hst_stack_pop(stream, (uint32_t)(stream->top - entry), HST_UNWIND_MISSED, ticks);
		return true;
	}
	pop_left(stream, dead, ticks);
	return true;
}

static bool stack_grow(struct hst_stream *stream)
{
	struct hst_fiber *fiber = stream->fiber;
	size_t entries = (size_t)(fiber->end - fiber->base);
	size_t depth = hst_depth(stream);
	bool forced = stream->low == (void *)UINTPTR_MAX;
	size_t low = forced ? 0 : (size_t)(stream->low - fiber->base);
	size_t bytes = hst_sys_whole_pages(entries * sizeof *fiber->base);
	struct hst_open *grown;

	if (entries >= (1u << 28)) {
		return false;
	}
	grown = hst_sys_mremap(fiber->base, bytes, 2 * bytes);
	if (grown == NULL) {
		return false;
	}
	fiber->base = grown;
	fiber->end = grown + 2 * bytes / sizeof *grown;
	stream->end = fiber->end;
	stream->top = grown + depth;
	stream->low = forced ? stream->low : grown + low;
	return true;
}

/* A handler that jumped out in the middle would leave pointers into the old place. */
bool hst_stack_grow(struct hst_stream *stream)
{
	struct hst_held held = hst_sys_hold_signals();
	bool grown = stack_grow(stream);

	hst_sys_release_signals(held);
	return grown;
}
