/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks: begin, end, and the tails that they are written in. */
#include "buffer/chunk.h"

#include "buffer/check.h"
#include "buffer/encode.h"
#include "buffer/keys.h"
#include "core/clock.h"
#include "core/cpu.h"
#include "core/process.h"
#include "core/sys.h"
#include "sink/file.h"
#include "sink/modules.h"
#include "sink/recipes.h"

#include <string.h>

#include "core/poison.h"

#define HST_FRAMES_LISTED    32u
#define HST_ROLLS_BEFORE_BIG 1u
#define HST_IDS_FEW          4u
#define HST_TAIL_LEAST       4096u /* a thread that ends leaves the next one at least this much */

void hst_ledger_move(struct hst_stream *stream, struct hst_ledger *to)
{
	struct hst_ledger *from = stream->ledger;

	if (to == NULL) {
		to = &stream->ledger_kept;
	}
	if (from != NULL && from != to) {
		*to = *from;
	}
	stream->ledger = to;
}

/* A small one stays in the file as an empty chunk: sequence 0. The first one may begin within a page that has others. */
static void tail_unmap(const struct hst_tail *tail)
{
	uint8_t *page = (uint8_t *)(((uintptr_t)tail->map + HST_PAGE - 1) & ~(HST_PAGE - 1));

	if (tail->map != NULL) {
		(void)hst_sys_munmap(page, (size_t)(tail->map + tail->bytes - page));
	}
}

/* What the last chunk can have written: with few ids, few slots. A new stream's are clear, and its pages untouched. */
static void chunk_forget(struct hst_stream *stream)
{
	uint32_t ids = stream->ids;

	if (ids > HST_IDS_FEW) {
		memset(stream->predictor, 0, sizeof stream->predictor);
	} else {
		for (uint32_t pair = 0; pair < (ids + 1) * (ids + 1); pair++) {
			stream->predictor[hst_predictor_slot(pair / (ids + 1), pair % (ids + 1))] =
				0;
		}
	}
	stream->ids = 0;
}

void hst_chunk_place(struct hst_stream *stream)
{
	bool big = stream->rolls >= HST_ROLLS_BEFORE_BIG;
	uint64_t bytes = HST_TAIL_FIRST;
	uint64_t offset;
	void *map;

	if (stream->tail.map != NULL && (!big || stream->tail.bytes == HST_CHUNK_BYTES_MAX)) {
		return;
	}
	map = big ? NULL : hst_sink_rest(HST_TAIL_LEAST, &bytes, &offset);
	if (map == NULL) {
		bytes = big ? HST_CHUNK_BYTES_MAX : HST_TAIL_FIRST;
		map = hst_sink_map(bytes, bytes, &offset);
	}
	if (map == NULL) {
		return;
	}
	/* A chunk may be open: a measurement of our own cost begins it anew, and its ledger lies in what goes. */
	hst_ledger_move(stream, NULL);
	stream->cpu.noted = NULL;
	tail_unmap(&stream->tail);
	stream->tail = (struct hst_tail){ .map = map, .offset = offset, .bytes = (uint32_t)bytes };
}

/* Lists the innermost frames and gives them ids; all others become unknown to the predictor. */
static uint32_t chunk_list_frames(struct hst_stream *stream, struct hst_frame *frames)
{
	uint32_t depth = hst_depth(stream);
	uint32_t count = depth < HST_FRAMES_LISTED ? depth : HST_FRAMES_LISTED;
	struct hst_open *entry = stream->top - count + 1;

	for (uint32_t i = 0; i < count; i++, entry++) {
		uint32_t id = 0;

		for (uint32_t k = 1; k <= stream->ids && id == 0; k++) {
			id = stream->idents[k].ret == entry->ret ? k : 0;
		}
		if (id == 0) {
			id = hst_id_define(stream, entry->ret, entry->fn, 0);
		}
		frames[i] = (struct hst_frame){ .ret = entry->ret, .fn = entry->fn };
		entry->id = (uint16_t)id;
		entry->last = 0;
	}
	stream->known = depth - count + 1;
	stream->fiber->base->id = 0;
	stream->fiber->base->last = 0;
	return count;
}

