/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook's address says whose code it is in; what the hook is told says of which function it is. Both
 * together choose among the functions that are inlined into each other at one place.
 */
#include "symbols/recipes_owner.h"

#include <stdlib.h>

#define COVER_MAX  65536
#define CHAIN_MAX  8
#define PARAMS_MAX 64u

/* false: no memory */
static bool put_first(struct hst_map *map, uint64_t key, uint32_t value)
{
	uint32_t known;

	return hst_map_get(map, key, &known) || hst_map_put(map, key, value) == HST_OK;
}

enum hst_status hst_owners_open(struct hst_recipe_types *types, struct hst_owners *ret_owners)
{
	const struct hst_dwarf *dwarf = types->dwarf;

	*ret_owners = (struct hst_owners){ .types = types };
	for (size_t i = 0; i < dwarf->body_count; i++) {
		uint64_t root = dwarf->origins[dwarf->bodies[i].origin].root;

		if (!put_first(&ret_owners->body_of, dwarf->bodies[i].entry, (uint32_t)i) ||
			!put_first(&ret_owners->entry_of, root, (uint32_t)i)) {
			hst_owners_finish(ret_owners);
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

void hst_owners_finish(struct hst_owners *owners)
{
	hst_map_finish(&owners->body_of);
	hst_map_finish(&owners->entry_of);
	hst_map_finish(&owners->signature_of);
	hst_vec_finish(&owners->signatures);
}

/* How many inlined instances begin at or before the address. */
static size_t inlines_before(const struct hst_dwarf *dwarf, uint64_t address)
{
	size_t lo = 0;
	size_t hi = dwarf->inline_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf->inlines[mid].lo <= address) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

bool hst_owners_find(const struct hst_owners *owners, const struct hst_dwarf_body *body,
	uint64_t address, uint64_t fn, struct hst_owner *ret_owner)
{
	const struct hst_dwarf *dwarf = owners->types->dwarf;
	const struct hst_dwarf_origin *wanted = NULL;
	size_t at = inlines_before(dwarf, address);
	uint64_t span = UINT64_MAX;
	uint32_t number;

	if (fn != 0 && hst_map_get(&owners->body_of, fn, &number)) {
		wanted = &dwarf->origins[dwarf->bodies[number].origin];
	}
	for (int i = 0; i < COVER_MAX && at > 0 && dwarf->inlines[at - 1].max_hi > address; i++) {
		const struct hst_dwarf_inline *instance = &dwarf->inlines[--at];

		if (address >= instance->hi || instance->hi - instance->lo >= span ||
			(wanted != NULL && !hst_dwarf_same_origin(
						   &dwarf->origins[instance->origin], wanted))) {
			continue;
		}
		span = instance->hi - instance->lo;
		*ret_owner = (struct hst_owner){ .die = instance->die,
			.start = instance->lo,
			.origin = instance->origin,
			.inlined = true };
	}
	if (span != UINT64_MAX) {
		return true;
	}
	if (wanted != NULL && !hst_dwarf_same_origin(&dwarf->origins[body->origin], wanted)) {
		return false;
	}
	*ret_owner = (struct hst_owner){
		.die = body->die, .start = body->entry, .origin = body->origin
	};
	return true;
}

uint64_t hst_owners_entry(const struct hst_owners *owners, uint32_t origin)
{
	const struct hst_dwarf *dwarf = owners->types->dwarf;
	uint32_t number;

	return hst_map_get(&owners->entry_of, dwarf->origins[origin].root, &number)
		       ? dwarf->bodies[number].entry
		       : 0;
}

/* The DIE whose children are the parameters: where the chain of abstract origins ends. The caller frees it. */
static Dwarf_Die abstract_of(
	struct hst_dwarf *dwarf, uint64_t key, Dwarf_Debug *ret_dbg, uint64_t *ret_key)
{
	Dwarf_Die die = hst_die_at(dwarf, key, ret_dbg);

	for (int i = 0; die != NULL && i < CHAIN_MAX; i++) {
		uint64_t next;

		*ret_key = key;
		if (!hst_types_reference(dwarf, *ret_dbg, die, DW_AT_abstract_origin, &next) ||
			next == key) {
			break;
		}
		dwarf_dealloc_die(die);
		key = next;
		die = hst_die_at(dwarf, key, ret_dbg);
	}
	return die;
}

/* The result's type: of the DIE, or of the declaration that it completes. NULL: no memory. */
static const struct hst_recipe_type *result_of(
	struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die)
{
	const struct hst_recipe_type *result = &hst_type_void;
	uint64_t key;

	if (hst_types_reference(types->dwarf, dbg, die, DW_AT_type, &key)) {
		return hst_types_get(types, key);
	}
	if (hst_types_reference(types->dwarf, dbg, die, DW_AT_specification, &key)) {
		Dwarf_Debug other = NULL;
		Dwarf_Die declaration = hst_die_at(types->dwarf, key, &other);

		if (declaration != NULL) {
			if (hst_types_reference(
				    types->dwarf, other, declaration, DW_AT_type, &key)) {
				result = hst_types_get(types, key);
			}
			dwarf_dealloc_die(declaration);
		}
	}
	return result;
}

static bool take_param(struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die,
	struct hst_signature_param *param)
{
	uint64_t key;

	param->key = hst_types_key(types->dwarf, dbg, die);
	param->name = hst_types_name(dbg, die);
	param->type = &hst_type_unknown;
	if (hst_types_reference(types->dwarf, dbg, die, DW_AT_type, &key)) {
		param->type = hst_types_get(types, key);
	}
	return param->type != NULL;
}

/* false: no memory */
static bool take_params(struct hst_recipe_types *types, Dwarf_Debug dbg, Dwarf_Die die,
	struct hst_signature *signature)
{
	struct hst_signature_param params[PARAMS_MAX];
	Dwarf_Die child = hst_types_child(dbg, die, NULL);
	bool good = true;

	while (child != NULL) {
		Dwarf_Half tag = hst_types_tag(dbg, child);
		Dwarf_Die next;

		signature->variadic |= tag == DW_TAG_unspecified_parameters;
		if (tag == DW_TAG_formal_parameter && signature->count == PARAMS_MAX) {
			signature->many = true;
		} else if (tag == DW_TAG_formal_parameter) {
			good = good && take_param(types, dbg, child, &params[signature->count++]);
		}
		next = hst_types_child(dbg, die, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	signature->params =
		hst_arena_copy(types->arena, params, signature->count * sizeof params[0]);
	return good && signature->params != NULL;
}

const struct hst_signature *hst_owners_signature(struct hst_owners *owners, uint64_t key)
{
	struct hst_recipe_types *types = owners->types;
	struct hst_signature signature = { .result = &hst_type_unknown };
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = abstract_of(types->dwarf, key, &dbg, &key);
	uint32_t number;
	bool good = true;

	if (die != NULL && hst_map_get(&owners->signature_of, key, &number)) {
		dwarf_dealloc_die(die);
		return &owners->signatures.items[number];
	}
	if (die != NULL) {
		signature.result = result_of(types, dbg, die);
		good = signature.result != NULL && take_params(types, dbg, die, &signature);
		dwarf_dealloc_die(die);
	}
	if (!good || !hst_vec_push(&owners->signatures, signature) ||
		hst_map_put(&owners->signature_of, key, (uint32_t)(owners->signatures.count - 1)) !=
			HST_OK) {
		return NULL;
	}
	return &owners->signatures.items[owners->signatures.count - 1];
}

uint32_t hst_owners_param(const struct hst_owners *owners, const struct hst_signature *signature,
	Dwarf_Debug dbg, Dwarf_Die die)
{
	struct hst_dwarf *dwarf = owners->types->dwarf;
	uint64_t key = hst_types_key(dwarf, dbg, die);
	uint64_t next;

	if (hst_types_reference(dwarf, dbg, die, DW_AT_abstract_origin, &next)) {
		key = next;
	}
	for (int i = 0; i < CHAIN_MAX; i++) {
		Dwarf_Debug other = NULL;
		Dwarf_Die link;
		bool more;

		for (uint32_t j = 0; j < signature->count; j++) {
			if (signature->params[j].key == key) {
				return j;
			}
		}
		link = hst_die_at(dwarf, key, &other);
		more = link != NULL &&
		       hst_types_reference(dwarf, other, link, DW_AT_abstract_origin, &next) &&
		       next != key;
		if (link != NULL) {
			dwarf_dealloc_die(link);
		}
		if (!more) {
			break;
		}
		key = next;
	}
	return UINT32_MAX;
}
