/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows which libdwarf this is. Before 0.1 (Debian 12 has 20210528) opening,
 * closing and freeing ranges took other arguments, and there was no version macro, which is how
 * the two are told apart. All other calls used in this folder are the same in both.
 */
#ifndef HST_SYMBOLS_DWARF_COMPAT_H
#define HST_SYMBOLS_DWARF_COMPAT_H

#include <stdbool.h>
#include <stdint.h>

#if __has_include(<libdwarf/libdwarf.h>)
# include <libdwarf/dwarf.h>
# include <libdwarf/libdwarf.h>
#else
# include <dwarf.h>
# include <libdwarf.h>
#endif

/* Opens the DWARF of an ELF file; `fd` stays the caller's and must outlive it. false: cannot. */
bool hst_compat_open(int fd, Dwarf_Debug *ret_dbg);
/* Accepts NULL. */
void hst_compat_close(Dwarf_Debug dbg);

/* Frees the error of a failed call, if there is one, and forgets it. */
void hst_compat_drop(Dwarf_Debug dbg, Dwarf_Error *error);

/*
 * Called for each range of a list. false stops the iteration.
 */
typedef bool hst_compat_range_fn(void *context, uint64_t lo, uint64_t hi);

/* DW_AT_ranges `attr` of `die`: .debug_ranges (`version` up to 4) or .debug_rnglists. */
struct hst_compat_list {
	Dwarf_Die die;
	Dwarf_Attribute attr;
	unsigned version; /* of the unit */
	uint64_t base;    /* low_pc of the unit */
};

/* Decodes a list into calls of `fn`. Empty ranges are left out. false: damaged. */
bool hst_compat_ranges(Dwarf_Debug dbg, const struct hst_compat_list *list, hst_compat_range_fn *fn,
	void *context);

/*
 * Calls `fn` for the code range of each frame description in .eh_frame: what is left of functions
 * in a stripped file. false: there is none or it is damaged.
 */
bool hst_compat_frames(Dwarf_Debug dbg, hst_compat_range_fn *fn, void *context);

#endif
