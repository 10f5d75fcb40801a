/* SPDX-License-Identifier: Apache-2.0 */
/* Single calls in the order of time, for those outputs that show them. Filled by the replay. */
#ifndef HST_PASSES_TIMELINE_H
#define HST_PASSES_TIMELINE_H

#include "model/profile.h"

struct hst_timeline_call {
	uint32_t pid, tid;
	uint32_t stream;
	uint32_t fiber; /* stack within the thread, 0 its own: calls nest within one fiber only */
	uint32_t row;
	const struct hst_function_row *function; /* borrowed until the callback returns */
	uint64_t start_ns;                       /* since the recording began */
	uint64_t end_ns;                         /* only when it leaves */
};

/*
 * Callbacks; either may be NULL. Within one (pid, stream, fiber) calls nest and times never
 * decrease; every call that enters leaves, those that never returned at the end of their thread.
 */
struct hst_timeline {
	void *context;
	void (*enter)(void *context, const struct hst_timeline_call *call);
	void (*leave)(void *context, const struct hst_timeline_call *call);
};

#endif
