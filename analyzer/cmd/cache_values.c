/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values stand in the trace in the order of the pieces that they were read in; which parameter a piece belongs to is known from
 * the debug information of the recorded file. A function may be read at many places, in pieces of another number where
 * it is inlined; the first place that the values fit is taken.
 */
#include "cmd/cache_values.h"

#include "hasten/hash.h"
#include "symbols/function_rules.h"
#include "util/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct hst_argument_tuple *first_values(const struct hst_argument_function *from)
{
	for (size_t i = 0; i < from->tuples.count; i++) {
		if (from->tuples.items[i].has_values) {
			return &from->tuples.items[i];
		}
	}
	return NULL;
}

static const struct hst_value *value_at(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, size_t number)
{
	return &values->from->values.items[tuple->first + number];
}

/* Are these values those of the site's parameters? */
static bool fits_site(const struct hst_cache_values *values, const struct hst_recipe_site *site,
	const struct hst_argument_tuple *tuple)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < site->param_count; i++) {
		const struct hst_recipe_param *param =
			&values->recipes.params[site->first_param + i];

		for (uint32_t j = 0; j < param->piece_count; j++, at++) {
			bool content = param->content != HST_PLAN_CONTENT_SCALAR;
			uint8_t form = at < tuple->count ? value_at(values, tuple, at)->form
							 : HST_VALUE_LEFT_OUT;

			if (at >= tuple->count || (form != HST_VALUE_LEFT_OUT &&
							  (form == HST_VALUE_CONTENT) != content)) {
				return false;
			}
		}
	}
	return at == tuple->count;
}

/* The place to be shown: of the function itself, if the values fit it. */
static void choose_site(struct hst_cache_values *values, uint64_t entry)
{
	const struct hst_argument_tuple *tuple = first_values(values->from);

	for (size_t i = 0; i < values->recipes.site_count; i++) {
		const struct hst_recipe_site *site = &values->recipes.sites[i];

		if (site->fn != entry) {
			continue;
		}
		if (site->exit) {
			values->result = site->shape;
			values->result_width =
				site->result.width != 0 ? site->result.width : values->result_width;
			continue;
		}
		if (!hst_recipes_complete(&values->recipes, site)) {
			continue;
		}
		values->inlined += site->inlined;
		if ((tuple == NULL || fits_site(values, site, tuple)) &&
			(values->site == NULL || (values->site->inlined && !site->inlined))) {
			values->site = site;
		}
	}
}

/* Reads what the recorded file says of the function; without it the values have numbers for names. */
static enum hst_status read_recipes(
	struct hst_cache_values *values, const struct hst_cache_show *show, uint32_t row)
{
	struct hst_function_rules *rules = NULL;
	struct hst_image *image = NULL;
	const char *path = NULL;
	uint64_t entry = 0;
	enum hst_status status;

	if (!hst_profile_entry(show->said, row, &image, &path, &entry) || image == NULL) {
		(void)hst_diag_set(&values->why, HST_E_NO_DEBUG, "the recorded file is gone");
		return HST_OK;
	}
	status = hst_recipes_read(image, &values->recipes, &values->why);
	if (status == HST_OK) {
		status = hst_function_rules_read(NULL, &rules, &values->why);
	}
	if (status == HST_OK) {
		hst_recipes_contents(&values->recipes, image, rules);
		choose_site(values, entry);
	}
	hst_function_rules_destroy(rules);
	return status == HST_E_MEMORY ? status : HST_OK;
}

static uint8_t width_of(const struct hst_cache_values *values, const struct hst_recipe_param *param)
{
	return param->piece_count == 0 ? 0 : values->recipes.pieces[param->first_piece].width;
}

