/* SPDX-License-Identifier: Apache-2.0 */
/* `hasten processes` with what nobody would record on purpose: empty, huge, deep, and made to harm a terminal. */
#include "processes_fixture.h"

#include "cmd/commands.h"
#include "cmd/processes_plot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define BIG_BYTES   (100u << 10)
#define MANY        10000u
#define CPU_SECONDS 5.0 /* of a view with MANY processes, on a slow machine with checks */

static const size_t views[] = { HST_OPTION_AT(quiet), HST_OPTION_AT(commands),
	HST_OPTION_AT(languages), HST_OPTION_AT(waste), HST_OPTION_AT(critical),
	HST_OPTION_AT(failed), HST_OPTION_AT(system), HST_OPTION_AT(json), HST_OPTION_AT(csv) };

#define VIEWS (sizeof views / sizeof views[0])

static void choose(struct fixture *f, size_t view, uint64_t rows)
{
	f->reading.options = (struct hst_options){
		.dir = "data", .rows = rows, .color = HST_COLOR_NEVER, .no_pager = true
	};
	*(bool *)((char *)&f->reading.options + view) = true;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if ((byte < 0x20 && byte != '\n' && byte != '\r') || byte == 0x7f) {
			return true;
		}
	}
	return false;
}

static void test_hostile_texts_cannot_act_on_a_terminal(void **state)
{
	static const char evil[] = "\x1b]0;owned\a\x1b[2J\xff\xfe\xc2\x9b"
				   "31m\xe2\x80\xae\nline";
	static const char *const argv[] = { evil, evil, NULL };
	struct fixture *f = *state;

	for (uint32_t i = 0; i < IMAGES; i++) {
		struct hst_process_image *image = &f->images[i];

		image->command = image->exe = image->cwd = image->file = image->verdict = evil;
		image->evidence = image->tool = image->language = image->build_id = evil;
		image->probes = argv;
		image->probe_count = 2;
		fixture_argv(f, i, argv);
	}
	f->reading.session.command = evil;
	f->commands[0].command = f->phases[0].language = evil;
	f->wastes[0].wrapper = f->wastes[0].program = evil;
	f->exec_failures[0].file = f->exec_failures[0].call = f->shell.command = evil;
	f->process_samples[0].name = evil;
	for (size_t v = 0; v < VIEWS; v++) {
		choose(f, views[v], UINT64_MAX);
		assert_int_equal(show(f), HST_EXIT_OK);
		assert_false(has_control(f->output));
		assert_null(strstr(f->output, "\xc2\x9b"));
	}
	choose(f, HST_OPTION_AT(failed), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "$'\\e]0;owned\\u0007\\e[2J\\377\\376\\u009b31m"));
	choose(f, HST_OPTION_AT(wide), UINT64_MAX);
	f->reading.options.of = "10*";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	f->reading.options.of = "100";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_false(has_control(f->output));
	choose(f, HST_OPTION_AT(json), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "\"command\":\"\\u001b]0;owned\\u0007\\u001b[2J\\ufffd"));
}

static void test_hostile_long_argument_is_cut_but_in_full_where_it_matters(void **state)
{
	struct fixture *f = *state;
	char *big = malloc(BIG_BYTES + 1);
	const char *argv[] = { "cc1", big, "behind", NULL };
	char tail[600] = "";

	memset(big, 'x', BIG_BYTES);
	big[BIG_BYTES] = '\0';
	fixture_argv(f, CC1, argv);
	choose(f, HST_OPTION_AT(quiet), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_in_range(strlen(f->output), 100, 8000);
	choose(f, HST_OPTION_AT(failed), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "xxx behind\n"));
	assert_in_range(strlen(f->output), BIG_BYTES, BIG_BYTES + 4000);
	choose(f, HST_OPTION_AT(json), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "xxx\",\"behind\"]"));
	/* The key has room for a part, and a hash of the rest. */
	memset(tail, 'x', 480);
	assert_non_null(strstr(f->output, "{\"key\":\"cc1 xxxxxxxx"));
	assert_non_null(strstr(f->output, "xxxx#"));
	free(big);
}

