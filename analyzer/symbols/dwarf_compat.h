/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows which libdwarf this is. Before 0.1 (Debian 12 has 20210528) opening,
 * closing and freeing ranges took other arguments, and there was no version macro, which is how
 * the two are told apart. All other calls used in this folder are the same in both.
 */
#ifndef HST_SYMBOLS_DWARF_COMPAT_H
#define HST_SYMBOLS_DWARF_COMPAT_H

#include <stdbool.h>
#include <stddef.h>
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

/* One operation of a location expression, with its operands as the library gives them. */
struct hst_compat_op {
	uint8_t atom;
	uint64_t a, b;
};

#define HST_COMPAT_OPS_MAX 48

struct hst_compat_location {
	bool listed; /* it holds for a range of addresses, not for all of its scope */
	size_t count;
	struct hst_compat_op ops[HST_COMPAT_OPS_MAX];
};

enum hst_compat_found {
	HST_COMPAT_FOUND,
	HST_COMPAT_NOT_HERE, /* a list, but nothing in it for this address */
	HST_COMPAT_DAMAGED,
	HST_COMPAT_TOO_LONG,
};

/* What a location attribute (an expression or a list of them) says about the code address `pc`. */
enum hst_compat_found hst_compat_location(Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t pc,
	struct hst_compat_location *ret_location);

#endif
