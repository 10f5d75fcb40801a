/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enters and leaves of a recording held in memory, for formats that want each thread in one piece.
 * Bounded: beyond the limit nothing is kept and `overflow` is set.
 */
#ifndef HST_WRITERS_CALLS_H
#define HST_WRITERS_CALLS_H

#include "passes/timeline.h"
#include "util/vec.h"

struct hst_call_event {
	uint64_t ns;
	uint32_t row;
	uint32_t track; /* index in `tracks` */
	bool enter;
};

/* One stack of one thread: the calls on it nest. */
struct hst_call_track {
	uint32_t pid, tid, stream, fiber;
	uint64_t events;
};

struct hst_calls {
	HST_VEC(struct hst_call_event) events; /* in order of time within a track */
	HST_VEC(struct hst_call_track) tracks;
	size_t limit; /* of events */
	bool overflow;
	bool failed; /* out of memory */
};

/* Sets the callbacks that fill `calls`; both must live until the pass is done. */
void hst_calls_timeline(struct hst_calls *calls, size_t limit, struct hst_timeline *ret_timeline);
void hst_calls_finish(struct hst_calls *calls);

#endif
