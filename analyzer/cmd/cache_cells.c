/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of `hasten cache`, and which rows in which order. */
#include "cmd/cache.h"

#include "cmd/commands.h"
#include "writers/units.h"

#include <stdlib.h>
#include <string.h>

/* Lines of this many columns have room for all cells; -w shows them in any case. */
#define WIDE 150u

void hst_cache_ns_cell(char text[HST_CACHE_CELL], double ns)
{
	char unit[HST_UNITS_BYTES];

	hst_units_ns(unit, ns < 0 ? -ns : ns);
	(void)snprintf(text, HST_CACHE_CELL, "%s%s", ns < 0 ? "-" : "", unit);
}

void hst_cache_share_cell(char text[HST_CACHE_CELL], double gain_ns, uint64_t wall_ns)
{
	char share[HST_UNITS_BYTES];

	hst_units_percent(share, gain_ns < 0 ? -gain_ns : gain_ns, (double)wall_ns);
	(void)snprintf(text, HST_CACHE_CELL, "%s%s", gain_ns < 0 ? "-" : "", share);
}

void hst_cache_within_cell(char text[HST_CACHE_CELL], double low_ns, double high_ns)
{
	char low[HST_CACHE_CELL];
	char high[HST_CACHE_CELL];

	hst_cache_ns_cell(low, low_ns);
	hst_cache_ns_cell(high, high_ns);
	(void)snprintf(text, HST_CACHE_CELL, "%.60s .. %.60s", low, high);
}

bool hst_cache_column_fits(const struct hst_cache_column *column, const struct hst_reading *reading)
{
	size_t width = reading->style.width;

	return !column->wide || width == 0 || width >= WIDE;
}

/* "argument-insensitive: value 2 of 3, 400 -> 20 keys" */
static void fewer_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	const struct hst_cache_fewer *fewer = &function->fewer;
	char counts[2][HST_UNITS_BYTES];
	size_t at;

	at = (size_t)snprintf(text, HST_CACHE_CELL, "%s: value%s",
		hst_cache_kind_text(function->kind),
		(fewer->left_out & (fewer->left_out - 1)) != 0 ? "s" : "");
	for (uint32_t i = 0; i < fewer->values && at < HST_CACHE_CELL; i++) {
		if ((fewer->left_out >> i & 1) != 0) {
			at += (size_t)snprintf(text + at, HST_CACHE_CELL - at, " %u", i + 1);
		}
	}
	hst_units_count(counts[0], function->distinct);
	hst_units_count(counts[1], fewer->keys);
	if (at < HST_CACHE_CELL) {
		(void)snprintf(text + at, HST_CACHE_CELL - at, " of %u, %s -> %s keys",
			fewer->values, counts[0], counts[1]);
	}
}

void hst_cache_class_cells(char classes[2][HST_CACHE_CLASS], const struct hst_cache_growth *growth)
{
	(void)snprintf(classes[0], HST_CACHE_CLASS, "O(%.3g^n)", growth->factor);
	if (growth->power == 0) {
		(void)snprintf(classes[1], HST_CACHE_CLASS, "O(%.3g^n)", growth->keys_factor);
	} else if (growth->power == 1) {
		(void)snprintf(classes[1], HST_CACHE_CLASS, "O(n)");
	} else {
		(void)snprintf(classes[1], HST_CACHE_CLASS, "O(n^%u)", growth->power);
	}
}

void hst_cache_kind_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	char counts[2][HST_UNITS_BYTES];
	char classes[2][HST_CACHE_CLASS];
	size_t at;

	if (function->kind == HST_CACHE_KIND_FEWER) {
		fewer_cell(text, function);
		return;
	}
	if (function->kind != HST_CACHE_KIND_RECURSION) {
		(void)snprintf(text, HST_CACHE_CELL, "%s", hst_cache_kind_text(function->kind));
		return;
	}
	hst_units_count(counts[0], function->calls);
	hst_units_count(counts[1], function->distinct);
	at = (size_t)snprintf(text, HST_CACHE_CELL, "%s: %s -> %s",
		hst_cache_kind_text(function->kind), counts[0], counts[1]);
	if (function->growth.state == HST_CACHE_GROWTH_KNOWN && at < HST_CACHE_CELL) {
		hst_cache_class_cells(classes, &function->growth);
		(void)snprintf(
			text + at, HST_CACHE_CELL - at, ", %s -> %s", classes[0], classes[1]);
	}
}

void hst_cache_purity_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	char count[HST_UNITS_BYTES];

	(void)snprintf(text, HST_CACHE_CELL, "%s", hst_cache_purity_text(function->purity));
	if (function->purity == HST_CACHE_PURITY_OBSERVED) {
		/* Rule of three: 95 % sure that fewer than so many repeats differ. */
		if (function->verified < 60000) {
			hst_units_percent(count, 3, (double)function->verified);
		} else {
			(void)snprintf(
				count, sizeof count, "%.1g", 300 / (double)function->verified);
		}
		(void)snprintf(text, HST_CACHE_CELL,
			function->verified < 3 ? "%s" : "%s, p < %s %%",
			hst_cache_purity_text(function->purity), count);
	} else if (function->purity == HST_CACHE_PURITY_REFUTED) {
		hst_units_count(count, function->contradicting);
		(void)snprintf(text, HST_CACHE_CELL, "%s: %s key%s",
			hst_cache_purity_text(function->purity), count,
			function->contradicting == 1 ? "" : "s");
	}
}

