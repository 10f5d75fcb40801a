/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as a stream: nothing is held. Strings are made sound (broken UTF-8 becomes U+FFFD), numbers
 * that JSON does not know become null. `key` is NULL within arrays and at the top.
 *
 *   struct hst_json json;
 *   hst_json_begin(&json, stdout);
 *   hst_json_object(&json, NULL);
 *   hst_json_u64(&json, "schema", 1);
 *   hst_json_end(&json);
 *   hst_json_finish(&json);
 */
#ifndef HST_WRITERS_JSON_H
#define HST_WRITERS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define HST_JSON_DEPTH 16u

struct hst_json {
	FILE *out;
	uint32_t depth;
	bool array[HST_JSON_DEPTH];
	bool any[HST_JSON_DEPTH];     /* something stands in it already */
	bool compact[HST_JSON_DEPTH]; /* its members stand in one line */
};

void hst_json_begin(struct hst_json *json, FILE *out);
/* Writes the last newline; everything that was opened must have been ended. */
void hst_json_finish(struct hst_json *json);

void hst_json_object(struct hst_json *json, const char *key);
void hst_json_array(struct hst_json *json, const char *key);
/* The same on one line, with all that is in it. */
void hst_json_row(struct hst_json *json, const char *key);
void hst_json_list(struct hst_json *json, const char *key);
/* Ends the innermost object or array. */
void hst_json_end(struct hst_json *json);

/* NULL becomes null. */
void hst_json_string(struct hst_json *json, const char *key, const char *text);
void hst_json_u64(struct hst_json *json, const char *key, uint64_t value);
void hst_json_i64(struct hst_json *json, const char *key, int64_t value);
/* NaN and infinities become null. `decimals` behind the point. */
void hst_json_double(struct hst_json *json, const char *key, double value, int decimals);
void hst_json_bool(struct hst_json *json, const char *key, bool value);
void hst_json_null(struct hst_json *json, const char *key);

/* Only the text with its quotes. */
void hst_json_quote(FILE *out, const char *text);

#endif
