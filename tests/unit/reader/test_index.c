/* SPDX-License-Identifier: Apache-2.0 */
/* Which chunks of a file count: tails and their copies, holes, damage, rings. */
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A stale tail holds what was appended already: the appended copy counts, once. */
static void test_index_stale_tail_counts_once(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	struct read_result result;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_exit(stream, 200);
	tracegen_stale_tail(stream);
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].chunk_count, 1);
	assert_true(file.streams[0].chunks[0].whole);
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_int_equal(result.events.count, 2);
	read_finish(&result);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

/* Killed while appending, at every length: the tail of the same sequence has all of it. */
static void test_index_half_appended_chunk_is_read_from_the_tail(void **state)
{
	size_t written;

	(void)state;
	for (written = 16; written < 300; written += 7) {
		struct tracegen *gen = tracegen_create(NULL);
		struct hst_trace_file file;
		struct read_result result;
		struct walk walk;

		walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 5);
		walk_steps(&walk, 100);
		tracegen_kill_while_appending(walk.stream, written);
		open_trace(gen, &file);
		assert_string_equal(file.missing, "");
		read_stream(&file, &file.streams[0], 128, false, &result);
		seen_assert_equal(walk.expected.items, walk.expected.count, result.events.items,
			result.events.count);
		read_finish(&result);
		hst_trace_file_close(&file);
		walk_finish(&walk);
		tracegen_destroy(gen);
	}
}

/* The same when the file ends within what was appended: the tail still has all of it. */
static void test_index_cut_append_with_its_tail_lacks_nothing(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct walk walk;
	uint8_t *copy;
	size_t whole;
	size_t cut;

	(void)state;
	walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 5);
	walk.memory = 0; /* fits one chunk */
	walk_steps(&walk, 100);
	tracegen_kill_while_appending(walk.stream, 4096);
	(void)tracegen_bytes(gen, &whole);
	copy = malloc(whole);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &whole), whole);
	for (cut = 4096 + 4096 + 32; cut < whole; cut++) {
		struct hst_trace_file file;
		struct read_result result;

		assert_int_equal(open_bytes(copy, cut, &file, NULL), HST_OK);
		assert_string_equal(file.missing, "");
		read_stream(&file, &file.streams[0], 128, false, &result);
		assert_int_equal(result.events.count, walk.expected.count);
		read_finish(&result);
		hst_trace_file_close(&file);
	}
	free(copy);
	walk_finish(&walk);
	tracegen_destroy(gen);
}

/* The same without the tail: what was written is read, and the sentence says that there is more. */
static void test_index_partial_chunk_without_tail_is_said(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct walk walk;
	struct hst_trace_file file;
	struct read_result result;
	uint8_t *copy;
	size_t bytes;

	(void)state;
	walk_begin(&walk, tracegen_thread(gen, 31, HST_LANE_MAIN, NULL), 5);
	walk.memory = 0; /* fits one chunk */
	walk_steps(&walk, 100);
	tracegen_kill_while_appending(walk.stream, 500);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	memset(copy + HST_HEADER_BYTES, 0, 4096);
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	assert_string_equal(file.missing, "the end of chunk 1 of thread 31 is missing");
	read_stream(&file, &file.streams[0], 128, false, &result);
	assert_true(result.events.count > 10 && result.events.count < walk.expected.count);
	seen_assert_equal(
		walk.expected.items, result.events.count, result.events.items, result.events.count);
	read_finish(&result);
	hst_trace_file_close(&file);
	free(copy);
	walk_finish(&walk);
	tracegen_destroy(gen);
}

static void test_index_holes_and_rubbish_are_stepped_over(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;
	uint8_t *zeros = calloc(1, 1u << 20);
	uint8_t rubbish[64];

	(void)state;
	memset(rubbish, 0x42, sizeof rubbish);
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_raw(gen, zeros, 1u << 20);
	tracegen_rollover(stream);
	tracegen_exit(stream, 200);
	tracegen_raw(gen, rubbish, sizeof rubbish);
	tracegen_rollover(stream);
	tracegen_raw(gen, zeros, 160);
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].chunk_count, 2);
	assert_int_equal(file.streams[0].gaps, 0);
	assert_int_equal(file.skipped_bytes, 64);
	assert_string_equal(file.missing, "64 damaged bytes were stepped over");
	hst_trace_file_close(&file);
	free(zeros);
	tracegen_destroy(gen);
}

