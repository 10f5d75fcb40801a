/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a source file into words, marks, literals and lines of the preprocessor. Damaged text gives tokens, too. */
#include "plan/memo_source.h"

#include <ctype.h>
#include <string.h>

struct scan {
	const char *text;
	size_t bytes, at;
	uint32_t line;
	bool fresh; /* nothing but blanks since the line began */
};

static char peek(const struct scan *scan, size_t ahead)
{
	return scan->at + ahead < scan->bytes ? scan->text[scan->at + ahead] : '\0';
}

static void step(struct scan *scan)
{
	if (scan->at < scan->bytes) {
		scan->line += scan->text[scan->at] == '\n';
		scan->at++;
	}
}

static void skip_comment(struct scan *scan)
{
	bool block = peek(scan, 1) == '*';

	step(scan);
	step(scan);
	while (scan->at < scan->bytes) {
		if (block && peek(scan, 0) == '*' && peek(scan, 1) == '/') {
			step(scan);
			step(scan);
			return;
		}
		if (!block && peek(scan, 0) == '\n' && scan->text[scan->at - 1] != '\\') {
			return;
		}
		step(scan);
	}
}

static bool is_comment(const struct scan *scan)
{
	return peek(scan, 0) == '/' && (peek(scan, 1) == '*' || peek(scan, 1) == '/');
}

static void skip_quoted(struct scan *scan)
{
	char quote = peek(scan, 0);

	step(scan);
	while (scan->at < scan->bytes && peek(scan, 0) != quote && peek(scan, 0) != '\n') {
		if (peek(scan, 0) == '\\') {
			step(scan);
		}
		step(scan);
	}
	if (peek(scan, 0) == quote) {
		step(scan);
	}
}

/* R"x( ... )x" */
static void skip_raw(struct scan *scan)
{
	char end[32] = ")";
	size_t length = 1;

	step(scan);
	while (peek(scan, 0) != '(' && length + 2 < sizeof end && scan->at < scan->bytes) {
		end[length++] = peek(scan, 0);
		step(scan);
	}
	end[length++] = '"';
	while (scan->at < scan->bytes && (scan->bytes - scan->at < length ||
						 memcmp(scan->text + scan->at, end, length) != 0)) {
		step(scan);
	}
	for (size_t i = 0; i < length; i++) {
		step(scan);
	}
}

static void skip_directive(struct scan *scan)
{
	while (scan->at < scan->bytes && peek(scan, 0) != '\n') {
		if (is_comment(scan)) {
			skip_comment(scan);
			continue;
		}
		if (peek(scan, 0) == '\\') {
			step(scan);
			if (peek(scan, 0) == '\r') {
				step(scan);
			}
		} else if (peek(scan, 0) == '"') {
			skip_quoted(scan);
			continue;
		}
		step(scan);
	}
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void skip_number(struct scan *scan)
{
	while (is_word(peek(scan, 0)) || peek(scan, 0) == '.' ||
		(peek(scan, 0) == '\'' && is_word(peek(scan, 1)))) {
		step(scan);
	}
}

static uint8_t take(struct scan *scan, size_t begin)
{
	char c = peek(scan, 0);

	if (c == '#' && scan->fresh) {
		skip_directive(scan);
		return HST_TOKEN_DIRECTIVE;
	}
	if (isdigit((unsigned char)c)) {
		skip_number(scan);
		return HST_TOKEN_LITERAL;
	}
	if (is_word(c)) {
		while (is_word(peek(scan, 0))) {
			step(scan);
		}
		if (peek(scan, 0) == '"' && scan->text[scan->at - 1] == 'R' &&
			scan->at - begin <= 3) {
			skip_raw(scan);
			return HST_TOKEN_LITERAL;
		}
		return HST_TOKEN_WORD;
	}
	if (c == '"' || c == '\'') {
		skip_quoted(scan);
		return HST_TOKEN_LITERAL;
	}
	if ((c == ':' && peek(scan, 1) == ':') || (c == '-' && peek(scan, 1) == '>')) {
		step(scan);
	}
	step(scan);
	return HST_TOKEN_MARK;
}

bool hst_tokens_read(const char *text, size_t bytes, struct hst_tokens *ret_tokens)
{
	struct scan scan = { .text = text, .bytes = bytes, .line = 1, .fresh = true };
	bool good = true;

	*ret_tokens = (struct hst_tokens){ 0 };
	while (scan.at < bytes && good) {
		struct hst_token token = { .at = scan.at, .line = scan.line };
		char c = peek(&scan, 0);

		if (is_comment(&scan)) {
			skip_comment(&scan);
		} else if (isspace((unsigned char)c) || c == '\0' || c == '\\') {
			scan.fresh |= c == '\n';
			step(&scan);
		} else {
			token.kind = take(&scan, token.at);
			token.bytes = scan.at - token.at;
			scan.fresh = false;
			good = hst_vec_push(&ret_tokens->items, token);
		}
	}
	return good;
}
