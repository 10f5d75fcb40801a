/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the calling-context trees of profile mode: counts per context instead of blocks. What a
 * function held at most is then the sum of its contexts' own maxima: not less than the truth.
 */
#include "passes/heap_pass.h"

#include "reader/profile_block.h"

#include <stdlib.h>

static bool has_memory(const struct hst_profile_node *node)
{
	return (node->allocs | node->allocator_ticks) != 0;
}

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static void join_node(
	struct hst_heap_pass *pass, const struct hst_profile_node *node, uint32_t leaf)
{
	struct hst_heap_sum *sum = hst_heap_touch(pass, leaf);
	const struct hst_heap_leaf *owner = &pass->leaves.items[leaf];

	sum->allocs += node->allocs;
	sum->bytes += node->alloc_bytes;
	sum->slack_unknown += node->allocs;
	sum->frees += node->freed;
	sum->freed_bytes += node->freed_bytes;
	sum->allocator_ns += hst_heap_span(pass, 0, node->allocator_ticks);
	if (!pass->process.ends_by_exec) {
		sum->leaked += less(node->allocs, node->freed + node->untracked);
		sum->leaked_bytes +=
			less(node->alloc_bytes, node->freed_bytes + node->untracked_bytes);
	}
	pass->untracked += node->untracked;
	/* It is an owner of this file, though no block of it is known. */
	hst_heap_hold(pass, leaf, 0, 0);
	pass->functions.items[owner->function].held.counted_peak += node->peak_bytes;
	pass->contexts.items[owner->context].held.counted_peak += node->peak_bytes;
	pass->process.profile_mode = true;
	pass->counted = true;
}

/* Row and context of a node below the root. */
static enum hst_status place_node(struct hst_heap_pass *pass, const struct hst_profile_tree *tree,
	uint32_t i, uint32_t *contexts, uint32_t *ret_row)
{
	const struct hst_profile_node *node = &tree->nodes[i];
	uint32_t site =
		hst_sites_intern(&pass->interned, node->ret, node->fn, tree->header.generation);

	HST_TRY(hst_heap_know_sites(pass));
	*ret_row = hst_heap_row(pass, site);
	contexts[i] = hst_calltree_child(&pass->calltree, contexts[node->parent], *ret_row);
	return HST_OK;
}

/* The context of each node that has memory, or has one below it that has. */
static enum hst_status join(
	struct hst_heap_pass *pass, const struct hst_profile_tree *tree, uint32_t *contexts)
{
	/* First: whether; then: which. */
	for (uint32_t i = tree->node_count; i-- > 0;) {
		contexts[i] |= has_memory(&tree->nodes[i]);
		if (i != 0) {
			contexts[tree->nodes[i].parent] |= contexts[i];
		}
	}
	for (uint32_t i = 0; i < tree->node_count; i++) {
		const struct hst_profile_node *node = &tree->nodes[i];
		uint32_t row = HST_ROW_UNKNOWN;
		uint32_t leaf;

		if (contexts[i] == 0) {
			continue;
		}
		contexts[i] = 0;
		HST_TRY(i != 0 ? place_node(pass, tree, i, contexts, &row) : HST_OK);
		if (!has_memory(node)) {
			continue;
		}
		leaf = hst_heap_leaf_at(pass, row, HST_HEAP_NONE, HST_HEAP_NONE, contexts[i]);
		if (leaf == HST_HEAP_NONE) {
			return HST_E_MEMORY;
		}
		join_node(pass, node, leaf);
	}
	return HST_OK;
}

static enum hst_status read_tree(struct hst_heap_pass *pass, uint64_t offset)
{
	struct hst_profile_tree tree;
	struct hst_diag diag = { "" };
	uint32_t *contexts;
	enum hst_status status = hst_profile_tree_read(&pass->file, offset, &tree, &diag);

	if (status == HST_E_MEMORY) {
		return status;
	}
	if (status != HST_OK) {
		pass->heap->complete = false;
		hst_heap_note(pass->heap, true, "%s", diag.text);
		return HST_OK;
	}
	if (tree.missing_nodes != 0 || tree.repaired_nodes != 0) {
		pass->heap->complete = false;
		hst_heap_note(pass->heap, true,
			"%s: %llu nodes of a calling-context tree are missing, %u have no parent",
			pass->file.path, (unsigned long long)tree.missing_nodes,
			tree.repaired_nodes);
	}
	pass->last = tree.header.last > pass->last ? tree.header.last : pass->last;
	contexts = calloc(tree.node_count, sizeof *contexts);
	status = contexts == NULL ? HST_E_MEMORY : join(pass, &tree, contexts);
	free(contexts);
	hst_profile_tree_finish(&tree);
	return status;
}

enum hst_status hst_heap_trees(struct hst_heap_pass *pass)
{
	const struct hst_file_header *header = &pass->file.header;

	for (size_t i = 0; i < pass->file.profile_count; i++) {
		HST_TRY(read_tree(pass, pass->file.profiles[i]));
	}
	if (!pass->process.profile_mode) {
		return HST_OK;
	}
	pass->late_frees += header->freed_early;
	if (header->peak_bytes > pass->held.peak_bytes) {
		/* When it was, and who had what then, was not counted. */
		pass->held.peak_bytes = header->peak_bytes;
		pass->held.peak_blocks = 0;
		pass->version++;
	}
	return HST_OK;
}
