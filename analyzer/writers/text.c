/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by hand: what is printed must not depend on the locale. */
#include "writers/text.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0u) == 0x80u;
}

/* Shortest form only, no surrogates, nothing above U+10FFFF. */
static bool is_sound(uint32_t character, size_t bytes)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return character >= least[bytes] && character <= 0x10ffff &&
	       (character < 0xd800 || character > 0xdfff);
}

size_t hst_text_next(const char *text, uint32_t *ret_character, bool *ret_valid)
{
	unsigned char head = (unsigned char)text[0];
	size_t bytes = 1;
	uint32_t character = head;

	*ret_valid = head < 0x80;
	if (head >= 0xc2 && head < 0xf5) {
		bytes = head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
		character = head & (0x7fu >> bytes);
		for (size_t i = 1; i < bytes; i++) {
			if (!is_continuation(text[i])) {
				*ret_character = 0xfffd;
				return 1;
			}
			character = character << 6 | ((unsigned char)text[i] & 0x3fu);
		}
		*ret_valid = is_sound(character, bytes);
		bytes = *ret_valid ? bytes : 1;
	}
	*ret_character = *ret_valid ? character : 0xfffd;
	return head == 0 ? 0 : bytes;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	       (character >= 0x200e && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

size_t hst_text_clean(char *buffer, size_t size, const char *text)
{
	size_t used = 0;
	uint32_t character;
	bool valid;
	size_t bytes;

	while (text != NULL && (bytes = hst_text_next(text, &character, &valid)) != 0) {
		const char *from = valid ? text : REPLACEMENT;
		size_t count = valid ? bytes : strlen(REPLACEMENT);

		if (is_control(character)) {
			from = "?";
			count = 1;
		}
		if (used + count >= size) {
			break;
		}
		memcpy(buffer + used, from, count);
		used += count;
		text += bytes;
	}
	buffer[used] = '\0';
	return used;
}

size_t hst_text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++) {
		width += !is_continuation(*text);
	}
	return width;
}

/* The byte behind the first `width` columns. */
static size_t skip(const char *text, size_t width)
{
	size_t at = 0;

	while (width > 0 && text[at] != '\0') {
		do {
			at++;
		} while (is_continuation(text[at]));
		width--;
	}
	return at;
}

void hst_text_cut(char *text, size_t width, bool utf8)
{
	const char *mark = utf8 ? "\xe2\x80\xa6" : "..";
	size_t mark_width = utf8 ? 1 : 2;
	size_t mark_bytes = strlen(mark);
	size_t have = hst_text_width(text);
	size_t head;
	size_t tail;

	if (have <= width) {
		return;
	}
	if (width <= mark_width) {
		text[skip(text, width)] = '\0';
		return;
	}
	tail = (width - mark_width) / 2;
	head = skip(text, width - mark_width - tail);
	tail = skip(text, have - tail);
	/* What is left out has at least as many bytes as the mark, unless it is one ASCII character. */
	if (tail - head < mark_bytes) {
		mark = "~";
		mark_bytes = 1;
	}
	memcpy(text + head, mark, mark_bytes);
	memmove(text + head + mark_bytes, text + tail, strlen(text + tail) + 1);
}
