/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: the plan's tables, the patterns of bare mode, and the set that the hot path asks. */
#include "sink/filter.h"

#include "core/attr.h"
#include "core/sys.h"
#include "core/text.h"
#include "hasten/trace.h"
#include "sink/plan.h"
#include "sink/recipes.h"

#include <string.h>

#include "core/poison.h"

#define HST_FILTER_TEXT 4096u

uint64_t *hst_excluded;

static struct {
	uint64_t *set;
	uint32_t set_count;
	uint32_t reasons; /* enum hst_filter_reason */
	bool has_patterns;
	bool has_include;
} filter;

static HST_LARGE char filter_patterns[HST_FILTER_TEXT]; /* bare mode */

/* Calls `visit` for each term that bare mode can obey; says whether there were others. */
static bool each_module_term(const char *text,
	void (*visit)(void *data, const char *glob, size_t length, bool exclude), void *data)
{
	bool others = false;

	while (*text != '\0') {
		size_t length = 0;
		bool exclude = *text == '!';
		const char *term = exclude ? text + 1 : text;

		while (term[length] != '\0' && term[length] != ',') {
			length++;
		}
		if (length > 7 && hst_text_starts(term, "module:")) {
			visit(data, term + 7, length - 7, exclude);
		} else if (length > 0) {
			others = true;
		}
		text = term + length;
		text += *text == ',' ? 1 : 0;
	}
	return others;
}

static void note_term(void *data, const char *glob, size_t length, bool exclude)
{
	bool *any = data;
	(void)glob;
	(void)length;

	*any = true;
	if (!exclude) {
		filter.has_include = true;
	}
}

static uint64_t *make_set(void)
{
	const size_t bytes = HST_EXCLUDED_SLOTS * sizeof *filter.set;
	uint64_t *none = NULL;
	uint64_t *set = __atomic_load_n(&filter.set, __ATOMIC_ACQUIRE);

	if (set != NULL) {
		return set;
	}
	set = hst_sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (set != NULL && !__atomic_compare_exchange_n(&filter.set, &none, set, false,
				   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		(void)hst_sys_munmap(set, bytes);
		set = none;
	}
	return set;
}

void hst_filter_open(enum hst_filter_reason reason)
{
	uint64_t *set = make_set();

	__atomic_fetch_or(&filter.reasons, reason, __ATOMIC_SEQ_CST);
	__atomic_store_n(&hst_excluded, set, __ATOMIC_SEQ_CST);
}

void hst_filter_close(enum hst_filter_reason reason)
{
	if (__atomic_and_fetch(&filter.reasons, ~(uint32_t)reason, __ATOMIC_SEQ_CST) != 0) {
		return;
	}
	__atomic_store_n(&hst_excluded, NULL, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&filter.reasons, __ATOMIC_SEQ_CST) != 0) {
		/* Somebody had one just now. */
		__atomic_store_n(&hst_excluded, filter.set, __ATOMIC_SEQ_CST);
	}
}

/* What the file says of the plan. Recipes make hooks look before they record, as filters do. */
static uint32_t plan_flags(bool values)
{
	bool refused = hst_plan.refused_part;
	uint32_t flags = 0;

	if (hst_plan.recipes != 0) {
		refused |= !hst_recipes_start(values);
	}
	flags |= hst_plan.filters || (!hst_plan.arguments && !hst_plan.answers) ? HST_FLAG_FILTERED
										: 0;
	flags |= hst_plan.arguments ? HST_FLAG_ARGUMENTS : 0;
	flags |= hst_recipes_values ? HST_FLAG_VALUES : 0;
	flags |= hst_plan.answers ? HST_FLAG_MEMO : 0;
	flags |= hst_plan.memos_refused ? HST_FLAG_MEMO_REFUSED : 0;
	return flags | (refused ? HST_FLAG_ARGUMENTS_REFUSED : 0);
}

