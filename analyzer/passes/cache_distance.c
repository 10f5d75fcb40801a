/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack distances (Mattson), exact. A bit per lookup says whether it is the last one of its key; the bits between two
 * lookups are counted by words and, beyond a block of 512, by a Fenwick tree of the blocks. For ten million lookups these are
 * 1.25 MB and 80 KB, which stay in the cache of a CPU, and need no compaction.
 */
#include "passes/cache_pass.h"

#include <string.h>

#define WORD_BITS   64u
#define BLOCK_WORDS 8u
#define BLOCK_BITS  (WORD_BITS * BLOCK_WORDS)
#define AHEAD       16u

struct stack {
	uint64_t *bits;
	uint32_t *tree; /* of blocks, from 1 */
	size_t blocks;
	uint32_t *last; /* position of each key within its group + 1, 0 none */
	uint32_t marked;
};

/* The builtin is a call where the CPU is not known to have an instruction for it. */
static inline uint32_t count_ones(uint64_t word)
{
	word -= word >> 1 & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(word * 0x0101010101010101ull >> 56);
}

static void tree_add(struct stack *stack, size_t block, uint32_t by)
{
	for (size_t at = block + 1; at <= stack->blocks; at += at & -at) {
		stack->tree[at] += by;
	}
}

/* Bits of the blocks before `block`. */
static uint32_t tree_sum(const struct stack *stack, size_t block)
{
	uint32_t sum = 0;

	for (size_t at = block; at != 0; at -= at & -at) {
		sum += stack->tree[at];
	}
	return sum;
}

/* Bits set up to `position`, itself included. */
static uint32_t count_to(const struct stack *stack, uint32_t position)
{
	size_t block = position / BLOCK_BITS;
	size_t word = position / WORD_BITS;
	uint32_t sum = tree_sum(stack, block);

	for (size_t at = block * BLOCK_WORDS; at < word; at++) {
		sum += count_ones(stack->bits[at]);
	}
	return sum + count_ones(stack->bits[word] << (WORD_BITS - 1 - position % WORD_BITS));
}

static void set_bit(struct stack *stack, uint32_t position)
{
	stack->bits[position / WORD_BITS] |= 1ull << position % WORD_BITS;
}

static void clear_bit(struct stack *stack, uint32_t position)
{
	stack->bits[position / WORD_BITS] &= ~(1ull << position % WORD_BITS);
}

/* Bits set from `position` on, which is one; there are none behind its block. */
static uint32_t count_near(const struct stack *stack, uint32_t position, uint32_t end)
{
	size_t word = position / WORD_BITS;
	size_t last = end / WORD_BITS;
	uint32_t sum = count_ones(stack->bits[word] >> position % WORD_BITS);

	while (word < last) {
		sum += count_ones(stack->bits[++word]);
	}
	return sum;
}

/* A bit goes from one place to another in the same block: the tree stays as it is. */
static uint32_t move_near(struct stack *stack, uint32_t from, uint32_t to)
{
	/* Most repeats come soon, and need no count at all if nothing lies between. */
	uint32_t distance = from + 1 == to ? 1 : count_near(stack, from, to);

	clear_bit(stack, from);
	set_bit(stack, to);
	return distance;
}

static uint32_t move_far(struct stack *stack, uint32_t from, uint32_t to)
{
	uint32_t distance = stack->marked - count_to(stack, from) + 1;

	clear_bit(stack, from);
	tree_add(stack, from / BLOCK_BITS, UINT32_MAX);
	set_bit(stack, to);
	tree_add(stack, to / BLOCK_BITS, 1);
	return distance;
}

static uint32_t look_up(struct stack *stack, uint32_t number, uint32_t position)
{
	uint32_t last = stack->last[number];

	stack->last[number] = position + 1;
	if (last == 0) {
		set_bit(stack, position);
		tree_add(stack, position / BLOCK_BITS, 1);
		stack->marked++;
		return 0;
	}
	return (last - 1) / BLOCK_BITS == position / BLOCK_BITS
		       ? move_near(stack, last - 1, position)
		       : move_far(stack, last - 1, position);
}

