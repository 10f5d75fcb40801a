/* SPDX-License-Identifier: Apache-2.0 */
/* Reads arguments and results where the recipes say, and lays their hashes beside the records of the call. */
#include "hooks/args.h"

#include "apply/throttle.h"
#include "buffer/keys.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/suppressed.h"
#include "core/sys.h"
#include "hasten/hash.h"
#include "hasten/plan.h"
#include "hooks/function.h"
#include "hooks/stream.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/recipes.h"
#include "stacks/absence.h"
#include "stacks/fiber.h"

#include <string.h>
#include <sys/uio.h>

#include "core/poison.h"

#define CONTENT_BYTES 256u /* read at once */

/* Places in struct hst_registers by DWARF number; others do not pass the plan's checks. */
static const uint8_t register_places[16] = {
	[3] = 0, [6] = 1, [12] = 2, [13] = 3, [14] = 4, [15] = 5
};
#define PLACE_RBP 1

/* Where a hook's values can lie. Memory from sp up to `end` is there: nothing else is read. */
struct place {
	const struct hst_registers *registers;
	uint64_t sp;
	uint64_t cfa;
	uint64_t end;
};

/*
 * `sure`: an address of the stack further out than the stack pointer, whose page is there. What is known of the stack
 * besides reaches to its end: arguments lie there, too.
 */
HST_INLINE struct place place_of(const struct hst_stream *stream,
	const struct hst_registers *registers, uint64_t cfa, uint64_t sure)
{
	const struct hst_fiber *fiber = stream->fiber;
	uint64_t sp = (uint64_t)(registers + 1);
	uint64_t end = (sure | (HST_PAGE - 1)) + 1;

	if (sp >= fiber->lo && sp < fiber->hi && fiber->hi != HST_ADDRESS_MAX && fiber->hi > end) {
		end = fiber->hi;
	}
	return (struct place){ registers, sp, cfa, end };
}

HST_INLINE uint64_t extended(uint64_t value, const struct hst_plan_piece *piece)
{
	uint32_t shift = 64 - 8 * (uint32_t)piece->width;

	value <<= shift;
	return (piece->content & HST_PLAN_CONTENT_SIGNED) != 0 ? (uint64_t)((int64_t)value >> shift)
							       : value >> shift;
}

HST_INLINE uint64_t load(uint64_t address, uint32_t width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)address;
	case 2: {
		uint16_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	case 4: {
		uint32_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	default: {
		uint64_t value;

		memcpy(&value, (const void *)address, sizeof value);
		return value;
	}
	}
}

/* false: it does not lie where a value can be. */
HST_INLINE bool piece_value(
	const struct place *place, const struct hst_plan_piece *piece, uint64_t *ret_value)
{
	uint64_t address = (uint64_t)(int64_t)piece->offset;

	switch (piece->kind) {
	case HST_PLAN_PLACE_REGISTER:
		*ret_value =
			extended(place->registers->kept[register_places[piece->reg & 15]], piece);
		return true;
	case HST_PLAN_PLACE_CONSTANT:
		*ret_value = extended(address, piece);
		return true;
	case HST_PLAN_PLACE_SP:
		address += place->sp;
		break;
	case HST_PLAN_PLACE_RBP:
		address += place->registers->kept[PLACE_RBP];
		break;
	default:
		address += place->cfa;
		break;
	}
	if (HST_UNLIKELY(address - place->sp >= place->end - place->sp ||
			 place->end - address < piece->width)) {
		return false;
	}
	*ret_value = extended(load(address, piece->width), piece);
	return true;
}

/* Bytes that may not be there, or go at any moment: by the kernel, which finds out. Up to the end of their page. */
static uint64_t read_some(uint64_t address, uint8_t *bytes, uint64_t most)
{
	uint64_t page = HST_PAGE - address % HST_PAGE;
	struct iovec to = { bytes, most < page ? most : page };
	struct iovec from = { (void *)address, to.iov_len };
	long got =
		hst_sys6(SYS_process_vm_readv, hst_sys_getpid(), (long)&to, 1, (long)&from, 1, 0);

	return got == (long)to.iov_len ? to.iov_len : 0;
}

