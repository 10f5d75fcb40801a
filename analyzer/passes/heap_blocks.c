/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks come and go. What a block counts for is decided when it comes; its end only adds to that.
 *
 * A block that realloc replaces goes as any other, but was not given back by the program: it is
 * neither temporary nor short-lived and has no lifetime.
 */
#include "passes/heap_pass.h"

/* Blocks within realloc in one stream: they nest by signal handlers only. */
#define MOVING_MAX 4096u

enum gone {
	GONE_FREED,    /* by the program */
	GONE_REPLACED, /* by realloc, or nobody saw how */
};

/* Adds to one function's lifetimes. */
static void lived(struct hst_heap_pass *pass, struct hst_heap_function *function, uint64_t ns)
{
	if (!pass->at->selected) {
		return;
	}
	if (function->lifetimes == NULL) {
		function->lifetimes = hst_latency_create(&pass->heap->arena);
	}
	if (function->lifetimes == NULL ||
		!hst_latency_count(function->lifetimes, &pass->heap->arena, ns)) {
		pass->out_of_memory = true;
	}
}

/* Counts the end of a block that is held no longer. `thread` 0: nobody knows. */
static void count_end(struct hst_heap_pass *pass, const struct hst_heap_block *block, enum gone how,
	uint32_t thread)
{
	struct hst_heap_sum *sum;
	uint64_t ns;

	if ((block->flags & HST_BLOCK_INHERITED) != 0) {
		return;
	}
	sum = hst_heap_touch(pass, block->leaf);
	sum->frees++;
	sum->freed_bytes += block->bytes;
	if (how != GONE_FREED) {
		return;
	}
	ns = hst_heap_span(pass, block->ticks, pass->now);
	lived(pass, &pass->functions.items[pass->leaves.items[block->leaf].function].result, ns);
	sum->short_lived += ns < HST_HEAP_SHORT_NS;
	if (thread != block->thread) {
		sum->foreign++;
	} else if (block->activation != 0 &&
		   pass->activations.items[block->activation].generation == block->generation) {
		sum->temporary++;
		sum->temporary_bytes += block->bytes;
	}
}

static uint64_t slack_of(const struct hst_heap_block *block)
{
	return block->slack == HST_SLACK_LONG_UNKNOWN ? 0 : block->slack;
}

/* It is held no longer. */
static void let_go(struct hst_heap_pass *pass, const struct hst_heap_block *block)
{
	hst_heap_hold(pass, block->leaf, -(int64_t)block->bytes, -1);
	pass->usable -= slack_of(block);
}

static void overlap_is_real(struct hst_heap_pass *pass, const struct hst_heap_doubt *doubt)
{
	pass->process.overlapped++;
	count_end(pass, &doubt->block, GONE_REPLACED, 0);
}

/* Doubts are settled when they are a microsecond old. */
static void settle_old(struct hst_heap_pass *pass, uint64_t age)
{
	while (pass->overlaps.count != 0 && pass->now - pass->overlaps.items[0].ticks >= age) {
		overlap_is_real(pass, &pass->overlaps.items[0]);
		hst_heap_doubts_remove(&pass->overlaps, 0);
	}
	while (pass->early.count != 0 && pass->now - pass->early.items[0].ticks >= age) {
		pass->process.unmatched++;
		hst_heap_doubts_remove(&pass->early, 0);
	}
}

static void add_doubt(struct hst_heap_pass *pass, struct hst_heap_doubts *doubts,
	const struct hst_heap_block *block, uint32_t thread)
{
	if (doubts->count == HST_HEAP_DOUBTS) {
		settle_old(pass, pass->now - doubts->items[0].ticks);
	}
	doubts->items[doubts->count++] =
		(struct hst_heap_doubt){ .block = *block, .ticks = pass->now, .thread = thread };
}

/* The address of a block that is there is given anew: its free comes a little late, or was not seen. */
static void overlap(struct hst_heap_pass *pass, const struct hst_heap_block *older, uint32_t thread)
{
	let_go(pass, older);
	add_doubt(pass, &pass->overlaps, older, thread);
}

