/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by lifetime: many small objects that die together. Nothing in an arena is freed one by
 * one; hst_arena_finish frees all. Not thread-safe: one arena, one thread at a time.
 *
 *   { 0 } is a valid empty arena; hst_arena_finish leaves it like that.
 */
#ifndef HST_UTIL_ARENA_H
#define HST_UTIL_ARENA_H

#include <stddef.h>

struct hst_arena_block;

struct hst_arena {
	struct hst_arena_block *blocks; /* newest first */
	char *next;
	size_t left;
	size_t bytes; /* taken from malloc, for limits and statistics */
};

/* Zeroed memory of `bytes` (0 gives a valid pointer), aligned to 16; NULL when out of memory. */
void *hst_arena_alloc(struct hst_arena *arena, size_t bytes);

/* An array of `count` zeroed items; NULL when out of memory or when the product overflows. */
void *hst_arena_array(struct hst_arena *arena, size_t count, size_t item_bytes);

/* Copies `bytes` of `data`; NULL when out of memory. */
void *hst_arena_copy(struct hst_arena *arena, const void *data, size_t bytes);

/* Copies a string, or its first `bytes` bytes with a NUL behind; NULL when out of memory. */
char *hst_arena_string(struct hst_arena *arena, const char *text);
char *hst_arena_string_n(struct hst_arena *arena, const char *text, size_t bytes);

/* Frees everything; the arena is empty afterwards and may be used again. NULL is allowed. */
void hst_arena_finish(struct hst_arena *arena);

#endif
