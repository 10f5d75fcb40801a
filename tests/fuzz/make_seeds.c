/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seeds of the corpus: small sound traces, one kind of thing each.
 * Run by hand when the format changes: make_seeds tests/fuzz/corpus/trace
 */
#include "tracegen.h"

#include "hasten/plan.h"

#include <stdio.h>
#include <stdlib.h>

static struct tracegen *start(bool tails)
{
	struct tracegen_options options = { .chunk_bytes = 512, .no_tails = !tails };

	return tracegen_create(&options);
}

static int save(struct tracegen *gen, const char *dir, const char *name)
{
	char path[4096];
	bool good;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	good = tracegen_save(gen, path);
	tracegen_destroy(gen);
	if (!good) {
		perror(path);
	}
	return good ? 0 : 1;
}

/* Calls of a few functions, nested; `steps` events. */
static uint64_t calls(struct tracegen_stream *stream, uint64_t ticks, size_t steps)
{
	size_t i;

	for (i = 0; i < steps; i++) {
		uint64_t site = i * 7 % 11;

		ticks += i % 13 * 40 + (i % 31 == 0 ? 100000 : 0);
		if (i % 5 < 3 || tracegen_depth(stream) == 0) {
			tracegen_enter(
				stream, ticks, 0x401000 + site * 64, 0x401000 + site / 2 * 128);
		} else {
			tracegen_exit(stream, ticks);
		}
	}
	return ticks;
}

static int seed_plain(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream;

	tracegen_module(gen, "/usr/bin/app", 0, 0x400000, 0x410000, "\1\2\3\4", 4);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	(void)calls(stream, 1000, 300);
	tracegen_end(gen, 10000000, HST_END_EXIT, 0);
	return save(gen, dir, "plain");
}

static int seed_whole(const char *dir)
{
	struct tracegen *gen = start(false);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint64_t ticks = calls(stream, 1000, 100);

	tracegen_unwind(stream, ticks + 70000, 1, 3);
	tracegen_exit_error(stream, ticks + 70100);
	tracegen_lost(stream, ticks + (1ull << 45), 12345);
	tracegen_thread_end(stream, ticks + (1ull << 45) + 5);
	return save(gen, dir, "whole");
}

static int seed_fibers(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	struct tracegen_stream *lane = tracegen_thread(gen, 4711, HST_LANE_SIGNAL, stream);
	uint64_t ticks = 0;
	uint32_t i;

	for (i = 0; i < 20; i++) {
		tracegen_switch(stream, ticks, i % 3 * 5);
		ticks = calls(stream, ticks, 15);
	}
	(void)calls(lane, 500, 30);
	tracegen_pause(stream, ticks);
	(void)calls(stream, ticks, 10);
	return save(gen, dir, "fibers");
}

static int seed_modules(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream;
	uint64_t ticks;

	tracegen_module(gen, "/usr/bin/app", 0, 0x400000, 0x410000, NULL, 0);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	ticks = calls(stream, 0, 20);
	tracegen_module(
		gen, "/usr/lib/plugin.so", 0x7f0000000000, 0x7f0000000000, 0x7f0000010000, "id", 2);
	tracegen_region(gen, 3, "loading");
	tracegen_enter(stream, ticks + 10, HST_REGION_BASE + 48, HST_REGION_BASE + 48);
	tracegen_gone(gen, 0x7f0000000000, 0x7f0000000000, ticks + 20);
	(void)calls(stream, ticks + 20, 20);
	(void)tracegen_block(gen, 99, 0, "unknown", 7);
	return save(gen, dir, "modules");
}

static int seed_profile(const char *dir)
{
	struct hst_profile_node nodes[4] = { { .calls = 1 },
		{ .fn = 16, .ret = 17, .calls = 3, .min = 1, .max = 5, .histogram = { 3 } },
		{ .parent = 1, .fn = 32, .active = 1, .flags = HST_NODE_OTHER },
		{ .parent = 1, .fn = 48, .errors = 2, .flags = HST_NODE_RECURSIVE } };
	struct hst_profile_open open[2] = { { .start = 5, .node = 1, .carried = 1 },
		{ .start = 6, .node = 2 } };
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint64_t ticks = calls(stream, 0, 30);

	tracegen_limit(stream, ticks);
	(void)tracegen_profile(gen, stream, nodes, 4, 6, open, 2);
	return save(gen, dir, "profile");
}

