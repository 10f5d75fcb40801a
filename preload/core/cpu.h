/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a thread was not on a CPU, without a system call at each hook.
 *
 * Between two hooks with no context switch, the time that passed is CPU time. Whether there was one, the kernel says: it clears
 * rseq_cs in the thread's area of restartable sequences when it has switched the thread out, moved it or given it a signal.
 * So that field is our canary: a hook that finds it as we left it has nothing to do; any other looks at the thread's clock.
 *
 *   canary alive ──▶ on the CPU since the hook before        canary gone ──▶ look: off = wall - CPU since the look before; arm
 *
 * Where there is no such area, or another library uses it all the time, or looks would cost too much, only hooks that come
 * HST_GAP_TICKS or more behind the record before look (gap mode): shorter absences count as CPU time then. Where no system
 * call may be made, nothing is known.
 *
 * A hook takes its time first and looks after the canary then: if the thread is switched out before that, the canary tells; if
 * behind it, the time is not in this hook's record yet, and the next hook is told.
 *
 * What the hot path compares is %fs:(stream->canary_at) with stream->canary; in the other modes that is a word of our own.
 */
#ifndef HST_CORE_CPU_H
#define HST_CORE_CPU_H

#include "core/attr.h"
#include "core/stream.h"
#include "hasten/trace.h"

#include <stdbool.h>
#include <stdint.h>

/* What does not fit into a record's own time, so that the hot path ends at such a gap anyway: 16 to 33 us. */
#define HST_GAP_TICKS ((uint64_t)(HST_TIME_MASK + 1u) << HST_TIME_SHIFT)
/* A hook after a gap looks at least so often: for time that a hypervisor took, and kernels that leave the canary alone. */
#define HST_LOOK_TICKS (1ull << 24)

/* A value that the canary never has: the next hook looks. */
#define HST_CANARY_LOOK 1ull

/* What one look found. */
struct hst_look {
	uint64_t ticks; /* at its end */
	uint64_t off;   /* ticks off the CPU since the look before; 0 if there was none */
	uint64_t cost;  /* ticks of the look itself */
};

/* The canary as it is now. */
HST_INLINE uint64_t hst_canary_now(const struct hst_stream *stream)
{
	uint64_t value;

	__asm__ volatile("movq %%fs:(%1), %0" : "=r"(value) : "r"(stream->canary_at));
	return value;
}

HST_INLINE bool hst_canary_alive(const struct hst_stream *stream)
{
	return HST_LIKELY(hst_canary_now(stream) == stream->canary);
}

/* A thread begins with this stream, or it is now that of a forked child. Chooses the mode; the next hook looks. */
void hst_cpu_begin(struct hst_stream *stream, bool wanted);

/*
 * Reads the thread's clock and arms the canary. false: it could not be read (the mode then says so), or it is not this
 * thread's stream, as in a child of vfork.
 */
bool hst_cpu_look(struct hst_stream *stream, struct hst_look *ret_look);

/* `off` ticks were found after a gap: in gap mode only what lay within gaps is told, the rest was found too late. */
static inline uint64_t hst_cpu_within(const struct hst_stream *stream, uint64_t gap, uint64_t off)
{
	uint64_t gaps = stream->cpu.gaps << HST_TIME_SHIFT;

	gaps += gap >= HST_GAP_TICKS ? gap : 0;
	return stream->cpu.mode != HST_CLOCK_MODE_GAP || off < gaps ? off : gaps;
}

/* What a look found is written. */
static inline void hst_cpu_told(struct hst_stream *stream)
{
	stream->cpu.gaps = 0;
	if (stream->cpu.mode == HST_CLOCK_MODE_GAP) {
		stream->canary = 0;
	}
}

/* From here on `place` says the coarsest mode. `fresh`: it says nothing yet. */
void hst_cpu_note(struct hst_stream *stream, uint32_t *place, bool fresh);

/* The time up to the next look is nobody's: recording is paused. */
static inline void hst_cpu_forget(struct hst_stream *stream)
{
	stream->cpu.ticks = 0;
}

#endif
