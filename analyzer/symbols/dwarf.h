/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DWARF says about one file, flattened into tables. Opening reads the entries of the units alone;
 * what lies in a unit is read when an address of it is asked for (a C library has 1,700 units, and a
 * report needs three):
 *
 *   body     a piece of machine code made from a function; its ranges are consecutive in `ranges`
 *   inline   one range of an inlined instance
 *   origin   the function that a body or an instance was made from: names, declaration, identity
 *
 * Line tables and file names are read when asked for. Strings are borrowed from libdwarf or from
 * the object and live until hst_dwarf_close. Not thread-safe.
 */
#ifndef HST_SYMBOLS_DWARF_H
#define HST_SYMBOLS_DWARF_H

#include "symbols/elf_file.h"
#include "util/map.h"

struct hst_dwarf_origin {
	uint64_t root;       /* the same for all that were made from one function of one unit */
	const char *linkage; /* NULL: none */
	const char *name;    /* DW_AT_name, NULL: none */
	uint32_t unit;       /* of `file`, UINT32_MAX: unknown */
	uint32_t file;       /* number in the unit's file table */
	uint32_t line;       /* 0: unknown */
};

struct hst_dwarf_body {
	uint64_t entry;
	uint64_t die; /* its key, see dwarf_die.h */
	uint32_t origin;
	uint32_t first_range, range_count;
};

struct hst_dwarf_inline {
	uint64_t lo, hi;
	uint64_t max_hi; /* of this and all before it: where a search backwards may stop */
	uint64_t die;    /* its key, see dwarf_die.h */
	uint32_t origin;
};

/* A compilation unit, or one of dwz's partial units when something in it was needed. */
struct hst_dwarf_unit {
	uint64_t die;  /* key of its DIE, see dwarf_die.h */
	uint64_t base; /* that its range lists count from */
	uint16_t version;
	bool walked;
	bool files_read;
	bool lines_read;
	const char *directory; /* DW_AT_comp_dir, NULL unknown */
	char **raw_files;      /* of libdwarf */
	char **files;          /* made absolute when asked for, NULL not yet */
	uint32_t file_count;
	struct hst_dwarf_row *rows; /* ascending address */
	size_t row_count;
};

struct hst_dwarf_place {
	uint64_t lo, hi;
	uint64_t max_hi; /* of this and all before it */
	uint32_t unit;
};

struct hst_dwarf_row {
	uint64_t address;
	uint32_t file;
	uint32_t line;
	uint32_t order; /* in the table: later rows of one address win */
	bool end;       /* of a sequence: nothing is known from here on */
};

struct hst_dwarf {
	void *dbg; /* Dwarf_Debug */
	void *alt; /* Dwarf_Debug of the file that dwz moved shared parts to, or NULL */
	int alt_fd;
	bool damaged; /* something could not be read, or a limit was met */
	/* gcc's link-time optimization made units of its own: a function's pieces may lie in several of them, so that
	 * one alone does not tell whose they are. */
	bool whole;
	const struct hst_elf *elf; /* of the program: what is code */

	struct hst_dwarf_origin *origins;
	size_t origin_count, origin_capacity;
	struct hst_map origin_of; /* DIE -> origin */
	struct hst_dwarf_body *bodies;
	size_t body_count, body_capacity;
	struct hst_span *ranges;
	size_t range_count, range_capacity;
	struct hst_dwarf_inline *inlines; /* ascending lo */
	size_t inline_count, inline_capacity;

	struct hst_dwarf_unit *units;
	size_t unit_count, unit_capacity;
	struct hst_map unit_of;         /* DIE of a unit -> unit */
	struct hst_dwarf_place *places; /* which unit an address belongs to, ascending */
	size_t place_count, place_capacity;
	struct hst_span *frames; /* after hst_dwarf_read_frames */
	size_t frame_count, frame_capacity;
	/* What may still be read: many entries may share one list, many units one table. */
	uint64_t range_budget;
	uint64_t row_budget;
	uint64_t file_budget;
};

/*
 * Reads which units the file open at `fd` has (which stays the caller's and must outlive the object) and
 * where their code lies in `elf`; a unit that does not say so is read at once. `alt_fd` (-1: none) is
 * taken over. HST_E_NO_DEBUG if libdwarf cannot read it, HST_E_MEMORY; then nothing needs closing.
 */
HST_NODISCARD enum hst_status hst_dwarf_open(
	int fd, int alt_fd, const struct hst_elf *elf, struct hst_dwarf *ret_dwarf);
/* Accepts a zeroed object. */
void hst_dwarf_close(struct hst_dwarf *dwarf);

/*
 * Reads functions and inlined instances of the units that these addresses (ascending) lie in. *ret_more: tables
 * have grown; indices into `bodies`, `ranges` and `origins` stay as they were, `inlines` are sorted
 * anew. HST_E_MEMORY: some may be missing.
 */
HST_NODISCARD enum hst_status hst_dwarf_read(
	struct hst_dwarf *dwarf, const uint64_t *addresses, size_t count, bool *ret_more);
/* The same of all units. */
HST_NODISCARD enum hst_status hst_dwarf_read_all(struct hst_dwarf *dwarf, bool *ret_more);

/* Were both made from one function, perhaps as seen by two units? */
bool hst_dwarf_same_origin(const struct hst_dwarf_origin *a, const struct hst_dwarf_origin *b);

/* How many of `places` begin at or before the address: those that can contain it are the last of them. */
size_t hst_dwarf_places_before(const struct hst_dwarf *dwarf, uint64_t address);

/* Reads the code ranges of .eh_frame into `frames`. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_dwarf_read_frames(struct hst_dwarf *dwarf);

/* The absolute path of a file of a unit, NULL if unknown. */
const char *hst_dwarf_file(struct hst_dwarf *dwarf, uint32_t unit, uint32_t file);

/* File and line of a code address. false: unknown. */
bool hst_dwarf_line(
	struct hst_dwarf *dwarf, uint64_t address, const char **ret_file, uint32_t *ret_line);

#endif
