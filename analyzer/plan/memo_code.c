/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of a cache, for C of any standard and for C++. A set of entries has a version, odd while it is written: a lookup
 * that meets an odd one, or another one behind its reading than before it, has found nothing.
 *
 * Shared by threads: a writer takes a set by making its version odd (compare and exchange), and stores each word with release
 * order; readers load each word with acquire order. So whoever sees a word of a writer sees also that the version was odd
 * before it. No fences: what follows these rules is followed by a race detector, too. For one thread the same, with barriers for the
 * compiler alone: a signal handler may call the function at any moment.
 */
#include "plan/memo.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Longer keys are compared in a loop. */
#define KEY_IN_LINE 4u
#define WORD        8u

struct code {
	FILE *out;
	const struct hst_memo *memo;
	const char *prefix;
	const char *own; /* before the names of variables beside the function's parameters */
	bool loop;       /* keys are compared, placed and stored in a loop */
};

static void put(const struct code *code, const char *fmt, ...) HST_PRINTF(2, 3);

static void put(const struct code *code, const char *fmt, ...)
{
	va_list arguments;

	va_start(arguments, fmt);
	(void)vfprintf(code->out, fmt, arguments);
	va_end(arguments);
}

/* How a word of the cache is read and written. */
static void load(const struct code *code, const char *what)
{
	put(code, code->memo->shared ? "__atomic_load_n(&%s, __ATOMIC_ACQUIRE)" : "%s", what);
}

/* What is only a hint, or what nobody else writes at the moment. */
static void load_recent(const struct code *code, const char *what)
{
	put(code, code->memo->shared ? "__atomic_load_n(&%s, __ATOMIC_RELAXED)" : "%s", what);
}

static void store(const struct code *code, const char *tabs, const char *what, const char *value)
{
	put(code,
		code->memo->shared ? "%s__atomic_store_n(&%s, %s, __ATOMIC_RELEASE);\n"
				   : "%s%s = %s;\n",
		tabs, what, value);
}

static void barrier(const struct code *code)
{
	if (!code->memo->shared) {
		put(code, "\t__atomic_signal_fence(__ATOMIC_SEQ_CST);\n");
	}
}

static bool has_ttl(const struct code *code)
{
	return code->memo->ttl_ns != 0;
}

static bool has_key(const struct code *code)
{
	return code->memo->key_words > 0;
}

static void write_types(const struct code *code)
{
	const struct hst_memo *memo = code->memo;

	put(code, "struct %s_entry {\n\tunsigned long long ", code->prefix);
	if (has_key(code)) {
		put(code, "key[%" PRIu32 "], ", memo->key_words);
	}
	put(code, "value[%" PRIu32 "]", memo->result_words);
	put(code, has_ttl(code) ? ", since;\n};\n\n" : ";\n};\n\n");
	put(code, "static %sstruct %s_set {\n",
		memo->shared                 ? ""
		: memo->prototype->cplusplus ? "thread_local "
					     : "_Thread_local ",
		code->prefix);
	put(code, "\tunsigned version; /* odd while it is written */\n");
	put(code, memo->ways == 1 ? "\tunsigned used;\n"
				  : "\tunsigned used, recent; /* a bit for each entry */\n");
	put(code, "\tstruct %s_entry entries[%" PRIu32 "];\n} ", code->prefix, memo->ways);
	put(code, memo->sets == 1 ? "%s;\n\n" : "%s[%" PRIu64 "];\n\n", code->prefix, memo->sets);
}

static void write_clock(const struct code *code)
{
	if (!has_ttl(code)) {
		return;
	}
	put(code, "static unsigned long long %s_now(void)\n{\n\tstruct timespec now;\n\n",
		code->prefix);
	put(code, "\t(void)clock_gettime(%s, &now);\n",
		code->memo->coarse ? "CLOCK_MONOTONIC_COARSE" : "CLOCK_MONOTONIC");
	put(code, "\treturn (unsigned long long)now.tv_sec * 1000000000ull + "
		  "(unsigned long long)now.tv_nsec;\n}\n\n");
}

