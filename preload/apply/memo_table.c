/* SPDX-License-Identifier: Apache-2.0 */
/* The writers' side of a function's cache. */
#include "apply/memo_table.h"

#include "core/sys.h"

#include <string.h>

#include "core/poison.h"

/* So many entries go to sets unevenly: a quarter more of them keeps most sets from overflowing. */
static uint64_t sets_for(uint32_t entries)
{
	uint64_t wanted = entries + entries / 4;
	uint64_t sets = 2; /* a shift of 64 would be none */

	while (sets * HST_MEMO_WAYS < wanted) {
		sets *= 2;
	}
	return sets;
}

static uint32_t entry_bytes(uint32_t words)
{
	return (uint32_t)(sizeof(struct hst_memo_entry) + words * sizeof(uint64_t));
}

uint64_t hst_memo_table_bytes(uint32_t entries, uint32_t words)
{
	return hst_sys_whole_pages(sets_for(entries) * HST_MEMO_WAYS * entry_bytes(words));
}

bool hst_memo_table_make(struct hst_memo_table *table, uint32_t entries, uint32_t words)
{
	uint64_t sets = sets_for(entries);

	*table = (struct hst_memo_table){ .entry_bytes = entry_bytes(words), .words = words };
	for (table->shift = 64; (1ull << (64 - table->shift)) < sets;) {
		table->shift--;
	}
	table->entries = hst_sys_mmap(NULL, hst_memo_table_bytes(entries, words),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return table->entries != NULL;
}

void hst_memo_table_clear(struct hst_memo_table *table)
{
	uint64_t sets = 1ull << (64 - table->shift);

	memset(table->entries, 0, sets * HST_MEMO_WAYS * table->entry_bytes);
}

/* From the way on that chance names, one that was not used lately. One whose writer never came back stays odd. NULL: none. */
static struct hst_memo_entry *find_unused(
	const struct hst_memo_table *table, struct hst_memo_entry *set, uint32_t first)
{
	for (uint32_t i = 0; i < HST_MEMO_WAYS; i++) {
		uint32_t way = (first + i) % HST_MEMO_WAYS;
		struct hst_memo_entry *entry =
			(void *)((uint8_t *)set + (uint64_t)way * table->entry_bytes);

		if ((__atomic_load_n(&entry->cost, __ATOMIC_RELAXED) & HST_MEMO_USED) == 0 &&
			(__atomic_load_n(&entry->version, __ATOMIC_RELAXED) & 1) == 0) {
			return entry;
		}
	}
	return NULL;
}

/* All were used: a new turn begins. */
static void clear_used(const struct hst_memo_table *table, struct hst_memo_entry *entry)
{
	for (uint32_t way = 0; way < HST_MEMO_WAYS; way++, entry = hst_memo_next(table, entry)) {
		uint32_t cost = __atomic_load_n(&entry->cost, __ATOMIC_RELAXED);

		__atomic_store_n(&entry->cost, cost & ~HST_MEMO_USED, __ATOMIC_RELAXED);
	}
}

/* The entry that has the key, else one that is free, else one that was not used lately. */
static struct hst_memo_entry *choose(
	struct hst_memo_table *table, const uint64_t *key, uint64_t hash, uint32_t *ret_version)
{
	struct hst_memo_entry *set = hst_memo_set(table, hash);
	struct hst_memo_entry *entry = set;
	struct hst_memo_entry *unused;
	uint32_t first = (uint32_t)hash % HST_MEMO_WAYS;

	for (uint32_t way = 0; way < HST_MEMO_WAYS; way++, entry = hst_memo_next(table, entry)) {
		*ret_version = __atomic_load_n(&entry->version, __ATOMIC_ACQUIRE);
		if (*ret_version == 0 || hst_memo_key_is(entry, key, table->words)) {
			return entry;
		}
	}
	unused = find_unused(table, set, first);
	if (unused == NULL) {
		clear_used(table, set);
		unused = find_unused(table, set, first);
	}
	unused = unused != NULL ? unused : set; /* all are being written */
	*ret_version = __atomic_load_n(&unused->version, __ATOMIC_ACQUIRE);
	return unused;
}

enum hst_memo_stored hst_memo_table_store(struct hst_memo_table *table, const uint64_t *key,
	uint64_t hash, const struct hst_memo_found *what)
{
	uint32_t version;
	struct hst_memo_entry *entry = choose(table, key, hash, &version);
	bool other = version != 0 && !hst_memo_key_is(entry, key, table->words);
	uint32_t next = version + 2 == 0 ? 2 : version + 2;

	if ((version & 1) != 0 || !__atomic_compare_exchange_n(&entry->version, &version,
					  version + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		return HST_MEMO_REFUSED;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE); /* the odd version before what it warns of */
	for (uint32_t i = 0; i < table->words; i++) {
		__atomic_store_n(&entry->key[i], key[i], __ATOMIC_RELAXED);
	}
	__atomic_store_n(&entry->value, what->value, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->stamp, what->stamp, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->cost, what->cost, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->version, next, __ATOMIC_RELEASE);
	return other ? HST_MEMO_EVICTED : HST_MEMO_STORED;
}
