/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pointers count by what they point to. A block that is taken too short would make calls equal that are not, so where
 * parameters can be understood in two ways the address counts.
 */
#include "symbols/function_rules.h"
#include "symbols/recipes.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SUFFIX_LEAST  3u
#define POINTER_BYTES 8u

enum meaning {
	MEANS_LENGTH,
	MEANS_LENGTH_TYPED, /* if its type is size_t */
	MEANS_ITEMS,
	MEANS_BOUND,
};

static const struct {
	const char *word;
	enum meaning meaning;
} words[] = {
#define HST_LENGTH(word)       { word, MEANS_LENGTH },
#define HST_LENGTH_TYPED(word) { word, MEANS_LENGTH_TYPED },
#define HST_ITEMS(word)        { word, MEANS_ITEMS },
#define HST_BOUND(word)        { word, MEANS_BOUND },
#include "symbols/recipes_lengths.def"
#undef HST_LENGTH
#undef HST_LENGTH_TYPED
#undef HST_ITEMS
#undef HST_BOUND
};

/* Is the name this word, or does it end in it as a word of its own: buf_len, bufLen? */
static bool is_named(const char *name, const char *word)
{
	size_t bytes = strlen(word);
	size_t all = name == NULL ? 0 : strlen(name);
	const char *tail;

	if (name == NULL || all < bytes || strcasecmp(name + (all - bytes), word) != 0) {
		return false;
	}
	tail = name + (all - bytes);
	return all == bytes ||
	       (bytes >= SUFFIX_LEAST &&
		       (tail[-1] == '_' || (isupper((unsigned char)tail[0]) != 0 &&
						   islower((unsigned char)tail[-1]) != 0)));
}

static bool means(const struct hst_recipe_param *param, enum meaning meaning)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].meaning == meaning && is_named(param->name, words[i].word)) {
			return true;
		}
	}
	return false;
}

static bool is_integer(const struct hst_recipe_param *param)
{
	return param->shape.form == HST_FORM_SIGNED || param->shape.form == HST_FORM_UNSIGNED;
}

static bool is_length(const struct hst_recipe_param *param)
{
	return is_integer(param) &&
	       (means(param, MEANS_LENGTH) ||
		       (means(param, MEANS_LENGTH_TYPED) && strcmp(param->type, "size_t") == 0));
}

static bool is_pointer(const struct hst_recipe_param *param)
{
	return param->shape.form == HST_FORM_POINTER;
}

/* Parameters behind one that could be a length, or a number of items of that length. */
static bool is_multiplied(const struct hst_recipe_param *params, size_t count, size_t length)
{
	return length + 1 < count && is_integer(&params[length + 1]) &&
	       (is_length(&params[length + 1]) || means(&params[length + 1], MEANS_ITEMS));
}

/* Does a length come later that may be this text's, or its end? Then there need not be a NUL. */
static bool is_bounded(const struct hst_recipe_param *params, size_t count, size_t text)
{
	if (text > 0 && means(&params[text], MEANS_BOUND) &&
		params[text - 1].shape.target == HST_TARGET_TEXT) {
		return true; /* it is the end of another one */
	}
	for (size_t i = text + 1; i < count; i++) {
		if (is_pointer(&params[i])) {
			return params[i].shape.target == HST_TARGET_TEXT &&
			       means(&params[i], MEANS_BOUND);
		}
		if (is_length(&params[i]) || means(&params[i], MEANS_ITEMS)) {
			return true;
		}
	}
	return false;
}

static uint8_t content_of(
	const struct hst_recipe_param *params, size_t count, size_t at, enum hst_key_rule rule)
{
	const struct hst_recipe_param *param = &params[at];
	bool asked = rule == HST_KEY_CONTENT;
	bool text = param->shape.target == HST_TARGET_TEXT;

	if (rule == HST_KEY_ADDRESS || !is_pointer(param) ||
		param->shape.target == HST_TARGET_OTHER || (!param->shape.target_const && !asked)) {
		return HST_PLAN_CONTENT_SCALAR;
	}
	if (at + 1 < count &&
		(is_length(&params[at + 1]) || (asked && !text && is_integer(&params[at + 1])))) {
		return is_multiplied(params, count, at + 1) ? HST_PLAN_CONTENT_SCALAR
							    : HST_PLAN_CONTENT_BYTES;
	}
	return text && (asked || !is_bounded(params, count, at)) ? HST_PLAN_CONTENT_STRING
								 : HST_PLAN_CONTENT_SCALAR;
}

/* An address must be in one piece of its own to be followed. */
static bool can_follow(const struct hst_recipes *recipes, const struct hst_recipe_param *param)
{
	return param->reason != HST_RECIPE_READABLE ||
	       (param->piece_count == 1 &&
		       recipes->pieces[param->first_piece].width == POINTER_BYTES);
}

static void mark(struct hst_recipes *recipes, struct hst_recipe_site *site, enum hst_key_rule rule)
{
	struct hst_recipe_param *params = &recipes->params[site->first_param];

	for (uint16_t i = 0; i < site->param_count; i++) {
		uint8_t content = content_of(params, site->param_count, i, rule);

		if (!can_follow(recipes, &params[i]) ||
			(content == HST_PLAN_CONTENT_BYTES &&
				params[i + 1].reason == HST_RECIPE_READABLE &&
				params[i + 1].piece_count != 1)) {
			content = HST_PLAN_CONTENT_SCALAR;
		}
		params[i].content = content;
		if (params[i].reason == HST_RECIPE_READABLE && params[i].piece_count == 1) {
			uint8_t *flags = &recipes->pieces[params[i].first_piece].content;

			*flags = (uint8_t)((*flags & ~HST_PLAN_CONTENT_MASK) | content);
		}
	}
}

void hst_recipes_contents(struct hst_recipes *recipes, struct hst_image *image,
	const struct hst_function_rules *rules)
{
	for (size_t i = 0; i < recipes->site_count; i++) {
		struct hst_recipe_site *site = &recipes->sites[i];
		const struct hst_function *function = NULL;
		enum hst_key_rule rule = HST_KEY_BY_TYPE;

		if (site->exit) {
			continue;
		}
		if (hst_function_rules_digest(rules) != 0 && site->fn != 0) {
			function = hst_image_function(image, site->fn);
		}
		if (function != NULL) {
			struct hst_function_names names = { function->name, function->full,
				function->linkage };

			rule = hst_function_rules_key(rules, &names);
		}
		mark(recipes, site, rule);
	}
}
