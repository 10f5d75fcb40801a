/* SPDX-License-Identifier: Apache-2.0 */
/* One debugging information entry (DIE): its attributes, and the function it came from. */
#ifndef HST_SYMBOLS_DWARF_DIE_H
#define HST_SYMBOLS_DWARF_DIE_H

#include "symbols/dwarf.h"
#include "symbols/dwarf_compat.h"

/* A DIE is named by its offset; this bit says that it is in the file that dwz made. */
#define HST_DIE_ALT (UINT64_C(1) << 63)

struct hst_die_facts {
	const char *name;
	const char *linkage;
	const char *directory;
	uint64_t low, high; /* high: absolute */
	uint64_t entry;
	uint64_t origin; /* key of the DIE that this one completes */
	uint32_t file;
	uint32_t line;
	bool has_low, has_high, has_entry, has_origin, has_ranges, has_file;
};

/*
 * Reads the attributes of a DIE of `dbg` (dwarf->dbg or dwarf->alt). The ranges of DW_AT_ranges go
 * to `range_fn` (may be NULL) with `context`; `version` and `base` are of its unit.
 * What cannot be read is left out and marks `dwarf` as damaged.
 */
struct hst_die_reader {
	struct hst_dwarf *dwarf;
	unsigned version;
	uint64_t base;
	hst_compat_range_fn *range_fn;
	void *context;
};
void hst_die_read(const struct hst_die_reader *reader, Dwarf_Debug dbg, Dwarf_Die die,
	struct hst_die_facts *ret_facts);

/* The DIE named by `key`; the caller frees it by dwarf_dealloc_die. NULL: there is none. */
Dwarf_Die hst_die_at(struct hst_dwarf *dwarf, uint64_t key, Dwarf_Debug *ret_dbg);

/* The key of the DIE that an attribute refers to. false: it is no reference. */
bool hst_die_reference(
	const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Attribute attr, uint64_t *ret_key);
/* The text of an attribute, NULL: none. Borrowed from libdwarf. */
const char *hst_die_string(Dwarf_Debug dbg, Dwarf_Attribute attr);

/* Index in dwarf->origins of the function that the DIE `key` is or completes. false: no memory. */
bool hst_die_origin(struct hst_dwarf *dwarf, uint64_t key, uint32_t *ret_origin);

/* Index in dwarf->units of the unit whose DIE is `key`, made if new. false: no memory. */
bool hst_die_unit(struct hst_dwarf *dwarf, uint64_t key, unsigned version, uint32_t *ret_unit);

#endif
