/* SPDX-License-Identifier: Apache-2.0 */
/* The calling-context tree of profile mode. */
#include "stacks/tree.h"

#include "buffer/chunk.h"
#include "buffer/encode.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/cpu.h"
#include "core/sys.h"
#include "sink/file.h"
#include "sink/modules.h"

#include <string.h>

#include "core/poison.h"

#define HST_NODES_MAX    65536u
#define HST_NODES_MANY   4096u /* a thread's, when there are many threads */
#define HST_THREADS_MANY 64u
#define HST_NODES_STEP   256u /* made solid at a time */
#define HST_RESERVE_MORE (1u << 20)
#define HST_NODES_OFFSET HST_BLOCK_NODES
#define HST_OTHER_PARENT UINT32_MAX

static_assert(HST_NODES_OFFSET % 64 == 0, "nodes begin on a cache line");

#define HST_RESERVE_NODES 128u
static_assert((HST_RESERVE_BYTES - HST_NODES_OFFSET) / sizeof(struct hst_profile_node) <=
		      HST_RESERVE_NODES,
	"the reserve's memory is large enough");

/* What a tree needs besides its place in the file. */
#define HST_TREE_BYTES(capacity, slots)                                        \
 (sizeof(struct hst_tree) + 2ul * (capacity) * sizeof(struct hst_tree_guess) + \
	 (slots) * sizeof(struct hst_tree_edge))

/*
 * A whole tree for the moment when nothing more can be mapped or written. The first thread in need takes it. Its memory is
 * not touched before.
 */
static struct {
	struct hst_tree *tree;
	uint8_t *map; /* a tree's place, without its memory yet */
	uint64_t offset;
	uint32_t made_for; /* process */
} reserve;

static HST_LARGE _Alignas(
	64) uint8_t reserve_memory[HST_TREE_BYTES(HST_RESERVE_NODES, 2 * HST_RESERVE_NODES)];

/* Are there blocks that are taken off its nodes when they go? Other threads may be at it: there is one more then. */
static bool tree_has_blocks(const struct hst_tree *tree)
{
	for (uint32_t i = 0; i < tree->block->nodes; i++) {
		const struct hst_profile_node *node = &tree->nodes[i];

		if (node->allocs - node->untracked !=
			__atomic_load_n(&node->freed, __ATOMIC_ACQUIRE)) {
			return true;
		}
	}
	return false;
}

void hst_tree_forget(struct hst_stream *stream)
{
	struct hst_tree *tree = stream->tree;

	/* The file keeps its nodes; only our view of them goes, but for those that blocks belong to. */
	stream->window->block = NULL;
	stream->cpu.noted = NULL;
	if (tree != NULL) {
		uint32_t kept = tree_has_blocks(tree) ? tree->block->nodes : 0;
		uint64_t bytes = hst_sys_whole_pages(
			HST_NODES_OFFSET + (uint64_t)tree->capacity * sizeof *tree->nodes);
		uint64_t from = kept == 0 ? 0
					  : hst_sys_whole_pages(
						    HST_NODES_OFFSET + kept * sizeof *tree->nodes);

		if (from < bytes) {
			(void)hst_sys_munmap((uint8_t *)tree->block + from, bytes - from);
		}
		if (tree->memory != 0) {
			(void)hst_sys_munmap(tree, tree->memory);
		}
	}
	stream->tree = NULL;
}

static uint32_t nodes_in(uint64_t bytes)
{
	return (uint32_t)((bytes - HST_NODES_OFFSET) / sizeof(struct hst_profile_node));
}

static uint32_t round_up_power(uint32_t value)
{
	return 1u << (32 - __builtin_clz(value - 1));
}

/* The tree's own record and edges are in private memory, zeroed; only nodes are in the file. */
static struct hst_tree *tree_init(void *memory, uint64_t mapped, uint32_t capacity)
{
	struct hst_tree *tree = memory;

