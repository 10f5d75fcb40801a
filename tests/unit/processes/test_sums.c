/* SPDX-License-Identifier: Apache-2.0 */
/* Phases and languages, commands, repeats, waste. */
#include "read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct journalgen *gen, const char *exe, const char *command)
{
	journalgen_init(gen);
	journalgen_run(gen, MS(0), 100, 90, true);
	journalgen_start(gen, MS(0), 100, 90, exe, command);
}

/* `pid` runs below `ppid`, uses CPU time and memory, and is waited for. */
static void run(struct journalgen *gen, uint64_t from_ms, uint64_t to_ms, uint32_t pid,
	uint32_t ppid, const char *exe, const char *command)
{
	const struct journalgen_next next = gen->next;
	uint32_t status = gen->next.call; /* borrowed for the exit status */

	gen->next.call = 0;
	journalgen_spawn(gen, MS(from_ms), MS(from_ms), ppid, pid, 0, exe, command);
	gen->next.cwd = next.cwd;
	journalgen_start(gen, MS(from_ms), pid, ppid, exe, command);
	gen->next.usage = next.usage;
	journalgen_end(gen, MS(to_ms), pid, (int32_t)status);
	journalgen_wait(gen, MS(to_ms), ppid, pid, (int32_t)EXITED(status));
}

static struct hst_processes end(struct journalgen *gen, uint64_t at_ms)
{
	journalgen_end(gen, MS(at_ms), 100, 0);
	journalgen_run(gen, MS(at_ms), 100, 90, false);
	return read_gen(gen, HST_PROGRAM_UNKNOWN);
}

static const struct hst_process_phase_row *row_of(
	const struct hst_processes *result, const char *language, enum hst_process_phase phase)
{
	static const struct hst_process_phase_row none;

	for (size_t i = 0; i < result->phase_count; i++) {
		if (result->phases[i].phase == phase &&
			strcmp(result->phases[i].language, language) == 0) {
			return &result->phases[i];
		}
	}
	print_error("no row %s / %s\n", language, hst_process_phase_text(phase));
	fail();
	return &none;
}

/* gcc -c with cc1 and as: one compilation and one assembly, both of C. */
static void test_sums_driver_and_tools_are_one_unit(void **state)
{
	const struct hst_process_phase_row *compile;
	const struct hst_process_phase_row *assemble;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/usr/bin/make", "make");
	journalgen_spawn(&gen, MS(10), MS(10), 100, 101, 0, "/usr/bin/gcc", "gcc -c a.c");
	journalgen_start(&gen, MS(10), 101, 100, "/usr/bin/gcc", "gcc -c a.c");
	gen.next.usage.user_ns = MS(40);
	gen.next.usage.hwm_bytes = 7000;
	run(&gen, 12, 60, 102, 101, "/usr/lib/cc1", "/usr/lib/cc1 a.c -o a.s");
	gen.next.usage.user_ns = MS(5);
	run(&gen, 60, 70, 103, 101, "/usr/bin/as", "as -o a.o a.s");
	gen.next.usage.user_ns = MS(2);
	gen.next.usage.hwm_bytes = 900;
	journalgen_end(&gen, MS(80), 101, 0);
	journalgen_wait(&gen, MS(80), 100, 101, 0);
	result = end(&gen, 100);
	compile = row_of(&result, "C", HST_PROCESS_PHASE_COMPILE);
	assemble = row_of(&result, "C", HST_PROCESS_PHASE_ASSEMBLE);
	assert_int_equal(compile->count, 1);
	assert_int_equal(compile->images, 2);
	assert_int_equal(compile->cpu_ns, MS(42));
	assert_int_equal(compile->wall_ns, MS(70));
	assert_int_equal(compile->wall.p50, MS(70));
	assert_int_equal(compile->hwm.max, 7000);
	assert_true(compile->cpu_share > 0.893 && compile->cpu_share < 0.894); /* 42 of 47 */
	assert_true(compile->wall_share > 0.6999 && compile->wall_share < 0.7001);
	assert_int_equal(assemble->count, 1);
	assert_int_equal(assemble->wall_ns, MS(10));
	assert_int_equal(assemble->hwm.count, 0);
	assert_int_equal(assemble->hwm.p95, HST_PROCESS_UNKNOWN);
	assert_int_equal(result.images[2].unit, 1);
	assert_string_equal(result.images[3].language, "C");
	hst_processes_finish(&result);
}

