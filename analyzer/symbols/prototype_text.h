/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations of C from debug information. */
#ifndef HST_SYMBOLS_PROTOTYPE_TEXT_H
#define HST_SYMBOLS_PROTOTYPE_TEXT_H

#include "symbols/recipes_types.h"

/*
 * How something of the type `key` (`has_key` false: void) that is called `inner` ("" nothing) is declared: "int (*inner)(void)".
 * "?" in it: the debug information does not say. NULL: out of memory.
 */
const char *hst_declaration(
	struct hst_recipe_types *types, bool has_key, uint64_t key, const char *inner);

/* The type beneath typedefs, const and the like; the tag is 0 if it is damaged. */
struct hst_plain_type {
	uint64_t key;
	bool has_key; /* false: void */
	bool is_const;
	Dwarf_Half tag;
};
struct hst_plain_type hst_plain_type(struct hst_recipe_types *types, bool has_key, uint64_t key);
/* The same beneath const and volatile alone: typedefs keep their names. */
struct hst_plain_type hst_unqualified_type(
	struct hst_recipe_types *types, bool has_key, uint64_t key);

#endif