static void name_params(struct hst_cache_values *values)
{
	uint32_t at = 0;

	for (size_t i = 0; i < values->param_count; i++) {
		struct hst_value_param *param = &values->params[i];

		*param = (struct hst_value_param){ .first = at, .pieces = 1, .width = 8 };
		(void)snprintf(param->name, sizeof param->name, "value %zu", i + 1);
		if (values->site != NULL) {
			const struct hst_recipe_param *recipe =
				&values->recipes.params[values->site->first_param + i];

			param->recipe = recipe;
			param->type = recipe->type;
			param->shape = recipe->shape;
			param->pieces = recipe->piece_count;
			param->width = width_of(values, recipe);
			(void)snprintf(param->name, sizeof param->name, "%.60s",
				recipe->name == NULL ? "(no name)" : recipe->name);
		}
		at += param->pieces;
	}
}

enum hst_status hst_cache_values_prepare(const struct hst_cache_show *show,
	const struct hst_cache_function *function, struct hst_cache_values *values)
{
	const struct hst_argument_tuple *tuple;

	*values = (struct hst_cache_values){ 0 };
	values->from =
		show->arguments == NULL ? NULL : hst_arguments_of(show->arguments, function->row);
	if (values->from == NULL) {
		return HST_OK;
	}
	HST_TRY(read_recipes(values, show, function->row));
	tuple = first_values(values->from);
	values->has_values = tuple != NULL;
	values->param_count = values->site != NULL ? values->site->param_count
			      : tuple != NULL      ? tuple->count
						   : 0;
	values->params = calloc(values->param_count + 1, sizeof *values->params);
	if (values->params == NULL) {
		return HST_E_MEMORY;
	}
	name_params(values);
	for (size_t i = 0; i < values->from->tuples.count; i++) {
		tuple = &values->from->tuples.items[i];
		values->unfit += tuple->has_values && !hst_cache_values_fit(values, tuple);
	}
	return HST_OK;
}

void hst_cache_values_finish(struct hst_cache_values *values)
{
	hst_recipes_finish(&values->recipes);
	free(values->params);
	*values = (struct hst_cache_values){ 0 };
}

bool hst_cache_values_fit(
	const struct hst_cache_values *values, const struct hst_argument_tuple *tuple)
{
	if (!tuple->has_values) {
		return false;
	}
	return values->site != NULL ? fits_site(values, values->site, tuple)
				    : tuple->count == values->param_count;
}

void hst_cache_values_argument(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, size_t number, char text[HST_LITERAL_BYTES])
{
	static const struct hst_recipe_shape other = { 0 };
	const struct hst_value_param *param = &values->params[number];
	size_t at = 0;

	if (param->pieces == 1) {
		hst_literal(
			text, &param->shape, param->width, value_at(values, tuple, param->first));
		return;
	}
	(void)snprintf(text, HST_LITERAL_BYTES, "{");
	for (uint32_t i = 0; i < param->pieces; i++) {
		const struct hst_plan_piece *piece =
			&values->recipes.pieces[param->recipe->first_piece + i];
		struct hst_recipe_shape shape = other;
		char part[HST_LITERAL_BYTES];

		shape.form = (piece->content & HST_PLAN_CONTENT_FLOAT) != 0 ? HST_FORM_FLOAT
									    : HST_FORM_OTHER;
		hst_literal(part, &shape, piece->width, value_at(values, tuple, param->first + i));
		at = strlen(text);
		(void)snprintf(
			text + at, HST_LITERAL_BYTES - at, "%s%.40s", i == 0 ? " " : ", ", part);
	}
	at = strlen(text);
	(void)snprintf(text + at, HST_LITERAL_BYTES - at, " }");
}

void hst_cache_values_result(const struct hst_cache_values *values,
	const struct hst_argument_result *result, char text[HST_LITERAL_BYTES])
{
	struct hst_value value = { .form = HST_VALUE_SCALAR, .value = result->value };

	if (result->known) {
		hst_literal(text, &values->result, values->result_width, &value);
	} else {
		(void)snprintf(
			text, HST_LITERAL_BYTES, "[%016llx]", (unsigned long long)result->hash);
	}
}