/* Appends a text to a key. */
static void write_text(const struct code *code)
{
	if (!code->memo->by_content) {
		return;
	}
	put(code,
		"static int %s_text(unsigned long long *key, unsigned *words, const void *text,\n"
		"\tunsigned long long bytes)\n{\n",
		code->prefix);
	put(code,
		"\tunsigned more;\n\n"
		"\tkey[(*words)++] = text == 0 ? ~0ull : bytes;\n"
		"\tif (text == 0 || bytes == 0) {\n\t\treturn 1;\n\t}\n"
		"\tif (bytes > %uu) {\n\t\treturn 0; /* too long to be kept */\n\t}\n"
		"\tmore = ((unsigned)bytes + 7) / 8;\n"
		"\tkey[*words + more - 1] = 0;\n"
		"\t__builtin_memcpy(&key[*words], text, bytes);\n"
		"\t*words += more;\n"
		"\treturn 1;\n}\n\n",
		HST_MEMO_TEXT_BYTES);
}

/* "unsigned words, ", if keys differ in their length. */
static const char *words_parameter(const struct code *code)
{
	return code->memo->by_content ? ", unsigned words" : "";
}

static const char *words_argument(const struct code *code)
{
	return code->memo->by_content ? ", words" : "";
}

/* How many words a key has, as text. */
static const char *words_of(const struct code *code, char text[16])
{
	(void)snprintf(text, 16, "%" PRIu32 "u", code->memo->key_words);
	return code->memo->by_content ? "words" : text;
}

static void write_same(const struct code *code)
{
	char words[16];

	if (!code->loop) {
		return;
	}
	put(code,
		"static int %s_same(const struct %s_entry *entry, const unsigned long long *key%s)\n{\n",
		code->prefix, code->prefix, words_parameter(code));
	put(code, "\tunsigned i = 0;\n\n\twhile (i < %s && ", words_of(code, words));
	load(code, "entry->key[i]");
	put(code, " == key[i]) {\n\t\ti++;\n\t}\n\treturn i == %s;\n}\n\n", words_of(code, words));
}

static void mix(const struct code *code, const char *tabs)
{
	put(code, "%shash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull;\n%shash ^= hash >> 32;\n",
		tabs, tabs);
}

static void write_hash(const struct code *code)
{
	char words[16];

	if (code->memo->sets == 1) {
		return;
	}
	put(code, "static unsigned long long %s_hash(const unsigned long long *key%s)\n{\n",
		code->prefix, words_parameter(code));
	if (code->loop) {
		put(code,
			"\tunsigned long long hash = 0;\n\tunsigned i;\n\n\tfor (i = 0; i < %s; i++) {\n",
			words_of(code, words));
		put(code, "\t\thash ^= key[i];\n");
		mix(code, "\t\t");
		put(code, "\t}\n");
	} else {
		put(code, "\tunsigned long long hash = key[0];\n\n");
		mix(code, "\t");
	}
	for (uint32_t i = 1; !code->loop && i < code->memo->key_words; i++) {
		put(code, "\thash ^= key[%" PRIu32 "];\n", i);
		mix(code, "\t");
	}
	put(code, "\treturn hash;\n}\n\n");
}

/* " && entry->key[0] == key[0] ...", and that it is not too old. */
static void write_match(const struct code *code, const char *tabs)
{
	if (code->loop) {
		put(code, " &&\n%s%s_same(entry, key%s)", tabs, code->prefix, words_argument(code));
	}
	for (uint32_t i = 0; !code->loop && i < code->memo->key_words; i++) {
		char what[32];

		(void)snprintf(what, sizeof what, "entry->key[%" PRIu32 "]", i);
		put(code, " &&\n%s", tabs);
		load(code, what);
		put(code, " == key[%" PRIu32 "]", i);
	}
}

static void write_fresh(const struct code *code, const char *tabs)
{
	if (has_ttl(code)) {
		put(code, " &&\n%snow - ", tabs);
		load(code, "entry->since");
		put(code, " < %" PRIu64 "ull", code->memo->ttl_ns);
	}
}

