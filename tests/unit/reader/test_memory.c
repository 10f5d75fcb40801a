/* SPDX-License-Identifier: Apache-2.0 */
/* The records about memory: each of them, ids of the wrong kind, addresses at the edges, cuts. */
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FN(which) (HST_MEMORY_BASE + HST_ALLOCATOR_##which)
#define HEAD(op)  (uint16_t)(3u << 14 | (op) << 8)
#define UNKNOWN   HST_SLACK_LONG_UNKNOWN

static void read_all(struct tracegen *gen, struct read_result *ret_result)
{
	struct hst_trace_file file;

	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 1);
	read_stream(&file, &file.streams[0], 128, false, ret_result);
	hst_trace_file_close(&file);
}

/* What test_memory_every_op writes, as it must come back. */
static const struct seen every_op[] = {
	{ .ticks = 100, .kind = HST_EVENT_ENTER, .reason = 1, .ret = 0x500, .fn = 0x40 },
	{ .ticks = 104,
		.kind = HST_EVENT_ALLOC,
		.ret = 0x500,
		.fn = FN(MALLOC),
		.address = 0x7f0000000010,
		.bytes = 24,
		.slack = 8 },
	{ .ticks = 108,
		.kind = HST_EVENT_ALLOC,
		.ret = 0x500,
		.fn = FN(CALLOC),
		.address = 0x7f0000000040,
		.bytes = 65535,
		.slack = UNKNOWN },
	{ .ticks = 112, .kind = HST_EVENT_ALLOCATOR, .value = 4000, .reason = 64 },
	{ .ticks = 116,
		.kind = HST_EVENT_ALLOC,
		.ret = 0x504,
		.fn = FN(MALLOC),
		.bytes = 0xffffffffffff,
		.slack = UNKNOWN },
	{ .ticks = 120, .kind = HST_EVENT_FREE, .address = 0x7f0000000010 },
	{ .ticks = 124, .kind = HST_EVENT_RELEASE, .address = 0x7f0000000040 },
	{ .ticks = 128,
		.kind = HST_EVENT_ALLOC,
		.ret = 0x508,
		.fn = FN(REALLOC),
		.address = 0x7f0000000040,
		.bytes = 65536,
		.slack = 70000 },
	{ .ticks = 132, .kind = HST_EVENT_RELEASE, .address = 0x123456789abc },
	{ .ticks = 136, .kind = HST_EVENT_REALLOC_FAILED },
	{ .ticks = 140, .kind = HST_EVENT_REALLOC_FREED },
	{ .ticks = 144,
		.kind = HST_EVENT_MAP,
		.ret = 0x50c,
		.fn = FN(MMAP),
		.address = 0x7e0000000000,
		.bytes = 0x10000001000,
		.reason = HST_MAP_FILE | HST_MAP_NONE },
	{ .ticks = 148, .kind = HST_EVENT_UNMAP, .address = 0x7e0000001000, .bytes = 0x2000 },
	{ .ticks = 152,
		.kind = HST_EVENT_STACK,
		.ret = 0x510,
		.fn = FN(THREAD),
		.bytes = 8u << 20 },
	{ .ticks = 156,
		.kind = HST_EVENT_MEMORY,
		.address = 1000,
		.bytes = UINT32_MAX,
		.more = 3000 },
	{ .ticks = 160, .kind = HST_EVENT_EXIT },
};

static void test_memory_every_op_says_what_was_written(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct read_result result;

	(void)state;
	tracegen_enter(stream, 100, 0x500, 0x40);
	tracegen_alloc(stream, 104, 0x500, HST_ALLOCATOR_MALLOC, 0x7f0000000010, 24, 8);
	tracegen_alloc(stream, 108, 0x500, HST_ALLOCATOR_CALLOC, 0x7f0000000040, 65535, UINT64_MAX);
	tracegen_allocator(stream, 112, 4000, 64);
	tracegen_alloc(stream, 116, 0x504, HST_ALLOCATOR_MALLOC, 0, 0xffffffffffff, UINT64_MAX);
	tracegen_free(stream, 120, 0x7f0000000010);
	tracegen_release(stream, 124, 0x7f0000000040);
	tracegen_alloc(stream, 128, 0x508, HST_ALLOCATOR_REALLOC, 0x7f0000000040, 65536, 70000);
	tracegen_release(stream, 132, 0x123456789abc);
	tracegen_realloc_end(stream, 136, false);
	tracegen_realloc_end(stream, 140, true);
	tracegen_map(stream, 144, 0x50c, HST_ALLOCATOR_MMAP, 0x7e0000000000, 0x10000001000,
		HST_MAP_FILE | HST_MAP_NONE);
	tracegen_unmap(stream, 148, 0x7e0000001000, 0x2000);
	tracegen_stack(stream, 152, 0x510, 8u << 20);
	tracegen_memory(stream, 156, 1000, UINT32_MAX, 3000);
	tracegen_exit(stream, 160);
	read_all(gen, &result);
	assert_int_equal(result.damaged, 0);
	seen_assert_equal(every_op, sizeof every_op / sizeof *every_op, result.events.items,
		result.events.count);
	read_finish(&result);
	tracegen_destroy(gen);
}

