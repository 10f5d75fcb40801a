/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do some of the values of a key not matter? Keys that differ in nothing else must have the same result. Values are left out one
 * after the other, the one first without which there are fewest keys, as long as no results contradict each other.
 *
 *   (1, 10) -> 7   (1, 11) -> 7   (2, 12) -> 9      without the second value: (1) -> 7, (2) -> 9
 */
#include "passes/cache_pass.h"

#include "passes/cache_noted.h"

#include <string.h>

/* One group of keys that are the same without what is left out. */
struct group {
	uint64_t result;
	bool known;
};

struct fewer {
	struct hst_cache_work *work;
	const struct hst_cache_key_values *values;
	uint32_t *places;     /* by number of a key: where its values are */
	uint32_t *processes;  /* of it */
	uint32_t *numbers;    /* [keys] of its group */
	struct group *groups; /* [keys] */
	struct hst_map map;
	size_t count;  /* of groups */
	size_t merged; /* keys whose result was that of another one in the group */
};

/* Hash of what is left of the key. */
static uint64_t hash_of(const struct fewer *fewer, size_t key, uint32_t left_out)
{
	const uint64_t *hashes =
		fewer->values->hashes.items + (size_t)fewer->places[key] * fewer->values->width;
	uint64_t hash = hst_map_hash(fewer->processes[key] + 1);

	for (uint32_t i = 0; i < fewer->values->width; i++) {
		if ((left_out >> i & 1) == 0) {
			hash = hst_map_hash(hash * 31 + hashes[i] + i + 1);
		}
	}
	return hash;
}

/* Puts the key into its group; false: the results differ. */
static bool join(struct fewer *fewer, size_t key, uint32_t number)
{
	const struct hst_cache_key_state *state = &fewer->work->keys.items.items[key];
	struct group *group = &fewer->groups[number];

	fewer->numbers[key] = number;
	if (state->known == 0) {
		return true;
	}
	if (group->known) {
		fewer->merged++;
		return group->result == state->result;
	}
	*group = (struct group){ .result = state->result, .known = true };
	return true;
}

/* Groups of the keys without these values. *ret_good: no results differ. HST_E_MEMORY. */
static enum hst_status try(struct fewer *fewer, uint32_t left_out, bool *ret_good)
{
	size_t keys = fewer->work->key_count;
	enum hst_status status = HST_OK;

	*ret_good = true;
	fewer->count = fewer->merged = 0;
	memset(fewer->groups, 0, keys * sizeof *fewer->groups);
	for (size_t key = 0; key < keys && *ret_good && status == HST_OK; key++) {
		uint64_t hash = hash_of(fewer, key, left_out);
		uint32_t number = (uint32_t)fewer->count;

		if (!hst_map_get(&fewer->map, hash, &number)) {
			status = hst_map_put(&fewer->map, hash, number);
			fewer->count++;
		}
		*ret_good = join(fewer, key, number);
	}
	hst_map_finish(&fewer->map);
	return status;
}

/* The value beside `left_out` without which there are fewest keys, fewer than *least; *ret_best 0: none. */
static enum hst_status find_best(
	struct fewer *fewer, uint32_t left_out, size_t *least, uint32_t *ret_best)
{
	uint32_t all = (1u << fewer->values->width) - 1;

	*ret_best = 0;
	for (uint32_t bit = 1; bit <= all; bit <<= 1) {
		bool good;

		/* Without all of them it is a constant. */
		if ((left_out & bit) != 0 || (left_out | bit) == all) {
			continue;
		}
		HST_TRY(try(fewer, left_out | bit, &good));
		if (good && fewer->merged != 0 && fewer->count < *least) {
			*least = fewer->count;
			*ret_best = left_out | bit;
		}
	}
	return HST_OK;
}

/* The values that do not matter, found one after the other. */
static enum hst_status search(struct fewer *fewer, uint32_t *ret_left_out)
{
	size_t least = fewer->work->key_count;
	uint32_t best = 0;

