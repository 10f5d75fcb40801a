/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seeds of the corpus of journals: one kind of thing each.
 * Run by hand when the format changes: make_journal_seeds tests/fuzz/corpus/journal
 */
#include "journalgen.h"

#include <errno.h>
#include <stdio.h>

static int save(struct journalgen *gen, const char *dir, const char *name)
{
	char path[4096];
	bool good;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	good = journalgen_save(gen, path);
	journalgen_finish(gen);
	if (!good) {
		perror(path);
	}
	return good ? 0 : 1;
}

static void begin(struct journalgen *gen, const char *exe, const char *command)
{
	journalgen_init(gen);
	journalgen_run(gen, 0, 100, 90, true);
	gen->next.limits.cpu_seconds = 1;
	gen->next.limits.address_bytes = 1 << 20;
	journalgen_start(gen, 10, 100, 90, exe, command);
}

static int seed_build(const char *dir)
{
	struct journalgen gen;

	begin(&gen, "/usr/bin/make", "make");
	journalgen_fork(&gen, 20, 101, 100);
	gen.next.usage.hwm_bytes = 5;
	journalgen_exec(&gen, 30, 101, 100, "/bin/sh", "sh -c gcc");
	gen.next.execfn = "/bin/sh";
	journalgen_start(&gen, 40, 101, 100, "/usr/bin/dash", "sh -c gcc");
	gen.next.path = "/a::/usr/bin";
	gen.next.flags = HST_JOURNAL_VFORKED | HST_JOURNAL_ADDED;
	gen.next.original = "gcc a.c";
	journalgen_exec(&gen, 50, 102, 101, "gcc", "gcc -o app a.c");
	gen.next.execfn = "/usr/bin/gcc";
	journalgen_start(&gen, 60, 102, 101, "/usr/bin/gcc-12", "gcc -o app a.c");
	gen.next.usage.user_ns = 90;
	journalgen_end(&gen, 200, 102, 1);
	gen.next.usage.user_ns = 100;
	journalgen_wait(&gen, 210, 101, 102, 1 << 8);
	journalgen_wait(&gen, 220, 100, 101, 1 << 8);
	journalgen_start(&gen, 230, 103, 100, "/src/app", "./app");
	journalgen_no_memory(&gen, 240, 103, 1 << 20, 5);
	journalgen_wait(&gen, 250, 100, 103, 6);
	journalgen_end(&gen, 300, 100, 2);
	journalgen_run(&gen, 310, 100, 90, false);
	return save(&gen, dir, "build");
}

static int seed_failures(const char *dir)
{
	struct journalgen gen;

	begin(&gen, "/usr/bin/python3", "python3 a.py");
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_exec(&gen, 20, 101, 100, "/x/c", "c");
	journalgen_exec_failed(&gen, 21, 101, ENOENT);
	gen.next.flags = HST_JOURNAL_VFORKED;
	journalgen_end(&gen, 22, 101, 127);
	journalgen_spawn(&gen, 30, 31, 100, 0, ENOENT, "no", "no");
	journalgen_exec_failed(&gen, 33, 100, EACCES);
	journalgen_exec_failed(&gen, 34, 999, EACCES);
	journalgen_spawn(&gen, 40, 41, 100, 102, 0, "/bin/static", "static x");
	journalgen_wait(&gen, 50, 100, 102, 9);
	journalgen_wait(&gen, 51, 100, 102, 9);
	journalgen_wait(&gen, 52, 100, 103, 127 << 8);
	journalgen_shell(&gen, 60, 70, 100, HST_CALL_SYSTEM, 0, 0, "true");
	journalgen_shell(&gen, 71, 72, 100, HST_CALL_POPEN, 105, 0, "cat");
	journalgen_shell(&gen, 73, 74, 100, HST_CALL_PCLOSE, 105, 0, NULL);
	return save(&gen, dir, "failures");
}

static int seed_samples(const char *dir)
{
	struct hst_journal_system machine = {
		.record.mono_ns = 20, .cpu_user_ns = 5, .memory_total = 100, .processors = 2
	};
	struct hst_journal_sample sample = { .record = { .mono_ns = 25, .pid = 100 },
		.ppid = 90,
		.state = 'S',
		.user_ns = 5,
		.hwm_bytes = 77,
		.start_ns = 3 };
	struct journalgen gen;

	begin(&gen, "/usr/bin/timeout", "timeout 1 ./app");
	journalgen_system(&gen, &machine);
	journalgen_sample(&gen, &sample, "timeout");
	machine.record.mono_ns = 40;
	machine.cpu_user_ns = 15;
	journalgen_system(&gen, &machine);
	sample.record.mono_ns = 45;
	journalgen_sample(&gen, &sample, "timeout");
	sample.record.pid = 500;
	sample.start_ns = 9;
	journalgen_sample(&gen, &sample, "unseen");
	gen.next.flags = HST_JOURNAL_LAUNCHER | HST_JOURNAL_ORPHAN;
	journalgen_wait(&gen, 60, 90, 500, 15);
	return save(&gen, dir, "samples");
}

static int seed_damaged(const char *dir)
{
	struct journalgen gen;

	begin(&gen, "/bin/a", "a");
	journalgen_raw(&gen, "rubbish.", 8);
	journalgen_fork(&gen, 20, 101, 100);
	journalgen_raw(&gen, "RSJH", 4);
	return save(&gen, dir, "damaged");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 1;
	}
	return seed_build(argv[1]) || seed_failures(argv[1]) || seed_samples(argv[1]) ||
			       seed_damaged(argv[1])
		       ? 1
		       : 0;
}
