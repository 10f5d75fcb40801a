/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks to nanoseconds, and our own cost out of them. The cost of a call has a part that its own
 * time stamps enclose (the callee would look slower) and one outside (the caller would). A sum
 * never becomes less than 0.
 */
#include "passes/pass.h"

#include <stdlib.h>
#include <string.h>

static uint64_t to_ns(const struct hst_pass *pass, double ticks)
{
	double ns = ticks * pass->shared.ns_per_tick;

	return ns > 0 && ns < 1e19 ? (uint64_t)(ns + 0.5) : 0;
}

static bool is_empty(const struct hst_tally *tally)
{
	return tally->calls == 0 && tally->self == 0 && tally->total == 0 && tally->open == 0 &&
	       tally->flags == 0 && tally->own == 0;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* Our own cost is part of what ran, not of what waited. */
static double without(double off, double ran, double cost)
{
	return off + (ran > cost ? ran - cost : 0);
}

/* The figures of one tally; names are left out. */
static struct hst_function_row figures(struct hst_pass *pass, const struct hst_tally *tally)
{
	double inside = (double)pass->shared.inside_256 / 256;
	double outside = (double)pass->shared.outside_256 / 256;
	double self = (double)(int64_t)tally->self;
	double off = (double)tally->off < self ? (double)tally->off : self;
	double ran = self - off;
	double miss = (double)pass->shared.miss_256 / 256;
	double cost = (double)tally->calls * inside + (double)tally->children * outside +
		      (double)tally->children_missed * miss + (double)tally->self_extra / 256;
	double below = (double)tally->outer * inside + (double)tally->below * (inside + outside) +
		       (double)tally->below_missed * miss + (double)tally->below_extra / 256;
	double total = (double)tally->total;
	struct hst_function_row row = {
		.calls = tally->calls,
		.returned = tally->returned,
		.errors = tally->errors,
		.open = tally->open,
		.results = tally->results,
		.zero_results = tally->zeros,
		.negative_results = tally->negatives,
		.beyond_results = tally->beyond,
		.inlined_calls = tally->inlined,
		.duration_ns = to_ns(pass, (double)tally->duration),
		.min_ns = to_ns(pass, (double)tally->min),
		.max_ns = to_ns(pass, (double)tally->max),
		.self_ns = to_ns(pass, without(off, ran, cost)),
		.total_ns = to_ns(pass, total - below),
		.self_low_ns = to_ns(pass, without(off, ran, cost * pass->shared.cost_high)),
		.self_high_ns = to_ns(pass, without(off, ran, cost * pass->shared.cost_low)),
		.total_low_ns = to_ns(pass, total - below * pass->shared.cost_high),
		.total_high_ns = to_ns(pass, total - below * pass->shared.cost_low),
		.flags = tally->flags,
		.latency = tally->latency,
	};

	row.compensated_ns = to_ns(pass, ran < cost ? ran : cost);
	row.compensated_ns += to_ns(pass, (double)tally->own);
	if (row.total_ns < row.self_ns) {
		row.total_ns = row.self_ns;
	}
	if (row.total_high_ns < row.self_high_ns) {
		row.total_high_ns = row.self_high_ns;
	}
	row.self_off_ns = at_most(to_ns(pass, off), row.self_ns);
	row.total_off_ns = at_most(to_ns(pass, (double)tally->total_off), row.total_ns);
	if (row.total_off_ns < row.self_off_ns) {
		row.total_off_ns = row.self_off_ns;
	}
	return row;
}

static void add_figures(struct hst_function_row *sum, const struct hst_function_row *row)
{
	if (row->returned != 0) {
		sum->min_ns =
			sum->returned == 0 || row->min_ns < sum->min_ns ? row->min_ns : sum->min_ns;
		sum->max_ns = row->max_ns > sum->max_ns ? row->max_ns : sum->max_ns;
	}
	sum->calls += row->calls;
	sum->returned += row->returned;
	sum->errors += row->errors;
	sum->open += row->open;
	sum->results += row->results;
	sum->zero_results += row->zero_results;
	sum->negative_results += row->negative_results;
	sum->beyond_results += row->beyond_results;
	sum->inlined_calls += row->inlined_calls;
	sum->duration_ns += row->duration_ns;
	sum->self_ns += row->self_ns;
	sum->total_ns += row->total_ns;
	sum->self_low_ns += row->self_low_ns;
	sum->self_high_ns += row->self_high_ns;
	sum->total_low_ns += row->total_low_ns;
	sum->total_high_ns += row->total_high_ns;
	sum->self_off_ns += row->self_off_ns;
	sum->total_off_ns += row->total_off_ns;
	sum->compensated_ns += row->compensated_ns;
	sum->flags |= row->flags;
	sum->latency = row->latency;
	/* The replay does not count them one by one. */
	if (sum->latency != NULL) {
		sum->latency->count = sum->returned;
	}
}

static enum hst_status flush(struct hst_pass *pass, size_t thread)
{
	size_t rows = pass->tallies.count;

	if (pass->sums.count < rows) {
		size_t fresh = rows - pass->sums.count;

		if (!hst_vec_reserve(&pass->sums, fresh)) {
			return HST_E_MEMORY;
		}
		memset(pass->sums.items + pass->sums.count, 0, fresh * sizeof *pass->sums.items);
		pass->sums.count = rows;
	}
	for (size_t i = 0; i < rows; i++) {
		struct hst_tally *tally = &pass->tallies.items[i];
		struct hst_function_row row;

		if (is_empty(tally)) {
			continue;
		}
		row = figures(pass, tally);
		pass->profile->missed_calls += tally->children_missed;
		add_figures(&pass->sums.items[i], &row);
		pass->profile->cost_keys_ns += (double)to_ns(pass, (double)tally->self_extra / 256);
		pass->compensated += (double)row.compensated_ns;
		/* The latencies are sums already; the row keeps adding to the same ones. */
		*tally = (struct hst_tally){ .latency = row.latency };
		if (thread != SIZE_MAX &&
			!hst_vec_push(&pass->thread_functions,
				((struct hst_thread_function){ .thread = (uint32_t)thread,
					.function = (uint32_t)i,
					.calls = row.calls,
					.total_ns = row.total_ns,
					.self_ns = row.self_ns,
					.total_off_ns = row.total_off_ns,
					.self_off_ns = row.self_off_ns,
					.flags = row.flags,
					.errors = row.errors }))) {
			return HST_E_MEMORY;
		}
	}
	return HST_OK;
}

enum hst_status hst_pass_flush(struct hst_pass *pass)
{
	return flush(pass, SIZE_MAX);
}

enum hst_status hst_pass_flush_thread(struct hst_pass *pass, size_t thread)
{
	return flush(pass, thread);
}

static int compare_parts(const void *left, const void *right)
{
	const struct hst_thread_function *a = left;
	const struct hst_thread_function *b = right;

	if (a->thread != b->thread) {
		return a->thread < b->thread ? -1 : 1;
	}
	return (a->function > b->function) - (a->function < b->function);
}

void hst_pass_merge_threads(struct hst_pass *pass)
{
	struct hst_thread_function *items = pass->thread_functions.items;
	size_t kept = 0;

	if (pass->thread_functions.count == 0) {
		return;
	}
	qsort(items, pass->thread_functions.count, sizeof *items, compare_parts);
	for (size_t i = 1; i < pass->thread_functions.count; i++) {
		if (compare_parts(&items[kept], &items[i]) != 0) {
			items[++kept] = items[i];
			continue;
		}
		items[kept].calls += items[i].calls;
		items[kept].total_ns += items[i].total_ns;
		items[kept].self_ns += items[i].self_ns;
		items[kept].total_off_ns += items[i].total_off_ns;
		items[kept].self_off_ns += items[i].self_off_ns;
		items[kept].flags |= items[i].flags;
		items[kept].errors += items[i].errors;
	}
	pass->thread_functions.count = kept + 1;
}
