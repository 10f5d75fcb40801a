/* SPDX-License-Identifier: Apache-2.0 */
/* Plans with every kind of damage, the hash of values that are known, and the keys of a chunk. */
#include "buffer/check.h"
#include "buffer/keys.h"
#include "hasten/hash.h"
#include "sink/file.h"
#include "sink/plan.h"
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HASH_NONE  0x4d0a2bbe78b92ab1ull
#define HASH_TWO   0x7a85955eca5fd786ull
#define HASH_SEVEN 0xea995722813be545ull

struct sample {
	struct hst_plan_header header;
	struct hst_plan_section sections[3];
	struct hst_plan_enter enters[2];
	struct hst_plan_exit exits[2];
	struct hst_plan_piece pieces[3];
};

static struct sample sample(void)
{
	struct sample plan = {
		.header = { .magic = HST_PLAN_MAGIC,
			.major = 1,
			.sections = 3,
			.bytes = sizeof plan },
		.sections = { { .kind = HST_PLAN_ENTER,
				      .offset = offsetof(struct sample, enters),
				      .count = 2 },
			{ .kind = HST_PLAN_EXIT,
				.offset = offsetof(struct sample, exits),
				.count = 2 },
			{ .kind = HST_PLAN_PIECES,
				.offset = offsetof(struct sample, pieces),
				.count = 3 } },
		.enters = { { .ret = 16, .first = 0, .pieces = 3, .fn = 8 },
			{ .ret = 32, .fn = 24 } },
		.exits = { { .ret = 20, .fn = 8, .piece = { HST_PLAN_PLACE_REGISTER, 3, 8, 0, 0 } },
			{ .ret = 36, .fn = 24 } },
		.pieces = { { HST_PLAN_PLACE_REGISTER, 12, 8, HST_PLAN_CONTENT_BYTES, 0 },
			{ HST_PLAN_PLACE_SP, 0, 4, 0, 8 },
			{ HST_PLAN_PLACE_CONSTANT, 0, 1, 0, -1 } },
	};

	for (size_t i = 0; i < 3; i++) {
		plan.sections[i].build_id_bytes = 20;
		plan.sections[i].build_id[0] = 7;
	}
	return plan;
}

static struct hst_plan plan;

static bool check(const struct sample *of)
{
	return hst_plan_check((const void *)of, sizeof *of, &plan);
}

static void test_plan_that_is_sound(void **state)
{
	struct sample good = sample();
	(void)state;

	assert_true(check(&good));
	assert_int_equal(plan.recipes, 4);
	assert_true(plan.arguments && plan.contents && !plan.filters && !plan.refused_part);
	assert_non_null(hst_plan_pieces(&plan, good.sections[0].build_id, 20));
	assert_null(hst_plan_pieces(&plan, good.sections[0].build_id, 19));
}

/* Recipes that are left when `change` was made. */
#define AFTER(left, change)             \
 {                                      \
  struct sample bad = sample();         \
  change;                               \
  assert_true(check(&bad));             \
  assert_int_equal(plan.recipes, left); \
  assert_true(plan.refused_part);       \
 }

static void test_plan_section_is_refused_alone(void **state)
{
	(void)state;
	AFTER(2, bad.enters[1].ret = 16);
	AFTER(2, bad.enters[0].ret = 0);
	AFTER(2, bad.enters[1].ret = HST_PLAN_ADDRESS_MAX);
	AFTER(2, bad.enters[0].fn = HST_PLAN_ADDRESS_MAX);
	AFTER(2, bad.enters[0].reserved = 1);
	AFTER(2, bad.enters[0].pieces = 4);
	AFTER(2, bad.enters[0].pieces = HST_PLAN_CALL_PIECES_MAX + 1);
	AFTER(2, bad.enters[0].first = 1);
	AFTER(2, bad.enters[0].first = UINT32_MAX);
	AFTER(2, bad.enters[0].pieces = 1);                        /* bytes without their number */
	AFTER(2, bad.pieces[1].content = HST_PLAN_CONTENT_STRING); /* and with a text for it */
	AFTER(2, bad.pieces[2].kind = 6);
	AFTER(2, bad.pieces[2].kind = HST_PLAN_PLACE_NONE);
	AFTER(2, bad.pieces[0].reg = 5);
	AFTER(2, bad.pieces[0].reg = 255);
	AFTER(2, bad.pieces[0].width = 4);
	AFTER(2, bad.pieces[1].width = 3);
	AFTER(2, bad.pieces[1].width = 0);
	AFTER(2, bad.pieces[1].content = 3);
	AFTER(2, bad.pieces[1].offset = -1);
	AFTER(2, bad.sections[2].count = 1u << 30);
	AFTER(2, bad.sections[2].offset = 1);
	AFTER(2, bad.sections[2].build_id[0] = 8);
	AFTER(2, bad.sections[0].count = UINT64_MAX / 8);
	AFTER(2, bad.sections[0].offset = UINT64_MAX - 7);
	AFTER(2, bad.sections[0].flags = HST_PLAN_ANY_MODULE);
	AFTER(2, bad.sections[1].build_id_bytes = 33);
	AFTER(2, bad.sections[1].build_id_bytes = 0);
	AFTER(2, bad.exits[0].piece.content = HST_PLAN_CONTENT_STRING);
	AFTER(2, bad.exits[0].piece.reg = 0);
	AFTER(2, bad.exits[1].ret = 19);
}

