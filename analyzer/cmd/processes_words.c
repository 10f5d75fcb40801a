/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines as a shell would take them. They are other people's bytes: what could act on a terminal is written as
 * an escape of $'...', which a shell turns back, so that the line can still be pasted.
 */
#include "cmd/processes_fields.h"
#include "writers/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MOST 64 /* bytes that one character takes at most, with quotes */

enum quoting {
	QUOTING_NONE,
	QUOTING_SINGLE,
	QUOTING_ESCAPED,
};

/* Would a cleaned text not have it? */
static bool is_harmful(uint32_t character, const char *text, size_t bytes)
{
	char one[8] = "";
	char clean[8];

	memcpy(one, text, bytes);
	(void)hst_text_clean(clean, sizeof clean, one);
	return character != '?' && strcmp(clean, "?") == 0;
}

static enum quoting quoting_of(const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:./@%+=,-";
	enum quoting quoting = word[0] == '\0' ? QUOTING_SINGLE : QUOTING_NONE;
	uint32_t character;
	bool valid;
	size_t bytes;

	for (; (bytes = hst_text_next(word, &character, &valid)) != 0; word += bytes) {
		if (!valid || is_harmful(character, word, bytes)) {
			return QUOTING_ESCAPED;
		}
		if (character < 0x80 && strchr(plain, (int)character) == NULL) {
			quoting = QUOTING_SINGLE;
		}
	}
	return quoting;
}

static size_t put_escaped(
	char *out, size_t size, const char *text, uint32_t character, bool valid, size_t bytes)
{
	static const char letters[] = "\n\t\r\033";
	static const char *const escapes[] = { "\\n", "\\t", "\\r", "\\e" };
	const char *letter = character == 0 ? NULL : memchr(letters, (int)character, 4);

	/* Octal: libsmartcols takes "\x" for one of its own escapes. */
	if (!valid) {
		return (size_t)snprintf(out, size, "\\%03o", (unsigned char)text[0]);
	}
	if (character < 0x80 && letter != NULL) {
		return (size_t)snprintf(out, size, "%s", escapes[letter - letters]);
	}
	if (character == '\'' || character == '\\') {
		return (size_t)snprintf(out, size, "\\%c", (int)character);
	}
	if (is_harmful(character, text, bytes)) {
		return (size_t)snprintf(out, size, "\\u%04" PRIx32, character);
	}
	return (size_t)snprintf(out, size, "%.*s", (int)bytes, text);
}

/* One word, or as much of it as leaves room for the mark. *ret_cut: not all of it. */
static size_t put_word(char *out, size_t size, const char *word, bool *ret_cut)
{
	enum quoting quoting = quoting_of(word);
	size_t used = 0;
	uint32_t character;
	bool valid;
	size_t bytes;

	if (quoting != QUOTING_NONE) {
		used = (size_t)snprintf(out, size, quoting == QUOTING_SINGLE ? "'" : "$'");
	}
	while ((bytes = hst_text_next(word, &character, &valid)) != 0) {
		if (used + WORD_MOST > size) {
			*ret_cut = true;
			break;
		}
		if (quoting == QUOTING_ESCAPED) {
			used += put_escaped(out + used, size - used, word, character, valid, bytes);
		} else if (quoting == QUOTING_SINGLE && character == '\'') {
			used += (size_t)snprintf(out + used, size - used, "'\\''");
		} else {
			memcpy(out + used, word, bytes);
			used += bytes;
		}
		word += bytes;
	}
	if (quoting != QUOTING_NONE) {
		out[used++] = '\'';
	}
	out[used] = '\0';
	return used;
}

size_t hst_command_line(char *buffer, size_t size, const char *const *argv, size_t argc)
{
	bool cut = false;
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < argc && !cut; i++) {
		if (used + 2 * WORD_MOST > size) {
			cut = true;
			break;
		}
		if (i != 0) {
			buffer[used++] = ' ';
		}
		used += put_word(buffer + used, size - used, argv[i], &cut);
	}
	if (cut && used + 5 <= size) {
		used += (size_t)snprintf(buffer + used, size - used, " ...");
	}
	return used;
}

void hst_print_command_line(const char *const *argv, size_t argc)
{
	char small[4096];
	size_t room = sizeof small;
	char *text;

	/* No byte becomes more than six. */
	for (size_t i = 0; i < argc; i++) {
		room += 6 * strlen(argv[i]) + 8;
	}
	text = malloc(room);
	(void)hst_command_line(
		text == NULL ? small : text, text == NULL ? sizeof small : room, argv, argc);
	fputs(text == NULL ? small : text, stdout);
	free(text);
}
