/* SPDX-License-Identifier: Apache-2.0 */
/* Classes and their evidence: one recording per class. */
#include "read.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct journalgen *gen)
{
	journalgen_init(gen);
	journalgen_run(gen, MS(0), 100, 90, true);
	journalgen_start(gen, MS(1), 100, 90, "/bin/judge", "judge");
}

/* Process 101 of judge runs something; what its limits are is set in `next` before. */
static void run(struct journalgen *gen, const char *exe, const char *command)
{
	const struct journalgen_next next = gen->next;

	journalgen_spawn(gen, MS(2), MS(4), 100, 101, 0, exe, command);
	gen->next = next;
	journalgen_start(gen, MS(3), 101, 100, exe, command);
}

/* Judge waits for it and ends. */
static struct hst_processes end(struct journalgen *gen, int32_t status, uint64_t cpu_ms)
{
	gen->next.usage.user_ns = MS(cpu_ms);
	journalgen_wait(gen, MS(2000), 100, 101, status);
	journalgen_end(gen, MS(2001), 100, 0);
	journalgen_run(gen, MS(2002), 100, 90, false);
	return read_gen(gen, HST_PROGRAM_UNKNOWN);
}

static void check(struct hst_processes *result, const char *command, enum hst_process_class class,
	const char *verdict, const char *evidence)
{
	const struct hst_process_image *image = image_of(result, command, 0);

	if (image->class != class || strcmp(image->verdict, verdict) != 0 ||
		strstr(image->evidence, evidence) == NULL) {
		print_error("%s: %s: %s\n", command, image->verdict, image->evidence);
	}
	assert_int_equal(image->class, class);
	assert_string_equal(image->verdict, verdict);
	assert_non_null(strstr(image->evidence, evidence));
	assert_int_equal(
		result->classes[class], class == HST_PROCESS_CLASS_OK ? result->processes : 1);
}

