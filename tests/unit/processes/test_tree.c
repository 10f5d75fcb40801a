/* SPDX-License-Identifier: Apache-2.0 */
/* Who started whom, what an image used, how it ended. */
#include "read.h"

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
}

static void usage(struct journalgen *gen, uint64_t user_ms, uint64_t system_ms, uint64_t hwm)
{
	gen->next.usage.user_ns = MS(user_ms);
	gen->next.usage.system_ns = MS(system_ms);
	gen->next.usage.hwm_bytes = hwm;
}

/* make forks, the child becomes sh, then gcc in its place, which spawns cc1 with vfork. */
static struct hst_processes read_build(void)
{
	struct journalgen gen;

	begin(&gen);
	gen.next.cwd = "/home";
	journalgen_start(&gen, MS(1), 100, 90, "/usr/bin/make", "make -j2");
	journalgen_fork(&gen, MS(10), 101, 100);
	usage(&gen, 1, 2, 5000);
	journalgen_exec(&gen, MS(12), 101, 100, "/bin/sh", "/bin/sh -c gcc");
	usage(&gen, 2, 2, HST_JOURNAL_UNKNOWN);
	journalgen_start(&gen, MS(13), 101, 100, "/usr/bin/dash", "/bin/sh -c gcc");
	usage(&gen, 5, 5, 6000);
	journalgen_exec(&gen, MS(20), 101, 100, "/usr/bin/gcc", "gcc -c a.c");
	usage(&gen, 5, 6, HST_JOURNAL_UNKNOWN);
	journalgen_start(&gen, MS(22), 101, 100, "/usr/bin/gcc", "gcc -c a.c");
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(25), 102, 101, "/usr/lib/cc1", "cc1 a.c");
	journalgen_start(&gen, MS(26), 102, 101, "/usr/lib/cc1", "cc1 a.c");
	usage(&gen, 30, 4, 70000);
	journalgen_end(&gen, MS(60), 102, 0);
	usage(&gen, 30, 5, HST_JOURNAL_UNKNOWN);
	journalgen_wait(&gen, MS(61), 101, 102, EXITED(0));
	usage(&gen, 6, 8, 8000);
	journalgen_end(&gen, MS(70), 101, 0);
	journalgen_wait(&gen, MS(71), 100, 101, EXITED(0));
	usage(&gen, 3, 4, 9000);
	journalgen_end(&gen, MS(80), 100, 0);
	gen.next.flags = HST_JOURNAL_LAUNCHER;
	journalgen_wait(&gen, MS(81), 90, 100, EXITED(0));
	journalgen_run(&gen, MS(82), 100, 90, false);
	return read_gen(&gen, HST_PROGRAM_UNKNOWN);
}

static void test_tree_fork_exec_vfork(void **state)
{
	struct hst_processes result = read_build();
	const struct hst_process_image *make = image_of(&result, "make", 0);
	const struct hst_process_image *copy = image_of(&result, "make", 1);
	const struct hst_process_image *sh = image_of(&result, "sh", 0);
	const struct hst_process_image *gcc = image_of(&result, "gcc", 0);
	const struct hst_process_image *cc1 = image_of(&result, "cc1", 0);

	(void)state;
	assert_int_equal(result.image_count, 5);
	assert_int_equal(result.processes, 3);
	assert_true(result.complete);
	assert_int_equal(result.note_count, 0);
	assert_ptr_equal(make, &result.images[result.root]);
	assert_int_equal(make->began, HST_PROCESS_BEGAN_ROOT);
	assert_int_equal(copy->began, HST_PROCESS_BEGAN_FORK);
	assert_int_equal(sh->began, HST_PROCESS_BEGAN_EXEC);
	assert_int_equal(gcc->began, HST_PROCESS_BEGAN_EXEC);
	assert_int_equal(cc1->began, HST_PROCESS_BEGAN_SPAWN);
	assert_ptr_equal(&result.images[copy->parent], make);
	assert_ptr_equal(&result.images[cc1->parent], gcc);
	assert_int_equal(copy->next, index_of(&result, "sh", 0));
	assert_int_equal(sh->next, index_of(&result, "gcc", 0));
	assert_int_equal(gcc->next, HST_PROCESS_NONE);
	assert_int_equal(make->first_child, copy - result.images);
	assert_int_equal(gcc->first_child, cc1 - result.images);
	assert_int_equal(cc1->waited_by, gcc - result.images);
	assert_string_equal(copy->cwd, "/home");
	assert_string_equal(cc1->build_id, "01ab");
	hst_processes_finish(&result);
}

