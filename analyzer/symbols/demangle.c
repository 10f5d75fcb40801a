/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as people read them. libiberty demangles (C++ and Rust, legacy and v0); its output for a
 * few hundred hostile bytes can be astronomically long, so it is taken through the callback and
 * abandoned by longjmp beyond a limit, which is sound because that interface allocates nothing.
 *
 * The short form is cut out of the text: arguments, template arguments, qualifiers and return
 * types go, operators, lambdas and anonymous namespaces stay.
 */
#include "symbols/demangle.h"

#include <libiberty/demangle.h>

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MANGLED_MAX   (64u << 10)
#define DEMANGLED_MAX (1u << 20)

struct text {
	char *bytes;
	size_t length;
	size_t capacity;
	size_t limit;
	jmp_buf *give_up;
};

static bool append(struct text *text, const char *bytes, size_t count)
{
	if (count > text->limit - text->length) {
		return false;
	}
	if (text->length + count + 1 > text->capacity) {
		size_t capacity = (text->length + count + 1) * 2;
		char *larger = realloc(text->bytes, capacity);

		if (larger == NULL) {
			return false;
		}
		text->bytes = larger;
		text->capacity = capacity;
	}
	memcpy(text->bytes + text->length, bytes, count);
	text->length += count;
	text->bytes[text->length] = '\0';
	return true;
}

static void take_piece(const char *bytes, size_t count, void *opaque)
{
	struct text *text = opaque;

	if (!append(text, bytes, count)) {
		longjmp(*text->give_up, 1);
	}
}

/* The demangled text, NULL if the name is not mangled, too long or memory is out. */
static char *demangle(const char *linkage, int options)
{
	/* The text lies on the heap: automatic objects changed after setjmp are lost by longjmp. */
	jmp_buf give_up;
	struct text *text;
	char *result = NULL;

	if (linkage[0] != '_' || strnlen(linkage, MANGLED_MAX) == MANGLED_MAX) {
		return NULL;
	}
	text = calloc(1, sizeof *text);
	if (text == NULL) {
		return NULL;
	}
	text->limit = DEMANGLED_MAX;
	text->give_up = &give_up;
	if (setjmp(give_up) == 0) {
		bool good = rust_demangle_callback(linkage, options, take_piece, text) != 0;

		if (!good) {
			text->length = 0;
			good = cplus_demangle_v3_callback(linkage, options, take_piece, text) != 0;
		}
		if (good && text->length > 0) {
			result = text->bytes;
			text->bytes = NULL;
		}
	}
	free(text->bytes);
	free(text);
	return result;
}

char *hst_demangle_full(const char *linkage)
{
	char *full = demangle(linkage, DMGL_PARAMS | DMGL_ANSI);

	return full != NULL ? full : strdup(linkage);
}

char *hst_demangle_path(const char *linkage)
{
	return demangle(linkage, DMGL_ANSI);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

size_t hst_demangle_operator(const char *start, const char *s)
{
	static const char *const symbols[] = { "\"\" ", "<=>", "<<=", ">>=", "->*", "()", "[]",
		"<<", ">>", "<=", ">=", "->", "==", "!=", "&&", "||", "++", "--",
		"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<", ">", "=", "+", "-", "*", "/",
		"%", "&", "|", "^", "!", "~", "," };

	if (strncmp(s, "operator", 8) != 0 || (s > start && is_word(s[-1])) || is_word(s[8])) {
		return 0;
	}
	for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
		size_t length = strlen(symbols[i]);

		if (strncmp(s + 8, symbols[i], length) == 0) {
			return 8 + length;
		}
	}
	return 8;
}

