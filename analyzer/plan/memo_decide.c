/* SPDX-License-Identifier: Apache-2.0 */
/* Which form a cache gets: by what the recording says of the calls, and by what the function is. */
#include "plan/memo.h"

#include <ctype.h>
#include <string.h>

#define WAYS 4u
/* One entry is enough where it has this share of the gain. */
#define ONE_SHARE 0.8
/* A clock that is read in 5 ns has steps of up to 4 ms. */
#define COARSE_NS (UINT64_C(20) * 1000 * 1000)
/* Reading a clock and calling takes a part of this. */
#define TTL_LEAST_NS 1000u
#define SET_BYTES    16u
#define WORD         8u
#define NAMES_MAX    100

static bool is_identifier(const char *name)
{
	bool good = name[0] != '\0' && !isdigit((unsigned char)name[0]);

	for (const char *at = name; *at != '\0'; at++) {
		good = good && (isalnum((unsigned char)*at) || *at == '_');
	}
	return good && strlen(name) < 128;
}

/* Why no cache of it can be written, NULL: one can. */
static const char *refuse_shape(const struct hst_prototype *prototype)
{
	if (!is_identifier(prototype->name)) {
		return "it is an operator, a template or the like: a second function cannot be named after it";
	}
	if (strcmp(prototype->result, "void") == 0) {
		return "it has no result to keep: what it is called for is what a cache would leave out";
	}
	if (prototype->is_method) {
		return "it is a member function: what its object holds is no part of the recorded arguments";
	}
	if (prototype->is_variadic) {
		return "it is variadic: further arguments (...) are in no key";
	}
	return NULL;
}

static enum hst_status refuse_values(const struct hst_memo_wanted *wanted, struct hst_diag *diag)
{
	const struct hst_prototype *prototype = wanted->prototype;

	if (prototype->result_problem != NULL) {
		return hst_diag_set(diag, HST_E_USAGE, "%s: its result, %s, cannot be copied: %s",
			prototype->name, prototype->result, prototype->result_problem);
	}
	for (size_t i = 0; i < prototype->count; i++) {
		const struct hst_prototype_param *param = &prototype->params[i];

		if (param->problem != NULL) {
			return hst_diag_set(diag, HST_E_USAGE,
				"%s: its parameter %s (%s) cannot be a part of a key: %s",
				prototype->name, param->name, param->type, param->problem);
		}
	}
	return HST_OK;
}

/* Is a gain to be expected? */
static enum hst_status refuse_gain(const struct hst_memo_wanted *wanted, struct hst_diag *diag)
{
	const struct hst_cache_function *function = wanted->function;

	if (function->purity == HST_CACHE_PURITY_REFUTED &&
		(function->held_ns == HST_CACHE_UNKNOWN || function->held_ns < 2 * TTL_LEAST_NS)) {
		return hst_diag_set(diag, HST_E_USAGE,
			"%s: the same arguments gave other results within a microsecond: no cache of it is right; "
			"hasten cache --explain %s has them",
			wanted->prototype->name, wanted->prototype->name);
	}
	if (function->verdict == HST_CACHE_VERDICT_WORTH ||
		function->verdict == HST_CACHE_VERDICT_EXPIRE ||
		function->verdict == HST_CACHE_VERDICT_UNSURE || wanted->force) {
		return HST_OK;
	}
	if (function->verdict == HST_CACHE_VERDICT_BEHIND) {
		return hst_diag_set(diag, HST_E_USAGE,
			"%s: it takes or returns pointers to what it may change, and a cache would leave such changes out; "
			"if there are none, name it in --pure FILE, or write the cache with --force",
			wanted->prototype->name);
	}
	return hst_diag_set(diag, HST_E_USAGE,
		"%s: not worth it: %s; --force writes the cache all the same",
		wanted->prototype->name, hst_cache_verdict_text(function->verdict));
}

static uint64_t power_of_two(uint64_t least)
{
	uint64_t power = 1;

	while (power < least && power < UINT64_C(1) << 62) {
		power <<= 1;
	}
	return power;
}

