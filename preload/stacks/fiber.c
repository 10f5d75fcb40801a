/* SPDX-License-Identifier: Apache-2.0 */
/* Which machine stack a hook runs on, and the shadow stack that belongs to it. */
#include "stacks/fiber.h"

#include "buffer/encode.h"
#include "core/procfs.h"
#include "core/sys.h"
#include "core/text.h"
#include "stacks/tree.h"

#include "core/poison.h"

/* What is taken for granted below the first frame of a stack whose mapping was not looked up. */
#define HST_STACK_ASSUMED (256u << 10)
#define HST_STACK_CLOSED  (8u << 20) /* the same when the kernel must not be asked */

/* Two stacks are not nearer to each other. A stack's outermost function with hooks may have callers without. */
#define HST_STACKS_APART 1024u
#define HST_STACK_RIM    128u

static bool find_mapping(uint64_t address, struct hst_range *ret_range)
{
	char name[16];

	if (!hst_procfs_mapping(address, ret_range, name, sizeof name)) {
		return false;
	}
	/* The main stack grows down to its limit: what is mapped now is not all of it. */
	if (hst_text_equal(name, "[stack]")) {
		uint64_t limit = hst_sys_limit(RLIMIT_STACK);
		uint64_t hi = ret_range->hi;

		limit = limit > (1ull << 40) ? (1ull << 40) : limit;
		ret_range->lo =
			hi > limit && hi - limit < ret_range->lo ? hi - limit : ret_range->lo;
	}
	return true;
}

static bool fiber_memory(struct hst_fiber *fiber)
{
	size_t bytes = HST_OPEN_FIRST * sizeof *fiber->base;

	if (fiber->base == NULL) {
		fiber->base = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (fiber->base == NULL) {
			return false;
		}
		fiber->end = fiber->base + HST_OPEN_FIRST;
	}
	fiber->top = fiber->base;
	fiber->base->id = 0;
	fiber->base->last = 0;
	fiber->base->fn = 0;
	fiber->base->node = 0;
	fiber->base->group = 0;
	return true;
}

/* The root entry's address lies above all frames, so that none of them closes it. */
static void fiber_bounds(struct hst_fiber *fiber, uint64_t lo, uint64_t hi)
{
	fiber->exact = false;
	fiber->doubt = 0;
	fiber->lo = lo;
	fiber->hi = hi;
	fiber->base->cfa = hi == HST_ADDRESS_MAX ? hi : hi + 16;
}

bool hst_fiber_first(struct hst_stream *stream, uint64_t sp, uint64_t hi)
{
	struct hst_fiber *fiber = &stream->own;
	struct hst_range range = { 0, 0 };

	if (!fiber_memory(fiber)) {
		return false;
	}
	if (hi > sp && hi - sp < (1ull << 30)) {
		range.hi = hi;
		range.lo = sp - HST_STACK_ASSUMED;
	} else if (!find_mapping(sp, &range)) {
		range.lo = sp - HST_STACK_CLOSED;
		range.hi = HST_ADDRESS_MAX;
	}
	fiber_bounds(fiber, range.lo, range.hi);
	fiber->number = 0;
	fiber->in_tree = false;
	fiber->chunk = 0;
	stream->fiber = fiber;
	stream->top = fiber->base;
	stream->low = fiber->base;
	stream->end = fiber->end;
	stream->lo = fiber->lo;
	stream->known = 0;
	stream->kept = 0;
	stream->fiber_count = 0;
	stream->fiber_numbers = 0;
	stream->parked_count = 0;
	stream->splits = 0;
	return true;
}

static void fiber_park(struct hst_stream *stream)
{
	struct hst_fiber *fiber = stream->fiber;

	fiber->top = stream->top;
	fiber->doubt = stream->doubt;
	fiber->known = stream->known;
	fiber->chunk = stream->seq;
}

/* May be left in the middle: see hst_fiber_mend. */
static void fiber_set(struct hst_stream *stream, struct hst_fiber *fiber)
{
	stream->fiber = fiber;
	hst_barrier();
	stream->top = fiber->top;
	stream->end = fiber->end;
	stream->lo = fiber->lo;
	stream->low = fiber->top;
	stream->doubt = fiber->doubt;
	stream->errors_below = 0;
	stream->kept = 0;
	if (hst_depth(stream) < stream->low_depth) {
		stream->low_depth = hst_depth(stream);
	}
}

void hst_fiber_mend(struct hst_stream *stream)
{
	struct hst_fiber *fiber = stream->fiber;

	if (stream->top < fiber->base || stream->top >= fiber->end || stream->end != fiber->end) {
		fiber_set(stream, fiber);
	}
}

void hst_fiber_doubt(struct hst_stream *stream)
{
	stream->own.doubt = (uint32_t)(stream->own.top - stream->own.base);
	for (uint32_t i = 0; i < stream->fiber_count; i++) {
		struct hst_fiber *fiber = &stream->fibers[i];

		fiber->doubt = (uint32_t)(fiber->top - fiber->base);
	}
	stream->doubt = hst_depth(stream);
}

