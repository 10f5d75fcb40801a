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

/* Where a module has its names. */
struct hst_symbols {
	uint64_t base;
	const uint32_t *hash; /* NULL: it has none that we can read */
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Half) * versions; /* NULL: none */
	const ElfW(Dyn) * entries;
};

/* Within a dl_iterate_phdr. */
struct hst_symbols hst_symbols_of(const struct dl_phdr_info *module);

/* As hst_symbol_find, for several names. */
void *hst_symbols_find(const struct hst_symbols *symbols, const char *name);

/*
 * The function of this name that the module exports in its default version; NULL: none, or one that the loader chooses at run
 * time (IFUNC). Any thread, within a dl_iterate_phdr.
 */
void *hst_symbol_find(const struct dl_phdr_info *module, const char *name);

/* Is the library of this file name, "libgcc_s.so.1", one that the module names as needed? */
bool hst_symbol_needs(const struct dl_phdr_info *module, const char *library);

#endif