/* The hash of `length` bytes, or, with UINT64_MAX, of those up to a NUL. false: not readable, or too many. */
static HST_NOINLINE bool content_value(uint64_t address, uint64_t length, uint64_t *ret_value)
{
	bool text = length == UINT64_MAX;
	uint8_t bytes[CONTENT_BYTES];
	uint64_t hash = hst_hash_begin(0);
	uint64_t word = 0;
	uint64_t done = 0;
	bool ended = false;

	if (address == 0) {
		*ret_value = hst_hash_content(hash, HST_HASH_NULL);
		return true;
	}
	if (!hst_recipes_contents || (!text && length > HST_PLAN_CONTENT_MAX)) {
		return false;
	}
	while (!ended && done < length) {
		/* One more than a text may have: its NUL. */
		uint64_t left = (text ? HST_PLAN_CONTENT_MAX + 1 : length) - done;
		uint64_t got = left == 0 ? 0
					 : read_some(address + done, bytes,
						   left < sizeof bytes ? left : sizeof bytes);

		if (got == 0) {
			return false;
		}
		for (uint64_t i = 0; i < got; i++) {
			if (text && bytes[i] == 0) {
				ended = true;
				break;
			}
			word |= (uint64_t)bytes[i] << (8 * (done % 8));
			done++;
			if (done % 8 == 0) {
				hash = hst_hash_add(hash, word);
				word = 0;
			}
		}
	}
	hash = done % 8 != 0 ? hst_hash_add(hash, word) : hash;
	*ret_value = hst_hash_content(hash, done);
	return true;
}

/* The key of a call. false: some of its arguments could not be read. */
HST_INLINE bool key_of(
	const struct place *place, const struct hst_recipe *recipe, uint64_t *ret_key)
{
	const struct hst_plan_piece *piece =
		(const void *)(recipe->pieces & HST_RECIPE_ADDRESS_MASK);
	uint64_t count = recipe->pieces >> HST_RECIPE_COUNT_SHIFT & HST_RECIPE_COUNT_MASK;
	uint64_t hash = hst_hash_begin(count);

	for (; count > 0; count--, piece++) {
		uint32_t content = piece->content & HST_PLAN_CONTENT_MASK;
		uint64_t length = UINT64_MAX;
		uint64_t value;

		if (!piece_value(place, piece, &value)) {
			return false;
		}
		if (HST_UNLIKELY(content != HST_PLAN_CONTENT_SCALAR)) {
			if (content == HST_PLAN_CONTENT_BYTES &&
				(!piece_value(place, piece + 1, &length) ||
					length > HST_PLAN_CONTENT_MAX)) {
				return false;
			}
			if (!content_value(value, length, &value)) {
				return false;
			}
		}
		hash = hst_hash_add(hash, value);
	}
	*ret_key = hst_hash_end(hash);
	return true;
}

static HST_COLD void lose_key(void)
{
	__atomic_fetch_add(&hst_sink.header->keys_lost, 1, __ATOMIC_RELAXED);
}

/* What is to be read at this hook, NULL nothing. No keys where only some of a function's calls are recorded. */
HST_INLINE const struct hst_recipe *recipe_for(
	const struct hst_stream *stream, uint64_t ret, uint64_t fn, uint64_t result)
{
	const struct hst_recipe *recipe = hst_recipe_find(ret);

	if (recipe == NULL || stream->lane != HST_LANE_MAIN ||
		(recipe->pieces & HST_RECIPE_RESULT) != result) {
		return NULL;
	}
	if (HST_UNLIKELY(recipe->fn != fn)) {
		/* The code is not what the plan was made for. */
		hst_sink_flag(HST_FLAG_ARGUMENTS_REFUSED);
		return NULL;
	}
	return HST_UNLIKELY(hst_suppressed_find(fn) != NULL) ? NULL : recipe;
}

