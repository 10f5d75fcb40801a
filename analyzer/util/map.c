/* SPDX-License-Identifier: Apache-2.0 */
/* Writing side of the hash map; the reading side is inline in the header. */
#include "util/map.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 16u

static void insert(struct hst_map_slot *slots, size_t capacity, uint64_t key, uint32_t value)
{
	size_t at = hst_map_hash(key) & (capacity - 1);

	while (slots[at].used) {
		at = (at + 1) & (capacity - 1);
	}
	slots[at] = (struct hst_map_slot){ .key = key, .value = value, .used = 1 };
}

static enum hst_status grow(struct hst_map *map)
{
	size_t capacity = map->capacity == 0 ? CAPACITY_FIRST : map->capacity * 2;
	struct hst_map_slot *slots = calloc(capacity, sizeof *slots);
	size_t i;

	if (slots == NULL) {
		return HST_E_MEMORY;
	}
	for (i = 0; i < map->capacity; i++) {
		if (map->slots[i].used) {
			insert(slots, capacity, map->slots[i].key, map->slots[i].value);
		}
	}
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return HST_OK;
}

enum hst_status hst_map_put(struct hst_map *map, uint64_t key, uint32_t value)
{
	size_t at;

	if ((map->count + 1) * 4 > map->capacity * 3) {
		HST_TRY(grow(map));
	}
	at = hst_map_hash(key) & (map->capacity - 1);
	while (map->slots[at].used && map->slots[at].key != key) {
		at = (at + 1) & (map->capacity - 1);
	}
	map->count += !map->slots[at].used;
	map->slots[at] = (struct hst_map_slot){ .key = key, .value = value, .used = 1 };
	return HST_OK;
}

void hst_map_clear(struct hst_map *map)
{
	if (map->count != 0) {
		memset(map->slots, 0, map->capacity * sizeof *map->slots);
	}
	map->count = 0;
}

void hst_map_finish(struct hst_map *map)
{
	if (map == NULL) {
		return;
	}
	free(map->slots);
	*map = (struct hst_map){ 0 };
}