static void test_verdict_of_plain_ends(void **state)
{
	static const struct {
		int32_t status;
		enum hst_process_class class;
		const char *verdict, *evidence;
	} cases[] = { { EXITED(0), HST_PROCESS_CLASS_OK, "OK", "" },
		{ EXITED(3), HST_PROCESS_CLASS_RE_NZEC, "RE-NZEC 3", "status 3" },
		{ SIGSEGV, HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGSEGV", "killed by SIGSEGV" },
		{ SIGABRT | 0x80, HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGABRT", "core dumped" },
		{ SIGFPE, HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGFPE", "SIGFPE" },
		{ SIGKILL, HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGKILL", "SIGKILL" },
		{ SIGXCPU, HST_PROCESS_CLASS_TLE_CPU, "TLE-CPU", "1.00 s of CPU" },
		{ SIGXFSZ, HST_PROCESS_CLASS_OLE, "OLE", "SIGXFSZ" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		run(&gen, "/tmp/sol", "./sol");
		result = end(&gen, cases[i].status, 1000);
		check(&result, "sol", cases[i].class, cases[i].verdict, cases[i].evidence);
		assert_int_equal(result.failed, cases[i].class != HST_PROCESS_CLASS_OK);
		hst_processes_finish(&result);
	}
}

static void test_verdict_cpu_limit_needs_the_time(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	gen.next.limits.cpu_seconds = 1;
	run(&gen, "/tmp/sol", "./sol");
	result = end(&gen, SIGKILL, 1010);
	check(&result, "sol", HST_PROCESS_CLASS_TLE_CPU, "TLE-CPU", "its limit was 1 s");
	hst_processes_finish(&result);
	begin(&gen);
	gen.next.limits.cpu_seconds = 1;
	run(&gen, "/tmp/sol", "./sol");
	/* The kernel counts in ticks, of which a busy machine takes some from others. */
	result = end(&gen, SIGKILL, 850);
	check(&result, "sol", HST_PROCESS_CLASS_TLE_CPU, "TLE-CPU", "its limit was 1 s");
	hst_processes_finish(&result);
	begin(&gen);
	gen.next.limits.cpu_seconds = 1;
	run(&gen, "/tmp/sol", "./sol");
	result = end(&gen, SIGKILL, 750);
	check(&result, "sol", HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGKILL", "killed");
	hst_processes_finish(&result);
}

static void test_verdict_file_limit_is_named(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	gen.next.limits.file_bytes = 4096;
	run(&gen, "/tmp/sol", "./sol");
	result = end(&gen, SIGXFSZ, 1);
	check(&result, "sol", HST_PROCESS_CLASS_OLE, "OLE", "limit of 4096 bytes");
	hst_processes_finish(&result);
}

static void test_verdict_memory_limit(void **state)
{
	static const struct {
		uint64_t limit, wanted, present;
		int32_t status;
		enum hst_process_class class;
	} cases[] = { { 1000000, 500000, 600000, SIGABRT, HST_PROCESS_CLASS_MLE },
		{ 1000000, 500000, 600000, EXITED(1), HST_PROCESS_CLASS_MLE },
		/* Far below the limit, no limit, or it went on well. */
		{ 1000000, 5000, 6000, SIGABRT, HST_PROCESS_CLASS_RE_SIGNAL },
		{ HST_JOURNAL_UNKNOWN, 500000, 600000, SIGABRT, HST_PROCESS_CLASS_RE_SIGNAL },
		{ 1000000, 500000, 600000, EXITED(0), HST_PROCESS_CLASS_OK },
		/* The size of the address space is not known: a limit alone is evidence. */
		{ 1000000, 500000, 0, SIGABRT, HST_PROCESS_CLASS_MLE } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		gen.next.limits.address_bytes = cases[i].limit;
		run(&gen, "/tmp/sol", "./sol");
		journalgen_no_memory(&gen, MS(9), 101, cases[i].wanted, cases[i].present);
		result = end(&gen, cases[i].status, 1);
		assert_int_equal(image_of(&result, "sol", 0)->class, cases[i].class);
		assert_int_equal(result.no_memory_count, 1);
		assert_int_equal(result.no_memories[0].bytes, cases[i].wanted);
		assert_int_equal(result.no_memories[0].image, index_of(&result, "sol", 0));
		assert_int_equal(result.no_memories[0].at_ns, MS(9));
		hst_processes_finish(&result);
	}
}

static void test_verdict_out_of_memory_killer(void **state)
{
	static const uint64_t after[] = { 6, 5, HST_JOURNAL_UNKNOWN };

	(void)state;
	for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		journalgen_init(&gen);
		gen.next.oom_kills = 5;
		journalgen_run(&gen, MS(0), 100, 90, true);
		journalgen_start(&gen, MS(1), 100, 90, "/bin/judge", "judge");
		gen.next.flags = HST_JOURNAL_LAUNCHER;
		journalgen_wait(&gen, MS(3), 90, 100, SIGKILL);
		gen.next.oom_kills = after[i];
		journalgen_run(&gen, MS(4), 100, 90, false);
		result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
		assert_int_equal(result.images[0].class,
			i == 0 ? HST_PROCESS_CLASS_MLE : HST_PROCESS_CLASS_RE_SIGNAL);
		assert_int_equal(
			result.system.oom_kills, i == 2 ? HST_SYSTEM_UNKNOWN : after[i] - 5);
		hst_processes_finish(&result);
	}
}

static void test_verdict_timeout(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, "/usr/bin/timeout", "timeout 1 ./sol");
	journalgen_fork(&gen, MS(5), 102, 101);
	journalgen_exec(&gen, MS(6), 102, 101, "./sol", "./sol");
	journalgen_start(&gen, MS(7), 102, 101, "/tmp/sol", "./sol");
	journalgen_wait(&gen, MS(1006), 101, 102, SIGTERM);
	result = end(&gen, EXITED(124), 1);
	assert_string_equal(image_of(&result, "sol", 0)->verdict, "TLE-WALL");
	assert_non_null(strstr(image_of(&result, "sol", 0)->evidence, "timeout (process 101)"));
	assert_string_equal(image_of(&result, "timeout", 0)->verdict, "TLE-WALL");
	assert_int_equal(result.classes[HST_PROCESS_CLASS_TLE_WALL], 2);
	hst_processes_finish(&result);
	/* The same signal without a timeout that ran out. */
	begin(&gen);
	run(&gen, "/usr/bin/timeout", "timeout 1 ./sol");
	journalgen_fork(&gen, MS(5), 102, 101);
	journalgen_wait(&gen, MS(16), 101, 102, SIGTERM);
	result = end(&gen, EXITED(143), 1);
	assert_string_equal(image_of(&result, "timeout", 1)->verdict, "RE-SIGTERM");
	assert_string_equal(image_of(&result, "timeout", 0)->verdict, "RE-NZEC 143");
	hst_processes_finish(&result);
}

/* It kills its own group, or says 137: so it does of a program that somebody else kills, which its time tells apart. */
static void test_verdict_timeout_that_kills(void **state)
{
	static const struct {
		const char *command;
		uint64_t killed_ms;
		int32_t status;
		const char *verdict;
		const char *below;
	} cases[] = { { "timeout -s KILL 1 ./sol", 1006, SIGKILL, "TLE-WALL", "TLE-WALL" },
		{ "timeout --signal=9 1s ./sol", 1006, SIGKILL, "TLE-WALL", "TLE-WALL" },
		{ "timeout -k 0.5 .5 ./sol", 1006, EXITED(137), "TLE-WALL", "TLE-WALL" },
		{ "timeout --kill-after 1 --foreground 0.01m ./sol", 1006, EXITED(137), "TLE-WALL",
			"TLE-WALL" },
		{ "timeout -vk1 1 ./sol", 1006, EXITED(137), "TLE-WALL", "TLE-WALL" },
		{ "timeout 3 ./sol", 1006, SIGKILL, "RE-SIGKILL", "RE-SIGKILL" },
		{ "timeout 1m ./sol", 1006, EXITED(137), "RE-NZEC 137", "RE-SIGKILL" },
		{ "timeout -k 1 0.5h ./sol", 1006, EXITED(137), "RE-NZEC 137", "RE-SIGKILL" },
		/* No limit, or none that can be read. */
		{ "timeout 0 ./sol", 1006, SIGKILL, "RE-SIGKILL", "RE-SIGKILL" },
		{ "timeout -s KILL", 1006, SIGKILL, "RE-SIGKILL", "RE-SIGKILL" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		run(&gen, "/usr/bin/timeout", cases[i].command);
		journalgen_fork(&gen, MS(5), 102, 101);
		journalgen_exec(&gen, MS(6), 102, 101, "./sol", "./sol");
		journalgen_start(&gen, MS(7), 102, 101, "/tmp/sol", "./sol");
		journalgen_wait(&gen, MS(cases[i].killed_ms), 101, 102, SIGKILL);
		result = end(&gen, cases[i].status, 1);
		assert_string_equal(image_of(&result, "timeout", 0)->verdict, cases[i].verdict);
		assert_string_equal(image_of(&result, "sol", 0)->verdict, cases[i].below);
		hst_processes_finish(&result);
	}
}

/* make → sh → gcc → cc1, and cc1 fails: each of them says whose fault it is. */
static void test_verdict_compile_error_names_the_tool(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, "/usr/bin/make", "make");
	journalgen_spawn(&gen, MS(5), MS(6), 101, 102, 0, "/bin/sh", "sh -c gcc");
	journalgen_start(&gen, MS(6), 102, 101, "/usr/bin/dash", "sh -c gcc");
	journalgen_spawn(&gen, MS(7), MS(8), 102, 103, 0, "/usr/bin/gcc", "gcc -c a.c b.c");
	journalgen_start(&gen, MS(8), 103, 102, "/usr/bin/gcc", "gcc -c a.c b.c");
	journalgen_spawn(&gen, MS(9), MS(9), 103, 104, 0, "/usr/lib/cc1", "cc1 a.c");
	journalgen_start(&gen, MS(9), 104, 103, "/usr/lib/cc1", "cc1 a.c");
	journalgen_wait(&gen, MS(10), 103, 104, EXITED(1));
	journalgen_spawn(&gen, MS(11), MS(11), 103, 105, 0, "/usr/lib/cc1", "cc1 b.c");
	journalgen_start(&gen, MS(11), 105, 103, "/usr/lib/cc1", "cc1 b.c");
	journalgen_wait(&gen, MS(12), 103, 105, EXITED(1));
	journalgen_wait(&gen, MS(13), 102, 103, EXITED(1));
	journalgen_wait(&gen, MS(14), 101, 102, EXITED(1));
	result = end(&gen, EXITED(2), 1);
	assert_string_equal(image_of(&result, "cc1", 0)->verdict, "CE cc1");
	assert_int_equal(image_of(&result, "cc1", 0)->culprit, index_of(&result, "cc1", 0));
	assert_string_equal(image_of(&result, "gcc", 0)->verdict, "CE cc1");
	assert_int_equal(image_of(&result, "gcc", 0)->culprit, index_of(&result, "cc1", 0));
	assert_string_equal(
		image_of(&result, "gcc", 0)->evidence, "its cc1 (process 104) ended with status 1");
	assert_string_equal(image_of(&result, "make", 0)->verdict, "CE cc1");
	assert_string_equal(image_of(&result, "sh", 0)->verdict, "RE-NZEC 1");
	assert_non_null(strstr(image_of(&result, "sh", 0)->evidence, "below it cc1 (process 104)"));
	assert_string_equal(image_of(&result, "judge", 0)->verdict, "OK");
	hst_processes_finish(&result);
}

static void test_verdict_killed_compiler(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, "/usr/bin/gcc", "gcc a.c");
	journalgen_fork(&gen, MS(5), 102, 101);
	journalgen_exec(&gen, MS(6), 102, 101, "/usr/lib/cc1", "cc1 a.c");
	journalgen_start(&gen, MS(7), 102, 101, "/usr/lib/cc1", "cc1 a.c");
	journalgen_wait(&gen, MS(8), 101, 102, SIGSEGV);
	result = end(&gen, EXITED(4), 1);
	check(&result, "gcc", HST_PROCESS_CLASS_CE, "CE cc1", "was killed by SIGSEGV");
	check(&result, "cc1", HST_PROCESS_CLASS_RE_SIGNAL, "RE-SIGSEGV", "killed by SIGSEGV");
	hst_processes_finish(&result);
}

/* A failing tool inside a program that copes with it, and ends well, is not the program's failure. */
static void test_verdict_configure_failures_are_no_failures(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	run(&gen, "/usr/bin/dash", "/bin/sh ./configure");
	journalgen_fork(&gen, MS(5), 102, 101);
	journalgen_exec(&gen, MS(6), 102, 101, "/usr/bin/gcc", "gcc -c conftest.c");
	journalgen_start(&gen, MS(7), 102, 101, "/usr/bin/gcc", "gcc -c conftest.c");
	journalgen_wait(&gen, MS(8), 101, 102, EXITED(1));
	result = end(&gen, EXITED(0), 1);
	check(&result, "gcc", HST_PROCESS_CLASS_CE, "CE gcc", "gcc ended with status 1");
	assert_int_equal(image_of(&result, "gcc", 0)->phase, HST_PROCESS_PHASE_PROBE);
	assert_int_equal(result.failed, 0);
	assert_int_equal(result.failed_probes, 1);
	hst_processes_finish(&result);
}

static void test_verdict_programs_that_cannot_be_started(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	/* The child of a fork. */
	begin(&gen);
	journalgen_fork(&gen, MS(2), 101, 100);
	gen.next.call = HST_CALL_EXECVP;
	gen.next.path = "/one:/two";
	journalgen_exec(&gen, MS(3), 101, 100, "nothere", "nothere");
	gen.next.call = HST_CALL_EXECVP;
	journalgen_exec_failed(&gen, MS(4), 101, ENOENT);
	journalgen_end(&gen, MS(5), 101, 127);
	result = end(&gen, EXITED(127), 1);
	assert_string_equal(image_of(&result, "judge", 1)->verdict, "EXEC ENOENT");
	assert_int_equal(image_of(&result, "judge", 1)->class_value, ENOENT);
	assert_string_equal(image_of(&result, "judge", 1)->evidence,
		"execvp of 'nothere' failed: No such file or directory (ENOENT)");
	assert_false(result.exec_failures[0].recovered);
	assert_int_equal(result.exec_failures[0].probe_count, 2);
	assert_int_equal(image_of(&result, "judge", 1)->probe_count, 2);
	assert_string_equal(image_of(&result, "judge", 1)->probes[1], "/two/nothere");
	assert_int_equal(image_of(&result, "judge", 0)->probe_count, 0);
	hst_processes_finish(&result);
	/* The child of vfork has no image: it is known by what it was to be. */
	begin(&gen);
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(3), 101, 100, "/bin/big", "big x");
	journalgen_exec_failed(&gen, MS(4), 101, E2BIG);
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_end(&gen, MS(5), 101, 127);
	result = end(&gen, EXITED(127), 1);
	check(&result, "big", HST_PROCESS_CLASS_EXEC, "EXEC E2BIG", "E2BIG");
	assert_int_equal(image_of(&result, "big", 0)->blind, HST_PROCESS_BLIND_NONE);
	assert_int_equal(image_of(&result, "big", 0)->hwm_bytes, HST_PROCESS_UNKNOWN);
	hst_processes_finish(&result);
	/* A shell interprets what cannot be executed, and its status is that of the script. */
	begin(&gen);
	journalgen_fork(&gen, MS(2), 101, 100);
	journalgen_exec(&gen, MS(3), 101, 100, "./script", "./script");
	journalgen_exec_failed(&gen, MS(4), 101, ENOEXEC);
	result = end(&gen, EXITED(1), 1);
	assert_string_equal(image_of(&result, "judge", 1)->verdict, "RE-NZEC 1");
	hst_processes_finish(&result);
}

static void test_verdict_loader(void **state)
{
	static const struct {
		enum hst_program_kind kind;
		const char *verdict;
	} cases[] = { { HST_PROGRAM_DYNAMIC, "EXEC loader" },
		{ HST_PROGRAM_UNKNOWN, "EXEC loader" }, { HST_PROGRAM_STATIC, "RE-NZEC 127" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/b", "b");
		journalgen_wait(&gen, MS(6), 100, 101, EXITED(127));
		result = read_gen(&gen, cases[i].kind);
		assert_string_equal(image_of(&result, "b", 0)->verdict, cases[i].verdict);
		hst_processes_finish(&result);
	}
}

static void test_verdict_orphans_and_lost(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_fork(&gen, MS(2), 101, 100);
	journalgen_fork(&gen, MS(3), 102, 100);
	journalgen_fork(&gen, MS(4), 103, 100);
	journalgen_fork(&gen, MS(5), 104, 100);
	journalgen_end(&gen, MS(10), 100, 0);
	journalgen_end(&gen, MS(20), 101, 0);
	journalgen_end(&gen, MS(21), 104, 5);
	gen.next.flags = HST_JOURNAL_LAUNCHER | HST_JOURNAL_ORPHAN;
	journalgen_wait(&gen, MS(22), 90, 102, EXITED(0));
	journalgen_run(&gen, MS(30), 100, 90, false);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_string_equal(result.images[0].verdict, "OK");
	assert_string_equal(result.images[1].verdict, "ORPHAN");
	assert_non_null(strstr(result.images[1].evidence, "first process (100)"));
	assert_string_equal(result.images[2].verdict, "ORPHAN");
	assert_int_equal(result.images[2].ended, HST_PROCESS_ENDED_LAUNCHER);
	assert_string_equal(result.images[3].verdict, "UNKNOWN-LOST");
	/* A failure is worse than having been left alone. */
	assert_string_equal(result.images[4].verdict, "RE-NZEC 5");
	assert_true((result.images[4].flags & HST_PROCESS_OUTLIVED) != 0);
	assert_int_equal(result.ends_lost, 1);
	hst_processes_finish(&result);
}

static void test_verdict_words(void **state)
{
	(void)state;
	assert_string_equal(hst_process_class_text(HST_PROCESS_CLASS_TLE_WALL), "TLE-WALL");
	assert_string_equal(hst_process_phase_text(HST_PROCESS_PHASE_BUILD), "build tool");
	assert_string_equal(hst_process_began_text(HST_PROCESS_BEGAN_SPAWN), "spawn");
	assert_string_equal(hst_process_ended_text(HST_PROCESS_ENDED_LAUNCHER), "launcher");
	assert_string_equal(hst_process_hwm_text(HST_PROCESS_HWM_UPPER), "at most");
	assert_string_equal(hst_process_waste_text(HST_PROCESS_WASTE_CHAIN), "chain");
	assert_string_equal(hst_process_blind_text(HST_PROCESS_BLIND_NONE), "");
	assert_string_equal(hst_process_blind_text(HST_PROCESS_BLINDS), "?");
	assert_true(hst_process_class_failed(HST_PROCESS_CLASS_EXEC));
	assert_false(hst_process_class_failed(HST_PROCESS_CLASS_ORPHAN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict_of_plain_ends),
		cmocka_unit_test(test_verdict_cpu_limit_needs_the_time),
		cmocka_unit_test(test_verdict_file_limit_is_named),
		cmocka_unit_test(test_verdict_memory_limit),
		cmocka_unit_test(test_verdict_out_of_memory_killer),
		cmocka_unit_test(test_verdict_timeout),
		cmocka_unit_test(test_verdict_timeout_that_kills),
		cmocka_unit_test(test_verdict_compile_error_names_the_tool),
		cmocka_unit_test(test_verdict_killed_compiler),
		cmocka_unit_test(test_verdict_configure_failures_are_no_failures),
		cmocka_unit_test(test_verdict_programs_that_cannot_be_started),
		cmocka_unit_test(test_verdict_loader),
		cmocka_unit_test(test_verdict_orphans_and_lost),
		cmocka_unit_test(test_verdict_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