static void test_tree_figures_are_of_each_image_alone(void **state)
{
	struct hst_processes result = read_build();
	const struct hst_process_image *make = image_of(&result, "make", 0);
	const struct hst_process_image *copy = image_of(&result, "make", 1);
	const struct hst_process_image *sh = image_of(&result, "sh", 0);
	const struct hst_process_image *gcc = image_of(&result, "gcc", 0);
	const struct hst_process_image *cc1 = image_of(&result, "cc1", 0);

	(void)state;
	/* From exec to exec, not from START to START. */
	assert_int_equal(copy->start_ns, MS(10));
	assert_int_equal(copy->end_ns, MS(12));
	assert_int_equal(sh->start_ns, MS(12));
	assert_int_equal(sh->loaded_ns, MS(13));
	assert_int_equal(sh->wall_ns, MS(8));
	assert_int_equal(cc1->start_ns, MS(25));
	assert_int_equal(cc1->end_ns, MS(60));
	/* Of each image alone. */
	assert_int_equal(copy->cpu_ns, MS(3));
	assert_int_equal(sh->usage.user_ns, MS(3));
	assert_int_equal(sh->usage.system_ns, MS(3));
	assert_int_equal(gcc->usage.user_ns, MS(1));
	assert_int_equal(gcc->usage.system_ns, MS(2));
	assert_int_equal(cc1->cpu_ns, MS(34));
	assert_int_equal(make->cpu_ns, MS(7));
	assert_int_equal(result.cpu_ns, MS(3 + 6 + 3 + 34 + 7));
	assert_int_equal(make->tree_cpu_ns, result.cpu_ns);
	assert_int_equal(make->tree_images, 5);
	assert_int_equal(sh->tree_cpu_ns, MS(6 + 3 + 34));
	assert_int_equal(copy->hwm_bytes, 5000);
	assert_int_equal(sh->hwm_bytes, 6000);
	assert_int_equal(gcc->hwm_bytes, 8000);
	assert_int_equal(gcc->hwm_source, HST_PROCESS_HWM_EXACT);
	assert_int_equal(sh->ended, HST_PROCESS_ENDED_EXEC);
	assert_int_equal(cc1->ended, HST_PROCESS_ENDED_PARENT);
	assert_int_equal(make->ended, HST_PROCESS_ENDED_LAUNCHER);
	hst_processes_finish(&result);
}

/* A killed process says nothing: its parent's wait has it, with what it had waited for itself. */
static void test_tree_usage_of_the_killed_is_derived(void **state)
{
	const struct hst_process_image *killed;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	gen.next.rss_bytes = 1000;
	journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/b", "b");
	usage(&gen, 3, 0, HST_JOURNAL_UNKNOWN);
	gen.next.usage.maxrss_bytes = 1000;
	journalgen_start(&gen, MS(3), 101, 100, "/bin/b", "b");
	journalgen_spawn(&gen, MS(5), MS(6), 101, 102, 0, "/bin/c", "c");
	journalgen_start(&gen, MS(6), 102, 101, "/bin/c", "c");
	usage(&gen, 20, 1, 4000);
	journalgen_end(&gen, MS(30), 102, 3);
	usage(&gen, 20, 2, HST_JOURNAL_UNKNOWN);
	gen.next.usage.maxrss_bytes = 4000;
	journalgen_wait(&gen, MS(31), 101, 102, EXITED(3));
	usage(&gen, 120, 12, HST_JOURNAL_UNKNOWN);
	gen.next.usage.maxrss_bytes = 9000;
	journalgen_wait(&gen, MS(60), 100, 101, SIGKILL | 0x80);
	usage(&gen, 1, 0, 1000);
	journalgen_end(&gen, MS(61), 100, 0);
	journalgen_run(&gen, MS(62), 100, 90, false);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	killed = image_of(&result, "b", 0);
	assert_int_equal(killed->usage.user_ns, MS(120 - 20 - 3));
	assert_int_equal(killed->usage.system_ns, MS(12 - 2));
	assert_true((killed->flags & HST_PROCESS_USAGE_ESTIMATED) != 0);
	assert_int_equal(killed->hwm_bytes, 9000);
	assert_int_equal(killed->hwm_source, HST_PROCESS_HWM_UPPER);
	assert_int_equal(killed->signal, SIGKILL);
	assert_true(killed->core);
	assert_int_equal(killed->end_ns, MS(60));
	assert_string_equal(killed->verdict, "RE-SIGKILL");
	assert_int_equal(image_of(&result, "c", 0)->exit_status, 3);
	assert_true(has_note(&result, "concluded"));
	assert_int_equal(result.failed, 2);
	hst_processes_finish(&result);
}

