/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the synthetic writer: chunks, frames, the predictor and the records of calls. */
#include "tracegen_state.h"

#include <stdlib.h>
#include <string.h>

#define TRAILER_BYTES 8u

void tracegen_stream_free(struct tracegen_stream *stream)
{
	size_t i;

	for (i = 0; i < stream->stack_count; i++) {
		free(stream->stacks[i].frames);
	}
	free(stream->stacks);
	free(stream->chunk);
	free(stream);
}

struct tracegen_stream *tracegen_thread(
	struct tracegen *gen, uint32_t tid, enum hst_lane lane, struct tracegen_stream *interrupted)
{
	struct tracegen_stream *stream = tracegen_checked(calloc(1, sizeof *stream));

	tracegen_require(gen->stream_count < TRACEGEN_STREAMS_MAX);
	gen->streams[gen->stream_count++] = stream;
	tracegen_header(gen)->streams = gen->stream_count;
	stream->gen = gen;
	stream->number = gen->stream_count;
	stream->tid = tid;
	stream->lane = (uint16_t)lane;
	stream->parent = interrupted == NULL ? 0 : interrupted->number;
	stream->stacks = tracegen_checked(calloc(1, sizeof *stream->stacks));
	stream->stack_count = 1;
	stream->chunk = tracegen_checked(calloc(1, gen->options.chunk_bytes));
	stream->ticks = gen->options.start_ticks;
	return stream;
}

uint32_t tracegen_stream_number(const struct tracegen_stream *stream)
{
	return stream->number;
}

uint32_t tracegen_depth(const struct tracegen_stream *stream)
{
	return (uint32_t)stream->stacks[stream->present].depth;
}

struct hst_ledger *tracegen_ledger(struct tracegen_stream *stream)
{
	return &stream->ledger;
}

static void push(struct tracegen_stack *stack, struct tracegen_frame frame)
{
	if (stack->depth == stack->capacity) {
		stack->capacity = stack->capacity * 2 + 16;
		stack->frames = tracegen_checked(
			realloc(stack->frames, stack->capacity * sizeof *stack->frames));
	}
	stack->frames[stack->depth++] = frame;
}

void tracegen_inherit(struct tracegen_stream *stream, uint64_t ret, uint64_t fn)
{
	tracegen_require(stream->seq == 0);
	push(&stream->stacks[0], (struct tracegen_frame){ .ret = ret, .fn = fn });
}

/* The tail in the file is a copy of the chunk whenever somebody looks, like a mapping. */
static void copy_to_tail(struct tracegen_stream *stream)
{
	if (stream->tail != 0) {
		memcpy(stream->gen->data + stream->tail, stream->chunk,
			stream->gen->options.chunk_bytes);
	}
}

static uint32_t find_id(const struct tracegen_stream *stream, uint64_t ret)
{
	uint32_t i;

	for (i = 1; i <= stream->id_count; i++) {
		if (stream->ids[i].ret == ret && !stream->ids[i].asks) {
			return i;
		}
	}
	return 0;
}

static uint32_t define_id(struct tracegen_stream *stream, uint64_t ret, uint64_t fn)
{
	stream->id_count++;
	tracegen_require(stream->id_count < TRACEGEN_IDS_MAX);
	stream->ids[stream->id_count] = (struct tracegen_id){ .ret = ret, .fn = fn };
	return stream->id_count;
}

/* Lists the innermost frames in the chunk and gives them ids; all others lose theirs. */
static uint32_t list_frames(struct tracegen_stream *stream)
{
	struct tracegen_stack *stack = &stream->stacks[stream->present];
	uint32_t listed =
		stack->depth < HST_CHUNK_FRAMES_MAX ? (uint32_t)stack->depth : HST_CHUNK_FRAMES_MAX;
	/* Small chunks keep half of their room for records. */
	uint32_t fit = (stream->gen->options.chunk_bytes - (uint32_t)sizeof(struct hst_chunk)) /
		       (2 * (uint32_t)sizeof(struct hst_frame));
	size_t i;

	listed = listed < fit ? listed : fit;
	stack->root_last = 0;
	stack->chunk = stream->seq;
	for (i = 0; i < stack->depth; i++) {
		struct tracegen_frame *frame = &stack->frames[i];
		struct hst_frame on_disk = { .ret = frame->ret, .fn = frame->fn };
		size_t place = i - (stack->depth - listed);

		frame->last = 0;
		frame->id = 0;
		if (i < stack->depth - listed) {
			continue;
		}
		frame->id = find_id(stream, frame->ret);
		if (frame->id == 0) {
			frame->id = define_id(stream, frame->ret, frame->fn);
		}
		memcpy(stream->chunk + sizeof(struct hst_chunk) + place * sizeof on_disk, &on_disk,
			sizeof on_disk);
	}
	return listed;
}

