/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The synthetic writer: docs/trace-format.md turned into code as plainly as possible. The file
 * grows in memory; a stream's tail is a place in it, like the mapped tail of the real writer.
 */
#include "tracegen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES_DEFAULT 4096u
#define IDS_MAX             8192u
#define STREAMS_MAX         4096u
#define TRAILER_BYTES       8u

struct frame {
	uint64_t ret;
	uint64_t fn;
	uint32_t id;
	uint32_t last;
};

struct stack {
	uint32_t fiber;
	uint64_t chunk; /* sequence in which it was present last */
	uint32_t root_last;
	struct frame *frames;
	size_t depth;
	size_t capacity;
};

struct id {
	uint64_t ret;
	uint64_t fn;
};

struct tracegen_stream {
	struct tracegen *gen;
	uint32_t number;
	uint32_t tid;
	uint16_t lane;
	uint32_t parent;
	uint64_t tail;     /* offset of the tail block, 0 none yet */
	uint64_t seq;      /* of the present chunk */
	uint64_t previous; /* offset of the one before */
	bool open;         /* a chunk is being written */
	bool dead;         /* no more events */
	uint64_t ticks;    /* of the last record */
	uint32_t low_water;
	uint32_t low_before;
	uint64_t first_ticks;
	struct hst_ledger ledger;
	struct stack *stacks;
	size_t stack_count;
	size_t present;
	/* present chunk */
	uint8_t *chunk;
	size_t records; /* offset of the first record */
	size_t at;      /* offset of the next one */
	struct id ids[IDS_MAX];
	uint32_t id_count;
	uint16_t predictor[HST_PREDICTOR_SLOTS];
};

struct tracegen {
	struct tracegen_options options;
	uint8_t *data;
	size_t bytes;
	size_t capacity;
	uint32_t generation;
	struct tracegen_stream *streams[STREAMS_MAX];
	uint32_t stream_count;
};

static void *checked(void *memory)
{
	if (memory == NULL) {
		abort();
	}
	return memory;
}

static void require(bool condition)
{
	if (!condition) {
		(void)fprintf(stderr, "tracegen: wrong use\n");
		abort();
	}
}

/* Appends zeros; returns where they begin. */
static size_t extend(struct tracegen *gen, size_t bytes)
{
	size_t at = gen->bytes;

	if (gen->bytes + bytes > gen->capacity) {
		gen->capacity = (gen->bytes + bytes) * 2;
		gen->data = checked(realloc(gen->data, gen->capacity));
	}
	memset(gen->data + at, 0, bytes);
	gen->bytes += bytes;
	return at;
}

struct hst_file_header *tracegen_header(struct tracegen *gen)
{
	return (struct hst_file_header *)(void *)gen->data;
}

struct tracegen *tracegen_create(const struct tracegen_options *options)
{
	struct tracegen *gen = checked(calloc(1, sizeof *gen));
	struct hst_file_header *header;

	if (options != NULL) {
		gen->options = *options;
	}
	if (gen->options.chunk_bytes == 0) {
		gen->options.chunk_bytes = CHUNK_BYTES_DEFAULT;
	}
	require(gen->options.chunk_bytes % 16 == 0 && gen->options.chunk_bytes >= 512 &&
		gen->options.chunk_bytes <= HST_CHUNK_BYTES_MAX);
	(void)extend(gen, HST_HEADER_BYTES);
	header = tracegen_header(gen);
	memcpy(header->magic, HST_TRACE_MAGIC, 8);
	header->major = HST_TRACE_MAJOR;
	header->minor = HST_TRACE_MINOR;
	header->header_bytes = HST_HEADER_BYTES;
	header->endian = HST_TRACE_ENDIAN;
	header->pointer_bytes = 8;
	header->clock = HST_CLOCK_TSC;
	header->time_shift = HST_TIME_SHIFT;
	header->flags = gen->options.flags;
	header->pid = gen->options.pid != 0 ? gen->options.pid : 4711;
	header->ppid = 1;
	header->start.ticks = gen->options.start_ticks;
	header->start.mono_ns = 1000000000u + gen->options.start_ticks / 2;
	header->start_real_ns = 1700000000000000000u;
	header->sync[0] = header->start;
	header->tsc_hz = 2000000000u;
	header->end_status = -1;
#define HST_RECORD(NAME, name, number, words, text) header->op_words[number] = (words);
#include "hasten/records.def"
#undef HST_RECORD
	memcpy(header->comm, "app", 4);
	memcpy(header->exe, "/usr/bin/app", 13);
	return gen;
}

