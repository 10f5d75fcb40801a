/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten processes` prints of a model that is made by hand: each view, each form, doubts and losses. */
#include "processes_fixture.h"

#include "cmd/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

static void test_processes_head_says_how_it_went(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "make -j2 all\nended CE cc1: make exited with status 2 after cc1 (pid "
			   "102) failed\n"));
	assert_true(has(f, "processes 7, of 9 images; at most 2 at a time, 1.25 on average\n"));
	assert_true(has(f, "failed 3: 3 CE\n"));
	assert_true(
		has(f, "time 1.00 s wall, 839 ms CPU; 51.0 % of the time one process at most\n"));
	assert_true(has(f, "peak 64.0 MiB VmHWM, of cc1 (pid 104)\n"));
	assert_true(has(f, "blind spots 1 statically linked: known from the parent only"));
	assert_true(has(f, "not started 1 program\nno memory 1 process had an"));
	assert_true(has(f, "note: python3 was not waited for\n"));
	assert_true(has(f, "next: hasten processes --failed data\n"));
	assert_null(strchr(f->output, '\x1b'));
}

static void test_processes_tree_shows_time_cost_and_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "START WALL CPU VmHWM STATUS PID COMMAND\n"
			   "0 ns ############### 1.00 s 20.0 ms 3.00 MiB CE cc1 100 make -j2 all\n"
			   "10.0 ms | 2.00 ms 1.00 ms - exec 101 |-sh -c 'exec gcc -c a.c'\n"
			   "12.0 ms ##### 288 ms 4.00 ms - CE cc1 101 |-=> gcc -c a.c\n"
			   "20.0 ms #### 275 ms 250 ms 40.0 MiB CE cc1 102 | `-cc1 -quiet a.c"));
	/* Doubts stand at their figures, and below is said what they are. */
	assert_true(has(f, "| 10.0 ms ~6.00 ms ~2.00 MiB OK (static) 105 |-busybox"));
	assert_true(has(f, "~479 ms 100 ms ~9.00 MiB OK 106 `-python3 gen.py 'two words'"));
	assert_true(has(f, "~ estimated: VmHWM is a bound; CPU was derived from what others "
			   "recorded; the end was not seen"));
	assert_true(has(f, "- not known\n(static), (setuid)"));
	/* A fork that did nothing but exec is not shown. */
	assert_null(strstr(f->output, "510 ms ############### 1.00 ms"));
	assert_non_null(strstr(f->output, " 511 ms         ####### ~479 ms"));
}

static void test_processes_fork_that_worked_is_shown(void **state)
{
	struct fixture *f = *state;

	f->images[FORKED].wall_ns = 200 * MS;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "200 ms 0 ns - exec 106 |-make -j2 all\n"));
	assert_true(has(f, "106 `-=> python3 gen.py"));
}

static void test_processes_peak_may_be_a_bound(void **state)
{
	struct fixture *f = *state;

	f->images[BUSYBOX].hwm_bytes = 70 * MIB;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "peak ~70.0 MiB VmHWM at most, of busybox (pid 105)\n"));
	for (size_t i = 0; i < IMAGES; i++) {
		f->images[i].hwm_source = HST_PROCESS_HWM_UNKNOWN;
	}
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "peak not known\n"));
}

static void test_processes_failures_are_named_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "failed: CE cc1 cc1 (pid 102): cc1 exited with status 1\n"
			   "failed: 2 because of that one\n"));
	assert_null(strstr(f->output, "failed: CE cc1  gcc"));
}

/* Many similar children. */
static void add_children(struct fixture *f, uint32_t parent, size_t count, const char *command)
{
	static const char *const argv[] = { "cc1", "-quiet", "x.c", NULL };

	for (size_t i = 0; i < count; i++) {
		uint32_t number = (uint32_t)f->processes.image_count;
		struct hst_process_image *image =
			fixture_add(f, parent, HST_PROCESS_NONE, 1000 + number, command);

		image->hwm_bytes = (i + 1) * MIB;
		image->hwm_source = HST_PROCESS_HWM_EXACT;
		fixture_argv(f, number, argv);
		fixture_times(f, number, 100 + i, 200 + i, 1);
	}
}

