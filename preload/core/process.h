/* SPDX-License-Identifier: Apache-2.0 */
/* What the preload knows of the process it lives in. Written at start and in a forked child only. */
#ifndef HST_CORE_PROCESS_H
#define HST_CORE_PROCESS_H

#include "core/attr.h"
#include "core/options.h"
#include "core/stream.h"

#include <stdint.h>

enum hst_process_state {
	HST_PROCESS_NEW = 0,
	HST_PROCESS_STARTING = 1,
	HST_PROCESS_ON = 2,
	HST_PROCESS_OFF = 3, /* disabled, not allowed, or no file could be made */
};

struct hst_process {
	uint32_t state; /* enum hst_process_state, atomic */
	uint32_t pid;
	uint32_t
		epoch; /* grows in a forked child: streams of another epoch belong to the parent's file */
	uint32_t
		early; /* calls of threads for which the start took too long, not yet in a ledger */
	uint64_t stack_end; /* of the main thread, 0 unknown */
	struct hst_options options;
	struct hst_window *alive; /* wiped by the kernel in a forked child: `seen` is 0 there */
};

extern HST_HIDDEN struct hst_process hst_process;

/*
 * A window in memory that a forked child finds zeroed. NULL when the kernel cannot (before 4.14) or no memory is left.
 * Windows are never given back.
 */
struct hst_window *hst_window_new(void);

#endif