/* Decodes one chunk of the words as they are, behind an enter (id 1) and a site of malloc (id 2). */
static void read_words(const uint16_t *words, size_t count, struct read_result *ret_result)
{
	static const uint16_t site[] = { HEAD(HST_OP_SITE), 1, 0x600, 0, 0, HST_ALLOCATOR_MALLOC };
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);

	tracegen_enter(stream, 100, 0x500, 0x40);
	tracegen_words(stream, site, 6);
	tracegen_words(stream, words, count);
	tracegen_rollover(stream);
	read_all(gen, ret_result);
	tracegen_destroy(gen);
}

static void test_memory_ids_of_the_wrong_kind_are_damage(void **state)
{
	/* Zeros behind an enter: it is read by the tight loop, which leaves the chunk's last bytes. */
	static const uint16_t cases[][11] = {
		{ HEAD(HST_OP_ENTER_ID), 2, 2u << 14, 2u << 14, 2u << 14, 2u << 14, 2u << 14 },
		{ HEAD(HST_OP_ENTER_LONG), 0, 2, 2u << 14, 2u << 14, 2u << 14, 2u << 14 },
		{ HEAD(HST_OP_ALLOC), 0, 1, 1, 0, 24 },
		{ HEAD(HST_OP_ALLOC), 0, 0, 1, 0, 24 },
		{ HEAD(HST_OP_ALLOC), 0, 3, 1, 0, 24 },
		{ HEAD(HST_OP_ALLOC), 0, 0xffff, 1, 0, 24 },
		{ HEAD(HST_OP_ALLOC_LONG), 0, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
		{ HEAD(HST_OP_ALLOC_LONG), 0, 0xffff, 1, 1, 1, 1, 1, 1, 1, 1 },
		{ HEAD(HST_OP_MAP), 0, 1, 1, 1, 1, 1, 1, 1 },
		{ HEAD(HST_OP_MAP), 0, 9, 1, 1, 1, 1, 1, 1 },
		{ HEAD(HST_OP_STACK), 0, 1, 1, 1, 1 },
		{ HEAD(HST_OP_STACK), 0, 0, 1, 1, 1 },
		{ HEAD(HST_OP_ALLOC_NEAR), 1, 1, 24 },
		{ HEAD(HST_OP_ALLOC_NEAR), 0, 1, 24 },
		{ HEAD(HST_OP_ALLOC_NEAR), 3, 1, 24 },
	};
	/* The same enter as the very last record, which the slow path reads. */
	static const uint16_t last[] = { HEAD(HST_OP_ENTER_ID), 2 };

	(void)state;
	for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
		struct read_result result;

		if (i < sizeof cases / sizeof *cases) {
			read_words(cases[i], 11, &result);
		} else {
			read_words(last, 2, &result);
		}
		assert_int_equal(result.damaged, 1);
		assert_non_null(strstr(result.sentence, "makes no sense"));
		assert_int_equal(result.events.count, 1);
		assert_int_equal(result.events.items[0].kind, HST_EVENT_ENTER);
		read_finish(&result);
	}
}

/* A function and a place may have the same return address, and ids of both kinds mix. */
static void test_memory_sites_share_the_row_of_ids_with_functions(void **state)
{
	static const uint16_t words[] = { HEAD(HST_OP_ENTER_NEW), 0, 0x600, 0, 0, 0x50, 0, 0,
		HEAD(HST_OP_ALLOC), 0, 2, 1, 0, 24, HEAD(HST_OP_ENTER_ID), 1, HEAD(HST_OP_ENTER_ID),
		3, 2u << 14, 2u << 14, 2u << 14, 2u << 14, 2u << 14 };
	struct read_result result;

	(void)state;
	read_words(words, sizeof words / sizeof *words, &result);
	/* One exit too many. */
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.events.count, 9);
	assert_int_equal(result.events.items[1].ret, 0x600);
	assert_int_equal(result.events.items[1].fn, 0x50);
	assert_int_equal(result.events.items[2].kind, HST_EVENT_ALLOC);
	assert_int_equal(result.events.items[2].ret, 0x600);
	assert_int_equal(result.events.items[2].fn, FN(MALLOC));
	assert_int_equal(result.events.items[3].fn, 0x40);
	assert_int_equal(result.events.items[4].fn, 0x50);
	read_finish(&result);
}

