/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of one function: sets of four entries, shared by all threads without locks.
 *
 *   entry   version │ cost │ stamp │ value │ key[0] .. key[n-1]
 *
 * A version is 0 while the entry was never written, odd while it is being written. A reader that meets an odd one, or another one
 * behind than before, has missed: it never waits, for it may be a handler that interrupted the very writer. A writer takes an
 * entry by compare-and-swap and lets it be where it cannot. Keys are compared whole, bit by bit.
 */
#ifndef HST_APPLY_MEMO_TABLE_H
#define HST_APPLY_MEMO_TABLE_H

#include "core/attr.h"
#include "hasten/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_MEMO_WAYS 4u

/* The mode of floating point is one more word of a key. */
#define HST_MEMO_WORDS_MAX (HST_PLAN_MEMO_PIECES_MAX + 1u)

/* Was it used since the set was last cleared? Above the cost. */
#define HST_MEMO_USED (1u << 31)
/* Ticks of what it took to compute the result, in units of this many bits. */
#define HST_MEMO_COST_SHIFT 4u
#define HST_MEMO_COST_MAX   (HST_MEMO_USED - 1u)

struct hst_memo_entry {
	uint32_t version;
	uint32_t cost;  /* HST_MEMO_USED, units */
	uint64_t stamp; /* ticks when it was stored */
	uint64_t value;
	uint64_t key[];
};

struct hst_memo_table {
	uint8_t *entries; /* NULL: there is none */
	uint32_t entry_bytes;
	uint32_t words; /* of a key */
	uint32_t shift; /* 64 - bits of the number of sets */
};

struct hst_memo_found {
	uint64_t value;
	uint64_t stamp;
	uint32_t cost; /* units */
};

/* Room for at least so many entries. false: no memory. */
bool hst_memo_table_make(struct hst_memo_table *table, uint32_t entries, uint32_t words);
uint64_t hst_memo_table_bytes(uint32_t entries, uint32_t words);
/* Forgets everything. Nobody else uses it. */
void hst_memo_table_clear(struct hst_memo_table *table);

enum hst_memo_stored {
	HST_MEMO_STORED,
	HST_MEMO_EVICTED, /* and another one had to go */
	HST_MEMO_REFUSED, /* somebody else writes there */
};

/* Puts the result of a key in, or in its place where it is there already. */
enum hst_memo_stored hst_memo_table_store(struct hst_memo_table *table, const uint64_t *key,
	uint64_t hash, const struct hst_memo_found *what);

HST_INLINE uint64_t hst_memo_hash(const uint64_t *key, uint32_t words)
{
	uint64_t hash = 0x9e3779b97f4a7c15ull;

	for (uint32_t i = 0; i < words; i++) {
		hash = (hash ^ key[i]) * 0xd6e8feb86659fd93ull;
		hash ^= hash >> 32;
	}
	return hash * 0x9e3779b97f4a7c15ull;
}

HST_INLINE struct hst_memo_entry *hst_memo_set(const struct hst_memo_table *table, uint64_t hash)
{
	return (void *)(table->entries +
			(hash >> table->shift) * HST_MEMO_WAYS * (uint64_t)table->entry_bytes);
}

HST_INLINE struct hst_memo_entry *hst_memo_next(
	const struct hst_memo_table *table, struct hst_memo_entry *entry)
{
	return (void *)((uint8_t *)entry + table->entry_bytes);
}

/* The same key? Others may be writing there: what it says holds only if the version does. */
HST_INLINE bool hst_memo_key_is(
	const struct hst_memo_entry *entry, const uint64_t *key, uint32_t words)
{
	uint64_t differs = 0;

	for (uint32_t i = 0; i < words; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): a key has as many words as its table */
		differs |= __atomic_load_n(&entry->key[i], __ATOMIC_RELAXED) ^ key[i];
	}
	return differs == 0;
}

/* false: it is not there, or cannot be read right now. */
HST_INLINE bool hst_memo_table_find(const struct hst_memo_table *table, const uint64_t *key,
	uint64_t hash, struct hst_memo_found *ret_found)
{
	struct hst_memo_entry *entry = hst_memo_set(table, hash);

	for (uint32_t way = 0; way < HST_MEMO_WAYS; way++, entry = hst_memo_next(table, entry)) {
		uint32_t version = __atomic_load_n(&entry->version, __ATOMIC_ACQUIRE);
		uint32_t cost;

		if (version == 0) {
			return false; /* ways are filled in their order */
		}
		if ((version & 1) != 0 || !hst_memo_key_is(entry, key, table->words)) {
			continue;
		}
		ret_found->value = __atomic_load_n(&entry->value, __ATOMIC_RELAXED);
		ret_found->stamp = __atomic_load_n(&entry->stamp, __ATOMIC_RELAXED);
		cost = __atomic_load_n(&entry->cost, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&entry->version, __ATOMIC_RELAXED) != version) {
			continue;
		}
		/* Written only if it is clear, so that threads that hit the same entry share its cache line. */
		if (HST_UNLIKELY((cost & HST_MEMO_USED) == 0)) {
			__atomic_store_n(&entry->cost, cost | HST_MEMO_USED, __ATOMIC_RELAXED);
		}
		ret_found->cost = cost & HST_MEMO_COST_MAX;
		return true;
	}
	return false;
}

#endif