static void free_stream(struct tracegen_stream *stream)
{
	size_t i;

	for (i = 0; i < stream->stack_count; i++) {
		free(stream->stacks[i].frames);
	}
	free(stream->stacks);
	free(stream->chunk);
	free(stream);
}

void tracegen_destroy(struct tracegen *gen)
{
	uint32_t i;

	if (gen == NULL) {
		return;
	}
	for (i = 0; i < gen->stream_count; i++) {
		free_stream(gen->streams[i]);
	}
	free(gen->data);
	free(gen);
}

uint64_t tracegen_block(
	struct tracegen *gen, uint16_t type, uint16_t flags, const void *payload, size_t bytes)
{
	size_t whole = (sizeof(struct hst_block) + bytes + 15) / 16 * 16;
	size_t at = extend(gen, whole);
	struct hst_block block = {
		.magic = HST_BLOCK_MAGIC, .type = type, .flags = flags, .bytes = (uint32_t)whole
	};

	memcpy(gen->data + at, &block, sizeof block);
	if (bytes != 0) {
		memcpy(gen->data + at + sizeof block, payload, bytes);
	}
	return at;
}

void tracegen_raw(struct tracegen *gen, const void *data, size_t bytes)
{
	size_t at = extend(gen, bytes);

	require(bytes % 16 == 0);
	memcpy(gen->data + at, data, bytes);
}

/* A block whose struct has the block header as its first member, with text behind. */
static void text_block(
	struct tracegen *gen, uint16_t type, const void *fields, size_t bytes, const char *text)
{
	size_t length = strlen(text);
	size_t rest = bytes - sizeof(struct hst_block);
	uint8_t *payload = checked(calloc(1, rest + length + 1));

	memcpy(payload, (const uint8_t *)fields + sizeof(struct hst_block), rest);
	memcpy(payload + rest, text, length);
	(void)tracegen_block(gen, type, 0, payload, rest + length);
	free(payload);
}

/* Every stream sees the new list of modules in its next chunk. */
static void next_generation(struct tracegen *gen)
{
	uint32_t i;

	gen->generation++;
	tracegen_header(gen)->generation = gen->generation;
	for (i = 0; i < gen->stream_count; i++) {
		if (gen->streams[i]->open && !gen->streams[i]->dead) {
			tracegen_rollover(gen->streams[i]);
		}
	}
}

void tracegen_module(struct tracegen *gen, const char *path, uint64_t bias, uint64_t lo,
	uint64_t hi, const void *build_id, size_t build_id_bytes)
{
	struct hst_module_block module = { .bias = bias, .lo = lo, .hi = hi };

	require(build_id_bytes <= sizeof module.build_id);
	module.main = gen->generation == 0;
	next_generation(gen);
	module.generation = gen->generation;
	module.path_bytes = (uint16_t)strlen(path);
	module.build_id_bytes = (uint8_t)build_id_bytes;
	if (build_id_bytes != 0) {
		memcpy(module.build_id, build_id, build_id_bytes);
	}
	text_block(gen, HST_BLOCK_MODULE, &module, sizeof module, path);
}

void tracegen_gone(struct tracegen *gen, uint64_t bias, uint64_t lo, uint64_t ticks)
{
	struct hst_gone_block gone = { .bias = bias, .lo = lo, .ticks = ticks };

	next_generation(gen);
	gone.generation = gen->generation;
	text_block(gen, HST_BLOCK_GONE, &gone, sizeof gone, "");
}

void tracegen_region(struct tracegen *gen, uint32_t number, const char *name)
{
	struct hst_name_block block = { .number = number, .name_bytes = (uint32_t)strlen(name) };

	text_block(gen, HST_BLOCK_NAME, &block, sizeof block, name);
}

struct tracegen_stream *tracegen_thread(
	struct tracegen *gen, uint32_t tid, enum hst_lane lane, struct tracegen_stream *interrupted)
{
	struct tracegen_stream *stream = checked(calloc(1, sizeof *stream));