	tree->guess = (struct hst_tree_guess *)(tree + 1) + capacity;
	tree->edges = (void *)(tree->guess + capacity);
	tree->edge_mask = round_up_power(2 * capacity) - 1;
	tree->capacity = capacity;
	tree->memory = mapped;
	return tree;
}

static struct hst_tree *tree_memory(uint32_t capacity)
{
	uint64_t bytes = HST_TREE_BYTES(capacity, round_up_power(2 * capacity));
	void *memory = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == NULL) {
		hst_sink_flag(HST_FLAG_NO_MEMORY);
		return NULL;
	}
	return tree_init(memory, bytes, capacity);
}

static void tree_set_place(struct hst_tree *tree, uint8_t *map, uint64_t offset, uint32_t solid)
{
	tree->block = (void *)map;
	tree->opens = (void *)(map + sizeof(struct hst_profile_block));
	tree->nodes = (void *)(map + HST_NODES_OFFSET);
	tree->offset = offset;
	tree->solid = solid;
}

/* A place of its own in the file, of which little has disk space yet. */
static struct hst_tree *tree_make(void)
{
	bool many = hst_sink.header->streams > HST_THREADS_MANY;
	uint32_t capacity = many ? HST_NODES_MANY : HST_NODES_MAX;
	uint32_t solid = many ? 32 : HST_NODES_STEP / 2;
	uint64_t bytes = HST_NODES_OFFSET + (uint64_t)capacity * sizeof(struct hst_profile_node);
	struct hst_tree *tree = tree_memory(capacity);
	uint64_t offset = 0;
	void *map;

	if (tree == NULL) {
		return NULL;
	}
	map = hst_sink_map(bytes,
		HST_NODES_OFFSET + (uint64_t)solid * sizeof(struct hst_profile_node), &offset);
	if (map == NULL) {
		(void)hst_sys_munmap(tree, tree->memory);
		return NULL;
	}
	tree_set_place(tree, map, offset, solid);
	return tree;
}

static struct hst_tree_edge *tree_edge(struct hst_tree *tree, uint32_t parent, uint64_t ret)
{
	uint32_t slot = hst_tree_slot(tree, parent, ret);

	for (;; slot = (slot + 1) & tree->edge_mask) {
		struct hst_tree_edge *edge = &tree->edges[slot];

		if (edge->child == 0 || (edge->ret == ret && edge->parent == parent)) {
			return edge;
		}
	}
}

void hst_tree_reserve(void)
{
	uint32_t pid = hst_sink.pid;
	uint8_t *map;

	if (__atomic_exchange_n(&reserve.made_for, pid, __ATOMIC_RELAXED) == pid) {
		return;
	}
	reserve.tree = NULL; /* a forked child's belongs to its parent's file */
	reserve.map = NULL;
	map = hst_sink_reserve(&reserve.offset);
	if (map == NULL) {
		map = hst_sink_map(HST_RESERVE_BYTES, HST_RESERVE_BYTES, &reserve.offset);
	}
	__atomic_store_n(&reserve.map, map, __ATOMIC_RELEASE);
}

void hst_tree_reserve_more(void)
{
	uint32_t capacity = nodes_in(HST_RESERVE_MORE);
	struct hst_tree *tree = tree_memory(capacity);
	uint64_t offset = 0;
	void *map = tree != NULL ? hst_sink_map(HST_RESERVE_MORE, HST_RESERVE_MORE, &offset) : NULL;

	if (map != NULL) {
		tree_set_place(tree, map, offset, capacity);
		__atomic_store_n(&reserve.tree, tree, __ATOMIC_RELEASE);
	}
}

static struct hst_tree *reserve_take(void)
{
	struct hst_tree *tree = __atomic_exchange_n(&reserve.tree, NULL, __ATOMIC_ACQ_REL);
	uint8_t *map;

	if (tree != NULL) {
		return tree;
	}
	map = __atomic_exchange_n(&reserve.map, NULL, __ATOMIC_ACQ_REL);
	if (map != NULL) {
		memset(reserve_memory, 0, sizeof reserve_memory); /* of a fork's parent */
		tree = tree_init(reserve_memory, 0, nodes_in(HST_RESERVE_BYTES));
		tree_set_place(tree, map, reserve.offset, tree->capacity);
	}
	return tree;
}

