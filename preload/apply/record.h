/* SPDX-License-Identifier: Apache-2.0 */
/* What was suppressed, and when it is recorded all the same, as the file has it. */
#ifndef HST_APPLY_RECORD_H
#define HST_APPLY_RECORD_H

#include "hasten/trace.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Appends a THROTTLE block; `functions` (may be NULL if `count` is 0) are those it names, at most HST_SUPPRESSED_MAX. `late_us`: of a
 * window, by how much it came too late. By one thread at a time. false: it could not be written.
 */
bool hst_throttle_write(enum hst_throttle what, const uint64_t *functions, uint32_t count,
	uint64_t ticks, uint64_t late_us);

#endif
