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
#include "hooks/content.h"
#include "hooks/function.h"
#include "hooks/stream.h"
#include "hooks/value.h"
#include "sink/file.h"
#include "sink/filter.h"
#include "sink/recipes.h"
#include "stacks/absence.h"
#include "stacks/fiber.h"

#include "core/poison.h"

/*
 * Where a hook's values can lie. `sure`: an address of the stack further out than the stack pointer, whose page is there. What is
 * known of the stack besides reaches to its end: arguments lie there, too.
 */
struct place {
	const struct hst_registers *registers;
	struct hst_stream *stream;
	uint64_t sp;
	uint64_t cfa;
	uint64_t sure;
};

HST_INLINE struct place place_of(struct hst_stream *stream, const struct hst_registers *registers,
	uint64_t cfa, uint64_t sure)
{
	return (struct place){ registers, stream, (uint64_t)(registers + 1), cfa, sure };
}

/* Memory from sp up to here is there: nothing else is read. Most values are in registers and need no end. */
HST_INLINE uint64_t end_of(const struct place *place)
{
	const struct hst_fiber *fiber = place->stream->fiber;
	uint64_t end = (place->sure | (HST_PAGE - 1)) + 1;
	bool known =
		place->sp >= fiber->lo && place->sp < fiber->hi && fiber->hi != HST_ADDRESS_MAX;

	return known && fiber->hi > end ? fiber->hi : end;
}

/* false: it does not lie where a value can be. */
HST_INLINE bool piece_value(
	const struct place *place, const struct hst_plan_piece *piece, uint64_t *ret_value)
{
	uint64_t address;
	uint64_t end;

	if (!hst_value_place(place->registers->kept, place->sp, place->cfa, piece, &address)) {
		*ret_value = hst_value_extended(address, piece);
		return true;
	}
	end = end_of(place);
	if (HST_UNLIKELY(address - place->sp >= end - place->sp || end - address < piece->width)) {
		return false;
	}
	*ret_value = hst_value_extended(hst_value_load(address, piece->width), piece);
	return true;
}

/* What a piece that points to a string or block stands for. false: it cannot be read. */
static HST_NOINLINE bool content_of(const struct place *place, const struct hst_plan_piece *piece,
	uint64_t address, struct hst_content *ret_content)
{
	uint64_t length = HST_CONTENT_TEXT;
	uint64_t begin = hst_ticks();
	bool known;

	if ((piece->content & HST_PLAN_CONTENT_MASK) == HST_PLAN_CONTENT_BYTES &&
		(!piece_value(place, piece + 1, &length) || length > HST_PLAN_CONTENT_MAX)) {
		return false;
	}
	known = hst_content_read(address, length, ret_content);
	place->stream->content_ticks += hst_ticks() - begin;
	return known;
}

/*
 * Reading strings and blocks is a system call each, a hundred times what other hooks take, and differs from one to the next: it is
 * measured each time, and nobody's. Not where the thread may have been switched out while it read: that is looked for later, and
 * is not ours.
 */
static HST_NOINLINE void put_content_time(struct hst_stream *stream)
{
	uint64_t took = stream->content_ticks;
	uint64_t units = took >> HST_TIME_SHIFT;
	uint64_t ticks = hst_ticks();

	stream->content_ticks = 0;
	if (units == 0 || hst_absence_due(stream, ticks)) {
		return;
	}
	stream->period_own += took;
	hst_put_valued(
		stream, HST_OP_OWN, 0, ticks, units < UINT32_MAX ? (uint32_t)units : UINT32_MAX);
}

static HST_NOINLINE bool content_value(
	const struct place *place, const struct hst_plan_piece *piece, uint64_t *value)
{
	struct hst_content content;
	bool known = content_of(place, piece, *value, &content);

	*value = known ? content.value : 0;
	return known;
}

HST_INLINE const struct hst_plan_piece *pieces_of(const struct hst_recipe *recipe)
{
	return (const void *)(recipe->pieces & HST_RECIPE_ADDRESS_MASK);
}

HST_INLINE uint64_t count_of(const struct hst_recipe *recipe)
{
	return recipe->pieces >> HST_RECIPE_COUNT_SHIFT & HST_RECIPE_COUNT_MASK;
}