/* A length that was damaged must not hide the blocks behind it. */
static void test_index_damaged_length_hides_nothing_behind_it(void **state)
{
	static const uint32_t lengths[] = { 16, 160, 176, 4096, 8192, 65536, 65552, 0x7ffffff0, 0,
		17 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct tracegen_options options = { .no_tails = true };
		struct tracegen *gen = tracegen_create(&options);
		struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
		struct hst_trace_file file;
		struct hst_block *block;
		uint8_t *copy;
		size_t bytes;
		size_t j;

		for (j = 0; j < 8; j++) {
			tracegen_enter(stream, 100 + j * 100, 0x100, 0x10);
			tracegen_rollover(stream);
		}
		(void)tracegen_bytes(gen, &bytes);
		copy = malloc(bytes);
		assert_non_null(copy);
		memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
		block = (struct hst_block *)(void *)(copy + HST_HEADER_BYTES);
		block->bytes = lengths[i];
		assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
		assert_int_equal(file.streams[0].chunk_count, i >= 1 && i <= 5 ? 8 : 7);
		assert_string_not_equal(file.missing, "");
		hst_trace_file_close(&file);
		free(copy);
		tracegen_destroy(gen);
	}
}

/*
 * Killed while the tail was being appended: its place holds a sealed chunk as long as its records,
 * and records of earlier chunks behind. Nothing is lost, and nothing is said to be damaged.
 */
static void test_index_sealed_tail_with_old_records_behind_is_whole(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_chunk *chunk;
	struct hst_trace_file file;
	struct read_result result;
	struct walk walk;
	uint64_t trailer;
	uint32_t length;
	uint8_t *copy;
	size_t bytes;

	(void)state;
	walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 8);
	walk.fibers = false;
	walk_steps(&walk, 3000);
	tracegen_raw(gen, (uint8_t[16]){ 0 }, 16);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	chunk = (struct hst_chunk *)(void *)(copy + HST_HEADER_BYTES);
	assert_true(chunk->seq > 1);
	for (length = 4096; copy[HST_HEADER_BYTES + length - 1] == 0; length--) {
	}
	length = (length + 2 + 8 + 15) / 16 * 16;
	assert_true(length < 4000);
	memset(copy + HST_HEADER_BYTES + length, 0x41, 4096 - length);
	chunk->block.flags = 0;
	chunk->block.bytes = length;
	trailer = HST_CHUNK_TRAILER ^ chunk->seq;
	memcpy(copy + HST_HEADER_BYTES + length - 8, &trailer, 8);
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	assert_string_equal(file.missing, "");
	read_stream(&file, &file.streams[0], 128, false, &result);
	seen_assert_equal(
		walk.expected.items, walk.expected.count, result.events.items, result.events.count);
	read_finish(&result);
	hst_trace_file_close(&file);
	free(copy);
	walk_finish(&walk);
	tracegen_destroy(gen);
}

static void test_index_ledger_of_the_newest_chunk_counts(void **state)
{
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;

	(void)state;
	tracegen_ledger(stream)->unwound = 1;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_rollover(stream);
	tracegen_enter(stream, 200, 0x100, 0x10);
	tracegen_ledger(stream)->unwound = 5;
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].ledger.unwound, 5);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_index_ring_front_is_no_gap(void **state)
{
	struct tracegen_options options = { .flags = HST_FLAG_RING };
	struct tracegen *gen = tracegen_create(&options);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct hst_trace_file file;

	(void)state;
	tracegen_gap(stream);
	tracegen_gap(stream);
	tracegen_enter(stream, 100, 0x100, 0x10);
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].gaps, 0);
	assert_string_equal(file.missing, "");
	tracegen_header(gen)->flags = 0;
	hst_trace_file_close(&file);
	open_trace(gen, &file);
	assert_int_equal(file.streams[0].gaps, 2);
	assert_string_equal(file.missing, "chunks 1 to 2 of thread 1 are missing");
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_stale_tail_counts_once),
		cmocka_unit_test(test_index_half_appended_chunk_is_read_from_the_tail),
		cmocka_unit_test(test_index_cut_append_with_its_tail_lacks_nothing),
		cmocka_unit_test(test_index_partial_chunk_without_tail_is_said),
		cmocka_unit_test(test_index_holes_and_rubbish_are_stepped_over),
		cmocka_unit_test(test_index_damaged_length_hides_nothing_behind_it),
		cmocka_unit_test(test_index_sealed_tail_with_old_records_behind_is_whole),
		cmocka_unit_test(test_index_ledger_of_the_newest_chunk_counts),
		cmocka_unit_test(test_index_ring_front_is_no_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