static void take_value(const struct code *code, const char *tabs)
{
	if (code->memo->result_words > KEY_IN_LINE) {
		put(code, "%sfor (i = 0; i < %" PRIu32 "u; i++) {\n%s\tvalue[i] = ", tabs,
			code->memo->result_words, tabs);
		load(code, "entry->value[i]");
		put(code, ";\n%s}\n", tabs);
		return;
	}
	for (uint32_t i = 0; i < code->memo->result_words; i++) {
		char what[32];

		(void)snprintf(what, sizeof what, "entry->value[%" PRIu32 "]", i);
		put(code, "%svalue[%" PRIu32 "] = ", tabs, i);
		load(code, what);
		put(code, ";\n");
	}
}

/* Bits may get lost where threads set some at once: they say only what may go first. */
static void write_recent(const struct code *code)
{
	if (code->memo->shared) {
		put(code,
			"\t\t\trecent = __atomic_load_n(&set->recent, __ATOMIC_RELAXED);\n"
			"\t\t\tif ((recent >> way & 1) == 0) {\n"
			"\t\t\t\t__atomic_store_n(&set->recent, recent | 1u << way, __ATOMIC_RELAXED);\n"
			"\t\t\t}\n");
	} else {
		put(code, "\t\t\tset->recent |= 1u << way;\n");
	}
}

static void find_head(const struct code *code)
{
	const struct hst_memo *memo = code->memo;

	put(code, "static int %s_find(struct %s_set *set", code->prefix, code->prefix);
	put(code, has_key(code) ? ", const unsigned long long *key%s" : "%s",
		words_parameter(code));
	put(code, ",\n\tunsigned long long *value%s)\n{\n",
		has_ttl(code) ? ", unsigned long long now" : "");
	put(code, "\tunsigned version = ");
	load(code, "set->version");
	put(code, ";\n");
	if (memo->ways > 1) {
		put(code, memo->shared ? "\tunsigned used, recent, way;\n"
				       : "\tunsigned used, way;\n");
	}
	put(code, memo->result_words > KEY_IN_LINE ? "\tunsigned i;\n" : "");
	if (memo->ways == 1) {
		put(code, "\tconst struct %s_entry *entry = &set->entries[0];\n", code->prefix);
	}
	put(code, "\tint found = 0;\n\n");
	barrier(code);
	put(code, "\tif (version %% 2 != 0) {\n\t\treturn 0;\n\t}\n");
}

static void write_find(const struct code *code)
{
	const struct hst_memo *memo = code->memo;

	find_head(code);
	if (memo->ways == 1) {
		put(code, "\tif (");
		load(code, "set->used");
		put(code, " != 0");
		write_match(code, "\t\t");
		write_fresh(code, "\t\t");
		put(code, ") {\n");
		take_value(code, "\t\t");
		put(code, "\t\tfound = 1;\n\t}\n");
	} else {
		put(code, "\tused = ");
		load(code, "set->used");
		put(code, ";\n\tfor (way = 0; way < %" PRIu32 " && !found; way++) {\n", memo->ways);
		put(code, "\t\tconst struct %s_entry *entry = &set->entries[way];\n\n",
			code->prefix);
		put(code, "\t\tif ((used >> way & 1) != 0");
		write_match(code, "\t\t\t");
		write_fresh(code, "\t\t\t");
		put(code, ") {\n");
		take_value(code, "\t\t\t");
		write_recent(code);
		put(code, "\t\t\tfound = 1;\n\t\t}\n\t}\n");
	}
	barrier(code);
	put(code, "\treturn found && ");
	if (memo->shared) {
		put(code, "__atomic_load_n(&set->version, __ATOMIC_RELAXED) == version;\n}\n\n");
	} else {
		put(code, "set->version == version;\n}\n\n");
	}
}

/* A key may be in either of two sets: it goes to the other one only where its own is full and that one is not. */
static void choose_set(const struct code *code)
{
	if (code->memo->sets == 1) {
		return;
	}
	put(code, "\tif (");
	load_recent(code, "set->used");
	put(code, " == 15 && ");
	load_recent(code, "other->used");
	put(code, " != 15) {\n\t\tset = other;\n\t}\n");
}

static bool counts_words(const struct code *code)
{
	return code->loop || code->memo->result_words > KEY_IN_LINE ||
	       (has_ttl(code) && code->memo->ways > 1);
}

