/* SPDX-License-Identifier: Apache-2.0 */
/* Names come from other people's files: nothing of them may reach a terminal unchecked. */
#ifndef HST_WRITERS_TEXT_H
#define HST_WRITERS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the first character of `text`, 0 at the end; *ret_valid: it is sound UTF-8. */
size_t hst_text_next(const char *text, uint32_t *ret_character, bool *ret_valid);

/*
 * Copies `text` for a terminal or a table: control characters (also C1 and those that turn the
 * direction of writing) become '?', broken UTF-8 becomes U+FFFD. Cut at `size` between characters.
 * NULL counts as empty. Returns the bytes written.
 */
size_t hst_text_clean(char *buffer, size_t size, const char *text);

/* Columns that a cleaned text takes: characters, combining ones and wide ones not told apart. */
size_t hst_text_width(const char *text);

/* Shortens a cleaned text in place to `width` columns by a mark in its middle. */
void hst_text_cut(char *text, size_t width, bool utf8);

#endif
