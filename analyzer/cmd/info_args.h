/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten info --args` knows of a program, for its two forms. */
#ifndef HST_CMD_INFO_ARGS_H
#define HST_CMD_INFO_ARGS_H

#include "symbols/recipes.h"
#include "util/vec.h"

#define HST_ARGS_PLACE_BYTES 256

/* A function with hooks. Indices are into recipes->sites. */
struct hst_args_function {
	uint64_t fn;                         /* 0: sites whose function is unknown */
	const struct hst_function *symbol;   /* NULL: unknown */
	size_t first, count;                 /* its sites in `order` */
	const struct hst_recipe_site *enter; /* the one that is shown, NULL: none */
	const struct hst_recipe_site *exit;
	size_t inlined, inlined_complete; /* enter sites inside other functions */
	bool own;                         /* it has code of its own with an enter hook */
	bool complete; /* all arguments can be read at each of its own enter sites */
	bool returns;  /* it has a result, and an exit where it could be read */
	bool result;   /* it can be read at all of these */
};

struct hst_args {
	const char *path;
	struct hst_image *image;
	struct hst_recipes recipes;
	size_t *order; /* sites by function */
	HST_VEC(struct hst_args_function) functions;
	/* Of functions with code of their own: */
	size_t own, complete, returns, results, without_result;
	size_t inlined, inlined_complete;     /* enter sites of inlined instances */
	size_t arguments[HST_RECIPE_REASONS]; /* at the own enter site that is shown, by reason */
	size_t whole
		[HST_RECIPE_REASONS]; /* own functions that cannot be read for a reason of their own */
	size_t missed[HST_RECIPE_REASONS]; /* results, by the reason of the exit that is shown */
};

/* "rbx", "rsp+16, rsp+24", or the reason in words. */
void hst_args_place(
	char buffer[HST_ARGS_PLACE_BYTES], const struct hst_plan_piece *pieces, size_t count);

/* What of an argument counts: "value", "address", "text", "len bytes of content". `next`: the parameter behind it. */
void hst_args_keyed(char buffer[HST_ARGS_PLACE_BYTES], const struct hst_recipe_param *param,
	const struct hst_recipe_param *next);

void hst_args_json(const struct hst_args *args);

#endif
