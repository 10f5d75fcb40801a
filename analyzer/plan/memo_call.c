/* SPDX-License-Identifier: Apache-2.0 */
/* The function that looks up first: its arguments as words of a key, and the call of the renamed one. */
#include "plan/memo_code.h"

#include <inttypes.h>
#include <string.h>

#define WORD 8u

/* "key[2] = ...", or at the end of the words so far where keys differ in their length. */
static void place_word(const struct hst_memo_text *code, uint32_t *word)
{
	if (code->memo->by_content) {
		hst_memo_put(code, "\t%skey[%swords++] = ", code->own, code->own);
	} else {
		hst_memo_put(code, "\t%skey[%" PRIu32 "] = ", code->own, *word);
	}
	(*word)++;
}

/* Words of a key from the place where the next ones go: "key[words + 1]" or "key[3]". */
static void name_word(const struct hst_memo_text *code, uint32_t word, uint32_t more)
{
	if (code->memo->by_content) {
		hst_memo_put(code, "%skey[%swords + %" PRIu32 "]", code->own, code->own, more);
	} else {
		hst_memo_put(code, "%skey[%" PRIu32 "]", code->own, word + more);
	}
}

static void fill_bits(const struct hst_memo_text *code, const struct hst_prototype_param *param,
	const struct hst_prototype_value *value, uint32_t *word)
{
	uint32_t words = (value->bytes + WORD - 1) / WORD;

	/* The bytes behind it are not its own. */
	if (value->bytes % WORD != 0) {
		hst_memo_put(code, "\t");
		name_word(code, *word, words - 1);
		hst_memo_put(code, " = 0;\n");
	}
	hst_memo_put(code, "\t__builtin_memcpy(&");
	name_word(code, *word, 0);
	hst_memo_put(code, ", &%s%s, %" PRIu32 ");\n", param->name, value->path, value->bytes);
	if (code->memo->by_content) {
		hst_memo_put(code, "\t%swords += %" PRIu32 ";\n", code->own, words);
	}
	*word += words;
}

static void fill_value(const struct hst_memo_text *code, const struct hst_prototype_param *param,
	const struct hst_prototype_value *value, uint32_t *word)
{
	if (value->form == HST_VALUE_BITS) {
		fill_bits(code, param, value, word);
		return;
	}
	place_word(code, word);
	hst_memo_put(code,
		value->form == HST_VALUE_NUMBER ? "(unsigned long long)%s%s;\n"
		: value->form == HST_VALUE_ADDRESS
			? "(unsigned long long)(__UINTPTR_TYPE__)%s%s;\n"
			: "(unsigned long long)(__UINTPTR_TYPE__)&%s%s;\n",
		param->name, value->path);
}

static void write_arguments(const struct hst_memo_text *code)
{
	const struct hst_prototype *prototype = code->memo->prototype;

	hst_memo_put(code, "%s(", code->memo->uncached);
	for (size_t i = 0; i < prototype->count; i++) {
		hst_memo_put(code, "%s%s", i == 0 ? "" : ", ", prototype->params[i].name);
	}
	hst_memo_put(code, ")");
}

static void fill_text(const struct hst_memo_text *code, size_t number)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *name = prototype->params[number].name;

	hst_memo_put(code, "\tif (!%s_text(%skey, &%swords, %s, ", code->prefix, code->own,
		code->own, name);
	if (code->memo->contents[number] == HST_MEMO_STRING) {
		hst_memo_put(code, "%s == 0 ? 0 : __builtin_strlen(%s)", name, name);
	} else {
		hst_memo_put(code, "(unsigned long long)%s", prototype->params[number + 1].name);
	}
	hst_memo_put(code, ")) {\n\t\treturn ");
	write_arguments(code);
	hst_memo_put(code, ";\n\t}\n");
}

static void fill_key(const struct hst_memo_text *code)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	uint32_t word = 0;

	for (size_t i = 0; i < prototype->count; i++) {
		const struct hst_prototype_param *param = &prototype->params[i];

		if (code->memo->contents[i] != HST_MEMO_VALUE) {
			fill_text(code, i);
			continue;
		}
		for (size_t j = 0; j < param->count; j++) {
			fill_value(code, param, &param->values[j], &word);
		}
	}
}

