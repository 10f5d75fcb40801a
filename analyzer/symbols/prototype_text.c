/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A declaration is written from the inside: each step of the type puts something around what is declared. Chains are
 * cut at a fixed depth: they may be circular in a damaged file.
 */
#include "symbols/prototype_text.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX  24
#define TEXT_BYTES 1024
#define LIST_MAX   64

/* One link of a chain of types. */
struct link {
	uint64_t key;
	Dwarf_Half tag;
	const char *name;
	int64_t count; /* of an array, -1 unknown */
	bool has_next;
	uint64_t next;
	bool cplusplus;
};

static const char *declare(
	struct hst_recipe_types *types, bool has_key, uint64_t key, const char *inner, int depth);

static bool read_link(struct hst_recipe_types *types, uint64_t key, struct link *ret_link)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(types->dwarf, key, &dbg);
	Dwarf_Die range;

	if (die == NULL) {
		return false;
	}
	*ret_link = (struct link){ .key = key, .count = -1 };
	ret_link->tag = hst_types_tag(dbg, die);
	ret_link->name = hst_types_name(dbg, die);
	ret_link->cplusplus = hst_types_unit(types, dbg, die).cplusplus;
	ret_link->has_next =
		hst_types_reference(types->dwarf, dbg, die, DW_AT_type, &ret_link->next);
	range = ret_link->tag == DW_TAG_array_type ? hst_types_child(dbg, die, NULL) : NULL;
	if (range != NULL) {
		if (hst_types_number(dbg, range, DW_AT_upper_bound, &ret_link->count)) {
			ret_link->count++;
		} else {
			(void)hst_types_number(dbg, range, DW_AT_count, &ret_link->count);
		}
		dwarf_dealloc_die(range);
	}
	dwarf_dealloc_die(die);
	return true;
}

