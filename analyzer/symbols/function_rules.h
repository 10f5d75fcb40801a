/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user says of functions: whether pointers among the arguments count by what they point to, and which results
 * are failures. Lines of functions.conf; docs/arguments.md.
 *
 *   key FUNCTION address|content
 *   status FUNCTION negative|null|false|nonzero|none
 */
#ifndef HST_SYMBOLS_FUNCTION_RULES_H
#define HST_SYMBOLS_FUNCTION_RULES_H

#include "symbols/symbols.h"

enum hst_key_rule {
	HST_KEY_BY_TYPE, /* nothing is said */
	HST_KEY_ADDRESS,
	HST_KEY_CONTENT,
};

/* Which results of a function say that it failed. */
#define HST_FAILURE_LIST(X)      \
 X(FAILURE_NONE, "none")         \
 X(FAILURE_NEGATIVE, "negative") \
 X(FAILURE_NULL, "null")         \
 X(FAILURE_FALSE, "false")       \
 X(FAILURE_NONZERO, "nonzero")

#define HST_FAILURE_CONSTANT(name, word) HST_##name,
enum hst_failure {
	HST_FAILURE_LIST(HST_FAILURE_CONSTANT) HST_FAILURES
};
#undef HST_FAILURE_CONSTANT

/* The word; static memory. */
const char *hst_failure_text(enum hst_failure failure);

/* Names of a function; each may be NULL. */
struct hst_function_names {
	const char *name, *full, *linkage;
};

struct hst_function_rules;

/*
 * Reads `path`, or (NULL) what HASTEN_FUNCTIONS names, or hasten/functions.conf below $XDG_CONFIG_HOME (~/.config), which alone
 * need not be there. FUNCTION is a glob of a name (short, full, linkage) and may have blanks in it; of several lines that fit the
 * last one counts. The caller destroys *ret_rules. HST_E_USAGE and others, with a sentence that has the line.
 */
HST_NODISCARD enum hst_status hst_function_rules_read(
	const char *path, struct hst_function_rules **ret_rules, struct hst_diag *diag);
/* Takes the lines of a text; `name` is for sentences. */
HST_NODISCARD enum hst_status hst_function_rules_parse(const char *text, size_t bytes,
	const char *name, struct hst_function_rules **ret_rules, struct hst_diag *diag);
/* Accepts NULL. */
void hst_function_rules_destroy(struct hst_function_rules *rules);

/* `rules` may be NULL: nothing is said. */
enum hst_key_rule hst_function_rules_key(
	const struct hst_function_rules *rules, const struct hst_function_names *names);
/* false: nothing is said of this function. */
bool hst_function_rules_failure(const struct hst_function_rules *rules,
	const struct hst_function_names *names, enum hst_failure *ret_failure);
/* Tells the lines about keys from others; 0: there are none. */
uint64_t hst_function_rules_digest(const struct hst_function_rules *rules);

#endif