static void write_claim(const struct code *code)
{
	put(code, "\tunsigned version%s;\n", code->memo->ways > 1 ? ", used, recent, way" : "");
	put(code, counts_words(code) ? "\tunsigned i;\n" : "");
	put(code, "\tstruct %s_entry *entry;\n\n", code->prefix);
	choose_set(code);
	put(code, "\tversion = ");
	load_recent(code, "set->version");
	put(code, ";\n");
	if (code->memo->shared) {
		put(code,
			"\tif (version %% 2 != 0 ||\n"
			"\t\t!__atomic_compare_exchange_n(&set->version, &version, version + 1, 0,\n"
			"\t\t\t__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {\n"
			"\t\treturn; /* somebody else writes */\n\t}\n");
	} else {
		put(code, "\tif (version %% 2 != 0) {\n"
			  "\t\treturn; /* a signal handler met a write */\n\t}\n"
			  "\tset->version = version + 1;\n");
		barrier(code);
	}
}

/* Which entry goes: one with the same key that is too old, else the first one that was not found since all were. */
static void choose_way(const struct code *code)
{
	if (code->memo->ways == 1) {
		put(code, "\tentry = &set->entries[0];\n");
		return;
	}
	put(code, "\tused = ");
	load_recent(code, "set->used");
	put(code, ";\n\trecent = ");
	load_recent(code, "set->recent");
	put(code, ";\n");
	put(code, "\tif (recent == 15) {\n\t\trecent = 0;\n\t}\n"
		  "\tway = (unsigned)__builtin_ctz(~recent);\n");
	if (has_ttl(code)) {
		put(code, "\tfor (i = 0; i < %" PRIu32 "; i++) {\n", code->memo->ways);
		put(code, "\t\tentry = &set->entries[i];\n\t\tif ((used >> i & 1) != 0");
		write_match(code, "\t\t\t");
		put(code, ") {\n\t\t\tway = i; /* too old */\n\t\t}\n\t}\n");
	}
	put(code, "\tentry = &set->entries[way];\n");
}

static void store_words(
	const struct code *code, const char *name, uint32_t count, const char *words)
{
	char what[48];
	char value[48];

	if (words != NULL) {
		put(code, "\tfor (i = 0; i < %s; i++) {\n", words);
		(void)snprintf(what, sizeof what, "entry->%s[i]", name);
		(void)snprintf(value, sizeof value, "%s[i]", name);
		store(code, "\t\t", what, value);
		put(code, "\t}\n");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(what, sizeof what, "entry->%s[%" PRIu32 "]", name, i);
		(void)snprintf(value, sizeof value, "%s[%" PRIu32 "]", name, i);
		store(code, "\t", what, value);
	}
}

static void write_put(const struct code *code)
{
	const struct hst_memo *memo = code->memo;
	char words[16];
	char results[16];

	put(code, "static void %s_put(struct %s_set *set", code->prefix, code->prefix);
	put(code, memo->sets > 1 ? ", struct %s_set *other" : "%.0s", code->prefix);
	put(code, has_key(code) ? ", const unsigned long long *key%s" : "%s",
		words_parameter(code));
	put(code, ",\n\tconst unsigned long long *value%s)\n{\n",
		has_ttl(code) ? ", unsigned long long now" : "");
	write_claim(code);
	choose_way(code);
	(void)snprintf(results, sizeof results, "%" PRIu32 "u", memo->result_words);
	store_words(code, "key", memo->key_words, code->loop ? words_of(code, words) : NULL);
	store_words(code, "value", memo->result_words,
		memo->result_words > KEY_IN_LINE ? results : NULL);
	if (has_ttl(code)) {
		store(code, "\t", "entry->since", "now");
	}
	if (memo->ways == 1) {
		store(code, "\t", "set->used", "1");
	} else {
		store(code, "\t", "set->used", "used | 1u << way");
		store(code, "\t", "set->recent", "recent | 1u << way");
	}
	barrier(code);
	store(code, "\t", "set->version", "version + 2");
	put(code, "}\n\n");
}

