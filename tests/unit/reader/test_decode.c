/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tracegen *small_chunks(uint32_t chunk_bytes)
{
	struct tracegen_options options = { .chunk_bytes = chunk_bytes };

	return tracegen_create(&options);
}

/* Random walks over all kinds of events: what went in comes out, without repairs. */
static void test_decode_every_op_comes_back_exactly(void **state)
{
	static const uint32_t sizes[] = { 512, 1024, 4096, 65536 };
	uint32_t seed;

	(void)state;
	for (seed = 0; seed < 24; seed++) {
		struct tracegen *gen = small_chunks(sizes[seed % 4]);
		struct hst_trace_file file;
		struct read_result result;
		struct walk walk;

		walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), seed);
		walk.sites = seed % 3 == 0 ? 500 : 12;
		walk_steps(&walk, 4000);
		tracegen_thread_end(walk.stream, walk.ticks);
		seen_add(&walk.expected,
			(struct seen){ .ticks = walk.ticks & ~3ull, .kind = HST_EVENT_THREAD_END });
		open_trace(gen, &file);
		assert_string_equal(file.missing, "");
		read_stream(&file, &file.streams[0], 128 + seed, false, &result);
		assert_int_equal(result.damaged, 0);
		seen_assert_equal(walk.expected.items, walk.expected.count, result.events.items,
			result.events.count);
		assert_int_equal(result.depth, tracegen_depth(walk.stream));
		read_finish(&result);
		hst_trace_file_close(&file);
		walk_finish(&walk);
		tracegen_destroy(gen);
	}
}

/* Without the RESYNC, FRAME and SWITCH that a decoder puts before a chunk that it meets first. */
static size_t after_prefix(const struct seen *items, size_t from, size_t to)
{
	if (from < to && items[from].kind == HST_EVENT_SWITCH && from + 1 < to &&
		items[from + 1].kind == HST_EVENT_RESYNC) {
		from++;
	}
	while (from < to && seen_is_repair(&items[from])) {
		from++;
	}
	return from;
}

static void test_decode_each_chunk_can_be_read_alone(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 100; seed < 112; seed++) {
		struct tracegen *gen = small_chunks(seed % 2 == 0 ? 512 : 4096);
		struct hst_trace_file file;
		struct read_result whole;
		struct read_result alone;
		struct walk walk;
		size_t i;

		walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), seed);
		walk_steps(&walk, 4000);
		open_trace(gen, &file);
		read_stream(&file, &file.streams[0], 256, false, &whole);
		read_stream(&file, &file.streams[0], 256, true, &alone);
		assert_int_equal(alone.damaged, 0);
		assert_true(whole.chunk_count > 3);
		for (i = 1; i < whole.chunk_count; i++) {
			size_t from = after_prefix(
				alone.events.items, alone.chunk_ends[i - 1], alone.chunk_ends[i]);

			assert_int_equal(alone.events.items[alone.chunk_ends[i - 1]].kind ==
							 HST_EVENT_RESYNC ||
						 alone.events.items[alone.chunk_ends[i - 1]].kind ==
							 HST_EVENT_SWITCH,
				1);
			seen_assert_equal(whole.events.items + whole.chunk_ends[i - 1],
				whole.chunk_ends[i] - whole.chunk_ends[i - 1],
				alone.events.items + from, alone.chunk_ends[i] - from);
		}
		read_finish(&whole);
		read_finish(&alone);
		hst_trace_file_close(&file);
		walk_finish(&walk);
		tracegen_destroy(gen);
	}
}

