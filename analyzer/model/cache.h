/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cache of a function's results would gain: plain data that passes/cache.h fills and cmd/ prints.
 * docs/cache.md has the formulas.
 *
 *   calls with key and result --sort, number keys--> stack distances --> gain by capacity --> the smallest good one
 */
#ifndef HST_MODEL_CACHE_H
#define HST_MODEL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HST_CACHE_POWERS         33u /* capacities 1, 2, 4, ... 2^32 */
#define HST_CACHE_TOP_KEYS       10u
#define HST_CACHE_CONTRADICTIONS 8u
#define HST_CACHE_TIMES          64u /* octaves of nanoseconds */
#define HST_CACHE_UNKNOWN        UINT64_MAX
#define HST_CACHE_ENTRY_BYTES    32u

/* One call. Two calls of one thread lie within each other, or one ends before the other one begins. */
struct hst_cache_call {
	uint64_t key;
	uint64_t result;
	uint8_t has_result;
	uint16_t
		depth; /* calls of the same function that are open around it, UINT16_MAX: so many or more */
	uint32_t thread; /* number of a thread; see hst_cache_options.process_of */
	uint64_t start_ns, end_ns;
	uint64_t cost_ns; /* with all that it calls, without our own cost */
};

/* Measured times of the proposed cache: ascending capacity; a capacity beyond the last one takes as long as it. */
struct hst_cache_cost {
	uint64_t capacity;
	double hit_ns;  /* a lookup that finds */
	double miss_ns; /* a lookup that does not, and putting the result in */
};

#define HST_CACHE_COSTS 8u

struct hst_cache_costs {
	struct hst_cache_cost steps[HST_CACHE_COSTS];
	uint32_t count;
	double shared_ns; /* more for a lookup if threads share the cache */
};

#define HST_CACHE_KIND_LIST(X)                                   \
 X(KIND_NONE, "no repeats")                                      \
 X(KIND_EXACT, "exact repeats")                                  \
 X(KIND_LAST, "last value") /* 80 % of repeats follow at once */ \
 X(KIND_CONSTANT, "constant result")                             \
 X(KIND_RECURSION, "overlapping recursion")                      \
 X(KIND_INIT, "repeated initialisation")                         \
 X(KIND_FEWER, "argument-insensitive") /* some values of the key do not matter */

#define HST_CACHE_PURITY_LIST(X)                                           \
 X(PURITY_UNKNOWN, "unknown")   /* no result was recorded twice */         \
 X(PURITY_OBSERVED, "observed") /* no repeat had another result */         \
 X(PURITY_REFUTED, "refuted")   /* one had */                              \
 X(PURITY_DECLARED, "declared") /* the user says so, nothing refutes it */ \
 X(PURITY_PROVEN, "proven")     /* its code leaves nothing else */

#define HST_CACHE_VERDICT_LIST(X)                                            \
 X(VERDICT_WORTH, "worth it")                                                \
 X(VERDICT_BEHIND, "worth it if nothing changes behind its pointers")        \
 X(VERDICT_OUTPUT, "worth it if its input is the same and its output kept")  \
 X(VERDICT_EXPIRE, "only with a TTL")                                        \
 X(VERDICT_UNSURE, "the gain may be chance")                                 \
 X(VERDICT_UNSEEN, "no result was seen: what it is called for is not known") \
 X(VERDICT_CHEAP, "a lookup takes longer than the call")                     \
 X(VERDICT_MISSES, "misses cost more than hits save")                        \
 X(VERDICT_UNIQUE, "no arguments came twice")                                \
 X(VERDICT_NESTED, "other rows save this already")

#define HST_CACHE_CONSTANT(name, text) HST_CACHE_##name,
enum hst_cache_kind {
	HST_CACHE_KIND_LIST(HST_CACHE_CONSTANT) HST_CACHE_KINDS
};
enum hst_cache_purity {
	HST_CACHE_PURITY_LIST(HST_CACHE_CONSTANT) HST_CACHE_PURITIES
};
enum hst_cache_verdict {
	HST_CACHE_VERDICT_LIST(HST_CACHE_CONSTANT) HST_CACHE_VERDICTS
};
#undef HST_CACHE_CONSTANT

/* One kind of cache of one function: each thread has its own, or the threads of a process share it. */
struct hst_cache_plan {
	uint64_t capacity;      /* entries of each cache; 0: none is better than some */
	double gain_ns;         /* below 0: it loses */
	double low_ns, high_ns; /* 95 % of the bootstrap's gains */
	double best_ns;         /* gain of the best capacity */
	uint64_t best_capacity;
	double hits, lookups; /* at `capacity`; calls within a hit are not made */
	double saved_ns;      /* cost of the calls that are hits */
};

/* A cache of this capacity. */
struct hst_cache_point {
	uint64_t capacity;
	double hit_ratio; /* of all calls, each looked up */
	double gain_ns;
};