/* "key[2] = ...", or at the end of the words so far where keys differ in their length. */
static void place_word(const struct code *code, uint32_t *word)
{
	if (code->memo->by_content) {
		put(code, "\t%skey[%swords++] = ", code->own, code->own);
	} else {
		put(code, "\t%skey[%" PRIu32 "] = ", code->own, *word);
	}
	(*word)++;
}

/* Words of a key from the place where the next ones go: "key[words + 1]" or "key[3]". */
static void name_word(const struct code *code, uint32_t word, uint32_t more)
{
	if (code->memo->by_content) {
		put(code, "%skey[%swords + %" PRIu32 "]", code->own, code->own, more);
	} else {
		put(code, "%skey[%" PRIu32 "]", code->own, word + more);
	}
}

static void fill_bits(const struct code *code, const struct hst_prototype_param *param,
	const struct hst_prototype_value *value, uint32_t *word)
{
	uint32_t words = (value->bytes + WORD - 1) / WORD;

	/* The bytes behind it are not its own. */
	if (value->bytes % WORD != 0) {
		put(code, "\t");
		name_word(code, *word, words - 1);
		put(code, " = 0;\n");
	}
	put(code, "\t__builtin_memcpy(&");
	name_word(code, *word, 0);
	put(code, ", &%s%s, %" PRIu32 ");\n", param->name, value->path, value->bytes);
	if (code->memo->by_content) {
		put(code, "\t%swords += %" PRIu32 ";\n", code->own, words);
	}
	*word += words;
}

static void fill_value(const struct code *code, const struct hst_prototype_param *param,
	const struct hst_prototype_value *value, uint32_t *word)
{
	if (value->form == HST_VALUE_BITS) {
		fill_bits(code, param, value, word);
		return;
	}
	place_word(code, word);
	put(code,
		value->form == HST_VALUE_NUMBER ? "(unsigned long long)%s%s;\n"
		: value->form == HST_VALUE_ADDRESS
			? "(unsigned long long)(__UINTPTR_TYPE__)%s%s;\n"
			: "(unsigned long long)(__UINTPTR_TYPE__)&%s%s;\n",
		param->name, value->path);
}

static void write_arguments(const struct code *code)
{
	const struct hst_prototype *prototype = code->memo->prototype;

	put(code, "%s(", code->memo->uncached);
	for (size_t i = 0; i < prototype->count; i++) {
		put(code, "%s%s", i == 0 ? "" : ", ", prototype->params[i].name);
	}
	put(code, ")");
}

static void fill_text(const struct code *code, size_t number)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *name = prototype->params[number].name;

	put(code, "\tif (!%s_text(%skey, &%swords, %s, ", code->prefix, code->own, code->own, name);
	if (code->memo->contents[number] == HST_MEMO_STRING) {
		put(code, "%s == 0 ? 0 : __builtin_strlen(%s)", name, name);
	} else {
		put(code, "(unsigned long long)%s", prototype->params[number + 1].name);
	}
	put(code, ")) {\n\t\treturn ");
	write_arguments(code);
	put(code, ";\n\t}\n");
}

static void fill_key(const struct code *code)
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
static void write_prototype(const struct code *code, const char *name)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *result = prototype->result;
	bool star = result[0] != '\0' && result[strlen(result) - 1] == '*';

	put(code, "%s%s%s(", result, star ? "" : " ", name);
	for (size_t i = 0; i < prototype->count; i++) {
		put(code, "%s%s", i == 0 ? "" : ", ", prototype->params[i].text);
	}
	put(code, prototype->count == 0 ? "void)" : ")");
}

/* "type name": in C++ a type may have names of its own scope. */
static void declare_result(const struct code *code)
{
	const struct hst_prototype *prototype = code->memo->prototype;
	const char *result = prototype->result;

	if (prototype->cplusplus || strstr(result, "(*") != NULL || strchr(result, '?') != NULL) {
		put(code, "\t__typeof__(");
		write_arguments(code);
		put(code, ") %sresult;\n", code->own);
	} else {
		put(code, "\t%s%s%sresult;\n", result, result[strlen(result) - 1] == '*' ? "" : " ",
			code->own);
	}
}

