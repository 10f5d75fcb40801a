/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the separate file that holds an ELF file's debug information. */
#ifndef HST_SYMBOLS_DEBUG_FILE_H
#define HST_SYMBOLS_DEBUG_FILE_H

#include "symbols/elf_file.h"

/* Where distributions put debug files. */
#define HST_DEBUG_ROOT "/usr/lib/debug"

/*
 * Opens the debug file of `elf`, which was opened from `path`: first by build-id below `root`
 * (.build-id/xx/yyy.debug), then the name in .gnu_debuglink next to the file, in .debug/ beside it
 * and below `root`. A candidate by build-id must carry the same build-id; one by name must have
 * the checksum of the link. false: none; else the caller closes *ret_debug.
 */
bool hst_debug_file_find(const struct hst_elf *elf, const char *path, const char *root,
	struct hst_elf *ret_debug, char ret_path[4096]);

/*
 * Opens the file that .gnu_debugaltlink of `elf` (opened from `path`) names, by that path and by
 * build-id below `root`; its build-id must be the one in the link. Returns a descriptor, -1: none.
 */
int hst_debug_file_alt(const struct hst_elf *elf, const char *path, const char *root);

/* The checksum of .gnu_debuglink over a whole file, read from its start. false: cannot be read. */
bool hst_debug_file_crc(int fd, uint32_t *ret_crc);

#endif
