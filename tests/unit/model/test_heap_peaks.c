/* SPDX-License-Identifier: Apache-2.0 */
/* Who held what at which maximum, against a plain replay; moments; address space. */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#define FUNCTIONS 8u
#define BLOCKS    300u

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Looks at every owner at every event, as one would by hand. */
struct plain {
	uint64_t bytes, blocks, peak, peak_blocks;
	uint64_t held[FUNCTIONS], count[FUNCTIONS];
	uint64_t own_peak[FUNCTIONS], own_blocks[FUNCTIONS];
	uint64_t at_peak[FUNCTIONS], at_blocks[FUNCTIONS];
};

static void plain_change(struct plain *plain, uint32_t function, int64_t bytes)
{
	int64_t blocks = bytes < 0 ? -1 : 1;

	plain->bytes += (uint64_t)bytes;
	plain->blocks += (uint64_t)blocks;
	plain->held[function] += (uint64_t)bytes;
	plain->count[function] += (uint64_t)blocks;
	if (plain->held[function] > plain->own_peak[function]) {
		plain->own_peak[function] = plain->held[function];
		plain->own_blocks[function] = plain->count[function];
	}
	if (plain->bytes > plain->peak) {
		plain->peak = plain->bytes;
		plain->peak_blocks = plain->blocks;
		memcpy(plain->at_peak, plain->held, sizeof plain->held);
		memcpy(plain->at_blocks, plain->count, sizeof plain->count);
	}
}

static void random_blocks(struct tracegen_stream *stream, struct plain *plain, uint32_t seed)
{
	uint64_t size[BLOCKS] = { 0 };
	uint32_t owner[BLOCKS] = { 0 };
	uint64_t ns = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t block = next_random(&seed) % BLOCKS;
		uint32_t function = next_random(&seed) % FUNCTIONS;

		at_enter(stream, ns += 10, function);
		if (size[block] != 0) {
			at_free(stream, ns += 10, BLOCK(block));
			plain_change(plain, owner[block], -(int64_t)size[block]);
			size[block] = 0;
		} else {
			size[block] = 1 + next_random(&seed) % 1000;
			owner[block] = function;
			/* the function's number is its place, too */
			at_alloc(stream, ns += 10, function, BLOCK(block), size[block]);
			plain_change(plain, function, (int64_t)size[block]);
		}
		at_leave(stream, ns += 10);
	}
}

static void test_heap_peaks_agree_with_a_plain_replay(void **state)
{
	struct heap_fixture *fixture = *state;

	for (uint32_t seed = 1; seed <= 4; seed++) {
		struct tracegen *gen = heap_trace(1);
		struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
		struct plain plain = { 0 };

		random_blocks(stream, &plain, seed);
		fixture_finish(&fixture->base);
		fixture_init(&fixture->base);
		fixture_add(&fixture->base, gen);
		heap_read(fixture, 0);
		assert_int_equal(fixture->heap.sum.peak_bytes, plain.peak);
		assert_int_equal(fixture->heap.sum.peak_blocks, plain.peak_blocks);
		assert_int_equal(fixture->heap.contexts[0].total_at_peak_bytes, plain.peak);
		for (uint32_t f = 0; f < FUNCTIONS; f++) {
			const struct hst_heap_sum *sum = &function_of(fixture, f)->self;

			assert_int_equal(sum->peak_bytes, plain.own_peak[f]);
			assert_int_equal(sum->peak_blocks, plain.own_blocks[f]);
			assert_int_equal(sum->at_peak_bytes, plain.at_peak[f]);
			assert_int_equal(sum->at_peak_blocks, plain.at_blocks[f]);
			assert_int_equal(sum->leaked_bytes, plain.held[f]);
			assert_int_equal(site_at(fixture, f)->sum.at_peak_bytes, plain.at_peak[f]);
			assert_int_equal(site_at(fixture, f)->sum.peak_bytes, plain.own_peak[f]);
			assert_int_equal(
				context_of(fixture, &f, 1)->sum.at_peak_bytes, plain.at_peak[f]);
			assert_int_equal(
				context_of(fixture, &f, 1)->sum.peak_bytes, plain.own_peak[f]);
		}
	}
}

static void test_heap_peak_is_that_of_the_greatest_process(void **state)
{
	struct heap_fixture *fixture = *state;

	for (uint32_t pid = 1; pid <= 3; pid++) {
		struct tracegen *gen = heap_trace(pid);
		struct tracegen_stream *stream = tracegen_thread(gen, pid, HST_LANE_MAIN, NULL);

		/* the second one has the peak, and others' functions hold nothing in it */
		at_enter(stream, 0, pid);
		at_alloc(stream, 10, 1, BLOCK(1), pid == 2 ? 900 : 500);
		at_free(stream, 20, BLOCK(1));
		at_leave(stream, 30);
		at_enter(stream, 40, 0);
		at_alloc(stream, 50, 2, BLOCK(2), 100 * pid);
		at_leave(stream, 60);
		fixture_add(&fixture->base, gen);
	}
	heap_read(fixture, 0);
	assert_int_equal(fixture->heap.process_count, 3);
	assert_int_equal(fixture->heap.processes[fixture->heap.peak_process].pid, 2);
	assert_int_equal(fixture->heap.sum.peak_bytes, 900);
	assert_int_equal(function_of(fixture, 1)->self.at_peak_bytes, 0);
	assert_int_equal(function_of(fixture, 1)->self.peak_bytes, 500);
	assert_int_equal(function_of(fixture, 2)->self.at_peak_bytes, 900);
	assert_int_equal(function_of(fixture, 3)->self.at_peak_bytes, 0);
	assert_int_equal(function_of(fixture, 0)->self.at_peak_bytes, 0);
	assert_int_equal(function_of(fixture, 0)->self.peak_bytes, 300);
	assert_int_equal(function_of(fixture, 0)->self.leaked_bytes, 600);
	assert_int_equal(fixture->heap.processes[0].peak_ns, 10);
}

