/* SPDX-License-Identifier: Apache-2.0 */
/* Events come stream by stream, so the track of the last event is nearly always that of the next. */
#include "writers/calls.h"

static uint32_t find_track(struct hst_calls *calls, const struct hst_timeline_call *call)
{
	struct hst_call_track track = { call->pid, call->tid, call->stream, call->fiber, 0 };

	for (size_t i = calls->tracks.count; i-- > 0;) {
		const struct hst_call_track *there = &calls->tracks.items[i];

		if (there->pid == track.pid && there->stream == track.stream &&
			there->fiber == track.fiber && there->tid == track.tid) {
			return (uint32_t)i;
		}
	}
	if (!hst_vec_push(&calls->tracks, track)) {
		calls->failed = true;
		return UINT32_MAX;
	}
	return (uint32_t)calls->tracks.count - 1;
}

static void add(struct hst_calls *calls, const struct hst_timeline_call *call, bool enter)
{
	struct hst_call_event event = {
		.row = call->row, .ns = enter ? call->start_ns : call->end_ns, .enter = enter
	};

	if (calls->overflow || calls->failed) {
		return;
	}
	if (calls->events.count >= calls->limit) {
		calls->overflow = true;
		return;
	}
	event.track = find_track(calls, call);
	if (event.track == UINT32_MAX || !hst_vec_push(&calls->events, event)) {
		calls->failed = true;
		return;
	}
	calls->tracks.items[event.track].events++;
}

static void enter(void *context, const struct hst_timeline_call *call)
{
	add(context, call, true);
}

static void leave(void *context, const struct hst_timeline_call *call)
{
	add(context, call, false);
}

void hst_calls_timeline(struct hst_calls *calls, size_t limit, struct hst_timeline *ret_timeline)
{
	*calls = (struct hst_calls){ .limit = limit };
	*ret_timeline = (struct hst_timeline){ .context = calls, .enter = enter, .leave = leave };
}

void hst_calls_finish(struct hst_calls *calls)
{
	hst_vec_finish(&calls->events);
	hst_vec_finish(&calls->tracks);
}