static void test_decode_deep_recursion_lists_innermost_frames(void **state)
{
	struct tracegen *gen = small_chunks(4096);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	struct read_result whole;
	struct read_result alone;
	uint64_t ticks = 0;
	size_t enters = 0;
	size_t exits = 0;
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		tracegen_enter(stream, ticks += 40, 0x1000 + i % 7 * 8, 0x1000);
	}
	for (i = 0; i < 100000; i++) {
		tracegen_exit(stream, ticks += 40);
	}
	open_trace(gen, &file);
	read_stream(&file, &file.streams[0], 512, false, &whole);
	assert_int_equal(whole.damaged, 0);
	assert_int_equal(whole.depth, 0);
	for (i = 0; i < whole.events.count; i++) {
		enters += whole.events.items[i].kind == HST_EVENT_ENTER;
		exits += whole.events.items[i].kind == HST_EVENT_EXIT;
	}
	assert_int_equal(enters, 100000);
	assert_int_equal(exits, 100000);
	assert_int_equal(whole.events.count, 200000);
	read_stream(&file, &file.streams[0], 512, true, &alone);
	/* The second chunk alone: depth is known, the innermost 64 frames are named. */
	i = alone.chunk_ends[0];
	assert_int_equal(alone.events.items[i].kind, HST_EVENT_RESYNC);
	assert_int_equal(alone.events.items[i].reason, HST_RESYNC_GAP);
	assert_int_equal(alone.events.items[i].value, alone.chunk_ends[0]);
	assert_int_equal(alone.events.items[i + 1].kind, HST_EVENT_FRAME);
	assert_int_equal(alone.events.items[i + 1].value, alone.chunk_ends[0] - 64);
	assert_int_equal(alone.events.items[i + 1].fn, 0x1000);
	assert_int_equal(alone.events.items[i + 64].kind, HST_EVENT_FRAME);
	assert_int_equal(alone.events.items[i + 65].kind, HST_EVENT_ENTER);
	read_finish(&whole);
	read_finish(&alone);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_decode_fork_begins_with_the_parents_frames(void **state)
{
	struct tracegen *gen = small_chunks(0);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	struct read_result result;

	(void)state;
	tracegen_inherit(stream, 0x100, 0x10);
	tracegen_inherit(stream, 0x200, 0x20);
	tracegen_inherit(stream, 0x100, 0x10);
	tracegen_exit(stream, 400);
	open_trace(gen, &file);
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.events.count, 5);
	assert_int_equal(result.events.items[0].kind, HST_EVENT_RESYNC);
	assert_int_equal(result.events.items[0].reason, HST_RESYNC_BEGIN);
	assert_int_equal(result.events.items[0].value, 3);
	assert_int_equal(result.events.items[1].ret, 0x100);
	assert_int_equal(result.events.items[2].ret, 0x200);
	assert_int_equal(result.events.items[3].ret, 0x100);
	assert_int_equal(result.events.items[3].value, 2);
	assert_int_equal(result.events.items[4].kind, HST_EVENT_EXIT);
	assert_int_equal(result.depth, 2);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_decode_gap_resyncs_and_is_counted(void **state)
{
	struct tracegen *gen = small_chunks(0);
	struct tracegen_stream *stream = tracegen_thread(gen, 77, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	struct read_result result;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_gap(stream);
	tracegen_exit(stream, 200);
	tracegen_enter(stream, 300, 0x200, 0x20);
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].gaps, 1);
	assert_string_equal(file.missing, "chunk 2 of thread 77 is missing");
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.events.count, 5);
	assert_int_equal(result.events.items[1].kind, HST_EVENT_RESYNC);
	assert_int_equal(result.events.items[1].reason, HST_RESYNC_GAP);
	assert_int_equal(result.events.items[2].kind, HST_EVENT_FRAME);
	assert_int_equal(result.events.items[2].ret, 0x100);
	assert_int_equal(result.events.items[4].ret, 0x200);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

/* Closed while paused: the next chunk has another depth, and nothing is missing. */
static void test_decode_other_depth_resyncs_without_a_gap(void **state)
{
	struct tracegen *gen = small_chunks(0);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_chunk *chunk;
	struct hst_trace_file file;
	struct read_result result;
	uint8_t *copy;
	size_t bytes;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_enter(stream, 104, 0x200, 0x20);
	tracegen_pause(stream, 108);
	tracegen_enter(stream, 200, 0x300, 0x30);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	/*
	 * The tail comes first in the file: chunk 2, which lists two frames. It loses the inner
	 * one.
	 */
	chunk = (struct hst_chunk *)(void *)(copy + HST_HEADER_BYTES);
	assert_int_equal(chunk->seq, 2);
	chunk->depth = 1;
	chunk->frames = 1;
	memmove(copy + HST_HEADER_BYTES + sizeof *chunk + 16,
		copy + HST_HEADER_BYTES + sizeof *chunk + 32, 1024);
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.events.count, 6);
	assert_int_equal(result.events.items[3].kind, HST_EVENT_RESYNC);
	assert_int_equal(result.events.items[3].reason, HST_RESYNC_STACK);
	assert_int_equal(result.events.items[3].value, 1);
	assert_int_equal(result.events.items[4].ret, 0x100);
	assert_int_equal(result.events.items[5].ret, 0x300);
	read_finish(&result);
	hst_trace_file_close(&file);
	free(copy);
	tracegen_destroy(gen);
}

static void test_decode_unknown_ops_are_stepped_over(void **state)
{
	struct tracegen *gen = small_chunks(0);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	uint16_t fixed[] = { 3u << 14 | 60u << 8, 1, 2, 3 };
	uint16_t counted[] = { 3u << 14 | 61u << 8, 2, 0xffff, 0xffff };
	struct hst_trace_file file;
	struct read_result result;

	(void)state;
	tracegen_header(gen)->op_words[60] = 3;
	tracegen_header(gen)->op_words[61] = 255;
	/* Lengths of known ops are not taken from the file. */
	tracegen_header(gen)->op_words[HST_OP_ENTER_NEW] = 1;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_words(stream, fixed, 4);
	tracegen_words(stream, counted, 4);
	tracegen_exit(stream, 200);
	open_trace(gen, &file);
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.damaged, 0);
	assert_int_equal(result.events.count, 2);
	assert_int_equal(result.events.items[1].ticks, 200);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

