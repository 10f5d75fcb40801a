/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes are found by (parent, row); a parent always stands before its children. */
#include "passes/calltree.h"

#include <stdlib.h>

enum hst_status hst_calltree_init(
	struct hst_calltree *tree, bool contexts, bool edges, bool fold_recursion)
{
	struct hst_calltree_node root = { .context = { .function = HST_NO_FUNCTION } };

	*tree = (struct hst_calltree){
		.contexts = contexts, .edges = edges, .fold_recursion = fold_recursion
	};
	return hst_vec_push(&tree->nodes, root) ? HST_OK : HST_E_MEMORY;
}

void hst_calltree_finish(struct hst_calltree *tree)
{
	if (tree == NULL) {
		return;
	}
	hst_vec_finish(&tree->nodes);
	hst_vec_finish(&tree->pairs);
	hst_map_finish(&tree->children);
	hst_map_finish(&tree->pair_index);
	*tree = (struct hst_calltree){ 0 };
}

/* The nearest node from `node` up that is of `row`; 0 if there is none. */
static uint32_t on_path(const struct hst_calltree *tree, uint32_t node, uint32_t row)
{
	while (node != 0 && tree->nodes.items[node].context.function != row) {
		node = tree->nodes.items[node].context.parent;
	}
	return node;
}

static uint32_t add_node(struct hst_calltree *tree, uint32_t parent, uint32_t row)
{
	uint32_t number = (uint32_t)tree->nodes.count;
	struct hst_calltree_node node = {
		.context = { .parent = parent,
			.function = row,
			.next_sibling = tree->nodes.items[parent].context.first_child },
		.depth = tree->nodes.items[parent].depth + 1,
	};

	if (!hst_vec_push(&tree->nodes, node)) {
		tree->out_of_memory = true;
		return parent;
	}
	tree->nodes.items[parent].context.first_child = number;
	return number;
}

static uint32_t new_child(struct hst_calltree *tree, uint32_t parent, uint32_t row)
{
	bool deep = tree->nodes.items[parent].depth >= HST_CONTEXT_DEPTH_MAX;
	bool full = tree->nodes.count >= HST_CONTEXTS_MAX;
	uint32_t fold = 0;

	if (tree->fold_recursion || deep || full) {
		fold = on_path(tree, parent, row);
	}
	if (fold != 0) {
		tree->nodes.items[fold].context.recursive = true;
		return fold;
	}
	if (deep || full) {
		/* Not remembered: the map must not grow without an end. */
		tree->folded++;
		return parent;
	}
	return add_node(tree, parent, row);
}

uint32_t hst_calltree_child(struct hst_calltree *tree, uint32_t parent, uint32_t row)
{
	uint64_t key = (uint64_t)parent << 32 | row;
	uint32_t node;

	if (hst_map_get(&tree->children, key, &node)) {
		return node;
	}
	node = new_child(tree, parent, row);
	if (node != parent && tree->children.count < 2 * HST_CONTEXTS_MAX &&
		hst_map_put(&tree->children, key, node) != HST_OK) {
		tree->out_of_memory = true;
	}
	return node;
}

uint32_t hst_calltree_pair(struct hst_calltree *tree, uint32_t caller, uint32_t callee)
{
	uint64_t key = (uint64_t)caller << 32 | callee;
	struct hst_calltree_edge pair = { .edge = { .caller = caller, .callee = callee } };
	uint32_t number;

	if (hst_map_get(&tree->pair_index, key, &number)) {
		return number;
	}
	number = (uint32_t)tree->pairs.count;
	if (number >= HST_EDGES_MAX || !hst_vec_push(&tree->pairs, pair) ||
		hst_map_put(&tree->pair_index, key, number) != HST_OK) {
		tree->out_of_memory = true;
		return UINT32_MAX;
	}
	return number;
}

static uint64_t whole_ns(double ns)
{
	return ns > 0 && ns < 1e19 ? (uint64_t)(ns + 0.5) : 0;
}

static enum hst_status take_contexts(struct hst_calltree *tree, struct hst_profile *profile)
{
	struct hst_context *contexts = calloc(tree->nodes.count, sizeof *contexts);

	if (contexts == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < tree->nodes.count; i++) {
		contexts[i] = tree->nodes.items[i].context;
		contexts[i].self_ns = whole_ns(tree->nodes.items[i].self_ns);
		contexts[i].self_off_ns = whole_ns(tree->nodes.items[i].off_ns);
		if (contexts[i].self_off_ns > contexts[i].self_ns) {
			contexts[i].self_off_ns = contexts[i].self_ns;
		}
	}
	for (size_t i = tree->nodes.count; i-- > 0;) {
		contexts[i].total_ns += contexts[i].self_ns;
		contexts[i].total_off_ns += contexts[i].self_off_ns;
		if (i != 0) {
			contexts[contexts[i].parent].total_ns += contexts[i].total_ns;
			contexts[contexts[i].parent].total_off_ns += contexts[i].total_off_ns;
		}
	}
	profile->contexts = contexts;
	profile->context_count = tree->nodes.count;
	return HST_OK;
}

enum hst_status hst_calltree_take(struct hst_calltree *tree, struct hst_profile *profile)
{
	if (tree->contexts) {
		HST_TRY(take_contexts(tree, profile));
	}
	if (!tree->edges) {
		return HST_OK;
	}
	profile->edges = calloc(tree->pairs.count + 1, sizeof *profile->edges);
	if (profile->edges == NULL) {
		return HST_E_MEMORY;
	}
	profile->edge_count = tree->pairs.count;
	for (size_t i = 0; i < tree->pairs.count; i++) {
		profile->edges[i] = tree->pairs.items[i].edge;
		profile->edges[i].total_ns = whole_ns(tree->pairs.items[i].total_ns);
		profile->edges[i].total_off_ns = whole_ns(tree->pairs.items[i].off_ns);
		if (profile->edges[i].total_off_ns > profile->edges[i].total_ns) {
			profile->edges[i].total_off_ns = profile->edges[i].total_ns;
		}
	}
	return HST_OK;
}
