/* SPDX-License-Identifier: Apache-2.0 */
/* Damage that a reader must survive: cuts at every byte, flipped bytes, random files. */
#include "reader/profile_block.h"
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 2u

struct sample {
	struct tracegen *gen;
	struct walk walks[THREADS];
	uint8_t *data;
	size_t bytes;
};

/* A small trace with a bit of everything; `tails` as the preload writes it. */
static void sample_begin(struct sample *sample, bool tails, size_t steps)
{
	struct tracegen_options options = { .chunk_bytes = 1024, .no_tails = !tails };
	struct hst_profile_node nodes[3] = { { .calls = 1 }, { .calls = 1, .fn = 7 },
		{ .parent = 1, .fn = 8 } };
	size_t i;

	sample->gen = tracegen_create(&options);
	tracegen_module(sample->gen, "/bin/app", 0x1000, 0x1000, 0x9000, "\1\2\3", 3);
	tracegen_region(sample->gen, 1, "loading");
	for (i = 0; i < THREADS; i++) {
		walk_begin(&sample->walks[i],
			tracegen_thread(sample->gen, 100 + (uint32_t)i, HST_LANE_MAIN, NULL),
			(uint32_t)i + 40);
	}
	for (i = 0; i < 8; i++) {
		walk_steps(&sample->walks[i % THREADS], steps / 8);
	}
	(void)tracegen_profile(sample->gen, sample->walks[0].stream, nodes, 3, 4, NULL, 0);
	walk_steps(&sample->walks[1], 20);
	tracegen_end(sample->gen, sample->walks[0].ticks + 1000, HST_END_EXIT, 0);
	(void)tracegen_bytes(sample->gen, &sample->bytes);
	sample->data = malloc(sample->bytes);
	assert_non_null(sample->data);
	memcpy(sample->data, tracegen_bytes(sample->gen, &sample->bytes), sample->bytes);
}

static void sample_finish(struct sample *sample)
{
	size_t i;

	for (i = 0; i < THREADS; i++) {
		walk_finish(&sample->walks[i]);
	}
	tracegen_destroy(sample->gen);
	free(sample->data);
}

/* Is `item` the event at *at or later of the expected ones? Moves behind it. */
static bool find_expected(const struct seen_list *expected, const struct seen *item, size_t *at)
{
	for (; *at < expected->count; (*at)++) {
		if (memcmp(&expected->items[*at], item, sizeof *item) == 0) {
			(*at)++;
			return true;
		}
	}
	return false;
}

static void read_profiles(const struct hst_trace_file *file)
{
	size_t i;

	for (i = 0; i < file->profile_count; i++) {
		struct hst_profile_tree tree;

		if (hst_profile_tree_read(file, file->profiles[i], &tree, NULL) == HST_OK) {
			hst_profile_tree_finish(&tree);
		}
	}
}

/* Only the last chunk may be cut, as the tail or as what was appended last. */
static bool is_sound_to_the_last(const struct hst_stream_ref *stream)
{
	size_t i;

	for (i = 0; i + 1 < stream->chunk_count; i++) {
		if (!stream->chunks[i].whole) {
			return false;
		}
	}
	return true;
}

/* Whatever is read of a cut trace was in the whole one, in this order; up to the first gap, all. */
static void check_cut(const struct sample *sample, size_t cut)
{
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	enum hst_status status = open_bytes(sample->data, cut, &file, &diag);
	size_t i;

	if (cut < HST_HEADER_BYTES) {
		assert_int_equal(status, HST_E_DAMAGED);
		return;
	}
	assert_int_equal(status, HST_OK);
	for (i = 0; i < file.stream_count; i++) {
		const struct hst_stream_ref *stream = &file.streams[i];
		const struct seen_list *expected = &sample->walks[stream->stream - 1].expected;
		struct read_result result;
		size_t at = 0;
		size_t j;

		assert_in_range(stream->stream, 1, THREADS);
		read_stream(&file, stream, 128, false, &result);
		assert_int_equal(result.damaged, 0);
		for (j = 0; j < result.events.count; j++) {
			const struct seen *item = &result.events.items[j];

			/* The fiber of a chunk behind a gap: no event of the program. */
			if (item->kind == HST_EVENT_SWITCH &&
				result.events.items[j + 1 < result.events.count ? j + 1 : j].kind ==
					HST_EVENT_RESYNC) {
				continue;
			}
			if (!seen_is_repair(item)) {
				assert_true(find_expected(expected, item, &at));
			}
		}
		if (stream->gaps == 0 && is_sound_to_the_last(stream)) {
			assert_int_equal(at, j);
		}
		if (cut == sample->bytes) {
			assert_int_equal(result.events.count, expected->count);
		}
		read_finish(&result);
	}
	if (cut < sample->bytes) {
		assert_string_not_equal(file.missing, "");
	} else {
		assert_string_equal(file.missing, "");
	}
	read_profiles(&file);
	hst_trace_file_close(&file);
}

static void test_damage_cut_at_every_byte_gives_a_prefix(void **state)
{
	struct sample sample;
	size_t cut;

	(void)state;
	sample_begin(&sample, false, 1200);
	for (cut = 0; cut <= sample.bytes; cut++) {
		check_cut(&sample, cut);
	}
	sample_finish(&sample);
}