/* Values that are equal have equal ones; texts that were cut are told apart by begin and length. */
static uint64_t value_hash(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, const struct hst_value_param *param)
{
	uint64_t hash = hst_hash_begin(param->pieces);

	for (uint32_t i = 0; i < param->pieces; i++) {
		const struct hst_value *value = value_at(values, tuple, param->first + i);

		hash = hst_hash_add(hst_hash_add(hash, value->form), value->value);
		for (unsigned j = 0; value->form == HST_VALUE_CONTENT && j < value->stored &&
				     j < HST_VALUE_BYTES_MAX;
			j++) {
			hash = hst_hash_add(hash, value->bytes[j]);
		}
	}
	return hst_hash_end(hash);
}

static int by_calls(const void *left, const void *right)
{
	const struct hst_value_count *a = left;
	const struct hst_value_count *b = right;

	if (a->calls != b->calls) {
		return a->calls > b->calls ? -1 : 1;
	}
	return a->tuple < b->tuple ? -1 : a->tuple > b->tuple;
}

static bool number_of(
	const struct hst_cache_values *values, uint32_t tuple, size_t param, double *ret_number)
{
	const struct hst_value_param *of = &values->params[param];

	return of->pieces == 1 &&
	       hst_literal_number(&of->shape, of->width,
		       value_at(values, &values->from->tuples.items[tuple], of->first), ret_number);
}

static void find_range(
	const struct hst_cache_values *values, size_t param, struct hst_value_histogram *histogram)
{
	double number = 0;

	histogram->low = INFINITY;
	histogram->high = -INFINITY;
	histogram->ranged = histogram->count != 0;
	for (size_t i = 0; i < histogram->count && histogram->ranged; i++) {
		histogram->ranged = number_of(values, histogram->items[i].tuple, param, &number);
		histogram->low = number < histogram->low ? number : histogram->low;
		histogram->high = number > histogram->high ? number : histogram->high;
	}
	for (size_t i = 0; i < histogram->count && histogram->ranged; i++) {
		double part;
		unsigned bucket;

		(void)number_of(values, histogram->items[i].tuple, param, &number);
		part = (number / 2 - histogram->low / 2) /
		       (histogram->high / 2 - histogram->low / 2);
		bucket = part > 0 ? (unsigned)(part * HST_VALUE_BUCKETS) : 0;
		bucket = bucket < HST_VALUE_BUCKETS ? bucket : HST_VALUE_BUCKETS - 1;
		histogram->buckets[bucket] += histogram->items[i].calls;
	}
}

enum hst_status hst_cache_values_count(const struct hst_cache_values *values, size_t param,
	struct hst_value_histogram *ret_histogram)
{
	struct hst_value_histogram histogram = { 0 };
	struct hst_map index = { 0 };
	enum hst_status status = HST_OK;

	histogram.items = calloc(values->from->tuples.count + 1, sizeof *histogram.items);
	if (histogram.items == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; status == HST_OK && i < values->from->tuples.count; i++) {
		const struct hst_argument_tuple *tuple = &values->from->tuples.items[i];
		uint32_t number;
		uint64_t hash;

		if (!hst_cache_values_fit(values, tuple)) {
			continue;
		}
		hash = value_hash(values, tuple, &values->params[param]);
		if (!hst_map_get(&index, hash, &number)) {
			number = (uint32_t)histogram.count++;
			histogram.items[number].tuple = (uint32_t)i;
			status = hst_map_put(&index, hash, number);
		}
		histogram.items[number].calls += tuple->calls;
	}
	hst_map_finish(&index);
	if (status != HST_OK) {
		free(histogram.items);
		return status;
	}
	qsort(histogram.items, histogram.count, sizeof *histogram.items, by_calls);
	find_range(values, param, &histogram);
	*ret_histogram = histogram;
	return HST_OK;
}