/* maxrss that may be the parent's, or a child's, is no figure of the process. */
static void test_tree_maxrss_of_others_is_unknown(void **state)
{
	static const struct {
		uint64_t parent, base, child, maxrss, expected;
	} cases[] = { { 5000, 100, 0, 5000, HST_PROCESS_UNKNOWN }, { 5000, 100, 0, 5001, 5001 },
		{ 0, 6000, 0, 6000, HST_PROCESS_UNKNOWN }, { 0, 6000, 0, 6001, 6001 },
		{ 100, 100, 7000, 7000, HST_PROCESS_UNKNOWN }, { 100, 100, 7000, 8000, 8000 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
		gen.next.rss_bytes = cases[i].parent;
		journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/b", "b");
		gen.next.usage.maxrss_bytes = cases[i].base;
		journalgen_start(&gen, MS(3), 101, 100, "/bin/b", "b");
		if (cases[i].child != 0) {
			journalgen_fork(&gen, MS(4), 102, 101);
			gen.next.usage.maxrss_bytes = cases[i].child;
			journalgen_wait(&gen, MS(5), 101, 102, EXITED(0));
		}
		gen.next.usage.maxrss_bytes = cases[i].maxrss;
		journalgen_wait(&gen, MS(6), 100, 101, SIGKILL);
		result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
		assert_int_equal(image_of(&result, "b", 0)->hwm_bytes, cases[i].expected);
		hst_processes_finish(&result);
	}
}

/* A static program has no START: it is known from the spawn and the wait. */
static void test_tree_blind_spots(void **state)
{
	static const struct {
		enum hst_program_kind kind;
		enum hst_process_blind blind;
	} cases[] = { { HST_PROGRAM_STATIC, HST_PROCESS_BLIND_STATIC },
		{ HST_PROGRAM_PRIVILEGED, HST_PROCESS_BLIND_PRIVILEGED },
		{ HST_PROGRAM_FOREIGN, HST_PROCESS_BLIND_FOREIGN },
		{ HST_PROGRAM_UNKNOWN, HST_PROCESS_BLIND_NOT_SEEN } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct hst_process_image *blind;
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
		journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/static", "static -x");
		/* A dynamic child of it: nobody told of its start but itself. */
		journalgen_start(&gen, MS(8), 102, 101, "/bin/c", "c");
		journalgen_end(&gen, MS(9), 102, 0);
		usage(&gen, 7, 3, HST_JOURNAL_UNKNOWN);
		journalgen_wait(&gen, MS(20), 100, 101, EXITED(4));
		journalgen_end(&gen, MS(30), 100, 0);
		journalgen_run(&gen, MS(31), 100, 90, false);
		result = read_gen(&gen, cases[i].kind);
		blind = image_of(&result, "static", 0);
		assert_int_equal(blind->blind, cases[i].blind);
		assert_int_equal(blind->began, HST_PROCESS_BEGAN_SPAWN);
		assert_int_equal(blind->argc, 2);
		assert_string_equal(blind->exe, "/bin/static");
		assert_string_equal(blind->cwd, "/src");
		assert_int_equal(blind->wall_ns, MS(18));
		assert_int_equal(blind->cpu_ns, MS(10));
		assert_int_equal(blind->loaded_ns, HST_PROCESS_UNKNOWN);
		assert_int_equal(blind->exit_status, 4);
		assert_ptr_equal(&result.images[image_of(&result, "c", 0)->parent], blind);
		assert_int_equal(result.blind, 1);
		assert_true(has_note(&result, "could not be watched from within"));
		hst_processes_finish(&result);
	}
}

/* Static `env` execs what can be watched: the START does not fit what was asked for. */
static void test_tree_unseen_image_between_exec_and_start(void **state)
{
	const struct hst_process_image *env;
	const struct hst_process_image *python;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/env", "env X=1 python3 a.py");
	usage(&gen, 4, 0, HST_JOURNAL_UNKNOWN);
	journalgen_start(&gen, MS(5), 101, 100, "/usr/bin/python3", "python3 a.py");
	usage(&gen, 9, 0, 100);
	journalgen_end(&gen, MS(9), 101, 0);
	journalgen_wait(&gen, MS(10), 100, 101, EXITED(0));
	journalgen_end(&gen, MS(11), 100, 0);
	result = read_gen(&gen, HST_PROGRAM_STATIC);
	assert_int_equal(result.image_count, 3);
	env = &result.images[1];
	python = &result.images[2];
	assert_string_equal(env->tool, "env");
	assert_int_equal(env->blind, HST_PROCESS_BLIND_STATIC);
	assert_int_equal(env->start_ns, MS(2));
	assert_int_equal(env->end_ns, MS(5));
	assert_int_equal(env->cpu_ns, MS(4));
	assert_int_equal(python->previous, 1);
	assert_int_equal(python->began, HST_PROCESS_BEGAN_EXEC);
	assert_int_equal(python->cpu_ns, MS(5));
	hst_processes_finish(&result);
}

/* Where there are no arguments to compare, names are. */
static void test_tree_unseen_image_without_arguments(void **state)
{
	static const struct {
		const char *exe, *execfn, *command;
		size_t images;
	} cases[] = { { "/usr/bin/python3", NULL, "python3 x.py", 3 },
		{ "/bin/tool", NULL, "tool", 2 }, { "/usr/bin/dash", "/bin/tool", "-sh", 2 },
		{ "/usr/bin/perl", NULL, "perl /bin/tool", 2 },
		{ "/usr/bin/toolbox-1.2", NULL, "t0", 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hst_processes result;
		struct journalgen gen;

		begin(&gen);
		journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
		journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/tool", "t0");
		gen.next.execfn = cases[i].execfn;
		journalgen_start(&gen, MS(5), 101, 100, cases[i].exe, cases[i].command);
		journalgen_end(&gen, MS(9), 101, 0);
		result = read_gen(&gen, HST_PROGRAM_STATIC);
		assert_int_equal(result.image_count, cases[i].images);
		hst_processes_finish(&result);
	}
}

/* exit() tells of the status, what comes after it may not know it. */
static void test_tree_the_end_with_a_status_counts(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_end(&gen, MS(5), 100, 3);
	journalgen_end(&gen, MS(6), 100, -1);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.images[0].exit_status, 3);
	assert_int_equal(result.images[0].ended, HST_PROCESS_ENDED_SELF);
	hst_processes_finish(&result);
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_end(&gen, MS(5), 100, -1);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_string_equal(result.images[0].verdict, "UNKNOWN-LOST");
	assert_non_null(strstr(result.images[0].evidence, "with which status"));
	assert_int_equal(result.ends_lost, 0);
	hst_processes_finish(&result);
}

/* A script's START has the interpreter in front of what was asked for: no image is missing. */
static void test_tree_script_is_what_was_asked_for(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "./configure", "./configure --x");
	journalgen_start(&gen, MS(5), 101, 100, "/usr/bin/dash", "/bin/sh -e ./configure --x");
	journalgen_end(&gen, MS(9), 101, 0);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.image_count, 2);
	assert_string_equal(result.images[1].command, "configure");
	assert_int_equal(result.images[1].blind, HST_PROCESS_BLIND_NONE);
	hst_processes_finish(&result);
}

