/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events to bytes. Pure: no calls, no system, only the stream's window, predictor and ids.
 *
 * A record must never be seen half: the process may be killed between any two instructions, and the
 * reader then finds what the mapped tail holds. So the payload is stored first, with an end mark behind
 * it, and the head last. Heads without payload and their end mark are one 32-bit store.
 *
 * Callers make sure of room: hooks check `cur < limit` once, HST_RECORD_SLACK covers all that one
 * hook can write.
 */
#ifndef HST_BUFFER_ENCODE_H
#define HST_BUFFER_ENCODE_H

#include "core/attr.h"
#include "core/cpu.h"
#include "core/stream.h"
#include "hasten/trace.h"

#include <string.h>

/* A head alone, with the end mark behind it. */
HST_INLINE void hst_put_head(struct hst_window *window, uint32_t head)
{
	uint16_t *cur = window->cur;

	memcpy(cur, &head, sizeof head); /* high half zero: the end mark */
	hst_barrier();
	window->cur = cur + 1;
}

HST_INLINE uint16_t hst_extended(enum hst_op op, uint32_t argument)
{
	return (uint16_t)((HST_KIND_EXTENDED << HST_KIND_SHIFT) | ((uint32_t)op << 8) |
			  (argument & 0xffu));
}

static inline void hst_put_extended(struct hst_window *window, enum hst_op op, uint32_t argument,
	const uint16_t *words, uint32_t count)
{
	uint16_t *cur = window->cur;

	for (uint32_t i = 0; i < count; i++) {
		cur[1 + i] = words[i];
	}
	cur[1 + count] = 0;
	hst_barrier();
	cur[0] = hst_extended(op, argument);
	hst_barrier();
	window->cur = cur + 1 + count;
}

/* Words of a number, low one first. */
HST_INLINE void hst_words(uint16_t *words, uint64_t value, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		words[i] = (uint16_t)(value >> (16 * i));
	}
}

/* Advances the clock by what does not fit into a record's own time field. */
static inline void hst_put_time(struct hst_window *window, uint64_t units)
{
	uint64_t quotient = units >> HST_TIME_BITS;
	uint16_t words[4];

	if (quotient < (1u << 24)) {
		words[0] = (uint16_t)quotient;
		hst_put_extended(window, HST_OP_TIME, (uint32_t)(quotient >> 16), words, 1);
		return;
	}
	hst_words(words, quotient << HST_TIME_BITS, 4);
	hst_put_extended(window, HST_OP_TIME_LONG, 0, words, 4);
}

/*
 * Time since the latest record, as the record's own field can hold it; what is more goes in front.
 * The rest below a unit is carried, since `time` counts whole units of the absolute clock. A clock
 * that stepped back a little (another core) counts as standing still.
 */
HST_INLINE uint32_t hst_put_elapsed(struct hst_stream *stream, uint64_t ticks)
{
	uint64_t time = ticks >> HST_TIME_SHIFT;
	uint64_t units = time - stream->time;

	if (HST_UNLIKELY(units > HST_TIME_MASK)) {
		if ((int64_t)units < 0) {
			return 0;
		}
		hst_put_time(stream->window, units);
		if (stream->cpu.mode == HST_CLOCK_MODE_GAP) {
			stream->cpu.gaps += units;
			stream->canary = HST_CANARY_LOOK;
		}
		units &= HST_TIME_MASK;
	}
	stream->time = time;
	return (uint32_t)units;
}

HST_INLINE void hst_put_exit(struct hst_stream *stream, uint64_t ticks)
{
	uint32_t elapsed = hst_put_elapsed(stream, ticks);

	hst_put_head(stream->window, (HST_KIND_EXIT << HST_KIND_SHIFT) | elapsed);
}

HST_INLINE void hst_put_predicted(struct hst_stream *stream, uint64_t ticks)
{
	uint32_t elapsed = hst_put_elapsed(stream, ticks);

	hst_put_head(stream->window, (HST_KIND_PREDICTED << HST_KIND_SHIFT) | elapsed);
}

static inline void hst_put_enter_id(struct hst_stream *stream, uint64_t ticks, uint32_t id)
{
	uint32_t elapsed = hst_put_elapsed(stream, ticks);
	uint16_t words[2] = { (uint16_t)elapsed, (uint16_t)id };

	if (elapsed < 256) {
		hst_put_extended(stream->window, HST_OP_ENTER_ID, elapsed, words + 1, 1);
	} else {
		hst_put_extended(stream->window, HST_OP_ENTER_LONG, 0, words, 2);
	}
}

static inline void hst_put_enter_new(
	struct hst_stream *stream, uint64_t ticks, uint64_t ret, uint64_t fn)
{
	uint16_t words[7] = { (uint16_t)hst_put_elapsed(stream, ticks), (uint16_t)ret,
		(uint16_t)(ret >> 16), (uint16_t)(ret >> 32), (uint16_t)fn, (uint16_t)(fn >> 16),
		(uint16_t)(fn >> 32) };

	hst_put_extended(stream->window, HST_OP_ENTER_NEW, 0, words, 7);
}