/* A free for which the block that it means stands in the list of doubts. */
static bool free_overlapped(struct hst_heap_pass *pass, uint64_t address, uint32_t thread)
{
	uint32_t number = hst_heap_doubts_find(&pass->overlaps, address, thread);

	if (number == UINT32_MAX) {
		return false;
	}
	count_end(pass, &pass->overlaps.items[number].block, GONE_FREED, thread);
	hst_heap_doubts_remove(&pass->overlaps, number);
	return true;
}

/* Puts a block that has an address into the table. false: out of memory. */
static bool insert(struct hst_heap_pass *pass, const struct hst_heap_block *block)
{
	bool is_there = false;
	struct hst_heap_block *there = hst_heap_live_put(&pass->live, block->address, &is_there);

	if (there == NULL) {
		pass->out_of_memory = true;
		return false;
	}
	if (is_there) {
		overlap(pass, there, block->thread);
	}
	*there = *block;
	hst_heap_hold(pass, block->leaf, (int64_t)block->bytes, 1);
	pass->usable += slack_of(block);
	hst_heap_peak(pass);
	return true;
}

/* Removes the block at an address into *ret_block; false: there is none. */
static bool take(struct hst_heap_pass *pass, uint64_t address, struct hst_heap_block *ret_block)
{
	if (address == 0 || !hst_heap_live_take(&pass->live, address, ret_block)) {
		return false;
	}
	let_go(pass, ret_block);
	return true;
}

/* What realloc did with the block before it. */
static void count_move(struct hst_heap_sum *sum, const struct hst_heap_block *old,
	const struct hst_heap_block *fresh)
{
	sum->reallocs++;
	if (old->address == 0) {
		return;
	}
	if (old->address != fresh->address) {
		sum->moved++;
		sum->moved_bytes += old->bytes < fresh->bytes ? old->bytes : fresh->bytes;
	}
	if (fresh->bytes > old->bytes) {
		sum->grown++;
		sum->grown_bytes += fresh->bytes - old->bytes;
	}
}

static void count_alloc(
	struct hst_heap_pass *pass, const struct hst_heap_block *block, uint32_t allocator)
{
	struct hst_heap_sum *sum = hst_heap_touch(pass, block->leaf);
	struct hst_heap_function *function =
		&pass->functions.items[pass->leaves.items[block->leaf].function].result;

	sum->allocs++;
	sum->bytes += block->bytes;
	sum->slack += slack_of(block);
	sum->slack_unknown += block->slack == HST_SLACK_LONG_UNKNOWN;
	function->sizes[hst_heap_size_bucket(block->bytes)] += pass->at->selected;
	if (allocator == HST_ALLOCATOR_CALLOC && block->bytes >= HST_HEAP_ZEROED_LARGE) {
		sum->zeroed_large++;
		sum->zeroed_large_bytes += block->bytes;
	}
}

/* The end of the latest realloc of the stream. false: none is under way. */
static bool end_moving(struct hst_heap_follow *follow, struct hst_heap_block *ret_old)
{
	if (follow->moving.count == 0) {
		return false;
	}
	*ret_old = follow->moving.items[--follow->moving.count].block;
	return true;
}

static void realloc_failed(
	struct hst_heap_pass *pass, struct hst_heap_follow *follow, uint32_t leaf)
{
	struct hst_heap_block old = { 0 };
	bool known = end_moving(follow, &old);

	if (leaf == HST_HEAP_NONE && old.address != 0) {
		leaf = old.leaf; /* no call is open: whoever has the block wanted more of it */
	}
	if (leaf != HST_HEAP_NONE) {
		hst_heap_touch(pass, leaf)->failed++;
	} else {
		pass->process.sum.failed++;
	}
	if (known) {
		hst_heap_moving_end(pass, &old, true);
	}
}

