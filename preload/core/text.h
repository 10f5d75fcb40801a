/* SPDX-License-Identifier: Apache-2.0 */
/* Strings without libc: bounded, no allocation, no locale. Pure; any thread, any signal. */
#ifndef HST_CORE_TEXT_H
#define HST_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string under construction in the caller's buffer. `full` is set when something did not fit. */
struct hst_text {
	char *bytes;
	size_t capacity; /* with the NUL */
	size_t length;
	bool full;
};

static inline struct hst_text hst_text_begin(char *buffer, size_t capacity)
{
	struct hst_text text = { buffer, capacity, 0, false };

	buffer[0] = '\0';
	return text;
}

size_t hst_text_length(const char *text);
void hst_text_add(struct hst_text *text, const char *part);
void hst_text_add_number(struct hst_text *text, uint64_t number);
bool hst_text_equal(const char *a, const char *b);
bool hst_text_starts(const char *text, const char *prefix);
/* Digits at the start, with an optional suffix K, M, G (1024). false: no number there or too large. */
bool hst_text_number(const char *text, uint64_t *ret_number);
/* Shell pattern with `*` and `?` only. Time bound: length of pattern x length of text. */
bool hst_text_glob(const char *pattern, size_t pattern_length, const char *text);
/* The part behind the last slash. */
const char *hst_text_base(const char *path);

#endif
