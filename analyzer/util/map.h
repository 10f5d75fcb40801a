/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map from any uint64_t to any uint32_t; open addressing, no removal. { 0 } is a valid empty
 * map. Not thread-safe while it is written.
 *
 *   slots: | key value used | ... capacity is a power of two, at most 3/4 are used |
 */
#ifndef HST_UTIL_MAP_H
#define HST_UTIL_MAP_H

#include "util/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hst_map_slot {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

struct hst_map {
	struct hst_map_slot *slots;
	size_t capacity; /* 0 or a power of two */
	size_t count;
};

/* Spreads the bits of a key; also good for hash tables of your own. */
static inline uint64_t hst_map_hash(uint64_t key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15ull;
	key ^= key >> 29;
	key *= 0xbf58476d1ce4e5b9ull;
	return key ^ (key >> 32);
}

/* The value of `key` in *ret_value; false (and *ret_value untouched) if it is not there. */
static inline bool hst_map_get(const struct hst_map *map, uint64_t key, uint32_t *ret_value)
{
	size_t at;

	if (map->capacity == 0) {
		return false;
	}
	at = hst_map_hash(key) & (map->capacity - 1);
	while (map->slots[at].used) {
		if (map->slots[at].key == key) {
			*ret_value = map->slots[at].value;
			return true;
		}
		at = (at + 1) & (map->capacity - 1);
	}
	return false;
}

/* Sets the value of `key`, new or known. HST_E_MEMORY: the map is as it was. */
HST_NODISCARD enum hst_status hst_map_put(struct hst_map *map, uint64_t key, uint32_t value);

/* Forgets all keys, keeps the memory. */
void hst_map_clear(struct hst_map *map);

/* Frees the memory; the map is empty afterwards. NULL is allowed. */
void hst_map_finish(struct hst_map *map);

/* Every used slot: struct hst_map_slot *slot; order is of no meaning. */
#define hst_map_foreach(map, slot)                                               \
 for ((slot) = (map)->slots; (slot) != (map)->slots + (map)->capacity; (slot)++) \
  if ((slot)->used)

#endif