void hst_args_entered(struct hst_stream *stream, const struct hst_call *call)
{
	const struct hst_recipe *recipe = recipe_for(stream, call->ret, call->fn, 0);
	struct hst_open *entry = stream->top;
	struct place place;
	uint64_t key;

	if (recipe == NULL) {
		return;
	}
	place = place_of(stream, call->registers, entry->cfa, entry->cfa - 1);
	if (!hst_keys_make(stream) || !key_of(&place, recipe, &key)) {
		lose_key();
		return;
	}
	hst_put_key(stream, entry, key);
}

/*
 * frame_fits and fill_entry of hooks/function.h, without the plain call_site in a register: what is called behind them would
 * lay it on the stack.
 */
HST_INLINE bool frame_fits_not(const struct hst_stream *stream, const struct hst_open *top,
	uint32_t group, uint64_t cfa, uint64_t site_not)
{
	if (HST_UNLIKELY(cfa - stream->lo >= top->cfa - stream->lo) &&
		(cfa != top->cfa || (top->call ^ (uint32_t)site_not) != UINT32_MAX ||
			(top->group & group) != 0)) {
		return false;
	}
	return hst_inverted(*(void *const *)(cfa - 8)) == site_not;
}

HST_INLINE void fill_entry_not(struct hst_open *top, const struct hst_ident *ident, uint64_t cfa,
	uint32_t id, uint64_t fn, uint64_t site_not)
{
	struct hst_open *entry = top + 1;

	fill_entry(top, ident, cfa, id, fn, site_not);
	__asm__ volatile("notl %0" : "+m"(entry->call));
}

/* The common case: an instance that has an id, and its frame where it was. false: nothing is done. */
HST_INLINE bool enter_quickly(struct hst_stream *stream, uint64_t fn, uint64_t site_not,
	const struct hst_registers *registers)
{
	struct hst_open *top = stream->top;
	uint32_t slot = hst_predictor_slot(top->id, top->last);
	uint32_t id = stream->predictor[slot];
	const struct hst_ident *ident = &stream->idents[id];
	const struct hst_recipe *recipe;
	bool keyed = false;
	uint64_t key = 0;
	uint64_t ticks;
	uint64_t cfa;

	if (stream->mode != HST_STREAM_TRACE) {
		return false;
	}
	if (HST_UNLIKELY(ident->ret != registers->ret)) {
		id = hst_id_find(stream, registers->ret);
		ident = &stream->idents[id];
	}
	cfa = (uint64_t)(registers + 1) + ident->k;
	if (id == 0 || !window_open(stream->window) || top + 1 >= stream->end ||
		!frame_fits_not(stream, top, ident->group, cfa, site_not)) {
		return false;
	}
	fill_entry_not(top, ident, cfa, id, fn, site_not);
	recipe = recipe_for(stream, registers->ret, fn, 0);
	if (recipe != NULL) {
		struct place place = place_of(stream, registers, cfa, cfa - 1);

		/* Before the time is taken: it is not the callee's. */
		keyed = (HST_LIKELY(stream->keys != NULL) || hst_keys_make(stream)) &&
			key_of(&place, recipe, &key);
		if (HST_UNLIKELY(!keyed)) {
			lose_key();
		}
	}
	ticks = hst_absence_check(stream, __builtin_ia32_rdtsc());
	if (stream->predictor[slot] == id) {
		hst_put_predicted(stream, ticks);
	} else {
		hst_put_enter_id(stream, ticks, id);
	}
	hst_predictor_learn(stream, top, slot, id);
	if (keyed) {
		hst_put_key(stream, top + 1, key);
	}
	stream->top = top + 1;
	return true;
}

void hst_args_enter(void *fn, void *call_site, const struct hst_registers *registers)
{
	uint64_t site_not = hst_inverted(call_site);
	uint64_t sp = (uint64_t)(registers + 1);
	struct hst_stream *stream = hst_self;
	struct hst_call call;

	if (hst_filter_excludes((uint64_t)fn) || hst_throttle_counts(stream, (uint64_t)fn)) {
		return;
	}
	if (HST_LIKELY(stream != NULL && hst_guard_take(stream, sp))) {
		if (HST_LIKELY(enter_quickly(stream, (uint64_t)fn, site_not, registers))) {
			hst_barrier();
			stream->guard = 0;
			return;
		}
	} else {
		stream = NULL;
	}
	call = (struct hst_call){ .fn = (uint64_t)fn,
		.site_not = site_not,
		.ret = registers->ret,
		.sp = sp,
		.rbp = registers->kept[PLACE_RBP],
		.registers = registers };
	hst_enter_call(stream, &call);
}