static bool is_qualifier(Dwarf_Half tag)
{
	return tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
	       tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

static struct hst_plain_type peel(
	struct hst_recipe_types *types, bool has_key, uint64_t key, bool typedefs)
{
	struct hst_plain_type type = { .key = key, .has_key = has_key };

	for (int i = 0; i < DEPTH_MAX && type.has_key; i++) {
		struct link link;

		if (!read_link(types, type.key, &link)) {
			return (struct hst_plain_type){ .key = key, .has_key = true };
		}
		type.tag = link.tag;
		if (!is_qualifier(link.tag) && !(typedefs && link.tag == DW_TAG_typedef)) {
			break;
		}
		type.is_const |= link.tag == DW_TAG_const_type;
		type.has_key = link.has_next;
		type.key = link.next;
	}
	return type;
}

struct hst_plain_type hst_plain_type(struct hst_recipe_types *types, bool has_key, uint64_t key)
{
	return peel(types, has_key, key, true);
}

struct hst_plain_type hst_unqualified_type(
	struct hst_recipe_types *types, bool has_key, uint64_t key)
{
	return peel(types, has_key, key, false);
}

static const char *text(struct hst_recipe_types *types, const char *a, const char *b, const char *c)
{
	char buffer[TEXT_BYTES];
	int length = snprintf(buffer, sizeof buffer, "%s%s%s", a, b, c);

	/* Half a declaration would be another one. */
	return hst_arena_string(
		types->arena, length < 0 || (size_t)length >= sizeof buffer ? "?" : buffer);
}

/* "long unsigned int", "struct point", "point" */
static const char *name_of(struct hst_recipe_types *types, const struct link *link)
{
	const char *word = "";

	if (link->name == NULL) {
		return "?";
	}
	if (link->tag == DW_TAG_structure_type) {
		word = "struct ";
	} else if (link->tag == DW_TAG_class_type) {
		word = "class ";
	} else if (link->tag == DW_TAG_union_type) {
		word = "union ";
	} else if (link->tag == DW_TAG_enumeration_type) {
		word = "enum ";
	} else if (strncmp(link->name, "complex ", 8) == 0) {
		return text(types, "_Complex ", link->name + 8, "");
	}
	return text(types, link->cplusplus ? "" : word, link->name, "");
}

static const char *with_mark(struct hst_recipe_types *types, const struct link *link,
	const char *mark, const char *inner, int depth)
{
	struct hst_plain_type to = hst_unqualified_type(types, link->has_next, link->next);
	bool around =
		to.has_key && (to.tag == DW_TAG_subroutine_type || to.tag == DW_TAG_array_type);
	const char *marked = text(types, around ? "(" : "", mark, inner);

	if (marked != NULL && around) {
		marked = text(types, marked, ")", "");
	}
	return marked == NULL ? NULL
			      : declare(types, link->has_next, link->next, marked, depth + 1);
}

static const char *with_qualifier(struct hst_recipe_types *types, const struct link *link,
	const char *word, const char *inner, int depth)
{
	struct hst_plain_type to = hst_unqualified_type(types, link->has_next, link->next);
	const char *rest;

	if (to.has_key && (to.tag == DW_TAG_pointer_type || to.tag == DW_TAG_ptr_to_member_type)) {
		const char *marked = text(types, word, inner[0] == '\0' ? "" : " ", inner);

		return marked == NULL
			       ? NULL
			       : declare(types, link->has_next, link->next, marked, depth + 1);
	}
	rest = declare(types, link->has_next, link->next, inner, depth + 1);
	return rest == NULL ? NULL : text(types, word, " ", rest);
}

/* "(int, char *)" */
static const char *list_of(struct hst_recipe_types *types, uint64_t key, int depth)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(types->dwarf, key, &dbg);
	Dwarf_Die child = die == NULL ? NULL : hst_types_child(dbg, die, NULL);
	const char *list = "";

	for (int i = 0; child != NULL; i++) {
		Dwarf_Half tag = hst_types_tag(dbg, child);
		const char *one = NULL;
		Dwarf_Die next;
		uint64_t type = 0;

		if (tag == DW_TAG_unspecified_parameters) {
			one = "...";
		} else if (tag == DW_TAG_formal_parameter) {
			bool has = hst_types_reference(types->dwarf, dbg, child, DW_AT_type, &type);

			one = has ? declare(types, true, type, "", depth + 1) : "?";
		}
		if (one != NULL && list != NULL) {
			list = i > LIST_MAX ? "?"
					    : text(types, list, list[0] == '\0' ? "" : ", ", one);
		}
		next = hst_types_child(dbg, die, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	if (die != NULL) {
		dwarf_dealloc_die(die);
	}
	return list == NULL ? NULL : text(types, "(", list[0] == '\0' ? "void" : list, ")");
}

static const char *of_function(
	struct hst_recipe_types *types, const struct link *link, const char *inner, int depth)
{
	const char *list = list_of(types, link->key, depth);
	const char *whole = list == NULL ? NULL : text(types, inner, list, "");

	return whole == NULL ? NULL : declare(types, link->has_next, link->next, whole, depth + 1);
}

static const char *of_array(
	struct hst_recipe_types *types, const struct link *link, const char *inner, int depth)
{
	char count[32] = "[]";
	const char *whole;

	if (link->count >= 0) {
		(void)snprintf(count, sizeof count, "[%lld]", (long long)link->count);
	}
	whole = text(types, inner, count, "");
	return whole == NULL ? NULL : declare(types, link->has_next, link->next, whole, depth + 1);
}

static const char *declare(
	struct hst_recipe_types *types, bool has_key, uint64_t key, const char *inner, int depth)
{
	const char *name = "void";
	struct link link;

	if (depth >= DEPTH_MAX || (has_key && !read_link(types, key, &link))) {
		return "?";
	}
	switch (has_key ? link.tag : 0) {
	case DW_TAG_pointer_type:
		return with_mark(types, &link, "*", inner, depth);
	case DW_TAG_reference_type:
		return with_mark(types, &link, "&", inner, depth);
	case DW_TAG_rvalue_reference_type:
		return with_mark(types, &link, "&&", inner, depth);
	case DW_TAG_const_type:
		return with_qualifier(types, &link, "const", inner, depth);
	case DW_TAG_volatile_type:
		return with_qualifier(types, &link, "volatile", inner, depth);
	case DW_TAG_atomic_type:
		return with_qualifier(types, &link, "_Atomic", inner, depth);
	case DW_TAG_restrict_type: /* makes no other type of a function */
		return declare(types, link.has_next, link.next, inner, depth + 1);
	case DW_TAG_subroutine_type:
		return of_function(types, &link, inner, depth);
	case DW_TAG_array_type:
		return of_array(types, &link, inner, depth);
	case DW_TAG_ptr_to_member_type:
		return "?";
	case 0:
		break;
	default:
		name = name_of(types, &link);
	}
	return name == NULL ? NULL : text(types, name, inner[0] == '\0' ? "" : " ", inner);
}

const char *hst_declaration(
	struct hst_recipe_types *types, bool has_key, uint64_t key, const char *inner)
{
	return declare(types, has_key, key, inner, 0);
}