static struct hst_chunk *chunk_header(struct tracegen_stream *stream)
{
	return (struct hst_chunk *)(void *)stream->chunk;
}

static void begin_chunk(struct tracegen_stream *stream, uint64_t ticks)
{
	struct tracegen *gen = stream->gen;
	struct hst_chunk *chunk = chunk_header(stream);

	tracegen_require(!stream->dead);
	if (stream->tail == 0 && !gen->options.no_tails) {
		stream->tail = tracegen_extend(gen, gen->options.chunk_bytes);
	}
	memset(stream->chunk, 0, gen->options.chunk_bytes);
	memset(stream->predictor, 0, sizeof stream->predictor);
	stream->id_count = 0;
	stream->latest = 0;
	stream->seq++;
	stream->open = true;
	if (stream->first_ticks == 0) {
		stream->first_ticks = ticks;
	}
	stream->ticks = ticks & ~(uint64_t)((1u << HST_TIME_SHIFT) - 1);
	chunk->block.magic = HST_BLOCK_MAGIC;
	chunk->block.type = HST_BLOCK_CHUNK;
	chunk->block.flags = HST_BLOCK_TAIL;
	chunk->block.bytes = gen->options.chunk_bytes;
	chunk->stream = stream->number;
	chunk->tid = stream->tid;
	chunk->seq = stream->seq;
	chunk->previous = stream->previous;
	chunk->start.ticks = ticks;
	chunk->start.mono_ns = 1000000000u + ticks / 2;
	chunk->generation = gen->generation;
	chunk->clock_mode = stream->clock_mode;
	chunk->depth = tracegen_depth(stream);
	chunk->low_water = stream->low_before;
	chunk->lane = stream->lane;
	chunk->fiber = stream->stacks[stream->present].fiber;
	chunk->parent_stream = stream->parent;
	chunk->ledger = stream->ledger;
	chunk->thread_start = stream->first_ticks;
	chunk->frames = (uint16_t)list_frames(stream);
	stream->records = sizeof *chunk + chunk->frames * sizeof(struct hst_frame);
	stream->at = stream->records;
	stream->low_water = chunk->depth;
}

/* Seals the chunk and appends the first `bytes` of it (all by 0). */
static void append_chunk(struct tracegen_stream *stream, size_t bytes)
{
	struct tracegen *gen = stream->gen;
	struct hst_chunk *chunk = chunk_header(stream);
	uint64_t trailer = HST_CHUNK_TRAILER ^ stream->seq;
	size_t whole = (stream->at + TRAILER_BYTES + 15) / 16 * 16;
	size_t at = tracegen_extend(gen, whole);

	chunk->used = (uint32_t)(stream->at - stream->records);
	chunk->ledger = stream->ledger;
	copy_to_tail(stream);
	chunk->block.flags = 0;
	chunk->block.bytes = (uint32_t)whole;
	memcpy(stream->chunk + whole - TRAILER_BYTES, &trailer, sizeof trailer);
	memcpy(gen->data + at, stream->chunk, bytes == 0 || bytes > whole ? whole : bytes);
	stream->previous = at;
	stream->low_before = stream->low_water;
	stream->open = false;
}

void tracegen_rollover(struct tracegen_stream *stream)
{
	if (stream->open) {
		append_chunk(stream, 0);
	}
}

void tracegen_gap(struct tracegen_stream *stream)
{
	tracegen_rollover(stream);
	stream->seq++;
}

void tracegen_kill_while_appending(struct tracegen_stream *stream, size_t bytes)
{
	tracegen_require(stream->open && stream->tail != 0 && bytes != 0);
	append_chunk(stream, bytes);
	stream->dead = true;
}

void tracegen_stale_tail(struct tracegen_stream *stream)
{
	tracegen_require(stream->open && stream->tail != 0);
	append_chunk(stream, 0);
	stream->dead = true;
}

void tracegen_put(struct tracegen_stream *stream, const uint16_t *words, size_t count)
{
	memcpy(stream->chunk + stream->at, words, count * sizeof *words);
	stream->at += count * sizeof *words;
}