void hst_cache_ttl_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	text[0] = '\0';
	if (function->held_ns != HST_CACHE_UNKNOWN) {
		char unit[HST_UNITS_BYTES];

		hst_units_ns(unit, (double)function->held_ns);
		(void)snprintf(text, HST_CACHE_CELL, "below %s", unit);
	} else if (function->reuse_p95_ns != HST_CACHE_UNKNOWN) {
		hst_cache_ns_cell(text, (double)function->reuse_p95_ns);
	}
}

void hst_cache_entries_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	char count[HST_UNITS_BYTES];

	hst_units_count(count, hst_cache_plan_of(function)->capacity);
	(void)snprintf(text, HST_CACHE_CELL, "%s%s", count,
		function->use_shared    ? " shared"
		: function->threads > 1 ? " a thread"
					: "");
}

void hst_cache_hits_cell(char text[HST_CACHE_CELL], const struct hst_cache_function *function)
{
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);

	hst_units_percent(text, plan->hits, plan->lookups);
}

static double gain_value(const struct hst_cache_function *function)
{
	return hst_cache_is_seen(function) ? hst_cache_plan_of(function)->gain_ns : 0;
}

static double calls_value(const struct hst_cache_function *function)
{
	return (double)function->calls;
}

static double keys_value(const struct hst_cache_function *function)
{
	return (double)function->distinct;
}

static double hits_value(const struct hst_cache_function *function)
{
	const struct hst_cache_plan *plan = hst_cache_plan_of(function);

	return plan->lookups > 0 ? plan->hits / plan->lookups : 0;
}

static double cost_value(const struct hst_cache_function *function)
{
	return (double)function->cost_ns;
}

static double saved_value(const struct hst_cache_function *function)
{
	return hst_cache_plan_of(function)->saved_ns;
}

/* What can be sorted by: largest first. */
static const struct {
	const char *name;
	double (*value)(const struct hst_cache_function *function);
} sorts[] = {
	{ "gain", gain_value },
	{ "calls", calls_value },
	{ "keys", keys_value },
	{ "hits", hits_value },
	{ "cost", cost_value },
	{ "saved", saved_value },
};

struct sorting {
	const struct hst_cache_show *show;
	double (*value)(const struct hst_cache_function *function);
};

static int compare(const void *left, const void *right, void *context)
{
	const struct sorting *sorting = context;
	const struct hst_cache_function *functions = sorting->show->cache->functions;
	uint32_t a = *(const uint32_t *)left;
	uint32_t b = *(const uint32_t *)right;
	double x = sorting->value(&functions[a]);
	double y = sorting->value(&functions[b]);

	if (x < y || x > y) {
		return (x > y ? -1 : 1) * (sorting->show->reading->options.reverse ? -1 : 1);
	}
	return a < b ? -1 : a > b;
}

enum hst_status hst_cache_choose(struct hst_cache_show *show, struct hst_diag *diag)
{
	const struct hst_cache *cache = show->cache;
	const char *sort = show->reading->options.sort;
	const char *explain = show->reading->options.explain;
	struct sorting sorting = { .show = show };

	for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
		if (strcmp(sort != NULL ? sort : "gain", sorts[i].name) == 0) {
			sorting.value = sorts[i].value;
		}
	}
	if (sorting.value == NULL) {
		return hst_diag_set(diag, HST_E_USAGE,
			"-s takes gain, calls, keys, hits, cost or saved, not '%s'", sort);
	}
	show->order = calloc(cache->count + 1, sizeof *show->order);
	if (show->order == NULL) {
		return HST_E_MEMORY;
	}
	for (size_t i = 0; i < cache->count; i++) {
		const struct hst_function_row *row = &show->rows[cache->functions[i].row];

		if (hst_reading_wants(show->reading, row) &&
			(explain == NULL || hst_row_is_named(row, explain))) {
			show->order[show->order_count++] = (uint32_t)i;
		}
	}
	qsort_r(show->order, show->order_count, sizeof *show->order, compare, &sorting);
	if (explain != NULL && show->order_count == 0) {
		return hst_diag_set(diag, HST_E_NOT_FOUND,
			"--explain: no row has the name '%s'; hasten cache -n 0 lists them all",
			explain);
	}
	return HST_OK;
}

int hst_cache_print(struct hst_cache_show *show)
{
	const struct hst_options *asked = &show->reading->options;
	struct hst_diag diag = { "" };
	enum hst_status status = hst_cache_choose(show, &diag);

	if (status == HST_OK && asked->json) {
		status = hst_cache_json(show);
	} else if (status == HST_OK && asked->csv) {
		hst_cache_csv(show);
		hst_reading_losses(show->reading, show->said);
	} else if (status == HST_OK && asked->patch != NULL) {
		status = hst_cache_patch(show, &diag);
	} else if (status == HST_OK && asked->explain != NULL) {
		status = hst_cache_explain(show);
	} else if (status == HST_OK) {
		status = hst_cache_text(show);
	}
	return status == HST_OK
		       ? HST_EXIT_OK
		       : hst_reading_fail(show->reading, "%s",
				 diag.text[0] != '\0' ? diag.text : hst_status_text(status));
}