	require(gen->stream_count < STREAMS_MAX);
	gen->streams[gen->stream_count++] = stream;
	tracegen_header(gen)->streams = gen->stream_count;
	stream->gen = gen;
	stream->number = gen->stream_count;
	stream->tid = tid;
	stream->lane = (uint16_t)lane;
	stream->parent = interrupted == NULL ? 0 : interrupted->number;
	stream->stacks = checked(calloc(1, sizeof *stream->stacks));
	stream->stack_count = 1;
	stream->chunk = checked(calloc(1, gen->options.chunk_bytes));
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

static void push(struct stack *stack, struct frame frame)
{
	if (stack->depth == stack->capacity) {
		stack->capacity = stack->capacity * 2 + 16;
		stack->frames =
			checked(realloc(stack->frames, stack->capacity * sizeof *stack->frames));
	}
	stack->frames[stack->depth++] = frame;
}

void tracegen_inherit(struct tracegen_stream *stream, uint64_t ret, uint64_t fn)
{
	require(stream->seq == 0);
	push(&stream->stacks[0], (struct frame){ .ret = ret, .fn = fn });
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
		if (stream->ids[i].ret == ret) {
			return i;
		}
	}
	return 0;
}

static uint32_t define_id(struct tracegen_stream *stream, uint64_t ret, uint64_t fn)
{
	stream->id_count++;
	require(stream->id_count < IDS_MAX);
	stream->ids[stream->id_count] = (struct id){ .ret = ret, .fn = fn };
	return stream->id_count;
}

/* Lists the innermost frames in the chunk and gives them ids; all others lose theirs. */
static uint32_t list_frames(struct tracegen_stream *stream)
{
	struct stack *stack = &stream->stacks[stream->present];
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
		struct frame *frame = &stack->frames[i];
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

	require(!stream->dead);
	if (stream->tail == 0 && !gen->options.no_tails) {
		stream->tail = extend(gen, gen->options.chunk_bytes);
	}
	memset(stream->chunk, 0, gen->options.chunk_bytes);
	memset(stream->predictor, 0, sizeof stream->predictor);
	stream->id_count = 0;
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
	size_t at = extend(gen, whole);

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
	require(stream->open && stream->tail != 0 && bytes != 0);
	append_chunk(stream, bytes);
	stream->dead = true;
}

void tracegen_stale_tail(struct tracegen_stream *stream)
{
	require(stream->open && stream->tail != 0);
	append_chunk(stream, 0);
	stream->dead = true;
}

/* Adds a record as it is; the caller made sure that there is room. */
static void put(struct tracegen_stream *stream, const uint16_t *words, size_t count)
{
	memcpy(stream->chunk + stream->at, words, count * sizeof *words);
	stream->at += count * sizeof *words;
}

static bool has_room(const struct tracegen_stream *stream, size_t words)
{
	return stream->at + words * 2 + TRAILER_BYTES <= stream->gen->options.chunk_bytes;
}

static uint16_t head(enum hst_op op, uint32_t argument)
{
	return (uint16_t)(HST_KIND_EXTENDED << HST_KIND_SHIFT | (uint32_t)op << 8 | argument);
}

/*
 * Makes room for a record of at most `words` (and for the time records before it), then returns its
 * time in units, at most `max`: what is more goes into time records.
 */
static uint32_t prepare(struct tracegen_stream *stream, uint64_t ticks, size_t words, uint32_t max)
{
	uint64_t units;

	if (stream->open && !has_room(stream, words + 8)) {
		tracegen_rollover(stream);
	}
	if (!stream->open) {
		begin_chunk(stream, ticks);
	}
	require(!stream->dead && ticks >> HST_TIME_SHIFT >= stream->ticks >> HST_TIME_SHIFT);
	units = (ticks >> HST_TIME_SHIFT) - (stream->ticks >> HST_TIME_SHIFT);
	stream->ticks = ticks >> HST_TIME_SHIFT << HST_TIME_SHIFT;
	if (units >> (24 + HST_TIME_BITS) != 0) {
		uint16_t record[5] = { head(HST_OP_TIME_LONG, 0), (uint16_t)units,
			(uint16_t)(units >> 16), (uint16_t)(units >> 32), (uint16_t)(units >> 48) };

		put(stream, record, 5);
		return 0;
	}
	if (units > max) {
		uint32_t steps = (uint32_t)(units >> HST_TIME_BITS);
		uint16_t record[2] = { head(HST_OP_TIME, steps >> 16), (uint16_t)steps };

		put(stream, record, 2);
		units &= HST_TIME_MASK;
	}
	return (uint32_t)units;
}