static void alloc(struct hst_heap_pass *pass, struct hst_heap_follow *follow,
	const struct hst_event *event, const struct hst_memory *entry)
{
	uint32_t allocator = (uint32_t)(pass->interned.items[event->site].fn - HST_MEMORY_BASE);
	struct hst_heap_block block = { .address = entry->address,
		.bytes = entry->bytes,
		.ticks = pass->now,
		.thread = follow->thread,
		.slack = entry->slack };
	struct hst_heap_block old = { 0 };
	bool moves = false;

	block.leaf = hst_heap_leaf(pass, follow, event->site, &block.activation, &block.generation);
	follow->last_leaf = block.leaf;
	follow->last_is_free = false;
	if (block.leaf == HST_HEAP_NONE) {
		return;
	}
	if (block.address == 0 && allocator == HST_ALLOCATOR_REALLOC) {
		realloc_failed(pass, follow, block.leaf);
		return;
	}
	if (block.address == 0) {
		hst_heap_touch(pass, block.leaf)->failed++;
		return;
	}
	if (allocator == HST_ALLOCATOR_REALLOC) {
		moves = end_moving(follow, &old);
	}
	if (moves && old.address != 0) {
		count_end(pass, &old, GONE_REPLACED, follow->thread);
	} else if (moves) {
		pass->process.unmatched++;
	}
	count_alloc(pass, &block, allocator);
	if (moves) {
		count_move(hst_heap_touch(pass, block.leaf), &old, &block);
	}
	if (pass->early.count != 0) {
		uint32_t number = hst_heap_doubts_find(&pass->early, block.address, block.thread);

		if (number != UINT32_MAX) {
			/* It has gone already; it never was there at a moment of its own. */
			count_end(pass, &block, GONE_FREED, pass->early.items[number].thread);
			hst_heap_doubts_remove(&pass->early, number);
			return;
		}
	}
	(void)insert(pass, &block);
}

/* A free may be timed: then it matters who called, or whose block it was. */
static void was_freed(struct hst_heap_follow *follow, uint32_t leaf)
{
	follow->last_leaf = leaf;
	follow->last_is_free = true;
}

static void release(
	struct hst_heap_pass *pass, struct hst_heap_follow *follow, const struct hst_memory *entry)
{
	struct hst_heap_moving moving = { .block = { 0 } };
	uint32_t doubt = hst_heap_doubts_find(&pass->overlaps, entry->address, follow->thread);

	if (doubt != UINT32_MAX) {
		moving.block = pass->overlaps.items[doubt].block;
		hst_heap_doubts_remove(&pass->overlaps, doubt);
	} else if (!take(pass, entry->address, &moving.block)) {
		moving.block.address = 0;
	}
	was_freed(follow, moving.block.address != 0 ? moving.block.leaf : HST_HEAP_NONE);
	if (follow->moving.count >= MOVING_MAX) {
		hst_heap_moving_end(pass, &moving.block, false);
	} else if (!hst_vec_push(&follow->moving, moving)) {
		pass->out_of_memory = true;
	}
}

static void release_block(
	struct hst_heap_pass *pass, struct hst_heap_follow *follow, uint64_t address)
{
	struct hst_heap_block block = { .address = address };

	if (address == 0) {
		return;
	}
	if (pass->overlaps.count != 0 && free_overlapped(pass, address, follow->thread)) {
		was_freed(follow, HST_HEAP_NONE);
		return;
	}
	if (!take(pass, address, &block)) {
		add_doubt(pass, &pass->early, &block, follow->thread);
		was_freed(follow, HST_HEAP_NONE);
		return;
	}
	count_end(pass, &block, GONE_FREED, follow->thread);
	was_freed(follow, block.leaf);
}

static void realloc_freed(struct hst_heap_pass *pass, struct hst_heap_follow *follow)
{
	struct hst_heap_block old = { 0 };

	if (!end_moving(follow, &old)) {
		return;
	}
	if (old.address == 0) {
		pass->process.unmatched++;
	} else {
		count_end(pass, &old, GONE_FREED, follow->thread);
	}
}

void hst_heap_moving_end(struct hst_heap_pass *pass, const struct hst_heap_block *block, bool stays)
{
	if (block->address == 0) {
		/* A realloc that failed is no free. */
		pass->process.unmatched += !stays;
		return;
	}
	if (stays && hst_heap_live_find(&pass->live, block->address) == NULL) {
		(void)insert(pass, block);
	} else {
		count_end(pass, block, GONE_REPLACED, 0);
	}
}

/*
 * What the calls since the last measured one took: as much as this one each, but all together not more than has passed. One that met a
 * page fault would else stand for many that did not.
 */
static uint64_t taken_256(const struct hst_heap_pass *pass, struct hst_heap_follow *follow,
	const struct hst_event *event, uint64_t calls)
{
	uint64_t ticks_256 = (uint64_t)event->value << 8;
	uint64_t own = ticks_256 > pass->cost_timer_256 ? ticks_256 - pass->cost_timer_256 : 0;
	uint64_t passed = event->ticks > follow->timed ? event->ticks - follow->timed : 0;
	uint64_t most =
		follow->timed == 0 || passed > UINT64_MAX >> 9 ? own * calls : own + (passed << 8);

	follow->timed = event->ticks;
	return own * calls < most ? own * calls : most;
}

