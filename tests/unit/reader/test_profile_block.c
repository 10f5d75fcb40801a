/* SPDX-License-Identifier: Apache-2.0 */
#include "reader/profile_block.h"
#include "walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_profile_tree_comes_back(void **state)
{
	struct hst_profile_node nodes[3] = {
		{ .calls = 1, .total = 1000 },
		{ .ret = 0x100,
			.fn = 0x10,
			.calls = 5,
			.total = 900,
			.self = 400,
			.min = 3,
			.max = 700,
			.histogram = { [3] = 5 } },
		{ .ret = 0x200,
			.fn = 0x20,
			.parent = 1,
			.calls = 2,
			.total = 500,
			.min = 1,
			.max = 2,
			.flags = HST_NODE_RECURSIVE },
	};
	struct hst_profile_open open[2] = { { .node = 1, .start = 50, .carried = 1 },
		{ .node = 2, .start = 60 } };
	struct tracegen *gen = tracegen_create(NULL);
	struct tracegen_stream *stream = tracegen_thread(gen, 9, HST_LANE_MAIN, NULL);
	struct hst_profile_tree tree;
	struct hst_trace_file file;
	uint64_t at;

	(void)state;
	tracegen_enter(stream, 100, 0x100, 0x10);
	tracegen_limit(stream, 200);
	tracegen_ledger(stream)->overflow_calls = 4;
	at = tracegen_profile(gen, stream, nodes, 3, 10, open, 2);
	open_trace(gen, &file);
	assert_int_equal(file.profile_count, 1);
	assert_int_equal(file.profiles[0], at);
	assert_int_equal(file.streams[0].profile_offset, at);
	assert_int_equal(file.streams[0].ledger.overflow_calls, 4);
	assert_int_equal(hst_profile_tree_read(&file, at, &tree, NULL), HST_OK);
	assert_int_equal(tree.node_count, 3);
	assert_int_equal(tree.header.tid, 9);
	assert_memory_equal(tree.nodes + 1, nodes + 1, 2 * sizeof *nodes);
	assert_int_equal(tree.open_count, 2);
	assert_memory_equal(tree.open, open, sizeof open);
	assert_int_equal(tree.missing_nodes, 0);
	assert_int_equal(tree.repaired_nodes, 0);
	assert_int_equal(tree.dropped_open, 0);
	hst_profile_tree_finish(&tree);
	hst_profile_tree_finish(NULL);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

static void test_profile_tree_bad_parents_and_open_frames_are_mended(void **state)
{
	struct hst_profile_node nodes[4] = { { .parent = 77 },
		{ .parent = 1, .calls = 1, .min = 9 }, { .parent = 3, .max = 5 }, { .parent = 2 } };
	struct hst_profile_open open[3] = { { .node = 4 }, { .node = 3 }, { .node = UINT32_MAX } };
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_profile_tree tree;
	struct hst_trace_file file;

	(void)state;
	(void)tracegen_profile(gen, NULL, nodes, 4, 4, open, 3);
	open_trace(gen, &file);
	assert_int_equal(file.stream_count, 0);
	assert_int_equal(hst_profile_tree_read(&file, file.profiles[0], &tree, NULL), HST_OK);
	assert_int_equal(tree.repaired_nodes, 2);
	assert_int_equal(tree.nodes[0].parent, 0);
	assert_int_equal(tree.nodes[1].parent, 0);
	assert_int_equal(tree.nodes[2].parent, 0);
	assert_int_equal(tree.nodes[3].parent, 2);
	assert_int_equal(tree.nodes[1].min, 0);
	assert_int_equal(tree.nodes[2].max, 0);
	assert_int_equal(tree.open_count, 1);
	assert_int_equal(tree.open[0].node, 3);
	assert_int_equal(tree.dropped_open, 2);
	hst_profile_tree_finish(&tree);
	hst_trace_file_close(&file);
	tracegen_destroy(gen);
}

/* Counts in the header that nothing stands behind: memory follows the file, not the header. */
static void test_profile_tree_false_counts_read_what_is_there(void **state)
{
	struct hst_profile_node nodes[2] = { { .calls = 1 }, { .calls = 2 } };
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_profile_block *block;
	struct hst_profile_tree tree;
	struct hst_trace_file file;
	struct hst_diag diag = { "" };
	uint8_t *copy;
	size_t bytes;

	(void)state;
	(void)tracegen_profile(gen, NULL, nodes, 2, 3, NULL, 0);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	block = (struct hst_profile_block *)(void *)(copy + HST_HEADER_BYTES);
	block->nodes = UINT32_MAX;
	block->node_capacity = UINT32_MAX;
	block->depth = UINT32_MAX;
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	assert_int_equal(hst_profile_tree_read(&file, file.profiles[0], &tree, NULL), HST_OK);
	assert_int_equal(tree.node_count, 3);
	assert_int_equal(tree.missing_nodes, UINT32_MAX - 3);
	assert_int_equal(tree.open_count, 256);
	hst_profile_tree_finish(&tree);
	hst_trace_file_close(&file);
	block->nodes = 0;
	assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
	assert_int_equal(
		hst_profile_tree_read(&file, file.profiles[0], &tree, &diag), HST_E_DAMAGED);
	assert_non_null(strstr(diag.text, "byte 4096"));
	assert_int_equal(hst_profile_tree_read(&file, 0, &tree, &diag), HST_E_DAMAGED);
	assert_int_equal(hst_profile_tree_read(&file, bytes + 99, &tree, &diag), HST_E_DAMAGED);
	hst_trace_file_close(&file);
	free(copy);
	tracegen_destroy(gen);
}

/* The latest returned call is in no histogram yet; a damaged place of it counts nowhere. */
static void test_profile_tree_pending_call_is_counted(void **state)
{
	struct hst_profile_node nodes[2] = { 0 };
	uint64_t place = sizeof(struct hst_profile_block) +
			 HST_PROFILE_OPEN_MAX * sizeof(struct hst_profile_open) + sizeof *nodes +
			 offsetof(struct hst_profile_node, histogram) + 7 * sizeof(uint32_t);
	const uint64_t places[] = { place, place - sizeof *nodes, place + sizeof *nodes, place + 1,
		place - 27 * sizeof(uint32_t), 0, UINT64_MAX };
	struct tracegen *gen = tracegen_create(NULL);
	struct hst_profile_block *block;
	uint8_t *copy;
	size_t bytes;

	(void)state;
	(void)tracegen_profile(gen, NULL, nodes, 2, 2, NULL, 0);
	(void)tracegen_bytes(gen, &bytes);
	copy = malloc(bytes);
	assert_non_null(copy);
	memcpy(copy, tracegen_bytes(gen, &bytes), bytes);
	block = (struct hst_profile_block *)(void *)(copy + HST_HEADER_BYTES);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct hst_profile_tree tree;
		struct hst_trace_file file;
		uint32_t sum = 0;

		block->pending = places[i];
		assert_int_equal(open_bytes(copy, bytes, &file, NULL), HST_OK);
		assert_int_equal(
			hst_profile_tree_read(&file, file.profiles[0], &tree, NULL), HST_OK);
		for (uint32_t bucket = 0; bucket < HST_HISTOGRAM_BUCKETS; bucket++) {
			sum += tree.nodes[0].histogram[bucket] + tree.nodes[1].histogram[bucket];
		}
		assert_int_equal(sum, i == 0);
		assert_int_equal(tree.nodes[1].histogram[7], i == 0);
		hst_profile_tree_finish(&tree);
		hst_trace_file_close(&file);
	}
	free(copy);
	tracegen_destroy(gen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profile_tree_comes_back),
		cmocka_unit_test(test_profile_tree_bad_parents_and_open_frames_are_mended),
		cmocka_unit_test(test_profile_tree_false_counts_read_what_is_there),
		cmocka_unit_test(test_profile_tree_pending_call_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
