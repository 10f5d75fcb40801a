/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks in profile mode, common case: a context met before, its frame in place. What the trace's hot path does
 * with predictor and record, these do with the context tree.
 */
#include "core/clock.h"
#include "hooks/function.h"
#include "stacks/tree.h"

#include "core/poison.h"

HST_NOINLINE void hst_enter_profile(void *fn, void *call_site)
{
	struct hst_stream *stream = hst_self;
	const struct hst_tree *tree = stream->tree;
	struct hst_open *top = stream->top;
	struct hst_open *entry = top + 1;
	uint64_t ret = HST_CALLER_RET();
	uint32_t parent = top->node & HST_NODE_INDEX;
	const struct hst_tree_edge *edge;
	uint64_t cfa;

	if (HST_UNLIKELY(stream->window->seen != hst_sink_watch() || entry >= stream->end)) {
		hst_enter_slow(fn, call_site);
		return;
	}
	edge = &tree->edges[hst_tree_slot(tree, parent, ret)];
	cfa = HST_CALLER_SP() + edge->k;
	if (HST_UNLIKELY(edge->ret != ret || edge->parent != parent || edge->child == 0 ||
			 !frame_fits(stream, top, edge->group, cfa, (uint64_t)call_site))) {
		hst_enter_slow(fn, call_site);
		return;
	}
	entry->cfa = cfa;
	entry->fn = (uint64_t)fn;
	entry->ret = ret;
	entry->call = (uint32_t)(uint64_t)call_site;
	entry->group = edge->group | (cfa == top->cfa ? top->group : 0);
	stream->top = entry;
	hst_tree_open(stream, entry, edge->child, hst_ticks());
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
