/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that take a pointer or a reference to something that is not const, or return one: what they are called for may happen
 * there, and neither the arguments' hash nor the result shows it.
 */
#ifndef HST_PASSES_CACHE_WRITES_H
#define HST_PASSES_CACHE_WRITES_H

#include "model/profile.h"
#include "passes/cache.h"

/*
 * Sets `writes` of the logs of such functions, by the debug information of their modules. Of a module whose information cannot
 * be read, or is not that of the recording, nothing is known and nothing is set. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_cache_mark_writers(
	const struct hst_profile *profile, struct hst_cache_log *logs, size_t count);

#endif
