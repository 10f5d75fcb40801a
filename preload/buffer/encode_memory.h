/* SPDX-License-Identifier: Apache-2.0 */
/* Memory events to bytes: as buffer/encode.h, with its rules. */
#ifndef HST_BUFFER_ENCODE_MEMORY_H
#define HST_BUFFER_ENCODE_MEMORY_H

#include "buffer/encode.h"
#include "core/attr.h"
#include "core/stream.h"
#include "hasten/trace.h"

#include <string.h>

#define HST_ADDRESS_BITS 48u
#define HST_ADDRESS_MASK ((1ull << HST_ADDRESS_BITS) - 1)

/* The address as the distance from the latest one, in steps of 16 bytes. false: it is too far, or between two steps. */
HST_INLINE bool hst_block_distance(
	const struct hst_stream *stream, uint64_t address, int32_t *ret_distance)
{
	int64_t bytes = (int64_t)(address - stream->block);

	*ret_distance = (int32_t)(bytes >> 4);
	return ((uint64_t)bytes & 15) == 0 && *ret_distance == bytes >> 4;
}

static inline void hst_put_site(
	struct hst_stream *stream, uint64_t ticks, uint64_t ret, enum hst_allocator which)
{
	uint16_t words[5] = { (uint16_t)hst_put_elapsed(stream, ticks), [4] = (uint16_t)which };

	hst_words(words + 1, ret, 3);
	hst_put_extended(stream->window, HST_OP_SITE, 0, words, 5);
}

/* Time since the latest record, if it fits the argument of a record; else more than that. */
HST_INLINE uint64_t hst_elapsed_short(const struct hst_stream *stream, uint64_t ticks)
{
	return (ticks >> HST_TIME_SHIFT) - stream->time;
}

/* Half of the bytes: they cost more than all else, since they have to be written to the disk. */
HST_INLINE void hst_put_alloc_shortest(struct hst_stream *stream, uint64_t elapsed, uint32_t id,
	uint64_t address, int32_t distance, uint32_t bytes)
{
	struct hst_window *window = stream->window;
	uint16_t *cur = window->cur;
	uint64_t record = hst_extended(HST_OP_ALLOC_NEAR, (uint32_t)elapsed) | (uint64_t)id << 16 |
			  (uint64_t)(uint16_t)distance << 32 | (uint64_t)bytes << 48;

	stream->time += elapsed;
	cur[4] = 0;
	hst_barrier();
	memcpy(cur, &record, sizeof record);
	hst_barrier();
	window->cur = cur + 4;
	stream->block = address;
}

/* Small blocks: `bytes` and the slack fit their fields, the distance is known. */
/* NOLINTNEXTLINE(readability-function-size): all are in registers at each call */
HST_INLINE void hst_put_alloc_near(struct hst_stream *stream, uint64_t ticks, uint32_t id,
	uint64_t address, int32_t distance, uint32_t bytes, uint32_t slack)
{
	uint64_t elapsed = hst_elapsed_short(stream, ticks);
	struct hst_window *window = stream->window;
	uint16_t *cur;
	uint64_t front;

	if (HST_LIKELY(elapsed < 256 && distance == (int16_t)distance &&
		       slack == hst_slack_usual(bytes))) {
		hst_put_alloc_shortest(stream, elapsed, id, address, distance, bytes);
		return;
	}
	elapsed = hst_put_elapsed(stream, ticks);
	cur = window->cur;
	front = elapsed | (uint64_t)id << 16 | (uint64_t)(uint32_t)distance << 32;

	memcpy(cur + 1, &front, sizeof front);
	memcpy(cur + 5, &bytes, sizeof bytes); /* high half zero: the end mark */
	hst_barrier();
	cur[0] = hst_extended(HST_OP_ALLOC, slack);
	hst_barrier();
	window->cur = cur + 6;
	stream->block = address;
}

/* slack: UINT64_MAX unknown. address 0: it failed. */
static inline void hst_put_alloc(struct hst_stream *stream, uint64_t ticks, uint32_t id,
	uint64_t address, uint64_t bytes, uint64_t slack)
{
	uint16_t words[10];
	int32_t distance;

	if (bytes <= UINT16_MAX && (slack < HST_SLACK_SHORT_UNKNOWN || slack == UINT64_MAX) &&
		address != 0 && hst_block_distance(stream, address, &distance)) {
		hst_put_alloc_near(stream, ticks, id, address, distance, (uint32_t)bytes,
			slack == UINT64_MAX ? HST_SLACK_SHORT_UNKNOWN : (uint32_t)slack);
		return;
	}
	words[0] = (uint16_t)hst_put_elapsed(stream, ticks);
	words[1] = (uint16_t)id;
	hst_words(words + 2, address, 3);
	hst_words(words + 5, bytes < HST_ADDRESS_MASK ? bytes : HST_ADDRESS_MASK, 3);
	hst_words(words + 8, slack < HST_SLACK_LONG_UNKNOWN ? slack : HST_SLACK_LONG_UNKNOWN, 2);
	hst_put_extended(stream->window, HST_OP_ALLOC_LONG, 0, words, 10);
	if (address != 0) {
		stream->block = address & HST_ADDRESS_MASK;
	}
}

