/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name that gcc prints for a function (lang_hooks.decl_printable_name, verbosity 1), as far as it can be known from the symbol:
 *
 *   C          the identifier
 *   C++        scopes and name without parameters: ns::Box<int>::get, ns::make<Thing>, Class::operator+=, {anonymous}::f,
 *              outer(int)::Local::run, main()::<lambda(int)>::operator()
 *
 * Template arguments are printed otherwise than by a demangler (defaults left out, "const char*", "long unsigned int", enumerators
 * by name), and so are parameters of functions around it. So the certain text is the end of the name behind the last of these, and
 * the possible text is the whole name in both spellings with all words that might come.
 */
#include "plan/instrument.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/demangle.h"
#include "symbols/functions.h"

static const char anonymous_demangled[] = "(anonymous namespace)";
static const char anonymous_printed[] = "{anonymous}";

/* What gcc may print within brackets that the demangler says otherwise. */
static const char other_words[] =
	"long long unsigned int long unsigned int short unsigned int unsigned char signed char short int "
	"__int128 unsigned bool wchar_t char16_t char32_t char8_t double float std::nullptr_t nullptr const "
	"volatile auto:0123456789 <lambda( <unnamed struct> <unnamed union> <unnamed enum> <unnamed class> "
	"{anonymous} _FUN true false";

/* Replaces all `from` by the text `to`, which is no longer. */
static void replace(char *text, const char *from, const char *to)
{
	size_t from_length = strlen(from);
	size_t to_length = strlen(to);

	for (char *at = strstr(text, from); at != NULL; at = strstr(at + to_length, from)) {
		memcpy(at, to, to_length);
		memmove(at + to_length, at + from_length, strlen(at + from_length) + 1);
	}
}

/* "mkstr[abi:cxx11]": gcc does not print the tags. */
static void drop_tags(char *text)
{
	for (char *at = strstr(text, "[abi:"); at != NULL; at = strstr(at, "[abi:")) {
		size_t length = strcspn(at, "]");

		length += at[length] == ']';
		memmove(at, at + length, strlen(at + length) + 1);
	}
}

struct walk {
	const char *path;
	const char *at;
	const char *run;   /* where what is certain begins */
	const char *until; /* its end, once it is known; NULL before */
	bool nothing;      /* there is none */
};

/* An operator's name at walk->at, `length` long. */
static void walk_operator(struct walk *walk, size_t length)
{
	const char *rest = walk->at + length;

	if (length == 8 && *rest == ' ') {
		/* A conversion: the type is not certain. A function may lie in it: then nothing is. */
		walk->nothing = strchr(rest, '{') != NULL || strstr(rest, ")::") != NULL ||
				strstr(rest, "const::") != NULL;
		walk->until = rest + 1;
		return;
	}
	if (walk->at[length - 1] == ' ') {
		/* operator"" _km, which gcc prints without the blank. */
		walk->nothing = strchr(rest, '(') != NULL;
		walk->until = rest - 1;
		return;
	}
	walk->at = rest;
	if (*rest == '<' || strncmp(rest, " <", 2) == 0) {
		walk->at = hst_demangle_skip(walk->path, rest + (*rest == ' '));
		walk->until = *walk->at == '\0' ? rest : NULL;
	}
}

static void walk_brackets(struct walk *walk)
{
	const char *end = *walk->at == '.' ? walk->at : hst_demangle_skip(walk->path, walk->at);

	if (*walk->at == '<' && *end == '\0') {
		/* Its own template arguments. */
		walk->until = walk->at + 1;
		return;
	}
	if (*walk->at == '<' && *end == ':') {
		walk->run = end - 1;
		walk->at = end;
		return;
	}
	/*
	 * A function or a lambda around it: all up to the next scope ("(int) const") is uncertain. So is "._anon_7", which is
	 * "<unnamed struct>" in print.
	 */
	while (*end != '\0' && strncmp(end, "::", 2) != 0) {
		end++;
	}
	walk->run = end;
	walk->at = end;
}

/* The certain end of a path, NULL: there is none. */
static const char *certain_of(struct hst_arena *arena, const char *path)
{
	struct walk walk = { .path = path, .at = path, .run = path };
	size_t length;

	while (*walk.at != '\0' && walk.until == NULL && !walk.nothing) {
		size_t operator_length = hst_demangle_operator(path, walk.at);

		if (operator_length != 0) {
			walk_operator(&walk, operator_length);
		} else if (strncmp(walk.at, anonymous_printed, sizeof anonymous_printed - 1) == 0) {
			walk.at += sizeof anonymous_printed - 1;
		} else if (strchr("<({[.", *walk.at) != NULL) {
			walk_brackets(&walk);
		} else if (*walk.at == ' ') {
			/* "non-virtual thunk to" and the like. */
			walk.nothing = true;
		} else {
			walk.at++;
		}
	}
	length = (size_t)((walk.until == NULL ? walk.at : walk.until) - walk.run);
	if (walk.nothing || length == 0 || (length == 2 && walk.run[0] == ':')) {
		return NULL;
	}
	return hst_arena_string_n(arena, walk.run, length);
}

