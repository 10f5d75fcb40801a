/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows within each other save the same time: the row that gains most is taken, and the others are evaluated again without
 * it: calls within its hits are not made, and calls around them cost less. Then the next one.
 *
 *   f |------------------------|      g is taken: its hits save 2 x 8 of f's 24
 *     g |--------|  g |--------|      f is taken: the calls of g in f's hits are not made
 */
#include "passes/cache_pass.h"

#include <string.h>

#define NO_CALL UINT32_MAX

/* All calls of the rows that gain by themselves, row after row; a call knows the one around it. */
struct forest {
	struct hst_cache_work **rows;
	uint32_t *first; /* number of each row's first call; one more behind the last */
	size_t row_count;
	uint32_t *outer;
	double *saved; /* by taken hits within */
	bool *hit;     /* it is a taken one */
};

/* Where the merge by begin is in a row. */
struct cursor {
	struct hst_cache_pack_reader reader;
	struct hst_cache_call call;
	uint32_t number;
};

struct next_call {
	uint64_t start_ns, end_ns;
	struct cursor *cursor;
};

static bool is_before(const struct next_call *a, const struct next_call *b)
{
	if (a->start_ns != b->start_ns) {
		return a->start_ns < b->start_ns;
	}
	return a->end_ns > b->end_ns;
}

/* The smallest one is at 0. */
static void sift(struct next_call *heap, size_t count, size_t at)
{
	struct next_call moved = heap[at];

	for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && is_before(&heap[child + 1], &heap[child])) {
			child++;
		}
		if (!is_before(&heap[child], &moved)) {
			break;
		}
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

struct open_call {
	uint64_t end_ns;
	uint32_t number;
};

struct open_thread {
	HST_VEC(struct open_call) calls;
};

struct threads {
	struct hst_map numbers;
	uint32_t last, last_number; /* the one that was looked for before, once there is one */
	HST_VEC(struct open_thread) items;
};

static struct open_thread *thread_of(struct threads *threads, uint32_t thread)
{
	uint32_t number = (uint32_t)threads->items.count;
	struct open_thread fresh = { 0 };

	if (threads->last == thread && number != 0) {
		return &threads->items.items[threads->last_number];
	}
	threads->last = thread;
	if (hst_map_get(&threads->numbers, thread, &number)) {
		threads->last_number = number;
		return &threads->items.items[number];
	}
	threads->last_number = number;
	if (hst_map_put(&threads->numbers, thread, number) != HST_OK ||
		!hst_vec_push(&threads->items, fresh)) {
		return NULL;
	}
	return &threads->items.items[number];
}

static bool place(struct forest *forest, struct threads *threads, const struct cursor *cursor)
{
	struct open_thread *thread = thread_of(threads, cursor->call.thread);
	struct open_call next = { cursor->call.end_ns, cursor->number };

	if (thread == NULL) {
		return false;
	}
	while (thread->calls.count != 0 &&
		thread->calls.items[thread->calls.count - 1].end_ns < next.end_ns) {
		thread->calls.count--;
	}
	/* What ends when this one begins is not around it. */
	while (thread->calls.count != 0 && next.end_ns > cursor->call.start_ns &&
		thread->calls.items[thread->calls.count - 1].end_ns <= cursor->call.start_ns) {
		thread->calls.count--;
	}
	forest->outer[cursor->number] =
		thread->calls.count == 0 ? NO_CALL
					 : thread->calls.items[thread->calls.count - 1].number;
	return hst_vec_push(&thread->calls, next);
}

/* The row's next call; false: it has no more. */
static bool advance(struct next_call *next)
{
	struct cursor *cursor = next->cursor;

	if (!hst_cache_pack_next(&cursor->reader, &cursor->call)) {
		return false;
	}
	next->start_ns = cursor->call.start_ns;
	next->end_ns = cursor->call.end_ns;
	return true;
}

static enum hst_status merge(struct forest *forest, struct next_call *heap, size_t count)
{
	struct threads threads = { 0 };
	bool good = true;

	for (size_t i = count; i-- > 0;) {
		sift(heap, count, i);
	}
	while (count != 0 && good) {
		good = place(forest, &threads, heap[0].cursor);
		heap[0].cursor->number++;
		if (!advance(&heap[0])) {
			heap[0] = heap[--count];
		}
		sift(heap, count, 0);
	}
	for (size_t i = 0; i < threads.items.count; i++) {
		hst_vec_finish(&threads.items.items[i].calls);
	}
	hst_vec_finish(&threads.items);
	hst_map_finish(&threads.numbers);
	return good ? HST_OK : HST_E_MEMORY;
}

