/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and results of one function for `hasten cache --explain`: values by parameter, their counts. */
#ifndef HST_CMD_CACHE_VALUES_H
#define HST_CMD_CACHE_VALUES_H

#include "cmd/cache.h"
#include "cmd/literal.h"
#include "passes/arguments.h"

#define HST_VALUE_BUCKETS 8u

/* A parameter, as far as it is known. */
struct hst_value_param {
	char name[64];
	const char *type;                      /* NULL unknown */
	const struct hst_recipe_param *recipe; /* NULL: its debug information cannot be read */
	struct hst_recipe_shape shape;
	uint8_t width;
	uint32_t first, pieces; /* of a tuple's values */
};

/* One of the values of a parameter. */
struct hst_value_count {
	uint32_t tuple; /* one that has it */
	uint64_t calls;
};

struct hst_value_histogram {
	struct hst_value_count *items; /* most calls first */
	size_t count;
	bool ranged; /* numbers: the rest is known */
	double low, high;
	uint64_t buckets[HST_VALUE_BUCKETS]; /* calls, from low to high in equal steps */
};

struct hst_cache_values {
	const struct hst_argument_function *from;
	struct hst_recipes recipes;
	const struct hst_recipe_site *site; /* that the values fit; NULL: none */
	struct hst_recipe_shape result;
	uint8_t result_width;
	size_t inlined;      /* places where it is inlined and read, too */
	struct hst_diag why; /* why there are no recipes */
	struct hst_value_param *params;
	size_t param_count;
	bool has_values;
	uint64_t
		unfit; /* tuples that do not fit these parameters: read at another place, or under other rules */
};

/* HST_E_MEMORY; hst_cache_values_finish in any case. */
HST_NODISCARD enum hst_status hst_cache_values_prepare(const struct hst_cache_show *show,
	const struct hst_cache_function *function, struct hst_cache_values *values);
void hst_cache_values_finish(struct hst_cache_values *values);

/* Do the values of a tuple belong to the parameters? */
bool hst_cache_values_fit(
	const struct hst_cache_values *values, const struct hst_argument_tuple *tuple);
/* One argument of a tuple that fits. */
void hst_cache_values_argument(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, size_t number, char text[HST_LITERAL_BYTES]);
/* A result: its literal, or its hash. */
void hst_cache_values_result(const struct hst_cache_values *values,
	const struct hst_argument_result *result, char text[HST_LITERAL_BYTES]);
/* The values of a parameter. HST_E_MEMORY. The caller frees items. */
HST_NODISCARD enum hst_status hst_cache_values_count(const struct hst_cache_values *values,
	size_t param, struct hst_value_histogram *ret_histogram);

/* Prints it: `command` recorded it, for the sentence that says how to get values. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_values_text(const struct hst_cache_values *values,
	const struct hst_function_row *row, const char *command);
struct hst_json;
HST_NODISCARD enum hst_status hst_cache_values_json(
	struct hst_json *json, const struct hst_cache_values *values);

#endif