/* The innermost call's time, also of a free; where none is open, that of the block's owner. */
static void allocator_time(
	struct hst_heap_pass *pass, struct hst_heap_follow *follow, const struct hst_event *event)
{
	uint32_t leaf = follow->last_is_free
				? hst_heap_leaf(pass, follow, HST_HEAP_NONE, NULL, NULL)
				: HST_HEAP_NONE;
	uint64_t calls = event->reason == 0 ? 1 : event->reason;
	struct hst_heap_sum *sum;

	leaf = leaf == HST_HEAP_NONE ? follow->last_leaf : leaf;
	sum = leaf == HST_HEAP_NONE ? &pass->process.sum : hst_heap_touch(pass, leaf);
	sum->allocator_ns += hst_heap_span(pass, 0, taken_256(pass, follow, event, calls)) >> 8;
	sum->allocator_calls += calls;
}

enum hst_status hst_heap_event(struct hst_heap_pass *pass, struct hst_heap_follow *follow,
	const struct hst_event *event, const struct hst_memory *entry)
{
	if (event->ticks > pass->fork_next) {
		HST_TRY(hst_heap_keep(pass, event->ticks));
	}
	pass->now = event->ticks > pass->now ? event->ticks : pass->now;
	if ((pass->overlaps.count | pass->early.count) != 0) {
		settle_old(pass, pass->microsecond);
	}
	if (pass->now >= pass->timeline.regular_next) {
		hst_heap_tick(pass);
	}
	switch (event->kind) {
	case HST_EVENT_ALLOC:
		alloc(pass, follow, event, entry);
		break;
	case HST_EVENT_FREE:
		release_block(pass, follow, entry->address);
		break;
	case HST_EVENT_RELEASE:
		release(pass, follow, entry);
		break;
	case HST_EVENT_REALLOC_FAILED:
		realloc_failed(
			pass, follow, hst_heap_leaf(pass, follow, HST_HEAP_NONE, NULL, NULL));
		break;
	case HST_EVENT_REALLOC_FREED:
		realloc_freed(pass, follow);
		break;
	case HST_EVENT_ALLOCATOR:
		allocator_time(pass, follow, event);
		break;
	case HST_EVENT_THREAD_END:
		hst_heap_thread_end(pass, follow);
		hst_heap_follow_close(follow);
		break;
	default:
		hst_heap_space_event(pass, event, entry);
		break;
	}
	return HST_OK;
}

/* What is there at the end is a leak, unless it was the parent's or the process became another one. */
static void count_left(struct hst_heap_pass *pass, const struct hst_heap_block *block)
{
	const struct hst_heap_leaf *leaf = &pass->leaves.items[block->leaf];
	struct hst_heap_owner_site *site =
		leaf->site == HST_HEAP_NONE ? NULL : &pass->sites.items[leaf->site];
	struct hst_heap_sum *sum;

	if ((block->flags & HST_BLOCK_INHERITED) != 0) {
		pass->process.inherited_left++;
		pass->process.inherited_left_bytes += block->bytes;
		return;
	}
	if (pass->process.ends_by_exec) {
		return;
	}
	sum = hst_heap_touch(pass, block->leaf);
	if (site != NULL && pass->at->selected) {
		struct hst_heap_site *result = &site->result;

		if (result->leaked_most == 0 && !site->leaks) {
			result->leaked_least = block->bytes;
		}
		site->leaks = true;
		result->leaked_least =
			block->bytes < result->leaked_least ? block->bytes : result->leaked_least;
		result->leaked_most =
			block->bytes > result->leaked_most ? block->bytes : result->leaked_most;
	}
	sum->leaked++;
	sum->leaked_bytes += block->bytes;
}

void hst_heap_settle(struct hst_heap_pass *pass)
{
	settle_old(pass, 0);
	for (size_t i = 0; i < pass->live.blocks.count; i++) {
		if (pass->live.blocks.items[i].address != 0) {
			count_left(pass, &pass->live.blocks.items[i]);
		}
	}
}