uint32_t hst_filter_start(const struct hst_options *options)
{
	uint32_t flags = 0;
	bool any = false;

	if (options->plan != NULL) {
		any = hst_plan_read(options->plan);
		flags |= any ? plan_flags(options->values) : HST_FLAG_PLAN_REFUSED;
		any = any && (flags & (HST_FLAG_FILTERED | HST_FLAG_ARGUMENTS)) != 0;
	} else if (options->filter != NULL && !options->launcher) {
		struct hst_text text = hst_text_begin(filter_patterns, sizeof filter_patterns);

		hst_text_add(&text, options->filter);
		filter.has_patterns = text.length != 0;
		if (each_module_term(filter_patterns, note_term, &any)) {
			flags |= HST_FLAG_FILTER_NAMES_IGNORED;
		}
		flags |= any ? HST_FLAG_FILTERED : 0;
	}
	if (any) {
		hst_filter_open(HST_FILTER_RULES);
	}
	return flags;
}

struct pattern_match {
	const char *path;
	bool included, excluded;
};

static void match_term(void *data, const char *glob, size_t length, bool exclude)
{
	struct pattern_match *match = data;

	if (hst_text_glob(glob, length, match->path) ||
		hst_text_glob(glob, length, hst_text_base(match->path))) {
		match->included |= !exclude;
		match->excluded |= exclude;
	}
}

void hst_filter_module(struct hst_loaded *module, const char *path, const uint8_t *build_id,
	uint8_t build_id_bytes)
{
	if (hst_plan.bytes != NULL) {
		const struct hst_plan_section *rule = NULL;

		for (uint32_t i = 0; i < hst_plan_sections(&hst_plan); i++) {
			const struct hst_plan_section *section = hst_plan_section(&hst_plan, i);
			bool same = section->kind == HST_PLAN_FILTER &&
				    hst_plan_is_for(section, build_id, build_id_bytes);

			if (same || (section->kind == HST_PLAN_FILTER && rule == NULL &&
					    (section->flags & HST_PLAN_ANY_MODULE) != 0)) {
				rule = section;
			}
			if (same) {
				break;
			}
		}
		if (rule != NULL) {
			module->listed = (const void *)(hst_plan.bytes + rule->offset);
			module->listed_count = rule->count;
			module->only_listed = (rule->flags & HST_PLAN_FILTER_ONLY_LISTED) != 0;
		}
	} else if (filter.has_patterns) {
		struct pattern_match match = { .path = path };

		(void)each_module_term(filter_patterns, match_term, &match);
		module->excluded = match.excluded || (filter.has_include && !match.included);
	}
}

static bool is_listed(const struct hst_loaded *module, uint64_t address)
{
	uint64_t lo = 0;
	uint64_t hi = module->listed_count;

	while (lo < hi) {
		uint64_t middle = lo + (hi - lo) / 2;

		if (module->listed[middle] == address) {
			return true;
		}
		if (module->listed[middle] < address) {
			lo = middle + 1;
		} else {
			hi = middle;
		}
	}
	return false;
}

/* Several threads may add at once; a slot is taken by compare-and-swap and never given back. */
static void remember(uint64_t fn)
{
	uint32_t slot = hst_excluded_slot(fn);

	if (__atomic_load_n(&filter.set_count, __ATOMIC_RELAXED) >= HST_EXCLUDED_SLOTS / 2) {
		return;
	}
	for (;; slot = (slot + 1) % HST_EXCLUDED_SLOTS) {
		uint64_t empty = 0;

		if (__atomic_compare_exchange_n(&filter.set[slot], &empty, fn, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&filter.set_count, 1, __ATOMIC_RELAXED);
			return;
		}
		if (empty == fn) {
			return;
		}
	}
}

bool hst_filter_judge(uint64_t fn)
{
	const struct hst_loaded *module;
	bool out;

	if (hst_excluded == NULL) {
		return false;
	}
	module = hst_modules_find(fn);
	if (module == NULL) {
		return false;
	}
	out = module->excluded;
	if (module->listed_count != 0 || module->only_listed) {
		out = is_listed(module, fn - module->bias) != module->only_listed;
	}
	if (out) {
		remember(fn);
	}
	return out;
}

void hst_filter_forget(void)
{
	if (filter.set != NULL) {
		/* A reader that looks meanwhile asks the slow path once more. */
		for (uint32_t i = 0; i < HST_EXCLUDED_SLOTS; i++) {
			if (filter.set[i] != 0) {
				__atomic_store_n(&filter.set[i], 0, __ATOMIC_RELAXED);
			}
		}
		__atomic_store_n(&filter.set_count, 0, __ATOMIC_RELAXED);
	}
}