static void test_processes_rows_keep_what_failed_and_what_is_above(void **state)
{
	struct fixture *f = *state;

	f->reading.options.rows = 3;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "100 make -j2 all\n"));
	assert_true(has(f, "101 `-=> gcc -c a.c\n"));
	assert_true(has(f, "102 `-cc1 -quiet a.c"));
	/* More time and CPU, but all is well with it. */
	assert_null(strstr(f->output, "gcc -c b.c"));
	assert_true(has(f, "5 smaller rows left out (-n 0 shows all)\n"));
}

static void test_processes_status_that_was_taken_well_stands_back(void **state)
{
	struct fixture *f = *state;

	/* The second cc1 says no to its gcc, which ends well; make, above both, does not. */
	f->images[CC1_B].class = HST_PROCESS_CLASS_RE_NZEC;
	f->images[CC1_B].exit_status = 1;
	f->images[CC1_B].verdict = "RE-NZEC 1";
	f->reading.options.rows = 3;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "failed: 2 because of that one\n"
			   "failed: 1 with a status that a process above took well"));
	assert_null(strstr(f->output, "gcc -c b.c"));
	f->reading.options.failed = true;
	f->reading.options.rows = UINT64_MAX;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "/tmp/ccAb12Xy.s\n\nfailed, but a process above went on and ended "
			   "well:\n\nRE-NZEC 1 cc1 (pid 104)"));
	/* Many of them are cut, the others never. */
	add_children(f, GCC_B, 30, "test");
	for (size_t i = 0; i < 30; i++) {
		f->images[IMAGES + i].class = HST_PROCESS_CLASS_RE_NZEC;
	}
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "[11 other failures] -n 0 shows all\n"));
	/* Nobody takes a signal well. */
	f->images[CC1_B].class = HST_PROCESS_CLASS_RE_SIGNAL;
	f->processes.image_count = IMAGES;
	f->images[CC1_B].next_sibling = HST_PROCESS_NONE;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_null(strstr(f->output, "ended well"));
}

static void test_processes_similar_siblings_become_one_row(void **state)
{
	struct fixture *f = *state;

	add_children(f, PYTHON, 34, "cc1");
	f->images[IMAGES + 3].class = HST_PROCESS_CLASS_RE_SIGNAL;
	f->images[IMAGES + 3].verdict = "RE-SIGSEGV";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "133 ms 33.0 ms 34.0 MiB OK |-[33 x cc1, 3.30 s]\n"));
	/* The one that failed does not hide among them. */
	assert_true(has(f, "1012 `-cc1 -quiet x.c\n"));
	assert_true(has(f, "[N x NAME, TIME]: similar processes, the sum of their wall times"));
	/* Nothing is folded where all rows are wanted. */
	f->reading.options.rows = 0;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_null(strstr(f->output, "33 x cc1"));
	assert_true(has(f, "1042 `-cc1 -quiet x.c\n"));
}

static void test_processes_narrow_terminals_are_respected(void **state)
{
	static const struct {
		const char *columns;
		size_t most; /* of table lines */
	} widths[] = { { "60", 60 }, { "72", 72 }, { "80", 80 }, { "100", 100 } };
	struct fixture *f = *state;
	size_t views[] = { SIZE_MAX, HST_OPTION_AT(languages), HST_OPTION_AT(system),
		HST_OPTION_AT(waste) };

	for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
		(void)setenv("COLUMNS", widths[w].columns, 1);
		for (size_t v = 0; v < sizeof views / sizeof views[0]; v++) {
			char *table;

			f->reading.options = (struct hst_options){ .dir = "data",
				.rows = UINT64_MAX,
				.color = HST_COLOR_NEVER,
				.no_pager = true };
			if (views[v] != SIZE_MAX) {
				*(bool *)((char *)&f->reading.options + views[v]) = true;
			}
			assert_int_equal(show(f), HST_EXIT_OK);
			/* Sentences may be longer, tables not. */
			table = strstr(f->output, "\n\n");
			assert_non_null(table);
			table = strtok(table, "\n");
			while (table != NULL) {
				bool sentence = strstr(table, ": ") != NULL ||
						strncmp(table, "each line", 9) == 0 ||
						strncmp(table, "2 processors", 12) == 0;

				if (!sentence) {
					assert_in_range(longest_line(table), 0, widths[w].most);
				}
				table = strtok(NULL, "\n");
			}
		}
	}
}

