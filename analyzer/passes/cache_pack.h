/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of one function in few bytes: about ten for a call of a real program, where the struct has 48. Written and read from
 * the front; what is read may be freed on the way.
 *
 *   record: head | key | begin after the end before | duration | duration - cost | and if the head says so: thread, depth, result
 *
 * A key that was met lately is the number of its place in a small table, which knows the result of then, too.
 */
#ifndef HST_PASSES_CACHE_PACK_H
#define HST_PASSES_CACHE_PACK_H

#include "model/cache.h"
#include "util/map.h"
#include "util/status.h"

struct hst_cache_pack_block;

struct hst_cache_pack_slot {
	uint64_t key, result;
};

/* What writer and reader know of the records so far: the same. */
struct hst_cache_pack_state {
	struct hst_cache_pack_slot *slots;
	size_t slot_count; /* a power of two; 0: none yet */
	uint64_t literals; /* keys that were not in the table */
	uint64_t end_ns;
	uint32_t thread;
};

/* { 0 } is an empty one. */
struct hst_cache_pack {
	struct hst_cache_pack_block *first, *last;
	size_t count;
	struct hst_cache_pack_state state;
	bool numbered; /* keys are small numbers: no table. To be set before the first call comes */
};

/* A call with this key will be added soon: its place in the table is fetched meanwhile. */
static inline void hst_cache_pack_expect(const struct hst_cache_pack *pack, uint64_t key)
{
	if (pack->state.slot_count != 0) {
		__builtin_prefetch(
			&pack->state.slots[hst_map_hash(key) & (pack->state.slot_count - 1)], 1);
	}
}

/* HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_pack_add(
	struct hst_cache_pack *pack, const struct hst_cache_call *call);
void hst_cache_pack_finish(struct hst_cache_pack *pack);

struct hst_cache_pack_reader {
	struct hst_cache_pack *pack;
	struct hst_cache_pack_block *block;
	size_t at;
	size_t left; /* records */
	bool consume;
	bool out_of_memory;
	struct hst_cache_pack_state state;
};

/* With `consume` the pack is empty when all is read. */
void hst_cache_pack_open(
	struct hst_cache_pack_reader *reader, struct hst_cache_pack *pack, bool consume);
/* The next call; false: no more, or out_of_memory. */
bool hst_cache_pack_next(struct hst_cache_pack_reader *reader, struct hst_cache_call *ret_call);
/* HST_E_MEMORY: not all could be read. What was to be consumed is gone in any case. */
HST_NODISCARD enum hst_status hst_cache_pack_close(struct hst_cache_pack_reader *reader);

#endif
