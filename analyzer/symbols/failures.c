/* SPDX-License-Identifier: Apache-2.0 */
#include "symbols/failures.h"

#include "symbols/image.h"
#include "symbols/recipes_owner.h"

#include <ctype.h>
#include <string.h>

#define WORD_BYTES         24u
#define NUMBER_BYTES_LEAST 4u

enum word_kind {
	WORD_PREDICATE,
	WORD_ACTION,
	WORD_BOOL_ACTION,
	WORD_ABSENCE,
	WORD_NUMBER,
	WORD_STATUS,
	WORD_GOOD,
};

static const struct {
	const char *word;
	enum word_kind kind;
} words[] = {
#define HST_FAILURE_WORD(KIND, word) { word, WORD_##KIND },
#include "symbols/failures.def"
#undef HST_FAILURE_WORD
};

static unsigned kinds_of_word(const char *word)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		kinds |= strcmp(word, words[i].word) == 0 ? 1u << words[i].kind : 0;
	}
	return kinds;
}

/* A word that is being read, in small letters. */
struct reading {
	char word[WORD_BYTES + 1];
	size_t length; /* more than WORD_BYTES: it is none of the table */
};

static void add_letter(struct reading *reading, char letter)
{
	bool capital = letter >= 'A' && letter <= 'Z';

	if (reading->length < WORD_BYTES) {
		reading->word[reading->length] = (char)(capital ? letter - 'A' + 'a' : letter);
	}
	reading->length++;
}

static unsigned end_word(struct reading *reading)
{
	unsigned kinds = 0;

	if (reading->length > 0 && reading->length <= WORD_BYTES) {
		reading->word[reading->length] = '\0';
		kinds = kinds_of_word(reading->word);
	}
	reading->length = 0;
	return kinds;
}

/* Bits of enum word_kind of all words of a name: lower_case, camelCase, XMLReader. */
static unsigned kinds_of(const char *name)
{
	struct reading reading = { .length = 0 };
	unsigned kinds = 0;

	for (const char *at = name; *at != '\0'; at++) {
		bool letter = isalpha((unsigned char)*at) != 0;
		bool begins =
			isupper((unsigned char)*at) != 0 && at > name &&
			(islower((unsigned char)at[-1]) != 0 || islower((unsigned char)at[1]) != 0);

		if (!letter || begins) {
			kinds |= end_word(&reading);
		}
		if (letter) {
			add_letter(&reading, *at);
		}
	}
	return kinds | end_word(&reading);
}

static bool has(unsigned kinds, enum word_kind kind)
{
	return (kinds >> kind & 1) != 0;
}

/* Do the values of the enumeration say how it went, with 0 for well? */
static bool is_status(const char *type, const struct hst_recipe_shape *shape)
{
	for (uint32_t i = 0; has(kinds_of(type), WORD_STATUS) && i < shape->enums; i++) {
		if (shape->names[i].value == 0) {
			return has(kinds_of(shape->names[i].name), WORD_GOOD);
		}
	}
	return false;
}

/* The name without what it is a member of. */
static const char *own_name(const char *name)
{
	const char *at = name;

	for (const char *next = strstr(at, "::"); next != NULL; next = strstr(at, "::")) {
		at = next + 2;
	}
	return at;
}

static struct hst_failure_rule of_number(const char *type, unsigned kinds, uint64_t size)
{
	if (strcmp(type, "ssize_t") == 0) {
		return (struct hst_failure_rule){ .failure = HST_FAILURE_NEGATIVE };
	}
	if (strcmp(type, "error_t") == 0 || strcmp(type, "errno_t") == 0) {
		return (struct hst_failure_rule){ .failure = HST_FAILURE_NONZERO };
	}
	if (size < NUMBER_BYTES_LEAST || !has(kinds, WORD_ACTION) || has(kinds, WORD_NUMBER) ||
		has(kinds, WORD_ABSENCE) || has(kinds, WORD_PREDICATE)) {
		return (struct hst_failure_rule){ 0 };
	}
	return (struct hst_failure_rule){ .failure = HST_FAILURE_NEGATIVE, .by_name = true };
}

struct hst_failure_rule hst_failures_judge(
	const char *name, const char *type, const struct hst_recipe_shape *shape, uint64_t size)
{
	struct hst_failure_rule rule = { 0 };
	unsigned kinds = kinds_of(own_name(name));

	switch ((enum hst_recipe_form)shape->form) {
	case HST_FORM_POINTER:
		rule.failure = has(kinds, WORD_ABSENCE) || has(kinds, WORD_PREDICATE)
				       ? HST_FAILURE_NONE
				       : HST_FAILURE_NULL;
		break;
	case HST_FORM_BOOL:
		rule.failure = (has(kinds, WORD_ACTION) || has(kinds, WORD_BOOL_ACTION)) &&
					       !has(kinds, WORD_PREDICATE) &&
					       !has(kinds, WORD_ABSENCE)
				       ? HST_FAILURE_FALSE
				       : HST_FAILURE_NONE;
		break;
	case HST_FORM_ENUM:
		rule.failure = is_status(type, shape) ? HST_FAILURE_NONZERO : HST_FAILURE_NONE;
		break;
	case HST_FORM_SIGNED:
		rule = of_number(type, kinds, size);
		break;
	case HST_FORM_OTHER:
	case HST_FORM_UNSIGNED:
	case HST_FORM_CHAR:
	case HST_FORM_FLOAT:
	default:
		break;
	}
	return rule;
}

/* What debug information says; false: no memory. */
static bool judge_entry(
	struct hst_owners *owners, uint64_t entry, const char *name, struct hst_failure_rule *rule)
{
	const struct hst_signature *signature;
	uint32_t number;

	if (!hst_map_get(&owners->body_of, entry, &number)) {
		return true;
	}
	signature = hst_owners_signature(owners, owners->types->dwarf->bodies[number].die);
	if (signature == NULL) {
		return false;
	}
	*rule = hst_failures_judge(
		name, signature->result->text, &signature->result->shape, signature->result->size);
	return true;
}

/* false: no memory */
static bool find_one(struct hst_image *image, struct hst_owners *owners, uint64_t entry,
	const struct hst_function_rules *rules, struct hst_failure_rule *rule)
{
	const struct hst_function *function = hst_image_function(image, entry);
	struct hst_function_names names;
	enum hst_failure failure;

	*rule = (struct hst_failure_rule){ 0 };
	if (function == NULL) {
		return true;
	}
	names = (struct hst_function_names){ function->name, function->full, function->linkage };
	if (hst_function_rules_failure(rules, &names, &failure)) {
		*rule = (struct hst_failure_rule){ .failure = (uint8_t)failure, .declared = true };
		return true;
	}
	return owners == NULL || judge_entry(owners, entry, function->name, rule);
}

enum hst_status hst_failures_find(struct hst_image *image, const uint64_t *entries, size_t count,
	const struct hst_function_rules *rules, struct hst_failure_rule *ret_rules)
{
	struct hst_dwarf *dwarf = hst_image_dwarf_of(image, entries, count);
	struct hst_arena arena = { 0 };
	struct hst_recipe_types types = { .dwarf = dwarf, .arena = &arena };
	struct hst_owners owners = { 0 };
	bool good = dwarf == NULL || hst_owners_open(&types, &owners) == HST_OK;

	for (size_t i = 0; good && i < count; i++) {
		good = find_one(
			image, dwarf == NULL ? NULL : &owners, entries[i], rules, &ret_rules[i]);
	}
	hst_owners_finish(&owners);
	hst_types_finish(&types);
	hst_arena_finish(&arena);
	return good ? HST_OK : HST_E_MEMORY;
}