/* "int name(int x)" as the debug information has it. */
void hst_memo_prototype(const struct hst_memo_text *code, const char *name)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *result = prototype->result;
	bool star = result[0] != '\0' && result[strlen(result) - 1] == '*';

	hst_memo_put(code, "%s%s%s(", result, star ? "" : " ", name);
	for (size_t i = 0; i < prototype->count; i++) {
		hst_memo_put(code, "%s%s", i == 0 ? "" : ", ", prototype->params[i].text);
	}
	hst_memo_put(code, prototype->count == 0 ? "void)" : ")");
}

/* "type name": in C++ a type may have names of its own scope. */
static void declare_result(const struct hst_memo_text *code)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *result = prototype->result;

	if (prototype->cplusplus || strstr(result, "(*") != NULL || strchr(result, '?') != NULL) {
		hst_memo_put(code, "\t__typeof__(");
		write_arguments(code);
		hst_memo_put(code, ") %sresult;\n", code->own);
	} else {
		hst_memo_put(code, "\t%s%s%sresult;\n", result,
			result[strlen(result) - 1] == '*' ? "" : " ", code->own);
	}
}

static void declare_variables(const struct hst_memo_text *code)
{
	const struct hst_memo *memo = code->memo;
	const char *own = code->own;

	hst_memo_put(code, "\tunsigned long long ");
	if (hst_memo_has_key(code)) {
		hst_memo_put(code, "%skey[%" PRIu32 "], ", own, memo->key_words);
	}
	hst_memo_put(code, "%svalue[%" PRIu32 "] = { 0 };\n", own, memo->result_words);
	if (hst_memo_has_ttl(code)) {
		hst_memo_put(code, "\tunsigned long long %snow = %s_now();\n", own, code->prefix);
	}
	if (memo->by_content) {
		hst_memo_put(code, "\tunsigned %swords = 0;\n", own);
	}
	if (memo->sets == 1) {
		hst_memo_put(
			code, "\tstruct %s_set *%sset = &%s;\n", code->prefix, own, code->prefix);
	} else {
		hst_memo_put(code,
			"\tunsigned long long %shash;\n\tstruct %s_set *%sset, *%sother;\n", own,
			code->prefix, own, own);
	}
	declare_result(code);
}

/* "set, key, words, value, now)" */
static void pass_on(const struct hst_memo_text *code, const char *set)
{
	const char *own = code->own;

	hst_memo_put(code, "%s%s", own, set);
	if (hst_memo_has_key(code)) {
		hst_memo_put(code, ", %skey", own);
	}
	if (code->memo->by_content) {
		hst_memo_put(code, ", %swords", own);
	}
	hst_memo_put(code, ", %svalue", own);
	if (hst_memo_has_ttl(code)) {
		hst_memo_put(code, ", %snow", own);
	}
	hst_memo_put(code, ")");
}

static void find_sets(const struct hst_memo_text *code)
{
	const char *own = code->own;
	uint64_t sets = code->memo->sets;

	if (sets == 1) {
		return;
	}
	hst_memo_put(code, "\t%shash = %s_hash(%skey", own, code->prefix, own);
	hst_memo_put(code, code->memo->by_content ? ", %swords);\n" : "%.0s);\n", own);
	hst_memo_put(code, "\t%sset = &%s[%shash %% %" PRIu64 "];\n", own, code->prefix, own, sets);
	hst_memo_put(code, "\t%sother = &%s[(%shash >> 40) %% %" PRIu64 "];\n", own, code->prefix,
		own, sets);
}

void hst_memo_body(const struct hst_memo_text *code)
{
	const char *own = code->own;
	bool many = code->memo->sets > 1;

	hst_memo_put(code, "\n{\n");
	declare_variables(code);
	hst_memo_put(code, "\n");
	fill_key(code);
	find_sets(code);
	hst_memo_put(code, "\tif (%s_find(", code->prefix);
	pass_on(code, "set");
	if (many) {
		hst_memo_put(code, " ||\n\t\t%s_find(", code->prefix);
		pass_on(code, "other");
	}
	hst_memo_put(code, ") {\n\t\t__builtin_memcpy(&%sresult, %svalue, sizeof %sresult);\n", own,
		own, own);
	hst_memo_put(code, "\t\treturn %sresult;\n\t}\n\t%sresult = ", own, own);
	write_arguments(code);
	hst_memo_put(code, ";\n\t__builtin_memcpy(%svalue, &%sresult, sizeof %sresult);\n", own,
		own, own);
	hst_memo_put(code, "\t%s_put(", code->prefix);
	if (many) {
		hst_memo_put(code, "%sset, ", own);
	}
	pass_on(code, many ? "other" : "set");
	hst_memo_put(code, ";\n\treturn %sresult;\n}\n", own);
}
