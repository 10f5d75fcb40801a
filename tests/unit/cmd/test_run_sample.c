/* SPDX-License-Identifier: Apache-2.0 */
/* Journal and sampler of the launcher, over a /proc that is made of files. */
#include "cmd/run_journal.h"
#include "cmd/run_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LAUNCHER 10
#define ROOT     20
#define SINCE    1000

struct scene {
	char path[64];
	int directory;
	struct hst_run_journal journal;
	struct hst_run_sampler sampler;
};

/* Writes a file, and the folders on the way to it. */
static void put(const struct scene *scene, const char *name, const char *text)
{
	char folder[256];
	int fd;

	(void)snprintf(folder, sizeof folder, "%s", name);
	for (char *slash = strchr(folder, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdirat(scene->directory, folder, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	fd = openat(scene->directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

struct fake {
	int pid, parent, threads;
	char state;
	int user, rss_pages, start;
};

static void put_process(const struct scene *scene, const struct fake *fake)
{
	char name[64];
	char text[512];

	(void)snprintf(name, sizeof name, "%d/stat", fake->pid);
	(void)snprintf(text, sizeof text,
		"%d (p%d) %c %d 1 1 0 -1 0 1 0 0 0 %d 0 0 0 20 0 %d 0 %d 4096 %d 0 0 0\n",
		fake->pid, fake->pid, fake->state, fake->parent, fake->user, fake->threads,
		fake->start, fake->rss_pages);
	put(scene, name, text);
	(void)snprintf(name, sizeof name, "%d/status", fake->pid);
	(void)snprintf(text, sizeof text, "VmHWM: %d kB\nvoluntary_ctxt_switches: 5\n", fake->pid);
	put(scene, name, text);
}

static void put_children(const struct scene *scene, int pid, int tid, const char *children)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%d/task/%d/children", pid, tid);
	put(scene, name, children);
}

static void put_last_pid(const struct scene *scene, int pid)
{
	char text[64];

	(void)snprintf(text, sizeof text, "0.10 0.20 0.30 1/9 %d\n", pid);
	put(scene, "loadavg", text);
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);

	assert_non_null(scene);
	(void)snprintf(scene->path, sizeof scene->path, "/tmp/hasten-sample-XXXXXX");
	assert_non_null(mkdtemp(scene->path));
	scene->directory = open(scene->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene->directory >= 0);
	assert_int_equal(hst_run_journal_open(scene->directory, &scene->journal), HST_OK);
	assert_int_equal(hst_run_sampler_init(&scene->sampler, scene->directory, true, 1), HST_OK);
	put_last_pid(scene, 100);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	char command[128];

	hst_run_journal_close(&scene->journal);
	hst_run_sampler_finish(&scene->sampler);
	close(scene->directory);
	(void)snprintf(command, sizeof command, "rm -rf %s", scene->path);
	assert_int_equal(system(command), 0);
	free(scene);
	return 0;
}

/* Starts with root and takes one sample, whatever the clock and the cost say. */
static void start(struct scene *scene)
{
	put_process(scene, &(struct fake){ ROOT, LAUNCHER, 1, 'R', 1, 10, SINCE });
	hst_run_sampler_start(&scene->sampler, &scene->journal, LAUNCHER, ROOT, SINCE);
}

static void sample(struct scene *scene)
{
	scene->sampler.next_ns = 0;
	(void)hst_run_sampler_tick(&scene->sampler, &scene->journal);
}

static bool has(const struct scene *scene, int pid)
{
	for (size_t i = 0; i < scene->sampler.processes.count; i++) {
		if (scene->sampler.processes.items[i].figures.pid == pid) {
			return true;
		}
	}
	return false;
}

/* Reads the journal; counts records of a type (and pid, unless 0), the latest goes to `ret_last`. */
static size_t count(const struct scene *scene, int type, uint32_t pid, void *ret_last, size_t bytes)
{
	static uint8_t text[1 << 16];
	int fd = openat(scene->directory, HST_JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof text);
	size_t found = 0;

	close(fd);
	assert_true(got >= 0);
	for (size_t at = 0; at < (size_t)got;) {
		struct hst_journal_record record;

		memcpy(&record, text + at, sizeof record);
		assert_int_equal(record.magic, HST_JOURNAL_MAGIC);
		assert_int_equal(record.version, HST_JOURNAL_VERSION);
		assert_int_equal(record.bytes % HST_JOURNAL_ALIGN, 0);
		assert_true(record.bytes >= sizeof record && at + record.bytes <= (size_t)got);
		assert_int_equal(record.check, hst_journal_check(text + at, record.bytes));
		if (record.type == type && (pid == 0 || pid == record.pid)) {
			found++;
			memcpy(ret_last, text + at, bytes < record.bytes ? bytes : record.bytes);
		}
		at += record.bytes;
	}
	return found;
}

static void test_sample_finds_the_tree_by_lists(void **state)
{
	struct scene *scene = *state;

	put_children(scene, LAUNCHER, LAUNCHER, "20 8 30 ");
	put_children(scene, ROOT, ROOT, "");
	/* 21 belongs to a thread of its own; 8 was the launcher's before the program began. */
	put_process(scene, &(struct fake){ 8, LAUNCHER, 1, 'S', 0, 1, SINCE - 1 });
	put_process(scene, &(struct fake){ 30, LAUNCHER, 2, 'S', 0, 1, SINCE + 5 });
	put_children(scene, 30, 30, "");
	put_children(scene, 30, 31, "40");
	put_process(scene, &(struct fake){ 40, 30, 1, 'S', 0, 1, SINCE + 6 });
	put_children(scene, 40, 40, "999");
	put_process(scene, &(struct fake){ 50, 1, 1, 'S', 0, 1, SINCE + 6 });
	start(scene);
	assert_true(scene->sampler.listed);
	sample(scene);
	assert_true(has(scene, ROOT) && has(scene, 30) && has(scene, 40));
	assert_int_equal(scene->sampler.processes.count, 3);
}

static void test_sample_finds_the_tree_by_parents(void **state)
{
	struct scene *scene = *state;

	put_process(scene, &(struct fake){ 8, LAUNCHER, 1, 'S', 0, 1, SINCE - 1 });
	put_process(scene, &(struct fake){ 30, LAUNCHER, 2, 'S', 0, 1, SINCE + 5 });
	put_process(scene, &(struct fake){ 3, 40, 1, 'S', 0, 1, SINCE + 7 });
	put_process(scene, &(struct fake){ 40, 30, 1, 'S', 0, 1, SINCE + 6 });
	put_process(scene, &(struct fake){ 50, 1, 1, 'S', 0, 1, SINCE + 6 });
	start(scene);
	assert_false(scene->sampler.listed);
	sample(scene);
	assert_true(has(scene, ROOT) && has(scene, 30) && has(scene, 40) && has(scene, 3));
	assert_int_equal(scene->sampler.processes.count, 4);
}

static void test_sample_looks_only_if_a_pid_was_given(void **state)
{
	struct scene *scene = *state;

	put_children(scene, LAUNCHER, LAUNCHER, "20");
	put_children(scene, ROOT, ROOT, "");
	start(scene);
	/* The first look, and the one behind it. */
	sample(scene);
	sample(scene);
	put_process(scene, &(struct fake){ 60, ROOT, 1, 'S', 0, 1, SINCE + 1 });
	put_children(scene, ROOT, ROOT, "60");
	sample(scene);
	assert_false(has(scene, 60));
	put_last_pid(scene, 101);
	sample(scene);
	assert_true(has(scene, 60));
	/* Seen in the sample after the change, too, in case the list was changing. */
	put_process(scene, &(struct fake){ 61, ROOT, 1, 'S', 0, 1, SINCE + 1 });
	put_children(scene, ROOT, ROOT, "60 61");
	sample(scene);
	assert_true(has(scene, 61));
}

static void test_sample_writes_what_changed(void **state)
{
	struct scene *scene = *state;
	struct hst_journal_sample last = { 0 };

	put_children(scene, LAUNCHER, LAUNCHER, "20");
	start(scene);
	sample(scene);
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, ROOT, &last, sizeof last), 1);
	assert_int_equal(last.ppid, LAUNCHER);
	assert_int_equal(last.state, 'R');
	assert_int_equal(last.hwm_bytes, ROOT * 1024);
	assert_int_equal(last.voluntary, 5);
	assert_true(
		last.involuntary == HST_JOURNAL_UNKNOWN && last.read_bytes == HST_JOURNAL_UNKNOWN);
	assert_int_equal(last.start_ns, hst_figures_ticks_ns(SINCE));
	/* Nothing happened: no record. */
	sample(scene);
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, ROOT, &last, sizeof last), 1);
	put_process(scene, &(struct fake){ ROOT, LAUNCHER, 1, 'R', 9, 20, SINCE });
	sample(scene);
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, ROOT, &last, sizeof last), 2);
	assert_int_equal(last.user_ns, hst_figures_ticks_ns(9));
	/* Dead: its largest memory is still known. */
	put_process(scene, &(struct fake){ ROOT, LAUNCHER, 1, 'Z', 9, 0, SINCE });
	put(scene, "20/status", "Name: x\n");
	sample(scene);
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, ROOT, &last, sizeof last), 3);
	assert_int_equal(last.state, 'Z');
	assert_int_equal(last.hwm_bytes, ROOT * 1024);
	assert_int_equal(scene->sampler.image_peak_bytes, ROOT * 1024);
	assert_int_equal(scene->sampler.tree_peak_bytes, 20 * sysconf(_SC_PAGESIZE));
	/* Each sample has one of the machine, and there was one at the start. */
	assert_int_equal(count(scene, HST_JOURNAL_SYSTEM, 0, &last, sizeof last), 5);
}

