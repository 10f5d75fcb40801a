/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to numbers, and what one walk over the calls says of each key: results, contradictions, times between its calls. */
#include "passes/cache_pass.h"

#include <string.h>
#include <sys/mman.h>

#define SLOTS_FIRST 1024u
#define AHEAD       16u
#define HUGE_PAGE   ((size_t)2 << 20)
#define HUGE_LEAST  ((size_t)16 << 20)

struct slot {
	uint64_t key;
	uint32_t process;
	uint32_t number; /* + 1, 0 free */
};

struct table {
	struct slot *slots;
	size_t capacity; /* a power of two */
};

static size_t place_of(const struct table *table, uint64_t key, uint32_t process)
{
	return hst_map_hash(key + process * 0x9e3779b97f4a7c15ull) & (table->capacity - 1);
}

static struct slot *find(const struct table *table, uint64_t key, uint32_t process)
{
	size_t at = place_of(table, key, process);

	while (table->slots[at].number != 0 &&
		(table->slots[at].key != key || table->slots[at].process != process)) {
		at = (at + 1) & (table->capacity - 1);
	}
	return &table->slots[at];
}

/* Large tables are asked for in large pages: each lookup would need an entry of the TLB of its own. */
static void *zeroed(size_t bytes)
{
	void *memory;

	if (bytes < HUGE_LEAST) {
		return calloc(1, bytes);
	}
	memory = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
	if (memory != NULL) {
		(void)madvise(memory, bytes, MADV_HUGEPAGE);
		memset(memory, 0, bytes);
	}
	return memory;
}

static bool grow(struct table *table)
{
	struct table bigger = { .capacity =
					table->capacity == 0 ? SLOTS_FIRST : table->capacity * 4 };

	bigger.slots = zeroed(bigger.capacity * sizeof *bigger.slots);
	if (bigger.slots == NULL) {
		return false;
	}
	for (size_t i = 0; i < table->capacity; i++) {
		const struct slot *slot = &table->slots[i];

		if (slot->number != 0) {
			*find(&bigger, slot->key, slot->process) = *slot;
		}
	}
	free(table->slots);
	*table = bigger;
	return true;
}

/* Number of the key, given anew if it is not known. HST_CACHE_NO_KEY: out of memory. */
static uint32_t number_of(
	struct hst_cache_keys *keys, struct table *table, uint64_t key, uint32_t process)
{
	struct hst_cache_key_state state = { .key = key };
	struct slot *slot;

	if (keys->items.count >= table->capacity / 2 && !grow(table)) {
		return HST_CACHE_NO_KEY;
	}
	slot = find(table, key, process);
	if (slot->number == 0) {
		if (!hst_vec_push(&keys->items, state)) {
			return HST_CACHE_NO_KEY;
		}
		*slot = (struct slot){ key, process, (uint32_t)keys->items.count };
	}
	return slot->number - 1;
}

static uint32_t process_at(const struct hst_cache_work *work, size_t at)
{
	return work->groups.process == NULL ? 0 : work->groups.process[at];
}

static enum hst_status give_numbers(struct hst_cache_work *work)
{
	const struct hst_cache_calls *calls = &work->calls;
	struct table table = { 0 };
	enum hst_status status = grow(&table) ? HST_OK : HST_E_MEMORY;

	for (size_t i = 0; i < calls->count && status == HST_OK; i++) {
		if (i + AHEAD < calls->count) {
			__builtin_prefetch(&table.slots[place_of(
				&table, calls->items[i + AHEAD].key, process_at(work, i + AHEAD))]);
		}
		work->keys.numbers[i] =
			number_of(&work->keys, &table, calls->items[i].key, process_at(work, i));
		status = work->keys.numbers[i] == HST_CACHE_NO_KEY ? HST_E_MEMORY : HST_OK;
	}
	free(table.slots);
	return status;
}

static uint32_t octave(uint64_t value)
{
	return value == 0 ? 0 : 63 - (uint32_t)__builtin_clzll(value);
}

static void contradict(struct hst_cache_function *function, struct hst_cache_key_state *state,
	const struct hst_cache_call *call)
{
	uint64_t held = call->start_ns - state->held_ns;

	if (state->changes == 0) {
		function->contradicting++;
		if (function->contradiction_count < HST_CACHE_CONTRADICTIONS) {
			function->contradictions[function->contradiction_count++] =
				(struct hst_cache_contradiction){ .key = call->key,
					.before = state->result,
					.after = call->result,
					.before_ns = state->last_ns,
					.after_ns = call->start_ns,
					.held_ns = held };
		}
	}
	if (state->changes < INT32_MAX) {
		state->changes++;
	}
	function->changes++;
	function->held_ns = held < function->held_ns ? held : function->held_ns;
}

/* The call's result beside the latest one of its key. */
static void compare_result(struct hst_cache_function *function, struct hst_cache_key_state *state,
	const struct hst_cache_call *call)
{
	if (call->has_result == 0) {
		return;
	}
	function->results++;
	if (state->known != 0 && state->result == call->result) {
		function->verified++;
		return;
	}
	if (state->known != 0) {
		contradict(function, state, call);
	}
	state->known = 1;
	state->result = call->result;
	state->held_ns = call->start_ns;
}

struct seen {
	uint64_t result;
	bool any_result;
};

static void note_call(struct hst_cache_work *work, size_t at, struct seen *seen)
{
	const struct hst_cache_call *call = &work->calls.items[at];
	struct hst_cache_function *function = work->function;

	if (call->has_result != 0) {
		if (!seen->any_result) {
			seen->result = call->result;
			function->distinct_results = 1;
			seen->any_result = true;
		}
		if (call->result != seen->result) {
			function->distinct_results = 2;
		}
	}
	function->inner += call->depth != 0;
}

