/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run_figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UNKNOWN HST_JOURNAL_UNKNOWN

static uint64_t tick_ns(void)
{
	return 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void test_figures_stat_all_fields(void **state)
{
	static const char text[] =
		"4321 (a b) c) S 17 4321 4321 0 -1 4194304 101 2 3 4 50 6 7 8 20 0 9 0 257255 3133440 408 "
		"18446744073709551615 1 1 1 0 0\n";
	struct hst_figures figures;

	(void)state;
	assert_true(hst_figures_stat(text, &figures));
	assert_int_equal(figures.pid, 4321);
	assert_string_equal(figures.name, "a b) c");
	assert_int_equal(figures.state, 'S');
	assert_int_equal(figures.parent, 17);
	assert_int_equal(figures.minor_faults, 101);
	assert_int_equal(figures.major_faults, 3);
	assert_int_equal(figures.user_ns, 50 * tick_ns());
	assert_int_equal(figures.system_ns, 6 * tick_ns());
	assert_int_equal(figures.threads, 9);
	assert_int_equal(figures.start, 257255);
	assert_int_equal(figures.virtual_bytes, 3133440);
	assert_int_equal(figures.rss_bytes, 408 * sysconf(_SC_PAGESIZE));
	assert_true(figures.hwm_bytes == UNKNOWN && figures.read_bytes == UNKNOWN);
}

static void test_figures_stat_damaged_is_refused(void **state)
{
	static const char *const texts[] = { "", "1", "1 (a", "1 a) R 1", "1 (a) R",
		"1 (a) R 17 4321 4321 0 -1 4194304 101 2 3 4 50 6 7 8 20 0 9 0 257255 3133440",
		"1 )a( R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22" };
	struct hst_figures figures;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_false(hst_figures_stat(texts[i], &figures));
	}
}

static void test_figures_status_and_io(void **state)
{
	struct hst_figures figures = { 0 };

	(void)state;
	hst_figures_status("Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    1200 kB\nThreads:\t1\n"
			   "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t8\n",
		&figures);
	assert_int_equal(figures.hwm_bytes, 1200 * 1024);
	assert_int_equal(figures.voluntary, 7);
	assert_int_equal(figures.involuntary, 8);
	hst_figures_io("rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n",
		&figures);
	assert_int_equal(figures.read_bytes, 4096);
	assert_int_equal(figures.written_bytes, 8192);
	/* A kernel thread, a zombie: no memory. */
	hst_figures_status("Name:\tx\nState:\tZ\n", &figures);
	assert_true(figures.hwm_bytes == UNKNOWN && figures.voluntary == UNKNOWN);
}

static void test_figures_value_is_of_the_whole_key(void **state)
{
	(void)state;
	assert_int_equal(hst_figures_value("oom_kill_disable 5\noom_kill 3\n", "oom_kill"), 3);
	assert_true(hst_figures_value("oom_kill_disable 5\n", "oom_kill") == UNKNOWN);
	assert_true(hst_figures_value("x oom_kill 5\n", "oom_kill") == UNKNOWN);
	assert_true(hst_figures_value("oom_kill\n7\n", "oom_kill") == UNKNOWN);
	assert_true(hst_figures_value("oom_kill", "oom_kill") == UNKNOWN);
	assert_true(hst_figures_value("", "oom_kill") == UNKNOWN);
}

static void test_figures_system_each_file(void **state)
{
	struct hst_journal_system system;

	(void)state;
	hst_figures_unknown(&system);
	assert_true(system.cpu_user_ns == UNKNOWN && system.load_1m_1000 == UNKNOWN);
	assert_int_equal(system.processors, 0);
	hst_figures_system("stat",
		"cpu  10 2 30 400 5 6 7 8 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5 0\nctxt 99\n"
		"processes 77\nprocs_running 3\n",
		&system);
	assert_int_equal(system.cpu_user_ns, 12 * tick_ns());
	assert_int_equal(system.cpu_system_ns, 43 * tick_ns());
	assert_int_equal(system.cpu_idle_ns, 400 * tick_ns());
	assert_int_equal(system.cpu_iowait_ns, 5 * tick_ns());
	assert_int_equal(system.cpu_steal_ns, 8 * tick_ns());
	assert_int_equal(system.context_switches, 99);
	assert_int_equal(system.forks, 77);
	assert_int_equal(system.processors, 2);
	assert_int_equal(system.running, 3);
	hst_figures_system("meminfo",
		"MemTotal:  100 kB\nMemAvailable:  50 kB\nSwapTotal: 8 kB\nSwapFree:  4 kB\n",
		&system);
	assert_int_equal(system.memory_total, 102400);
	assert_int_equal(system.memory_available, 51200);
	assert_int_equal(system.swap_total, 8192);
	assert_int_equal(system.swap_free, 4096);
	hst_figures_system("vmstat", "nr_x 1\npgpgin 3\npgpgout 4\n", &system);
	assert_int_equal(system.read_bytes, 3072);
	assert_int_equal(system.written_bytes, 4096);
	hst_figures_system("loadavg", "12.34 1.00 0.50 2/98 27190\n", &system);
	assert_int_equal(system.load_1m_1000, 12340);
	hst_figures_system("pressure/io",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=55\nfull avg10=0 total=44\n",
		&system);
	assert_int_equal(system.pressure_io_us, 55);
	assert_true(system.pressure_cpu_us == UNKNOWN);
}

static void test_figures_system_nonsense_stays_unknown(void **state)
{
	struct hst_journal_system system;

	(void)state;
	hst_figures_unknown(&system);
	for (size_t i = 0; hst_figures_files[i] != NULL; i++) {
		hst_figures_system(hst_figures_files[i], "nonsense\n", &system);
		hst_figures_system(hst_figures_files[i], "", &system);
	}
	hst_figures_system("unheard of", "cpu 1 1 1 1", &system);
	assert_true(system.cpu_user_ns == UNKNOWN && system.memory_total == UNKNOWN &&
		    system.load_1m_1000 == UNKNOWN && system.pressure_io_us == UNKNOWN &&
		    system.read_bytes == UNKNOWN && system.forks == UNKNOWN);
}

static void test_figures_last_pid(void **state)
{
	(void)state;
	assert_int_equal(hst_figures_last_pid("0.00 0.01 0.05 1/98 27190\n"), 27190);
	assert_int_equal(hst_figures_last_pid("nothing"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_stat_all_fields),
		cmocka_unit_test(test_figures_stat_damaged_is_refused),
		cmocka_unit_test(test_figures_status_and_io),
		cmocka_unit_test(test_figures_value_is_of_the_whole_key),
		cmocka_unit_test(test_figures_system_each_file),
		cmocka_unit_test(test_figures_system_nonsense_stays_unknown),
		cmocka_unit_test(test_figures_last_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
