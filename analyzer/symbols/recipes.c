/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function by function: the calls of hooks in its code, the owner of each, and for that the places of
 * its parameters at the call (at the hook's return address minus one, which is where the frame is while
 * the hook runs), or of its result behind it.
 */
#include "symbols/recipes.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/grow.h"
#include "symbols/image.h"
#include "symbols/recipes_frame.h"
#include "symbols/recipes_home.h"
#include "symbols/recipes_hooks.h"
#include "symbols/recipes_owner.h"
#include "symbols/recipes_result.h"

#define PARAMS_MAX 64u
/* Instructions in all prologues together: a program of ten million functions has as many to look at. */
#define FOLLOWED_MAX (UINT64_C(16) << 20)

struct work {
	struct hst_recipes *recipes;
	struct hst_dwarf *dwarf;
	struct hst_code code;
	struct hst_frames frames;
	struct hst_recipe_types types;
	struct hst_owners owners;
	struct hst_hook_scan scan;
	uint64_t follow_budget;
	struct hst_map seen; /* where bodies begin that were looked at */
	/* The body at hand. */
	const struct hst_dwarf_body *body;
	const struct hst_span *ranges;
	enum hst_plan_place frame;
};

/* One enter site at work. */
struct enter {
	struct work *work;
	const struct hst_owner *owner;
	const struct hst_signature *signature;
	struct hst_home home;
	bool check_home;
	bool all_homes; /* each parameter has one place for the whole function */
	bool has_incoming;
	struct hst_incoming incoming[PARAMS_MAX];
	uint64_t pc;
};

const char *hst_recipe_word(unsigned reason)
{
	static const char *const words[] = {
		"",
#define HST_RECIPE_REASON(NAME, word, text) word,
#include "symbols/recipes_reasons.def"
#undef HST_RECIPE_REASON
	};

	return reason < HST_RECIPE_REASONS ? words[reason] : "?";
}

const char *hst_recipe_text(unsigned reason)
{
	static const char *const texts[] = {
		"",
#define HST_RECIPE_REASON(NAME, word, text) text,
#include "symbols/recipes_reasons.def"
#undef HST_RECIPE_REASON
	};

	return reason < HST_RECIPE_REASONS ? texts[reason] : "?";
}

void hst_recipes_finish(struct hst_recipes *recipes)
{
	free(recipes->sites);
	free(recipes->params);
	free(recipes->pieces);
	hst_arena_finish(&recipes->arena);
	*recipes = (struct hst_recipes){ 0 };
}

bool hst_recipes_complete(const struct hst_recipes *recipes, const struct hst_recipe_site *site)
{
	if (site->exit || site->reason != HST_RECIPE_READABLE) {
		return false;
	}
	for (uint32_t i = 0; i < site->param_count; i++) {
		if (recipes->params[site->first_param + i].reason != HST_RECIPE_READABLE) {
			return false;
		}
	}
	return true;
}

/*
 * An argument that is written to its place only later: where it is until then. The ABI says how it came, but only of a
 * function that still takes all its arguments: with optimization, those of local functions may be dropped.
 */
static enum hst_recipe_reason look_elsewhere(
	struct enter *enter, uint32_t number, struct hst_place *place)
{
	const struct hst_signature *signature = enter->signature;
	const struct hst_recipe_type *types[PARAMS_MAX];

	if (enter->owner->inlined || !enter->all_homes) {
		return HST_RECIPE_HOME;
	}
	if (!enter->has_incoming) {
		for (uint32_t i = 0; i < signature->count; i++) {
			types[i] = signature->params[i].type;
		}
		hst_home_incoming(signature->result, types, signature->count, enter->incoming);
		enter->has_incoming = true;
	}
	return hst_home_find(
		&enter->home, &enter->incoming[number], signature->params[number].type, place);
}

/*
 * An argument that has no readable place at the hook any more, or is only described as what came in a register: a copy
 * of what came may still be there. Nothing has changed it: the hook runs before the function's first statement.
 */
static enum hst_recipe_reason look_for_copy(struct enter *enter, Dwarf_Debug dbg, Dwarf_Die die,
	uint32_t number, enum hst_recipe_reason reason, struct hst_place *place)
{
	const struct hst_recipe_type *type = enter->signature->params[number].type;
	struct hst_compat_location location;
	struct hst_incoming incoming;

	if (enter->owner->inlined || type->kind == HST_TYPE_NONE || type->size == 0 ||
		(reason != HST_RECIPE_ENTRY_VALUE && reason != HST_RECIPE_CALLER_SAVED &&
			reason != HST_RECIPE_NO_LOCATION && reason != HST_RECIPE_IN_PARTS)) {
		return reason;
	}
	if (hst_types_location(dbg, die, DW_AT_location, enter->owner->start, &location) !=
			HST_COMPAT_FOUND ||
		!location.listed || !hst_home_came(&location, type, &incoming)) {
		return reason;
	}
	return hst_home_find(&enter->home, &incoming, type, place) == HST_RECIPE_READABLE
		       ? HST_RECIPE_READABLE
		       : reason;
}

