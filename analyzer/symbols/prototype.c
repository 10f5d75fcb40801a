/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry that describes a function may be spread over a body, what it was made from and a declaration: names and
 * parameters are where the chain of abstract origins ends, the rest may stand in the declaration.
 */
#include "symbols/prototype.h"

#include <stdio.h>
#include <string.h>

#include "symbols/image.h"
#include "symbols/prototype_text.h"

#define CHAIN_MAX  8
#define DEPTH_MAX  6
#define PARAMS_MAX 64u
#define VALUES_MAX 16u
#define WORD       8u
/* Results are put into each entry. */
#define RESULT_MAX 256u

struct work {
	struct hst_prototype *prototype;
	struct hst_recipe_types types;
	Dwarf_Debug dbg;
	Dwarf_Die die; /* with names and parameters */
	Dwarf_Debug other_dbg;
	Dwarf_Die declaration; /* that it completes, NULL: none */
};

/* The values of one parameter while they are found. */
struct values {
	struct work *work;
	struct hst_prototype_value items[VALUES_MAX];
	size_t count;
	const char *problem;
	bool no_memory;
};

static void find_values(
	struct values *values, bool has_key, uint64_t key, const char *path, int depth);

static void add_value(
	struct values *values, enum hst_prototype_form form, uint64_t bytes, const char *path)
{
	if (values->count == VALUES_MAX) {
		values->problem = "it has too many members";
		return;
	}
	values->items[values->count++] = (struct hst_prototype_value){
		.path = path, .bytes = (uint32_t)bytes, .form = (uint8_t)form
	};
}

static const char *join(struct values *values, const char *path, const char *more)
{
	char text[512];
	const char *kept;

	if ((size_t)snprintf(text, sizeof text, "%s%s", path, more) >= sizeof text) {
		values->problem = "its members have too long names";
		return path;
	}
	kept = hst_arena_string(&values->work->prototype->arena, text);
	values->no_memory |= kept == NULL;
	return kept == NULL ? path : kept;
}

static void visit_member(
	struct values *values, Dwarf_Debug dbg, Dwarf_Die child, const char *path, int depth)
{
	const struct hst_dwarf *dwarf = values->work->types.dwarf;
	Dwarf_Half tag = hst_types_tag(dbg, child);
	const char *name = hst_types_name(dbg, child);
	int64_t access = 0;
	uint64_t key;

	if (tag == DW_TAG_inheritance) {
		values->problem = "it has a base class and unused bytes";
		return;
	}
	if (tag != DW_TAG_member || hst_types_has(dbg, child, DW_AT_external)) {
		return;
	}
	(void)hst_types_number(dbg, child, DW_AT_accessibility, &access);
	if (name == NULL || (access != 0 && access != DW_ACCESS_public) ||
		!hst_types_reference(dwarf, dbg, child, DW_AT_type, &key)) {
		values->problem = "it has unused bytes and members that cannot be named";
		return;
	}
	find_values(values, true, key, join(values, join(values, path, "."), name), depth + 1);
}