static void test_sums_quantiles_are_exact(void **state)
{
	const struct hst_process_phase_row *row;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/bin/judge", "judge");
	for (uint32_t i = 0; i < 100; i++) {
		/* Lengths 1 to 100 ms, out of order; every tenth fails. */
		uint64_t length = i * 37 % 100 + 1;

		gen.next.usage.user_ns = MS(length);
		gen.next.usage.hwm_bytes = length * 1000;
		gen.next.call = i % 10 == 0;
		run(&gen, 1000 * i, 1000 * i + length, 200 + i, 100, "/usr/bin/python3",
			"python3 a.py");
	}
	result = end(&gen, 100000);
	row = row_of(&result, "Python", HST_PROCESS_PHASE_RUN);
	assert_int_equal(row->count, 100);
	assert_int_equal(row->failed, 10);
	assert_int_equal(row->classes[HST_PROCESS_CLASS_OK], 90);
	assert_int_equal(row->classes[HST_PROCESS_CLASS_RE_NZEC], 10);
	assert_int_equal(row->wall.p50, MS(50));
	assert_int_equal(row->wall.p90, MS(90));
	assert_int_equal(row->wall.p99, MS(99));
	assert_int_equal(row->wall.max, MS(100));
	assert_int_equal(row->cpu.p90, MS(90));
	assert_int_equal(row->hwm.p95, 95000);
	assert_int_equal(row->wall.count, 100);
	assert_int_equal(row->wall_ns, MS(5050));
	assert_int_equal(result.repeat_count, 1);
	assert_int_equal(result.repeats[0].count, 100);
	assert_int_equal(result.repeats[0].failed, 10);
	assert_int_equal(result.repeats[0].cpu_ns, MS(5050));
	hst_processes_finish(&result);
}

/* A program that a link of this recording wrote is a run of that link's language. */
static void test_sums_language_of_what_was_linked(void **state)
{
	static const struct {
		const char *link, *exe, *language;
		enum hst_process_phase phase;
	} cases[] = { { "g++ -o out/../sol sol.o", "/src/sol", "C++", HST_PROCESS_PHASE_RUN },
		{ "gcc sol.c", "/src/a.out", "C", HST_PROCESS_PHASE_RUN },
		{ "gcc sol.c", "/src/a.out (deleted)", "C", HST_PROCESS_PHASE_RUN },
		{ "gfortran -o /src/./sol a.f90", "/src/sol", "Fortran", HST_PROCESS_PHASE_RUN },
		{ "rustc --crate-name my_app src/main.rs --crate-type bin -C extra-filename=-1 "
		  "--out-dir /src/target/debug/deps",
			"/src/target/debug/my-app", "Rust", HST_PROCESS_PHASE_RUN },
		{ "rustc --crate-name my_app src/main.rs --crate-type bin -C extra-filename=-1 "
		  "--out-dir /src/target/debug/deps",
			"/src/target/debug/deps/my_app-1", "Rust", HST_PROCESS_PHASE_RUN },
		{ "go build -o app .", "/src/app", "Go", HST_PROCESS_PHASE_RUN },
		{ "gcc -c sol.c", "/src/a.out", "", HST_PROCESS_PHASE_OTHER },
		{ "gcc -o other sol.c", "/src/sol", "", HST_PROCESS_PHASE_OTHER } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;
		char exe[64];

		(void)snprintf(exe, sizeof exe, "/bin/%.*s", (int)strcspn(cases[i].link, " "),
			cases[i].link);
		begin(&gen, "/bin/judge", "judge");
		run(&gen, 10, 20, 101, 100, exe, cases[i].link);
		run(&gen, 30, 40, 102, 100, cases[i].exe, "./x");
		result = end(&gen, 50);
		if (strcmp(result.images[2].language, cases[i].language) != 0) {
			print_error("%s\n", cases[i].link);
		}
		assert_string_equal(result.images[2].language, cases[i].language);
		assert_int_equal(result.images[2].phase, cases[i].phase);
		hst_processes_finish(&result);
	}
}

