/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test helpers: a random walk through all kinds of events that goes into a synthetic trace and into
 * a list of what a reader must see; and a reader of whole streams.
 */
#ifndef HST_TESTS_UNIT_READER_WALK_H
#define HST_TESTS_UNIT_READER_WALK_H

#include "reader/decode.h"
#include "tracegen.h"
#include "util/vec.h"

/*
 * An event with its site and its memory resolved, so that lists of different readers compare, also
 * byte by byte. `value` is 0 where the event has an entry.
 */
struct seen {
	uint64_t ticks;
	uint64_t ret;
	uint64_t fn;
	uint64_t address;
	uint64_t bytes;
	uint64_t more;
	uint32_t slack;
	uint32_t kind;
	uint32_t value;
	uint32_t reason;
};
static_assert(sizeof(struct seen) == 64, "no gaps");

struct seen_list {
	struct seen *items;
	size_t count;
	size_t capacity;
};

#define WALK_FIBERS 4u

struct walk {
	struct tracegen_stream *stream;
	struct seen_list expected;
	uint32_t random;
	uint64_t ticks;
	uint32_t fiber;
	uint32_t sites;   /* how many functions are called */
	bool fibers;      /* with stack switches */
	uint32_t memory;  /* so many in 100 of the steps are about memory */
	uint64_t address; /* of the latest block */
};

void walk_begin(struct walk *walk, struct tracegen_stream *stream, uint32_t seed);
/* `count` more events. */
void walk_steps(struct walk *walk, size_t count);
void walk_finish(struct walk *walk);
uint32_t walk_random(struct walk *walk, uint32_t limit);

void seen_add(struct seen_list *list, struct seen item);
/* Has the event an entry in hst_decoder_memory()? */
bool seen_has_entry(uint32_t kind);
/* RESYNC, FRAME and such stand in the list, too. */
bool seen_is_repair(const struct seen *item);
/* Fails the running test with the first difference. */
void seen_assert_equal(
	const struct seen *left, size_t left_count, const struct seen *right, size_t right_count);

/* What reading went through. */
struct read_result {
	struct seen_list events;
	size_t *chunk_ends; /* events.count after each chunk */
	size_t chunk_count;
	size_t damaged;                /* chunks that were refused or given up */
	uint32_t depth;                /* at the end */
	char sentence[HST_DIAG_BYTES]; /* of the last damage */
};

/* Opens a synthetic trace through a memfd; fails the test if that does not work. */
void open_trace(struct tracegen *gen, struct hst_trace_file *ret_file);
/* The same for bytes; returns the status. */
enum hst_status open_bytes(
	const void *data, size_t bytes, struct hst_trace_file *ret_file, struct hst_diag *diag);
/* Decodes a stream with batches of `batch` events; `fresh`: a new decoder for each chunk. */
void read_stream(const struct hst_trace_file *file, const struct hst_stream_ref *stream,
	size_t batch, bool fresh, struct read_result *ret_result);
void read_finish(struct read_result *result);

#endif
