/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libelf tells about one file: kind, notes, links to debug files, function symbols. Every
 * offset and length is hostile: libelf checks them against the file, we cap what it returns.
 */
#ifndef HST_SYMBOLS_ELF_FILE_H
#define HST_SYMBOLS_ELF_FILE_H

#include "util/status.h"

#include <stdbool.h>
#include <stdint.h>

/* More is no program that we could hold, and libdwarf is only exercised on smaller files. */
#define HST_ELF_BYTES_MAX   (UINT64_C(4) << 30)
#define HST_ELF_SYMBOLS_MAX (UINT32_C(16) << 20)
#define HST_BUILD_ID_MAX    64u
#define HST_SYMBOL_GLOBAL   UINT32_MAX

struct hst_span {
	uint64_t lo, hi; /* hi is outside */
};

/* A defined function symbol in an executable section. */
struct hst_symbol {
	uint64_t address;
	uint64_t bytes;   /* 0: not stated */
	const char *name; /* borrowed from the file */
	uint32_t file;    /* which STT_FILE it follows: tells static functions of one name apart;
			     HST_SYMBOL_GLOBAL if it is not static */
	uint8_t bind;     /* STB_* */
};

struct hst_build_id {
	uint8_t bytes[HST_BUILD_ID_MAX];
	size_t count; /* 0: none */
};

struct hst_elf {
	int fd;
	void *handle;   /* Elf * */
	uint32_t flags; /* HST_IMAGE_* as far as this file alone decides */
	bool has_debug_info;
	uint64_t file_bytes;
	uint64_t unpacked_bytes; /* of compressed debug sections */
	struct hst_build_id build_id;
	char debuglink[256]; /* base name, empty: none */
	uint32_t debuglink_crc;
	char altlink[1024]; /* of dwz, empty: none */
	struct hst_build_id alt_build_id;
	struct hst_span *exec; /* executable sections, ascending */
	size_t exec_count, exec_capacity;
	struct hst_symbol *symbols; /* after hst_elf_read_symbols */
	size_t symbol_count, symbol_capacity;
	uint32_t files;       /* STT_FILE symbols seen */
	uint64_t name_budget; /* bytes of names that may still be read: names can share bytes */
};

/*
 * Opens `path` (a regular file) and reads everything but the symbols. HST_E_IO, HST_E_NOT_OURS
 * (not ELF), HST_E_UNSUPPORTED (an object file, a core, too large), with a sentence.
 * On success the caller owns *ret_elf until hst_elf_close.
 */
HST_NODISCARD enum hst_status hst_elf_open(
	const char *path, struct hst_elf *ret_elf, struct hst_diag *diag);
/* Accepts a zeroed object. */
void hst_elf_close(struct hst_elf *elf);

/* Appends the function symbols of .symtab and .dynsym. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_elf_read_symbols(struct hst_elf *elf);

/* Does the address lie in an executable section? *ret_span (may be NULL) is that section. */
bool hst_elf_is_code(const struct hst_elf *elf, uint64_t address, struct hst_span *ret_span);

#endif
