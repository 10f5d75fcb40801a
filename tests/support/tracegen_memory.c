/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the synthetic writer about memory. */
#include "tracegen_state.h"

#define ADDRESS_MASK 0xffffffffffffull
/* A site, and behind it the longest record. */
#define WORDS_MAX 17u

/* `count` words of a number, low ones first. */
static void set_words(uint16_t *words, uint64_t value, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		words[i] = (uint16_t)(value >> (16 * i));
	}
}

/* The id of a place that asks, defined if need be; *units is used up by its record then. */
static uint32_t place(
	struct tracegen_stream *stream, uint64_t ret, enum hst_allocator which, uint32_t *units)
{
	uint64_t fn = HST_MEMORY_BASE + which;
	uint16_t record[6] = { tracegen_head(HST_OP_SITE, 0), (uint16_t)*units };

	for (uint32_t i = 1; i <= stream->id_count; i++) {
		if (stream->ids[i].asks && stream->ids[i].ret == ret && stream->ids[i].fn == fn) {
			return i;
		}
	}
	stream->id_count++;
	tracegen_require(stream->id_count < TRACEGEN_IDS_MAX);
	stream->ids[stream->id_count] = (struct tracegen_id){ .ret = ret, .fn = fn, .asks = true };
	set_words(record + 2, ret, 3);
	record[5] = (uint16_t)which;
	tracegen_put(stream, record, 6);
	*units = 0;
	return stream->id_count;
}

/* Steps of 16 bytes from the latest block, modulo 48 bits; false: it cannot be said so. */
static bool distance_of(
	const struct tracegen_stream *stream, uint64_t address, uint32_t *ret_distance)
{
	uint64_t bytes = (address - stream->latest) & ADDRESS_MASK;
	int64_t steps = (int64_t)(bytes << 16) >> 20;

	*ret_distance = (uint32_t)steps;
	return (bytes & 15) == 0 && steps >= INT32_MIN && steps <= INT32_MAX;
}

/* Does the distance fit the near records, and the time their argument? */
static bool is_near(uint32_t units, uint32_t distance)
{
	return units <= 255 && (int32_t)distance >= INT16_MIN && (int32_t)distance <= INT16_MAX;
}

/* What glibc gives beyond `bytes`: chunks of 16 bytes, 8 of them its own, 32 at least. */
static uint64_t usual_slack(uint64_t bytes)
{
	uint64_t chunk = (bytes + 8 + 15) / 16 * 16;

	return (chunk < 32 ? 32 : chunk) - 8 - bytes;
}

static void put_alloc_long(struct tracegen_stream *stream, uint32_t units, uint32_t id,
	uint64_t address, uint64_t bytes, uint64_t slack)
{
	uint16_t record[11] = { tracegen_head(HST_OP_ALLOC_LONG, 0), (uint16_t)units,
		(uint16_t)id };

	set_words(record + 3, address, 3);
	set_words(record + 6, bytes, 3);
	set_words(record + 9, slack == UINT64_MAX ? HST_SLACK_LONG_UNKNOWN : slack, 2);
	tracegen_put(stream, record, 11);
}

void tracegen_alloc(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret,
	enum hst_allocator which, uint64_t address, uint64_t bytes, uint64_t slack)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint32_t id = place(stream, ret, which, &units);
	uint32_t distance;

	if (address == 0 || bytes > UINT16_MAX || !distance_of(stream, address, &distance) ||
		(slack != UINT64_MAX && slack >= HST_SLACK_SHORT_UNKNOWN)) {
		put_alloc_long(stream, units, id, address, bytes, slack);
	} else if (is_near(units, distance) && slack == usual_slack(bytes)) {
		uint16_t record[4] = { tracegen_head(HST_OP_ALLOC_NEAR, units), (uint16_t)id,
			(uint16_t)distance, (uint16_t)bytes };

		tracegen_put(stream, record, 4);
	} else {
		uint32_t known = slack != UINT64_MAX ? (uint32_t)slack : HST_SLACK_SHORT_UNKNOWN;
		uint16_t record[6] = { tracegen_head(HST_OP_ALLOC, known), (uint16_t)units,
			(uint16_t)id, (uint16_t)distance, (uint16_t)(distance >> 16),
			(uint16_t)bytes };

		tracegen_put(stream, record, 6);
	}
	stream->latest = address != 0 ? address : stream->latest;
}

