/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types are named by the key of their DIE and looked up once. Chains of typedefs, members and array
 * elements are followed to a fixed depth: they may be circular in a damaged file.
 */
#include "symbols/recipes_types.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/grow.h"

#define DEPTH_MAX    24
#define MEMBERS_MAX  256
#define BYTES_MAX    16u
#define POINTER_SIZE 8u

const struct hst_recipe_type hst_type_void = { .text = "void", .kind = HST_TYPE_VOID };
const struct hst_recipe_type hst_type_unknown = {
	.text = "?", .kind = HST_TYPE_NONE, .reason = HST_RECIPE_TYPE
};

static const struct hst_recipe_type *get(struct hst_recipe_types *types, uint64_t key, int depth);

void hst_types_finish(struct hst_recipe_types *types)
{
	hst_map_finish(&types->type_of);
	hst_map_finish(&types->unit_of);
	hst_map_finish(&types->text_of);
	free(types->texts);
	free(types->types);
	free(types->units);
	*types = (struct hst_recipe_types){ 0 };
}

static Dwarf_Attribute attribute(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number)
{
	Dwarf_Error error = NULL;
	Dwarf_Attribute attr = NULL;

	if (dwarf_attr(die, number, &attr, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return NULL;
	}
	return attr;
}

bool hst_types_reference(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die,
	Dwarf_Half number, uint64_t *ret_key)
{
	Dwarf_Attribute attr = attribute(dbg, die, number);
	bool good;

	if (attr == NULL) {
		return false;
	}
	good = hst_die_reference(dwarf, dbg, attr, ret_key);
	dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	return good;
}

bool hst_types_number(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number, int64_t *ret_value)
{
	Dwarf_Attribute attr = attribute(dbg, die, number);
	Dwarf_Error error = NULL;
	Dwarf_Half form = 0;
	Dwarf_Unsigned value = 0;
	Dwarf_Signed sign = 0;
	bool good = false;

	if (attr == NULL) {
		return false;
	}
	if (dwarf_whatform(attr, &form, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
	} else if (form == DW_FORM_sdata || form == DW_FORM_implicit_const) {
		good = dwarf_formsdata(attr, &sign, &error) == DW_DLV_OK;
		*ret_value = good ? sign : 0;
	} else {
		good = dwarf_formudata(attr, &value, &error) == DW_DLV_OK;
		*ret_value = good ? (int64_t)value : 0;
	}
	hst_compat_drop(dbg, &error);
	dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	return good;
}

bool hst_types_has(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number)
{
	Dwarf_Attribute attr = attribute(dbg, die, number);

	if (attr != NULL) {
		dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	}
	return attr != NULL;
}

enum hst_compat_found hst_types_location(Dwarf_Debug dbg, Dwarf_Die die, Dwarf_Half number,
	uint64_t pc, struct hst_compat_location *ret_location)
{
	Dwarf_Attribute attr = attribute(dbg, die, number);
	enum hst_compat_found found;

	if (attr == NULL) {
		return HST_COMPAT_NOT_HERE;
	}
	found = hst_compat_location(dbg, attr, pc, ret_location);
	dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	return found;
}

const char *hst_types_name(Dwarf_Debug dbg, Dwarf_Die die)
{
	Dwarf_Attribute attr = attribute(dbg, die, DW_AT_name);
	const char *name;

	if (attr == NULL) {
		return NULL;
	}
	name = hst_die_string(dbg, attr);
	dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	return name;
}

Dwarf_Half hst_types_tag(Dwarf_Debug dbg, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Half tag = 0;

	if (dwarf_tag(die, &tag, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return 0;
	}
	return tag;
}

uint64_t hst_types_key(const struct hst_dwarf *dwarf, Dwarf_Debug dbg, Dwarf_Die die)
{
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;

	if (dwarf_dieoffset(die, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return 0;
	}
	return (offset & ~HST_DIE_ALT) | (dbg == dwarf->alt ? HST_DIE_ALT : 0);
}

Dwarf_Die hst_types_child(Dwarf_Debug dbg, Dwarf_Die parent, Dwarf_Die before)
{
	Dwarf_Error error = NULL;
	Dwarf_Die die = NULL;
	int result = before == NULL ? dwarf_child(parent, &die, &error)
				    : dwarf_siblingof_b(dbg, before, 1, &die, &error);

	if (result != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return NULL;
	}
	return die;
}

static struct hst_recipe_unit read_unit(Dwarf_Debug dbg, Dwarf_Die top)
{
	struct hst_recipe_unit unit = { 0 };
	Dwarf_Attribute attr = attribute(dbg, top, DW_AT_producer);
	const char *producer = attr == NULL ? NULL : hst_die_string(dbg, attr);
	int64_t language = 0;

	if (attr != NULL) {
		dwarf_dealloc(dbg, attr, DW_DLA_ATTR);
	}
	unit.clang = producer != NULL && strstr(producer, "clang") != NULL;
	unit.cplusplus = true;
	if (hst_types_number(dbg, top, DW_AT_language, &language)) {
		unit.cplusplus = language != DW_LANG_C && language != DW_LANG_C89 &&
				 language != DW_LANG_C99 && language != DW_LANG_C11;
	}
	return unit;
}

struct hst_recipe_unit hst_types_unit(
	struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die)
{
	struct hst_recipe_unit *unit;
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;
	Dwarf_Debug top_dbg = NULL;
	Dwarf_Die top;
	uint64_t key;
	uint32_t number;

	if (dwarf_CU_dieoffset_given_die(die, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(dbg, &error);
		return (struct hst_recipe_unit){ 0 };
	}
	key = (offset & ~HST_DIE_ALT) | (dbg == types->dwarf->alt ? HST_DIE_ALT : 0);
	if (hst_map_get(&types->unit_of, key, &number)) {
		return types->units[number];
	}
	unit = hst_push(&types->units, &types->unit_count, &types->unit_capacity, sizeof *unit);
	top = unit == NULL ? NULL : hst_die_at(types->dwarf, key, &top_dbg);
	if (top == NULL) {
		return (struct hst_recipe_unit){ 0 };
	}
	*unit = read_unit(top_dbg, top);
	dwarf_dealloc_die(top);
	/* Without memory it is looked up again next time. */
	(void)(hst_map_put(&types->unit_of, key, (uint32_t)(types->unit_count - 1)) == HST_OK);
	return *unit;
}

uint8_t hst_recipe_content(const struct hst_recipe_type *type)
{
	return (uint8_t)((type->is_signed ? HST_PLAN_CONTENT_SIGNED : 0u) |
			 (type->is_float ? HST_PLAN_CONTENT_FLOAT : 0u));
}

/* A type at work: where it is, and what becomes of it. */
struct subject {
	struct hst_recipe_types *types;
	Dwarf_Debug dbg;
	Dwarf_Die die;
	int depth;
	struct hst_recipe_type *type;
};

/* The type that this one is made from; void if it names none. NULL: no memory. */
static const struct hst_recipe_type *beneath(const struct subject *subject)
{
	uint64_t key;

	if (!hst_types_reference(
		    subject->types->dwarf, subject->dbg, subject->die, DW_AT_type, &key)) {
		return &hst_type_void;
	}
	return get(subject->types, key, subject->depth + 1);
}

static void whole(struct hst_recipe_type *type, uint64_t size)
{
	type->size = size;
	type->kind = HST_TYPE_WHOLE;
	type->used = (uint16_t)((1u << (size < BYTES_MAX ? size : BYTES_MAX)) - 1);
	if (size != 1 && size != 2 && size != 4 && size != 8) {
		type->kind = size == 16 ? HST_TYPE_PARTS : HST_TYPE_NONE;
		type->reason = HST_RECIPE_TYPE;
	}
}

static void none(struct hst_recipe_type *type, enum hst_recipe_reason reason)
{
	type->kind = HST_TYPE_NONE;
	type->reason = (uint8_t)reason;
}

static void base_type(struct subject *subject)
{
	struct hst_recipe_type *type = subject->type;
	const char *name = hst_types_name(subject->dbg, subject->die);
	int64_t size = 0;
	int64_t encoding = 0;

	(void)hst_types_number(subject->dbg, subject->die, DW_AT_byte_size, &size);
	(void)hst_types_number(subject->dbg, subject->die, DW_AT_encoding, &encoding);
	whole(type, (uint64_t)size);
	hst_shape_base(subject->dbg, subject->die, &type->shape);
	type->is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
	type->is_bool = encoding == DW_ATE_boolean;
	if (encoding == DW_ATE_float) {
		type->is_float = true;
		type->floats = type->used;
		if (type->kind == HST_TYPE_WHOLE) {
			type->kind = HST_TYPE_FLOAT;
		} else if (size == 16 && name != NULL && strcmp(name, "long double") == 0) {
			type->used = 0x3ff; /* of x87: ten bytes */
		}
	} else if (encoding == DW_ATE_complex_float && size <= (int64_t)BYTES_MAX) {
		type->kind = HST_TYPE_PARTS;
		type->floats = type->used;
	} else if (encoding == DW_ATE_complex_float || encoding == DW_ATE_imaginary_float ||
		   encoding == DW_ATE_decimal_float) {
		none(type, HST_RECIPE_TYPE);
	}
}

static bool enum_type(struct subject *subject)
{
	const struct hst_recipe_type *under = beneath(subject);
	int64_t size = 0;

	if (under == NULL) {
		return false;
	}
	(void)hst_types_number(subject->dbg, subject->die, DW_AT_byte_size, &size);
	whole(subject->type, size > 0 ? (uint64_t)size : under->size);
	subject->type->is_signed = under->is_signed;
	return hst_shape_enum(
		subject->types->arena, subject->dbg, subject->die, &subject->type->shape);
}

/* The same type under another name, or with a word before it. */
static bool alias_type(struct subject *subject)
{
	const struct hst_recipe_type *to = beneath(subject);

	if (to == NULL) {
		return false;
	}
	*subject->type = *to;
	return true;
}

/* Adds what a member uses. false: what lies where cannot be told. */
static bool add_member(struct hst_recipe_type *into, const struct hst_recipe_type *member,
	uint64_t offset, bool shares)
{
	unsigned used = (unsigned)member->used << offset;

	if (member->kind == HST_TYPE_NONE || offset + member->size > BYTES_MAX ||
		offset + member->size > into->size) {
		return false;
	}
	/* All members of a union must use the same bytes: else some are what was there before. */
	if (shares && into->used != 0 && into->used != used) {
		return false;
	}
	into->used |= (uint16_t)used;
	into->floats |= (uint16_t)((unsigned)member->floats << offset);
	if (shares && into->floats != 0) {
		into->floats &= (uint16_t)((unsigned)member->floats << offset);
	}
	return true;
}

/* One child of a structure. READABLE, or why the whole cannot be read; *ret_memory: no memory. */
static enum hst_recipe_reason visit_member(
	struct subject *subject, Dwarf_Die child, bool shares, bool *ret_memory)
{
	Dwarf_Half tag = hst_types_tag(subject->dbg, child);
	struct subject member = {
		.types = subject->types, .dbg = subject->dbg, .die = child, .depth = subject->depth
	};
	const struct hst_recipe_type *type;
	int64_t offset = 0;
	int64_t bits = 0;

	if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
		hst_types_has(subject->dbg, child, DW_AT_external)) {
		return HST_RECIPE_READABLE; /* functions, types, static members */
	}
	if (hst_types_number(subject->dbg, child, DW_AT_bit_size, &bits)) {
		return HST_RECIPE_PADDING;
	}
	type = beneath(&member);
	if (type == NULL) {
		*ret_memory = true;
		return HST_RECIPE_TYPE;
	}
	offset = 0;
	if (!hst_types_number(subject->dbg, child, DW_AT_data_member_location, &offset) &&
		!shares && tag == DW_TAG_inheritance) {
		return HST_RECIPE_TYPE; /* a virtual base */
	}
	if (tag == DW_TAG_inheritance && type->used == 0 && type->class_type) {
		return HST_RECIPE_READABLE; /* an empty one */
	}
	if (offset < 0 || offset >= (int64_t)BYTES_MAX ||
		!add_member(subject->type, type, (uint64_t)offset, shares)) {
		return shares ? HST_RECIPE_PADDING : HST_RECIPE_TYPE;
	}
	return HST_RECIPE_READABLE;
}

static bool visit_members(struct subject *subject, bool shares)
{
	Dwarf_Die child = hst_types_child(subject->dbg, subject->die, NULL);
	enum hst_recipe_reason reason = HST_RECIPE_READABLE;
	bool no_memory = false;

	for (int i = 0; child != NULL; i++) {
		Dwarf_Die next;

		if (reason == HST_RECIPE_READABLE) {
			reason = i < MEMBERS_MAX ? visit_member(subject, child, shares, &no_memory)
						 : HST_RECIPE_TYPE;
		}
		next = reason == HST_RECIPE_READABLE
			       ? hst_types_child(subject->dbg, subject->die, child)
			       : NULL;
		dwarf_dealloc_die(child);
		child = next;
	}
	if (reason != HST_RECIPE_READABLE) {
		none(subject->type, reason);
	}
	return !no_memory;
}

static bool class_type(struct subject *subject, bool shares)
{
	struct hst_recipe_type *type = subject->type;
	struct hst_recipe_unit unit = hst_types_unit(subject->types, subject->dbg, subject->die);
	int64_t size = 0;
	int64_t convention = 0;

	type->class_type = true;
	type->kind = HST_TYPE_PARTS;
	(void)hst_types_number(subject->dbg, subject->die, DW_AT_calling_convention, &convention);
	type->by_value = !unit.cplusplus || convention == DW_CC_pass_by_value;
	if (!hst_types_number(subject->dbg, subject->die, DW_AT_byte_size, &size)) {
		none(type, HST_RECIPE_TYPE); /* only declared */
		return true;
	}
	type->size = (uint64_t)size;
	if (size > (int64_t)BYTES_MAX || size < 0) {
		none(type, HST_RECIPE_TOO_LARGE);
		return true;
	}
	return visit_members(subject, shares);
}

static bool array_type(struct subject *subject)
{
	struct hst_recipe_type *type = subject->type;
	const struct hst_recipe_type *item = beneath(subject);
	Dwarf_Die range = hst_types_child(subject->dbg, subject->die, NULL);
	int64_t count = -1;
	bool alone = range != NULL;

	if (range != NULL) {
		Dwarf_Die second = hst_types_child(subject->dbg, subject->die, range);

		if (hst_types_number(subject->dbg, range, DW_AT_upper_bound, &count)) {
			count++;
		} else {
			(void)hst_types_number(subject->dbg, range, DW_AT_count, &count);
		}
		dwarf_dealloc_die(range);
		if (second != NULL) {
			alone = false;
			dwarf_dealloc_die(second);
		}
	}
	if (item == NULL) {
		return false;
	}
	type->kind = HST_TYPE_PARTS;
	if (!alone || count < 0 || item->kind == HST_TYPE_NONE || item->size == 0 ||
		count > (int64_t)BYTES_MAX || (uint64_t)count * item->size > BYTES_MAX) {
		none(type, HST_RECIPE_TYPE);
	} else {
		type->size = (uint64_t)count * item->size;
		for (int64_t i = 0; i < count; i++) {
			(void)add_member(type, item, (uint64_t)i * item->size, false);
		}
	}
	return true;
}

/* A pointer to a member; to a member function it is a pair. */
static void member_pointer(struct subject *subject)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die to = NULL;
	uint64_t key;

	if (hst_types_reference(
		    subject->types->dwarf, subject->dbg, subject->die, DW_AT_type, &key)) {
		to = hst_die_at(subject->types->dwarf, key, &dbg);
	}
	whole(subject->type, to != NULL && hst_types_tag(dbg, to) == DW_TAG_subroutine_type
				     ? BYTES_MAX
				     : POINTER_SIZE);
	if (to != NULL) {
		dwarf_dealloc_die(to);
	}
}

/* false: no memory */
static bool fill(struct subject *subject)
{
	switch (hst_types_tag(subject->dbg, subject->die)) {
	case DW_TAG_base_type:
		base_type(subject);
		return true;
	case DW_TAG_pointer_type:
		whole(subject->type, POINTER_SIZE);
		hst_shape_pointer(
			subject->types->dwarf, subject->dbg, subject->die, &subject->type->shape);
		return true;
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
	case DW_TAG_unspecified_type: /* std::nullptr_t */
		whole(subject->type, POINTER_SIZE);
		subject->type->shape.form = HST_FORM_POINTER;
		return true;
	case DW_TAG_enumeration_type:
		return enum_type(subject);
	case DW_TAG_typedef:
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
		return alias_type(subject);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return class_type(subject, false);
	case DW_TAG_union_type:
		return class_type(subject, true);
	case DW_TAG_array_type:
		return array_type(subject);
	case DW_TAG_ptr_to_member_type:
		member_pointer(subject);
		return true;
	default:
		none(subject->type, HST_RECIPE_TYPE);
		return true;
	}
}

static const struct hst_recipe_type *get(struct hst_recipe_types *types, uint64_t key, int depth)
{
	struct subject subject = { .types = types, .depth = depth };
	struct hst_recipe_type **slot;
	uint32_t number;
	bool good;

	if (hst_map_get(&types->type_of, key, &number)) {
		return types->types[number];
	}
	if (depth >= DEPTH_MAX) {
		return &hst_type_unknown;
	}
	subject.die = hst_die_at(types->dwarf, key, &subject.dbg);
	if (subject.die == NULL) {
		return &hst_type_unknown;
	}
	subject.type = hst_arena_alloc(types->arena, sizeof *subject.type);
	good = subject.type != NULL && fill(&subject);
	dwarf_dealloc_die(subject.die);
	if (good) {
		subject.type->text = hst_types_text(types, key);
	}
	if (!good || subject.type->text == NULL) {
		return NULL;
	}
	slot = hst_push(&types->types, &types->type_count, &types->type_capacity, sizeof(void *));
	if (slot == NULL ||
		hst_map_put(&types->type_of, key, (uint32_t)(types->type_count - 1)) != HST_OK) {
		return NULL;
	}
	*slot = subject.type;
	return subject.type;
}

const struct hst_recipe_type *hst_types_get(struct hst_recipe_types *types, uint64_t key)
{
	return get(types, key, 0);
}
