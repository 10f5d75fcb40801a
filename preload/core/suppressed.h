/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that are not recorded any more, since the user set a limit to what recording may cost: plain data, made by
 * apply/throttle.c, asked by whoever meets a function. Any thread may read; entries are never taken out.
 */
#ifndef HST_CORE_SUPPRESSED_H
#define HST_CORE_SUPPRESSED_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_SUPPRESSED_MAX   1024u
#define HST_SUPPRESSED_SLOTS 4096u

enum hst_suppressed_state {
	HST_FN_RECORDED = 0, /* like any other: its module went, or was never disarmed */
	HST_FN_SUPPRESSED =
		1, /* its call sites are disarmed, but for the windows in which all are armed again */
	HST_FN_COUNTED = 2, /* its calls are counted and nothing else */
};

/* Jumps to the exit hook at a function's end. */
enum hst_jumps {
	HST_JUMPS_UNKNOWN = 0, /* none came yet */
	HST_JUMPS_NOTED = 1,   /* to be disarmed in a moment */
	HST_JUMPS_LISTED = 2,  /* among the sites */
};

struct hst_suppressed {
	uint64_t fn;    /* 0: free */
	uint32_t state; /* enum hst_suppressed_state */
	uint32_t sites; /* index + 1 of its first known call site, 0 none */
	uint16_t counter;
	bool tail;  /* an exit hook of it cannot be disarmed: to be left out as quickly as can be */
	bool stuck; /* an enter hook cannot be disarmed, nor the calls be counted */
	uint8_t jumps; /* enum hst_jumps */
	uint8_t late;  /* exits that came by a jump all the same */
};

extern HST_HIDDEN struct hst_suppressed *hst_suppressed; /* NULL while there is none */
extern HST_HIDDEN uint32_t hst_suppressed_window;        /* not 0: all are armed, and recorded */

HST_INLINE uint32_t hst_suppressed_slot(uint64_t fn)
{
	return (uint32_t)((fn * 0x9e3779b97f4a7c15ull) >> 52);
}

/* NULL: not met. */
HST_INLINE struct hst_suppressed *hst_suppressed_find(uint64_t fn)
{
	struct hst_suppressed *table = hst_suppressed;
	uint32_t slot = hst_suppressed_slot(fn);

	if (HST_LIKELY(table == NULL)) {
		return NULL;
	}
	for (; __atomic_load_n(&table[slot].fn, __ATOMIC_ACQUIRE) != 0;
		slot = (slot + 1) % HST_SUPPRESSED_SLOTS) {
		if (table[slot].fn == fn) {
			return &table[slot];
		}
	}
	return NULL;
}

/* Is an event of this function to be left out now? */
HST_INLINE bool hst_suppressed_now(const struct hst_suppressed *entry)
{
	uint32_t state = __atomic_load_n(&entry->state, __ATOMIC_RELAXED);

	return state == HST_FN_COUNTED ||
	       (state == HST_FN_SUPPRESSED &&
		       __atomic_load_n(&hst_suppressed_window, __ATOMIC_RELAXED) == 0);
}

HST_INLINE bool hst_is_suppressed(uint64_t fn)
{
	const struct hst_suppressed *entry = hst_suppressed_find(fn);

	return entry != NULL && hst_suppressed_now(entry);
}

#endif
