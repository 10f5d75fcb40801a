/* SPDX-License-Identifier: Apache-2.0 */
/* Shells of system and popen, searches along PATH, and journals that say little. */
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
}

static void usage(struct journalgen *gen, uint64_t user_ms, uint64_t system_ms, uint64_t hwm)
{
	gen->next.usage.user_ns = MS(user_ms);
	gen->next.usage.system_ns = MS(system_ms);
	gen->next.usage.hwm_bytes = hwm;
}

/* system() and popen() start their shells within libc; only SHELL tells how system's ended. */
static void test_calls_system_and_popen_find_their_shells(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_start(&gen, MS(3), 101, 100, "/usr/bin/dash", "sh -c false");
	usage(&gen, 2, 1, 10);
	journalgen_end(&gen, MS(5), 101, -1);
	journalgen_shell(&gen, MS(2), MS(6), 100, HST_CALL_SYSTEM, 0, EXITED(7), "false");
	journalgen_start(&gen, MS(8), 102, 100, "/usr/bin/dash", "sh -c cat");
	journalgen_shell(&gen, MS(7), MS(9), 100, HST_CALL_POPEN, 102, 0, "cat");
	journalgen_shell(&gen, MS(10), MS(12), 100, HST_CALL_PCLOSE, 102, SIGPIPE, NULL);
	usage(&gen, 5, 5, 10);
	journalgen_end(&gen, MS(13), 100, 0);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.image_count, 3);
	assert_int_equal(result.shell_count, 3);
	assert_string_equal(result.shells[0].call, "system");
	assert_string_equal(result.shells[0].command, "false");
	assert_int_equal(result.shells[0].child, 1);
	assert_int_equal(result.shells[0].start_ns, MS(2));
	assert_int_equal(result.shells[1].child, 2);
	assert_int_equal(result.images[1].began, HST_PROCESS_BEGAN_SPAWN);
	assert_int_equal(result.images[1].ended, HST_PROCESS_ENDED_SHELL);
	assert_int_equal(result.images[1].exit_status, 7);
	assert_int_equal(result.images[1].waited_by, 0);
	assert_int_equal(result.images[2].signal, SIGPIPE);
	assert_int_equal(result.images[2].end_ns, MS(12));
	/* What the shell used is not the caller's. */
	assert_int_equal(result.images[0].cpu_ns, MS(10));
	assert_int_equal(result.images[1].cpu_ns, MS(3));
	hst_processes_finish(&result);
}

/* A shell that nobody waited for with a record: what is not known of it is not taken out of its caller's. */
static void test_calls_unknown_figures_of_shells_stay_out(void **state)
{
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_spawn(&gen, MS(2), MS(2), 100, 101, 0, "/bin/b", "b");
	gen.next.usage.minor_faults = 0;
	journalgen_start(&gen, MS(2), 101, 100, "/bin/b", "b");
	journalgen_start(&gen, MS(4), 102, 101, "/usr/bin/dash", "sh -c x");
	usage(&gen, 2, 1, 10);
	journalgen_end(&gen, MS(5), 102, 0);
	journalgen_shell(&gen, MS(3), MS(6), 101, HST_CALL_SYSTEM, 0, EXITED(0), "x");
	usage(&gen, 10, 5, HST_JOURNAL_UNKNOWN);
	gen.next.usage.minor_faults = 100;
	journalgen_wait(&gen, MS(9), 100, 101, SIGKILL);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(image_of(&result, "b", 0)->usage.user_ns, MS(8));
	assert_int_equal(image_of(&result, "b", 0)->usage.system_ns, MS(4));
	assert_int_equal(image_of(&result, "b", 0)->usage.minor_faults, 100);
	assert_int_equal(image_of(&result, "b", 0)->usage.blocks_in, HST_PROCESS_UNKNOWN);
	hst_processes_finish(&result);
}

