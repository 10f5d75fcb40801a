/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for programs. Fields are only ever added; what is not known is null. */
#include "cmd/optimize_plan.h"

#include "writers/json.h"

#include <math.h>

static int64_t whole(double value)
{
	return value > 9e18 ? INT64_MAX : value < -9e18 ? INT64_MIN : (int64_t)llround(value);
}

static size_t row_count(const struct hst_optimize_plan *plan)
{
	uint64_t rows = plan->reading->options.rows;

	return rows == UINT64_MAX || rows == 0 || rows > plan->candidates.count
		       ? plan->candidates.count
		       : (size_t)rows;
}

static void json_gain(struct hst_json *json, const struct hst_cache_function *function)
{
	const struct hst_cache_plan *cache = hst_memo_plan_of(function);

	if (!hst_cache_is_seen(function)) {
		hst_json_null(json, "gain_ns");
		hst_json_null(json, "gain_low_ns");
		hst_json_null(json, "gain_high_ns");
		hst_json_null(json, "gain_alone_ns");
	} else {
		hst_json_i64(json, "gain_ns", whole(cache->gain_ns));
		hst_json_i64(json, "gain_low_ns", whole(cache->low_ns));
		hst_json_i64(json, "gain_high_ns", whole(cache->high_ns));
		hst_json_i64(json, "gain_alone_ns", whole(function->alone_ns));
	}
	if (cache->lookups > 0) {
		hst_json_double(json, "hit_rate", cache->hits / cache->lookups, 6);
	} else {
		hst_json_null(json, "hit_rate");
	}
	if (cache->hits > 0) {
		hst_json_i64(json, "repeat_ns", whole(cache->saved_ns / cache->hits));
	} else {
		hst_json_null(json, "repeat_ns");
	}
}

static void json_candidate(struct hst_json *json, const struct hst_optimize_plan *plan,
	const struct hst_optimize_candidate *candidate)
{
	const struct hst_cache_function *function = candidate->function;
	bool planned = hst_optimize_can(candidate);
	char address[24];

	hst_json_object(json, NULL);
	hst_json_place(json, &plan->profile.functions[candidate->row]);
	(void)snprintf(address, sizeof address, "0x%llx", (unsigned long long)candidate->entry);
	hst_json_string(json, "address", address);
	hst_json_bool(json, "planned", planned);
	hst_json_string(json, "reason", planned ? NULL : hst_memo_choice_word(candidate->choice));
	hst_json_string(json, "why",
		planned                     ? NULL
		: candidate->why[0] != '\0' ? candidate->why
					    : hst_memo_choice_text(candidate->choice));
	hst_json_string(json, "evidence", hst_memo_evidence_word(candidate->evidence));
	hst_json_u64(json, "calls", function->calls);
	hst_json_u64(json, "keys", function->distinct);
	hst_json_u64(json, "contradictions", function->contradicting);
	json_gain(json, function);
	if (planned) {
		hst_json_u64(json, "entries", candidate->wish.entries);
		hst_json_u64(json, "shadow", candidate->wish.shadow);
		hst_json_u64(json, "key_pieces", candidate->outcome.pieces);
		hst_json_u64(json, "exits", candidate->outcome.exits);
		hst_json_u64(json, "exits_without_result", candidate->outcome.more_exits);
	}
	hst_json_end(json);
}

static void json_flags(
	struct hst_json *json, struct hst_optimize_plan *plan, enum hst_optimize_compiler compiler)
{
	hst_json_array(json, compiler == HST_OPTIMIZE_GCC ? "gcc" : "clang");
	for (const char *const *flag = hst_optimize_flags(&plan->production, compiler);
		*flag != NULL; flag++) {
		hst_json_string(json, NULL, *flag);
	}
	hst_json_end(json);
}

void hst_optimize_plan_json(struct hst_optimize_plan *plan)
{
	struct hst_json json;
	bool written = plan->planned > 0 && plan->reading->options.output != NULL;

	hst_json_begin(&json, stdout);
	hst_json_object(&json, NULL);
	hst_json_u64(&json, "schema", 1);
	hst_json_notes(&json, &plan->profile);
	hst_json_string(&json, "directory", plan->reading->session.dir);
	hst_json_string(&json, "command", plan->reading->session.command);
	hst_json_string(&json, "view", "plan");
	hst_json_string(&json, "plan", written ? plan->reading->options.output : NULL);
	hst_json_u64(&json, "wall_ns", plan->profile.wall_ns);
	hst_json_u64(&json, "planned", plan->planned);
	hst_json_i64(&json, "gain_ns", whole(plan->gain_ns));
	hst_json_i64(&json, "gain_low_ns", whole(plan->low_ns));
	hst_json_i64(&json, "gain_high_ns", whole(plan->high_ns));
	hst_json_double(&json, "hit_ns", HST_MEMO_HIT_NS, 1);
	hst_json_double(&json, "miss_ns", HST_MEMO_MISS_NS, 1);
	hst_json_double(&json, "least_repeat_ns", HST_MEMO_LEAST_NS, 1);
	hst_json_u64(&json, "calls_without_end", plan->gather.unended);
	hst_json_u64(&json, "keys_without_call", plan->gather.unmatched);
	hst_json_array(&json, "functions");
	for (size_t i = 0; i < row_count(plan); i++) {
		json_candidate(&json, plan, &plan->candidates.items[i]);
	}
	hst_json_end(&json);
	if (plan->has_production) {
		hst_json_object(&json, "production");
		json_flags(&json, plan, HST_OPTIMIZE_GCC);
		json_flags(&json, plan, HST_OPTIMIZE_CLANG);
		hst_json_end(&json);
	} else {
		hst_json_null(&json, "production");
	}
	hst_json_end(&json);
	hst_json_finish(&json);
}
