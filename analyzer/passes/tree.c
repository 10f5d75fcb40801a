/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins a calling-context tree of profile mode with what the events said. Its counts are exact; its
 * percentiles come from half-octave buckets, and recursion was folded when it was recorded.
 */
#include "passes/pass.h"

#include "reader/profile_block.h"

#include <stdlib.h>

#define ANCESTORS_MAX 512u

/* What is known of a node besides what the file says. */
struct joined {
	uint32_t row;
	uint32_t context;
	uint64_t below; /* calls below it */
	uint64_t off;   /* ticks off the CPU, its own and below */
};

/* Never more than its own time. */
static uint64_t own_absence(const struct hst_profile_node *node)
{
	return node->off < node->self ? node->off : node->self;
}

static enum hst_status find_rows(
	struct hst_pass *pass, const struct hst_profile_tree *tree, struct joined *joined)
{
	for (uint32_t i = 1; i < tree->node_count; i++) {
		const struct hst_profile_node *node = &tree->nodes[i];
		uint32_t site = hst_sites_intern(
			&pass->interned, node->ret, node->fn, tree->header.generation);

		HST_TRY(hst_pass_sites(pass));
		joined[i].row = pass->sites.items[site].row;
		if (pass->options->contexts) {
			joined[i].context = hst_calltree_child(
				&pass->calltree, joined[node->parent].context, joined[i].row);
		}
	}
	for (uint32_t i = tree->node_count; i-- > 1;) {
		joined[i].off += own_absence(&tree->nodes[i]);
		joined[tree->nodes[i].parent].below += tree->nodes[i].calls + joined[i].below;
		joined[tree->nodes[i].parent].off += joined[i].off;
	}
	return HST_OK;
}

/* Does an activation of the same row enclose this node? */
static bool is_nested(
	const struct hst_profile_tree *tree, const struct joined *joined, uint32_t node)
{
	uint32_t at = tree->nodes[node].parent;

	for (uint32_t i = 0; at != 0 && i < ANCESTORS_MAX; i++) {
		if (joined[at].row == joined[node].row) {
			return true;
		}
		at = tree->nodes[at].parent;
	}
	return false;
}

/* Middle of a bucket of the file, in ticks. */
static uint64_t bucket_ticks(uint32_t bucket)
{
	uint32_t octave = (bucket - 1) / 2 + 4;
	uint64_t low;

	if (bucket == 0) {
		return 8;
	}
	low = (bucket & 1) != 0 ? 1ull << octave : 3ull << (octave - 1);
	return low + (1ull << (octave - 2));
}

static uint64_t without(uint64_t ticks, double cost)
{
	double rest = (double)ticks - cost;

	return rest > 0 && rest < 1e19 ? (uint64_t)rest : 0;
}

static void join_latency(struct hst_pass *pass, struct hst_tally *tally,
	const struct hst_profile_node *node, double cost, uint64_t returned)
{
	double inside = (double)pass->shared.inside_256 / 256;
	uint64_t min = without(node->min, inside);
	uint64_t max = without(node->max, cost);

	if (tally->latency == NULL) {
		tally->latency = hst_latency_create(&pass->profile->arena);
	}
	max = max < min ? min : max;
	tally->min = tally->returned == 0 || min < tally->min ? min : tally->min;
	tally->max = max > tally->max ? max : tally->max;
	tally->returned += returned;
	for (uint32_t i = 0; i < HST_HISTOGRAM_BUCKETS; i++) {
		uint64_t ticks = without(bucket_ticks(i), cost);
		uint64_t ns = (uint64_t)((double)ticks * pass->shared.ns_per_tick);

		if (node->histogram[i] == 0) {
			continue;
		}
		if ((node->flags & HST_NODE_RECURSIVE) != 0) {
			tally->duration += ticks * node->histogram[i];
		}
		if (tally->latency == NULL ||
			!hst_latency_add(
				tally->latency, &pass->profile->arena, ns, node->histogram[i])) {
			pass->shared.out_of_memory = true;
		}
	}
	if ((node->flags & HST_NODE_RECURSIVE) == 0) {
		tally->duration += without(node->total, cost * (double)returned);
	}
	tally->flags |= HST_ROW_MIN_MAX_COARSE;
}