static struct stack *present_stack(struct tracegen_stream *stream)
{
	return &stream->stacks[stream->present];
}

/* The record of an enter of a known id that is not the predicted one. */
static void put_id(struct tracegen_stream *stream, uint32_t units, uint32_t id)
{
	uint16_t record[3];

	if (units <= 255) {
		record[0] = head(HST_OP_ENTER_ID, units);
		record[1] = (uint16_t)id;
		put(stream, record, 2);
		return;
	}
	record[0] = head(HST_OP_ENTER_LONG, 0);
	record[1] = (uint16_t)units;
	record[2] = (uint16_t)id;
	put(stream, record, 3);
}

static void put_new(struct tracegen_stream *stream, uint32_t units, uint64_t ret, uint64_t fn)
{
	uint16_t record[8] = { head(HST_OP_ENTER_NEW, 0), (uint16_t)units, (uint16_t)ret,
		(uint16_t)(ret >> 16), (uint16_t)(ret >> 32), (uint16_t)fn, (uint16_t)(fn >> 16),
		(uint16_t)(fn >> 32) };

	put(stream, record, 8);
}

void tracegen_enter(struct tracegen_stream *stream, uint64_t ticks, uint64_t ret, uint64_t fn)
{
	uint32_t units = prepare(stream, ticks, 8, HST_TIME_MASK);
	struct stack *stack = present_stack(stream);
	struct frame *caller = stack->depth == 0 ? NULL : &stack->frames[stack->depth - 1];
	uint32_t caller_id = caller == NULL ? 0 : caller->id;
	uint32_t *last = caller == NULL ? &stack->root_last : &caller->last;
	uint32_t slot = (caller_id * 2654435761u + *last * 2246822519u) >> 20;
	uint32_t id = find_id(stream, ret);
	uint16_t record;

	if (id == 0) {
		id = define_id(stream, ret, fn);
		put_new(stream, units, ret, fn);
	} else if (stream->predictor[slot] == id) {
		record = (uint16_t)(HST_KIND_PREDICTED << HST_KIND_SHIFT | units);
		put(stream, &record, 1);
	} else {
		put_id(stream, units, id);
	}
	stream->predictor[slot] = (uint16_t)id;
	*last = id;
	push(stack, (struct frame){ .ret = ret, .fn = fn, .id = id });
}

static void pop(struct tracegen_stream *stream, uint32_t count)
{
	struct stack *stack = present_stack(stream);

	require(stack->depth >= count);
	stack->depth -= count;
	if (stack->depth < stream->low_water) {
		stream->low_water = (uint32_t)stack->depth;
	}
}

void tracegen_exit(struct tracegen_stream *stream, uint64_t ticks)
{
	uint32_t units = prepare(stream, ticks, 1, HST_TIME_MASK);
	uint16_t record = (uint16_t)(HST_KIND_EXIT << HST_KIND_SHIFT | units);

	put(stream, &record, 1);
	pop(stream, 1);
}

/* A record of a time word and, by `words` 3, a 32-bit number. */
static void mark(struct tracegen_stream *stream, uint64_t ticks, uint16_t first, uint32_t number,
	size_t words)
{
	uint32_t units = prepare(stream, ticks, words + 1, UINT16_MAX);
	uint16_t record[4] = { first, (uint16_t)units, (uint16_t)number, (uint16_t)(number >> 16) };

	put(stream, record, words + 1);
}

void tracegen_exit_error(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, head(HST_OP_EXIT_ERROR, 0), 0, 1);
	pop(stream, 1);
}

void tracegen_unwind(
	struct tracegen_stream *stream, uint64_t ticks, uint32_t reason, uint32_t count)
{
	mark(stream, ticks, head(HST_OP_UNWIND, reason), count, 3);
	pop(stream, count);
}

void tracegen_lost(struct tracegen_stream *stream, uint64_t ticks, uint32_t count)
{
	stream->ledger.lost_calls += count;
	mark(stream, ticks, head(HST_OP_LOST, 0), count, 3);
}

void tracegen_pause(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, head(HST_OP_PAUSE, 0), 0, 1);
	tracegen_rollover(stream);
}

void tracegen_limit(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, head(HST_OP_LIMIT, 0), 0, 1);
	tracegen_rollover(stream);
}

void tracegen_thread_end(struct tracegen_stream *stream, uint64_t ticks)
{
	mark(stream, ticks, head(HST_OP_THREAD_END, 0), 0, 1);
}