uint64_t hst_tree_shortest(const struct hst_stream *stream)
{
	const struct hst_tree *tree = stream->tree;

	return tree->block->nodes > 1 && tree->nodes[1].min != UINT64_MAX ? tree->nodes[1].min : 0;
}

void hst_tree_clear(struct hst_stream *stream)
{
	struct hst_tree *tree = stream->tree;

	if (tree->block->nodes == 2) {
		*tree_edge(tree, 0, tree->nodes[1].ret) = (struct hst_tree_edge){ 0 };
		tree->edges_used = 0;
		tree->guess[~0] = (struct hst_tree_guess){ 0 };
		tree->guess[1] = (struct hst_tree_guess){ 0 };
		tree->block->pending = HST_PENDING_NONE;
		tree->block->nodes = 1;
	}
}

/* One node more, with disk space behind it. 0: none. */
static uint32_t tree_add(
	struct hst_tree *tree, uint32_t parent, uint64_t ret, uint64_t fn, uint32_t flags)
{
	struct hst_profile_block *block = tree->block;
	uint32_t index = block->nodes;
	struct hst_profile_node *node;

	if (index >= block->node_capacity) {
		return 0;
	}
	if (index >= tree->solid) {
		uint64_t bytes = HST_NODES_STEP * sizeof *node;

		if (!hst_sink_solidify(
			    tree->offset + HST_NODES_OFFSET + tree->solid * sizeof *node, bytes)) {
			block->node_capacity = index;
			return 0;
		}
		tree->solid += HST_NODES_STEP;
		tree->solid =
			tree->solid < block->node_capacity ? tree->solid : block->node_capacity;
	}
	node = &tree->nodes[index];
	*node = (struct hst_profile_node){
		.ret = ret, .fn = fn, .parent = parent, .min = UINT64_MAX, .flags = flags
	};
	hst_barrier();
	block->nodes = index + 1;
	return index;
}

/* The node of the same instance further up, if this call is a recursion. */
static uint32_t tree_fold(const struct hst_tree *tree, uint32_t parent, uint64_t ret)
{
	uint32_t at = parent;

	/* Paths are short because of the folding itself; the bound is for a damaged file. */
	for (uint32_t i = 0; at != 0 && i < HST_NODES_MAX; i++) {
		if (tree->nodes[at].ret == ret) {
			return at;
		}
		at = tree->nodes[at].parent;
	}
	return 0;
}

static bool tree_is_full(const struct hst_tree *tree)
{
	return tree->edges_used >= tree->edge_mask / 4 * 3;
}

/* Folded recursion makes edges without nodes: in a full table the way is looked for anew each time. */
static void tree_connect(struct hst_tree *tree, struct hst_tree_edge *edge, uint32_t parent,
	uint64_t ret, uint32_t child)
{
	if (!tree_is_full(tree)) {
		tree->edges_used++;
		*edge = (struct hst_tree_edge){ .ret = ret, .parent = parent, .child = child };
	}
}

/* When nodes run out: one per function, below the root. The last ones of all share node 0. */
static HST_COLD uint32_t tree_other(struct hst_stream *stream, uint64_t fn)
{
	struct hst_tree *tree = stream->tree;
	struct hst_tree_edge *edge = tree_edge(tree, HST_OTHER_PARENT, fn);

	stream->ledger->overflow_calls++;
	if (edge->child == 0) {
		uint32_t child = tree_is_full(tree) ? 0 : tree_add(tree, 0, 0, fn, HST_NODE_OTHER);

		if (child == 0) {
			return 0;
		}
		tree_connect(tree, edge, HST_OTHER_PARENT, fn, child);
	}
	return edge->child;
}

