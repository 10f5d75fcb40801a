/* SPDX-License-Identifier: Apache-2.0 */
/* Interned strings: text in an arena, numbers in an open-addressed table. */
#include "util/strtab.h"

#include "util/vec.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *text != '\0'; text++) {
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	}
	return hash ^ (hash >> 32);
}

static enum hst_status grow_hash(struct hst_strtab *table)
{
	size_t capacity = table->hash_capacity == 0 ? 64 : table->hash_capacity * 2;
	uint32_t *hash = calloc(capacity, sizeof *hash);
	size_t i;

	if (hash == NULL) {
		return HST_E_MEMORY;
	}
	for (i = 1; i < table->count; i++) {
		size_t at = hash_text(table->items[i]) & (capacity - 1);

		while (hash[at] != 0) {
			at = (at + 1) & (capacity - 1);
		}
		hash[at] = (uint32_t)i;
	}
	free(table->hash);
	table->hash = hash;
	table->hash_capacity = capacity;
	return HST_OK;
}

enum hst_status hst_strtab_add(struct hst_strtab *table, const char *text, uint32_t *ret_id)
{
	size_t at;
	char *copy;

	if (text == NULL || *text == '\0') {
		*ret_id = 0;
		return HST_OK;
	}
	if ((table->count + 1) * 4 > table->hash_capacity * 3) {
		HST_TRY(grow_hash(table));
	}
	at = hash_text(text) & (table->hash_capacity - 1);
	while (table->hash[at] != 0) {
		if (strcmp(table->items[table->hash[at]], text) == 0) {
			*ret_id = table->hash[at];
			return HST_OK;
		}
		at = (at + 1) & (table->hash_capacity - 1);
	}
	if (table->count >= UINT32_MAX || !hst_vec_room(&table->items, &table->capacity,
						  table->count + 2, sizeof *table->items)) {
		return HST_E_MEMORY;
	}
	copy = hst_arena_string(&table->arena, text);
	if (copy == NULL) {
		return HST_E_MEMORY;
	}
	if (table->count == 0) {
		table->items[table->count++] = "";
	}
	table->items[table->count] = copy;
	table->hash[at] = (uint32_t)table->count;
	*ret_id = (uint32_t)table->count++;
	return HST_OK;
}

const char *hst_strtab_get(const struct hst_strtab *table, uint32_t id)
{
	return id < table->count ? table->items[id] : "";
}

void hst_strtab_finish(struct hst_strtab *table)
{
	if (table == NULL) {
		return;
	}
	hst_arena_finish(&table->arena);
	free(table->items);
	free(table->hash);
	*table = (struct hst_strtab){ 0 };
}