static void test_processes_list_is_sorted_and_filtered(void **state)
{
	struct fixture *f = *state;
	struct hst_diag diag = { "" };

	f->reading.options.sort = "hwm";
	f->reading.options.rows = 2;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "20.0 ms 470 ms 450 ms 64.0 MiB OK 104 cc1 -quiet /src/app/b.c -o "
			   "/tmp/ccqwerty.s\n20.0 ms 275 ms 250 ms 40.0 MiB CE cc1 102 cc1"));
	assert_true(has(f, "[7 others] -n 0 shows all\n"));
	assert_true(has(f, "next: hasten processes --of 104 data\n"));
	f->reading.options.sort = NULL;
	f->reading.options.rows = UINT64_MAX;
	f->reading.options.filter = "gcc,cc1,!module:*b.c";
	assert_int_equal(
		hst_filter_parse(f->reading.options.filter, &f->reading.filter, &diag), HST_OK);
	f->reading.options.columns = "pid,name,class,exit";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "PID NAME CLASS EXIT\n103 gcc OK 0\n101 gcc CE 1\n102 cc1 CE 1\n104 cc1 "
			   "OK 0\n"));
	f->reading.options.sort = "nothing";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_true(said(f, "this table has no column 'nothing'; its columns are: key pid"));
	assert_string_equal(f->output, "");
}

static void test_processes_commands_have_totals_and_median(void **state)
{
	struct fixture *f = *state;

	f->reading.options.commands = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "COUNT FAILED WALL P50 MAX CPU % CPU CRITICAL VmHWM MAX COMMAND\n"
			   "2 1 745 ms 275 ms 470 ms 700 ms 83.4 470 ms 64.0 MiB cc1\n"
			   "1 479 ms 479 ms 479 ms 100 ms 11.9 9.00 MiB python3\n"));
	f->reading.options.sort = "wall";
	f->reading.options.reverse = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "COMMAND\n1 10.0 ms 10.0 ms 10.0 ms 6.00 ms 0.72 - busybox\n"));
}

static void test_processes_languages_have_classes_and_percentiles(void **state)
{
	struct fixture *f = *state;

	f->reading.options.languages = true;
	f->reading.options.wide = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "LANGUAGE PHASE COUNT FAILED ERROR % WALL P50 P90 P99 CPU P50 P90 P99 "
			   "VmHWM P95 % CPU CLASSES\n"
			   "C compile 2 1 50.0 288 ms 490 ms 490 ms 254 ms 458 ms 458 ms 64.0 MiB "
			   "85.0 CE 1\n"));
	assert_true(has(f, "- build tool 1 1.00 s 1.00 s 1.00 s 20.0 ms 20.0 ms 20.0 ms - 0.00"));
	f->reading.options.wide = false;
	(void)setenv("COLUMNS", "80", 1);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "no room for the columns classes,cpu99,cpu90"));
	f->reading.options.columns = "+images";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "CLASSES IMAGES\n"));
}

