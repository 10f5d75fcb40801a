/* SPDX-License-Identifier: Apache-2.0 */
/* What `hasten cache` prints of logs that are made by hand: table, one row in full, JSON, CSV. */
#include "cmd/cache.h"

#include "cmd/commands.h"
#include "passes/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_BYTES (256u << 10)

enum {
	ROW_HASH,
	ROW_FIB,
	ROW_CHEAP,
	ROW_CHANGES,
	ROW_COUNT
};

struct fixture {
	struct hst_reading reading;
	struct hst_profile profile;
	struct hst_note note;
	struct hst_cache_log logs[ROW_COUNT];
	struct hst_cache cache;
	struct hst_cache_show show;
	char *output;
	char *errors;
};

static const struct hst_function_row rows[ROW_COUNT] = {
	[ROW_HASH] = { .name = "hash",
		.full = "hash(char const*)",
		.linkage = "_Z4hashPKc",
		.module = "/opt/app",
		.file = "/src/hash.cpp",
		.line = 12 },
	[ROW_FIB] = { .name = "fib", .full = "fib", .linkage = "fib" },
	[ROW_CHEAP] = { .name = "cheap\x1b[31m", .full = "cheap", .linkage = "cheap" },
	[ROW_CHANGES] = { .name = "changes", .full = "changes", .linkage = "changes" },
};

static void add(struct hst_cache_log *log, uint64_t start_ns, uint64_t cost_ns, uint64_t key,
	uint64_t result, uint16_t depth)
{
	const struct hst_cache_call call = { .key = key,
		.result = result,
		.has_result = 1,
		.depth = depth,
		.start_ns = start_ns,
		.end_ns = start_ns + cost_ns,
		.cost_ns = cost_ns };

	assert_int_equal(hst_cache_log_add(log, &call, 0), HST_OK);
}

static int setup(void **state)
{
	static const struct hst_cache_costs costs = { { { 1u << 20, 10, 20 } }, 1, 5, 0 };
	const struct hst_cache_options how = { .costs = &costs, .seed = 1 };
	static char gap[] = "a gap";
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL) {
		return -1;
	}
	for (uint32_t i = 0; i < ROW_COUNT; i++) {
		f->logs[i].row = i;
	}
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t at = i * 100000;

		add(&f->logs[ROW_HASH], at, 2000, i % 4, i % 4, 0);
		add(&f->logs[ROW_FIB], at + 10000, 500, i % 10, i % 10, 0);
		add(&f->logs[ROW_FIB], at + 10100, 100, i % 10 + 1, i % 10 + 1, 1);
		add(&f->logs[ROW_CHEAP], at + 20000, 4, 1, 1, 0);
		add(&f->logs[ROW_CHANGES], at + 30000, 300, 77, i / 500, 0);
	}
	assert_int_equal(hst_cache_analyse(f->logs, ROW_COUNT, &how, &f->cache), HST_OK);
	f->reading = (struct hst_reading){ .command = "cache",
		.options = { .rows = UINT64_MAX, .no_pager = true, .wide = true } };
	f->note = (struct hst_note){ .text = gap, .loss = true };
	f->profile.notes = &f->note;
	f->profile.note_count = 1;
	f->show = (struct hst_cache_show){ .reading = &f->reading,
		.cache = &f->cache,
		.rows = rows,
		.said = &f->profile,
		.wall_ns = 100000000,
		.unended = 3 };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < ROW_COUNT; i++) {
		hst_cache_log_finish(&f->logs[i]);
	}
	hst_cache_finish(&f->cache);
	free(f->output);
	free(f->errors);
	free(f);
	return 0;
}

static char *taken(int memory, int saved, int fd)
{
	char *text = calloc(1, OUTPUT_BYTES);

	(void)dup2(saved, fd);
	close(saved);
	assert_true(pread(memory, text, OUTPUT_BYTES - 1, 0) >= 0);
	close(memory);
	return text;
}