static enum hst_status merge_rows(struct forest *forest)
{
	struct cursor *cursors = calloc(forest->row_count + 1, sizeof *cursors);
	struct next_call *heap = calloc(forest->row_count + 1, sizeof *heap);
	enum hst_status status = HST_E_MEMORY;
	size_t count = 0;

	for (size_t i = 0; cursors != NULL && heap != NULL && i < forest->row_count; i++) {
		hst_cache_pack_open(&cursors[i].reader, &forest->rows[i]->log->calls, false);
		cursors[i].number = forest->first[i];
		heap[count].cursor = &cursors[i];
		count += advance(&heap[count]);
	}
	if (cursors != NULL && heap != NULL) {
		status = merge(forest, heap, count);
	}
	free(cursors);
	free(heap);
	return status;
}

/* Who is around whom. HST_E_LIMIT: there are too many calls to number. */
static enum hst_status plant(struct forest *forest)
{
	uint64_t calls = 0;

	for (size_t i = 0; i < forest->row_count; i++) {
		forest->first[i] = (uint32_t)calls;
		calls += forest->rows[i]->log->calls.count;
		if (calls >= NO_CALL) {
			return HST_E_LIMIT;
		}
	}
	forest->first[forest->row_count] = (uint32_t)calls;
	forest->outer = malloc((calls + 1) * sizeof *forest->outer);
	forest->saved = calloc(calls + 1, sizeof *forest->saved);
	forest->hit = calloc(calls + 1, sizeof *forest->hit);
	if (forest->outer == NULL || forest->saved == NULL || forest->hit == NULL) {
		return HST_E_MEMORY;
	}
	return merge_rows(forest);
}

static bool is_covered(const struct forest *forest, uint32_t number)
{
	uint32_t at = forest->outer[number];

	while (at != NO_CALL && !forest->hit[at]) {
		at = forest->outer[at];
	}
	return at != NO_CALL;
}

/* Have taken rows anything to do with it? */
static bool is_touched(const struct forest *forest, size_t row)
{
	for (uint32_t number = forest->first[row]; number < forest->first[row + 1]; number++) {
		if (forest->saved[number] > 0 || is_covered(forest, number)) {
			return true;
		}
	}
	return false;
}

/* Picks the calls that taken rows leave, with what these leave of their cost. */
static enum hst_status pick(const struct forest *forest, size_t row)
{
	struct hst_cache_work *work = forest->rows[row];
	uint32_t first = forest->first[row];
	size_t count = work->calls.count;

	work->pick = malloc((count + 1) * sizeof *work->pick);
	if (work->pick == NULL) {
		return HST_E_MEMORY;
	}
	work->count = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t number = first + (uint32_t)i;
		double cost = work->cost[i] - forest->saved[number];

		if (!is_covered(forest, number)) {
			work->pick[work->count] = (uint32_t)i;
			work->cost[work->count++] = cost > 0 ? cost : 0;
		}
	}
	return HST_OK;
}

static enum hst_status load(const struct forest *forest, size_t row, bool touched)
{
	HST_TRY(hst_cache_load(forest->rows[row]));
	return touched ? pick(forest, row) : HST_OK;
}

/* Evaluates a row without what taken ones save. Nothing is done where they have nothing to do with it. */
static enum hst_status reduce(const struct forest *forest, size_t row)
{
	enum hst_status status;

	if (!is_touched(forest, row)) {
		return HST_OK;
	}
	status = load(forest, row, true);
	if (status == HST_OK) {
		status = hst_cache_evaluate(forest->rows[row]);
	}
	hst_cache_unload(forest->rows[row]);
	return status;
}

static enum hst_status redraw(const struct forest *forest, size_t row)
{
	enum hst_status status = load(forest, row, false);

	if (status == HST_OK) {
		status = hst_cache_redraw(forest->rows[row]);
	}
	hst_cache_unload(forest->rows[row]);
	return status;
}

/* The curve stays that of all its calls. What is left may want the other kind of cache: then it is that one's. */
static enum hst_status reduce_only_gain(const struct forest *forest, size_t row)
{
	struct hst_cache_function *function = forest->rows[row]->function;
	struct hst_cache_point curve[HST_CACHE_POWERS];
	uint32_t curve_count = function->curve_count;
	bool was_shared = function->use_shared;
	enum hst_status status;

	memcpy(curve, function->curve, sizeof curve);
	status = reduce(forest, row);
	if (status == HST_OK && function->use_shared != was_shared) {
		return redraw(forest, row);
	}
	memcpy(function->curve, curve, sizeof curve);
	function->curve_count = curve_count;
	return status;
}

