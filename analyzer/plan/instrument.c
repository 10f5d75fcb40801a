/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions lose their hooks. Functions of which gcc's list cannot tell one from the other (overloads, instances of a
 * template, static functions of one name) are one unit: they are judged by their sums, and go or stay together.
 */
#include "plan/instrument.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/strtab.h"

enum hst_status hst_instrument_add(
	struct hst_instrument *set, const struct hst_instrument_function *function)
{
	return hst_vec_push(&set->functions, *function) ? HST_OK : HST_E_MEMORY;
}

void hst_instrument_finish(struct hst_instrument *set)
{
	hst_vec_finish(&set->functions);
	hst_vec_finish(&set->entries);
	hst_vec_finish(&set->files);
	hst_arena_finish(&set->arena);
	*set = (struct hst_instrument){ 0 };
}

/* Each name gets the number of its certain text; what has none is alone. */
static enum hst_status number_units(struct hst_instrument *set)
{
	struct hst_strtab texts = { 0 };
	enum hst_status status = HST_OK;
	uint32_t alone = 0;

	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		if (function->certain != NULL && !function->nameless) {
			status = hst_strtab_add(&texts, function->certain, &function->unit);
		}
	}
	alone = (uint32_t)texts.count;
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		if (function->certain == NULL || function->nameless) {
			function->unit = alone++;
		}
	}
	set->units = alone;
	hst_strtab_finish(&texts);
	return status;
}

/* The scope that a path names, up to its last "::" outside of brackets; its length, 0 none. */
static size_t scope_length(const char *path)
{
	size_t length = 0;
	size_t plain = strcspn(path, "<({[ ");

	for (size_t i = 0; i + 1 < plain; i++) {
		if (path[i] == ':' && path[i + 1] == ':') {
			length = i;
		}
	}
	return length;
}

/* Lists the scopes of all C++ functions, each once. */
static enum hst_status list_scopes(struct hst_instrument *set)
{
	struct hst_strtab seen = { 0 };
	enum hst_status status = HST_OK;
	size_t bytes = 1;
	char *text;

	for (size_t i = 0; i < set->functions.count && status == HST_OK; i++) {
		const char *path = set->functions.items[i].path;
		size_t length = scope_length(path);
		const char *scope =
			length == 0 ? NULL : hst_arena_string_n(&set->arena, path, length);
		uint32_t id;

		if (length != 0) {
			status = scope == NULL ? HST_E_MEMORY : hst_strtab_add(&seen, scope, &id);
		}
	}
	for (size_t i = 1; i < seen.count; i++) {
		bytes += strlen(hst_strtab_get(&seen, (uint32_t)i)) + 1;
	}
	text = status == HST_OK ? hst_arena_alloc(&set->arena, bytes) : NULL;
	set->scopes = text;
	for (size_t i = 1; text != NULL && i < seen.count; i++) {
		const char *scope = hst_strtab_get(&seen, (uint32_t)i);
		size_t length = strlen(scope);

		memcpy(text, scope, length);
		text += length;
		*text++ = '\n';
	}
	hst_strtab_finish(&seen);
	return status == HST_OK && text == NULL ? HST_E_MEMORY : status;
}

enum hst_status hst_instrument_prepare(struct hst_instrument *set)
{
	bool called = false;

	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		HST_TRY(hst_instrument_names(&set->arena, function));
		set->cxx |= strncmp(function->linkage, "_Z", 2) == 0;
		function->system = hst_instrument_system_part(function->file) != NULL;
		called |= function->system && function->calls != 0;
	}
	/* Who recorded them by intention keeps them. */
	set->system = set->cxx && !called;
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->system &= set->system;
		function->c_in_cxx &= set->cxx;
	}
	HST_TRY(number_units(set));
	return list_scopes(set);
}

struct unit {
	double cost;
	uint64_t self_ns;
	bool fixed;  /* it has to stay */
	bool spared; /* it costs so little that it goes last */
	bool out;
};

/* A unit in an order of decision. */
struct turn {
	uint32_t unit;
	double key, cost;
};

/* Descending key, then descending cost, then as they came. */
static int by_key(const void *a, const void *b)
{
	const struct turn *x = a;
	const struct turn *y = b;

	if (x->key < y->key || x->key > y->key) {
		return x->key > y->key ? -1 : 1;
	}
	if (x->cost < y->cost || x->cost > y->cost) {
		return x->cost > y->cost ? -1 : 1;
	}
	return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static void sum_units(const struct hst_instrument *set, struct unit *units)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		const struct hst_instrument_function *function = &set->functions.items[i];
		struct unit *unit = &units[function->unit];

		unit->cost += function->cost_ns;
		unit->self_ns += function->self_ns;
		unit->fixed |= function->nameless || function->kept || function->system;
	}
}