/* Same key, another result. */
struct hst_cache_contradiction {
	uint64_t key;
	uint64_t before, after; /* results */
	uint64_t before_ns,
		after_ns; /* begin of the last call with the one, the first with the other */
	uint64_t held_ns; /* from the first call with `before` to that with `after` */
};

struct hst_cache_key {
	uint64_t key;
	uint64_t calls;
	uint64_t changes; /* of its result */
	uint64_t cost_ns;
};

/* A key without some of its values, where no results contradict that. Values are counted as the key was made of them. */
struct hst_cache_fewer {
	bool known;        /* the values were recorded, and it was looked for */
	bool shared;       /* `plan` is of shared caches */
	uint32_t left_out; /* bits of values; 0: all matter, or no repeat says otherwise */
	uint32_t values;   /* of a key */
	uint64_t keys;     /* that are different without these */
	uint64_t merged;   /* those that had the result of one that differs in these alone */
	struct hst_cache_plan plan; /* alone: without the rows before it */
};

/* All calls with one key. */
struct hst_cache_key_sum {
	uint64_t key;
	uint64_t result;
	uint64_t cost_ns;  /* of calls that were not made from within the function itself */
	uint64_t first_ns; /* of the first one */
	bool known;        /* `result` is, and was always the same */
	bool contradicts;  /* it was not */
};

struct hst_cache_function {
	uint32_t row; /* of the profile */
	uint64_t calls;
	uint64_t cost_ns;  /* of the outermost calls */
	uint64_t sampled;  /* calls that were looked at: all, or those of a share of the keys */
	double rate;       /* that share; 1: the figures are exact. Counts below are scaled by it */
	uint64_t dropped;  /* calls at the end that no room was left for: nothing below has them */
	uint64_t distinct; /* keys, by process */
	uint64_t repeats;  /* calls whose key had come before */
	uint64_t adjacent; /* those that followed a call with the same key at once */
	uint64_t inner;    /* calls from within itself */
	uint64_t results;  /* calls with a result */
	uint64_t distinct_results; /* capped at 2: one or more than one */
	uint64_t verified;      /* repeats whose result was that of the call before with this key */
	uint64_t contradicting; /* keys with more than one result */
	uint64_t changes;       /* repeats whose result was another one */
	uint64_t parents;       /* capped at 2: calls that made these calls */
	struct hst_cache_contradiction contradictions[HST_CACHE_CONTRADICTIONS];
	uint32_t contradiction_count;

	uint64_t reuse_p50_ns,
		reuse_p95_ns; /* between begins of calls with the same key; HST_CACHE_UNKNOWN */
	uint64_t
		held_ns; /* the shortest time for which a result held; HST_CACHE_UNKNOWN: none changed */
	uint64_t stale; /* wrong results of a cache that keeps each for that time, less 1 ns */

	struct hst_cache_plan per_thread, shared;
	bool use_shared; /* which of the two is proposed */
	uint32_t threads;
	struct hst_cache_point curve[HST_CACHE_POWERS]; /* of the proposed one */
	uint32_t curve_count;
	uint64_t frequency[HST_CACHE_POWERS]; /* keys that were called 2^i to 2^(i+1) - 1 times */
	uint64_t intervals[HST_CACHE_TIMES];  /* reuses after 2^i to 2^(i+1) - 1 ns */
	struct hst_cache_key top[HST_CACHE_TOP_KEYS];
	uint32_t top_count;

	struct hst_cache_fewer fewer;
	enum hst_cache_kind kind;
	uint32_t kinds; /* all that hold: bits 1 << kind */
	enum hst_cache_purity purity;
	bool declared;
	bool writes; /* it takes or returns a pointer or a reference to what may be changed */
	enum hst_cache_verdict verdict;
	struct hst_cache_key_sum
		*sums; /* by key, where they were asked for; keys of all processes */
	size_t sum_count;
	double alone_ns; /* gain without the rows before it; gain_ns of the plan is what it adds to them */
};

static inline const struct hst_cache_plan *hst_cache_plan_of(
	const struct hst_cache_function *function)
{
	return function->use_shared ? &function->shared : &function->per_thread;
}

/* Has it a result, as far as was seen, or is it declared to be pure? Else there is nothing to be gained by keeping one. */
static inline bool hst_cache_is_seen(const struct hst_cache_function *function)
{
	return function->results != 0 || function->declared;
}

struct hst_cache {
	struct hst_cache_function *functions; /* most gain first */
	size_t count;
	struct hst_cache_costs costs;
	uint64_t calls; /* that had keys */
};

/* May it do more than its result shows? */
static inline bool hst_cache_may_write(const struct hst_cache_function *function)
{
	return function->writes && !function->declared;
}

void hst_cache_finish(struct hst_cache *cache);

/* Words of the lists above; static memory. */
const char *hst_cache_kind_text(enum hst_cache_kind value);
const char *hst_cache_purity_text(enum hst_cache_purity value);
const char *hst_cache_verdict_text(enum hst_cache_verdict value);

#endif