/* The key of a call. false: some of its arguments could not be read. */
HST_INLINE bool key_of(
	const struct place *place, const struct hst_recipe *recipe, uint64_t *ret_key)
{
	const struct hst_plan_piece *piece = pieces_of(recipe);
	uint64_t count = count_of(recipe);
	uint64_t hash = hst_hash_begin(count);

	for (; count > 0; count--, piece++) {
		uint64_t value;

		if (!piece_value(place, piece, &value)) {
			return false;
		}
		if (HST_UNLIKELY(
			    (piece->content & HST_PLAN_CONTENT_MASK) != HST_PLAN_CONTENT_SCALAR) &&
			!content_value(place, piece, &value)) {
			return false;
		}
		hash = hst_hash_add(hash, value);
	}
	*ret_key = hst_hash_end(hash);
	return true;
}

/* One value, for its record; *ret_value is what the key has of it. */
static bool put_piece(const struct place *place, const struct hst_plan_piece *piece,
	struct hst_values *values, uint64_t *ret_value)
{
	struct hst_content content;
	uint32_t stored;

	if (!piece_value(place, piece, ret_value)) {
		return false;
	}
	if ((piece->content & HST_PLAN_CONTENT_MASK) == HST_PLAN_CONTENT_SCALAR) {
		hst_values_scalar(values, *ret_value);
		return true;
	}
	if (!content_of(place, piece, *ret_value, &content)) {
		return false;
	}
	stored = content.length < sizeof content.first ? (uint32_t)content.length
						       : (uint32_t)sizeof content.first;
	hst_values_content(values, content.length, content.first,
		content.length == HST_HASH_NULL ? 0 : stored);
	*ret_value = content.value;
	return true;
}

/*
 * The values of the key that was just written. Other threads may have changed them: what does not make that key is not
 * written.
 */
static HST_NOINLINE void put_values(struct hst_stream *stream, const struct place *place,
	const struct hst_recipe *recipe, uint64_t key)
{
	const struct hst_plan_piece *piece = pieces_of(recipe);
	uint64_t count = count_of(recipe);
	struct hst_values values = hst_values_begin(stream, (uint32_t)count);
	uint64_t hash = hst_hash_begin(count);

	for (; count > 0; count--, piece++) {
		uint64_t value;

		if (!put_piece(place, piece, &values, &value)) {
			return;
		}
		hash = hst_hash_add(hash, value);
	}
	if (hst_hash_end(hash) == key) {
		hst_values_end(stream, &values);
	}
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
	} else if (hst_put_key(stream, entry, key) && hst_recipes_values) {
		put_values(stream, &place, recipe, key);
	}
	if (stream->content_ticks != 0) {
		put_content_time(stream);
	}
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
	struct place place;
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
		place = place_of(stream, registers, cfa, cfa - 1);
		/* Before the time is taken: it is not the callee's. */
		keyed = (HST_LIKELY(stream->keys != NULL) || hst_keys_make(stream)) &&
			key_of(&place, recipe, &key);
		if (HST_UNLIKELY(!keyed)) {
			lose_key();
		}
		if (HST_UNLIKELY(stream->content_ticks != 0)) {
			put_content_time(stream);
		}
	}
	ticks = hst_absence_check(stream, __builtin_ia32_rdtsc());
	if (stream->predictor[slot] == id) {
		hst_put_predicted(stream, ticks);
	} else {
		hst_put_enter_id(stream, ticks, id);
	}
	hst_predictor_learn(stream, top, slot, id);
	if (keyed && hst_put_key(stream, top + 1, key) && HST_UNLIKELY(hst_recipes_values)) {
		put_values(stream, &place, recipe, key);
		if (stream->content_ticks != 0) {
			put_content_time(stream);
		}
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
		.rbp = registers->kept[HST_VALUE_RBP],
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
	piece = pieces_of(recipe);
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
	if (hst_put_result(stream, entry, hst_hash_pieces(&value, 1), flags) &&
		HST_UNLIKELY(hst_recipes_values)) {
		hst_put_result_value(stream, value);
	}
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
		.rbp = registers->kept[HST_VALUE_RBP],
		.jumped = from_not == site_not,
		.from_not = from_not,
		.registers = registers };
	hst_exit_call(stream, &call);
}