/* The block of a place in which a chunk may be written: the rest of its tail. */
static struct hst_block place_block(uint32_t bytes)
{
	return (struct hst_block){ .magic = HST_BLOCK_MAGIC,
		.type = HST_BLOCK_CHUNK,
		.flags = HST_BLOCK_TAIL,
		.bytes = bytes };
}

static void chunk_fill(
	struct hst_stream *stream, struct hst_chunk *chunk, struct hst_clock_pair now)
{
	chunk->block = place_block(stream->tail.bytes - stream->tail.parked);
	chunk->stream = stream->number;
	chunk->tid = stream->tid;
	chunk->previous = stream->previous;
	chunk->start = now;
	chunk->cpu_ns = stream->cpu.ticks != 0 ? stream->cpu.cpu_ns : 0;
	hst_cpu_note(stream, &chunk->clock_mode, true);
	chunk->generation = hst_modules_generation();
	chunk->filter_generation = 0;
	chunk->patch_generation = stream->changes;
	chunk->depth = hst_depth(stream);
	chunk->low_water = stream->low_depth;
	chunk->lane = (uint16_t)stream->lane;
	chunk->fiber = stream->fiber->number;
	chunk->parent_stream = stream->parent;
	chunk->used = 0;
	chunk->thread_start = stream->thread_start;
}

/*
 * Looks at the thread's clock: what a reader of this chunk alone begins with. Returns the ticks off the CPU since the look before,
 * which nobody has told yet.
 */
static uint64_t chunk_look(struct hst_stream *stream)
{
	struct hst_look look;
	uint64_t time = stream->time << HST_TIME_SHIFT;

	if (!hst_cpu_look(stream, &look)) {
		return 0;
	}
	return hst_cpu_within(stream, look.ticks > time ? look.ticks - time : 0, look.off);
}

bool hst_chunk_begin(struct hst_stream *stream)
{
	uint64_t off = chunk_look(stream);
	struct hst_clock_pair now = hst_clock_pair_now();
	uint64_t watch = hst_sink_watch();
	struct hst_chunk *chunk;
	uint16_t *records;

	hst_chunk_place(stream);
	if (stream->tail.map == NULL) {
		return false;
	}
	chunk = (void *)(stream->tail.map + stream->tail.parked);
	chunk->seq = 0; /* from here to the end of this function the place holds nothing valid */
	hst_barrier();
	chunk_forget(stream);
	chunk->frames = (uint16_t)chunk_list_frames(stream, (void *)(chunk + 1));
	chunk_fill(stream, chunk, now);
	hst_ledger_move(stream, &chunk->ledger);
	records = (void *)((uint8_t *)(chunk + 1) + chunk->frames * sizeof(struct hst_frame));
	records[0] = 0;
	hst_barrier();
	chunk->seq = stream->seq + 1;
	stream->seq++;
	stream->chunk = chunk;
	stream->fiber->chunk = stream->seq;
	stream->fiber->known = stream->known;
	stream->time = now.ticks >> HST_TIME_SHIFT;
	stream->block = 0;
	hst_keys_begin(stream);
	stream->low =
		stream->errors_below != 0 || stream->over != 0 ? (void *)UINTPTR_MAX : stream->top;
	stream->generation = chunk->generation;
	stream->low_depth = chunk->depth;
	stream->mode = HST_STREAM_TRACE;
	stream->suspect = false;
	hst_sink_sync(now);

	stream->window->cur = records;
	stream->window->seen = watch;
	stream->room = (void *)(stream->tail.map + stream->tail.bytes - HST_RECORD_SLACK -
				(hst_recipes_values ? HST_VALUES_SLACK : 0));
	stream->look = stream->room;
	stream->window->limit = hst_clock_tsc ? stream->room : NULL;
	if (stream->own_time) {
		stream->own_off += off;
	} else if (off != 0) {
		hst_put_off_cpu(stream, now.ticks, off, 0);
	}
	hst_cpu_told(stream);
	return true;
}

