/* SPDX-License-Identifier: Apache-2.0 */
/* Books the time that the thread was not on a CPU to the innermost open call: an event, or a sum in its context. */
#ifndef HST_STACKS_ABSENCE_H
#define HST_STACKS_ABSENCE_H

#include "core/attr.h"
#include "core/clock.h"
#include "core/cpu.h"
#include "core/stream.h"
#include "stacks/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* Ticks since the latest record of the stream, or in profile mode since the latest hook. */
static inline uint64_t hst_absence_gap(const struct hst_stream *stream, uint64_t ticks)
{
	uint64_t before = stream->mode == HST_STREAM_PROFILE ? stream->tree->block->last
							     : stream->time << HST_TIME_SHIFT;

	return ticks > before ? ticks - before : 0;
}

/* Must a hook that runs now look at the clock? Trace and profile mode. */
static inline bool hst_absence_due(const struct hst_stream *stream, uint64_t ticks)
{
	const struct hst_cpu *cpu = &stream->cpu;

	if (!hst_canary_alive(stream)) {
		return true;
	}
	return hst_absence_gap(stream, ticks) >= HST_GAP_TICKS &&
	       (cpu->mode == HST_CLOCK_MODE_GAP ||
		       (cpu->mode == HST_CLOCK_MODE_RSEQ && ticks - cpu->ticks >= HST_LOOK_TICKS));
}

#define HST_LOOKS_MOST 3u

/* Looks and books. The guard is set, and there is room for a hook's records. */
void hst_absence_look(struct hst_stream *stream);

/*
 * The slow side of a hook, before it records anything: what came before it belongs to the call that was open. Returns the
 * ticks to go on with.
 */
static inline uint64_t hst_absence_check(struct hst_stream *stream, uint64_t ticks)
{
	/* The thread may be switched out while it looks. */
	for (uint32_t i = 0; i < HST_LOOKS_MOST && hst_absence_due(stream, ticks); i++) {
		hst_absence_look(stream);
		ticks = hst_ticks();
	}
	return ticks;
}

#endif
