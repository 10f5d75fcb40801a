/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was not recorded, since the user set a limit to the cost of recording: which functions from when on, and the windows in
 * which they were recorded all the same.
 */
#ifndef HST_READER_THROTTLE_BLOCK_H
#define HST_READER_THROTTLE_BLOCK_H

#include "reader/trace_file.h"
#include "util/map.h"
#include "util/vec.h"

/* A time in which all suppressed functions were recorded. Ascending, apart from each other. */
struct hst_throttle_window {
	uint64_t open, close; /* ticks; close UINT64_MAX: until the end */
	uint32_t late_us;     /* it was to open so long before */
};

struct hst_throttled {
	uint64_t fn;
	uint32_t generation; /* of the module list */
	uint64_t off;        /* ticks from which on it was suppressed; UINT64_MAX never */
	uint64_t counted;    /* from which on it was counted; UINT64_MAX never */
	uint64_t calls;      /* counted and not recorded */
};

/* Of a file: more are left out of the list. */
#define HST_THROTTLED_MAX 2048u

struct hst_throttle_list {
	HST_VEC(struct hst_throttle_window) windows;
	HST_VEC(struct hst_throttled) functions;
	struct hst_map newest; /* fn -> index + 1 of its newest entry */
	uint32_t
		cut_at; /* there were more: from this generation on no count is believed; UINT32_MAX: all are there */
};

/* Reads the blocks of a file; what makes no sense in them is left out. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_throttle_read(
	const struct hst_trace_file *file, struct hst_throttle_list *ret_list);
void hst_throttle_finish(struct hst_throttle_list *list);

#endif
