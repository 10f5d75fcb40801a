/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of functions of an image: symbols and DWARF bodies joined by address.
 *
 *   symbols   foo  foo.cold  foo.part.0  bar (= foo, folded)      one function: foo, with the ranges
 *   bodies    foo [hot, cold]  foo.part.0                         of all four
 */
#ifndef HST_SYMBOLS_FUNCTIONS_H
#define HST_SYMBOLS_FUNCTIONS_H

#include "symbols/dwarf.h"
#include "symbols/symbols.h"

struct hst_function_range {
	uint64_t lo, hi;
	uint64_t max_hi; /* of this and all before it */
	uint32_t function;
};

/* What a function is known by besides what is shown. */
struct hst_function_source {
	const char *symbol;              /* borrowed from the ELF file, NULL: none */
	uint32_t origin;                 /* that names it, UINT32_MAX: no DWARF */
	uint32_t first_body, body_count; /* in body_order */
	bool named;                      /* name and full are filled in */
};

struct hst_functions {
	struct hst_function *items; /* ascending address */
	struct hst_function_source *sources;
	size_t count;
	struct hst_function_range *ranges; /* ascending lo */
	size_t range_count, range_capacity;
	uint32_t *body_order; /* bodies by function */
};

/*
 * Builds the table from the symbols of `elf` and (if not NULL) of `debug`, and from `dwarf` (may be
 * NULL); all must outlive it. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_functions_build(const struct hst_elf *elf,
	const struct hst_elf *debug, const struct hst_dwarf *dwarf,
	struct hst_functions *ret_functions);
/* Accepts a zeroed object. */
void hst_functions_finish(struct hst_functions *functions);

/* Index of the function that begins at the address, else contains it; UINT32_MAX: none. */
uint32_t hst_functions_at(const struct hst_functions *functions, uint64_t address);
/* Index of the function that begins at the address; UINT32_MAX: none. */
uint32_t hst_functions_entry(const struct hst_functions *functions, uint64_t address);

/*
 * Length of the name without the suffixes of pieces that belong to their function: ".cold",
 * ".part.N" and what follows it. The full length if it has none.
 */
size_t hst_functions_piece(const char *name);
/* Length of the name without any suffix that a compiler's clones get (".constprop.0", ...). */
size_t hst_functions_clone(const char *name);

#endif
