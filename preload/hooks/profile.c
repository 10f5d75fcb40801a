/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks in profile mode, common case: a context met before, its frame in place. What the trace's hot path does
 * with predictor and record, these do with the context tree.
 */
#include "core/clock.h"
#include "hooks/function.h"
#include "stacks/tree.h"

#include "core/poison.h"

/* The context of this instance below the caller's: the one guessed, or the one found. 0: none yet. */
HST_INLINE uint32_t context_below(struct hst_tree *tree, const struct hst_open *top, uint64_t ret)
{
	uint32_t parent = top->node & HST_NODE_INDEX;
	struct hst_tree_guess *guess =
		top->callee != 0 ? &tree->after[top->callee] : &tree->first[parent];
	const struct hst_tree_edge *edge;

	if (HST_LIKELY(guess->parent == parent && tree->nodes[guess->child].ret == ret)) {
		return guess->child;
	}
	edge = &tree->edges[hst_tree_slot(tree, parent, ret)];
	if (edge->ret != ret || edge->parent != parent) {
		return 0;
	}
	*guess = (struct hst_tree_guess){ .parent = parent, .child = edge->child };
	return edge->child;
}

HST_NOINLINE void hst_enter_profile(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;
	struct hst_tree *tree = stream->tree;
	struct hst_open *top = stream->top;
	struct hst_open *entry = top + 1;
	uint64_t ret = HST_CALLER_RET();
	uint64_t hint;
	uint64_t cfa;
	uint32_t child;

	if (HST_UNLIKELY(stream->window->seen != hst_sink_watch() || entry >= stream->end)) {
		hst_enter_slow(fn, call_site);
		return;
	}
	child = context_below(tree, top, ret);
	hint = tree->nodes[child].hint;
	cfa = HST_CALLER_SP() + HST_HINT_K(hint);
	if (HST_UNLIKELY(child == 0 || !frame_fits(stream, top, HST_HINT_GROUP(hint), cfa,
					       (uint64_t)call_site))) {
		hst_enter_slow(fn, call_site);
		return;
	}
	entry->cfa = cfa;
	entry->fn = (uint64_t)fn;
	entry->ret = ret;
	entry->call = (uint32_t)(uint64_t)call_site;
	entry->group = HST_HINT_GROUP(hint) | (cfa == top->cfa ? top->group : 0);
	stream->top = entry;
	hst_tree_open(stream, entry, child, hst_ticks());
	hst_barrier();
	stream->guard = 0;
}

HST_NOINLINE void hst_exit_profile(void *fn, void *call_site, uint64_t ticks)
{
	struct hst_stream *stream = hst_self;
	const struct hst_open *top = stream->top;

	if (HST_UNLIKELY(stream->mode != HST_STREAM_PROFILE || !hst_clock_tsc ||
			 stream->window->seen != hst_sink_watch() ||
			 !exit_fits(top, (uint64_t)fn, (uint64_t)call_site) ||
			 top <= stream->low)) {
		hst_exit_slow(fn, call_site);
		return;
	}
	hst_tree_close(stream, ticks, HST_LEFT_RETURN);
	stream->top--;
	hst_barrier();
	stream->guard = 0;
}