const char *hst_demangle_skip(const char *start, const char *s)
{
	char open[256];
	size_t depth = 0;

	open[depth++] = *s++;
	while (depth > 0 && *s != '\0') {
		size_t length = hst_demangle_operator(start, s);

		if (length != 0) {
			s += length;
			continue;
		}
		if (strchr("<([{", *s) != NULL) {
			if (depth == sizeof open) {
				return s + strlen(s);
			}
			open[depth++] = *s;
		} else if (*s == '>' && s[-1] != '-') {
			depth -= open[depth - 1] == '<';
		} else if (strchr(")]}", *s) != NULL) {
			char wanted = *s == ')' ? '(' : *s == ']' ? '[' : '{';

			while (depth > 1 && open[depth - 1] != wanted && open[depth - 1] == '<') {
				depth--;
			}
			depth -= open[depth - 1] == wanted;
		}
		s++;
	}
	return s;
}

/* Well-known instances whose common name is shorter, and inline namespaces of libraries. */
static const struct fold {
	const char *long_name, *short_name;
} folds[] = {
	{ "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
		"std::string" },
	{ "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >",
		"std::string" },
	{ "std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string" },
	{ "std::__cxx11::basic_string<wchar_t, std::char_traits<wchar_t>, std::allocator<wchar_t> >",
		"std::wstring" },
	{ "std::basic_string_view<char, std::char_traits<char> >", "std::string_view" },
	{ "std::basic_ostream<char, std::char_traits<char> >", "std::ostream" },
	{ "std::basic_istream<char, std::char_traits<char> >", "std::istream" },
	{ "std::basic_iostream<char, std::char_traits<char> >", "std::iostream" },
	{ "std::__cxx11::", "std::" },
	{ "std::__1::", "std::" },
	{ "std::_V2::", "std::" },
	{ "std::chrono::_V2::", "std::chrono::" },
};

static const struct fold *fold_at(const char *start, const char *s)
{
	if (*s != 's' || (s > start && (is_word(s[-1]) || s[-1] == ':'))) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
		if (strncmp(s, folds[i].long_name, strlen(folds[i].long_name)) == 0) {
			return &folds[i];
		}
	}
	return NULL;
}

static bool append_short(struct text *out, const char *s, int depth);

/* "{lambda(int)#1}" without the arguments. */
static bool append_braces(struct text *out, const char *s, const char *end)
{
	while (s < end) {
		if (*s == '(') {
			s = hst_demangle_skip(s, s);
			continue;
		}
		if (*s == '<') {
			s = hst_demangle_skip(s, s);
			continue;
		}
		if (!append(out, s++, 1)) {
			return false;
		}
	}
	return true;
}

/* Rust's "<T as Trait>::method" at the start of a path: T's own short name. */
static bool append_rust_type(struct text *out, const char *s, const char *end, int depth)
{
	char *type;
	size_t length = (size_t)(end - s);
	bool good;

	if (depth > 8 || length < 3) {
		return true;
	}
	type = malloc(length);
	if (type == NULL) {
		return false;
	}
	memcpy(type, s + 1, length - 2);
	type[length - 2] = '\0';
	for (const char *p = type; *p != '\0'; p++) {
		if (*p == '<') {
			p = hst_demangle_skip(type, p) - 1;
		} else if (strncmp(p, " as ", 4) == 0) {
			type[p - type] = '\0';
			break;
		}
	}
	good = append_short(out, type, depth + 1);
	free(type);
	return good;
}

/* Round brackets: the anonymous namespace stays, arguments and what qualifies them go. */
static const char *pass_round(struct text *out, const char *start, const char *s, bool *good)
{
	static const char anonymous[] = "(anonymous namespace)";

	if (strncmp(s, anonymous, sizeof anonymous - 1) == 0) {
		*good = append(out, s, sizeof anonymous - 1);
		return s + sizeof anonymous - 1;
	}
	s = hst_demangle_skip(start, s);
	while (strncmp(s, " const", 6) == 0 || strncmp(s, " &", 2) == 0 ||
		strncmp(s, " volatile", 9) == 0) {
		s += s[1] == 'c' ? 6 : s[1] == 'v' ? 9 : strspn(s + 1, "&") + 1;
	}
	return s;
}