	*ret_left_out = 0;
	do {
		HST_TRY(find_best(fewer, *ret_left_out, &least, &best));
		*ret_left_out = best != 0 ? best : *ret_left_out;
	} while (best != 0);
	return HST_OK;
}

/* What a cache gains whose keys lack these values. */
static enum hst_status evaluate(struct fewer *fewer, uint32_t left_out)
{
	struct hst_cache_work *work = fewer->work;
	struct hst_cache_function *function = work->function;
	struct hst_cache_function *other = calloc(1, sizeof *other);
	size_t keys = work->key_count;
	enum hst_status status = HST_E_MEMORY;
	bool good;

	if (other == NULL) {
		return HST_E_MEMORY;
	}
	status = try(fewer, left_out, &good);
	other->inner = function->inner;
	for (size_t i = 0; i < work->calls.count; i++) {
		work->keys.numbers[i] = fewer->numbers[work->keys.numbers[i]];
	}
	work->key_count = fewer->count;
	work->function = other;
	if (status == HST_OK) {
		status = hst_cache_evaluate(work);
	}
	work->function = function;
	work->key_count = keys;
	function->fewer = (struct hst_cache_fewer){ .known = true,
		.left_out = left_out,
		.values = fewer->values->width,
		.keys = fewer->count,
		.merged = fewer->merged,
		.shared = other->use_shared,
		.plan = *hst_cache_plan_of(other) };
	free(other);
	return status;
}

/* Where each key's values are; false: of one they are not known. */
static bool find_places(struct fewer *fewer)
{
	struct hst_cache_work *work = fewer->work;

	for (size_t i = 0; i < work->key_count; i++) {
		if (!hst_map_get(&fewer->values->numbers, work->keys.items.items[i].key,
			    &fewer->places[i])) {
			return false;
		}
	}
	for (size_t i = 0; work->groups.process != NULL && i < work->calls.count; i++) {
		fewer->processes[work->keys.numbers[i]] = work->groups.process[i];
	}
	return true;
}

static enum hst_status look(struct fewer *fewer)
{
	struct hst_cache_work *work = fewer->work;
	struct hst_cache_fewer *found = &work->function->fewer;
	uint32_t *numbers;
	uint32_t left_out;
	enum hst_status status;

	if (!find_places(fewer)) {
		return HST_OK;
	}
	found->known = true;
	found->values = fewer->values->width;
	HST_TRY(search(fewer, &left_out));
	if (left_out == 0) {
		return HST_OK;
	}
	/* The calls have the numbers of their own keys again afterwards. */
	numbers = malloc((work->calls.count + 1) * sizeof *numbers);
	if (numbers == NULL) {
		return HST_E_MEMORY;
	}
	memcpy(numbers, work->keys.numbers, work->calls.count * sizeof *numbers);
	status = evaluate(fewer, left_out);
	memcpy(work->keys.numbers, numbers, work->calls.count * sizeof *numbers);
	free(numbers);
	return status;
}

enum hst_status hst_cache_find_fewer(struct hst_cache_work *work)
{
	struct fewer fewer = { .work = work, .values = work->log->values };
	size_t keys = work->key_count;
	enum hst_status status = HST_E_MEMORY;

	if (fewer.values == NULL || fewer.values->unusable || fewer.values->width == 0 ||
		work->log->shift != 0 || work->function->contradicting != 0 || keys == 0 ||
		work->function->distinct_results < 2) {
		return HST_OK;
	}
	fewer.places = calloc(keys, sizeof *fewer.places);
	fewer.processes = calloc(keys, sizeof *fewer.processes);
	fewer.numbers = calloc(keys, sizeof *fewer.numbers);
	fewer.groups = calloc(keys, sizeof *fewer.groups);
	if (fewer.places != NULL && fewer.processes != NULL && fewer.numbers != NULL &&
		fewer.groups != NULL) {
		status = look(&fewer);
	}
	free(fewer.places);
	free(fewer.processes);
	free(fewer.numbers);
	free(fewer.groups);
	return status;
}
