/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of repetition a row is, whether its result hangs on its arguments alone, and what to make of it. */
#include "passes/cache_pass.h"

#define LAST_SHARE      0.8
#define CONSTANT_CALLS  100u
#define CONSTANT_KEYS   10u
#define RECURSION_SHARE 0.2
#define INIT_NS         100000u

static bool is_constant(const struct hst_cache_function *function)
{
	return function->results == function->sampled && function->distinct_results == 1 &&
	       function->calls >= CONSTANT_CALLS && function->distinct >= CONSTANT_KEYS;
}

/* The same work once more, asked for by different callers' calls. */
static bool is_init(const struct hst_cache_function *function)
{
	return function->rate >= 1 && function->distinct == 1 && function->repeats != 0 &&
	       function->contradicting == 0 && function->parents > 1 &&
	       function->cost_ns / INIT_NS >= function->calls;
}

bool hst_cache_is_recursion(const struct hst_cache_function *function)
{
	return function->inner != 0 && function->repeats != 0 &&
	       (double)function->distinct <= RECURSION_SHARE * (double)function->calls;
}

static void find_kinds(struct hst_cache_function *function)
{
	static const enum hst_cache_kind order[] = { HST_CACHE_KIND_RECURSION, HST_CACHE_KIND_INIT,
		HST_CACHE_KIND_CONSTANT, HST_CACHE_KIND_FEWER, HST_CACHE_KIND_LAST,
		HST_CACHE_KIND_EXACT };
	const bool holds[HST_CACHE_KINDS] = {
		[HST_CACHE_KIND_EXACT] = function->repeats != 0,
		[HST_CACHE_KIND_LAST] =
			function->repeats != 0 &&
			(double)function->adjacent >= LAST_SHARE * (double)function->repeats,
		[HST_CACHE_KIND_CONSTANT] = is_constant(function),
		[HST_CACHE_KIND_RECURSION] = hst_cache_is_recursion(function),
		[HST_CACHE_KIND_INIT] = is_init(function),
		[HST_CACHE_KIND_FEWER] = function->fewer.left_out != 0,
	};

	function->kind = HST_CACHE_KIND_NONE;
	for (size_t i = sizeof order / sizeof order[0]; i-- > 0;) {
		if (holds[order[i]]) {
			function->kind = order[i];
			function->kinds |= 1u << order[i];
		}
	}
}

static enum hst_cache_purity find_purity(const struct hst_cache_function *function)
{
	if (function->contradicting != 0) {
		return HST_CACHE_PURITY_REFUTED;
	}
	if (function->declared) {
		return HST_CACHE_PURITY_DECLARED;
	}
	return function->verified != 0 ? HST_CACHE_PURITY_OBSERVED : HST_CACHE_PURITY_UNKNOWN;
}

static enum hst_cache_verdict find_verdict(
	const struct hst_cache_work *work, const struct hst_cache_function *function)
{
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);
	double hit_ns = hst_cache_cost_of(work->costs, plan->capacity).hit_ns +
			(function->use_shared ? work->costs->shared_ns : 0) +
			work->log->contents * work->costs->content_ns;

	if (function->repeats == 0) {
		return HST_CACHE_VERDICT_UNIQUE;
	}
	if (!hst_cache_is_seen(function)) {
		return HST_CACHE_VERDICT_UNSEEN;
	}
	if (plan->gain_ns <= 0 && function->alone_ns > 0) {
		return HST_CACHE_VERDICT_NESTED;
	}
	if (plan->gain_ns <= 0) {
		return plan->hits > 0 && plan->saved_ns <= plan->hits * hit_ns
			       ? HST_CACHE_VERDICT_CHEAP
			       : HST_CACHE_VERDICT_MISSES;
	}
	if (function->contradicting != 0) {
		return HST_CACHE_VERDICT_EXPIRE;
	}
	if (plan->low_ns <= 0) {
		return HST_CACHE_VERDICT_UNSURE;
	}
	if (work->log->program) {
		return HST_CACHE_VERDICT_OUTPUT;
	}
	return hst_cache_may_write(function) ? HST_CACHE_VERDICT_BEHIND : HST_CACHE_VERDICT_WORTH;
}

void hst_cache_judge(struct hst_cache_work *work)
{
	struct hst_cache_function *function = work->function;

	find_kinds(function);
	function->purity = find_purity(function);
	function->verdict = find_verdict(work, function);
}
