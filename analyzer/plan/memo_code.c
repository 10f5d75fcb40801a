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
#include "plan/memo_code.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Longer keys are compared in a loop. */
#define KEY_IN_LINE 4u

void hst_memo_put(const struct hst_memo_text *code, const char *fmt, ...)
{
	va_list arguments;

	va_start(arguments, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang 14 loses sight of va_start */
	(void)vfprintf(code->out, fmt, arguments);
	va_end(arguments);
}

/* How a word of the cache is read and written. */
static void load(const struct hst_memo_text *code, const char *what)
{
	hst_memo_put(
		code, code->memo->shared ? "__atomic_load_n(&%s, __ATOMIC_ACQUIRE)" : "%s", what);
}

/* What is only a hint, or what nobody else writes at the moment. */
static void load_recent(const struct hst_memo_text *code, const char *what)
{
	hst_memo_put(
		code, code->memo->shared ? "__atomic_load_n(&%s, __ATOMIC_RELAXED)" : "%s", what);
}

static void store(
	const struct hst_memo_text *code, const char *tabs, const char *what, const char *value)
{
	hst_memo_put(code,
		code->memo->shared ? "%s__atomic_store_n(&%s, %s, __ATOMIC_RELEASE);\n"
				   : "%s%s = %s;\n",
		tabs, what, value);
}

static void barrier(const struct hst_memo_text *code)
{
	if (!code->memo->shared) {
		hst_memo_put(code, "\t__atomic_signal_fence(__ATOMIC_SEQ_CST);\n");
	}
}

static void write_types(const struct hst_memo_text *code)
{
	const struct hst_memo *memo = code->memo;

	hst_memo_put(code, "struct %s_entry {\n\tunsigned long long ", code->prefix);
	if (hst_memo_has_key(code)) {
		hst_memo_put(code, "key[%" PRIu32 "], ", memo->key_words);
	}
	hst_memo_put(code, "value[%" PRIu32 "]", memo->result_words);
	hst_memo_put(code, hst_memo_has_ttl(code) ? ", since;\n};\n\n" : ";\n};\n\n");
	hst_memo_put(code, "static %sstruct %s_set {\n",
		memo->shared                 ? ""
		: memo->prototype->cplusplus ? "thread_local "
					     : "_Thread_local ",
		code->prefix);
	hst_memo_put(code, "\tunsigned version; /* odd while it is written */\n");
	hst_memo_put(code, memo->ways == 1
				   ? "\tunsigned used;\n"
				   : "\tunsigned used, recent; /* a bit for each entry */\n");
	hst_memo_put(code, "\tstruct %s_entry entries[%" PRIu32 "];\n} ", code->prefix, memo->ways);
	hst_memo_put(code, memo->sets == 1 ? "%s;\n\n" : "%s[%" PRIu64 "];\n\n", code->prefix,
		memo->sets);
}

static void write_clock(const struct hst_memo_text *code)
{
	if (!hst_memo_has_ttl(code)) {
		return;
	}
	hst_memo_put(code, "static unsigned long long %s_now(void)\n{\n\tstruct timespec now;\n\n",
		code->prefix);
	hst_memo_put(code, "\t(void)clock_gettime(%s, &now);\n",
		code->memo->coarse ? "CLOCK_MONOTONIC_COARSE" : "CLOCK_MONOTONIC");
	hst_memo_put(code, "\treturn (unsigned long long)now.tv_sec * 1000000000ull + "
			   "(unsigned long long)now.tv_nsec;\n}\n\n");
}

/* Appends a text to a key. */
static void write_text(const struct hst_memo_text *code)
{
	if (!code->memo->by_content) {
		return;
	}
	hst_memo_put(code,
		"static int %s_text(unsigned long long *key, unsigned *words, const void *text,\n"
		"\tunsigned long long bytes)\n{\n",
		code->prefix);
	hst_memo_put(code,
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
static const char *words_parameter(const struct hst_memo_text *code)
{
	return code->memo->by_content ? ", unsigned words" : "";
}

static const char *words_argument(const struct hst_memo_text *code)
{
	return code->memo->by_content ? ", words" : "";
}

/* How many words a key has, as text. */
static const char *words_of(const struct hst_memo_text *code, char text[16])
{
	(void)snprintf(text, 16, "%" PRIu32 "u", code->memo->key_words);
	return code->memo->by_content ? "words" : text;
}

static void write_same(const struct hst_memo_text *code)
{
	char words[16];

	if (!code->loop) {
		return;
	}
	hst_memo_put(code,
		"static int %s_same(const struct %s_entry *entry, const unsigned long long *key%s)\n{\n",
		code->prefix, code->prefix, words_parameter(code));
	hst_memo_put(code, "\tunsigned i = 0;\n\n\twhile (i < %s && ", words_of(code, words));
	load(code, "entry->key[i]");
	hst_memo_put(code, " == key[i]) {\n\t\ti++;\n\t}\n\treturn i == %s;\n}\n\n",
		words_of(code, words));
}

static void mix(const struct hst_memo_text *code, const char *tabs)
{
	hst_memo_put(code,
		"%shash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull;\n%shash ^= hash >> 32;\n",
		tabs, tabs);
}

static void write_hash(const struct hst_memo_text *code)
{
	char words[16];

	if (code->memo->sets == 1) {
		return;
	}
	hst_memo_put(code,
		"static unsigned long long %s_hash(const unsigned long long *key%s)\n{\n",
		code->prefix, words_parameter(code));
	if (code->loop) {
		hst_memo_put(code,
			"\tunsigned long long hash = 0;\n\tunsigned i;\n\n\tfor (i = 0; i < %s; i++) {\n",
			words_of(code, words));
		hst_memo_put(code, "\t\thash ^= key[i];\n");
		mix(code, "\t\t");
		hst_memo_put(code, "\t}\n");
	} else {
		hst_memo_put(code, "\tunsigned long long hash = key[0];\n\n");
		mix(code, "\t");
	}
	for (uint32_t i = 1; !code->loop && i < code->memo->key_words; i++) {
		hst_memo_put(code, "\thash ^= key[%" PRIu32 "];\n", i);
		mix(code, "\t");
	}
	hst_memo_put(code, "\treturn hash;\n}\n\n");
}

/* " && entry->key[0] == key[0] ...", and that it is not too old. */
static void write_match(const struct hst_memo_text *code, const char *tabs)
{
	if (code->loop) {
		hst_memo_put(code, " &&\n%s%s_same(entry, key%s)", tabs, code->prefix,
			words_argument(code));
	}
	for (uint32_t i = 0; !code->loop && i < code->memo->key_words; i++) {
		char what[32];

		(void)snprintf(what, sizeof what, "entry->key[%" PRIu32 "]", i);
		hst_memo_put(code, " &&\n%s", tabs);
		load(code, what);
		hst_memo_put(code, " == key[%" PRIu32 "]", i);
	}
}

static void write_fresh(const struct hst_memo_text *code, const char *tabs)
{
	if (hst_memo_has_ttl(code)) {
		hst_memo_put(code, " &&\n%snow - ", tabs);
		load(code, "entry->since");
		hst_memo_put(code, " < %" PRIu64 "ull", code->memo->ttl_ns);
	}
}

static void take_value(const struct hst_memo_text *code, const char *tabs)
{
	if (code->memo->result_words > KEY_IN_LINE) {
		hst_memo_put(code, "%sfor (i = 0; i < %" PRIu32 "u; i++) {\n%s\tvalue[i] = ", tabs,
			code->memo->result_words, tabs);
		load(code, "entry->value[i]");
		hst_memo_put(code, ";\n%s}\n", tabs);
		return;
	}
	for (uint32_t i = 0; i < code->memo->result_words; i++) {
		char what[32];

		(void)snprintf(what, sizeof what, "entry->value[%" PRIu32 "]", i);
		hst_memo_put(code, "%svalue[%" PRIu32 "] = ", tabs, i);
		load(code, what);
		hst_memo_put(code, ";\n");
	}
}

/* Bits may get lost where threads set some at once: they say only what may go first. */
static void write_recent(const struct hst_memo_text *code)
{
	if (code->memo->shared) {
		hst_memo_put(code,
			"\t\t\trecent = __atomic_load_n(&set->recent, __ATOMIC_RELAXED);\n"
			"\t\t\tif ((recent >> way & 1) == 0) {\n"
			"\t\t\t\t__atomic_store_n(&set->recent, recent | 1u << way, __ATOMIC_RELAXED);\n"
			"\t\t\t}\n");
	} else {
		hst_memo_put(code, "\t\t\tset->recent |= 1u << way;\n");
	}
}

static void find_head(const struct hst_memo_text *code)
{
	const struct hst_memo *memo = code->memo;

	hst_memo_put(code, "static int %s_find(struct %s_set *set", code->prefix, code->prefix);
	hst_memo_put(code, hst_memo_has_key(code) ? ", const unsigned long long *key%s" : "%s",
		words_parameter(code));
	hst_memo_put(code, ",\n\tunsigned long long *value%s)\n{\n",
		hst_memo_has_ttl(code) ? ", unsigned long long now" : "");
	hst_memo_put(code, "\tunsigned version = ");
	load(code, "set->version");
	hst_memo_put(code, ";\n");
	if (memo->ways > 1) {
		hst_memo_put(code, memo->shared ? "\tunsigned used, recent, way;\n"
						: "\tunsigned used, way;\n");
	}
	hst_memo_put(code, memo->result_words > KEY_IN_LINE ? "\tunsigned i;\n" : "");
	if (memo->ways == 1) {
		hst_memo_put(
			code, "\tconst struct %s_entry *entry = &set->entries[0];\n", code->prefix);
	}
	hst_memo_put(code, "\tint found = 0;\n\n");
	barrier(code);
	hst_memo_put(code, "\tif (version %% 2 != 0) {\n\t\treturn 0;\n\t}\n");
}

static void write_find(const struct hst_memo_text *code)
{
	const struct hst_memo *memo = code->memo;

	find_head(code);
	if (memo->ways == 1) {
		hst_memo_put(code, "\tif (");
		load(code, "set->used");
		hst_memo_put(code, " != 0");
		write_match(code, "\t\t");
		write_fresh(code, "\t\t");
		hst_memo_put(code, ") {\n");
		take_value(code, "\t\t");
		hst_memo_put(code, "\t\tfound = 1;\n\t}\n");
	} else {
		hst_memo_put(code, "\tused = ");
		load(code, "set->used");
		hst_memo_put(code, ";\n\tfor (way = 0; way < %" PRIu32 " && !found; way++) {\n",
			memo->ways);
		hst_memo_put(code, "\t\tconst struct %s_entry *entry = &set->entries[way];\n\n",
			code->prefix);
		hst_memo_put(code, "\t\tif ((used >> way & 1) != 0");
		write_match(code, "\t\t\t");
		write_fresh(code, "\t\t\t");
		hst_memo_put(code, ") {\n");
		take_value(code, "\t\t\t");
		write_recent(code);
		hst_memo_put(code, "\t\t\tfound = 1;\n\t\t}\n\t}\n");
	}
	barrier(code);
	hst_memo_put(code, "\treturn found && ");
	if (memo->shared) {
		hst_memo_put(code,
			"__atomic_load_n(&set->version, __ATOMIC_RELAXED) == version;\n}\n\n");
	} else {
		hst_memo_put(code, "set->version == version;\n}\n\n");
	}
}

/* A key may be in either of two sets: it goes to the other one only where its own is full and that one is not. */
static void choose_set(const struct hst_memo_text *code)
{
	if (code->memo->sets == 1) {
		return;
	}
	hst_memo_put(code, "\tif (");
	load_recent(code, "set->used");
	hst_memo_put(code, " == 15 && ");
	load_recent(code, "other->used");
	hst_memo_put(code, " != 15) {\n\t\tset = other;\n\t}\n");
}

static bool counts_words(const struct hst_memo_text *code)
{
	return code->loop || code->memo->result_words > KEY_IN_LINE ||
	       (hst_memo_has_ttl(code) && code->memo->ways > 1);
}

static void write_claim(const struct hst_memo_text *code)
{
	hst_memo_put(
		code, "\tunsigned version%s;\n", code->memo->ways > 1 ? ", used, recent, way" : "");
	hst_memo_put(code, counts_words(code) ? "\tunsigned i;\n" : "");
	hst_memo_put(code, "\tstruct %s_entry *entry;\n\n", code->prefix);
	choose_set(code);
	hst_memo_put(code, "\tversion = ");
	load_recent(code, "set->version");
	hst_memo_put(code, ";\n");
	if (code->memo->shared) {
		hst_memo_put(code,
			"\tif (version %% 2 != 0 ||\n"
			"\t\t!__atomic_compare_exchange_n(&set->version, &version, version + 1, 0,\n"
			"\t\t\t__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {\n"
			"\t\treturn; /* somebody else writes */\n\t}\n");
	} else {
		hst_memo_put(code, "\tif (version %% 2 != 0) {\n"
				   "\t\treturn; /* a signal handler met a write */\n\t}\n"
				   "\tset->version = version + 1;\n");
		barrier(code);
	}
}

/* Which entry goes: one with the same key that is too old, else the first one that was not found since all were. */
static void choose_way(const struct hst_memo_text *code)
{
	if (code->memo->ways == 1) {
		hst_memo_put(code, "\tentry = &set->entries[0];\n");
		return;
	}
	hst_memo_put(code, "\tused = ");
	load_recent(code, "set->used");
	hst_memo_put(code, ";\n\trecent = ");
	load_recent(code, "set->recent");
	hst_memo_put(code, ";\n");
	hst_memo_put(code, "\tif (recent == 15) {\n\t\trecent = 0;\n\t}\n"
			   "\tway = (unsigned)__builtin_ctz(~recent);\n");
	if (hst_memo_has_ttl(code)) {
		hst_memo_put(code, "\tfor (i = 0; i < %" PRIu32 "; i++) {\n", code->memo->ways);
		hst_memo_put(code, "\t\tentry = &set->entries[i];\n\t\tif ((used >> i & 1) != 0");
		write_match(code, "\t\t\t");
		hst_memo_put(code, ") {\n\t\t\tway = i; /* too old */\n\t\t}\n\t}\n");
	}
	hst_memo_put(code, "\tentry = &set->entries[way];\n");
}

static void store_words(
	const struct hst_memo_text *code, const char *name, uint32_t count, const char *words)
{
	char what[48];
	char value[48];

	if (words != NULL) {
		hst_memo_put(code, "\tfor (i = 0; i < %s; i++) {\n", words);
		(void)snprintf(what, sizeof what, "entry->%s[i]", name);
		(void)snprintf(value, sizeof value, "%s[i]", name);
		store(code, "\t\t", what, value);
		hst_memo_put(code, "\t}\n");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(what, sizeof what, "entry->%s[%" PRIu32 "]", name, i);
		(void)snprintf(value, sizeof value, "%s[%" PRIu32 "]", name, i);
		store(code, "\t", what, value);
	}
}

static void write_put(const struct hst_memo_text *code)
{
	const struct hst_memo *memo = code->memo;
	char words[16];
	char results[16];

	hst_memo_put(code, "static void %s_put(struct %s_set *set", code->prefix, code->prefix);
	hst_memo_put(code, memo->sets > 1 ? ", struct %s_set *other" : "%.0s", code->prefix);
	hst_memo_put(code, hst_memo_has_key(code) ? ", const unsigned long long *key%s" : "%s",
		words_parameter(code));
	hst_memo_put(code, ",\n\tconst unsigned long long *value%s)\n{\n",
		hst_memo_has_ttl(code) ? ", unsigned long long now" : "");
	write_claim(code);
	choose_way(code);
	(void)snprintf(results, sizeof results, "%" PRIu32 "u", memo->result_words);
	store_words(code, "key", memo->key_words, code->loop ? words_of(code, words) : NULL);
	store_words(code, "value", memo->result_words,
		memo->result_words > KEY_IN_LINE ? results : NULL);
	if (hst_memo_has_ttl(code)) {
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
	hst_memo_put(code, "}\n\n");
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
	struct hst_memo_text code = { .out = out,
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
		hst_memo_put(&code, "%.*s", (int)bytes, head);
	} else {
		hst_memo_prototype(&code, memo->uncached);
		hst_memo_put(&code, ";\n\n");
		hst_memo_prototype(&code, memo->prototype->name);
	}
	hst_memo_body(&code);
}
