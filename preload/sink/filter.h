/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What not to record. Names were resolved by the analyzer into the plan, a table of entry points per
 * build id; without it only patterns of modules can be obeyed.
 *
 * A call is judged once: the first time a function is seen in a chunk. One that is left out goes
 * into a set keyed by its address, which is all that the hot path looks at.
 */
#ifndef HST_SINK_FILTER_H
#define HST_SINK_FILTER_H

#include "core/attr.h"
#include "core/offsets.h"
#include "core/options.h"
#include "sink/modules.h"

#include <stdbool.h>
#include <stdint.h>

#define HST_EXCLUDED_SLOTS 65536u

static_assert(HST_EXCLUDED_SLOTS == 1ull << (64 - HST_EXCLUDED_SHIFT), "all of the hash");

/* The set: open addressing, at most half full. NULL while nothing can be left out. */
extern HST_HIDDEN uint64_t *hst_excluded;

/* Reads the plan and the patterns, once, at process start. Returns flags for the file header. */
uint32_t hst_filter_start(const struct hst_options *options);

/* Why hooks look before they record. */
enum hst_filter_reason {
	HST_FILTER_RULES = 1u << 0,  /* filters, or recipes for arguments */
	HST_FILTER_COUNTS = 1u << 1, /* functions are counted, or exits left out */
	HST_FILTER_MEMO = 1u << 2,   /* functions are answered from caches */
	HST_FILTER_ONLY = 1u << 3,   /* nothing is recorded */
};

/* Makes the set, empty, if there is none: from then on all hooks look before they record. */
void hst_filter_open(enum hst_filter_reason reason);

/* The reason is gone; without another one hooks are as quick as without any. */
void hst_filter_close(enum hst_filter_reason reason);

/* Gives a module its rules. */
void hst_filter_module(struct hst_loaded *module, const char *path, const uint8_t *build_id,
	uint8_t build_id_bytes);

/* Is this function left out? Slow; remembers the answer for the hot path when it is yes. */
bool hst_filter_judge(uint64_t fn);

/* Forgets all answers: addresses may be used again after a dlclose. */
void hst_filter_forget(void);

static inline uint32_t hst_excluded_slot(uint64_t fn)
{
	return (uint32_t)((fn * HST_EXCLUDED_FACTOR) >> HST_EXCLUDED_SHIFT);
}

/* The hot path's question. */
static inline __attribute__((always_inline)) bool hst_filter_excludes(uint64_t fn)
{
	const uint64_t *set = hst_excluded;
	uint32_t slot;

	if (__builtin_expect(set == NULL, 1)) {
		return false;
	}
	for (slot = hst_excluded_slot(fn); set[slot] != 0; slot = (slot + 1) % HST_EXCLUDED_SLOTS) {
		if (set[slot] == fn) {
			return true;
		}
	}
	return false;
}

#endif