static void join_detail(struct hst_pass *pass, const struct joined *parent,
	const struct joined *node, const struct hst_profile_node *data)
{
	double inside = (double)pass->shared.inside_256 / 256;
	double both = inside + (double)pass->shared.outside_256 / 256;
	double rate = pass->shared.ns_per_tick;
	double calls = (double)data->calls;

	if (pass->options->contexts) {
		struct hst_calltree_node *context = &pass->calltree.nodes.items[node->context];
		struct hst_calltree_node *above = &pass->calltree.nodes.items[parent->context];

		context->self_ns += rate * ((double)data->self - calls * inside);
		context->off_ns += rate * (double)own_absence(data);
		above->self_ns -= rate * calls * (both - inside);
		context->context.calls += data->calls;
		context->context.errors += data->errors;
	}
	if (pass->options->edges) {
		uint32_t caller = data->parent == 0 ? HST_NO_FUNCTION : parent->row;
		uint32_t number = hst_calltree_pair(&pass->calltree, caller, node->row);

		if (number != UINT32_MAX) {
			struct hst_calltree_edge *pair = &pass->calltree.pairs.items[number];

			pair->edge.calls += data->calls;
			pair->edge.errors += data->errors;
			pair->total_ns += rate * ((double)data->total - calls * inside -
							 (double)node->below * both);
			pair->off_ns += rate * (double)node->off;
		}
	}
}

static uint32_t clock_flags(const struct hst_profile_tree *tree)
{
	return tree->header.clock_mode == HST_CLOCK_MODE_RSEQ  ? 0u
	       : tree->header.clock_mode == HST_CLOCK_MODE_GAP ? HST_ROW_CPU_COARSE
							       : HST_ROW_CPU_UNKNOWN;
}

static void join_node(struct hst_pass *pass, const struct hst_profile_tree *tree,
	const struct joined *joined, uint32_t number)
{
	const struct hst_profile_node *node = &tree->nodes[number];
	const struct joined *parent = &joined[node->parent];
	struct hst_tally *tally = &pass->tallies.items[joined[number].row];
	double inside = (double)pass->shared.inside_256 / 256;
	double both = inside + (double)pass->shared.outside_256 / 256;
	uint64_t errors = node->errors < node->calls ? node->errors : node->calls;
	uint64_t returned = 0;

	for (uint32_t i = 0; i < HST_HISTOGRAM_BUCKETS; i++) {
		returned += node->histogram[i];
	}
	tally->calls += node->calls;
	tally->errors += errors;
	tally->self += node->self;
	tally->off += own_absence(node);
	tally->flags |= HST_ROW_PROFILE | clock_flags(tree);
	tally->flags |= (node->flags & HST_NODE_RECURSIVE) != 0 ? HST_ROW_RECURSIVE : 0u;
	if (node->parent != 0) {
		pass->tallies.items[parent->row].children += node->calls;
	}
	if (!is_nested(tree, joined, number)) {
		tally->total += node->total;
		tally->total_off += joined[number].off;
		tally->outer += node->calls;
		tally->below += joined[number].below;
	}
	if (returned != 0) {
		double below = (double)joined[number].below / (double)node->calls;

		join_latency(pass, tally, node, inside + both * below, returned);
	}
	join_detail(pass, parent, &joined[number], node);
}

static bool is_outermost(
	const struct hst_profile_tree *tree, const struct joined *joined, uint32_t frame)
{
	uint32_t row = joined[tree->open[frame].node].row;

	for (uint32_t i = 0; i < frame; i++) {
		if (joined[tree->open[i].node].row == row) {
			return false;
		}
	}
	return true;
}