HST_INLINE void hst_put_free_near(
	struct hst_stream *stream, uint64_t ticks, uint64_t address, int32_t distance, bool moves)
{
	uint64_t elapsed = hst_elapsed_short(stream, ticks);
	struct hst_window *window = stream->window;
	uint16_t *cur = window->cur;
	uint64_t words;

	if (HST_LIKELY(elapsed < 256 && distance == (int16_t)distance && !moves)) {
		words = hst_extended(HST_OP_FREE_NEAR, (uint32_t)elapsed) |
			(uint64_t)(uint16_t)distance << 16; /* and the end mark */
		stream->time += elapsed;
		memcpy(cur, &words, sizeof words);
		hst_barrier();
		window->cur = cur + 2;
		stream->block = address;
		return;
	}
	elapsed = hst_put_elapsed(stream, ticks);
	cur = window->cur;
	words = elapsed | (uint64_t)(uint32_t)distance << 16; /* and the end mark */

	memcpy(cur + 1, &words, sizeof words);
	hst_barrier();
	cur[0] = hst_extended(HST_OP_FREE, moves);
	hst_barrier();
	window->cur = cur + 4;
	stream->block = address;
}

/* moves: it is given to realloc. */
static inline void hst_put_free(
	struct hst_stream *stream, uint64_t ticks, uint64_t address, bool moves)
{
	uint16_t words[4];
	int32_t distance;

	if (hst_block_distance(stream, address, &distance)) {
		hst_put_free_near(stream, ticks, address, distance, moves);
		return;
	}
	words[0] = (uint16_t)hst_put_elapsed(stream, ticks);
	hst_words(words + 1, address, 3);
	hst_put_extended(stream->window, HST_OP_FREE_LONG, moves, words, 4);
	stream->block = address & HST_ADDRESS_MASK;
}

static inline void hst_put_realloc_end(struct hst_stream *stream, uint64_t ticks, bool freed)
{
	uint16_t word = (uint16_t)hst_put_elapsed(stream, ticks);

	hst_put_extended(stream->window, HST_OP_REALLOC_END, freed, &word, 1);
}

/* `elapsed` ticks within the allocator, for `calls` calls. The record's own time is that of the one before. */
static inline void hst_put_allocator(struct hst_stream *stream, uint64_t elapsed, uint32_t calls)
{
	uint64_t units = elapsed >> HST_TIME_SHIFT;
	uint16_t words[3] = { 0 };

	hst_words(words + 1, units < UINT32_MAX ? units : UINT32_MAX, 2);
	hst_put_extended(stream->window, HST_OP_ALLOCATOR, calls, words, 3);
}

static inline void hst_put_map(struct hst_stream *stream, uint64_t ticks, uint32_t id,
	uint64_t address, uint64_t bytes, uint32_t flags)
{
	uint16_t words[8] = { (uint16_t)hst_put_elapsed(stream, ticks), (uint16_t)id };

	hst_words(words + 2, address, 3);
	hst_words(words + 5, bytes, 3);
	hst_put_extended(stream->window, HST_OP_MAP, flags, words, 8);
}

static inline void hst_put_unmap(
	struct hst_stream *stream, uint64_t ticks, uint64_t address, uint64_t bytes)
{
	uint16_t words[7] = { (uint16_t)hst_put_elapsed(stream, ticks) };

	hst_words(words + 1, address, 3);
	hst_words(words + 4, bytes, 3);
	hst_put_extended(stream->window, HST_OP_UNMAP, 0, words, 7);
}

static inline void hst_put_stack(
	struct hst_stream *stream, uint64_t ticks, uint32_t id, uint64_t bytes)
{
	uint16_t words[5] = { (uint16_t)hst_put_elapsed(stream, ticks), (uint16_t)id };

	hst_words(words + 2, bytes, 3);
	hst_put_extended(stream->window, HST_OP_STACK, 0, words, 5);
}

static inline void hst_put_memory(struct hst_stream *stream, uint64_t ticks, uint64_t resident,
	uint64_t heap, uint64_t address_space)
{
	uint16_t words[7] = { (uint16_t)hst_put_elapsed(stream, ticks) };

	hst_words(words + 1, resident, 2);
	hst_words(words + 3, heap, 2);
	hst_words(words + 5, address_space, 2);
	hst_put_extended(stream->window, HST_OP_MEMORY, 0, words, 7);
}

/* The id of a place that asks for memory in this chunk; 0: none yet. */
HST_INLINE uint32_t hst_site_find(
	const struct hst_stream *stream, uint64_t ret, enum hst_allocator which)
{
	return hst_id_find_as(stream, ret, HST_MEMORY_BASE + which);
}

#endif
