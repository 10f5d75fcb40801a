/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the cache pass share; for the files of this folder and their tests. */
#ifndef HST_PASSES_CACHE_PASS_H
#define HST_PASSES_CACHE_PASS_H

#include "passes/cache.h"
#include "util/map.h"

#define HST_CACHE_NO_KEY UINT32_MAX

/* What is known of a key while the calls are walked. */
struct hst_cache_key_state {
	uint64_t key;
	uint64_t result;  /* the latest */
	uint64_t last_ns; /* begin of the latest call */
	uint64_t held_ns; /* begin of the first call with `result` */
	uint64_t cost_ns;
	uint32_t calls;
	uint32_t changes : 31;
	uint32_t known : 1; /* `result` is */
};

struct hst_cache_keys {
	uint32_t *numbers; /* per call of the log */
	HST_VEC(struct hst_cache_key_state) items;
};

/* Threads and processes of a log by small numbers. */
struct hst_cache_groups {
	uint32_t *thread;  /* per call; NULL: one */
	uint32_t *process; /* per call; NULL: one */
	uint32_t threads, processes;
};

/* A call that the proposed plan saves. */
struct hst_cache_hit {
	double saved_ns;
	uint32_t call; /* of the log */
};

struct hst_cache_hit_list {
	HST_VEC(struct hst_cache_hit) items;
};

/* The calls of a log, one by one. */
struct hst_cache_calls {
	struct hst_cache_call *items;
	size_t count;
};

/*
 * By begin, outer calls before inner ones; calls of the same begin stay in their order. With `consume` the pack is empty afterwards.
 * HST_E_MEMORY. The caller frees the items in any case.
 */
HST_NODISCARD enum hst_status hst_cache_calls_take(
	struct hst_cache_pack *pack, bool consume, struct hst_cache_calls *ret_calls);

/* One log while it is analysed. */
struct hst_cache_work {
	struct hst_cache_log *log;
	struct hst_cache_calls
		calls; /* while they are looked at; else they are packed in the log */
	const struct hst_cache_options *options;
	const struct hst_cache_costs *costs;
	struct hst_cache_keys keys;
	struct hst_cache_groups groups;
	uint32_t *pick; /* the calls that take part; NULL: all of the log */
	double *cost;   /* of these */
	size_t count;
	size_t key_count;
	struct hst_cache_function *function;
};

/* Numbers the keys; results, contradictions, times between calls (cache_keys.c). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_number_keys(struct hst_cache_work *work);
/* Groups of the calls by thread and process (cache_groups.c). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_group(struct hst_cache_work *work);

/*
 * Stack distances: how many different keys of the call's group were looked up since the last call with its key, itself
 * included: a cache of so many entries that throws out the one that was not used for longest has it. 0: the first call. A key
 * has one number. `groups` NULL: one group. HST_E_MEMORY.
 */
HST_NODISCARD enum hst_status hst_cache_distances(const uint32_t *numbers, const uint32_t *groups,
	size_t count, size_t keys, uint32_t group_count, uint32_t *ret_distances);

/* Hits of caches with 0 ... `most` entries into ret_hits[most + 1]. */
void hst_cache_hits(const uint32_t *distances, size_t count, uint32_t most, uint64_t *ret_hits);

/* Evaluates what takes part: plans, curve, interval (cache_gain.c). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_evaluate(struct hst_cache_work *work);
/* The curve of the calls that take part, of the kind of cache that is proposed. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_redraw(struct hst_cache_work *work);
/* Lists the hits of the proposed plan; those of a sample stand for their like. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_list_hits(
	struct hst_cache_work *work, struct hst_cache_hit_list *hits);

/* Bounds of 95 % of the sums of as many blocks, drawn with repetition. */
void hst_cache_bootstrap(
	const double *blocks, uint32_t count, uint64_t seed, double *ret_low, double *ret_high);

typedef enum hst_status hst_cache_task(void *context, size_t number);

/*
 * Does tasks 0 to count - 1, those of the largest sizes first, several at a time where there are CPUs. HST_E_MEMORY, or what one of them
 * returned: then some were not done.
 */
HST_NODISCARD enum hst_status hst_cache_share_out(
	size_t *sizes, size_t count, hst_cache_task *task, void *context);

/* All calls take part with their own cost. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_pick_all(struct hst_cache_work *work);
/* The calls come out of the log, which has them by number of their key and in order, and go. hst_cache_unload. HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_load(struct hst_cache_work *work);
void hst_cache_unload(struct hst_cache_work *work);

/* Takes rows by gain and evaluates the others without what these save (cache_nest.c). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_nest(struct hst_cache_work *works, size_t count);

/* Can it save time that other rows save, too? Its calls are kept for that. */
static inline bool hst_cache_is_nested(const struct hst_cache_work *work)
{
	return !work->options->alone && work->function->alone_ns > 0 &&
	       hst_cache_is_seen(work->function);
}

/* Sums by key (cache_runs.c). HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_sum_keys(struct hst_cache_work *work);

/* Are there values without which the key is as good (cache_fewer.c)? HST_E_MEMORY. */
HST_NODISCARD enum hst_status hst_cache_find_fewer(struct hst_cache_work *work);

/* Is it overlapping recursion (cache_kind.c)? */
bool hst_cache_is_recursion(const struct hst_cache_function *function);

/* Kinds, purity and verdict (cache_kind.c). */
void hst_cache_judge(struct hst_cache_work *work);

static inline const struct hst_cache_call *hst_cache_call_at(
	const struct hst_cache_work *work, size_t at)
{
	return &work->calls.items[work->pick == NULL ? at : work->pick[at]];
}

static inline double hst_cache_cost_at(const struct hst_cache_work *work, size_t at)
{
	return work->cost[at];
}

/* What a lookup in a cache of `capacity` entries takes. */
static inline struct hst_cache_cost hst_cache_cost_of(
	const struct hst_cache_costs *costs, uint64_t capacity)
{
	uint32_t step = 0;

	while (step + 1 < costs->count && costs->steps[step].capacity < capacity) {
		step++;
	}
	return costs->steps[step];
}

#endif
