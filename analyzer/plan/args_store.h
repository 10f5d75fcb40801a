/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections about arguments and results of one file, from its debug information the first time, and from
 * a store by build-id from then on. A stored file is read with as much distrust as any other.
 */
#ifndef HST_PLAN_ARGS_STORE_H
#define HST_PLAN_ARGS_STORE_H

#include "plan/filter.h"
#include "plan/plan_file.h"
#include "symbols/function_rules.h"

#include <stdbool.h>
#include <stddef.h>

/* What became of a file. */
struct hst_args_taken {
	size_t enters; /* calls of the enter hook at which all arguments are read */
	size_t exits;  /* calls of the exit hook at which the result is read, or known to be none */
	bool stored;   /* it came from the store */
};

/* What is wanted; each may be NULL. */
struct hst_args_wish {
	const char *store;         /* a directory, which is made if its parent is there */
	struct hst_filter *filter; /* functions; NULL all */
	const struct hst_function_rules *rules;
};

/*
 * Adds the sections of the ELF file `path` to the plan. HST_E_NOT_OURS: a file without hooks;
 * HST_E_NO_DEBUG, HST_E_UNSUPPORTED (no build-id), HST_E_LIMIT, HST_E_MEMORY; with a sentence.
 */
HST_NODISCARD enum hst_status hst_args_store_add(struct hst_plan_file *plan, const char *path,
	const struct hst_args_wish *wish, struct hst_args_taken *ret_taken, struct hst_diag *diag);

/*
 * Adds the sections about arguments that a stored plan has for a build-id. false: the file is not there, not ours alone
 * (another owner, others may write it, no regular file), damaged, or has none of it; then nothing was added.
 */
bool hst_args_store_read(struct hst_plan_file *plan, const char *stored, const uint8_t *build_id,
	size_t build_id_bytes);

#endif
