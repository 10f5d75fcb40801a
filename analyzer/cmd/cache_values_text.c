/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten cache --explain`: where parameters were read, which values they had, which arguments came most and what they gave. */
#include "cmd/cache_values.h"

#include "cmd/info_args.h"
#include "writers/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_SHOWN         10u
#define TUPLES_SHOWN         10u
#define CONTRADICTIONS_SHOWN 5u
#define RANGED_LEAST         16u /* fewer different numbers are listed, not put into ranges */
#define BAR_WIDTH            30u
#define LINE_BYTES           1600

static void print_bar(const char *what, uint64_t calls, uint64_t most)
{
	char bar[BAR_WIDTH + 1] = "";
	char number[HST_UNITS_BYTES];
	size_t width = most == 0 ? 0 : (size_t)((double)calls / (double)most * BAR_WIDTH + 0.5);

	memset(bar, '#', width < BAR_WIDTH ? width : BAR_WIDTH);
	hst_units_count(number, calls);
	hst_print_line("  %10s %-30s %s", number, bar, what);
}

static void print_params(const struct hst_cache_values *values)
{
	if (values->site == NULL) {
		hst_print_line("parameters: not known: %s",
			values->why.text[0] != '\0'
				? values->why.text
				: "no place of the recorded file fits what was read");
		return;
	}
	hst_print_line("parameters, what of them counts, and where they were read%s:",
		values->site->inlined ? " (inlined)" : "");
	for (size_t i = 0; i < values->param_count; i++) {
		const struct hst_recipe_param *recipe = values->params[i].recipe;
		char place[HST_ARGS_PLACE_BYTES];
		char keyed[HST_ARGS_PLACE_BYTES];

		hst_args_place(
			place, &values->recipes.pieces[recipe->first_piece], recipe->piece_count);
		hst_args_keyed(keyed, recipe, recipe + 1);
		hst_print_line("  %-16s %-24s %-24s %s", values->params[i].name, recipe->type,
			keyed, place);
	}
	if (values->inlined > 0 && !values->site->inlined) {
		hst_print_line("  and at %zu places where it is inlined", values->inlined);
	}
}

static void print_range(const struct hst_cache_values *values, size_t param,
	const struct hst_value_histogram *histogram)
{
	double step = (histogram->high / HST_VALUE_BUCKETS - histogram->low / HST_VALUE_BUCKETS);
	uint64_t most = 0;

	for (unsigned i = 0; i < HST_VALUE_BUCKETS; i++) {
		most = histogram->buckets[i] > most ? histogram->buckets[i] : most;
	}
	hst_print_line("%s in ranges, by calls:", values->params[param].name);
	for (unsigned i = 0; i < HST_VALUE_BUCKETS; i++) {
		char text[80];

		(void)snprintf(text, sizeof text, "from %.6g", histogram->low + i * step);
		print_bar(text, histogram->buckets[i], most);
	}
}

static enum hst_status print_values(const struct hst_cache_values *values, size_t param)
{
	struct hst_value_histogram histogram;
	uint64_t others = 0;
	size_t shown;

	HST_TRY(hst_cache_values_count(values, param, &histogram));
	shown = histogram.count < VALUES_SHOWN ? histogram.count : VALUES_SHOWN;
	if (histogram.ranged) {
		hst_print_line("values of %s: %zu different, %.9g to %.9g",
			values->params[param].name, histogram.count, histogram.low, histogram.high);
	} else {
		hst_print_line(
			"values of %s: %zu different", values->params[param].name, histogram.count);
	}
	for (size_t i = 0; i < histogram.count; i++) {
		char text[HST_LITERAL_BYTES];

		if (i >= shown) {
			others += histogram.items[i].calls;
			continue;
		}
		hst_cache_values_argument(
			values, &values->from->tuples.items[histogram.items[i].tuple], param, text);
		print_bar(text, histogram.items[i].calls, histogram.items[0].calls);
	}
	if (shown < histogram.count) {
		char text[64];

		(void)snprintf(text, sizeof text, "[%zu others]", histogram.count - shown);
		print_bar(text, others, 0);
	}
	if (histogram.ranged && histogram.count >= RANGED_LEAST) {
		print_range(values, param, &histogram);
	}
	free(histogram.items);
	return HST_OK;
}

/* Appends as much of the text as there is room for. */
static void append(char line[LINE_BYTES], const char *text)
{
	size_t at = strlen(line);

	(void)snprintf(line + at, LINE_BYTES - at, "%s", text);
}

static void append_results(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, char line[LINE_BYTES])
{
	char text[HST_LITERAL_BYTES];
	char count[64];

	for (unsigned i = 0; i < tuple->result_count; i++) {
		hst_cache_values_result(values, &tuple->result[i], text);
		append(line, i == 0 ? " = " : ", ");
		append(line, text);
		if (tuple->result_count > 1) {
			(void)snprintf(
				count, sizeof count, " (%" PRIu64 "x)", tuple->result[i].calls);
			append(line, count);
		}
	}
	if (tuple->other_results != 0) {
		(void)snprintf(
			count, sizeof count, ", others (%" PRIu64 "x)", tuple->other_results);
		append(line, count);
	}
}

static void print_tuple(const struct hst_cache_values *values,
	const struct hst_argument_tuple *tuple, const char *name)
{
	char line[LINE_BYTES];
	char text[HST_LITERAL_BYTES];
	char number[HST_UNITS_BYTES];

	hst_units_count(number, tuple->calls);
	(void)snprintf(line, sizeof line, "  %10s  %.100s(", number, name);
	if (hst_cache_values_fit(values, tuple)) {
		for (size_t i = 0; i < values->param_count; i++) {
			hst_cache_values_argument(values, tuple, i, text);
			append(line, i == 0 ? "" : ", ");
			append(line, text);
		}
	} else {
		(void)snprintf(text, sizeof text, "key %016" PRIx64, tuple->key);
		append(line, text);
	}
	append(line, ")");
	append_results(values, tuple, line);
	hst_print_line("%s", line);
}

/* Those with more than one result that do not stand among the most frequent ones. */
static void print_contradictions(
	const struct hst_cache_values *values, size_t shown, const char *name)
{
	size_t count = 0;

	for (size_t i = shown; i < values->from->tuples.count; i++) {
		const struct hst_argument_tuple *tuple = &values->from->tuples.items[i];

		if (tuple->result_count < 2) {
			continue;
		}
		if (count == 0) {
			hst_print_line("further arguments with more than one result:");
		}
		if (count++ < CONTRADICTIONS_SHOWN) {
			print_tuple(values, tuple, name);
		}
	}
	if (count > CONTRADICTIONS_SHOWN) {
		hst_print_line("  and %zu more", count - CONTRADICTIONS_SHOWN);
	}
}

/* How the values would be had. */
static void print_how(const struct hst_function_row *row, const char *command)
{
	hst_print_line("values of arguments and results were not recorded; record again with");
	hst_print_line("  hasten run --values --args='%s' -- %s", row->name,
		command == NULL ? "PROGRAM" : command);
}

static void print_doubts(const struct hst_cache_values *values)
{
	const struct hst_argument_function *from = values->from;

	if (from->left_calls != 0) {
		hst_print_line(
			"incomplete: only the first %u different arguments were kept: %" PRIu64
			" of %" PRIu64 " calls had others and are in no figure of values",
			HST_ARGUMENT_TUPLES_MAX, from->left_calls, from->calls);
	}
	if (from->left_values != 0) {
		hst_print_line("incomplete: no room for the values of %" PRIu64
			       " different arguments: in no figure of values",
			from->left_values);
	}
	if (values->unfit != 0) {
		hst_print_line(
			"incomplete: %" PRIu64
			" different arguments were read in other parts than these parameters (inlined, or other lines in "
			"functions.conf): in no figure of values",
			values->unfit);
	}
}

enum hst_status hst_cache_values_text(const struct hst_cache_values *values,
	const struct hst_function_row *row, const char *command)
{
	const struct hst_argument_function *from = values->from;
	size_t shown;

	if (from == NULL) {
		return HST_OK;
	}
	print_params(values);
	if (!values->has_values && values->param_count != 0) {
		print_how(row, command);
		return HST_OK;
	}
	for (size_t i = 0; i < values->param_count; i++) {
		HST_TRY(print_values(values, i));
	}
	hst_print_line("arguments that came most, with their results (%zu different in %" PRIu64
		       " calls):",
		from->tuples.count, from->calls);
	shown = from->tuples.count < TUPLES_SHOWN ? from->tuples.count : TUPLES_SHOWN;
	for (size_t i = 0; i < shown; i++) {
		print_tuple(values, &from->tuples.items[i], row->name);
	}
	print_contradictions(values, shown, row->name);
	print_doubts(values);
	return HST_OK;
}