/* Lookups in `order` (NULL: as they stand) from `begin` to `end`. */
static void walk(struct stack *stack, const uint32_t *numbers, const uint32_t *order, size_t begin,
	size_t end, uint32_t *ret_distances)
{
	stack->blocks = (end - begin) / BLOCK_BITS + 1;
	stack->marked = 0;
	memset(stack->bits, 0, stack->blocks * BLOCK_WORDS * sizeof *stack->bits);
	memset(stack->tree, 0, (stack->blocks + 1) * sizeof *stack->tree);
	for (size_t i = begin; i < end; i++) {
		size_t at = order == NULL ? i : order[i];

		if (i + AHEAD < end) {
			__builtin_prefetch(
				&stack->last[numbers[order == NULL ? i + AHEAD : order[i + AHEAD]]],
				1);
		}
		ret_distances[at] = look_up(stack, numbers[at], (uint32_t)(i - begin));
	}
	for (size_t i = begin; i < end; i++) {
		stack->last[numbers[order == NULL ? i : order[i]]] = 0;
	}
}

/* Indexes by group, each group in order; ends[group] is behind its last one. */
static uint32_t *order_by_group(
	const uint32_t *groups, size_t count, uint32_t group_count, size_t *ends)
{
	uint32_t *order = calloc(count + 1, sizeof *order);
	size_t begin = 0;

	if (order == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		ends[groups[i]]++;
	}
	for (uint32_t group = 0; group < group_count; group++) {
		size_t size = ends[group];

		ends[group] = begin;
		begin += size;
	}
	for (size_t i = 0; i < count; i++) {
		order[ends[groups[i]]++] = (uint32_t)i;
	}
	return order;
}

static enum hst_status walk_groups(struct stack *stack, const uint32_t *numbers,
	const uint32_t *groups, size_t count, uint32_t group_count, uint32_t *ret_distances)
{
	size_t *ends = calloc((size_t)group_count + 1, sizeof *ends);
	uint32_t *order = ends == NULL ? NULL : order_by_group(groups, count, group_count, ends);
	size_t begin = 0;

	for (uint32_t group = 0; order != NULL && group < group_count; group++) {
		walk(stack, numbers, order, begin, ends[group], ret_distances);
		begin = ends[group];
	}
	free(ends);
	free(order);
	return order == NULL ? HST_E_MEMORY : HST_OK;
}

enum hst_status hst_cache_distances(const uint32_t *numbers, const uint32_t *groups, size_t count,
	size_t keys, uint32_t group_count, uint32_t *ret_distances)
{
	size_t blocks = count / BLOCK_BITS + 1;
	struct stack stack = {
		.bits = malloc(blocks * BLOCK_WORDS * sizeof *stack.bits),
		.tree = malloc((blocks + 1) * sizeof *stack.tree),
		.last = calloc(keys + 1, sizeof *stack.last),
	};
	enum hst_status status = HST_E_MEMORY;

	if (stack.bits != NULL && stack.tree != NULL && stack.last != NULL) {
		status = HST_OK;
		if (groups == NULL) {
			walk(&stack, numbers, NULL, 0, count, ret_distances);
		} else {
			status = walk_groups(
				&stack, numbers, groups, count, group_count, ret_distances);
		}
	}
	free(stack.bits);
	free(stack.tree);
	free(stack.last);
	return status;
}

void hst_cache_hits(const uint32_t *distances, size_t count, uint32_t most, uint64_t *ret_hits)
{
	memset(ret_hits, 0, ((size_t)most + 1) * sizeof *ret_hits);
	for (size_t i = 0; i < count; i++) {
		if (distances[i] != 0 && distances[i] <= most) {
			ret_hits[distances[i]]++;
		}
	}
	for (size_t i = 1; i <= most; i++) {
		ret_hits[i] += ret_hits[i - 1];
	}
}
