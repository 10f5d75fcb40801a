/* SPDX-License-Identifier: Apache-2.0 */
/* What other hooks need of the function hooks: the way in past the guard, and the slow paths. */
#ifndef HST_HOOKS_FUNCTION_H
#define HST_HOOKS_FUNCTION_H

#include "core/stream.h"
#include "stacks/shadow.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The stream that a hook with this stack pointer writes to, with its guard set: the thread's own, or lane 1.
 * NULL: record nothing. The caller sets guard to 0 when done.
 */
struct hst_stream *hst_stream_enter(uint64_t sp);

/* Enter and exit with all repairs. `cfa_known` 0: find the frame address. */
void hst_enter(struct hst_stream *stream, const struct hst_call *call, uint64_t cfa_known);
void hst_exit(struct hst_stream *stream, const struct hst_call *call);

/* Ends the innermost region of the function that runs with this stack pointer. */
void hst_exit_region(struct hst_stream *stream, uint64_t sp);

#endif
