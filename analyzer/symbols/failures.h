/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which results of a function say that it failed: what the user says, else what type and name say; where these leave a doubt, none.
 * docs/arguments.md has the rules.
 */
#ifndef HST_SYMBOLS_FAILURES_H
#define HST_SYMBOLS_FAILURES_H

#include "symbols/function_rules.h"

struct hst_failure_rule {
	uint8_t failure; /* enum hst_failure */
	bool declared;   /* by the user */
	bool by_name; /* of NEGATIVE: rests on the name, so that results beyond all error codes speak against it */
};

/*
 * Fills ret_rules[count] for the functions at these entry points (ascending, each once). Without debug information only what
 * the user says. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_failures_find(struct hst_image *image, const uint64_t *entries,
	size_t count, const struct hst_function_rules *rules, struct hst_failure_rule *ret_rules);

/* The rule for a name and a type's shape and text, size in bytes; for hst_failures_find and its test. */
struct hst_recipe_shape;
struct hst_failure_rule hst_failures_judge(
	const char *name, const char *type, const struct hst_recipe_shape *shape, uint64_t size);

#endif
