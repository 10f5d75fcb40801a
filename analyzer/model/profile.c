/* SPDX-License-Identifier: Apache-2.0 */
/* The plain data of a profile: its latencies, its notes, its end. */
#include "model/profile.h"

#include "util/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_BYTES 1024
#define LINE_BYTES 64u

void hst_profile_finish(struct hst_profile *profile)
{
	if (profile == NULL) {
		return;
	}
	free(profile->functions);
	free(profile->contexts);
	free(profile->edges);
	free(profile->threads);
	free(profile->thread_functions);
	free(profile->blocked);
	free(profile->answered);
	free(profile->notes);
	if (profile->release != NULL) {
		profile->release(profile->owner);
	}
	hst_arena_finish(&profile->arena);
	*profile = (struct hst_profile){ 0 };
}

void hst_notes_add(const struct hst_note_list *list, bool loss, const char *fmt, va_list args)
{
	char text[NOTE_BYTES];
	char *copy;

	(void)vsnprintf(text, sizeof text, fmt, args);
	for (size_t i = 0; i < *list->count; i++) {
		if (strcmp((*list->items)[i].text, text) == 0) {
			return;
		}
	}
	copy = hst_arena_string(list->arena, text);
	if (copy == NULL || !hst_vec_room(list->items, list->capacity, *list->count + 1,
				    sizeof **list->items)) {
		return;
	}
	(*list->items)[(*list->count)++] = (struct hst_note){ loss, copy };
}

void hst_profile_note(struct hst_profile *profile, bool loss, const char *fmt, ...)
{
	const struct hst_note_list list = { &profile->notes, &profile->note_count,
		&profile->note_capacity, &profile->arena };
	va_list args;

	va_start(args, fmt);
	hst_notes_add(&list, loss, fmt, args);
	va_end(args);
}

struct hst_latency *hst_latency_create(struct hst_arena *arena)
{
	char *room = hst_arena_alloc(arena, sizeof(struct hst_latency) + LINE_BYTES);
	size_t skip;

	if (room == NULL) {
		return NULL;
	}
	skip = LINE_BYTES - (uintptr_t)room % LINE_BYTES;
	return (struct hst_latency *)(void *)(room + skip % LINE_BYTES);
}

bool hst_latency_add(
	struct hst_latency *latency, struct hst_arena *arena, uint64_t ns, uint64_t count)
{
	uint32_t bucket = hst_latency_bucket(ns);
	uint64_t sum = latency->low[bucket] + (count & UINT32_MAX);
	uint64_t carry = (count >> 32) + (sum >> 32);

	if (carry != 0 && latency->high == NULL) {
		latency->high = hst_arena_array(arena, HST_LATENCY_BUCKETS, sizeof *latency->high);
		if (latency->high == NULL) {
			return false;
		}
	}
	if (carry != 0) {
		latency->high[bucket] += (uint32_t)carry;
	}
	latency->low[bucket] = (uint32_t)sum;
	latency->count += count;
	return true;
}

static uint64_t bucket_count(const struct hst_latency *latency, uint32_t bucket)
{
	uint64_t high = latency->high == NULL ? 0 : latency->high[bucket];

	return high << 32 | latency->low[bucket];
}

/* Middle of a bucket. */
static uint64_t bucket_ns(uint32_t bucket)
{
	uint32_t octave = bucket / HST_LATENCY_SUB;
	uint32_t sub = bucket % HST_LATENCY_SUB;
	uint32_t shift = octave == 0 ? 0 : octave - 1u;
	uint64_t low = octave == 0 ? sub : (uint64_t)(HST_LATENCY_SUB + sub) << shift;

	return low + (shift == 0 ? 0 : 1ull << (shift - 1u));
}

uint64_t hst_latency_quantile(const struct hst_latency *latency, double q)
{
	uint64_t rank;
	uint64_t seen = 0;
	uint64_t last = 0;

	if (latency == NULL || latency->count == 0) {
		return 0;
	}
	rank = (uint64_t)(q * (double)latency->count);
	rank = rank < latency->count ? rank : latency->count - 1;
	for (uint32_t bucket = 0; bucket < HST_LATENCY_BUCKETS; bucket++) {
		uint64_t count = bucket_count(latency, bucket);

		seen += count;
		last = count != 0 ? bucket_ns(bucket) : last;
		if (seen > rank) {
			break;
		}
	}
	return last;
}

uint64_t hst_row_quantile(const struct hst_function_row *row, double q)
{
	uint64_t ns = hst_latency_quantile(row->latency, q);

	ns = ns < row->min_ns ? row->min_ns : ns;
	return ns > row->max_ns ? row->max_ns : ns;
}

bool hst_row_is_named(const struct hst_function_row *row, const char *name)
{
	return strcmp(row->name, name) == 0 || strcmp(row->full, name) == 0 ||
	       strcmp(row->linkage, name) == 0;
}

uint64_t hst_latency_at_least(const struct hst_latency *latency, uint64_t ns)
{
	uint64_t count = 0;

	for (uint32_t bucket = hst_latency_bucket(ns);
		latency != NULL && bucket < HST_LATENCY_BUCKETS; bucket++) {
		count += bucket_count(latency, bucket);
	}
	return count;
}

size_t hst_profile_threads(const struct hst_profile *profile)
{
	size_t count = 0;

	for (size_t i = 0; i < profile->thread_count; i++) {
		count += profile->threads[i].lane == HST_LANE_MAIN;
	}
	return count;
}
