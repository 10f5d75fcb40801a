/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over entries of .debug_info that fills the tables of struct hst_dwarf. */
#ifndef HST_SYMBOLS_DWARF_WALK_H
#define HST_SYMBOLS_DWARF_WALK_H

#include "symbols/dwarf_die.h"

struct hst_dwarf_walk {
	struct hst_dwarf *dwarf;
	Dwarf_Debug dbg;
	struct hst_die_reader reader;
	uint64_t last; /* offset of the entry before */
	uint32_t unit;
	bool no_memory;
	bool more;    /* a unit was read */
	bool nowhere; /* a unit does not say where its code lies */
	/* What the ranges of the entry at hand become. */
	enum {
		HST_WALK_BODY,
		HST_WALK_INLINE,
		HST_WALK_UNIT,
		HST_WALK_FRAME
	} purpose;
	size_t first_range;
	size_t first_inline;
};

/* Keeps one range of the entry at hand, if it is code that is there (a hst_compat_range_fn; `context` is the walk). */
bool hst_walk_range(void *context, uint64_t lo, uint64_t hi);

/* Reads an entry's attributes; its ranges go to where `purpose` says. */
void hst_walk_read(struct hst_dwarf_walk *walk, Dwarf_Die die, struct hst_die_facts *facts);

/* The entry behind `die`, NULL: the first one of the unit whose header was just read. The caller frees it. */
Dwarf_Die hst_walk_sibling(struct hst_dwarf_walk *walk, Dwarf_Die die);

/* Visits everything below a unit's entry. */
void hst_walk_unit(struct hst_dwarf_walk *walk, Dwarf_Die top);

#endif
