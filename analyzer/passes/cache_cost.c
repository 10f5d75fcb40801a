/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proposed cache takes on this machine. It is built here as it would be built into a program: sets of four entries
 * beside each other, a reference bit each, a version per set where threads share it (an odd one is a miss). What a call does to get at its
 * arguments and to return the result is not in it.
 */
#include "passes/cache_pass.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define WAYS    4u
#define ROUNDS  5u
#define LOOKUPS 8192u
#define STEPS   (sizeof capacities / sizeof capacities[0])

/* The last one is beyond all caches of a CPU. */
static const uint64_t capacities[] = { 16, 256, 4096, 65536, 1u << 20 };

struct entry {
	uint64_t key, value;
};

struct set {
	struct entry entries[WAYS];
	atomic_uint version;
	uint32_t used, referenced; /* bits */
};

struct memo {
	struct set *sets;
	uint64_t mask;
};

/* Two words of arguments to a key. */
static inline uint64_t mix(uint64_t first, uint64_t second)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)(first ^ 0xa0761d6478bd642full) * (second ^ 0xe7037ed1a0b428dbull);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline bool find(struct set *set, uint64_t key, uint64_t *ret_value)
{
	for (uint32_t way = 0; way < WAYS; way++) {
		if ((set->used >> way & 1) != 0 && set->entries[way].key == key) {
			*ret_value = set->entries[way].value;
			if ((set->referenced >> way & 1) == 0) {
				set->referenced |= 1u << way;
			}
			return true;
		}
	}
	return false;
}

/* In place of the first one that was not referenced since all were. */
static inline void put(struct set *set, uint64_t key, uint64_t value)
{
	uint32_t way;

	if ((set->referenced & 15u) == 15u) {
		set->referenced = 0;
	}
	way = (uint32_t)__builtin_ctz(~set->referenced & 15u);
	set->entries[way] = (struct entry){ key, value };
	set->used |= 1u << way;
	set->referenced |= 1u << way;
}

static bool find_shared(struct set *set, uint64_t key, uint64_t *ret_value)
{
	unsigned version = atomic_load_explicit(&set->version, memory_order_acquire);
	bool found = (version & 1) == 0 && find(set, key, ret_value);

	atomic_thread_fence(memory_order_acquire);
	return found && atomic_load_explicit(&set->version, memory_order_relaxed) == version;
}

static void put_shared(struct set *set, uint64_t key, uint64_t value)
{
	unsigned version = atomic_load_explicit(&set->version, memory_order_relaxed);

	/* Who comes second leaves it. */
	if ((version & 1) == 0 &&
		atomic_compare_exchange_strong(&set->version, &version, version + 1)) {
		put(set, key, value);
		atomic_store_explicit(&set->version, version + 2, memory_order_release);
	}
}

static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ns of a lookup of one of the `mask` + 1 keys from `base` on; those that are not found are put in. */
static double time_lookups(const struct memo *memo, uint64_t base, uint64_t mask, bool shared)
{
	double begin = now_ns();
	uint64_t sum = 0;

	for (uint64_t i = 0; i < LOOKUPS; i++) {
		/* Each hangs on the one before, as in a program that waits for its result. */
		uint64_t number = base + ((i * 0x9e3779b97f4a7c15ull + (sum & 1)) & mask);
		uint64_t key = mix(number, base);
		struct set *set = &memo->sets[key >> 20 & memo->mask];
		uint64_t value = 0;

		if (shared ? !find_shared(set, key, &value) : !find(set, key, &value)) {
			value = key;
			if (shared) {
				put_shared(set, key, value);
			} else {
				put(set, key, value);
			}
		}
		sum += value;
	}
	__asm__ volatile("" ::"r"(sum));
	return (now_ns() - begin) / LOOKUPS;
}

#define TEXTS      64u
#define TEXT_WORDS 4u

/* A text as a key of the cache has it, the number of bytes before it. */
static uint32_t take_text(const char *text, uint64_t *words)
{
	uint64_t bytes = strlen(text);
	uint32_t count = (uint32_t)((bytes + 7) / 8);

	if (count >= TEXT_WORDS) {
		return 0;
	}
	words[0] = bytes;
	words[count] = 0;
	memcpy(&words[1], text, bytes);
	return count + 1;
}