static void test_plan_is_refused(void **state)
{
	struct sample bad = sample();
	(void)state;

	assert_false(hst_plan_check((const void *)&bad, sizeof bad - 1, &plan));
	assert_false(hst_plan_check((const void *)&bad, 16, &plan));
	bad.header.sections = 1000;
	assert_false(check(&bad));
	bad = sample();
	bad.sections[1].kind = HST_PLAN_FILTER;
	assert_false(check(&bad)); /* its addresses do not ascend */
	assert_null(plan.bytes);
}

/* What tests/decoder/keys.py computes from the format's page. */
static void test_hash_of_known_values(void **state)
{
	const uint64_t values[] = { (uint64_t)-3, (uint64_t)-5 };
	(void)state;

	assert_int_equal(hst_hash_pieces(NULL, 0), HASH_NONE);
	assert_int_equal(hst_hash_pieces(values, 2), HASH_TWO);
	assert_int_equal(
		hst_hash_content(hst_hash_add(hst_hash_begin(0), 0x2e6e65766573), 6), HASH_SEVEN);
}

/* More keys than are kept, with results of earlier ones and of frames that outlast theirs: the writer's check agrees. */
static void test_keys_of_a_chunk(void **state)
{
	static struct hst_file_header header = { .op_words = {
#define HST_RECORD(NAME, name, number, words, text) [number] = words,
#include "hasten/records.def"
#undef HST_RECORD
						 } };
	struct bench *bench = bench_new(0);
	struct hst_stream *stream = &bench->stream;
	const uint8_t *begin;
	(void)state;

	hst_sink.header = &header;
	hst_keys_begin(stream);
	assert_true(hst_keys_make(stream));
	begin = (const void *)bench->window.cur;
	for (uint64_t i = 0; !bench_full(bench); i++) {
		bench_enter(bench, 64, 48, i * 100);
		hst_put_key(stream, stream->top, i % 3 == 0 ? 5 : i);
		assert_true(hst_key_was_put(stream->top));
		bench_enter(bench, 96, 49, i * 100 + 20);
		hst_put_key(stream, stream->top, i);
		hst_put_result(stream, stream->top, i / 500, 0);
		bench_exit(bench, i * 100 + 40);
		hst_put_result(stream, stream->top, 9, 0);
		bench_exit(bench, i * 100 + 60);
	}
	assert_true(stream->key_count > HST_KEY_SLOTS / 2);
	assert_true((const uint8_t *)bench->window.cur - begin > 60000);
	assert_true(hst_chunk_check(stream));
	stream->key_count++;
	assert_false(hst_chunk_check(stream));
	free(bench);
}

/* A known key and the same result again: four bytes with one of the first 255 keys of a chunk, else six. */
static void test_keys_take_few_bytes(void **state)
{
	struct bench *bench = bench_new(0);
	struct hst_stream *stream = &bench->stream;
	(void)state;

	hst_keys_begin(stream);
	assert_true(hst_keys_make(stream));
	for (int i = 0; i < 4; i++) {
		static const int words[4] = { 10, 2, 10, 3 };
		const uint16_t *before;

		stream->key_count = i == 2 ? 255 : stream->key_count;
		bench_enter(bench, 64, 48, 0);
		before = bench->window.cur;
		hst_put_key(stream, stream->top, 1 + (uint64_t)i / 2);
		hst_put_result(stream, stream->top, 2, HST_RESULT_ZERO);
		assert_int_equal(bench->window.cur - before, words[i]);
		bench_exit(bench, 0);
	}
	/* The next chunk knows neither. */
	bench_enter(bench, 64, 48, 0);
	hst_put_key(stream, stream->top, 1);
	hst_keys_begin(stream);
	{
		const uint16_t *before = bench->window.cur;

		hst_put_result(stream, stream->top, 2, 0);
		assert_int_equal(bench->window.cur - before, 5);
	}
	free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_that_is_sound),
		cmocka_unit_test(test_plan_section_is_refused_alone),
		cmocka_unit_test(test_plan_is_refused),
		cmocka_unit_test(test_hash_of_known_values),
		cmocka_unit_test(test_keys_of_a_chunk),
		cmocka_unit_test(test_keys_take_few_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
