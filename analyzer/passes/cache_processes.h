/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that ran, as calls: the executable is the function, arguments and working directory are the key, the end is the result. */
#ifndef HST_PASSES_CACHE_PROCESSES_H
#define HST_PASSES_CACHE_PROCESSES_H

#include "model/processes.h"
#include "passes/cache.h"

/*
 * A log for each executable that ran with known arguments and a known time; *ret_examples are images of theirs. The caller frees
 * both and finishes the logs. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_cache_of_processes(const struct hst_processes *processes,
	struct hst_cache_log **ret_logs, uint32_t **ret_examples, size_t *ret_count);

#endif
