/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of a function, and the list of calls whose results are waited for: alone, full, damaged, interrupted, and by threads. */
#include "apply/memo_table.h"
#include "apply/memo_thread.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS   2u
#define THREADS 4u
#define ROUNDS  200000u

static uint64_t value_of_key(const uint64_t *key)
{
	return key[0] * 0x9e3779b97f4a7c15ull ^ (key[1] << 7) ^ 0x5555;
}

static enum hst_memo_stored put(struct hst_memo_table *table, uint64_t a, uint64_t b)
{
	uint64_t key[HST_MEMO_WORDS_MAX] = { a, b };
	struct hst_memo_found what = { .value = value_of_key(key), .cost = 7, .stamp = a };

	return hst_memo_table_store(table, key, hst_memo_hash(key, table->words), &what);
}

/* Is it there? If so, it is what was stored. */
static bool get(const struct hst_memo_table *table, uint64_t a, uint64_t b)
{
	uint64_t key[HST_MEMO_WORDS_MAX] = { a, b };
	struct hst_memo_found found;

	if (!hst_memo_table_find(table, key, hst_memo_hash(key, table->words), &found)) {
		return false;
	}
	assert_int_equal(found.value, value_of_key(key));
	return true;
}

static void test_find_and_store(void **state)
{
	struct hst_memo_table table;
	(void)state;

	assert_true(hst_memo_table_make(&table, 64, WORDS));
	assert_false(get(&table, 0, 0));
	assert_int_equal(put(&table, 0, 0), HST_MEMO_STORED);
	assert_true(get(&table, 0, 0));
	assert_false(get(&table, 0, 1));
	assert_false(get(&table, 1, 0));
	assert_int_equal(put(&table, 0, 0), HST_MEMO_STORED); /* in its own place */
	hst_memo_table_clear(&table);
	assert_false(get(&table, 0, 0));
}

/* A function without arguments has one entry. */
static void test_no_words(void **state)
{
	struct hst_memo_table table;
	struct hst_memo_found what = { .value = 3 }, found = { 0 };
	(void)state;

	assert_true(hst_memo_table_make(&table, 1, 0));
	assert_false(hst_memo_table_find(&table, NULL, hst_memo_hash(NULL, 0), &found));
	assert_int_equal(
		hst_memo_table_store(&table, NULL, hst_memo_hash(NULL, 0), &what), HST_MEMO_STORED);
	assert_true(hst_memo_table_find(&table, NULL, hst_memo_hash(NULL, 0), &found));
	assert_int_equal(found.value, 3);
}

static void test_capacity(void **state)
{
	(void)state;

	for (uint32_t entries = 1; entries < 5000; entries = entries * 3 + 1) {
		struct hst_memo_table table;
		uint32_t there = 0;

		assert_true(hst_memo_table_make(&table, entries, WORDS));
		for (uint32_t i = 0; i < entries; i++) {
			(void)put(&table, i, 5);
		}
		for (uint32_t i = 0; i < entries; i++) {
			there += get(&table, i, 5);
		}
		assert_true(there * 10 >= entries * 8);
		/* Far more than there is room for: never more than that, and none wrong. */
		for (uint32_t i = 0; i < 20 * entries + 100; i++) {
			(void)put(&table, i, 6);
		}
		there = 0;
		for (uint32_t i = 0; i < 20 * entries + 100; i++) {
			there += get(&table, i, 6);
		}
		assert_true(there <= 1u << (64 - table.shift) << 2);
	}
}

/* So many keys that all go to the first set; the table has two. */
static uint32_t same_set(
	const struct hst_memo_table *table, uint64_t (*ret_keys)[WORDS], uint32_t count)
{
	uint32_t found = 0;

	for (uint64_t a = 1; found < count; a++) {
		uint64_t key[WORDS] = { a, 1 };

		if (hst_memo_hash(key, WORDS) >> table->shift == 0) {
			memcpy(ret_keys[found++], key, sizeof key);
		}
	}
	return found;
}

