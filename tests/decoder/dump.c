/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints every event of a trace file in the text form of `decode.py --events`, as the analyzer's
 * reader sees it, so that agree.py can compare the two decoders byte by byte.
 *
 *   dump FILE...        exit status 0, 2 for a file that cannot be read at all
 */
#include "hasten/hash.h"
#include "hasten/trace.h"
#include "reader/decode.h"
#include "reader/memo_block.h"
#include "reader/throttle_block.h"
#include "reader/trace_file.h"
#include "util/status.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCH = 4096
};

/* One stack of a thread, as the events tell it. */
struct fiber {
	uint32_t number;
	uint32_t *sites;
	uint32_t depth;
	size_t room;
};

struct follower {
	struct fiber *fibers;
	size_t count;
	size_t now;
};

static void *grown(void *memory, size_t bytes)
{
	void *larger = realloc(memory, bytes);

	if (larger == NULL) {
		fputs("dump: out of memory\n", stderr);
		exit(2);
	}
	return larger;
}

static void follower_clear(struct follower *follower)
{
	for (size_t i = 0; i < follower->count; i++) {
		free(follower->fibers[i].sites);
	}
	free(follower->fibers);
	*follower = (struct follower){ 0 };
}

static struct fiber *fiber_of(struct follower *follower, uint32_t number)
{
	for (size_t i = 0; i < follower->count; i++) {
		if (follower->fibers[i].number == number) {
			follower->now = i;
			return &follower->fibers[i];
		}
	}
	follower->fibers =
		grown(follower->fibers, (follower->count + 1) * sizeof(*follower->fibers));
	follower->fibers[follower->count] = (struct fiber){ .number = number };
	follower->now = follower->count++;
	return &follower->fibers[follower->now];
}

/* The frames that come with a greater depth are unknown. */
static void fiber_resize(struct fiber *fiber, uint32_t depth)
{
	if (depth > fiber->room) {
		fiber->room = (size_t)depth + depth / 2 + 64;
		fiber->sites = grown(fiber->sites, fiber->room * sizeof(*fiber->sites));
	}
	if (depth > fiber->depth) {
		memset(fiber->sites + fiber->depth, 0,
			(depth - fiber->depth) * sizeof(*fiber->sites));
	}
	fiber->depth = depth;
}

static void print_enter(
	const struct hst_sites *sites, struct fiber *fiber, const struct hst_event *event)
{
	const struct hst_site *site = &sites->items[event->site];
	uint32_t caller = fiber->depth > 0 ? fiber->sites[fiber->depth - 1] : 0;

	printf("%" PRIu64 " enter %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", event->ticks, site->ret,
		site->fn, sites->items[caller].fn);
	fiber_resize(fiber, fiber->depth + 1);
	fiber->sites[fiber->depth - 1] = event->site;
}

static void print_exit(
	const struct hst_sites *sites, struct fiber *fiber, const struct hst_event *event)
{
	uint32_t left = 0;

	if (fiber->depth > 0) {
		left = fiber->sites[fiber->depth - 1];
		fiber_resize(fiber, fiber->depth - 1);
	}
	printf("%" PRIu64 " %s %" PRIx64 " %" PRIx64 "\n", event->ticks,
		event->kind == HST_EVENT_EXIT ? "exit" : "exit_error", sites->items[left].ret,
		sites->items[left].fn);
}

static void print_memory(const struct hst_site *site, const struct hst_event *event,
	const struct hst_memory *entries)
{
	bool alone = event->kind == HST_EVENT_REALLOC_FAILED ||
		     event->kind == HST_EVENT_REALLOC_FREED || event->kind == HST_EVENT_ALLOCATOR;
	const struct hst_memory *entry = alone ? NULL : &entries[event->value];

	printf("%" PRIu64 " ", event->ticks);
	switch (event->kind) {
	case HST_EVENT_ALLOC:
		printf("alloc %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu32 "\n",
			site->ret, site->fn, entry->address, entry->bytes, entry->slack);
		break;
	case HST_EVENT_FREE:
	case HST_EVENT_RELEASE:
		printf("%s %" PRIx64 "\n", event->kind == HST_EVENT_FREE ? "free" : "release",
			entry->address);
		break;
	case HST_EVENT_REALLOC_FAILED:
		puts("realloc_failed");
		break;
	case HST_EVENT_REALLOC_FREED:
		puts("realloc_freed");
		break;
	case HST_EVENT_ALLOCATOR:
		printf("allocator %" PRIu32 " %u\n", event->value, event->reason);
		break;
	case HST_EVENT_MAP:
		printf("map %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIu64 " %u\n", site->ret,
			site->fn, entry->address, entry->bytes, event->reason);
		break;
	case HST_EVENT_UNMAP:
		printf("unmap %" PRIx64 " %" PRIu64 "\n", entry->address, entry->bytes);
		break;
	case HST_EVENT_STACK:
		printf("stack %" PRIx64 " %" PRIx64 " %" PRIu64 "\n", site->ret, site->fn,
			entry->bytes);
		break;
	case HST_EVENT_MEMORY:
		printf("memory %" PRIu64 " %" PRIu64 " %" PRIu32 "\n", entry->address, entry->bytes,
			entry->more);
		break;
	}
}

