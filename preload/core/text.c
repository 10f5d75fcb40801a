/* SPDX-License-Identifier: Apache-2.0 */
/* Strings without libc. */
#include "core/text.h"

#include "core/poison.h"

size_t hst_text_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0') {
		length++;
	}
	return length;
}

void hst_text_add(struct hst_text *text, const char *part)
{
	for (; *part != '\0'; part++) {
		if (text->length + 1 >= text->capacity) {
			text->full = true;
			break;
		}
		text->bytes[text->length++] = *part;
	}
	text->bytes[text->length] = '\0';
}

void hst_text_add_number(struct hst_text *text, uint64_t number)
{
	char digits[24];
	size_t at = sizeof digits - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	hst_text_add(text, digits + at);
}

bool hst_text_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool hst_text_starts(const char *text, const char *prefix)
{
	while (*prefix != '\0') {
		if (*text++ != *prefix++) {
			return false;
		}
	}
	return true;
}

bool hst_text_number(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;
	unsigned shift = 0;

	if (*text < '0' || *text > '9') {
		return false;
	}
	for (; *text >= '0' && *text <= '9'; text++) {
		if (number > (UINT64_MAX - 9) / 10) {
			return false;
		}
		number = number * 10 + (uint64_t)(*text - '0');
	}
	if (*text == 'K' || *text == 'k') {
		shift = 10;
	} else if (*text == 'M' || *text == 'm') {
		shift = 20;
	} else if (*text == 'G' || *text == 'g') {
		shift = 30;
	}
	if (shift != 0 && number > (UINT64_MAX >> shift)) {
		return false;
	}
	*ret_number = number << shift;
	return true;
}

bool hst_text_glob(const char *pattern, size_t pattern_length, const char *text)
{
	const char *end = pattern + pattern_length;
	const char *star = NULL;
	const char *retry = NULL;

	while (*text != '\0') {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*') {
		pattern++;
	}
	return pattern == end;
}

const char *hst_text_base(const char *path)
{
	const char *base = path;

	for (; *path != '\0'; path++) {
		if (*path == '/') {
			base = path + 1;
		}
	}
	return base;
}
