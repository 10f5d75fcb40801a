/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the cost of the hooks within what the user allows. Each thread knows what a pair of hooks costs; when a chunk ends
 * it compares that with the time that passed, and if it is too much, the functions whose hooks cost most beside their own
 * time are suppressed, in the whole process:
 *
 *   noted in the file ─ state of the function ─ every thread is made to look ─ chunk anew, without their frames
 *     ─ a hook that still comes is not recorded, and its call site is disarmed (apply/sites.c)
 *
 * No order of disarming matters, since a thread meets no disarmed site before it has looked. From time to time all
 * sites are armed for some milliseconds (a window), so that the report can estimate what was not recorded.
 *
 * Nothing here is on the hot path; while no limit is set, nothing here runs at all.
 */
#ifndef HST_APPLY_THROTTLE_H
#define HST_APPLY_THROTTLE_H

#include "core/stream.h"
#include "core/suppressed.h"
#include "sink/file.h"
#include "stacks/shadow.h"

#include <stdbool.h>
#include <stdint.h>

extern HST_HIDDEN bool hst_throttle_on; /* a limit is set */

/* With the file made; the hooks' addresses. */
void hst_throttle_start(uint64_t enter, uint64_t leave);

/* With the child's file made. */
void hst_throttle_forked(void);

/* Around the program's dlclose. */
void hst_throttle_hold(void);
void hst_throttle_release(void);

/* A hook of a function, on its slow path, with the stream ready. true: it is suppressed, and has been seen to. */
bool hst_throttle_takes_enter(struct hst_stream *stream, uint64_t fn, uint64_t ret);
bool hst_throttle_takes_exit(const struct hst_call *call);

/* The stream's slow path, with signals held back: on its way, before its chunk ends, after that, and with the next one begun. */
void hst_throttle_look(struct hst_stream *stream);
void hst_throttle_tally(struct hst_stream *stream);
void hst_throttle_drop(struct hst_stream *stream);
void hst_throttle_pace(struct hst_stream *stream);

/* The quick way of the hooks, where a filter or something counted makes them look: is the event done with? */
HST_INLINE bool hst_throttle_counts(const struct hst_stream *stream, uint64_t fn)
{
	const struct hst_suppressed *entry = hst_suppressed_find(fn);

	if (entry == NULL || entry->state != HST_FN_COUNTED || stream == NULL ||
		stream->counts == NULL || stream->window->seen != hst_sink_watch() ||
		stream->counts->counts[entry->counter].fn != fn) {
		return false;
	}
	/* One instruction, as a handler may come between any two. */
	__asm__ volatile("incq %0" : "+m"(stream->counts->counts[entry->counter].calls));
	return true;
}

HST_INLINE bool hst_throttle_passes_exit(uint64_t fn)
{
	const struct hst_suppressed *entry = hst_suppressed_find(fn);

	return entry != NULL && hst_suppressed_now(entry) &&
	       (entry->tail || entry->state == HST_FN_COUNTED);
}

#endif
