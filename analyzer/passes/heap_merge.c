/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All streams of a file in the order of time. A stream is opened when its first chunk is reached and
 * closed at its end; one that is open has a decoder, one chunk and one batch of events. Only events
 * of memory wait for those of other streams; calls are followed as soon as they are decoded.
 *
 *   queue: [stream with the earliest event] ... a binary heap
 */
#include "passes/heap_pass.h"

#include <stdlib.h>
#include <string.h>

/* Events of a batch: fewer when very many streams are open. */
#define EVENTS_MANY 1024u
#define EVENTS_FEW  128u
#define OPEN_MANY   256u
/* Entries that are looked ahead, so that slots and blocks are in the cache when they come. */
#define AHEAD_SLOT  12u
#define AHEAD_BLOCK 6u
/* Fewer of them are in the cache anyway. */
#define AHEAD_BLOCKS 4096u

struct reading {
	struct hst_decoder *decoder;
	struct hst_event *events;
	const struct hst_memory *memory;
	size_t memory_count;
	size_t at, count, capacity;
	uint8_t *chunk;
	size_t chunk_capacity;
	size_t next_chunk;
	uint64_t ticks; /* of the latest event: time does not step back */
	bool in_chunk;
	struct hst_heap_follow follow;
};

struct entry {
	uint64_t key;
	uint32_t stream;         /* index in file.streams */
	struct reading *reading; /* NULL: not begun */
};

struct merge {
	struct hst_heap_pass *pass;
	struct entry *queue;
	size_t count;
	size_t open;
	HST_VEC(struct entry) waiting; /* for others to end: too many are open */
};

/* A free goes before an allocation of the same moment: the address went over. */
static uint64_t key_of(uint64_t ticks, const struct hst_event *event)
{
	bool goes = event->kind == HST_EVENT_FREE || event->kind == HST_EVENT_RELEASE ||
		    event->kind == HST_EVENT_UNMAP;

	return (ticks < UINT64_MAX / 2 ? ticks : UINT64_MAX / 2) * 2 + !goes;
}

static bool earlier(const struct entry *a, const struct entry *b)
{
	return a->key != b->key ? a->key < b->key : a->stream < b->stream;
}

static void sift_down(struct merge *merge, size_t at)
{
	struct entry moved = merge->queue[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < merge->count &&
			earlier(&merge->queue[child + 1], &merge->queue[child])) {
			child++;
		}
		if (child >= merge->count || !earlier(&merge->queue[child], &moved)) {
			break;
		}
		merge->queue[at] = merge->queue[child];
		at = child;
	}
	merge->queue[at] = moved;
}

