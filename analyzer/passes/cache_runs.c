/* SPDX-License-Identifier: Apache-2.0 */
/* Sums by key, sorted, are merged over the recordings. */
#include "passes/cache_runs.h"

#include "passes/cache_pass.h"
#include "util/strtab.h"

#include <stdio.h>
#include <string.h>

static int compare_sums(const void *left, const void *right)
{
	const struct hst_cache_key_sum *a = left;
	const struct hst_cache_key_sum *b = right;

	return a->key < b->key ? -1 : a->key > b->key;
}

/* Two of one key, of different processes, become one. */
static void add_sum(struct hst_cache_key_sum *sum, const struct hst_cache_key_sum *more)
{
	sum->contradicts = sum->contradicts || more->contradicts ||
			   (sum->known && more->known && sum->result != more->result);
	sum->cost_ns += more->cost_ns;
	if (more->known && !sum->known) {
		sum->result = more->result;
	}
	sum->known = (sum->known || more->known) && !sum->contradicts;
}

static size_t merge_equal(struct hst_cache_key_sum *sums, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept != 0 && sums[kept - 1].key == sums[i].key) {
			add_sum(&sums[kept - 1], &sums[i]);
		} else {
			sums[kept++] = sums[i];
		}
	}
	return kept;
}

enum hst_status hst_cache_sum_keys(struct hst_cache_work *work)
{
	size_t keys = work->key_count;
	struct hst_cache_key_sum *sums = calloc(keys + 1, sizeof *sums);

	if (sums == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < keys; i++) {
		const struct hst_cache_key_state *state = &work->keys.items.items[i];

		sums[i] = (struct hst_cache_key_sum){ .key = state->key,
			.result = state->result,
			.first_ns = UINT64_MAX,
			.known = state->known != 0 && state->changes == 0,
			.contradicts = state->changes != 0 };
	}
	for (size_t i = 0; i < work->calls.count; i++) {
		const struct hst_cache_call *call = &work->calls.items[i];
		struct hst_cache_key_sum *sum = &sums[work->keys.numbers[i]];

		if (sum->first_ns == UINT64_MAX) {
			/* What was called from within another one is in that one's time. */
			sum->first_ns = call->depth == 0 ? call->cost_ns : 0;
		}
		sum->cost_ns += call->depth == 0 ? call->cost_ns : 0;
	}
	qsort(sums, keys, sizeof *sums, compare_sums);
	work->function->sums = sums;
	work->function->sum_count = merge_equal(sums, keys);
	return HST_OK;
}

/* A function's sums in each recording, NULL where it was not called. */
struct sides {
	const struct hst_cache_function **items; /* [functions * runs] */
	const struct hst_function_row **rows;    /* [functions] */
	bool *doubled; /* [functions]: a recording has several of the name; one of them is left out */
	size_t count, runs;
};

/* By name of the linker and file: addresses and lines change with every build. */
static enum hst_status number_of(
	struct hst_strtab *names, const struct hst_function_row *row, uint32_t *ret_number)
{
	const char *file = row->file != NULL ? row->file : row->module != NULL ? row->module : "";
	size_t bytes = strlen(row->linkage) + strlen(file) + 2;
	char *text = malloc(bytes);
	enum hst_status status;

	if (text == NULL) {
		return HST_E_MEMORY;
	}
	(void)snprintf(text, bytes, "%s\n%s", row->linkage, file);
	status = hst_strtab_add(names, text, ret_number);
	free(text);
	return status;
}

/* Numbers of functions are given in order, from 1. */
static enum hst_status put_side(struct sides *sides, struct hst_strtab *names,
	const struct hst_cache_run *in, size_t run, size_t at)
{
	const struct hst_cache_function *function = &in->cache->functions[at];
	const struct hst_function_row *row = &in->rows[function->row];
	const struct hst_cache_function **item;
	uint32_t number;

	HST_TRY(number_of(names, row, &number));
	number--;
	sides->count = number >= sides->count ? number + 1 : sides->count;
	item = &sides->items[number * sides->runs + run];
	if (*item != NULL) {
		sides->doubled[number] = true;
		return HST_OK;
	}
	*item = function;
	if (sides->rows[number] == NULL) {
		sides->rows[number] = row;
	}
	return HST_OK;
}

static enum hst_status put_run(
	struct sides *sides, struct hst_strtab *names, const struct hst_cache_run *in, size_t run)
{
	for (size_t i = 0; i < in->cache->count; i++) {
		HST_TRY(put_side(sides, names, in, run, i));
	}
	return HST_OK;
}

static enum hst_status find_sides(const struct hst_cache_run *runs, size_t count,
	struct hst_strtab *names, struct sides *sides)
{
	size_t most = 1;