/* pids come round: after a wait, after an end, and after a fork that only can be a new process. */
static void test_tree_pids_are_given_anew(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_spawn(&gen, MS(2), MS(3), 100, 101, 0, "/bin/b", "b");
	journalgen_start(&gen, MS(3), 101, 100, "/bin/b", "b");
	journalgen_wait(&gen, MS(5), 100, 101, EXITED(1));
	journalgen_spawn(&gen, MS(6), MS(7), 100, 101, 0, "/bin/b", "b");
	journalgen_start(&gen, MS(7), 101, 100, "/bin/b", "b");
	usage(&gen, 1, 0, 1);
	journalgen_end(&gen, MS(8), 101, 2);
	/* The new process of the pid shows itself before the wait for the old one is written. */
	journalgen_start(&gen, MS(9), 101, 100, "/bin/b", "b");
	journalgen_wait(&gen, MS(10), 100, 101, EXITED(2));
	journalgen_wait(&gen, MS(12), 100, 101, EXITED(3));
	journalgen_fork(&gen, MS(13), 101, 100);
	journalgen_wait(&gen, MS(15), 100, 101, EXITED(4));
	/* waitid with WNOWAIT and then waitpid. */
	journalgen_wait(&gen, MS(16), 100, 101, EXITED(4));
	journalgen_end(&gen, MS(20), 100, 0);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.processes, 5);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(image_of(&result, "b", i)->exit_status, (int)i + 1);
		assert_int_equal(image_of(&result, "b", i)->pid, 101);
	}
	assert_int_equal(image_of(&result, "a", 1)->exit_status, 4);
	hst_processes_finish(&result);
}

