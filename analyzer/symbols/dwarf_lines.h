/* SPDX-License-Identifier: Apache-2.0 */
/* File tables and line tables of units, read when first asked for. */
#ifndef HST_SYMBOLS_DWARF_LINES_H
#define HST_SYMBOLS_DWARF_LINES_H

#include "symbols/dwarf.h"

/* Frees what a unit has read. */
void hst_dwarf_unit_finish(struct hst_dwarf *dwarf, struct hst_dwarf_unit *unit);

/*
 * Joins a directory (may be NULL) and a path and takes out ".", ".." and doubled slashes; ".." at
 * the root stays at the root, leading ".." of a relative path stay. malloc'd, NULL: no memory.
 */
char *hst_path_join(const char *directory, const char *path);

#endif
