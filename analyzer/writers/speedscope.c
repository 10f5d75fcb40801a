/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The viewer's importer throws when opens and closes do not nest or times decrease; the replay
 * closes every frame, so both hold for each track.
 */
#include "writers/speedscope.h"

#include "writers/folded.h"
#include "writers/json.h"

#include <stdlib.h>

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

static void write_frames(struct hst_json *json, const struct hst_profile *profile)
{
	hst_json_object(json, "shared");
	hst_json_array(json, "frames");
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct hst_function_row *row = &profile->functions[i];

		hst_json_row(json, NULL);
		hst_json_string(json, "name", row->name);
		if (row->file != NULL) {
			hst_json_string(json, "file", row->file);
		}
		if (row->file != NULL && row->line != 0) {
			hst_json_u64(json, "line", row->line);
		}
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_end(json);
}

/* The frames of a context, outermost first; those without a function are the row of the unknown. */
static enum hst_status write_stack(
	struct hst_json *json, const struct hst_profile *profile, size_t context)
{
	HST_VEC(uint32_t) path = { 0 };

	for (size_t at = context; at != 0; at = profile->contexts[at].parent) {
		uint32_t function = profile->contexts[at].function;

		if (!hst_vec_push(&path, function < profile->function_count ? function : 0)) {
			hst_vec_finish(&path);
			return HST_E_MEMORY;
		}
	}
	hst_json_list(json, NULL);
	while (path.count > 0) {
		hst_json_u64(json, NULL, path.items[--path.count]);
	}
	hst_json_end(json);
	hst_vec_finish(&path);
	return HST_OK;
}

static enum hst_status write_sampled(
	struct hst_json *json, const struct hst_profile *profile, enum hst_metric metric)
{
	bool calls = metric == HST_METRIC_CALLS;
	uint64_t sum = 0;

	hst_json_object(json, NULL);
	hst_json_string(json, "type", "sampled");
	hst_json_string(json, "name", calls ? "all threads: calls" : "all threads: wall time");
	hst_json_string(json, "unit", calls ? "none" : "nanoseconds");
	hst_json_array(json, "samples");
	for (size_t i = 1; i < profile->context_count; i++) {
		if (hst_metric_value(metric, &profile->contexts[i]) == 0) {
			continue;
		}
		HST_TRY(write_stack(json, profile, i));
	}
	hst_json_end(json);
	hst_json_list(json, "weights");
	for (size_t i = 1; i < profile->context_count; i++) {
		uint64_t value = hst_metric_value(metric, &profile->contexts[i]);

		if (value != 0) {
			hst_json_u64(json, NULL, value);
			sum += value;
		}
	}
	hst_json_end(json);
	hst_json_u64(json, "startValue", 0);
	hst_json_u64(json, "endValue", sum);
	hst_json_end(json);
	return HST_OK;
}

static void write_event(struct hst_json *json, const struct hst_call_event *event)
{
	hst_json_row(json, NULL);
	hst_json_string(json, "type", event->enter ? "O" : "C");
	hst_json_u64(json, "frame", event->row);
	hst_json_u64(json, "at", event->ns);
	hst_json_end(json);
}

static void write_track(struct hst_json *json, const struct hst_call_track *track,
	const struct hst_call_event *events, size_t count)
{
	char name[96];

	(void)snprintf(name, sizeof name, "process %u, thread %u%s", track->pid, track->tid,
		track->fiber != 0 ? ", another stack" : "");
	hst_json_object(json, NULL);
	hst_json_string(json, "type", "evented");
	hst_json_string(json, "name", name);
	hst_json_string(json, "unit", "nanoseconds");
	hst_json_u64(json, "startValue", events[0].ns);
	hst_json_u64(json, "endValue", events[count - 1].ns);
	hst_json_array(json, "events");
	for (size_t i = 0; i < count; i++) {
		write_event(json, &events[i]);
	}
	hst_json_end(json);
	hst_json_end(json);
}

/* Counting sort by track; within one the order stays. */
static enum hst_status write_tracks(struct hst_json *json, const struct hst_calls *calls)
{
	struct hst_call_event *sorted;
	size_t *next = calloc(calls->tracks.count + 1, sizeof *next);
	size_t begin = 0;

	sorted = calloc(calls->events.count + 1, sizeof *sorted);
	if (next == NULL || sorted == NULL) {
		free(next);
		free(sorted);
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < calls->tracks.count; i++) {
		next[i + 1] = next[i] + calls->tracks.items[i].events;
	}
	for (size_t i = 0; i < calls->events.count; i++) {
		sorted[next[calls->events.items[i].track]++] = calls->events.items[i];
	}
	for (size_t i = 0; i < calls->tracks.count; i++) {
		const struct hst_call_track *track = &calls->tracks.items[i];

		write_track(json, track, sorted + begin, track->events);
		begin += track->events;
	}
	free(next);
	free(sorted);
	return HST_OK;
}

enum hst_status hst_speedscope_write(FILE *out, const struct hst_profile *profile,
	const struct hst_calls *calls, const char *name, const char *version)
{
	struct hst_json json;
	char exporter[64];

	(void)snprintf(exporter, sizeof exporter, "hasten@%s", version);
	hst_json_begin(&json, out);
	hst_json_object(&json, NULL);
	hst_json_string(&json, "$schema", SCHEMA);
	hst_json_string(&json, "exporter", exporter);
	hst_json_string(&json, "name", name);
	hst_json_u64(&json, "activeProfileIndex", 0);
	write_frames(&json, profile);
	hst_json_array(&json, "profiles");
	HST_TRY(write_sampled(&json, profile, HST_METRIC_WALL_NS));
	HST_TRY(write_sampled(&json, profile, HST_METRIC_CALLS));
	if (calls != NULL) {
		HST_TRY(write_tracks(&json, calls));
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
	return HST_OK;
}
