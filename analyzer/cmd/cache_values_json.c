/* SPDX-License-Identifier: Apache-2.0 */
/* The same as JSON: all values and tuples that were kept. Fields are only ever added. */
#include "cmd/cache_values.h"

#include "cmd/info_args.h"
#include "writers/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static enum hst_status param_json(
	struct hst_json *json, const struct hst_cache_values *values, size_t number)
{
	const struct hst_value_param *param = &values->params[number];
	struct hst_value_histogram histogram;
	char text[HST_LITERAL_BYTES];

	HST_TRY(hst_cache_values_count(values, number, &histogram));
	hst_json_object(json, NULL);
	hst_json_string(json, "name", param->name);
	hst_json_string(json, "type", param->type);
	if (param->recipe != NULL) {
		char words[HST_ARGS_PLACE_BYTES];

		hst_args_keyed(words, param->recipe, param->recipe + 1);
		hst_json_string(json, "keyed", words);
		hst_args_place(words, &values->recipes.pieces[param->recipe->first_piece],
			param->recipe->piece_count);
		hst_json_string(json, "place", words);
	} else {
		hst_json_null(json, "keyed");
		hst_json_null(json, "place");
	}
	hst_json_u64(json, "distinct", histogram.count);
	hst_json_double(json, "least", histogram.ranged ? histogram.low : NAN, 9);
	hst_json_double(json, "most", histogram.ranged ? histogram.high : NAN, 9);
	hst_json_array(json, "values");
	for (size_t i = 0; i < histogram.count; i++) {
		hst_cache_values_argument(values,
			&values->from->tuples.items[histogram.items[i].tuple], number, text);
		hst_json_row(json, NULL);
		hst_json_string(json, "literal", text);
		hst_json_u64(json, "calls", histogram.items[i].calls);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_end(json);
	free(histogram.items);
	return HST_OK;
}

static void tuple_json(struct hst_json *json, const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple)
{
	char text[HST_LITERAL_BYTES];

	hst_json_row(json, NULL);
	(void)snprintf(text, sizeof text, "%016" PRIx64, tuple->key);
	hst_json_string(json, "key", text);
	hst_json_u64(json, "calls", tuple->calls);
	if (hst_cache_values_fit(values, tuple)) {
		hst_json_list(json, "arguments");
		for (size_t i = 0; i < values->param_count; i++) {
			hst_cache_values_argument(values, tuple, i, text);
			hst_json_string(json, NULL, text);
		}
		hst_json_end(json);
	} else {
		hst_json_null(json, "arguments");
	}
	hst_json_list(json, "results");
	for (unsigned i = 0; i < tuple->result_count; i++) {
		hst_json_row(json, NULL);
		hst_cache_values_result(values, &tuple->result[i], text);
		hst_json_string(json, "literal", tuple->result[i].known ? text : NULL);
		(void)snprintf(text, sizeof text, "%016" PRIx64, tuple->result[i].hash);
		hst_json_string(json, "hash", text);
		hst_json_u64(json, "calls", tuple->result[i].calls);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_u64(json, "calls_with_other_results", tuple->other_results);
	hst_json_end(json);
}

enum hst_status hst_cache_values_json(struct hst_json *json, const struct hst_cache_values *values)
{
	const struct hst_argument_function *from = values->from;
	enum hst_status status = HST_OK;

	if (from == NULL) {
		hst_json_null(json, "arguments");
		return HST_OK;
	}
	hst_json_object(json, "arguments");
	hst_json_bool(json, "values_recorded", values->has_values);
	hst_json_u64(json, "calls", from->calls);
	hst_json_u64(json, "distinct", from->tuples.count);
	hst_json_u64(json, "calls_left_out", from->left_calls);
	hst_json_u64(json, "values_left_out", from->left_values);
	hst_json_u64(json, "read_in_other_parts", values->unfit);
	hst_json_string(
		json, "no_parameters", values->why.text[0] == '\0' ? NULL : values->why.text);
	hst_json_array(json, "parameters");
	for (size_t i = 0; status == HST_OK && i < values->param_count; i++) {
		status = param_json(json, values, i);
	}
	hst_json_end(json);
	hst_json_array(json, "tuples");
	for (size_t i = 0; i < from->tuples.count; i++) {
		tuple_json(json, values, &from->tuples.items[i]);
	}
	hst_json_end(json);
	hst_json_end(json);
	return status;
}