static void test_calls_searches_along_path(void **state)
{
	const struct hst_process_image *image;
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	gen.next.path = "/one:/two::/usr/bin:/three";
	gen.next.call = HST_CALL_POSIX_SPAWNP;
	journalgen_spawn(&gen, MS(2), MS(4), 100, 101, 0, "b", "b");
	gen.next.execfn = "/usr/bin/b";
	journalgen_start(&gen, MS(3), 101, 100, "/opt/b-real", "b");
	journalgen_end(&gen, MS(5), 101, 0);
	gen.next.path = "/one:/two";
	gen.next.call = HST_CALL_POSIX_SPAWNP;
	journalgen_spawn(&gen, MS(6), MS(7), 100, 0, ENOENT, "none", "none");
	/* A child of vfork that tries by itself. */
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(8), 103, 100, "/x/c", "c");
	journalgen_exec_failed(&gen, MS(9), 103, ENOENT);
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(10), 103, 100, "/y/c", "c");
	journalgen_exec_failed(&gen, MS(11), 103, EACCES);
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, MS(12), 103, 100, "/z/c", "c");
	journalgen_start(&gen, MS(13), 103, 100, "/z/c", "c");
	journalgen_end(&gen, MS(14), 103, 0);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	image = image_of(&result, "b", 0);
	assert_int_equal(image->probe_count, 3);
	assert_string_equal(image->probes[0], "/one/b");
	assert_string_equal(image->probes[1], "/two/b");
	assert_string_equal(image->probes[2], "./b");
	assert_null(image->probes[3]);
	image = image_of(&result, "c", 0);
	assert_int_equal(image->probe_count, 2);
	assert_string_equal(image->probes[0], "/x/c");
	assert_string_equal(image->probes[1], "/y/c");
	assert_int_equal(image->start_ns, MS(12));
	assert_int_equal(result.exec_failure_count, 3);
	assert_string_equal(result.exec_failures[0].file, "none");
	assert_string_equal(result.exec_failures[0].call, "posix_spawnp");
	assert_int_equal(result.exec_failures[0].error, ENOENT);
	assert_int_equal(result.exec_failures[0].probe_count, 2);
	assert_false(result.exec_failures[0].recovered);
	assert_int_equal(result.exec_failures[1].error, ENOENT);
	assert_int_equal(result.exec_failures[1].image, 0);
	assert_true(result.exec_failures[1].recovered);
	assert_int_equal(result.exec_failures[2].error, EACCES);
	hst_processes_finish(&result);
}

static void test_calls_nothing_to_read(void **state)
{
	struct hst_processes result = { 0 };
	struct hst_journal_fork fields = { .ppid = 1 };
	struct hst_journal_record head;
	struct journalgen gen;
	struct hst_diag diag;

	(void)state;
	assert_int_equal(read_status(NULL, HST_PROGRAM_UNKNOWN, &result, &diag), HST_E_EMPTY);
	assert_non_null(strstr(diag.text, "has no journal of processes"));
	journalgen_init(&gen);
	assert_int_equal(read_status(&gen, HST_PROGRAM_UNKNOWN, &result, &diag), HST_E_EMPTY);
	assert_non_null(strstr(diag.text, "is empty"));
	journalgen_init(&gen);
	journalgen_raw(&gen, "no journal, but a text of some length: 48 bytes.", 48);
	assert_int_equal(read_status(&gen, HST_PROGRAM_UNKNOWN, &result, &diag), HST_E_NOT_OURS);
	journalgen_init(&gen);
	journalgen_record(&gen, HST_JOURNAL_FORK, 1, 2, &fields, sizeof fields, NULL, 0);
	memcpy(&head, gen.bytes, sizeof head);
	head.version++;
	memcpy(gen.bytes, &head, sizeof head);
	journalgen_recheck(&gen);
	assert_int_equal(read_status(&gen, HST_PROGRAM_UNKNOWN, &result, &diag), HST_E_VERSION);
	assert_non_null(strstr(diag.text, "newer hasten"));
}

static void test_calls_damage_is_said(void **state)
{
	uint8_t part[40]; /* of a record of 72 bytes */
	struct hst_processes result;
	struct journalgen gen;

	(void)state;
	begin(&gen);
	journalgen_start(&gen, MS(1), 100, 90, "/bin/a", "a");
	journalgen_raw(&gen, "rubbish.", 8);
	journalgen_end(&gen, MS(5), 100, 0);
	memcpy(part, gen.bytes, sizeof part);
	journalgen_raw(&gen, part, sizeof part);
	result = read_gen(&gen, HST_PROGRAM_UNKNOWN);
	assert_int_equal(result.damaged, 1);
	assert_int_equal(result.damaged_bytes, 8 + 40);
	assert_true(result.cut);
	assert_true(has_note(&result, "damaged in 1 place "));
	assert_true(has_note(&result, "is not whole"));
	assert_true(result.notes[0].loss);
	assert_false(result.complete);
	hst_processes_finish(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_system_and_popen_find_their_shells),
		cmocka_unit_test(test_calls_unknown_figures_of_shells_stay_out),
		cmocka_unit_test(test_calls_searches_along_path),
		cmocka_unit_test(test_calls_nothing_to_read),
		cmocka_unit_test(test_calls_damage_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
