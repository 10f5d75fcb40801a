/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipes: where the arguments of a function are when its enter hook runs, and its result when its
 * exit hook runs. A hook is called like any function, so what the program still needs sits in
 * callee-saved registers or in memory, and the debug information says where. docs/arguments.md.
 *
 *   site     a call of a hook; many of one function where it is inlined
 *   param    one of the function's parameters as it is at an enter site: pieces, or a reason
 *   piece    1, 2, 4 or 8 bytes of it (hasten/plan.h)
 */
#ifndef HST_SYMBOLS_RECIPES_H
#define HST_SYMBOLS_RECIPES_H

#include "hasten/plan.h"

#include "symbols/symbols.h"
#include "util/arena.h"

enum hst_recipe_reason {
	HST_RECIPE_READABLE = 0,
#define HST_RECIPE_REASON(NAME, word, text) HST_RECIPE_##NAME,
#include "symbols/recipes_reasons.def"
#undef HST_RECIPE_REASON
	HST_RECIPE_REASONS,
};

/* What kind of value it is, and how it is written. */
enum hst_recipe_form {
	HST_FORM_OTHER, /* in parts, or unknown */
	HST_FORM_SIGNED,
	HST_FORM_UNSIGNED,
	HST_FORM_BOOL,
	HST_FORM_CHAR,
	HST_FORM_FLOAT,
	HST_FORM_POINTER,
	HST_FORM_ENUM,
};

/* What a pointer points to. */
enum hst_recipe_target {
	HST_TARGET_OTHER,
	HST_TARGET_TEXT,  /* char */
	HST_TARGET_BYTES, /* void, and other types of one byte */
};

struct hst_recipe_enum {
	const char *name;
	int64_t value;
};

struct hst_recipe_shape {
	uint8_t form;      /* enum hst_recipe_form */
	uint8_t target;    /* enum hst_recipe_target, of a pointer */
	bool target_const; /* it is not to be changed through this pointer */
	uint32_t enums;    /* of an enumeration: names of values */
	const struct hst_recipe_enum *names;
};

struct hst_recipe_param {
	const char *name; /* NULL: none */
	const char *type; /* as in C; "?" unknown */
	struct hst_recipe_shape shape;
	uint32_t first_piece;
	uint16_t piece_count;
	uint8_t reason; /* enum hst_recipe_reason */
	uint8_t content; /* HST_PLAN_CONTENT_STRING and _BYTES: keyed by what it points to; _SCALAR: by its value */
};

struct hst_recipe_site {
	uint64_t ret;     /* file address behind the call, or behind the jump */
	uint64_t fn;      /* entry of the function, as the hook is told; 0 unknown */
	const char *type; /* of the result, "void" if there is none, "?" unknown */
	uint32_t first_param;
	uint16_t param_count;
	bool exit;      /* of the exit hook, else of the enter hook */
	bool inlined;   /* of an instance inside another function */
	bool tail;      /* jumped to, not called */
	uint8_t reason; /* why the whole site cannot be used, READABLE: look at its parts */
	/* Of an exit site: */
	uint8_t result_reason;
	bool low_bit; /* only the lowest bit of what lies there is the result */
	struct hst_plan_piece result;
	struct hst_recipe_shape shape; /* of the result */
};

struct hst_recipes {
	struct hst_recipe_site *sites; /* ascending `ret` */
	size_t site_count, site_capacity;
	struct hst_recipe_param *params;
	size_t param_count, param_capacity;
	struct hst_plan_piece *pieces;
	size_t piece_count, piece_capacity;
	bool incomplete;        /* the file is damaged or beyond a limit: something was left out */
	struct hst_arena arena; /* texts */
};

/*
 * Reads all recipes of an image, which must outlive *ret_recipes. HST_E_NO_DEBUG (no debug
 * information, not x86-64, changed since it was recorded), HST_E_MEMORY, with a sentence.
 */
HST_NODISCARD enum hst_status hst_recipes_read(
	struct hst_image *image, struct hst_recipes *ret_recipes, struct hst_diag *diag);
/*
 * Says anew which pointers count by what they point to, with what the user says of functions (NULL: nothing). hst_recipes_read has
 * done it without.
 */
struct hst_function_rules;
void hst_recipes_contents(struct hst_recipes *recipes, struct hst_image *image,
	const struct hst_function_rules *rules);
/* Accepts a zeroed object. */
void hst_recipes_finish(struct hst_recipes *recipes);

/* Can all arguments be read at this enter site (also: there are none)? */
bool hst_recipes_complete(const struct hst_recipes *recipes, const struct hst_recipe_site *site);

/* The word and the sentence for a reason; "" for READABLE. */
const char *hst_recipe_word(unsigned reason);
const char *hst_recipe_text(unsigned reason);

#endif
