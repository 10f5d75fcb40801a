/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: innermost call, place in the code, calling context. Counts are kept once, in the leaf
 * that all three meet in; what is held at each moment is kept by each of them, for their peaks.
 */
#include "passes/heap_pass.h"

#include <string.h>

#define NO_SITE 0x80000000u /* + function: what has no place */

enum hst_status hst_heap_owners_init(struct hst_heap_pass *pass)
{
	struct hst_heap_place unknown = { .code.row = HST_ROW_UNKNOWN };
	struct hst_heap_activation none = { 0 };

	if (!hst_vec_push(&pass->places, unknown) || !hst_vec_push(&pass->activations, none)) {
		return HST_E_MEMORY;
	}
	return hst_calltree_init(&pass->calltree, true, false, false);
}

enum hst_status hst_heap_know_sites(struct hst_heap_pass *pass)
{
	struct hst_heap_known_site none = { HST_HEAP_NONE, HST_HEAP_NONE };

	while (pass->known.count < pass->interned.count) {
		if (!hst_vec_push(&pass->known, none)) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

uint32_t hst_heap_row(struct hst_heap_pass *pass, uint32_t site)
{
	struct hst_heap_known_site *known = &pass->known.items[site];
	/* Whether the hook was inlined is of no interest here. */
	struct hst_site where = pass->interned.items[site];
	bool inlined;

	where.ret = 0;
	if (known->row == HST_HEAP_NONE &&
		hst_rows_site(pass->rows, &pass->file, &where, &known->row, &inlined) != HST_OK) {
		pass->out_of_memory = true;
		return HST_ROW_UNKNOWN;
	}
	return known->row;
}

static bool same_place(const struct hst_heap_place *a, const struct hst_heap_place *b)
{
	return a->code.space == b->code.space && a->code.offset == b->code.offset &&
	       a->allocator == b->allocator;
}

static uint32_t add_place(struct hst_heap_pass *pass, const struct hst_heap_place *place)
{
	uint64_t key = hst_map_hash(place->code.offset ^ (uint64_t)place->code.space << 32) ^
		       (uint64_t)place->allocator << 59;
	uint32_t number;

	while (hst_map_get(&pass->place_of, key, &number)) {
		if (same_place(&pass->places.items[number], place)) {
			return number;
		}
		key++;
	}
	number = (uint32_t)pass->places.count;
	if (number >= HST_HEAP_PLACES_MAX) {
		return 0;
	}
	if (!hst_vec_push(&pass->places, *place) ||
		hst_map_put(&pass->place_of, key, number) != HST_OK) {
		pass->out_of_memory = true;
		return 0;
	}
	return number;
}

/* The place of a site that asks for memory. */
static uint32_t place_of(struct hst_heap_pass *pass, uint32_t site)
{
	struct hst_heap_known_site *known = &pass->known.items[site];
	const struct hst_site *where = &pass->interned.items[site];
	struct hst_heap_place place = { .allocator = (uint32_t)(where->fn - HST_MEMORY_BASE) };

	if (known->place != HST_HEAP_NONE) {
		return known->place;
	}
	if (where->fn < HST_MEMORY_BASE || where->fn >= HST_REGION_BASE) {
		known->place = 0;
	} else if (hst_rows_code(pass->rows, &pass->file, where->ret, where->generation,
			   &place.code) != HST_OK) {
		pass->out_of_memory = true;
		known->place = 0;
	} else {
		known->place = add_place(pass, &place);
	}
	return known->place;
}

uint32_t hst_heap_function(struct hst_heap_pass *pass, uint32_t row)
{
	struct hst_heap_owner_function function = { .result.row = row };
	uint32_t number;

	if (hst_map_get(&pass->function_of, row, &number)) {
		return number;
	}
	number = (uint32_t)pass->functions.count;
	if (!hst_vec_push(&pass->functions, function) ||
		hst_map_put(&pass->function_of, row, number) != HST_OK) {
		pass->out_of_memory = true;
		return HST_HEAP_NONE;
	}
	return number;
}

/*
 * The name of the function whose code calls: the owner's, also where the owner was inlined into
 * another one and the call lies in that.
 */
static const char *caller_name(
	struct hst_heap_pass *pass, const struct hst_code *code, uint32_t row, uint32_t own)
{
	const char *owner = pass->rows->items.items[row].name;
	struct hst_code hook;

	if (code->row == row) {
		return row == HST_ROW_UNKNOWN ? NULL : owner;
	}
	if (own != HST_HEAP_NONE && pass->interned.items[own].ret != 0 &&
		pass->interned.items[own].ret < HST_MEMORY_BASE) {
		if (hst_rows_code(pass->rows, &pass->file, pass->interned.items[own].ret,
			    pass->interned.items[own].generation, &hook) != HST_OK) {
			pass->out_of_memory = true;
		} else if (hook.row == code->row) {
			return pass->rows->items.items[row].name;
		}
	}
	return code->function;
}

/* The site of a function at a place, added if need be. */
static uint32_t site_of(struct hst_heap_pass *pass, uint32_t function, uint32_t place, uint32_t own)
{
	uint64_t key = (uint64_t)function << 32 | place;
	const struct hst_heap_place *where = &pass->places.items[place];
	uint32_t row = pass->functions.items[function].result.row;
	struct hst_heap_owner_site site = { .result.row = row };
	uint32_t number;

	if (hst_map_get(&pass->site_of, key, &number)) {
		return number;
	}
	if (pass->sites.count >= HST_HEAP_LEAVES_MAX) {
		return HST_HEAP_NONE;
	}
	site.result.allocator = where->allocator;
	site.result.module = where->code.module;
	site.result.function = caller_name(pass, &where->code, row, own);
	site.result.file = where->code.file;
	site.result.line = where->code.line;
	site.result.offset = where->code.offset;
	number = (uint32_t)pass->sites.count;
	if (!hst_vec_push(&pass->sites, site) ||
		hst_map_put(&pass->site_of, key, number) != HST_OK) {
		pass->out_of_memory = true;
		return HST_HEAP_NONE;
	}
	return number;
}

static bool make_contexts(struct hst_heap_pass *pass)
{
	size_t fresh = pass->calltree.nodes.count - pass->contexts.count;

	if (fresh == 0) {
		return true;
	}
	if (!hst_vec_reserve(&pass->contexts, fresh)) {
		pass->out_of_memory = true;
		return false;
	}
	memset(pass->contexts.items + pass->contexts.count, 0,
		fresh * sizeof *pass->contexts.items);
	pass->contexts.count += fresh;
	return true;
}

uint32_t hst_heap_leaf_at(
	struct hst_heap_pass *pass, uint32_t row, uint32_t place, uint32_t own, uint32_t node)
{
	struct hst_heap_leaf leaf = {
		.function = hst_heap_function(pass, row), .site = HST_HEAP_NONE, .context = node
	};
	uint64_t key;
	uint32_t number;

	if (leaf.function == HST_HEAP_NONE || !make_contexts(pass)) {
		return HST_HEAP_NONE;
	}
	if (place != HST_HEAP_NONE && pass->leaves.count < HST_HEAP_LEAVES_MAX) {
		leaf.site = site_of(pass, leaf.function, place, own);
	}
	if (pass->leaves.count >= HST_HEAP_LEAVES_MAX) {
		leaf.context = 0;
	}
	key = (uint64_t)leaf.context << 32 |
	      (leaf.site != HST_HEAP_NONE ? leaf.site : NO_SITE | leaf.function);
	if (hst_map_get(&pass->leaf_of, key, &number)) {
		return number;
	}
	number = (uint32_t)pass->leaves.count;
	if (!hst_vec_push(&pass->leaves, leaf) ||
		hst_map_put(&pass->leaf_of, key, number) != HST_OK) {
		pass->out_of_memory = true;
		return HST_HEAP_NONE;
	}
	return number;
}

/* The context of the innermost frame; those of the frames below it on the way. */
static uint32_t node_of(struct hst_heap_pass *pass, struct hst_heap_stack *stack)
{
	struct hst_heap_frame *frames = stack->frames.items;
	size_t from = stack->frames.count;
	uint32_t node;

	while (from != 0 && frames[from - 1].node == 0) {
		from--;
	}
	if (from == stack->frames.count) {
		return frames[from - 1].node;
	}
	if (from != 0) {
		node = frames[from - 1].node;
	} else {
		node = stack->unknown == 0
			       ? 0
			       : hst_calltree_child(&pass->calltree, 0, HST_NO_FUNCTION);
	}
	for (size_t i = from; i < stack->frames.count; i++) {
		node = hst_calltree_child(
			&pass->calltree, node, hst_heap_row(pass, frames[i].site));
		frames[i].node = node;
	}
	if (pass->calltree.nodes.count > HST_HEAP_CONTEXTS_FOLD) {
		pass->calltree.fold_recursion = true;
	}
	pass->out_of_memory |= pass->calltree.out_of_memory;
	return node;
}

static uint32_t begin_activation(struct hst_heap_pass *pass)
{
	struct hst_heap_activation fresh = { 0 };
	uint32_t number = pass->unused_activation;

	if (number != 0) {
		pass->unused_activation = pass->activations.items[number].next;
		return number;
	}
	if (pass->activations.count >= UINT32_MAX || !hst_vec_push(&pass->activations, fresh)) {
		pass->out_of_memory = true;
		return 0;
	}
	return (uint32_t)pass->activations.count - 1;
}

/* The innermost call that has a name; NULL: none is open, or it is not known. */
static struct hst_heap_frame *innermost(
	const struct hst_heap_pass *pass, const struct hst_heap_stack *stack)
{
	struct hst_heap_frame *top =
		stack->frames.count == 0 ? NULL : &stack->frames.items[stack->frames.count - 1];

	return top != NULL && pass->interned.items[top->site].fn != 0 ? top : NULL;
}

/* Nobody is known to be open: the code that asks has it. */
static uint32_t leaf_of_code(
	struct hst_heap_pass *pass, struct hst_heap_stack *stack, uint32_t place)
{
	uint32_t node = 0;
	uint32_t row;

	if (place == HST_HEAP_NONE) {
		return HST_HEAP_NONE;
	}
	row = pass->places.items[place].code.row;
	if (stack->frames.count != 0) {
		node = node_of(pass, stack);
	} else if (stack->unknown != 0) {
		node = hst_calltree_child(&pass->calltree, 0, HST_NO_FUNCTION);
	}
	node = hst_calltree_child(&pass->calltree, node, row);
	return hst_heap_leaf_at(pass, row, place, HST_HEAP_NONE, node);
}

static uint32_t find_leaf(struct hst_heap_pass *pass, struct hst_heap_follow *follow,
	const struct hst_heap_recent *what)
{
	uint32_t place = what->site == HST_HEAP_NONE ? HST_HEAP_NONE : place_of(pass, what->site);

	if (what->own == HST_HEAP_NONE) {
		return leaf_of_code(pass, &follow->stack, place);
	}
	return hst_heap_leaf_at(pass, hst_heap_row(pass, what->own), place, what->own, what->node);
}

/* The same place asks again, in the same call or where none is open: most blocks come so. HST_HEAP_NONE: not so. */
static inline uint32_t same_leaf(
	const struct hst_heap_follow *follow, uint32_t site, uint32_t *ret_activation)
{
	const struct hst_heap_recent *latest = &follow->latest;
	const struct hst_heap_stack *stack = &follow->stack;
	const struct hst_heap_frame *top;

	if (latest->site != site || !latest->used) {
		return HST_HEAP_NONE;
	}
	if (stack->frames.count == 0) {
		*ret_activation = 0;
		return latest->own == HST_HEAP_NONE && stack->unknown == 0 ? latest->leaf
									   : HST_HEAP_NONE;
	}
	top = &stack->frames.items[stack->frames.count - 1];
	*ret_activation = top->activation;
	return top->activation != 0 && latest->own == top->site && latest->node == top->node
		       ? latest->leaf
		       : HST_HEAP_NONE;
}

uint32_t hst_heap_leaf(struct hst_heap_pass *pass, struct hst_heap_follow *follow, uint32_t site,
	uint32_t *ret_activation, uint32_t *ret_generation)
{
	struct hst_heap_stack *stack = &follow->stack;
	struct hst_heap_frame *top = innermost(pass, stack);
	struct hst_heap_recent what = { .site = site, .own = HST_HEAP_NONE };
	uint32_t activation = 0;
	struct hst_heap_recent *recent;

	if (ret_activation != NULL) {
		what.leaf = same_leaf(follow, site, ret_activation);
		if (what.leaf != HST_HEAP_NONE) {
			*ret_generation = pass->activations.items[*ret_activation].generation;
			return what.leaf;
		}
	}
	if (top != NULL) {
		what.node = top->node != 0 ? top->node : node_of(pass, stack);
		what.own = top->site;
		if (ret_activation != NULL && top->activation == 0) {
			top->activation = begin_activation(pass);
		}
		activation = top->activation;
	} else if (stack->frames.count != 0 || stack->unknown != 0) {
		what.leaf = find_leaf(pass, follow, &what);
	}
	if (ret_activation != NULL) {
		*ret_activation = activation;
		*ret_generation = pass->activations.items[activation].generation;
	}
	if (top == NULL && (stack->frames.count != 0 || stack->unknown != 0)) {
		return what.leaf;
	}
	recent = &pass->recent[(what.node * 31u + what.own * 7u + site) % HST_HEAP_RECENT];
	if (!recent->used || recent->node != what.node || recent->own != what.own ||
		recent->site != site) {
		what.leaf = find_leaf(pass, follow, &what);
		what.used = true;
		*recent = what;
	}
	follow->latest = *recent;
	return recent->leaf;
}

struct hst_heap_sum *hst_heap_touch(struct hst_heap_pass *pass, uint32_t number)
{
	struct hst_heap_leaf *leaf = &pass->leaves.items[number];

	if (!leaf->touched) {
		leaf->touched = true;
		if (!hst_vec_push(&pass->touched_leaves, number)) {
			pass->out_of_memory = true;
		}
	}
	return &leaf->sum;
}

/* Keeps what it had at the latest peak. True: it is the first time in this file. */
static inline bool keep_peak(const struct hst_heap_pass *pass, struct hst_heap_held *held)
{
	bool first = held->version < pass->first_version;

	if (held->version != pass->version) {
		held->at_bytes = held->bytes;
		held->at_blocks = held->blocks;
		held->version = pass->version;
	}
	return first;
}

static inline void change(struct hst_heap_held *held, int64_t bytes, int64_t blocks)
{
	held->bytes += (uint64_t)bytes;
	held->blocks += (uint64_t)blocks;
	if (held->bytes > held->peak_bytes) {
		held->peak_bytes = held->bytes;
		held->peak_blocks = held->blocks;
	}
}

#define HOLD(owners, touched, number)                               \
 do {                                                               \
  struct hst_heap_held *held = &(owners).items[number].held;        \
  if (keep_peak(pass, held) && !hst_vec_push(&(touched), number)) { \
   pass->out_of_memory = true;                                      \
  }                                                                 \
  change(held, bytes, blocks);                                      \
 } while (0)

void hst_heap_hold(struct hst_heap_pass *pass, uint32_t number, int64_t bytes, int64_t blocks)
{
	const struct hst_heap_leaf *leaf = &pass->leaves.items[number];

	HOLD(pass->functions, pass->touched_functions, leaf->function);
	if (pass->options->contexts) {
		HOLD(pass->contexts, pass->touched_contexts, leaf->context);
	}
	if (leaf->site != HST_HEAP_NONE) {
		HOLD(pass->sites, pass->touched_sites, leaf->site);
	}
	pass->held.bytes += (uint64_t)bytes;
	pass->held.blocks += (uint64_t)blocks;
}

#undef HOLD

void hst_heap_peak(struct hst_heap_pass *pass)
{
	if (pass->held.bytes <= pass->held.peak_bytes) {
		return;
	}
	pass->held.peak_bytes = pass->held.bytes;
	pass->held.peak_blocks = pass->held.blocks;
	pass->version++;
	pass->timeline.peak = hst_heap_look(pass);
}