/* The place of a parameter by its DIE in the body or the instance. */
static enum hst_recipe_reason place_param(struct enter *enter, Dwarf_Debug dbg, Dwarf_Die die,
	uint32_t number, struct hst_place *place)
{
	const struct hst_recipe_type *type = enter->signature->params[number].type;
	struct hst_compat_location location;
	enum hst_recipe_reason reason;
	int64_t constant;

	place->count = 0;
	if (hst_types_has(dbg, die, DW_AT_const_value)) {
		return hst_types_number(dbg, die, DW_AT_const_value, &constant)
			       ? hst_place_constant(constant, type, place)
			       : HST_RECIPE_CONSTANT;
	}
	switch (hst_types_location(dbg, die, DW_AT_location, enter->pc, &location)) {
	case HST_COMPAT_FOUND:
		break;
	case HST_COMPAT_NOT_HERE:
		reason = type->kind == HST_TYPE_NONE ? (enum hst_recipe_reason)type->reason
						     : HST_RECIPE_NO_LOCATION;
		return look_for_copy(enter, dbg, die, number, reason, place);
	case HST_COMPAT_TOO_LONG:
		return HST_RECIPE_EXPRESSION;
	case HST_COMPAT_DAMAGED:
	default:
		return HST_RECIPE_DAMAGED;
	}
	if (location.listed && enter->owner->inlined && enter->check_home) {
		/* What holds here was said before the hook, by another copy of the instance. */
		return HST_RECIPE_HOME;
	}
	reason = hst_place_find(&location, enter->work->frame, type, place);
	if (reason == HST_RECIPE_READABLE && !location.listed && enter->check_home &&
		!hst_home_is_written(&enter->home, place)) {
		return look_elsewhere(enter, number, place);
	}
	return look_for_copy(enter, dbg, die, number, reason, place);
}

/* Appends the signature's parameters to the table, without places. false: no memory */
static bool add_params(struct hst_recipes *recipes, const struct hst_signature *signature,
	struct hst_recipe_site *site)
{
	site->first_param = (uint32_t)recipes->param_count;
	for (uint32_t i = 0; i < signature->count; i++) {
		const struct hst_signature_param *from = &signature->params[i];
		struct hst_recipe_param *param = hst_push(&recipes->params, &recipes->param_count,
			&recipes->param_capacity, sizeof *param);

		if (param == NULL) {
			return false;
		}
		param->type = from->type->text;
		param->shape = from->type->shape;
		param->name = from->name;
		param->reason = from->type->kind == HST_TYPE_NONE ? from->type->reason
								  : HST_RECIPE_NO_LOCATION;
		site->param_count++;
	}
	return true;
}

/*
 * Pieces that count from the call frame address are made to count from the register that it is found by: the hook has
 * that one, while the address itself must be looked for on the stack.
 */
static void rebase(const struct work *work, uint64_t pc, struct hst_plan_piece *piece)
{
	unsigned reg;
	int64_t offset;

	if (piece->kind != HST_PLAN_PLACE_CFA ||
		!hst_frames_cfa(&work->frames, pc, &reg, &offset) ||
		(reg != HST_REG_RSP && reg != HST_REG_RBP)) {
		return;
	}
	offset += piece->offset;
	if (offset >= INT32_MIN && offset <= INT32_MAX) {
		piece->kind = reg == HST_REG_RSP ? HST_PLAN_PLACE_SP : HST_PLAN_PLACE_RBP;
		piece->offset = (int32_t)offset;
	}
}

/* false: no memory */
static bool keep_place(const struct work *work, uint64_t pc, struct hst_recipe_param *param,
	const struct hst_place *place)
{
	struct hst_recipes *recipes = work->recipes;

	param->first_piece = (uint32_t)recipes->piece_count;
	param->piece_count = place->count;
	for (uint16_t i = 0; i < place->count; i++) {
		struct hst_plan_piece *piece = hst_push(&recipes->pieces, &recipes->piece_count,
			&recipes->piece_capacity, sizeof *piece);

		if (piece == NULL) {
			return false;
		}
		*piece = place->pieces[i];
		rebase(work, pc, piece);
	}
	return true;
}

