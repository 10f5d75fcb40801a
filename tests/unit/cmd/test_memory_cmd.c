/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten memory` prints of a heap that is made by hand: text, JSON, CSV. */
#include "cmd/memory.h"

#include "cmd/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_BYTES (256u << 10)
#define MIB          (UINT64_C(1) << 20)

struct fixture {
	struct hst_reading reading;
	struct hst_heap heap;
	struct hst_heap_function functions[4];
	struct hst_heap_site sites[3];
	struct hst_heap_context contexts[5];
	struct hst_heap_process processes[2];
	struct hst_heap_sample samples[4];
	struct hst_note note;
	char *output; /* of the last show() */
	char *errors;
};

enum {
	ROW_UNKNOWN,
	ROW_MAIN,
	ROW_PARSE,
	ROW_LEAKY,
	ROW_COUNT
};

static const struct hst_function_row rows[ROW_COUNT] = {
	[ROW_UNKNOWN] = { .name = "[unknown]", .full = "[unknown]", .linkage = "[unknown]" },
	[ROW_MAIN] = { .name = "main",
		.full = "main",
		.linkage = "main",
		.module = "/opt/app",
		.file = "/src/main.c",
		.line = 40 },
	[ROW_PARSE] = { .name = "parse",
		.full = "parse(char const*)",
		.linkage = "_Z5parsePKc",
		.module = "/opt/app",
		.file = "/src/parser.cpp",
		.line = 12 },
	[ROW_LEAKY] = { .name = "leaky",
		.full = "leaky",
		.linkage = "leaky",
		.module = "/opt/libleak.so.1" },
};

/* 37 blocks of 1184 bytes that are left, 1000 temporary ones, one block of 1 MiB. */
static void fill_sums(struct fixture *f)
{
	f->functions[0] = (struct hst_heap_function){ .row = ROW_MAIN,
		.self = { .allocs = 1,
			.bytes = MIB,
			.frees = 1,
			.freed_bytes = MIB,
			.peak_bytes = MIB,
			.peak_blocks = 1,
			.at_peak_bytes = MIB,
			.at_peak_blocks = 1 },
		.total_allocs = 1038,
		.total_bytes = MIB + 64000 + 43808,
		.total_leaked_bytes = 43808 };
	f->functions[1] = (struct hst_heap_function){ .row = ROW_PARSE,
		.self = { .allocs = 1000,
			.bytes = 64000,
			.frees = 1000,
			.freed_bytes = 64000,
			.peak_bytes = 64,
			.peak_blocks = 1,
			.temporary = 1000,
			.temporary_bytes = 64000,
			.short_lived = 999,
			.foreign = 3,
			.reallocs = 8,
			.moved = 2,
			.moved_bytes = 96,
			.grown = 5,
			.grown_bytes = 160,
			.allocator_ns = 50000,
			.allocator_calls = 2000 } };
	f->functions[1].sizes[hst_heap_size_bucket(64)] = 1000;
	f->functions[2] = (struct hst_heap_function){ .row = ROW_LEAKY,
		.self = { .allocs = 37,
			.bytes = 43808,
			.leaked = 37,
			.leaked_bytes = 43808,
			.peak_bytes = 43808,
			.peak_blocks = 37,
			.at_peak_bytes = 11840,
			.at_peak_blocks = 10 } };
	f->functions[3] = (struct hst_heap_function){ .row = 99 }; /* no such row */
	for (size_t i = 0; i < 3; i++) {
		f->sites[i] = (struct hst_heap_site){ .row = f->functions[i].row,
			.allocator = HST_ALLOCATOR_MALLOC,
			.module = rows[f->functions[i].row].module,
			.function = rows[f->functions[i].row].name,
			.file = rows[f->functions[i].row].file,
			.line = rows[f->functions[i].row].line + 5,
			.offset = 0x1234,
			.sum = f->functions[i].self };
		hst_heap_sum_add(&f->heap.sum, &f->functions[i].self);
	}
	f->sites[1].function = "strdup";
	f->sites[1].module = "/lib/libc.so.6";
	f->sites[2].leaked_least = f->sites[2].leaked_most = 1184;
	f->heap.sizes[hst_heap_size_bucket(64)] = 1000;
	f->heap.sizes[hst_heap_size_bucket(1184)] = 37;
	f->heap.sizes[hst_heap_size_bucket(MIB)] = 1;
	f->heap.sum.peak_bytes = MIB + 11840;
	f->heap.sum.peak_blocks = 11;
}

static void fill_contexts(struct fixture *f)
{
	static const uint32_t parents[] = { 0, 0, 1, 1, 3 };
	static const uint32_t owners[] = { UINT32_MAX, ROW_MAIN, ROW_PARSE, ROW_LEAKY, ROW_LEAKY };

	for (uint32_t i = 0; i < 5; i++) {
		f->contexts[i].parent = parents[i];
		f->contexts[i].row = owners[i];
	}
	f->contexts[1].sum = f->functions[0].self;
	f->contexts[2].sum = f->functions[1].self;
	f->contexts[4].sum = f->functions[2].self; /* below leaky > leaky */
	for (uint32_t i = 5; i-- > 0;) {
		struct hst_heap_context *context = &f->contexts[i];
		struct hst_heap_context *parent = &f->contexts[context->parent];

		context->total_allocs += context->sum.allocs;
		context->total_bytes += context->sum.bytes;
		context->total_leaked_bytes += context->sum.leaked_bytes;
		context->total_at_peak_bytes += context->sum.at_peak_bytes;
		if (i != 0) {
			parent->total_allocs += context->total_allocs;
			parent->total_bytes += context->total_bytes;
			parent->total_leaked_bytes += context->total_leaked_bytes;
			parent->total_at_peak_bytes += context->total_at_peak_bytes;
		}
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	(void)setenv("COLUMNS", "100", 1);
	fill_sums(f);
	fill_contexts(f);
	for (uint64_t i = 0; i < 4; i++) {
		f->samples[i] = (struct hst_heap_sample){ .ns = i * 1000000,
			.live_bytes = i * MIB,
			.usable_bytes = i * MIB,
			.rss_bytes = i == 0 ? 0 : 8 * MIB - i * MIB };
	}
	f->processes[0] = (struct hst_heap_process){ .pid = 4711,
		.command = "app",
		.state = HST_MEMORY_ON,
		.allocator = "libc.so.6",
		.sum = f->heap.sum,
		.peak_ns = 2500000,
		.rss_max = 7 * MIB,
		.samples = f->samples,
		.sample_count = 4 };
	f->note = (struct hst_note){ false, (char *)(uintptr_t) "two frees came from before" };
	f->heap.rows = rows;
	f->heap.row_count = ROW_COUNT;
	f->heap.functions = f->functions;
	f->heap.function_count = 4;
	f->heap.sites = f->sites;
	f->heap.site_count = 3;
	f->heap.contexts = f->contexts;
	f->heap.context_count = 5;
	f->heap.processes = f->processes;
	f->heap.process_count = 1;
	f->heap.wall_ns = 5000000;
	f->heap.recorded = true;
	f->heap.complete = true;
	f->heap.notes = &f->note;
	f->heap.note_count = 1;
	f->reading.command = "memory";
	f->reading.session.dir = "data";
	f->reading.options = (struct hst_options){
		.dir = "data", .rows = UINT64_MAX, .color = HST_COLOR_NEVER, .no_pager = true
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->output);
	free(f->errors);
	free(f);
	return 0;
}

/* What came out behind a file descriptor since it was moved there. */
static char *taken(int memory, int saved, int fd)
{
	char *text = calloc(1, OUTPUT_BYTES);

	(void)dup2(saved, fd);
	close(saved);
	assert_true(pread(memory, text, OUTPUT_BYTES - 1, 0) >= 0);
	close(memory);
	return text;
}

static int show(struct fixture *f)
{
	struct hst_memory memory = { 0 };
	int out = memfd_create("out", 0);
	int err = memfd_create("err", 0);
	int saved_out;
	int saved_err;
	int status;

	(void)fflush(stdout);
	(void)fflush(stderr);
	saved_out = dup(STDOUT_FILENO);
	saved_err = dup(STDERR_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	hst_memory_begin(&memory, &f->reading, &f->heap);
	status = hst_memory_show(&memory);
	(void)fflush(stdout);
	(void)fflush(stderr);
	free(f->output);
	free(f->errors);
	f->output = taken(out, saved_out, STDOUT_FILENO);
	f->errors = taken(err, saved_err, STDERR_FILENO);
	return status;
}

/* The text with each run of blanks as one: widths of columns are not the question. */
static bool has(const struct fixture *f, const char *line)
{
	char *squeezed = calloc(1, OUTPUT_BYTES);
	size_t used = 0;
	bool found;

	for (const char *at = f->output; *at != '\0'; at++) {
		if (*at != ' ' || used == 0 ||
			(squeezed[used - 1] != ' ' && squeezed[used - 1] != '\n')) {
			squeezed[used++] = *at;
		}
	}
	found = strstr(squeezed, line) != NULL;
	if (!found) {
		print_message("not found: %s\n%s", line, squeezed);
	}
	free(squeezed);
	return found;
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		longest = length > longest ? length : longest;
		text += length + (text[length] == '\n');
	}
	return longest;
}

static void test_memory_table_says_who_holds_and_leaks(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "1038 allocations of 1.10 MiB in 5.00 ms, 1 process\n"));
	assert_true(has(f, "peak 1.01 MiB in 11 blocks at 2.50 ms\n"));
	assert_true(has(f,
		"RSS 6.00 MiB 500 us before the peak, at least 7.00 MiB by then, 7.00 MiB in all (sampled)\n"));
	assert_true(has(f, "live at exit 42.8 KiB in 37 blocks\n"));
	assert_true(has(f,
		"temporary 96.3 % freed before the function that asked returned; 96.2 % within 1 ms\n"));
	assert_true(has(f,
		"allocator ~50.0 us in 2000 calls, 25 ns each; 1.00 % of the recorded time (estimated)\n"));
	assert_true(has(f, "cross-thread 3 blocks freed by another thread than asked\n"));
	assert_true(has(f, "note: two frees came from before\n"));
	assert_true(
		has(f, "LEAKED PEAK AT PEAK ALLOCS BYTES TEMP% ALLOC TIME FUNCTION FILE:LINE\n"));
	assert_true(has(f, "0 B 1.00 MiB 1.00 MiB 1 1.00 MiB 0.00 0 ns main main.c:40\n"));
	assert_true(has(f, "0 B 64 B 0 B 1000 62.5 KiB 100 50.0 us parse parser.cpp:12\n"));
	assert_true(has(f, "42.8 KiB 42.8 KiB 11.6 KiB 37 42.8 KiB 0.00 0 ns leaky"));
	assert_true(has(f, "[unknown]"));
	assert_true(has(f, "next: hasten memory --leaks data\n"));
	assert_null(strchr(f->output, '\x1b'));
	assert_in_range(longest_line(f->output), 60, 100);
}

static void test_memory_rows_beyond_the_limit_are_one(void **state)
{
	struct fixture *f = *state;

	f->reading.options.rows = 1;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "42.8 KiB 11.6 KiB 1037 105 KiB 96.4 50.0 us [3 others]"));
	assert_null(strstr(f->output, "parser.cpp"));
}

static void test_memory_sort_and_columns_are_obeyed(void **state)
{
	struct fixture *f = *state;

	f->reading.options.sort = "allocs";
	f->reading.options.columns = "allocs,mostly,grown,foreign,module,function";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "ALLOCS MOSTLY OF GROWN BY FOREIGN MODULE FUNCTION\n"
			   "1000 64-127 B 160 B 3 app parse\n37 0 B 0 libleak.so.1 leaky\n"));
	f->reading.options.reverse = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "FUNCTION\n0 0 B 0 [unknown]\n1 0 B 0 app main\n"));
	f->reading.options.sort = "nothing";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_non_null(strstr(f->errors, "there is no column 'nothing'; columns are: leaked "));
	assert_string_equal(f->output, "");
}

static void test_memory_leaks_name_place_and_exact_size(void **state)
{
	struct fixture *f = *state;

	f->reading.options.leaks = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "LEAKED BLOCKS EACH CALL FUNCTION FILE:LINE"));
	assert_true(has(f, "42.8 KiB 37 1184 B malloc leaky libleak.so.1+0x1234"));
	assert_null(strstr(f->output, "parse"));
	assert_true(has(f, "next: hasten memory --of leaky data\n"));
	f->sites[2].leaked_least = 16;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "37 16-1184 B malloc"));
}

static void test_memory_blocks_at_exec_or_kill_are_no_leaks(void **state)
{
	struct fixture *f = *state;

	f->processes[0].ends_by_exec = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(
		f, "live at exec 42.8 KiB in 37 blocks, gone with the old program: no leaks\n"));
	assert_null(strstr(f->output, "live at exit"));
	assert_null(strstr(f->output, "LEAKED"));
	assert_true(has(f, "next: hasten memory --temporary data\n"));
	f->processes[0].ends_by_exec = false;
	f->processes[0].killed = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f,
		"unfinished 42.8 KiB in 37 blocks, not freed when it was killed (or still running)\n"));
}

static void test_memory_losses_mark_what_is_in_doubt(void **state)
{
	struct fixture *f = *state;

	f->heap.lost = 5;
	f->heap.complete = false;
	f->note.loss = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "peak ~1.01 MiB"));
	assert_true(has(f, "incomplete: two frees came from before\n"));
	assert_true(has(f, "~42.8 KiB ~42.8 KiB ~11.6 KiB 37 42.8 KiB"));
	assert_true(has(f, "~ estimated: 5 allocations and frees were not recorded\n"));
	f->reading.options.quiet = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "incomplete: two frees"));
	assert_null(strstr(f->output, "next:"));
}

static void test_memory_counted_blocks_have_no_places(void **state)
{
	struct fixture *f = *state;

	memset(f->heap.sizes, 0, sizeof f->heap.sizes);
	f->processes[0].profile_mode = true;
	f->heap.site_count = 0;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "peak ~1.01 MiB or less: blocks were counted, not listed\n"));
	assert_true(has(f, "~42.8 KiB ~42.8 KiB - 37 42.8 KiB - 0 ns leaky"));
	assert_true(has(f, "next: hasten memory --paths data\n"));
	f->reading.options.leaks = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "live at exit ~42.8 KiB in 37 blocks\n"));
	assert_true(has(f, "not known: blocks were counted"));
	f->reading.options.leaks = false;
	f->reading.options.json = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "\"leaked_blocks\":37,\"leaked_bytes\":43808,\"peak_bytes\":43808,"
			   "\"peak_blocks\":null,\"at_peak_bytes\":null,"));
}

static void test_memory_leaks_without_a_place_are_said(void **state)
{
	struct fixture *f = *state;

	f->heap.sum.leaked += 2;
	f->heap.sum.leaked_bytes += 100;
	f->reading.options.leaks = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "and 100 B in 2 blocks of places that are not known\n"));
}

static void test_memory_peak_lists_functions_then_sites(void **state)
{
	struct fixture *f = *state;

	f->reading.options.peak = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "1.00 MiB 98.9 1 1.00 MiB main main.c:40\n"
			   "11.6 KiB 1.12 10 42.8 KiB leaky"));
	assert_true(has(f, "1.00 MiB 98.9 1 malloc main main.c:45"));
	assert_null(strstr(f->output, "parse"));
}

static void test_memory_temporary_shows_share_and_lifetimes(void **state)
{
	struct fixture *f = *state;
	struct hst_arena arena = { 0 };

	f->functions[1].lifetimes = hst_latency_create(&arena);
	assert_true(hst_latency_add(f->functions[1].lifetimes, &arena, 1000, 850));
	assert_true(hst_latency_add(f->functions[1].lifetimes, &arena, 100000, 150));
	f->reading.options.temporary = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(
		has(f, "1000 100 62.5 KiB 999 1.01 us 100 us 64 B 64-127 B parse parser.cpp:12\n"));
	assert_null(strstr(f->output, "leaky"));
	assert_true(has(f, "next: hasten memory --of parse data\n"));
	hst_arena_finish(&arena);
}

static void test_memory_sites_name_who_called(void **state)
{
	struct fixture *f = *state;

	f->reading.options.sites = true;
	f->reading.options.wide = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "parse parser.cpp:17 strdup (libc.so.6)\n"));
	assert_true(has(f, "malloc main main.c:45 \n"));
}

static void test_memory_timeline_draws_each_series(void **state)
{
	struct fixture *f = *state;

	f->reading.options.timeline = true;
	(void)setenv("COLUMNS", "62", 1); /* ten columns of plot */
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(
		strstr(f->output, "live    ___---+++#  min 0 B, max 3.00 MiB, end 3.00 MiB\n"));
	assert_non_null(strstr(
		f->output, "RSS        ###***+  min 5.00 MiB, max 7.00 MiB, end 5.00 MiB\n"));
	assert_non_null(strstr(f->output, "min 2.00 MiB, max 6.00 MiB, end 2.00 MiB\n"));
	assert_null(strstr(f->output, "mapped  _"));
	assert_true(has(f, "0 ns .. 3.00 ms\n"));
	/* Blocks that nobody touched take no memory of the machine. */
	f->samples[3].usable_bytes = 20 * MIB;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "min -15.0 MiB, max 6.00 MiB, end -15.0 MiB\n"));
}

static void test_memory_paths_follow_the_metric(void **state)
{
	struct fixture *f = *state;

	f->reading.options.paths = true;
	f->reading.options.sort = "leaked";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "100 ########## 42.8 KiB 0 B 1038 main main.c:40\n"
			   "100 ########## 42.8 KiB 0 B 37 `-leaky \n"
			   "100 ########## 42.8 KiB 42.8 KiB 37 `-leaky"));
	assert_null(strstr(f->output, "parse"));
	f->reading.options.sort = "p50";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_non_null(strstr(f->errors, "--paths has no column 'p50'"));
}

