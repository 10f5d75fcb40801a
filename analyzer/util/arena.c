/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation in blocks that double up to 1 MiB; big requests get a block of their own. */
#include "util/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN       16u
#define BLOCK_FIRST 4096u
#define BLOCK_MAX   (1u << 20)

struct hst_arena_block {
	struct hst_arena_block *next;
	size_t bytes;
	/* payload, aligned because the header is 16 bytes and malloc aligns to 16 */
};

static struct hst_arena_block *add_block(struct hst_arena *arena, size_t payload)
{
	struct hst_arena_block *block = calloc(1, sizeof *block + payload);

	if (block == NULL) {
		return NULL;
	}
	block->bytes = payload;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->bytes += sizeof *block + payload;
	return block;
}

void *hst_arena_alloc(struct hst_arena *arena, size_t bytes)
{
	struct hst_arena_block *block;
	size_t need;
	size_t payload;
	void *result;

	if (bytes > SIZE_MAX / 2) {
		return NULL;
	}
	need = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (need > BLOCK_MAX / 4) {
		/*
		 * The present block keeps its rest: only `blocks` changes, not `next` and `left`.
		 */
		block = add_block(arena, need);
		return block == NULL ? NULL : block + 1;
	}
	if (need > arena->left) {
		payload = arena->bytes < BLOCK_FIRST ? BLOCK_FIRST : arena->bytes;
		if (payload > BLOCK_MAX) {
			payload = BLOCK_MAX;
		}
		if (payload < need) {
			payload = need;
		}
		payload = (payload + ALIGN - 1) / ALIGN * ALIGN;
		block = add_block(arena, payload);
		if (block == NULL) {
			return NULL;
		}
		arena->next = (char *)(block + 1);
		arena->left = payload;
	}
	result = arena->next;
	arena->next += need;
	arena->left -= need;
	return result;
}

void *hst_arena_array(struct hst_arena *arena, size_t count, size_t item_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, item_bytes, &bytes)) {
		return NULL;
	}
	return hst_arena_alloc(arena, bytes);
}

void *hst_arena_copy(struct hst_arena *arena, const void *data, size_t bytes)
{
	void *copy = hst_arena_alloc(arena, bytes);

	if (copy != NULL && bytes != 0) {
		memcpy(copy, data, bytes);
	}
	return copy;
}

char *hst_arena_string_n(struct hst_arena *arena, const char *text, size_t bytes)
{
	char *copy = bytes == SIZE_MAX ? NULL : hst_arena_alloc(arena, bytes + 1);

	if (copy != NULL && bytes != 0) {
		memcpy(copy, text, bytes);
	}
	return copy;
}

char *hst_arena_string(struct hst_arena *arena, const char *text)
{
	return hst_arena_string_n(arena, text, strlen(text));
}

void hst_arena_finish(struct hst_arena *arena)
{
	struct hst_arena_block *block;

	if (arena == NULL) {
		return;
	}
	while (arena->blocks != NULL) {
		block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
	*arena = (struct hst_arena){ 0 };
}