static bool has_room(const struct tracegen_stream *stream, size_t words)
{
	return stream->at + words * 2 + TRAILER_BYTES <= stream->gen->options.chunk_bytes;
}

uint32_t tracegen_prepare(
	struct tracegen_stream *stream, uint64_t ticks, size_t words, uint32_t max)
{
	uint64_t units;

	if (stream->open && !has_room(stream, words + 8)) {
		tracegen_rollover(stream);
	}
	if (!stream->open) {
		begin_chunk(stream, ticks);
	}
	tracegen_require(
		!stream->dead && ticks >> HST_TIME_SHIFT >= stream->ticks >> HST_TIME_SHIFT);
	units = (ticks >> HST_TIME_SHIFT) - (stream->ticks >> HST_TIME_SHIFT);
	stream->ticks = ticks >> HST_TIME_SHIFT << HST_TIME_SHIFT;
	if (units >> (24 + HST_TIME_BITS) != 0) {
		uint16_t record[5] = { tracegen_head(HST_OP_TIME_LONG, 0), (uint16_t)units,
			(uint16_t)(units >> 16), (uint16_t)(units >> 32), (uint16_t)(units >> 48) };

		tracegen_put(stream, record, 5);
		return 0;
	}
	if (units > max) {
		uint32_t steps = (uint32_t)(units >> HST_TIME_BITS);
		uint16_t record[2] = { tracegen_head(HST_OP_TIME, steps >> 16), (uint16_t)steps };

		tracegen_put(stream, record, 2);
		units &= HST_TIME_MASK;
	}
	return (uint32_t)units;
}

static struct tracegen_stack *present_stack(struct tracegen_stream *stream)
{
	return &stream->stacks[stream->present];
}

/* The record of an enter of a known id that is not the predicted one. */
static void put_id(struct tracegen_stream *stream, uint32_t units, uint32_t id)
{
	uint16_t record[3];

	if (units <= 255) {
		record[0] = tracegen_head(HST_OP_ENTER_ID, units);
		record[1] = (uint16_t)id;
		tracegen_put(stream, record, 2);
		return;
	}
	record[0] = tracegen_head(HST_OP_ENTER_LONG, 0);
	record[1] = (uint16_t)units;
	record[2] = (uint16_t)id;
	tracegen_put(stream, record, 3);
}

static void put_new(struct tracegen_stream *stream, uint32_t units, uint64_t ret, uint64_t fn)
{
	uint16_t record[8] = { tracegen_head(HST_OP_ENTER_NEW, 0), (uint16_t)units, (uint16_t)ret,
		(uint16_t)(ret >> 16), (uint16_t)(ret >> 32), (uint16_t)fn, (uint16_t)(fn >> 16),
		(uint16_t)(fn >> 32) };

	tracegen_put(stream, record, 8);
}

bool tracegen_enter(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret, uint64_t fn)
{
	uint32_t units = tracegen_prepare(stream, ticks, 8, HST_TIME_MASK);
	struct tracegen_stack *stack = present_stack(stream);
	struct tracegen_frame *caller = stack->depth == 0 ? NULL : &stack->frames[stack->depth - 1];
	uint32_t caller_id = caller == NULL ? 0 : caller->id;
	uint32_t *last = caller == NULL ? &stack->root_last : &caller->last;
	uint32_t slot = (caller_id * 2654435761u + *last * 2246822519u) >> 20;
	uint32_t id = find_id(stream, ret);
	bool foretold = id != 0 && stream->predictor[slot] == id;
	uint16_t record;

	if (id == 0) {
		id = define_id(stream, ret, fn);
		put_new(stream, units, ret, fn);
	} else if (foretold) {
		record = (uint16_t)(HST_KIND_PREDICTED << HST_KIND_SHIFT | units);
		tracegen_put(stream, &record, 1);
	} else {
		put_id(stream, units, id);
	}
	stream->predictor[slot] = (uint16_t)id;
	*last = id;
	push(stack, (struct tracegen_frame){ .ret = ret, .fn = fn, .id = id });
	return foretold;
}

static void pop(struct tracegen_stream *stream, uint32_t count)
{
	struct tracegen_stack *stack = present_stack(stream);

	tracegen_require(stack->depth >= count);
	stack->depth -= count;
	if (stack->depth < stream->low_water) {
		stream->low_water = (uint32_t)stack->depth;
	}
}

