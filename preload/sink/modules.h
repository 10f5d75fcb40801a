/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which modules (executable, shared libraries) are where, over time. The list has a generation,
 * which grows when a module comes or goes; each chunk names the generation it saw, so that an
 * address used again keeps both its names.
 *
 * Any thread. A thread that meets another one in the list does without: it asks again later.
 */
#ifndef HST_SINK_MODULES_H
#define HST_SINK_MODULES_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hst_loaded {
	uint64_t bias;
	uint64_t lo, hi;
	uint32_t generation; /* that has it first */
	bool alive;
	bool main; /* the executable */
	uint8_t build_id_bytes;
	uint8_t build_id[32];
	const char *path;       /* the loader's, or ours for a relative one */
	bool excluded;          /* every function of it, by the filter */
	const uint64_t *listed; /* file addresses of its functions in the plan's table, ascending */
	uint64_t listed_count;
	bool only_listed; /* those are the ones recorded; else those are left out */
};

/* Told of each module that comes or goes, by one thread at a time; set before the first update. NULL: nobody wants to know. */
extern HST_HIDDEN void (*hst_modules_came)(const struct hst_loaded *module);
extern HST_HIDDEN void (*hst_modules_went)(const struct hst_loaded *module);

/*
 * In a forked child: writes the parent's list into the child's file. The loader is not asked: another thread of the
 * parent may have held its lock when it forked, and nobody is left to release it.
 */
void hst_modules_inherit(void);

/*
 * Looks at the loader's list and notes what came and went. Takes the loader's list lock for a
 * moment, as dl_iterate_phdr does; not to be called from a hot path. Returns the generation.
 */
uint32_t hst_modules_update(void);

/* The module of an address, NULL unknown. Lock-free. */
const struct hst_loaded *hst_modules_find(uint64_t address);

/* The same; a module that is not in the list yet is looked for. */
const struct hst_loaded *hst_modules_know(uint64_t address);

uint32_t hst_modules_generation(void);

/* Does the loader count more that came or went than at the last update, or does something wait to be written? */
bool hst_modules_changed(void);

/* Keeps the list as it is, if nobody is changing it. false: somebody is, maybe the caller's caller. */
bool hst_modules_try_hold(void);
void hst_modules_let_go(void);

/* The process ends: tries once more to write what could not be written. */
void hst_modules_settle(void);

#endif