static void put_free(
	struct tracegen_stream *stream, uint64_t ticks, uint64_t address, uint32_t argument)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint16_t record[5] = { 0, (uint16_t)units };
	uint32_t distance;
	bool known = distance_of(stream, address, &distance);

	if (known && argument == 0 && is_near(units, distance)) {
		record[0] = tracegen_head(HST_OP_FREE_NEAR, units);
		record[1] = (uint16_t)distance;
		tracegen_put(stream, record, 2);
	} else if (known) {
		record[0] = tracegen_head(HST_OP_FREE, argument);
		set_words(record + 2, distance, 2);
		tracegen_put(stream, record, 4);
	} else {
		record[0] = tracegen_head(HST_OP_FREE_LONG, argument);
		set_words(record + 2, address, 3);
		tracegen_put(stream, record, 5);
	}
	stream->latest = address;
}

void tracegen_free(struct tracegen_stream *stream, uint64_t ticks, uint64_t address)
{
	put_free(stream, ticks, address, 0);
}

void tracegen_release(struct tracegen_stream *stream, uint64_t ticks, uint64_t address)
{
	put_free(stream, ticks, address, 1);
}

void tracegen_realloc_end(struct tracegen_stream *stream, uint64_t ticks, bool freed)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint16_t record[2] = { tracegen_head(HST_OP_REALLOC_END, freed), (uint16_t)units };

	tracegen_put(stream, record, 2);
}

void tracegen_allocator(
	struct tracegen_stream *stream, uint64_t ticks, uint64_t elapsed, uint32_t calls)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint16_t record[4] = { tracegen_head(HST_OP_ALLOCATOR, calls), (uint16_t)units };

	set_words(record + 2, elapsed >> HST_TIME_SHIFT, 2);
	tracegen_put(stream, record, 4);
}

void tracegen_map(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret,
	enum hst_allocator which, uint64_t address, uint64_t bytes, uint32_t flags)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint32_t id = place(stream, ret, which, &units);
	uint16_t record[9] = { tracegen_head(HST_OP_MAP, flags), (uint16_t)units, (uint16_t)id };

	set_words(record + 3, address, 3);
	set_words(record + 6, bytes, 3);
	tracegen_put(stream, record, 9);
}

void tracegen_unmap(
	struct tracegen_stream *stream, uint64_t ticks, uint64_t address, uint64_t bytes)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint16_t record[8] = { tracegen_head(HST_OP_UNMAP, 0), (uint16_t)units };

	set_words(record + 2, address, 3);
	set_words(record + 5, bytes, 3);
	tracegen_put(stream, record, 8);
}

void tracegen_stack(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret, uint64_t bytes)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint32_t id = place(stream, ret, HST_ALLOCATOR_THREAD, &units);
	uint16_t record[6] = { tracegen_head(HST_OP_STACK, 0), (uint16_t)units, (uint16_t)id };

	set_words(record + 3, bytes, 3);
	tracegen_put(stream, record, 6);
}

void tracegen_memory(struct tracegen_stream *stream, uint64_t ticks, uint32_t resident,
	uint32_t heap, uint32_t address_space)
{
	uint32_t units = tracegen_prepare(stream, ticks, WORDS_MAX, HST_TIME_MASK);
	uint16_t record[8] = { tracegen_head(HST_OP_MEMORY, 0), (uint16_t)units };

	set_words(record + 2, resident, 2);
	set_words(record + 4, heap, 2);
	set_words(record + 6, address_space, 2);
	tracegen_put(stream, record, 8);
}