/* Frames that were open when the block was last written: their time until `end`. */
static void join_open(struct hst_pass *pass, const struct hst_profile_tree *tree,
	const struct joined *joined, uint64_t end)
{
	uint64_t tail = end > tree->header.last ? end - tree->header.last : 0;

	for (uint32_t i = 0; i < tree->open_count; i++) {
		const struct hst_profile_open *open = &tree->open[i];
		const struct joined *node = &joined[open->node];
		struct hst_tally *tally = &pass->tallies.items[node->row];
		uint64_t total = end > open->start ? end - open->start : 0;
		/* Own time is booked at every hook; since the latest one the innermost call has run. */
		bool innermost = i + 1 == tree->header.depth;
		uint64_t self = innermost ? tail : 0;

		tally->open++;
		/* What it did then is not known. */
		uint64_t off = tree->header.clock_mode == HST_CLOCK_MODE_NONE ? 0 : tail;

		tally->self += self;
		tally->off += innermost ? off : 0;
		tally->flags |= HST_ROW_OPEN | HST_ROW_PROFILE;
		if (is_outermost(tree, joined, i)) {
			tally->total += total;
			tally->total_off += off;
		}
		if (pass->options->contexts) {
			struct hst_calltree_node *context =
				&pass->calltree.nodes.items[node->context];

			context->self_ns += (double)self * pass->shared.ns_per_tick;
			context->off_ns += innermost ? (double)off * pass->shared.ns_per_tick : 0;
		}
	}
}

/* The end of the tree's time: of its thread, of the process, or the newest that is known. */
static uint64_t tree_end(struct hst_pass *pass, const struct hst_profile_tree *tree)
{
	const struct hst_file_header *header = &pass->file.header;
	uint64_t end = hst_pass_end(pass);

	if (tree->header.end_ticks != 0) {
		return tree->header.end_ticks;
	}
	for (uint32_t i = 0; i < tree->open_count; i++) {
		end = tree->open[i].start > end ? tree->open[i].start : end;
	}
	if (header->end_kind == HST_END_NONE && header->sync_index < 2 &&
		header->sync[header->sync_index].ticks > end) {
		end = header->sync[header->sync_index].ticks;
	}
	return end;
}

static enum hst_status join(
	struct hst_pass *pass, const struct hst_profile_tree *tree, struct joined *joined)
{
	size_t number = hst_pass_find_thread(pass, tree->header.stream);
	uint64_t end = tree_end(pass, tree);
	struct hst_thread_row *thread;

	HST_TRY(find_rows(pass, tree, joined));
	if (number == SIZE_MAX) {
		number = hst_pass_thread(
			pass, tree->header.stream, tree->header.tid, tree->header.lane);
		if (number == SIZE_MAX) {
			return HST_E_MEMORY;
		}
		pass->threads.items[number].ledger = tree->header.ledger;
		pass->threads.items[number].start_ns =
			hst_tallies_ns(&pass->shared, tree->header.start.ticks);
		hst_pass_ledger(pass, &tree->header.ledger);
	}
	thread = &pass->threads.items[number];
	for (uint32_t i = 1; i < tree->node_count; i++) {
		join_node(pass, tree, joined, i);
		thread->calls += tree->nodes[i].calls;
		thread->self_ns +=
			(uint64_t)((double)tree->nodes[i].self * pass->shared.ns_per_tick);
	}
	join_open(pass, tree, joined, end);
	pass->profile->clock_chunks[tree->header.clock_mode < 3 ? tree->header.clock_mode : 0]++;
	hst_pass_span(pass, tree->header.start.ticks, end);
	thread->end_ns = hst_tallies_ns(&pass->shared, end);
	return pass->options->thread_functions ? hst_pass_flush_thread(pass, number) : HST_OK;
}

enum hst_status hst_pass_tree(struct hst_pass *pass, uint64_t offset)
{
	struct hst_profile_tree tree;
	struct hst_diag diag = { "" };
	struct joined *joined;
	enum hst_status status = hst_profile_tree_read(&pass->file, offset, &tree, &diag);

	if (status == HST_E_MEMORY) {
		return status;
	}
	if (status != HST_OK) {
		pass->profile->complete = false;
		hst_profile_note(pass->profile, true, "%s", diag.text);
		return HST_OK;
	}
	if (tree.missing_nodes != 0 || tree.repaired_nodes != 0) {
		pass->profile->complete = false;
		hst_profile_note(pass->profile, true,
			"%s: %llu nodes of a calling-context tree are missing, %u have no parent",
			pass->file.path, (unsigned long long)tree.missing_nodes,
			tree.repaired_nodes);
	}
	joined = calloc(tree.node_count, sizeof *joined);
	if (joined == NULL) {
		status = HST_E_MEMORY;
	} else if (pass->options->tid == 0 || tree.header.tid == pass->options->tid) {
		status = join(pass, &tree, joined);
	}
	free(joined);
	hst_profile_tree_finish(&tree);
	return status;
}