/* Is it copied byte by byte? gcc says nothing of a class's calling convention; then nothing special may be declared in it. */
static bool is_plain_class(struct work *work, uint64_t key, int depth)
{
	const struct hst_dwarf *dwarf = work->types.dwarf;
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = depth < DEPTH_MAX ? hst_die_at(work->types.dwarf, key, &dbg) : NULL;
	Dwarf_Die child = die == NULL ? NULL : hst_types_child(dbg, die, NULL);
	const char *name = die == NULL ? NULL : hst_types_name(dbg, die);
	bool plain = die != NULL;

	while (child != NULL) {
		Dwarf_Half tag = hst_types_tag(dbg, child);
		const char *of = hst_types_name(dbg, child);
		struct hst_plain_type type = { 0 };
		Dwarf_Die next;

		if (tag == DW_TAG_subprogram) {
			plain = plain && of != NULL && of[0] != '~' &&
				(name == NULL || strcmp(of, name) != 0) &&
				!hst_types_has(dbg, child, DW_AT_virtuality);
		} else if (tag == DW_TAG_member &&
			   hst_types_reference(dwarf, dbg, child, DW_AT_type, &type.key)) {
			type = hst_plain_type(&work->types, true, type.key);
			plain = plain && ((type.tag != DW_TAG_structure_type &&
						  type.tag != DW_TAG_class_type) ||
						 is_plain_class(work, type.key, depth + 1));
		}
		plain = plain && tag != DW_TAG_inheritance;
		next = hst_types_child(dbg, die, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	if (die != NULL) {
		dwarf_dealloc_die(die);
	}
	return plain;
}

static void walk_members(struct values *values, uint64_t key, const char *path, int depth)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(values->work->types.dwarf, key, &dbg);
	Dwarf_Die child = die == NULL ? NULL : hst_types_child(dbg, die, NULL);

	while (child != NULL) {
		Dwarf_Die next;

		if (values->problem == NULL) {
			visit_member(values, dbg, child, path, depth);
		}
		next = hst_types_child(dbg, die, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	if (die != NULL) {
		dwarf_dealloc_die(die);
	}
}

static void take_class(struct values *values, const struct hst_plain_type *plain,
	const struct hst_recipe_type *type, const char *path, int depth)
{
	bool whole = type->kind == HST_TYPE_PARTS && type->size != 0 &&
		     type->used == (1u << type->size) - 1u;

	if (!type->by_value && !is_plain_class(values->work, plain->key, 0)) {
		values->problem = "its class has a copy constructor or a destructor";
	} else if (whole) {
		add_value(values, HST_VALUE_BITS, type->size, path);
	} else if (type->size > 16 || type->kind != HST_TYPE_PARTS) {
		values->problem = "it is larger than 16 bytes, a union or has bit fields";
	} else if (plain->tag != DW_TAG_structure_type) {
		values->problem = "it has unused bytes";
	} else {
		walk_members(values, plain->key, path, depth);
	}
}

static void take_array(struct values *values, const struct hst_recipe_type *type, uint64_t key,
	const char *path, int depth)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(values->work->types.dwarf, key, &dbg);
	const struct hst_recipe_type *item = NULL;
	uint64_t element = 0;

	if (die != NULL) {
		if (hst_types_reference(
			    values->work->types.dwarf, dbg, die, DW_AT_type, &element)) {
			item = hst_types_get(&values->work->types, element);
		}
		dwarf_dealloc_die(die);
	}
	if (item == NULL || item->size == 0 || type->kind != HST_TYPE_PARTS) {
		values->problem = "it has an array of unknown size";
		return;
	}
	for (uint64_t i = 0; i < type->size / item->size && values->problem == NULL; i++) {
		char at[32];

		(void)snprintf(at, sizeof at, "[%llu]", (unsigned long long)i);
		find_values(values, true, element, join(values, path, at), depth + 1);
	}
}

static void take_base(struct values *values, const struct hst_recipe_type *type, const char *path)
{
	if (type->size == 0 || (type->kind == HST_TYPE_NONE && !type->is_float)) {
		values->problem = "its type is unknown here";
	} else if (type->is_float || type->size > WORD || type->kind != HST_TYPE_WHOLE) {
		/* Of a long double of x87 ten bytes are used. */
		add_value(values, HST_VALUE_BITS, type->used == 0x3ff ? 10 : type->size, path);
	} else {
		add_value(values, HST_VALUE_NUMBER, type->size, path);
	}
}

static void find_values(
	struct values *values, bool has_key, uint64_t key, const char *path, int depth)
{
	struct hst_recipe_types *types = &values->work->types;
	struct hst_plain_type plain = hst_plain_type(types, has_key, key);
	const struct hst_recipe_type *type =
		plain.has_key ? hst_types_get(types, plain.key) : &hst_type_unknown;

	if (type == NULL) {
		values->no_memory = true;
		return;
	}
	switch (plain.has_key && depth < DEPTH_MAX ? plain.tag : 0) {
	case DW_TAG_base_type:
		take_base(values, type, path);
		break;
	case DW_TAG_enumeration_type:
		add_value(values, HST_VALUE_NUMBER, type->size, path);
		break;
	case DW_TAG_pointer_type:
		add_value(values, HST_VALUE_ADDRESS, WORD, path);
		break;
	case DW_TAG_reference_type:
		add_value(values, HST_VALUE_REFERENCE, WORD, path);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		take_class(values, &plain, type, path, depth);
		break;
	case DW_TAG_array_type:
		take_array(values, type, plain.key, path, depth);
		break;
	default:
		values->problem = "its type is none whose value can be kept";
		break;
	}
}

/* Is it a pointer or a reference to something constant? */
static bool to_const(struct hst_recipe_types *types, uint64_t key)
{
	struct hst_plain_type plain = hst_plain_type(types, true, key);
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = plain.has_key ? hst_die_at(types->dwarf, plain.key, &dbg) : NULL;
	bool is_const = false;
	uint64_t to;

	if (die != NULL) {
		is_const = hst_types_reference(types->dwarf, dbg, die, DW_AT_type, &to) &&
			   hst_plain_type(types, true, to).is_const;
		dwarf_dealloc_die(die);
	}
	return is_const;
}

/* false: no memory */
static bool take_param(struct work *work, Dwarf_Die die, struct hst_prototype_param *param)
{
	struct values values = { .work = work };
	struct hst_recipe_types *types = &work->types;
	uint64_t key = 0;
	bool has = hst_types_reference(types->dwarf, work->dbg, die, DW_AT_type, &key);
	char made[32];

	*param = (struct hst_prototype_param){ .name = hst_types_name(work->dbg, die),
		.text = "?",
		.type = "?",
		.problem = "its type is not described" };
	param->has_name = param->name != NULL;
	if (!param->has_name) {
		(void)snprintf(made, sizeof made, "argument%zu", work->prototype->count);
		param->name = hst_arena_string(types->arena, made);
	}
	if (!has || param->name == NULL) {
		return param->name != NULL;
	}
	param->type = hst_declaration(types, true, key, "");
	param->text = hst_declaration(types, true, key, param->name);
	param->points_to_const = to_const(types, key);
	find_values(&values, true, key, "", 0);
	param->problem = values.problem;
	param->count = values.count;
	param->values =
		hst_arena_copy(types->arena, values.items, values.count * sizeof values.items[0]);
	return !values.no_memory && param->type != NULL && param->text != NULL &&
	       param->values != NULL;
}

static enum hst_status take_params(struct work *work)
{
	struct hst_prototype *prototype = work->prototype;
	struct hst_prototype_param params[PARAMS_MAX];
	Dwarf_Die child = hst_types_child(work->dbg, work->die, NULL);
	enum hst_status status = HST_OK;

	while (child != NULL) {
		Dwarf_Half tag = hst_types_tag(work->dbg, child);
		Dwarf_Die next;

		prototype->is_variadic |= tag == DW_TAG_unspecified_parameters;
		if (tag == DW_TAG_formal_parameter && status == HST_OK) {
			if (prototype->count == PARAMS_MAX) {
				status = HST_E_LIMIT;
			} else if (!take_param(work, child, &params[prototype->count++])) {
				status = HST_E_MEMORY;
			}
		}
		next = hst_types_child(work->dbg, work->die, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	HST_TRY(status);
	prototype->params =
		hst_arena_copy(&prototype->arena, params, prototype->count * sizeof params[0]);
	return prototype->params == NULL ? HST_E_MEMORY : HST_OK;
}

/* An attribute of the function or of the declaration that it completes. */
static bool has_attribute(const struct work *work, Dwarf_Half number)
{
	return hst_types_has(work->dbg, work->die, number) ||
	       (work->declaration != NULL &&
		       hst_types_has(work->other_dbg, work->declaration, number));
}

static bool type_of_result(const struct work *work, uint64_t *ret_key)
{
	const struct hst_dwarf *dwarf = work->types.dwarf;

	return hst_types_reference(dwarf, work->dbg, work->die, DW_AT_type, ret_key) ||
	       (work->declaration != NULL && hst_types_reference(dwarf, work->other_dbg,
						     work->declaration, DW_AT_type, ret_key));
}

/* Bytes of a type that may be larger than what is read at hooks. */
static uint64_t bytes_of(struct work *work, const struct hst_plain_type *plain)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(work->types.dwarf, plain->key, &dbg);
	int64_t bytes = 0;

	if (die != NULL) {
		(void)hst_types_number(dbg, die, DW_AT_byte_size, &bytes);
		dwarf_dealloc_die(die);
	}
	if (bytes == 0 && plain->tag == DW_TAG_pointer_type) {
		bytes = WORD;
	}
	return bytes > 0 ? (uint64_t)bytes : 0;
}

/* false: no memory */
static bool take_result(struct work *work)
{
	struct hst_prototype *prototype = work->prototype;
	struct hst_recipe_types *types = &work->types;
	struct hst_plain_type named;
	struct hst_plain_type plain;
	const struct hst_recipe_type *type;
	uint64_t key = 0;
	bool has = type_of_result(work, &key);

	named = hst_unqualified_type(types, has, key);
	plain = hst_plain_type(types, has, key);
	prototype->result = hst_declaration(types, named.has_key, named.key, "");
	if (!plain.has_key) {
		return prototype->result != NULL;
	}
	type = hst_types_get(types, plain.key);
	if (type == NULL || prototype->result == NULL) {
		return false;
	}
	prototype->result_bytes = type->size != 0 ? type->size : bytes_of(work, &plain);
	prototype->result_is_address = plain.tag == DW_TAG_pointer_type;
	if (plain.tag == DW_TAG_reference_type || plain.tag == DW_TAG_rvalue_reference_type) {
		prototype->result_problem = "it is a reference";
	} else if (type->class_type && !type->by_value && !is_plain_class(work, plain.key, 0)) {
		prototype->result_problem = "its class has a copy constructor or a destructor";
	} else if (prototype->result_bytes == 0) {
		prototype->result_problem = "its size is unknown";
	} else if (prototype->result_bytes > RESULT_MAX) {
		prototype->result_problem = "it is larger than 256 bytes";
	}
	return true;
}

static void take_unit(struct work *work)
{
	struct hst_prototype *prototype = work->prototype;
	Dwarf_Error error = NULL;
	Dwarf_Off offset = 0;
	Dwarf_Debug dbg = NULL;
	Dwarf_Die top = NULL;

	prototype->cplusplus = hst_types_unit(&work->types, work->dbg, work->die).cplusplus;
	if (dwarf_CU_dieoffset_given_die(work->die, &offset, &error) != DW_DLV_OK) {
		hst_compat_drop(work->dbg, &error);
		return;
	}
	top = hst_die_at(work->types.dwarf, offset, &dbg);
	if (top != NULL) {
		struct hst_die_facts facts;
		struct hst_die_reader reader = { .dwarf = work->types.dwarf };

		hst_die_read(&reader, dbg, top, &facts);
		prototype->directory = facts.directory;
		dwarf_dealloc_die(top);
	}
}

static enum hst_status take_function(struct work *work)
{
	struct hst_prototype *prototype = work->prototype;
	int64_t inlining = 0;

	take_unit(work);
	(void)hst_types_number(work->dbg, work->die, DW_AT_inline, &inlining);
	prototype->name = hst_types_name(work->dbg, work->die);
	if (prototype->name == NULL && work->declaration != NULL) {
		prototype->name = hst_types_name(work->other_dbg, work->declaration);
	}
	prototype->is_static = !has_attribute(work, DW_AT_external);
	prototype->is_inline =
		inlining == DW_INL_declared_inlined || inlining == DW_INL_declared_not_inlined;
	prototype->is_method = has_attribute(work, DW_AT_object_pointer);
	prototype->is_old_style = !prototype->cplusplus && !has_attribute(work, DW_AT_prototyped);
	if (prototype->name == NULL) {
		return HST_E_NO_DEBUG;
	}
	HST_TRY(take_params(work));
	return take_result(work) ? HST_OK : HST_E_MEMORY;
}

/* To where the chain of abstract origins ends, and to the declaration. */
static bool open_entry(struct work *work, uint64_t key)
{
	struct hst_dwarf *dwarf = work->types.dwarf;
	uint64_t next;

	work->die = hst_die_at(dwarf, key, &work->dbg);
	for (int i = 0; work->die != NULL && i < CHAIN_MAX; i++) {
		if (!hst_types_reference(
			    dwarf, work->dbg, work->die, DW_AT_abstract_origin, &next) ||
			next == key) {
			break;
		}
		dwarf_dealloc_die(work->die);
		key = next;
		work->die = hst_die_at(dwarf, key, &work->dbg);
	}
	if (work->die != NULL &&
		hst_types_reference(dwarf, work->dbg, work->die, DW_AT_specification, &next)) {
		work->declaration = hst_die_at(dwarf, next, &work->other_dbg);
	}
	return work->die != NULL;
}

static enum hst_status read_at(struct work *work, uint64_t address)
{
	const struct hst_dwarf *dwarf = work->types.dwarf;
	enum hst_status status = HST_E_NO_DEBUG;

	for (size_t i = 0; dwarf != NULL && i < dwarf->body_count; i++) {
		if (dwarf->bodies[i].entry == address) {
			status = open_entry(work, dwarf->bodies[i].die) ? take_function(work)
									: HST_E_NO_DEBUG;
			break;
		}
	}
	if (work->declaration != NULL) {
		dwarf_dealloc_die(work->declaration);
	}
	if (work->die != NULL) {
		dwarf_dealloc_die(work->die);
	}
	return status;
}

enum hst_status hst_prototype_read(struct hst_image *image, uint64_t address, const char *name,
	struct hst_prototype *ret_prototype, struct hst_diag *diag)
{
	struct work work = { .prototype = ret_prototype };
	enum hst_status status;

	*ret_prototype = (struct hst_prototype){ 0 };
	work.types.dwarf = hst_image_dwarf(image);
	work.types.arena = &ret_prototype->arena;
	status = read_at(&work, address);
	hst_types_finish(&work.types);
	if (status == HST_OK) {
		return HST_OK;
	}
	hst_prototype_finish(ret_prototype);
	if (status == HST_E_NO_DEBUG) {
		return hst_diag_set(diag, status,
			"the debug information does not describe '%s': compile with -g", name);
	}
	return hst_diag_set(diag, status,
		status == HST_E_LIMIT ? "'%s' has more parameters than are looked at"
				      : "out of memory while reading about '%s'",
		name);
}

void hst_prototype_finish(struct hst_prototype *prototype)
{
	hst_arena_finish(&prototype->arena);
	*prototype = (struct hst_prototype){ 0 };
}