/* Distances are signed, in steps of 16, and go around at 48 bits; a failed block is no latest one. */
static void test_memory_distances_wrap_at_48_bits(void **state)
{
	static const uint16_t words[] = { HEAD(HST_OP_FREE), 0, 0xffff, 0xffff, HEAD(HST_OP_FREE),
		0, 0, 0x8000, HEAD(HST_OP_ALLOC), 0, 2, 1, 0, 24, HEAD(HST_OP_ALLOC_LONG), 0, 2, 0,
		0, 0, 1, 0, 0, 1, 0, HEAD(HST_OP_FREE), 0, 2, 0, HEAD(HST_OP_FREE_LONG), 0, 0xffff,
		0xffff, 0xffff, HEAD(HST_OP_FREE), 0, 1, 0 };
	static const uint64_t expected[] = { 0xfffffffffff0, 0xfff7fffffff0, 0xfff800000000, 0,
		0xfff800000020, 0xffffffffffff, 0xf };
	struct read_result result;

	(void)state;
	read_words(words, sizeof words / sizeof *words, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.events.count, 8);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(result.events.items[1 + i].address, expected[i]);
	}
	read_finish(&result);
}

/* The near records: their argument is the time, the distance has 16 bits, the slack is glibc's. */
static void test_memory_near_records_say_time_distance_and_slack(void **state)
{
	static const uint16_t words[] = { HEAD(HST_OP_FREE_LONG), 0, 0x10, 0, 0x7f00,
		HEAD(HST_OP_ALLOC_NEAR) | 255, 2, 0x7fff, 0, HEAD(HST_OP_ALLOC_NEAR) | 1, 2, 0x8000,
		24, HEAD(HST_OP_ALLOC_NEAR), 2, 0, 25, HEAD(HST_OP_ALLOC_NEAR), 2, 0, 65535,
		HEAD(HST_OP_FREE_NEAR) | 2, 0xffff, HEAD(HST_OP_FREE_LONG), 0, 0, 0, 0,
		HEAD(HST_OP_FREE_NEAR), 0xffff };
	struct read_result result;
	const struct seen *found;
	uint64_t begin;

	(void)state;
	read_words(words, sizeof words / sizeof *words, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.events.count, 9);
	found = result.events.items + 1;
	begin = found[0].ticks;
	assert_int_equal(found[0].address, 0x7f0000000010);
	assert_int_equal(found[1].ticks, begin + 1020);
	assert_int_equal(found[1].address, 0x7f0000000010 + 0x7fff0);
	assert_int_equal(found[1].slack, 24);
	assert_int_equal(found[1].fn, FN(MALLOC));
	assert_int_equal(found[2].ticks, begin + 1024);
	assert_int_equal(found[2].address, 0x7f0000000000);
	assert_int_equal(found[2].bytes, 24);
	assert_int_equal(found[2].slack, 0);
	assert_int_equal(found[3].slack, 15);
	assert_int_equal(found[4].bytes, 65535);
	assert_int_equal(found[4].slack, 9);
	assert_int_equal(found[5].kind, HST_EVENT_FREE);
	assert_int_equal(found[5].ticks, begin + 1032);
	assert_int_equal(found[5].address, 0x7efffffffff0);
	assert_int_equal(found[7].address, 0xfffffffffff0);
	read_finish(&result);
}

/* Each chunk can be decoded alone: the latest block is forgotten, and so are the places. */
static void test_memory_chunk_begins_without_a_latest_block(void **state)
{
	static const uint16_t near[] = { HEAD(HST_OP_FREE), 0, 1, 0 };
	static const uint16_t old[] = { HEAD(HST_OP_ALLOC), 0, 1, 1, 0, 24 };
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct read_result result;

	(void)state;
	tracegen_alloc(stream, 100, 0x500, HST_ALLOCATOR_MALLOC, 0x7f0000000000, 8, 0);
	tracegen_rollover(stream);
	tracegen_words(stream, near, 4);
	tracegen_words(stream, old, 6);
	tracegen_rollover(stream);
	read_all(gen, &result);
	assert_int_equal(result.events.count, 2);
	assert_int_equal(result.events.items[1].address, 16);
	assert_int_equal(result.damaged, 1);
	read_finish(&result);
	tracegen_destroy(gen);
}

static void test_memory_allocator_ticks_stop_at_32_bits(void **state)
{
	static const uint16_t words[] = { HEAD(HST_OP_ALLOCATOR) | 255, 0, 0xffff, 0x3fff,
		HEAD(HST_OP_ALLOCATOR) | 1, 0, 0, 0x4000, HEAD(HST_OP_ALLOCATOR), 0, 0xffff,
		0xffff };
	struct read_result result;

	(void)state;
	read_words(words, sizeof words / sizeof *words, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.events.items[1].value, UINT32_MAX - 3);
	assert_int_equal(result.events.items[1].reason, 255);
	assert_int_equal(result.events.items[2].value, UINT32_MAX);
	assert_int_equal(result.events.items[3].value, UINT32_MAX);
	read_finish(&result);
}

