/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All arguments and results of one function, as the replay meets them: how often each tuple of arguments came, with its values where
 * they were recorded. Of bounded size: what finds no place is counted.
 */
#ifndef HST_PASSES_ARGUMENTS_H
#define HST_PASSES_ARGUMENTS_H

#include "passes/cache_gather.h"
#include "symbols/symbols.h"

#define HST_ARGUMENT_TUPLES_MAX    (64u << 10) /* of one function */
#define HST_ARGUMENT_VALUES_MAX    (512u << 10)
#define HST_ARGUMENT_RESULTS       4u /* of one tuple */
#define HST_ARGUMENT_FUNCTIONS_MAX 16u

struct hst_argument_result {
	uint64_t hash;
	uint64_t value;
	uint64_t calls;
	bool known; /* `value` is */
};

struct hst_argument_tuple {
	uint64_t key;
	uint64_t calls;
	uint32_t first, count; /* of `values` */
	bool has_values;
	uint8_t result_count;
	uint64_t results;       /* calls with a result */
	uint64_t other_results; /* of them, those with none of these */
	struct hst_argument_result result[HST_ARGUMENT_RESULTS];
};

struct hst_argument_function {
	uint32_t row;
	HST_VEC(struct hst_argument_tuple) tuples;
	HST_VEC(struct hst_value) values;
	struct hst_map tuple_of; /* key -> index */
	uint64_t calls;          /* with a key */
	uint64_t left_calls;     /* of them, those whose tuple found no place */
	uint64_t left_values;    /* tuples whose values found none */
};

struct hst_arguments {
	const char *name; /* the function's short, full or linkage name, which several may have */
	HST_VEC(struct hst_argument_function) functions;
	struct hst_map function_of; /* row -> index + 1; 0: another name */
	bool out_of_memory;
};

/* For hst_cache_gather.see; `seer` is a struct hst_arguments with its name set. */
void hst_arguments_see(void *seer, const struct hst_cache_seen *seen);
/* Of a row; NULL: it had no keys, or there were too many functions of that name. */
const struct hst_argument_function *hst_arguments_of(
	const struct hst_arguments *arguments, uint32_t row);
/* Tuples by calls, most first; the map is of no use then. */
void hst_arguments_sort(struct hst_arguments *arguments);
void hst_arguments_finish(struct hst_arguments *arguments);

/*
 * The entry point of a row of a profile that hst_profile_read filled, in the recorded file. *ret_image: NULL if it can no longer be
 * read. false: it is no function of a file.
 */
bool hst_profile_entry(const struct hst_profile *profile, uint32_t row,
	struct hst_image **ret_image, const char **ret_path, uint64_t *ret_entry);

#endif