static void test_sums_phases_come_from_above(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/usr/bin/g++", "g++ a.cc -o a");
	run(&gen, 1, 2, 101, 100, "/usr/lib/collect2", "/usr/lib/collect2 -o a a.o");
	/* A helper that no table knows. */
	run(&gen, 3, 4, 102, 100, "/usr/lib/plugin-helper", "plugin-helper x");
	result = end(&gen, 50);
	assert_string_equal(image_of(&result, "collect2", 0)->language, "C++");
	assert_int_equal(image_of(&result, "collect2", 0)->unit, 0);
	assert_int_equal(image_of(&result, "plugin-helper", 0)->phase, HST_PROCESS_PHASE_LINK);
	assert_true(
		(image_of(&result, "plugin-helper", 0)->flags & HST_PROCESS_PHASE_INHERITED) != 0);
	assert_int_equal(result.phase_count, 1);
	assert_int_equal(result.phases[0].count, 1);
	assert_int_equal(result.phases[0].images, 3);
	hst_processes_finish(&result);
	/* A trial of cmake, though no configure script is there. */
	begin(&gen, "/usr/bin/cmake", "cmake .");
	gen.next.cwd = "/src/build/CMakeFiles/CMakeScratch/TryCompile-1";
	run(&gen, 1, 2, 101, 100, "/usr/bin/gcc", "gcc -c x.c");
	gen.next.flags = HST_JOURNAL_HOOKS;
	journalgen_start(&gen, MS(5), 103, 100, "/src/prog", "./prog");
	result = end(&gen, 50);
	assert_int_equal(image_of(&result, "gcc", 0)->phase, HST_PROCESS_PHASE_PROBE);
	assert_int_equal(image_of(&result, "prog", 0)->phase, HST_PROCESS_PHASE_RUN);
	assert_int_equal(image_of(&result, "cmake", 0)->phase, HST_PROCESS_PHASE_BUILD);
	hst_processes_finish(&result);
}

static void test_sums_commands_by_cpu(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/usr/bin/make", "make");
	gen.next.usage.user_ns = MS(3);
	gen.next.usage.hwm_bytes = 50;
	run(&gen, 10, 20, 101, 100, "/bin/rm", "rm a");
	gen.next.usage.user_ns = MS(90);
	gen.next.usage.hwm_bytes = 10;
	run(&gen, 20, 50, 102, 100, "/bin/cp", "cp a b");
	gen.next.usage.user_ns = MS(4);
	gen.next.usage.hwm_bytes = 60;
	gen.next.call = 1;
	run(&gen, 50, 55, 103, 100, "/bin/rm", "rm b");
	/* A copy by fork is no run of make. */
	journalgen_fork(&gen, MS(60), 104, 100);
	gen.next.usage.user_ns = MS(1);
	journalgen_end(&gen, MS(61), 104, 0);
	result = end(&gen, 100);
	assert_int_equal(result.command_count, 3);
	assert_string_equal(result.commands[0].command, "cp");
	assert_string_equal(result.commands[1].command, "rm");
	assert_int_equal(result.commands[1].count, 2);
	assert_int_equal(result.commands[1].failed, 1);
	assert_int_equal(result.commands[1].cpu_ns, MS(7));
	assert_int_equal(result.commands[1].wall_ns, MS(15));
	assert_int_equal(result.commands[1].wall_max_ns, MS(10));
	assert_int_equal(result.commands[1].hwm_max_bytes, 60);
	assert_string_equal(result.commands[2].command, "make");
	assert_int_equal(result.commands[2].count, 1);
	/* `rm a` and `rm b` are not the same. */
	assert_int_equal(result.repeat_count, 0);
	hst_processes_finish(&result);
}

static const struct hst_process_waste_row *waste_of(
	const struct hst_processes *result, enum hst_process_waste kind)
{
	static const struct hst_process_waste_row none;

	for (size_t i = 0; i < result->waste_count; i++) {
		if (result->wastes[i].kind == kind) {
			return &result->wastes[i];
		}
	}
	fail();
	return &none;
}