HST_INLINE void put_result(struct hst_stream *stream, const struct hst_open *entry,
	const struct hst_registers *registers)
{
	const struct hst_recipe *recipe =
		recipe_for(stream, registers->ret, entry->fn, HST_RECIPE_RESULT);
	const struct hst_plan_piece *piece;
	struct place place;
	uint32_t flags;
	uint64_t value;

	if (recipe == NULL || stream->keys == NULL) {
		return;
	}
	piece = (const void *)(recipe->pieces & HST_RECIPE_ADDRESS_MASK);
	/* The entry may be one of another stack, which is gone. */
	place = place_of(stream, registers, entry->cfa, (uint64_t)registers);
	if (!piece_value(&place, piece, &value)) {
		lose_key();
		return;
	}
	flags = value == 0 ? HST_RESULT_ZERO : 0;
	if ((piece->content & HST_PLAN_CONTENT_SIGNED) != 0 && (int64_t)value < 0) {
		flags = HST_RESULT_NEGATIVE;
	}
	hst_put_result(stream, entry, hst_hash_pieces(&value, 1), flags);
}

void hst_args_leaves(struct hst_stream *stream, const struct hst_call *call)
{
	/* A hook that was jumped to runs when the frame is gone. */
	if (hst_key_was_put(stream->top) && !call->jumped) {
		put_result(stream, stream->top, call->registers);
	}
}

/* As exit_hook in function.c. */
HST_INLINE bool exit_quickly(struct hst_stream *stream, uint64_t fn, uint64_t site_not,
	const struct hst_registers *registers)
{
	uint64_t ticks = __builtin_ia32_rdtsc();
	uint64_t sp = (uint64_t)(registers + 1);
	struct hst_open *top = stream->top;
	uint64_t time = ticks >> HST_TIME_SHIFT;
	uint64_t units = time - stream->time;

	if (HST_UNLIKELY(stream->mode != HST_STREAM_TRACE || top->fn != fn || top <= stream->low ||
			 !window_open(stream->window) || units > HST_TIME_MASK ||
			 !hst_canary_alive(stream))) {
		return false;
	}
	/* At the stack pointer: the hook was jumped to, or lies in another frame than it seems. */
	if (HST_UNLIKELY(top->cfa <= sp)) {
		if (top->cfa < sp || ~registers->ret != site_not) {
			return false;
		}
	} else if (hst_key_was_put(top)) {
		put_result(stream, top, registers);
	}
	stream->time = time;
	hst_put_head(stream->window, (HST_KIND_EXIT << HST_KIND_SHIFT) | (uint32_t)units);
	stream->top = top - 1;
	return true;
}

void hst_args_exit(void *fn, void *call_site, const struct hst_registers *registers)
{
	uint64_t site_not = hst_inverted(call_site);
	uint64_t from_not = ~registers->ret;
	uint64_t sp = (uint64_t)(registers + 1);
	struct hst_stream *stream = hst_self;
	struct hst_call call;

	if (HST_LIKELY(stream != NULL && hst_guard_take(stream, sp))) {
		if (HST_LIKELY(exit_quickly(stream, (uint64_t)fn, site_not, registers))) {
			hst_barrier();
			stream->guard = 0;
			return;
		}
	} else {
		stream = NULL;
	}
	call = (struct hst_call){ .fn = (uint64_t)fn,
		.site_not = site_not,
		.sp = sp,
		.rbp = registers->kept[PLACE_RBP],
		.jumped = from_not == site_not,
		.from_not = from_not,
		.registers = registers };
	hst_exit_call(stream, &call);
}
