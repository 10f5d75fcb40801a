/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sites of one file: (ret, fn, generation) to a number that stays. */
#include "reader/decode.h"
#include "util/map.h"

#include <stdlib.h>

#define SITES_MAX  (4u << 20)
#define HASH_FIRST 1024u

static uint64_t hash_site(uint64_t ret, uint64_t fn, uint32_t generation)
{
	return hst_map_hash(ret ^ hst_map_hash(fn + ((uint64_t)generation << 48)));
}

enum hst_status hst_sites_init(struct hst_sites *sites)
{
	*sites = (struct hst_sites){ 0 };
	sites->items = calloc(HASH_FIRST / 2, sizeof *sites->items);
	sites->hash = calloc(HASH_FIRST, sizeof *sites->hash);
	if (sites->items == NULL || sites->hash == NULL) {
		hst_sites_finish(sites);
		return HST_E_MEMORY;
	}
	sites->hash_capacity = HASH_FIRST;
	sites->count = 1;
	return HST_OK;
}

void hst_sites_finish(struct hst_sites *sites)
{
	if (sites == NULL) {
		return;
	}
	free(sites->items);
	free(sites->hash);
	*sites = (struct hst_sites){ 0 };
}

/* Twice the room: the items always fill at most half of the hash. */
static int grow(struct hst_sites *sites)
{
	uint32_t capacity = sites->hash_capacity * 2;
	struct hst_site *items = realloc(sites->items, capacity / 2 * sizeof *items);
	uint32_t *hash;
	uint32_t i;

	if (items == NULL) {
		return 0;
	}
	sites->items = items;
	hash = calloc(capacity, sizeof *hash);
	if (hash == NULL) {
		return 0;
	}
	for (i = 1; i < sites->count; i++) {
		uint64_t at = hash_site(items[i].ret, items[i].fn, items[i].generation);

		while (hash[at & (capacity - 1)] != 0) {
			at++;
		}
		hash[at & (capacity - 1)] = i;
	}
	free(sites->hash);
	sites->hash = hash;
	sites->hash_capacity = capacity;
	return 1;
}

uint32_t hst_sites_intern(struct hst_sites *sites, uint64_t ret, uint64_t fn, uint32_t generation)
{
	uint64_t at = hash_site(ret, fn, generation);
	uint32_t index;

	for (;; at++) {
		const struct hst_site *site;

		index = sites->hash[at & (sites->hash_capacity - 1)];
		if (index == 0) {
			break;
		}
		site = &sites->items[index];
		if (site->ret == ret && site->fn == fn && site->generation == generation) {
			return index;
		}
	}
	if (sites->count >= SITES_MAX) {
		return 0;
	}
	if (sites->count >= sites->hash_capacity / 2) {
		return grow(sites) ? hst_sites_intern(sites, ret, fn, generation) : 0;
	}
	index = sites->count++;
	sites->items[index] = (struct hst_site){ .ret = ret, .fn = fn, .generation = generation };
	sites->hash[at & (sites->hash_capacity - 1)] = index;
	return index;
}