/* Sets size and trailer of the present chunk's events. Its bytes, with header and padding. */
static uint32_t chunk_finish(struct hst_stream *stream)
{
	struct hst_chunk *chunk = stream->chunk;
	uint8_t *records = (uint8_t *)(chunk + 1) + chunk->frames * sizeof(struct hst_frame);
	uint32_t used = (uint32_t)((uint8_t *)stream->window->cur - records);
	uint32_t bytes = (uint32_t)(records - (uint8_t *)chunk) + used;
	uint64_t trailer = HST_CHUNK_TRAILER ^ chunk->seq;

	if (hst_process.options.check && !stream->suspect) {
		(void)hst_chunk_check(stream);
	}
	bytes = (bytes + 2 + (uint32_t)sizeof trailer + HST_BLOCK_ALIGN - 1) &
		~(HST_BLOCK_ALIGN - 1);
	stream->window->limit = NULL;
	memcpy((uint8_t *)chunk + bytes - sizeof trailer, &trailer, sizeof trailer);
	chunk->used = used;
	return bytes;
}

static void chunk_finished(struct hst_stream *stream)
{
	hst_ledger_move(stream, NULL);
	stream->chunk = NULL;
	stream->cpu.noted = NULL;
	stream->rolls++;
}

/* The chunk ends after `bytes`. What stands behind it must be a block already: from here on readers find it. */
static void chunk_close(struct hst_chunk *chunk, uint32_t bytes)
{
	hst_barrier();
	chunk->block.bytes = bytes;
	hst_barrier();
	chunk->block.flags = 0;
}

/*
 * The process may be ended while the chunk is copied to its place, by another thread or from outside: what is left of the tail, old events
 * among it, is then a block of no type.
 */
static void chunk_cut_off(struct hst_stream *stream, struct hst_chunk *chunk, uint32_t bytes)
{
	uint32_t left = stream->tail.bytes - stream->tail.parked - bytes;
	struct hst_block *rest = (void *)((uint8_t *)chunk + bytes);

	if (left >= sizeof *rest) {
		*rest = (struct hst_block){ .magic = HST_BLOCK_MAGIC, .bytes = left };
	}
	chunk_close(chunk, bytes);
}

bool hst_chunk_end(struct hst_stream *stream)
{
	struct hst_chunk *chunk = stream->chunk;
	struct hst_chunk *first = (void *)stream->tail.map; /* those parked go with it */
	uint32_t bytes = chunk_finish(stream);
	uint64_t offset = 0;

	chunk_cut_off(stream, chunk, bytes);
	if (!hst_sink_append_events(first, stream->tail.parked + bytes, &offset)) {
		chunk->block = place_block(stream->tail.bytes - stream->tail.parked);
		chunk->used = 0;
		return false;
	}
	first->seq = 0;
	hst_barrier();
	first->block = place_block(stream->tail.bytes);
	stream->previous = offset + stream->tail.parked;
	stream->tail.parked = 0;
	chunk_finished(stream);
	return true;
}

bool hst_chunk_park(struct hst_stream *stream)
{
	struct hst_chunk *chunk = stream->chunk;
	uint32_t room = stream->tail.bytes - stream->tail.parked;
	struct hst_chunk *next;
	uint32_t bytes;

	if (hst_sink.header->ring_ns != 0 ||
		(uint8_t *)stream->window->cur + HST_TAIL_LEAST + HST_RECORD_SLACK >
			stream->tail.map + stream->tail.bytes) {
		return false;
	}
	bytes = chunk_finish(stream);
	next = (void *)((uint8_t *)chunk + bytes);
	*next = (struct hst_chunk){ .block = place_block(room - bytes) };
	chunk_close(chunk, bytes);
	stream->tail.parked += bytes;
	chunk_finished(stream);
	return true;
}

void hst_chunk_abandon(struct hst_stream *stream)
{
	hst_ledger_move(stream, NULL);
	stream->cpu.noted = NULL;
	stream->window->limit = NULL;
	stream->window->cur = NULL;
	stream->chunk = NULL;
	stream->tail = (struct hst_tail){ 0 };
	stream->previous = 0;
}