	for (size_t run = 0; run < count; run++) {
		most += runs[run].cache->count;
	}
	sides->runs = count;
	sides->items = calloc(most * count + 1, sizeof(const struct hst_cache_function *));
	sides->rows = calloc(most, sizeof(const struct hst_function_row *));
	sides->doubled = calloc(most, sizeof *sides->doubled);
	if (sides->items == NULL || sides->rows == NULL || sides->doubled == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t run = 0; run < count; run++) {
		HST_TRY(put_run(sides, names, &runs[run], run));
	}
	return HST_OK;
}

/* What one key is in the recordings that have it. */
struct meeting {
	uint32_t runs, known;
	uint64_t result, cost_ns, first_ns;
	bool contradicts;
};

static void meet(struct meeting *meeting, const struct hst_cache_key_sum *sum)
{
	meeting->contradicts =
		meeting->contradicts || sum->contradicts ||
		(sum->known && meeting->known != 0 && sum->result != meeting->result);
	meeting->first_ns += meeting->runs != 0 ? sum->first_ns : 0;
	meeting->cost_ns += sum->cost_ns;
	meeting->runs++;
	if (sum->known) {
		meeting->result = sum->result;
		meeting->known++;
	}
}

static void count_key(struct hst_cache_across *across, const struct meeting *meeting)
{
	across->keys++;
	if (meeting->contradicts) {
		across->contradicting++;
	} else if (meeting->runs > 1 && meeting->known == meeting->runs) {
		across->shared++;
		across->shared_ns += meeting->cost_ns;
		across->first_ns += meeting->first_ns;
	} else if (meeting->runs > 1) {
		across->unknown++;
	}
}

/* Merges the sorted sums of the recordings. `at`: [runs], zero. */
static void merge_runs(
	const struct sides *sides, size_t number, size_t *at, struct hst_cache_across *across)
{
	const struct hst_cache_function **functions = sides->items + number * sides->runs;

	for (;;) {
		struct meeting meeting = { 0 };
		uint64_t key = UINT64_MAX;
		bool any = false;

		for (size_t run = 0; run < sides->runs; run++) {
			if (functions[run] != NULL && at[run] < functions[run]->sum_count) {
				uint64_t next = functions[run]->sums[at[run]].key;

				key = next < key ? next : key;
				any = true;
			}
		}
		if (!any) {
			return;
		}
		for (size_t run = 0; run < sides->runs; run++) {
			if (functions[run] != NULL && at[run] < functions[run]->sum_count &&
				functions[run]->sums[at[run]].key == key) {
				meet(&meeting, &functions[run]->sums[at[run]++]);
			}
		}
		count_key(across, &meeting);
	}
}

static int compare_across(const void *left, const void *right)
{
	const struct hst_cache_across *a = left;
	const struct hst_cache_across *b = right;

	if (a->first_ns != b->first_ns) {
		return a->first_ns > b->first_ns ? -1 : 1;
	}
	if (a->shared != b->shared) {
		return a->shared > b->shared ? -1 : 1;
	}
	return strcmp(a->row->linkage, b->row->linkage);
}

static enum hst_status compare(const struct sides *sides, struct hst_cache_runs *ret_runs)
{
	size_t *at = calloc(sides->runs + 1, sizeof *at);

	ret_runs->items = calloc(sides->count + 1, sizeof *ret_runs->items);
	for (size_t i = 0; at != NULL && ret_runs->items != NULL && i < sides->count; i++) {
		struct hst_cache_across across = { .row = sides->rows[i],
			.sampled = sides->doubled[i] };

		for (size_t run = 0; run < sides->runs; run++) {
			const struct hst_cache_function *function =
				sides->items[i * sides->runs + run];

			across.runs += function != NULL;
			across.sampled = across.sampled ||
					 (function != NULL &&
						 (function->rate < 1 || function->dropped != 0));
		}
		if (across.runs > 1) {
			memset(at, 0, sides->runs * sizeof *at);
			merge_runs(sides, i, at, &across);
			ret_runs->items[ret_runs->count++] = across;
		}
	}
	if (ret_runs->items == NULL || at == NULL) {
		free(at);
		return HST_E_MEMORY;
	}
	free(at);
	qsort(ret_runs->items, ret_runs->count, sizeof *ret_runs->items, compare_across);
	return HST_OK;
}

enum hst_status hst_cache_compare_runs(
	const struct hst_cache_run *runs, size_t count, struct hst_cache_runs *ret_runs)
{
	struct hst_strtab names = { 0 };
	struct sides sides = { 0 };
	enum hst_status status;

	*ret_runs = (struct hst_cache_runs){ 0 };
	status = find_sides(runs, count, &names, &sides);
	if (status == HST_OK) {
		status = compare(&sides, ret_runs);
	}
	if (status != HST_OK) {
		free(ret_runs->items);
		*ret_runs = (struct hst_cache_runs){ 0 };
	}
	hst_strtab_finish(&names);
	free(sides.items);
	free(sides.rows);
	free(sides.doubled);
	return status;
}