/* Blocks within calls, all kinds of records about memory, chunks that end among them. */
static int seed_memory(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint64_t ticks = 1000;
	uint64_t address = 0x7f0000000010;

	tracegen_header(gen)->memory = HST_MEMORY_ON;
	tracegen_header(gen)->page_bytes = 4096;
	tracegen_memory(stream, ticks, 100, 33, 2000);
	for (uint32_t i = 0; i < 12; i++) {
		ticks = calls(stream, ticks, 7);
		tracegen_alloc(stream, ticks, 0x401005 + i % 3, 1 + i % 8, address + i * 48,
			i * 1000,
			i % 3 == 0   ? 8
			: i % 3 == 1 ? hst_slack_usual(i * 1000)
				     : UINT64_MAX);
		tracegen_allocator(stream, ticks, 400, 64);
		tracegen_free(stream, ticks + 100, address + i / 2 * 48);
		ticks += 200;
	}
	tracegen_alloc(stream, ticks, 0x401100, HST_ALLOCATOR_MALLOC, 0, UINT32_MAX, UINT64_MAX);
	tracegen_release(stream, ticks, address);
	tracegen_alloc(stream, ticks, 0x401108, HST_ALLOCATOR_REALLOC, 0x123456789abc, 1u << 20, 0);
	tracegen_release(stream, ticks, 0x123456789abc);
	tracegen_realloc_end(stream, ticks, true);
	tracegen_map(stream, ticks, 0x401110, HST_ALLOCATOR_MMAP, 0x7e0000000000, 1u << 20, 2);
	tracegen_unmap(stream, ticks + 5000, 0x7e0000001000, 1u << 12);
	tracegen_stack(stream, ticks + 6000, 0x401118, 8u << 20);
	tracegen_memory(stream, ticks + 7000, 200, 66, 3000);
	(void)calls(stream, ticks + 7000, 10);
	return save(gen, dir, "memory");
}

static int seed_waits(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint64_t ticks = 0;

	tracegen_clock(stream, HST_CLOCK_MODE_RSEQ);
	for (uint64_t i = 0; i < 30; i++) {
		ticks = calls(stream, ticks, 5);
		tracegen_off_cpu(stream, ticks + (1ull << i), 1ull << (i + 17), 32 * (uint32_t)i);
		tracegen_clock(stream, i < 20 ? HST_CLOCK_MODE_RSEQ : HST_CLOCK_MODE_GAP);
		ticks += 1ull << i;
	}
	tracegen_thread_end(stream, ticks);
	return save(gen, dir, "waits");
}

static void change(struct tracegen *gen, enum hst_throttle what, uint32_t generation,
	uint64_t ticks, uint32_t count)
{
	struct {
		struct hst_throttle_block head;
		uint64_t functions[8];
	} block = { .head = { .ticks = ticks,
			    .what = what,
			    .generation = generation,
			    .count = count,
			    .late_us = 70 } };

	for (uint32_t i = 0; i < count; i++) {
		block.functions[i] = 0x401000 + i * 128;
	}
	(void)tracegen_block(gen, HST_BLOCK_THROTTLE, 0,
		(const uint8_t *)&block + sizeof block.head.block,
		sizeof block.head - sizeof block.head.block + count * sizeof(uint64_t));
}

static void counts(struct tracegen *gen, uint32_t stream, uint32_t generation)
{
	struct hst_counts_block block = { .stream = stream, .generation = generation };

	for (uint32_t i = 0; i < 8; i++) {
		block.counts[i * 31] = (struct hst_count){ 0x401000 + i * 128, 1000 << i };
	}
	(void)tracegen_block(gen, HST_BLOCK_COUNTS, 0, (const uint8_t *)&block + sizeof block.block,
		sizeof block - sizeof block.block);
}

/* Functions that were answered from caches, and counters of two threads. */
static int seed_memo(const char *dir)
{
	struct tracegen *gen = start(true);
	struct hst_memo_block block = { .count = 3 };
	struct {
		struct hst_memo_counts_block head;
		struct hst_memo_counts counts[4];
	} counters = { 0 };

	tracegen_module(gen, "/usr/bin/app", 0, 0x400000, 0x402000, NULL, 0);
	(void)calls(tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL), 1000, 20);
	for (uint32_t i = 0; i < block.count; i++) {
		block.rows[i] = (struct hst_memo_row){ .fn = 0x401000 + i * 128,
			.state = (uint8_t)(HST_MEMO_WAITING + i),
			.why = i == 2 ? HST_MEMO_WHY_MISMATCH : 0,
			.evidence = (uint8_t)(HST_PLAN_PROVEN + i),
			.revoked = i == 2,
			.entries = 64,
			.entry_bytes = 40 };
		counters.counts[i] = (struct hst_memo_counts){ .lookups = 1000,
			.hits = 900 - i,
			.stored = 60,
			.saved = 1 << 20,
			.verified = 32,
			.mismatched = i / 2 };
	}
	(void)tracegen_block(gen, HST_BLOCK_MEMO_COUNTS, 0,
		(const uint8_t *)&counters + sizeof(struct hst_block),
		sizeof counters - sizeof(struct hst_block));
	(void)tracegen_block(gen, HST_BLOCK_MEMO, 0, (const uint8_t *)&block + sizeof block.block,
		sizeof block - sizeof block.block);
	(void)tracegen_block(gen, HST_BLOCK_MEMO_COUNTS, 0,
		(const uint8_t *)&counters + sizeof(struct hst_block),
		sizeof counters - sizeof(struct hst_block));
	return save(gen, dir, "memo");
}

