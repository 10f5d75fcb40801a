/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer's encoder puts down is what the reader's decoder gets, event by event, to the tick's quarter. */
#include "reader/decode.h"
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EVENTS_MAX 40000u

struct expected {
	uint64_t ticks;
	uint64_t ret;
	uint16_t kind;
	uint32_t value;
};

static struct expected expected[EVENTS_MAX];
static size_t expected_count;

static void expect(uint16_t kind, uint64_t ticks, uint64_t ret, uint32_t value)
{
	assert_true(expected_count < EVENTS_MAX);
	expected[expected_count++] = (struct expected){ ticks & ~3ull, ret, kind, value };
}

static uint8_t op_table[HST_OPS] = {
#define HST_RECORD(NAME, name, number, words, text) [number] = words,
#include "hasten/records.def"
#undef HST_RECORD
};

static void assert_decodes(const struct bench *bench)
{
	struct hst_file_header header = { .time_shift = HST_TIME_SHIFT, .pointer_bytes = 8 };
	struct hst_sites sites;
	struct hst_decoder *decoder;
	struct hst_event events[256];
	struct hst_diag diag = { { 0 } };
	size_t count = 0;
	size_t at = 0;

	memcpy(header.op_words, op_table, sizeof op_table);
	assert_int_equal(hst_sites_init(&sites), HST_OK);
	decoder = hst_decoder_create(&header, &sites);
	assert_non_null(decoder);
	assert_int_equal(
		hst_decoder_begin(decoder, bench->chunk, sizeof bench->chunk, &diag), HST_OK);
	for (;;) {
		assert_int_equal(hst_decode_batch(decoder, events, 256, &count, &diag), HST_OK);
		if (count == 0) {
			break;
		}
		for (size_t i = 0; i < count; i++) {
			const struct hst_event *event = &events[i];

			if (event->kind == HST_EVENT_RESYNC || event->kind == HST_EVENT_FRAME) {
				continue;
			}
			assert_true(at < expected_count);
			assert_int_equal(event->kind, expected[at].kind);
			assert_int_equal(event->ticks, expected[at].ticks);
			if (event->kind == HST_EVENT_ENTER) {
				assert_true(event->site < sites.count);
				assert_int_equal(sites.items[event->site].ret, expected[at].ret);
			} else {
				assert_int_equal(event->value, expected[at].value);
			}
			at++;
		}
	}
	assert_int_equal(at, expected_count);
	hst_decoder_destroy(decoder);
	hst_sites_finish(&sites);
}

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Mostly short times, some beyond the record's own field, few beyond the next one. */
static uint64_t random_step(void)
{
	uint64_t r = random_next();

	switch (r % 64) {
	case 0:
		return r >> 40;
	case 1:
		return r >> 20;
	case 2:
		return r >> 14; /* over 2^40 ticks now and then: time_long */
	default:
		return (r >> 8) % 5000;
	}
}

static void test_encode_random_events_decode_to_the_same(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		uint64_t ticks = random_next() >> 3; /* far from the end of the reader's clock */
		struct bench *bench = bench_new(ticks);
		uint64_t sites = 1 + random_next() % (round % 2 ? 900 : 20);

		expected_count = 0;
		while (!bench_full(bench)) {
			uint64_t site = random_next() % sites;
			uint64_t depth = (uint64_t)(bench->stream.top - bench->open);

			ticks += random_step();
			if (depth > 0 && (random_next() % 2 || depth > 2000)) {
				bench_exit(bench, ticks);
				expect(HST_EVENT_EXIT, ticks, 0, 0);
			} else {
				bench_enter(bench, 0x7f0000000000ull + site * 24,
					0x400000 + site * 16, ticks);
				expect(HST_EVENT_ENTER, ticks, 0x7f0000000000ull + site * 24, 0);
			}
		}
		assert_decodes(bench);
		free(bench);
	}
}

static void test_encode_clock_that_steps_back_stands_still(void **state)
{
	struct bench *bench = bench_new(1000000);
	(void)state;

	expected_count = 0;
	bench_enter(bench, 64, 48, 1000400);
	expect(HST_EVENT_ENTER, 1000400, 64, 0);
	bench_exit(bench, 1000100);
	expect(HST_EVENT_EXIT, 1000400, 0, 0);
	bench_enter(bench, 64, 48, 1000800);
	expect(HST_EVENT_ENTER, 1000800, 64, 0);
	assert_decodes(bench);
	free(bench);
}

static void test_encode_valued_records_carry_time_and_value(void **state)
{
	struct bench *bench = bench_new(4000);
	(void)state;

	expected_count = 0;
	for (uint32_t i = 0; i < 3; i++) {
		bench_enter(bench, 64 + i, 48, 4000);
		expect(HST_EVENT_ENTER, 4000, 64 + i, 0);
	}
	hst_put_valued(&bench->stream, HST_OP_UNWIND, 1, 9000, 2);
	expect(HST_EVENT_UNWIND, 9000, 0, 2);
	hst_put_valued(&bench->stream, HST_OP_LOST, 0, 9400, 70000);
	expect(HST_EVENT_LOST, 9400, 0, 70000);
	hst_put_valued(&bench->stream, HST_OP_OWN, 0, 9600, 30);
	expect(HST_EVENT_OWN, 9600, 0, 30 << HST_TIME_SHIFT);
	hst_put_timed(&bench->stream, HST_OP_EXIT_ERROR, 9800);
	expect(HST_EVENT_EXIT_ERROR, 9800, 0, 0);
	assert_decodes(bench);
	free(bench);
}

static void test_encode_every_record_is_followed_by_the_end_mark(void **state)
{
	struct bench *bench = bench_new(0);
	(void)state;

	memset(bench->chunk + sizeof(struct hst_chunk), 0xff,
		sizeof bench->chunk - sizeof(struct hst_chunk));
	bench_enter(bench, 64, 48, 8);
	assert_int_equal(*bench->window.cur, 0);
	bench_exit(bench, 16);
	assert_int_equal(*bench->window.cur, 0);
	bench_enter(bench, 64, 48, 24);
	assert_int_equal(*bench->window.cur, 0);
	hst_put_valued(&bench->stream, HST_OP_SWITCH, 0, 1ull << 60, 3);
	assert_int_equal(*bench->window.cur, 0);
	free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_random_events_decode_to_the_same),
		cmocka_unit_test(test_encode_clock_that_steps_back_stands_still),
		cmocka_unit_test(test_encode_valued_records_carry_time_and_value),
		cmocka_unit_test(test_encode_every_record_is_followed_by_the_end_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