void tracegen_switch(struct tracegen_stream *stream, uint64_t ticks, uint32_t fiber)
{
	struct stack *stack;
	size_t i;

	mark(stream, ticks, head(HST_OP_SWITCH, 0), fiber, 3);
	stream->ledger.switches++;
	for (i = 0; i < stream->stack_count && stream->stacks[i].fiber != fiber; i++) {
	}
	if (i == stream->stack_count) {
		stream->stacks = checked(realloc(stream->stacks, (i + 1) * sizeof *stream->stacks));
		stream->stacks[i] = (struct stack){ .fiber = fiber, .chunk = stream->seq };
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
	(void)prepare(stream, stream->ticks, count, HST_TIME_MASK);
	put(stream, words, count);
}

uint64_t tracegen_profile(struct tracegen *gen, struct tracegen_stream *stream,
	const struct hst_profile_node *nodes, uint32_t node_count, uint32_t node_capacity,
	const struct hst_profile_open *open, uint32_t open_count)
{
	size_t open_at = sizeof(struct hst_profile_block);
	size_t nodes_at = open_at + HST_PROFILE_OPEN_MAX * sizeof *open;
	size_t bytes = nodes_at + node_capacity * sizeof *nodes;
	struct hst_profile_block block = { .generation = gen->generation,
		.depth = open_count,
		.nodes = node_count,
		.node_capacity = node_capacity,
		.threads = 1 };
	uint8_t *whole = checked(calloc(1, bytes));
	uint64_t at;

	require(node_count <= node_capacity && open_count <= HST_PROFILE_OPEN_MAX);
	if (stream != NULL) {
		block.stream = stream->number;
		block.tid = stream->tid;
		block.lane = stream->lane;
		block.thread_start = stream->first_ticks;
		block.start.ticks = stream->ticks;
		block.start.mono_ns = 1000000000u + stream->ticks / 2;
		block.ledger = stream->ledger;
	}
	memcpy(whole, &block, sizeof block);
	memcpy(whole + nodes_at, nodes, node_count * sizeof *nodes);
	if (open_count != 0) {
		memcpy(whole + open_at, open, open_count * sizeof *open);
	}
	at = tracegen_block(gen, HST_BLOCK_PROFILE, 0, whole + sizeof(struct hst_block),
		bytes - sizeof(struct hst_block));
	free(whole);
	return at;
}

void tracegen_end(struct tracegen *gen, uint64_t ticks, enum hst_end kind, int32_t status)
{
	struct hst_file_header *header = tracegen_header(gen);

	header->end.ticks = ticks;
	header->end.mono_ns = 1000000000u + ticks / 2;
	header->sync[0] = header->end;
	header->end_kind = kind;
	header->end_status = status;
}

const uint8_t *tracegen_bytes(struct tracegen *gen, size_t *ret_bytes)
{
	uint32_t i;

	for (i = 0; i < gen->stream_count; i++) {
		struct tracegen_stream *stream = gen->streams[i];

		if (!stream->open) {
			continue;
		}
		if (gen->options.no_tails) {
			append_chunk(stream, 0);
		} else {
			chunk_header(stream)->ledger = stream->ledger;
			copy_to_tail(stream);
		}
	}
	tracegen_header(gen)->file_end = gen->bytes;
	*ret_bytes = gen->bytes;
	return gen->data;
}

static bool write_all(int fd, const uint8_t *data, size_t bytes)
{
	while (bytes != 0) {
		ssize_t wrote = write(fd, data, bytes);

		if (wrote <= 0) {
			return false;
		}
		data += wrote;
		bytes -= (size_t)wrote;
	}
	return true;
}

bool tracegen_save(struct tracegen *gen, const char *path)
{
	FILE *file = fopen(path, "wbe");
	size_t bytes;
	const uint8_t *data = tracegen_bytes(gen, &bytes);
	bool good;

	if (file == NULL) {
		return false;
	}
	good = write_all(fileno(file), data, bytes);
	return fclose(file) == 0 && good;
}

int tracegen_memfd(struct tracegen *gen)
{
	int fd = memfd_create("tracegen", MFD_CLOEXEC);
	size_t bytes;
	const uint8_t *data = tracegen_bytes(gen, &bytes);

	if (fd >= 0 && (!write_all(fd, data, bytes) || lseek(fd, 0, SEEK_SET) != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}