static void test_heap_moments_are_few_and_have_the_peak(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	const struct hst_heap_process *process;
	size_t sized = 0;
	bool peak = false;

	for (uint32_t i = 0; i < 20000; i++) {
		at_alloc(stream, 1000 * i, 1, BLOCK(1), i == 12345 ? 100000 : 10);
		if (i % 5 == 0) {
			tracegen_memory(stream, ticks_at(1000 * i + 500), 100 + i, 7, 5000);
		}
		at_free(stream, 1000 * i + 700, BLOCK(1));
	}
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	process = &fixture->heap.processes[0];
	assert_true(process->sample_count > 500 && process->sample_count <= 2048);
	for (size_t i = 0; i < process->sample_count; i++) {
		const struct hst_heap_sample *sample = &process->samples[i];

		assert_true(i == 0 || sample->ns >= process->samples[i - 1].ns);
		peak |= sample->live_bytes == 100000 && sample->ns == 12345000;
		sized += sample->rss_bytes != 0;
		assert_true(
			sample->rss_bytes == 0 ||
			(sample->brk_bytes == 7 * 4096 && sample->address_bytes == 5000 * 4096));
	}
	assert_true(peak);
	assert_true(sized >= 400 && sized <= 1000);
	assert_int_equal(process->peak_ns, 12345000);
	assert_int_equal(process->rss_max, (100 + 19995) * 4096ull);
	assert_int_equal(process->samples[0].ns, 0);
	assert_int_equal(process->samples[process->sample_count - 1].ns, 100000000);
	assert_int_equal(process->samples[process->sample_count - 1].live_bytes, 0);
}

static void test_heap_space_beside_malloc(void **state)
{
	struct heap_fixture *fixture = *state;
	struct tracegen *gen = heap_trace(1);
	struct tracegen_stream *stream = tracegen_thread(gen, 1, HST_LANE_MAIN, NULL);
	struct tracegen_stream *other = tracegen_thread(gen, 2, HST_LANE_MAIN, NULL);
	const struct hst_heap_sample *sample;
	const struct hst_heap_process *process;

	tracegen_map(stream, ticks_at(100), PLACE(1), HST_ALLOCATOR_MMAP, 0x10000, 0x4000, 0);
	tracegen_map(stream, ticks_at(200), PLACE(1), HST_ALLOCATOR_MMAP, 0x100000, 0x100000,
		HST_MAP_NONE);
	tracegen_stack(stream, ticks_at(300), PLACE(2), 8 << 20);
	tracegen_stack(stream, ticks_at(400), PLACE(2), 8 << 20);
	tracegen_unmap(stream, ticks_at(500), 0x11000, 0x1000);
	tracegen_alloc(stream, ticks_at(550), PLACE(3), HST_ALLOCATOR_MALLOC, BLOCK(1), 100, 20);
	tracegen_memory(stream, ticks_at(600), 1, 2, 3);
	tracegen_thread_end(other, ticks_at(700));
	tracegen_map(stream, ticks_at(800), PLACE(1), HST_ALLOCATOR_BRK, 0x12000, 0x8000, 0);
	tracegen_thread_end(stream, ticks_at(900));
	tracegen_memory(stream, ticks_at(1000), 2, 2, 3);
	fixture_add(&fixture->base, gen);
	heap_read(fixture, 0);
	process = &fixture->heap.processes[0];
	for (sample = process->samples; sample->rss_bytes != 4096; sample++) {
		assert_true(sample < process->samples + process->sample_count);
	}
	assert_int_equal(sample->ns, 600);
	assert_int_equal(sample->mapped_bytes, 0x3000);
	assert_int_equal(sample->stack_bytes, 16 << 20);
	assert_int_equal(sample->live_bytes, 100);
	assert_int_equal(sample->usable_bytes, 120);
	for (; sample->rss_bytes != 2 * 4096; sample++) {
		assert_true(sample < process->samples + process->sample_count);
	}
	/* the first thread's stack was never counted */
	assert_int_equal(sample->stack_bytes, 8 << 20);
	assert_int_equal(sample->mapped_bytes, 0x9000);
	assert_int_equal(process->mapped_peak, 0x9000);
	assert_int_equal(process->rss_max, 2 * 4096);
	/* mappings are nobody's blocks */
	assert_int_equal(fixture->heap.sum.allocs, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, heap_setup, heap_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_heap_peaks_agree_with_a_plain_replay),
		CASE(test_heap_peak_is_that_of_the_greatest_process),
		CASE(test_heap_moments_are_few_and_have_the_peak),
		CASE(test_heap_space_beside_malloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
