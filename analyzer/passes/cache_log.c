/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of calls: growth within bounds, order. */
#include "passes/cache_pass.h"

#include <string.h>

/* No key is left of a sample that is thinner; one key of 2^40 is none. */
#define SHIFT_MAX 40u

/* The sample must not depend on the bits by which tables place keys, so it has a hash of its own. */
static uint64_t sample_hash(uint64_t key)
{
	key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9ull;
	key = (key ^ key >> 27) * 0x94d049bb133111ebull;
	return key ^ key >> 31;
}

bool hst_cache_sampled(uint64_t key, uint32_t shift)
{
	return shift == 0 || sample_hash(key) >> (64 - shift) == 0;
}

enum hst_status hst_cache_log_add(struct hst_cache_log *log, const struct hst_cache_call *call)
{
	if (hst_cache_sampled(call->key, log->shift) && !hst_vec_push(&log->calls, *call)) {
		return HST_E_MEMORY;
	}
	log->total++;
	log->total_outer += call->depth == 0;
	log->total_cost += call->depth == 0 ? call->cost_ns : 0;
	return HST_OK;
}

static size_t count_left(const struct hst_cache_log *log, uint32_t shift)
{
	size_t left = 0;

	for (size_t i = 0; i < log->calls.count; i++) {
		left += hst_cache_sampled(log->calls.items[i].key, shift);
	}
	return left;
}

static void keep_sampled(struct hst_cache_log *log)
{
	size_t left = 0;

	for (size_t i = 0; i < log->calls.count; i++) {
		if (hst_cache_sampled(log->calls.items[i].key, log->shift)) {
			log->calls.items[left++] = log->calls.items[i];
		}
	}
	log->calls.count = left;
}

void hst_cache_log_thin(struct hst_cache_log *log, size_t most)
{
	while (log->calls.count > most && log->shift < SHIFT_MAX) {
		/* One key with very many calls may not be sampled away, and nothing may be left without it. */
		if (count_left(log, log->shift + 1) == 0) {
			break;
		}
		log->shift++;
		keep_sampled(log);
	}
	for (size_t i = most; i < log->calls.count; i++) {
		const struct hst_cache_call *call = &log->calls.items[i];
		uint64_t cost = call->depth == 0 ? call->cost_ns : 0;

		/* Each stands for its like; the totals must not claim to hold what is gone. */
		log->dropped++;
		log->total -= log->total > 0;
		log->total_outer -= call->depth == 0 && log->total_outer > 0;
		log->total_cost -= cost < log->total_cost ? cost : log->total_cost;
	}
	log->calls.count = log->calls.count < most ? log->calls.count : most;
}

/* Does `b` come before `a`? */
static bool is_before(const struct hst_cache_call *b, const struct hst_cache_call *a)
{
	if (a->start_ns != b->start_ns) {
		return b->start_ns < a->start_ns;
	}
	if (a->thread != b->thread || a->end_ns == b->end_ns) {
		return false;
	}
	return b->end_ns > a->end_ns;
}

/* End of the run in order that begins at `from`. */
static size_t run_end(const struct hst_cache_call *calls, size_t from, size_t count)
{
	size_t at = from + 1;

	while (at < count && !is_before(&calls[at], &calls[at - 1])) {
		at++;
	}
	return at < count ? at : count;
}

static void merge(
	const struct hst_cache_call *from, size_t middle, size_t end, struct hst_cache_call *into)
{
	size_t left = 0;
	size_t right = middle;

	for (size_t at = 0; at < end; at++) {
		bool take_right =
			right < end && (left == middle || is_before(&from[right], &from[left]));

		into[at] = from[take_right ? right++ : left++];
	}
}

/* Merges neighbours among the runs whose ends are given; returns how many there are now. */
static size_t merge_runs(
	const struct hst_cache_call *from, struct hst_cache_call *into, size_t *ends, size_t runs)
{
	size_t begin = 0;
	size_t made = 0;

	for (size_t run = 0; run < runs; run += 2) {
		size_t end = run + 1 < runs ? ends[run + 1] : ends[run];

		merge(from + begin, ends[run] - begin, end - begin, into + begin);
		begin = end;
		ends[made++] = end;
	}
	return made;
}

/* Each thread's calls are in order already: as many runs as threads, as a rule. */
enum hst_status hst_cache_log_sort(struct hst_cache_log *log)
{
	HST_VEC(size_t) ends = { 0 };
	struct hst_cache_call *other = NULL;
	size_t count = log->calls.count;
	enum hst_status status = HST_OK;

	for (size_t at = 0; at < count && status == HST_OK;) {
		at = run_end(log->calls.items, at, count);
		status = hst_vec_push(&ends, at) ? HST_OK : HST_E_MEMORY;
	}
	if (status == HST_OK && ends.count > 1) {
		other = malloc(count * sizeof *other);
		status = other == NULL ? HST_E_MEMORY : HST_OK;
	}
	while (status == HST_OK && ends.count > 1) {
		struct hst_cache_call *sorted = other;

		ends.count = merge_runs(log->calls.items, other, ends.items, ends.count);
		other = log->calls.items;
		log->calls.items = sorted;
		log->calls.capacity = count;
	}
	free(other);
	hst_vec_finish(&ends);
	return status;
}

void hst_cache_log_finish(struct hst_cache_log *log)
{
	hst_vec_finish(&log->calls);
	*log = (struct hst_cache_log){ .row = log->row };
}
