/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the synthetic writer: tracegen.c has the file and its blocks, tracegen_stream.c streams,
 * tracegen_memory.c their records about memory.
 */
#ifndef HST_TESTS_SUPPORT_TRACEGEN_STATE_H
#define HST_TESTS_SUPPORT_TRACEGEN_STATE_H

#include "tracegen.h"

#define TRACEGEN_IDS_MAX     8192u
#define TRACEGEN_STREAMS_MAX 4096u

struct tracegen_frame {
	uint64_t ret;
	uint64_t fn;
	uint32_t id;
	uint32_t last;
};

struct tracegen_stack {
	uint32_t fiber;
	uint64_t chunk; /* sequence in which it was present last */
	uint32_t root_last;
	struct tracegen_frame *frames;
	size_t depth;
	size_t capacity;
};

struct tracegen_id {
	uint64_t ret;
	uint64_t fn;
	bool asks; /* a place that asks for memory, no instance of a function */
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
	enum hst_clock_mode clock_mode;
	struct hst_ledger ledger;
	struct tracegen_stack *stacks;
	size_t stack_count;
	size_t present;
	/* present chunk */
	uint8_t *chunk;
	size_t records; /* offset of the first record */
	size_t at;      /* offset of the next one */
	struct tracegen_id ids[TRACEGEN_IDS_MAX];
	uint32_t id_count;
	uint64_t latest; /* address of the latest block */
	uint16_t predictor[HST_PREDICTOR_SLOTS];
};

struct tracegen {
	struct tracegen_options options;
	uint8_t *data;
	size_t bytes;
	size_t capacity;
	uint32_t generation;
	struct tracegen_stream *streams[TRACEGEN_STREAMS_MAX];
	uint32_t stream_count;
};

/* Ends the program when there is no memory, or on wrong use. */
void *tracegen_checked(void *memory);
void tracegen_require(bool condition);
/* Appends zeros to the file; returns where they begin. */
size_t tracegen_extend(struct tracegen *gen, size_t bytes);

static inline uint16_t tracegen_head(enum hst_op op, uint32_t argument)
{
	return (uint16_t)(HST_KIND_EXTENDED << HST_KIND_SHIFT | (uint32_t)op << 8 | argument);
}
/*
 * Makes room for records of at most `words` (and for the time records before them), then returns the
 * time of the first in units, at most `max`: what is more goes into time records.
 */
uint32_t tracegen_prepare(
	struct tracegen_stream *stream, uint64_t ticks, size_t words, uint32_t max);
/* Adds a record as it is; the caller made sure that there is room. */
void tracegen_put(struct tracegen_stream *stream, const uint16_t *words, size_t count);

/* Brings the stream's place in the file up to date: somebody looks at it. */
void tracegen_stream_show(struct tracegen_stream *stream);
void tracegen_stream_free(struct tracegen_stream *stream);

#endif