static void key_is(struct fixture *f, const char *argument, const char *expected)
{
	const char *const argv[] = { "cc1", argument, NULL };
	struct hst_show_scratch scratch;
	struct hst_show shown = { .reading = &f->reading, .processes = &f->processes };
	char key[HST_SHOW_KEY_BYTES];

	fixture_argv(f, CC1, argv);
	assert_int_equal(hst_show_begin(&shown, &scratch), HST_OK);
	hst_show_key(key, &shown, &f->images[CC1]);
	hst_show_end(&shown);
	assert_string_equal(key, expected);
}

static void test_keys_leave_out_what_differs_between_runs(void **state)
{
	struct fixture *f = *state;

	key_is(f, "/tmp/ccAb12Xy.s", "cc1 /tmp/*.s");
	key_is(f, "/tmp/ccabcdef.ltrans0.o", "cc1 /tmp/*.ltrans0.o");
	key_is(f, "-fresolution=/tmp/ccX1yZ22.res", "cc1 -fresolution=/tmp/*.res");
	key_is(f, "/var/x/tmp.8sKq20aBcD/file", "cc1 /var/x/*/file");
	key_is(f, "/src/app/sub/a.c", "cc1 ./sub/a.c");
	key_is(f, "-I/src/app", "cc1 -I.");
	/* Names that look a little like it. */
	key_is(f, "ccompile.c", "cc1 ccompile.c");
	key_is(f, "tmpfiles.d", "cc1 tmpfiles.d");
	key_is(f, "/src/apple/a.c", "cc1 /src/apple/a.c");
	key_is(f, "", "cc1 ");
}

static void test_hostile_empty_recording_says_so(void **state)
{
	struct fixture *f = *state;

	f->processes = (struct hst_processes){ .root = HST_PROCESS_NONE };
	for (size_t v = 0; v < VIEWS; v++) {
		choose(f, views[v], UINT64_MAX);
		assert_int_equal(show(f), HST_EXIT_OK);
		assert_true(strlen(f->output) > 10);
	}
	choose(f, HST_OPTION_AT(no_pager), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "ended not known\n"));
	assert_true(has(f, "no process left a record\n"));
}

static void many(struct fixture *f, bool deep)
{
	static const char *const argv[] = { "cc1", "-quiet", "file.c", NULL };
	static const char *const names[] = { "cc1", "as", "ld", "sh", "gcc", "sed" };

	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t number = (uint32_t)f->processes.image_count;

		(void)fixture_add(f,
			deep ? number - 1 : (i % 10 == 0 || i < 10 ? MAKE : number - i % 10),
			HST_PROCESS_NONE, 2000 + i, names[i % 6]);
		fixture_argv(f, number, argv);
		f->images[number].start_ns = i * 1000;
		f->images[number].end_ns = (2 * MANY - i) * 1000;
		f->images[number].wall_ns = f->images[number].end_ns - i * 1000;
		f->images[number].cpu_ns = 1000;
		f->images[number].tree_cpu_ns = deep ? (MANY - i) * 1000 : 1000;
	}
}

static void run_all_views(struct fixture *f)
{
	for (size_t v = 0; v < VIEWS; v++) {
		for (int all = 0; all < 2; all++) {
			clock_t begin = clock();
			double seconds;

			choose(f, views[v], all ? 0 : UINT64_MAX);
			assert_int_equal(show(f), HST_EXIT_OK);
			seconds = (double)(clock() - begin) / (double)CLOCKS_PER_SEC;
			if (seconds > CPU_SECONDS) {
				print_message("view %zu, all %d: %.1f s\n", v, all, seconds);
			}
			assert_true(seconds <= CPU_SECONDS);
		}
	}
}

static void test_hostile_ten_thousand_processes_take_no_time(void **state)
{
	struct fixture *f = *state;

	many(f, false);
	run_all_views(f);
	choose(f, HST_OPTION_AT(quiet), UINT64_MAX);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, " x cc1, "));
	assert_in_range(longest_line(strstr(f->output, "START")), 60, 140);
	choose(f, HST_OPTION_AT(quiet), 0);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, " 11999 "));
}