/* Is nothing in the path that gcc may print otherwise? */
static bool is_plain(const char *path)
{
	for (const char *s = path; *s != '\0'; s++) {
		if (strncmp(s, anonymous_printed, sizeof anonymous_printed - 1) == 0) {
			s += sizeof anonymous_printed - 2;
		} else if (strchr("<({[ .", *s) != NULL) {
			return false;
		}
	}
	return true;
}

/* Lambdas as gcc writes them: "<lambda(int)>" for "{lambda(int)#1}". */
static void print_lambdas(char *text)
{
	for (; *text != '\0'; text++) {
		*text = *text == '{' ? '<' : *text == '}' ? '>' : *text;
	}
}

static const char *possible_of(struct hst_arena *arena, const char *path, const char *full)
{
	size_t path_length = strlen(path);
	size_t full_length = strlen(full);
	char *text;
	char *at;

	if (is_plain(path)) {
		return path;
	}
	text = hst_arena_alloc(arena, 2 * path_length + full_length + sizeof other_words + 4);
	if (text == NULL) {
		return NULL;
	}
	at = text;
	memcpy(at, path, path_length);
	at += path_length;
	*at++ = '\n';
	memcpy(at, path, path_length + 1);
	print_lambdas(at);
	at += path_length;
	*at++ = '\n';
	memcpy(at, full, full_length);
	at += full_length;
	*at++ = '\n';
	memcpy(at, other_words, sizeof other_words);
	return text;
}

/* A coroutine's parts have names of their own. */
static bool is_part(const char *linkage)
{
	const char *dot = strrchr(linkage, '.');

	return dot != NULL && (strcmp(dot, ".actor") == 0 || strcmp(dot, ".destroy") == 0 ||
				      strcmp(dot, ".resume") == 0);
}

static bool is_identifier(const char *text)
{
	for (; *text != '\0'; text++) {
		if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
			    (*text >= '0' && *text <= '9') || *text == '_' || *text == '$' ||
			    (unsigned char)*text >= 0x80)) {
			return false;
		}
	}
	return true;
}

/* The symbol without what the compiler hung behind it: clones, and the number of a nested function. */
static char *stem(struct hst_arena *arena, const char *linkage)
{
	char *text = hst_arena_string_n(arena, linkage, hst_functions_clone(linkage));
	char *dot = text == NULL ? NULL : strrchr(text, '.');

	if (dot != NULL && dot != text && dot[1] != '\0' &&
		strspn(dot + 1, "0123456789") == strlen(dot + 1)) {
		*dot = '\0';
	}
	return text;
}

enum hst_status hst_instrument_names(
	struct hst_arena *arena, struct hst_instrument_function *function)
{
	char *linkage = stem(arena, function->linkage);
	char *demangled = linkage == NULL ? NULL : hst_demangle_path(linkage);
	char *path;

	if (linkage == NULL) {
		return HST_E_MEMORY;
	}
	path = demangled == NULL ? linkage : hst_arena_string(arena, demangled);
	if (path == NULL) {
		free(demangled);
		return HST_E_MEMORY;
	}
	if (demangled != NULL) {
		drop_tags(path);
		replace(path, anonymous_demangled, anonymous_printed);
	}
	function->path = path;
	function->possible = possible_of(arena, path, function->full);
	function->certain = NULL;
	if (demangled != NULL && !is_part(function->linkage)) {
		function->certain = certain_of(arena, path);
	} else if (demangled == NULL && strncmp(linkage, "_Z", 2) != 0 && is_identifier(linkage)) {
		function->certain = linkage;
	}
	/* Only C says for sure that there is no namespace around. */
	function->c_in_cxx =
		demangled == NULL &&
		(function->file == NULL || strlen(function->file) < 2 ||
			strcmp(function->file + strlen(function->file) - 2, ".c") != 0);
	free(demangled);
	return function->possible == NULL ? HST_E_MEMORY : HST_OK;
}

const char *hst_instrument_system_part(const char *file)
{
	static const char *const parts[] = { "/usr/include", "/include/c++/" };

	for (size_t i = 0; file != NULL && i < sizeof parts / sizeof parts[0]; i++) {
		if (strstr(file, parts[i]) != NULL) {
			return parts[i];
		}
	}
	return NULL;
}