static void test_processes_waste_has_wrappers_and_repeats(void **state)
{
	struct fixture *f = *state;

	f->reading.options.waste = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "wrappers 2.00 ms in shims and shells that ran one program; starts "
			   "after a search through PATH took ~1.00 ms at most\n"));
	assert_true(has(f, "2.00 ms 1.00 ms 1 1 chain sh gcc 101\n"
			   "~1.00 ms 0 ns 1 1 probes PATH python3 106\n"));
	assert_true(has(f, "980 ms 16.0 ms 2 103 gcc -c b.c\n"));
	f->processes.waste_count = f->processes.repeat_count = 0;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "no time was spent in wrappers"));
	assert_true(has(f, "no command line was run twice"));
}

static void test_processes_critical_path_is_in_order_of_time(void **state)
{
	struct fixture *f = *state;

	f->reading.options.critical = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "critical path 1.00 s in 3 steps"));
	assert_true(has(f, "START WALL PID COMMAND\n0 ns 20.0 ms 100 make -j2 all\n"
			   "20.0 ms 470 ms 104 cc1 -quiet /src/app/b.c -o /tmp/ccqwerty.s\n"
			   "490 ms 510 ms 100 make -j2 all\n"));
	assert_true(has(f, "CRITICAL COUNT CPU COMMAND\n470 ms 2 700 ms cc1\n\n"));
	assert_true(has(f, "480 ms 510 ms 106 python3"));
	/* The longest steps stay, in the order of time. */
	f->reading.options.rows = 2;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "COMMAND\n20.0 ms 470 ms 104 cc1 -quiet /src/app/b.c -o "
			   "/tmp/ccqwerty.s\n490 ms 510 ms 100 make -j2 all\n"
			   "[1 shorter step, 20.0 ms] -n 0 shows all\n"));
}

static void test_processes_failed_can_be_tried_again(void **state)
{
	struct fixture *f = *state;

	f->reading.options.failed = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "CE cc1 make (pid 100), started at 0 ns, ran 1.00 s\nmake exited with "
			   "status 2 after cc1 (pid 102) failed\nbecause of cc1 (pid 102)\nin "
			   "/src/app\n$ make -j2 all\n"));
	assert_true(has(f, "CE cc1 cc1 (pid 102), started at 20.0 ms, ran 275 ms\ncc1 exited with "
			   "status 1\nin /src/app\n$ /usr/lib/gcc/12/cc1 -quiet a.c -o "
			   "/tmp/ccAb12Xy.s\n"));
	assert_true(has(f, "AT ERROR CALL PID BY PROBES FILE\n995 ms ENOENT execvp 100 make 5 "
			   "no-such-tool\n"));
	assert_null(strstr(f->output, "/usr/local/bin/python3")); /* the search went on */
	assert_true(has(f, "200 ms 512 MiB 900 MiB 102 cc1\n"));
	assert_true(has(f, "next: hasten processes --of 102 data\n"));
	f->images[CC1].class = f->images[GCC].class = f->images[MAKE].class = HST_PROCESS_CLASS_OK;
	f->processes.exec_failure_count = f->processes.no_memory_count = 0;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "no process failed\n"));
}

static void test_processes_configure_probes_are_no_failures(void **state)
{
	struct fixture *f = *state;

	f->images[CC1].phase = HST_PROCESS_PHASE_PROBE;
	f->processes.failed_probes = 1;
	f->reading.options.failed = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_null(strstr(f->output, "CE cc1  cc1"));
	assert_true(has(f, "1 process of configure scripts failed too, as it may: left out here"));
}