static void test_damage_cut_with_tails_gives_what_was_recorded(void **state)
{
	struct sample sample;
	size_t cut;

	(void)state;
	sample_begin(&sample, true, 1200);
	for (cut = HST_HEADER_BYTES; cut <= sample.bytes; cut += 3) {
		check_cut(&sample, cut);
	}
	check_cut(&sample, sample.bytes);
	sample_finish(&sample);
}

/* Reads everything there is; the only demands are an end, and memory that sanitizers like. */
static void read_all(const uint8_t *data, size_t bytes)
{
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	size_t i;

	if (open_bytes(data, bytes, &file, &diag) != HST_OK) {
		assert_string_not_equal(diag.text, "");
		return;
	}
	for (i = 0; i < file.stream_count; i++) {
		struct read_result result;

		read_stream(&file, &file.streams[i], 128, i % 2 == 1, &result);
		/* Two bytes make an event at most, and a chunk 66 more for its open frames. */
		assert_true(result.events.count <= bytes / 2 + file.streams[i].chunk_count * 66);
		read_finish(&result);
	}
	read_profiles(&file);
	(void)hst_trace_file_rate(&file, 0);
	(void)hst_trace_file_module(&file, 0x1234, 1);
	(void)hst_trace_file_region(&file, HST_REGION_BASE + 16);
	hst_trace_file_close(&file);
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

static void test_damage_random_bytes_never_crash(void **state)
{
	struct sample sample;
	uint32_t random = 1;
	uint8_t *copy;
	int round;

	(void)state;
	sample_begin(&sample, true, 2000);
	copy = malloc(sample.bytes);
	assert_non_null(copy);
	for (round = 0; round < 3000; round++) {
		uint32_t changes = 1 + next_random(&random) % 12;

		memcpy(copy, sample.data, sample.bytes);
		while (changes-- > 0) {
			/* The file header is tried in one round of eight only. */
			size_t from = round % 8 == 0 ? 0 : HST_HEADER_BYTES;
			size_t at = from + next_random(&random) % (sample.bytes - from);

			copy[at] = (uint8_t)next_random(&random);
		}
		read_all(copy, sample.bytes);
	}
	free(copy);
	sample_finish(&sample);
}

static void test_damage_random_blocks_never_crash(void **state)
{
	struct sample sample;
	uint32_t random = 7;
	uint8_t *copy;
	int round;

	(void)state;
	sample_begin(&sample, true, 200);
	copy = malloc(sample.bytes);
	assert_non_null(copy);
	memcpy(copy, sample.data, sample.bytes);
	for (round = 0; round < 1000; round++) {
		size_t at;

		for (at = HST_HEADER_BYTES; at < sample.bytes; at++) {
			copy[at] = (uint8_t)next_random(&random);
		}
		for (at = HST_HEADER_BYTES; at + 176 < sample.bytes; at += 16) {
			struct hst_block block = { .magic = HST_BLOCK_MAGIC };

			if (next_random(&random) % 6 != 0) {
				continue;
			}
			block.type = (uint16_t)(next_random(&random) % 7);
			block.bytes = next_random(&random) % 200 * 16;
			block.flags = (uint16_t)(next_random(&random) % 2);
			memcpy(copy + at, &block, sizeof block);
		}
		read_all(copy, sample.bytes);
	}
	free(copy);
	sample_finish(&sample);
}

/* A damaged chunk costs its own calls only. */
static void test_damage_in_one_chunk_leaves_the_others(void **state)
{
	struct tracegen_options options = { .no_tails = true, .chunk_bytes = 1024 };
	struct tracegen *gen = tracegen_create(&options);
	struct hst_trace_file file;
	struct read_result good;
	struct read_result bad;
	struct walk walk;
	uint8_t *copy;
	size_t bytes;
	size_t i;

	(void)state;
	walk_begin(&walk, tracegen_thread(gen, 1, HST_LANE_MAIN, NULL), 3);
	walk.fibers = false;
	walk_steps(&walk, 3000);
	open_trace(gen, &file);
	read_stream(&file, &file.streams[0], 128, false, &good);
	assert_true(good.chunk_count > 5);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	/* An end mark right at the beginning of the third chunk's records. */
	i = file.streams[0].chunks[2].offset;
	memset(copy + i + 160 + 16 * ((struct hst_chunk *)(void *)(copy + i))->frames, 0, 2);
	hst_trace_file_close(&file);
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	read_stream(&file, &file.streams[0], 128, false, &bad);
	assert_int_equal(bad.damaged, 1);
	assert_non_null(strstr(bad.sentence, "chunk 3 of thread 1"));
	assert_int_equal(bad.chunk_ends[2], bad.chunk_ends[1]);
	i = bad.chunk_ends[2];
	assert_int_equal(bad.events.items[i].kind, HST_EVENT_RESYNC);
	assert_int_equal(bad.events.items[i].reason, HST_RESYNC_GAP);
	while (seen_is_repair(&bad.events.items[i])) {
		i++;
	}
	seen_assert_equal(good.events.items + good.chunk_ends[2],
		good.events.count - good.chunk_ends[2], bad.events.items + i, bad.events.count - i);
	read_finish(&good);
	read_finish(&bad);
	hst_trace_file_close(&file);
	free(copy);
	walk_finish(&walk);
	tracegen_destroy(gen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damage_cut_at_every_byte_gives_a_prefix),
		cmocka_unit_test(test_damage_cut_with_tails_gives_what_was_recorded),
		cmocka_unit_test(test_damage_random_bytes_never_crash),
		cmocka_unit_test(test_damage_random_blocks_never_crash),
		cmocka_unit_test(test_damage_in_one_chunk_leaves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
