/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that writes into plain memory: the encoder without hooks, file or threads. */
#ifndef HST_TESTS_PRELOAD_SUPPORT_H
#define HST_TESTS_PRELOAD_SUPPORT_H

#include "buffer/encode.h"
#include "core/stream.h"
#include "hasten/trace.h"

#include <stdlib.h>
#include <string.h>

#define BENCH_OPEN 4096u

struct bench {
	struct hst_stream stream;
	struct hst_window window;
	struct hst_open open[BENCH_OPEN];
	_Alignas(16) uint8_t chunk[HST_CHUNK_BYTES_MAX];
};

/* The caller frees it. Ticks begin at `start`. */
static inline struct bench *bench_new(uint64_t start)
{
	struct bench *bench = calloc(1, sizeof *bench);
	struct hst_stream *stream = &bench->stream;
	struct hst_chunk *chunk = (void *)bench->chunk;

	chunk->block = (struct hst_block){ .magic = HST_BLOCK_MAGIC,
		.type = HST_BLOCK_CHUNK,
		.flags = HST_BLOCK_TAIL,
		.bytes = sizeof bench->chunk };
	chunk->stream = 1;
	chunk->seq = 1;
	chunk->generation = 1;
	chunk->start = (struct hst_clock_pair){ .ticks = start, .mono_ns = 1 };
	stream->chunk = chunk;
	stream->window = &bench->window;
	stream->window->cur = (void *)(chunk + 1);
	stream->fiber = &stream->own;
	stream->own.base = bench->open;
	stream->own.end = bench->open + BENCH_OPEN;
	stream->top = bench->open;
	stream->end = stream->own.end;
	stream->ledger = &stream->ledger_kept;
	stream->time = start >> HST_TIME_SHIFT;
	stream->mode = HST_STREAM_TRACE;
	return bench;
}

/* As the hooks do it for a call that needs no repair. */
static inline void bench_enter(struct bench *bench, uint64_t ret, uint64_t fn, uint64_t ticks)
{
	struct hst_stream *stream = &bench->stream;
	struct hst_open *caller = stream->top;
	uint32_t slot = hst_predictor_slot(caller->id, caller->last);
	uint32_t id = hst_id_find(stream, ret);

	if (id == 0) {
		id = hst_id_define(stream, ret, fn, 0);
		hst_put_enter_new(stream, ticks, ret, fn);
	} else if (stream->predictor[slot] == id) {
		hst_put_predicted(stream, ticks);
	} else {
		hst_put_enter_id(stream, ticks, id);
	}
	hst_predictor_learn(stream, caller, slot, id);
	stream->top++;
	*stream->top = (struct hst_open){ .ret = ret, .fn = fn, .id = (uint16_t)id };
}

static inline void bench_exit(struct bench *bench, uint64_t ticks)
{
	hst_put_exit(&bench->stream, ticks);
	bench->stream.top--;
}

static inline bool bench_full(const struct bench *bench)
{
	return (const uint8_t *)bench->window.cur + HST_RECORD_SLACK >
	       bench->chunk + sizeof bench->chunk;
}

#endif