static void declare_variables(const struct code *code)
{
	const struct hst_memo *memo = code->memo;
	const char *own = code->own;

	put(code, "\tunsigned long long ");
	if (has_key(code)) {
		put(code, "%skey[%" PRIu32 "], ", own, memo->key_words);
	}
	put(code, "%svalue[%" PRIu32 "] = { 0 };\n", own, memo->result_words);
	if (has_ttl(code)) {
		put(code, "\tunsigned long long %snow = %s_now();\n", own, code->prefix);
	}
	if (memo->by_content) {
		put(code, "\tunsigned %swords = 0;\n", own);
	}
	if (memo->sets == 1) {
		put(code, "\tstruct %s_set *%sset = &%s;\n", code->prefix, own, code->prefix);
	} else {
		put(code, "\tunsigned long long %shash;\n\tstruct %s_set *%sset, *%sother;\n", own,
			code->prefix, own, own);
	}
	declare_result(code);
}

/* "set, key, words, value, now)" */
static void pass_on(const struct code *code, const char *set)
{
	const char *own = code->own;

	put(code, "%s%s", own, set);
	if (has_key(code)) {
		put(code, ", %skey", own);
	}
	if (code->memo->by_content) {
		put(code, ", %swords", own);
	}
	put(code, ", %svalue", own);
	if (has_ttl(code)) {
		put(code, ", %snow", own);
	}
	put(code, ")");
}

static void find_sets(const struct code *code)
{
	const char *own = code->own;
	uint64_t sets = code->memo->sets;

	if (sets == 1) {
		return;
	}
	put(code, "\t%shash = %s_hash(%skey", own, code->prefix, own);
	put(code, code->memo->by_content ? ", %swords);\n" : "%.0s);\n", own);
	put(code, "\t%sset = &%s[%shash %% %" PRIu64 "];\n", own, code->prefix, own, sets);
	put(code, "\t%sother = &%s[(%shash >> 40) %% %" PRIu64 "];\n", own, code->prefix, own,
		sets);
}

static void write_body(const struct code *code)
{
	const char *own = code->own;
	bool many = code->memo->sets > 1;

	put(code, "\n{\n");
	declare_variables(code);
	put(code, "\n");
	fill_key(code);
	find_sets(code);
	put(code, "\tif (%s_find(", code->prefix);
	pass_on(code, "set");
	if (many) {
		put(code, " ||\n\t\t%s_find(", code->prefix);
		pass_on(code, "other");
	}
	put(code, ") {\n\t\t__builtin_memcpy(&%sresult, %svalue, sizeof %sresult);\n", own, own,
		own);
	put(code, "\t\treturn %sresult;\n\t}\n\t%sresult = ", own, own);
	write_arguments(code);
	put(code, ";\n\t__builtin_memcpy(%svalue, &%sresult, sizeof %sresult);\n", own, own, own);
	put(code, "\t%s_put(", code->prefix);
	if (many) {
		put(code, "%sset, ", own);
	}
	pass_on(code, many ? "other" : "set");
	put(code, ";\n\treturn %sresult;\n}\n", own);
}

/* Variables of the function must not have the name of a parameter. */
static const char *own_prefix(const struct hst_prototype *prototype)
{
	static const char *const names[] = { "key", "value", "set", "other", "hash", "result",
		"words", "now" };

	for (size_t i = 0; i < prototype->count; i++) {
		for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
			if (strcmp(prototype->params[i].name, names[j]) == 0) {
				return "cached_";
			}
		}
	}
	return "";
}

void hst_memo_code(FILE *out, const struct hst_memo *memo, const char *head, size_t bytes)
{
	struct code code = { .out = out,
		.memo = memo,
		.prefix = memo->prefix,
		.own = own_prefix(memo->prototype),
		.loop = memo->by_content || memo->key_words > KEY_IN_LINE };

	hst_memo_comment(out, memo);
	write_types(&code);
	write_clock(&code);
	write_text(&code);
	write_same(&code);
	write_hash(&code);
	write_find(&code);
	write_put(&code);
	if (head != NULL) {
		put(&code, "%.*s", (int)bytes, head);
	} else {
		write_prototype(&code, memo->uncached);
		put(&code, ";\n\n");
		write_prototype(&code, memo->prototype->name);
	}
	write_body(&code);
}