void tracegen_exit(struct tracegen_stream *stream, uint64_t ticks)
{
	uint32_t units = tracegen_prepare(stream, ticks, 1, HST_TIME_MASK);
	uint16_t record = (uint16_t)(HST_KIND_EXIT << HST_KIND_SHIFT | units);

	tracegen_put(stream, &record, 1);
	pop(stream, 1);
}

/* A record of a time word and, by `words` 3, a 32-bit number. */
static void mark(struct tracegen_stream *stream, uint64_t ticks, uint16_t first, uint32_t number,
	size_t words)
{
	uint32_t units = tracegen_prepare(stream, ticks, words + 1, UINT16_MAX);
	uint16_t record[4] = { first, (uint16_t)units, (uint16_t)number, (uint16_t)(number >> 16) };

	tracegen_put(stream, record, words + 1);
}

void tracegen_exit_error(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, tracegen_head(HST_OP_EXIT_ERROR, 0), 0, 1);
	pop(stream, 1);
}

void tracegen_unwind(
	struct tracegen_stream *stream, uint64_t ticks, uint32_t reason, uint32_t count)
{
	mark(stream, ticks, tracegen_head(HST_OP_UNWIND, reason), count, 3);
	pop(stream, count);
}

void tracegen_lost(struct tracegen_stream *stream, uint64_t ticks, uint32_t count)
{
	stream->ledger.lost_calls += count;
	mark(stream, ticks, tracegen_head(HST_OP_LOST, 0), count, 3);
}

void tracegen_own(struct tracegen_stream *stream, uint64_t ticks, uint32_t units)
{
	mark(stream, ticks, tracegen_head(HST_OP_OWN, 0), units, 3);
}

void tracegen_off_cpu(struct tracegen_stream *stream, uint64_t ticks, uint64_t off, uint32_t own)
{
	uint32_t units = tracegen_prepare(stream, ticks, 5, UINT16_MAX);
	uint64_t gone = off >> HST_TIME_SHIFT;
	uint16_t record[5] = { tracegen_head(
				       HST_OP_OFF_CPU, own >> (HST_TIME_SHIFT + HST_OWN_SHIFT)),
		(uint16_t)units, (uint16_t)gone, (uint16_t)(gone >> 16), (uint16_t)(gone >> 32) };

	tracegen_put(stream, record, 5);
}

void tracegen_clock(struct tracegen_stream *stream, enum hst_clock_mode mode)
{
	stream->clock_mode = mode;
}

void tracegen_pause(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, tracegen_head(HST_OP_PAUSE, 0), 0, 1);
	tracegen_rollover(stream);
}

void tracegen_limit(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, tracegen_head(HST_OP_LIMIT, 0), 0, 1);
	tracegen_rollover(stream);
}

void tracegen_thread_end(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, tracegen_head(HST_OP_THREAD_END, 0), 0, 1);
}

void tracegen_switch(struct tracegen_stream *stream, uint64_t ticks, uint32_t fiber)
{
	struct tracegen_stack *stack;
	size_t i;

	mark(stream, ticks, tracegen_head(HST_OP_SWITCH, 0), fiber, 3);
	stream->ledger.switches++;
	for (i = 0; i < stream->stack_count && stream->stacks[i].fiber != fiber; i++) {
	}
	if (i == stream->stack_count) {
		stream->stacks =
			tracegen_checked(realloc(stream->stacks, (i + 1) * sizeof *stream->stacks));
		stream->stacks[i] = (struct tracegen_stack){ .fiber = fiber, .chunk = stream->seq };
		stream->stack_count++;
	}
	stream->present = i;
	stack = present_stack(stream);
	if (stack->chunk != stream->seq) {
		stack->chunk = stream->seq;
		stack->root_last = 0;
		for (i = 0; i < stack->depth; i++) {
			stack->frames[i].id = 0;
			stack->frames[i].last = 0;
		}
	}
}

void tracegen_words(struct tracegen_stream *stream, const uint16_t *words, size_t count)
{
	(void)tracegen_prepare(stream, stream->ticks, count, HST_TIME_MASK);
	tracegen_put(stream, words, count);
}

void tracegen_stream_show(struct tracegen_stream *stream)
{
	if (!stream->open) {
		return;
	}
	if (stream->gen->options.no_tails) {
		append_chunk(stream, 0);
	} else {
		chunk_header(stream)->ledger = stream->ledger;
		copy_to_tail(stream);
	}
}
