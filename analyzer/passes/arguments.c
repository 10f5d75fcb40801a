/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/arguments.h"

#include "passes/rows.h"

#include <stdlib.h>

/* The function of a row; NULL: not this one. */
static struct hst_argument_function *function_of(
	struct hst_arguments *arguments, const struct hst_cache_seen *seen)
{
	struct hst_argument_function fresh = { .row = seen->row };
	uint32_t number = 0;

	if (hst_map_get(&arguments->function_of, seen->row, &number)) {
		return number == 0 ? NULL : &arguments->functions.items[number - 1];
	}
	if (seen->function != NULL && hst_row_is_named(seen->function, arguments->name) &&
		arguments->functions.count < HST_ARGUMENT_FUNCTIONS_MAX) {
		if (!hst_vec_push(&arguments->functions, fresh)) {
			arguments->out_of_memory = true;
			return NULL;
		}
		number = (uint32_t)arguments->functions.count;
	}
	if (hst_map_put(&arguments->function_of, seen->row, number) != HST_OK) {
		arguments->out_of_memory = true;
	}
	return number == 0 ? NULL : &arguments->functions.items[number - 1];
}

/* NULL: there is no place, or (`make` is false) it is not there. */
static struct hst_argument_tuple *tuple_of(struct hst_arguments *arguments,
	struct hst_argument_function *function, uint64_t key, bool make)
{
	struct hst_argument_tuple fresh = { .key = key };
	uint32_t number;

	if (hst_map_get(&function->tuple_of, key, &number)) {
		return &function->tuples.items[number];
	}
	if (!make || function->tuples.count >= HST_ARGUMENT_TUPLES_MAX) {
		return NULL;
	}
	number = (uint32_t)function->tuples.count;
	if (!hst_vec_push(&function->tuples, fresh) ||
		hst_map_put(&function->tuple_of, key, number) != HST_OK) {
		arguments->out_of_memory = true;
		return NULL;
	}
	return &function->tuples.items[number];
}

static void take_result(struct hst_argument_tuple *tuple, uint64_t hash)
{
	tuple->results++;
	for (uint32_t i = 0; i < tuple->result_count; i++) {
		if (tuple->result[i].hash == hash) {
			tuple->result[i].calls++;
			return;
		}
	}
	if (tuple->result_count == HST_ARGUMENT_RESULTS) {
		tuple->other_results++;
		return;
	}
	tuple->result[tuple->result_count++] =
		(struct hst_argument_result){ .hash = hash, .calls = 1 };
}

static void take_result_value(struct hst_argument_tuple *tuple, const struct hst_cache_seen *seen)
{
	for (uint32_t i = 0; i < tuple->result_count; i++) {
		if (tuple->result[i].hash == seen->result) {
			tuple->result[i].value = seen->value;
			tuple->result[i].known = true;
		}
	}
}

static void take_values(struct hst_arguments *arguments, struct hst_argument_function *function,
	struct hst_argument_tuple *tuple, const struct hst_cache_seen *seen)
{
	if (tuple->has_values) {
		return;
	}
	if (seen->count > HST_ARGUMENT_VALUES_MAX - function->values.count) {
		function->left_values++;
		return;
	}
	tuple->first = (uint32_t)function->values.count;
	for (size_t i = 0; i < seen->count; i++) {
		if (!hst_vec_push(&function->values, seen->values[i])) {
			arguments->out_of_memory = true;
			return;
		}
	}
	tuple->count = (uint32_t)seen->count;
	tuple->has_values = true;
}

void hst_arguments_see(void *seer, const struct hst_cache_seen *seen)
{
	struct hst_arguments *arguments = seer;
	struct hst_argument_function *function = function_of(arguments, seen);
	struct hst_argument_tuple *tuple;

	if (function == NULL) {
		return;
	}
	tuple = tuple_of(arguments, function, seen->key, seen->event == HST_EVENT_KEY);
	switch (seen->event) {
	case HST_EVENT_KEY:
		function->calls++;
		if (tuple == NULL) {
			function->left_calls++;
		} else {
			tuple->calls++;
		}
		break;
	case HST_EVENT_RESULT:
		if (tuple != NULL) {
			take_result(tuple, seen->result);
		}
		break;
	case HST_EVENT_VALUES:
		if (tuple != NULL) {
			take_values(arguments, function, tuple, seen);
		}
		break;
	case HST_EVENT_RESULT_VALUE:
		if (tuple != NULL) {
			take_result_value(tuple, seen);
		}
		break;
	default:
		break;
	}
}

const struct hst_argument_function *hst_arguments_of(
	const struct hst_arguments *arguments, uint32_t row)
{
	uint32_t number = 0;

	return hst_map_get(&arguments->function_of, row, &number) && number != 0
		       ? &arguments->functions.items[number - 1]
		       : NULL;
}

static int by_calls(const void *left, const void *right)
{
	const struct hst_argument_tuple *a = left;
	const struct hst_argument_tuple *b = right;

	if (a->calls != b->calls) {
		return a->calls > b->calls ? -1 : 1;
	}
	return (a->key > b->key) - (a->key < b->key);
}

void hst_arguments_sort(struct hst_arguments *arguments)
{
	for (size_t i = 0; i < arguments->functions.count; i++) {
		struct hst_argument_function *function = &arguments->functions.items[i];

		if (function->tuples.count != 0) {
			qsort(function->tuples.items, function->tuples.count,
				sizeof *function->tuples.items, by_calls);
		}
		hst_map_clear(&function->tuple_of);
	}
}

void hst_arguments_finish(struct hst_arguments *arguments)
{
	for (size_t i = 0; i < arguments->functions.count; i++) {
		hst_vec_finish(&arguments->functions.items[i].tuples);
		hst_vec_finish(&arguments->functions.items[i].values);
		hst_map_finish(&arguments->functions.items[i].tuple_of);
	}
	hst_vec_finish(&arguments->functions);
	hst_map_finish(&arguments->function_of);
}

bool hst_profile_entry(const struct hst_profile *profile, uint32_t row,
	struct hst_image **ret_image, const char **ret_path, uint64_t *ret_entry)
{
	const struct hst_rows *rows = profile->owner;

	for (size_t i = 0; i < rows->keys.count; i++) {
		const struct hst_row_key *key = &rows->keys.items[i];

		if (key->row == row && key->space < rows->images.count) {
			*ret_image = rows->images.items[key->space].image;
			*ret_path = rows->images.items[key->space].path;
			*ret_entry = key->address;
			return true;
		}
	}
	return false;
}