static void test_sample_pid_given_anew_is_another_process(void **state)
{
	struct scene *scene = *state;
	struct hst_journal_sample last = { 0 };

	put_children(scene, LAUNCHER, LAUNCHER, "20 30");
	put_process(scene, &(struct fake){ 30, LAUNCHER, 1, 'S', 0, 1, SINCE + 5 });
	start(scene);
	sample(scene);
	put_process(scene, &(struct fake){ 30, LAUNCHER, 1, 'S', 0, 1, SINCE + 50 });
	sample(scene);
	assert_false(has(scene, 30));
	sample(scene);
	assert_true(has(scene, 30));
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, 30, &last, sizeof last), 2);
	assert_int_equal(last.start_ns, hst_figures_ticks_ns(SINCE + 50));
}

static void test_sample_left_are_the_living_ones(void **state)
{
	struct scene *scene = *state;
	struct hst_journal_sample last = { 0 };

	put_children(scene, LAUNCHER, LAUNCHER, "30 31");
	put_process(scene, &(struct fake){ 30, LAUNCHER, 1, 'S', 0, 1, SINCE + 5 });
	put_process(scene, &(struct fake){ 31, LAUNCHER, 1, 'Z', 0, 0, SINCE + 5 });
	start(scene);
	assert_int_equal(hst_run_sampler_left(&scene->sampler, &scene->journal), 1);
	assert_int_equal(scene->sampler.processes.items[0].figures.pid, 30);
	assert_int_equal(count(scene, HST_JOURNAL_SAMPLE, 0, &last, sizeof last), 1);
	assert_int_equal(last.record.pid, 30);
}

