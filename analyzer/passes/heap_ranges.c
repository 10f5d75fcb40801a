/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A treap by split and merge. Ranks come from a fixed generator that the file cannot foresee a use
 * of: the depth stays near the logarithm of the number of ranges whatever their order.
 */
#include "passes/heap_ranges.h"

static struct hst_heap_range *at(const struct hst_heap_ranges *ranges, uint32_t number)
{
	return &ranges->items.items[number];
}

/* Ranges that begin below `lo` to *ret_left, the others to *ret_right. */
static void split(struct hst_heap_ranges *ranges, uint32_t root, uint64_t lo, uint32_t *ret_left,
	uint32_t *ret_right)
{
	uint32_t *left = ret_left;
	uint32_t *right = ret_right;

	while (root != 0) {
		struct hst_heap_range *range = at(ranges, root);

		if (range->lo < lo) {
			*left = root;
			left = &range->right;
			root = range->right;
		} else {
			*right = root;
			right = &range->left;
			root = range->left;
		}
	}
	*left = 0;
	*right = 0;
}

/* All of `left` begin below all of `right`. */
static uint32_t merge(struct hst_heap_ranges *ranges, uint32_t left, uint32_t right)
{
	uint32_t result = 0;
	uint32_t *place = &result;

	while (left != 0 && right != 0) {
		if (at(ranges, left)->rank > at(ranges, right)->rank) {
			*place = left;
			place = &at(ranges, left)->right;
			left = *place;
		} else {
			*place = right;
			place = &at(ranges, right)->left;
			right = *place;
		}
	}
	*place = left != 0 ? left : right;
	return result;
}

static uint32_t next_rank(struct hst_heap_ranges *ranges)
{
	uint32_t x = ranges->seed == 0 ? 2463534242u : ranges->seed;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	ranges->seed = x;
	return x;
}

/* Adds a range where none is. */
static void add(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t hi, uint32_t counted)
{
	uint32_t number = ranges->unused;
	uint32_t left;
	uint32_t right;

	if (lo >= hi || number == 0) {
		return;
	}
	ranges->unused = at(ranges, number)->left;
	*at(ranges, number) = (struct hst_heap_range){
		.lo = lo, .hi = hi, .rank = next_rank(ranges), .counted = counted
	};
	ranges->bytes += counted != 0 ? hi - lo : 0;
	split(ranges, ranges->root, lo, &left, &right);
	ranges->root = merge(ranges, merge(ranges, left, number), right);
}

static void drop(struct hst_heap_ranges *ranges, uint32_t number)
{
	struct hst_heap_range *range = at(ranges, number);

	ranges->bytes -= range->counted != 0 ? range->hi - range->lo : 0;
	range->left = ranges->unused;
	ranges->unused = number;
}

static bool room(struct hst_heap_ranges *ranges)
{
	/* [0], and at most three new ranges by one call. */
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t number = (uint32_t)ranges->items.count;

		if (number >= UINT32_MAX / 2 ||
			!hst_vec_push(&ranges->items, (struct hst_heap_range){ 0 })) {
			return false;
		}
		if (number != 0) {
			at(ranges, number)->left = ranges->unused;
			ranges->unused = number;
		}
	}
	return true;
}

/* At least three places are unused. */
static bool has_room(const struct hst_heap_ranges *ranges)
{
	uint32_t number = ranges->unused;

	for (uint32_t i = 0; i < 2 && number != 0; i++) {
		number = at(ranges, number)->left;
	}
	return number != 0;
}

/* The innermost end of a tree: its last range; 0 if it is empty. */
static uint32_t last_of(const struct hst_heap_ranges *ranges, uint32_t root)
{
	while (root != 0 && at(ranges, root)->right != 0) {
		root = at(ranges, root)->right;
	}
	return root;
}

/* Frees the places of a whole tree; what lies behind `hi` of the last one is put back. */
static void drop_all(struct hst_heap_ranges *ranges, uint32_t root, uint64_t hi)
{
	uint32_t last = last_of(ranges, root);
	uint64_t end = last == 0 ? 0 : at(ranges, last)->hi;
	uint32_t counted = last == 0 ? 0 : at(ranges, last)->counted;

	while (root != 0) {
		/* Its left side goes to the right of nothing: a list, without recursion. */
		uint32_t rest = merge(ranges, at(ranges, root)->left, at(ranges, root)->right);

		drop(ranges, root);
		root = rest;
	}
	if (end > hi) {
		add(ranges, hi, end, counted);
	}
}

/* Takes [lo, hi) away. */
static void cut(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t hi)
{
	uint32_t left;
	uint32_t middle;
	uint32_t right;
	uint32_t before;

	split(ranges, ranges->root, lo, &left, &middle);
	split(ranges, middle, hi, &middle, &right);
	before = last_of(ranges, left);
	ranges->root = merge(ranges, left, right);
	if (before != 0 && at(ranges, before)->hi > lo) {
		struct hst_heap_range old = *at(ranges, before);

		at(ranges, before)->hi = lo;
		ranges->bytes -= old.counted != 0 ? old.hi - lo : 0;
		if (old.hi > hi) {
			add(ranges, hi, old.hi, old.counted);
		}
	}
	drop_all(ranges, middle, hi);
}

static uint64_t end_of(uint64_t lo, uint64_t bytes)
{
	return bytes > UINT64_MAX - lo ? UINT64_MAX : lo + bytes;
}

bool hst_heap_ranges_unmap(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t bytes)
{
	if (ranges->items.count == 0 || bytes == 0) {
		return true;
	}
	if (!has_room(ranges) && !room(ranges)) {
		return false;
	}
	cut(ranges, lo, end_of(lo, bytes));
	return true;
}

bool hst_heap_ranges_map(struct hst_heap_ranges *ranges, uint64_t lo, uint64_t bytes, bool counted)
{
	if (bytes == 0) {
		return true;
	}
	if ((ranges->items.count == 0 || !has_room(ranges)) && !room(ranges)) {
		return false;
	}
	cut(ranges, lo, end_of(lo, bytes));
	add(ranges, lo, end_of(lo, bytes), counted);
	return true;
}

void hst_heap_ranges_clear(struct hst_heap_ranges *ranges)
{
	ranges->items.count = 0;
	ranges->root = 0;
	ranges->unused = 0;
	ranges->bytes = 0;
}

void hst_heap_ranges_finish(struct hst_heap_ranges *ranges)
{
	hst_vec_finish(&ranges->items);
	*ranges = (struct hst_heap_ranges){ 0 };
}