static void test_memory_of_tells_all_about_a_function(void **state)
{
	struct fixture *f = *state;

	f->reading.options.of = "par*";
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "parse parser.cpp:12 (app)\nasked 1000 blocks of 62.5 KiB in all\n"));
	assert_true(has(f, "temporary 1000 blocks of 62.5 KiB freed before it returned\n"));
	assert_true(has(f, "grew 5 of them, by 160 B\nmoved 2 of them, 96 B copied\n"));
	assert_true(has(f, "SIZES BLOCKS % \n64-127 B 1000 100 ##########\n"));
	assert_true(has(f, "62.5 KiB 1000 0 B main > parse\n"));
	assert_null(strstr(f->output, "leaky"));
	f->reading.options.of = "nobody";
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_non_null(strstr(f->errors, "no function that is called 'nobody'"));
}

static void test_memory_views_do_not_go_together(void **state)
{
	struct fixture *f = *state;

	f->reading.options.leaks = true;
	f->reading.options.peak = true;
	assert_int_equal(show(f), HST_EXIT_USAGE);
	assert_non_null(strstr(f->errors, "--leaks and --peak do not go together"));
	assert_string_equal(f->output, "");
}

static void test_memory_json_has_keys_and_units(void **state)
{
	struct fixture *f = *state;

	f->reading.options.json = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "\"schema\": 1,\n\"complete\": true,\n"));
	assert_true(has(f, "{\"key\":\"app:_Z5parsePKc\",\"name\":\"parse\","));
	assert_true(has(f, "\"alloc_calls\":1000,\"alloc_bytes\":64000,"));
	assert_true(has(f, "{\"key\":\"app:_Z5parsePKc@parser.cpp:17#malloc\","));
	assert_true(has(f,
		"{\"key\":\"libleak.so.1:leaky@libleak.so.1+0x1234#malloc\",\"name\":\"leaky\","));
	assert_true(has(f,
		"\"leaked_blocks\":37,\"leaked_bytes\":43808,\"least_bytes\":1184,\"most_bytes\":1184}"));
	assert_true(has(f,
		"\"ns\": 2500000,\n\"bytes\": 1060416,\n\"blocks\": 11,\n\"rss_bytes\": 6291456,\n\"rss_max_bytes\": 7340032,\n\"rss_sampled_ns\": 2000000,\n"));
	assert_true(has(f,
		"\"rss_bytes\":null,\"brk_bytes\":null,\"address_bytes\":null,\"gap_bytes\":null}"));
	assert_true(has(f, "\"sizes\":[{\"least_bytes\":64,\"blocks\":1000}]"));
	assert_true(has(f, "\"ends_by_exec\":false,\"killed\":false,"));
	assert_true(has(f, "\"paths\": null"));
	f->reading.options.paths = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f,
		"{\"key\":\"app:main;libleak.so.1:leaky;libleak.so.1:leaky\",\"alloc_calls\":37,"));
}