static void test_sample_off_takes_none(void **state)
{
	struct scene *scene = *state;
	struct hst_journal_sample last = { 0 };

	scene->sampler.on = false;
	start(scene);
	assert_true(hst_run_sampler_tick(&scene->sampler, &scene->journal) == UINT64_MAX);
	assert_int_equal(count(scene, HST_JOURNAL_SYSTEM, 0, &last, sizeof last), 0);
	assert_int_equal(hst_run_sampler_left(&scene->sampler, &scene->journal), 0);
}

static void test_sample_distance_grows_with_the_cost(void **state)
{
	struct scene *scene = *state;

	start(scene);
	scene->sampler.cost_ns = 100000000;
	sample(scene);
	/* A tenth of a second of cost is more than half a percent of twenty seconds. */
	assert_true(scene->sampler.next_ns - scene->sampler.began_ns >
		    200 * (scene->sampler.cost_ns - 2000000));
	assert_true(scene->sampler.next_ns - scene->sampler.began_ns < UINT64_C(30000000000));
}

static void test_sample_first_ones_come_early(void **state)
{
	struct scene *scene = *state;

	scene->sampler.interval_ns = HST_SAMPLE_INTERVAL_NS;
	start(scene);
	assert_int_equal(scene->sampler.next_ns - scene->sampler.began_ns, 20000000);
}

static void test_journal_texts_and_wait(void **state)
{
	struct scene *scene = *state;
	static char one[] = "prog";
	static char two[] = "argument";
	char *const argv[] = { one, two, NULL };
	const struct hst_run_mark mark = { .root = 77, .begins = true, .argv = argv, .cwd = "/x" };
	struct rusage usage = { .ru_utime = { 1, 5 }, .ru_maxrss = 3, .ru_nivcsw = 4 };
	struct {
		struct hst_journal_run run;
		uint8_t texts[8 + 16 + 8 + 8];
	} run = { 0 };
	struct hst_journal_wait wait = { 0 };

	hst_run_journal_mark(&scene->journal, &mark);
	assert_int_equal(count(scene, HST_JOURNAL_RUN, 77, &run, sizeof run), 1);
	assert_int_equal(run.run.record.bytes, sizeof run);
	assert_int_equal(run.run.flags, HST_JOURNAL_BEGINS | HST_JOURNAL_LAUNCHER);
	assert_memory_equal(run.texts, "\3\0\0\0\16\0\0\0prog\0argument\0\0\0", 24);
	assert_memory_equal(run.texts + 24, "\2\0\0\0\2\0\0\0/x\0\0\0\0\0\0", 16);
	hst_run_journal_wait(&scene->journal, 78, 9, &usage, true);
	assert_int_equal(count(scene, HST_JOURNAL_WAIT, 0, &wait, sizeof wait), 1);
	assert_int_equal(wait.record.pid, getpid());
	assert_int_equal(wait.child, 78);
	assert_int_equal(wait.status, 9);
	assert_int_equal(wait.flags, HST_JOURNAL_LAUNCHER | HST_JOURNAL_ORPHAN);
	assert_int_equal(wait.usage.user_ns, 1000005000);
	assert_int_equal(wait.usage.maxrss_bytes, 3072);
	assert_int_equal(wait.usage.involuntary, 4);
	assert_true(wait.usage.hwm_bytes == HST_JOURNAL_UNKNOWN);
}