static HST_COLD uint32_t tree_child_new(struct hst_stream *stream, struct hst_tree_edge *edge,
	uint32_t parent, uint64_t ret, uint64_t fn)
{
	struct hst_tree *tree = stream->tree;
	/* An eighth is kept for 'other' nodes. */
	uint32_t ordinary = tree->block->node_capacity - tree->block->node_capacity / 8;
	uint32_t child;

	if (edge->child != 0) {
		return edge->child;
	}
	child = tree_fold(tree, parent, ret);

	if (child != 0) {
		tree->nodes[child].flags |= HST_NODE_RECURSIVE;
	} else if (tree->block->nodes < ordinary && !tree_is_full(tree)) {
		child = tree_add(tree, parent, ret, fn, 0);
	}
	if (child == 0) {
		return tree_other(stream, fn);
	}
	tree_connect(tree, edge, parent, ret, child);
	return child;
}

uint32_t hst_tree_find(const struct hst_stream *stream, uint64_t ret)
{
	return tree_edge(stream->tree, stream->top->node, ret)->child;
}

void hst_tree_enter(struct hst_stream *stream, struct hst_open *entry, uint32_t child, uint32_t k,
	uint64_t ticks)
{
	uint32_t parent = entry[-1].node;
	struct hst_tree_edge *edge = tree_edge(stream->tree, parent, entry->ret);

	if (HST_UNLIKELY(child == 0)) {
		child = tree_child_new(stream, edge, parent, entry->ret, entry->fn);
	}
	if (k != 0) {
		bool own = entry[-1].cfa != entry->cfa;

		stream->tree->nodes[child].k = k;
		stream->tree->nodes[child].group =
			hst_group_bit(entry->ret) | (own ? HST_GROUP_OWN : 0);
	}
	hst_tree_open(stream, entry, child, ticks);
}

struct hst_profile_node *hst_tree_site(struct hst_stream *stream, uint64_t ret, uint64_t fn)
{
	struct hst_tree_edge *edge = tree_edge(stream->tree, 0, ret);

	return &stream->tree->nodes[tree_child_new(stream, edge, 0, ret, fn)];
}

void hst_tree_exit(struct hst_stream *stream, uint64_t ticks, enum hst_left left)
{
	hst_tree_close(stream, ticks, left);
}

/* Nodes for frames that the tree does not have yet. */
static void tree_adopt(struct hst_stream *stream, uint64_t ticks)
{
	struct hst_fiber *fiber = stream->fiber;
	struct hst_tree *tree = stream->tree;

	fiber->base->node = 0;
	fiber->base->context = tree->nodes;
	fiber->base->callee = ~0;
	for (struct hst_open *entry = fiber->base + 1; entry <= stream->top; entry++) {
		hst_tree_enter(stream, entry, 0, 0, ticks);
		entry->context->calls--; /* another tree, or the events, have it */
		entry->carried = 1;
	}
	fiber->in_tree = true;
}

void hst_tree_leave(struct hst_stream *stream, uint64_t ticks)
{
	hst_tree_clock(stream->tree->block, stream->top->context, ticks);
}

void hst_tree_carry(struct hst_stream *stream, uint64_t ticks)
{
	struct hst_fiber *fiber = stream->fiber;
	struct hst_tree *tree = stream->tree;
	uint32_t depth = hst_depth(stream);

	tree->block->last = ticks;
	if (!fiber->in_tree) {
		tree_adopt(stream, ticks);
	}
	tree->block->depth = 0; /* while the list is not of one stack */
	hst_barrier();
	for (uint32_t i = 0; i < depth && i < HST_PROFILE_OPEN_MAX; i++) {
		const struct hst_open *entry = &fiber->base[i + 1];

		tree->opens[i] = (struct hst_profile_open){
			.start = entry->start, .node = entry->node, .carried = entry->carried
		};
	}
	hst_barrier();
	tree->block->depth = depth;
	stream->low =
		stream->errors_below != 0 || stream->over != 0 ? (void *)UINTPTR_MAX : fiber->base;
}