/*
 * Marks the many that cost next to nothing, as long as all of them take at most half of what is allowed: they would make the lists
 * long, and their rows would be lost for nothing.
 */
static void spare(struct unit *units, struct turn *turns, uint32_t count, double allowed)
{
	double sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		turns[i] = (struct turn){ .unit = i, .key = -units[i].cost };
	}
	qsort(turns, count, sizeof *turns, by_key);
	for (uint32_t i = 0; i < count; i++) {
		struct unit *unit = &units[turns[i].unit];

		sum += unit->fixed ? 0 : unit->cost;
		unit->spared = sum <= allowed / 2;
	}
}

/* Takes units out, those of the most cost per own time first, the spared ones last. Returns the cost that is left. */
static double take_out(
	struct unit *units, struct turn *turns, uint32_t count, double cost, double allowed)
{
	for (uint32_t i = 0; i < count; i++) {
		double own = units[i].self_ns > 0 ? (double)units[i].self_ns : 0.5;
		double ratio = units[i].cost / own;

		turns[i] = (struct turn){ .unit = i,
			.key = units[i].spared ? ratio / (1 + ratio) - 1 : ratio,
			.cost = units[i].cost };
	}
	qsort(turns, count, sizeof *turns, by_key);
	for (uint32_t i = 0; i < count && cost > allowed; i++) {
		struct unit *unit = &units[turns[i].unit];

		if (!unit->fixed && unit->cost > 0) {
			unit->out = true;
			cost -= unit->cost;
		}
	}
	return cost;
}

/* Puts those back that the budget has room for: the cheap ones, of which there are many. */
static double put_back(
	struct unit *units, struct turn *turns, uint32_t count, double cost, double allowed)
{
	for (uint32_t i = 0; i < count; i++) {
		turns[i] = (struct turn){ .unit = i, .key = -units[i].cost };
	}
	qsort(turns, count, sizeof *turns, by_key);
	for (uint32_t i = 0; i < count; i++) {
		struct unit *unit = &units[turns[i].unit];

		if (unit->out && cost + unit->cost <= allowed) {
			unit->out = false;
			cost += unit->cost;
		}
	}
	return cost;
}

struct hst_instrument_bare hst_instrument_bare(double recorded_ns, uint64_t calls, double empty_ns)
{
	struct hst_instrument_bare bare = { .program_ns = recorded_ns, .empty_ns = empty_ns };
	double most = recorded_ns * (1 - HST_INSTRUMENT_BARE_LEAST);

	if (calls != 0 && (double)calls * empty_ns > most) {
		bare.empty_ns = most / (double)calls;
		bare.floored = true;
	}
	bare.program_ns -= (double)calls * bare.empty_ns;
	return bare;
}

double hst_instrument_budget(
	struct hst_instrument *set, double cost_ns, double program_ns, double percent)
{
	struct unit *units = hst_arena_array(&set->arena, set->units + (size_t)1, sizeof *units);
	struct turn *turns = hst_arena_array(&set->arena, set->units + (size_t)1, sizeof *turns);
	double allowed = program_ns * percent / 100;

	if (units == NULL || turns == NULL) {
		return -1;
	}
	sum_units(set, units);
	spare(units, turns, set->units, allowed);
	cost_ns = take_out(units, turns, set->units, cost_ns, allowed);
	cost_ns = put_back(units, turns, set->units, cost_ns, allowed);
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->out = units[function->unit].out;
	}
	/* Sums of fractions may come out a little below nothing. */
	return cost_ns > 0 ? cost_ns : 0;
}

void hst_instrument_only_kept(struct hst_instrument *set)
{
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		/* A header of the system of which one function is kept stays out of the list of files. */
		if (function->kept && hst_instrument_system_part(function->file) != NULL) {
			set->system = false;
		}
	}
	for (size_t i = 0; i < set->functions.count; i++) {
		struct hst_instrument_function *function = &set->functions.items[i];

		function->system =
			set->system && hst_instrument_system_part(function->file) != NULL;
		function->out = !function->kept && !function->nameless && !function->system;
	}
}