static void append(struct merge *merge, struct entry entry)
{
	size_t at = merge->count++;

	while (at != 0 && earlier(&entry, &merge->queue[(at - 1) / 2])) {
		merge->queue[at] = merge->queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	merge->queue[at] = entry;
}

static void close_reading(struct merge *merge, struct reading *reading)
{
	if (reading == NULL) {
		return;
	}
	hst_heap_follow_finish(&reading->follow);
	hst_decoder_destroy(reading->decoder);
	free(reading->events);
	free(reading->chunk);
	free(reading);
	merge->open--;
}

static struct reading *open_reading(struct merge *merge, const struct hst_stream_ref *ref)
{
	struct hst_heap_pass *pass = merge->pass;
	struct reading *reading = calloc(1, sizeof *reading);

	if (reading == NULL) {
		return NULL;
	}
	merge->open++;
	hst_heap_follow_init(&reading->follow, pass, ref);
	reading->capacity = merge->open > OPEN_MANY ? EVENTS_FEW : EVENTS_MANY;
	reading->events = malloc(reading->capacity * sizeof *reading->events);
	reading->decoder = hst_decoder_create(&pass->file.header, &pass->interned);
	if (reading->events == NULL || reading->decoder == NULL) {
		close_reading(merge, reading);
		return NULL;
	}
	return reading;
}

/* The decoder goes on with bytes that stay, of the chunk's own length. */
static bool keep_chunk(struct reading *reading, const uint8_t *bytes, size_t count)
{
	if (reading->chunk_capacity < count) {
		uint8_t *room = realloc(reading->chunk, count);

		if (room == NULL) {
			return false;
		}
		reading->chunk = room;
		reading->chunk_capacity = count;
	}
	memcpy(reading->chunk, bytes, count);
	return true;
}

static enum hst_status next_chunk(
	struct hst_heap_pass *pass, const struct hst_stream_ref *ref, struct reading *reading)
{
	const struct hst_chunk_ref *chunk = &ref->chunks[reading->next_chunk++];
	size_t bytes = 0;
	enum hst_status status =
		hst_trace_file_read_chunk(&pass->file, ref, chunk, pass->chunk, &bytes, NULL);

	pass->done += chunk->bytes;
	if (pass->options->progress != NULL) {
		pass->options->progress(pass->options->progress_context, pass->done, pass->total);
	}
	if (status == HST_OK && !keep_chunk(reading, pass->chunk, bytes)) {
		return HST_E_MEMORY;
	}
	if (status == HST_OK) {
		status = hst_decoder_begin(reading->decoder, reading->chunk, bytes, NULL);
	}
	if (status == HST_E_MEMORY) {
		return status;
	}
	pass->damaged_chunks += status != HST_OK;
	reading->in_chunk = status == HST_OK;
	return HST_OK;
}

static enum hst_status next_batch(struct hst_heap_pass *pass, struct reading *reading)
{
	size_t count = 0;
	enum hst_status status = hst_decode_batch(
		reading->decoder, reading->events, reading->capacity, &count, NULL);

	if (status == HST_E_MEMORY) {
		return status;
	}
	pass->damaged_chunks += status != HST_OK;
	reading->in_chunk = status == HST_OK && count != 0;
	reading->at = 0;
	reading->count = count;
	reading->memory = hst_decoder_memory(reading->decoder, &reading->memory_count);
	if (count != 0) {
		uint64_t first = reading->events[0].ticks;
		uint64_t last = reading->events[count - 1].ticks;

		pass->first = first < pass->first ? first : pass->first;
		pass->last = last > pass->last ? last : pass->last;
	}
	return hst_heap_know_sites(pass);
}

/* The next events of the stream. *ret_more false: there are none. */
static enum hst_status refill(struct hst_heap_pass *pass, const struct hst_stream_ref *ref,
	struct reading *reading, bool *ret_more)
{
	if (reading->in_chunk) {
		return next_batch(pass, reading);
	}
	if (reading->next_chunk < ref->chunk_count) {
		return next_chunk(pass, ref, reading);
	}
	*ret_more = false;
	return HST_OK;
}

/* Goes on to the next event that waits; *ret_more false: the stream is at its end. */
static enum hst_status go_on(struct hst_heap_pass *pass, const struct hst_stream_ref *ref,
	struct reading *reading, bool *ret_more)
{
	*ret_more = true;
	while (*ret_more) {
		reading->at = hst_heap_follow_events(
			&reading->follow, reading->events, reading->at, reading->count);
		if (reading->at < reading->count) {
			break;
		}
		HST_TRY(refill(pass, ref, reading, ret_more));
	}
	return HST_OK;
}

/* An entry of a hostile file may say any index; the decoder gave it, but the end is ours. */
static const struct hst_memory *entry_of(const struct reading *reading, size_t at)
{
	uint32_t kind = reading->events[at].kind;
	bool has = kind != HST_EVENT_THREAD_END && kind != HST_EVENT_REALLOC_FAILED &&
		   kind != HST_EVENT_REALLOC_FREED && kind != HST_EVENT_ALLOCATOR;

	return has ? &reading->memory[reading->events[at].value] : NULL;
}

/* Most entries have addresses that are going to be looked for; for the other ones it does no harm. */
static inline void look_ahead(const struct hst_heap_pass *pass, const struct reading *reading,
	const struct hst_event *event)
{
	const struct hst_memory *next;

	if (pass->live.count < AHEAD_BLOCKS ||
		event->value + (size_t)AHEAD_SLOT >= reading->memory_count) {
		return;
	}
	next = reading->memory + event->value;
	hst_heap_live_prefetch_slot(&pass->live, next[AHEAD_SLOT].address);
	hst_heap_live_prefetch_block(&pass->live, next[AHEAD_BLOCK].address);
}

/* Makes the event that the stream stands at the one that it waits with: time does not step back. */
static inline void stand_at(struct reading *reading, struct entry *entry)
{
	struct hst_event *event = &reading->events[reading->at];

	if (event->ticks < reading->ticks) {
		event->ticks = reading->ticks;
	}
	reading->ticks = event->ticks;
	entry->key = key_of(event->ticks, event);
}

/* Blocks that come and go one behind the other, in a stream that waits for no other one (`alone`). */
static enum hst_status run_blocks(struct hst_heap_pass *pass, struct reading *reading, bool alone)
{
	struct hst_event *event = &reading->events[reading->at];
	const struct hst_event *const end = alone ? reading->events + reading->count : event;

	while (event != end &&
		event->kind - (uint32_t)HST_EVENT_ALLOC <= HST_EVENT_FREE - HST_EVENT_ALLOC) {
		event->ticks = event->ticks < reading->ticks ? reading->ticks : event->ticks;
		reading->ticks = event->ticks;
		look_ahead(pass, reading, event);
		HST_TRY(hst_heap_event(
			pass, &reading->follow, event, &reading->memory[event->value]));
		event++;
	}
	reading->at = (size_t)(event - reading->events);
	return HST_OK;
}

/* The event behind one that was taken: often it waits, too. *ret_more false: the stream is at its end. */
static enum hst_status next_waiting(struct hst_heap_pass *pass, const struct hst_stream_ref *ref,
	struct reading *reading, bool *ret_more)
{
	if (reading->at != reading->count && !reading->follow.resyncing &&
		hst_heap_waits(reading->events[reading->at].kind)) {
		return HST_OK;
	}
	return go_on(pass, ref, reading, ret_more);
}

/* Takes events of the stream as long as they come before those of all others. */
static enum hst_status run(struct merge *merge, struct entry *top, uint64_t limit, bool *ret_more)
{
	struct hst_heap_pass *pass = merge->pass;
	const struct hst_stream_ref *ref = &pass->file.streams[top->stream];
	struct reading *reading = top->reading;

	do {
		const struct hst_event *event = &reading->events[reading->at];

		look_ahead(pass, reading, event);
		HST_TRY(hst_heap_event(
			pass, &reading->follow, event, entry_of(reading, reading->at)));
		reading->at++;
		HST_TRY(run_blocks(pass, reading, limit == UINT64_MAX));
		HST_TRY(next_waiting(pass, ref, reading, ret_more));
		if (!*ret_more) {
			break;
		}
		stand_at(reading, top);
	} while (top->key <= limit);
	return HST_OK;
}

/* A stream's first chunk is reached. */
static enum hst_status begin_stream(struct merge *merge, struct entry *top, bool *ret_more)
{
	struct hst_heap_pass *pass = merge->pass;
	const struct hst_stream_ref *ref = &pass->file.streams[top->stream];

	top->reading = open_reading(merge, ref);
	if (top->reading == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(go_on(pass, ref, top->reading, ret_more));
	if (*ret_more) {
		stand_at(top->reading, top);
	}
	return HST_OK;
}

static void remove_top(struct merge *merge)
{
	merge->queue[0] = merge->queue[--merge->count];
	if (merge->count != 0) {
		sift_down(merge, 0);
	}
}

static enum hst_status step(struct merge *merge)
{
	struct entry *top = &merge->queue[0];
	uint64_t limit = UINT64_MAX;
	bool more = true;

	for (size_t i = 1; i <= 2 && i < merge->count; i++) {
		limit = merge->queue[i].key < limit ? merge->queue[i].key : limit;
	}
	if (top->reading == NULL && merge->open >= HST_HEAP_STREAMS_MAX) {
		merge->pass->crowded = true;
		if (!hst_vec_push(&merge->waiting, *top)) {
			return HST_E_MEMORY;
		}
		remove_top(merge);
		return HST_OK;
	}
	if (top->reading == NULL) {
		HST_TRY(begin_stream(merge, top, &more));
	} else {
		HST_TRY(run(merge, top, limit, &more));
	}
	if (more) {
		sift_down(merge, 0);
		return HST_OK;
	}
	close_reading(merge, top->reading);
	top->reading = NULL;
	remove_top(merge);
	if (merge->waiting.count != 0) {
		append(merge, merge->waiting.items[--merge->waiting.count]);
	}
	return HST_OK;
}

/* Ticks at which the first chunk of a stream begins. */
static uint64_t begin_of(struct hst_heap_pass *pass, const struct hst_stream_ref *ref)
{
	struct hst_chunk chunk = { 0 };
	size_t read = 0;

	if (hst_trace_file_read(&pass->file, ref->chunks[0].offset, &chunk, sizeof chunk, &read) !=
			HST_OK ||
		read < sizeof chunk) {
		return 0;
	}
	return chunk.start.ticks;
}

static enum hst_status fill_queue(struct merge *merge)
{
	struct hst_heap_pass *pass = merge->pass;
	const struct hst_trace_file *file = &pass->file;

	merge->queue = calloc(file->stream_count + 1, sizeof *merge->queue);
	if (merge->queue == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < file->stream_count; i++) {
		if (file->streams[i].chunk_count != 0) {
			uint64_t ticks = begin_of(pass, &file->streams[i]);
			struct entry entry = { .key = ticks < UINT64_MAX / 2 ? ticks * 2 : 0,
				.stream = (uint32_t)i };

			append(merge, entry);
		}
		pass->gaps += file->streams[i].gaps;
	}
	return HST_OK;
}

enum hst_status hst_heap_streams(struct hst_heap_pass *pass)
{
	struct merge merge = { .pass = pass };
	enum hst_status status = hst_heap_know_sites(pass);

	if (status == HST_OK) {
		status = fill_queue(&merge);
	}
	while (status == HST_OK && merge.count != 0) {
		status = step(&merge);
		if (pass->out_of_memory) {
			status = HST_E_MEMORY;
		}
	}
	for (size_t i = 0; i < merge.count; i++) {
		close_reading(&merge, merge.queue[i].reading);
	}
	hst_vec_finish(&merge.waiting);
	free(merge.queue);
	return status;
}