static void fiber_present(struct hst_stream *stream, struct hst_fiber *fiber, uint64_t ticks)
{
	if (stream->mode == HST_STREAM_PROFILE) {
		hst_tree_leave(stream, ticks);
	}
	fiber_park(stream);
	fiber_set(stream, fiber);
	if (fiber->chunk == stream->seq && fiber->chunk != 0) {
		stream->known = fiber->known;
	} else {
		fiber->base->id = 0;
		fiber->base->last = 0;
		stream->known = hst_depth(stream);
		if (stream->known > 0) {
			stream->top->id = 0;
			stream->top->last = 0;
		}
	}
	stream->ledger->switches++;
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_valued(stream, HST_OP_SWITCH, 0, ticks, fiber->number);
	} else if (stream->mode == HST_STREAM_PROFILE) {
		hst_tree_carry(stream, ticks);
	}
}

/* The narrowest known stack that contains the address; NULL none. */
static struct hst_fiber *fiber_find(struct hst_stream *stream, uint64_t sp)
{
	struct hst_fiber *best = NULL;

	if (sp >= stream->own.lo && sp < stream->own.hi) {
		best = &stream->own;
	}
	for (uint32_t i = 0; i < stream->fiber_count; i++) {
		struct hst_fiber *fiber = &stream->fibers[i];

		if (sp >= fiber->lo && sp < fiber->hi &&
			(best == NULL || fiber->hi - fiber->lo < best->hi - best->lo)) {
			best = fiber;
		}
	}
	return best;
}

static struct hst_fiber *fiber_make(struct hst_stream *stream, uint64_t lo, uint64_t hi)
{
	struct hst_fiber *fiber;

	if (stream->fibers == NULL) {
		stream->fibers = hst_sys_mmap(NULL, HST_FIBERS_MAX * sizeof *stream->fibers,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stream->fibers == NULL) {
			return NULL;
		}
	}
	if (stream->fiber_count < HST_FIBERS_MAX) {
		fiber = &stream->fibers[stream->fiber_count];
	} else {
		/* The oldest place that is not present: its frames are given up. */
		fiber = &stream->fibers[stream->fiber_numbers % HST_FIBERS_MAX];
		fiber = fiber == stream->fiber ? fiber + (fiber == stream->fibers ? 1 : -1) : fiber;
	}
	if (!fiber_memory(fiber)) {
		return NULL;
	}
	stream->fiber_count += stream->fiber_count < HST_FIBERS_MAX ? 1 : 0;
	fiber_bounds(fiber, lo, hi);
	fiber->number = ++stream->fiber_numbers;
	fiber->in_tree = false;
	fiber->chunk = 0;
	return fiber;
}

/* The present stack turned out to be larger than assumed. */
static bool fiber_widen(struct hst_stream *stream, const struct hst_range *range)
{
	struct hst_fiber *fiber = stream->fiber;
	uint64_t inner = stream->top > fiber->base ? stream->top->cfa - 8
						   : fiber->lo + HST_STACK_ASSUMED - 16;

	if (inner < range->lo || inner >= range->hi) {
		return false;
	}
	fiber->lo = range->lo < fiber->lo ? range->lo : fiber->lo;
	stream->lo = fiber->lo;
	return true;
}

void hst_fiber_resolve(struct hst_stream *stream, uint64_t sp, uint64_t ticks)
{
	struct hst_fiber *fiber = fiber_find(stream, sp);
	struct hst_range range;

	if (fiber == stream->fiber) {
		return;
	}
	if (fiber == NULL) {
		if (!find_mapping(sp, &range)) {
			range.lo = sp - HST_STACK_ASSUMED;
			range.hi = (sp | (HST_PAGE - 1)) + 1;
		}
		if (fiber_widen(stream, &range)) {
			return;
		}
		/* Another fiber whose assumed part is too small, say the thread's own stack. */
		if (stream->fiber != &stream->own && stream->own.hi > range.lo &&
			stream->own.hi <= range.hi + HST_PAGE && stream->own.lo > range.lo &&
			sp < stream->own.hi) {
			stream->own.lo = range.lo;
			fiber = &stream->own;
		} else {
			fiber = fiber_make(stream, range.lo, range.hi);
		}
	}
	if (fiber != NULL) {
		fiber_present(stream, fiber, ticks);
	}
}

/* A stack whose ends are not known for certain, all frames of which lie in the range that the program itself names. */
static bool fiber_lies_in(
	const struct hst_stream *stream, const struct hst_fiber *fiber, uint64_t lo, uint64_t hi)
{
	const struct hst_open *top = fiber == stream->fiber ? stream->top : fiber->top;

	return !fiber->exact && top > fiber->base && top->cfa > lo && top->cfa <= hi &&
	       fiber->base[1].cfa > lo && fiber->base[1].cfa <= hi;
}

static struct hst_fiber *fiber_named(struct hst_stream *stream, uint64_t lo, uint64_t hi)
{
	struct hst_fiber *fiber =
		stream->own.lo == lo && stream->own.hi == hi ? &stream->own : NULL;