static void test_used_ones_stay(void **state)
{
	uint64_t keys[40][WORDS];
	struct hst_memo_table table;
	(void)state;

	assert_true(hst_memo_table_make(&table, 1, WORDS));
	(void)same_set(&table, keys, 40);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(put(&table, keys[i][0], keys[i][1]), HST_MEMO_STORED);
	}
	assert_true(get(&table, keys[0][0], keys[0][1]));
	/* One that is asked for again and again is there whatever else comes by. */
	for (uint32_t i = 4; i < 40; i++) {
		assert_int_equal(put(&table, keys[i][0], keys[i][1]), HST_MEMO_EVICTED);
		assert_true(get(&table, keys[0][0], keys[0][1]));
	}
}

/* A writer that was interrupted for ever: its entry is neither read nor taken, and the others of the set do. */
static void test_interrupted_writer(void **state)
{
	uint64_t keys[200][WORDS];
	struct hst_memo_table table;
	struct hst_memo_entry *entry;
	(void)state;

	assert_true(hst_memo_table_make(&table, 1, WORDS));
	(void)same_set(&table, keys, 200);
	for (uint32_t i = 0; i < 4; i++) {
		(void)put(&table, keys[i][0], keys[i][1]);
	}
	entry = hst_memo_set(&table, 0);
	entry->version++;
	entry->value = 0xdead;
	assert_false(get(&table, keys[0][0], keys[0][1]));
	assert_int_equal(put(&table, keys[0][0], keys[0][1]), HST_MEMO_REFUSED);
	for (uint32_t i = 4; i < 200; i++) {
		assert_int_equal(put(&table, keys[i][0], keys[i][1]), HST_MEMO_EVICTED);
		assert_true(get(&table, keys[i][0], keys[i][1]));
	}
	assert_int_equal(entry->version & 1, 1);
	assert_int_equal(entry->value, 0xdead);
	/* All four: nothing is stored, nothing is found, nobody waits. */
	for (uint32_t i = 0; i < 3; i++) {
		entry = hst_memo_next(&table, entry);
		entry->version |= 1;
	}
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(put(&table, keys[i][0], keys[i][1]), HST_MEMO_REFUSED);
		assert_false(get(&table, keys[i][0], keys[i][1]));
	}
}

/* 0 says that an entry was never written: a version that wraps must not come to it. */
static void test_version_wraps(void **state)
{
	uint64_t keys[8][WORDS];
	struct hst_memo_table table;
	struct hst_memo_entry *entry;
	(void)state;

	assert_true(hst_memo_table_make(&table, 1, WORDS));
	(void)same_set(&table, keys, 8);
	for (uint32_t i = 0; i < 4; i++) {
		(void)put(&table, keys[i][0], keys[i][1]);
	}
	entry = hst_memo_set(&table, 0);
	entry->version = UINT32_MAX - 1;
	assert_int_equal(put(&table, keys[0][0], keys[0][1]), HST_MEMO_STORED);
	assert_true(entry->version != 0 && entry->version % 2 == 0);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(get(&table, keys[i][0], keys[i][1]));
	}
}

static struct hst_memo_table shared;
static uint32_t wrong, seen;