static bool find_text(const uint64_t *kept, const uint64_t *words, uint32_t count, uint64_t *hash)
{
	uint32_t same = 0;

	for (uint32_t i = 0; i < count; i++) {
		*hash ^= words[i];
		*hash = (*hash ^ *hash >> 32) * 0x9e3779b97f4a7c15ull;
		*hash ^= *hash >> 32;
	}
	while (same < count && kept[same] == words[same]) {
		same++;
	}
	return same == count;
}

/*
 * ns of measuring, copying, hashing and comparing a text; lengths differ by a few bytes from one to the next. A text is there before the
 * result of the lookup before it is, so this does not wait for that; what waits is in the lookup itself.
 */
static double time_texts(void)
{
	static char texts[TEXTS][8 * TEXT_WORDS];
	static uint64_t kept[TEXTS][TEXT_WORDS];
	uint64_t sum = 0;
	double begin;

	for (uint32_t i = 0; i < TEXTS; i++) {
		memset(texts[i], 0, sizeof texts[i]);
		memset(texts[i], 'a' + i % 26, HST_CACHE_CONTENT - 4 + i * 7 % 9);
		(void)take_text(texts[i], kept[i]);
	}
	begin = now_ns();
	for (uint64_t i = 0; i < LOOKUPS; i++) {
		uint64_t at = i * 0x9e3779b97f4a7c15ull >> 20 & (TEXTS - 1);
		uint64_t words[TEXT_WORDS];
		uint32_t count = take_text(texts[at], words);
		uint64_t hash = 0;

		/* The words are in memory, as behind a call. */
		__asm__ volatile("" ::"r"(words) : "memory");
		sum += find_text(kept[at], words, count, &hash) ? hash : 0;
	}
	__asm__ volatile("" ::"r"(sum));
	return (now_ns() - begin) / LOOKUPS;
}

static void least(double *value, double other)
{
	*value = other < *value ? other : *value;
}

/* Half full, so that nearly all of its keys are found again; a fresh base makes every lookup a miss. */
static void measure_step(const struct memo *memo, struct hst_cache_cost *cost, bool shared)
{
	uint64_t keys = cost->capacity / 2;

	for (uint64_t i = 0; i < keys; i++) {
		put(&memo->sets[mix(1 + i, 1) >> 20 & memo->mask], mix(1 + i, 1), i);
	}
	for (uint64_t round = 0; round < ROUNDS; round++) {
		least(&cost->hit_ns, time_lookups(memo, 1, keys - 1, shared));
	}
	for (uint64_t round = 0; round < ROUNDS; round++) {
		least(&cost->miss_ns, time_lookups(memo, (round + 2) << 40, UINT64_MAX, shared));
	}
}

static void measure(struct hst_cache_costs *costs)
{
	costs->content_ns = 1e9;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		least(&costs->content_ns, time_texts());
	}
	for (uint32_t i = 0; i < STEPS; i++) {
		struct hst_cache_cost cost = { capacities[i], 1e9, 1e9 };
		struct memo memo = { .mask = capacities[i] / WAYS - 1 };

		memo.sets = calloc(capacities[i] / WAYS, sizeof *memo.sets);
		if (memo.sets == NULL) {
			break;
		}
		measure_step(&memo, &cost, false);
		costs->steps[costs->count++] = cost;
		if (i == 0) {
			struct hst_cache_cost shared = { capacities[i], 1e9, 1e9 };

			measure_step(&memo, &shared, true);
			costs->shared_ns =
				shared.hit_ns > cost.hit_ns ? shared.hit_ns - cost.hit_ns : 0;
		}
		free(memo.sets);
	}
}

const struct hst_cache_costs *hst_cache_measure(void)
{
	static struct hst_cache_costs costs;

	if (costs.count == 0) {
		measure(&costs);
	}
	if (costs.count == 0) {
		/* Out of memory for 400 bytes: what is asked for next will say so. */
		costs = (struct hst_cache_costs){ { { 1, 1e9, 1e9 } }, 1, 0, 0 };
	}
	return &costs;
}
