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

enum hst_status hst_cache_log_add(
	struct hst_cache_log *log, const struct hst_cache_call *call, uint64_t parent)
{
	if (hst_cache_sampled(call->key, log->shift)) {
		HST_TRY(hst_cache_pack_add(&log->calls, call));
	}
	if (log->total == 0) {
		log->parent = parent;
	}
	log->parents = log->parents || parent != log->parent;
	log->total++;
	log->total_outer += call->depth == 0;
	log->total_cost += call->depth == 0 ? call->cost_ns : 0;
	return HST_OK;
}

static enum hst_status count_left(struct hst_cache_log *log, uint32_t shift, size_t *ret_left)
{
	struct hst_cache_pack_reader reader;
	struct hst_cache_call call;

	*ret_left = 0;
	hst_cache_pack_open(&reader, &log->calls, false);
	while (hst_cache_pack_next(&reader, &call)) {
		*ret_left += hst_cache_sampled(call.key, shift);
	}
	return hst_cache_pack_close(&reader);
}

static void drop(struct hst_cache_log *log, const struct hst_cache_call *call)
{
	uint64_t cost = call->depth == 0 ? call->cost_ns : 0;

	/* Each stands for its like; the totals must not claim to hold what is gone. */
	log->dropped++;
	log->total -= log->total > 0;
	log->total_outer -= call->depth == 0 && log->total_outer > 0;
	log->total_cost -= cost < log->total_cost ? cost : log->total_cost;
}

/* Of the calls of the sample the first `most` stay, in their order. */
static enum hst_status keep_sampled(struct hst_cache_log *log, size_t most)
{
	struct hst_cache_pack kept = { 0 };
	struct hst_cache_pack_reader reader;
	struct hst_cache_call call;
	enum hst_status status = HST_OK;

	hst_cache_pack_open(&reader, &log->calls, true);
	while (status == HST_OK && hst_cache_pack_next(&reader, &call)) {
		if (!hst_cache_sampled(call.key, log->shift)) {
			continue;
		}
		if (kept.count == most) {
			drop(log, &call);
		} else {
			status = hst_cache_pack_add(&kept, &call);
		}
	}
	if (hst_cache_pack_close(&reader) != HST_OK) {
		status = HST_E_MEMORY;
	}
	log->calls = kept;
	return status;
}

enum hst_status hst_cache_log_thin(struct hst_cache_log *log, size_t most)
{
	size_t left = log->calls.count;

	if (left <= most) {
		return HST_OK;
	}
	while (left > most && log->shift < SHIFT_MAX) {
		size_t next;

		HST_TRY(count_left(log, log->shift + 1, &next));
		/* One key with very many calls may not be sampled away, and nothing may be left without it. */
		if (next == 0) {
			break;
		}
		log->shift++;
		left = next;
	}
	return keep_sampled(log, most);
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
static enum hst_status sort(struct hst_cache_calls *calls)
{
	HST_VEC(size_t) ends = { 0 };
	struct hst_cache_call *other = NULL;
	enum hst_status status = HST_OK;

	for (size_t at = 0; at < calls->count && status == HST_OK;) {
		at = run_end(calls->items, at, calls->count);
		status = hst_vec_push(&ends, at) ? HST_OK : HST_E_MEMORY;
	}
	if (status == HST_OK && ends.count > 1) {
		other = malloc(calls->count * sizeof *other);
		status = other == NULL ? HST_E_MEMORY : HST_OK;
	}
	while (status == HST_OK && ends.count > 1) {
		struct hst_cache_call *sorted = other;

		ends.count = merge_runs(calls->items, other, ends.items, ends.count);
		other = calls->items;
		calls->items = sorted;
	}
	free(other);
	hst_vec_finish(&ends);
	return status;
}

enum hst_status hst_cache_calls_take(
	struct hst_cache_pack *pack, bool consume, struct hst_cache_calls *ret_calls)
{
	struct hst_cache_pack_reader reader;
	size_t count = pack->count;

	*ret_calls = (struct hst_cache_calls){ 0 };
	ret_calls->items = malloc((count + 1) * sizeof *ret_calls->items);
	if (ret_calls->items == NULL) {
		return HST_E_MEMORY;
	}
	hst_cache_pack_open(&reader, pack, consume);
	while (hst_cache_pack_next(&reader, &ret_calls->items[ret_calls->count])) {
		ret_calls->count++;
	}
	HST_TRY(hst_cache_pack_close(&reader));
	return sort(ret_calls);
}

void hst_cache_log_finish(struct hst_cache_log *log)
{
	hst_cache_pack_finish(&log->calls);
	*log = (struct hst_cache_log){ .row = log->row };
}