/* Calls are missing: the other stacks are not known any more. */
static void forget_parked(struct follower *follower)
{
	for (size_t i = 0; i < follower->count; i++) {
		follower->fibers[i].depth = i == follower->now ? follower->fibers[i].depth : 0;
	}
}

static void replace_stack(
	struct follower *follower, struct fiber *fiber, const struct hst_event *event)
{
	if (event->reason == HST_RESYNC_GAP) {
		forget_parked(follower);
	}
	fiber_resize(fiber, event->value);
	for (uint32_t i = 0; i < event->unknown; i++) {
		fiber->sites[i] = 0;
	}
}

static void print_hash(const struct hst_event *event, uint64_t hash)
{
	if (event->kind == HST_EVENT_KEY) {
		printf("%" PRIu64 " key %" PRIx64 "\n", event->ticks, hash);
	} else if (event->kind == HST_EVENT_RESULT_VALUE) {
		printf("%" PRIu64 " result_value %" PRIx64 "\n", event->ticks, hash);
	} else {
		printf("%" PRIu64 " result %" PRIx64 " %u\n", event->ticks, hash, event->reason);
	}
}

static void print_values(const struct hst_event *event, const struct hst_value *values)
{
	printf("%" PRIu64 " values", event->ticks);
	for (uint32_t i = 0; i < event->reason; i++) {
		const struct hst_value *value = &values[event->value + i];

		if (value->form == HST_VALUE_SCALAR) {
			printf(" %" PRIx64, value->value);
		} else if (value->form == HST_VALUE_LEFT_OUT) {
			printf(" -");
		} else if (value->value == HST_HASH_NULL) {
			printf(" null:");
		} else {
			printf(" %" PRIu64 ":", value->value);
		}
		for (uint32_t k = 0; k < value->stored; k++) {
			printf("%02x", value->bytes[k]);
		}
	}
	putchar('\n');
}

static void print_event(const struct hst_sites *sites, struct follower *follower,
	const struct hst_event *event, const struct hst_decoder *decoder)
{
	struct fiber *fiber = &follower->fibers[follower->now];

	switch (event->kind) {
	case HST_EVENT_ENTER:
		print_enter(sites, fiber, event);
		break;
	case HST_EVENT_EXIT:
	case HST_EVENT_EXIT_ERROR:
		print_exit(sites, fiber, event);
		break;
	case HST_EVENT_UNWIND:
		printf("%" PRIu64 " unwind %u %" PRIu32 "\n", event->ticks, event->reason,
			event->value);
		fiber_resize(fiber, event->value < fiber->depth ? fiber->depth - event->value : 0);
		break;
	case HST_EVENT_SWITCH:
		printf("%" PRIu64 " switch %" PRIu32 "\n", event->ticks, event->value);
		fiber_of(follower, event->value);
		break;
	case HST_EVENT_LOST:
	case HST_EVENT_OWN:
		printf("%" PRIu64 " %s %" PRIu32 "\n", event->ticks,
			event->kind == HST_EVENT_OWN ? "own" : "lost", event->value);
		break;
	case HST_EVENT_PAUSE:
	case HST_EVENT_LIMIT:
	case HST_EVENT_THREAD_END:
		printf("%" PRIu64 " %s\n", event->ticks,
			event->kind == HST_EVENT_PAUSE   ? "pause"
			: event->kind == HST_EVENT_LIMIT ? "limit"
							 : "thread_end");
		break;
	case HST_EVENT_OFF_CPU:
		printf("%" PRIu64 " off_cpu %" PRIu64 " %u\n", event->ticks, hst_event_off(event),
			event->reason);
		break;
	case HST_EVENT_KEY:
	case HST_EVENT_RESULT:
	case HST_EVENT_RESULT_VALUE:
		print_hash(event, hst_decoder_keys(decoder, NULL)[event->value]);
		break;
	case HST_EVENT_VALUES:
		print_values(event, hst_decoder_values(decoder, NULL));
		break;
	case HST_EVENT_RESYNC:
		replace_stack(follower, fiber, event);
		break;
	case HST_EVENT_FRAME:
		if (event->value < fiber->depth) {
			fiber->sites[event->value] = event->site;
		}
		break;
	default:
		print_memory(&sites->items[event->site], event, hst_decoder_memory(decoder, NULL));
		break;
	}
}

/* Prints the events of one chunk, up to its end or where it is damaged. */
static void dump_chunk(struct hst_decoder *decoder, const struct hst_sites *sites,
	struct follower *follower, const struct hst_chunk_ref *ref, const unsigned char *bytes)
{
	static struct hst_event events[BATCH];
	struct hst_diag diag = { .text = "" };
	struct hst_chunk header;
	size_t count;
	size_t first;