/* Its hits are not made, and what is around them takes less. */
static enum hst_status take_row(struct forest *forest, size_t row)
{
	struct hst_cache_work *work = forest->rows[row];
	struct hst_cache_hit_list hits = { 0 };
	enum hst_status status = load(forest, row, is_touched(forest, row));

	if (status == HST_OK) {
		status = hst_cache_list_hits(work, &hits);
	}
	hst_cache_unload(work);

	for (size_t i = 0; i < hits.items.count; i++) {
		uint32_t number = forest->first[row] + hits.items.items[i].call;

		forest->hit[number] = true;
		while (forest->outer[number] != NO_CALL) {
			number = forest->outer[number];
			forest->saved[number] += hits.items.items[i].saved_ns;
		}
	}
	hst_vec_finish(&hits.items);
	return status;
}

struct order {
	struct forest *forest;
	bool *taken;
	size_t taken_count;
	size_t *seen; /* rows that were taken when it was last evaluated */
};

/*
 * A result that is not always the same, none at all or one beside what happens behind a pointer (a function that is called for its
 * effect) must not stand in for rows that could be kept for ever.
 */
static bool may_be_taken(const struct hst_cache_function *function)
{
	return hst_cache_plan_of(function)->gain_ns > 0 && function->contradicting == 0 &&
	       hst_cache_is_seen(function) && !hst_cache_may_write(function);
}

/* The row with most gain among those that are not taken; SIZE_MAX: none gains. */
static size_t best_of(const struct order *order)
{
	size_t best = SIZE_MAX;
	double gain = 0;

	for (size_t i = 0; i < order->forest->row_count; i++) {
		const struct hst_cache_function *function = order->forest->rows[i]->function;

		if (!order->taken[i] && may_be_taken(function) &&
			hst_cache_plan_of(function)->gain_ns > gain) {
			best = i;
			gain = hst_cache_plan_of(function)->gain_ns;
		}
	}
	return best;
}

static enum hst_status reduce_one(void *context, size_t row)
{
	const struct order *order = context;

	return order->taken[row] || order->seen[row] == order->taken_count
		       ? HST_OK
		       : reduce_only_gain(order->forest, row);
}

/* Evaluates those that were not taken without all that were: nothing is taken any more, so each is by itself. */
static enum hst_status reduce_rest(struct order *order)
{
	size_t count = order->forest->row_count;
	size_t *sizes = calloc(count + 1, sizeof *sizes);
	enum hst_status status;

	if (sizes == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < count; i++) {
		bool stale = !order->taken[i] && order->seen[i] != order->taken_count;

		sizes[i] = stale ? order->forest->first[i + 1] - order->forest->first[i] : 0;
	}
	status = hst_cache_share_out(sizes, count, reduce_one, order);
	free(sizes);
	return status;
}

static enum hst_status take(struct order *order)
{
	enum hst_status status = HST_OK;
	size_t best = best_of(order);

	while (best != SIZE_MAX && status == HST_OK) {
		if (order->seen[best] != order->taken_count) {
			order->seen[best] = order->taken_count;
			status = reduce_only_gain(order->forest, best);
		} else {
			order->taken[best] = true;
			order->taken_count++;
			status = take_row(order->forest, best);
		}
		best = best_of(order);
	}
	return status == HST_OK ? reduce_rest(order) : status;
}

/* Rows that gain nothing by themselves, or give no result to keep, take no part. */
static size_t choose_rows(struct hst_cache_work *works, size_t count, struct hst_cache_work **rows)
{
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		if (hst_cache_is_nested(&works[i])) {
			rows[chosen++] = &works[i];
		}
	}
	return chosen;
}

enum hst_status hst_cache_nest(struct hst_cache_work *works, size_t count)
{
	struct forest forest = { .rows = calloc(count + 1, sizeof *forest.rows),
		.first = calloc(count + 1, sizeof *forest.first) };
	struct order order = { .forest = &forest,
		.taken = calloc(count + 1, sizeof *order.taken),
		.seen = calloc(count + 1, sizeof *order.seen) };
	enum hst_status status = HST_E_MEMORY;

	if (forest.rows != NULL && forest.first != NULL && order.taken != NULL &&
		order.seen != NULL) {
		forest.row_count = choose_rows(works, count, forest.rows);
		status = HST_OK;
		if (forest.row_count > 1) {
			status = plant(&forest);
			status = status == HST_OK ? take(&order) : status;
		}
	}
	free(forest.rows);
	free(forest.first);
	free(forest.outer);
	free(forest.saved);
	free(forest.hit);
	free(order.taken);
	free(order.seen);
	return status;
}