static int print(struct fixture *f)
{
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
	status = hst_cache_print(&f->show);
	(void)fflush(stdout);
	(void)fflush(stderr);
	free(f->show.order);
	f->show.order = NULL;
	f->show.order_count = 0;
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

static void test_table(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(print(f), HST_EXIT_OK);
	/* 996 x 1990 - 4 x 20 */
	assert_true(has(f, "1.98 ms 1.98 "));
	assert_true(has(f,
		" 1000 4 99.6 4 2.00 us 400 us 400 us exact repeats observed, p < 0.30 % worth it hash hash.cpp:12"));
	assert_true(has(f, "overlapping recursion: 2000 -> 11"));
	assert_true(has(f, "below 50.0 ms last value refuted: 1 key only with a TTL changes"));
	assert_true(has(f, "not worth it: a lookup takes longer than the call cheap?[31m"));
	assert_true(has(f, "hit 10.0 to 10.0 ns"));
	assert_true(has(
		f, "incomplete: 3 calls had not ended, 0 keys or results belong to no known call"));
	assert_true(has(f, "incomplete: a gap"));
	assert_true(has(f, "next: hasten cache --explain hash"));
	/* what gains most stands first, what loses last */
	assert_true(strstr(f->output, "hash.cpp") < strstr(f->output, "changes"));
	assert_true(strstr(f->output, "changes") < strstr(f->output, "cheap?"));
}

static void test_rows_and_sort(void **state)
{
	struct fixture *f = *state;

	f->reading.options.rows = 1;
	f->reading.options.sort = "calls";
	assert_int_equal(print(f), HST_EXIT_OK);
	assert_true(has(f, "fib"));
	assert_null(strstr(f->output, "hash.cpp"));
	assert_true(has(f, "3 more rows; -n 0 shows all"));
	f->reading.options.sort = "colour";
	assert_int_equal(print(f), HST_EXIT_USAGE);
	assert_non_null(
		strstr(f->errors, "-s takes gain, calls, keys, hits, cost or saved, not 'colour'"));
}

static void test_explain(void **state)
{
	struct fixture *f = *state;

	f->reading.options.explain = "changes";
	assert_int_equal(print(f), HST_EXIT_OK);
	assert_true(has(f, "1000 calls, 1 keys, 999 repeats, 1 thread: last value"));
	assert_true(has(f, "verdict: only with a TTL"));
	assert_true(has(f, "998 repeats had the same as before, 1 another one"));
	assert_true(has(f,
		"key 000000000000004d: result 0000000000000000 at 49.9 ms, 0000000000000001 at 50.0 ms; it had held for 50.0 ms"));
	assert_true(has(f, "from 512 1 ####"));
	assert_true(has(f, "000000000000004d 1000 300 us 1"));
	assert_true(has(f, "curve (entries, hits in %, gain):"));
	assert_true(has(f, "1 99.90 "));
	f->reading.options.explain = "_Z4hashPKc";
	assert_int_equal(print(f), HST_EXIT_OK);
	assert_true(has(f, "TTL: 95 % of the repeats come within 400 us"));
	f->reading.options.explain = "nobody";
	assert_int_equal(print(f), HST_EXIT_USAGE);
	assert_non_null(strstr(f->errors, "--explain: no row has the name 'nobody'"));
}

static void test_json_and_csv(void **state)
{
	struct fixture *f = *state;

	f->reading.options.json = true;
	assert_int_equal(print(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "\"command\": \"cache\""));
	assert_non_null(strstr(f->output, "\"gain_ns\": 1981960"));
	assert_non_null(strstr(f->output, "\"ttl_below_ns\": 50000000"));
	assert_non_null(strstr(f->output, "\"verdict\": \"a lookup takes longer than the call\""));
	assert_non_null(strstr(f->output, "\"calls_not_ended\": 3"));
	f->reading.options.json = false;
	f->reading.options.csv = true;
	assert_int_equal(print(f), HST_EXIT_OK);
	assert_non_null(strstr(f->output, "name,file,line,gain_ns,"));
	assert_non_null(strstr(f->output, "hash,/src/hash.cpp,12,1981960,"));
	/* 999 x -6 - 20 */
	assert_non_null(strstr(f->output, ",-6014,"));
	assert_non_null(strstr(f->errors, "incomplete: a gap"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows_and_sort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_and_csv, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
