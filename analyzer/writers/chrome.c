/* SPDX-License-Identifier: Apache-2.0 */
/* Times are microseconds with three decimals: nothing of the nanoseconds is lost. */
#include "writers/chrome.h"

#include "writers/json.h"

#include <inttypes.h>

/* Above all thread numbers of Linux (at most 2^22). */
#define BESIDE_BASE (1u << 24)

static uint32_t track_of(struct hst_chrome *chrome, const struct hst_timeline_call *call)
{
	struct hst_chrome_track track = { call->pid, call->tid, call->stream, call->fiber,
		call->tid };
	bool beside = call->fiber != 0;

	for (size_t i = chrome->tracks.count; i-- > 0;) {
		const struct hst_chrome_track *there = &chrome->tracks.items[i];

		if (there->pid != track.pid || there->tid != track.tid) {
			continue;
		}
		if (there->stream == track.stream && there->fiber == track.fiber) {
			return there->number;
		}
		beside = true;
	}
	if (beside) {
		track.number = BESIDE_BASE + chrome->fibers++;
	}
	if (!hst_vec_push(&chrome->tracks, track)) {
		chrome->failed = true;
	}
	return track.number;
}

static void put_us(FILE *out, const char *key, uint64_t ns)
{
	fprintf(out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void leave(void *context, const struct hst_timeline_call *call)
{
	struct hst_chrome *chrome = context;
	uint64_t duration = call->end_ns - call->start_ns;

	if (duration < chrome->least_ns) {
		chrome->left_out++;
		return;
	}
	fputs(chrome->written++ == 0 ? "\n{\"ph\":\"X\",\"name\":" : ",\n{\"ph\":\"X\",\"name\":",
		chrome->out);
	hst_json_quote(chrome->out, call->function->name);
	fprintf(chrome->out, ",\"pid\":%u,\"tid\":%u", call->pid, track_of(chrome, call));
	put_us(chrome->out, "ts", call->start_ns);
	put_us(chrome->out, "dur", duration);
	fputc('}', chrome->out);
}

void hst_chrome_begin(
	struct hst_chrome *chrome, FILE *out, uint64_t least_ns, struct hst_timeline *ret_timeline)
{
	*chrome = (struct hst_chrome){ .out = out, .least_ns = least_ns };
	*ret_timeline = (struct hst_timeline){ .context = chrome, .leave = leave };
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out);
}

static void put_name(
	struct hst_chrome *chrome, const char *what, uint32_t pid, uint32_t tid, const char *name)
{
	fprintf(chrome->out,
		"%s\n{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%u,\"tid\":%u,\"args\":{\"name\":",
		chrome->written++ == 0 ? "" : ",", what, pid, tid);
	hst_json_quote(chrome->out, name);
	fputs("}}", chrome->out);
}

void hst_chrome_finish(struct hst_chrome *chrome, const char *name)
{
	uint32_t last = 0;

	for (size_t i = 0; i < chrome->tracks.count; i++) {
		const struct hst_chrome_track *track = &chrome->tracks.items[i];
		char text[64];

		if (track->pid != last || i == 0) {
			put_name(chrome, "process_name", track->pid, track->number, name);
			last = track->pid;
		}
		(void)snprintf(text, sizeof text, "thread %u%s", track->tid,
			track->number == track->tid ? "" : ", another stack");
		put_name(chrome, "thread_name", track->pid, track->number, text);
	}
	fputs("\n]}\n", chrome->out);
	hst_vec_finish(&chrome->tracks);
}