/* Records in any order in the file: times count. */
static void test_tree_order_in_the_file_does_not_matter(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	journalgen_init(&gen);
	journalgen_wait(&gen, MS(9), 100, 101, EXITED(0));
	journalgen_end(&gen, MS(8), 101, 0);
	journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "/bin/b", "b");
	journalgen_start(&gen, MS(3), 101, 100, "/bin/b", "b");
	journalgen_end(&gen, MS(10), 100, 0);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_run(&gen, MS(0), 100, 90, true);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.image_count, 2);
	assert_string_equal(result.images[0].command, "a");
	assert_int_equal(result.images[1].parent, 0);
	assert_int_equal(result.images[1].began, HST_PROCESS_BEGAN_SPAWN);
	assert_int_equal(result.images[1].ended, HST_PROCESS_ENDED_PARENT);
	assert_false(result.finished);
	assert_true(has_note(&result, "launcher did not write its end"));
	hst_processes_finish(&result);
}

/* What the kernel said goes before what the process meant to do. */
static void test_tree_status_by_the_best_source(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_end(&gen, MS(5), 100, 0);
	gen.next.flags = HST_JOURNAL_LAUNCHER;
	journalgen_wait(&gen, MS(6), 90, 100, SIGSEGV);
	journalgen_run(&gen, MS(7), 100, 90, false);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.images[0].ended, HST_PROCESS_ENDED_LAUNCHER);
	assert_int_equal(result.images[0].signal, SIGSEGV);
	assert_int_equal(result.images[0].exit_status, -1);
	assert_int_equal(result.images[0].end_ns, MS(5));
	hst_processes_finish(&result);
}

static void test_tree_ends_and_parents_that_nobody_saw(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_start(&gen, MS(3), 200, 150, "/bin/b", "b");
	journalgen_wait(&gen, MS(6), 100, 300, EXITED(1));
	/* Stopped, not ended. */
	journalgen_wait(&gen, MS(7), 100, 200, SIGSTOP << 8 | 0x7f);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.processes, 3);
	assert_int_equal(result.parents_lost, 1);
	assert_int_equal(result.ends_lost, 2);
	assert_true(has_note(&result, "the parent of 1 process is in no record"));
	assert_true(has_note(&result, "the end of 2 processes was not seen"));
	assert_true(has_note(&result, "nothing but the end"));
	assert_false(result.complete);
	assert_true((image_of(&result, "b", 0)->flags & HST_PROCESS_PARENT_LOST) != 0);
	assert_string_equal(image_of(&result, "b", 0)->verdict, "UNKNOWN-LOST");
	assert_true((image_of(&result, "?", 0)->flags & HST_PROCESS_START_UNKNOWN) != 0);
	assert_int_equal(image_of(&result, "?", 0)->wall_ns, HST_PROCESS_UNKNOWN);
	assert_int_equal(image_of(&result, "?", 0)->parent, 0);
	hst_processes_finish(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree_fork_exec_vfork),
		cmocka_unit_test(test_tree_figures_are_of_each_image_alone),
		cmocka_unit_test(test_tree_usage_of_the_killed_is_derived),
		cmocka_unit_test(test_tree_maxrss_of_others_is_unknown),
		cmocka_unit_test(test_tree_blind_spots),
		cmocka_unit_test(test_tree_unseen_image_between_exec_and_start),
		cmocka_unit_test(test_tree_unseen_image_without_arguments),
		cmocka_unit_test(test_tree_the_end_with_a_status_counts),
		cmocka_unit_test(test_tree_script_is_what_was_asked_for),
		cmocka_unit_test(test_tree_pids_are_given_anew),
		cmocka_unit_test(test_tree_order_in_the_file_does_not_matter),
		cmocka_unit_test(test_tree_status_by_the_best_source),
		cmocka_unit_test(test_tree_ends_and_parents_that_nobody_saw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
