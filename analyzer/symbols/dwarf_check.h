/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for damage that libdwarf itself does not survive, before it sees the file. */
#ifndef HST_SYMBOLS_DWARF_CHECK_H
#define HST_SYMBOLS_DWARF_CHECK_H

#include "symbols/elf_file.h"

/*
 * Are the debug sections of the file sound enough to be given to libdwarf? Reads (and unpacks) the
 * tables whose readers in the library corrupt memory on damaged input.
 */
bool hst_dwarf_is_safe(const struct hst_elf *elf);

#endif
