/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calling contexts and caller-callee pairs, built only when asked for. Bounded: beyond the limits
 * calls are folded into what is there and `folded` says how many.
 */
#ifndef HST_PASSES_CALLTREE_H
#define HST_PASSES_CALLTREE_H

#include "model/profile.h"
#include "util/map.h"
#include "util/vec.h"

#define HST_CONTEXTS_MAX      (1u << 20)
#define HST_CONTEXT_DEPTH_MAX 512u
#define HST_EDGES_MAX         (4u << 20)
#define HST_NO_FUNCTION       UINT32_MAX

struct hst_calltree_node {
	struct hst_context context; /* calls and errors; times when finished */
	double self_ns;             /* without our cost, may be below 0 until all is summed up */
	double off_ns;              /* of it, off the CPU */
	uint32_t depth;
};

struct hst_calltree_edge {
	struct hst_edge edge;
	double total_ns;
	double off_ns;   /* of it, off the CPU */
	uint32_t active; /* activations on the present stack */
};

struct hst_calltree {
	bool contexts;       /* wanted */
	bool edges;          /* wanted */
	bool fold_recursion; /* a function that is on the path already leads back to its node */
	HST_VEC(struct hst_calltree_node) nodes;
	struct hst_map children; /* (parent, row) to node */
	HST_VEC(struct hst_calltree_edge) pairs;
	struct hst_map pair_index; /* (caller, callee) to pair */
	uint64_t folded;           /* calls that got no context of their own */
	bool out_of_memory;
};

/* Makes the root. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_calltree_init(
	struct hst_calltree *tree, bool contexts, bool edges, bool fold_recursion);
/* Frees everything; NULL and { 0 } are allowed. */
void hst_calltree_finish(struct hst_calltree *tree);

/* The context of `row` below `parent`, added when new; `parent` itself when there is no room. */
uint32_t hst_calltree_child(struct hst_calltree *tree, uint32_t parent, uint32_t row);
/* The pair, added when new; UINT32_MAX when there is no room. */
uint32_t hst_calltree_pair(struct hst_calltree *tree, uint32_t caller, uint32_t callee);

/* Moves the sums into the profile; times below 0 become 0. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_calltree_take(
	struct hst_calltree *tree, struct hst_profile *profile);

#endif