	for (uint32_t i = 0; i < stream->fiber_count && fiber == NULL; i++) {
		if (stream->fibers[i].lo == lo && stream->fibers[i].hi == hi) {
			fiber = &stream->fibers[i];
		}
	}
	if (fiber == NULL && fiber_lies_in(stream, &stream->own, lo, hi)) {
		fiber = &stream->own;
	}
	for (uint32_t i = 0; i < stream->fiber_count && fiber == NULL; i++) {
		if (fiber_lies_in(stream, &stream->fibers[i], lo, hi)) {
			fiber = &stream->fibers[i];
		}
	}
	if (fiber == NULL) {
		return fiber_make(stream, lo, hi);
	}
	fiber->lo = lo;
	fiber->hi = hi;
	fiber->base->cfa = hi + 16;
	if (fiber == stream->fiber) {
		stream->lo = lo;
	}
	return fiber;
}

void hst_fiber_announced(
	struct hst_stream *stream, uint64_t lo, uint64_t hi, uint64_t sp, uint64_t ticks)
{
	struct hst_fiber *fiber = NULL;

	if (hi == 0 || sp < lo || sp > hi) {
		fiber = fiber_find(stream, sp);
	} else {
		fiber = fiber_named(stream, lo, hi);
		if (fiber != NULL) {
			fiber->exact = true;
		}
	}
	if (fiber != NULL && fiber != stream->fiber) {
		fiber_present(stream, fiber, ticks);
	}
}

static const struct hst_parked *parked_at(const struct hst_stream *stream, uint32_t age)
{
	return &stream->parked[(stream->parked_count - 1 - age) % HST_PARKED_MAX];
}

/* The latest parked frame of this function and address; NULL: none. *ret_age: how many were parked after it. */
static const struct hst_parked *parked_find(
	const struct hst_stream *stream, uint64_t fn, uint64_t cfa, uint32_t *ret_age)
{
	uint32_t kept =
		stream->parked_count < HST_PARKED_MAX ? stream->parked_count : HST_PARKED_MAX;

	for (uint32_t age = 0; age < kept; age++) {
		const struct hst_parked *parked = parked_at(stream, age);

		if (parked->fn == fn && parked->cfa == cfa &&
			parked->fiber == stream->fiber->number) {
			*ret_age = age;
			return parked;
		}
	}
	return NULL;
}

/*
 * The part of the present stack's range in which the frames up to `cfa` lie goes to another one. false: frames of both
 * are too close for two stacks, so it was something else.
 */
static bool range_divide(struct hst_stream *stream, uint64_t cfa, struct hst_range *ret_range)
{
	struct hst_fiber *fiber = stream->fiber;
	uint64_t below = 0;
	uint64_t above = HST_ADDRESS_MAX;

	for (const struct hst_open *entry = stream->top; entry > fiber->base; entry--) {
		if (entry->cfa > cfa && entry->cfa < above) {
			above = entry->cfa;
		} else if (entry->cfa <= cfa && entry->cfa > below) {
			below = entry->cfa;
		}
	}
	if (above - cfa < HST_STACKS_APART || (below != 0 && cfa - below < HST_STACKS_APART)) {
		return false;
	}
	ret_range->lo = below == 0 ? fiber->lo : below + HST_STACK_RIM;
	ret_range->hi = cfa + HST_STACK_RIM;
	if (below == 0) {
		fiber->lo = ret_range->hi;
	} else if (above == HST_ADDRESS_MAX) {
		fiber->hi = ret_range->lo;
	}
	return true;
}

bool hst_fiber_split(struct hst_stream *stream, const struct hst_call *call, uint64_t ticks)
{
	uint32_t k;
	uint64_t cfa = call->jumped ? call->sp : hst_frame_address(stream, call, 0, &k);
	uint32_t age = 0;
	const struct hst_parked *inner = parked_find(stream, call->fn, cfa, &age);
	uint32_t count = 1;
	struct hst_fiber *fiber;
	struct hst_range range;

	if (inner == NULL || stream->splits >= HST_SPLITS_MAX || stream->fiber->exact) {
		return false;
	}
	/* Parked from the inside out. */
	while (count <= age && parked_at(stream, age - count)->batch == inner->batch) {
		count++;
	}
	if (!range_divide(stream, parked_at(stream, age - count + 1)->cfa, &range)) {
		return false;
	}
	fiber = fiber_make(stream, range.lo, range.hi);
	if (fiber == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct hst_parked *parked = parked_at(stream, age - count + 1 + i);

		fiber->top++;
		*fiber->top = (struct hst_open){ .cfa = parked->cfa,
			.fn = parked->fn,
			.ret = parked->ret,
			.call = parked->call,
			.group = parked->group };
	}
	stream->splits++;
	stream->ledger->unwound -=
		count < stream->ledger->unwound ? count : stream->ledger->unwound;
	stream->ledger->missed_exits += count;
	fiber_present(stream, fiber, ticks);
	return true;
}

void hst_fiber_reset(struct hst_stream *stream)
{
	for (uint32_t i = 0; i < stream->fiber_count; i++) {
		stream->fibers[i].lo = 0;
		stream->fibers[i].hi = 0;
	}
	stream->fiber_count = 0;
	stream->fiber = &stream->own;
	stream->top = stream->own.base;
}
