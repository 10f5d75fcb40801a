/* SPDX-License-Identifier: Apache-2.0 */
/* Parses filter expressions and matches functions against them. */
#include "plan/filter.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "plan/filter_terms.h"

/* Behind the bracket that closes the one at `s`, or NULL if nothing does. */
static const char *closing(const char *s)
{
	size_t depth = 0;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0') {
			s++;
		} else if (strchr("<({", *s) != NULL) {
			depth++;
		} else if (strchr(">)}", *s) != NULL && --depth == 0) {
			return s + 1;
		}
	}
	return NULL;
}

/* Length of the term at `s`. */
static size_t term_length(const char *s)
{
	const char *start = s;

	while (*s != '\0' && *s != ',') {
		const char *end = strchr("<({", *s) != NULL ? closing(s) : NULL;

		if (end != NULL) {
			s = end;
		} else {
			s += *s == '\\' && s[1] != '\0' ? 2 : 1;
		}
	}
	return (size_t)(s - start);
}

static char *trimmed(const char *s, size_t length)
{
	while (length > 0 && isspace((unsigned char)*s)) {
		s++;
		length--;
	}
	while (length > 0 && isspace((unsigned char)s[length - 1])) {
		length--;
	}
	return strndup(s, length);
}

/* A single colon behind lower-case letters means a kind; C++ has only doubled ones. */
static bool has_unknown_kind(const char *glob, size_t *ret_length)
{
	size_t length = strspn(glob, "abcdefghijklmnopqrstuvwxyz");

	*ret_length = length;
	return length > 0 && glob[length] == ':' && glob[length + 1] != ':';
}

static enum hst_status parse_term(struct hst_filter_term *term, struct hst_diag *diag)
{
	const char *glob = term->text;
	size_t kind;

	if (*glob == '!') {
		term->exclude = true;
		glob++;
	}
	term->kind = HST_FILTER_FUNCTION;
	if (strncmp(glob, "module:", 7) == 0) {
		term->kind = HST_FILTER_MODULE;
		glob += 7;
	} else if (strncmp(glob, "file:", 5) == 0) {
		term->kind = HST_FILTER_FILE;
		glob += 5;
	} else if (has_unknown_kind(glob, &kind)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"filter term '%s': '%.*s:' is unknown; a term is a function, module:NAME or file:NAME",
			term->text, (int)kind, glob);
	}
	if (*glob == '\0') {
		return hst_diag_set(diag, HST_E_USAGE,
			"filter term '%s' names nothing; use a glob such as 'parse_*'", term->text);
	}
	if (*glob == '!') {
		return hst_diag_set(
			diag, HST_E_USAGE, "filter term '%s' has more than one '!'", term->text);
	}
	term->glob = glob;
	return HST_OK;
}

static enum hst_status add_term(
	struct hst_filter *filter, const char *s, size_t length, struct hst_diag *diag)
{
	struct hst_filter_term *term;

	if (filter->term_count == HST_FILTER_TERMS_MAX) {
		return hst_diag_set(diag, HST_E_USAGE, "the filter has more than %u terms",
			HST_FILTER_TERMS_MAX);
	}
	term = &filter->terms[filter->term_count];
	*term = (struct hst_filter_term){ .text = trimmed(s, length) };
	if (term->text == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	filter->term_count++;
	if (term->text[0] == '\0') {
		return hst_diag_set(
			diag, HST_E_USAGE, "filter term %zu is empty", filter->term_count);
	}
	HST_TRY(parse_term(term, diag));
	filter->has_include = filter->has_include || !term->exclude;
	return HST_OK;
}

static enum hst_status parse_all(
	struct hst_filter *filter, const char *expression, struct hst_diag *diag)
{
	if (strlen(expression) > HST_FILTER_BYTES_MAX) {
		return hst_diag_set(diag, HST_E_USAGE, "the filter is longer than %u bytes",
			HST_FILTER_BYTES_MAX);
	}
	for (;;) {
		size_t length = term_length(expression);

		HST_TRY(add_term(filter, expression, length, diag));
		if (expression[length] == '\0') {
			return HST_OK;
		}
		expression += length + 1;
	}
}

enum hst_status hst_filter_parse(
	const char *expression, struct hst_filter **ret_filter, struct hst_diag *diag)
{
	struct hst_filter *filter = calloc(1, sizeof *filter);
	enum hst_status status;

	if (filter == NULL) {
		return hst_diag_set(diag, HST_E_MEMORY, "out of memory");
	}
	status = parse_all(filter, expression, diag);
	if (status != HST_OK) {
		hst_filter_destroy(filter);
		return status;
	}
	*ret_filter = filter;
	return HST_OK;
}

void hst_filter_destroy(struct hst_filter *filter)
{
	if (filter == NULL) {
		return;
	}
	for (size_t i = 0; i < filter->term_count; i++) {
		free(filter->terms[i].text);
	}
	free(filter);
}

/* As it is, or as a pattern: "operator[]" is a name before it is a pattern. */
static bool matches(const char *glob, const char *text)
{
	return text != NULL && (strcmp(glob, text) == 0 || fnmatch(glob, text, 0) == 0);
}

/* The whole path, or a tail of it that begins behind a slash. */
static bool matches_tail(const char *glob, const char *path)
{
	while (path != NULL) {
		if (matches(glob, path)) {
			return true;
		}
		path = strchr(path, '/');
		path = path == NULL ? NULL : path + 1;
	}
	return false;
}

static bool matches_module(const char *glob, const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	return matches(glob, path) || (slash != NULL && matches(glob, slash + 1));
}

/* Marks what matched; sets whether anything includes or excludes. */
static void judge(struct hst_filter_term *term, bool match, struct hst_filter_verdict *verdict)
{
	if (match) {
		term->matched = true;
		verdict->included = verdict->included || !term->exclude;
		verdict->excluded = verdict->excluded || term->exclude;
	}
}

struct hst_filter_verdict hst_filter_module_verdict(struct hst_filter *filter, const char *module)
{
	struct hst_filter_verdict verdict = { 0 };

	for (size_t i = 0; i < filter->term_count; i++) {
		struct hst_filter_term *term = &filter->terms[i];

		if (term->kind == HST_FILTER_MODULE) {
			judge(term, matches_module(term->glob, module), &verdict);
		}
	}
	return verdict;
}

bool hst_filter_matches(struct hst_filter *filter, const char *name, const char *full,
	const char *linkage, const char *module, const char *file)
{
	struct hst_filter_verdict verdict = hst_filter_module_verdict(filter, module);

	for (size_t i = 0; i < filter->term_count; i++) {
		struct hst_filter_term *term = &filter->terms[i];

		if (term->kind == HST_FILTER_FUNCTION) {
			judge(term,
				matches(term->glob, name) || matches(term->glob, full) ||
					matches(term->glob, linkage),
				&verdict);
		} else if (term->kind == HST_FILTER_FILE) {
			judge(term, matches_tail(term->glob, file), &verdict);
		}
	}
	return !verdict.excluded && (verdict.included || !filter->has_include);
}

const char *hst_filter_unmatched(const struct hst_filter *filter, size_t number)
{
	for (size_t i = 0; i < filter->term_count; i++) {
		if (!filter->terms[i].matched && number-- == 0) {
			return filter->terms[i].text;
		}
	}
	return NULL;
}