static void test_memory_csv_has_the_rows_of_the_view(void **state)
{
	struct fixture *f = *state;

	f->reading.options.csv = true;
	f->reading.options.leaks = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "key,name,linkage_name,module,file,line,allocator,call_function,"));
	assert_true(has(f, "\r\nlibleak.so.1:leaky@libleak.so.1+0x1234#malloc,leaky,leaky,"));
	assert_null(strstr(f->output, "parse"));
	f->reading.options.leaks = false;
	f->reading.options.timeline = true;
	f->note.loss = true;
	assert_int_equal(show(f), HST_EXIT_OK);
	assert_true(has(f, "\r\n4711,0,1000000,1048576,0,1048576,0,0,7340032,,\r\n"));
	assert_non_null(strstr(f->errors, "incomplete: two frees"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_memory_##name, setup, teardown)
		TEST(table_says_who_holds_and_leaks),
		TEST(rows_beyond_the_limit_are_one),
		TEST(sort_and_columns_are_obeyed),
		TEST(leaks_name_place_and_exact_size),
		TEST(blocks_at_exec_or_kill_are_no_leaks),
		TEST(losses_mark_what_is_in_doubt),
		TEST(counted_blocks_have_no_places),
		TEST(leaks_without_a_place_are_said),
		TEST(peak_lists_functions_then_sites),
		TEST(temporary_shows_share_and_lifetimes),
		TEST(sites_name_who_called),
		TEST(timeline_draws_each_series),
		TEST(paths_follow_the_metric),
		TEST(of_tells_all_about_a_function),
		TEST(views_do_not_go_together),
		TEST(json_has_keys_and_units),
		TEST(csv_has_the_rows_of_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