static void count_words(struct hst_memo *memo)
{
	const struct hst_prototype *prototype = memo->prototype;

	for (size_t i = 0; i < prototype->count; i++) {
		if (memo->contents[i] != HST_MEMO_VALUE) {
			memo->key_words += 1 + HST_MEMO_TEXT_BYTES / WORD;
			memo->by_content = true;
			continue;
		}
		for (size_t j = 0; j < prototype->params[i].count; j++) {
			memo->key_words += (prototype->params[i].values[j].bytes + WORD - 1) / WORD;
		}
	}
	memo->result_words = (uint32_t)((prototype->result_bytes + WORD - 1) / WORD);
}

static bool is_one_enough(const struct hst_memo *memo)
{
	const struct hst_cache_function *function = memo->function;
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);
	bool last = function->kind == HST_CACHE_KIND_LAST && function->curve_count > 0 &&
		    function->curve[0].capacity == 1 &&
		    function->curve[0].gain_ns >= ONE_SHARE * plan->gain_ns;

	return memo->key_words == 0 || function->distinct <= 1 || plan->capacity <= 1 || last;
}

static void size_up(struct hst_memo *memo)
{
	uint64_t capacity = hst_cache_plan_of(memo->function)->capacity;
	uint64_t words = memo->key_words + memo->result_words + (memo->ttl_ns != 0 ? 1u : 0u);

	memo->ways = is_one_enough(memo) ? 1 : WAYS;
	/* Keys do not spread evenly: with as much room again, and two sets for each, nearly all have a place. */
	memo->sets = memo->ways == 1 ? 1 : power_of_two((2 * capacity + WAYS - 1) / WAYS);
	memo->bytes = memo->sets * (SET_BYTES + memo->ways * words * WORD);
	while (memo->bytes > HST_MEMO_ALL_BYTES && memo->sets > 1) {
		memo->sets /= 2;
		memo->bytes /= 2;
		memo->smaller = memo->sets * memo->ways < capacity;
	}
	memo->too_large = !memo->function->use_shared && memo->bytes > HST_MEMO_THREAD_BYTES;
	memo->shared = memo->function->use_shared || memo->too_large;
}

static bool is_free(const struct hst_memo_source *source, const char *name)
{
	return source == NULL || source->text == NULL || strstr(source->text, name) == NULL;
}

static void choose_names(struct hst_memo *memo, const struct hst_memo_source *source)
{
	const char *name = memo->prototype->name;

	for (int i = 1; i < NAMES_MAX; i++) {
		char number[16] = "";

		if (i > 1) {
			(void)snprintf(number, sizeof number, "%d", i);
		}
		(void)snprintf(
			memo->uncached, sizeof memo->uncached, "%s_uncached%s", name, number);
		(void)snprintf(memo->prefix, sizeof memo->prefix, "%s_cache%s", name, number);
		if (is_free(source, memo->uncached) && is_free(source, memo->prefix)) {
			break;
		}
	}
}

enum hst_status hst_memo_decide(const struct hst_memo_wanted *wanted,
	const struct hst_memo_source *source, struct hst_memo *ret_memo, struct hst_diag *diag)
{
	const struct hst_cache_function *function = wanted->function;
	const char *shape = refuse_shape(wanted->prototype);

	if (shape != NULL) {
		return hst_diag_set(diag, HST_E_USAGE, "%s: %s", wanted->prototype->name, shape);
	}
	HST_TRY(refuse_values(wanted, diag));
	HST_TRY(refuse_gain(wanted, diag));
	*ret_memo = (struct hst_memo){
		.prototype = wanted->prototype, .function = function, .contents = wanted->contents
	};
	if (function->purity == HST_CACHE_PURITY_REFUTED) {
		/* Half, so that a result which is about to change is not kept for as long again. */
		ret_memo->ttl_ns = function->held_ns / 2;
		ret_memo->coarse = ret_memo->ttl_ns >= COARSE_NS;
	}
	count_words(ret_memo);
	size_up(ret_memo);
	choose_names(ret_memo, source);
	return HST_OK;
}