static void tree_fill(struct hst_stream *stream, struct hst_tree *tree)
{
	struct hst_profile_block *block = tree->block;

	block->stream = stream->number;
	block->tid = stream->tid;
	block->lane = stream->lane;
	block->start = hst_clock_pair_now();
	block->node_capacity = tree->capacity;
	block->pending = HST_PENDING_NONE;
	block->nodes = 1;
	tree->nodes[0].min = UINT64_MAX;
	block->block = (struct hst_block){ .magic = 0,
		.type = HST_BLOCK_PROFILE,
		.bytes = (uint32_t)(HST_NODES_OFFSET +
				    tree->capacity * sizeof(struct hst_profile_node)) };
	hst_barrier();
	block->block.magic = HST_BLOCK_MAGIC; /* the block exists from here on */
}

/* Time begins here. */
static void tree_look(struct hst_stream *stream, struct hst_profile_block *block)
{
	struct hst_look look;
	bool fresh = block->threads == 1;

	hst_cpu_forget(stream);
	if (hst_cpu_look(stream, &look) && fresh) {
		block->cpu_ns = stream->cpu.cpu_ns;
	}
	hst_cpu_note(stream, &block->clock_mode, fresh);
	hst_cpu_told(stream);
}

bool hst_tree_begin(struct hst_stream *stream, uint64_t ticks)
{
	if (stream->tree == NULL) {
		stream->tree = hst_sys_closed == 0 ? tree_make() : NULL;
		if (stream->tree == NULL) {
			stream->tree = reserve_take();
		}
		if (stream->tree == NULL) {
			return false;
		}
		tree_fill(stream, stream->tree);
	}
	stream->tree->block->generation = hst_modules_generation();
	stream->tree->block->thread_start = stream->thread_start;
	stream->tree->block->end_ticks = 0;
	stream->tree->block->threads++;
	stream->tree->block->tid = stream->tid;
	hst_ledger_move(stream, &stream->tree->block->ledger);
	tree_look(stream, stream->tree->block);
	stream->fiber->in_tree = false;
	hst_tree_carry(stream, ticks);
	/* The hot path reads the TSC without asking. */
	stream->window->block = hst_clock_tsc ? stream->tree->block : NULL;
	return true;
}

void hst_tree_pause(struct hst_stream *stream, uint64_t ticks)
{
	struct hst_open *top = stream->top;

	stream->window->block = NULL;
	for (; stream->top > stream->fiber->base; stream->top--) {
		stream->top->carried = 1; /* its end is not a return */
		hst_tree_exit(stream, ticks, HST_LEFT_REPAIRED);
	}
	stream->top = top;
}

void hst_tree_renew(struct hst_stream *stream)
{
	stream->tree->block->generation = hst_modules_generation();
}

/* Books what is still open on one stack: calls that will never return. */
static void tree_end_fiber(struct hst_stream *stream, struct hst_fiber *fiber, uint64_t ticks)
{
	struct hst_fiber *present = stream->fiber;
	struct hst_open *top = stream->top;

	if (fiber != present) {
		stream->fiber = fiber;
		stream->top = fiber->top;
	}
	while (fiber->in_tree && stream->top > fiber->base) {
		hst_tree_exit(stream, ticks, HST_LEFT_REPAIRED);
		stream->top--;
	}
	fiber->in_tree = false;
	stream->fiber = present;
	stream->top = top;
}

void hst_tree_end(struct hst_stream *stream, uint64_t ticks)
{
	stream->window->block = NULL;
	if (stream->tree != NULL && stream->mode == HST_STREAM_PROFILE) {
		tree_end_fiber(stream, stream->fiber, ticks);
		tree_end_fiber(stream, &stream->own, ticks);
		for (uint32_t i = 0; i < stream->fiber_count; i++) {
			tree_end_fiber(stream, &stream->fibers[i], ticks);
		}
		stream->tree->block->end_ticks = ticks;
		stream->tree->block->depth = 0;
	}
	hst_ledger_move(stream, NULL);
}