/* Functions are suppressed, counted, recorded in windows; a library takes another's place. */
static int seed_throttle(const char *dir)
{
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream;
	uint64_t ticks;

	tracegen_module(gen, "/usr/bin/app", 0, 0x400000, 0x401100, NULL, 0);
	tracegen_module(gen, "/usr/lib/one.so", 0x401100, 0x401100, 0x410000, "one", 3);
	stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	ticks = calls(stream, 1000, 60);
	counts(gen, 1, 2);
	change(gen, HST_THROTTLE_SUPPRESS, 2, ticks, 3);
	for (uint32_t i = 0; i < 3; i++) {
		tracegen_rollover(stream);
		ticks = calls(stream, ticks, 20);
		change(gen, i % 2 == 0 ? HST_THROTTLE_OPEN : HST_THROTTLE_CLOSE, 2, ticks, 0);
	}
	change(gen, HST_THROTTLE_COUNT, 2, ticks, 7);
	tracegen_gone(gen, 0x401100, 0x401100, ticks + 10);
	tracegen_module(gen, "/usr/lib/two.so", 0x401100, 0x401100, 0x410000, "two", 3);
	change(gen, HST_THROTTLE_COUNT, 4, ticks + 20, 7);
	counts(gen, 1, 4);
	counts(gen, 2, 3);
	(void)calls(stream, ticks + 20, 20);
	return save(gen, dir, "throttle");
}

/* A record about arguments. */
static void about(struct tracegen_stream *stream, enum hst_op op, uint32_t argument,
	const uint16_t *words, size_t count)
{
	uint16_t record[64] = { (
		uint16_t)(HST_KIND_EXTENDED << HST_KIND_SHIFT | (uint32_t)op << 8 | argument) };

	for (size_t i = 0; i < count; i++) {
		record[1 + i] = words[i];
	}
	tracegen_words(stream, record, count + 1);
}

/* Keys that are new and known, with their values in each form, and results. */
static int seed_keys(const char *dir)
{
	/* How many words; a number; a string of 3 bytes; NULL; one that was left out. */
	static const uint16_t values[] = { 5 + 8 + 6 + 1, HST_VALUE_SCALAR, 7, 0, 0, 0,
		HST_VALUE_CONTENT, 3, 0, 0, 0, 3, 0x6261, 0x63, HST_VALUE_CONTENT, 0xffff, 0xffff,
		0xffff, 0xffff, 0, HST_VALUE_LEFT_OUT };
	static const uint16_t number[] = { 7, 0, 0, 0x8000 };
	static const uint16_t id[] = { 1 };
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint64_t ticks = 1000;

	tracegen_header(gen)->flags |= HST_FLAG_ARGUMENTS | HST_FLAG_VALUES;
	tracegen_header(gen)->cost_key_256 = 4000;
	for (uint32_t i = 0; i < 24; i++) {
		bool fresh = i % 4 == 0;

		if (fresh && i != 0) {
			tracegen_rollover(stream);
		}
		tracegen_enter(stream, ticks, 0x401000, 0x401000);
		if (fresh) {
			about(stream, HST_OP_KEY_NEW, 0, number, 4);
			about(stream, HST_OP_KEY_VALUES, 4, values, sizeof values / sizeof *values);
			about(stream, HST_OP_RESULT_NEW, HST_RESULT_NEGATIVE, number, 4);
			about(stream, HST_OP_RESULT_VALUE, 0, number, 4);
		} else if (i % 2 == 0) {
			about(stream, HST_OP_KEY, 0, id, 1);
			about(stream, HST_OP_RESULT, HST_RESULT_ZERO, NULL, 0);
		} else {
			about(stream, HST_OP_KEY_SHORT, 1, NULL, 0);
		}
		tracegen_exit(stream, ticks + 40);
		ticks += 100;
	}
	return save(gen, dir, "keys");
}

static int seed_broken(const char *dir)
{
	static const uint8_t rubbish[32] = "HSTB rubbish that is no block..";
	struct tracegen *gen = start(true);
	struct tracegen_stream *stream = tracegen_thread(gen, 4711, HST_LANE_MAIN, NULL);
	uint16_t unknown[] = { 3u << 14 | 60u << 8, 1, 2 };
	uint64_t ticks;

	tracegen_header(gen)->op_words[60] = 2;
	tracegen_inherit(stream, 0x401000, 0x401000);
	ticks = calls(stream, 0, 40);
	tracegen_words(stream, unknown, 3);
	tracegen_raw(gen, rubbish, sizeof rubbish);
	tracegen_gap(stream);
	ticks = calls(stream, ticks, 40);
	(void)ticks;
	tracegen_kill_while_appending(stream, 200);
	return save(gen, dir, "broken");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 1;
	}
	return seed_plain(argv[1]) || seed_whole(argv[1]) || seed_fibers(argv[1]) ||
			       seed_modules(argv[1]) || seed_profile(argv[1]) ||
			       seed_memory(argv[1]) || seed_waits(argv[1]) ||
			       seed_throttle(argv[1]) || seed_memo(argv[1]) || seed_keys(argv[1]) ||
			       seed_broken(argv[1])
		       ? 1
		       : 0;
}
