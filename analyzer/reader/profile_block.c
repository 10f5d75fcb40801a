/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks a calling-context tree; memory in proportion to what the file really holds. */
#include "reader/profile_block.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NODES_AT \
 (sizeof(struct hst_profile_block) + HST_PROFILE_OPEN_MAX * sizeof(struct hst_profile_open))

/* Nodes that the block, the file and the reader have room for, out of those in use. */
static uint32_t readable_nodes(
	const struct hst_trace_file *file, uint64_t offset, const struct hst_profile_block *header)
{
	uint64_t bytes = header->block.bytes;
	uint64_t count = header->nodes;

	if (offset + bytes > file->bytes) {
		bytes = file->bytes - offset;
	}
	bytes = bytes < NODES_AT ? 0 : bytes - NODES_AT;
	if (count > bytes / sizeof(struct hst_profile_node)) {
		count = bytes / sizeof(struct hst_profile_node);
	}
	if (count > header->node_capacity) {
		count = header->node_capacity;
	}
	return count > HST_PROFILE_NODES_MAX ? HST_PROFILE_NODES_MAX : (uint32_t)count;
}

static enum hst_status read_open(
	const struct hst_trace_file *file, uint64_t offset, struct hst_profile_tree *tree)
{
	uint32_t listed = tree->header.depth < HST_PROFILE_OPEN_MAX ? tree->header.depth
								    : HST_PROFILE_OPEN_MAX;
	struct hst_profile_open *open;
	size_t got;
	uint32_t i;

	open = calloc(listed + 1u, sizeof *open);
	if (open == NULL) {
		return HST_E_MEMORY;
	}
	tree->open = open;
	HST_TRY(hst_trace_file_read(file, offset + sizeof(struct hst_profile_block), open,
		listed * sizeof *open, &got));
	for (i = 0; i < got / sizeof *open; i++) {
		if (open[i].node < tree->node_count) {
			open[tree->open_count++] = open[i];
		}
	}
	tree->dropped_open = tree->header.depth - tree->open_count;
	return HST_OK;
}

static void check_nodes(struct hst_profile_tree *tree)
{
	uint32_t i;

	tree->nodes[0].parent = 0;
	for (i = 1; i < tree->node_count; i++) {
		struct hst_profile_node *node = &tree->nodes[i];

		if (node->parent >= i) {
			node->parent = 0;
			tree->repaired_nodes++;
		}
		if (node->calls == 0 || node->min > node->max) {
			node->min = 0;
		}
		if (node->calls == 0) {
			node->max = 0;
		}
	}
}

/* The writer counts a call in its histogram one call late, and says where. */
static void add_pending(struct hst_profile_tree *tree)
{
	uint64_t node = (tree->header.pending - NODES_AT) / sizeof *tree->nodes;
	uint64_t at = (tree->header.pending - NODES_AT) % sizeof *tree->nodes;
	uint64_t histogram = offsetof(struct hst_profile_node, histogram);

	if (tree->header.pending >= NODES_AT && node > 0 && node < tree->node_count &&
		at >= histogram && at < histogram + sizeof tree->nodes->histogram &&
		at % sizeof(uint32_t) == 0) {
		tree->nodes[node].histogram[(at - histogram) / sizeof(uint32_t)]++;
	}
}

static enum hst_status read_parts(
	const struct hst_trace_file *file, uint64_t offset, struct hst_profile_tree *tree)
{
	size_t bytes = tree->node_count * sizeof *tree->nodes;
	size_t got;

	tree->nodes = malloc(bytes);
	if (tree->nodes == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(hst_trace_file_read(file, offset + NODES_AT, tree->nodes, bytes, &got));
	/* The file may have shrunk since its size was taken. */
	tree->node_count = (uint32_t)(got / sizeof *tree->nodes);
	tree->missing_nodes = tree->header.nodes - tree->node_count;
	if (tree->node_count == 0) {
		return HST_E_DAMAGED;
	}
	check_nodes(tree);
	add_pending(tree);
	return read_open(file, offset, tree);
}

enum hst_status hst_profile_tree_read(const struct hst_trace_file *file, uint64_t offset,
	struct hst_profile_tree *ret_tree, struct hst_diag *diag)
{
	struct hst_profile_tree tree = { 0 };
	enum hst_status status;
	size_t got;

	*ret_tree = tree;
	status = hst_trace_file_read(file, offset, &tree.header, sizeof tree.header, &got);
	if (status == HST_OK && (offset >= file->bytes || got < sizeof tree.header ||
					tree.header.block.magic != HST_BLOCK_MAGIC ||
					tree.header.block.type != HST_BLOCK_PROFILE)) {
		status = HST_E_DAMAGED;
	}
	if (status == HST_OK) {
		tree.node_count = readable_nodes(file, offset, &tree.header);
		status = tree.node_count == 0 ? HST_E_DAMAGED : read_parts(file, offset, &tree);
	}
	if (status != HST_OK) {
		hst_profile_tree_finish(&tree);
		return hst_diag_set(diag, status,
			"%s: the call counts of profile mode at byte %" PRIu64
			" cannot be read: %s",
			file->path, offset, hst_status_text(status));
	}
	*ret_tree = tree;
	return HST_OK;
}

void hst_profile_tree_finish(struct hst_profile_tree *tree)
{
	if (tree == NULL) {
		return;
	}
	free(tree->open);
	free(tree->nodes);
	*tree = (struct hst_profile_tree){ 0 };
}
