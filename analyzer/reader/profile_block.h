/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one profile block (a calling-context tree) of a trace file. What comes out is a sound tree:
 * each parent stands before its children, each open frame names a node. The block may be that of a
 * running process: a node may be one call behind the others.
 */
#ifndef HST_READER_PROFILE_BLOCK_H
#define HST_READER_PROFILE_BLOCK_H

#include "reader/trace_file.h"

/* Nodes that are read at once at most (192 MiB); the writer's own cap is far below. */
#define HST_PROFILE_NODES_MAX (512u << 10)

struct hst_profile_tree {
	struct hst_profile_block header; /* as in the file; use the counts below */
	struct hst_profile_open *open;   /* outermost first; owned */
	uint32_t open_count;
	struct hst_profile_node *nodes; /* [0] is the thread; owned */
	uint32_t node_count;            /* at least 1 */
	uint64_t missing_nodes;  /* in use by the header, but not in the file or over the limit */
	uint32_t repaired_nodes; /* with a parent that cannot be: hung under the root */
	uint32_t dropped_open;   /* open frames that are not listed or name no node */
};

/*
 * Reads the block at `offset` (one of file->profiles or a stream's profile_offset). HST_E_DAMAGED
 * with a sentence if there is no profile block or not even its root; HST_E_IO; HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_profile_tree_read(const struct hst_trace_file *file,
	uint64_t offset, struct hst_profile_tree *ret_tree, struct hst_diag *diag);

/* Frees the arrays; NULL and { 0 } are allowed. */
void hst_profile_tree_finish(struct hst_profile_tree *tree);

#endif
