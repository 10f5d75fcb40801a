/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to names. One struct hst_image per ELF file (and its debug file), opened once, closed
 * at the end. libelf for symbols and notes, libdwarf behind dwarf_compat.h for functions, ranges,
 * inlined instances and lines. Everything an image hands out is borrowed and lives as long as it.
 * Not thread-safe per image.
 */
#ifndef HST_SYMBOLS_SYMBOLS_H
#define HST_SYMBOLS_SYMBOLS_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function, one per definition; all addresses are those of the file (without bias). */
struct hst_function {
	uint64_t address; /* entry point: lowest symbol address or DW_AT_low_pc/entry_pc */
	/* As in the symbol table; never NULL ("0x1234", the offset, if stripped). */
	const char *linkage;
	const char *name; /* demangled, short: no arguments or template arguments, for tables */
	const char *full; /* demangled, full */
	/* As written in DWARF, made absolute with comp_dir, without "." and ".." (relative only if the
	 * compiler was told to make it so); NULL unknown. */
	const char *file;
	uint32_t line; /* of the declaration, 0 unknown */
	bool from_dwarf;
};

struct hst_image;

enum {
	HST_IMAGE_HAS_SYMTAB = 1u << 0, /* in the file or its debug file */
	HST_IMAGE_HAS_DYNSYM = 1u << 1,
	HST_IMAGE_HAS_DWARF = 1u << 2,  /* in the file or its debug file, and readable */
	HST_IMAGE_HAS_HOOKS = 1u << 3,  /* refers to __cyg_profile_func_enter */
	HST_IMAGE_STRIPPED = 1u << 4,   /* no symbol table, not even in a debug file */
	HST_IMAGE_DEBUG_FILE = 1u << 5, /* debug information came from a separate file */
	/* The file changed since it was recorded: names are refused. */
	HST_IMAGE_BUILD_ID_DIFFERS = 1u << 6,
	HST_IMAGE_ZSTD_DEBUG = 1u << 7, /* compressed in a way this libdwarf cannot read */
	HST_IMAGE_STATIC = 1u << 8,     /* no PT_INTERP: LD_PRELOAD cannot work */
	HST_IMAGE_32BIT = 1u << 9,
	HST_IMAGE_ASAN = 1u << 10,
	HST_IMAGE_DEFINES_HOOKS = 1u << 11, /* has its own hook functions: ours are not called */
	/* Part of the debug information could not be read. Known after the first question. */
	HST_IMAGE_DEBUG_DAMAGED = 1u << 12,
};

/*
 * Opens the ELF file. `build_id` (may be NULL) is what the trace says; when the file has another,
 * BUILD_ID_DIFFERS is set and no names are given. Names and DWARF are read at the first question, so
 * that looking at the flags is cheap. HST_E_IO, HST_E_NOT_OURS (not ELF), HST_E_UNSUPPORTED (an
 * object file, larger than 4 GiB), HST_E_MEMORY, with a sentence. The caller closes *ret_image.
 */
HST_NODISCARD enum hst_status hst_image_open(const char *path, const uint8_t *build_id,
	size_t build_id_bytes, struct hst_image **ret_image, struct hst_diag *diag);
/* Accepts NULL. */
void hst_image_close(struct hst_image *image);
/* HST_IMAGE_*. */
uint32_t hst_image_flags(const struct hst_image *image);
/* Bytes of the build-id note, 0 if none. */
size_t hst_image_build_id(const struct hst_image *image, const uint8_t **ret_bytes);

/*
 * The function whose entry point is `address`, else the one whose ranges contain it; NULL unknown.
 * A stripped file knows its functions by their unwind information: "0x1234" for a name.
 */
const struct hst_function *hst_image_function(struct hst_image *image, uint64_t address);

/* File and line of a code address (of `ret` - 1 for a return address). false: unknown. */
bool hst_image_line(
	struct hst_image *image, uint64_t address, const char **ret_file, uint32_t *ret_line);

/*
 * Is the enter hook with this return address part of an *inlined* instance of the function that
 * starts at `fn`? True if an inlined_subroutine made from that function covers `ret` - 1, or if
 * `ret` - 1 lies outside all ranges (hot, .cold, .part) of the function at `fn` and its clones
 * (.constprop, .isra, which hand the address of the original to the hook). When nothing is known at
 * `fn` (another module's copy): true if any inlined_subroutine covers `ret` - 1.
 * `ret_outer` (may be NULL): the concrete function around it, NULL unknown.
 */
bool hst_image_is_inlined(
	struct hst_image *image, uint64_t ret, uint64_t fn, const struct hst_function **ret_outer);

/* All functions, ascending address, one per entry point; for filters. Returns how many. */
size_t hst_image_functions(struct hst_image *image, const struct hst_function **ret_functions);

#endif