static void test_hostile_depth_is_drawn_within_the_line(void **state)
{
	struct fixture *f = *state;

	many(f, true);
	run_all_views(f);
	choose(f, HST_OPTION_AT(quiet), 0);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "(level 9000) "));
}

static void test_hostile_links_and_times_are_survived(void **state)
{
	struct fixture *f = *state;

	f->images[CC1].culprit = 4000000;
	f->images[CC1].waited_by = 4000000;
	f->images[CC1].parent = CC1_B; /* behind it */
	f->images[PYTHON].end_ns = UINT64_MAX;
	f->images[PYTHON].start_ns = UINT64_MAX - 5;
	f->images[BUSYBOX].end_ns = 0;
	f->images[BUSYBOX].flags |= HST_PROCESS_START_UNKNOWN;
	f->images[BUSYBOX].wall_ns = HST_PROCESS_UNKNOWN;
	f->images[BUSYBOX].cpu_ns = HST_PROCESS_UNKNOWN;
	f->steps[0].image = f->stretch.image = f->repeat.first = f->wastes[0].example = 4000000;
	f->exec_failures[0].image = HST_PROCESS_NONE;
	f->exec_failures[0].error = -5;
	for (size_t v = 0; v < VIEWS; v++) {
		choose(f, views[v], 0);
		assert_int_equal(show(f), HST_EXIT_OK);
	}
	choose(f, HST_OPTION_AT(quiet), 3);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "100 make -j2 all\n"));
}

/* Drawings. */

static void span_is(const struct hst_plot *plot, uint64_t begin, uint64_t end, const char *expected)
{
	char text[HST_PLOT_BYTES];

	hst_plot_span(text, plot, begin, end);
	assert_string_equal(text, expected);
}

static void test_plot_spans_follow_each_other(void **state)
{
	const struct hst_plot plot = { 10, false, 1000 };
	const struct hst_plot blocks = { 4, true, 1000 };
	const struct hst_plot none = { 0, false, 1000 };

	(void)state;
	span_is(&plot, 0, 1000, "##########");
	span_is(&plot, 0, 440, "####");
	span_is(&plot, 440, 1000, "    ######");
	span_is(&plot, 500, 501, "     |");
	span_is(&plot, 1000, 1000, "         |");
	span_is(&plot, 900, 5000, "         #");
	span_is(&plot, 700, 600, "       |");
	span_is(&plot, UINT64_MAX, UINT64_MAX, "         |");
	span_is(&blocks, 0, 500, "\xe2\x96\x88\xe2\x96\x88");
	span_is(&blocks, 750, 751, "   \xe2\x96\x8f");
	span_is(&none, 0, 500, "");
}

static void test_plot_series_keeps_the_greatest_of_a_column(void **state)
{
	const struct hst_plot plot = { 8, false, 800 };
	const struct hst_plot none = { 0, false, 800 };
	const struct hst_plot_point points[] = { { 100, 8 }, { 150, 1 }, { 300, 0 }, { 500, NAN },
		{ 799, 4 }, { 99999, 3 } };
	char text[HST_PLOT_BYTES];

	(void)state;
	hst_plot_series(text, &plot, points, 6, 8);
	assert_string_equal(text, " ##____=");
	hst_plot_series(text, &none, points, 6, 8);
	assert_string_equal(text, "");
	hst_plot_series(text, &plot, points, 0, 8);
	assert_string_equal(text, "        ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_texts_cannot_act_on_a_terminal),
		TEST(test_hostile_long_argument_is_cut_but_in_full_where_it_matters),
		TEST(test_keys_leave_out_what_differs_between_runs),
		TEST(test_hostile_empty_recording_says_so),
		TEST(test_hostile_ten_thousand_processes_take_no_time),
		TEST(test_hostile_depth_is_drawn_within_the_line),
		TEST(test_hostile_links_and_times_are_survived),
		cmocka_unit_test(test_plot_spans_follow_each_other),
		cmocka_unit_test(test_plot_series_keeps_the_greatest_of_a_column),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
