/* SPDX-License-Identifier: Apache-2.0 */
/* Types of arguments and results as the debug information describes them, as far as reading needs. */
#ifndef HST_SYMBOLS_RECIPES_TYPES_H
#define HST_SYMBOLS_RECIPES_TYPES_H

#include "symbols/dwarf_die.h"
#include "symbols/recipes.h"

enum hst_recipe_kind {
	HST_TYPE_VOID,
	HST_TYPE_WHOLE, /* integer, bool, enum, pointer, reference */
	HST_TYPE_FLOAT,
	HST_TYPE_PARTS, /* structures and the like, up to 16 bytes */
	HST_TYPE_NONE,  /* cannot be read: `reason` */
};

struct hst_recipe_type {
	const char *text;
	uint64_t size;
	uint16_t used;   /* bit per byte that has a meaning */
	uint16_t floats; /* of which are floating point */
	uint8_t kind;    /* enum hst_recipe_kind */
	uint8_t reason;  /* enum hst_recipe_reason, of NONE */
	bool is_signed, is_bool, is_float;
	bool by_value;   /* a class that says it is passed by value */
	bool class_type; /* structure, class or union */
	struct hst_recipe_shape shape;
};

/* What a compilation unit says about itself. */
struct hst_recipe_unit {
	bool clang, cplusplus;
};

/* Types and units that were looked up. */
struct hst_recipe_types {
	struct hst_dwarf *dwarf;
	struct hst_arena *arena;
	struct hst_map type_of; /* key of a DIE -> type */
	struct hst_recipe_type **types;
	size_t type_count, type_capacity;
	struct hst_map text_of; /* key -> text */
	const char **texts;
	size_t text_count, text_capacity;
	struct hst_map unit_of;
	struct hst_recipe_unit *units;
	size_t unit_count, unit_capacity;
};

void hst_types_finish(struct hst_recipe_types *types);

/* The type of the DIE `key`; the same pointer for the same key. NULL: out of memory. */
const struct hst_recipe_type *hst_types_get(struct hst_recipe_types *types, uint64_t key);
/* How the type of the DIE `key` is written; NULL: out of memory. */
const char *hst_types_text(struct hst_recipe_types *types, uint64_t key);
/* "void" */
extern const struct hst_recipe_type hst_type_void;
/* "?": the debug information does not say */
extern const struct hst_recipe_type hst_type_unknown;

/* Of the unit that the DIE belongs to. */
struct hst_recipe_unit hst_types_unit(
	struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die);

/* What its DIE says of the form of a value (recipes_shape.c); false: no memory. */
void hst_shape_base(Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape);
void hst_shape_pointer(
	struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape);
bool hst_shape_enum(
	struct hst_arena *arena, Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape);

/* The flags of hst_plan_piece.content for a scalar of this type. */
uint8_t hst_recipe_content(const struct hst_recipe_type *type);

/* Attributes of a DIE. false or NULL: it has none of that number, or of another form. */
bool hst_types_reference(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die,
	Dwarf_Half number, uint64_t *ret_key);
bool hst_types_number(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number, int64_t *ret_value);
bool hst_types_has(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number);
/* What a location attribute says about `pc`; NOT_HERE if there is none. */
enum hst_compat_found hst_types_location(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number,
	uint64_t pc, struct hst_compat_location *ret_location);
const char *hst_types_name(Dwarf_Debug dbg, Dwarf_Die die);
Dwarf_Half hst_types_tag(Dwarf_Debug dbg, Dwarf_Die die);
/* Key of a DIE, 0 if it has none. */
uint64_t hst_types_key(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die);
/* The first child, or (`before` is not NULL) the one behind it; the caller frees both. */
Dwarf_Die hst_types_child(Dwarf_Debug dbg, Dwarf_Die parent, Dwarf_Die before);

#endif