	memcpy(&header, bytes, sizeof(header));
	if (hst_decoder_begin(decoder, bytes, ref->bytes, &diag) != HST_OK) {
		return;
	}
	printf("chunk %" PRIu32 " %" PRIu64 " tid %" PRIu32 " lane %u depth %" PRIu32
	       " fiber %" PRIu32 "\n",
		header.stream, header.seq, header.tid, header.lane, header.depth, header.fiber);
	/* The decoder leads its user to the fiber of the chunk: that is no event of the program. */
	first = follower->fibers[follower->now].number != header.fiber ? 1 : 0;
	fiber_of(follower, header.fiber);
	for (;;) {
		enum hst_status status = hst_decode_batch(decoder, events, BATCH, &count, &diag);

		for (size_t i = first; i < count; i++) {
			print_event(sites, follower, &events[i], decoder);
		}
		first = 0;
		if (status != HST_OK) {
			puts("damaged");
			return;
		}
		if (count == 0) {
			break;
		}
	}
	printf("end %" PRIu64 " %" PRIu32 "\n", hst_decoder_ticks(decoder),
		hst_decoder_depth(decoder));
}

static bool dump_stream(const struct hst_trace_file *file, struct hst_sites *sites,
	const struct hst_stream_ref *stream, unsigned char *buffer)
{
	struct hst_decoder *decoder = hst_decoder_create(&file->header, sites);
	struct follower follower = { 0 };

	if (decoder == NULL) {
		return false;
	}
	fiber_of(&follower, 0);
	for (size_t i = 0; i < stream->chunk_count; i++) {
		const struct hst_chunk_ref *ref = &stream->chunks[i];
		size_t got = 0;

		if (hst_trace_file_read(file, ref->offset, buffer, ref->bytes, &got) != HST_OK) {
			break;
		}
		dump_chunk(decoder, sites, &follower, ref, buffer);
	}
	follower_clear(&follower);
	hst_decoder_destroy(decoder);
	return true;
}

/* What was left out on purpose. */
static bool dump_throttle(const struct hst_trace_file *file)
{
	struct hst_throttle_list list;

	if (hst_throttle_read(file, &list) != HST_OK) {
		return false;
	}
	for (size_t i = 0; i < list.windows.count; i++) {
		const struct hst_throttle_window *window = &list.windows.items[i];

		printf("window %" PRIu64 " %" PRIu64 " late %" PRIu32 "\n", window->open,
			window->close, window->late_us);
	}
	for (size_t i = 0; i < list.functions.count; i++) {
		const struct hst_throttled *function = &list.functions.items[i];

		printf("throttled %" PRIx64 " generation %" PRIu32 " off %" PRIu64
		       " counted %" PRIu64 " calls %" PRIu64 "\n",
			function->fn, function->generation, function->off, function->counted,
			function->calls);
	}
	hst_throttle_finish(&list);
	return true;
}

/* Functions that were answered from caches. */
static bool dump_memos(const struct hst_trace_file *file)
{
	struct hst_memo_list list;

	if (hst_memo_read(file, &list) != HST_OK) {
		return false;
	}
	for (size_t i = 0; i < list.rows.count; i++) {
		const struct hst_memoed *memo = &list.rows.items[i];

		printf("memo %" PRIx64 " generation %" PRIu32
		       " state %u why %u evidence %u revoked %u entries %" PRIu32 " ttl %" PRIu64
		       ":",
			memo->row.fn, memo->row.generation, memo->row.state, memo->row.why,
			memo->row.evidence, memo->row.revoked, memo->row.entries, memo->row.ttl_ns);
		printf(" lookups %" PRIu64 " hits %" PRIu64 " stored %" PRIu64 " evicted %" PRIu64
		       " saved %" PRIu64 " expired %" PRIu64 " verified %" PRIu64
		       " mismatched %" PRIu64 " lost %" PRIu64 "\n",
			memo->lookups, memo->hits, memo->stored, memo->evicted, memo->saved,
			memo->expired, memo->verified, memo->mismatched, memo->lost);
	}
	hst_memo_list_finish(&list);
	return true;
}

static bool dump_file(const char *path)
{
	struct hst_diag diag = { .text = "" };
	struct hst_trace_file file;
	struct hst_sites sites;
	unsigned char *buffer;
	const char *slash = strrchr(path, '/');
	bool good = true;

	if (hst_trace_file_open(path, &file, &diag) != HST_OK) {
		fprintf(stderr, "dump: %s\n", diag.text);
		return false;
	}
	if (hst_sites_init(&sites) != HST_OK) {
		hst_trace_file_close(&file);
		return false;
	}
	buffer = grown(NULL, HST_CHUNK_BYTES_MAX);
	printf("file %s\n", slash != NULL ? slash + 1 : path);
	for (size_t i = 0; good && i < file.stream_count; i++) {
		good = dump_stream(&file, &sites, &file.streams[i], buffer);
	}
	good = good && dump_throttle(&file);
	good = good && dump_memos(&file);
	if (file.missing[0] != '\0') {
		fprintf(stderr, "dump: %s\n", file.missing);
	}
	free(buffer);
	hst_sites_finish(&sites);
	hst_trace_file_close(&file);
	return good;
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? 0 : 2;

	for (int i = 1; i < argc; i++) {
		if (!dump_file(argv[i])) {
			status = 2;
		}
	}
	if (fflush(stdout) != 0) {
		status = 2;
	}
	return status;
}
