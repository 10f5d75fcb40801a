/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation fails, for every n: one sentence, and nothing is lost or freed twice. */
#include "read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);

static unsigned left = UINT32_MAX; /* until one fails */

static bool fails(void)
{
	return left != UINT32_MAX && left-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
	return fails() ? NULL : __real_realloc(block, bytes);
}

/* Something of everything, often enough that arrays grow. */
static void write_journal(struct journalgen *gen)
{
	struct hst_journal_system machine = { .record.mono_ns = MS(2) };
	struct hst_journal_sample sample = { .record = { .mono_ns = MS(3), .pid = 100 } };

	journalgen_init(gen);
	journalgen_run(gen, MS(0), 100, 90, true);
	journalgen_start(gen, MS(1), 100, 90, "/usr/bin/make", "make");
	journalgen_system(gen, &machine);
	journalgen_sample(gen, &sample, "make");
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t at = 10 + 10 * i;

		gen->next.path = "/a:/bin";
		journalgen_spawn(gen, MS(at), MS(at + 1), 100, 200 + i, 0, "gcc", "gcc -o app a.c");
		gen->next.execfn = "/bin/gcc";
		journalgen_start(gen, MS(at + 2), 200 + i, 100, "/bin/gcc", "gcc -o app a.c");
		journalgen_exec(gen, MS(at + 3), 200 + i, 100, "./app", "./app");
		journalgen_exec_failed(gen, MS(at + 3), 200 + i, 2);
		journalgen_no_memory(gen, MS(at + 4), 200 + i, 5, 5);
		journalgen_shell(gen, MS(at + 4), MS(at + 5), 200 + i, HST_CALL_SYSTEM, 0, 0, "x");
		journalgen_wait(gen, MS(at + 6), 100, 200 + i, (int32_t)(i % 3));
	}
	journalgen_end(gen, MS(900), 100, 0);
	journalgen_run(gen, MS(901), 100, 90, false);
}

static void test_shortage_at_every_allocation(void **state)
{
	const struct hst_processes_options options = { .tools = "/dev/null" };
	enum hst_status status = HST_E_MEMORY;
	char dir[] = "/tmp/hst-shortage-XXXXXX";
	struct journalgen gen;
	char path[64];
	unsigned tries;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/%s", dir, HST_JOURNAL_NAME);
	write_journal(&gen);
	assert_true(journalgen_save(&gen, path));
	journalgen_finish(&gen);
	for (tries = 0; status != HST_OK; tries++) {
		struct hst_processes processes;
		struct hst_diag diag = { "" };

		assert_true(tries < 10000);
		left = tries;
		status = hst_processes_read(dir, &options, &processes, &diag);
		left = UINT32_MAX;
		if (status == HST_OK) {
			check_result(&processes);
			assert_int_equal(processes.processes, 41);
			hst_processes_finish(&processes);
		} else {
			if (status != HST_E_MEMORY || strstr(diag.text, "out of memory") == NULL) {
				print_error("%u: %d: %s\n", tries, status, diag.text);
			}
			assert_int_equal(status, HST_E_MEMORY);
			assert_non_null(strstr(diag.text, "out of memory"));
		}
	}
	assert_true(tries > 50);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortage_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
