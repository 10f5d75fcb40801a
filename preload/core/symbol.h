/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions by name in what the loader has mapped. dlsym would not do: it takes the lock that a thread holds while it runs the
 * constructors of a plug-in, which may wait for us; it allocates the text of its errors; it replaces the program's
 * pending dlerror.
 */
#ifndef HST_CORE_SYMBOL_H
#define HST_CORE_SYMBOL_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Does the module contain the address? */
bool hst_symbol_within(const struct dl_phdr_info *module, const void *address);

/* From its first byte in memory to its last. */
void hst_symbol_range(const struct dl_phdr_info *module, uint64_t *ret_lo, uint64_t *ret_bytes);

/*
 * The function of this name that the module exports in its default version; NULL: none, or one that the loader chooses at run
 * time (IFUNC). Any thread, within a dl_iterate_phdr.
 */
void *hst_symbol_find(const struct dl_phdr_info *module, const char *name);

/* Is the library of this file name, "libgcc_s.so.1", one that the module names as needed? */
bool hst_symbol_needs(const struct dl_phdr_info *module, const char *library);

#endif
