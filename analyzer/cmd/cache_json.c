/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache` for programs. Fields are only ever added; what is not known is null. */
#include "cmd/cache.h"

#include "cmd/cache_values.h"
#include "writers/csv.h"
#include "writers/json.h"

#include <inttypes.h>
#include <math.h>

/* How many rows are shown: all, unless -n says otherwise. */
static size_t row_count(const struct hst_cache_show *show)
{
	uint64_t rows = show->reading->options.rows;

	return rows == UINT64_MAX || rows == 0 || rows > show->order_count ? show->order_count
									   : (size_t)rows;
}

static int64_t whole(double value)
{
	return value > 9e18 ? INT64_MAX : value < -9e18 ? INT64_MIN : (int64_t)llround(value);
}

static void json_time(struct hst_json *json, const char *name, uint64_t ns)
{
	if (ns == HST_CACHE_UNKNOWN) {
		hst_json_null(json, name);
	} else {
		hst_json_u64(json, name, ns);
	}
}

static void json_hash(struct hst_json *json, const char *name, uint64_t hash)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%016" PRIx64, hash);
	hst_json_string(json, name, text);
}

static void json_plan(struct hst_json *json, const char *name, const struct hst_cache_plan *plan)
{
	if (!(plan->lookups > 0)) {
		hst_json_null(json, name);
		return;
	}
	hst_json_row(json, name);
	hst_json_u64(json, "entries", plan->capacity);
	hst_json_u64(json, "bytes", plan->capacity * HST_CACHE_ENTRY_BYTES);
	hst_json_i64(json, "gain_ns", whole(plan->gain_ns));
	hst_json_i64(json, "gain_low_ns", whole(plan->low_ns));
	hst_json_i64(json, "gain_high_ns", whole(plan->high_ns));
	hst_json_i64(json, "best_gain_ns", whole(plan->best_ns));
	hst_json_u64(json, "best_entries", plan->best_capacity);
	hst_json_i64(json, "hits", whole(plan->hits));
	hst_json_i64(json, "lookups", whole(plan->lookups));
	hst_json_i64(json, "saved_ns", whole(plan->saved_ns));
	hst_json_end(json);
}

static void json_lists(struct hst_json *json, const struct hst_cache_function *function)
{
	hst_json_array(json, "curve");
	for (uint32_t i = 0; i < function->curve_count; i++) {
		hst_json_row(json, NULL);
		hst_json_u64(json, "entries", function->curve[i].capacity);
		hst_json_double(json, "hit_ratio", function->curve[i].hit_ratio, 6);
		hst_json_i64(json, "gain_ns", whole(function->curve[i].gain_ns));
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_array(json, "contradictions");
	for (uint32_t i = 0; i < function->contradiction_count; i++) {
		const struct hst_cache_contradiction *at = &function->contradictions[i];

		hst_json_row(json, NULL);
		json_hash(json, "key", at->key);
		json_hash(json, "result_before", at->before);
		json_hash(json, "result_after", at->after);
		hst_json_u64(json, "before_ns", at->before_ns);
		hst_json_u64(json, "after_ns", at->after_ns);
		hst_json_u64(json, "held_ns", at->held_ns);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_array(json, "top_keys");
	for (uint32_t i = 0; i < function->top_count; i++) {
		hst_json_row(json, NULL);
		json_hash(json, "key", function->top[i].key);
		hst_json_u64(json, "calls", function->top[i].calls);
		hst_json_u64(json, "cost_ns", function->top[i].cost_ns);
		hst_json_u64(json, "result_changes", function->top[i].changes);
		hst_json_end(json);
	}
	hst_json_end(json);
}

static void json_kinds(struct hst_json *json, const struct hst_cache_function *function)
{
	hst_json_string(json, "kind", hst_cache_kind_text(function->kind));
	hst_json_list(json, "kinds");
	for (uint32_t kind = 1; kind < HST_CACHE_KINDS; kind++) {
		if ((function->kinds >> kind & 1) != 0) {
			hst_json_string(json, NULL, hst_cache_kind_text((enum hst_cache_kind)kind));
		}
	}
	hst_json_end(json);
	hst_json_string(json, "purity", hst_cache_purity_text(function->purity));
	if (function->purity == HST_CACHE_PURITY_OBSERVED && function->verified >= 3) {
		hst_json_double(json, "other_result_below", 3 / (double)function->verified, 9);
	} else {
		hst_json_null(json, "other_result_below");
	}
	hst_json_bool(json, "may_write", function->writes);
	hst_json_string(json, "verdict", hst_cache_verdict_text(function->verdict));
}

static enum hst_status json_values(struct hst_json *json, const struct hst_cache_show *show,
	const struct hst_cache_function *function)
{
	struct hst_cache_values values;
	enum hst_status status = hst_cache_values_prepare(show, function, &values);

	if (status == HST_OK) {
		status = hst_cache_values_json(json, &values);
	}
	hst_cache_values_finish(&values);
	return status;
}

/* What is known of keys with fewer values. */
static void json_fewer(struct hst_json *json, const struct hst_cache_fewer *fewer)
{
	if (!fewer->known) {
		hst_json_null(json, "fewer_values");
		return;
	}
	hst_json_object(json, "fewer_values");
	hst_json_u64(json, "values", fewer->values);
	hst_json_list(json, "left_out");
	for (uint32_t i = 0; i < fewer->values; i++) {
		if ((fewer->left_out >> i & 1) != 0) {
			hst_json_u64(json, NULL, i + 1);
		}
	}
	hst_json_end(json);
	if (fewer->left_out != 0) {
		hst_json_u64(json, "keys", fewer->keys);
		hst_json_u64(json, "merged_keys", fewer->merged);
		hst_json_i64(json, "gain_alone_ns", whole(fewer->plan.gain_ns));
		hst_json_bool(json, "shared", fewer->shared);
		json_plan(json, "cache", &fewer->plan);
	}
	hst_json_end(json);
}

static enum hst_status json_function(struct hst_json *json, const struct hst_cache_show *show,
	const struct hst_cache_function *function)
{
	hst_json_object(json, NULL);
	hst_json_place(json, &show->rows[function->row]);
	json_kinds(json, function);
	hst_json_u64(json, "calls", function->calls);
	hst_json_u64(json, "cost_ns", function->cost_ns);
	hst_json_u64(json, "keys", function->distinct);
	hst_json_u64(json, "repeats", function->repeats);
	hst_json_u64(json, "adjacent_repeats", function->adjacent);
	hst_json_u64(json, "recursive_calls", function->inner);
	hst_json_double(json, "sample_rate", function->rate, 12);
	hst_json_u64(json, "sampled_calls", function->sampled);
	hst_json_u64(json, "dropped_calls", function->dropped);
	hst_json_u64(json, "results", function->results);
	hst_json_u64(json, "verified_repeats", function->verified);
	hst_json_u64(json, "result_changes", function->changes);
	hst_json_u64(json, "contradicting_keys", function->contradicting);
	hst_json_u64(json, "threads", function->threads);
	json_time(json, "reuse_p50_ns", function->reuse_p50_ns);
	json_time(json, "reuse_p95_ns", function->reuse_p95_ns);
	json_time(json, "ttl_below_ns", function->held_ns);
	if (function->held_ns == HST_CACHE_UNKNOWN) {
		hst_json_null(json, "stale_within_ttl");
	} else {
		hst_json_u64(json, "stale_within_ttl", function->stale);
	}
	hst_json_bool(json, "shared", function->use_shared);
	hst_json_i64(json, "gain_ns", whole(hst_cache_plan_of(function)->gain_ns));
	hst_json_i64(json, "gain_alone_ns", whole(function->alone_ns));
	json_plan(json, "per_thread_cache", &function->per_thread);
	json_plan(json, "shared_cache", &function->shared);
	json_fewer(json, &function->fewer);
	if (show->proofs != NULL) {
		hst_cache_proof_json(json, show, function);
	}
	json_lists(json, function);
	if (show->arguments != NULL) {
		HST_TRY(json_values(json, show, function));
	}
	hst_json_end(json);
	return HST_OK;
}

static void json_costs(struct hst_json *json, const struct hst_cache_costs *costs)
{
	hst_json_array(json, "lookup_costs");
	for (uint32_t i = 0; i < costs->count; i++) {
		hst_json_row(json, NULL);
		hst_json_u64(json, "entries", costs->steps[i].capacity);
		hst_json_double(json, "hit_ns", costs->steps[i].hit_ns, 2);
		hst_json_double(json, "miss_ns", costs->steps[i].miss_ns, 2);
		hst_json_end(json);
	}
	hst_json_end(json);
	hst_json_double(json, "shared_more_ns", costs->shared_ns, 2);
}

enum hst_status hst_cache_json(const struct hst_cache_show *show)
{
	struct hst_json json;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_string(&json, "command", "cache");
	hst_json_u64(&json, "wall_ns", show->wall_ns);
	hst_json_u64(&json, "calls", show->cache->calls);
	hst_json_u64(&json, "calls_not_ended", show->unended);
	hst_json_u64(&json, "keys_without_call", show->unmatched);
	if (show->said != NULL) {
		hst_json_notes(&json, show->said);
	}
	json_costs(&json, &show->cache->costs);
	hst_json_array(&json, show->processes ? "programs" : "functions");
	for (size_t i = 0; i < row_count(show); i++) {
		HST_TRY(json_function(&json, show, &show->cache->functions[show->order[i]]));
	}
	hst_json_end(&json);
	hst_json_end(&json);
	hst_json_finish(&json);
	return HST_OK;
}

static const char *const csv_names[] = { "name", "file", "line", "gain_ns", "gain_low_ns",
	"gain_high_ns", "gain_alone_ns", "calls", "keys", "repeats", "hits", "lookups", "entries",
	"shared", "saved_ns", "reuse_p50_ns", "reuse_p95_ns", "ttl_below_ns", "kind", "purity",
	"verified_repeats", "contradicting_keys", "sample_rate", "verdict" };

static void csv_time(struct hst_csv *csv, uint64_t ns)
{
	if (ns == HST_CACHE_UNKNOWN) {
		hst_csv_empty(csv);
	} else {
		hst_csv_u64(csv, ns);
	}
}

static void csv_function(struct hst_csv *csv, const struct hst_cache_show *show,
	const struct hst_cache_function *function)
{
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);
	const struct hst_function_row *row = &show->rows[function->row];
	char rate[40];

	hst_csv_string(csv, hst_row_name(&show->reading->options, row));
	hst_csv_string(csv, row->file == NULL ? "" : row->file);
	hst_csv_u64(csv, row->line);
	hst_csv_i64(csv, whole(plan->gain_ns));
	hst_csv_i64(csv, whole(plan->low_ns));
	hst_csv_i64(csv, whole(plan->high_ns));
	hst_csv_i64(csv, whole(function->alone_ns));
	hst_csv_u64(csv, function->calls);
	hst_csv_u64(csv, function->distinct);
	hst_csv_u64(csv, function->repeats);
	hst_csv_i64(csv, whole(plan->hits));
	hst_csv_i64(csv, whole(plan->lookups));
	hst_csv_u64(csv, plan->capacity);
	hst_csv_u64(csv, function->use_shared);
	hst_csv_i64(csv, whole(plan->saved_ns));
	csv_time(csv, function->reuse_p50_ns);
	csv_time(csv, function->reuse_p95_ns);
	csv_time(csv, function->held_ns);
	hst_csv_string(csv, hst_cache_kind_text(function->kind));
	hst_csv_string(csv, hst_cache_purity_text(function->purity));
	hst_csv_u64(csv, function->verified);
	hst_csv_u64(csv, function->contradicting);
	(void)snprintf(rate, sizeof rate, "%.12g", function->rate);
	hst_csv_string(csv, rate);
	hst_csv_string(csv, hst_cache_verdict_text(function->verdict));
	hst_csv_line(csv);
}

void hst_cache_csv(const struct hst_cache_show *show)
{
	struct hst_csv csv = { .out = stdout };

	for (size_t i = 0; i < sizeof csv_names / sizeof csv_names[0]; i++) {
		hst_csv_string(&csv, csv_names[i]);
	}
	hst_csv_line(&csv);
	for (size_t i = 0; i < row_count(show); i++) {
		csv_function(&csv, show, &show->cache->functions[show->order[i]]);
	}
}
