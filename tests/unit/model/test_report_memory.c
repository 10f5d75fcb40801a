/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of memory in `hasten report`: there when they were recorded, else null or a dash. */
#include "heap.h"

#include "cmd/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* f0 asks for two blocks, 100 and 40 bytes, and leaves the latter; f1 asks for none. */
static void record(struct heap_fixture *fixture, uint32_t pid, enum hst_memory_state state)
{
	struct tracegen *gen = heap_trace(pid);
	struct tracegen_stream *stream = tracegen_thread(gen, pid, HST_LANE_MAIN, NULL);

	tracegen_header(gen)->memory = state;
	at_enter(stream, 0, 0);
	at_alloc(stream, 100, 1, BLOCK(1), 100);
	tracegen_allocator(stream, ticks_at(100), 40, 2);
	at_alloc(stream, 200, 2, BLOCK(2), 40);
	at_free(stream, 300, BLOCK(1));
	at_enter(stream, 400, 1);
	at_leave(stream, 500);
	at_leave(stream, 1000);
	fixture_add(&fixture->base, gen);
}

/* What `hasten report` with two arguments prints; to be freed. */
static char *report(const struct heap_fixture *fixture, const char *first, const char *second)
{
	char words[4][128] = { "report" };
	char *argv[] = { words[0], words[1], words[2], words[3], NULL };
	char path[] = "/tmp/hasten-report-XXXXXX";
	char *text = calloc(1, 65536);
	int file = mkstemp(path);
	int out = dup(STDOUT_FILENO);
	ssize_t got;

	(void)snprintf(words[1], sizeof words[1], "%s", first);
	(void)snprintf(words[2], sizeof words[2], "%s", second);
	(void)snprintf(words[3], sizeof words[3], "%s", fixture->base.dir);
	assert_true(text != NULL && file >= 0 && out >= 0);
	(void)unlink(path);
	(void)fflush(stdout);
	assert_true(dup2(file, STDOUT_FILENO) >= 0);
	assert_int_equal(hst_cmd_report(4, argv), 0);
	(void)fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	got = pread(file, text, 65535, 0);
	assert_true(got > 0);
	close(file);
	return text;
}

/* The line of the text that begins with, or holds, a mark. */
static const char *line_with(char *text, const char *mark)
{
	char *found = strstr(text, mark);
	char *end = found == NULL ? NULL : strchr(found, '\n');

	assert_non_null(found);
	if (end != NULL) {
		*end = '\0';
	}
	return found;
}

static void expect(const char *line, const char *what)
{
	if (strstr(line, what) == NULL) {
		fail_msg("'%s' is not in '%s'", what, line);
	}
}

static void test_report_json_has_memory(void **state)
{
	struct heap_fixture *fixture = *state;
	char *text;
	const char *line;

	record(fixture, 1, HST_MEMORY_ON);
	record(fixture, 2, HST_MEMORY_ON);
	text = report(fixture, "--json", "--names=full");
	line = line_with(text, "{\"name\":\"f0\"");
	expect(line,
		"\"alloc_calls\":4,\"alloc_bytes\":280,\"peak_bytes\":140,\"leaked_bytes\":80,");
	expect(line, "\"allocator_ns\":80,");
	free(text);
	text = report(fixture, "--json", "--process=2");
	line = line_with(text, "{\"name\":\"f0\"");
	expect(line, "\"alloc_calls\":2,");
	free(text);
	text = report(fixture, "--json", "--names=full");
	line = line_with(text, "{\"name\":\"f1\"");
	expect(line, "\"alloc_calls\":0,\"alloc_bytes\":0,\"peak_bytes\":0,\"leaked_bytes\":0,");
	free(text);
}

static void test_report_json_says_null_without_memory(void **state)
{
	struct heap_fixture *fixture = *state;
	char *text;
	const char *line;

	record(fixture, 1, HST_MEMORY_OFF);
	text = report(fixture, "--json", "--names=full");
	line = line_with(text, "{\"name\":\"f0\"");
	expect(line, "\"alloc_calls\":null,\"alloc_bytes\":null,\"peak_bytes\":null,");
	expect(line, "\"allocator_ns\":null,");
	free(text);
}

static void test_report_of_one_thread_knows_no_memory(void **state)
{
	struct heap_fixture *fixture = *state;
	char *text;

	record(fixture, 1, HST_MEMORY_ON);
	text = report(fixture, "--json", "--thread=1");
	expect(line_with(text, "{\"name\":\"f0\""), "\"alloc_calls\":null,");
	free(text);
}

static void test_report_columns_have_units(void **state)
{
	struct heap_fixture *fixture = *state;
	char *text;

	record(fixture, 1, HST_MEMORY_ON);
	text = report(fixture, "-c", "function,allocs,alloc,peak,leaked,temporary,allocator");
	expect(line_with(text, "f0 "), "2 140 B 140 B   40 B         1     40 ns");
	free(text);
	/* without them nothing is read; sorting by one of them reads */
	text = report(fixture, "-c", "function,calls");
	assert_null(strstr(text, "ALLOC"));
	free(text);
	text = report(fixture, "-sallocs", "-cfunction,calls");
	assert_true(strstr(text, "\nf0 ") < strstr(text, "\nf1 "));
	free(text);
	text = report(fixture, "-sallocs", "-r");
	assert_true(strstr(text, "f1 ") < strstr(text, "f0 "));
	free(text);
}

static void test_report_columns_have_dashes_without_memory(void **state)
{
	struct heap_fixture *fixture = *state;
	char *text;

	record(fixture, 1, HST_MEMORY_OFF);
	text = report(fixture, "-c", "function,allocs,peak");
	expect(line_with(text, "f0 "), "-    -");
	free(text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, heap_setup, heap_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_report_json_has_memory),
		CASE(test_report_json_says_null_without_memory),
		CASE(test_report_of_one_thread_knows_no_memory),
		CASE(test_report_columns_have_units),
		CASE(test_report_columns_have_dashes_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0 ? 1 : 0;
}
