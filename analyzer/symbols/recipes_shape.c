/* SPDX-License-Identifier: Apache-2.0 */
/* The form of values: what a pointer points to, names of an enumeration. Nothing of it is needed to read a value. */
#include "symbols/recipes_types.h"

#include <string.h>

#define DEPTH_MAX 24
#define NAMES_MAX 4096u

void hst_shape_base(Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape)
{
	const char *name = hst_types_name(dbg, die);
	int64_t encoding = 0;

	(void)hst_types_number(dbg, die, DW_AT_encoding, &encoding);
	switch (encoding) {
	case DW_ATE_boolean:
		shape->form = HST_FORM_BOOL;
		break;
	case DW_ATE_float:
		shape->form = HST_FORM_FLOAT;
		break;
	case DW_ATE_signed:
		shape->form = HST_FORM_SIGNED;
		break;
	case DW_ATE_unsigned:
		shape->form = HST_FORM_UNSIGNED;
		break;
	case DW_ATE_signed_char:
	case DW_ATE_unsigned_char:
		/* signed char and unsigned char are small numbers */
		if (name != NULL && strcmp(name, "char") == 0) {
			shape->form = HST_FORM_CHAR;
		} else {
			shape->form = encoding == DW_ATE_signed_char ? HST_FORM_SIGNED
								     : HST_FORM_UNSIGNED;
		}
		break;
	default:
		break;
	}
}

/* Of the type that a pointer points to, without qualifiers. */
static enum hst_recipe_target target_of(Dwarf_Debug dbg, Dwarf_Die die)
{
	const char *name = hst_types_name(dbg, die);
	int64_t size = 0;

	if ((hst_types_tag(dbg, die) != DW_TAG_base_type &&
		    hst_types_tag(dbg, die) != DW_TAG_enumeration_type) ||
		!hst_types_number(dbg, die, DW_AT_byte_size, &size) || size != 1) {
		return HST_TARGET_OTHER;
	}
	return name != NULL && strcmp(name, "char") == 0 ? HST_TARGET_TEXT : HST_TARGET_BYTES;
}

void hst_shape_pointer(
	struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape)
{
	Dwarf_Die at = NULL;
	uint64_t key;

	shape->form = HST_FORM_POINTER;
	shape->target = HST_TARGET_BYTES; /* what has no type is void */
	for (int i = 0; i < DEPTH_MAX; i++) {
		Dwarf_Half tag;
		bool more =
			hst_types_reference(dwarf, dbg, at == NULL ? die : at, DW_AT_type, &key);

		if (at != NULL) {
			dwarf_dealloc_die(at);
			at = NULL;
		}
		if (!more) {
			return;
		}
		at = hst_die_at(dwarf, key, &dbg);
		tag = at == NULL ? 0 : hst_types_tag(dbg, at);
		shape->target_const |= tag == DW_TAG_const_type;
		if (tag != DW_TAG_const_type && tag != DW_TAG_typedef &&
			tag != DW_TAG_restrict_type) {
			break; /* what is volatile changes by itself: any other type */
		}
	}
	shape->target = HST_TARGET_OTHER;
	if (at != NULL) {
		shape->target = (uint8_t)target_of(dbg, at);
		dwarf_dealloc_die(at);
	}
}

/* Names of an enumeration, with room for more. */
struct names {
	struct hst_recipe_enum *items;
	uint32_t count, room;
};

/* false: no memory */
static bool add_name(
	struct hst_arena *arena, struct names *names, const struct hst_recipe_enum *item)
{
	if (names->count == names->room) {
		uint32_t room = names->room == 0 ? 8 : 2 * names->room;
		struct hst_recipe_enum *more = hst_arena_array(arena, room, sizeof *more);

		if (more == NULL) {
			return false;
		}
		if (names->count != 0) {
			memcpy(more, names->items, names->count * sizeof *more);
		}
		names->items = more;
		names->room = room;
	}
	names->items[names->count++] = *item;
	return true;
}

bool hst_shape_enum(
	struct hst_arena *arena, Dwarf_Debug dbg, Dwarf_Die die, struct hst_recipe_shape *shape)
{
	Dwarf_Die child = hst_types_child(dbg, die, NULL);
	struct names names = { 0 };
	bool good = true;

	while (child != NULL) {
		struct hst_recipe_enum item = { .name = hst_types_name(dbg, child) };
		bool more;
		Dwarf_Die next;

		if (hst_types_tag(dbg, child) == DW_TAG_enumerator && item.name != NULL &&
			hst_types_number(dbg, child, DW_AT_const_value, &item.value)) {
			good = add_name(arena, &names, &item);
		}
		more = good && names.count < NAMES_MAX;
		next = more ? hst_types_child(dbg, die, child) : NULL;
		dwarf_dealloc_die(child);
		child = next;
	}
	shape->form = HST_FORM_ENUM;
	shape->enums = names.count;
	shape->names = names.items;
	return good;
}