/* A version manager: a script runs two programs and then execs the one that was wanted, through env. */
static void test_sums_waste_of_a_chain(void **state)
{
	const struct hst_process_waste_row *row;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/bin/app", "app");
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t at = 100 * i;
		uint32_t pid = 200 + 10 * i;

		journalgen_fork(&gen, MS(at + 9), pid, 100);
		journalgen_exec(&gen, MS(at + 10), pid, 100, "/shims/python", "python a.py");
		journalgen_start(
			&gen, MS(at + 11), pid, 100, "/usr/bin/bash", "bash /shims/python a.py");
		gen.next.usage.user_ns = MS(2);
		run(&gen, at + 12, at + 15, pid + 1, pid, "/usr/bin/sed", "sed x");
		gen.next.usage.user_ns = MS(3);
		run(&gen, at + 15, at + 20, pid + 2, pid, "/usr/bin/cut", "cut x");
		gen.next.usage.user_ns = MS(7);
		journalgen_exec(&gen, MS(at + 22), pid, 100, "/usr/bin/env", "env python3 a.py");
		gen.next.usage.user_ns = MS(7);
		journalgen_start(&gen, MS(at + 23), pid, 100, "/usr/bin/env", "env python3 a.py");
		gen.next.usage.user_ns = MS(8);
		journalgen_exec(&gen, MS(at + 25), pid, 100, "/usr/bin/python3", "python3 a.py");
		gen.next.usage.user_ns = MS(8);
		journalgen_start(&gen, MS(at + 26), pid, 100, "/usr/bin/python3", "python3 a.py");
		gen.next.usage.user_ns = MS(50);
		journalgen_end(&gen, MS(at + 80), pid, 0);
		journalgen_wait(&gen, MS(at + 80), 100, pid, 0);
	}
	result = end(&gen, 300);
	assert_int_equal(result.waste_count, 1);
	row = waste_of(&result, HST_PROCESS_WASTE_CHAIN);
	assert_string_equal(row->wrapper, "python");
	assert_string_equal(row->program, "a.py");
	assert_int_equal(row->count, 2);
	assert_int_equal(row->images, 2 * (2 + 2)); /* bash and env, sed and cut */
	assert_int_equal(row->wall_ns, MS(2 * 15));
	assert_int_equal(row->cpu_ns, MS(2 * (8 + 5)));
	assert_string_equal(result.images[row->example].tool, "python");
	hst_processes_finish(&result);
}

static void test_sums_waste_of_shells_and_searches(void **state)
{
	const struct hst_process_waste_row *row;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen, "/usr/bin/make", "make");
	/* One command: the shell only waits. */
	journalgen_start(&gen, MS(10), 101, 100, "/usr/bin/dash", "sh -c cp");
	gen.next.path = "/a:/b:/bin";
	journalgen_spawn(&gen, MS(12), MS(13), 101, 102, 0, "cp", "cp");
	journalgen_start(&gen, MS(14), 102, 101, "/bin/cp", "cp");
	journalgen_end(&gen, MS(18), 102, 0);
	journalgen_wait(&gen, MS(18), 101, 102, 0);
	gen.next.usage.user_ns = MS(1);
	journalgen_end(&gen, MS(20), 101, 0);
	/* Two commands: a shell is needed. */
	journalgen_start(&gen, MS(30), 103, 100, "/usr/bin/dash", "sh -c cp");
	run(&gen, 31, 32, 104, 103, "/bin/cp", "cp");
	run(&gen, 33, 34, 105, 103, "/bin/cp", "cp");
	journalgen_end(&gen, MS(35), 103, 0);
	result = end(&gen, 100);
	assert_int_equal(result.waste_count, 2);
	row = waste_of(&result, HST_PROCESS_WASTE_SHELL);
	assert_string_equal(row->wrapper, "sh");
	assert_string_equal(row->program, "cp");
	assert_int_equal(row->count, 1);
	assert_int_equal(row->wall_ns, MS(10 - 6));
	assert_int_equal(row->cpu_ns, MS(1));
	row = waste_of(&result, HST_PROCESS_WASTE_PROBES);
	assert_int_equal(row->images, 2);
	assert_int_equal(row->wall_ns, MS(2));
	hst_processes_finish(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_driver_and_tools_are_one_unit),
		cmocka_unit_test(test_sums_quantiles_are_exact),
		cmocka_unit_test(test_sums_language_of_what_was_linked),
		cmocka_unit_test(test_sums_phases_come_from_above),
		cmocka_unit_test(test_sums_commands_by_cpu),
		cmocka_unit_test(test_sums_waste_of_a_chain),
		cmocka_unit_test(test_sums_waste_of_shells_and_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