static void test_processes_of_tells_all_about_a_process(void **state)
{
	struct fixture *f = *state;

	f->reading.options.of = "106";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "make (pid 106)\nstatus exec\n"));
	assert_true(has(f, "became python3 (pid 106)\n\npython3 (pid 106)\nstatus OK\n"));
	assert_true(has(f, "CPU 100 ms, 75.0 ms in the program, 25.0 ms in the kernel\n"));
	assert_true(has(f, "VmHWM ~9.00 MiB, at least\n"));
	assert_true(has(f, "arguments python3\ngen.py\n'two words'\n"));
	assert_true(has(f, "limit 10 s of CPU time\nnot found as /usr/local/bin/python3\n"));
	assert_true(has(f, "waited by make (pid 100)\n"));
	assert_true(has(f, "note ~ its end was not seen"));
	f->reading.options.of = "cc?";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "executable /usr/lib/gcc/12/cc1\nbuild id 0123abcd\n"));
	assert_true(has(f, "kind C, cc1, compile\n"));
	assert_null(strstr(f->output, "python3 (pid"));
	f->reading.options.of = "/usr/lib/gcc/*/cc1";
	assert_int_equal(show(f), HST_EXIT_OK);
	f->reading.options.of = "100";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "children sh (pid 101) 2.00 ms, exec\ngcc (pid 103) 490 ms, OK\n"));
	f->reading.options.of = "105";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "CPU ~6.00 ms, ~4.50 ms in the program, ~1.50 ms in the kernel\n"
			   "in all ~6.00 ms CPU with later images"));
	assert_true(has(f, "blind spot statically linked: known from its parent only"));
	f->reading.options.of = "nobody";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_true(said(f, "no process has that number, name or path; hasten processes -n 0"));
	assert_string_equal(f->output, "");
}

static void test_processes_system_draws_the_machine(void **state)
{
	struct fixture *f = *state;

	f->reading.options.system = true;
	(void)setenv("COLUMNS", "60", 1);
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "4 samples, at least one every 333 ms; taking them cost 2.00 ms of CPU\n"
			   "2 processors, 1.00 GiB of memory"));
	/* The first sample has no span: no rate. */
	assert_non_null(strstr(f->output, "CPU                      ~~~~~+++++#     70.0 %"));
	assert_non_null(strstr(f->output, "runnable            _____-----+++++#          3"));
	assert_true(has(f, "I/O pressure not known"));
	assert_null(strstr(f->output, "stolen"));
	assert_true(has(f, "106 95.0 95.0 3.00 MiB 1 - "));
	f->processes.system.sample_count = f->processes.system.process_count = 0;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "the machine was not sampled"));
}

static void test_processes_losses_are_said_even_if_quiet(void **state)
{
	struct fixture *f = *state;

	f->reading.options.quiet = true;
	f->notes[0].loss = true;
	f->processes.complete = false;
	f->processes.classes[HST_PROCESS_CLASS_LOST] = 1;
	f->processes.failed_probes = 4;
	f->processes.cpu_unknown = 2;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "incomplete: python3 was not waited for\n"));
	assert_true(has(f, "failed 7 with those of configure: 3 CE\n4 of them in configure"));
	assert_true(has(f, "unclear 1 UNKNOWN-LOST\n"));
	assert_true(has(f, "~839 ms CPU or more (that of 2 images is not known); 51.0 %"));
	assert_true(has(f, "~ estimated: VmHWM"));
	assert_null(strstr(f->output, "next:"));
	f->reading.options.csv = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(said(f, "incomplete: python3 was not waited for"));
}

static void test_processes_views_do_not_go_together(void **state)
{
	struct fixture *f = *state;

	f->reading.options.waste = true;
	f->reading.options.failed = true;
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_true(said(f, "--waste and --failed do not go together"));
	f->reading.options.waste = false;
	f->reading.options.sort = "cpu";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_true(said(f, "-s and -c are for tables"));
	f->reading.options = (struct hst_options){ .json = true, .csv = true };
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_true(said(f, "--json and --csv do not go together"));
	assert_string_equal(f->output, "");
}