/* The type of a conversion operator, up to the arguments: unlike elsewhere its spaces stay. */
static const char *pass_conversion(struct text *out, const char *start, const char *s, bool *good)
{
	while (*good && *s != '\0' && *s != '(') {
		const struct fold *fold = fold_at(start, s);

		if (fold != NULL) {
			*good = append(out, fold->short_name, strlen(fold->short_name));
			s += strlen(fold->long_name);
		} else if (*s == '<' || (*s == '[' && s[1] != ']')) {
			s = hst_demangle_skip(start, s);
		} else {
			*good = append(out, s++, 1);
		}
	}
	return s;
}

/* One step over `s`: appends what stays. Sets *from where a return type ended. */
static const char *step(
	struct text *out, const char *start, const char *s, size_t *from, int depth, bool *good)
{
	const struct fold *fold = fold_at(start, s);
	size_t length = hst_demangle_operator(start, s);
	const char *end;

	if (length != 0) {
		*good = append(out, s, length);
		s += length;
		if (length == 8 && *s == ' ') {
			return pass_conversion(out, start, s, good);
		}
		return *s == ' ' ? s + 1 : s;
	}
	if (fold != NULL) {
		*good = append(out, fold->short_name, strlen(fold->short_name));
		return s + strlen(fold->long_name);
	}
	switch (*s) {
	case '<':
		end = hst_demangle_skip(start, s);
		if (out->length == *from) {
			*good = append_rust_type(out, s, end, depth);
		} else if (strncmp(end, "::", 2) == 0 && out->bytes[out->length - 1] == ':') {
			/* Rust's "path::<impl Trait for T>::method". */
			end += 2;
		}
		return end;
	case '(':
		return pass_round(out, start, s, good);
	case '{':
		end = hst_demangle_skip(start, s);
		*good = append_braces(out, s, end);
		return end;
	case '[':
		return hst_demangle_skip(start, s);
	case ' ':
		/* What came before was a return type. */
		out->length = *from;
		return s + 1;
	default:
		*good = append(out, s, 1);
		return s + 1;
	}
}

static bool append_short(struct text *out, const char *s, int depth)
{
	static const char *const prefixes[] = { "non-virtual thunk to ", "virtual thunk to ",
		"covariant return thunk to ", "vtable for ", "guard variable for ",
		"TLS init function for ", "TLS wrapper function for ", "typeinfo for ",
		"transaction clone for ", "non-transaction clone for " };
	const char *start;
	size_t from;
	bool good = true;

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(s, prefixes[i], length) == 0) {
			good = append(out, s, length);
			s += length;
			break;
		}
	}
	start = s;
	from = out->length;
	while (good && *s != '\0') {
		s = step(out, start, s, &from, depth, &good);
	}
	return good;
}

/* Parts of a coroutine are functions of their own, unlike all other clones. */
static bool append_coroutine_part(struct text *out, const char *linkage)
{
	static const char *const parts[] = { ".actor", ".destroy", ".resume", ".cleanup" };
	const char *dot = strrchr(linkage, '.');

	for (size_t i = 0; dot != NULL && i < sizeof parts / sizeof parts[0]; i++) {
		if (strcmp(dot, parts[i]) == 0) {
			return append(out, " [clone ", 8) && append(out, dot, strlen(dot)) &&
			       append(out, "]", 1);
		}
	}
	return true;
}

char *hst_demangle_short(const char *linkage)
{
	struct text out = { .limit = DEMANGLED_MAX };
	/* Without parameters libiberty ignores what it does not understand at the end. */
	char *full = demangle(linkage, DMGL_PARAMS | DMGL_ANSI);
	char *text = full == NULL ? NULL : demangle(linkage, DMGL_ANSI);

	free(full);
	if (text == NULL) {
		return strdup(linkage);
	}
	if (!append_short(&out, text, 0) || out.length == 0 ||
		!append_coroutine_part(&out, linkage)) {
		free(out.bytes);
		return text;
	}
	free(text);
	return out.bytes;
}
