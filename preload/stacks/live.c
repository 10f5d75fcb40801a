/* SPDX-License-Identifier: Apache-2.0 */
/* Live blocks of profile mode. */
#include "stacks/live.h"

#include "core/attr.h"
#include "core/sys.h"
#include "sink/file.h"
#include "stacks/tree.h"

#include "core/poison.h"

#define HST_LIVE_NEAR       8u  /* places in which one address may lie, per level */
#define HST_LIVE_LEVELS     10u /* 32 million blocks, 1 GiB */
#define HST_LIVE_FIRST_BITS 15u
#define HST_LIVE_BUSY       1u /* in `block` while the rest is filled in; no block has an odd address */

struct hst_live {
	uint64_t block; /* 0 free */
	uint64_t bytes;
	struct hst_profile_node *node;
	uint64_t reserved;
};

static struct hst_live *levels[HST_LIVE_LEVELS];

static uint64_t level_places(uint32_t level)
{
	return 1ull << (HST_LIVE_FIRST_BITS + level);
}

static struct hst_live *level_make(uint32_t level)
{
	uint64_t bytes = level_places(level) * sizeof(struct hst_live);
	struct hst_live *none = NULL;
	struct hst_live *made = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (made == NULL) {
		hst_sink_flag(HST_FLAG_NO_MEMORY);
		return NULL;
	}
	if (!__atomic_compare_exchange_n(
		    &levels[level], &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		(void)hst_sys_munmap(made, bytes);
		return none;
	}
	return made;
}

/* The first of the places in which the address may lie. */
static struct hst_live *level_near(struct hst_live *level, uint32_t number, uint64_t block)
{
	uint64_t hash = (block >> 4) * 0x9e3779b97f4a7c15ull;
	uint64_t groups = level_places(number) / HST_LIVE_NEAR;

	return &level[(hash >> 32) % groups * HST_LIVE_NEAR];
}

static bool place_take(
	struct hst_live *place, uint64_t block, uint64_t bytes, struct hst_profile_node *node)
{
	uint64_t none = 0;

	if (__atomic_load_n(&place->block, __ATOMIC_RELAXED) != 0 ||
		!__atomic_compare_exchange_n(&place->block, &none, block | HST_LIVE_BUSY, false,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		return false;
	}
	place->bytes = bytes;
	place->node = node;
	__atomic_store_n(&place->block, block, __ATOMIC_RELEASE);
	return true;
}

static bool live_put(uint64_t block, uint64_t bytes, struct hst_profile_node *node)
{
	for (uint32_t i = 0; i < HST_LIVE_LEVELS && (block & HST_LIVE_BUSY) == 0; i++) {
		struct hst_live *level = __atomic_load_n(&levels[i], __ATOMIC_ACQUIRE);
		struct hst_live *near;

		level = level != NULL ? level : level_make(i);
		if (level == NULL) {
			return false;
		}
		near = level_near(level, i, block);
		for (uint32_t k = 0; k < HST_LIVE_NEAR; k++) {
			if (place_take(&near[k], block, bytes, node)) {
				return true;
			}
		}
	}
	return false;
}

/* Takes the block out. false: it is not there. */
static bool live_take(uint64_t block, struct hst_live *ret_live)
{
	for (uint32_t i = 0; i < HST_LIVE_LEVELS; i++) {
		struct hst_live *level = __atomic_load_n(&levels[i], __ATOMIC_ACQUIRE);
		struct hst_live *near;

		if (level == NULL) {
			return false;
		}
		near = level_near(level, i, block);
		for (uint32_t k = 0; k < HST_LIVE_NEAR; k++) {
			if (__atomic_load_n(&near[k].block, __ATOMIC_ACQUIRE) == block) {
				*ret_live = near[k];
				__atomic_store_n(&near[k].block, 0, __ATOMIC_RELEASE);
				return true;
			}
		}
	}
	return false;
}

static void raise_to(uint64_t *peak, uint64_t value)
{
	uint64_t old = __atomic_load_n(peak, __ATOMIC_RELAXED);

	while (value > old && !__atomic_compare_exchange_n(peak, &old, value, false,
				      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

/* The block is there, for node and process. Other threads may take blocks off the same node. */
static void count_live(struct hst_profile_node *node, uint64_t bytes)
{
	struct hst_file_header *header = hst_sink.header;
	uint64_t gone = __atomic_load_n(&node->freed_bytes, __ATOMIC_RELAXED);

	raise_to(&node->peak_bytes, node->alloc_bytes - gone);
	raise_to(&header->peak_bytes,
		__atomic_add_fetch(&header->live_bytes, bytes, __ATOMIC_RELAXED));
}

void hst_live_add(struct hst_stream *stream, uint64_t block, uint64_t bytes, uint64_t ret,
	enum hst_allocator which)
{
	struct hst_profile_node *node = stream->top->context;

	if (stream->top == stream->fiber->base) {
		node = hst_tree_site(stream, ret, HST_MEMORY_BASE + which);
	}
	node->allocs++;
	node->alloc_bytes += bytes;
	if (live_put(block, bytes, node)) {
		count_live(node, bytes);
	} else {
		node->untracked++;
		node->untracked_bytes += bytes;
	}
}

void hst_live_remove(struct hst_stream *stream, uint64_t block, uint64_t usable, bool moves)
{
	struct hst_file_header *header = hst_sink.header;
	struct hst_live live = { 0 };

	if (live_take(block, &live)) {
		__atomic_fetch_add(&live.node->freed_bytes, live.bytes, __ATOMIC_RELAXED);
		/* Last: without blocks the node's place may be unmapped. */
		__atomic_fetch_add(&live.node->freed, 1, __ATOMIC_RELEASE);
		__atomic_fetch_sub(&header->live_bytes, live.bytes, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&header->freed_early, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&header->freed_early_bytes, usable, __ATOMIC_RELAXED);
		live.bytes = usable;
	}
	if (moves) {
		stream->moving = (struct hst_moving){ block, live.bytes, live.node };
	}
}

void hst_live_restore(struct hst_stream *stream)
{
	struct hst_file_header *header = hst_sink.header;
	const struct hst_moving *was = &stream->moving;
	struct hst_profile_node *node = was->node;

	if (node == NULL || !live_put(was->block, was->bytes, node)) {
		__atomic_fetch_sub(&header->freed_early, node == NULL ? 1 : 0, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&header->freed_early_bytes, node == NULL ? was->bytes : 0,
			__ATOMIC_RELAXED);
		return;
	}
	__atomic_fetch_sub(&node->freed, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&node->freed_bytes, was->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&header->live_bytes, was->bytes, __ATOMIC_RELAXED);
}

void hst_live_reset(void)
{
	for (uint32_t i = 0; i < HST_LIVE_LEVELS; i++) {
		if (levels[i] != NULL) {
			(void)hst_sys_munmap(levels[i], level_places(i) * sizeof(struct hst_live));
			levels[i] = NULL;
		}
	}
}
