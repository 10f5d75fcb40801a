/* SPDX-License-Identifier: Apache-2.0 */
#include "symbols/function_rules.h"

#include "hasten/hash.h"
#include "util/arena.h"
#include "util/config.h"
#include "util/vec.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	const char *glob;
	uint8_t value;
};

struct rule_list {
	HST_VEC(struct rule) items;
};

struct hst_function_rules {
	struct hst_arena arena;
	struct rule_list keys, failures;
	uint64_t digest; /* of the lines about keys */
};

const char *hst_failure_text(enum hst_failure failure)
{
#define HST_FAILURE_WORD(name, word) word,
	static const char *const words[] = { HST_FAILURE_LIST(HST_FAILURE_WORD) };
#undef HST_FAILURE_WORD

	return failure < HST_FAILURES ? words[failure] : "?";
}

/* The word at an end of the line is cut off it; what is left has no blanks at its ends. */
static char *cut_word(char **rest, bool last)
{
	char *begin = *rest + strspn(*rest, " \t\r");
	size_t bytes = strlen(begin);
	size_t at;

	while (bytes > 0 && strchr(" \t\r", begin[bytes - 1]) != NULL) {
		begin[--bytes] = '\0';
	}
	if (!last) {
		at = strcspn(begin, " \t");
		*rest = begin + at;
		if (begin[at] != '\0') {
			begin[at] = '\0';
			*rest = begin + at + 1;
		}
		return begin;
	}
	for (at = bytes; at > 0 && begin[at - 1] != ' ' && begin[at - 1] != '\t'; at--) {
	}
	if (at > 0) {
		begin[at - 1] = '\0';
	}
	*rest = at > 0 ? begin : begin + bytes;
	for (size_t left = at > 0 ? at - 1 : 0;
		left > 0 && strchr(" \t", begin[left - 1]) != NULL;) {
		begin[--left] = '\0';
	}
	return begin + at;
}

static enum hst_status add(struct hst_function_rules *rules, struct rule_list *list,
	const char *glob, unsigned value, struct hst_diag *diag)
{
	struct rule rule = { hst_arena_string(&rules->arena, glob), (uint8_t)value };

	if (rule.glob == NULL || !hst_vec_push(&list->items, rule)) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	return HST_OK;
}

/* Key lines of other programs change the digest too: what is stored is made anew once more, and nothing else. */
static void digest(struct hst_function_rules *rules, const char *glob, unsigned value)
{
	uint64_t hash = hst_hash_add(hst_hash_begin(rules->digest), value);

	for (const char *at = glob; *at != '\0'; at++) {
		hash = hst_hash_add(hash, (uint8_t)*at);
	}
	rules->digest = hst_hash_end(hash) | 1;
}

static enum hst_status take_key(struct hst_function_rules *rules, const char *glob,
	const char *value, const char *name, unsigned number, struct hst_diag *diag)
{
	bool content = strcmp(value, "content") == 0;
	enum hst_key_rule rule = content ? HST_KEY_CONTENT : HST_KEY_ADDRESS;

	if (!content && strcmp(value, "address") != 0) {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: '%.40s' is neither address nor content", name, number,
			value);
	}
	digest(rules, glob, rule);
	return add(rules, &rules->keys, glob, rule, diag);
}

static enum hst_status take_failure(struct hst_function_rules *rules, const char *glob,
	const char *value, const char *name, unsigned number, struct hst_diag *diag)
{
	unsigned failure = 0;

	while (failure < HST_FAILURES &&
		strcmp(value, hst_failure_text((enum hst_failure)failure)) != 0) {
		failure++;
	}
	if (failure == HST_FAILURES) {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: '%.40s' is none of negative, null, false, nonzero and none",
			name, number, value);
	}
	return add(rules, &rules->failures, glob, failure, diag);
}

static enum hst_status take_line(
	void *context, char *line, const char *name, unsigned number, struct hst_diag *diag)
{
	struct hst_function_rules *rules = context;
	char *rest = line;
	const char *what = cut_word(&rest, false);
	const char *value;

	if (what[0] == '\0') {
		return HST_OK;
	}
	value = cut_word(&rest, true);
	rest += strspn(rest, " \t");
	if ((strcmp(what, "key") != 0 && strcmp(what, "status") != 0) || value[0] == '\0' ||
		rest[0] == '\0') {
		return hst_diag_set(diag, HST_E_USAGE,
			"'%s', line %u: expected 'key FUNCTION address', 'key FUNCTION content' or 'status FUNCTION "
			"negative' (null, false, nonzero, none)",
			name, number);
	}
	return what[0] == 'k' ? take_key(rules, rest, value, name, number, diag)
			      : take_failure(rules, rest, value, name, number, diag);
}

static const struct hst_config config = { "the file of functions", "HASTEN_FUNCTIONS",
	"functions.conf", "'key FUNCTION address|content' or 'status FUNCTION negative|null|...'",
	take_line };

enum hst_status hst_function_rules_parse(const char *text, size_t bytes, const char *name,
	struct hst_function_rules **ret_rules, struct hst_diag *diag)
{
	struct hst_function_rules *rules = calloc(1, sizeof *rules);
	enum hst_status status;

	if (rules == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	status = hst_config_parse(&config, text, bytes, name, rules, diag);
	if (status != HST_OK) {
		hst_function_rules_destroy(rules);
		return status;
	}
	*ret_rules = rules;
	return HST_OK;
}

enum hst_status hst_function_rules_read(
	const char *path, struct hst_function_rules **ret_rules, struct hst_diag *diag)
{
	size_t bytes = 0;
	char *text;
	char *name;
	enum hst_status status = hst_config_read(&config, path, &text, &bytes, &name, diag);

	if (status == HST_OK) {
		status = hst_function_rules_parse(
			text == NULL ? "" : text, bytes, name == NULL ? "" : name, ret_rules, diag);
	}
	free(text);
	free(name);
	return status;
}

void hst_function_rules_destroy(struct hst_function_rules *rules)
{
	if (rules == NULL) {
		return;
	}
	hst_vec_finish(&rules->keys.items);
	hst_vec_finish(&rules->failures.items);
	hst_arena_finish(&rules->arena);
	free(rules);
}

static bool fits(const char *glob, const char *name)
{
	return name != NULL && fnmatch(glob, name, 0) == 0;
}

static const struct rule *find(const struct rule_list *list, const struct hst_function_names *names)
{
	for (size_t i = list->items.count; i-- > 0;) {
		const struct rule *rule = &list->items.items[i];

		if (fits(rule->glob, names->name) || fits(rule->glob, names->full) ||
			fits(rule->glob, names->linkage)) {
			return rule;
		}
	}
	return NULL;
}

enum hst_key_rule hst_function_rules_key(
	const struct hst_function_rules *rules, const struct hst_function_names *names)
{
	const struct rule *rule = rules == NULL ? NULL : find(&rules->keys, names);

	return rule == NULL ? HST_KEY_BY_TYPE : (enum hst_key_rule)rule->value;
}

bool hst_function_rules_failure(const struct hst_function_rules *rules,
	const struct hst_function_names *names, enum hst_failure *ret_failure)
{
	const struct rule *rule = rules == NULL ? NULL : find(&rules->failures, names);

	if (rule != NULL) {
		*ret_failure = (enum hst_failure)rule->value;
	}
	return rule != NULL;
}

uint64_t hst_function_rules_digest(const struct hst_function_rules *rules)
{
	return rules == NULL ? 0 : rules->digest;
}
