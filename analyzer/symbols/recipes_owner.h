/* SPDX-License-Identifier: Apache-2.0 */
/* Which function, or which inlined instance of one, a hook belongs to, and what its parameters are. */
#ifndef HST_SYMBOLS_RECIPES_OWNER_H
#define HST_SYMBOLS_RECIPES_OWNER_H

#include "symbols/recipes_types.h"
#include "util/vec.h"

struct hst_signature_param {
	uint64_t key; /* of its DIE */
	const char *name;
	const struct hst_recipe_type *type;
};

struct hst_signature {
	const struct hst_recipe_type *result;
	struct hst_signature_param *params; /* of the arena */
	uint16_t count;
	bool variadic;
	bool many; /* more than are looked at */
};

struct hst_owner {
	uint64_t die;    /* of the body or of the instance */
	uint64_t start;  /* where its code begins */
	uint32_t origin; /* in dwarf->origins */
	bool inlined;
};

struct hst_owners {
	struct hst_recipe_types *types;
	struct hst_map body_of;  /* entry -> body */
	struct hst_map entry_of; /* root of an origin -> body */
	struct hst_map signature_of;
	HST_VEC(struct hst_signature) signatures;
};

HST_NODISCARD enum hst_status hst_owners_open(
	struct hst_recipe_types *types, struct hst_owners *ret_owners);
void hst_owners_finish(struct hst_owners *owners);

/*
 * The owner of a hook in this body that is called at `address` for the function at `fn` (0: unknown, then it is the
 * innermost one). false: the debug information puts the place into other functions only.
 */
bool hst_owners_find(const struct hst_owners *owners, const struct hst_dwarf_body *body,
	uint64_t address, uint64_t fn, struct hst_owner *ret_owner);

/* Entry of a body of the function, 0: it has none. */
uint64_t hst_owners_entry(const struct hst_owners *owners, uint32_t origin);

/* Parameters and result of the function that the DIE `key` is a body or an instance of. NULL: no memory. */
const struct hst_signature *hst_owners_signature(struct hst_owners *owners, uint64_t key);

/* Number of the parameter that a DIE is in a body or an instance, UINT32_MAX: of none. */
uint32_t hst_owners_param(const struct hst_owners *owners, const struct hst_signature *signature,
	Dwarf_Debug dbg, Dwarf_Die die);

#endif
