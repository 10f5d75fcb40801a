/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of figures in their forms, and command lines that try to be more than text. */
#include "cmd/processes_fields.h"

#include "hasten/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#define BIG_BYTES (100u << 10)

static const char *line_of(const char *word)
{
	static char buffer[512];

	(void)hst_command_line(buffer, sizeof buffer, &word, 1);
	return buffer;
}

static void test_words_plain_ones_stay_as_they_are(void **state)
{
	const char *const argv[] = { "gcc", "-O2", "-o", "out/a.o", "x=1" };
	char buffer[512];

	(void)state;
	assert_int_equal(hst_command_line(buffer, sizeof buffer, argv, 5), 22);
	assert_string_equal(buffer, "gcc -O2 -o out/a.o x=1");
}

static void test_words_are_quoted_for_a_shell(void **state)
{
	(void)state;
	assert_string_equal(line_of(""), "''");
	assert_string_equal(line_of("two words"), "'two words'");
	assert_string_equal(line_of("it's"), "'it'\\''s'");
	assert_string_equal(line_of("$HOME"), "'$HOME'");
	assert_string_equal(line_of("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

static void test_words_cannot_act_on_a_terminal(void **state)
{
	(void)state;
	assert_string_equal(
		line_of("\x1b[31mred\x1b]0;title\a"), "$'\\e[31mred\\e]0;title\\u0007'");
	assert_string_equal(line_of("a\nb\tc\rd"), "$'a\\nb\\tc\\rd'");
	assert_string_equal(line_of("it's\x7f\\"), "$'it\\'s\\u007f\\\\'");
	assert_string_equal(line_of("\xc2\x9b"
				    "31m"),
		"$'\\u009b31m'"); /* CSI as C1 */
	assert_string_equal(line_of("\xe2\x80\xae"
				    "evil"),
		"$'\\u202eevil'"); /* turns the direction */
	assert_string_equal(line_of("a\xff\xc3"), "$'a\\377\\303'");
	assert_string_equal(line_of("?"), "'?'");
}

static void test_words_beyond_the_room_are_cut_with_a_mark(void **state)
{
	char *big = malloc(BIG_BYTES + 1);
	const char *const argv[] = { "cc1", big, "behind" };
	char buffer[HST_FIELD_CELL];
	size_t used;

	(void)state;
	memset(big, 'x', BIG_BYTES);
	big[BIG_BYTES] = '\0';
	used = hst_command_line(buffer, sizeof buffer, argv, 3);
	assert_in_range(used, sizeof buffer / 2, sizeof buffer - 1);
	assert_int_equal(strlen(buffer), used);
	assert_string_equal(buffer + used - 4, " ...");
	assert_null(strstr(buffer, "behind"));
	memset(big, '\x1b', BIG_BYTES);
	used = hst_command_line(buffer, sizeof buffer, argv, 3);
	assert_in_range(used, sizeof buffer / 2, sizeof buffer - 1);
	assert_null(strchr(buffer, '\x1b'));
	free(big);
}

/* Fields. */

struct row {
	uint64_t wall_ns, hwm_bytes;
	int64_t delta;
	const char *name;
};

static struct hst_figure name_of(const void *context, const void *row)
{
	const struct row *of = row;

	(void)context;
	return (struct hst_figure){ .known = of->name != NULL, .text = of->name };
}

static struct hst_figure half(const void *context, const void *row)
{
	const uint64_t *whole = context;
	const struct row *of = row;

	return (struct hst_figure){
		.known = true, .doubt = true, .value = of->wall_ns, .whole = *whole
	};
}

static struct hst_figure delta(const void *context, const void *row)
{
	(void)context;
	return (struct hst_figure){ .known = true,
		.value = (uint64_t)((const struct row *)row)->delta };
}

static const struct hst_field items[] = {
	{ "wall_ns", "wall", "WALL", HST_COLUMN_RIGHT, HST_FIGURE_NS, NULL,
		offsetof(struct row, wall_ns) },
	{ "hwm_bytes", "hwm", "HWM", HST_COLUMN_RIGHT, HST_FIGURE_BYTES, NULL,
		offsetof(struct row, hwm_bytes) },
	{ "share_percent", "%", "%", HST_COLUMN_RIGHT, HST_FIGURE_PERCENT, half, 0 },
	{ "delta", "delta", "DELTA", HST_COLUMN_RIGHT, HST_FIGURE_SIGNED, delta, 0 },
	{ "name", "name", "NAME", HST_COLUMN_FLEX, HST_FIGURE_TEXT, name_of, 0 },
};
static const uint64_t whole = 8000;
static const struct hst_fields fields = { items, sizeof items / sizeof items[0], &whole };

static const struct row table[] = {
	{ 1000, HST_JOURNAL_UNKNOWN, -3, "b" },
	{ 4000, 2048, 2, NULL },
	{ 2000, 1024, 7, "a" },
};

static void cell(const struct row *row, size_t field, const char *expected)
{
	char text[HST_FIELD_CELL];

	hst_field_cell(&fields, &items[field], row, text);
	assert_string_equal(text, expected);
}

static void test_fields_cells_say_what_is_unknown_or_in_doubt(void **state)
{
	(void)state;
	cell(&table[0], 0, "1.00 us");
	cell(&table[0], 1, "-");
	cell(&table[1], 1, "2.00 KiB");
	cell(&table[1], 2, "~50.0");
	cell(&table[0], 3, "-3");
	cell(&table[1], 4, "-");
}

static void order(const char *column, bool reverse, const char *expected)
{
	struct hst_diag diag = { "" };
	struct hst_field_rows rows;
	char found[4] = "";

	assert_int_equal(hst_field_rows_of(table, 3, sizeof table[0], &rows), HST_OK);
	assert_int_equal(hst_fields_sort(&fields, column, reverse, &rows, &diag), HST_OK);
	for (size_t i = 0; i < 3; i++) {
		found[i] = (char)('0' + ((const struct row *)rows.items[i] - table));
	}
	assert_string_equal(found, expected);
	hst_field_rows_finish(&rows);
}

static void test_fields_sort_puts_the_unknown_last(void **state)
{
	struct hst_diag diag = { "" };
	struct hst_field_rows rows;

	(void)state;
	order("wall", false, "120");
	order("wall", true, "021");
	order("hwm", false, "120");
	order("hwm", true, "210");
	order("%", false, "120");
	order("delta", false, "210");
	order("name", false, "201");
	order("name", true, "021");
	assert_int_equal(hst_field_rows_of(table, 3, sizeof table[0], &rows), HST_OK);
	assert_int_equal(hst_fields_sort(&fields, "nothing", false, &rows, &diag), HST_E_USAGE);
	assert_string_equal(diag.text,
		"this table has no column 'nothing'; its columns are: wall hwm % delta name");
	hst_field_rows_finish(&rows);
}

static void test_fields_columns_can_be_replaced_or_added_to(void **state)
{
	struct hst_field_choice choice;
	struct hst_diag diag = { "" };

	(void)state;
	assert_int_equal(hst_fields_choose(&fields, NULL, "wall,name", &choice, &diag), HST_OK);
	assert_int_equal(choice.count, 2);
	assert_false(choice.fixed);
	assert_ptr_equal(choice.items[1], &items[4]);
	assert_int_equal(hst_fields_choose(&fields, "+hwm", "wall", &choice, &diag), HST_OK);
	assert_int_equal(choice.count, 2);
	assert_true(choice.fixed);
	assert_ptr_equal(choice.items[1], &items[1]);
	assert_int_equal(hst_fields_choose(&fields, "%", "wall", &choice, &diag), HST_OK);
	assert_int_equal(choice.count, 1);
	assert_int_equal(hst_fields_choose(&fields, "wall,x", "wall", &choice, &diag), HST_E_USAGE);
	assert_int_equal(hst_fields_choose(&fields, "", "wall", &choice, &diag), HST_E_USAGE);
	assert_string_equal(diag.text, "-c needs the name of a column");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_plain_ones_stay_as_they_are),
		cmocka_unit_test(test_words_are_quoted_for_a_shell),
		cmocka_unit_test(test_words_cannot_act_on_a_terminal),
		cmocka_unit_test(test_words_beyond_the_room_are_cut_with_a_mark),
		cmocka_unit_test(test_fields_cells_say_what_is_unknown_or_in_doubt),
		cmocka_unit_test(test_fields_sort_puts_the_unknown_last),
		cmocka_unit_test(test_fields_columns_can_be_replaced_or_added_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
