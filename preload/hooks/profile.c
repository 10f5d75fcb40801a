/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks in profile mode, beside the common enter in profile_x86_64.S: a context met before, its frame in place.
 * What the trace's hot path does with predictor and record, these do with the context tree.
 */
#include "core/clock.h"
#include "core/cpu.h"
#include "core/offsets.h"
#include "hooks/function.h"
#include "stacks/tree.h"

#include "core/poison.h"

static_assert(offsetof(struct hst_tree, guess) == HST_TREE_GUESS &&
		      offsetof(struct hst_tree_guess, parent) == HST_GUESS_PARENT &&
		      offsetof(struct hst_tree_guess, child) == HST_GUESS_CHILD &&
		      sizeof(struct hst_tree_guess) == 8,
	"assembly and C must agree");

/* As far as is seen without a look at the thread's clock. */
HST_INLINE bool on_cpu(
	const struct hst_stream *stream, const struct hst_profile_block *block, uint64_t ticks)
{
	return hst_canary_alive(stream) && ticks - block->last <= HST_GAP;
}

/* The context was not the guessed one: it is searched for, and guessed the next time. */
HST_NOINLINE void hst_enter_profile_search(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;
	struct hst_tree *tree = stream->tree;
	struct hst_open *top = stream->top;
	struct hst_open *entry = top + 1;
	uint64_t ret = HST_CALLER_RET();
	const struct hst_tree_edge *edge = &tree->edges[hst_tree_slot(tree, top->node, ret)];
	const struct hst_profile_node *node = &tree->nodes[edge->child];
	uint64_t cfa = HST_CALLER_SP() + node->k;

	uint64_t ticks = __builtin_ia32_rdtsc();

	if (HST_UNLIKELY(edge->ret != ret || edge->parent != top->node || edge->child == 0 ||
			 !frame_fits(stream, top, node->group, cfa, (uint64_t)call_site) ||
			 !on_cpu(stream, tree->block, ticks))) {
		hst_enter_slow(fn, call_site);
		return;
	}
	tree->guess[top->callee] =
		(struct hst_tree_guess){ .parent = top->node, .child = edge->child };
	entry->cfa = cfa;
	entry->fn = (uint64_t)fn;
	entry->ret = ret;
	entry->call = (uint32_t)(uint64_t)call_site;
	entry->group = node->group | (cfa == top->cfa ? top->group : 0);
	stream->top = entry;
	hst_tree_open(stream, entry, edge->child, ticks);
	hst_barrier();
	stream->guard = 0;
}

/*
 * Bucket of a latency, as hst_histogram_bucket has it, from the exponent and the first bit behind the point of a double.
 * Below 16 ticks and above the last bucket: something larger than any bucket.
 */
HST_INLINE uint64_t bucket_of(uint64_t ticks)
{
	union {
		double real;
		uint64_t bits;
	} value = { .real = (double)(int64_t)ticks };

	return (value.bits >> 51) - 2 * (1023 + 4) + 1;
}

/*
 * Ticks of a call that returned. Its counter is noted, and counted at the next exit: the CPU does not begin to read the
 * clock while the address of an earlier store is unknown, and this one hangs on the clock (8 ns of 34 for a call).
 */
HST_INLINE void add_latency(
	struct hst_profile_block *block, struct hst_profile_node *node, uint64_t elapsed)
{
	uint32_t *counter = (uint32_t *)((uint8_t *)block + block->pending);
	uint64_t bucket = bucket_of(elapsed);

	if (HST_UNLIKELY(bucket >= HST_HISTOGRAM_BUCKETS)) {
		bucket = hst_histogram_bucket(elapsed);
	}
	if (HST_UNLIKELY(elapsed < node->min)) {
		node->min = elapsed;
	}
	if (HST_UNLIKELY(elapsed > node->max)) {
		node->max = elapsed;
	}
	(*counter)++;
	block->pending = (uint64_t)((uint8_t *)&node->histogram[bucket] - (uint8_t *)block);
}

HST_NOINLINE void hst_exit_profile(void *fn, void *call_site, uint64_t ticks)
{
	struct hst_stream *stream = hst_self;
	struct hst_profile_block *block = stream->window->block;
	struct hst_open *top = stream->top;
	uint64_t elapsed = ticks - top->start;
	struct hst_profile_node *node;

	if (HST_UNLIKELY(block == NULL || !exit_fits(top, (uint64_t)fn, (uint64_t)call_site) ||
			 top <= stream->low || top->carried != 0 || (int64_t)elapsed < 0 ||
			 !on_cpu(stream, block, ticks))) {
		hst_exit_slow(fn, call_site);
		return;
	}
	node = top->context;
	hst_tree_clock(block, node, ticks);
	if (--node->active == 0) {
		node->total += elapsed;
	}
	add_latency(block, node, elapsed);
	block->depth--;
	stream->top = top - 1;
	hst_barrier();
	stream->guard = 0;
}
