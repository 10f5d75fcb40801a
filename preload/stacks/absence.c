/* SPDX-License-Identifier: Apache-2.0 */
/* From a look at the clock to an event, or to the sum of a context. */
#include "stacks/absence.h"

#include "buffer/chunk.h"
#include "buffer/encode.h"
#include "core/offsets.h"

#include "core/poison.h"

static_assert(HST_GAP == HST_GAP_TICKS - 1, "assembly and C must agree");

/*
 * The look's own time is nobody's. The absence may be longer than the time since the latest hook: that of a child of vfork cannot look.
 * It is a part of what the open call has used so far.
 */
static void absence_to_tree(struct hst_stream *stream, const struct hst_look *look, uint64_t off)
{
	struct hst_profile_block *block = stream->tree->block;
	struct hst_profile_node *node = stream->top->context;
	uint64_t gap = hst_absence_gap(stream, look->ticks);
	uint64_t cost = look->cost < gap ? look->cost : gap;
	uint64_t room;

	hst_tree_clock(block, node, look->ticks - cost);
	block->last = look->ticks;
	room = node->self > node->off ? node->self - node->off : 0;
	node->off += off < room ? off : room;
}

HST_NOINLINE void hst_absence_look(struct hst_stream *stream)
{
	struct hst_look look;
	uint64_t off;

	if (!hst_cpu_look(stream, &look)) {
		return;
	}
	off = hst_cpu_within(stream, hst_absence_gap(stream, look.ticks), look.off);
	stream->period_off += off;
	if (stream->mode == HST_STREAM_TRACE) {
		hst_put_off_cpu(stream, look.ticks, off, look.cost);
	} else {
		absence_to_tree(stream, &look, off);
	}
	hst_cpu_told(stream);
}