/* Time only: exit_error, pause, limit, thread_end. */
static inline void hst_put_timed(struct hst_stream *stream, enum hst_op op, uint64_t ticks)
{
	uint16_t word = (uint16_t)hst_put_elapsed(stream, ticks);

	hst_put_extended(stream->window, op, 0, &word, 1);
}

#define HST_OFF_CPU_SIZE  3u /* words of units */
#define HST_OFF_CPU_TIMES 3u /* records for one absence: each can say 5 days */

/* Off the CPU: since the record of this kind before, `off` ticks; `cost` of the time up to here is our own. */
static inline void hst_put_off_cpu(
	struct hst_stream *stream, uint64_t ticks, uint64_t off, uint64_t cost)
{
	const uint64_t most = (1ull << (16 * HST_OFF_CPU_SIZE)) - 1;
	uint64_t units = off >> HST_TIME_SHIFT;
	uint64_t own = cost >> (HST_TIME_SHIFT + HST_OWN_SHIFT);
	uint16_t words[1 + HST_OFF_CPU_SIZE];

	own = own < 255 ? own : 255;
	for (uint32_t i = 0; i < HST_OFF_CPU_TIMES; i++) {
		uint64_t part = units < most ? units : most;

		words[0] = (uint16_t)hst_put_elapsed(stream, ticks);
		hst_words(words + 1, part, HST_OFF_CPU_SIZE);
		hst_put_extended(
			stream->window, HST_OP_OFF_CPU, (uint32_t)own, words, 1 + HST_OFF_CPU_SIZE);
		units -= part;
		own = 0;
		if (units == 0) {
			break;
		}
	}
}

/* Time and a 32-bit value: unwind, switch, lost. */
static inline void hst_put_valued(struct hst_stream *stream, enum hst_op op, uint32_t argument,
	uint64_t ticks, uint32_t value)
{
	uint16_t words[3] = { (uint16_t)hst_put_elapsed(stream, ticks), (uint16_t)value,
		(uint16_t)(value >> 16) };

	hst_put_extended(stream->window, op, argument, words, 3);
}

/*
 * One bit that stands for an instance in hst_open.group. HST_GROUP_OWN besides: the hook lies in its function's own
 * body, not inlined in another. Every frame's group has it from its own hook, so an instance that has it too never passes
 * the hot path's test for an inlined call in the same frame.
 */
#define HST_GROUP_OWN (1u << 31)

HST_INLINE uint32_t hst_group_bit(uint64_t ret)
{
	return 1u << ((ret * 0x9e3779b97f4a7c15ull >> 40) % 31u);
}

HST_INLINE uint32_t hst_hash_slot(uint64_t ret)
{
	return (uint32_t)((ret * 0x9e3779b97f4a7c15ull) >> 52);
}

#define HST_HASH_PROBES 4u

/* The id that was defined for (ret, fn) in this chunk, fn 0: for ret; 0 none (or only one that the short search misses). */
HST_INLINE uint32_t hst_id_find_as(const struct hst_stream *stream, uint64_t ret, uint64_t fn)
{
	uint32_t slot = hst_hash_slot(ret);

	for (uint32_t i = 0; i < HST_HASH_PROBES; i++) {
		uint32_t id = stream->hash[(slot + i) % HST_HASH_SLOTS];

		/* Entries of earlier chunks stay behind: an id counts only if it stands for ret. */
		if (id != 0 && id <= stream->ids && stream->idents[id].ret == ret &&
			(fn == 0 || stream->idents[id].fn == fn)) {
			return id;
		}
	}
	return 0;
}

/* The id of an instance. */
static inline uint32_t hst_id_find(const struct hst_stream *stream, uint64_t ret)
{
	return hst_id_find_as(stream, ret, 0);
}

/* Defines the next id; the caller writes the record, or the chunk's frame list. 0: no more ids. */
static inline uint32_t hst_id_define(
	struct hst_stream *stream, uint64_t ret, uint64_t fn, uint32_t k)
{
	uint32_t slot = hst_hash_slot(ret);
	uint32_t id = stream->ids + 1;
	uint32_t at = slot;

	if (id >= HST_IDS_MAX) {
		return 0;
	}
	for (uint32_t i = 0; i < HST_HASH_PROBES; i++) {
		uint32_t old = stream->hash[(slot + i) % HST_HASH_SLOTS];

		if (old == 0 || old > stream->ids ||
			hst_hash_slot(stream->idents[old].ret) != slot) {
			at = (slot + i) % HST_HASH_SLOTS;
			break;
		}
	}
	stream->idents[id] = (struct hst_ident){
		.ret = ret, .fn = fn, .k = k, .group = hst_group_bit(ret) | HST_GROUP_OWN
	};
	stream->hash[at] = (uint16_t)id;
	stream->ids = id;
	return id;
}

/* What the reader replays: see docs/trace-format.md. Call once per recorded enter. */
HST_INLINE void hst_predictor_learn(
	struct hst_stream *stream, struct hst_open *caller, uint32_t slot, uint32_t id)
{
	stream->predictor[slot] = (uint16_t)id;
	caller->last = (uint16_t)id;
}

#endif