static void *hammer(void *data)
{
	uint64_t random = (uint64_t)(uintptr_t)data * 0x9e3779b97f4a7c15ull + 1;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t key[HST_MEMO_WORDS_MAX] = { 0 };
		struct hst_memo_found found;
		uint64_t hash;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		key[0] = random % 40;
		key[1] = random >> 60;
		hash = hst_memo_hash(key, WORDS);
		if (hst_memo_table_find(&shared, key, hash, &found)) {
			__atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
			if (found.value != value_of_key(key)) {
				__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
			}
		} else {
			found = (struct hst_memo_found){ .value = value_of_key(key) };
			(void)hst_memo_table_store(&shared, key, hash, &found);
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	(void)state;

	assert_true(hst_memo_table_make(&shared, 8, WORDS));
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(wrong, 0);
	assert_true(seen > 0);
}

/* --- calls that run --- */

#define ROOM 8u
#define SITE 77u

static struct hst_memo_thread *thread_new(void)
{
	struct hst_memo_thread *thread =
		calloc(1, HST_MEMO_THREAD_BYTES + ROOM * sizeof(struct hst_memo_call));

	assert_non_null(thread);
	thread->room = ROOM;
	thread->token = 1ull << 40;
	return thread;
}

/* As a hook writes it, up to the moment at which it would be in the list. */
static struct hst_memo_call *write_call(struct hst_memo_thread *thread, uint64_t cfa, uint64_t key,
	uint64_t *ret_head, uint64_t *ret_at)
{
	struct hst_memo_call *call = hst_memo_call_place(thread, cfa, ret_head, ret_at);
	uint64_t token = ++thread->token;

	__atomic_store_n(hst_memo_token_of(cfa), token, __ATOMIC_RELAXED);
	if (call != NULL) {
		*call = (struct hst_memo_call){ .cfa = cfa, .site = SITE, .key = { key } };
		call->hash = hst_memo_hash(call->key, 1);
		call->token = token ^ hst_memo_call_sum(call);
	}
	return call;
}

static bool begin(struct hst_memo_thread *thread, uint64_t cfa, uint64_t key)
{
	uint64_t head, at;

	return write_call(thread, cfa, key, &head, &at) != NULL &&
	       hst_memo_head_move(thread, head, hst_memo_head(head, at + 1));
}

/* The key under which a call's result is stored; 0: under none. */
static uint64_t end(struct hst_memo_thread *thread, uint64_t cfa)
{
	struct hst_memo_call call;

	return hst_memo_call_take(thread, cfa, 0, SITE, 1, &call) ? call.key[0] : 0;
}

static uint32_t length(const struct hst_memo_thread *thread)
{
	return (uint32_t)thread->head;
}

static void test_calls_nest(void **state)
{
	struct hst_memo_thread *thread = thread_new();
	(void)state;

	assert_true(begin(thread, 1000, 1) && begin(thread, 900, 2) && begin(thread, 800, 3));
	assert_int_equal(end(thread, 800), 3);
	assert_int_equal(end(thread, 800), 0);
	assert_true(begin(thread, 800, 4));
	assert_int_equal(end(thread, 800), 4);
	assert_int_equal(end(thread, 900), 2);
	assert_int_equal(end(thread, 1000), 1);
	assert_int_equal(length(thread), 0);
	free(thread);
}

static void test_dead_calls(void **state)
{
	struct hst_memo_thread *thread = thread_new();
	struct hst_memo_call call;
	(void)state;

	/* Left by longjmp; the next one has the same frame, and another key. */
	assert_true(begin(thread, 1000, 1) && begin(thread, 900, 2) && begin(thread, 800, 3));
	assert_true(begin(thread, 900, 5));
	assert_int_equal(length(thread), 2);
	assert_int_equal(end(thread, 900), 5);
	/* One further out ends: what lies below it is gone. */
	assert_true(begin(thread, 900, 6) && begin(thread, 800, 7));
	assert_int_equal(end(thread, 1000), 1);
	assert_int_equal(length(thread), 0);
	assert_int_equal(end(thread, 900), 0);
	/* Another function, or another place of calls, in the same frame. */
	assert_true(begin(thread, 900, 8));
	assert_false(hst_memo_call_take(thread, 900, 1, SITE, 1, &call));
	assert_true(begin(thread, 900, 8));
	assert_false(hst_memo_call_take(thread, 900, 0, SITE + 1, 1, &call));
	assert_int_equal(length(thread), 0);
	free(thread);
}

static void test_forgotten(void **state)
{
	struct hst_memo_thread *thread = thread_new();
	uint64_t head, at;
	(void)state;

	for (uint64_t i = 0; i < ROOM; i++) {
		assert_true(begin(thread, 1000 - 8 * i, i + 1));
	}
	assert_null(write_call(thread, 8, 99, &head, &at));
	hst_memo_calls_forget(thread);
	assert_int_equal(length(thread), 0);
	assert_int_equal(end(thread, 1000), 0);
	free(thread);
}

/* In the middle of a call that begins a handler runs others, and returns: the interrupted one notices. */
static void test_handler_between(void **state)
{
	struct hst_memo_thread *thread = thread_new();
	uint64_t head, at;
	(void)state;

	assert_true(begin(thread, 1000, 1));
	assert_non_null(write_call(thread, 900, 2, &head, &at));
	assert_true(begin(thread, 500, 3));
	assert_int_equal(end(thread, 500), 3);
	assert_false(hst_memo_head_move(thread, head, hst_memo_head(head, at + 1)));
	assert_true(begin(thread, 900, 2));
	assert_int_equal(end(thread, 900), 2);
	/* One on an alternate stack further out: the outer call's result is lost, but nothing is mistaken. */
	assert_true(begin(thread, 2000, 4));
	assert_int_equal(end(thread, 1000), 0);
	assert_int_equal(end(thread, 2000), 4);
	free(thread);
}

/*
 * The handler switches stacks, and what was being written is written on over the other stack's call, which has its place: cut at
 * each word. Nothing but the other call's own key, or none, may come of it.
 */
static void test_written_over(void **state)
{
	(void)state;

	for (size_t words = 0; words <= sizeof(struct hst_memo_call) / 8; words++) {
		struct hst_memo_thread *thread = thread_new();
		struct hst_memo_call torn;
		uint64_t head, at;
		uint64_t key;

		torn = *write_call(thread, 900, 2, &head, &at);
		assert_true(begin(
			thread, 1700, 3)); /* on the other stack, at the same place of the list */
		memcpy((uint64_t *)hst_memo_calls(thread) + words, (uint64_t *)&torn + words,
			sizeof torn - 8 * words);
		key = end(thread, 1700);
		assert_true(key == 0 || key == 3);
		assert_true(words < sizeof torn / 8 || key == 3);
		free(thread);
	}
	/* And half: back before its end, the switched stack's call ends with some of the words of both. */
	for (size_t words = 1; words <= sizeof(struct hst_memo_call) / 8; words++) {
		struct hst_memo_thread *thread = thread_new();
		struct hst_memo_call torn;
		uint64_t head, at;
		uint64_t key;

		torn = *write_call(thread, 900, 2, &head, &at);
		assert_true(begin(thread, 1700, 3));
		for (size_t first = 1; first < words; first++) {
			((uint64_t *)hst_memo_calls(thread))[first] = ((uint64_t *)&torn)[first];
		}
		key = end(thread, 1700);
		assert_true(key == 0 || key == 3);
		free(thread);
	}
}

/* A coroutine went on in another thread: this one's list has a call with its frame from the last time. */
static void test_other_thread(void **state)
{
	struct hst_memo_thread *here = thread_new();
	struct hst_memo_thread *there = thread_new();
	(void)state;

	there->token = 2ull << 40;
	assert_true(begin(here, 1000, 1)); /* parked, and left in the list */
	assert_true(begin(there, 1000, 2));
	assert_int_equal(end(here, 1000), 0);
	assert_int_equal(end(there, 1000), 2);
	free(here);
	free(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_and_store),
		cmocka_unit_test(test_no_words),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_used_ones_stay),
		cmocka_unit_test(test_interrupted_writer),
		cmocka_unit_test(test_version_wraps),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_calls_nest),
		cmocka_unit_test(test_dead_calls),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_handler_between),
		cmocka_unit_test(test_written_over),
		cmocka_unit_test(test_other_thread),
	};

	return cmocka_run_group_tests_name("memo", tests, NULL, NULL);
}