/* Puts values up to a pivot in front of the others: behind it *ret_right, before it *ret_left are the ends of what is left to do. */
static void part(uint64_t *values, size_t low, size_t high, size_t *ret_left, size_t *ret_right)
{
	uint64_t pivot = values[low + (high - low) / 2];
	size_t left = low;
	size_t right = high;

	while (left <= right) {
		uint64_t other;

		while (values[left] < pivot) {
			left++;
		}
		while (values[right] > pivot) {
			right--;
		}
		if (left > right) {
			break;
		}
		other = values[left];
		values[left++] = values[right];
		values[right] = other;
		if (right == 0) {
			break;
		}
		right--;
	}
	*ret_left = left;
	*ret_right = right;
}

/* The value of rank `rank` among those from `low` to `high`, which are put into another order: smaller ones before it (quickselect). */
static uint64_t select_rank(uint64_t *values, size_t low, size_t high, size_t rank)
{
	while (low < high) {
		size_t left;
		size_t right;

		part(values, low, high, &left, &right);
		if (rank <= right) {
			high = right;
		} else if (rank >= left) {
			low = left;
		} else {
			break;
		}
	}
	return values[rank];
}

/* Rank of the smallest value that so many percent of all do not exceed. */
static size_t rank_of(size_t count, size_t percent)
{
	size_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;

	return rank == 0 ? 0 : rank - 1;
}

static enum hst_status walk(struct hst_cache_work *work)
{
	const struct hst_cache_calls *calls = &work->calls;
	struct hst_cache_function *function = work->function;
	size_t repeats = calls->count - work->keys.items.count;
	uint64_t *intervals = malloc((repeats + 1) * sizeof *intervals);
	struct seen seen = { 0 };
	size_t count = 0;

	if (intervals == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < calls->count; i++) {
		const struct hst_cache_call *call = &calls->items[i];
		struct hst_cache_key_state *state = &work->keys.items.items[work->keys.numbers[i]];

		if (i + AHEAD < calls->count) {
			__builtin_prefetch(
				&work->keys.items.items[work->keys.numbers[i + AHEAD]], 1);
		}
		note_call(work, i, &seen);
		compare_result(function, state, call);
		if (state->calls != 0) {
			intervals[count] = call->start_ns - state->last_ns;
			function->intervals[octave(intervals[count])]++;
			count++;
		}
		state->calls += state->calls < UINT32_MAX;
		state->cost_ns += call->cost_ns;
		state->last_ns = call->start_ns;
	}
	if (count != 0) {
		size_t middle = rank_of(count, 50);

		function->reuse_p50_ns = select_rank(intervals, 0, count - 1, middle);
		function->reuse_p95_ns =
			select_rank(intervals, middle, count - 1, rank_of(count, 95));
	}
	free(intervals);
	return HST_OK;
}

/* Of a cache that keeps each result for less than held_ns: how many of its answers were wrong. */
static void count_stale(struct hst_cache_work *work)
{
	struct hst_cache_function *function = work->function;

	if (function->changes == 0) {
		return;
	}
	/* `held_ns` and `result` are now when the value was stored, and the value. */
	for (size_t i = 0; i < work->keys.items.count; i++) {
		work->keys.items.items[i].known = 0;
	}
	for (size_t i = 0; i < work->calls.count; i++) {
		const struct hst_cache_call *call = &work->calls.items[i];
		struct hst_cache_key_state *state = &work->keys.items.items[work->keys.numbers[i]];

		if (call->has_result == 0) {
			continue;
		}
		if (state->known != 0 && call->start_ns - state->held_ns < function->held_ns) {
			function->stale += state->result != call->result;
			continue;
		}
		state->known = 1;
		state->held_ns = call->start_ns;
		state->result = call->result;
	}
}

static void keep_top(struct hst_cache_function *function, const struct hst_cache_key_state *state)
{
	uint32_t at = function->top_count;

	if (at == HST_CACHE_TOP_KEYS && function->top[at - 1].calls >= state->calls) {
		return;
	}
	at -= at == HST_CACHE_TOP_KEYS;
	while (at > 0 && function->top[at - 1].calls < state->calls) {
		function->top[at] = function->top[at - 1];
		at--;
	}
	function->top[at] = (struct hst_cache_key){ .key = state->key,
		.calls = state->calls,
		.changes = state->changes,
		.cost_ns = state->cost_ns };
	function->top_count += function->top_count < HST_CACHE_TOP_KEYS;
}

static void sum_keys(struct hst_cache_work *work)
{
	struct hst_cache_function *function = work->function;

	for (size_t i = 0; i < work->keys.items.count; i++) {
		const struct hst_cache_key_state *state = &work->keys.items.items[i];

		function->frequency[octave(state->calls)]++;
		keep_top(function, state);
	}
}

enum hst_status hst_cache_number_keys(struct hst_cache_work *work)
{
	struct hst_cache_function *function = work->function;

	work->keys.numbers = malloc((work->calls.count + 1) * sizeof *work->keys.numbers);
	if (work->keys.numbers == NULL) {
		return HST_E_MEMORY;
	}
	HST_TRY(give_numbers(work));
	work->key_count = work->keys.items.count;
	function->reuse_p50_ns = function->reuse_p95_ns = function->held_ns = HST_CACHE_UNKNOWN;
	HST_TRY(walk(work));
	sum_keys(work);
	count_stale(work);
	return HST_OK;
}