/* Each of these records makes no sense after one enter; what stands before it is kept. */
static void test_decode_senseless_records_end_the_chunk(void **state)
{
	static const struct {
		uint16_t words[6];
		size_t count;
		const char *what;
	} cases[] = {
		{ { 2u << 14, 2u << 14 }, 2, "without an open frame" },
		{ { 1u << 14, 1u << 14, 1u << 14 }, 3, "nothing foretold" },
		{ { 3u << 14 | 2u << 8, 0 }, 2, "makes no sense" },
		{ { 3u << 14 | 2u << 8, 2 }, 2, "makes no sense" },
		{ { 3u << 14 | 3u << 8, 1, 9 }, 3, "makes no sense" },
		{ { 3u << 14 | 7u << 8 | 1, 0, 2, 0 }, 4, "makes no sense" },
		{ { 3u << 14 | 6u << 8, 0xffff, 0xffff, 0xffff, 0xffff }, 5, "makes no sense" },
		{ { 3u << 14 | 62u << 8, 0xffff }, 2, "beyond the end" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tracegen *gen = small_chunks(0);
		struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
		struct hst_trace_file file;
		struct read_result result;

		tracegen_header(gen)->op_words[62] = 255;
		tracegen_enter(stream, 100, 0x100, 0x10);
		tracegen_words(stream, cases[i].words, cases[i].count);
		tracegen_gap(stream);
		tracegen_exit(stream, 900);
		open_trace(gen, &file);
		read_stream(&file, &file.streams[0], 128, false, &result);
		assert_int_equal(result.damaged, 1);
		if (strstr(result.sentence, cases[i].what) == NULL ||
			strstr(result.sentence, "chunk 1 of thread 5") == NULL) {
			print_error("case %zu: %s\n", i, result.sentence);
			fail();
		}
		assert_int_equal(result.events.items[0].kind, HST_EVENT_ENTER);
		assert_int_equal(result.events.items[result.events.count - 1].kind, HST_EVENT_EXIT);
		assert_int_equal(result.events.items[result.events.count - 1].ticks, 900);
		read_finish(&result);
		hst_trace_file_close(&file);
		tracegen_destroy(gen);
	}
}

static void test_decode_limit_and_lanes_are_reported(void **state)
{
	struct tracegen *gen = small_chunks(0);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct tracegen_stream *lane = tracegen_thread(gen, 5, HST_LANE_SIGNAL, stream);
	struct hst_trace_file file;
	struct read_result result;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_enter(lane, 102, 0x200, 0x20);
	tracegen_exit(lane, 120);
	tracegen_limit(stream, 200);
	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 2);
	assert_int_equal(file.streams[1].lane, HST_LANE_SIGNAL);
	assert_int_equal(file.streams[1].parent_stream, 1);
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.events.count, 2);
	assert_int_equal(result.events.items[1].kind, HST_EVENT_LIMIT);
	assert_int_equal(result.depth, 1);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_decode_many_fibers_stay_bounded(void **state)
{
	struct tracegen *gen = small_chunks(65536);
	struct tracegen_stream *stream = tracegen_thread(gen, 5, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	struct read_result result;
	uint32_t i;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	for (i = 0; i < 70000; i++) {
		uint16_t words[] = { 3u << 14 | HST_OP_SWITCH << 8, 0, (uint16_t)(i + 1),
			(uint16_t)((i + 1) >> 16) };

		tracegen_words(stream, words, 4);
	}
	open_trace(gen, &file);
	read_stream(&file, &file.streams[0], 512, false, &result);
	/* Headers of the later chunks still say fiber 0: each of them switches back to it. */
	assert_int_equal(result.damaged, 0);
	assert_true(result.events.count >= 70001);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_sites_intern_keeps_generations_apart(void **state)
{
	struct hst_sites sites;
	uint32_t first;
	uint32_t i;

	(void)state;
	assert_int_equal(hst_sites_init(&sites), HST_OK);
	first = hst_sites_intern(&sites, 0x10, 0x20, 1);
	assert_int_equal(first, 1);
	assert_int_equal(hst_sites_intern(&sites, 0x10, 0x20, 1), 1);
	assert_int_equal(hst_sites_intern(&sites, 0x10, 0x20, 2), 2);
	assert_int_equal(hst_sites_intern(&sites, 0x20, 0x10, 1), 3);
	for (i = 0; i < 20000; i++) {
		assert_int_equal(hst_sites_intern(&sites, i * 16u, 7, 9), 4 + i);
	}
	for (i = 0; i < 20000; i++) {
		assert_int_equal(hst_sites_intern(&sites, i * 16u, 7, 9), 4 + i);
	}
	hst_sites_finish(&sites);
	hst_sites_finish(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_every_op_comes_back_exactly),
		cmocka_unit_test(test_decode_each_chunk_can_be_read_alone),
		cmocka_unit_test(test_decode_deep_recursion_lists_innermost_frames),
		cmocka_unit_test(test_decode_fork_begins_with_the_parents_frames),
		cmocka_unit_test(test_decode_gap_resyncs_and_is_counted),
		cmocka_unit_test(test_decode_other_depth_resyncs_without_a_gap),
		cmocka_unit_test(test_decode_unknown_ops_are_stepped_over),
		cmocka_unit_test(test_decode_senseless_records_end_the_chunk),
		cmocka_unit_test(test_decode_limit_and_lanes_are_reported),
		cmocka_unit_test(test_decode_many_fibers_stay_bounded),
		cmocka_unit_test(test_sites_intern_keeps_generations_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