/* As many places as a chunk can define: more than instances of functions fit. */
static void test_memory_chunk_full_of_sites_is_read(void **state)
{
	struct tracegen_options options = { .chunk_bytes = HST_CHUNK_BYTES_MAX };
	struct tracegen *gen = tracegen_create(&options);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct read_result result;
	uint16_t count = 0;

	(void)state;
	for (; count < 5400; count++) {
		const uint16_t site[] = { HEAD(HST_OP_SITE), 0, count, 1, 0, HST_ALLOCATOR_MMAP };

		tracegen_words(stream, site, 6);
	}
	tracegen_words(stream, (const uint16_t[]){ HEAD(HST_OP_ALLOC), 0, count, 1, 0, 24 }, 6);
	read_all(gen, &result);
	assert_int_equal(result.chunk_count, 1);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.events.count, 1);
	assert_int_equal(result.events.items[0].ret, 0x10000 + 5399);
	read_finish(&result);
	tracegen_destroy(gen);
}

/* Entries are those of the latest batch, numbered from 0. */
static void test_memory_entries_begin_anew_with_each_batch(void **state)
{
	struct tracegen_options options = { .chunk_bytes = HST_CHUNK_BYTES_MAX };
	struct tracegen *gen = tracegen_create(&options);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct hst_event events[128];
	struct hst_trace_file file;
	struct hst_decoder *decoder;
	struct hst_sites sites;
	uint8_t *buffer = malloc(HST_CHUNK_BYTES_MAX);
	uint64_t next = 0;
	size_t got;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		tracegen_free(stream, 100 + 4 * i, 16 * i);
	}
	open_trace(gen, &file);
	assert_non_null(buffer);
	assert_int_equal(hst_sites_init(&sites), HST_OK);
	decoder = hst_decoder_create(&file.header, &sites);
	assert_non_null(decoder);
	assert_int_equal(hst_trace_file_read_chunk(&file, &file.streams[0],
				 &file.streams[0].chunks[0], buffer, &got, NULL),
		HST_OK);
	assert_int_equal(hst_decoder_begin(decoder, buffer, got, NULL), HST_OK);
	do {
		assert_int_equal(hst_decode_batch(decoder, events, 128, &got, NULL), HST_OK);
		for (size_t i = 0; i < got; i++, next++) {
			assert_int_equal(events[i].value, i);
			assert_int_equal(hst_decoder_memory(decoder, NULL)[i].address, 16 * next);
		}
	} while (got != 0);
	assert_int_equal(next, 1000);
	hst_decoder_destroy(decoder);
	hst_sites_finish(&sites);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
	free(buffer);
}

/* Cut at each byte: what is read stands at the beginning of what was written. */
static void test_memory_cut_at_every_byte_reads_a_beginning(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_trace_file file;
	struct read_result result;
	struct walk walk;
	const uint8_t *data;
	size_t bytes;
	size_t most = 0;

	(void)state;
	walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 77);
	walk.memory = 80;
	walk_steps(&walk, 150);
	data = tracegen_bytes(gen, &bytes);
	for (size_t cut = HST_HEADER_BYTES; cut <= bytes; cut++) {
		assert_int_equal(open_bytes(data, cut, &file, NULL), HST_OK);
		if (file.stream_count != 0) {
			read_stream(&file, &file.streams[0], 128, false, &result);
			/* An end mark and nothing else may stand where a record is cut off. */
			assert_int_equal(result.damaged, 0);
			assert_true(result.events.count >= most);
			most = result.events.count;
			seen_assert_equal(walk.expected.items, most, result.events.items, most);
			read_finish(&result);
		}
		hst_trace_file_close(&file);
	}
	assert_int_equal(most, walk.expected.count);
	walk_finish(&walk);
	tracegen_destroy(gen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_every_op_says_what_was_written),
		cmocka_unit_test(test_memory_ids_of_the_wrong_kind_are_damage),
		cmocka_unit_test(test_memory_sites_share_the_row_of_ids_with_functions),
		cmocka_unit_test(test_memory_distances_wrap_at_48_bits),
		cmocka_unit_test(test_memory_near_records_say_time_distance_and_slack),
		cmocka_unit_test(test_memory_chunk_begins_without_a_latest_block),
		cmocka_unit_test(test_memory_allocator_ticks_stop_at_32_bits),
		cmocka_unit_test(test_memory_chunk_full_of_sites_is_read),
		cmocka_unit_test(test_memory_entries_begin_anew_with_each_batch),
		cmocka_unit_test(test_memory_cut_at_every_byte_reads_a_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