/* Has each of the function's parameters one place, whatever the address? So it is without optimization. */
static bool all_homes(
	const struct hst_signature *signature, uint64_t pc, Dwarf_Debug dbg, Dwarf_Die top)
{
	Dwarf_Die child = hst_types_child(dbg, top, NULL);
	uint32_t homes = 0;

	while (child != NULL) {
		struct hst_compat_location location;
		Dwarf_Die next;

		homes += hst_types_tag(dbg, child) == DW_TAG_formal_parameter &&
			 hst_types_location(dbg, child, DW_AT_location, pc, &location) ==
				 HST_COMPAT_FOUND &&
			 !location.listed;
		next = hst_types_child(dbg, top, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	return homes == signature->count;
}

/* Goes over the children of the body or the instance. false: no memory */
static bool place_params(struct enter *enter, const struct hst_recipe_site *site)
{
	struct work *work = enter->work;
	Dwarf_Debug dbg = NULL;
	Dwarf_Die top = hst_die_at(work->dwarf, enter->owner->die, &dbg);
	Dwarf_Die child = top == NULL ? NULL : hst_types_child(dbg, top, NULL);
	bool good = true;

	enter->all_homes = top != NULL && all_homes(enter->signature, enter->pc, dbg, top);
	while (child != NULL) {
		Dwarf_Die next;

		if (good && hst_types_tag(dbg, child) == DW_TAG_formal_parameter) {
			uint32_t number =
				hst_owners_param(&work->owners, enter->signature, dbg, child);

			if (number < site->param_count) {
				struct hst_recipe_param *param =
					&work->recipes->params[site->first_param + number];
				struct hst_place place;

				param->reason =
					(uint8_t)place_param(enter, dbg, child, number, &place);
				good = param->reason != HST_RECIPE_READABLE ||
				       keep_place(work, enter->pc, param, &place);
			}
		}
		next = hst_types_child(dbg, top, child);
		dwarf_dealloc_die(child);
		child = next;
	}
	if (top != NULL) {
		dwarf_dealloc_die(top);
	}
	return good;
}

static bool is_clang(struct work *work, uint64_t key)
{
	Dwarf_Debug dbg = NULL;
	Dwarf_Die die = hst_die_at(work->dwarf, key, &dbg);
	bool clang = false;

	if (die != NULL) {
		clang = hst_types_unit(&work->types, dbg, die).clang;
		dwarf_dealloc_die(die);
	}
	return clang;
}

/* false: no memory */
static bool take_enter(struct work *work, const struct hst_hook_call *call,
	const struct hst_owner *owner, const struct hst_signature *signature,
	struct hst_recipe_site *site)
{
	struct enter enter = {
		.work = work, .owner = owner, .signature = signature, .pc = call->ret - 1
	};

	if (signature->many) {
		site->reason = HST_RECIPE_MANY;
		return true;
	}
	if (signature->variadic) {
		site->reason = HST_RECIPE_VARIADIC;
	}
	/* gcc writes and describes the arguments of an inlined function before its hook, clang behind it. */
	enter.check_home = !owner->inlined || is_clang(work, owner->die);
	enter.home = (struct hst_home){ .code = &work->code,
		.start = owner->start,
		.call = call->call,
		.budget = &work->follow_budget,
		.entry = !owner->inlined };
	return add_params(work->recipes, signature, site) && place_params(&enter, site);
}

static void take_exit(struct work *work, const struct hst_hook_call *call,
	const struct hst_owner *owner, const struct hst_signature *signature,
	struct hst_recipe_site *site)
{
	const struct hst_recipe_type *type = signature->result;

	if (call->tail) {
		site->result_reason = HST_RECIPE_JUMPED;
	} else if (type->kind == HST_TYPE_VOID) {
		site->result = (struct hst_plan_piece){ .kind = HST_PLAN_PLACE_NONE };
	} else if (type->kind != HST_TYPE_WHOLE && type->kind != HST_TYPE_FLOAT) {
		site->result_reason = type->kind == HST_TYPE_NONE ? type->reason : HST_RECIPE_TYPE;
	} else if (owner->inlined) {
		site->result_reason = HST_RECIPE_INLINED;
	} else {
		struct hst_result result = { 0 };

		site->result_reason = (uint8_t)hst_result_find(&work->code, call->ret, work->ranges,
			work->body->range_count, type, &result);
		site->result = result.piece;
		site->low_bit = result.low_bit;
	}
}

static enum hst_status take_call(struct work *work, const struct hst_hook_call *call)
{
	struct hst_recipes *recipes = work->recipes;
	struct hst_recipe_site site = { .ret = call->ret,
		.fn = call->fn,
		.type = "?",
		.exit = call->exit,
		.tail = call->tail };
	struct hst_recipe_site *slot;
	struct hst_owner owner;
	const struct hst_signature *signature;

	if (!hst_owners_find(&work->owners, work->body, call->ret - 1, call->fn, &owner)) {
		site.reason = HST_RECIPE_FUNCTION;
	} else {
		signature = hst_owners_signature(&work->owners, owner.die);
		if (signature == NULL) {
			return HST_E_MEMORY;
		}
		site.inlined = owner.inlined;
		site.type = signature->result->text;
		site.shape = signature->result->shape;
		if (site.fn == 0) {
			site.fn = hst_owners_entry(&work->owners, owner.origin);
		}
		if (site.exit) {
			take_exit(work, call, &owner, signature, &site);
		} else if (!take_enter(work, call, &owner, signature, &site)) {
			return HST_E_MEMORY;
		}
	}
	slot = hst_push(
		&recipes->sites, &recipes->site_count, &recipes->site_capacity, sizeof *slot);
	if (slot == NULL) {
		return HST_E_MEMORY;
	}
	*slot = site;
	return HST_OK;
}

static enum hst_status take_body(struct work *work, const struct hst_dwarf_body *body)
{
	uint32_t known;

	work->body = body;
	work->ranges = &work->dwarf->ranges[body->first_range];
	if (hst_map_get(&work->seen, work->ranges[0].lo, &known)) {
		return HST_OK;
	}
	HST_TRY(hst_map_put(&work->seen, work->ranges[0].lo, 1));
	HST_TRY(hst_hooks_find(
		&work->code, work->ranges, body->range_count, body->entry, &work->scan));
	work->frame = HST_PLAN_PLACE_NONE;
	if (work->scan.calls.count > 0) {
		Dwarf_Debug dbg = NULL;
		Dwarf_Die die = hst_die_at(work->dwarf, body->die, &dbg);

		if (die != NULL) {
			work->frame = hst_place_frame(dbg, die, body->entry);
			dwarf_dealloc_die(die);
		}
	}
	for (size_t i = 0; i < work->scan.calls.count; i++) {
		HST_TRY(take_call(work, &work->scan.calls.items[i]));
	}
	return HST_OK;
}

static int site_by_ret(const void *a, const void *b)
{
	const struct hst_recipe_site *x = a;
	const struct hst_recipe_site *y = b;

	return x->ret < y->ret ? -1 : x->ret > y->ret;
}

/* Ascending, and each place once: two units may describe one function. */
static void sort_sites(struct hst_recipes *recipes)
{
	size_t kept = 0;

	if (recipes->site_count > 1) {
		qsort(recipes->sites, recipes->site_count, sizeof *recipes->sites, site_by_ret);
	}
	for (size_t i = 0; i < recipes->site_count; i++) {
		if (kept == 0 || recipes->sites[kept - 1].ret != recipes->sites[i].ret) {
			recipes->sites[kept++] = recipes->sites[i];
		}
	}
	recipes->site_count = kept;
}

static enum hst_status read_bodies(struct work *work)
{
	HST_TRY(hst_owners_open(&work->types, &work->owners));
	for (size_t i = 0; i < work->dwarf->body_count; i++) {
		HST_TRY(take_body(work, &work->dwarf->bodies[i]));
	}
	sort_sites(work->recipes);
	return HST_OK;
}

enum hst_status hst_recipes_read(
	struct hst_image *image, struct hst_recipes *ret_recipes, struct hst_diag *diag)
{
	struct hst_recipes recipes = { 0 };
	struct work work = {
		.recipes = &recipes, .dwarf = hst_image_dwarf(image), .follow_budget = FOLLOWED_MAX
	};
	enum hst_status status;

	if (work.dwarf == NULL) {
		return hst_diag_set(diag, HST_E_NO_DEBUG,
			"no debug information that says where arguments are: compile with -g");
	}
	work.types = (struct hst_recipe_types){ .dwarf = work.dwarf, .arena = &recipes.arena };
	status = hst_code_open(hst_image_elf(image), &work.code);
	if (status == HST_E_UNSUPPORTED) {
		return hst_diag_set(
			diag, HST_E_NO_DEBUG, "arguments can be read in programs for x86-64 only");
	}
	if (status == HST_OK) {
		status = hst_frames_open(hst_image_elf(image), &work.frames);
	}
	if (status == HST_OK) {
		status = read_bodies(&work);
	}
	recipes.incomplete = work.dwarf->damaged || work.scan.exhausted || work.follow_budget == 0;
	hst_owners_finish(&work.owners);
	hst_types_finish(&work.types);
	hst_hooks_finish(&work.scan);
	hst_map_finish(&work.seen);
	hst_frames_close(&work.frames);
	hst_code_close(&work.code);
	if (status != HST_OK) {
		hst_recipes_finish(&recipes);
		return hst_diag_set(diag, status, "out of memory while looking for arguments");
	}
	hst_recipes_contents(&recipes, image, NULL);
	*ret_recipes = recipes;
	return HST_OK;
}