static void test_journal_arguments_too_long_are_cut(void **state)
{
	struct scene *scene = *state;
	char *argument = calloc(1, HST_JOURNAL_BYTES_MAX);
	char *const argv[] = { argument, NULL };
	const struct hst_run_mark mark = { .root = 77, .argv = argv };
	struct hst_journal_run run = { 0 };

	assert_non_null(argument);
	memset(argument, 'x', HST_JOURNAL_BYTES_MAX - 1);
	hst_run_journal_mark(&scene->journal, &mark);
	free(argument);
	assert_int_equal(count(scene, HST_JOURNAL_RUN, 77, &run, sizeof run), 1);
	assert_int_equal(run.record.bytes, sizeof run);
	assert_int_equal(run.flags, HST_JOURNAL_CUT | HST_JOURNAL_LAUNCHER);
}

static void test_journal_that_cannot_be_written_remembers_why(void **state)
{
	struct scene *scene = *state;
	struct rusage usage = { 0 };

	close(scene->journal.fd);
	scene->journal.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (scene->journal.fd < 0) {
		skip();
	}
	hst_run_journal_wait(&scene->journal, 1, 0, &usage, false);
	assert_int_equal(scene->journal.error, ENOSPC);
}

static void test_journal_in_place_of_a_link_is_refused(void **state)
{
	struct scene *scene = *state;
	struct hst_run_journal journal;

	assert_int_equal(unlinkat(scene->directory, HST_JOURNAL_NAME, 0), 0);
	assert_int_equal(symlinkat("elsewhere", scene->directory, HST_JOURNAL_NAME), 0);
	assert_int_equal(hst_run_journal_open(scene->directory, &journal), HST_E_IO);
	assert_int_equal(faccessat(scene->directory, "elsewhere", F_OK, 0), -1);
}

static void test_oom_kills_nearest_count_wins(void **state)
{
	struct scene *scene = *state;

	assert_true(hst_run_oom_kills(scene->path) == HST_JOURNAL_UNKNOWN);
	put(scene, "proc/vmstat", "pgpgin 1\noom_kill 4\n");
	assert_int_equal(hst_run_oom_kills(scene->path), 4);
	/* Version 2, at the top of the mount, then in its own folder. */
	put(scene, "proc/self/cgroup", "1:name=systemd:/\n0::/a/b\n");
	assert_int_equal(hst_run_oom_kills(scene->path), 4);
	put(scene, "sys/fs/cgroup/memory.events", "oom 1\noom_kill 5\n");
	assert_int_equal(hst_run_oom_kills(scene->path), 5);
	put(scene, "sys/fs/cgroup/a/b/memory.events", "oom 1\noom_kill 6\noom_group_kill 0\n");
	assert_int_equal(hst_run_oom_kills(scene->path), 6);
	/* Version 1 beside it. */
	put(scene, "proc/self/cgroup", "9:cpu,memory:/c\n4:mymemory:/x\n0::/\n");
	put(scene, "sys/fs/cgroup/memory/c/memory.oom_control", "oom_kill_disable 0\noom_kill 7\n");
	assert_int_equal(hst_run_oom_kills(scene->path), 7);
	put(scene, "proc/self/cgroup", "garbage");
	assert_int_equal(hst_run_oom_kills(scene->path), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sample_finds_the_tree_by_lists),
		TEST(test_sample_finds_the_tree_by_parents),
		TEST(test_sample_looks_only_if_a_pid_was_given),
		TEST(test_sample_writes_what_changed),
		TEST(test_sample_pid_given_anew_is_another_process),
		TEST(test_sample_left_are_the_living_ones),
		TEST(test_sample_off_takes_none),
		TEST(test_sample_distance_grows_with_the_cost),
		TEST(test_sample_first_ones_come_early),
		TEST(test_journal_texts_and_wait),
		TEST(test_journal_arguments_too_long_are_cut),
		TEST(test_journal_that_cannot_be_written_remembers_why),
		TEST(test_journal_in_place_of_a_link_is_refused),
		TEST(test_oom_kills_nearest_count_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
