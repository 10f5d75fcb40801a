/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How types are written: as in C, with "(*)()" for functions. What a pointer points to is only named,
 * never looked into.
 */
#include "symbols/recipes_types.h"

#include <stdio.h>
#include <string.h>

#include "symbols/grow.h"

#define DEPTH_MAX  24
#define TEXT_BYTES 160

static const char *text_of(struct hst_recipe_types *types, uint64_t key, int depth);

static const char *kept(struct hst_recipe_types *types, const char *a, const char *b, const char *c)
{
	char buffer[TEXT_BYTES];

	(void)snprintf(buffer, sizeof buffer, "%s%s%s", a, b, c);
	return hst_arena_string(types->arena, buffer);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t bytes = strlen(end);

	return length >= bytes && strcmp(text + length - bytes, end) == 0;
}

/* "int *", "char **", "int (*)()" */
static const char *marked(struct hst_recipe_types *types, const char *to, const char *mark)
{
	if (ends_with(to, "(*)()") && strcmp(mark, "*") == 0) {
		return to;
	}
	return kept(types, to, ends_with(to, "*") ? "" : " ", mark);
}

static const char *qualified(struct hst_recipe_types *types, const char *to, const char *word)
{
	return ends_with(to, "*") ? kept(types, to, word, "") : kept(types, word, " ", to);
}

static const char *named(
	struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die, const char *word)
{
	const char *name = hst_types_name(dbg, die);
	bool plain = word[0] == '\0' || hst_types_unit(types, dbg, die).cplusplus;

	return kept(types, plain ? "" : word, plain ? "" : " ", name == NULL ? "{...}" : name);
}

static const char *compose(
	struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die, int depth)
{
	const char *to = "void";
	Dwarf_Half tag = hst_types_tag(dbg, die);
	uint64_t key;

	switch (tag) {
	case DW_TAG_base_type:
	case DW_TAG_typedef:
	case DW_TAG_unspecified_type:
		return named(types, dbg, die, "");
	case DW_TAG_structure_type:
		return named(types, dbg, die, "struct");
	case DW_TAG_class_type:
		return named(types, dbg, die, "class");
	case DW_TAG_union_type:
		return named(types, dbg, die, "union");
	case DW_TAG_enumeration_type:
		return named(types, dbg, die, "enum");
	default:
		break;
	}
	if (hst_types_reference(types->dwarf, dbg, die, DW_AT_type, &key)) {
		to = text_of(types, key, depth + 1);
	}
	if (to == NULL) {
		return NULL;
	}
	switch (tag) {
	case DW_TAG_pointer_type:
		return marked(types, to, "*");
	case DW_TAG_reference_type:
		return marked(types, to, "&");
	case DW_TAG_rvalue_reference_type:
		return marked(types, to, "&&");
	case DW_TAG_ptr_to_member_type:
		return marked(types, to, "::*");
	case DW_TAG_const_type:
		return qualified(types, to, "const");
	case DW_TAG_volatile_type:
		return qualified(types, to, "volatile");
	case DW_TAG_restrict_type:
		return to;
	case DW_TAG_atomic_type:
		return qualified(types, to, "_Atomic");
	case DW_TAG_array_type:
		return kept(types, to, "[]", "");
	case DW_TAG_subroutine_type:
		return kept(types, to, " (*)()", "");
	default:
		return "?";
	}
}

static const char *text_of(struct hst_recipe_types *types, uint64_t key, int depth)
{
	const char **slot;
	const char *text;
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die;
	uint32_t number;

	if (hst_map_get(&types->text_of, key, &number)) {
		return types->texts[number];
	}
	die = depth < DEPTH_MAX ? hst_die_at(types->dwarf, key, &dbg) : NULL;
	if (die == NULL) {
		return "?";
	}
	text = compose(types, dbg, die, depth);
	dwarf_dealloc_die(die);
	slot = hst_push(&types->texts, &types->text_count, &types->text_capacity, sizeof *slot);
	if (text == NULL || slot == NULL ||
		hst_map_put(&types->text_of, key, (uint32_t)(types->text_count - 1)) != HST_OK) {
		return NULL;
	}
	*slot = text;
	return text;
}

const char *hst_types_text(struct hst_recipe_types *types, uint64_t key)
{
	return text_of(types, key, 0);
}