static void test_processes_json_has_keys_units_and_doubts(void **state)
{
	struct fixture *f = *state;

	f->reading.options.json = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "\"schema\": 1,\n\"complete\": true,\n"));
	assert_true(has(f, "{\"key\":\"cc1 -quiet ./b.c -o /tmp/*.s\",\"id\":5,\"pid\":104,"));
	assert_true(has(f, "\"argv\":[\"python3\",\"gen.py\",\"two words\"],"));
	assert_true(has(f, "\"hwm_bytes\":2097152,\"hwm_source\":\"at most\","));
	assert_true(has(f, "\"end_estimated\":true,\"wall_ns\":479000000,\"cpu_ns\":100000000,"));
	assert_true(has(f, "\"blind_spot\":\"statically linked\","));
	assert_true(has(f, "{\"key\":\"C/compile\",\"language\":\"C\",\"phase\":\"compile\","
			   "\"count\":2,\"images\":4,\"failed\":1,\"failed_percent\":50.0000,"));
	assert_true(has(f, "\"classes\":{\"OK\":1,\"CE\":1}}"));
	assert_true(has(f, "\"wall_p50_ns\":275000000,\"wall_max_ns\":470000000,"));
	assert_true(has(f, "\"kind\":\"probes\",\"wrapper\":\"PATH\",\"program\":\"python3\","
			   "\"count\":1,\"images\":1,\"wall_ns\":1000000,"
			   "\"wall_is_upper_bound\":true,"));
	assert_true(has(f, "{\"id\":5,\"pid\":104,\"command\":\"cc1\",\"start_ns\":20000000,"));
	assert_true(has(f, "\"errno\":2,\"error\":\"ENOENT\",\"recovered\":true,"));
	assert_true(has(f, "\"system\": null\n"));
	f->reading.options.system = true;
	f->reading.options.of = "104";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "\"cpu_user_percent\":20.0000,\"cpu_system_percent\":10.0000,"));
	assert_true(has(f, "\"pressure_io_percent\":null,\"load_1m\":1.2500,"));
	assert_true(has(f, "\"own_cost_ns\": 2000000,"));
	assert_null(strstr(f->output, "\"pid\":105"));
}

static void test_processes_csv_has_the_rows_of_the_view(void **state)
{
	struct fixture *f = *state;

	f->reading.options.csv = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "key,id,pid,ppid,process,parent,"));
	assert_true(has(f, "python3 gen.py two words,8,106,1,106,0,7,,0,python3,"));
	f->reading.options.commands = true;
	f->reading.options.rows = 1;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "key,language,phase,count,failed,wall_ns,wall_p50_ns,wall_max_ns,cpu_ns,"
			   "cpu_percent,critical_ns,hwm_max_bytes\r\n"
			   "cc1,C,compile,2,1,745000000,275000000,470000000,700000000,83.4327,"
			   "470000000,67108864\r\n"));
	assert_null(strstr(f->output, "python3"));
	f->reading.options.commands = false;
	f->reading.options.system = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "at_ns,span_ns,cpu_user_percent,"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_processes_head_says_how_it_went),
		TEST(test_processes_tree_shows_time_cost_and_end),
		TEST(test_processes_fork_that_worked_is_shown),
		TEST(test_processes_peak_may_be_a_bound),
		TEST(test_processes_failures_are_named_once),
		TEST(test_processes_rows_keep_what_failed_and_what_is_above),
		TEST(test_processes_status_that_was_taken_well_stands_back),
		TEST(test_processes_similar_siblings_become_one_row),
		TEST(test_processes_narrow_terminals_are_respected),
		TEST(test_processes_list_is_sorted_and_filtered),
		TEST(test_processes_commands_have_totals_and_median),
		TEST(test_processes_languages_have_classes_and_percentiles),
		TEST(test_processes_waste_has_wrappers_and_repeats),
		TEST(test_processes_critical_path_is_in_order_of_time),
		TEST(test_processes_failed_can_be_tried_again),
		TEST(test_processes_configure_probes_are_no_failures),
		TEST(test_processes_of_tells_all_about_a_process),
		TEST(test_processes_system_draws_the_machine),
		TEST(test_processes_losses_are_said_even_if_quiet),
		TEST(test_processes_views_do_not_go_together),
		TEST(test_processes_json_has_keys_units_and_doubts),
		TEST(test_processes_csv_has_the_rows_of_the_view),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
